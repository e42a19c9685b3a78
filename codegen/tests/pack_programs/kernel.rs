//! A kernel module after packing: the kernel's loader finds nothing in it that it does not know, and after
//! loading the root leads to a table whose entries are right.

use std::path::PathBuf;

use inspect_format::walk::{Fault, Memory};
use object::read::elf::ElfFile64;
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags,
    RelocationTarget, SectionIndex, elf,
};

use crate::image::{Found, entries};
use crate::support::run;
use crate::workshop::Workshop;

/// Where the kernel of x86-64 puts modules, and itself.
const MODULES: u64 = 0xffff_ffff_c000_0000;
const KERNEL: u64 = 0xffff_ffff_8100_0000;

/// A module as `apply_relocate_add()` of x86-64 leaves it.
struct Module {
    sections: Vec<(SectionIndex, u64, Vec<u8>)>,
    symbols: Vec<(String, u64)>,
}

impl Module {
    #[track_caller]
    fn load(bytes: &[u8]) -> Self {
        let file = ElfFile64::<Endianness>::parse(bytes).expect("a module");
        let mut sections = Vec::new();
        let mut next = MODULES;
        for section in file.sections() {
            let flags = section.elf_section_header().sh_flags.get(Endianness::Little);
            if flags.0 & elf::SHF_ALLOC.0 == 0 {
                continue;
            }
            let address = next.next_multiple_of(section.align().max(1));
            let mut bytes = section.data().expect("in the file").to_vec();
            bytes.resize(section.size() as usize, 0);
            next = address + section.size();
            sections.push((section.index(), address, bytes));
        }
        let mut module = Self { sections, symbols: Vec::new() };
        for symbol in file.symbols() {
            let start = symbol.section_index().and_then(|it| module.start(it));
            if let (Some(start), Ok(name)) = (start, symbol.name()) {
                module.symbols.push((name.to_owned(), start + symbol.address()));
            }
        }
        for section in file.sections() {
            let Some(start) = module.start(section.index()) else { continue };
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let symbol = file.symbol_by_index(index).expect("a symbol");
                let symbol = match symbol.section_index() {
                    Some(it) => module.start(it).expect("loaded") + symbol.address(),
                    None => KERNEL,
                };
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                let value = symbol.wrapping_add_signed(relocation.addend());
                let place = start + offset;
                let (size, value) = match r_type {
                    elf::R_X86_64_NONE => continue,
                    elf::R_X86_64_64 => (8, value),
                    elf::R_X86_64_32 | elf::R_X86_64_32S => (4, value),
                    elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => (4, value.wrapping_sub(place)),
                    elf::R_X86_64_PC64 => (8, value.wrapping_sub(place)),
                    other => panic!("the kernel knows no relocation {}", other.0),
                };
                module.patch(place, &value.to_le_bytes()[..size]);
            }
        }
        module
    }

    fn start(&self, section: SectionIndex) -> Option<u64> {
        self.sections.iter().find(|it| it.0 == section).map(|it| it.1)
    }

    /// Fills a place in, which has to be zero before.
    #[track_caller]
    fn patch(&mut self, place: u64, value: &[u8]) {
        let inside = |it: &&mut (SectionIndex, u64, Vec<u8>)| {
            place >= it.1 && place - it.1 + value.len() as u64 <= it.2.len() as u64
        };
        let section = self.sections.iter_mut().find(inside).expect("in a section");
        let at = (place - section.1) as usize;
        let old = &mut section.2[at..at + value.len()];
        assert!(old.iter().all(|it| *it == 0), "existing value is nonzero");
        old.copy_from_slice(value);
    }

    #[track_caller]
    fn symbol(&self, name: &str) -> u64 {
        self.symbols.iter().find(|it| it.0 == name).unwrap_or_else(|| panic!("no {name}")).1
    }
}

impl Memory for Module {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        let found = self.sections.iter().find_map(|(_, start, bytes)| {
            let from = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(from..from.checked_add(out.len())?)
        });
        out.copy_from_slice(found.ok_or(Fault { address })?);
        Ok(())
    }
}

/// Builds `sample.ko` against the headers of Debian's kernel, if there are any.
fn build(workshop: &Workshop) -> bool {
    let folders = std::fs::read_dir("/usr/src").into_iter().flatten().flatten();
    let is_tree = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("linux-headers-") && path.join("Module.symvers").exists()
    };
    let Some(headers) = folders.map(|it| it.path()).filter(is_tree).max() else {
        let required = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|it| it == "1");
        assert!(!required, "kernel headers are required: Debian's linux-headers-amd64");
        eprintln!("skipped: no kernel headers below /usr/src");
        return false;
    };
    let makefile = "obj-m := sample.o\nccflags-y := -I$(src) -Werror\n\
                    sample-y := module.o module_more.o inspect_runtime.o tests_shop.inspect.o\n";
    std::fs::write(workshop.path("Makefile"), makefile).expect("the makefile");
    let place = format!("M={}", workshop.path("").display());
    let headers = headers.display().to_string();
    let built = run(&workshop.path(""), "make", &["-s", "-C", &headers, &place, "modules"]);
    built.unwrap_or_else(|error| panic!("{error}"));
    true
}

