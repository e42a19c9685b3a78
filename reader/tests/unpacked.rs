//! A program that nobody packed gives the tables that packing it would have made, from the file, the process
//! and its core; and what is wrong with its annotations is said, whatever stands there.
#![cfg(target_os = "linux")]

mod images;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use images::{Workshop, opened};
use inspect_format::abi::space;
use inspect_format::table::Table;
use inspect_format::walk::Tables;
use inspect_gen::compile::CORE_SCHEMA;
use inspect_gen::source::SourceMap;
use inspect_gen::{check, emit, pack, syntax};
use inspect_reader::discover::{Discovery, Failure, Limit, Options, Origin, tables_of};
use inspect_reader::image::{self, Image, Target, open};
use inspect_reader::memory::{AddressSpace, Memory, Missing, Reason, Run};
use proptest::prelude::*;

const SOURCES: [(&str, &str); 4] = [
    ("parts.h", include_str!("unpacked/parts.h")),
    ("one.c", include_str!("unpacked/one.c")),
    ("two.c", include_str!("unpacked/two.c")),
    ("main.c", include_str!("unpacked/main.c")),
];

/// The program with these flags: `plain`, and `packed`, which is the same one packed.
fn workshop(compiler: &str) -> Option<Workshop> {
    let workshop = Workshop::new();
    let mut schemas = SourceMap::new();
    schemas.add("core.inspect", CORE_SCHEMA, true);
    schemas.add("ids.inspect", include_str!("unpacked/ids.inspect"), false);
    schemas.add("pond.inspect", include_str!("unpacked/pond.inspect"), false);
    let (files, _) = syntax::parse(&schemas);
    let (model, found) = check::check(&schemas, &files, &check::Options::default());
    let model = model.unwrap_or_else(|| panic!("{:#?}", found.into_sorted()));
    for (path, bytes) in emit::c::emit(&model) {
        let name = Path::new(&path).file_name().expect("a name").to_owned();
        fs::write(workshop.path(&name.to_string_lossy()), bytes).expect("a generated file");
    }
    for (name, text) in SOURCES {
        fs::write(workshop.path(name), text).expect("a source");
    }
    let blobs = "test_ids.inspect.c test_pond.inspect.c inspect_runtime.c";
    let line = format!("{compiler} -std=gnu11 -O1 -g -I. -o plain main.c one.c two.c {blobs}");
    workshop.try_run(&line)?;
    let plain = fs::read(workshop.path("plain")).expect("a program");
    let packed = pack::pack(&plain, &pack::Options::default());
    let packed = packed.unwrap_or_else(|found| panic!("{found:#?}"));
    workshop.try_run("cp plain packed")?;
    fs::write(workshop.path("packed"), packed.image.expect("annotations")).expect("a program");
    Some(workshop)
}

fn found(image: &Image) -> Discovery {
    tables_of(image, &Options::default())
}

fn program(workshop: &Workshop, name: &str) -> Image {
    opened(&workshop.path(name), &image::Options::default())
}

/// Who wrote a table is the only thing that may tell an unpacked one from a packed one.
#[track_caller]
fn assert_same(unpacked: &Discovery, packed: &Discovery) {
    // Libraries without annotations have nothing.
    let failures = unpacked.attempts.iter().filter_map(|it| it.failure.as_ref());
    let failures: Vec<_> = failures.filter(|it| **it != Failure::Nothing).collect();
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(unpacked.tables.len(), 2);
    assert_eq!(packed.tables.len(), 2);
    for (one, other) in unpacked.tables.iter().zip(&packed.tables) {
        assert_eq!((one.origin, other.origin), (Origin::Unpacked, Origin::CompileTime));
        assert_eq!((one.object, &one.summary), (other.object, &other.summary));
        let (one, other) = (Table::parse(&one.bytes).unwrap(), Table::parse(&other.bytes).unwrap());
        let rows = |table: &Table<'_>| {
            let row = |it: inspect_format::table::Row<'_>| {
                let name = it.name().unwrap().to_owned();
                (name, it.id(), it.address(), it.length(), it.extent())
            };
            table.rows().map(row).collect::<Vec<_>>()
        };
        assert_eq!(rows(&one), rows(&other));
        let numbers = |table: &Table<'_>| {
            let it = table.header();
            (it.schema, it.schema_version, it.fingerprint, it.entry_size, it.flags, it.word_size)
        };
        assert_eq!(numbers(&one), numbers(&other));
        let (one, other) = (one.sections(), other.sections());
        assert_eq!(one.entries, other.entries);
        assert_eq!(one.strings, other.strings);
        assert_eq!(one.schema, other.schema);
        assert_eq!(one.types, other.types);
        assert_eq!(one.history, other.history);
        assert!(!one.schema.is_empty() && !one.types.is_empty() && !one.history.is_empty());
    }
}

