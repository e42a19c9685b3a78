//! Decoded values as JSON: [`JsonSink`] writes events as they come, without a tree.
//!
//! # The form
//!
//! It is public: programs read it. What a member looks like follows from its type alone, unless something is to be
//! said of it; then it is an object whose keys begin with `@`, as no name of C does.
//!
//! | value | JSON |
//! |---|---|
//! | integer of at most 64 bits, bit-field | number, exact: more than 2⁵³ needs a parser that keeps 64 bits |
//! | integer of 128 bits | string of decimal digits |
//! | integer with `display(address)` or `display(code)` | string `"0x1f"` |
//! | integer with `display(ipv4)` or `display(mac)` | string `"192.0.2.1"`, `"00:11:22:33:44:55"` |
//! | floating point | the shortest number that reads back the same; `"NaN"`, `"inf"`, `"-inf"` |
//! | truth value | `true`, `false` |
//! | character | string of one character |
//! | text | string; where it is not UTF-8, `{"@text": what it looks like, "@bytes": "hex"}` |
//! | bytes without a meaning | string of hexadecimal digits; with `display` `uuid`, `mac`, `ipv4`, `ipv6` in that form, if their number fits |
//! | enum | its name, a string; the number, where it has none |
//! | flags | array of strings: the names of those set, `name=3` for several bits; bits without a name last, `"0x400"` |
//! | struct, union | object, with the C names of the members in their order; of a tagged union the one valid arm |
//! | array, list | array |
//! | null pointer | `null` |
//! | pointer that is followed, element of a list | `{"@address": "0x1f", "@value": value}` |
//! | pointer to what has no known type, to a function, to links | string `"0x1f"` |
//! | no value | `{"@note": word, ..}` |
//! | a value of which something is to be said | `{"@note": word, .., "@value": value}` |
//!
//! Words of notes are those of [`Note::word`]: `fault` and `cycle` have an `@address`, `budget` has a `@limit`
//! (`depth`, `bytes`, `values`, `elements`, `text`, `time`, `nesting`), others may have a `@detail`, a sentence. In an
//! array a note as the last element says that others are missing. Notes on a struct as a whole are the array
//! `@notes` at its end. A member that the producer's compiler did not have is not there.
//!
//! Addresses are strings because not every reader of JSON keeps 64 bits, and people search for them in this form.
//! Units are not written: they belong to the schema. Nothing in the output moves a cursor, reverses text or begins a
//! tag of HTML.

use std::io::{self, Write};

use super::forms;
use crate::decode::{Display, Hints, Name, Note, Scalar, Sink, StructInfo};
use crate::escape::json_string;

/// Bytes that are collected before they are written.
const BUFFER: usize = 64 << 10;

/// Writes values as JSON.
///
/// Values that come one behind another are separated by commas, as inside an array; whoever wants something else
/// writes it with [`JsonSink::raw`]. What has been collected is written by [`JsonSink::finish`].
#[derive(Debug)]
pub struct JsonSink<W> {
    writer: W,
    out: Vec<u8>,
    /// A value stands before this place.
    needs_comma: bool,
    /// Structs that have begun.
    level: u32,
    /// Notes on structs that have begun, with their levels.
    notes: Vec<(u32, Note)>,
}

