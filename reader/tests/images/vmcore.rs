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
    /// Virtual and physical address, bytes.
    pub(crate) loads: Vec<(u64, u64, Vec<u8>)>,
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
        self.loads.push((address, physical, bytes.to_vec()));
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
        let segment = |kind, offset, address, size: usize| Segment {
            kind,
            flags: 6,
            offset,
            address,
            file_size: size as u64,
            memory_size: size as u64,
            align: 0,
        };
        let first = segment(PT_NOTE, offset, 0, notes.len());
        out.extend(header.segment(&first).unwrap().bytes());
        offset += notes.len() as u64;
        for (address, physical, bytes) in &self.loads {
            let load = segment(PT_LOAD, offset, *address, bytes.len());
            let mut header = header.segment(&load).unwrap().bytes().to_vec();
            // Our own cores have no physical addresses.
            let (at, size) = if class == Class::Elf64 { (24, 8) } else { (12, 4) };
            header[at..at + size].copy_from_slice(&match order {
                Order::Little => physical.to_le_bytes()[..size].to_vec(),
                Order::Big => physical.to_be_bytes()[8 - size..].to_vec(),
            });
            out.extend(header);
            offset += bytes.len() as u64;
        }
        if let Some(section) = header.section() {
            out.extend(section.bytes());
        }
        out.extend(notes);
        out.extend(self.loads.iter().flat_map(|(_, _, bytes)| bytes));
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
