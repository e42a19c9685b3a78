//! From text to one [`ast::File`] a file. pest's rules and pairs stay in this module.
//!
//! `scan` cuts the items, pest matches each of them alone, `tree` turns the pairs into the syntax tree,
//! `literal` reads numbers and escapes, `expect` words what pest expected. Items are parsed on several
//! threads when there is much text; the result does not depend on how many. `check` reads the trees.

mod expect;
mod literal;
mod tree;

use std::borrow::Cow;
use std::thread;

use pest::Parser as _;
use pest::error::{ErrorVariant, InputLocation};
use pest_derive::Parser;

use super::ast;
use super::scan::{self, Chunk, Comment, CommentKind, FINDING_LIMIT, Scan};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap, Span};

/// pest's recursion and that of the tree builder happen on stacks of this size, whatever the caller has:
/// the bracket limit fits in it several times, in builds without optimisation too.
const STACK_BYTES: usize = 64 << 20;
/// Text that is worth a thread of its own.
const BYTES_PER_THREAD: usize = 16 << 10;
/// More threads than that were never faster.
const THREAD_LIMIT: usize = 8;

#[derive(Parser)]
#[grammar = "syntax/grammar.pest"]
struct Grammar;

/// Parses every file of a compilation. A file that is at fault still yields what could be read of it.
#[must_use]
pub fn parse(sources: &SourceMap) -> (Vec<ast::File>, Diagnostics) {
    let mut scans: Vec<Scan> =
        sources.files().map(|(file, source)| scan::scan(file, &source.text)).collect();
    let mut work = Vec::new();
    for ((file, source), scan) in sources.files().zip(&scans) {
        let mut doc_start = 0;
        for chunk in &scan.chunks {
            let comments = between(&scan.comments, doc_start, chunk.end);
            work.push(Work { file, text: &source.text, chunk: *chunk, doc_start, comments });
            doc_start = chunk.end;
        }
    }
    let mut parsed = parse_chunks(&work).into_iter();
    drop(work);

    let mut diagnostics = Diagnostics::new();
    let mut files = Vec::with_capacity(scans.len());
    for ((file, source), scan) in sources.files().zip(&mut scans) {
        let mut assembly = Assembly::new(file, scan);
        for chunk in &scan.chunks {
            // `parse_chunks` may stop behind too many findings; they are in `assembly` by then.
            if let Some(parsed) = parsed.next() {
                assembly.add(*chunk, parsed);
            }
        }
        files.push(assembly.finish(&source.text, scan, &mut diagnostics));
    }
    (files, diagnostics)
}

/// One chunk to parse.
struct Work<'a> {
    file: FileId,
    text: &'a str,
    chunk: Chunk,
    /// Where documentation of this item may begin: the end of the item before it.
    doc_start: u32,
    /// The comments from there to the end of the chunk.
    comments: &'a [Comment],
}

/// What became of one chunk: usually one item, several where a `;` was missing between them.
#[derive(Default)]
struct Parsed {
    pieces: Vec<Piece>,
    findings: Vec<Diagnostic>,
}

/// An item, or one of the two that have a place of their own in [`ast::File`].
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the largest")]
enum Piece {
    Header(ast::Header),
    Use(ast::Use),
    Item(ast::Item),
}

fn parse_chunks(work: &[Work<'_>]) -> Vec<Parsed> {
    let total: usize = work.iter().map(Work::len).sum();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = (total / BYTES_PER_THREAD).clamp(1, cores.min(THREAD_LIMIT));
    let share = total.div_ceil(threads).max(1);

    thread::scope(|scope| {
        let mut rest = work;
        let mut running = Vec::new();
        while !rest.is_empty() {
            let mut size = 0;
            let count = rest.iter().take_while(|work| {
                let full = size >= share;
                size += work.len();
                !full
            });
            let (part, behind) = rest.split_at(count.count());
            rest = behind;
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            running.push((part, thread.spawn_scoped(scope, move || parse_part(part))));
        }
        let mut parsed = Vec::with_capacity(work.len());
        for (part, thread) in running {
            // A machine that grants no thread still parses, on the stack of the caller; pest watches it.
            match thread.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(part)) => parsed.extend(part),
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(_) => parsed.extend(parse_part(part)),
            }
        }
        parsed
    })
}

