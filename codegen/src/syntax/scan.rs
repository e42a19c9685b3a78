//! The scanner before the parser: lexemes, brackets, comments, and the cut into items.
//!
//! It knows brackets and the words that begin an item, nothing else of the grammar. It runs in one pass, in
//! time linear in the text, and bounds what the parser behind it will meet: nesting, tokens of one item,
//! items of a file. `parse` takes the chunks and the comments; `fmt` takes the lexemes.

use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// The largest file that is read, in bytes.
pub const FILE_LIMIT_BYTES: usize = 64 << 20;
/// How deep brackets may nest, and how many prefix operators (`*`, `-`, `~`) may follow one another.
pub const NESTING_LIMIT: usize = 128;
/// Tokens in one item: room for an enum of 100,000 members with values.
pub const ITEM_TOKEN_LIMIT: usize = 1 << 19;
/// Items in one file.
pub const ITEM_LIMIT: usize = 1 << 20;
/// After so many findings in one file, the rest of it is not looked at.
pub const FINDING_LIMIT: usize = 1000;

/// The words that begin an item.
pub const ITEM_WORDS: [&str; 13] = [
    "class",
    "const",
    "consumer",
    "entry",
    "enum",
    "extern",
    "flags",
    "properties",
    "record",
    "schema",
    "space",
    "struct",
    "use",
];

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexemeKind {
    /// Blanks and line ends.
    Space,
    /// A name, a keyword or a number.
    Word,
    /// `"..."` or `b"..."`.
    Literal,
    /// A comment.
    Comment(CommentKind),
    /// `{`, `[` or `(`.
    Open(u8),
    /// `}`, `]` or `)`.
    Close(u8),
    /// Any other character of the language, one byte.
    Punctuation(u8),
    /// A literal that its line does not close.
    OpenLiteral,
    /// `/*` that nothing closes.
    OpenComment,
    /// A run of characters that have no place in the language.
    Foreign,
}

/// The kinds of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentKind {
    /// `//` or `////...`
    Line,
    /// `/* */`
    Block,
    /// `///`
    Doc,
    /// `//!`
    FileDoc,
}

/// A piece of the text; consecutive ones cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub kind: LexemeKind,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// A comment, with its markers, without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Which kind.
    pub kind: CommentKind,
    /// Its first byte.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
}

/// The text of one item: from its first token to its last, comments between them included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its first byte.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// Something in it has been reported already: it is not parsed.
    pub broken: bool,
}

/// What the scanner found in one file.
#[derive(Debug, Default)]
pub struct Scan {
    /// The items, in order.
    pub chunks: Vec<Chunk>,
    /// All comments, in order.
    pub comments: Vec<Comment>,
    /// What is wrong; at most [`FINDING_LIMIT`].
    pub findings: Vec<Diagnostic>,
}

/// Cuts a text into lexemes.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    /// From the beginning of `text`; a byte order mark there is skipped.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, position: if text.starts_with('\u{feff}') { 3 } else { 0 } }
    }

    /// From a position, which must lie on a character boundary.
    #[must_use]
    pub fn at(text: &'a str, position: usize) -> Self {
        Self { text, position }
    }

    fn lex(&self) -> Option<(LexemeKind, usize)> {
        let bytes = self.text.as_bytes();
        let start = self.position;
        let first = *bytes.get(start)?;
        let run = |from: usize, keep: fn(&u8) -> bool| {
            from + bytes[from..].iter().take_while(|byte| keep(byte)).count()
        };
        Some(match first {
            b' ' | b'\t' | b'\r' | b'\n' => {
                (LexemeKind::Space, run(start + 1, |b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')))
            }
            b'b' if bytes.get(start + 1) == Some(&b'"') => self.literal(start + 2),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' => {
                (LexemeKind::Word, run(start + 1, is_word_byte))
            }
            b'"' => self.literal(start + 1),
            b'/' if bytes.get(start + 1) == Some(&b'/') => {
                let mut end = run(start, |b| *b != b'\n');
                if bytes[end - 1] == b'\r' {
                    end -= 1;
                }
                (LexemeKind::Comment(line_comment_kind(&bytes[start..end])), end)
            }
            b'/' if bytes.get(start + 1) == Some(&b'*') => {
                match self.text[start + 2..].find("*/") {
                    Some(length) => (LexemeKind::Comment(CommentKind::Block), start + length + 4),
                    None => (LexemeKind::OpenComment, bytes.len()),
                }
            }
            b'{' | b'[' | b'(' => (LexemeKind::Open(first), start + 1),
            b'}' | b']' | b')' => (LexemeKind::Close(first), start + 1),
            _ if is_punctuation(first) => (LexemeKind::Punctuation(first), start + 1),
            _ => (LexemeKind::Foreign, run(start + 1, |b| is_foreign(*b))),
        })
    }

    /// The rest of a literal whose quote stands before `from`.
    fn literal(&self, from: usize) -> (LexemeKind, usize) {
        let bytes = self.text.as_bytes();
        let mut position = from;
        while let Some(byte) = bytes.get(position) {
            match byte {
                b'"' => return (LexemeKind::Literal, position + 1),
                b'\\' if !matches!(bytes.get(position + 1), None | Some(b'\n')) => position += 2,
                b'\n' => break,
                _ => position += 1,
            }
        }
        // An escape before a character of several bytes has skipped its first byte only.
        (LexemeKind::OpenLiteral, position.min(bytes.len()))
    }
}

