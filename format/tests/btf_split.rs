//! BTF that continues another blob, as that of a kernel's module continues the kernel's.

use inspect_format::abi::Order;
use inspect_format::btf::{Btf, Builder, ErrorKind, kind};

/// One integer, and its name.
fn base() -> Vec<u8> {
    let mut builder = Builder::new();
    builder.int("int", 4, 1);
    builder.finish().bytes(Order::Little, |_| Some(8), |_| false).unwrap()
}

/// A typedef of `target`, whose name is at `name` of both texts together.
fn split(name: u32, target: u32) -> Vec<u8> {
    let strings = b"alias\0";
    let mut bytes = 0x0001_eb9f_u32.to_le_bytes().to_vec();
    for word in [24, 0, 12, 12, strings.len() as u32, name, kind::TYPEDEF << 24, target] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(strings);
    bytes
}

#[test]
fn ids_and_texts_go_on_behind_the_base() {
    let base = base();
    let base = Btf::parse(&base).unwrap();
    let count = base.type_count();
    // `int`, and the integer that tells how wide a pointer is.
    assert_eq!((base.first_id(), count), (1, 2));
    let length = strings_length(&base);
    let bytes = split(length, 1);
    let own = Btf::parse_split(&bytes, &base).unwrap();
    assert_eq!((own.first_id(), own.type_count()), (3, 3));
    let types: Vec<_> = own.types().map(|ty| (ty.id(), ty.name(), ty.target())).collect();
    assert_eq!(types, [(3, "alias", 1)]);
    assert_eq!(own.type_by_id(3).unwrap().name(), "alias");
    assert!(own.type_by_id(1).is_none(), "it is in the base");
    assert!(own.type_by_id(4).is_none());
    // A name may be one of the base's.
    let bytes = split(1, 1);
    let own = Btf::parse_split(&bytes, &base).unwrap();
    assert_eq!(own.types().next().unwrap().name(), "int");
}

#[test]
fn positions_lead_back_to_types() {
    let base = base();
    let mut heads = Vec::new();
    let base = Btf::parse_seeing(&base, None, &mut |_, head| heads.push(*head)).unwrap();
    let mut count = 0;
    for (head, ty) in heads.iter().zip(base.types()) {
        assert_eq!(head.id(), ty.id());
        let again = base.type_at(head.position(), ty.id()).unwrap();
        assert_eq!((again.id(), again.name()), (ty.id(), ty.name()));
        count += 1;
    }
    assert_eq!(count, base.types().count());
    assert!(base.type_at(u32::MAX, 1).is_none());
}

#[test]
fn what_neither_has_is_an_error() {
    let base = base();
    let base = Btf::parse(&base).unwrap();
    let length = strings_length(&base);
    let error = |name, target| Btf::parse_split(&split(name, target), &base).unwrap_err().kind;
    assert_eq!(error(length, 4), ErrorKind::Type(4));
    assert_eq!(error(length + 6, 1), ErrorKind::Name(length + 6));
    assert_eq!(error(u32::MAX, 1), ErrorKind::Name(u32::MAX));
    // By itself it has neither its names nor its types.
    assert!(Btf::parse(&split(length, 1)).is_err());
}

/// The offset of the first text that the base does not have.
fn strings_length(base: &Btf<'_>) -> u32 {
    let known = |at: u32| {
        let error = Btf::parse_split(&split(at, 1), base).err().map(|error| error.kind);
        error != Some(ErrorKind::Name(at))
    };
    // The base ends with a NUL, behind which `alias` begins.
    (0..1000)
        .find(|at| {
            known(*at)
                && Btf::parse_split(&split(*at, 1), base)
                    .is_ok_and(|own| own.types().next().is_some_and(|ty| ty.name() == "alias"))
        })
        .unwrap()
}