impl<W: Write> JsonSink<W> {
    /// Writes to `writer`, in large pieces.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            out: Vec::with_capacity(BUFFER + 1024),
            needs_comma: false,
            level: 0,
            notes: Vec::new(),
        }
    }

    /// Writes JSON of the caller's own, or a line feed. The next value follows without a comma.
    pub fn raw(&mut self, json: &str) -> io::Result<()> {
        self.out.extend_from_slice(json.as_bytes());
        self.needs_comma = false;
        self.flush_large()
    }

    /// Writes a text as a string of JSON, as if it were a value.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.comma();
        json_string(&mut self.out, text);
        self.value_done()
    }

    /// Writes what is left, and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.write_all(&self.out)?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    #[inline]
    fn comma(&mut self) {
        if self.needs_comma {
            self.out.push(b',');
        }
    }

    #[inline]
    fn value_done(&mut self) -> io::Result<()> {
        self.needs_comma = true;
        self.flush_large()
    }

    #[inline]
    fn flush_large(&mut self) -> io::Result<()> {
        if self.out.len() < BUFFER {
            return Ok(());
        }
        self.writer.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
    }

    /// `"0x1f"`
    fn address(&mut self, value: u64) {
        self.put("\"");
        put_hex(&mut self.out, value);
        self.put("\"");
    }

    fn bytes(&mut self, bytes: &[u8], display: Display) {
        self.out.push(b'"');
        match forms::bytes_text(display, bytes) {
            Some(text) => self.put(&text),
            None => bytes.iter().for_each(|byte| put_byte(&mut self.out, *byte)),
        }
        self.out.push(b'"');
    }

    fn text_value(&mut self, bytes: &[u8]) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return json_string(&mut self.out, text);
        }
        self.put("{\"@text\":");
        json_string(&mut self.out, &String::from_utf8_lossy(bytes));
        self.put(",\"@bytes\":");
        self.bytes(bytes, Display::Plain);
        self.put("}");
    }

    fn number(&mut self, value: i128, hints: Hints<'_>) -> bool {
        let Ok(value) = u64::try_from(value) else { return false };
        match hints.display {
            Display::Address | Display::Code => self.address(value),
            Display::Ipv4 | Display::Mac => match forms::number_text(hints.display, value) {
                Some(text) => {
                    self.put("\"");
                    self.put(&text);
                    self.put("\"");
                }
                None => return false,
            },
            _ => return false,
        }
        true
    }

    fn name(&mut self, name: Name<'_>) {
        match name.json_key.strip_suffix(':') {
            Some(quoted) => self.put(quoted),
            None => json_string(&mut self.out, name.text),
        }
    }

    /// The beginning of an object that speaks of a note.
    fn note_begin(&mut self, note: Note) {
        self.put("{\"@note\":\"");
        self.put(note.word());
        self.put("\"");
        match note {
            Note::Fault(address) | Note::Cycle(address) => {
                self.put(",\"@address\":");
                self.address(address);
            }
            Note::Budget(limit) => {
                self.put(",\"@limit\":\"");
                self.put(limit.word());
                self.put("\"");
            }
            Note::Sensitive | Note::NoTag | Note::NoCount => {}
            note => {
                self.put(",\"@detail\":");
                json_string(&mut self.out, &note.to_string());
            }
        }
    }
}

impl<W: Write> Sink for JsonSink<W> {
    type Error = io::Error;

    #[inline]
    fn scalar(&mut self, scalar: Scalar<'_>, hints: Hints<'_>) -> io::Result<()> {
        self.comma();
        match scalar {
            Scalar::Unsigned(value) => {
                if hints.display == Display::Plain || !self.number(value.into(), hints) {
                    self.integer(value);
                }
            }
            Scalar::Signed(value) => {
                if hints.display == Display::Plain || !self.number(value.into(), hints) {
                    self.integer(value);
                }
            }
            Scalar::WideUnsigned(value) => {
                self.put("\"");
                self.integer(value);
                self.put("\"");
            }
            Scalar::WideSigned(value) => {
                self.put("\"");
                self.integer(value);
                self.put("\"");
            }
            Scalar::Float(value) if value.is_finite() => {
                let mut buffer = zmij::Buffer::new();
                self.out.extend_from_slice(buffer.format_finite(value).as_bytes());
            }
            Scalar::Double(value) if value.is_finite() => {
                let mut buffer = zmij::Buffer::new();
                self.out.extend_from_slice(buffer.format_finite(value).as_bytes());
            }
            Scalar::Float(value) => self.put(odd_float(value.into())),
            Scalar::Double(value) => self.put(odd_float(value)),
            Scalar::Bool(value) => self.put(if value { "true" } else { "false" }),
            Scalar::Char(value) => self.text_value(&[value]),
            Scalar::Text(bytes) => self.text_value(bytes),
            Scalar::Bytes(bytes) => self.bytes(bytes, hints.display),
            Scalar::Enum(_, Some(name)) => self.name(name),
            Scalar::Enum(value, None) => self.integer(value),
            Scalar::Address(address) => self.address(address),
            Scalar::Null => self.put("null"),
        }
        self.value_done()
    }

