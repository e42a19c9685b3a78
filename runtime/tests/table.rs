//! Run-time tables: what is registered is there, what is gone stays gone, and what does not fit is an error.

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use inspect_format::table::Table;
use inspect_runtime::{Change, Class, GrowingTable, Handle, Region, RegisterError, RuntimeTable};
use support::{Format, Other, entry};

fn image<const N: usize, const NAMES: usize>(
    table: &'static RuntimeTable<Format, N, NAMES>,
) -> Vec<u8> {
    let mut bytes = vec![0xaa; table.image_size()];
    let size = table.copy_to(&mut bytes).expect("as many bytes as it asked for");
    bytes.truncate(size);
    bytes
}

#[test]
fn rows_and_names_are_in_the_image() {
    static TABLE: RuntimeTable<Format, 4, 32> = RuntimeTable::new();
    let table = &TABLE;
    let first = Format { text: "note", ..entry(0x1000, 16) };
    table.register_as("first", first).unwrap();
    table.register(Format { core: entry(1, 2).core.instance(9).id(5), ..first }).unwrap();
    let bytes = image(table);
    let parsed = Table::parse(&bytes).unwrap();
    let rows: Vec<_> = parsed.rows().collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].name(), rows[1].name()), (Ok("first"), Ok("")));
    assert_eq!((rows[0].class(), rows[0].properties(), rows[0].address()), (77, 1, 0x1000));
    assert_eq!((rows[1].instance(), rows[1].id()), (9, 5 | 1 << 31));
    assert_eq!(rows[0].string_field(72, 1), Some(Ok("note")));
    assert_eq!(rows[0].u64_field(64, 1), Some(0x1010));
    assert_eq!((parsed.is_runtime(), parsed.header().fingerprint), (false, 0x1234));
    assert_ne!(parsed.header().checksum, 0, "a copy does not change any more");
}

#[test]
fn a_handle_names_one_generation() {
    static TABLE: RuntimeTable<Format, 1> = RuntimeTable::new();
    let table = &TABLE;
    let old = table.register(entry(1, 1)).unwrap();
    table.unregister(old).unwrap();
    let new = table.register(entry(2, 1)).unwrap();
    assert_ne!(old, new);
    assert_eq!(table.unregister(old), Err(Change::Stale));
    assert_eq!(table.iter().map(|entry| entry.core.address).collect::<Vec<_>>(), [2]);
    assert_eq!(table.iter().map(|entry| entry.handle).collect::<Vec<_>>(), [new]);
}

#[test]
fn what_does_not_fit_is_an_error_and_leaves_nothing() {
    static NONE: RuntimeTable<Format, 0, 0> = RuntimeTable::new();
    let none = &NONE;
    assert_eq!(none.register(entry(1, 1)), Err(RegisterError::Full));
    assert_eq!(Table::parse(&image(none)).unwrap().row_count(), 0);

    static TABLE: RuntimeTable<Format, 2, 24> = RuntimeTable::new();
    let table = &TABLE;
    let full = table.register_as("far too long for it", entry(1, 1));
    assert_eq!(full, Err(RegisterError::NamesFull));
    assert_eq!(table.register_as("a\0b", entry(1, 1)), Err(RegisterError::Name));
    let explicit = Format { core: entry(1, 1).core.id(1 << 31), ..entry(1, 1) };
    assert_eq!(table.register(explicit), Err(RegisterError::Id));
    assert_eq!(table.register(entry(u64::MAX, 2)), Err(RegisterError::Wraps));
    assert_eq!(table.iter().count(), 0);
    table.register(entry(usize::MAX as u64, 1)).unwrap();
    // Of 24 bytes four are a head, four the empty name's, and four a link.
    table.register_as("123456789abc", entry(0, 0)).expect_err("there is no room for its end");
    table.register_as("123456789ab", entry(0, 0)).unwrap();
    assert_eq!(table.register(entry(1, 1)), Err(RegisterError::Full));
    assert!(table.copy_to(&mut [0; 100]).is_err());
}

/// Every row that a reader sees is one that a writer published: its twin matches.
#[test]
fn readers_see_whole_rows_only() {
    static TABLE: RuntimeTable<Format, 4> = RuntimeTable::new();
    static STOP: AtomicBool = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        for writer in 0..2_u64 {
            scope.spawn(move || {
                let mut held: Vec<Handle> = Vec::new();
                let mut number = writer << 32;
                while !STOP.load(Ordering::Relaxed) {
                    number += 1;
                    held.extend(TABLE.register(entry(number, number.rotate_left(7) >> 9)));
                    if held.len() > 1 || number % 3 == 0 {
                        held.drain(..).for_each(|handle| TABLE.unregister(handle).unwrap());
                    }
                }
            });
        }
        let mut seen = 0;
        let mut bytes = vec![0; TABLE.image_size()];
        while seen < 20_000 {
            for entry in &TABLE {
                let core = entry.core;
                assert_eq!(core.instance, core.address ^ core.length);
                seen += 1;
            }
            if seen % 16 == 0 {
                let size = TABLE.copy_to(&mut bytes).unwrap();
                for row in Table::parse(&bytes[..size]).unwrap().rows() {
                    assert_eq!(row.u64_field(64, 1), Some(row.address() ^ row.length()));
                }
            }
        }
        STOP.store(true, Ordering::Relaxed);
        seen
    });
    assert!(seen >= 20_000);
}

