//! Tables in files of their own: the addresses that the linker gave, and the identity that leads back to the
//! image whatever has been done to it since.

use std::fs;

use inspect_format::abi::section_kind;
use inspect_format::schema::{Identity, Value};
use inspect_format::table::{Prefix, Table};
use object::{Object as _, ObjectSection as _};

use crate::image::{Found, Loaded, entries};
use crate::parts::{self, LIBRARY, PROGRAM, expected};
use crate::process::Listing;
use crate::workshop::Workshop;

/// The entries of a table, by name; what a reader without the image sees.
#[track_caller]
fn rows(bytes: &[u8]) -> Vec<Found> {
    let table = Table::parse(bytes).expect("a table");
    assert!(!table.is_relative() && !table.is_runtime());
    assert_eq!(table.total_size(), bytes.len() as u64, "one table is all of the file");
    assert!(!table.sections().schema.is_empty() && !table.sections().types.is_empty());
    let schema = table.header().schema;
    let row = |row: inspect_format::table::Row<'_>| Found {
        name: row.name().expect("a name").to_owned(),
        address: row.address(),
        length: row.core().length,
        schema,
    };
    let mut all: Vec<Found> = table.rows().map(row).collect();
    all.sort();
    all
}

/// Build-id and content of the identity in a table.
#[track_caller]
fn identity(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let table = Table::parse(bytes).expect("a table");
    let identity = Identity::parse(table.sections().identity).expect("an identity");
    let hex = |value: Option<Value<'_>>| match value {
        Some(Value::Bytes(bytes)) => Some(bytes.iter().map(|it| format!("{it:02x}")).collect()),
        None => None,
        other => panic!("{other:?} is no identity"),
    };
    assert!(identity.generator.is_some_and(|it| it.starts_with("inspect-gen ")));
    (hex(identity.build_id), hex(identity.content))
}

#[test]
fn detached_tables_hold_addresses_and_know_their_image() {
    let workshop = Workshop::new();
    for flags in ["-pie -fPIE -Wl,--build-id", "-no-pie -fno-pie -Wl,--build-id=sha1"] {
        parts::build(&workshop, "gcc", flags, false);
        for (image, entries) in [("program", PROGRAM), ("libpart.so", LIBRARY)] {
            let what = format!("{flags}: {image}");
            let old = workshop.read(image);
            let symbols = workshop.symbols(image);
            workshop.pack(&format!("{image} --detached table"));
            assert_eq!(workshop.read(image), old, "{what}: the image is untouched");
            assert_eq!(rows(&workshop.read("table")), expected(entries, &symbols), "{what}");
            let notes = workshop.run(&format!("readelf -n {image}"));
            let id = notes.split("Build ID: ").nth(1).and_then(|it| it.lines().next());
            let (build_id, content) = identity(&workshop.read("table"));
            assert_eq!(build_id.as_deref(), id, "{what}");
            assert!(id.is_some() && content.is_none(), "{what}: the id is enough");
        }
    }
}

#[test]
fn an_image_without_an_id_is_known_by_its_content() {
    let workshop = Workshop::new();
    parts::build(&workshop, "gcc", "-pie -fPIE -Wl,--build-id=none", false);
    workshop.pack("program --detached table");
    let (build_id, content) = identity(&workshop.read("table"));
    assert!(build_id.is_none());
    assert_eq!(content.as_ref().map(String::len), Some(64));
    let fresh = workshop.read("program");
    let symbols = workshop.symbols("program");
    for steps in [&["strip -s"][..], &["pack"], &["pack", "strip -s"], &["strip -g", "pack"]] {
        fs::write(workshop.path("program"), &fresh).expect("an image");
        for step in steps {
            match *step {
                "pack" => drop(workshop.pack("program")),
                strip => drop(workshop.run(&format!("{strip} program"))),
            }
        }
        workshop.pack("program --detached again");
        let again = workshop.read("again");
        assert_eq!(identity(&again).1, content, "{steps:?}");
        assert_eq!(rows(&again), expected(PROGRAM, &symbols), "{steps:?}");
    }
    // Another program has another.
    workshop.pack("libpart.so --detached other");
    assert_ne!(identity(&workshop.read("other")).1, content);
}

#[test]
fn annotations_may_go_once_their_tables_are_elsewhere() {
    let workshop = Workshop::new();
    parts::build(&workshop, "gcc", "-pie -fPIE", false);
    let symbols = workshop.symbols("program");
    workshop.pack("program --detached table --remove-annotations");
    let bytes = workshop.read("program");
    let table = workshop.read("table");
    assert_eq!(rows(&table), expected(PROGRAM, &symbols));
    let file = object::File::parse(&*bytes).expect("an image");
    let section = file.section_by_name("inspect_table").expect("its place stays");
    assert!(
        section.data().expect("bytes").iter().all(|byte| *byte == 0),
        "nothing is left of them"
    );
    let listing = Listing::parse(&workshop.run("./program"));
    let names: Vec<&str> = listing.entries.iter().map(|it| it.name.as_str()).collect();
    // The library beside it was not packed, and does not show what it has.
    assert!(names.is_empty(), "{names:?}");
    // A build that runs twice must not lose what the first run has written.
    let said = workshop.pack("program --detached table --remove-annotations");
    assert!(said.contains("no annotations"), "{said}");
    assert!(workshop.read("table") == table);
    assert!(workshop.read("program") == bytes);
    // A packed image gives its table away, too.
    workshop.pack("libpart.so");
    let symbols = workshop.symbols("libpart.so");
    workshop.pack("libpart.so --detached table --remove-annotations");
    assert_eq!(rows(&workshop.read("table")), expected(LIBRARY, &symbols));
    workshop.run("env LD_BIND_NOW=1 ./program");
}

#[test]
fn types_may_stay_outside() {
    let workshop = Workshop::new();
    parts::build(&workshop, "gcc", "-pie -fPIE", false);
    let kinds = |name: &str| -> Vec<u32> {
        let bytes = workshop.read(name);
        let file = object::File::parse(&*bytes).expect("an image");
        let section = file.section_by_name("inspect_table").expect("a section");
        let table = section.data().expect("bytes").to_vec();
        Prefix::parse(&table).expect("a table").sections().map(|it| it.kind).collect()
    };
    workshop.pack("program -o with");
    workshop.pack("program -o without --types detached");
    assert!(kinds("with").contains(&section_kind::TYPES));
    assert!(!kinds("without").contains(&section_kind::TYPES));
    let of = |name: &str| {
        let bytes = workshop.read(name);
        let loaded = Loaded::new(&bytes);
        entries(&loaded, loaded.root())
    };
    assert_eq!(of("with"), of("without"));
    workshop.run("./without");
}
