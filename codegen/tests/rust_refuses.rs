//! What must not compile, and says why.

mod rust_support;

use std::path::Path;

use rust_support::{compiler, model, write};

const SCHEMA: &str = "
schema refuse version 1;
struct record { stamp: u64, level: u8 }
extern struct cache in rust { hits: u64, shards: opaque }
class log: record;
class cache: cache;
";

const GOOD: &str = "
mod schemas { inspect_runtime::include_schemas!(\"rust/inspect.rs\"); }
pub struct Cache { hits: u64, shards: [u8; 9] }
inspect_runtime::describe!(schemas::refuse::external::Cache as Cache { hits, shards });
pub static RECORD: schemas::refuse::Record = schemas::refuse::Record::ZERO;
pub fn entry() -> schemas::refuse::Entry {
    schemas::refuse::Entry::of::<schemas::refuse::class::Log>(&RECORD)
}
";

#[test]
fn the_program_compiles_as_it_stands() {
    let errors = errors_of(GOOD, |generated| generated);
    assert_eq!(errors, "");
}

#[test]
fn a_described_field_of_another_width_is_refused() {
    let errors = errors_of(&GOOD.replace("hits: u64", "hits: u32"), |generated| generated);
    assert!(
        errors.contains("a described field has another width than its schema declares"),
        "{errors}"
    );
}

#[test]
fn a_missing_description_is_refused() {
    let lines = GOOD.lines().filter(|line| !line.contains("describe!"));
    let errors = errors_of(&lines.collect::<Vec<_>>().join("\n"), |generated| generated);
    assert!(errors.contains("was never captured"), "{errors}");
    assert!(errors.contains("inspect_runtime::describe!"), "{errors}");
}

#[test]
fn a_field_that_is_not_described_is_refused() {
    let errors = errors_of(&GOOD.replace("{ hits, shards }", "{ hits }"), |generated| generated);
    assert!(errors.contains("missing field `shards`"), "{errors}");
    let unknown = GOOD.replace("{ hits, shards }", "{ hits, shards, misses = hits }");
    let errors = errors_of(&unknown, |generated| generated);
    assert!(errors.contains("has no field named `misses`"), "{errors}");
}

#[test]
fn a_variable_of_another_type_is_refused() {
    let errors = errors_of(&GOOD.replace("class::Log>", "class::Cache>"), |generated| generated);
    assert!(errors.contains("mismatched types"), "{errors}");
}

#[test]
fn a_layout_that_the_compiler_does_not_make_is_refused() {
    let errors =
        errors_of(GOOD, |generated| generated.replace("(&[0, 8], 16, 8)", "(&[0, 9], 16, 8)"));
    assert!(errors.contains("a field does not lie where its schema says"), "{errors}");
    let errors =
        errors_of(GOOD, |generated| generated.replace("(&[0, 8], 16, 8)", "(&[0, 8], 24, 8)"));
    assert!(errors.contains("the struct's size is not the one of its schema"), "{errors}");
}

#[test]
fn another_version_of_the_runtime_is_refused_with_a_sentence() {
    let errors = errors_of(GOOD, |generated| generated.replace("IT_AGAIN_2", "IT_AGAIN_1"));
    assert!(
        errors
            .contains("THIS_CODE_AND_INSPECT_RUNTIME_ARE_OF_DIFFERENT_VERSIONS_GENERATE_IT_AGAIN"),
        "{errors}"
    );
}

/// What rustc says about a program and an edited module.
fn errors_of(program: &str, edit: impl Fn(String) -> String) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &inspect_gen::emit::rust::emit(&model(&[SCHEMA])));
    edit_file(&folder.path().join("rust/refuse.rs"), edit);
    let source = folder.path().join("lib.rs");
    std::fs::write(&source, program).expect("a program");
    let output = compiler("rustc", "2021")
        .args(["--crate-type", "lib", "--out-dir"])
        .arg(folder.path())
        .arg(&source)
        .output()
        .expect("rustc runs");
    String::from_utf8(output.stderr).expect("text")
}

fn edit_file(path: &Path, edit: impl Fn(String) -> String) {
    let text = std::fs::read_to_string(path).expect("a module");
    std::fs::write(path, edit(text)).expect("a module");
}