#[test]
fn files_give_what_packing_would_have_made() {
    for compiler in [
        "gcc -no-pie",
        "gcc -fPIE -pie",
        "gcc -fPIE -pie -Wl,-z,pack-relative-relocs",
        "i686-linux-gnu-gcc -no-pie",
    ] {
        let Some(workshop) = workshop_or_skip(compiler) else { continue };
        let (plain, packed) = (program(&workshop, "plain"), program(&workshop, "packed"));
        let (unpacked, packed) = (found(&plain), found(&packed));
        assert_same(&unpacked, &packed);
        let table = Table::parse(&unpacked.tables[0].bytes).unwrap();
        let names: Vec<_> = table.rows().map(|row| row.name().unwrap()).collect();
        // Six of a block, five and two of a number, one of which two objects annotate.
        assert_eq!(names.len(), 13, "{names:?}");
        // Without symbols and sections the note still answers.
        workshop.try_run("strip -s plain").expect("strip");
        let stripped = found(&program(&workshop, "plain"));
        assert_same(&stripped, &packed);
    }
}

fn workshop_or_skip(compiler: &str) -> Option<Workshop> {
    // Not every machine has the compiler for 32 bits.
    let probe = Workshop::new();
    fs::write(probe.path("probe.c"), "#include <stdio.h>\nint main(void) { return 0; }\n").unwrap();
    let built = probe.command(&format!("{compiler} -o probe probe.c")).output();
    if built.is_ok_and(|it| it.status.success()) {
        return workshop(compiler);
    }
    assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "{compiler}");
    eprintln!("skipped: {compiler}");
    None
}

#[test]
fn processes_and_cores_give_what_packing_would_have_made() {
    let Some(workshop) = workshop("gcc -no-pie") else { return };
    let running = ["plain", "packed"].map(|name| {
        let mut child = workshop.command(&format!("./{name} wait"));
        let mut child = child.stdout(Stdio::piped()).spawn().expect("the program");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let image = open(&Target::Process(child.id()), &image::Options::default());
        let found = image.map(|image| found(&image));
        child.kill().unwrap();
        child.wait().unwrap();
        found.unwrap_or_else(|error| panic!("{error}"))
    });
    assert_same(&running[0], &running[1]);
    let Some((_, plain)) = workshop.crash("plain", "0x33") else { return };
    let Some((_, packed)) = workshop.crash("packed", "0x33") else { return };
    let cores = [plain, packed].map(|path| found(&opened(&path, &image::Options::default())));
    assert_same(&cores[0], &cores[1]);
}

/// The memory of an image, with other bytes in some places and none in others.
#[derive(Debug)]
struct Patched {
    inner: Box<dyn Memory>,
    bytes: BTreeMap<u64, u8>,
    missing: Range<u64>,
}

impl Memory for Patched {
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
        let end = address.saturating_add(out.len() as u64);
        if address < self.missing.end && self.missing.start < end {
            return Err(Missing { space, address, reason: Reason::Absent });
        }
        self.inner.read(space, address, out)?;
        for (at, byte) in self.bytes.range(address..end) {
            out[(at - address) as usize] = *byte;
        }
        Ok(())
    }

    fn runs(&self, space: u16) -> Vec<Run> {
        self.inner.runs(space)
    }
}

/// The unpacked program, which all tests below read.
fn plain() -> Option<&'static [u8]> {
    static PLAIN: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let build = || Some(fs::read(workshop("gcc -no-pie")?.path("plain")).expect("a program"));
    PLAIN.get_or_init(build).as_deref()
}

/// What is found in it with these bytes.
fn patched(change: impl FnOnce(&mut Patched, Range<u64>), limit: u64) -> Option<Discovery> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plain");
    fs::write(&path, plain()?).expect("a program");
    let mut image = opened(&path, &image::Options::default());
    let clue = image.objects[0].roots[0];
    let section = {
        let memory = AddressSpace::virtual_of(image.memory.as_ref());
        let (start, size) = Tables::of_root(&memory, clue.address).unwrap().section().unwrap();
        start..start + size
    };
    let inner = image.memory;
    let mut memory = Patched { inner, bytes: BTreeMap::new(), missing: 0..0 };
    change(&mut memory, section);
    image.memory = Box::new(memory);
    Some(tables_of(&image, &Options { limit: Limit(limit), ..Options::default() }))
}

const LIMIT: u64 = 1 << 20;