/// Parses chunks in order. Behind too many findings the rest stays empty: no more would be shown.
fn parse_part(part: &[Work<'_>]) -> Vec<Parsed> {
    let mut findings = 0;
    part.iter()
        .map(|work| {
            if findings >= FINDING_LIMIT {
                return Parsed::default();
            }
            let parsed = work.parse();
            findings += parsed.findings.len();
            parsed
        })
        .collect()
}

impl Work<'_> {
    fn len(&self) -> usize {
        (self.chunk.end - self.chunk.start) as usize
    }

    fn parse(&self) -> Parsed {
        let mut parsed = Parsed::default();
        if self.chunk.broken {
            return parsed;
        }
        let text = self.without_comments();
        let mut start = 0;
        let mut doc_start = self.doc_start;
        loop {
            let base = self.chunk.start as usize + start;
            let error = match Grammar::parse(Rule::chunk, &text[start..]) {
                Ok(pairs) => {
                    let docs = between(self.comments, doc_start, self.chunk.end);
                    let mut tree = tree::Builder::new(self.file, self.text, base, docs);
                    let piece = tree.piece(pairs, doc_start as usize);
                    tree.finish(self.chunk.end as usize);
                    parsed.pieces.push(piece);
                    parsed.findings.append(&mut tree.findings);
                    return parsed;
                }
                Err(error) => error,
            };
            let at = start + error_position(&error);
            parsed.findings.push(self.finding(&error, &text, at));
            // A missing `;` has glued two items together: the second is parsed for itself.
            if at == start || !scan::begins_item(&text[at..]) {
                return parsed;
            }
            doc_start = self.chunk.start + text[..at].trim_end().len() as u32;
            start = at;
        }
    }

    /// The chunk with its comments turned to blanks: every offset stays what it was.
    fn without_comments(&self) -> Cow<'_, str> {
        let range = self.chunk.start as usize..self.chunk.end as usize;
        let text = &self.text[range.clone()];
        let inside = between(self.comments, self.chunk.start, self.chunk.end);
        if inside.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut bytes = text.as_bytes().to_vec();
        for comment in inside {
            bytes[comment.start as usize - range.start..comment.end as usize - range.start]
                .fill(b' ');
        }
        // Comments begin and end on character boundaries, so nothing is ever lost here.
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn finding(&self, error: &pest::error::Error<Rule>, text: &str, at: usize) -> Diagnostic {
        let base = self.chunk.start as usize;
        match &error.variant {
            ErrorVariant::ParsingError { positives, .. } => {
                expect::finding(self.file, base, text, at, positives)
            }
            // pest measures its stack where it can: this is the only error it has of its own.
            ErrorVariant::CustomError { .. } => Diagnostic::new(
                Code::E0102,
                Span::new(self.file, base + at, base + at + 1),
                "types or expressions are nested too deeply",
            ),
        }
    }
}

fn error_position(error: &pest::error::Error<Rule>) -> usize {
    match error.location {
        InputLocation::Pos(position) | InputLocation::Span((position, _)) => position,
    }
}

/// The comments that begin in a range of the text.
fn between(comments: &[Comment], start: u32, end: u32) -> &[Comment] {
    let first = comments.partition_point(|comment| comment.start < start);
    let last = first + comments[first..].partition_point(|comment| comment.start < end);
    &comments[first..last]
}

/// Puts the pieces of one file together and checks what only their order can tell.
struct Assembly {
    result: ast::File,
    findings: Vec<Diagnostic>,
    /// The first thing in the file, where a header should be.
    first: Option<Span>,
    /// Something before the first good item could not be parsed: it may have been the header.
    header_may_be_lost: bool,
    header_reported: bool,
}

