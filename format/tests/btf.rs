//! BTF: what is built is read, fields are bound, and damage is an error.

use inspect_format::abi::Order;
use inspect_format::btf::{
    ABSENT, BindErrorKind, Blob, Btf, Builder, EnumMember, ErrorKind, Member, Patch, Place, Word,
    encoding, kind,
};

fn member(name: &str, type_id: u32, place: u32) -> Member<'_> {
    Member { name, type_id: Word::Number(type_id), place: Word::Number(place) }
}

fn number(value: u32) -> Word {
    Word::Number(value)
}

/// Words that no compiler has to say, except how wide a pointer is, and one macro.
fn bytes(blob: &Blob, order: Order, word_size: u64, numa: bool) -> Vec<u8> {
    let resolve = |patch: &Patch| match patch {
        Patch::WordSize => Some(word_size),
        Patch::Offset { aggregate: 5, field: 1 } => Some(word_size * 2),
        Patch::EnumMember { high: false, .. } => Some(0xffff_fffe),
        Patch::EnumMember { high: true, .. } => Some(0xffff_ffff),
        Patch::EnumSigned { .. } => Some(1),
        _ => None,
    };
    blob.bytes(order, resolve, |name| name == "CONFIG_NUMA" && numa).expect("all is known")
}

/// `struct node { struct node *next; long lock; union { u32 a; struct { u16 b; u8 c; }; }; u32 x:3,
/// y:5; u8 numa; u8 last[]; }` with offsets that fit a 64-bit producer, and things around it.
fn sample() -> Blob {
    let mut builder = Builder::new();
    let node = builder.reserve();
    let next = builder.pointer(node);
    let long = builder.word_int("long int", encoding::SIGNED);
    let (u8, u16, u32) = (
        builder.int("unsigned char", 1, 0),
        builder.int("short unsigned int", 2, 0),
        builder.int("unsigned int", 4, 0),
    );
    assert_eq!(builder.int("unsigned int", 4, 0), u32, "equal types share an id");
    let inner = builder.reserve();
    builder.define_composite(
        inner,
        "",
        false,
        false,
        number(4),
        &[member("b", u16, 0), member("c", u8, 16)],
    );
    let union = builder.reserve();
    let arms = [member("a", u32, 0), member("", inner, 0)];
    builder.define_composite(union, "", true, false, number(4), &arms);
    let absent = builder.absent();
    let last = builder.array(u8, number(0));
    let numa = Member {
        name: "numa",
        type_id: Word::If {
            condition: "CONFIG_NUMA".into(),
            then: number(u8).into(),
            otherwise: number(absent).into(),
        },
        place: number(21 * 8),
    };
    let lock = Word::Patch { patch: Patch::Offset { aggregate: 5, field: 1 }, factor: 8, plus: 0 };
    let members = [
        member("next", next, 0),
        Member { name: "lock", type_id: number(long), place: lock },
        member("", union, 16 * 8 + 64),
        member("x", u32, (3 << 24) | (28 * 8)),
        member("y", u32, (5 << 24) | (28 * 8 + 3)),
        numa,
        member("last", last, 32 * 8),
    ];
    builder.define_composite(node, "node", false, true, number(32), &members);
    builder.tag("inspect:if=CONFIG_NUMA", node, Some(5));
    builder.tag("inspect:since=2", node, None);
    let typedef = builder.typedef("node_t", node);
    builder.typedef("alias_t", typedef);
    let patch = |high| Word::Patch {
        patch: Patch::EnumMember { enumeration: 1, member: 0, high },
        factor: 1,
        plus: 0,
    };
    let signed = Word::Patch { patch: Patch::EnumSigned { enumeration: 1 }, factor: 1, plus: 0 };
    let minus_two = [EnumMember { name: "minus_two", low: patch(false), high: patch(true) }];
    builder.enumeration("narrow", false, number(4), signed.clone(), &minus_two);
    builder.enumeration("wide", true, number(8), signed, &minus_two);
    builder.function();
    builder.float("double", 8);
    builder.finish()
}

