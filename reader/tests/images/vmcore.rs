//! Cores of kernels, written from their layout: segments, notes, a root and a table.

#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::BTreeMap;
use std::ops::Range;

use inspect_format::abi::{self, CoreEntry, Order, Root, phase};
use inspect_format::elfcore::{Class, CoreHeader, PT_LOAD, PT_NOTE, Segment};
use inspect_format::hash::class_number;
use inspect_format::schema::fingerprint;
use inspect_format::table::TableWriter;

const I386: u16 = 3;
pub(crate) const X86_64: u16 = 62;
pub(crate) const AARCH64: u16 = 183;
pub(crate) const S390: u16 = 22;

/// A core that is being put together.
pub(crate) struct Vmcore {
    pub(crate) class: Class,
    pub(crate) order: Order,
    /// The processor, as ELF numbers it.
    pub(crate) machine: u16,
    /// Name, type, contents.
    pub(crate) notes: Vec<(Vec<u8>, u32, Vec<u8>)>,
    /// Virtual and physical address, bytes, and how many bytes more the headers promise.
    pub(crate) loads: Vec<(u64, u64, Vec<u8>, u64)>,
}

impl Vmcore {
    pub(crate) fn new(class: Class, order: Order) -> Self {
        let registers = (b"CORE".to_vec(), 1, vec![0; 336]);
        let machine = if class == Class::Elf64 { X86_64 } else { I386 };
        Self { class, order, machine, notes: vec![registers], loads: Vec::new() }
    }

    pub(crate) fn note(&mut self, name: &str, contents: &[u8]) -> &mut Self {
        self.note_of(name, 0, contents)
    }

    pub(crate) fn note_of(&mut self, name: &str, kind: u32, contents: &[u8]) -> &mut Self {
        self.notes.push((name.as_bytes().to_vec(), kind, contents.to_vec()));
        self
    }

    pub(crate) fn load(&mut self, address: u64, physical: u64, bytes: &[u8]) -> &mut Self {
        self.load_less(address, physical, bytes, 0)
    }

    /// A segment of which the file lacks the last bytes.
    pub(crate) fn load_less(
        &mut self,
        address: u64,
        physical: u64,
        bytes: &[u8],
        missing: u64,
    ) -> &mut Self {
        self.loads.push((address, physical, bytes.to_vec(), missing));
        self
    }

    /// The file.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let (class, order) = (self.class, self.order);
        let segment_count = self.loads.len() as u32 + 1;
        let machine = self.machine;
        let header = CoreHeader { class, order, machine, flags: 0, segment_count };
        let notes = self.note_bytes();
        let mut out = header.file_header().bytes().to_vec();
        let mut offset = header.size();
        let segment = |kind, offset, [address, physical]: [u64; 2], size: usize, missing| Segment {
            kind,
            flags: 6,
            offset,
            address,
            physical,
            file_size: size as u64,
            memory_size: size as u64 + missing,
            align: 0,
        };
        let first = segment(PT_NOTE, offset, [0, 0], notes.len(), 0);
        out.extend(header.segment(&first).unwrap().bytes());
        offset += notes.len() as u64;
        for (address, physical, bytes, missing) in &self.loads {
            let load = segment(PT_LOAD, offset, [*address, *physical], bytes.len(), *missing);
            out.extend(header.segment(&load).unwrap().bytes());
            offset += bytes.len() as u64;
        }
        if let Some(section) = header.section() {
            out.extend(section.bytes());
        }
        out.extend(notes);
        out.extend(self.loads.iter().flat_map(|(_, _, bytes, _)| bytes));
        out
    }

    fn note_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, kind, contents) in &self.notes {
            for word in [name.len() as u32 + 1, contents.len() as u32, *kind] {
                out.extend(match self.order {
                    Order::Little => word.to_le_bytes(),
                    Order::Big => word.to_be_bytes(),
                });
            }
            out.extend(name);
            out.push(0);
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend(contents);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }
}

/// How a processor's page tables are made. Levels are counted from the smallest pages, which are 0.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) order: Order,
    /// The bits of an address that choose an entry, of each level.
    pub(crate) index: Vec<Range<u32>>,
    /// The entry of a level that leads to a table, and the one that is a page.
    pub(crate) to_table: fn(u64, usize) -> u64,
    pub(crate) to_page: fn(u64, usize) -> u64,
}

impl Tables {
    pub(crate) fn x86_64(levels: usize) -> Self {
        Self {
            order: Order::Little,
            index: index(12, 9, 12 + 9 * levels as u32),
            // Present, writable, for everybody, accessed.
            to_table: |at, _| at | 0x27,
            // Never to be executed, and dirty; large above the lowest level.
            to_page: |at, level| at | u64::from(level > 0) << 7 | 1 << 63 | 0x63,
        }
    }

    /// Of pages of so many bits, for addresses of so many bits; bits of a page's address above the 48th stand
    /// where the processor has them in that case.
    pub(crate) fn aarch64(order: Order, page: u32, bits: u32) -> Self {
        /// Not to be executed, accessed, for all processors, read by the kernel alone, one of several in a row, and
        /// what else stands directly above an address.
        const FLAGS: u64 = 3 << 53 | 7 << 50 | 1 << 10;
        fn kind(level: usize) -> u64 {
            if level == 0 { 3 } else { 1 }
        }
        Self {
            order,
            index: index(page, page - 3, bits),
            to_table: |at, _| at | 3,
            to_page: match (page, bits) {
                (16, _) => |at, level| {
                    (at & !(0xf << 48)) | (at >> 48 & 0xf) << 12 | FLAGS | 3 << 8 | kind(level)
                },
                (_, 52) => {
                    |at, level| (at & !(3 << 50)) | (at >> 50 & 3) << 8 | FLAGS | kind(level)
                }
                // Shared with all processors.
                _ => |at, level| at | FLAGS | 3 << 8 | kind(level),
            },
        }
    }
}

