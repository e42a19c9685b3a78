//! The canonical layout of a schema.
//!
//! It works on lexemes, not on the tree: literals stay as written and no token is lost; only blanks,
//! trailing commas and a `;` behind a body change. What it decides depends on the tokens and on which
//! comments and blank lines stood where, never on how lines were broken, so that printing again changes
//! nothing. Lists (`enum`, `flags`, settings, `use`) stay on one line where they fit; fields never share one.

use std::fmt::Write as _;

use super::scan::{self, CommentKind, Lexeme, LexemeKind, Lexer};
use crate::diag::Diagnostics;
use crate::source::{FileId, SourceMap};

/// Lines are broken, where they can be, to stay within this width.
const WIDTH: usize = 100;
const INDENT: usize = 4;

/// Formats one file; text that does not parse comes back as its errors.
///
/// # Errors
/// Everything that [`super::parse`] finds in the text; the spans lie in file 0.
pub fn format(text: &str) -> Result<String, Diagnostics> {
    let mut sources = SourceMap::new();
    let file = sources.add("", text, false);
    format_file(&sources, file)
}

/// Formats one file of a compilation; text that does not parse comes back as its errors.
///
/// # Errors
/// Everything that [`super::parse`] finds in the file.
pub fn format_file(sources: &SourceMap, file: FileId) -> Result<String, Diagnostics> {
    let source = sources.file(file);
    let mut alone = SourceMap::new();
    alone.add(source.name.clone(), source.text.clone(), false);
    let (_, mut diagnostics) = super::parse(&alone);
    if diagnostics.has_errors() {
        diagnostics.move_to(file);
        return Err(diagnostics);
    }
    Ok(format_unparsed(&source.text))
}

/// Formats what is parsed afterwards: text that a program has written. Of text with errors something comes back that has
/// errors too; where brackets or literals are open, that is the text itself.
#[must_use]
pub fn format_unparsed(text: &str) -> String {
    let scan = scan::scan(FileId(0), text);
    if !scan.findings.is_empty() {
        return text.to_owned();
    }
    let tokens = tokens(text);
    let mut printer = Printer::new(&tokens);
    printer.file(&scan.chunks);
    printer.out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Literal,
    Punctuation,
    Open,
    Close,
    Comment(CommentKind),
}

/// A token that is kept, and what stood between it and the one before.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    /// Line ends before it.
    newlines: usize,
    /// Of an opening bracket: the index of its closing one.
    close: usize,
}

impl Token<'_> {
    fn is(&self, text: &str) -> bool {
        self.text == text && !matches!(self.kind, Kind::Literal | Kind::Comment(_))
    }

    fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::Comment(_))
    }

    /// Nothing can follow it on its line.
    fn ends_line(&self) -> bool {
        matches!(self.kind, Kind::Comment(kind) if kind != CommentKind::Block)
    }

    fn is_doc(&self) -> bool {
        matches!(self.kind, Kind::Comment(CommentKind::Doc | CommentKind::FileDoc))
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut open = Vec::new();
    let mut newlines = 0;
    let mut end = 0;
    for Lexeme { kind, start, end: lexeme_end } in Lexer::new(text) {
        let written = &text[start..lexeme_end];
        let kind = match kind {
            LexemeKind::Space => {
                newlines = written.matches('\n').count();
                continue;
            }
            LexemeKind::Word => Kind::Word,
            LexemeKind::Literal | LexemeKind::OpenLiteral => Kind::Literal,
            LexemeKind::Open(_) => Kind::Open,
            LexemeKind::Close(_) => Kind::Close,
            LexemeKind::Comment(kind) => Kind::Comment(kind),
            _ => Kind::Punctuation,
        };
        if let Some(last) = tokens.last_mut() {
            // Two characters that are one token to the grammar.
            let pair =
                matches!((last.text, written), (":", ":") | (".", ".") | ("<", "<") | (">", ">"));
            if pair && end == start && last.kind == Kind::Punctuation {
                last.text = &text[last.start..lexeme_end];
                end = lexeme_end;
                continue;
            }
        }
        match kind {
            Kind::Open => open.push(tokens.len()),
            Kind::Close => {
                if let Some(opener) = open.pop() {
                    let close = tokens.len();
                    let opener: &mut Token<'_> = &mut tokens[opener];
                    opener.close = close;
                }
            }
            _ => {}
        }
        let text = if matches!(kind, Kind::Comment(_)) { written.trim_end() } else { written };
        tokens.push(Token { kind, text, start, newlines, close: 0 });
        newlines = 0;
        end = lexeme_end;
    }
    tokens
}

