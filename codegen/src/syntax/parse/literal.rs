//! Numbers, size suffixes and escapes: the grammar takes them loosely, this says exactly what is wrong.

/// What is wrong with a literal, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The first byte at fault, from the start of the literal.
    pub(super) start: usize,
    /// One past the last one.
    pub(super) end: usize,
    /// One sentence.
    pub(super) message: String,
    /// What to write instead of the bytes at fault.
    pub(super) suggestion: Option<String>,
}

impl Malformed {
    fn new(start: usize, end: usize, message: impl Into<String>) -> Self {
        Self { start, end, message: message.into(), suggestion: None }
    }

    fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

const SUFFIXES: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// `42`, `0x2a`, `0b10_1010`, `0o52`, `16KiB`.
pub(super) fn number(text: &str) -> Result<i128, Malformed> {
    let (radix, prefix_length) = match text.get(..2) {
        Some("0x") => (16, 2),
        Some("0b") => (2, 2),
        Some("0o") => (8, 2),
        _ => (10, 0),
    };
    let body = &text[prefix_length..];
    let digits_length =
        body.bytes().take_while(|b| *b == b'_' || (*b as char).is_digit(radix)).count();
    let (digits, suffix) = body.split_at(digits_length);
    let suffix_start = prefix_length + digits_length;
    if !digits.bytes().any(|byte| byte != b'_') {
        return Err(no_digits(text, radix, suffix));
    }
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        let octal = digits.trim_start_matches(['0', '_']);
        let fault = Malformed::new(0, suffix_start, "a decimal number does not begin with `0`");
        let is_octal = octal.bytes().all(|byte| byte < b'8');
        return Err(if octal.is_empty() {
            fault.suggest("0")
        } else if is_octal {
            fault.suggest(format!("0o{octal}"))
        } else {
            fault.suggest(octal)
        });
    }
    let too_large = || Malformed::new(0, text.len(), "this number does not fit in 128 bits");
    let mut value = 0i128;
    for digit in digits.chars().filter_map(|digit| digit.to_digit(radix)) {
        value = value
            .checked_mul(i128::from(radix))
            .and_then(|value| value.checked_add(i128::from(digit)))
            .ok_or_else(too_large)?;
    }
    if suffix.is_empty() {
        return Ok(value);
    }
    match SUFFIXES.iter().find(|(known, _)| *known == suffix) {
        Some((_, shift)) => value.checked_mul(1 << shift).ok_or_else(too_large),
        None => Err(bad_suffix(radix, suffix, suffix_start, text.len())),
    }
}

fn no_digits(text: &str, radix: u32, suffix: &str) -> Malformed {
    let kind = radix_word(radix);
    match suffix.chars().next() {
        Some(first) => {
            let start = text.len() - suffix.len();
            Malformed::new(start, text.len(), format!("`{first}` is not {kind} digit"))
        }
        None => Malformed::new(0, text.len(), format!("{kind} number needs at least one digit")),
    }
}

fn radix_word(radix: u32) -> &'static str {
    match radix {
        2 => "a binary",
        8 => "an octal",
        16 => "a hexadecimal",
        _ => "a decimal",
    }
}

fn bad_suffix(radix: u32, suffix: &str, start: usize, end: usize) -> Malformed {
    let lower = suffix.to_ascii_lowercase();
    let meant = SUFFIXES.iter().map(|(known, _)| *known).find(|known| {
        let known = known.to_ascii_lowercase();
        lower == known || lower == known[..1] || lower == format!("{}b", &known[..1])
    });
    if let Some(meant) = meant {
        let message = format!("`{suffix}` is not a size suffix");
        return Malformed::new(start, end, message).suggest(meant);
    }
    let first = suffix.chars().next().unwrap_or_default();
    let types =
        ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "usize", "u", "ul", "ull", "l"];
    if types.contains(&lower.as_str()) {
        let message = format!("a number carries no type: `{suffix}` has no place here");
        return Malformed::new(start, end, message).suggest("");
    }
    let message = if first.is_ascii_digit() {
        format!("`{first}` is not {} digit", radix_word(radix))
    } else {
        format!("`{suffix}` is not a size suffix; they are `KiB`, `MiB`, `GiB` and `TiB`")
    };
    Malformed::new(start, end, message)
}

/// `"text"`, with its quotes.
pub(super) fn text(literal: &str) -> Result<String, Malformed> {
    let body = &literal[1..literal.len() - 1];
    if !body.contains(['\\', '\r']) {
        return Ok(body.to_owned());
    }
    let mut value = String::with_capacity(body.len());
    unescape(body, 1, true, |piece| match piece {
        Escaped::Char(char) => value.push(char),
        Escaped::Byte(byte) => value.push(byte as char),
    })?;
    Ok(value)
}

/// `b"bytes"`, with its quotes.
pub(super) fn bytes(literal: &str) -> Result<Vec<u8>, Malformed> {
    let body = &literal[2..literal.len() - 1];
    let mut value = Vec::with_capacity(body.len());
    if let Some((at, foreign)) = body.char_indices().find(|(_, char)| !char.is_ascii()) {
        let message = "bytes are written in ASCII; write others as `\\xNN`";
        let mut buffer = [0; 4];
        let escaped: String =
            foreign.encode_utf8(&mut buffer).bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        let end = 2 + at + foreign.len_utf8();
        return Err(Malformed::new(2 + at, end, message).suggest(escaped));
    }
    unescape(body, 2, false, |piece| match piece {
        Escaped::Char(char) => value.push(char as u8),
        Escaped::Byte(byte) => value.push(byte),
    })?;
    Ok(value)
}

