//! Run-time tables: what is registered is there, what is gone stays gone, and what does not fit is an error.

mod support;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

use inspect_format::abi::phase;
use inspect_format::table::Table;
use inspect_runtime::__private::FieldWriter;
use inspect_runtime::{
    Change, Class, ClassInfo, EntryFormat, FieldInfo, GrowingTable, Handle, Region, RegisterError,
    RuntimeTable, Sections,
};
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

/// Whatever a chunk is made for fits it: of names and texts of all lengths around those that a small chunk
/// has room for, none needs a second one.
#[test]
fn a_fresh_chunk_has_room_for_what_it_was_made_for() {
    for length in 0..200 {
        let table: &GrowingTable<Format> = Box::leak(Box::default());
        let text = Box::leak("t".repeat(length * 20).into_boxed_str());
        let name = "n".repeat(1850 + length);
        table.register_as(&name, Format { text, ..entry(1, 1) }).unwrap();
        assert_eq!(table.chunks().count(), 1, "{length}");
        assert_eq!(table.iter().count(), 1);
    }
}

/// A table that grows takes new names however many it has kept, for entries of which none is left.
#[test]
fn a_growing_table_takes_ever_new_names() {
    static TABLE: GrowingTable<Format> = GrowingTable::new();
    for number in 0..2000 {
        let handle = TABLE.register_as(&format!("connection {number}"), entry(1, 1)).unwrap();
        TABLE.unregister(handle).unwrap();
    }
    let chunks = TABLE.chunks().count();
    assert!(chunks < 8, "{chunks}: each is twice as large as the one before");
    // Full of entries at the oldest chunk, out of names at the newest, and the other way round.
    let held: Vec<_> = (0..500).map(|number| TABLE.register(entry(number, 1)).unwrap()).collect();
    let large = "x".repeat(100_000);
    let handle = TABLE.register_as(&large, entry(1, 1)).unwrap();
    let [newest, ..] = &TABLE.chunks().collect::<Vec<_>>()[..] else { panic!("no chunk") };
    let found = newest.get(handle).expect("the newest chunk was made for it");
    assert_eq!(newest.name_of(&found, &mut vec![0; 100_001]), Some(&*large));
    assert_eq!(TABLE.iter().count(), held.len() + 1);
}

/// An entry whose fields are written by a function of the test.
#[derive(Clone, Copy)]
struct Hooked {
    plain: Format,
    write: fn(&mut FieldWriter<'_>) -> Result<(), RegisterError>,
}

impl EntryFormat for Hooked {
    const SCHEMA: &'static str = Format::SCHEMA;
    const VERSION: u32 = Format::VERSION;
    const SIZE: u32 = Format::SIZE;
    const HISTORY: &'static [u64] = Format::HISTORY;
    const CLASSES: &'static [ClassInfo] = Format::CLASSES;
    const FIELDS: &'static [FieldInfo] = Format::FIELDS;
    type Words = <Format as EntryFormat>::Words;

    fn region(&self) -> &Region {
        self.plain.region()
    }

    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), RegisterError> {
        (self.write)(out)
    }

    fn sections() -> Sections {
        Format::sections()
    }
}

/// An entry whose text is longer each time it is asked for never fits what was made for it.
#[test]
fn an_entry_that_grows_faster_than_its_table_is_refused() {
    static TABLE: GrowingTable<Hooked> = GrowingTable::new();
    static ASKED: AtomicUsize = AtomicUsize::new(1);
    let write = |out: &mut FieldWriter<'_>| {
        out.put_text(72, &"x".repeat(3000 * ASKED.fetch_add(1, Ordering::Relaxed)))
    };
    let swelling = Hooked { plain: entry(1, 1), write };
    assert_eq!(TABLE.register(swelling), Err(RegisterError::NamesFull));
    assert_eq!(TABLE.iter().count(), 0);
    assert!(TABLE.chunks().count() < 8);
}

