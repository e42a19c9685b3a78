//! What linkers do with relocations of linked files that others do not, and what the loader reads of it.

use std::process::Command;

use inspect_format::abi::{self, CoreEntry, Order, section_kind};
use inspect_format::table::Prefix;
use inspect_gen::diag::Code;
use inspect_gen::pack::{Options, pack};
use object::{Object as _, ObjectSection as _, elf};

use crate::pack_cases::Workshop;

/// Packs what has to change.
#[track_caller]
fn packed(image: &[u8]) -> Vec<u8> {
    pack(image, &Options::default()).expect("packed").image.expect("it changes")
}

/// Where a value of the dynamic section stands in the file, and the value.
#[track_caller]
fn dynamic(image: &[u8], tag: elf::DynamicTag) -> (usize, u64) {
    let file = object::File::parse(image).expect("an image");
    let section = file.section_by_name(".dynamic").expect("a dynamic section");
    let start = section.file_range().expect("its bytes").0 as usize;
    let word = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().expect("a word"));
    let mut places = (start..).step_by(16).take_while(|at| word(*at) != 0);
    let at = places.find(|at| word(*at) == tag.0 as u64).expect("the tag") + 8;
    (at, word(at))
}

/// Some linkers count the relocations of the procedure linkage table, which follow, in with the others.
#[test]
fn relocations_of_the_linkage_table_stay_where_they_are() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "int atoi(const char *);\n\
         int main(int count, char **words) { return count > 1 ? atoi(words[1]) : 1; }";
    let object = workshop.object("lazy", source, &[]);
    let parts = ["demo_app.inspect.o", "inspect_runtime.o", "-pie", "-Wl,-z,lazy", "-o", "lazy"];
    workshop.gcc(&[&[object.as_str()], &parts[..]].concat());
    let mut image = workshop.read("lazy");
    let value = |image: &[u8], tag| dynamic(image, tag).1;
    let linkage = value(&image, elf::DT_JMPREL);
    let (size_at, size) = dynamic(&image, elf::DT_RELASZ);
    assert_eq!(value(&image, elf::DT_RELA) + size, linkage, "it follows without a gap");
    let both = size + value(&image, elf::DT_PLTRELSZ);
    image[size_at..size_at + 8].copy_from_slice(&both.to_le_bytes());
    let runs = |name: &str, image: &[u8]| {
        // A file of its own: the mode of a program that was linked, and the bytes given here.
        std::fs::copy(workshop.path("lazy"), workshop.path(name)).expect("a copy");
        workshop.write(name, image);
        let status = Command::new(workshop.path(name)).arg("42").status();
        assert_eq!(status.expect("it runs").code(), Some(42), "{name}");
    };
    runs("counted", &image);
    let packed = packed(&image);
    runs("packed", &packed);
    assert_eq!(value(&packed, elf::DT_JMPREL), linkage);
    assert!(value(&packed, elf::DT_RELA) + value(&packed, elf::DT_RELASZ) < linkage);
}

/// They speak of pointers that are no more.
#[test]
fn kept_relocations_of_annotations_are_forgotten() {
    let Some(workshop) = Workshop::new() else { return };
    let image = workshop.read(&workshop.program("kept", "", &["-pie", "-Wl,--emit-relocs"]));
    let packed = packed(&image);
    let sizes = |image: &[u8]| -> Vec<(String, u64)> {
        let file = object::File::parse(image).expect("an image");
        let all = file.sections().map(|it| (it.name().expect("a name").to_owned(), it.size()));
        all.filter(|(name, _)| name.starts_with(".rela") && name != ".rela.dyn").collect()
    };
    let mut expected = sizes(&image);
    let ours = expected.iter_mut().find(|(name, _)| name == ".relainspect_table");
    let (_, size) = ours.expect("relocations are kept");
    let file = object::File::parse(&*image).expect("an image");
    let section = file.section_by_name(".relainspect_table").expect("the section");
    let (start, length) = section.file_range().expect("its bytes");
    assert!(std::mem::take(size) == length && length > 0);
    assert_eq!(sizes(&packed), expected, "others stay");
    let place = start as usize..(start + length) as usize;
    assert!(packed[place].iter().all(|byte| *byte == 0));
}

/// Two rows have one slot: the loader fills in one pointer, and two would be needed.
#[test]
fn more_pointers_than_the_loader_filled_in_are_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "static uint64_t own = 5;\nR(CLASS, NAME(\"own\"), AT(own));";
    let object = workshop.object("slots", source, &[]);
    let parts = ["demo_app.inspect.o", "inspect_runtime.o", "-shared", "-o", "slots.so"];
    workshop.gcc(&[&[object.as_str()], &parts[..]].concat());
    let good = packed(&workshop.read("slots.so"));
    let file = object::File::parse(&*good).expect("an image");
    let section = file.section_by_name("inspect_table").expect("a section of tables");
    let table = section.file_range().expect("its bytes").0 as usize;
    let prefix = Prefix::parse(&good[table..]).expect("a table");
    let mut sections = prefix.sections();
    let rows = sections.find(|it| it.kind == section_kind::ENTRIES).expect("rows");
    let one = prefix.header().entry_size as usize;
    let mut places = [table + rows.offset as usize; 2];
    places[1] += one;
    assert_eq!(rows.size as usize, 2 * one);
    let row = |at: usize| {
        let bytes = good[at..].first_chunk().expect("a row");
        CoreEntry::read(bytes, Order::Little)
    };
    let has_slot = |at: &usize| row(*at).extent & abi::EXTENT_ADDRESS_SLOT != 0;
    places.sort_by_key(|at| !has_slot(at));
    let [exported, own] = places;
    assert!(has_slot(&exported) && !has_slot(&own), "one of them is another object's to define");
    let (slot, extent) = (row(exported).address, row(own).extent | abi::EXTENT_ADDRESS_SLOT);
    let mut image = good.clone();
    image[own + CoreEntry::ADDRESS_AT..][..8].copy_from_slice(&slot.to_le_bytes());
    image[own + CoreEntry::EXTENT_AT] = extent;
    let refused = pack(&image, &Options::default()).map(|it| it.tables);
    let refused = refused.expect_err("one relocation for two pointers");
    assert_eq!(refused[0].code, Code::E0901);
    assert!(refused[0].message.contains("more symbols are needed"), "{refused:?}");
}
