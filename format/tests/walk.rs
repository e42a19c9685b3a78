//! Walks over address spaces, honest ones and hostile ones: what is there is found as it was written, and
//! what is broken is an answer after a bounded number of reads.

use std::cell::Cell;
use std::ops::ControlFlow;

use inspect_format::abi::{
    self, CoreEntry, DirectoryRecord, Header, Order, Root, extent, phase, section_kind, table_flags,
};
use inspect_format::root::RootError;
use inspect_format::table::{self, TableWriter};
use inspect_format::walk::{
    Fault, Frozen, LiveEntry, LiveTable, Memory, Summary, Tables, TextError, WalkErrorKind, span,
};
use proptest::prelude::*;

const ROOT: u64 = 0x1000;
const SECTION: u64 = 0x1100;
const SLOTS: u64 = 0x2000;
const CHAIN: u64 = 0x3000;
/// The rows of the first run-time table.
const ROWS: u64 = CHAIN + (Header::SIZE + 5 * DirectoryRecord::SIZE) as u64;
const SIZE: usize = 0x4000;
const NONCE: u64 = 0x1234_5678_9abc_def1;
const STRIDE: u32 = 72;
const MACHINES: [(Order, u8); 4] =
    [(Order::Little, 8), (Order::Big, 8), (Order::Little, 4), (Order::Big, 4)];

/// An address space of one piece, with holes, that counts its reads.
struct Space {
    bytes: Vec<u8>,
    order: Order,
    word_size: u8,
    holes: Vec<u64>,
    reads: Cell<u64>,
    /// Every read moves each row of the first run-time table to its next generation.
    is_restless: bool,
}

impl Memory for Space {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        self.reads.set(self.reads.get() + 1);
        let end = address.checked_add(out.len() as u64).ok_or(Fault { address })?;
        if self.holes.iter().any(|hole| (address..end).contains(hole)) || end > SIZE as u64 {
            return Err(Fault { address });
        }
        out.copy_from_slice(&self.bytes[address as usize..end as usize]);
        if self.is_restless && (ROWS..ROWS + 3 * u64::from(STRIDE)).contains(&address) {
            let state = (self.reads.get() as u32) << 2 | phase::LIVE;
            out.chunks_exact_mut(STRIDE as usize)
                .for_each(|row| row[..4].copy_from_slice(&self.order_bytes(state)));
        }
        Ok(())
    }
}

