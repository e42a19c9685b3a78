//! Decoded values as text for people: a line of `name = value` for each member, aligned, what is inside
//! indented; what is short stays on one line.
//!
//! It works on the tree, because what fits on a line is known only when all of it is there. Notes stand in
//! `<>`, addresses of targets before `->`. Every name and text has been escaped for a terminal. The layout is for
//! people and may change; programs read [JSON](super::value_json).

use std::fmt::Write;

use super::forms;
#[cfg(feature = "cli")]
use crate::decode::Hints;
use crate::decode::{Display, Note};
use crate::escape::{Terminal, TerminalBytes};
use crate::value::{Flags, Form, Struct, Value};

/// Columns of a line where nobody knows how wide the terminal is.
pub const WIDTH: usize = 100;

/// Columns by which what is inside is indented.
const INDENT: usize = 2;

/// Columns that a struct may take to stand on the line of its name.
const STRUCT_WIDTH: usize = 72;

/// Bytes that stand on one line.
const BYTES_PER_LINE: usize = 16;

/// As many equal elements become one with their number.
const REPEATS_MIN: usize = 4;

/// The value in lines of at most `width` columns, where that can be; the last one ends with a line feed. Every
/// line begins with `indent` spaces.
#[must_use]
pub fn render(value: &Value, indent: usize, width: usize) -> String {
    let mut text = Text { out: String::new(), width: width.max(40) };
    match value {
        Value::Struct(inner) => text.fields(inner, indent),
        value => {
            let _ = write!(text.out, "{:indent$}", "");
            text.value(value, indent, indent);
        }
    }
    text.out
}

/// The value on one line without an end, however long it is.
#[must_use]
pub fn one_line(value: &Value) -> String {
    let mut out = String::new();
    // Without a limit it always fits.
    let _ = inline(&mut out, value, usize::MAX);
    out
}

struct Text {
    out: String,
    width: usize,
}

impl Text {
    fn fields(&mut self, inner: &Struct, indent: usize) {
        let width = inner.name_width().min(40);
        for (name, value) in &inner.fields {
            let name = Terminal(name).to_string();
            let _ = write!(self.out, "{:indent$}{name:width$} = ", "");
            // The sign of equality and a space on either side.
            self.value(value, indent, indent + name.chars().count().max(width) + 3);
        }
        for note in &inner.notes {
            let _ = writeln!(self.out, "{:indent$}<{note}>", "");
        }
        if inner.fields.is_empty() && inner.notes.is_empty() {
            let _ = writeln!(self.out, "{:indent$}{{}}", "");
        }
    }

    /// A value behind what stands on its line up to `column`; further lines are indented from `indent` on.
    fn value(&mut self, value: &Value, indent: usize, column: usize) {
        let room = self.width.saturating_sub(column);
        let room = if holds_struct(value) { room.min(STRUCT_WIDTH) } else { room };
        let start = self.out.len();
        if inline(&mut self.out, value, room) {
            self.out.push('\n');
            return;
        }
        self.out.truncate(start);
        match value {
            Value::Struct(inner) => {
                self.trim();
                self.out.push('\n');
                self.fields(inner, indent + INDENT);
            }
            Value::Array(elements) => self.array(elements, indent, column),
            Value::At(address, inner) => {
                let _ = write!(self.out, "{address:#x} -> ");
                self.value(inner, indent, column + 22);
            }
            Value::Noted(note, inner) => {
                let _ = write!(self.out, "<{note}> ");
                self.value(inner, indent, column + 20);
            }
            Value::Bytes(bytes, _) => self.bytes(bytes, indent + INDENT),
            value => {
                // A single long text: nothing is gained by a line of its own.
                let _ = inline(&mut self.out, value, usize::MAX);
                self.out.push('\n');
            }
        }
    }

    /// Takes back the sign of equality and spaces before the end of a line.
    fn trim(&mut self) {
        let kept = self.out.trim_end_matches([' ', '=']).len();
        self.out.truncate(kept);
    }

    fn array(&mut self, elements: &[Value], indent: usize, column: usize) {
        if !elements.iter().any(has_parts) {
            return self.wrapped(elements, column);
        }
        self.trim();
        self.out.push('\n');
        let width = elements.len().saturating_sub(1).to_string().len();
        let indent = indent + INDENT;
        for (index, element) in elements.iter().enumerate() {
            if let Value::Note(note) = element {
                let _ = writeln!(self.out, "{:indent$}<{note}>", "");
                continue;
            }
            let _ = write!(self.out, "{:indent$}[{index:width$}] ", "");
            self.value(element, indent, indent + width + 3);
        }
    }

