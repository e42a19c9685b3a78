//! `list --consumer`: what a consumer would see of an image, and why not the rest.

mod dump_support;

use dump_support::{DUMP, KEYS, LOG, SENSITIVE, Scene, USER, inspect, json, row, write};
use inspect_format::abi::{CoreEntry, Order, extent, note_kind};
use inspect_format::notes;
use inspect_format::table::TableWriter;

fn scene() -> Scene {
    let rows = vec![
        row(USER, "ann", 0x1000, 0x40).properties(DUMP),
        row(USER, "root", 0x1040, 0x40).properties(DUMP),
        row(USER, "guest", 0x1080, 0x40),
        row(USER, "spy", 0x10c0, 0x40).properties(DUMP | SENSITIVE),
        row(KEYS, "door", 0x1100, 0x40).properties(DUMP),
        row(LOG, "all", 0x1000, 0x80).properties(DUMP),
        row(LOG, "long", 0x1ff0, 0x20).properties(DUMP),
        row(LOG, "gone", 0x9000, 8).properties(DUMP),
        row(LOG, "place", 0x1200, 8).properties(DUMP).extent(extent::ADDRESS_ONLY),
    ];
    Scene::new(rows, vec![(0x1000, vec![0x5a; 0x1000])])
}

/// Name and capture of every entry, as texts.
fn captures(arguments: &[&str]) -> Vec<(String, String)> {
    let found = json(arguments);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let all = found.as_array().unwrap().iter();
    all.map(|it| {
        let capture = &it["capture"];
        let parts = ["status", "reason", "rule", "captured"].map(|key| match &capture[key] {
            serde_json::Value::Number(number) => number.to_string(),
            other => text(other),
        });
        (text(&it["name"]), parts.join("/"))
    })
    .collect()
}

#[test]
fn every_entry_has_its_status_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    for (order, word_size) in [(Order::Little, 8), (Order::Big, 8), (Order::Big, 4)] {
        let core = Scene { order, word_size, ..scene() }.core();
        let core = write(directory.path(), "core", &core);
        let found = captures(&["list", &core, "--consumer", "report", "--json"]);
        let expected = [
            ("ann", "captured///"),
            ("root", "denied/deny/deny class:user name:root/"),
            ("guest", "denied/require/require dump/"),
            ("spy", "denied/sensitive//"),
            ("door", "denied/not allowed//"),
            ("all", "truncated/overlap//64"),
            ("long", "truncated/fault//16"),
            ("gone", "faulted///"),
            ("place", "absent/length//"),
        ];
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected, "{order:?} {word_size}");
    }
}

#[test]
fn people_read_it_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let (code, out, _) = inspect(&["list", &core, "--consumer", "report"]);
    assert_eq!(code, Some(0));
    let line = |name: &str| out.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("root").contains("denied by `deny class:user name:root`"), "{out}");
    assert!(line("guest").contains("denied by `require dump`"), "{out}");
    assert!(line(" all ").contains("in part: denied at byte 64"), "{out}");
    let (_, out, _) = inspect(&["list", &core]);
    assert!(!out.contains("STATUS"), "nobody asked: {out}");
}

#[test]
fn a_budget_is_spent_in_the_order_of_the_consumer() {
    let directory = tempfile::tempdir().unwrap();
    let rows = vec![
        row(LOG, "first", 0x1000, 0x40).properties(DUMP),
        row(USER, "ann", 0x1100, 0x40).properties(DUMP),
        row(LOG, "second", 0x1200, 0x10).properties(DUMP),
    ];
    let scene = Scene::new(rows, vec![(0x1000, vec![1; 0x1000])]);
    let core = write(directory.path(), "core", &Scene { bytes: Some(0x60), ..scene }.core());
    let found = captures(&["list", &core, "--consumer", "shop.floor:report", "--json"]);
    let expected = [
        ("first".to_owned(), "over budget/bytes//".to_owned()),
        ("ann".to_owned(), "captured///".to_owned()),
        ("second".to_owned(), "captured///".to_owned()),
    ];
    assert_eq!(found, expected);
}

/// A property bit of one schema means nothing to the consumer of another.
#[test]
fn entries_of_another_schema_lack_what_is_required() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = TableWriter::new(Order::Little, 8, "another.floor", 1, 64, &[9]).unwrap();
    let name = writer.string("stranger").unwrap();
    let core = row(LOG, "", 0x1000, 8).properties(DUMP).core;
    writer.row(&CoreEntry { name, ..core }, &[]).unwrap();
    let mut scene = scene();
    scene.notes.push((notes::NAME, note_kind::TABLES, writer.finish()));
    let core = write(directory.path(), "core", &scene.core());
    let found = captures(&["list", &core, "--consumer", "report", "--json"]);
    let stranger = found.iter().find(|(name, _)| name == "stranger").expect("it is listed");
    assert_eq!(stranger.1, "denied/require/require dump/");
}

#[test]
fn a_policy_file_stands_in_for_the_description() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let strict = Scene { bytes: Some(0), ..scene() };
    let policy = write(directory.path(), "policy", &strict.table());
    let found = captures(&["list", &core, "--consumer", "report", "--policy", &policy, "--json"]);
    assert_eq!(found[0], ("ann".to_owned(), "over budget/bytes//".to_owned()));
    let (code, _, error) = inspect(&["list", &core, "--policy", &policy]);
    assert_eq!(code, Some(2), "{error}");
}

#[test]
fn an_unknown_consumer_is_an_error_with_those_that_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let (code, out, error) = inspect(&["list", &core, "--consumer", "nobody"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("shop.floor:everything, shop.floor:report"), "{error}");
    assert!(error.contains("help: "), "{error}");
}