impl Space {
    fn order_bytes(&self, value: u32) -> [u8; 4] {
        match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn number(&self, value: u64) -> [u8; 8] {
        match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn put(&mut self, address: u64, bytes: &[u8]) {
        self.bytes[address as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn header(&self, address: u64) -> Header {
        Header::read(self.bytes[address as usize..].first_chunk().unwrap(), self.order)
    }

    fn set_header(&mut self, address: u64, change: impl FnOnce(&mut Header)) {
        let mut header = self.header(address);
        change(&mut header);
        let order = self.order;
        header.write(self.bytes[address as usize..].first_chunk_mut().unwrap(), order);
    }

    fn set_section(&mut self, table: u64, index: usize, change: impl FnOnce(&mut DirectoryRecord)) {
        let at = table as usize + Header::SIZE + index * DirectoryRecord::SIZE;
        let order = self.order;
        let place = self.bytes[at..].first_chunk_mut().unwrap();
        let mut record = DirectoryRecord::read(place, order);
        change(&mut record);
        record.write(place, order);
    }

    /// Two packed tables with padding between them, one of relative addresses and slots; two run-time tables on
    /// a chain.
    fn new(order: Order, word_size: u8) -> Self {
        let (holes, reads) = (Vec::new(), Cell::new(0));
        let bytes = vec![0; SIZE];
        let mut space = Self { bytes, order, word_size, holes, reads, is_restless: false };
        let relative = space.packed(SECTION, table_flags::RELATIVE);
        space.put(SECTION, &relative);
        let second = SECTION + relative.len() as u64 + 24;
        let absolute = space.packed(second, 0);
        space.put(second, &absolute);
        space.put(SLOTS, &space.number(0x4_5678));
        space.put(SLOTS + 8, &space.number(0x4_9abc));
        let first = space.packed(0, table_flags::RUN_TIME);
        let next = CHAIN + 0x400;
        for (at, next) in [(CHAIN, next), (next, 0)] {
            space.put(at, &first);
            space.set_header(at, |header| {
                header.self_address = at;
                header.nonce = NONCE;
                header.next = next;
                header.arena_used = 10;
            });
        }
        let root = Root {
            magic: abi::ROOT_MAGIC,
            byte_order: if order == Order::Little { 1 } else { 2 },
            word_size,
            format: abi::FORMAT,
            size: Root::SIZE as u32,
            compile_table: SECTION - ROOT,
            compile_end: second + absolute.len() as u64 + 40 - ROOT,
            runtime_table: CHAIN,
            nonce: NONCE,
            self_address: ROOT,
        };
        root.write(space.bytes[ROOT as usize..].first_chunk_mut().unwrap(), order);
        space
    }

    fn writer(&self, flags: u32) -> TableWriter {
        let history = [0x77, 0x88];
        let writer = TableWriter::new(self.order, self.word_size, "test", 2, STRIDE, &history);
        let mut writer = writer.unwrap();
        writer.flags(flags).schema([1, 2, 3]).identity([4, 5]);
        writer
    }

    /// The bytes of a table at an address: a direct region, one in a slot, one between a place and a slot.
    fn packed(&self, at: u64, flags: u32) -> Vec<u8> {
        let mut writer = self.writer(flags);
        let base = if flags & table_flags::RELATIVE != 0 { at } else { 0 };
        let mask = if self.word_size == 4 { u64::from(u32::MAX) } else { u64::MAX };
        for (core, fields) in self.rows(false) {
            let mut core = CoreEntry { name: writer.string("first").unwrap(), ..core };
            core.address = core.address.wrapping_sub(base) & mask;
            if core.extent & abi::EXTENT_MASK == extent::RANGE {
                core.bound = core.bound.wrapping_sub(base) & mask;
            }
            writer.row(&core, &fields).unwrap();
        }
        writer.finish()
    }

    /// The rows with absolute addresses: those in slots are the slots', or what they hold.
    fn rows(&self, are_resolved: bool) -> [(CoreEntry, [u8; 8]); 3] {
        let live = CoreEntry { state: phase::LIVE, class: 5, ..CoreEntry::ZERO };
        let slot = |bit: u8| if are_resolved { 0 } else { bit };
        let pick = |slot, value| if are_resolved { value } else { slot };
        let address_slot = slot(abi::EXTENT_ADDRESS_SLOT);
        let bound_slot = slot(abi::EXTENT_BOUND_SLOT);
        let direct = CoreEntry { id: 1, address: 0x5000, length: 16, ..live };
        let in_slot = CoreEntry {
            id: 2,
            address: pick(SLOTS, 0x4_5678),
            length: 8,
            extent: extent::DIRECT | address_slot,
            ..live
        };
        let range = CoreEntry {
            id: 3,
            address: 0x4_9000,
            bound: pick(SLOTS + 8, 0x4_9abc),
            extent: extent::RANGE | bound_slot,
            ..live
        };
        [(direct, 1), (in_slot, 2), (range, 3)].map(|(core, field)| (core, [field; 8]))
    }

    fn tables(&self) -> Vec<LiveTable<'_, Self>> {
        Tables::of_root(self, ROOT).unwrap().map(Result::unwrap).collect()
    }

    /// The first finding.
    fn error(&self) -> WalkErrorKind {
        match Tables::of_root(self, ROOT) {
            Ok(tables) => tables.map(|found| found.map(drop)).find_map(Result::err).unwrap().kind,
            Err(error) => error.kind,
        }
    }
}

fn entries(table: &LiveTable<'_, Space>, batch: usize) -> (Vec<CoreEntry>, Summary) {
    let mut rows = Vec::new();
    let mut buffer = vec![0xee; table.buffer_size(batch)];
    let mut visit = |row: LiveEntry<'_>| {
        rows.push(row.core);
        ControlFlow::Continue(())
    };
    let summary = table.entries(&mut buffer, &mut visit).unwrap();
    (rows, summary)
}

#[test]
fn what_was_written_is_found_on_every_machine() {
    for (order, word_size) in MACHINES {
        let space = Space::new(order, word_size);
        let tables = space.tables();
        assert_eq!(tables.len(), 4, "{order:?} {word_size}");
        for table in &tables {
            assert_eq!(
                (table.order(), table.word_size(), table.row_count()),
                (order, word_size, 3)
            );
            let expected = space.rows(false).map(|(core, _)| core);
            for batch in [1, 2, 64] {
                let (mut rows, summary) = entries(table, batch);
                assert_eq!(summary, Summary { live: 3, torn: 0, busy: 0 });
                rows.iter_mut().for_each(|row| row.name = 0);
                assert_eq!(rows, expected);
            }
            let resolved = space.rows(true).map(|(core, _)| match core.extent {
                extent::RANGE => (core.address, core.bound - core.address),
                _ => (core.address, core.length),
            });
            let spans = expected.map(|core| {
                let span = span(&space, &core, word_size, order).unwrap();
                (span.address, span.length)
            });
            assert_eq!(spans, resolved);
        }
    }
}

/// A frozen table is the one that a writer makes of the same rows, byte by byte.
#[test]
fn a_frozen_table_is_what_a_writer_makes() {
    for (order, word_size) in MACHINES {
        let space = Space::new(order, word_size);
        let mut writer = space.writer(0);
        for (core, fields) in space.rows(true) {
            let core = CoreEntry { name: writer.string("first").unwrap(), ..core };
            writer.row(&core, &fields).unwrap();
        }
        let expected = writer.finish();
        for table in space.tables() {
            let mut frozen = vec![0xee; table.frozen_size()];
            let size = table.freeze(&mut frozen).unwrap().size;
            assert_eq!(size, expected.len());
            let parsed = table::Table::parse(&frozen[..size]).unwrap();
            assert_eq!(parsed.rows().map(|row| row.name()).collect::<Vec<_>>(), [Ok("first"); 3]);
            let flags = parsed.header().flags;
            assert_eq!(flags & !table_flags::SORTED, 0);
            if table.is_run_time() {
                // Only the texts that are used are kept, and whether the rows are sorted is not known.
                assert_eq!(
                    parsed.sections().entries,
                    table::Table::parse(&expected).unwrap().sections().entries
                );
            } else {
                assert_eq!(frozen[..size], expected);
            }
            let needed = table.frozen_size();
            assert!(table.freeze(&mut frozen[..needed - 1]).is_err());
        }
    }
}

#[test]
fn rows_in_flight_are_counted_and_not_shown() {
    for (order, word_size) in MACHINES {
        let mut space = Space::new(order, word_size);
        for (index, state) in [(0, 7 << 2 | phase::WRITING), (1, 9 << 2 | phase::CHANGING)] {
            let state = space.order_bytes(state);
            space.put(ROWS + index * u64::from(STRIDE), &state);
        }
        let (found, summary) = entries(&space.tables()[2], 2);
        assert_eq!(summary, Summary { live: 2, torn: 1, busy: 0 });
        assert_eq!(found[0].state, 9 << 2 | phase::LIVE, "a changing row is valid");
        space.is_restless = true;
        let (found, summary) = entries(&space.tables()[2], 3);
        assert_eq!((found.len(), summary.busy), (0, 3), "they change whenever they are read");
    }
}

#[test]
fn what_is_broken_is_said() {
    use WalkErrorKind::{Elsewhere, Endless, Root as InRoot, Stale, Table};
    use table::ErrorKind;
    let second = CHAIN + 0x400;
    type Damage<'a> = &'a dyn Fn(&mut Space);
    let cases: [(Damage<'_>, &dyn Fn(WalkErrorKind) -> bool); 13] = [
        (&|space| space.put(ROOT, b"x"), &|kind| kind == InRoot(RootError::Magic)),
        (&|space| space.put(SECTION, b"x"), &|kind| kind == WalkErrorKind::Unknown),
        (&|space| space.holes.push(SECTION + 3), &|kind| kind == WalkErrorKind::Fault),
        (&|space| space.holes.push(CHAIN + 90), &|kind| kind == WalkErrorKind::Fault),
        (&|space| space.set_header(SECTION, |header| header.total_size = u64::MAX - 2), &|kind| {
            kind == Table(ErrorKind::TotalSize(u64::MAX - 2))
        }),
        (&|space| space.set_header(CHAIN, |header| header.section_count = u32::MAX), &|kind| {
            matches!(kind, Table(ErrorKind::SectionCount))
        }),
        (&|space| space.set_header(CHAIN, |header| header.header_size = !7), &|kind| {
            matches!(kind, Table(_))
        }),
        (&|space| space.set_section(CHAIN, 0, |record| record.size = u64::MAX - 71), &|kind| {
            matches!(
                kind,
                Table(
                    ErrorKind::SectionOutside(section_kind::ENTRIES)
                        | ErrorKind::EntriesSize { .. }
                )
            )
        }),
        (&|space| space.set_section(CHAIN, 1, |record| record.size = 1 << 63), &|kind| {
            kind == Table(ErrorKind::SectionOutside(section_kind::STRINGS))
        }),
        (&|space| space.set_header(second, |header| header.self_address = CHAIN), &|kind| {
            kind == Elsewhere { claimed: CHAIN }
        }),
        (&|space| space.set_header(second, |header| header.nonce += 1), &|kind| kind == Stale),
        (&|space| space.set_header(second, |header| header.next = CHAIN), &|kind| kind == Endless),
        (&|space| space.set_header(CHAIN, |header| header.next = CHAIN), &|kind| kind == Endless),
    ];
    for (order, word_size) in MACHINES {
        for (index, (damage, is_expected)) in cases.iter().enumerate() {
            let mut space = Space::new(order, word_size);
            if index == 8 && word_size == 8 {
                // Half of the address space is thinkable there.
                space.set_section(CHAIN, 1, |record| record.offset = 1 << 63);
                space.set_section(CHAIN, 1, |record| record.size = 1 << 63);
            }
            damage(&mut space);
            let kind = space.error();
            assert!(is_expected(kind), "{index} {order:?} {word_size}: {kind:?}");
            assert!(space.reads.get() < 100, "{index}: {} reads", space.reads.get());
        }
    }
}

#[test]
fn texts_that_are_none_are_answers() {
    let mut space = Space::new(Order::Little, 8);
    let strings = {
        let record_at = CHAIN as usize + Header::SIZE + DirectoryRecord::SIZE;
        let record = space.bytes[record_at..].first_chunk().unwrap();
        CHAIN + DirectoryRecord::read(record, Order::Little).offset
    };
    space.put(strings, b"\0\xff\0abcd");
    let table = LiveTable::at(&space, CHAIN).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(table.text(0, &mut buffer), Ok(""));
    assert_eq!(table.text(1, &mut buffer), Err(TextError::Encoding));
    assert_eq!(table.text(3, &mut buffer), Err(TextError::Endless));
    assert_eq!(table.text(3, &mut buffer[..2]), Err(TextError::TooLong));
    assert_eq!(table.text(7, &mut buffer), Err(TextError::Outside));
    assert_eq!(table.text(u32::MAX, &mut buffer), Err(TextError::Outside));
}

/// Does everything that can be done with a root, and returns how many entries there were.
fn explore(space: &Space, buffer_size: usize) -> u64 {
    let Ok(tables) = Tables::of_root(space, ROOT) else { return 0 };
    let mut count = 0;
    for table in tables {
        let Ok(table) = table else { continue };
        let mut text = [0; 40];
        let mut visit = |row: LiveEntry<'_>| {
            let _ = span(space, &row.core, table.word_size(), table.order());
            let _ = table.text(row.core.name, &mut text);
            count += 1;
            ControlFlow::Continue(())
        };
        let _ = table.entries(&mut vec![0; buffer_size], &mut visit);
        let size = table.frozen_size();
        if size < 1 << 20 {
            let mut frozen = vec![0; size];
            if let Ok(Frozen { size, .. }) = table.freeze(&mut frozen) {
                let _ = table::Table::parse(&frozen[..size]).map(|table| table.rows().count());
            }
        }
    }
    count
}

fn cases() -> u32 {
    if std::env::var_os("INSPECT_LONG").is_some() { 200_000 } else { 2000 }
}

/// Numbers that break things: small ones, limits, addresses of the space.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..64_u64,
        any::<u64>(),
        (0..64_u32, -9..9_i64).prop_map(|(shift, more)| (1_u64 << shift).wrapping_add_signed(more)),
        (0..SIZE as u64 / 8).prop_map(|word| word * 8),
        Just(CHAIN),
        Just(CHAIN + 0x400),
        Just(SECTION),
    ]
}

