//! Programs and libraries that nobody has loaded: every entry of the image, at the address that the
//! linker gave, whatever the linker left to the loader.

mod images;

use std::path::Path;

use images::{Workshop, entries, names, opened, remarks};
use inspect_format::abi::space;
use inspect_reader::discover::{Options as Discovery, tables_of};
use inspect_reader::image::{FoundBy, Image, Kind, Options};
use object::{Object, ObjectSymbol};

const OF_PROGRAM: [&str; 3] = ["main exported", "main static", "password"];
const OF_LIBRARY: [&str; 2] = ["library exported", "library static"];

/// Opens what was built and compares its entries with the symbols of the file.
#[track_caller]
fn check(workshop: &Workshop, file: &str, expected: &[&str], variable: &str, entry: &str) -> Image {
    let path = workshop.path(file);
    let image = opened(&path, &Options::default());
    assert_eq!((image.kind, remarks(&image).as_str()), (Kind::Elf, ""));
    let found = entries(&image);
    assert_eq!(names(&found), expected, "{file}");
    let bytes = std::fs::read(&path).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let symbol = elf.symbols().find(|it| it.name() == Ok(variable));
    if let Some(symbol) = symbol {
        let entry = found.iter().find(|it| it.0 == entry).expect("the entry");
        assert_eq!((entry.1, entry.2), (symbol.address(), 8), "{file}");
        let mut value = [0; 8];
        image.memory.read(space::VIRTUAL, entry.1, &mut value).unwrap();
        let value = if elf.is_little_endian() {
            u64::from_le_bytes(value)
        } else {
            u64::from_be_bytes(value)
        };
        assert!(value == 0x11 || value == 0x21, "{file}: {value:#x}");
    }
    image
}

/// Whatever a linker leaves in the file, the memory is the same.
#[test]
fn programs_of_every_linker_and_model_are_read() {
    let workshop = Workshop::new();
    let linkers = ["", "-fuse-ld=gold", "-fuse-ld=lld"];
    let models = ["-fPIE -pie", "-no-pie", "-static", "-static-pie -fPIE"];
    for linker in linkers {
        for model in models {
            // gold knows no static program that is independent of its position.
            if linker.ends_with("gold") && model.starts_with("-static-pie") {
                continue;
            }
            let flags = format!("{linker} {model}");
            if workshop.build_one("gcc", &flags, "one").is_some() {
                check(&workshop, "one", &OF_PROGRAM, "main_exported", "main exported");
            }
        }
    }
    for packed in ["-Wl,-z,pack-relative-relocs", "-fuse-ld=lld -Wl,--pack-dyn-relocs=relr"] {
        workshop.build_one("gcc", &format!("-fPIE -pie {packed}"), "one");
        check(&workshop, "one", &OF_PROGRAM, "main_exported", "main exported");
    }
}

#[test]
fn a_library_is_read_and_its_note_answers_without_symbols() {
    let workshop = Workshop::new();
    for linker in ["", "-fuse-ld=lld"] {
        workshop.build("gcc", linker, "main").expect("a compiler");
        let image =
            check(&workshop, "libmain.so", &OF_LIBRARY, "library_exported", "library exported");
        let by: Vec<_> = image.objects[0].roots.iter().map(|clue| clue.found_by).collect();
        assert_eq!(by, [FoundBy::Note, FoundBy::Symbol], "{linker}");
        let root = image.objects[0].roots[0].address;
        assert_eq!(root, image.objects[0].roots[1].address);
        assert!(image.objects[0].section.is_some());
        assert!(image.objects[0].build_id.is_some());
        workshop.try_run("strip -s libmain.so").expect("binutils");
        check(&workshop, "libmain.so", &OF_LIBRARY, "", "");
        check(&workshop, "main", &OF_PROGRAM, "main_exported", "main exported");
    }
}

/// Neither note nor symbol is left: the section holds tables, and no root.
#[test]
fn a_section_alone_answers() {
    let workshop = Workshop::new();
    let models = [
        ("gcc", "-fPIE -pie"),
        ("gcc", "-static"),
        ("i686-linux-gnu-gcc", "-static"),
        ("s390x-linux-gnu-gcc", "-static"),
    ];
    for (compiler, model) in models {
        let flags = format!("{model} -s");
        if workshop.build_one(compiler, &flags, "one").is_none() {
            continue;
        }
        without_note(&workshop.path("one"));
        let image = check(&workshop, "one", &OF_PROGRAM, "", "");
        assert!(image.objects[0].roots.is_empty(), "{compiler} {flags}: {:#?}", image.objects[0]);
        let found = tables_of(&image, &Discovery::default());
        assert!(found.tables.iter().all(|table| table.found_by == FoundBy::Section), "{found:?}");
        // The same of annotations that nobody has packed.
        workshop.build_unpacked(compiler, &flags, "one");
        without_note(&workshop.path("one"));
        check(&workshop, "one", &OF_PROGRAM, "", "");
    }
}

/// Makes the note that leads to the root one of somebody else.
#[track_caller]
fn without_note(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let names: Vec<_> = memchr::memmem::find_iter(&bytes, b"INSPECT\0").collect();
    assert!(!names.is_empty(), "{} has no note", path.display());
    names.iter().for_each(|at| bytes[*at] = b'_');
    std::fs::write(path, bytes).unwrap();
}

/// Other machines: the words of their relocations, in their width and order.
#[test]
fn programs_of_other_machines_are_read() {
    let workshop = Workshop::new();
    let compilers = [
        "aarch64-linux-gnu-gcc",
        "arm-linux-gnueabihf-gcc",
        "riscv64-linux-gnu-gcc",
        "powerpc64-linux-gnu-gcc",
        "powerpc64le-linux-gnu-gcc",
        "s390x-linux-gnu-gcc",
        "mips-linux-gnu-gcc",
        "i686-linux-gnu-gcc",
    ];
    for compiler in compilers {
        for model in ["-fPIE -pie", "-static"] {
            if workshop.build_one(compiler, model, "one").is_some() {
                check(&workshop, "one", &OF_PROGRAM, "main_exported", "main exported");
            }
        }
    }
}

#[test]
fn a_relocatable_object_says_what_it_is() {
    let workshop = Workshop::new();
    workshop.try_run("gcc -std=gnu11 -c -I. main.c -o main.o").expect("a compiler");
    let image = opened(&workshop.path("main.o"), &Options::default());
    assert_eq!((image.kind, image.objects.len()), (Kind::Relocatable, 0));
    assert!(remarks(&image).contains("relocatable"), "{}", remarks(&image));
}
