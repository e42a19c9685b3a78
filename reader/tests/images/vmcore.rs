//! Cores of kernels, written from their layout: segments, notes, a root and a table.

#![allow(dead_code, reason = "each test uses its own part")]

use inspect_format::abi::{self, CoreEntry, Order, Root, phase};
use inspect_format::elfcore::{Class, CoreHeader, PT_LOAD, PT_NOTE, Segment};
use inspect_format::hash::class_number;
use inspect_format::schema::fingerprint;
use inspect_format::table::TableWriter;

/// A core that is being put together.
pub(crate) struct Vmcore {
    pub(crate) class: Class,
    pub(crate) order: Order,
    /// Name, type, contents.
    pub(crate) notes: Vec<(Vec<u8>, u32, Vec<u8>)>,
    /// Virtual and physical address, bytes, and how many bytes more the headers promise.
    pub(crate) loads: Vec<(u64, u64, Vec<u8>, u64)>,
}

impl Vmcore {
    pub(crate) fn new(class: Class, order: Order) -> Self {
        let registers = (b"CORE".to_vec(), 1, vec![0; 336]);
        Self { class, order, notes: vec![registers], loads: Vec::new() }
    }

    pub(crate) fn note(&mut self, name: &str, contents: &[u8]) -> &mut Self {
        self.notes.push((name.as_bytes().to_vec(), 0, contents.to_vec()));
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
        let machine = if class == Class::Elf64 { 62 } else { 3 };
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

/// Physical memory from 0 on, with page tables of x86_64 at its end.
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    /// Where the highest table is.
    pub(crate) top: u64,
    levels: u32,
}

impl Memory {
    /// So much memory without tables, which is a multiple of a page.
    pub(crate) fn new(size: u64, levels: u32) -> Self {
        let mut this = Self { bytes: vec![0; size as usize], top: size, levels };
        this.table();
        this
    }

    /// Maps a page of the level, the smallest being 1, which is where its bits of flags say it is.
    pub(crate) fn map(&mut self, address: u64, physical: u64, level: u32) {
        let mut table = self.top;
        for above in (level + 1..=self.levels).rev() {
            let at = Self::entry(table, address, above);
            let next = match self.word(at) {
                0 => self.table(),
                next => next & !0xfff,
            };
            // Present, writable, for everybody, accessed.
            self.set(at, next | 0x27);
            table = next;
        }
        let is_large = u64::from(level > 1) << 7;
        // Never to be executed, and dirty.
        self.set(Self::entry(table, address, level), physical | is_large | 1 << 63 | 0x63);
    }

    pub(crate) fn write(&mut self, physical: u64, bytes: &[u8]) {
        self.bytes[physical as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn set(&mut self, physical: u64, word: u64) {
        self.write(physical, &word.to_le_bytes());
    }

    fn word(&self, physical: u64) -> u64 {
        u64::from_le_bytes(*self.bytes[physical as usize..].first_chunk().unwrap())
    }

    fn entry(table: u64, address: u64, level: u32) -> u64 {
        table + (address >> (12 + 9 * (level - 1)) & 511) * 8
    }

    fn table(&mut self) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.resize(self.bytes.len() + 4096, 0);
        at
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
