//! A program annotated in three objects, two static libraries and a shared object: the process and the file
//! show the same entries, where `nm` and the map of the process have them, stripped or not.

use object::{Object as _, ObjectSection as _};

use crate::image::{Found, entries_of_file};
use crate::process::Listing;
use crate::support::has;
use crate::workshop::{Symbols, Workshop};

/// An entry, the symbol that it is about, how far behind it, its length, and the number that stands there.
type Expected = (&'static str, &'static str, u64, u64, u64);

pub(crate) const PROGRAM: &[Expected] = &[
    ("archive one", "archive1_exported", 0, 8, 0x41),
    ("archive two", "archive2_block", 0, 40, 0x51),
    ("main exported", "main_exported", 0, 8, 0x11),
    ("main local", "main_local", 0, 24, 0x13),
    ("main static", "main_static", 0, 8, 0x12),
    ("second hidden", "second_hidden", 0, 8, 0x22),
    ("second static", "second_static", 0, 8, 0x21),
    ("third part", "third_parts", 16, 8, 0x32),
    ("third zero", "third_zero", 0, 8, 0),
];

pub(crate) const LIBRARY: &[Expected] =
    &[("part exported", "part_exported", 0, 8, 0x61), ("part static", "part_static", 0, 8, 0x62)];

/// Builds `program` and, if it is dynamic, `libpart.so` beside it.
pub(crate) fn build(workshop: &Workshop, compiler: &str, flags: &str, is_static: bool) {
    let sources = ["main", "second", "third", "list", "archive1", "archive2", "part"];
    let generated = ["inspect_runtime", "tests_shop.inspect"];
    // Clang takes no flags of the linker where it does not link.
    let is_of_linker = |it: &&str| {
        ["-pie", "-no-pie"].contains(it)
            || ["-static", "-fuse-ld", "-Wl,"].iter().any(|start| it.starts_with(start))
    };
    let words = || flags.split_whitespace();
    let compiling = words().filter(|it| !is_of_linker(it)).collect::<Vec<_>>().join(" ");
    for source in sources.iter().chain(&generated) {
        workshop.compile(&format!("{compiler} {compiling} -c {source}.c -o {source}.o"));
    }
    // What an archive held before must not be left in it.
    for name in ["libone.a", "libtwo.a", "libpart.so"] {
        let _ = std::fs::remove_file(workshop.path(name));
    }
    workshop.run("ar rcs libone.a archive1.o");
    workshop.run("ar rcs libtwo.a archive2.o");
    let part = if is_static { "part.o" } else { "-lpart -Wl,-rpath,$ORIGIN" };
    if !is_static {
        let shared = words().filter(|it| it.starts_with("-fuse-ld") || it.starts_with("-Wl,"));
        let shared = shared.collect::<Vec<_>>().join(" ");
        workshop.compile(&format!(
            "{compiler} {shared} -shared -fPIC -o libpart.so part.c inspect_runtime.c tests_shop.inspect.c"
        ));
    }
    workshop.compile(&format!(
        "{compiler} {flags} -o program main.o second.o third.o list.o inspect_runtime.o \
         tests_shop.inspect.o -L. -lone -ltwo {part}"
    ));
}

/// What the file should show.
pub(crate) fn expected(entries: &[Expected], symbols: &Symbols) -> Vec<Found> {
    let schema = inspect_format::hash::schema_number("tests.shop");
    let entry = |&(name, symbol, behind, length, _): &Expected| {
        let address = symbols.address(symbol) + behind;
        Found { name: name.to_owned(), address, length, schema }
    };
    let mut all: Vec<Found> = entries.iter().map(entry).collect();
    all.sort();
    all
}

/// Entries of a file where its image was loaded.
fn moved(entries: &[Found], base: u64) -> Vec<Found> {
    let move_one = |it: &Found| Found { address: it.address + base, ..it.clone() };
    entries.iter().map(move_one).collect()
}

