//! The lines of a lock and their words, and the faults that are found in them.

use super::parse::LockError;
use crate::source::{FileId, Span};

pub(super) type Result<T> = std::result::Result<T, Box<LockError>>;

/// The way out of what no person wrote.
pub(super) const AGAIN: &str = "take it from version control again, or let `inspect-gen lock --replace` \
    write it anew from the schemas";

/// What is wrong, where, and a way out.
pub(super) fn fault(
    span: Span,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Box<LockError> {
    Box::new(LockError { span, message: message.into(), help: help.into(), other: None })
}

/// A line and its words.
pub(super) struct Line<'t> {
    file: FileId,
    /// Where `rest` begins in the file.
    at: usize,
    rest: &'t str,
    pub(super) indent: usize,
    pub(super) span: Span,
}

/// A word, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

impl<'t> Line<'t> {
    pub(super) fn new(file: FileId, offset: usize, raw: &'t str) -> Self {
        let line = raw.trim_end_matches(['\n', '\r', ' ', '\t']);
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        let at = offset + indent;
        Self { file, at, rest, indent, span: Span::new(file, at, at + rest.len()) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    pub(super) fn fault(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Box<LockError> {
        fault(self.span, message, help)
    }

    /// The next word; quoted texts are one with what stands before them.
    pub(super) fn word(&mut self) -> Option<Word<'t>> {
        self.skip();
        let mut quoted = false;
        let mut escaped = false;
        let end = self.rest.char_indices().find(|(_, char)| match char {
            _ if escaped => {
                escaped = false;
                false
            }
            '\\' if quoted => {
                escaped = true;
                false
            }
            '"' => {
                quoted = !quoted;
                false
            }
            ' ' => !quoted,
            _ => false,
        });
        let end = end.map_or(self.rest.len(), |(at, _)| at);
        let (text, rest) = self.rest.split_at(end);
        let span = Span::new(self.file, self.at, self.at + end);
        self.at += end;
        self.rest = rest;
        (!text.is_empty()).then_some(Word { text, span })
    }

    fn skip(&mut self) {
        let rest = self.rest.trim_start_matches(' ');
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
    }

    pub(super) fn expect(&mut self, what: &str) -> Result<Word<'t>> {
        let whole = self.span;
        let missing = || fault(whole, format!("{what} is missing"), AGAIN);
        self.word().ok_or_else(missing)
    }

    /// The word `version` and a number.
    pub(super) fn version(&mut self) -> Result<u32> {
        let word = self.expect("`version`")?;
        if word.text != "version" {
            return Err(fault(word.span, "`version` is expected here", AGAIN));
        }
        let word = self.expect("the version")?;
        match word.text.parse() {
            Ok(version) if version >= 1 => Ok(version),
            _ => Err(fault(word.span, "a version is a number from 1 on", AGAIN)),
        }
    }

    pub(super) fn end(&mut self) -> Result<()> {
        match self.word() {
            None => Ok(()),
            Some(word) => Err(fault(word.span, "nothing is expected here", AGAIN)),
        }
    }
}

/// The text of a word that may stand in quotes.
pub(super) fn unquoted(word: Word<'_>) -> Result<String> {
    let Some(inner) = word.text.strip_prefix('"') else { return Ok(word.text.to_owned()) };
    let open = || fault(word.span, "a text in quotes does not end, or goes on behind them", AGAIN);
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    loop {
        match chars.next().ok_or_else(open)? {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('u') => text.push(unicode(&mut chars).ok_or_else(open)?),
                Some(char @ ('"' | '\\')) => text.push(char),
                _ => return Err(fault(word.span, "an escape is not known", AGAIN)),
            },
            char => text.push(char),
        }
    }
    if chars.next().is_some() { Err(open()) } else { Ok(text) }
}

/// `{1f}` of `\u{1f}`.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    if chars.next()? != '{' {
        return None;
    }
    let digits: String = chars.by_ref().take_while(|char| *char != '}').collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}
