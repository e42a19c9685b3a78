//! Round trips, and the rules of deterministic encoding.

use super::*;
use std::vec::Vec;

const FIELDS: [EntryField<'static>; 2] = [
    EntryField {
        name: "owner",
        size: 4,
        type_name: "u32",
        since: 2,
        offset: 64,
        default: Value::Int(0xffff_ffff),
    },
    EntryField {
        name: "label",
        size: 16,
        type_name: "text<16>",
        since: 3,
        offset: 68,
        default: Value::Bytes(b"none"),
    },
];

struct Parts {
    fields: Vec<u8>,
    members: Vec<u8>,
    rules: Vec<u8>,
}

fn parts() -> Parts {
    let members = [
        EnumMember { name: "low", value: Some(Value::Int(-1)) },
        EnumMember { name: "captured", value: None },
    ];
    let rules = [
        Rule { name: None, class: Some(7), schema: None, instance: None, properties: None },
        Rule {
            name: Some("main"),
            class: Some(8),
            schema: Some("other.schema"),
            instance: Some(u64::MAX),
            properties: None,
        },
        Rule { name: None, class: None, schema: None, instance: None, properties: Some(1 << 63) },
    ];
    Parts {
        fields: encode_list(&FIELDS),
        members: encode_list(&members),
        rules: encode_list(&rules),
    }
}

