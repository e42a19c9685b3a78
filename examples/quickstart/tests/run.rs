//! Runs the program and looks at what it prints.

use std::process::Command;

#[test]
fn a_table_goes_to_a_file_and_comes_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenhouse.table");
    let output =
        Command::new(env!("CARGO_BIN_EXE_quickstart")).arg(&file).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "\
tomatoes: bed 1, 32 bytes, owner 0x7
  1000000000 ns: 21.5 C, 60 %, idle, valve 0, pump 0
  2000000000 ns: 22 C, 48 %, watering, valve 700, pump 1
basil: bed 2, 16 bytes, owner 0xffffffff
  0 ns: 24 C, 0 %, idle, valve 0, pump 0
";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
