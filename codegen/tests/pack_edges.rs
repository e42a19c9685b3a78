//! Variables whose address is not what it seems: absolute symbols that no loader moves, definitions that
//! another object's takes the place of, and what linkers move or drop.

mod pack_cases;
#[path = "pack_edges/relocations.rs"]
mod relocations;

use inspect_format::abi::{Header, TABLE_MAGIC};
use inspect_gen::pack::{self, Location};
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _};
use pack_cases::Workshop;

/// The address of an entry of a packed program.
fn address(image: &[u8], name: &str) -> u64 {
    let found = pack::overview(image, &[]).expect("an image");
    let entry = found.entries.iter().find(|it| it.name == name).expect("the entry");
    match entry.address {
        Location::Address(address) => address,
        ref other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn an_absolute_symbol_stays_where_it_is() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "extern uint64_t regs;\nR(CLASS, NAME(\"regs\"), AT(regs));";
    let image = workshop.program("regs", source, &["-pie", "-Wl,--defsym=regs=0x40000000"]);
    let packed = pack::pack(&workshop.read(&image), &pack::Options::default()).expect("packed");
    let packed = packed.image.expect("it changes");
    assert_eq!(address(&packed, "regs"), 0x4000_0000);
    // What is relative to the table would be moved with it: a number stands in a slot.
    let slot = 0x4000_0000_u64.to_le_bytes();
    assert!(packed.windows(8).any(|it| it == slot));
    let again = pack::pack(&packed, &pack::Options::default()).expect("packed again");
    assert!(again.image.is_none());
}

/// Another version of the packer was here: it is named in the table, and that alone is nothing to do.
#[test]
fn what_another_version_packed_stays_packed() {
    let Some(workshop) = Workshop::new() else { return };
    let image = workshop.program("older", "", &["-pie"]);
    let packed = pack::pack(&workshop.read(&image), &pack::Options::default()).expect("packed");
    let mut packed = packed.image.expect("it changes");
    let position = |bytes: &[u8], it: &[u8]| bytes.windows(it.len()).position(|at| at == it);
    let version = concat!("inspect-gen ", env!("CARGO_PKG_VERSION")).as_bytes();
    let at = position(&packed, version).expect("the version");
    packed[at..at + version.len()].copy_from_slice(&b"inspect-gen 9.9.9-other"[..version.len()]);
    let tables = pack::overview(&packed, &[]).expect("an image");
    assert!(tables.findings.iter().any(|it| it.message.contains("checksum")));
    let before = packed[..at].windows(8).rposition(|it| it == TABLE_MAGIC);
    let table = before.expect("the table");
    let size = inspect_format::table::Prefix::parse(&packed[table..]).expect("a table");
    let size = size.header().total_size as usize;
    let sum = inspect_format::table::checksum(&packed[table..table + size]);
    let field = table + Header::CHECKSUM_AT;
    packed[field..field + 4].copy_from_slice(&sum.to_le_bytes());
    let again = pack::pack(&packed, &pack::Options::default()).expect("packed again");
    assert!(again.image.is_none());
}

#[test]
fn a_strong_definition_takes_the_place_of_a_hidden_weak_one() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "static uint64_t other = 5;\n\
         __attribute__((weak, visibility(\"hidden\"))) uint64_t conf = 1;\n\
         R(CLASS, NAME(\"conf\"), AT(conf));\n\
         R(CLASS, NAME(\"other\"), AT(other));\n\
         int main(void) { return (int)other; }";
    let object = workshop.object("weak", source, &["-fPIE"]);
    let run = workshop.generator(&["pack", &object, "--schema", "demo_app.inspect.o"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    workshop.write(
        "strong.c",
        "__attribute__((visibility(\"hidden\"))) unsigned long long conf = 2;\n",
    );
    workshop.gcc(&["-fPIE", "-c", "strong.c", "-o", "strong.o"]);
    let parts = ["demo_app.inspect.o", "inspect_runtime.o", "-pie", "-o", "both"];
    workshop.gcc(&[&[object.as_str(), "strong.o"], &parts[..]].concat());
    let packed = pack::pack(&workshop.read("both"), &pack::Options::default()).expect("packed");
    let image = packed.image.unwrap_or_else(|| workshop.read("both"));
    let file = object::File::parse(&*image).expect("an image");
    for name in ["conf", "other"] {
        let symbol = file.symbols().find(|it| it.name() == Ok(name)).expect("the symbol");
        assert_eq!(address(&image, name), symbol.address(), "{name}");
    }
}

/// Links an object that was packed with others, and packs the program too.
fn linked(workshop: &Workshop, object: &str, before: &str) -> Vec<u8> {
    let run = workshop.generator(&["pack", object, "--schema", "demo_app.inspect.o"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let parts = ["demo_app.inspect.o", "inspect_runtime.o", "-pie", "-o", "linked"];
    workshop.gcc(&[&[before, object], &parts[..]].concat());
    let image = workshop.read("linked");
    let packed = pack::pack(&image, &pack::Options::default()).expect("packed");
    packed.image.unwrap_or(image)
}

/// The linker looks a text up by symbol and addend, and joins equal ones: a distance has another addend.
#[test]
fn an_entry_leads_to_a_text_that_the_linker_joined_with_others() {
    let Some(workshop) = Workshop::new() else { return };
    // Something refers to the section itself, so that it has a symbol.
    let source = "__asm__(\".section .rodata.str1.1,\\\"aMS\\\",@progbits,1\\n\"\n\
         \".string \\\"a text that both objects have\\\"\\nown: .string \\\"own text\\\"\\n\"\n\
         \".data\\n.quad .rodata.str1.1\\n.text\");\n\
         extern const char own[];\n\
         R(CLASS, NAME(\"own\"), AT(own));\n\
         int main(void) { return 0; }";
    let object = workshop.object("merged", source, &[]);
    workshop.write(
        "other.c",
        "const char *first = \"the first one\", *other = \"a text that both objects have\";\n",
    );
    workshop.gcc(&["-fPIC", "-c", "other.c", "-o", "other.o"]);
    let image = linked(&workshop, &object, "other.o");
    let place = address(&image, "own");
    let file = object::File::parse(&*image).expect("an image");
    let found = file.segments().find_map(|it| it.data_range(place, 9).ok().flatten());
    assert_eq!(found, Some(&b"own text\0"[..]));
}

/// The linker keeps one group of each name, and another object's may be the one.
#[test]
fn an_entry_leads_to_the_group_that_the_linker_kept() {
    let Some(workshop) = Workshop::new() else { return };
    // What describes the section to a debugger refers to it, so that it has a symbol.
    let shared = "__asm__(\".section .data.shared,\\\"awG\\\",@progbits,shared,comdat\\n\"\n\
         \".balign 8\\n.globl shared\\n.hidden shared\\nshared: .quad 5\\n\"\n\
         \".section .debug_it,\\\"\\\",@progbits\\n.quad .data.shared\\n.text\");\n";
    let source = "extern uint64_t shared __attribute__((visibility(\"hidden\")));\n\
         R(CLASS, NAME(\"shared\"), AT(shared));\n\
         int main(void) { return 0; }";
    let object = workshop.object("group", &format!("{shared}{source}"), &[]);
    // A newer header has made it longer, as templates of two versions of a library do: GNU ld takes one
    // section for the other only where both are of one size.
    workshop.write("other.c", shared.replace(".quad 5", ".quad 5, 6"));
    workshop.gcc(&["-fPIC", "-c", "other.c", "-o", "other.o"]);
    let image = linked(&workshop, &object, "other.o");
    let file = object::File::parse(&*image).expect("an image");
    let symbol = file.symbols().find(|it| it.name() == Ok("shared")).expect("the symbol");
    assert_eq!(address(&image, "shared"), symbol.address());
}
