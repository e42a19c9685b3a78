//! The root in what a linker makes: with every compiler, linker, code model and optimisation that people use, it
//! survives, leads to the annotations, and is found when nothing but the note is left.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

use std::path::PathBuf;

use inspect_format::abi::{Order, ROOT_MAGIC, Root, note_kind};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, elf};
use support::{CROSS, STRICT, has, run};

struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let corpus = include_str!("c_runtime/corpus.inspect");
        Self { folder: support::written_with_core(&[("corpus.inspect", corpus)]) }
    }

    fn c(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    fn link(&self, command: &[&str], program: &str, out: &str) {
        let sources = support::root().join("tests/c_runtime");
        let include = format!("-I{}", sources.display());
        let program = sources.join(program).display().to_string();
        let mut arguments = command[1..].to_vec();
        arguments.extend(STRICT);
        arguments.extend(["-std=c99", "-O2", "-I.", &include, "-o", out, &program]);
        arguments.extend(["tests_runtime.inspect.c", "inspect_runtime.c"]);
        run(&self.c(), command[0], &arguments).unwrap_or_else(|error| panic!("{error}"));
    }

    fn strip(&self, program: &str) {
        run(&self.c(), "llvm-strip", &["-s", program])
            .or_else(|_| run(&self.c(), "strip", &["-s", program]))
            .unwrap_or_else(|error| panic!("{error}"));
    }

    fn look(&self, program: &str, what: &str) {
        let bytes = std::fs::read(self.c().join(program)).expect("what was linked");
        look(&bytes, what);
    }
}

/// What is linked: its flags, and whether it can be run.
const FORMS: &[(&str, &[&str])] = &[
    ("static", &["-static", "-fno-pie"]),
    ("fixed", &["-no-pie", "-fno-pie"]),
    ("pie", &["-pie", "-fPIE"]),
    ("static-pie", &["-static-pie", "-fPIE"]),
    ("shared", &["-shared", "-fPIC", "-DLIBRARY"]),
];

const SAVING: &[&str] = &["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"];

#[test]
fn roots_survive_every_way_to_link() {
    let workshop = Workshop::new();
    let mut count = 0;
    for (compiler, linker) in [("gcc", "bfd"), ("gcc", "lld"), ("clang", "bfd"), ("clang", "lld")] {
        if !has(compiler) || (linker == "lld" && !has("ld.lld")) {
            continue;
        }
        for (form, flags) in FORMS {
            for (lto, saving) in [(false, false), (false, true), (true, false), (true, true)] {
                if lto && !can_optimise(&workshop, compiler, linker) {
                    continue;
                }
                let uses = format!("-fuse-ld={linker}");
                let mut command = vec![compiler, &uses];
                command.extend(*flags);
                command.extend(if saving { SAVING } else { &[] });
                command.extend(lto.then_some("-flto"));
                workshop.link(&command, "root.c", form);
                let what = command.join(" ");
                workshop.look(form, &what);
                workshop.strip(form);
                workshop.look(form, &format!("{what}, stripped"));
                if *form != "shared" {
                    let program = workshop.c().join(form).display().to_string();
                    run(&workshop.c(), &program, &[]).unwrap_or_else(|e| panic!("{what}: {e}"));
                }
                count += 1;
            }
        }
    }
    eprintln!("{count} ways to link");
}

/// Each compiler's intermediate code is read by its own linker, or through a plugin where there is one.
fn can_optimise(workshop: &Workshop, compiler: &str, linker: &str) -> bool {
    match (compiler, linker) {
        ("gcc", "bfd") | ("clang", "lld") => true,
        ("clang", "bfd") => {
            std::fs::write(workshop.c().join("try.c"), "int main(void) { return 0; }\n")
                .expect("a small file");
            let arguments = ["-flto", "-fuse-ld=bfd", "-o", "try", "try.c"];
            run(&workshop.c(), "clang", &arguments).is_ok()
        }
        _ => false,
    }
}

