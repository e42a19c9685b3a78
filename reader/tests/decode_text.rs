//! What people read: values as text.

mod decode_support;

use decode_support::{Image, Writer, schema};
use inspect_reader::decode::{Budget, Decoder};
use inspect_reader::output::value_text::{one_line, render};
use inspect_reader::value::{Value, ValueSink};

fn value(text: &str, write: impl FnOnce(&mut Writer<'_>)) -> Value {
    let schema = schema(text);
    let mut image = Image::new(&schema, "s390x");
    let mut writer = image.writer();
    write(&mut writer);
    let (memory, length) = writer.finish();
    image.memory.extend(memory);
    let id = image.plan.type_named("t_s").expect("a struct");
    let length = length.or(image.plan.size_of(id)).expect("a size");
    for at in 0x1000..0x1000 + length {
        image.memory.0.entry(at).or_insert(0);
    }
    let mut sink = ValueSink::new();
    let mut decoder = Decoder::new(&image.plan, &image.memory, Budget::default());
    let Ok(()) = decoder.region(id, 0x1000, length, &mut sink);
    sink.finish().expect("a value")
}

#[test]
fn members_stand_below_one_another() {
    let text = "schema t version 1;
        enum state { idle, run }
        flags rights: u32 { read = 0, write = 1, service = 8..11 }
        struct inner { x: u16, y: u16 }
        struct wide { first: u64, second: u64, third: u64, fourth: u64, fifth: u64, sixth: bytes<40> }
        struct s {
            id: u64, state: state, rights: rights, none: rights, #[unit(\"bytes\")] used: u64,
            #[unit(\"ms\")] late: u32, #[display(hex)] mask: u32, #[display(timestamp_ns)] at: u64,
            #[display(duration_ns)] took: u64, place: inner, places: [inner; 2], zeros: [u8; 64],
            numbers: [u64; 12], wide: wide, name: text<16>, letter: char, load: f32, next: *inner, gone: *s,
            far: *inner, #[sensitive] key: u8,
        }";
    let value = value(text, |w| {
        w.field("id", 7).field("state", 1).field("rights", 0x10501).field("used", 1536);
        w.field("late", 20).field("mask", 255).field("at", 1_700_000_000_500_000_000);
        w.field("took", 1_250_000).bytes("place", &[0, 1, 0, 2]);
        w.elements(
            "numbers",
            8,
            &[1, 22, 333, 4444, 1 << 40, 1 << 41, 1 << 42, 1 << 43, 9, 9, 9, 9],
        );
        w.bytes("name", b"a\x1b[2J\"\n\xff").field("letter", 0x27).field("load", 0x3f00_0000);
        w.field("next", 0x2000).raw(0x2000, &[0, 3, 0, 4]).field("far", 0x9000);
    });
    let expected = "\
id      = 7
state   = run
rights  = read|service=5|0x10000
none    = 0
used    = 1536 bytes (1.5 KiB)
late    = 20 ms
mask    = 0xff
at      = 2023-11-14T22:13:20.5Z
took    = 1.25 ms
place   = {x = 1, y = 2}
places  = [{x = 0, y = 0}, {x = 0, y = 0}]
zeros   = [0 × 64]
numbers = [1, 22, 333, 4444, 1099511627776, 2199023255552, 4398046511104, 8796093022208, 9 × 4]
wide
  first  = 0
  second = 0
  third  = 0
  fourth = 0
  fifth  = 0
  sixth
    0000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
    0010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
    0020  00 00 00 00 00 00 00 00                          ........
name    = \"a\\u{1b}[2J\\\"\\n\\xff\"
letter  = '\\''
load    = 0.5
next    = 0x2000 -> {x = 3, y = 4}
gone    = null
far     = <fault at 0x9000>
key     = <sensitive>
";
    assert_eq!(render(&value, 0, 100), expected);
    let narrow = render(&value, 4, 60);
    assert!(narrow.lines().all(|line| line.starts_with("    ")), "{narrow}");
    let numbers = "    numbers = [1, 22, 333, 4444, 1099511627776,
               2199023255552, 4398046511104, 8796093022208,
               9 × 4]\n";
    assert!(narrow.contains(numbers), "{narrow}");
    assert!(!one_line(&value).contains('\n'));
}

#[test]
fn lists_of_structs_are_numbered() {
    let text = "schema t version 1;
        struct inner { number: u64, text: text<40>, more: [u32; 4] }
        struct s { n: u8, #[count(n)] all: [inner; 3] }";
    let value = value(text, |w| {
        w.field("n", 4).at("all", 0, 0, 5);
    });
    let expected = "\
n   = 4
all = <count says 4>
  [0] {number = 5, text = \"\", more = [0 × 4]}
  [1] {number = 0, text = \"\", more = [0 × 4]}
  [2] {number = 0, text = \"\", more = [0 × 4]}
";
    assert_eq!(render(&value, 0, 100), expected);
}
