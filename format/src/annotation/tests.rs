//! Every key of the core, right and wrong.

use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::abi::{Order, pair_kind};
use crate::pairs::Records;

const WORD: u8 = 8;

fn pair(key: &str, kind: u32, integer: u64, address: u64, text: &str) -> Vec<u8> {
    let mut bytes = std::vec![0; Pair::SIZE];
    let record = Pair { kind, size: Pair::SIZE as u32, integer, address, ..Pair::ZERO };
    record.write(bytes.first_chunk_mut().unwrap(), Order::Little);
    bytes[..key.len()].copy_from_slice(key.as_bytes());
    bytes[Pair::TEXT_AT..Pair::TEXT_AT + text.len()].copy_from_slice(text.as_bytes());
    bytes
}

/// A text of so many bytes, in a pair that is as long as it has to be.
fn long_text(key: &str, length: usize) -> Vec<u8> {
    let mut bytes = text(key, "");
    bytes.truncate(Pair::TEXT_AT);
    bytes.resize(Pair::TEXT_AT + length, b'x');
    bytes.resize((bytes.len() + 1).next_multiple_of(Pair::SIZE), 0);
    let size = bytes.len() as u32;
    bytes[Pair::SIZE_AT..Pair::SIZE_AT + 4].copy_from_slice(&size.to_le_bytes());
    bytes
}

fn integer(key: &str, number: u64) -> Vec<u8> {
    pair(key, pair_kind::INTEGER, number, 0, "")
}

fn text(key: &str, text: &str) -> Vec<u8> {
    pair(key, pair_kind::TEXT, 0, 0, text)
}

fn address(key: &str, address: u64, width: u64) -> Vec<u8> {
    pair(key, pair_kind::ADDRESS, width, address, "")
}

/// A record of a class, with an address unless there are other pairs that bring one.
fn section(pairs: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = pair("inspect:begin", pair_kind::BEGIN, 0, 0x1000, "");
    bytes.extend(pairs.concat());
    bytes.extend(pair("inspect:end", pair_kind::END, 0, 0, ""));
    bytes
}

fn read<T>(
    pairs: &[Vec<u8>],
    check: impl FnOnce(Result<Annotation<'_>, AnnotationError<'_>>) -> T,
) -> T {
    let bytes = section(pairs);
    let record = Records::new(&bytes, Order::Little, WORD).next().unwrap().unwrap();
    check(Annotation::read(&record))
}

#[test]
fn every_key_is_taken() {
    let pairs = [
        text("class", "log"),
        text("name", "main"),
        integer("type", 7),
        integer("id", 0x7fff_ffff),
        integer("instance", u64::MAX),
        integer("properties", 5),
        address("address", 0x2000, 0),
        integer("length", 16),
        address("count", 0x3000, 4),
        integer("space", 9),
        integer("level", 3),
        text("file", "main.c"),
        integer("line", 42),
    ];
    read(&pairs, |found| {
        let found = found.unwrap();
        assert_eq!((found.class, found.name, found.instance), ("log", "main", u64::MAX));
        assert_eq!((found.type_id, found.id), (Some(7), Some(0x7fff_ffff)));
        assert_eq!((found.properties, found.length, found.space), (5, 16, 9));
        assert_eq!((found.file, found.line), ("main.c", 42));
        let at = 7 * Pair::SIZE + Pair::ADDRESS_AT;
        assert_eq!(found.address().unwrap(), Location::Pointer { at, value: 0x2000 });
        let at = 9 * Pair::SIZE + Pair::ADDRESS_AT;
        assert_eq!(found.bound, Some(Location::Pointer { at, value: 0x3000 }));
        assert_eq!((found.extent, found.bound_size), (extent::COUNTED, 4));
        let fields: Vec<_> = found.fields().map(|it| (it.key, it.value)).collect();
        assert_eq!(fields, [("level", Value::Integer(3))]);
    });
}

#[test]
fn what_is_not_said_is_nothing() {
    read(&[text("class", "log"), integer("address", 0)], |found| {
        let found = found.unwrap();
        assert_eq!((found.name, found.type_id, found.id), ("", None, None));
        assert_eq!((found.address().unwrap(), found.bound), (Location::Number(0), None));
        assert_eq!((found.extent, found.space), (extent::DIRECT, space::VIRTUAL));
    });
}

