//! Regions: many values one behind another, and memory that pointers do not lead into.

mod decode_support;

use decode_support::{BASE, Bytes, Image, schema};
use inspect_reader::decode::{Budget, Decoder, Plan};
use inspect_reader::output::value_json::JsonSink;
use serde_json::{Value, json};

fn decoded(decoder: &mut Decoder<'_>, type_id: u32, length: u64) -> Value {
    let mut sink = JsonSink::new(Vec::new());
    decoder.region(type_id, BASE, length, &mut sink).expect("memory takes everything");
    serde_json::from_slice(&sink.finish().expect("memory takes everything")).expect("JSON")
}

/// The type of 16 bytes that is shown as a text.
fn text_of_16(plan: &Plan) -> u32 {
    let mut memory = Bytes::default();
    memory.put(BASE, b"line\0\0\0\0\0\0\0\0\0\0\0\0");
    let is_it = |id: &u32| {
        let mut decoder = Decoder::new(plan, &memory, Budget::default());
        plan.size_of(*id) == Some(16) && decoded(&mut decoder, *id, 16) == json!("line")
    };
    (1..100).find(is_it).expect("a text")
}

/// All of it is there, so that none of it is a fault.
#[test]
fn a_region_of_many_texts_is_shown_to_its_end() {
    let model = schema("schema t version 1; class line: text<16>; struct s { n: u8 }");
    let mut image = Image::new(&model, "x86_64");
    let id = text_of_16(&image.plan);
    for count in [1, 257, 1000, 5000_u64] {
        for index in 0..count {
            let mut line = format!("line {index}").into_bytes();
            line.resize(16, 0);
            image.memory.put(BASE + index * 16, &line);
        }
        for trailing in [0, 7] {
            image.memory.put(BASE + count * 16, &[1; 7]);
            let budget = Budget { elements: 100_000, ..Budget::default() };
            let mut decoder = Decoder::new(&image.plan, &image.memory, budget);
            let value = decoded(&mut decoder, id, count * 16 + trailing);
            let mut expected: Vec<Value> =
                (0..count).map(|index| json!(format!("line {index}"))).collect();
            if trailing > 0 && count > 1 {
                expected.push(json!({"@note": "trailing", "@detail": "7 more bytes"}));
            }
            let expected = match (count, trailing) {
                (1, 0) => json!("line 0"),
                (1, _) => {
                    json!({"@note": "trailing", "@detail": "7 more bytes", "@value": "line 0"})
                }
                _ => json!(expected),
            };
            assert_eq!(value, expected, "{count}");
        }
    }
}

/// A region of physical memory holds the producer's pointers, which are virtual addresses.
#[test]
fn pointers_lead_into_virtual_memory_wherever_the_region_lies() {
    let model = schema(
        "schema t version 1;
         struct inner { number: u32 }
         struct s { first: *inner, same: *s, n: u32, #[count(n)] all: *inner, name: *char }",
    );
    let image = Image::new(&model, "x86_64");
    let id = image.plan.type_named("t_s").expect("a struct");
    let size = image.plan.size_of(id).expect("a size");
    let words = |words: [u64; 5]| words.map(u64::to_le_bytes).concat();
    let mut physical = Bytes::default();
    physical.put(BASE, &words([0x2000, BASE, 2, 0x3000, 0x4000]));
    physical.put(0x2000, &[9; 8]);
    let mut virtually = Bytes::default();
    virtually.put(BASE, &words([0, 0, 0, 0, 0]));
    virtually.put(0x2000, &1_u32.to_le_bytes());
    virtually.put(0x3000, &[2, 0, 0, 0, 3, 0, 0, 0]);
    virtually.put(0x4000, b"name\0");
    let mut decoder =
        Decoder::new(&image.plan, &virtually, Budget::default()).regions_in(&physical);
    let value = decoded(&mut decoder, id, size);
    assert_eq!(value["first"]["@value"], json!({"number": 1}), "{value}");
    assert_eq!(value["same"]["@value"]["first"], Value::Null, "another place: {value}");
    assert_eq!(value["all"]["@value"], json!([{"number": 2}, {"number": 3}]), "{value}");
    assert_eq!(value["name"]["@value"], json!("name"), "{value}");
}