fn whole<R>(with: impl FnOnce(&Schema<'_>) -> R) -> R {
    let parts = parts();
    let enums = encode_list(&[Enum {
        name: "state",
        open: true,
        type_name: "i8",
        members: List::new(&parts.members),
    }]);
    let bits = encode_list(&[Bits { last: 7, name: "burst", first: 4 }]);
    let flags = encode_list(&[Flags { name: "gfp", type_name: "u32", members: List::new(&bits) }]);
    let spaces = encode_list(&[Space {
        base: 1 << 63,
        name: "ehea",
        assign: "compact",
        number: 256,
        partial: "reject",
        regions: Some(64),
        section: 16 << 20,
    }]);
    let classes = encode_list(&[Class {
        key: Some("node"),
        name: "pgdat",
        type_id: 3,
        number: 0x7fff_ffff,
        target: "pglist_data",
        properties: 1,
    }]);
    let layouts = encode_list(&[LayoutHash { hash: u64::MAX, name: "log_record" }]);
    let consumers = encode_list(&[Consumer {
        deny: List::EMPTY,
        name: "minidump",
        allow: List::new(&parts.rules),
        bytes: Some(4 << 20),
        names: Some(12),
        order: List::new(&parts.rules),
        permit: 0,
        regions: None,
        require: 1,
    }]);
    with(&Schema {
        name: "linux.mm",
        entry: Entry { name: "region", size: 88, fields: List::new(&parts.fields) },
        enums: List::new(&enums),
        flags: List::new(&flags),
        spaces: List::new(&spaces),
        classes: List::new(&classes),
        layouts: List::new(&layouts),
        version: 3,
        consumers: List::new(&consumers),
        properties: List::new(&bits),
    })
}

#[test]
fn what_is_written_is_read() {
    whole(|schema| {
        let bytes = encode(schema);
        let read = Schema::parse(&bytes).expect("a description");
        assert_eq!(read, *schema);
        // Everything below is lazy: print it, so that each list is walked.
        let text = std::format!("{read:?}");
        assert_eq!(text, std::format!("{schema:?}"));
        assert!(!text.contains("Err("), "{text}");
        let fields: Vec<_> = read.entry.fields.iter().map(Result::unwrap).collect();
        assert_eq!(fields, FIELDS);
    });
}

/// RFC 8949, 4.2.1: shortest heads, no indefinite lengths, keys in bytewise order and never twice.
#[test]
fn the_encoding_is_deterministic() {
    whole(|schema| {
        let bytes = encode(schema);
        let mut at = 0;
        check_item(&bytes, &mut at);
        assert_eq!(at, bytes.len());
    });
}

fn head(bytes: &[u8], at: &mut usize) -> (u8, u64) {
    let first = bytes[*at];
    let (length, least) = match first & 31 {
        small @ 0..=23 => {
            *at += 1;
            return (first >> 5, u64::from(small));
        }
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        other => panic!("additional information {other}"),
    };
    let value = bytes[*at + 1..*at + 1 + length]
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    assert!(value >= least, "a head longer than it must be");
    *at += 1 + length;
    (first >> 5, value)
}

fn check_item(bytes: &[u8], at: &mut usize) {
    match head(bytes, at) {
        (0 | 1 | 7, _) => {}
        (2 | 3, length) => *at += length as usize,
        (4, count) => (0..count).for_each(|_| check_item(bytes, at)),
        (5, count) => {
            let mut last: Option<&[u8]> = None;
            for _ in 0..count {
                let start = *at;
                check_item(bytes, at);
                let key = &bytes[start..*at];
                assert!(last < Some(key), "keys out of order: {last:?} {key:?}");
                last = Some(key);
                check_item(bytes, at);
            }
        }
        (major, _) => panic!("major type {major}"),
    }
}

#[test]
fn unknown_members_are_skipped_and_missing_ones_named() {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    (|| {
        encoder.map(5)?.str("hash")?.u64(9)?;
        encoder.str("news")?.map(1)?.str("deep")?.array(2)?.bool(true)?.str("x")?;
        encoder.str("more")?.null()?.str("name")?.str("s")?.str("bytes")?.bytes(b"123").map(drop)
    })()
    .expect("written to memory");
    let read = LayoutHash::read(&mut Decoder::new(&bytes));
    assert_eq!(read, Ok(LayoutHash { hash: 9, name: "s" }));

    let error = |kind| Err(Error { offset: 0, kind });
    assert_eq!(Schema::parse(&[0xa0]), error(ErrorKind::Missing("name")));
    assert_eq!(Schema::parse(&[0x01]), error(ErrorKind::Malformed));
    assert_eq!(Schema::parse(&[]), error(ErrorKind::Malformed));
    let twice = b"\xa2\x64name\x61a\x64name\x61b";
    let repeated = Err(Error { offset: 8, kind: ErrorKind::Repeated("name") });
    assert_eq!(Schema::parse(twice), repeated);
}

/// No bytes make a reader panic, and every cut is noticed.
#[test]
fn damaged_descriptions_are_errors() {
    whole(|schema| {
        let bytes = encode(schema);
        for end in 0..bytes.len() {
            assert!(Schema::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(schema) = Schema::parse(&damaged) {
                    let _ = std::format!("{schema:?}");
                }
            }
        }
    });
}

/// The bytes are put together by hand from RFC 8949.
#[test]
fn fingerprints_are_sha256_of_the_cbor() {
    // [ "a.b", 1, 1, [] ]
    let bytes = b"\x84\x63a.b\x01\x01\x80";
    assert_eq!(fingerprint("a.b", 1, &[]), short_sha256(bytes));
    assert_eq!(fingerprint("a.b", 1, &FIELDS), short_sha256(bytes), "all fields are younger");
    // [ "a.b", 2, 1, [{name, size, type, since, offset, default}] ]
    let bytes = b"\x84\x63a.b\x02\x01\x81\xa6\x64name\x65owner\x64size\x04\x64type\x63u32\
        \x65since\x02\x66offset\x18\x40\x67default\x1a\xff\xff\xff\xff";
    assert_eq!(fingerprint("a.b", 2, &FIELDS), short_sha256(bytes));
    assert_ne!(fingerprint("a.b", 3, &FIELDS), fingerprint("a.b", 2, &FIELDS));
    // FIPS 180-4: SHA-256 of "abc" begins with ba7816bf 8f01cfea.
    assert_eq!(short_sha256(b"abc"), 0xba78_16bf_8f01_cfea);
}
