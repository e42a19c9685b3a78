//! Values decoded by the types that the compiler of schemas emits, for words of 4 and 8 bytes and both byte orders:
//! every kind of member.

mod decode_support;

use decode_support::{Image, Writer, json_of, schema};
use inspect_reader::decode::Budget;
use serde_json::{Value, json};

/// Decodes what `write` leaves behind for every kind of target; all must say the same.
#[track_caller]
fn check(text: &str, type_name: &str, write: impl Fn(&mut Writer<'_>), expected: &Value) {
    let schema = schema(text);
    for target in ["x86_64", "i686", "powerpc64", "mips", "aarch64", "s390x"] {
        let mut image = Image::new(&schema, target);
        let mut writer = image.writer();
        write(&mut writer);
        let (memory, length) = writer.finish();
        image.memory.extend(memory);
        let found = image.json(type_name, 0x1000, length, Budget::default());
        assert_eq!(&found, expected, "{target}");
    }
}

#[test]
fn numbers_of_every_width() {
    let schema = "schema t version 1; struct s {
        a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64,
        i: f32, j: f64, k: bool, l: char, m: be16, n: le32, o: be64, p: ulong, q: long, r: size,
    }";
    let write = |w: &mut Writer<'_>| {
        w.field("a", 200).field("b", -3).field("c", 60000).field("d", -300);
        w.field("e", 4_000_000_000).field("f", -70_000).field("g", u64::MAX.into());
        w.field("h", i64::MIN.into());
        w.field("i", 1.5_f32.to_bits().into()).field("j", (-0.1_f64).to_bits().into());
        w.field("k", 7).field("l", 'x' as i128);
        w.bytes("m", &[0x1f, 0x90]).bytes("n", &[1, 2, 0, 0]);
        w.bytes("o", &[0, 0, 0, 0, 0, 0, 1, 0]);
        w.field("p", 0xfffffff0).field("q", -5).field("r", 3);
    };
    let expected = json!({
        "a": 200, "b": -3, "c": 60000, "d": -300, "e": 4_000_000_000_u64, "f": -70_000,
        "g": u64::MAX, "h": i64::MIN, "i": 1.5, "j": -0.1, "k": true, "l": "x",
        "m": 8080, "n": 513, "o": 256, "p": 0xfffffff0_u64, "q": -5, "r": 3,
    });
    check(schema, "t_s", write, &expected);
}

#[test]
fn bit_fields_enums_and_flags() {
    let schema = "schema t version 1;
        enum narrow: u8 { first = 1, second = 200, .. }
        enum short_one: i16 { minus = -5, plus = 5 }
        enum wide: u64 { one = 1, huge = 0xffffffffffffff00 }
        enum plain { idle, run }
        flags gfp: u32 { wait = 0, io = 1, burst = 4..7 }
        struct s {
            a: u32 : 3, b: i32 : 13, c: u16 : 9, d: plain : 2, e: u64 : 40, g: bool : 1,
            narrow: narrow, other: narrow, short_one: short_one, wide: wide, plain: plain,
            gfp: gfp, none: gfp,
        }";
    let write = |w: &mut Writer<'_>| {
        w.field("a", 5).field("b", -100).field("c", 300).field("d", 1).field("e", 1 << 39);
        w.field("g", 1).field("narrow", 200).field("other", 7).field("short_one", -5);
        w.field("wide", 0xffff_ffff_ffff_ff00).field("plain", 1).field("gfp", 0x431 | 2);
    };
    let expected = json!({
        "a": 5, "b": -100, "c": 300, "d": "run", "e": 1_u64 << 39, "g": true,
        "narrow": "second", "other": 7, "short_one": "minus", "wide": "huge", "plain": "run",
        "gfp": ["wait", "io", "burst=3", "0x400"], "none": [],
    });
    check(schema, "t_s", write, &expected);
}