#[test]
fn what_is_built_is_read() {
    for order in [Order::Little, Order::Big] {
        let bytes = bytes(&sample(), order, 8, true);
        let btf = Btf::parse(&bytes).expect("a blob");
        assert_eq!(btf.order(), order);
        let node = btf.composite("node").expect("the struct");
        assert_eq!((node.id(), node.size(), node.kind()), (1, 32, kind::STRUCT));
        let names: Vec<_> = node.members().map(|member| member.name).collect();
        assert_eq!(names, ["next", "lock", "", "x", "y", "numa", "last"]);
        let y = node.member("y").unwrap().unwrap();
        assert_eq!((y.bit_offset, y.bit_size), (28 * 8 + 3, Some(5)));
        let c = node.member("c").unwrap().unwrap();
        assert_eq!((c.bit_offset, c.bit_size), (26 * 8, None));
        assert_eq!(node.member("nothing").unwrap(), None);
        for name in ["narrow", "wide"] {
            let kind = if name == "wide" { kind::ENUM64 } else { kind::ENUM };
            let ty = btf.find(kind, name).expect("an enum");
            let values: Vec<_> = ty.enumerators().map(|one| (one.name, one.value)).collect();
            assert_eq!(values, [("minus_two", -2)]);
        }
        let tags: Vec<_> = btf.decl_tags().map(|tag| (tag.text, tag.type_id, tag.member)).collect();
        assert_eq!(tags, [("inspect:if=CONFIG_NUMA", 1, Some(5)), ("inspect:since=2", 1, None)]);
        let alias = btf.find(kind::TYPEDEF, "alias_t").unwrap();
        assert_eq!(btf.resolve(alias.id()).unwrap().unwrap().id(), 1);
        assert_eq!(btf.size_of(alias.id(), 8), Ok(Some(32)));
        let long = btf.find(kind::INT, "long unsigned int").expect("how wide a pointer is");
        assert_eq!((long.size(), long.int().unwrap().bits), (8, 64));
    }
}

#[test]
fn fields_are_bound_with_their_widths() {
    let with = bytes(&sample(), Order::Little, 8, true);
    let without = bytes(&sample(), Order::Little, 8, false);
    assert_eq!(with.len(), without.len(), "a macro does not change ids");
    let btf = Btf::parse(&with).unwrap();
    let node = btf.bind("Node", "node", 8).unwrap();
    assert_eq!(node.size(), 32);
    assert_eq!(node.exact("next", "next", 64), Ok(Place { bit_offset: 0, bit_size: 64 }));
    assert_eq!(node.number("lock", "lock"), Ok(Place { bit_offset: 128, bit_size: 64 }));
    assert_eq!(node.number("y", "y"), Ok(Place { bit_offset: 28 * 8 + 3, bit_size: 5 }));
    assert_eq!(node.bytes("last", "last"), Ok(Place { bit_offset: 256, bit_size: 0 }));
    assert_eq!(node.is_signed("lock", "lock"), Ok(true));
    assert_eq!(node.is_signed("a", "a"), Ok(false));
    let kind = |result: Result<Place, inspect_format::btf::BindError>| result.unwrap_err().kind;
    let width = BindErrorKind::Width { expected: 32, found: 64 };
    assert_eq!(kind(node.exact("lock", "lock", 32)), width);
    assert_eq!(kind(node.exact("gone", "gone", 32)), BindErrorKind::Missing);
    assert_eq!(kind(node.bytes("y", "y")), BindErrorKind::BitOffset(28 * 8 + 3));
    assert_eq!(kind(node.number("last", "last")), BindErrorKind::TooWide { found: 0 });
    assert_eq!(node.has("numa", "numa"), Ok(true));

    let btf = Btf::parse(&without).unwrap();
    let node = btf.bind("Node", "node", 8).unwrap();
    assert_eq!(node.has("numa", "numa"), Ok(false));
    let error = node.exact("numa", "numa", 8).unwrap_err();
    assert_eq!((error.type_name, error.field), ("Node", "numa"));
    assert_eq!(error.kind, BindErrorKind::Missing);
    assert_eq!(btf.bind("Other", "other", 8).unwrap_err().kind, BindErrorKind::Missing);
    assert!(btf.types().any(|ty| ty.name() == ABSENT));
}