impl Iterator for Lexer<'_> {
    type Item = Lexeme;

    fn next(&mut self) -> Option<Lexeme> {
        let start = self.position;
        let (kind, end) = self.lex()?;
        self.position = end;
        Some(Lexeme { kind, start, end })
    }
}

fn is_word_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

fn is_punctuation(byte: u8) -> bool {
    b"<>;:,.=+-*/%&|^~#".contains(&byte)
}

fn is_foreign(byte: u8) -> bool {
    !(is_word_byte(&byte)
        || is_punctuation(byte)
        || matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"')
        || matches!(byte, b'{' | b'[' | b'(' | b'}' | b']' | b')'))
}

fn line_comment_kind(comment: &[u8]) -> CommentKind {
    match comment {
        [b'/', b'/', b'!', ..] => CommentKind::FileDoc,
        [b'/', b'/', b'/', b'/', ..] => CommentKind::Line,
        [b'/', b'/', b'/', ..] => CommentKind::Doc,
        _ => CommentKind::Line,
    }
}

/// Scans one file.
#[must_use]
pub fn scan(file: FileId, text: &str) -> Scan {
    let mut scanner = Scanner {
        file,
        text,
        scan: Scan::default(),
        item: None,
        after_body: false,
        stack: Vec::new(),
        too_deep: 0,
        prefix_run: 0,
    };
    if text.len() > FILE_LIMIT_BYTES {
        let message = format!("the file has {} bytes, more than {FILE_LIMIT_BYTES}", text.len());
        scanner.scan.findings.push(Diagnostic::new(Code::E0003, Span::new(file, 0, 0), message));
        return scanner.scan;
    }
    for lexeme in Lexer::new(text) {
        scanner.lexeme(lexeme);
        if scanner.scan.findings.len() >= FINDING_LIMIT || scanner.scan.chunks.len() >= ITEM_LIMIT {
            scanner.stop_early(lexeme.end);
            return scanner.scan;
        }
    }
    scanner.end_of_file();
    scanner.scan
}

/// The item being scanned.
struct OpenItem {
    start: usize,
    /// The end of its last token so far.
    end: usize,
    tokens: usize,
    broken: bool,
}

struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    scan: Scan,
    item: Option<OpenItem>,
    /// The item has closed its body: only `;` or `from "..."` still belong to it.
    after_body: bool,
    /// The open brackets: the byte and where it stands.
    stack: Vec<(u8, u32)>,
    /// Open brackets beyond the limit; they are counted and not kept.
    too_deep: usize,
    /// Prefix operators in a row.
    prefix_run: usize,
}