#[test]
fn arrays_texts_and_bytes() {
    let schema = "schema t version 1;
        struct s {
            list: [struct { k: u8, v: u16 }; 2], matrix: [[u16; 3]; 2], label: text<4>, full: text<3>,
            raw: bytes<3>, names: [text<2>; 2], odd: text<2>,
            n: u16, #[count(n)] some: [u32; 4], #[count(n + 3)] over: [u8; 4],
            #[count(n)] line: [char; 8], #[count(n - 9)] negative: [u8; 2],
            #[display(uuid)] id: bytes<16>, #[display(mac)] mac: bytes<6>, #[display(ipv4)] v4: be32,
            #[display(address)] where_: u32,
        }";
    let write = |w: &mut Writer<'_>| {
        w.at("list", 0, 0, 1).at("list", 0, 1, 2).at("list", 1, 0, 3).at("list", 1, 1, 4);
        w.elements("matrix", 2, &[1, 2, 3, 4, 5, 6]);
        w.bytes("label", b"ab\0c").bytes("full", b"xyz").bytes("raw", &[0, 0xab, 0xff]);
        w.bytes("names", b"abc\0").bytes("odd", b"\xff\0").field("n", 2);
        w.elements("some", 4, &[10, 11, 12, 13]).bytes("over", &[1, 2, 3, 4]);
        w.bytes("line", b"a\0b45678").bytes("mac", &[1, 2, 3, 4, 5, 0xff]);
        w.bytes("v4", &[192, 0, 2, 1]).field("where_", 0x1f);
    };
    let expected = json!({
        "list": [{"k": 1, "v": 2}, {"k": 3, "v": 4}], "matrix": [[1, 2, 3], [4, 5, 6]],
        "label": "ab", "full": "xyz", "raw": "00abff", "names": ["ab", "c"],
        "odd": {"@text": "\u{fffd}", "@bytes": "ff"},
        "n": 2, "some": [10, 11],
        "over": {"@note": "overcount", "@detail": "count says 5", "@value": [1, 2, 3, 4]},
        "line": "a\0", "negative": [],
        "id": "00000000-0000-0000-0000-000000000000", "mac": "01:02:03:04:05:ff", "v4": "192.0.2.1",
        "where_": "0x1f",
    });
    check(schema, "t_s", write, &expected);
}

#[test]
fn unions_with_and_without_a_tag() {
    let schema = "schema t version 1;
        enum family: u8 { local = 1, inet = 2, inet6 = 10 }
        struct s {
            family: family,
            #[tag(family)] address: union {
                #[when(family::inet)] v4: u32,
                #[when(family::inet6)] v6: struct { #[count(n)] x: [u8; 4], n: u8 },
            },
            second: u8,
            #[tag(second)] union { #[when(1, 2)] one: u16, #[otherwise] other: u8 },
            union { word: u32, struct { low: u16, high: u16 }, },
            bare: union { a: u8, b: i8 },
        }";
    let write = |w: &mut Writer<'_>| {
        w.field("family", 10).at("address", 0, 0, 0).bytes_at("address", &[1, 2, 3, 4, 2]);
        w.field("second", 9).anonymous(3, &[7]).anonymous(4, &[1, 1, 1, 1]).bytes("bare", &[0xff]);
    };
    let expected = json!({
        "family": "inet6", "address": {"v6": {"x": [1, 2], "n": 2}}, "second": 9, "other": 7,
        "word": 0x0101_0101, "low": 0x0101, "high": 0x0101, "bare": {"a": 255, "b": -1},
    });
    check(schema, "t_s", write, &expected);
    let write = |w: &mut Writer<'_>| {
        w.field("family", 1).field("second", 2).anonymous(3, &[2, 2]);
    };
    let expected = json!({
        "family": "local",
        "address": {"@note": "no arm", "@detail": "no arm for tag 1"}, "second": 2, "one": 0x0202,
        "word": 0, "low": 0, "high": 0, "bare": {"a": 0, "b": 0},
    });
    check(schema, "t_s", write, &expected);
}

const POINTERS: &str = "schema t version 1;
    struct inner { x: u16, up: *s }
    struct s {
        next: *inner, text: *char, anything: *void, call: *fn, nothing: *u8, number: *u32,
        n: u8, #[count(n)] values: *u16, #[count(n)] line: *char, bad: *u64, both: **u32,
    }";

