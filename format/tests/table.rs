//! Tables: what is written is read, what is damaged is an error with a place, and the extension
//! rule of the format holds for every pair of versions.

use inspect_format::abi::{
    self, CoreEntry, DirectoryRecord, Header, Order, phase, section_flags, section_kind,
    table_flags,
};
use inspect_format::hash::schema_number;
use inspect_format::table::{
    Compatibility, Error, ErrorKind, Phase, Prefix, Sections, Table, TableWriter, WriteError,
    checksum, tables,
};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

fn core(class: u32, id: u32) -> CoreEntry {
    CoreEntry {
        state: 5 << 2 | phase::LIVE,
        id,
        class,
        type_: 3,
        properties: 1 << 63 | 2,
        address: 0x1122_3344_5566_7788,
        length: 99,
        instance: 7,
        name: 0,
        space: 0x102,
        extent: 2,
        bound_size: 4,
        bound: 0x8877_6655_4433_2211,
    }
}

fn write(order: Order, flags: u32) -> Vec<u8> {
    let history = [11, 22, 33];
    let mut writer = TableWriter::new(order, 8, "a.b", 2, 80, &history).unwrap();
    writer.flags(flags).schema([1, 2, 3]).types([4; 9]).identity([5]);
    let first = writer.string("first").unwrap();
    let second = writer.string("zweite Zeile: ü").unwrap();
    assert_eq!(writer.string("first").unwrap(), first);
    assert_eq!(writer.string("").unwrap(), 0);
    writer.row(&CoreEntry { name: first, ..core(1, 5) }, &[1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
    writer.row(&CoreEntry { name: second, ..core(2, 4) }, &[]).unwrap();
    writer.finish()
}

#[test]
fn what_is_written_is_read() {
    for order in ORDERS {
        let bytes = write(order, 0);
        assert_eq!(bytes.len() % 8, 0);
        let table = Table::parse(&bytes).expect("a table");
        assert_eq!(table.order(), order);
        assert_eq!((table.word_size(), table.version()), (8, 2));
        assert_eq!(table.header().fingerprint, 22);
        assert_eq!(table.header().schema, schema_number("a.b"));
        assert_eq!(table.header().flags, table_flags::SORTED);
        assert_ne!(table.header().checksum, 0);
        assert_eq!(table.total_size(), bytes.len() as u64);
        assert_eq!(table.sections().schema, [1, 2, 3]);
        assert_eq!(table.sections().types, [4; 9]);
        assert_eq!(table.sections().identity, [5]);
        assert_eq!(table.history().iter().collect::<Vec<_>>(), [11, 22, 33]);

        let rows: Vec<_> = table.rows().collect();
        assert_eq!((rows.len(), table.row_count()), (2, 2));
        let row = rows[0];
        assert_eq!(row.core(), CoreEntry { name: row.name_offset(), ..core(1, 5) });
        assert_eq!((row.class(), row.id(), row.type_id()), (1, 5, 3));
        assert_eq!((row.generation(), row.phase()), (5, Phase::Live));
        assert_eq!((row.space(), row.extent(), row.bound_size()), (0x102, 2, 4));
        assert_eq!((row.address(), row.bound()), (core(1, 5).address, core(1, 5).bound));
        assert_eq!((row.properties(), row.length(), row.instance()), (1 << 63 | 2, 99, 7));
        assert_eq!(row.name(), Ok("first"));
        assert_eq!(rows[1].name(), Ok("zweite Zeile: ü"));
        assert_eq!(row.field(64, 1), Some(&[1, 2, 3, 4]));
        assert_eq!(row.u8_field(72, 1), Some(9));
        assert_eq!(rows[1].field(64, 1), Some(&[0; 16]));
    }
}

#[test]
fn the_writer_refuses_what_no_reader_takes() {
    let new = |word, entry| TableWriter::new(Order::Little, word, "s", 1, entry, &[]).err();
    assert_eq!(new(2, 64), Some(WriteError::WordSize(2)));
    assert_eq!(new(8, 56), Some(WriteError::EntrySize(56)));
    assert_eq!(new(8, 68), Some(WriteError::EntrySize(68)));
    let mut writer = TableWriter::new(Order::Little, 8, "s", 1, 72, &[]).unwrap();
    assert_eq!(writer.string("a\0b"), Err(WriteError::StringWithNul));
    assert_eq!(writer.row(&core(1, 1), &[0; 9]).err(), Some(WriteError::RowTooLong));
    writer.row(&core(1, 2), &[]).unwrap().row(&core(1, 1), &[]).unwrap();
    let bytes = writer.finish();
    let table = Table::parse(&bytes).unwrap();
    assert_eq!(table.header().flags & table_flags::SORTED, 0);
}

#[test]
fn every_cut_is_an_error_at_its_end() {
    for order in ORDERS {
        let bytes = write(order, 0);
        for end in 0..bytes.len() {
            let error = Table::parse(&bytes[..end]).expect_err("a cut table");
            assert!(matches!(error.kind, ErrorKind::Truncated { .. }), "{end}: {error}");
            assert_eq!(error.offset, end as u64);
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed_where_there_is_a_checksum() {
    let bytes = write(Order::Big, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(Table::parse(&damaged).is_err(), "byte {at}, bit {bit}");
        }
    }
}

/// A run-time table has no checksum: whatever its bytes say, reading ends without a panic.
#[test]
fn damaged_run_time_tables_are_read_without_trust() {
    let bytes = write(Order::Little, table_flags::RUN_TIME);
    let mut parsed = 0;
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let Ok(table) = Table::parse(&damaged) else {
                continue;
            };
            parsed += 1;
            for row in table.rows() {
                let _ = (row.name(), row.address(), row.core(), row.string_field(72, 1));
                let _ = (row.field::<64>(17, 0), row.u64_field(usize::MAX, 0));
            }
            let _ = table.check_reader(schema_number("a.b"), 3, &[11, 22, 33]);
            let _ = (table.history().fingerprint(u32::MAX), table.string(u32::MAX));
        }
    }
    assert!(parsed > 1000, "most damages leave a table: {parsed}");
}

fn edit(bytes: &mut [u8], order: Order, change: impl FnOnce(&mut Header)) {
    let place = bytes.first_chunk_mut().unwrap();
    let mut header = Header::read(place, order);
    change(&mut header);
    header.checksum = 0;
    header.write(place, order);
}

fn edit_section(bytes: &mut [u8], index: usize, change: impl FnOnce(&mut DirectoryRecord)) {
    let at = Header::SIZE + index * DirectoryRecord::SIZE;
    let place = bytes[at..].first_chunk_mut().unwrap();
    let mut section = DirectoryRecord::read(place, Order::Little);
    change(&mut section);
    section.write(place, Order::Little);
}

#[test]
fn impossible_headers_are_named() {
    type Change = fn(&mut Header);
    let cases: [(Change, usize, ErrorKind); 13] = [
        (|h| h.magic = [0; 8], 0, ErrorKind::NoTable),
        (|h| h.magic = abi::ROOT_MAGIC, 0, ErrorKind::Magic),
        (|h| h.byte_order = 0, 8, ErrorKind::ByteOrder(0)),
        (|h| h.word_size = 2, 9, ErrorKind::WordSize(2)),
        (|h| h.format = 2, 10, ErrorKind::Format(2)),
        (|h| h.header_size = 88, 12, ErrorKind::HeaderSize(88)),
        (|h| h.header_size = 100, 12, ErrorKind::HeaderSize(100)),
        (|h| h.total_size = 95, 16, ErrorKind::TotalSize(95)),
        (|h| h.entry_size = 0, 36, ErrorKind::EntrySize(0)),
        (|h| h.entry_size = 68, 36, ErrorKind::EntrySize(68)),
        (|h| h.entry_size = 72, 36, ErrorKind::EntriesSize { size: 160 }),
        (|h| h.section_count = u32::MAX, 28, ErrorKind::SectionCount),
        (|h| h.header_size = 0xffff_fff8, 16, ErrorKind::TotalSize(496)),
    ];
    for (index, (change, offset, kind)) in cases.into_iter().enumerate() {
        let mut bytes = write(Order::Little, 0);
        let total = bytes.len() as u64;
        edit(&mut bytes, Order::Little, change);
        let expected = match kind {
            ErrorKind::TotalSize(496) => ErrorKind::TotalSize(total),
            other => other,
        };
        let error = Table::parse(&bytes).expect_err("an impossible header");
        assert_eq!(error, Error { offset: offset as u64, kind: expected }, "case {index}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn impossible_sections_are_named() {
    type Change = fn(&mut DirectoryRecord);
    let last = 5;
    let cases: [(Change, ErrorKind); 5] = [
        (|s| s.kind = section_kind::ENTRIES, ErrorKind::SectionRepeated(1)),
        (|s| (s.kind, s.flags) = (77, section_flags::REQUIRED), ErrorKind::SectionUnknown(77)),
        (|s| s.offset = u64::MAX, ErrorKind::SectionOutside(6)),
        (|s| s.size = u64::MAX, ErrorKind::SectionOutside(6)),
        (|s| s.size = 7, ErrorKind::HistorySize),
    ];
    for (change, kind) in cases {
        let mut bytes = write(Order::Little, 0);
        edit(&mut bytes, Order::Little, |_| {});
        edit_section(&mut bytes, last, change);
        let offset = (Header::SIZE + last * DirectoryRecord::SIZE) as u64;
        assert_eq!(Table::parse(&bytes).err(), Some(Error { offset, kind }));
    }
    // A kind that a producer lets readers pass over.
    let mut bytes = write(Order::Little, 0);
    edit(&mut bytes, Order::Little, |_| {});
    edit_section(&mut bytes, last, |section| section.kind = 77);
    let table = Table::parse(&bytes).expect("an optional section");
    assert!(table.history().is_empty());
    assert_eq!(table.row_count(), 2);
}

#[test]
fn names_are_texts_or_errors() {
    let mut bytes = write(Order::Little, 0);
    edit(&mut bytes, Order::Little, |_| {});
    let strings = Table::parse(&bytes).unwrap().sections().strings.as_ptr();
    let at = strings as usize - bytes.as_ptr() as usize;
    let table =
        |bytes: &[u8], offset: u32| Table::parse(bytes).unwrap().string(offset).map(str::to_owned);
    let error = |offset: u32, kind| Err(Error { offset: u64::from(offset), kind });
    assert_eq!(table(&bytes, 1), Ok("first".to_owned()));
    assert_eq!(table(&bytes, 3), Ok("rst".to_owned()));
    assert_eq!(table(&bytes, 1000), error(1000, ErrorKind::StringOutside));
    bytes[at + 2] = 0xff;
    assert_eq!(table(&bytes, 1), error(1, ErrorKind::StringEncoding));
    let end = at + Table::parse(&bytes).unwrap().sections().strings.len();
    bytes[end - 1] = b'x';
    assert_eq!(table(&bytes, 7), error(7, ErrorKind::StringEndless));
    bytes[at] = b'x';
    let kind = Table::parse(&bytes).expect_err("no empty string").kind;
    assert_eq!(kind, ErrorKind::Strings);
}

/// Rows of a table of `version` that is older or newer than its reader, and their fields.
#[test]
fn fields_beyond_the_table_take_their_defaults() {
    let version_1 = {
        let mut writer = TableWriter::new(Order::Big, 8, "a.b", 1, 72, &[1]).unwrap();
        writer.row(&core(1, 1), &[0, 0, 0, 9]).unwrap();
        writer.finish()
    };
    let table = Table::parse(&version_1).unwrap();
    let row = table.rows().next().unwrap();
    assert_eq!(row.u32_field(64, 1), Some(9));
    // The stride has room for it, but version 1 did not write it: padding is not a value.
    assert_eq!(row.u32_field(68, 2), None);
    assert_eq!(row.u32_field(72, 1), None, "beyond the stride");
    assert_eq!(row.u64_field(68, 1), None, "half beyond the stride");
    assert_eq!(row.bytes().len(), 72);
}

/// FORMAT, the extension rule: reader of version C, table of version P.
#[test]
fn the_extension_rule_holds_for_every_pair_of_versions() {
    let fingerprints = [101, 102, 103, 104];
    let foreign = [201, 202, 203, 204];
    let table = |version: u32, own: &[u64], history: bool| {
        let mut writer = TableWriter::new(Order::Little, 4, "a.b", version, 64, own).unwrap();
        writer.row(&core(1, 1), &[]).unwrap();
        let mut bytes = writer.finish();
        if !history {
            edit(&mut bytes, Order::Little, |_| {});
            // entries, strings, history: the last one becomes one that nobody needs.
            edit_section(&mut bytes, 2, |section| section.kind = 99);
        }
        bytes
    };
    let schema = schema_number("a.b");
    for reader in 1..=4_u32 {
        for written in 1..=4_u32 {
            let own = &fingerprints[..reader as usize];
            let check = |bytes: &[u8]| {
                let table = Table::parse(bytes).expect("a table");
                table.check_reader(schema, reader, own).map_err(|error| error.kind)
            };
            let same = table(written, &fingerprints[..written as usize], true);
            let other = table(written, &foreign[..written as usize], true);
            let silent = table(written, &fingerprints[..written as usize], false);
            let at = |list: [u64; 4], version: u32| list[version as usize - 1];
            if written <= reader {
                let fits =
                    if written == reader { Compatibility::Same } else { Compatibility::Older };
                assert_eq!(check(&same), Ok(fits));
                assert_eq!(check(&silent), Ok(fits), "an older table needs no history");
                let (expected, found) = (at(fingerprints, written), at(foreign, written));
                let kind = ErrorKind::Fingerprint { version: written, expected, found };
                assert_eq!(check(&other), Err(kind));
            } else {
                assert_eq!(check(&same), Ok(Compatibility::Newer));
                let kind = ErrorKind::NewerWithoutHistory { version: reader, table: written };
                assert_eq!(check(&silent), Err(kind));
                let expected = at(fingerprints, reader);
                let found = Some(at(foreign, reader));
                let kind = ErrorKind::NewerAndForeign { version: reader, expected, found };
                assert_eq!(check(&other), Err(kind));
            }
        }
    }
    let bytes = table(1, &fingerprints[..1], true);
    let error = Table::parse(&bytes).unwrap().check_reader(9, 1, &fingerprints).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OtherSchema { expected: 9, found: schema });
    let mut zero = bytes;
    edit(&mut zero, Order::Little, |header| header.schema_version = 0);
    let error = Table::parse(&zero).unwrap().check_reader(schema, 1, &fingerprints).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Version(0));
}

/// A table whose header and rows are longer than this reader's.
#[test]
fn a_table_from_the_future_is_read_by_its_own_sizes() {
    let old = write(Order::Little, 0);
    let mut bytes = old[..Header::SIZE].to_vec();
    bytes.extend([0xee; 16]);
    bytes.extend(&old[Header::SIZE..]);
    let total = bytes.len() as u64;
    edit(&mut bytes, Order::Little, |header| {
        header.header_size += 16;
        header.total_size = total;
    });
    for index in 0..6 {
        let at = Header::SIZE + 16 + index * DirectoryRecord::SIZE;
        let place = bytes[at..].first_chunk_mut().unwrap();
        let mut section = DirectoryRecord::read(place, Order::Little);
        section.offset += 16;
        section.write(place, Order::Little);
    }
    let sum = checksum(&bytes);
    let place = bytes.first_chunk_mut().unwrap();
    let mut header = Header::read(place, Order::Little);
    header.checksum = sum;
    header.write(place, Order::Little);
    let table = Table::parse(&bytes).expect("a table");
    let names: Vec<_> = table.rows().map(|row| row.name().unwrap()).collect();
    assert_eq!(names, ["first", "zweite Zeile: ü"]);
}

#[test]
fn relative_addresses_follow_the_table() {
    for (word_size, mask) in [(4, u64::from(u32::MAX)), (8, u64::MAX)] {
        let mut writer = TableWriter::new(Order::Little, word_size, "s", 1, 64, &[1]).unwrap();
        writer.flags(table_flags::RELATIVE);
        let row = CoreEntry { address: 0_u64.wrapping_sub(16) & mask, bound: 8, ..core(1, 1) };
        writer.row(&row, &[]).unwrap();
        let bytes = writer.finish();
        let table = Table::parse(&bytes).unwrap();
        let row = table.placed_at(0x1000).rows().next().unwrap();
        assert_eq!((row.address(), row.bound()), (0xff0, 0x1008));
        assert_eq!(row.stored_address(), 0_u64.wrapping_sub(16) & mask);
    }
    let absolute = write(Order::Little, 0);
    let table = Table::parse(&absolute).unwrap().placed_at(0x1000);
    assert_eq!(table.rows().next().unwrap().address(), core(1, 1).address);
}

#[test]
fn phases_say_what_may_be_trusted() {
    let mut writer = TableWriter::new(Order::Little, 8, "s", 1, 64, &[1]).unwrap();
    writer.flags(table_flags::RUN_TIME);
    for state in [phase::EMPTY, phase::WRITING, phase::LIVE, phase::CHANGING] {
        writer.row(&CoreEntry { state, ..core(1, 1) }, &[]).unwrap();
    }
    let bytes = writer.finish();
    let table = Table::parse(&bytes).unwrap();
    assert_eq!((table.header().checksum, table.is_runtime()), (0, true));
    let phases: Vec<_> = table.rows().map(|row| (row.phase(), row.is_live())).collect();
    let expected =
        [(Phase::Empty, false), (Phase::Torn, false), (Phase::Live, true), (Phase::Changing, true)];
    assert_eq!(phases, expected);
    assert_eq!(table.rows().next_back().unwrap().phase(), Phase::Changing);
    assert_eq!(table.rows().nth(1).unwrap().phase(), Phase::Torn);
}

/// Sections that were fetched from elsewhere pass the same checks.
#[test]
fn a_table_is_put_together_from_fetched_sections() {
    let bytes = write(Order::Big, 0);
    let whole = Table::parse(&bytes).unwrap();
    let size = Prefix::size(&bytes[..Header::SIZE]).unwrap();
    let prefix = Prefix::parse(&bytes[..size as usize]).unwrap();
    let mut sections = Sections::default();
    for section in prefix.sections() {
        let start = section.offset as usize;
        sections.set(section.kind, &bytes[start..start + section.size as usize]);
    }
    let table = Table::assemble(&prefix, sections).unwrap();
    assert_eq!(table.sections(), whole.sections());
    sections.entries = &sections.entries[1..];
    let kind = Table::assemble(&prefix, sections).expect_err("half a row").kind;
    assert_eq!(kind, ErrorKind::EntriesSize { size: 159 });
}

#[test]
fn tables_one_behind_another_are_walked() {
    let mut bytes = write(Order::Little, 0);
    let first = bytes.len();
    bytes.extend([0; 16]);
    bytes.extend(write(Order::Big, 0));
    let places: Vec<u64> = tables(&bytes).map(|table| table.unwrap().0).collect();
    assert_eq!(places, [0, first as u64 + 16]);
    bytes[first + 16] ^= 1;
    let results: Vec<_> = tables(&bytes).collect();
    assert_eq!(results.len(), 2);
    let error = *results[1].as_ref().unwrap_err();
    assert_eq!(error, Error { offset: first as u64 + 16, kind: ErrorKind::Magic });
}