#[test]
fn a_region_that_is_to_be_alone_overlaps_nothing() {
    static TABLE: RuntimeTable<Format, 4> = RuntimeTable::new();
    let first = TABLE.register_exclusive(entry(0x1000, 0x100)).unwrap();
    for (address, length) in [(0x1000, 1), (0x10ff, 1), (0xfff, 2), (0, 0x2000), (0x1040, 0x10)] {
        let refused = TABLE.register_exclusive(entry(address, length));
        assert_eq!(refused, Err(RegisterError::Overlaps(first)), "{address:#x}+{length:#x}");
    }
    TABLE.register_exclusive(entry(0x1100, 1)).unwrap();
    TABLE.register_exclusive(entry(0xfff, 1)).unwrap();
    TABLE.register_exclusive(entry(0x1080, 0)).unwrap();
    assert_eq!(TABLE.iter().count(), 4);
    TABLE.unregister(first).unwrap();
    TABLE.register_exclusive(entry(0x1000, 0x100)).unwrap();
}

#[test]
fn properties_change_in_place() {
    static TABLE: RuntimeTable<Format, 2> = RuntimeTable::new();
    let handle = TABLE.register(entry(0x1000, 8)).unwrap();
    TABLE.set_properties(handle, 1 << 63 | 5).unwrap();
    assert_eq!(TABLE.view().get(handle).unwrap().core.properties, 1 << 63 | 5);
    TABLE.unregister(handle).unwrap();
    assert_eq!(TABLE.set_properties(handle, 1), Err(Change::Stale));
    assert_eq!(TABLE.view().get(handle), None);
}

#[test]
fn a_handle_of_another_table_is_stale() {
    static ONE: RuntimeTable<Format, 2> = RuntimeTable::new();
    static OTHER: RuntimeTable<Format, 2> = RuntimeTable::new();
    let handle = ONE.register(entry(1, 1)).unwrap();
    OTHER.register(entry(2, 1)).unwrap();
    assert_eq!(OTHER.unregister(handle), Err(Change::Stale));
    assert_eq!((ONE.iter().count(), OTHER.iter().count()), (1, 1));
}

#[test]
fn equal_names_are_kept_once() {
    static TABLE: RuntimeTable<Format, 64, 1024> = RuntimeTable::new();
    let offsets: Vec<u32> = (0..60)
        .map(|index| {
            let handle = TABLE.register_as(["first", "second"][index % 2], entry(1, 1)).unwrap();
            TABLE.view().get(handle).unwrap().core.name
        })
        .collect();
    assert!(offsets.iter().step_by(2).all(|offset| *offset == offsets[0]));
    assert_ne!(offsets[0], offsets[1]);
    let found = TABLE.view().find_by_address(1).next().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(TABLE.view().name_of(&found, &mut buffer), Some("first"));
}

#[test]
fn a_table_grows_by_chunks_that_stay() {
    static TABLE: GrowingTable<Format> = GrowingTable::new();
    let handles: Vec<Handle> = (0..1000)
        .map(|index| TABLE.register_as(&format!("number {index}"), entry(index, 8)).unwrap())
        .collect();
    assert_eq!(TABLE.iter().count(), 1000);
    assert!(TABLE.chunks().count() > 3);
    for (index, handle) in handles.iter().enumerate() {
        assert_eq!(TABLE.get(*handle).unwrap().core.address, index as u64);
    }
    handles.iter().for_each(|handle| TABLE.unregister(*handle).unwrap());
    assert_eq!((TABLE.iter().count(), TABLE.unregister(handles[3])), (0, Err(Change::Stale)));
}

#[test]
fn a_guard_takes_its_entry_back() {
    static TABLE: RuntimeTable<Format, 2> = RuntimeTable::new();
    let guard = TABLE.register_guarded(entry(1, 1)).unwrap();
    guard.set_properties(4).unwrap();
    assert_eq!(TABLE.iter().next().unwrap().core.properties, 4);
    drop(guard);
    assert_eq!(TABLE.iter().count(), 0);
    TABLE.register_guarded(entry(1, 1)).unwrap().keep();
    assert_eq!(TABLE.iter().count(), 1);
}

#[test]
fn a_class_of_another_schema_is_refused() {
    struct Foreign;

    impl Class for Foreign {
        type Format = Other;
        type Target = u64;
        const NAME: &'static str = "log";
        const NUMBER: u32 = 77;
        const PROPERTIES: u64 = 0;
        const TYPE_ID: u32 = 0;
    }

    static TABLE: RuntimeTable<Format, 2> = RuntimeTable::new();
    let plain = entry(1, 1);
    let foreign = Format { core: Region::new::<Foreign>(1, 1), ..plain };
    assert_eq!(TABLE.register(foreign), Err(RegisterError::Class));
    assert_eq!(TABLE.iter().count(), 0);
}

/// A table that is full of entries keeps its names for those that come when there is room again.
#[test]
fn a_refused_entry_takes_no_name() {
    static TABLE: RuntimeTable<Format, 1, 128> = RuntimeTable::new();
    let first = TABLE.register(entry(1, 1)).unwrap();
    for index in 0..1000 {
        let refused = TABLE.register_as(&format!("number {index}"), entry(1, 1));
        assert_eq!(refused, Err(RegisterError::Full));
    }
    TABLE.unregister(first).unwrap();
    TABLE.register_as("there is room for this", entry(1, 1)).unwrap();
}

/// Of regions that overlap and are announced by two threads at once, never are both there.
#[test]
fn of_two_that_overlap_one_is_refused() {
    static TABLE: RuntimeTable<Format, 64> = RuntimeTable::new();
    for round in 0..2_000_u64 {
        let barrier = Barrier::new(2);
        let announce = |offset: u64| {
            barrier.wait();
            TABLE.register_exclusive(entry(0x1000 + round * 16 + offset, 8))
        };
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(|| announce(4));
            (announce(0), other.join().unwrap())
        });
        assert!(one.is_err() || two.is_err(), "round {round}");
        for handle in [one, two].into_iter().flatten() {
            TABLE.unregister(handle).unwrap();
        }
    }
}