#[test]
fn pointers_are_followed() {
    let write = |w: &mut Writer<'_>| {
        w.pointer("next", 0x2000).pointer("text", 0x3000).pointer("anything", 0x77);
        w.pointer("call", 0x88).pointer("number", 0x4000).field("n", 3).pointer("values", 0x5000);
        w.pointer("line", 0x3000).pointer("bad", 0x9000).pointer("both", 0x6000);
        w.raw(0x3000, b"hello\0world").number(0x4000, 4, 99);
        w.number(0x5000, 2, 1).number(0x5002, 2, 2).number(0x5004, 2, 3);
        w.word(0x6000, 0x4000);
        w.other("t_inner", 0x2000, |w| {
            w.field("x", 5).pointer("up", 0x1000);
        });
    };
    let expected = json!({
        "next": {"@address": "0x2000", "@value": {"x": 5, "up": {"@note": "cycle", "@address": "0x1000"}}},
        "text": {"@address": "0x3000", "@value": "hello"}, "anything": "0x77", "call": "0x88",
        "nothing": null, "number": {"@address": "0x4000", "@value": 99}, "n": 3,
        "values": {"@address": "0x5000", "@value": [1, 2, 3]},
        "line": {"@address": "0x3000", "@value": "hel"},
        "bad": {"@note": "fault", "@address": "0x9000"},
        "both": {"@address": "0x6000", "@value": {"@address": "0x4000", "@value": 99}},
    });
    check(POINTERS, "t_s", write, &expected);
}

#[test]
fn lists_through_links() {
    let schema = "schema t version 1;
        struct links { next: *links, prev: *links }
        struct item { id: u32, link: links, chain: *item }
        struct s { #[list(item.link)] head: links, #[list(item.chain)] chain: *item, #[list(item.link)] empty: links }";
    let write = |w: &mut Writer<'_>| {
        let link = w.offset("t_item", "link");
        let head = 0x1000 + w.offset("t_s", "head");
        let empty = 0x1000 + w.offset("t_s", "empty");
        let items = [0x2000, 0x2100, 0x2200];
        w.word(head, items[0] + link).pointer("chain", items[2]).word(empty, empty);
        for (i, item) in items.into_iter().enumerate() {
            let next = items.get(i + 1).map_or(head, |next| next + link);
            let chain = if i == 0 { 0 } else { items[i - 1] };
            w.other("t_item", item, |w| {
                w.field("id", 10 + i as i128).pointer("chain", chain);
            });
            w.word(item + link, next);
        }
    };
    let schema = decode_support::schema(schema);
    for target in ["x86_64", "mips"] {
        let mut image = Image::new(&schema, target);
        let mut writer = image.writer();
        write(&mut writer);
        let (memory, length) = writer.finish();
        image.memory.extend(memory);
        let found = image.json("t_s", 0x1000, length, Budget { depth: 1, ..Budget::default() });
        let ids = |name: &str| -> Vec<(String, u64)> {
            let list = found[name].as_array().unwrap_or_else(|| panic!("{found}"));
            let id = |item: &Value| {
                let address = item["@address"].as_str().unwrap().to_owned();
                (address, item["@value"]["id"].as_u64().unwrap())
            };
            list.iter().map(id).collect()
        };
        let at = |address: u64, id: u64| (format!("{address:#x}"), id);
        assert_eq!(ids("head"), [at(0x2000, 10), at(0x2100, 11), at(0x2200, 12)], "{target}");
        assert_eq!(ids("chain"), [at(0x2200, 12), at(0x2100, 11), at(0x2000, 10)], "{target}");
        assert_eq!(found["empty"], json!([]));
        // Links lead nowhere that shows more.
        assert!(found["head"][0]["@value"]["link"]["next"].is_string());
        // The list shows it: before, as in the first, or behind, as in the second.
        assert_eq!(found["head"][1]["@value"]["chain"], json!("0x2000"));
        assert_eq!(found["chain"][0]["@value"]["chain"], json!("0x2100"));
        assert_eq!(found["chain"][2]["@value"]["chain"], json!(null));
    }
}

