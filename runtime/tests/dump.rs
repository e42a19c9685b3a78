//! Dumps of this process: what is allowed is there, what is refused is nowhere, every entry says
//! what became of it, and a sink that fails disturbs nothing.
#![cfg(target_os = "linux")]

mod dump {
    pub(crate) mod debugger;
    pub(crate) mod support;
}

use std::sync::atomic::{AtomicU64, Ordering};

use dump::support::{
    CONSUMER, Dump, SECTION_OFFSET, SECTION_SIZE, SENSITIVE, address_of, class, dump as write,
    dump_in, entry, table, table_with_history, table_with_types,
};
use inspect_format::abi::{CoreEntry, core_properties, extent, space};
use inspect_runtime::dump::{BufferSink, Error, Request, Run, Sink, SinkError, Workspace};
use inspect_runtime::{Budget, Consumer, Rule};

fn request(tables: &[u64]) -> Request<'_> {
    Request::new(&CONSUMER).tables(tables)
}

fn dump_of(entries: &[(&str, CoreEntry)]) -> Dump {
    write(&request(&[table(entries)])).expect("a dump")
}

#[test]
fn what_is_allowed_is_there_and_nothing_else() {
    let (shown, hidden) = (*b"what everybody may see", *b"what nobody should see");
    let entries = [
        ("shown", entry(1, address_of(&shown), 22)),
        ("hidden", entry(5, address_of(&hidden), 22)),
    ];
    let dump = dump_of(&entries);
    assert_eq!(dump.memory(address_of(&shown), 22), Some(&shown[..]));
    assert_eq!(dump.memory(address_of(&hidden), 1), None);
    assert!(!dump.holds(&hidden));
    assert_eq!(dump.statuses(), ["captured", "denied, not allowed"]);
    assert_eq!(dump.segments(), [(address_of(&shown), 22)]);
    assert_eq!((dump.report.captured, dump.report.denied, dump.report.tables), (1, 1, 1));
}

#[test]
fn pointers_and_counters_are_followed_when_the_dump_is_made() {
    let data: [u32; 4] = [1, 2, 3, 4];
    let pointer = address_of(&data);
    let (count, null, end) = (3_u16, 0_u64, address_of(&data) + 8);
    let indirect =
        |extent, place: &u64, length| CoreEntry { extent, ..entry(1, address_of(place), length) };
    let counted = CoreEntry {
        bound: address_of(&count),
        bound_size: 2,
        ..indirect(extent::COUNTED, &pointer, 4)
    };
    let range = CoreEntry { extent: extent::RANGE, bound: end, ..entry(1, pointer, 0) };
    let dump = dump_of(&[
        ("indirect", indirect(extent::INDIRECT, &pointer, 8)),
        ("counted", counted),
        ("range", range),
        ("null", indirect(extent::INDIRECT, &null, 8)),
        ("nowhere", CoreEntry { extent: extent::INDIRECT, ..entry(1, 8, 8) }),
        ("open", CoreEntry { extent: extent::ADDRESS_ONLY, ..entry(1, pointer, 0) }),
        ("physical", CoreEntry { space: space::PHYSICAL, ..entry(1, pointer, 4) }),
        ("empty", entry(1, pointer, 0)),
        ("wraps", entry(1, u64::MAX - 3, 8)),
        ("odd", CoreEntry { extent: 9, ..entry(1, pointer, 4) }),
    ]);
    let expected = [
        "captured",
        "captured",
        "captured",
        "absent, null",
        "faulted, pointer",
        "absent, length",
        "absent, space",
        "captured",
        "absent, extent",
        "absent, extent",
    ];
    assert_eq!(dump.statuses(), expected);
    assert_eq!(dump.segments(), [(pointer, 12)]);
    let places: Vec<_> = dump.rows()[..3].iter().map(|row| (row.address, row.length)).collect();
    assert_eq!(places, [8, 12, 8].map(|length| (Some(pointer), Some(length))));
}

