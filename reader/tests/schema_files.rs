//! `--schema`: a table file lends its description to tables that carry none, if it is one of theirs.

mod dump_support;

use dump_support::{LOG, SCHEMA, Scene, inspect, row, write};
use inspect_format::abi::{CoreEntry, Order};
use inspect_format::table::TableWriter;

/// A table of one log without a description.
fn bare(order: Order, word_size: u8, schema: &str, fingerprint: u64) -> Vec<u8> {
    let mut writer = TableWriter::new(order, word_size, schema, 1, 64, &[fingerprint]).unwrap();
    let name = writer.string("boot").unwrap();
    writer.row(&CoreEntry { name, ..row(LOG, "boot", 0x1000, 16).core }, &[]).unwrap();
    writer.finish()
}

/// The same with a description.
fn described() -> Scene {
    Scene::new(vec![row(LOG, "boot", 0x1000, 16)], Vec::new())
}

#[test]
fn a_description_of_the_same_schema_gives_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let target = write(path, "bare", &bare(Order::Little, 8, SCHEMA, 7));
    let schema = write(path, "described", &described().table());
    let (code, out, error) = inspect(&["list", &target, "--schema", &schema]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.contains("shop.floor version 1") && out.contains("log  "), "{out}");
    // Of several files, each table takes the one that fits.
    let other = Scene { order: Order::Big, ..described() };
    let other = write(path, "other", &other.table());
    let (code, out, error) = inspect(&["list", &target, "--schema", &other, "--schema", &schema]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("shop.floor version 1"), "{out}");
    assert!(error.contains("other describes no table of"), "{error}");
}

/// A description of another machine, or of another layout of the rows, would decode to nonsense.
#[test]
fn a_description_that_does_not_fit_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let schema = write(path, "described", &described().table());
    let cases = [
        (bare(Order::Big, 8, SCHEMA, 7), "another byte order"),
        (bare(Order::Little, 4, SCHEMA, 7), "words of 8 bytes, and the table's have 4"),
        (
            bare(Order::Little, 8, SCHEMA, 8),
            "fingerprint 0x0000000000000007, and the table has 0x0000000000000008",
        ),
        (bare(Order::Little, 8, "shop.yard", 7), "describes no table of"),
    ];
    for (table, expected) in cases {
        let target = write(path, "bare", &table);
        let (code, out, error) = inspect(&["list", &target, "--schema", &schema]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{expected}: {error}");
        assert!(error.contains(expected) && error.contains("described"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let target = write(path, "target", &described().table());
    let broken = &described().table()[..100];
    let files: [(&[u8], &str); 3] = [
        (b"root:x:0:0::/root:/bin/sh\n", "not a table"),
        (b"", "no table"),
        (broken, "the bytes end here"),
    ];
    for (bytes, expected) in files {
        let schema = write(path, "schema", bytes);
        let (code, out, error) = inspect(&["list", &target, "--schema", &schema]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains("schema: ") && error.contains(expected), "{error}");
    }
}

/// Tables that describe themselves need no other description, and the user is told so.
#[test]
fn a_file_that_nobody_needs_is_mentioned() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let target = write(path, "target", &described().table());
    let schema = write(path, "other", &bare(Order::Little, 8, "shop.yard", 7));
    let (code, _, error) = inspect(&["list", &target, "--schema", &schema]);
    assert_eq!(code, Some(0));
    assert!(error.contains("other describes no table of"), "{error}");
    let (code, out, _) = inspect(&["doctor", &target, "--schema", &schema]);
    assert_eq!(code, Some(1));
    assert!(out.contains("other: it describes no table of this target"), "{out}");
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let target = write(path, "target", &described().table());
    let schema = write(path, "long", &described().table());
    // Zeros behind a table are no error of the format.
    let file = std::fs::OpenOptions::new().write(true).open(&schema).unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    for arguments in [&["list", &schema][..], &["list", &target, "--schema", &schema]] {
        let (code, out, error) = inspect(arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
        let expected = "long: it has 268435457 bytes, and more than 268435456 are not read";
        assert!(error.contains(expected), "{error}");
    }
}