impl Scanner<'_> {
    fn lexeme(&mut self, lexeme: Lexeme) {
        match lexeme.kind {
            LexemeKind::Space => return,
            LexemeKind::Comment(kind) => {
                let (start, end) = (lexeme.start as u32, lexeme.end as u32);
                self.scan.comments.push(Comment { kind, start, end });
                return;
            }
            LexemeKind::OpenComment => {
                let span = self.span(lexeme.start, lexeme.start + 2);
                let message = "this comment is never closed";
                self.report(Diagnostic::new(Code::E0103, span, message).help("close it with `*/`"));
                // What is open now may well be closed in what the comment swallows.
                self.stack.clear();
                return;
            }
            _ => {}
        }
        if self.after_body && !self.belongs_after_body(lexeme) {
            self.finish_item();
        }
        if lexeme.kind == LexemeKind::Word && !self.stack.is_empty() {
            self.cut_at_item_start(lexeme);
        }
        self.token(lexeme);
    }

    /// A body has closed; does this token still belong to the item? `extern enum e { .. } from "h"` goes on.
    fn belongs_after_body(&self, lexeme: Lexeme) -> bool {
        match lexeme.kind {
            LexemeKind::Punctuation(b';') | LexemeKind::Literal | LexemeKind::OpenLiteral => true,
            LexemeKind::Word if self.text[lexeme.start..lexeme.end] == *"from" => {
                let blank =
                    |next: &Lexeme| matches!(next.kind, LexemeKind::Space | LexemeKind::Comment(_));
                let next = Lexer::at(self.text, lexeme.end).find(|next| !blank(next));
                next.is_some_and(|next| {
                    matches!(next.kind, LexemeKind::Literal | LexemeKind::OpenLiteral)
                })
            }
            _ => false,
        }
    }

    /// At the left margin, words that can only begin an item end whatever is still open: nowhere inside
    /// brackets does the language allow them, and the missing bracket costs one item instead of the file.
    fn cut_at_item_start(&mut self, lexeme: Lexeme) {
        let at_margin = lexeme.start == 0 || self.text.as_bytes()[lexeme.start - 1] == b'\n';
        if !at_margin || !begins_item(&self.text[lexeme.start..]) {
            return;
        }
        let here = self.span(lexeme.start, lexeme.end);
        self.report_unclosed(Some(here));
        self.stack.clear();
        self.too_deep = 0;
        self.finish_item();
    }

    fn token(&mut self, lexeme: Lexeme) {
        let fresh = OpenItem { start: lexeme.start, end: lexeme.end, tokens: 0, broken: false };
        let item = self.item.get_or_insert(fresh);
        item.end = lexeme.end;
        item.tokens += 1;
        if item.tokens == ITEM_TOKEN_LIMIT + 1 {
            let span = self.span(lexeme.start, lexeme.end);
            let message = format!("this item has more than {ITEM_TOKEN_LIMIT} tokens");
            self.report(Diagnostic::new(Code::E0003, span, message));
        }
        self.count_prefix(lexeme);
        match lexeme.kind {
            LexemeKind::Open(bracket) => self.open(bracket, lexeme.start),
            LexemeKind::Close(bracket) => self.close(bracket, lexeme.start),
            LexemeKind::Punctuation(b';') if self.stack.is_empty() => self.finish_item(),
            LexemeKind::OpenLiteral => {
                let span = self.span(lexeme.start, lexeme.end);
                let message = "this literal is not closed on its line";
                let finding = Diagnostic::new(Code::E0103, span, message);
                self.report(finding.help("end it with `\"`; a line end inside is written `\\n`"));
            }
            LexemeKind::Foreign => self.report_foreign(lexeme),
            _ => {}
        }
    }

    fn count_prefix(&mut self, lexeme: Lexeme) {
        if !matches!(lexeme.kind, LexemeKind::Punctuation(b'*' | b'-' | b'~')) {
            self.prefix_run = 0;
            return;
        }
        self.prefix_run += 1;
        if self.prefix_run == NESTING_LIMIT + 1 {
            let span = self.span(lexeme.start, lexeme.end);
            let message = format!("more than {NESTING_LIMIT} prefix operators in a row");
            self.report(Diagnostic::new(Code::E0102, span, message));
        }
    }

    fn open(&mut self, bracket: u8, position: usize) {
        if self.stack.len() < NESTING_LIMIT {
            self.stack.push((bracket, position as u32));
            return;
        }
        if self.too_deep == 0 {
            let outermost = self.stack[0].1 as usize;
            let message = format!("brackets are nested more than {NESTING_LIMIT} deep");
            let finding = Diagnostic::new(Code::E0102, self.span(position, position + 1), message)
                .also(self.span(outermost, outermost + 1), "the outermost bracket is here");
            self.report(finding);
        }
        self.too_deep += 1;
    }

    fn close(&mut self, bracket: u8, position: usize) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let here = self.span(position, position + 1);
        let opens = |open: u8| closer(open) == bracket;
        let Some(depth) = self.stack.iter().rposition(|(open, _)| opens(*open)) else {
            let message = format!("this `{}` closes nothing", bracket as char);
            let mut finding = Diagnostic::new(Code::E0101, here, message);
            if let Some((open, at)) = self.stack.last().copied() {
                let label = format!("`{}` is open here", open as char);
                finding = finding.also(self.span(at as usize, at as usize + 1), label);
            }
            self.report(finding);
            if self.stack.is_empty() {
                self.finish_item();
            }
            return;
        };
        if depth + 1 != self.stack.len() {
            let (open, at) = self.stack[self.stack.len() - 1];
            let message =
                format!("expected `{}`, found `{}`", closer(open) as char, bracket as char);
            let label = format!("to close this `{}`", open as char);
            let finding = Diagnostic::new(Code::E0101, here, message)
                .also(self.span(at as usize, at as usize + 1), label);
            self.report(finding);
        }
        self.stack.truncate(depth);
        if self.stack.is_empty() && bracket == b'}' {
            self.after_body = true;
        }
    }

    fn report_foreign(&mut self, lexeme: Lexeme) {
        let run = &self.text[lexeme.start..lexeme.end];
        let shown: String = run.chars().take(16).flat_map(char::escape_debug).collect();
        let message = match run.chars().next() {
            Some(only) if run.len() == only.len_utf8() => {
                format!("the character `{shown}` (U+{:04X}) has no place here", u32::from(only))
            }
            _ => format!("the characters `{shown}` have no place here"),
        };
        let mut finding =
            Diagnostic::new(Code::E0104, self.span(lexeme.start, lexeme.end), message);
        if let Some(help) = foreign_help(run) {
            finding = finding.help(help);
        }
        self.report(finding);
    }

    fn report_unclosed(&mut self, next_item: Option<Span>) {
        let Some((open, at)) = self.stack.last().copied() else { return };
        // Brackets beyond the limit have been reported as such; their closers are beside the point.
        if self.too_deep > 0 {
            return;
        }
        let span = self.span(at as usize, at as usize + 1);
        let message = format!("this `{}` is never closed", open as char);
        let mut finding = Diagnostic::new(Code::E0101, span, message)
            .help(format!("close it with `{}`", closer(open) as char));
        if let Some(next_item) = next_item {
            finding = finding.also(next_item, "the next item begins here");
        }
        self.report(finding);
    }

    fn finish_item(&mut self) {
        self.after_body = false;
        self.prefix_run = 0;
        if let Some(item) = self.item.take() {
            let (start, end) = (item.start as u32, item.end as u32);
            self.scan.chunks.push(Chunk { start, end, broken: item.broken });
        }
    }

    fn end_of_file(&mut self) {
        self.report_unclosed(None);
        self.finish_item();
    }

    fn stop_early(&mut self, position: usize) {
        if self.scan.chunks.len() >= ITEM_LIMIT {
            let span = self.span(position, position);
            let message = format!("a file holds at most {ITEM_LIMIT} items");
            self.report(Diagnostic::new(Code::E0003, span, message));
        }
        self.finish_item();
    }

    fn report(&mut self, finding: Diagnostic) {
        self.scan.findings.push(finding);
        if let Some(item) = &mut self.item {
            item.broken = true;
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }
}

