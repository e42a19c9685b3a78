//! What the fuzz targets of decoding do with their input. The targets in `fuzz/` and the replay of their finds,
//! `decode_hostile`, both include this file, so that a find fails in both places or in neither.

use inspect_format::walk::{Fault, Memory};
use inspect_reader::decode::{Budget, Decoder, Plan};
use inspect_reader::output::value_json::JsonSink;
use inspect_reader::output::value_text;
use inspect_reader::value::ValueSink;

/// Small, so that a run takes little time and what exceeds it is noticed.
const BUDGET: Budget =
    Budget { depth: 4, bytes: 1 << 16, values: 2000, elements: 64, text: 64, deadline: None };

/// Bytes of output that the budget allows: the longest names and texts, escaped, and what stands around them.
const OUTPUT_MAX: usize = 2000 * 6 * (255 + 64 + 64);

/// Memory at the beginning of every 64 KiB, so that many pointers lead somewhere.
struct Everywhere<'a>(&'a [u8]);

impl Memory for Everywhere<'_> {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        let start = (address & 0xffff) as usize;
        let found = self.0.get(start..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(found.ok_or(Fault { address })?);
        Ok(())
    }
}

/// Compiles anything as types, and decodes zeros by the first of them.
pub(crate) fn btf(types: &[u8]) {
    for word_size in [4, 8] {
        let Ok(plan) = Plan::new(types, word_size) else { return };
        for type_id in 0..20 {
            look(&plan, type_id, &[0; 256]);
        }
    }
}

/// Decodes anything by anything: the first two bytes say how long the types are, the third is a word size and
/// a type, and memory is what follows the types.
pub(crate) fn decode(input: &[u8]) {
    let [low, high, choice, rest @ ..] = input else { return };
    let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let (types, memory) = rest.split_at(length);
    let word_size = if choice & 1 == 0 { 8 } else { 4 };
    let Ok(plan) = Plan::new(types, word_size) else { return };
    look(&plan, u32::from(choice >> 1), memory);
}

/// Everything that can be done with a value: nothing panics, and nothing is longer than the budget allows.
pub(crate) fn look(plan: &Plan, type_id: u32, memory: &[u8]) {
    let everywhere = Everywhere(memory);
    let mut decoder = Decoder::new(plan, &everywhere, BUDGET)
        .strings(memory)
        .reveal_sensitive(type_id.is_multiple_of(2));
    let mut sink = JsonSink::new(Vec::new());
    decoder.entry(type_id, Some(0), memory, &mut sink).expect("memory takes everything");
    let json = sink.finish().expect("memory takes everything");
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&json);
    assert!(parsed.is_ok() || is_deep(&json), "no JSON: {}", String::from_utf8_lossy(&json));
    assert!(json.len() <= OUTPUT_MAX, "{} bytes of output", json.len());
    let harmless = |c: char| c == '\n' || !c.is_control();
    assert!(std::str::from_utf8(&json).is_ok_and(|json| json.chars().all(harmless)));
    let mut sink = JsonSink::new(Vec::new());
    decoder.region(type_id, 8, memory.len() as u64, &mut sink).expect("memory takes everything");
    let mut tree = ValueSink::new();
    let Ok(()) = decoder.entry(type_id, Some(0), memory, &mut tree);
    let value = tree.finish().expect("there is always a value");
    let mut sink = JsonSink::new(Vec::new());
    value.emit(&mut sink).expect("memory takes everything");
    let again = sink.finish().expect("memory takes everything");
    assert!(again == json, "the tree says something else");
    let text = value_text::render(&value, 0, value_text::WIDTH);
    assert!(text.chars().all(harmless), "a control character would reach the terminal");
    assert!(!value_text::one_line(&value).contains('\n'));
}

/// Parsers have a limit of their own.
fn is_deep(json: &[u8]) -> bool {
    let mut depth = 0_i32;
    json.iter().any(|byte| {
        depth += i32::from(matches!(byte, b'[' | b'{')) - i32::from(matches!(byte, b']' | b'}'));
        depth > 120
    })
}