#[test]
fn roots_are_the_same_on_every_machine() {
    let workshop = Workshop::new();
    for cross in CROSS.iter().filter(|cross| cross.emulator.is_some() && has(cross.gcc)) {
        for (form, flags) in FORMS.iter().filter(|(form, _)| *form != "static-pie") {
            for lto in [None, Some("-flto")] {
                let mut command = vec![cross.gcc];
                command.extend(*flags);
                command.extend(SAVING);
                command.extend(lto);
                command.extend(cross.flags);
                workshop.link(&command, "root.c", form);
                let what = command.join(" ");
                workshop.look(form, &what);
                if let (Some(emulator), "static") = (cross.emulator, *form) {
                    let program = workshop.c().join(form).display().to_string();
                    let done = match emulator {
                        "" => run(&workshop.c(), &program, &[]),
                        _ if has(emulator) => run(&workshop.c(), emulator, &[&program]),
                        _ => Ok(String::new()),
                    };
                    done.unwrap_or_else(|error| panic!("{what}: {error}"));
                }
            }
        }
    }
}

#[test]
fn objects_have_roots_of_their_own() {
    let workshop = Workshop::new();
    for compiler in ["gcc", "clang", "musl-gcc"].into_iter().filter(|compiler| has(compiler)) {
        let library = workshop.c().join("library.so").display().to_string();
        workshop.link(&[compiler, "-shared", "-fPIC", "-DLIBRARY"], "root.c", &library);
        for export in [&[][..], &["-rdynamic"]] {
            let command = [&[compiler, "-pie", "-fPIE"], export].concat();
            workshop.link(&command, "objects.c", "objects");
            if compiler == "musl-gcc" {
                // musl never unloads a library, which is what the last lines look at.
                continue;
            }
            let program = workshop.c().join("objects").display().to_string();
            run(&workshop.c(), &program, &[&library])
                .unwrap_or_else(|error| panic!("{compiler} {export:?}: {error}"));
        }
    }
}

/// Follows the note to the root and the root to the section.
fn look(bytes: &[u8], what: &str) {
    let file = object::File::parse(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (notes, text_relocations) = match &file {
        object::File::Elf32(elf) => programs(elf.elf_header(), bytes),
        object::File::Elf64(elf) => programs(elf.elf_header(), bytes),
        _ => panic!("{what}: not ELF"),
    };
    assert!(!text_relocations, "{what}: relocations in read-only memory");
    let order = match file.is_little_endian() {
        true => Order::Little,
        false => Order::Big,
    };
    let mask = if file.is_64() { u64::MAX } else { u64::from(u32::MAX) };
    let [(place, value)] = notes[..] else { panic!("{what}: {} notes", notes.len()) };
    let at = place.wrapping_add(value) & mask;
    let segment = file.segments().find_map(|it| it.data_range(at, Root::SIZE as u64).ok()?);
    let root = segment.and_then(|it| it.first_chunk()).unwrap_or_else(|| panic!("{what}: no root"));
    let root = Root::read(root, order);
    let word_size = if file.is_64() { 8 } else { 4 };
    assert_eq!(
        (root.magic, root.word_size, root.format, root.size, root.nonce, root.runtime_table),
        (ROOT_MAGIC, word_size, 1, 64, 0, 0),
        "{what}"
    );
    let section = file.section_by_name("inspect_table").unwrap_or_else(|| panic!("{what}: gone"));
    let start = at.wrapping_add(root.compile_table) & mask;
    let end = at.wrapping_add(root.compile_end) & mask;
    assert_eq!((start, end), (section.address(), section.address() + section.size()), "{what}");
    // Two annotations of eight pairs each, and what the runtime leaves there, in some order.
    assert!((16 * 128 + 8..16 * 128 + 128).contains(&section.size()), "{what}: {}", section.size());
    assert!(root.compile_table <= mask && root.compile_end <= mask, "{what}: upper halves");
    let exported: Vec<&str> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition() && symbol.is_weak())
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| name.starts_with("inspect_root"))
        .collect();
    let is_shared = what.contains("-shared");
    assert_eq!(exported, if is_shared { &["inspect_root"][..] } else { &[] }, "{what}");
}

