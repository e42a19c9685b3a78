//! `doctor`: how tables were found, and what is wrong with them.

mod dump_support;

use dump_support::{LOG, Row, Scene, USER, inspect, row, write};
use inspect_format::abi::{CoreEntry, extent, phase};

fn findings(core: &str) -> (Option<i32>, Vec<(String, String)>) {
    let (code, out, error) = inspect(&["doctor", core, "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).expect(&error);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all = value["findings"].as_array().unwrap().iter();
    (code, all.map(|it| (text(&it["kind"]), text(&it["message"]))).collect())
}

fn sound() -> Scene {
    let rows = vec![row(LOG, "a", 0x1000, 0x10), row(LOG, "b", 0x1010, 0x10)];
    Scene::new(rows, vec![(0x1000, vec![0; 0x100])])
}

#[test]
fn a_sound_image_has_no_findings() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &sound().core());
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
        let mut scene = sound();
        scene.rows.push(row);
        let core = write(directory.path(), "core", &scene.core());
        let (code, found) = findings(&core);
        assert_eq!(code, Some(1));
        let is_it = |it: &(String, String)| it.0 == kind && it.1.contains(message);
        assert!(found.iter().any(is_it), "{kind}: {found:?}");
    }
    let whole = sound().core();
    let cut = write(directory.path(), "core", &whole[..whole.len() - 1]);
    let (code, found) = findings(&cut);
    assert_eq!((code, found[0].0.as_str()), (Some(1), "damaged"), "{found:?}");
    assert!(found[0].1.contains("the core is truncated: 1 of"), "{found:?}");
    let mut scene = sound();
    scene.rows.push(unnamed);
    let core = write(directory.path(), "core", &scene.core());
    assert_eq!(findings(&core), (Some(0), vec![]), "a name is nobody's duty");
}

#[test]
fn many_findings_of_one_kind_are_a_number() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = sound();
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
    let mut scene = sound();
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