    fn note(&mut self, note: Note) -> io::Result<()> {
        self.comma();
        self.note_begin(note);
        self.put("}");
        self.value_done()
    }

    fn begin_struct(&mut self, _: StructInfo<'_>) -> io::Result<()> {
        self.comma();
        self.put("{");
        self.needs_comma = false;
        self.level += 1;
        Ok(())
    }

    #[inline]
    fn field(&mut self, name: Name<'_>) -> io::Result<()> {
        self.comma();
        if name.json_key.is_empty() {
            json_string(&mut self.out, name.text);
            self.put(":");
        } else {
            self.put(name.json_key);
        }
        self.needs_comma = false;
        Ok(())
    }

    fn remark(&mut self, note: Note) -> io::Result<()> {
        self.notes.push((self.level, note));
        Ok(())
    }

    fn end_struct(&mut self) -> io::Result<()> {
        let first = self.notes.partition_point(|note| note.0 < self.level);
        if first < self.notes.len() {
            self.comma();
            self.put("\"@notes\":[");
            for (index, (_, note)) in self.notes.split_off(first).into_iter().enumerate() {
                self.put(if index > 0 { "," } else { "" });
                self.note_begin(note);
                self.put("}");
            }
            self.put("]");
        }
        self.level = self.level.saturating_sub(1);
        self.put("}");
        self.value_done()
    }

    fn begin_array(&mut self) -> io::Result<()> {
        self.comma();
        self.put("[");
        self.needs_comma = false;
        Ok(())
    }

    fn end_array(&mut self) -> io::Result<()> {
        self.put("]");
        self.value_done()
    }

    fn begin_flags(&mut self, _: u64) -> io::Result<()> {
        self.begin_array()
    }

    fn flag(&mut self, name: Name<'_>, value: Option<u64>) -> io::Result<()> {
        self.comma();
        match value {
            None => self.name(name),
            Some(value) => json_string(&mut self.out, &format!("{}={value}", name.text)),
        }
        self.needs_comma = true;
        Ok(())
    }

    fn end_flags(&mut self, rest: u64) -> io::Result<()> {
        if rest != 0 {
            self.comma();
            self.address(rest);
        }
        self.end_array()
    }

    fn begin_at(&mut self, address: u64) -> io::Result<()> {
        self.comma();
        self.put("{\"@address\":");
        self.address(address);
        self.put(",\"@value\":");
        self.needs_comma = false;
        Ok(())
    }

    fn end_at(&mut self) -> io::Result<()> {
        self.put("}");
        self.value_done()
    }

    fn begin_noted(&mut self, note: Note) -> io::Result<()> {
        self.comma();
        self.note_begin(note);
        self.put(",\"@value\":");
        self.needs_comma = false;
        Ok(())
    }

    fn end_noted(&mut self) -> io::Result<()> {
        self.put("}");
        self.value_done()
    }
}

fn odd_float(value: f64) -> &'static str {
    match value {
        _ if value.is_nan() => "\"NaN\"",
        _ if value > 0.0 => "\"inf\"",
        _ => "\"-inf\"",
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn put_byte(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
}

/// `0x1f`
fn put_hex(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(b"0x");
    let digits = (64 - value.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(DIGITS[(value >> (4 * digit) & 0xf) as usize]);
    }
}
