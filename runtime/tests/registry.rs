//! What others find in this very process: the root's chain, annotations that nobody packed, a table in the
//! section.

mod support;

use std::cell::UnsafeCell;
use std::ops::ControlFlow;

use inspect_format::abi::{self, pair_kind};
use inspect_format::walk::{LiveEntry, Memory};
use inspect_runtime::memory::ThisProcess;
use inspect_runtime::registry::{self, AdoptErrorKind, Adopted};
use inspect_runtime::{EntryFormat, RuntimeTable, root};

use support::{Format, Other, entry};

/// What an annotation macro leaves: a record of pairs in the section.
#[repr(C, align(8))]
struct Pair {
    key: [u8; 32],
    kind: u32,
    size: u32,
    integer: u64,
    address: *const u8,
    #[cfg(target_pointer_width = "32")]
    padding: u32,
    text: [u8; 72],
}

#[repr(transparent)]
struct Pairs<const N: usize>(UnsafeCell<[Pair; N]>);

// SAFETY: nobody writes to them.
unsafe impl<const N: usize> Sync for Pairs<N> {}

const fn fill<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    let mut at = 0;
    while at < text.len() {
        out[at] = text.as_bytes()[at];
        at += 1;
    }
    out
}

const fn pair(key: &str, kind: u32, integer: u64, address: *const u8, text: &str) -> Pair {
    Pair {
        key: fill(key),
        kind,
        size: 128,
        integer,
        address,
        #[cfg(target_pointer_width = "32")]
        padding: 0,
        text: fill(text),
    }
}

const NULL: *const u8 = std::ptr::null();

const fn text(key: &str, text: &str) -> Pair {
    pair(key, pair_kind::TEXT, 0, NULL, text)
}

const fn integer(key: &str, integer: u64) -> Pair {
    pair(key, pair_kind::INTEGER, integer, NULL, "")
}

#[repr(C)]
struct Descriptor(u32, u32, u64);

static DESCRIPTOR: Descriptor =
    Descriptor(16, 1, inspect_format::hash::schema_number(Format::SCHEMA));
static VARIABLE: [u64; 4] = [1, 2, 3, 4];

#[unsafe(link_section = "inspect_table")]
#[used]
static ANNOTATION: Pairs<9> = Pairs(UnsafeCell::new([
    pair("inspect:begin", pair_kind::BEGIN, 0, (&raw const DESCRIPTOR).cast(), ""),
    text("class", "log"),
    text("name", "annotated"),
    pair("address", pair_kind::ADDRESS, 0, (&raw const VARIABLE).cast(), ""),
    integer("length", 32),
    integer("instance", 7),
    integer("twin", 99),
    text("text", "said"),
    pair("inspect:end", pair_kind::END, 0, NULL, ""),
]));

static OTHER: Descriptor = Descriptor(16, 1, inspect_format::hash::schema_number(Other::SCHEMA));

#[unsafe(link_section = "inspect_table")]
#[used]
static FAULTY: Pairs<6> = Pairs(UnsafeCell::new([
    pair("inspect:begin", pair_kind::BEGIN, 0, (&raw const OTHER).cast(), ""),
    text("class", "log"),
    text("file", "log.c"),
    integer("line", 42),
    integer("colour", 7),
    pair("inspect:end", pair_kind::END, 0, NULL, ""),
]));

static TABLE: RuntimeTable<Format, 8> = RuntimeTable::new();
static OTHERS: RuntimeTable<Other, 8> = RuntimeTable::new();
static SECOND: RuntimeTable<Format, 2> = RuntimeTable::new();

/// Every live entry that a stranger would find, with its name.
fn found() -> Vec<(u64, String, abi::CoreEntry)> {
    let mut found = Vec::new();
    for table in registry::tables() {
        let table = table.unwrap();
        let mut buffer = vec![0; table.buffer_size(3)];
        let mut visit = |row: LiveEntry<'_>| {
            let mut name = [0; 64];
            let name = table.text(row.core.name, &mut name).unwrap().to_owned();
            found.push((table.address(), name, row.core));
            ControlFlow::Continue(())
        };
        table.entries(&mut buffer, &mut visit).unwrap();
    }
    found
}

/// One test, since the chain is the process's.
#[test]
fn annotations_and_registrations_are_found_by_a_stranger() {
    // The linker would drop a section that nothing refers to.
    std::hint::black_box((ANNOTATION.0.get(), FAULTY.0.get()));
    assert_eq!(found(), [], "nothing has been registered");

    let adopted = registry::adopt_unpacked(&TABLE).unwrap();
    assert_eq!(adopted, Adopted { registered: 1, known: 0, foreign: 1 });
    let again = registry::adopt_unpacked(&TABLE).unwrap();
    assert_eq!(again, Adopted { registered: 0, known: 1, foreign: 1 });

    // An annotation that is at fault is an error with its place, and nothing of it is registered.
    let error = registry::adopt_unpacked(&OTHERS).unwrap_err();
    assert_eq!((error.file, error.line, error.kind), ("log.c", 42, AdoptErrorKind::Key("colour")));
    assert_eq!(error.to_string(), "log.c:42: `colour` is neither a key nor a field of the entry");
    assert_eq!(OTHERS.iter().count(), 0);

    let handle = SECOND.register_as("second", entry(0x5000, 16)).unwrap();
    let rows = found();
    assert_eq!(rows.len(), 2);
    let (first, name, core) = &rows[0];
    assert_eq!((name.as_str(), core.instance, core.length), ("annotated", 7, 32));
    assert_eq!(core.address, (&raw const VARIABLE).addr() as u64);
    assert_eq!((core.class, core.properties), (77, 1));
    let id = inspect_format::hash::entry_id(Format::SCHEMA, "log", "annotated", 7);
    assert_eq!(core.id, id);
    assert_eq!((rows[1].1.as_str(), rows[1].2.address), ("second", 0x5000));
    assert_ne!(rows[1].0, *first, "two tables on the chain");

    SECOND.unregister(handle).unwrap();
    assert_eq!(found().len(), 1);

    // The fields of the schema arrived too.
    let mut bytes = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut bytes).unwrap();
    let table = inspect_format::table::Table::parse(&bytes[..size]).unwrap();
    let row = table.rows().next().unwrap();
    assert_eq!((row.u64_field(64, 1), row.string_field(72, 1)), (Some(99), Some(Ok("said"))));
}

#[test]
fn the_root_is_what_the_format_says() {
    let memory = ThisProcess::new();
    let mut bytes = [0; abi::Root::SIZE];
    memory.read(root::address(), &mut bytes).unwrap();
    let checked = inspect_format::root::check(&bytes, Some(root::address())).unwrap();
    assert_eq!(usize::from(checked.record.word_size), size_of::<usize>());
    let size = checked.record.compile_end.wrapping_sub(checked.record.compile_table);
    assert!(size >= 8 + 15 * 128, "the annotations lie in the section: {size}");
    assert_eq!(registry::roots().filter(|root| *root == root::address()).count(), 1);
}

#[test]
fn memory_that_is_not_there_is_an_answer() {
    let memory = ThisProcess::new();
    let mut bytes = [0; 16];
    for address in [0, 8, u64::MAX - 7, 1 << 63] {
        assert!(memory.read(address, &mut bytes).is_err(), "{address:#x}");
    }
}