/// Three pages, of which the second cannot be read.
fn pages_with_a_hole() -> (u64, u64) {
    // SAFETY: these calls only ask for memory that nobody else has.
    let (start, page) = unsafe {
        let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let start = libc::mmap(std::ptr::null_mut(), 3 * page, access, flags, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        start.cast::<u8>().write_bytes(7, 3 * page);
        assert_eq!(libc::mprotect(start.byte_add(page), page, libc::PROT_NONE), 0);
        (start, page)
    };
    (start.expose_provenance() as u64, page as u64)
}

#[test]
fn holes_are_found_before_they_are_promised() {
    let (start, page) = pages_with_a_hole();
    let dump = dump_of(&[
        ("whole", entry(1, start, page)),
        ("into the hole", entry(1, start + 8, 2 * page)),
        ("hole", entry(1, start + page, page)),
        ("behind", entry(1, start + 2 * page, 16)),
        ("nothing", entry(1, 16, 16)),
    ]);
    let truncated = format!("truncated, fault, {}", page - 8);
    assert_eq!(dump.statuses(), ["captured", &truncated, "faulted", "captured", "faulted"]);
    assert_eq!(dump.segments(), [(start, page), (start + 2 * page, 16)]);
    assert_eq!(dump.memory(start, page), Some(&vec![7; page as usize][..]));
}

#[test]
fn refused_bytes_do_not_leak_through_a_neighbour() {
    let block: [u8; 100] = std::array::from_fn(|index| index as u8 + 100);
    let at = address_of(&block);
    let secret = CoreEntry { properties: SENSITIVE, ..entry(1, at + 40, 10) };
    let registers = CoreEntry { properties: core_properties::MMIO, ..entry(5, at + 95, 1) };
    let dump = dump_of(&[
        ("block", entry(1, at, 100)),
        ("denied", entry(4, at + 10, 5)),
        ("secret", secret),
        ("inside", entry(2, at + 42, 4)),
        ("after", entry(2, at + 60, 10)),
        // No rule names it: that takes nothing away from the block.
        ("unnamed", entry(5, at + 70, 10)),
        ("registers", registers),
    ]);
    assert_eq!(dump.segments(), [(at, 10), (at + 15, 25), (at + 50, 45), (at + 96, 4)]);
    let expected = [
        "truncated, overlap, 10",
        "denied, deny, 1",
        "denied, sensitive",
        "denied, overlap",
        "captured",
        "denied, not allowed",
        "denied, mmio",
    ];
    assert_eq!(dump.statuses(), expected);
    assert!(!dump.holds(&block[40..50]) && !dump.holds(&block[10..15]));
    assert!(dump.holds(&block[70..80]));
}

#[test]
fn a_refused_entry_of_unknown_length_takes_the_rest_of_the_memory_around_it() {
    let block = [1_u8; 100];
    let at = address_of(&block);
    let open = CoreEntry { extent: extent::ADDRESS_ONLY, ..entry(4, at + 30, 0) };
    let dump = dump_of(&[("block", entry(1, at, 100)), ("open", open)]);
    assert_eq!(dump.segments(), [(at, 30)]);
    let endless = entry(4, at + 20, u64::MAX);
    let dump = dump_of(&[("block", entry(1, at, 100)), ("endless", endless)]);
    assert_eq!(dump.segments(), [(at, 20)]);
}

/// Whatever is broken of a refused entry, its bytes are not there.
#[test]
fn a_refused_entry_that_cannot_be_found_as_a_whole_takes_more_and_never_less() {
    let block = [1_u8; 100];
    let at = address_of(&block);
    let (pointer, null, count, many) = (at + 30, 0_u64, 5_u64, u64::MAX);
    let counted = |pointer: &u64, count: &u64| CoreEntry {
        extent: extent::COUNTED,
        bound: address_of(count),
        bound_size: 8,
        ..entry(4, address_of(pointer), 1)
    };
    let indirect = CoreEntry { extent: extent::INDIRECT, ..entry(4, address_of(&pointer), 5) };
    let range = CoreEntry { extent: extent::RANGE, ..entry(4, at + 30, 0) };
    let bad = 16;
    let beginning = vec![(at, 30)];
    let whole = vec![(at, 100)];
    for (refused, expected) in [
        (counted(&pointer, &count), vec![(at, 30), (at + 35, 65)]),
        (counted(&pointer, &many), beginning.clone()),
        (CoreEntry { length: 2, ..counted(&pointer, &many) }, beginning.clone()),
        (CoreEntry { bound: bad, ..counted(&pointer, &count) }, beginning.clone()),
        (CoreEntry { bound_size: 3, ..counted(&pointer, &count) }, beginning.clone()),
        (CoreEntry { length: u64::MAX, ..indirect }, beginning.clone()),
        (CoreEntry { bound: at, ..range }, beginning),
        (CoreEntry { address: bad, ..counted(&pointer, &count) }, vec![]),
        (CoreEntry { address: bad, ..indirect }, vec![]),
        (CoreEntry { extent: 9, ..indirect }, vec![]),
        (counted(&null, &count), whole.clone()),
        (CoreEntry { address: address_of(&null), ..indirect }, whole),
    ] {
        let dump = dump_of(&[("block", entry(1, at, 100)), ("refused", refused)]);
        assert_eq!(dump.segments(), expected, "{refused:?}");
    }
}

/// The same of an entry that may be seen, but for a field.
#[test]
fn sensitive_fields_of_what_cannot_be_found_do_not_leak() {
    let users = [7_u32; 16];
    let at = address_of(&users);
    let (pointer, many) = (at + 32, u64::MAX);
    let user = |extent, address| CoreEntry { type_: 2, extent, ..entry(1, address, 8) };
    let counted = CoreEntry {
        bound: address_of(&many),
        bound_size: 8,
        ..user(extent::COUNTED, address_of(&pointer))
    };
    let ids = vec![(at, 36), (at + 40, 4), (at + 48, 4), (at + 56, 4)];
    for (entries, expected) in [
        (user(extent::ADDRESS_ONLY, at + 32), ids.clone()),
        (CoreEntry { bound: 16, ..counted }, ids),
        (CoreEntry { address: 16, ..counted }, vec![]),
    ] {
        let tables = [table_with_types(&[("block", entry(1, at, 64)), ("users", entries)])];
        let dump = write(&request(&tables)).expect("a dump");
        assert_eq!(dump.segments(), expected, "{entries:?}");
    }
}

/// An address of another space is none of this memory, and hides nothing of it.
#[test]
fn a_refused_entry_of_another_space_cuts_nothing() {
    let block = [0_u8; 64];
    let at = address_of(&block);
    let device = CoreEntry { space: space::PHYSICAL, ..entry(4, at + 8, 8) };
    let dump = dump_of(&[("block", entry(1, at, 64)), ("device", device)]);
    assert_eq!(dump.segments(), [(at, 64)]);
}

/// The code that a signal interrupted finds its error number again.
#[test]
fn a_dump_leaves_the_error_number_alone() {
    let (start, page) = pages_with_a_hole();
    let tables = [table(&[("into the hole", entry(1, start, 2 * page))])];
    let workspace: Workspace<4, 4096> = Workspace::new();
    let mut buffer = vec![0; 1 << 20];
    // SAFETY: the place is this thread's own, and always there.
    let errno = || unsafe { &mut *libc::__errno_location() };
    *errno() = 1234;
    let dumped = request(&tables).elf(&workspace, &mut BufferSink::new(&mut buffer));
    let after = *errno();
    assert_eq!((after, dumped.map(|report| report.truncated)), (1234, Ok(1)));
}

/// A name that cannot be read must not be a way around a rule that asks for one.
#[test]
fn a_broken_name_hides_nothing_from_a_rule() {
    let rule = Rule::Entry {
        schema: dump::support::schema(),
        class: 1,
        name: Some("secret"),
        instance: None,
    };
    let deny: &'static [Rule] = vec![rule].leak();
    let consumer = Consumer { deny, ..CONSUMER };
    let value = 5_u64;
    let tables = [table(&[("good", entry(1, address_of(&value), 8))])];
    let dump = write(&Request::new(&consumer).tables(&tables)).expect("a dump");
    assert_eq!(dump.statuses(), ["captured"]);
    // The only row's name now lies outside the strings.
    let name_at = tables[0] + 96 + 3 * 24 + CoreEntry::NAME_AT as u64;
    let name = std::ptr::with_exposed_provenance_mut::<u32>(name_at as usize);
    // SAFETY: the table was leaked by this test, and nobody else refers to it.
    unsafe { name.write_volatile(1000) };
    // The checksum of the original does not count: the frozen copy has one of its own.
    let dump = write(&Request::new(&consumer).tables(&tables)).expect("a dump");
    assert_eq!(dump.statuses(), ["denied, deny, 0"]);
    // Nor around a budget for names.
    let budget = Budget { name: Some(1 << 40), ..CONSUMER.budget };
    let consumer = Consumer { budget, ..CONSUMER };
    let dump = write(&Request::new(&consumer).tables(&tables)).expect("a dump");
    assert_eq!(dump.statuses(), ["over budget, name"]);
}

/// A field that nobody should see is cut out of whatever reaches over it, also where its own entry is not in
/// the dump.
#[test]
fn sensitive_fields_do_not_leak_through_a_neighbour() {
    let block = [0_u8; 64];
    let at = address_of(&block);
    let user = CoreEntry { type_: 2, ..entry(1, at + 8, 8) };
    let tables = [table_with_types(&[("block", entry(2, at, 64)), ("user", user)])];
    for (regions, status) in [(None, "truncated, overlap"), (Some(1), "over budget, regions")] {
        let budget = Budget { regions, ..CONSUMER.budget };
        let consumer = Consumer { budget, ..CONSUMER };
        let dump = write(&Request::new(&consumer).tables(&tables)).expect("a dump");
        assert_eq!(dump.segments(), [(at, 12), (at + 16, 48)], "{status}");
        assert_eq!(dump.statuses()[1].split(", 4").next(), Some(status));
    }
}

#[test]
fn budgets_are_spent_in_the_declared_order() {
    let block = [0_u8; 300];
    let at = address_of(&block);
    let entries = [
        ("a", entry(1, at, 10)),
        ("b", entry(2, at + 20, 50)),
        ("c", entry(3, at + 80, 60)),
        ("long name", entry(3, at + 150, 1)),
        ("d", entry(1, at + 160, 10)),
    ];
    let tables = [table(&entries)];
    let with = |regions, name, bytes| {
        let consumer = Consumer { budget: Budget { regions, name, bytes }, ..CONSUMER };
        write(&Request::new(&consumer).tables(&tables)).expect("a dump").statuses()
    };
    // Class 3 comes first, then 2, then the rest.
    let expected = ["captured", "over budget, bytes", "captured", "captured", "over budget, bytes"];
    assert_eq!(with(None, None, Some(75)), expected);
    let expected =
        ["over budget, regions", "captured", "captured", "captured", "over budget, regions"];
    assert_eq!(with(Some(3), None, None), expected);
    let expected = ["captured", "captured", "captured", "over budget, name", "captured"];
    assert_eq!(with(None, Some(3), None), expected);
}

#[test]
fn a_small_workspace_keeps_the_most_important_entries() {
    let block = [0_u8; 64];
    let at = address_of(&block);
    let tables = [table(&[
        ("a", entry(1, at, 4)),
        ("b", entry(1, at + 8, 4)),
        ("c", entry(2, at + 16, 4)),
        ("d", entry(3, at + 24, 4)),
    ])];
    let workspace: Workspace<2, 4096> = Workspace::new();
    let dump = dump_in(&request(&tables), &workspace).expect("a dump");
    let over = "over budget, workspace";
    assert_eq!(dump.statuses(), [over, over, "captured", "captured"]);
    // Also where those come first.
    let tables = [table(&[("d", entry(3, at, 4)), ("c", entry(2, at, 4)), ("b", entry(1, at, 4))])];
    let dump = dump_in(&request(&tables), &workspace).expect("a dump");
    assert_eq!(dump.statuses(), ["captured", "captured", over]);
    let none: Workspace<0, 4096> = Workspace::new();
    let dump = dump_in(&request(&tables), &none).expect("a dump");
    assert_eq!((dump.report.over_budget, dump.segments().len()), (3, 0));
}

/// The table that has no room must still be heard where it refuses bytes.
#[test]
fn a_table_without_room_is_missing_and_still_refuses() {
    let block = [9_u8; 64];
    let at = address_of(&block);
    let first = table(&[("block", entry(1, at, 64))]);
    let rest: Vec<_> = (0..40).map(|index| ("x", entry(4, at + 32 + index % 8, 8))).collect();
    let tables = [first, table(&rest), table(&[("last", entry(1, at + 60, 4))])];
    let workspace: Workspace<8, 1200> = Workspace::new();
    let dump = dump_in(&request(&tables), &workspace).expect("a dump");
    assert_eq!((dump.report.tables, dump.report.missing), (2, 1));
    assert_eq!(dump.segments(), [(at, 32), (at + 47, 17)]);
    let tiny: Workspace<8, 100> = Workspace::new();
    let result = dump_in(&request(&tables), &tiny).map(|dump| dump.report);
    assert!(matches!(result, Err(Error::Workspace { needed }) if needed > 200), "{result:?}");
    let garbage = [0xff_u8; 256];
    let tables = [address_of(&garbage), 1 << 40, first];
    let dump = write(&request(&tables)).expect("a dump");
    assert_eq!((dump.report.tables, dump.report.missing), (1, 2));
}

/// Its types have no room either, and what they say is sensitive is not known.
#[test]
fn a_table_without_room_hides_what_its_types_may_call_sensitive() {
    let block = [9_u8; 64];
    let at = address_of(&block);
    let first = table(&[("block", entry(1, at, 64))]);
    let users: Vec<_> = (0..40)
        .map(|index| ("x", CoreEntry { type_: 2, ..entry(1, at + 16 + index % 2 * 16, 8) }))
        .collect();
    let tables = [first, table_with_types(&users)];
    let dump = |consumer: &Consumer| {
        let workspace: Workspace<8, 1200> = Workspace::new();
        let request = Request::new(consumer).tables(&tables);
        let dump = dump_in(&request, &workspace).expect("a dump");
        assert_eq!((dump.report.tables, dump.report.missing), (1, 1));
        dump.segments()
    };
    assert_eq!(dump(&CONSUMER), [(at, 16), (at + 24, 8), (at + 40, 24)]);
    assert_eq!(dump(&Consumer { permit: SENSITIVE, ..CONSUMER }), [(at, 64)]);
}

/// As must one that cannot be copied, since a part of it cannot be read, or whose copy is none.
#[test]
fn a_table_that_cannot_be_copied_still_refuses() {
    let block = [9_u8; 64];
    let at = address_of(&block);
    for (place, number) in [(SECTION_OFFSET, 1 << 40), (SECTION_SIZE, 4)] {
        let broken = table_with_history(place, number, &[("x", entry(4, at + 32, 8))]);
        let tables = [table(&[("block", entry(1, at, 64))]), broken];
        let dump = write(&request(&tables)).expect("a dump");
        assert_eq!((dump.report.tables, dump.report.missing), (1, 1));
        assert_eq!(dump.segments(), [(at, 32), (at + 40, 24)]);
    }
}

/// Where more tables than can be followed have no room, nobody knows what they refuse.
#[test]
fn too_many_tables_without_room_are_an_error() {
    let block = [9_u8; 64];
    let at = address_of(&block);
    let rest: Vec<_> = (0..40).map(|_| ("x", entry(4, at, 1))).collect();
    let tables = [table(&rest); 17];
    let workspace: Workspace<8, 1200> = Workspace::new();
    let dump = dump_in(&request(&tables[1..]), &workspace).expect("a dump");
    assert_eq!((dump.report.tables, dump.report.missing), (0, 16));
    let result = dump_in(&request(&tables), &workspace).map(|dump| dump.report);
    assert_eq!(result, Err(Error::TooManyTables));
}

#[test]
fn a_sink_that_fails_says_where_and_disturbs_nothing() {
    let block = [3_u8; 5000];
    let tables = [table(&[("block", entry(1, address_of(&block), 5000))])];
    let workspace: Workspace<4, 4096> = Workspace::new();
    let mut whole = vec![0; 20_000];
    let size = request(&tables).elf(&workspace, &mut BufferSink::new(&mut whole)).unwrap().written;
    whole.truncate(size as usize);
    for room in (0..size as usize).step_by(7).chain([size as usize - 1]) {
        let mut buffer = vec![0; room];
        let mut sink = BufferSink::new(&mut buffer);
        let Err(Error::Sink { position, error }) = request(&tables).elf(&workspace, &mut sink)
        else {
            panic!("{room} bytes are too few");
        };
        assert_eq!(error, SinkError::Full);
        assert_eq!((position, sink.written().len() as u64), (position, position));
        let taken = sink.written().len();
        assert_eq!(buffer[..taken], whole[..taken], "what it took is how the dump begins");
    }
    let mut again = vec![0; size as usize];
    let report = request(&tables).elf(&workspace, &mut BufferSink::new(&mut again));
    assert_eq!(report.map(|report| report.written), Ok(size));
}

#[test]
fn one_workspace_serves_one_dump_at_a_time() {
    struct Nested<'a>(&'a Workspace<4, 4096>, Vec<Option<Error>>);
    impl Sink for Nested<'_> {
        fn write(&mut self, _: &[u8]) -> Result<(), SinkError> {
            let nested = request(&[]).elf(self.0, &mut BufferSink::new(&mut []));
            self.1.push(nested.err());
            Ok(())
        }
    }
    let workspace = Workspace::new();
    let mut sink = Nested(&workspace, Vec::new());
    request(&[]).elf(&workspace, &mut sink).expect("the outer one is written");
    assert!(!sink.1.is_empty() && sink.1.iter().all(|error| *error == Some(Error::Busy)));
    request(&[]).elf(&workspace, &mut sink).expect("and it is free again");
}

