//! What tables are given that is wrong: an error value each, nothing lost, nothing half-done.

#![cfg(target_os = "linux")]

mod support;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use inspect_format::abi::{GENERATION_LAST, Header, phase};
use inspect_runtime::{
    AttachError, Change, Entry, Handle, RegisterError, RuntimeTable, SharedTable,
};
use proptest::prelude::*;

use support::{Format, Other, entry};

const SIZE: usize = 2048;
const ROWS: usize = 8;
const NAMES: [&str; 5] = ["some name", "other", "x", "a longer name than those", "abc"];

/// Memory for one table, aligned as tables are.
#[repr(C, align(64))]
struct Block([AtomicU64; SIZE / 8]);

impl Block {
    fn new() -> Box<Self> {
        Box::new(Self([const { AtomicU64::new(0) }; SIZE / 8]))
    }

    fn start(&self) -> NonNull<u8> {
        NonNull::from(self).cast()
    }

    fn create(&self, row_count: usize) -> Result<SharedTable<Format>, AttachError> {
        // SAFETY: the block is zeroed, outlives the table in every test, and is all atomics.
        unsafe { SharedTable::create(self.start(), SIZE, row_count) }
    }

    fn attach(&self, size: usize) -> Result<SharedTable<Format>, AttachError> {
        // SAFETY: as above; `size` is never more than the block has.
        unsafe { SharedTable::attach(self.start(), size) }
    }