#[test]
fn extents_go_with_their_bounds() {
    let end = || Some(address("end", 0x3000, 0));
    let count = || Some(address("count", 0x3000, 1));
    for (bound, said, expected) in [
        (None, None, Ok(extent::DIRECT)),
        (None, Some(extent::INDIRECT), Ok(extent::INDIRECT)),
        (None, Some(extent::ADDRESS_ONLY), Ok(extent::ADDRESS_ONLY)),
        (None, Some(extent::RANGE), Err(BoundError::NoEnd)),
        (None, Some(extent::COUNTED), Err(BoundError::NoCount)),
        (end(), None, Ok(extent::RANGE)),
        (end(), Some(extent::RANGE), Ok(extent::RANGE)),
        (end(), Some(extent::COUNTED), Err(BoundError::NoCount)),
        (end(), Some(extent::DIRECT), Err(BoundError::OtherExtent)),
        (count(), None, Ok(extent::COUNTED)),
        (count(), Some(extent::RANGE), Err(BoundError::NoEnd)),
        (count(), Some(extent::INDIRECT), Err(BoundError::OtherExtent)),
    ] {
        let mut pairs = std::vec![text("class", "log"), address("address", 0x2000, 0)];
        pairs.extend(bound);
        pairs.extend(said.map(|it| integer("extent", it.into())));
        let expected = expected.map_err(AnnotationErrorKind::Bound);
        read(&pairs, |found| {
            assert_eq!(found.map(|it| it.extent).map_err(|it| it.kind), expected, "{said:?}");
        });
    }
}

#[test]
fn wrong_values_are_refused_where_they_stand() {
    for (wrong, expected) in [
        (integer("class", 1), "`class` takes a text, and this is the number 1"),
        (text("line", "x"), "`line` takes a number, and this is the text \"x\""),
        (address("length", 1, 1), "`length` takes a number, and this is an address"),
        (text("address", ""), "`address` takes an address, and this is the text \"\""),
        (integer("count", 8), "`count` takes an address, and this is the number 8"),
        (
            address("count", 8, 3),
            "`count` takes a counter of 1, 2, 4 or 8 bytes, and this is an address",
        ),
        (
            integer("type", 1 << 32),
            "`type` takes a number of a type, below 2^32, and this is the number 4294967296",
        ),
        (
            integer("id", 1 << 31),
            "`id` takes a number below 2^31, and this is the number 2147483648",
        ),
        (integer("extent", 5), "`extent` takes an extent, from 0 to 4, and this is the number 5"),
        (
            integer("space", 1 << 16),
            "`space` takes a number of an address space, and this is the number 65536",
        ),
    ] {
        read(&[wrong], |found| {
            let error = found.unwrap_err();
            assert_eq!((error.to_string().as_str(), error.offset), (expected, Pair::SIZE));
        });
    }
}

/// A table may share one between all its rows, and whoever reads them would take it for each.
#[test]
fn a_text_without_end_is_refused() {
    for key in ["name", "file", "a_field"] {
        let class = || text("class", "log");
        read(&[class(), long_text(key, LONGEST_TEXT)], |found| assert!(found.is_ok(), "{key}"));
        read(&[class(), long_text(key, LONGEST_TEXT + 1)], |found| {
            let error = found.map(drop).unwrap_err();
            assert_eq!(error.offset, 2 * Pair::SIZE, "{key}");
            let said = "takes a text of 65536 bytes at most, and this is a text of 65537 bytes";
            assert_eq!(error.to_string(), std::format!("`{key}` {said}"));
        });
    }
}

#[test]
fn each_key_stands_there_once() {
    for key in KEYS {
        // Whatever the first one says, the second one is one too many.
        let good = match key {
            "class" | "name" | "file" => text(key, "x"),
            "address" | "end" => address(key, 8, 0),
            "count" => address(key, 8, 8),
            _ => integer(key, 1),
        };
        read(&[good.clone(), good], |found| {
            assert_eq!(found.unwrap_err().kind, AnnotationErrorKind::Repeated(key));
        });
    }
}

#[test]
fn class_and_address_are_required() {
    read(&[integer("address", 8)], |found| {
        assert_eq!(found.unwrap_err().kind, AnnotationErrorKind::NoClass);
    });
    read(&[text("class", "log")], |found| {
        let error = found.unwrap().address().unwrap_err();
        assert_eq!((error.offset, error.kind), (0, AnnotationErrorKind::NoAddress));
    });
}