/// A file descriptor that takes no more, and one that is closed.
#[test]
fn errors_of_the_system_are_errors_of_the_sink() {
    use inspect_runtime::dump::FileSink;
    use std::os::fd::AsRawFd;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let workspace: Workspace<4, 4096> = Workspace::new();
    let result = request(&[]).elf(&workspace, &mut FileSink::new(full.as_raw_fd()));
    assert_eq!(result, Err(Error::Sink { position: 0, error: SinkError::Full }));
    let result = request(&[]).elf(&workspace, &mut FileSink::new(-1));
    let error = SinkError::Os(libc::EBADF);
    assert_eq!(result, Err(Error::Sink { position: 0, error }));
    let (start, page) = pages_with_a_hole();
    let mut file = FileSink::new(tempfile::tempfile().unwrap().as_raw_fd());
    let closed = file.write_memory(&[Run { start, end: start + page }]);
    assert_eq!(closed, Err(SinkError::Os(libc::EBADF)));
    let own = tempfile::tempfile().unwrap();
    let mut file = FileSink::new(own.as_raw_fd());
    let taken = file.write_memory(&[Run { start, end: start + 2 * page }]);
    assert_eq!(taken, Ok(page));
    let fault = file.write_memory(&[Run { start: start + page, end: start + 2 * page }]);
    assert_eq!(fault, Err(SinkError::Memory { address: start + page }));
    assert_eq!(own.metadata().unwrap().len(), page, "what came before the hole is there");
}