enum Escaped {
    Char(char),
    Byte(u8),
}

/// Resolves the escapes of `body`, which begins `offset` bytes into its literal.
fn unescape(
    body: &str,
    offset: usize,
    is_text: bool,
    mut push: impl FnMut(Escaped),
) -> Result<(), Malformed> {
    let mut rest = body;
    while let Some(char) = rest.chars().next() {
        let at = offset + body.len() - rest.len();
        if char != '\\' {
            push(Escaped::Char(char));
            rest = &rest[char.len_utf8()..];
            continue;
        }
        let escape = rest[1..].chars().next().unwrap_or_default();
        let mut length = 1 + escape.len_utf8();
        let simple = match escape {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            '0' => Some('\0'),
            '\\' | '"' => Some(escape),
            _ => None,
        };
        match (simple, escape) {
            (Some(simple), _) => push(Escaped::Char(simple)),
            (None, 'x') => {
                length = 4;
                push(Escaped::Byte(hex_escape(rest, at, is_text)?));
            }
            (None, 'u') if is_text => {
                let (char, taken) = unicode_escape(rest, at)?;
                length = taken;
                push(Escaped::Char(char));
            }
            _ => {
                let known = if is_text { ", `\\xNN` and `\\u{..}`" } else { " and `\\xNN`" };
                let shown = escape.escape_debug();
                let message = format!(
                    "`\\{shown}` is no escape; they are `\\n`, `\\t`, `\\r`, `\\0`, `\\\\`, `\\\"`{known}"
                );
                return Err(Malformed::new(at, at + length, message));
            }
        }
        rest = &rest[length..];
    }
    Ok(())
}

fn hex_escape(rest: &str, at: usize, is_text: bool) -> Result<u8, Malformed> {
    let digits = rest.get(2..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
        return Err(Malformed::new(at, at + 2, "`\\x` is followed by two hexadecimal digits"));
    };
    if is_text && value > 0x7f {
        let message = "in text, `\\xNN` ends at `\\x7f`; write the character or its number";
        let suggestion = format!("\\u{{{value:x}}}");
        return Err(Malformed::new(at, at + 4, message).suggest(suggestion));
    }
    Ok(value)
}

fn unicode_escape(rest: &str, at: usize) -> Result<(char, usize), Malformed> {
    let inside = rest[2..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let Some((digits, _)) = inside else {
        return Err(Malformed::new(
            at,
            at + 2,
            "`\\u` is followed by a number in braces: `\\u{e9}`",
        ));
    };
    let length = 2 + 1 + digits.len() + 1;
    let is_hex = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let value = if is_hex { u32::from_str_radix(digits, 16).ok() } else { None };
    match value.and_then(char::from_u32) {
        Some(char) => Ok((char, length)),
        None => Err(Malformed::new(at, at + length, "this is not the number of a character")),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, number, text};

    #[test]
    fn numbers_in_every_radix_with_and_without_sizes() {
        let good = [
            ("0", 0),
            ("1_000", 1000),
            ("0xffff_FFFF", 0xffff_ffff),
            ("0b1010", 10),
            ("0o755", 0o755),
            ("16KiB", 16 << 10),
            ("0x10MiB", 16 << 20),
            ("2GiB", 2 << 30),
            ("1TiB", 1 << 40),
            ("170141183460469231731687303715884105727", i128::MAX),
        ];
        for (written, value) in good {
            assert_eq!(number(written), Ok(value), "{written}");
        }
    }

    #[test]
    fn malformed_numbers_say_what_to_write() {
        let bad = [
            ("0x", None),
            ("0b12", None),
            ("0755", Some("0o755")),
            ("089", Some("89")),
            ("00", Some("0")),
            ("16KB", Some("KiB")),
            ("16kib", Some("KiB")),
            ("4M", Some("MiB")),
            ("4u32", Some("")),
            ("12abc", None),
            ("170141183460469231731687303715884105728", None),
            ("1_000_000_000_000_000_000_000_000_000TiB", None),
        ];
        for (written, suggestion) in bad {
            let fault = number(written).expect_err(written);
            assert_eq!(fault.suggestion.as_deref(), suggestion, "{written}: {}", fault.message);
            assert!(fault.start < fault.end && fault.end <= written.len(), "{written}");
        }
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        assert_eq!(text(r#""a\n\t\r\0\\\"\x41\u{e9}é""#).unwrap(), "a\n\t\r\0\\\"Aéé");
        assert_eq!(bytes(r#"b"\x89INS\0\"""#).unwrap(), b"\x89INS\0\"");
        assert_eq!(text(r#""""#).unwrap(), "");
    }

    #[test]
    fn malformed_escapes_are_found_where_they_stand() {
        for (written, at) in [
            (r#""a\q""#, 2..4),
            (r#""\x4""#, 1..3),
            (r#""\xff""#, 1..5),
            (r#""\u{110000}""#, 1..11),
            (r#""\u{d800}""#, 1..9),
            (r#""\u12""#, 1..3),
            (r#""\é""#, 1..4),
        ] {
            let fault = text(written).expect_err(written);
            assert_eq!(fault.start..fault.end, at, "{written}: {}", fault.message);
        }
        for (written, at) in [(r#"b"\u{41}""#, 2..4), (r#"b"aé""#, 3..5), (r#"b"\xg0""#, 2..4)] {
            let fault = bytes(written).expect_err(written);
            assert_eq!(fault.start..fault.end, at, "{written}: {}", fault.message);
        }
    }
}
