//! A core that is built by hand, for any machine: a table of a schema with consumers, and memory.

#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

use inspect_format::abi::{CoreEntry, Order, core_properties, extent, note_kind, phase};
use inspect_format::elfcore::{Class as Width, CoreHeader, PF_R, PF_W, PT_LOAD, PT_NOTE, Segment};
use inspect_format::notes;
use inspect_format::schema::{
    Bits, Class, Consumer, Entry, List, Rule, Schema, encode, encode_list,
};
use inspect_format::table::TableWriter;

pub(crate) const SCHEMA: &str = "shop.floor";
pub(crate) const LOG: u32 = 1;
pub(crate) const USER: u32 = 2;
pub(crate) const KEYS: u32 = 3;
pub(crate) const DUMP: u64 = 1;
pub(crate) const SENSITIVE: u64 = 1 << 63;
pub(crate) const MMIO: u64 = core_properties::MMIO;

/// An entry of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) core: CoreEntry,
}

/// A core.
pub(crate) struct Scene {
    pub(crate) order: Order,
    pub(crate) word_size: u8,
    pub(crate) rows: Vec<Row>,
    /// Runs of memory, ascending.
    pub(crate) memory: Vec<(u64, Vec<u8>)>,
    /// Where each of them begins in physical memory; of a process, which has none, nothing.
    pub(crate) physical: Vec<u64>,
    /// Further notes: name, kind, contents.
    pub(crate) notes: Vec<(&'static str, u32, Vec<u8>)>,
    /// The number of the machine for ELF.
    pub(crate) machine: u16,
    /// What is said of it beside that.
    pub(crate) flags: u32,
    /// The budget of the consumer `report`.
    pub(crate) bytes: Option<u64>,
}

/// An entry with its memory at an address.
pub(crate) fn row(class: u32, name: &'static str, address: u64, length: u64) -> Row {
    let core = CoreEntry {
        state: phase::LIVE,
        class,
        address,
        length,
        extent: extent::DIRECT,
        ..CoreEntry::ZERO
    };
    Row { name, core }
}

impl Row {
    pub(crate) fn properties(mut self, properties: u64) -> Self {
        self.core.properties = properties;
        self
    }

    pub(crate) fn extent(mut self, extent: u8) -> Self {
        self.core.extent = extent;
        self
    }
}

impl Scene {
    pub(crate) fn new(rows: Vec<Row>, memory: Vec<(u64, Vec<u8>)>) -> Self {
        let (order, word_size, machine) = (Order::Little, 8, 62);
        Self {
            order,
            word_size,
            rows,
            memory,
            physical: Vec::new(),
            notes: Vec::new(),
            machine,
            flags: 0,
            bytes: None,
        }
    }

    /// The table: `report` sees logs and users but for the user `root`, in this order;
    /// `everything` sees all, whatever it is.
    pub(crate) fn table(&self) -> Vec<u8> {
        let mut writer = TableWriter::new(self.order, self.word_size, SCHEMA, 1, 64, &[7]).unwrap();
        writer.schema(description(self.bytes));
        for row in &self.rows {
            let name = writer.string(row.name).unwrap();
            writer.row(&CoreEntry { name, ..row.core }, &[]).unwrap();
        }
        writer.finish()
    }

    pub(crate) fn core(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for (name, kind, contents) in &self.notes {
            self.note(&mut all, name, *kind, contents);
        }
        self.note(&mut all, notes::NAME, note_kind::TABLES, &self.table());
        self.file(&all)
    }

    fn note(&self, all: &mut Vec<u8>, name: &str, kind: u32, contents: &[u8]) {
        let heading = notes::long_heading(name, kind, contents.len() as u32, self.order);
        all.extend_from_slice(&heading);
        all.extend_from_slice(contents);
        all.resize(all.len().next_multiple_of(4), 0);
    }

    fn file(&self, notes: &[u8]) -> Vec<u8> {
        let header = CoreHeader {
            class: if self.word_size == 8 { Width::Elf64 } else { Width::Elf32 },
            order: self.order,
            machine: self.machine,
            flags: self.flags,
            segment_count: self.memory.len() as u32 + 1,
        };
        let mut file = header.file_header().bytes().to_vec();
        let mut offset = header.size();
        let mut segment = |kind, address, physical, size: u64, memory_size| {
            let flags = PF_R | PF_W;
            let (file_size, align) = (size, 1);
            let it =
                Segment { kind, flags, offset, address, physical, file_size, memory_size, align };
            offset += size;
            file.extend_from_slice(header.segment(&it).unwrap().bytes());
        };
        segment(PT_NOTE, 0, 0, notes.len() as u64, 0);
        let physical = self.physical.iter().copied().chain(std::iter::repeat(0));
        for ((address, bytes), physical) in self.memory.iter().zip(physical) {
            segment(PT_LOAD, *address, physical, bytes.len() as u64, bytes.len() as u64);
        }
        file.extend_from_slice(notes);
        self.memory.iter().for_each(|(_, bytes)| file.extend_from_slice(bytes));
        file
    }
}

fn description(bytes: Option<u64>) -> Vec<u8> {
    let class =
        |name, number| Class { key: None, name, type_id: 0, number, target: "u8", properties: 0 };
    let classes = encode_list(&[class("log", LOG), class("user", USER), class("keys", KEYS)]);
    let bits = encode_list(&[Bits { last: 0, name: "dump", first: 0 }]);
    let about = |class, name| Rule {
        name,
        class: Some(class),
        schema: None,
        instance: None,
        properties: None,
    };
    let allow = encode_list(&[about(USER, None), about(LOG, None)]);
    let deny = encode_list(&[about(USER, Some("root"))]);
    let all = encode_list(&[about(USER, None), about(LOG, None), about(KEYS, None)]);
    let consumers = encode_list(&[
        Consumer {
            deny: List::new(&deny),
            name: "report",
            allow: List::new(&allow),
            bytes,
            names: None,
            order: List::new(&allow),
            permit: 0,
            regions: None,
            require: DUMP,
        },
        Consumer {
            deny: List::EMPTY,
            name: "everything",
            allow: List::new(&all),
            bytes: None,
            names: None,
            order: List::EMPTY,
            permit: SENSITIVE,
            regions: None,
            require: 0,
        },
    ]);
    encode(&Schema {
        name: SCHEMA,
        entry: Entry { name: "region", size: 64, fields: List::EMPTY },
        enums: List::EMPTY,
        flags: List::EMPTY,
        spaces: List::EMPTY,
        classes: List::new(&classes),
        layouts: List::EMPTY,
        version: 1,
        consumers: List::new(&consumers),
        properties: List::new(&bits),
    })
}

/// What the program answers: its exit status, what it prints, what it says beside that.
pub(crate) fn inspect(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_inspect")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What the program prints as JSON. It must succeed.
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let (code, out, error) = inspect(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {error}");
    serde_json::from_str(&out).unwrap()
}

/// Writes a file and gives its name.
pub(crate) fn write(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}