/// More regions than the 16 bits for segments in the header of an ELF file can count.
#[test]
fn many_regions_make_many_segments() {
    static WORKSPACE: Workspace<70_001, 4_600_000> = Workspace::new();
    let block = vec![1_u8; 280_000];
    let at = address_of(&block[..]);
    let entries: Vec<_> = (0..70_000).map(|index| ("", entry(1, at + index * 4, 3))).collect();
    let dump = dump_in(&request(&[table(&entries)]), &WORKSPACE).expect("a dump");
    assert_eq!((dump.segments().len(), dump.report.captured), (70_000, 70_000));
    let commands = [format!("x/1xb {:#x}", at + 4 * 69_999), format!("x/1xb {:#x}", at + 3)];
    let program = std::env::current_exe().unwrap();
    if let Some(output) = dump::debugger::ask(&program, &dump.bytes, &commands) {
        assert!(output.contains(":\t0x01"), "{output}");
        assert!(output.contains("Cannot access memory"), "{output}");
    }
    let touching: Vec<_> = (0..70_000).map(|index| ("", entry(1, at + index * 4, 4))).collect();
    let dump = dump_in(&request(&[table(&touching)]), &WORKSPACE).expect("a dump");
    assert_eq!(dump.segments(), [(at, 280_000)]);
}

