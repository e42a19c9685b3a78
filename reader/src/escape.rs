//! Makes text from outside harmless: on a terminal, and in JSON wherever that is put.

use std::fmt::{self, Display, Write};

use serde::Serialize;

/// Text whose control characters, and those that reorder what stands around them, are written as
/// escapes.
#[derive(Clone, Copy, Debug)]
pub struct Terminal<'a>(pub &'a str);

impl Display for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_harmful(c) || c == '\\' {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Bytes that are probably text, for a terminal: what is not UTF-8 is written as `\xNN`.
#[derive(Clone, Copy, Debug)]
pub struct TerminalBytes<'a>(pub &'a [u8]);

impl Display for TerminalBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            Terminal(chunk.valid()).fmt(f)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Appends `text` as a string of JSON. Beyond what JSON asks for, it escapes what is harmful on a terminal,
/// and `<`, so that no script begins where JSON stands in HTML. What a parser reads is the same.
pub fn json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    // Nearly all text is plain, and is copied in runs.
    while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
        let (plain, odd) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        // What is not plain is an ASCII character or begins a longer one: a character begins here.
        let Some(c) = odd.chars().next() else { break };
        json_char(out, c);
        rest = odd.get(c.len_utf8()..).unwrap_or("");
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// A value as JSON in one line, escaped as [`json_string`] does it.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value).map(harmless)
}

/// The same in lines that people like to read.
pub fn to_json_pretty<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(harmless)
}

/// JSON in which line feeds stand between values alone: what else is harmful can only be within texts.
fn harmless(json: String) -> String {
    let is_odd = |c: char| c != '\n' && (is_harmful(c) || c == '<');
    if !json.contains(is_odd) {
        return json;
    }
    let mut out = Vec::with_capacity(json.len() * 2);
    for c in json.chars() {
        match is_odd(c) {
            true => json_char(&mut out, c),
            false => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    // Only whole characters were written.
    String::from_utf8(out).unwrap_or_default()
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<')
}

fn json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        _ if is_harmful(c) || c == '<' => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = u32::from(*unit >> shift & 0xf);
                    out.push(char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8));
                }
            }
        }
        _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Controls, line and paragraph separators, and the marks and overrides of writing direction.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_or_reverses_text_is_escaped() {
        let text = Terminal("a\x1b[2J\nb\u{202e}c\u{9b}ü\\").to_string();
        assert_eq!(text, "a\\u{1b}[2J\\nb\\u{202e}c\\u{9b}ü\\\\");
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        let text = TerminalBytes(b"a\xff\x1bb\xc3").to_string();
        assert_eq!(text, "a\\xff\\u{1b}b\\xc3");
    }

    /// A parser that nobody here wrote reads what went in, and nothing harmful is in between.
    #[test]
    fn json_says_the_same_without_harm() {
        let mut every: Vec<String> = vec![String::new(), "a</script>b\u{9b}31m\u{202e}".to_owned()];
        every.extend((0..0x1_1000).step_by(1).filter_map(char::from_u32).map(|c| format!("x{c}y")));
        for text in every {
            let mut out = Vec::new();
            json_string(&mut out, &text);
            let written = std::str::from_utf8(&out).unwrap();
            assert_eq!(serde_json::from_str::<String>(written).unwrap(), text);
            assert!(!written.chars().any(|c| is_harmful(c) || c == '<'), "{written}");
            let all = to_json_pretty(&[&text]).unwrap();
            assert_eq!(serde_json::from_str::<[String; 1]>(&all).unwrap(), [text]);
            assert!(!all.lines().any(|line| line.contains(|c| is_harmful(c) || c == '<')), "{all}");
        }
    }
}
