//! Makes text from outside harmless on a terminal.

use std::fmt::{self, Display, Write};

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

/// Controls, line and paragraph separators, and the marks and overrides of writing direction.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::Terminal;

    #[test]
    fn what_moves_a_cursor_or_reverses_text_is_escaped() {
        let text = Terminal("a\x1b[2J\nb\u{202e}c\u{9b}ü\\").to_string();
        assert_eq!(text, "a\\u{1b}[2J\\nb\\u{202e}c\\u{9b}ü\\\\");
    }
}
