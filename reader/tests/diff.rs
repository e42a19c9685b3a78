//! `diff`: entries by identity, and what differs in them.

mod dump_support;

use dump_support::{DUMP, KEYS, LOG, MMIO, SENSITIVE, Scene, USER, inspect, json, row, write};
use inspect_format::abi::{extent, space};

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
    let found = json(&["diff", &old, &new, "--json", "--addresses"]);
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
    // Nobody asked for addresses.
    let found = json(&["diff", &old, &new, "--json"]);
    assert_eq!((&found["changed"].as_array().unwrap().len(), &found["same"]), (&3, &4.into()));
}

const SECRET: &str = "swordfish";

/// A password, a register of a device, and what a sensitive pointer leads to.
fn guarded(secret: &str) -> Scene {
    let rows = vec![
        row(KEYS, "password", 0x1000, 9).properties(SENSITIVE),
        row(KEYS, "led to", 0x1020, 9).extent(extent::INDIRECT).properties(SENSITIVE),
        row(LOG, "register", 0x1000, 9).properties(MMIO),
        row(LOG, "plain", 0x1030, 4),
    ];
    let mut memory = vec![0; 0x40];
    memory[..9].copy_from_slice(secret.as_bytes());
    memory[0x20..0x28].copy_from_slice(&0x1000_u64.to_le_bytes());
    Scene::new(rows, vec![(0x1000, memory)])
}

/// What `show` keeps back, `diff` does, too: it does not even say whether it differs.
#[test]
fn what_is_sensitive_is_not_compared() {
    let directory = tempfile::tempdir().unwrap();
    let old = write(directory.path(), "old", &guarded(SECRET).core());
    let new = write(directory.path(), "new", &guarded("herringbo").core());
    let digits: Vec<String> = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let forms = [SECRET.to_owned(), digits.join(""), digits.join(" ")];
    let is_there = |text: &str| forms.iter().any(|form| text.contains(form));
    for more in [&[][..], &["--json"], &["--addresses"], &["--mmio"], &["--depth", "9"]] {
        let words = [&["diff", &old, &new][..], more].concat();
        let (code, out, error) = inspect(&words);
        assert_eq!(code, Some(0), "{error}");
        // The register may be read by whoever asks, and lies in the password's bytes here.
        assert!(more == ["--mmio"] || !is_there(&out), "{more:?}: {out}");
    }
    let (_, out, _) = inspect(&["diff", &old, &new]);
    let reasons = "(registers of a device: reading has effects; sensitive)";
    let summary = "0 changed, 0 added, 0 removed, 1 the same, 3 not compared to the end";
    assert_eq!(out, format!("{summary} {reasons}\n"));
    let found = json(&["diff", &old, &new, "--json"]);
    assert_eq!(found["partial"].as_array().unwrap().len(), 3);
    assert_eq!(found["partial"][0]["unseen"][0]["why"], "sensitive");
    let (_, out, _) = inspect(&["diff", &old, &new, "--reveal", "--mmio"]);
    assert!(is_there(&out) && out.contains("3 changed, "), "{out}");
}

/// Long regions, regions of devices and pointers that lead nowhere.
fn far(last: u8, pointer: u64) -> Scene {
    const LENGTH: u64 = 3 << 20;
    let mut physical = row(LOG, "physical", 0x2000, 4);
    physical.core.space = space::PHYSICAL;
    let mut moved = row(LOG, "bus", 0x2000 + u64::from(last), 4);
    moved.core.space = space::BUS;
    let rows = vec![
        row(LOG, "long", 0x10_0000, LENGTH),
        row(LOG, "long and same", 0x10_0000, LENGTH - 1),
        row(USER, "pointed", 0x1000, 4).extent(extent::INDIRECT),
        physical,
        moved,
    ];
    let mut long = vec![1; LENGTH as usize];
    *long.last_mut().unwrap() = last;
    Scene::new(rows, vec![(0x1000, pointer.to_le_bytes().to_vec()), (0x10_0000, long)])
}

#[test]
fn what_differs_is_never_called_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let old = write(directory.path(), "old", &far(1, 0).core());
    let new = write(directory.path(), "new", &far(2, 0x77).core());
    let (code, out, error) = inspect(&["diff", &old, &new, "--exit-code"]);
    assert_eq!(code, Some(1), "{error}");
    let expected = "\
        shop.floor log long\n  bytes[3145727]: 01 -> 02\n\
        shop.floor user pointed\n  value: <the pointer is null> -> <fault at 0x77>\n\
        shop.floor log bus\n  @address: 0x2001 -> 0x2002\n\
        3 changed, 0 added, 0 removed, 2 the same\n";
    assert_eq!(out, expected);
    let (_, out, _) = inspect(&["diff", &old, &old]);
    assert_eq!(out, "0 changed, 0 added, 0 removed, 5 the same\n");
    // In no time, what the budget left out is not looked at either.
    let (_, out, _) = inspect(&["diff", &old, &old, "--timeout", "0", "name:long"]);
    let summary = "0 changed, 0 added, 0 removed, 0 the same, 1 not compared to the end";
    assert_eq!(out, format!("{summary} (budget of text used up)\n"));
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