#[test]
fn paths_lead_into_members() {
    let mut builder = Builder::new();
    let u32 = builder.int("unsigned int", 4, 0);
    let (inner, outer) = (builder.reserve(), builder.reserve());
    builder.define_composite(inner, "inner", false, false, number(8), &[member("x", u32, 32)]);
    let typedef = builder.typedef("inner_t", inner);
    let members = [member("i", typedef, 64)];
    builder.define_composite(outer, "outer", false, false, number(16), &members);
    let bytes = builder.finish().bytes(Order::Big, |_| Some(8), |_| false).unwrap();
    let btf = Btf::parse(&bytes).unwrap();
    let outer = btf.bind("Outer", "outer", 8).unwrap();
    assert_eq!(outer.exact("x", "i.x", 32), Ok(Place { bit_offset: 96, bit_size: 32 }));
    assert_eq!(outer.exact("x", "i.x.y", 32).unwrap_err().kind, BindErrorKind::Missing);
    let place = outer.exact("x", "i.x", 32).unwrap();
    let memory: [u8; 16] = std::array::from_fn(|i| i as u8 | 0x80);
    assert_eq!(place.unsigned(&memory, Order::Big), 0x8c8d_8e8f);
    assert_eq!(place.signed(&memory, Order::Big), i64::from(0x8c8d_8e8f_u32 as i32));
    assert_eq!(place.array(&memory), [0x8c, 0x8d, 0x8e, 0x8f]);
    assert_eq!(place.slice(&memory), [0x8c, 0x8d, 0x8e, 0x8f]);
    assert_eq!(place.unsigned(&memory[..13], Order::Big), 0);
}

#[test]
fn a_field_that_reaches_out_of_its_struct_is_refused() {
    let mut builder = Builder::new();
    let u32 = builder.int("unsigned int", 4, 0);
    let outer = builder.reserve();
    builder.define_composite(outer, "s", false, false, number(4), &[member("x", u32, 8)]);
    let bytes = builder.finish().bytes(Order::Big, |_| Some(8), |_| false).unwrap();
    let btf = Btf::parse(&bytes).unwrap();
    let error = btf.bind("S", "s", 8).unwrap().exact("x", "x", 32).unwrap_err();
    assert_eq!(error.kind, BindErrorKind::Outside);
}

#[test]
fn types_in_circles_end() {
    let mut builder = Builder::new();
    let (first, second) = (builder.reserve(), builder.reserve());
    builder.define_typedef(first, "first", second);
    builder.define_typedef(second, "second", first);
    let (a, b) = (builder.reserve(), builder.reserve());
    let each = |other| [member("", other, 0), member("", other, 0)];
    builder.define_composite(a, "a", false, false, number(8), &each(b));
    builder.define_composite(b, "b", false, false, number(8), &each(a));
    let array = builder.reserve();
    builder.define_typedef(array, "array", array + 2);
    builder.array(array, number(3));
    let bytes = builder.finish().bytes(Order::Little, |_| Some(8), |_| false).unwrap();
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.resolve(first).unwrap_err().kind, ErrorKind::Chain(first));
    assert!(matches!(btf.size_of(array, 8).unwrap_err().kind, ErrorKind::Chain(_)));
    let error = btf.composite("a").unwrap().member("x").unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Chain(_)));
}

