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
