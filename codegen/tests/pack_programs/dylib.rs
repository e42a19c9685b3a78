//! A shared object of Rust. It exports its statics, and its schema's descriptor too, so that a program could bring
//! copies of all of them: the annotations refer to symbols, and the packer has to find what these are in the file.

use crate::image::{Found, entries_of_file};
use crate::process::Listing;
use crate::rust_support::{compiler, model, succeed, write};
use crate::schemas::rust_entries;
use crate::support;
use crate::workshop::Workshop;

const PROGRAM: &str = "extern crate shelf;\nfn main() { shelf::list(); }\n";

/// The file's entries as they stand in a process that has it at `base`.
fn entries_at(workshop: &Workshop, base: u64) -> Vec<Found> {
    let found = entries_of_file(&workshop.read("libshelf.so")).into_iter();
    found.map(|it| Found { address: it.address + base, ..it }).collect()
}

#[test]
fn a_shared_object_of_rust_is_packed_and_found() {
    let workshop = Workshop::new();
    let shop = include_str!("shop.inspect");
    write(&workshop.path(""), &inspect_gen::emit::rust::emit(&model(&[shop])));
    let source = support::root().join("tests/pack_programs/rust/shelf.rs");
    std::fs::copy(source, workshop.path("shelf.rs")).expect("a copy");
    std::fs::write(workshop.path("user.rs"), PROGRAM).expect("a program");
    let std = workshop.run("rustc --print target-libdir");
    for flags in [&[][..], &["-O"]] {
        let rustc = |kind: &str, name: &str, out: &str| {
            let mut command = compiler("rustc", "2021");
            command.args(flags).args(["-C", "prefer-dynamic", "--crate-type", kind]);
            command.args(["--crate-name", name, "-L"]).arg(workshop.path("")).arg("-o");
            let output = command
                .arg(workshop.path(out))
                .arg(workshop.path(&format!("{name}.rs")))
                .current_dir(workshop.path(""))
                .output();
            succeed(&output.expect("rustc runs"), name);
        };
        rustc("dylib", "shelf", "libshelf.so");
        rustc("bin", "user", "user");
        let said = workshop.pack("libshelf.so");
        assert!(said.starts_with("libshelf.so: tests.shop 2: 2 entries"), "{flags:?}: {said}");
        assert_eq!(workshop.pack("--check libshelf.so"), said, "{flags:?}");
        workshop.doctor("libshelf.so --expect 2");
        let symbols = workshop.run("nm -D --defined-only libshelf.so");
        let is_exported = |name: &str| symbols.lines().any(|line| line.contains(name));
        assert!(is_exported("SHOWN") && is_exported("tests_shop"), "{flags:?}: {symbols}");
        for step in ["packed", "stripped"] {
            if step == "stripped" {
                workshop.run("strip -s libshelf.so");
            }
            let what = format!("{flags:?}, {step}");
            let mut command = workshop.command("./user");
            let folders = format!("{}:{}", workshop.path("").display(), std.trim());
            let output = command.env("LD_LIBRARY_PATH", folders).output().expect("it runs");
            succeed(&output, &what);
            let text = String::from_utf8(output.stdout).expect("text");
            let listing = Listing::parse(&text);
            let found = |name: &str, key: &str| Found {
                name: name.to_owned(),
                address: listing.said[key],
                length: 8,
                schema: inspect_format::hash::schema_number("tests.shop"),
            };
            let wanted = [found("shelf hidden", "hidden"), found("shelf shown", "shown")];
            assert_eq!(rust_entries(&text), wanted, "{what}: what Rust finds");
            let base = listing.base("libshelf.so");
            assert_eq!(entries_at(&workshop, base), wanted, "{what}: the file");
        }
    }
}
