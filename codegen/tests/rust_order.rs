//! A module of many items, which is written by several threads: complete, in order, the same every time.

mod rust_support;

use std::fmt::Write as _;

use rust_support::model;

#[test]
fn threads_do_not_show() {
    let mut schema = "schema many version 1;\n".to_owned();
    for index in 0..300 {
        let _ = writeln!(schema, "struct item_{index} {{ a: u64, b: *item_{index}, c: u8 : 3 }}");
    }
    let model = model(&[&schema]);
    let files = inspect_gen::emit::rust::emit(&model);
    assert_eq!(files, inspect_gen::emit::rust::emit(&model));
    let text = String::from_utf8(files["rust/many.rs"].clone()).expect("text");
    let declared: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub struct Item")?.strip_suffix(" {"))
        .collect();
    let expected: Vec<String> = (0..300).map(|index| index.to_string()).collect();
    assert_eq!(declared, expected);
    assert!(!text.contains("compile_error"));
}