/// Whether an annotation begins or ends anywhere. The runtime knows the words too: in a pair its kind stands
/// behind the 32 bytes of the key.
fn has_pair(bytes: &[u8]) -> bool {
    [("inspect:begin", 4), ("inspect:end", 5)].into_iter().any(|(key, kind)| {
        let mut pair = [0; 33];
        pair[..key.len()].copy_from_slice(key.as_bytes());
        pair[32] = kind;
        bytes.windows(33).any(|it| it == pair)
    })
}

/// Loads the module and compares its entries with its symbols.
#[track_caller]
fn look(bytes: &[u8], what: &str) {
    assert!(!has_pair(bytes), "{what}: a pair is left");
    let module = Module::load(bytes);
    let root = module.symbol("inspect_root_here");
    let schema = inspect_format::hash::schema_number("tests.shop");
    let found = |name: &str, symbol: &str, length| Found {
        name: name.to_owned(),
        address: module.symbol(symbol),
        length,
        schema,
    };
    let wanted = [
        found("module block", "more_block", 48),
        found("module exported", "module_exported", 8),
        found("module static", "module_static", 8),
        found("module zero", "module_zero", 8),
    ];
    assert_eq!(entries(&module, root), wanted, "{what}");
    for (entry, value) in wanted.iter().zip([0x81, 0x71, 0x72, 0]) {
        let mut bytes = [0; 8];
        module.read(entry.address, &mut bytes).expect("the variable");
        assert_eq!(u64::from_le_bytes(bytes), value, "{what}: {}", entry.name);
    }
}

#[test]
fn a_packed_module_is_one_that_the_kernel_loads() {
    let workshop = Workshop::new();
    if !cfg!(target_arch = "x86_64") || !build(&workshop) {
        return;
    }
    let modinfo = || {
        let path =
            if std::path::Path::new("/usr/sbin/modinfo").exists() { "/usr/sbin/" } else { "" };
        workshop.run(&format!("{path}modinfo sample.ko"))
    };
    let fresh = workshop.read("sample.ko");
    assert!(has_pair(&fresh));
    let before = modinfo();
    assert!(before.contains("annotated") && before.contains("vermagic"), "{before}");
    let said = workshop.pack("sample.ko");
    assert!(said.contains("tests.shop 2: 4 entries"), "{said}");
    let packed = workshop.read("sample.ko");
    look(&packed, "packed");
    assert_eq!(modinfo(), before);
    assert_eq!(workshop.packer("--check sample.ko").status.code(), Some(0), "packed is packed");
    workshop.run("strip --strip-debug sample.ko");
    look(&workshop.read("sample.ko"), "packed and stripped");

    std::fs::write(workshop.path("sample.ko"), &fresh).expect("the module");
    workshop.run("strip --strip-debug sample.ko");
    workshop.pack("sample.ko");
    look(&workshop.read("sample.ko"), "stripped and packed");

    signed_modules_are_refused(&workshop, &fresh, &packed);
}

/// A signature of which only the frame is real: the record of 12 bytes and the text behind it.
fn signed_modules_are_refused(workshop: &Workshop, fresh: &[u8], packed: &[u8]) {
    let signature = [0xa5; 300];
    let mut signed = fresh.to_vec();
    signed.extend(signature);
    signed.extend([0, 0, 2, 0, 0, 0, 0, 0]);
    signed.extend((signature.len() as u32).to_be_bytes());
    signed.extend(b"~Module signature appended~\n");
    std::fs::write(workshop.path("signed.ko"), &signed).expect("the module");
    for options in ["", "--check"] {
        let refused = workshop.packer(&format!("{options} signed.ko"));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("signed") && said.contains("--drop-signature"), "{said}");
        assert_eq!(workshop.read("signed.ko"), signed);
    }
    workshop.pack("--drop-signature signed.ko");
    assert!(workshop.read("signed.ko") == packed, "what was packed before it was signed");

    // The length of a signature is not to be believed.
    let length = signed.len() - 32;
    signed[length..length + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    std::fs::write(workshop.path("lying.ko"), &signed).expect("the module");
    let refused = workshop.packer("--drop-signature lying.ko");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(workshop.read("lying.ko"), signed);
}