    /// Elements without parts, as many on a line as fit.
    fn wrapped(&mut self, elements: &[Value], column: usize) {
        self.out.push('[');
        let mut used = column + 1;
        let mut rest = elements;
        while let Some((text, taken)) = run(rest) {
            let width = text.chars().count() + 2;
            if used + width > self.width && used > column + 1 {
                self.trim();
                let _ = write!(self.out, "\n{:1$}", "", column + 1);
                used = column + 1;
            }
            rest = rest.get(taken..).unwrap_or(&[]);
            let _ = write!(self.out, "{text}{}", if rest.is_empty() { "" } else { ", " });
            used += width;
        }
        self.out.push_str("]\n");
    }

    fn bytes(&mut self, bytes: &[u8], indent: usize) {
        self.trim();
        self.out.push('\n');
        for (line, chunk) in bytes.chunks(BYTES_PER_LINE).enumerate() {
            let _ = write!(self.out, "{:indent$}{:04x} ", "", line * BYTES_PER_LINE);
            for at in 0..BYTES_PER_LINE {
                let _ = match chunk.get(at) {
                    Some(byte) => write!(self.out, " {byte:02x}"),
                    None => write!(self.out, "   "),
                };
            }
            self.out.push_str("  ");
            let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { *byte as char } else { '.' };
            self.out.extend(chunk.iter().map(shown));
            self.out.push('\n');
        }
    }
}

/// Whether a value is more than one thing.
fn has_parts(value: &Value) -> bool {
    match value {
        Value::Struct(_) | Value::Array(_) => true,
        Value::At(_, inner) | Value::Noted(_, inner) => has_parts(inner),
        _ => false,
    }
}

fn holds_struct(value: &Value) -> bool {
    match value {
        Value::Struct(_) => true,
        Value::At(_, inner) | Value::Noted(_, inner) => holds_struct(inner),
        Value::Array(elements) => elements.iter().any(has_parts),
        _ => false,
    }
}

/// The first of some elements, with those equal to it, and how many these are.
fn run(elements: &[Value]) -> Option<(String, usize)> {
    let first = elements.first()?;
    let equal = elements.iter().take_while(|element| *element == first).count();
    let text = one_line(first);
    if equal >= REPEATS_MIN { Some((format!("{text} × {equal}"), equal)) } else { Some((text, 1)) }
}

/// Writes a value on one line, if it takes at most `room` columns; what is written is useless otherwise.
fn inline(out: &mut String, value: &Value, room: usize) -> bool {
    let start = out.len();
    let left = |out: &String| {
        if room == usize::MAX {
            return Some(room);
        }
        let used = out.get(start..).unwrap_or("").chars().count();
        room.checked_sub(used)
    };
    match value {
        Value::Struct(inner) => {
            out.push('{');
            for (index, (name, value)) in inner.fields.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                let _ = write!(out, "{comma}{} = ", Terminal(name));
                match left(out) {
                    Some(room) if inline(out, value, room) => {}
                    _ => return false,
                }
            }
            for note in &inner.notes {
                let _ = write!(out, " <{note}>");
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            let mut rest = elements.as_slice();
            while let Some(first) = rest.first() {
                if rest.len() < elements.len() {
                    out.push_str(", ");
                }
                let Some(room) = left(out) else { return false };
                if has_parts(first) {
                    if !inline(out, first, room) {
                        return false;
                    }
                    rest = rest.get(1..).unwrap_or(&[]);
                } else if let Some((text, taken)) = run(rest) {
                    out.push_str(&text);
                    rest = rest.get(taken..).unwrap_or(&[]);
                }
            }
            out.push(']');
        }
        Value::At(address, inner) => {
            let _ = write!(out, "{address:#x} -> ");
            match left(out) {
                Some(room) if inline(out, inner, room) => {}
                _ => return false,
            }
        }
        Value::Noted(note, inner) => {
            match left(out) {
                Some(room) if inline(out, inner, room) => {}
                _ => return false,
            }
            let _ = write!(out, " <{note}>");
        }
        Value::Bytes(bytes, form) => match forms::bytes_text(form.display, bytes) {
            Some(text) => out.push_str(&text),
            None if bytes.len().saturating_mul(3) > room.max(BYTES_PER_LINE * 3) => return false,
            None => {
                for (index, byte) in bytes.iter().enumerate() {
                    let _ = write!(out, "{}{byte:02x}", if index > 0 { " " } else { "" });
                }
            }
        },
        value => scalar(out, value),
    }
    left(out).is_some()
}