/// Compares file and process. `is_fixed` is a program that runs where it was linked.
#[track_caller]
fn look(
    workshop: &Workshop,
    library: Option<&Symbols>,
    program: &Symbols,
    is_fixed: bool,
    what: &str,
) {
    let mut in_program = expected(PROGRAM, program);
    if library.is_none() {
        in_program.extend(expected(LIBRARY, program));
        in_program.sort();
    }
    assert_eq!(
        entries_of_file(&workshop.read("program")),
        in_program,
        "{what}: the program's file"
    );
    let listing = Listing::parse(&workshop.run("./program"));
    let base = if is_fixed { 0 } else { listing.base("program") };
    let mut in_process = moved(&in_program, base);
    if let Some(library) = library {
        let in_library = expected(LIBRARY, library);
        assert_eq!(
            entries_of_file(&workshop.read("libpart.so")),
            in_library,
            "{what}: the library's file"
        );
        in_process.extend(moved(&in_library, listing.base("libpart.so")));
        in_process.sort();
    }
    assert_eq!(listing.entries, in_process, "{what}: the process");
    assert_eq!(relocated(&workshop.read("program")), 0, "{what}: the program's relocations");
    if library.is_some() {
        // What others may take over is in a slot that the loader fills.
        assert_eq!(relocated(&workshop.read("libpart.so")), 1, "{what}: the library's");
    }
    assert_eq!(listing.tables, if library.is_some() { 2 } else { 1 }, "{what}: tables");
    for entry in &listing.entries {
        assert_eq!(listing.access(entry.address), "rw-p", "{what}: {}", entry.name);
    }
    for (name, _, _, _, value) in PROGRAM.iter().chain(LIBRARY) {
        assert_eq!(listing.values[*name], *value, "{what}: what {name} leads to");
    }
}

/// How many of the loader's relocations lie in the section of tables.
fn relocated(bytes: &[u8]) -> usize {
    let file = object::File::parse(bytes).expect("an image");
    let section = file.section_by_name("inspect_table").expect("a section");
    let range = section.address()..section.address() + section.size();
    let all = file.dynamic_relocations().into_iter().flatten();
    all.filter(|(address, _)| range.contains(address)).count()
}

#[test]
fn file_and_process_show_the_same_stripped_or_not() {
    let forms = [
        ("gcc -pie -fPIE", false, false),
        ("gcc -no-pie -fno-pie", false, true),
        ("gcc -static-pie -fPIE", true, false),
        ("gcc -static -no-pie -fno-pie", true, true),
        ("gcc -pie -fPIE -Wl,-z,pack-relative-relocs", false, false),
        ("clang -pie -fPIE -fuse-ld=lld", false, false),
    ];
    let workshop = Workshop::new();
    for (line, is_static, is_fixed) in forms {
        let (compiler, flags) = line.split_once(' ').expect("flags");
        if !has(compiler) || (line.contains("lld") && !has("ld.lld")) {
            continue;
        }
        build(&workshop, compiler, flags, is_static);
        let images = if is_static { "program" } else { "program libpart.so" };
        let program = workshop.symbols("program");
        let library = (!is_static).then(|| workshop.symbols("libpart.so"));
        let fresh: Vec<(&str, Vec<u8>)> =
            images.split(' ').map(|name| (name, workshop.read(name))).collect();
        for steps in [&["pack"][..], &["pack", "strip"], &["strip", "pack"]] {
            for (name, bytes) in &fresh {
                std::fs::write(workshop.path(name), bytes).expect("an image");
            }
            for step in steps {
                match *step {
                    "pack" => {
                        assert_eq!(
                            workshop.packer(&format!("--check {images}")).status.code(),
                            Some(1)
                        );
                        let said = workshop.pack(images);
                        let count = if is_static { 11 } else { 9 };
                        let wanted = format!("program: tests.shop 2: {count} entries in ");
                        assert!(said.contains(&wanted), "{line}: {said}");
                        let said = workshop.pack(&format!("--check {images}"));
                        assert!(said.contains(&wanted), "{line}: {said}");
                        workshop.doctor(&format!("--expect {count} program"));
                    }
                    _ => drop(workshop.run(&format!("strip -s {images}"))),
                }
            }
            look(&workshop, library.as_ref(), &program, is_fixed, &format!("{line}, {steps:?}"));
        }
    }
}
