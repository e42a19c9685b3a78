//! Two schemas with rows of different forms, two crates in Rust and a library in C, all in one program: one
//! table for each schema, and both runtimes find all of it.

use std::path::PathBuf;

use crate::image::{Found, entries_of_file};
use crate::process::Listing;
use crate::rust_support::{compiler, model, succeed, write};
use crate::workshop::Workshop;

const SCHEMAS: [&str; 2] = [include_str!("shop.inspect"), include_str!("yard.inspect")];

/// Compiles the crates and the program with some flags of rustc.
#[track_caller]
fn build(workshop: &Workshop, flags: &[&str]) {
    let source = |name: &str| workshop.path(&format!("{name}.rs"));
    let library = |name: &str| workshop.path(&format!("lib{name}.rlib"));
    for name in ["one", "two"] {
        let mut command = compiler("rustc", "2021");
        command.args(flags).args(["--crate-type", "lib", "--crate-name", name, "-o"]);
        let output = command.arg(library(name)).arg(source(name)).output();
        succeed(&output.expect("rustc runs"), name);
    }
    let mut command = compiler("rustc", "2021");
    for name in ["one", "two"] {
        command.arg("--extern").arg(format!("{name}={}", library(name).display()));
    }
    command.args(flags).arg("-L").arg(workshop.path("")).args(["-l", "static=garden", "-o"]);
    let output = command.arg(workshop.path("program")).arg(source("main")).output();
    succeed(&output.expect("rustc runs"), "the program");
}

/// What the Rust half printed.
#[track_caller]
pub(crate) fn rust_entries(text: &str) -> Vec<Found> {
    let hex = |word: &str| u64::from_str_radix(word, 16).expect("a number");
    let mut found: Vec<Found> = text
        .lines()
        .filter_map(|line| line.strip_prefix("rust "))
        .map(|line| {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [schema, address, length, name] = words[..] else { panic!("{line}") };
            let length = length.parse().expect("a length");
            let (address, schema) = (hex(address), hex(schema));
            Found { name: name.to_owned(), address, length, schema }
        })
        .collect();
    found.sort();
    found
}

#[test]
fn two_schemas_two_crates_and_a_library_make_two_tables() {
    let workshop = Workshop::new();
    write(&workshop.path(""), &inspect_gen::emit::rust::emit(&model(&SCHEMAS)));
    let sources: PathBuf = crate::support::root().join("tests/pack_programs/rust");
    for name in ["one.rs", "two.rs", "main.rs"] {
        std::fs::copy(sources.join(name), workshop.path(name)).expect("a copy");
    }
    let parts = ["garden", "list", "inspect_runtime", "tests_shop.inspect", "tests_yard.inspect"];
    for part in parts {
        workshop.compile(&format!("gcc -fPIE -c {part}.c -o {part}.o"));
    }
    workshop.run(&format!("ar rcs libgarden.a {}.o", parts.join(".o ")));
    for flags in [&[][..], &["-O"]] {
        build(&workshop, flags);
        let said = workshop.pack("program");
        let tables: Vec<&str> =
            said.lines().map(|it| it.split(" entries").next().unwrap()).collect();
        assert_eq!(tables, ["program: tests.shop 2: 3", "program: tests.yard 1: 2"], "{flags:?}");
        for step in ["packed", "stripped"] {
            if step == "stripped" {
                workshop.run("strip -s program");
            }
            look(&workshop, &format!("{flags:?}, {step}"));
        }
    }
}

#[track_caller]
fn look(workshop: &Workshop, what: &str) {
    let text = workshop.run("./program");
    let listing = Listing::parse(&text);
    let number = inspect_format::hash::schema_number;
    let found = |name: &str, key: &str, length, schema| Found {
        name: name.to_owned(),
        address: listing.said[key],
        length,
        schema: number(schema),
    };
    let wanted = [
        found("garden tree", "garden_tree", 8, "tests.yard"),
        found("garden visits", "garden_visits", 8, "tests.shop"),
        found("one hits", "one_hits", 8, "tests.shop"),
        found("two misses", "two_misses", 8, "tests.shop"),
        found("two tree", "two_tree", 8, "tests.yard"),
    ];
    assert_eq!(rust_entries(&text), wanted, "{what}: what Rust finds");
    assert_eq!(listing.entries, wanted, "{what}: what C finds");
    assert_eq!(listing.tables, 2, "{what}: a table for each schema");
    let base = listing.base("program");
    let in_file = entries_of_file(&workshop.read("program"));
    let moved = in_file.into_iter().map(|it| Found { address: it.address + base, ..it });
    assert_eq!(moved.collect::<Vec<_>>(), wanted, "{what}: the file");
    assert_eq!(listing.values["one hits"], 0xa1);
    assert_eq!(listing.values["two tree"], 7 | 30 << 32);
}