#[unsafe(no_mangle)]
static INSPECT_TEST_SHOWN: AtomicU64 = AtomicU64::new(1);
#[unsafe(no_mangle)]
static INSPECT_TEST_SECRET: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

#[test]
fn a_debugger_shows_what_is_there_and_says_what_is_not() {
    INSPECT_TEST_SHOWN.store(123_456_789, Ordering::Relaxed);
    let heap = Box::new(*b"this stays at home");
    let allowed = Box::new(0x1234_5678_9abc_u64);
    INSPECT_TEST_SECRET[0].store(u64::from_ne_bytes(*b"password"), Ordering::Relaxed);
    let shown = entry(1, address_of(&INSPECT_TEST_SHOWN), 8);
    let secret =
        CoreEntry { properties: SENSITIVE, ..entry(1, address_of(&INSPECT_TEST_SECRET), 16) };
    let dump = dump_of(&[
        ("shown", shown),
        ("secret", secret),
        ("allowed", entry(1, address_of(&*allowed), 8)),
        ("heap", entry(4, address_of(&*heap), 18)),
    ]);
    assert!(!dump.holds(b"password") && !dump.holds(&heap[..]));
    let heap_at = address_of(&*heap);
    let commands = [
        "print *(unsigned long *)&INSPECT_TEST_SHOWN".to_owned(),
        format!("print/x *(unsigned long *){:#x}", address_of(&*allowed)),
        format!("x/1xb {heap_at:#x}"),
    ];
    let program = std::env::current_exe().unwrap();
    if let Some(output) = dump::debugger::ask(&program, &dump.bytes, &commands) {
        assert!(output.contains("$1 = 123456789"), "{output}");
        assert!(output.contains("$2 = 0x123456789abc"), "{output}");
        let refused = format!("Cannot access memory at address {heap_at:#x}");
        assert!(output.contains(&refused), "{output}");
    }
}

/// The rule of a table that is not the test's own says nothing: the registry's tables are walked,
/// too.
#[test]
fn the_tables_of_the_registry_are_dumped_by_default() {
    let dump = write(&Request::new(&CONSUMER)).expect("a dump");
    assert_eq!(dump.report.missing, 0);
    let _ = (class(1), dump.rows());
}