fn scalar(out: &mut String, value: &Value) {
    let _ = match value {
        Value::Unsigned(value, form) => return integer(out, i128::from(*value), form),
        Value::Signed(value, form) => return integer(out, i128::from(*value), form),
        Value::WideUnsigned(value) => write!(out, "{value}"),
        Value::WideSigned(value) => write!(out, "{value}"),
        Value::Float(value, form) => match is_plain((*value).into()) {
            true => write!(out, "{value}{}", unit(form)),
            false => write!(out, "{value:e}{}", unit(form)),
        },
        Value::Double(value, form) => match is_plain(*value) {
            true => write!(out, "{value}{}", unit(form)),
            false => write!(out, "{value:e}{}", unit(form)),
        },
        Value::Bool(value) => write!(out, "{value}"),
        Value::Char(value) => return quoted(out, &[*value], '\''),
        Value::Text(bytes) => return quoted(out, bytes, '"'),
        Value::Enum(_, Some(name)) => write!(out, "{}", Terminal(name)),
        Value::Enum(value, None) => write!(out, "{value}"),
        Value::Flags(flags) => return flag_set(out, flags),
        Value::Address(address, _) => write!(out, "{address:#x}"),
        Value::Null => write!(out, "null"),
        Value::Note(note) => return note_text(out, *note),
        _ => Ok(()),
    };
}

/// Whether a number is read with ease in full; hundreds of zeros are not.
fn is_plain(value: f64) -> bool {
    value == 0.0 || !value.is_finite() || (1e-5..1e16).contains(&value.abs())
}

fn note_text(out: &mut String, note: Note) {
    let _ = write!(out, "<{note}>");
}

/// A number as people like to read it; names in it are escaped.
#[cfg(feature = "cli")]
pub(crate) fn integer_text(value: i128, hints: Hints<'_>) -> String {
    let mut out = String::new();
    integer(&mut out, value, &hints.into());
    out
}

fn integer(out: &mut String, value: i128, form: &Form) {
    let positive = u64::try_from(value).ok();
    let _ = match (form.display, positive) {
        (Display::Hex | Display::Address | Display::Code, _) => {
            let sign = if value < 0 { "-" } else { "" };
            write!(out, "{sign}{:#x}{}", value.unsigned_abs(), unit(form))
        }
        (Display::Char, Some(value @ 0..=0xff)) => return quoted(out, &[value as u8], '\''),
        (Display::DurationNs, _) => write!(out, "{}", forms::duration_text(value)),
        (Display::TimestampNs, _) => write!(out, "{}", forms::timestamp_text(value)),
        (display, positive) => {
            match positive.and_then(|value| forms::number_text(display, value)) {
                Some(text) => write!(out, "{text}"),
                None => write!(out, "{value}{}{}", unit(form), size(value, form)),
            }
        }
    };
}

fn unit(form: &Form) -> String {
    if form.unit.is_empty() { String::new() } else { format!(" {}", Terminal(&form.unit)) }
}

/// A large number of bytes in larger units.
fn size(value: i128, form: &Form) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if &*form.unit != "bytes" || value < 1024 {
        return String::new();
    }
    let mut size = value as f64;
    let mut name = "";
    for unit in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        name = unit;
    }
    let digits = if size.fract() == 0.0 { 0 } else { 1 };
    format!(" ({size:.digits$} {name})")
}

fn quoted(out: &mut String, bytes: &[u8], quote: char) {
    let text = TerminalBytes(bytes).to_string();
    out.push(quote);
    for c in text.chars() {
        if c == quote {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
}

fn flag_set(out: &mut String, flags: &Flags) {
    let mut parts: Vec<String> = Vec::new();
    for (name, value) in &flags.names {
        parts.push(match value {
            None => Terminal(name).to_string(),
            Some(value) => format!("{}={value}", Terminal(name)),
        });
    }
    if flags.rest != 0 {
        parts.push(format!("{:#x}", flags.rest));
    }
    if parts.is_empty() {
        parts.push("0".to_owned());
    }
    out.push_str(&parts.join("|"));
}