    fn put(&self, at: usize, size: usize, number: u64) {
        for (index, byte) in number.to_le_bytes()[..size].iter().enumerate() {
            let at = at + index;
            let word = &self.0[at / 8];
            let mut bytes = word.load(Ordering::Relaxed).to_ne_bytes();
            bytes[at % 8] = *byte;
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
    }

    /// The state of a row.
    fn state(&self, row: usize) -> &AtomicU32 {
        // SAFETY: rows begin at 256, the row's state is the first half of an aligned word of the block, and
        // atomics may be shared.
        unsafe { self.start().add(256 + row * 80).cast().as_ref() }
    }
}

#[test]
fn memory_that_is_none_is_refused() {
    let block = Block::new();
    // SAFETY: nothing is written, since the memory does not begin at a multiple of 64.
    let misaligned = unsafe { SharedTable::<Format>::create(block.start().add(8), SIZE - 8, 1) };
    assert_eq!(misaligned.err(), Some(AttachError::Memory));
    // SAFETY: as above, of 8.
    let misaligned = unsafe { SharedTable::<Format>::attach(block.start().add(4), SIZE - 4) };
    assert_eq!(misaligned.err(), Some(AttachError::Memory));
    for rows in [SIZE / 80 + 1, usize::MAX / 80, usize::MAX] {
        assert_eq!(block.create(rows).err(), Some(AttachError::Memory), "{rows}");
    }
    assert!(block.0.iter().all(|word| word.load(Ordering::Relaxed) == 0), "nothing was written");
    assert!(matches!(block.attach(SIZE), Err(AttachError::Table(_))), "zeros are no table");
    assert!(block.create(ROWS).is_ok());
    for size in [0, 96, 255, 256, SIZE - 8] {
        assert!(block.attach(size).is_err(), "{size}");
    }
    assert!(block.attach(SIZE).is_ok());
    // A copy of a table is none.
    let copy = Block::new();
    for (to, from) in copy.0.iter().zip(&block.0) {
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    let claimed = block.start().addr().get() as u64;
    assert_eq!(copy.attach(SIZE).err(), Some(AttachError::Elsewhere { claimed }));
}

/// Where rows or names would overlap something, or not be aligned.
#[test]
fn a_table_that_is_divided_otherwise_is_refused() {
    let rows_end = 256 + ROWS as u64 * 80;
    let names = SIZE as u64 - rows_end;
    // Of the directory's first two records, rows and names: the distance, and behind it the size.
    let [rows, texts] = [Header::SIZE + 8, Header::SIZE + 24 + 8];
    let (distance, size) = (0, 8);
    for (place, number) in [
        (rows + distance, 88),
        (rows + distance, 252),
        (rows + size, 8 * 80 - 8),
        (texts + distance, rows_end - 4),
        (texts + distance, rows_end + 2),
        (texts + size, names + 4),
        (Header::TOTAL_SIZE_AT, SIZE as u64 + 8),
    ] {
        let block = Block::new();
        assert!(block.create(ROWS).is_ok() && block.attach(SIZE).is_ok());
        block.put(place, 8, number);
        assert_eq!(block.attach(SIZE).err(), Some(AttachError::Division), "{number} at {place}");
    }
}

#[test]
fn a_table_of_another_schema_is_foreign() {
    let block = Block::new();
    // SAFETY: the block is zeroed, and is not used by anybody else before it is looked at below.
    let made = unsafe { SharedTable::<Other>::create(block.start(), SIZE, ROWS) };
    assert!(made.is_ok());
    assert_eq!(block.attach(SIZE).err(), Some(AttachError::Foreign));
}

#[test]
fn a_table_without_rows_is_full() {
    let block = Block::new();
    let table = block.create(0).unwrap();
    let table = table.table();
    assert_eq!(table.register(entry(1, 1)), Err(RegisterError::Full));
    assert_eq!((table.capacity(), table.iter().count()), (0, 0));
    assert_eq!(table.reclaim(), Default::default());
}

/// A full table takes nothing, and what was refused leaves no trace in it.
#[test]
fn a_refusal_leaves_everything_as_it_was() {
    let block = Block::new();
    let shared = block.create(2).unwrap();
    let table = shared.table();
    let held = [1, 2].map(|number| table.register_as("name", entry(number, 1)).unwrap());
    let before: Vec<Entry> = table.iter().collect();
    assert_eq!(table.register_as("name", entry(3, 1)), Err(RegisterError::Full));
    let wrapping = [entry(u64::MAX, 2), entry(2, u64::MAX), entry(usize::MAX as u64, 2)];
    for entry in wrapping {
        assert_eq!(table.register(entry), Err(RegisterError::Wraps));
    }
    let backwards = Format { core: entry(16, 0).core.until(8), ..entry(16, 0) };
    assert_eq!(table.register(backwards), Err(RegisterError::Wraps));
    let text = Format { text: "a\0b", ..entry(1, 1) };
    assert_eq!(table.register(text), Err(RegisterError::Name));
    assert_eq!(table.iter().collect::<Vec<_>>(), before);
    table.unregister(held[0]).unwrap();
    // The refused ones took no slot either: the free one takes a row.
    for entry in wrapping {
        assert_eq!(table.register(entry), Err(RegisterError::Wraps));
    }
    table.register(entry(4, 1)).unwrap();
    assert_eq!(table.iter().count(), 2);
}

#[test]
fn names_that_do_not_fit_leave_the_slot_free() {
    static TABLE: RuntimeTable<Format, 2, 64> = RuntimeTable::new();
    let long = "a name that is a good deal longer than what the table has for names";
    assert_eq!(TABLE.register_as(long, entry(1, 1)), Err(RegisterError::NamesFull));
    let text = Format { text: long, ..entry(1, 1) };
    assert_eq!(TABLE.register_as("short", text), Err(RegisterError::NamesFull));
    assert_eq!(TABLE.iter().count(), 0);
    for number in 1..1000 {
        // What is kept already needs no room.
        let handle = TABLE.register_as("short", entry(number, 1)).unwrap();
        TABLE.unregister(handle).unwrap();
    }
}

#[test]
fn handles_of_others_are_stale() {
    static FIRST: RuntimeTable<Format, 2> = RuntimeTable::new();
    static SECOND: RuntimeTable<Format, 2> = RuntimeTable::new();
    let first = FIRST.register(entry(1, 1)).unwrap();
    let second = SECOND.register(entry(2, 1)).unwrap();
    for (table, foreign) in [(&FIRST, second), (&SECOND, first)] {
        assert_eq!(table.unregister(foreign), Err(Change::Stale));
        assert_eq!(table.set_properties(foreign, 0), Err(Change::Stale));
        assert_eq!(table.view().get(foreign), None);
        assert_eq!(table.iter().count(), 1);
    }
    FIRST.unregister(first).unwrap();
    for _ in 0..2 {
        assert_eq!(FIRST.unregister(first), Err(Change::Stale));
        assert_eq!(FIRST.set_properties(first, 0), Err(Change::Stale));
    }
}

/// The last generations of a slot: none is given twice, and then the slot is never used again.
#[test]
fn a_slot_ends_with_its_generations() {
    let block = Block::new();
    let shared = block.create(1).unwrap();
    let table = shared.table();
    block.state(0).store((GENERATION_LAST - 2) << 2 | phase::EMPTY, Ordering::Relaxed);
    let mut seen: Vec<Handle> = Vec::new();
    for _ in 0..2 {
        let handle = table.register(entry(1, 1)).unwrap();
        assert!(!seen.contains(&handle));
        seen.push(handle);
        table.unregister(handle).unwrap();
    }
    assert_eq!(table.register(entry(1, 1)), Err(RegisterError::Full));
    assert_eq!(block.state(0).load(Ordering::Relaxed), GENERATION_LAST << 2 | phase::EMPTY);
    for handle in seen {
        assert_eq!(table.unregister(handle), Err(Change::Stale));
    }
    // Nor does it make room for names.
    for number in 0..1000 {
        let refused = table.register_as(&format!("number {number}"), entry(1, 1));
        assert_eq!(refused, Err(RegisterError::Full));
    }
    // A writer that died in the last generation is no reason to begin again.
    block.state(0).store(GENERATION_LAST << 2 | phase::WRITING, Ordering::Relaxed);
    assert_eq!(table.reclaim().writing, 1);
    assert_eq!(table.register(entry(1, 1)), Err(RegisterError::Full));
    // In one before, the slot has a new owner and therefore another generation.
    block.state(0).store(7 << 2 | phase::WRITING, Ordering::Relaxed);
    assert_eq!(table.reclaim().writing, 1);
    assert_eq!(block.state(0).load(Ordering::Relaxed), 8 << 2 | phase::EMPTY);
}

#[test]
fn changes_wait_for_nobody() {
    let block = Block::new();
    let shared = block.create(1).unwrap();
    let table = shared.table();
    let handle = table.register(entry(1, 1)).unwrap();
    block.state(0).store(phase::CHANGING, Ordering::Relaxed);
    assert_eq!(table.unregister(handle), Err(Change::Busy));
    assert_eq!(table.set_properties(handle, 5), Err(Change::Busy));
    assert_eq!(table.iter().count(), 1, "a changing row is valid");
    assert_eq!((table.reclaim().changing, table.reclaim().changing), (1, 0));
    table.set_properties(handle, 5).unwrap();
    table.unregister(handle).unwrap();
}

/// Uses a table as if nothing were wrong with it.
fn use_up(shared: &SharedTable<Format>) {
    let table = shared.table();
    let mut held = Vec::new();
    for number in 0..20 {
        let name = NAMES[number as usize % NAMES.len()];
        held.extend(table.register_as(name, entry(number, 1)));
    }
    let mut buffer = [0; 64];
    for entry in table.iter().take(100) {
        let _ = table.name_of(&entry, &mut buffer);
        let _ = table.set_properties(entry.handle, 9);
    }
    for handle in held {
        let _ = table.unregister(handle);
    }
    table.reclaim();
}

/// A place in the header and the directory, or anywhere among rows, names and the heads of their lists.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![0..Header::SIZE + 120, 0..SIZE]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a header says, the table is refused or stays inside its memory: the words behind it, which
    /// belong to it as far as the operating system is concerned, are as they were.
    #[test]
    fn a_damaged_table_is_refused_or_harmless(
        damage in prop::collection::vec((place(), prop_oneof![any::<u64>(), 0..3000_u64], 1..=8_usize), 1..4),
        cut in 0..3_usize,
        rows in prop::collection::vec(any::<u32>(), ROWS),
    ) {
        let block = Block::new();
        let inner = SIZE - 512 + cut * 8;
        // SAFETY: the block is larger, zeroed, and outlives the table.
        let created = unsafe { SharedTable::<Format>::create(block.start(), inner, ROWS) };
        let created = created.map(|table| use_up(&table));
        prop_assert!(created.is_ok());
        for (index, state) in rows.iter().enumerate() {
            block.state(index).store(*state, Ordering::Relaxed);
        }
        for (at, number, size) in damage {
            block.put(at.min(inner - size), size, number);
        }
        for word in &block.0[inner / 8..] {
            word.store(0x5a5a_5a5a_5a5a_5a5a, Ordering::Relaxed);
        }
        if let Ok(table) = block.attach(inner) {
            use_up(&table);
        }
        let is_whole = |word: &AtomicU64| word.load(Ordering::Relaxed) == 0x5a5a_5a5a_5a5a_5a5a;
        prop_assert!(block.0[inner / 8..].iter().all(is_whole));
    }
}

static INTERRUPTED: RuntimeTable<Format, 4, 256> = RuntimeTable::new();
static SIGNALS: AtomicU64 = AtomicU64::new(0);

/// Registers, looks and takes back in the table that the interrupted code is registering in.
extern "C" fn interrupt(_: libc::c_int) {
    let number = 1 << 40 | SIGNALS.fetch_add(1, Ordering::Relaxed);
    // The interrupted code may hold two slots and be filling the third.
    let handle = INTERRUPTED.register_as("handler", entry(number, 5)).unwrap();
    let mut is_there = false;
    for entry in &INTERRUPTED {
        assert_eq!(entry.core.instance, entry.core.address ^ entry.core.length);
        is_there |= entry.handle == handle;
    }
    assert!(is_there);
    INTERRUPTED.unregister(handle).unwrap();
}

#[test]
fn a_signal_may_interrupt_a_registration() {
    let rounds = if std::env::var_os("INSPECT_LONG").is_some() { 20_000 } else { 1000 };
    // SAFETY: the handler calls this crate only, which is made for that.
    unsafe {
        libc::signal(libc::SIGALRM, interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t)
    };
    let every = libc::timeval { tv_sec: 0, tv_usec: 50 };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the timer is valid, and nothing is written back.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }, 0);
    let mut number = 0;
    while SIGNALS.load(Ordering::Relaxed) < rounds {
        number += 1;
        let handles =
            ["one", "two"].map(|name| INTERRUPTED.register_as(name, entry(number, 3)).unwrap());
        INTERRUPTED.set_properties(handles[0], number).unwrap();
        assert_eq!(INTERRUPTED.iter().filter(|entry| entry.core.address == number).count(), 2);
        handles.iter().for_each(|handle| INTERRUPTED.unregister(*handle).unwrap());
    }
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: never, it_value: never };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }, 0);
    println!("{number} rounds, {} signals", SIGNALS.load(Ordering::Relaxed));
}
