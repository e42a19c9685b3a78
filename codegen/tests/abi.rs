//! `format/src/abi.rs` is what the generator makes of `schema/core.inspect`. With
//! `INSPECT_UPDATE=1` the test writes the file: review the difference.

use std::path::Path;

use inspect_gen::emit::abi;

mod support;

#[test]
fn the_committed_records_are_those_of_the_schema() {
    let model = support::model_of_repository();
    let generated = abi::emit(&model).expect("a core schema of plain records");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/src/abi.rs");
    if std::env::var_os("INSPECT_UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("written");
    }
    let committed = std::fs::read_to_string(&path).expect("the committed file");
    let first = committed.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        committed == generated,
        "{} differs from line {} on; INSPECT_UPDATE=1 writes it",
        path.display(),
        first.map_or(committed.lines().count().min(generated.lines().count()), |line| line + 1),
    );
}