/// A table that is full of entries keeps its memory for texts, also of entries without names.
#[test]
fn a_refused_entry_takes_no_text() {
    static TABLE: RuntimeTable<Format, 1, 128> = RuntimeTable::new();
    let first = TABLE.register(entry(1, 1)).unwrap();
    for index in 0..1000 {
        let text = Box::leak(format!("text {index}").into_boxed_str());
        let refused = TABLE.register(Format { text, ..entry(1, 1) });
        assert_eq!(refused, Err(RegisterError::Full));
    }
    TABLE.unregister(first).unwrap();
    TABLE.register(Format { text: "there is room for this", ..entry(1, 1) }).unwrap();
}

/// The state of a row of a table in a static.
fn state<F: EntryFormat, const N: usize>(
    table: &'static RuntimeTable<F, N>,
    row: usize,
) -> &'static AtomicU32 {
    assert!(row < N);
    let start = std::ptr::from_ref(table).cast::<u8>();
    // SAFETY: rows begin at 256, each with its state, which is an atomic of the table's own.
    unsafe { &*start.add(256 + row * F::SIZE as usize).cast() }
}

/// What changes an entry may never go on: it was lost in a fork, or is what the dropping code interrupted.
#[test]
fn a_guard_does_not_wait_for_ever() {
    static TABLE: RuntimeTable<Format, 1> = RuntimeTable::new();
    let guard = TABLE.register_guarded(entry(1, 1)).unwrap();
    state(&TABLE, 0).store(phase::CHANGING, Ordering::Relaxed);
    drop(guard);
    assert_eq!(TABLE.iter().count(), 1, "the entry stays");
    assert_eq!(TABLE.view().reclaim().changing, 1);
}

/// A change that lasts a moment is waited for.
#[test]
fn a_guard_waits_for_a_change() {
    static TABLE: RuntimeTable<Format, 1> = RuntimeTable::new();
    let guard = TABLE.register_guarded(entry(1, 1)).unwrap();
    state(&TABLE, 0).store(phase::CHANGING, Ordering::Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| state(&TABLE, 0).store(phase::LIVE, Ordering::Release));
        drop(guard);
    });
    assert_eq!(TABLE.iter().count(), 0);
}

/// Of two that were announced at once one gives way. If somebody has begun to change it by then, and never ends,
/// it stays, and nobody waits for ever.
#[test]
fn a_region_that_is_to_be_alone_does_not_wait_for_ever() {
    const ROWS: usize = 4096;
    static TABLE: RuntimeTable<Hooked, ROWS> = RuntimeTable::new();
    static RIVAL: Mutex<Option<Handle>> = Mutex::new(None);
    let plain = |address| Hooked { plain: entry(address, 1), write: |_| Ok(()) };
    for number in 0..ROWS as u64 - 2 {
        TABLE.register(plain(0x10_0000 + number * 16)).unwrap();
    }
    let phase = |row| state(&TABLE, row).load(Ordering::Relaxed) & 3;
    let free: Vec<usize> = (0..ROWS).filter(|row| phase(*row) == phase::EMPTY).collect();
    // The rival comes between the first look at the others and the entry itself.
    let write = |_: &mut FieldWriter<'_>| {
        let rival = Hooked { plain: entry(1, 1), write: |_| Ok(()) };
        *RIVAL.lock().unwrap() = Some(TABLE.register(rival)?);
        Ok(())
    };
    let set = |row: &usize, from: u32, to: u32| {
        let change = |state: u32| (state & 3 == from).then_some(state & !3 | to);
        let state = state(&TABLE, *row);
        state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    };
    loop {
        let barrier = Barrier::new(2);
        let done = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                while !done.load(Ordering::Relaxed) {
                    free.iter().for_each(|row| _ = set(row, phase::LIVE, phase::CHANGING));
                }
            });
            barrier.wait();
            let outcome = TABLE.register_exclusive(Hooked { write, ..plain(1) });
            done.store(true, Ordering::Relaxed);
            outcome
        });
        let rival = RIVAL.lock().unwrap().take().expect("it was registered");
        assert_eq!(outcome, Err(RegisterError::Overlaps(rival)));
        // The changer may have come too late: then the entry is gone, and all begins again.
        if free.iter().all(|row| phase(*row) == phase::CHANGING) {
            break;
        }
        free.iter().for_each(|row| _ = set(row, phase::CHANGING, phase::LIVE));
        TABLE.unregister(rival).unwrap();
    }
    assert_eq!(TABLE.iter().filter(|entry| entry.core.address == 1).count(), 2);
}