/// Where bytes stand in a range of a memory.
fn position(memory: &dyn Memory, range: &Range<u64>, wanted: &[u8]) -> u64 {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    memory.read(space::VIRTUAL, range.start, &mut bytes).unwrap();
    let found = bytes.windows(wanted.len()).position(|it| it == wanted);
    range.start + found.expect("the bytes stand there") as u64
}

fn rows(found: &Discovery) -> Vec<usize> {
    found.tables.iter().map(|it| Table::parse(&it.bytes).unwrap().row_count()).collect()
}

fn failures(found: &Discovery) -> Vec<String> {
    found.attempts.iter().filter_map(|it| Some(it.failure.as_ref()?.to_string())).collect()
}

#[test]
fn an_annotation_that_cannot_be_read_is_named_and_the_others_are_read() {
    let spoil = |memory: &mut Patched, section: Range<u64>| {
        let at = position(memory, &section, b"weight\0");
        memory.bytes.extend(b"height".iter().enumerate().map(|(i, it)| (at + i as u64, *it)));
    };
    let Some(found) = patched(spoil, LIMIT) else { return };
    assert_eq!(rows(&found), [13, 2]);
    let failures = failures(&found);
    let [failure] = &failures[..] else { panic!("{failures:?}") };
    let what = "two.c:10: `height` is neither a key nor a field of the entry of `test.pond`";
    assert!(failure.ends_with(what), "{failure}");
}

#[test]
fn one_identity_is_one_entry() {
    let spoil = |memory: &mut Patched, section: Range<u64>| {
        let at = position(memory, &section, b"pike\0");
        memory.bytes.extend(b"carp".iter().enumerate().map(|(index, it)| (at + index as u64, *it)));
    };
    let Some(found) = patched(spoil, LIMIT) else { return };
    assert_eq!(rows(&found), [13, 2]);
    let failures = failures(&found);
    let [failure] = &failures[..] else { panic!("{failures:?}") };
    assert!(failure.contains("`carp` 0 of class `fish` is of another region than"), "{failure}");
}

#[test]
fn a_schema_that_is_not_in_the_image_is_missed_once() {
    let spoil = |memory: &mut Patched, section: Range<u64>| {
        // The descriptor is what the first pair of the record points at.
        let class = position(memory, &section, b"fish\0");
        let mut bytes = [0; 8];
        let pointer = (class - section.start - 56) / 128 * 128 - 128 + 48 + section.start;
        memory.read(space::VIRTUAL, pointer, &mut bytes).unwrap();
        let descriptor = u64::from_le_bytes(bytes);
        memory.missing = descriptor..descriptor + 1;
    };
    let Some(found) = patched(spoil, LIMIT) else { return };
    assert_eq!(rows(&found), [13]);
    let failures = failures(&found);
    let [failure] = &failures[..] else { panic!("{failures:?}") };
    assert!(failure.contains(" and 2 more: their schema cannot be read: 0x"), "{failure}");
    assert!(failure.ends_with("is not in the image: bring the program's file with `--image`"));
}

#[test]
fn what_is_larger_than_the_limit_is_not_read() {
    let Some(found) = patched(|_, _| {}, 4096) else { return };
    assert!(found.tables.is_empty());
    assert!(found.attempts.iter().any(|it| it.failure == Some(Failure::Limit { limit: 4096 })));
}

fn cases() -> u32 {
    if std::env::var("INSPECT_LONG").is_ok_and(|it| it == "1") { 20_000 } else { 200 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever stands in the pairs or in the descriptors, tables are whole and no larger than they may be.
    #[test]
    fn spoilt_annotations_are_read_within_the_limit(
        spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24),
        in_descriptor in any::<bool>(),
    ) {
        let spoil = |memory: &mut Patched, section: Range<u64>| {
            let mut range = section.clone();
            if in_descriptor {
                let mut bytes = [0; 8];
                let at = position(memory, &section, b"inspect:begin\0") + 48;
                memory.read(space::VIRTUAL, at, &mut bytes).unwrap();
                let descriptor = u64::from_le_bytes(bytes);
                range = descriptor..descriptor + 512;
            }
            for (index, byte) in spoilt {
                let at = range.start + index.index((range.end - range.start) as usize) as u64;
                memory.bytes.insert(at, byte);
            }
        };
        if let Some(found) = patched(spoil, LIMIT) {
            let sizes = found.tables.iter().map(|it| it.bytes.len() as u64);
            prop_assert!(sizes.sum::<u64>() <= LIMIT);
            for table in &found.tables {
                let table = Table::parse(&table.bytes).unwrap();
                for row in table.rows() {
                    prop_assert!(row.name().is_ok());
                }
            }
        }
    }
}