/// Levels of so many bits each, above those of a page; the highest has what is left.
fn index(page: u32, width: u32, bits: u32) -> Vec<Range<u32>> {
    let starts = (page..bits).step_by(width as usize);
    starts.map(|start| start..(start + width).min(bits)).collect()
}

/// Physical memory from 0 on, with page tables at its end.
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    /// Where the highest table is.
    pub(crate) top: u64,
    tables: Tables,
    /// The table that an entry leads to, by where the entry is.
    below: BTreeMap<u64, u64>,
}

impl Memory {
    /// So much memory without tables, which is a multiple of a page.
    pub(crate) fn new(size: u64, tables: Tables) -> Self {
        let top_level = tables.index.len() - 1;
        let mut this =
            Self { bytes: vec![0; size as usize], top: size, tables, below: BTreeMap::new() };
        this.top = this.table(top_level);
        this
    }

    /// Maps a page of the level.
    pub(crate) fn map(&mut self, address: u64, physical: u64, level: usize) {
        let at = self.entry_of(address, level);
        self.set(at, (self.tables.to_page)(physical, level));
    }

    /// Where the entry of a level is, below tables that are made if they are not there.
    pub(crate) fn entry_of(&mut self, address: u64, level: usize) -> u64 {
        let mut table = self.top;
        for above in (level + 1..self.tables.index.len()).rev() {
            let at = self.entry(table, address, above);
            table = match self.below.get(&at) {
                Some(table) => *table,
                None => self.table(above - 1),
            };
            self.below.insert(at, table);
            self.set(at, (self.tables.to_table)(table, above));
        }
        self.entry(table, address, level)
    }

    /// Puts words into tables, and entries that lead somewhere: to tables, to themselves, to pages of any size.
    /// Each is where it is to be, and a word, or the page that it leads to and its flags.
    pub(crate) fn damage(
        &mut self,
        words: &[(u64, u64)],
        links: &[(u64, u64, u64)],
        page_bits: u32,
    ) {
        let (start, size) = (self.top, self.bytes.len() as u64 - self.top);
        for (at, word) in words {
            self.set(start + at * 8 % size, *word);
        }
        for (at, page, flags) in links {
            self.set(start + at * 8 % size, page << page_bits | flags | 1);
        }
    }

    pub(crate) fn write(&mut self, physical: u64, bytes: &[u8]) {
        self.bytes[physical as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn set(&mut self, physical: u64, word: u64) {
        match self.tables.order {
            Order::Little => self.write(physical, &word.to_le_bytes()),
            Order::Big => self.write(physical, &word.to_be_bytes()),
        }
    }

    fn entry(&self, table: u64, address: u64, level: usize) -> u64 {
        let index = &self.tables.index[level];
        table + (address >> index.start & ((1 << index.len()) - 1)) * 8
    }

    /// A new table of the level, at a multiple of its size and of the smallest page.
    fn table(&mut self, level: usize) -> u64 {
        let size = 8_usize << self.tables.index[level].len();
        let at = self.bytes.len().next_multiple_of(size.max(1 << self.tables.index[0].start));
        self.bytes.resize(at + size, 0);
        at as u64
    }
}

/// The note that QEMU writes of a processor, of which two control registers matter.
pub(crate) fn processor(cr3: u64, cr4: u64) -> Vec<u8> {
    let mut note = vec![0; 440];
    note[..4].copy_from_slice(&1_u32.to_le_bytes());
    note[4..8].copy_from_slice(&440_u32.to_le_bytes());
    note[416..424].copy_from_slice(&cr3.to_le_bytes());
    note[424..432].copy_from_slice(&cr4.to_le_bytes());
    note
}

/// A page with a root at its beginning and a table behind it, of one entry named `log`.
pub(crate) fn page(order: Order, word_size: u8, address: u64) -> Vec<u8> {
    let history = [fingerprint("test.kernel", 1, &[])];
    let mut writer = TableWriter::new(order, word_size, "test.kernel", 1, 64, &history).unwrap();
    let name = writer.string("log").unwrap();
    let row = CoreEntry {
        state: phase::LIVE,
        class: class_number("test.kernel", "log"),
        name,
        address: 0x1234_5000,
        length: 64,
        ..CoreEntry::ZERO
    };
    writer.row(&row, &[]).unwrap();
    let table = writer.finish();
    let root = Root {
        magic: abi::ROOT_MAGIC,
        byte_order: if order == Order::Little { 1 } else { 2 },
        word_size,
        format: 1,
        size: 64,
        compile_table: 64,
        compile_end: 64 + table.len() as u64,
        self_address: address,
        ..Root::ZERO
    };
    let mut bytes = vec![0; Root::SIZE];
    root.write(bytes.first_chunk_mut().unwrap(), order);
    bytes.extend(table);
    bytes.resize(4096, 0);
    bytes
}
