//! Table files to export: an ordinary one, one without a description, one of a big-endian machine,
//! one whose names are chosen to do harm.

use inspect_format::abi::{CoreEntry, Order, extent, table_flags};
use inspect_format::schema::{
    Bits, Class, Entry, EntryField, Flags, Identity, List, Schema, Value, encode, encode_list,
};
use inspect_format::table::TableWriter;

/// Names that terminals, spreadsheets and browsers take for something else.
pub(crate) const HOSTILE: [&str; 12] = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "'quoted",
    "\tTab",
    "\rReturn",
    "two\nlines",
    "\x1b[2J\u{9b}31m",
    "gnp\u{202e}exe",
    "<script>alert(1)</script>",
    "\u{ff1d}wide, \"quoted\", back\\slash",
];

const BUILD_ID: &[u8] = &[0xab, 0xcd, 0xef];

/// Of a schema with fields and properties: `count` entries.
pub(crate) fn ordinary(order: Order, count: u32) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(|index| format!("entry-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    table(order, &names, true, BUILD_ID)
}

/// Of a build-id of so many bytes.
pub(crate) fn of_build(size: usize) -> Vec<u8> {
    table(Order::Little, &["one"], true, &vec![0xee; size])
}

/// With names that do harm.
pub(crate) fn hostile() -> Vec<u8> {
    table(Order::Little, &HOSTILE, true, BUILD_ID)
}

/// Nothing in it has a name but the entries.
pub(crate) fn bare() -> Vec<u8> {
    table(Order::Little, &["one", "two"], false, BUILD_ID)
}

fn table(order: Order, names: &[&str], is_described: bool, build_id: &[u8]) -> Vec<u8> {
    let mut writer = TableWriter::new(order, 8, "fleet.shop", 3, 80, &[1, 2, 3]).unwrap();
    writer.flags(table_flags::RUN_TIME);
    if is_described {
        writer.schema(description());
    }
    let identity = Identity {
        content: None,
        build_id: Some(Value::Bytes(build_id)),
        producer: Some("till 1.2"),
        generator: None,
    };
    writer.identity(encode(&identity));
    for (index, name) in names.iter().enumerate() {
        let index = index as u64;
        let core = CoreEntry {
            state: 2,
            id: u32::MAX - index as u32,
            class: 7,
            properties: (index % 2) | (1 << 40),
            address: 0xffff_8000_0000_0000 + index * 4096,
            length: 100 + index,
            instance: u64::MAX - index,
            name: writer.string(name).unwrap(),
            extent: extent::DIRECT,
            ..CoreEntry::ZERO
        };
        let number = index as i32 - 5;
        let mut fields = match order {
            Order::Little => number.to_le_bytes().to_vec(),
            Order::Big => number.to_be_bytes().to_vec(),
        };
        let text = writer.string("=1+1 \"quoted\"").unwrap();
        fields.extend(match order {
            Order::Little => text.to_le_bytes(),
            Order::Big => text.to_be_bytes(),
        });
        fields.extend([0b101, 0, 0, 0, 0, 0, 0, 0]);
        writer.row(&core, &fields).unwrap();
    }
    // An entry that its writer left behind.
    writer.row(&CoreEntry { state: 1, ..CoreEntry::ZERO }, &[]).unwrap();
    writer.finish()
}

pub(crate) fn description() -> Vec<u8> {
    let field = |name, size, type_name, offset| EntryField {
        name,
        size,
        type_name,
        since: 1,
        offset,
        default: Value::Int(0),
    };
    let fields = encode_list(&[
        field("owner", 4, "i32", 64),
        field("note", 4, "string", 68),
        field("marks", 1, "marks", 72),
    ]);
    let bits = encode_list(&[
        Bits { last: 0, name: "red", first: 0 },
        Bits { last: 1, name: "green", first: 1 },
    ]);
    let flags = Flags { name: "marks", type_name: "u8", members: List::new(&bits) };
    let flags = encode_list(&[flags]);
    let class = Class {
        key: Some("till"),
        name: "till",
        type_id: 0,
        number: 7,
        target: "till_state",
        properties: 0,
    };
    let classes = encode_list(&[class]);
    let properties = encode_list(&[Bits { last: 0, name: "dump", first: 0 }]);
    encode(&Schema {
        name: "fleet.shop",
        entry: Entry { name: "region", size: 80, fields: List::new(&fields) },
        enums: List::EMPTY,
        flags: List::new(&flags),
        spaces: List::EMPTY,
        classes: List::new(&classes),
        layouts: List::EMPTY,
        version: 3,
        consumers: List::EMPTY,
        properties: List::new(&properties),
    })
}
