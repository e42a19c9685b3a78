//! `Build` as a build script uses it. What it prints for Cargo is looked at by running it as a
//! program: the quickstart example does.

use std::fs;
use std::path::Path;

use inspect_gen::{Build, Output};

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn rust_is_written_and_schemas_of_other_crates_are_named() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        "types/t.inspect",
        "schema other.types version 1;\nstruct link { next: *link }\n",
    );
    let own = "schema own version 1;\nuse other.types::link;\nstruct node { links: link }\n";
    write(root.path(), "schema/own.inspect", own);
    Build::new(root.path().join("schema"))
        .import(root.path().join("types"))
        .extern_schema("other.types", "::other_crate::schemas")
        .out_dir(root.path().join("out"))
        .run()
        .unwrap();
    let declarations = fs::read_to_string(root.path().join("out/rust/inspect.rs")).unwrap();
    assert!(
        declarations.contains("pub use ::other_crate::schemas::other_types;"),
        "{declarations}"
    );
    assert!(declarations.contains("pub mod own {") && !declarations.contains("mod other_types {"));
    assert!(!root.path().join("out/rust/other_types.rs").exists());
    assert!(!root.path().join("out/c").exists(), "Rust alone, unless asked for more");
    let module = fs::read_to_string(root.path().join("out/rust/own.rs")).unwrap();
    assert!(module.contains("super::other_types::"), "{module}");
}

#[test]
fn outputs_and_targets_can_be_chosen() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a.inspect", "schema a version 2;\nstruct s { x: u8, #[since(2)] y: u8 }\n");
    Build::new(root.path().join("a.inspect"))
        .emit(Output::Btf)
        .emit(Output::Doc)
        .target("mips-unknown-linux-gnu")
        .as_of("a", 1)
        .out_dir(root.path().join("out"))
        .run()
        .unwrap();
    assert!(root.path().join("out/btf/a.mips.btf").is_file());
    let page = fs::read_to_string(root.path().join("out/doc/a.md")).unwrap();
    assert!(page.starts_with("# Schema `a`, version 1\n") && !page.contains("`y`"), "{page}");
}

#[test]
fn what_is_wrong_is_returned_and_nothing_is_written() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a.inspect", "schema a version 1;\nstruct s { x: u33 }\n");
    let out = root.path().join("out");
    let build = Build::new(root.path().join("a.inspect")).out_dir(&out);
    let error = build.run().unwrap_err();
    assert!(error.to_string().contains("E0201"), "{error}");
    assert_eq!(format!("{error:?}"), "the schemas have errors, printed above");
    let error = build.clone().target("x86_65").run().unwrap_err();
    assert!(error.to_string().contains("did you mean `x86_64`?"), "{error}");
    write(root.path(), "a.inspect", "schema a version 1;\nstruct s { x: u32 }\n");
    let error = build.clone().extern_schema("b", "::b").run().unwrap_err();
    assert!(error.to_string().contains("no schema of this compilation"), "{error}");
    assert!(!out.exists());
    fs::write(&out, "in the way").unwrap();
    let error = build.run().unwrap_err();
    assert!(error.to_string().starts_with("cannot write `"), "{error}");
}

#[test]
fn what_breaks_a_release_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "schema/a.inspect", "schema a version 1;\nstruct s { x: u32, y: u32 }\n");
    let lock = "lock 1\ntargets x86_64\nschema a version 1\n  \
        fingerprint 1 0x0000000000000000\nend\n";
    write(root.path(), "schema/inspect.lock", lock);
    let out = root.path().join("out");
    let build = Build::new(root.path().join("schema")).out_dir(&out);
    let error = build.run().unwrap_err();
    assert!(error.to_string().contains("E0605"), "{error}");
    assert!(!out.exists());
    fs::rename(root.path().join("schema/inspect.lock"), root.path().join("a.lock")).unwrap();
    build.run().unwrap();
    let error = build.clone().lock(root.path().join("a.lock")).run().unwrap_err();
    assert!(error.to_string().contains("E0605"), "{error}");
    let error = build.clone().lock(root.path().join("b.lock")).run().unwrap_err();
    assert!(error.to_string().contains("E0001"), "{error}");
}