#[test]
fn a_list_that_goes_in_circles_ends() {
    let schema = schema(
        "schema t version 1;
        struct links { next: *links, prev: *links }
        struct item { id: u32, link: links }
        struct s { #[list(item.link)] head: links }",
    );
    let mut image = Image::new(&schema, "x86_64");
    let mut writer = image.writer();
    let link = writer.offset("t_item", "link");
    writer.word(0x1000, 0x2000 + link).word(0x2000 + link, 0x3000 + link);
    writer.word(0x3000 + link, 0x2100 + link).word(0x2100 + link, 0x3000 + link);
    for at in [0x2000, 0x2100, 0x3000] {
        writer.other("t_item", at, |w| {
            w.field("id", 1);
        });
    }
    let (memory, length) = writer.finish();
    image.memory.extend(memory);
    let found = image.json("t_s", 0x1000, length, Budget::default());
    let list = found["head"].as_array().expect("a list");
    assert_eq!(list.len(), 4);
    assert_eq!(list[3]["@note"], json!("cycle"));
}

#[test]
fn rings_begin_with_the_oldest() {
    let schema = "schema t version 1;
        struct s {
            next: u32, used: u32,
            #[ring(next = next)] all: [u8; 4],
            #[ring(next = next)] #[count(used)] some: [u8; 4],
        }";
    for (next, used, all, some) in [
        (6, 4, json!([3, 4, 1, 2]), json!([3, 4, 1, 2])),
        (2, 2, json!([3, 4, 1, 2]), json!([1, 2])),
        (1, 3, json!([2, 3, 4, 1]), json!([3, 4, 1])),
        (0, 0, json!([1, 2, 3, 4]), json!([])),
    ] {
        let write = |w: &mut Writer<'_>| {
            w.field("next", next).field("used", used);
            w.bytes("all", &[1, 2, 3, 4]).bytes("some", &[1, 2, 3, 4]);
        };
        let expected = json!({"next": next as u64, "used": used as u64, "all": all, "some": some});
        check(schema, "t_s", write, &expected);
    }
}

#[test]
fn flexible_arrays_take_what_is_there() {
    let schema = "schema t version 1;
        struct counted { n: u32, #[count(n)] data: [u16] }
        struct open { n: u32, data: [u16] }
        struct holder { p: *counted }";
    let write = |w: &mut Writer<'_>| {
        w.field("n", 2).raw(0x1004, &[1, 1, 2, 2, 3, 3]);
    };
    check(schema, "t_counted", write, &json!({"n": 2, "data": [0x0101, 0x0202]}));
    check(schema, "t_open", write, &json!({"n": 2, "data": [0x0101, 0x0202, 0x0303]}));
    let write = |w: &mut Writer<'_>| {
        w.pointer("p", 0x2000).number(0x2000, 4, 3).raw(0x2004, &[1, 1, 2, 2, 3, 3, 4, 4]);
    };
    let value = json!({"n": 3, "data": [0x0101, 0x0202, 0x0303]});
    check(schema, "t_holder", write, &json!({"p": {"@address": "0x2000", "@value": value}}));
}