/// What stands in the braces of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// One field a line, always.
    Fields,
    /// Names, members: on one line where they fit.
    List,
    /// `key: value`, where a value in brackets is a list of its own.
    Settings,
}

impl Body {
    fn of(first: &str, second: &str) -> Self {
        match (first, second) {
            ("extern", "struct") | ("struct" | "record" | "entry", _) => Self::Fields,
            ("class" | "space" | "consumer", _) => Self::Settings,
            _ => Self::List,
        }
    }
}

/// A piece of a broken list, or of the file.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// Tokens from the first to one past the last.
    Element(usize, usize),
    /// A comment of its own.
    Comment(usize),
    /// A comment on the line of what stands before it.
    Trailing(usize),
}

impl Entry {
    fn first(self) -> usize {
        match self {
            Self::Element(first, _) | Self::Comment(first) | Self::Trailing(first) => first,
        }
    }
}

struct Printer<'a> {
    tokens: &'a [Token<'a>],
    out: String,
    /// The last thing printed is a comment up to its line end.
    line_is_over: bool,
}

impl<'a> Printer<'a> {
    fn new(tokens: &'a [Token<'a>]) -> Self {
        Self { tokens, out: String::new(), line_is_over: false }
    }

    fn file(&mut self, chunks: &[scan::Chunk]) {
        let entries = self.file_entries(chunks);
        let mut previous: Option<(Entry, bool)> = None;
        for (index, entry) in entries.iter().copied().enumerate() {
            if let (Entry::Trailing(comment), false) = (entry, self.line_is_over) {
                self.trailing(comment, 0);
                continue;
            }
            let before = std::mem::take(&mut self.out);
            let is_line = self.file_entry(entry);
            let printed = std::mem::replace(&mut self.out, before);
            if let Some((last, last_is_line)) = previous {
                // An item decides for the comments above it how far they stand from what comes before.
                let may_touch = match (last, entry) {
                    (Entry::Comment(_), _) => true,
                    (_, Entry::Element(..)) => last_is_line && is_line,
                    _ => last_is_line && self.next_is_line(&entries[index..]),
                };
                let blank =
                    self.tokens[entry.first()].newlines > 1 && !self.is_docs_of(last, entry);
                self.out.push_str(if blank || !may_touch { "\n\n" } else { "\n" });
            }
            self.out.push_str(&printed);
            previous = Some((entry, is_line));
        }
        self.out.push('\n');
    }

    /// Prints an item or a comment; says whether it is an item of one line that `;` ends.
    fn file_entry(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Element(first, end) => {
                self.item(first, end);
                self.out.ends_with(';') && !self.out.contains('\n')
            }
            Entry::Comment(comment) | Entry::Trailing(comment) => {
                self.write_token(comment);
                false
            }
        }
    }

    /// Whether the first of two entries is documentation of the second, or a line of the same.
    fn is_docs_of(&self, docs: Entry, entry: Entry) -> bool {
        let is_doc = |index: usize| self.tokens[index].kind == Kind::Comment(CommentKind::Doc);
        match (docs, entry) {
            (Entry::Comment(docs), Entry::Element(..)) => is_doc(docs),
            _ => false,
        }
    }

    /// Whether the item behind some comments is one that may stand close to its predecessor.
    fn next_is_line(&self, entries: &[Entry]) -> bool {
        let item = entries.iter().find_map(|entry| match entry {
            Entry::Element(first, end) => Some((*first, *end)),
            _ => None,
        });
        item.is_some_and(|(first, end)| {
            let mut alone = Printer::new(self.tokens);
            alone.file_entry(Entry::Element(first, end))
        })
    }

    fn file_entries(&self, chunks: &[scan::Chunk]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut index = 0;
        for chunk in chunks {
            while index < self.tokens.len() && self.tokens[index].start < chunk.start as usize {
                entries.push(self.outer_comment(index, &entries));
                index += 1;
            }
            let first = index;
            while index < self.tokens.len() && self.tokens[index].start < chunk.end as usize {
                index += 1;
            }
            let (end, tail) = self.without_semicolon(first, index);
            entries.push(Entry::Element(first, end));
            for comment in tail {
                entries.push(Entry::Trailing(comment));
            }
        }
        for index in index..self.tokens.len() {
            entries.push(self.outer_comment(index, &entries));
        }
        entries
    }

    fn outer_comment(&self, index: usize, before: &[Entry]) -> Entry {
        let token = &self.tokens[index];
        if token.newlines == 0 && !token.is_doc() && !before.is_empty() {
            Entry::Trailing(index)
        } else {
            Entry::Comment(index)
        }
    }

    /// The end of an item without the `;` behind its body, and the comments before that `;`.
    fn without_semicolon(&self, first: usize, end: usize) -> (usize, Vec<usize>) {
        let has_body = (first..end).any(|index| self.tokens[index].is("{"));
        let is_use =
            self.tokens[first..end].iter().any(|token| token.is("use") && token.kind == Kind::Word)
                && self.item_words(first, end).0 == "use";
        if !has_body || is_use || !self.tokens[end - 1].is(";") || !self.closes_body(first, end) {
            return (end, Vec::new());
        }
        let mut last = end - 1;
        while self.tokens[last - 1].is_comment() {
            last -= 1;
        }
        (last, (last..end - 1).collect())
    }

    /// Whether a `}` of the item itself stands before its `;`: `const X: [struct { .. }; 2] = 1;` has none.
    fn closes_body(&self, first: usize, end: usize) -> bool {
        let mut index = first;
        while index < end {
            let token = &self.tokens[index];
            if token.is("{") {
                return true;
            }
            index = if token.kind == Kind::Open { token.close + 1 } else { index + 1 };
        }
        false
    }

    /// The first two words behind the attributes of an item.
    fn item_words(&self, first: usize, end: usize) -> (&str, &str) {
        let start = self.behind_attributes(first, end);
        let mut words = self.tokens[start..end]
            .iter()
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.text);
        (words.next().unwrap_or(""), words.next().unwrap_or(""))
    }

    fn item(&mut self, first: usize, end: usize) {
        let (word, next) = self.item_words(first, end);
        let body = Body::of(word, next);
        let start = self.attribute_lines(first, end, 0);
        self.element(start, end, 0, body, false);
    }

    /// One past the last token of the attributes at `first`, with the comments between them.
    fn behind_attributes(&self, first: usize, end: usize) -> usize {
        let mut index = first;
        let mut behind = first;
        while index < end {
            let token = &self.tokens[index];
            if token.is_comment() {
                index += 1;
            } else if token.is("#") {
                index = self.attribute_end(index);
                behind = index;
            } else {
                break;
            }
        }
        // Comments behind the last attribute stay with it.
        if behind > first {
            while behind < end && self.tokens[behind].is_comment() {
                behind += 1;
            }
        }
        behind
    }

    /// One past the bracket that closes the attribute at `hash`.
    fn attribute_end(&self, hash: usize) -> usize {
        let mut open = hash + 1;
        while self.tokens[open].is_comment() {
            open += 1;
        }
        self.tokens[open].close + 1
    }

    /// Prints attributes one a line, and returns the index of what follows them.
    fn attribute_lines(&mut self, first: usize, end: usize, indent: usize) -> usize {
        let behind = self.behind_attributes(first, end);
        let mut index = first;
        while index < behind {
            let token = self.tokens[index];
            if token.is_comment() {
                self.write_token(index);
                index += 1;
            } else {
                let end = self.attribute_end(index);
                self.inline(index, end, indent);
                index = end;
            }
            if index < behind && self.tokens[index].newlines == 0 && self.tokens[index].is_comment()
            {
                self.out.push(' ');
            } else {
                self.new_line(indent);
            }
        }
        behind
    }

    /// Prints an element whose first column is reached.
    fn element(&mut self, first: usize, end: usize, indent: usize, body: Body, in_list: bool) {
        let reserve = usize::from(in_list);
        let mut start = first;
        let head = self.head_end(first, end, body);
        if in_list && self.behind_attributes(first, end) > first {
            let fits = self
                .flat_length(first, head)
                .is_some_and(|length| indent + length + reserve <= WIDTH);
            if !fits && !self.tokens[first].is_comment() {
                start = self.attribute_lines(first, end, indent);
            }
        }
        self.tokens_with_groups(start, end, indent, body, reserve);
    }

    /// Where the first group begins that may be broken, or the end.
    fn head_end(&self, first: usize, end: usize, body: Body) -> usize {
        let mut index = first;
        while index < end {
            let token = &self.tokens[index];
            if token.is("{") || (body == Body::Settings && self.is_list(index)) {
                return index + 1;
            }
            // Fields of a type in brackets are reached through them.
            let has_fields = token.kind == Kind::Open
                && self.tokens[index..token.close].iter().any(|token| token.is("{"));
            index =
                if token.kind == Kind::Open && !has_fields { token.close + 1 } else { index + 1 };
        }
        end
    }

    /// Whether the bracket at `index` opens the list of a setting.
    fn is_list(&self, index: usize) -> bool {
        self.tokens[index].is("[") && index > 0 && self.tokens[index - 1].is(":")
    }

    fn tokens_with_groups(
        &mut self,
        first: usize,
        end: usize,
        indent: usize,
        body: Body,
        reserve: usize,
    ) {
        let mut index = first;
        let mut colons = 0;
        let mut depth = 0usize;
        while index < end {
            let token = self.tokens[index];
            if self.is_idle_comma(index, end) {
                index += 1;
                continue;
            }
            self.blank_before(index, first, &mut colons, indent);
            // Braces inside the brackets of a type hold fields, whatever the item is.
            let body = if depth > 0 { Body::Fields } else { body };
            let breakable =
                token.is("{") || (body == Body::Settings && indent > 0 && self.is_list(index));
            if !breakable {
                match token.kind {
                    Kind::Open => depth += 1,
                    Kind::Close => depth = depth.saturating_sub(1),
                    _ => {}
                }
                self.write_token(index);
                index += 1;
                continue;
            }
            let fits = (body != Body::Fields || token.close == index + 1)
                && self
                    .flat_length(index, token.close + 1)
                    .is_some_and(|length| self.column() + length + reserve <= WIDTH);
            if fits {
                self.inline(index, token.close + 1, indent);
            } else {
                self.broken(index, indent, body);
            }
            index = token.close + 1;
        }
    }

    /// Prints a group with one element a line.
    fn broken(&mut self, open: usize, indent: usize, body: Body) {
        let close = self.tokens[open].close;
        let inner = indent + INDENT;
        self.write_token(open);
        let mut is_first = true;
        for entry in self.entries(open + 1, close) {
            if let Entry::Trailing(comment) = entry {
                self.trailing(comment, inner);
                continue;
            }
            if self.tokens[entry.first()].newlines > 1 && !is_first {
                self.out.push('\n');
            }
            self.new_line(inner);
            is_first = false;
            match entry {
                Entry::Element(first, end) => {
                    self.element(first, end, inner, body, true);
                    if !self.tokens[end - 1].is("..") {
                        self.out.push(',');
                        self.line_is_over = false;
                    }
                }
                Entry::Comment(comment) | Entry::Trailing(comment) => self.write_token(comment),
            }
        }
        self.new_line(indent);
        self.write_token(close);
    }

    /// The elements and comments between two brackets.
    fn entries(&self, first: usize, close: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut start = None;
        let mut index = first;
        while index < close {
            let token = &self.tokens[index];
            if token.is(",") {
                self.end_element(start.take(), index, &mut entries);
            } else if token.is_comment() && start.is_none() {
                let next = &self.tokens[index + 1];
                let leads = token.kind == Kind::Comment(CommentKind::Block)
                    && next.newlines == 0
                    && !next.is_comment()
                    && !matches!(next.text, "," | "}" | "]" | ")");
                if leads {
                    start = Some(index);
                } else {
                    entries.push(self.list_comment(index));
                }
            } else if start.is_none() {
                start = Some(index);
            }
            index = if token.kind == Kind::Open { token.close + 1 } else { index + 1 };
        }
        self.end_element(start, close, &mut entries);
        entries
    }

    fn end_element(&self, start: Option<usize>, end: usize, entries: &mut Vec<Entry>) {
        let Some(start) = start else { return };
        let mut last = end;
        while self.tokens[last - 1].is_comment() {
            last -= 1;
        }
        entries.push(Entry::Element(start, last));
        entries.extend((last..end).map(|comment| self.list_comment(comment)));
    }

    fn list_comment(&self, index: usize) -> Entry {
        let token = &self.tokens[index];
        if token.newlines == 0 && !token.is_doc() {
            Entry::Trailing(index)
        } else {
            Entry::Comment(index)
        }
    }

    /// Prints tokens on one line, as far as comments allow.
    fn inline(&mut self, first: usize, end: usize, indent: usize) {
        let mut colons = 0;
        for index in first..end {
            if self.is_idle_comma(index, end) {
                continue;
            }
            self.blank_before(index, first, &mut colons, indent);
            self.write_token(index);
        }
    }

    /// A comma before a closing bracket on the same line.
    fn is_idle_comma(&self, index: usize, end: usize) -> bool {
        self.tokens[index].is(",") && index + 1 < end && self.tokens[index + 1].kind == Kind::Close
    }

    /// The length on one line; `None` where comments or fields forbid that.
    fn flat_length(&self, first: usize, end: usize) -> Option<usize> {
        let range = &self.tokens[first..end];
        // Long before the width is passed twice over, there is no hope left.
        if range.len() > 2 * WIDTH || range.iter().any(Token::is_comment) {
            return None;
        }
        let mut alone = Printer::new(self.tokens);
        alone.inline(first, end, 0);
        Some(alone.out.chars().count())
    }

    fn blank_before(&mut self, index: usize, first: usize, colons: &mut usize, indent: usize) {
        let token = &self.tokens[index];
        if token.is(":") {
            *colons += 1;
        } else if token.is(",") || token.is("{") {
            *colons = 0;
        }
        if index == first {
            return;
        }
        if self.tokens[self.printed_before(index)].ends_line() {
            self.new_line(indent + INDENT);
        } else if self.has_blank(index, first, *colons) {
            self.out.push(' ');
        }
    }

    /// The token printed before the one at `index`: an idle comma is not.
    fn printed_before(&self, index: usize) -> usize {
        let idle =
            index > 1 && self.tokens[index - 1].is(",") && self.tokens[index].kind == Kind::Close;
        if idle { index - 2 } else { index - 1 }
    }

    /// Whether a blank stands between a token and the one before it.
    fn has_blank(&self, index: usize, first: usize, colons: usize) -> bool {
        let last = self.printed_before(index);
        let (before, token) = (&self.tokens[last], &self.tokens[index]);
        if before.is_comment() || token.is_comment() {
            return true;
        }
        let is_value = |token: &Token<'_>| {
            matches!(token.kind, Kind::Word | Kind::Literal | Kind::Close) || token.is(">")
        };
        match (before.text, before.kind) {
            (_, Kind::Literal) => {}
            // An open end, not a range.
            ("..", _) if token.is("}") => return true,
            ("(" | "[" | "." | "::" | ".." | "#" | "<" | "~", _) => return false,
            ("-" | "*", _) if last <= first || !is_value(&self.tokens[last - 1]) => {
                return false;
            }
            ("{", _) => return !self.is_use_list(last) && !token.is("}"),
            _ => {}
        }
        match (token.text, token.kind) {
            (_, Kind::Literal) => true,
            (":", _) => colons > 1,
            ("..", _) if before.is(",") => true,
            ("," | ";" | ")" | "]" | "." | "::" | ".." | "<" | ">", _) => false,
            ("}", _) => !self.opens_use_list(index),
            ("(" | "[", _) => !matches!(before.kind, Kind::Word | Kind::Close) && !before.is(">"),
            ("{", _) => !before.is("::"),
            _ => true,
        }
    }

    fn is_use_list(&self, open: usize) -> bool {
        open > 0 && self.tokens[open - 1].is("::")
    }

    fn opens_use_list(&self, close: usize) -> bool {
        (0..close)
            .rev()
            .find(|index| self.tokens[*index].is("{"))
            .is_some_and(|open| self.is_use_list(open))
    }

    fn write_token(&mut self, index: usize) {
        let token = &self.tokens[index];
        self.line_is_over = token.ends_line();
        if token.is_comment() && token.text.contains('\r') {
            self.out.push_str(&token.text.replace("\r\n", "\n"));
        } else {
            self.out.push_str(token.text);
        }
    }

    /// A comment behind what is printed already; behind another that ends its line, on the next.
    fn trailing(&mut self, index: usize, indent: usize) {
        if self.line_is_over {
            self.new_line(indent);
        } else {
            self.out.push(' ');
        }
        self.write_token(index);
    }

    fn new_line(&mut self, indent: usize) {
        let _ = write!(self.out, "\n{:indent$}", "");
    }

    fn column(&self) -> usize {
        let line = self.out.rfind('\n').map_or(0, |newline| newline + 1);
        self.out[line..].chars().count()
    }
}