fn closer(open: u8) -> u8 {
    match open {
        b'{' => b'}',
        b'[' => b']',
        _ => b')',
    }
}

fn foreign_help(run: &str) -> Option<&'static str> {
    let first = run.chars().next()?;
    Some(match first {
        '\'' | '`' | '\u{2018}'..='\u{201f}' => {
            "text is written in straight double quotes: `\"...\"`"
        }
        '!' => "to invert bits, write `~`",
        '$' | '@' | '?' | '\\' => return None,
        _ if first.is_alphabetic() => "names are made of the letters A to Z, digits and `_`",
        _ if first.is_whitespace() => "write an ordinary blank",
        _ => return None,
    })
}

/// Whether a text begins with words that can only be the beginning of an item. A field or a setting of the
/// same name is followed by `:`, an element of a list by `,`, `]`, `(` or `::`.
#[must_use]
pub fn begins_item(text: &str) -> bool {
    let word = |text: &str| text.bytes().take_while(is_word_byte).count();
    let blanks = |text: &str| text.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let keyword_length = word(text);
    let (keyword, rest) = text.split_at(keyword_length);
    if !ITEM_WORDS.contains(&keyword) {
        return false;
    }
    let rest = &rest[blanks(rest)..];
    let name_length = word(rest);
    if name_length == 0 || rest.as_bytes()[0].is_ascii_digit() {
        return false;
    }
    let (name, after) = rest.split_at(name_length);
    let after = &after[blanks(after)..];
    match keyword {
        "extern" => matches!(name, "const" | "enum" | "struct"),
        "schema" | "use" => true,
        "space" => after.starts_with('='),
        "class" | "const" | "flags" => after.starts_with(':') && !after.starts_with("::"),
        "enum" => after.starts_with(['{', ':']) && !after.starts_with("::"),
        _ => after.starts_with('{'),
    }
}
