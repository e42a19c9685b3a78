//! The values of `inspect show --json` one by one, each with the C expression for the same value.
//!
//! What stands in JSON follows from the type alone, so that a leaf is compared with what a debugger says of its
//! expression: names of enums and flags by tables that stand here, bytes and texts by the debugger's bytes.

use serde_json::Value;

use super::debugger::Told;

/// A value in the output, or a note in its place.
#[derive(Debug)]
pub(crate) enum Leaf {
    Value(Value),
    /// Where a pointer leads to.
    Address(u64),
    /// The word of a note.
    Note(String),
}

/// What is known of the fixture that JSON does not say.
pub(crate) struct Knowledge {
    /// Heads of lists, and the expressions for what hangs on them.
    pub(crate) lists: &'static [(&'static str, &'static [&'static str])],
    /// Rings: the index of their oldest element, and how many elements they have.
    pub(crate) rings: &'static [(&'static str, usize, usize)],
    /// Members that point at text.
    pub(crate) texts: &'static [&'static str],
    /// Members that point at a whole array, and not at the first of its elements.
    pub(crate) arrays: &'static [&'static str],
    /// What is bytes in the output and has a name more in C.
    pub(crate) renamed: &'static [(&'static str, &'static str)],
}

/// All leaves of a value.
pub(crate) fn leaves(knowledge: &Knowledge, path: &str, value: &Value) -> Vec<(String, Leaf)> {
    let mut found = Vec::new();
    collect(knowledge, path, value, &mut found);
    found
}

fn collect(knowledge: &Knowledge, path: &str, value: &Value, found: &mut Vec<(String, Leaf)>) {
    match value {
        Value::Object(object) if object.contains_key("@note") => {
            let word = object["@note"].as_str().expect("a word").to_owned();
            found.push((path.to_owned(), Leaf::Note(word)));
            if let Some(inner) = object.get("@value") {
                collect(knowledge, path, inner, found);
            }
        }
        Value::Object(object) if object.contains_key("@address") => {
            found.push((path.to_owned(), Leaf::Address(address(&object["@address"]))));
            match object.get("@value") {
                Some(Value::String(text)) if names(knowledge.texts, path) => {
                    let letters = text.bytes().enumerate();
                    found.extend(letters.map(|(index, letter)| {
                        (format!("{path}[{index}]"), Leaf::Value(letter.into()))
                    }));
                }
                Some(inner) => collect(knowledge, &knowledge.behind(path, inner), inner, found),
                None => {}
            }
        }
        Value::Object(object) if !object.contains_key("@text") => {
            for (name, inner) in object.iter().filter(|(name, _)| *name != "@notes") {
                collect(knowledge, &format!("{path}.{name}"), inner, found);
            }
            for note in object.get("@notes").and_then(Value::as_array).into_iter().flatten() {
                let word = note["@note"].as_str().expect("a word").to_owned();
                found.push((path.to_owned(), Leaf::Note(word)));
            }
        }
        Value::Array(elements) if !elements.is_empty() && !is_flags(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let place = knowledge.element(path, index);
                if let (Some(place), true) = (&place, is_list(knowledge, path)) {
                    let target = address(&element["@address"]);
                    found.push((format!("&{place}"), Leaf::Address(target)));
                    collect(knowledge, place, &element["@value"], found);
                    continue;
                }
                let place = place.unwrap_or_else(|| format!("{path}[{index}]"));
                collect(knowledge, &place, element, found);
            }
        }
        _ => {
            let renamed = knowledge.renamed.iter().find(|(it, _)| *it == path);
            let path = renamed.map_or(path, |(_, other)| other);
            found.push((path.to_owned(), Leaf::Value(value.clone())));
        }
    }
}

/// Whether texts stand there, which only flags and arrays of enums and characters have. Those of flags are told
/// apart by whoever compares: no array of the fixture is empty, or has a text that is none of an enum.
fn is_flags(elements: &[Value]) -> bool {
    !elements.is_empty()
        && elements
            .iter()
            .all(|it| it.as_str().is_some_and(|text| FLAGS.iter().any(|it| it.is(text))))
}

fn is_list(knowledge: &Knowledge, path: &str) -> bool {
    knowledge.lists.iter().any(|(head, _)| *head == path)
}

impl Knowledge {
    /// The expression for what a pointer leads to.
    fn behind(&self, path: &str, target: &Value) -> String {
        match target {
            // Several elements: the pointer itself is indexed.
            Value::Array(elements) if !is_flags(elements) && !names(self.arrays, path) => {
                path.to_owned()
            }
            _ => format!("{path}[0]"),
        }
    }

    /// The expression for an element of an array that is not simply counted.
    fn element(&self, path: &str, index: usize) -> Option<String> {
        if let Some((_, elements)) = self.lists.iter().find(|(head, _)| *head == path) {
            return elements.get(index).map(|it| (*it).to_owned());
        }
        let (_, first, length) = self.rings.iter().find(|(ring, ..)| *ring == path)?;
        Some(format!("{path}[{}]", (first + index) % length))
    }
}

