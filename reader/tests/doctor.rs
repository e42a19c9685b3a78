//! `doctor`: how tables were found, and what is wrong with them.

mod dump_support;

use dump_support::{LOG, Row, SCHEMA, Scene, USER, inspect, row, write};
use inspect_format::abi::{CoreEntry, Order, extent, note_kind, phase};
use inspect_format::notes;
use inspect_format::table::TableWriter;

fn findings(core: &str) -> (Option<i32>, Vec<(String, String)>) {
    let (code, out, error) = inspect(&["doctor", core, "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).expect(&error);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all = value["findings"].as_array().unwrap().iter();
    (code, all.map(|it| (text(&it["kind"]), text(&it["message"]))).collect())
}

fn sound_scene() -> Scene {
    let rows = vec![row(LOG, "a", 0x1000, 0x10), row(LOG, "b", 0x1010, 0x10)];
    Scene::new(rows, vec![(0x1000, vec![0; 0x100])])
}

#[test]
fn a_sound_image_has_no_findings() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &sound_scene().core());
    assert_eq!(findings(&core), (Some(0), vec![]));
    let (code, out, _) = inspect(&["doctor", &core]);
    assert_eq!(code, Some(0));
    assert!(out.contains("1 table, 2 entries"), "{out}");
    assert!(out.contains("carried: 1 table"), "{out}");
    assert!(out.contains("nothing is wrong"), "{out}");
}

/// One fault each, and what is said of it.
#[test]
fn every_fault_is_a_finding() {
    let directory = tempfile::tempdir().unwrap();
    let torn = CoreEntry { state: phase::WRITING, ..CoreEntry::ZERO };
    let mut unnamed = row(LOG, "", 0x1040, 8);
    unnamed.core.instance = 1;
    let faults: [(Row, &str, &str); 7] = [
        (row(LOG, "c", 0x10f0, 0x20), "missing", "16 of its 32 bytes are missing: 0x1100 is not"),
        (row(LOG, "c", 0x1008, 0x10), "overlap", "shares 8 bytes"),
        (row(LOG, "a", 0x1050, 0x10), "twice", "log `a`: another entry has this identity"),
        (row(9, "c", 0x1050, 0x10), "class", "no such class"),
        (Row { name: "", core: torn }, "torn", "1 rows of shop.floor"),
        (row(USER, "c", 0x2000, 8).extent(extent::INDIRECT), "place", "0x2000"),
        (row(USER, "c", 0x1050, 8).extent(9), "place", "user `c`"),
    ];
    for (row, kind, message) in faults {
        let mut scene = sound_scene();
        scene.rows.push(row);
        let core = write(directory.path(), "core", &scene.core());
        let (code, found) = findings(&core);
        assert_eq!(code, Some(1));
        let is_it = |it: &(String, String)| it.0 == kind && it.1.contains(message);
        assert!(found.iter().any(is_it), "{kind}: {found:?}");
    }
    let whole = sound_scene().core();
    let cut = write(directory.path(), "core", &whole[..whole.len() - 1]);
    let (code, found) = findings(&cut);
    assert_eq!((code, found[0].0.as_str()), (Some(1), "damaged"), "{found:?}");
    assert!(found[0].1.contains("the core is truncated: 1 of"), "{found:?}");
    let mut scene = sound_scene();
    scene.rows.push(unnamed);
    let core = write(directory.path(), "core", &scene.core());
    assert_eq!(findings(&core), (Some(0), vec![]), "a name is nobody's duty");
}

#[test]
fn many_findings_of_one_kind_are_a_number() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = sound_scene();
    for instance in 1..=100 {
        let mut far = row(LOG, "far", 0x9000 + instance * 64, 8);
        far.core.instance = instance;
        scene.rows.push(far);
    }
    let core = write(directory.path(), "core", &scene.core());
    let (_, found) = findings(&core);
    assert_eq!(found.len(), 21);
    assert_eq!(found[20].1, "80 more of the same kind");
}

#[test]
fn without_tables_it_says_what_was_tried() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = sound_scene();
    scene.rows.clear();
    let mut core = scene.core();
    // The magic of the table breaks.
    let at = core.windows(5).position(|bytes| bytes == b"\x89INSP").unwrap();
    core[at] = 0;
    let core = write(directory.path(), "core", &core);
    let (code, out, _) = inspect(&["doctor", &core]);
    assert_eq!(code, Some(1));
    assert!(out.contains("unreadable"), "{out}");
}

/// `show` shows bytes where types cannot be read; here it is said.
#[test]
fn broken_types_are_a_finding() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = TableWriter::new(Order::Little, 8, SCHEMA, 1, 64, &[7]).unwrap();
    writer.types(b"no types at all, and long enough for a header".to_vec());
    writer.row(&row(LOG, "", 0x1000, 8).core, &[]).unwrap();
    let table = write(directory.path(), "table", &writer.finish());
    let (code, found) = findings(&table);
    assert_eq!(code, Some(1));
    let is_it = |it: &&(String, String)| it.0 == "types";
    let message = &found.iter().find(is_it).expect("a finding").1;
    assert!(message.starts_with("the types of "), "{message}");
    let (_, _, error) = inspect(&["show", &table]);
    assert!(error.contains("its types cannot be read, bytes are shown"), "{error}");
    let (code, _, error) = inspect(&["export", &table, "--values", "--format", "ndjson"]);
    assert_eq!(code, Some(0));
    assert!(error.contains("its types cannot be read, bytes are shown"), "{error}");
}

/// What a dump says of itself: not at all, and only for the first of two tables.
#[test]
fn a_dump_whose_account_is_broken_is_a_finding() {
    let directory = tempfile::tempdir().unwrap();
    let capture = |tables: &[u8]| {
        let head = b"\xa4\x64tool\x61t\x66tables";
        [head, tables, b"\x67missing\x00\x68consumer\x61c"].concat()
    };
    let sound = b"\x81\xa2\x64rows\x80\x66schema\x01";
    let broken = b"\x82\xa2\x64rows\x80\x66schema\x01\xa1\x64rows\x80";
    let cases = [(capture(sound), false), (capture(broken), true), (b"\xff".to_vec(), true)];
    for (contents, is_broken) in cases {
        let mut scene = sound_scene();
        scene.notes.push((notes::NAME, note_kind::CAPTURE, contents));
        let core = write(directory.path(), "core", &scene.core());
        let (_, found) = findings(&core);
        let is_it = |it: &(String, String)| {
            it.0 == "unreadable" && it.1.starts_with("what the dump says about itself: ")
        };
        assert_eq!(found.iter().any(is_it), is_broken, "{found:?}");
        let export: &[&str] = &["export", &core, "--format", "ndjson"];
        for arguments in [&["list", &core][..], &["show", &core, "class:log"], export] {
            let (_, _, error) = inspect(arguments);
            let said = error.contains("what the dump says about itself cannot be read");
            assert_eq!(said, is_broken, "{arguments:?}: {error}");
        }
    }
}
