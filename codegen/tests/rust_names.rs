//! Names that Rust or generated code would like for itself: as items and members, and as schemas.

mod rust_support;

use std::path::Path;

use inspect_gen::emit::rust::emit;
use rust_support::{compiler, model, succeed, write};

/// The schemas of a folder of these tests.
fn schemas(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(folder).expect("a folder of schemas");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("a schema")).collect()
}

#[test]
fn no_name_of_a_schema_breaks_the_generated_code() {
    let texts: Vec<String> = [schemas("names"), schemas("c/schemas")].concat();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &emit(&model(&texts)));
    let main = "#![no_std]\n#![forbid(unsafe_code)]\n#![deny(warnings)]\n\
        mod schemas {\n    inspect_runtime::include_schemas!(\"rust/inspect.rs\");\n}\n";
    let source = folder.path().join("lib.rs");
    std::fs::write(&source, main).expect("a program");
    for edition in ["2018", "2024"] {
        let output = compiler("rustc", edition)
            .args(["--crate-type", "lib", "--emit", "metadata", "--out-dir"])
            .arg(folder.path())
            .arg(&source)
            .output();
        succeed(&output.expect("the compiler runs"), &format!("edition {edition}"));
    }
}
