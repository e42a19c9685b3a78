//! Tables made by hand, memory with holes, and a dump taken apart.

use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use inspect_format::abi::{
    CoreEntry, DirectoryRecord, Header, Order, note_kind, phase, section_kind,
};
use inspect_format::btf::{Builder, Member, Word};
use inspect_format::elfcore::{Core, PT_LOAD};
use inspect_format::notes::capture::{Capture, Row};
use inspect_format::table::{self, TableWriter};
use inspect_runtime::dump::{Error, FileSink, Report, Request, Workspace};
use inspect_runtime::{Budget, Consumer, Rule};

pub(crate) const SCHEMA: &str = "test.dump";
pub(crate) const SENSITIVE: u64 = 1 << 63;

/// Classes 1 to 3 of the test's schema are allowed, in the order 3, 2; class 4 is denied.
pub(crate) static CONSUMER: Consumer = Consumer {
    name: "tester",
    schema: schema(),
    allow: &[class(1), class(2), class(3)],
    deny: &[class(9), class(4)],
    require: 0,
    permit: 0,
    order: &[class(3), class(2)],
    budget: Budget { regions: None, name: None, bytes: None },
};

pub(crate) const fn schema() -> u64 {
    inspect_format::hash::schema_number(SCHEMA)
}

pub(crate) const fn class(class: u32) -> Rule {
    Rule::Class { schema: schema(), class }
}

/// An entry of a class: `length` bytes at `address`.
pub(crate) fn entry(class: u32, address: u64, length: u64) -> CoreEntry {
    CoreEntry { state: phase::LIVE, class, address, length, ..CoreEntry::ZERO }
}

/// A table in memory that stays.
pub(crate) fn table(entries: &[(&str, CoreEntry)]) -> u64 {
    placed(block(entries))
}

/// Where the distance to a section stands in its record.
pub(crate) const SECTION_OFFSET: usize = 8;
/// Where its size stands.
pub(crate) const SECTION_SIZE: usize = 16;

/// The same with another number at a place in the record of its history.
pub(crate) fn table_with_history(place: usize, number: u64, entries: &[(&str, CoreEntry)]) -> u64 {
    let mut bytes = block(entries);
    let directory = Header::SIZE..bytes.len();
    let record = bytes[directory]
        .chunks_exact_mut(DirectoryRecord::SIZE)
        .find(|record| record[..4] == section_kind::HISTORY.to_ne_bytes());
    record.expect("a history")[place..][..8].copy_from_slice(&number.to_ne_bytes());
    bytes[Header::CHECKSUM_AT..][..4].fill(0);
    placed(bytes)
}

/// The same with types, of which type 2 has 8 bytes, the last four of them sensitive.
pub(crate) fn table_with_types(entries: &[(&str, CoreEntry)]) -> u64 {
    let mut builder = Builder::new();
    let int = builder.int("unsigned int", 4, 0);
    let user = builder.reserve();
    assert_eq!(user, 2);
    let fields = [("id", 0), ("pin", 32)].map(|(name, bit)| {
        let (type_id, place) = (Word::Number(int), Word::Number(bit));
        Member { name, type_id, place }
    });
    builder.define_composite(user, "user", false, false, Word::Number(8), &fields);
    builder.tag("inspect:sensitive", user, Some(1));
    let types = builder.finish().bytes(Order::NATIVE, |_| Some(8), |_| false);
    placed(block_with(entries, &types.expect("all are numbers")))
}

fn block(entries: &[(&str, CoreEntry)]) -> Vec<u8> {
    block_with(entries, &[])
}

fn block_with(entries: &[(&str, CoreEntry)], types: &[u8]) -> Vec<u8> {
    let mut writer = TableWriter::new(Order::NATIVE, 8, SCHEMA, 1, 64, &[1]).unwrap();
    writer.types(types);
    for (name, core) in entries {
        let name = writer.string(name).unwrap();
        writer.row(&CoreEntry { name, ..*core }, &[]).unwrap();
    }
    writer.finish()
}