impl Assembly {
    fn new(file: FileId, scan: &mut Scan) -> Self {
        let result = ast::File {
            file,
            docs: String::new(),
            header: None,
            uses: Vec::new(),
            items: Vec::new(),
        };
        Self {
            result,
            findings: std::mem::take(&mut scan.findings),
            first: None,
            header_may_be_lost: false,
            header_reported: false,
        }
    }

    fn add(&mut self, chunk: Chunk, parsed: Parsed) {
        let failed = chunk.broken || parsed.pieces.is_empty() || !parsed.findings.is_empty();
        self.header_may_be_lost |= failed && self.first.is_none();
        self.findings.extend(parsed.findings);
        for piece in parsed.pieces {
            match piece {
                Piece::Header(header) => self.header(header),
                Piece::Use(item) => {
                    self.expect_header(item.span);
                    self.result.uses.push(item);
                }
                Piece::Item(item) => {
                    self.expect_header(item.span);
                    self.result.items.push(item);
                }
            }
        }
    }

    fn header(&mut self, header: ast::Header) {
        if let Some(first) = &self.result.header {
            let message = "a file holds one schema, and this is a second header";
            let finding = Diagnostic::new(Code::E0106, header.span, message)
                .also(first.span, "the first is here")
                .help("put the second schema into a file of its own");
            self.findings.push(finding);
            return;
        }
        if let Some(first) = self.first {
            let message = "the schema header comes before everything else";
            let finding = Diagnostic::new(Code::E0106, header.span, message)
                .also(first, "the file begins here");
            self.findings.push(finding);
            self.header_reported = true;
        }
        self.first.get_or_insert(header.span);
        self.result.header = Some(header);
    }

    fn expect_header(&mut self, span: Span) {
        self.first.get_or_insert(span);
    }

    fn finish(mut self, text: &str, scan: &Scan, diagnostics: &mut Diagnostics) -> ast::File {
        self.missing_header();
        self.file_docs(text, scan);
        self.findings.sort_by_key(|finding| finding.primary.as_ref().map(|label| label.span));
        self.findings.truncate(FINDING_LIMIT);
        for finding in self.findings {
            diagnostics.push(finding);
        }
        self.result
    }

    fn missing_header(&mut self) {
        if self.result.header.is_some() || self.header_may_be_lost || self.header_reported {
            return;
        }
        if !self.findings.is_empty() && self.first.is_none() {
            return;
        }
        let file = self.result.file;
        let start = self.first.map_or(0, |span| span.start as usize);
        let span = Span::new(file, start, start);
        let finding = Diagnostic::new(Code::E0106, span, "the file has no schema header")
            .help("begin it with `schema NAME version 1;`");
        self.findings.push(finding);
    }

    /// `//!` lines above everything, and documentation behind the last item.
    fn file_docs(&mut self, text: &str, scan: &Scan) {
        let first_item = scan.chunks.first().map_or(u32::MAX, |chunk| chunk.start);
        let last_item = scan.chunks.last().map_or(0, |chunk| chunk.end);
        let mut lines = 0;
        for comment in &scan.comments {
            let span = Span::new(self.result.file, comment.start as usize, comment.end as usize);
            match comment.kind {
                CommentKind::FileDoc if comment.start < first_item => {
                    tree::add_doc_line(&mut self.result.docs, lines, text, comment);
                    lines += 1;
                }
                CommentKind::FileDoc => self.findings.push(
                    Diagnostic::new(Code::E0108, span, "documentation of the file comes first")
                        .help("move it above the schema header, or write `///` for an item"),
                ),
                CommentKind::Doc if comment.start >= last_item => self.findings.push(
                    Diagnostic::new(Code::E0108, span, "no item follows this documentation")
                        .help("write `//` for a comment"),
                ),
                _ => {}
            }
            if self.findings.len() >= 2 * FINDING_LIMIT {
                return;
            }
        }
    }
}
