//! `map`: regions by address, overlaps, holes and sums.

mod dump_support;

use dump_support::{KEYS, LOG, Scene, USER, inspect, json, row, write};
use inspect_format::abi::{CoreEntry, Order, extent, note_kind};
use inspect_format::notes;
use inspect_format::table::TableWriter;

fn scene() -> Scene {
    let mut pointer = row(LOG, "pointed", 0x1800, 0x10).extent(extent::INDIRECT);
    pointer.core.instance = 3;
    let rows = vec![
        row(KEYS, "partial", 0x10f0, 0x20),
        row(LOG, "outer", 0x1000, 0x100),
        row(USER, "inner", 0x1010, 0x10),
        row(USER, "twin", 0x1010, 0x10),
        row(USER, "core", 0x1018, 4),
        row(LOG, "far", 0x9000, 0x10),
        pointer,
        row(LOG, "null", 0x1900, 0x10).extent(extent::INDIRECT),
        row(LOG, "endless", 0x1000, 8).extent(extent::ADDRESS_ONLY),
    ];
    let mut memory = vec![0; 0x1000];
    memory[0x804..0x808].copy_from_slice(&0x1200_u32.to_be_bytes());
    let mut scene = Scene::new(rows, vec![(0x1000, memory), (0x9000, vec![0; 0x10])]);
    scene.order = Order::Big;
    scene
}

#[test]
fn regions_stand_in_the_order_of_their_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let map = json(&["map", &core, "--json"]);
    let regions: Vec<String> = map["regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
            let of = text(&it["of"]["name"]);
            let (name, relation) = (text(&it["name"]), text(&it["relation"]));
            format!("{} {name} {relation} {of} {}", text(&it["address"]), it["depth"])
        })
        .collect();
    let expected = [
        "0x1000 outer - - 0",
        "0x1010 inner inside outer 1",
        "0x1010 twin same inner 2",
        "0x1018 core inside twin 3",
        "0x10f0 partial partial outer 0",
        "0x1200 pointed - - 0",
        "0x9000 far - - 0",
    ];
    assert_eq!(regions, expected);
    // From the end of `partial` to what is pointed at; nothing lies between that and `far`.
    let holes = map["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{holes:?}");
    assert_eq!((&holes[0]["address"], &holes[0]["length"]), (&"0x1110".into(), &0xf0.into()));
    assert_eq!(map["covered"], 0x110 + 0x10 + 0x10);
    let nowhere: Vec<&str> = map["nowhere"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["reason"].as_str().unwrap())
        .collect();
    assert_eq!(nowhere, ["the pointer is null", "only its address is known"]);
    let users = map["classes"].as_array().unwrap().iter().find(|it| it["class"] == "user");
    let users = users.unwrap();
    assert_eq!((&users["entries"], &users["bytes"]), (&3.into(), &0x24.into()));
    assert_eq!(map["objects"][0]["entries"], 7);
}

#[test]
fn people_see_overlaps_and_holes() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let (code, out, error) = inspect(&["map", &core]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("overlaps log outer at 0x1000"), "{out}");
    assert!(out.contains("the same as user inner at 0x1010"), "{out}");
    assert!(out.contains("240 B  -"), "{out}");
    assert!(out.contains("log[3]"), "{out}");
    assert!(out.contains("shop.floor:user"), "{out}");
    let (_, out, _) = inspect(&["map", &core, "class:keys"]);
    assert!(out.contains("partial") && !out.contains("overlaps"), "{out}");
}

/// From 256 on, each schema numbers its own spaces: the same number is another place.
#[test]
fn spaces_of_two_schemas_are_two_maps() {
    let directory = tempfile::tempdir().unwrap();
    let in_space = |name, address| {
        let mut it = row(LOG, name, address, 0x100);
        it.core.space = 256;
        it
    };
    let mut scene = Scene::new(vec![in_space("here", 0x1000), in_space("more", 0x1040)], vec![]);
    let mut writer = TableWriter::new(Order::Little, 8, "shop.yard", 1, 64, &[7]).unwrap();
    let name = writer.string("there").unwrap();
    writer.row(&CoreEntry { name, ..in_space("", 0x1020).core }, &[]).unwrap();
    scene.notes.push((notes::NAME, note_kind::TABLES, writer.finish()));
    let core = write(directory.path(), "core", &scene.core());
    let map = json(&["map", &core, "--json"]);
    let relation = |it: &serde_json::Value| (it["name"].clone(), it["relation"].clone());
    let mut relations: Vec<_> = map["regions"].as_array().unwrap().iter().map(relation).collect();
    relations.sort_by_key(|(name, _)| name.to_string());
    let expected = [("here", None), ("more", Some("partial")), ("there", None)];
    assert_eq!(relations, expected.map(|(name, it)| (name.into(), it.into())));
    assert_eq!(map["covered"], 0x140 + 0x100);
    let (_, out, _) = inspect(&["doctor", &core]);
    assert!(out.contains("`more`: shares 192 bytes with"), "{out}");
    assert!(!out.contains("`there`: shares"), "{out}");
}

/// A property that nobody knows is a slip of the pen, and not one that no entry has.
#[test]
fn a_property_that_no_table_knows_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    for command in ["list", "map", "show"] {
        for term in ["prop:dmup", "prop:!dmup"] {
            let (code, out, error) = inspect(&[command, &core, term]);
            assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
            assert!(error.contains("no table knows a property `dmup`"), "{error}");
        }
        let (code, _, error) = inspect(&[command, &core, "prop:!dump", "prop:!sensitive"]);
        assert_eq!(code, Some(0), "{error}");
    }
    // Of a fleet, other targets may know it.
    let export = ["export", &core, "--format", "csv", "--select", "prop:!dmup"];
    let (code, _, error) = inspect(&export);
    assert_eq!(code, Some(0));
    assert!(error.contains("no table knows a property `dmup`"), "{error}");
}