fn placed(bytes: Vec<u8>) -> u64 {
    // Tables are aligned to 8 bytes.
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(word)
    });
    let words: Vec<u64> = words.collect();
    words.leak().as_ptr().expose_provenance() as u64
}

pub(crate) fn address_of<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

/// A dump that was read back.
pub(crate) struct Dump {
    pub(crate) report: Report,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn dump(request: &Request<'_>) -> Result<Dump, Error> {
    dump_in(request, &Workspace::<64, 16_384>::new())
}

pub(crate) fn dump_in<const R: usize, const T: usize>(
    request: &Request<'_>,
    workspace: &Workspace<R, T>,
) -> Result<Dump, Error> {
    let mut file = tempfile::tempfile().expect("a file");
    let report = request.elf(workspace, &mut FileSink::new(file.as_raw_fd()))?;
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(report.written, bytes.len() as u64);
    Ok(Dump { report, bytes })
}

impl Dump {
    pub(crate) fn core(&self) -> Core<'_> {
        Core::parse(&self.bytes).expect("a core")
    }

    pub(crate) fn note(&self, kind: u32) -> &[u8] {
        let mut notes =
            self.core().notes().map(|note| note.expect("a whole note")).collect::<Vec<_>>();
        notes.retain(|note| note.is(kind));
        assert_eq!(notes.len(), 1, "one note of type {kind}");
        notes[0].contents
    }

    /// The rows of all tables, as the note tells of them; they are as many as those of the frozen
    /// tables.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let capture = Capture::parse(self.note(note_kind::CAPTURE)).expect("a description");
        assert_eq!(capture.head.consumer, "tester");
        let tables: Vec<_> = capture.tables().collect::<Result<_, _>>().expect("tables");
        let frozen: Vec<_> =
            table::tables(self.note(note_kind::TABLES)).map(Result::unwrap).collect();
        assert_eq!(tables.len(), frozen.len());
        let mut rows = Vec::new();
        for (table, (_, frozen)) in tables.iter().zip(frozen) {
            let own: Vec<_> = table.rows().collect::<Result<_, _>>().expect("rows");
            assert_eq!((own.len(), table.schema), (frozen.row_count(), frozen.header().schema));
            rows.extend(own);
        }
        rows
    }

    /// Status and reason of every row, in words.
    pub(crate) fn statuses(&self) -> Vec<String> {
        let words = |row: Row<'_>| {
            let mut text = row.status.word().to_owned();
            for part in [row.reason.map(str::to_owned), row.rule.map(|rule| rule.to_string())] {
                part.into_iter().for_each(|part| text = format!("{text}, {part}"));
            }
            match row.captured {
                Some(captured) => format!("{text}, {captured}"),
                None => text,
            }
        };
        self.rows().into_iter().map(words).collect()
    }

    /// Address and length of the segments of memory, which never overlap and never pretend.
    pub(crate) fn segments(&self) -> Vec<(u64, u64)> {
        let segments: Vec<_> = self.core().segments().collect();
        for segment in segments.iter().filter(|segment| segment.kind == PT_LOAD) {
            assert_eq!(segment.file_size, segment.memory_size);
            assert_eq!(segment.offset % segment.align, segment.address % segment.align);
        }
        let loads = segments.iter().filter(|segment| segment.kind == PT_LOAD);
        let places: Vec<_> = loads.map(|load| (load.address, load.file_size)).collect();
        assert!(places.windows(2).all(|pair| pair[0].0 + pair[0].1 < pair[1].0), "{places:x?}");
        places
    }

    pub(crate) fn memory(&self, address: u64, length: u64) -> Option<&[u8]> {
        self.core().memory(address, length)
    }

    pub(crate) fn holds(&self, needle: &[u8]) -> bool {
        self.bytes.windows(needle.len()).any(|window| window == needle)
    }
}