#[test]
fn sensitive_members_are_not_shown() {
    let schema = "schema t version 1;
        struct s {
            a: u8, #[sensitive] key: bytes<4>,
            both: union { #[sensitive] secret: u32, shown: u32 },
            union { #[sensitive] hidden: u8, seen: u8 },
        }";
    let write = |w: &mut Writer<'_>| {
        w.field("a", 1).bytes("key", b"SECR").bytes("both", b"SECR").anonymous(3, &[0x53]);
    };
    let hidden = json!({"@note": "sensitive"});
    let expected = json!({"a": 1, "key": hidden, "both": hidden, "@notes": [hidden]});
    check(schema, "t_s", write, &expected);
    let schema = decode_support::schema(schema);
    let mut image = Image::new(&schema, "x86_64");
    let mut writer = image.writer();
    write(&mut writer);
    let (memory, length) = writer.finish();
    image.memory.extend(memory);
    image.reveal = true;
    let found = image.json("t_s", 0x1000, length, Budget::default());
    assert_eq!(found["key"], json!("53454352"));
    assert_eq!(found["hidden"], json!(0x53));
}

#[test]
fn expected_values_are_compared() {
    let schema = "schema t version 1;
        record s { magic: u32 = 0x315a4e49, _: u32, name: text<4> = b\"abcd\", ok: u32 = 7, }";
    let write = |w: &mut Writer<'_>| {
        w.field("magic", 5).bytes("name", b"abcx").field("ok", 7);
    };
    let expected = json!({
        "magic": {"@note": "unexpected", "@detail": "expected 828001865", "@value": 5},
        "name": {"@note": "unexpected", "@detail": "other bytes were expected", "@value": "abcx"},
        "ok": 7,
    });
    check(schema, "t_s", write, &expected);
}

#[test]
fn a_region_may_hold_many_values_or_half_a_one() {
    let text = "schema t version 1; struct s { a: u16, b: u16 }";
    let schema = schema(text);
    let image = Image::new(&schema, "s390x");
    let bytes = [0, 1, 0, 2, 0, 3, 0, 4, 9];
    let id = image.plan.type_named("t_s").expect("a struct");
    let cases = [
        (4, json!({"a": 1, "b": 2})),
        (8, json!([{"a": 1, "b": 2}, {"a": 3, "b": 4}])),
        (
            9,
            json!([{"a": 1, "b": 2}, {"a": 3, "b": 4},
                {"@note": "trailing", "@detail": "1 more bytes"}]),
        ),
        (5, json!({"@note": "trailing", "@detail": "1 more bytes", "@value": {"a": 1, "b": 2}})),
        (3, json!({"a": 1, "b": {"@note": "short", "@detail": "the region ends here"}})),
    ];
    for (length, expected) in cases {
        assert_eq!(json_of(&image.plan, id, &bytes[..length]), expected, "{length}");
    }
    let unknown = json!({"@note": "type", "@detail": "no type is known", "@value": "0001"});
    assert_eq!(json_of(&image.plan, 0, &bytes[..2]), unknown);
    let unknown = json!({"@note": "type", "@detail": "the type does not exist", "@value": "00"});
    assert_eq!(json_of(&image.plan, 9999, &bytes[..1]), unknown);
}

#[test]
fn budgets_are_values() {
    let schema = schema(POINTERS);
    let mut image = Image::new(&schema, "x86_64");
    let mut writer = image.writer();
    writer
        .field("n", 100)
        .pointer("values", 0x5000)
        .pointer("text", 0x3000)
        .pointer("next", 0x2000);
    writer.raw(0x5000, &[1; 200]).raw(0x3000, &[b'a'; 100]).raw(0x30ff, &[0]);
    writer.other("t_inner", 0x2000, |_| {});
    let (memory, length) = writer.finish();
    image.memory.extend(memory);
    let full = Budget::default();
    let json = |budget| image.json("t_s", 0x1000, length, budget);
    let values = |found: &Value| found["values"]["@value"].as_array().cloned().unwrap_or_default();
    let note = |limit: &str| json!({"@note": "budget", "@limit": limit});
    assert_eq!(values(&json(full)).len(), 100);
    let found = values(&json(Budget { elements: 5, ..full }));
    assert_eq!((found.len(), &found[5]), (6, &note("elements")));
    let found = json(Budget { text: 5, ..full });
    assert_eq!(found["text"]["@value"]["@value"], json!("aaaaa"));
    assert_eq!(found["text"]["@value"]["@limit"], json!("text"));
    let found = json(Budget { values: 3, ..full });
    assert_eq!(found["@notes"], json!([note("values")]));
    let found = values(&json(Budget { values: 50, ..full }));
    assert_eq!(found.last(), Some(&note("values")));
    let found = json(Budget { depth: 0, ..full });
    assert_eq!(found["next"], json!({"@note": "budget", "@limit": "depth", "@value": "0x2000"}));
    assert_eq!(found["text"]["@limit"], json!("depth"));
    let found = json(Budget { bytes: 400, ..full });
    assert_eq!(values(&found).last(), Some(&note("bytes")));
    let deadline = Some(std::time::Instant::now());
    let found = json(Budget { deadline, ..full });
    assert_eq!(found["@notes"], json!([note("time")]));
}

/// Types that nobody here wrote, and many of them: those of the kernel that runs this.
#[test]
fn a_kernel_says_what_its_structs_are() {
    let Ok(types) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        eprintln!("skipped: this kernel does not show its types");
        return;
    };
    let word_size = std::mem::size_of::<usize>() as u8;
    let plan = inspect_reader::decode::Plan::new(&types, word_size).expect("a plan");
    let id = plan.type_named("task_struct").expect("every kernel has tasks");
    let mut bytes = vec![0; plan.size_of(id).expect("a size") as usize];
    let task = json_of(&plan, id, &bytes);
    assert_eq!((&task["pid"], &task["comm"], &task["mm"]), (&json!(0), &json!(""), &Value::Null));
    assert!(task["se"]["vruntime"].is_u64());
    bytes.fill(1);
    assert_eq!(json_of(&plan, id, &bytes)["pid"], json!(0x0101_0101));
    let id = plan.type_named("list_head").expect("every kernel has lists");
    let expected = json!({"next": "0x101010101010101", "prev": "0x101010101010101"});
    assert_eq!(json_of(&plan, id, &bytes[..16]), expected);
}
