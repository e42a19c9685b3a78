//! `diff`: entries by identity, and what differs in them.

mod dump_support;

use dump_support::{DUMP, LOG, Scene, USER, inspect, json, row, write};
use inspect_format::abi::extent;

fn before() -> Scene {
    let rows = vec![
        row(LOG, "same", 0x1000, 4),
        row(LOG, "grown", 0x1010, 4),
        row(USER, "went", 0x1020, 4),
        row(USER, "text", 0x1030, 4),
        row(USER, "bits", 0x1040, 4),
        row(USER, "twin", 0x1050, 4),
        row(USER, "twin", 0x1058, 4),
        row(USER, "pointed", 0x1060, 4).extent(extent::INDIRECT),
    ];
    let mut memory = vec![0; 0x100];
    memory[0x60..0x68].copy_from_slice(&0x10f0_u64.to_le_bytes());
    Scene::new(rows, vec![(0x1000, memory)])
}

fn after() -> Scene {
    let mut scene = before();
    scene.rows.retain(|row| row.name != "went");
    scene.rows[1].core.length = 8;
    scene.rows[3].core.properties = DUMP;
    scene.rows[4].core.address = 0x1058;
    scene.rows.push(row(USER, "came", 0x1020, 4));
    // The text has another byte, and what is pointed at has moved.
    scene.memory[0].1[0x31] = 7;
    scene.memory[0].1[0x60..0x68].copy_from_slice(&0x10e0_u64.to_le_bytes());
    scene
}

#[test]
fn entries_are_compared_by_identity() {
    let directory = tempfile::tempdir().unwrap();
    let old = write(directory.path(), "old", &before().core());
    let new = write(directory.path(), "new", &after().core());
    let found = json(&["diff", &old, &new, "--json"]);
    let names = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&found["removed"]), ["went"]);
    assert_eq!(names(&found["added"]), ["came"]);
    let changes: Vec<String> = found["changed"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| {
            let name = it["entry"]["name"].as_str().unwrap().to_owned();
            let changes = it["changes"].as_array().unwrap().iter();
            changes.map(move |change| {
                let (old, new) = (&change["before"], &change["after"]);
                format!("{name} {} {old} {new}", change["path"].as_str().unwrap())
            })
        })
        .collect();
    let expected = [
        "grown @length 4 8",
        "grown value \"00000000\" \"0000000000000000\"",
        "text value \"00000000\" \"00070000\"",
        "bits @properties \"\" \"dump\"",
        // Of the twins the first moved to where the second is.
        "twin @address \"0x1050\" \"0x1058\"",
    ];
    assert_eq!(changes, expected);
    assert_eq!(found["same"], 3, "{found:#}");
}

#[test]
fn the_exit_status_tells_only_if_asked() {
    let directory = tempfile::tempdir().unwrap();
    let old = write(directory.path(), "old", &before().core());
    let new = write(directory.path(), "new", &after().core());
    let (code, out, error) = inspect(&["diff", &old, &new]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("- shop.floor user went  0x1020, 4 B"), "{out}");
    assert!(out.contains("+ shop.floor user came  0x1020, 4 B"), "{out}");
    assert!(out.contains("shop.floor user bits\n  @properties:  -> dump"), "{out}");
    assert_eq!(inspect(&["diff", &old, &new, "--exit-code"]).0, Some(1));
    let (code, out, _) = inspect(&["diff", &old, &old, "--exit-code"]);
    assert_eq!((code, out.as_str()), (Some(0), "0 changed, 0 added, 0 removed, 8 the same\n"));
    let (_, out, _) = inspect(&["diff", &old, &new, "name:bits"]);
    assert!(out.contains("1 changed, 0 added, 0 removed, 0 the same"), "{out}");
}