/// Where headers, directories and the first rows lie.
fn place() -> impl Strategy<Value = u64> {
    let from = prop_oneof![Just(ROOT), Just(SECTION), Just(CHAIN), Just(CHAIN + 0x400)];
    (from, 0..0x200_u64).prop_map(|(from, distance)| from + distance)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_hostile_memory_ends_the_walk(
        machine in 0..4_usize,
        damage in prop::collection::vec((place(), number(), 1..=8_usize), 1..6),
        holes in prop::collection::vec(0..SIZE as u64, 0..2),
        buffer_size in prop_oneof![Just(4096_usize), 0..700_usize],
        is_restless in any::<bool>(),
    ) {
        let (order, word_size) = MACHINES[machine];
        let mut space = Space::new(order, word_size);
        for (place, number, size) in damage {
            let bytes = space.number(number);
            // The low bytes of a big-endian number come last.
            let bytes = if order == Order::Little { &bytes[..size] } else { &bytes[8 - size..] };
            space.put(place & !(size.next_power_of_two() as u64 - 1), bytes);
        }
        space.holes = holes;
        space.is_restless = is_restless;
        explore(&space, buffer_size);
        // The memory has room for some 200 rows of the least size, each of which is read a few dozen times in
        // each of a few tables.
        prop_assert!(space.reads.get() < 200_000, "{} reads", space.reads.get());
    }
}