#[test]
fn damaged_blobs_are_errors_or_harmless() {
    for order in [Order::Little, Order::Big] {
        let bytes = bytes(&sample(), order, 4, true);
        for end in 0..bytes.len() {
            assert!(Btf::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut parsed = 0;
        for at in 0..bytes.len() {
            for value in [0, 1, 2, 4, 13, 0x18, 0x40, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let Ok(btf) = Btf::parse(&damaged) else {
                    continue;
                };
                parsed += 1;
                for ty in btf.types() {
                    let _ = (ty.members().count(), ty.enumerators().count(), ty.int());
                    let _ = (ty.array(), ty.decl_tag(), btf.size_of(ty.id(), 4));
                    let _ = ty.member("none");
                }
                if let Ok(node) = btf.bind("Node", "node", 4) {
                    let _ = (node.exact("c", "c", 8), node.number("y", "y"));
                    let _ = (node.bytes("last", "last"), node.is_signed("lock", "lock"));
                }
            }
        }
        assert!(parsed > 500, "{parsed}");
    }
}

#[test]
fn impossible_blobs_are_named() {
    let good = bytes(&sample(), Order::Little, 8, true);
    let strings = u32::from_le_bytes(good[16..20].try_into().unwrap()) as usize + 24;
    let last = good.len() - 1;
    let cases: [(usize, u8, ErrorKind); 7] = [
        (0, 0, ErrorKind::Magic),
        (2, 2, ErrorKind::Version(2)),
        (4, 23, ErrorKind::HeaderSize(23)),
        (11, 0x7f, ErrorKind::Section),
        (strings, b'x', ErrorKind::Strings),
        (strings + 1, 0xff, ErrorKind::NameEncoding),
        (last, b'x', ErrorKind::Strings),
    ];
    for (at, value, kind) in cases {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(Btf::parse(&bytes).unwrap_err().kind, kind, "byte {at}");
    }
    // The first record: name, info, size, then members of name, type, place.
    let cases: [(usize, u32, ErrorKind); 4] = [
        (24, 1 << 30, ErrorKind::Name(1 << 30)),
        (28, 30 << 24, ErrorKind::Kind(30)),
        (36, 1 << 20, ErrorKind::Name(1 << 20)),
        (40, 1 << 20, ErrorKind::Type(1 << 20)),
    ];
    for (at, value, kind) in cases {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let error = Btf::parse(&bytes).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, 24), "byte {at}");
    }
}

#[test]
fn types_are_found_by_id_and_by_name_wherever_they_stand() {
    // Fewer types than marks, exactly as many, and counts that do not divide evenly.
    for count in [1, 2, 62, 63, 64, 126, 127, 128, 1000] {
        let mut builder = Builder::new();
        for index in 0..count {
            let id = builder.reserve();
            let name = format!("s{index}");
            builder.define_composite(id, &name, false, false, number(0), &[]);
        }
        let blob = bytes(&builder.finish(), Order::Little, 8, false);
        let btf = Btf::parse(&blob).expect("a blob");
        // The builder adds the type that tells how wide a pointer is.
        let all = count + 1;
        assert_eq!(btf.type_count(), all);
        for id in 1..=count {
            let ty = btf.type_by_id(id).expect("the type");
            assert_eq!((ty.id(), ty.name()), (id, format!("s{}", id - 1).as_str()));
            assert_eq!(btf.types_from(id).count() as u32, all - id + 1);
        }
        for id in [0, all + 1, u32::MAX] {
            assert!(btf.type_by_id(id).is_none());
        }
        for near in [0, 1, count / 2, all, all + 1] {
            for index in [0, count / 3, count - 1] {
                let found = btf.composite_near(&format!("s{index}"), near).map(|ty| ty.id());
                assert_eq!(found, Some(index + 1), "near {near}");
            }
            assert!(btf.composite_near("s", near).is_none());
        }
    }
}