/// Where each note that leads to a root stands and what it says; whether read-only memory is relocated.
fn programs<H: FileHeader>(header: &H, bytes: &[u8]) -> (Vec<(u64, u64)>, bool) {
    let endian = header.endian().expect("an order");
    let mut found = Vec::new();
    let mut text_relocations = false;
    for segment in header.program_headers(endian, bytes).expect("segments") {
        let address: u64 = segment.p_vaddr(endian).into();
        let Ok(start) = segment.data(endian, bytes) else { continue };
        for dynamic in segment.dynamic(endian, bytes).ok().flatten().unwrap_or_default() {
            let (tag, value) = (dynamic.d_tag(endian), dynamic.d_val(endian).into());
            text_relocations |=
                tag == elf::DT_TEXTREL || (tag == elf::DT_FLAGS && value & elf::DF_TEXTREL.0 != 0);
        }
        let Ok(Some(mut notes)) = segment.notes(endian, bytes) else { continue };
        assert_eq!(
            segment.p_flags(endian) & elf::PF_W,
            elf::ProgramFlags(0),
            "notes are read-only"
        );
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"INSPECT" && note.n_type(endian).0 == note_kind::ROOT {
                let desc = note.desc();
                let offset = desc.as_ptr().addr() - start.as_ptr().addr();
                let value = desc.try_into().expect("eight bytes");
                let value = match header.is_little_endian() {
                    true => u64::from_le_bytes(value),
                    false => u64::from_be_bytes(value),
                };
                found.push((address + offset as u64, value));
            }
        }
    }
    (found, text_relocations)
}

const MODULE: &str = r#"#include <linux/module.h>
#include "tests_runtime.inspect.h"

static uint64_t hits;
TESTS_RUNTIME_ANNOTATE_COUNTER(hits, "hits");

static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_runtime_row), 4, 64) / 8];
static struct inspect_runtime_table table;

static int __init sample_init(void)
{
	struct tests_runtime_row row = { .core = { .class_number = TESTS_RUNTIME_CLASS_COUNTER } };
	struct inspect_handle handle;

	if (inspect_table_init(&table, memory, sizeof(memory), TESTS_RUNTIME_DESCRIPTOR, 4) != INSPECT_OK)
		return -1;
	return inspect_register(&table, &row, "row", &handle);
}

static void __exit sample_exit(void) {}
module_init(sample_init);
module_exit(sample_exit);
MODULE_LICENSE("Dual MIT/GPL");
"#;

/// In a module, which the kernel links, the root leads to the runtime's own part of the section: the packer finds
/// the relocations there and turns them to the table.
#[test]
fn a_kernel_module_has_a_root() {
    let entries = std::fs::read_dir("/usr/src").into_iter().flatten().flatten();
    let mut headers: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    headers.retain(|path| path.join("Module.symvers").exists());
    let (true, Some(headers)) = (has("make"), headers.pop()) else {
        let required = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!required, "kernel headers are required: Debian's linux-headers-amd64");
        eprintln!("skipped: no kernel headers below /usr/src");
        return;
    };
    let workshop = Workshop::new();
    let write = |name: &str, text: &str| std::fs::write(workshop.c().join(name), text);
    let makefile = "obj-m := sample.o\nsample-y := main.o inspect_runtime.o tests_runtime.inspect.o\n\
                    ccflags-y := -I$(src) -Werror\n";
    write("Makefile", makefile).and(write("main.c", MODULE)).expect("the module");
    let module = format!("M={}", workshop.c().display());
    run(&workshop.c(), "make", &["-C", &headers.display().to_string(), &module, "modules"])
        .unwrap_or_else(|error| panic!("{error}"));
    let bytes = std::fs::read(workshop.c().join("sample.ko")).expect("the module");
    let file = object::File::parse(&*bytes).expect("an object");
    let tables: Vec<_> =
        file.sections().filter(|section| section.name() == Ok("inspect_table")).collect();
    assert_eq!(tables.len(), 1, "pairs and the runtime's part lie in one section");
    let root = file.symbols().find(|symbol| symbol.name() == Ok("inspect_root")).expect("a root");
    let section = root.section_index().expect("its section");
    let section = file.section_by_index(section).expect("its section");
    let places: Vec<u64> = section.relocations().map(|(offset, _)| offset).collect();
    assert_eq!(places, [16, 24, 48], "both ends of the tables, and where the root lies");
    let note = file.section_by_name(".note.inspect").expect("a note");
    let (offset, _) = note.relocations().next().expect("a relocation");
    assert_eq!(offset, 20, "it names the root");
}