/// Whether the last member of a path is one of these.
fn names(members: &[&str], path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    members.contains(&name)
}

#[track_caller]
pub(crate) fn address(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_else(|| panic!("no address: {value}"));
    let digits = text.strip_prefix("0x").unwrap_or_else(|| panic!("no address: {text}"));
    u64::from_str_radix(digits, 16).expect("an address")
}

/// A member of an enum.
const NAMES: &[(&str, &str, i128)] = &[
    ("shapes_level", "low", 1),
    ("shapes_level", "high", 200),
    ("shapes_mood", "minus", -5),
    ("shapes_mood", "plus", 5),
    ("shapes_full", "zero", 0),
    ("shapes_full", "large", 0xffff_fff0),
    ("shapes_near", "below", -1),
    ("shapes_near", "above", 1),
    ("shapes_far", "one", 1),
    ("shapes_far", "huge", 0xffff_ffff_ffff_ff00),
    ("shapes_deep", "bottom", -9_000_000_000),
    ("shapes_deep", "top", 9_000_000_000),
    ("enum shapes_plain", "idle", 0),
    ("enum shapes_plain", "run", 1),
    ("enum shapes_plain", "halt", 2),
];

/// A flag: the type, the name, the first bit, how many.
struct Flag(&'static str, &'static str, u32, u32);

const FLAGS: &[Flag] = &[
    Flag("shapes_traits", "wait", 0, 1),
    Flag("shapes_traits", "io", 1, 1),
    Flag("shapes_traits", "burst", 4, 4),
    Flag("shapes_traits", "last", 31, 1),
    Flag("shapes_marks", "seen", 0, 1),
    Flag("shapes_marks", "kept", 7, 1),
];

impl Flag {
    fn is(&self, text: &str) -> bool {
        let name = text.split('=').next().unwrap_or(text);
        name == self.1 || text.starts_with("0x")
    }
}

/// Whether a debugger says the same of a leaf; the error is what each says.
pub(crate) fn compare(leaf: &Leaf, told: &Told) -> Result<(), String> {
    let is_same = match (leaf, told) {
        (_, Told { error: Some(_), .. }) => false,
        (Leaf::Address(address), Told { pointer: Some(pointer), .. }) => {
            *pointer == address.to_string()
        }
        (Leaf::Value(value), Told { pointer: Some(pointer), .. }) => match value {
            Value::Null => pointer == "0",
            Value::String(_) => *pointer == address(value).to_string(),
            _ => false,
        },
        (Leaf::Value(value), Told { float: Some(bytes), .. }) => is_float(value, bytes),
        (Leaf::Value(value), Told { bytes: Some(hex), .. }) => is_bytes(value, hex),
        (Leaf::Value(value), Told { integer: Some(number), type_name, .. }) => {
            is_integer(value, number, type_name)
        }
        _ => false,
    };
    if is_same { Ok(()) } else { Err(format!("{leaf:?}, and the debugger {told:?}")) }
}

fn is_integer(value: &Value, number: &str, type_name: &str) -> bool {
    let number: i128 = number.parse().expect("a number");
    match value {
        Value::Number(it) => it.to_string() == number.to_string(),
        Value::Bool(it) => number == i128::from(*it),
        // A member of an enum, or a character.
        Value::String(name) => match type_name {
            "char" => name.chars().eq(u8::try_from(number).map(char::from)),
            _ => NAMES.contains(&(type_name, name.as_str(), number)),
        },
        Value::Array(names) => {
            let bits = names.iter().map(|it| flag(it.as_str().unwrap_or_default(), type_name));
            bits.sum::<Option<i128>>() == Some(number)
        }
        _ => false,
    }
}

/// The bits of a flag in the output.
fn flag(text: &str, type_name: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).ok();
    }
    let (name, number) = text.split_once('=').unwrap_or((text, "1"));
    let known = FLAGS.iter().find(|flag| (flag.0, flag.1) == (type_name, name))?;
    let number: i128 = number.parse().ok()?;
    (number >> known.3 == 0).then_some(number << known.2)
}

fn is_float(value: &Value, bytes: &str) -> bool {
    let told = f64::from_bits(u64::from_str_radix(bytes, 16).expect("eight bytes"));
    match value {
        Value::String(word) => match word.as_str() {
            "NaN" => told.is_nan(),
            "inf" => told == f64::INFINITY,
            "-inf" => told == f64::NEG_INFINITY,
            _ => false,
        },
        // Of a float with less digits, the shortest number that reads back as the same float.
        Value::Number(it) => {
            let number = it.as_f64().expect("a number");
            let is_narrow = f64::from(told as f32) == told && f64::from(number as f32) == told;
            number.to_bits() == told.to_bits() || is_narrow
        }
        _ => false,
    }
}

/// Text up to its NUL, or bytes in hexadecimal digits.
fn is_bytes(value: &Value, hex: &str) -> bool {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
    let bytes: Vec<u8> = (0..hex.len() / 2).map(|index| digits(index * 2)).collect();
    let Some(text) = value.as_str() else { return false };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    text == hex || text.as_bytes() == &bytes[..end]
}
