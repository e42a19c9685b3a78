//! Diagnostics as text: for people, for programs, and for the annotations of a GitHub run.
//!
//! It knows diagnostics and sources, and returns strings; who called prints them. Nothing that stands in an
//! input reaches a terminal as a control sequence, and no line, however long, is shown or copied whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Padding, Patch, Renderer, Snippet,
};
use serde::Serialize;

use super::{Diagnostic, Label, Severity, Suggestion};
use crate::source::{FileId, SourceMap, Span};

/// Longer lines are shown in part.
const LINE_LIMIT_BYTES: usize = 240;
/// How much of a long line is shown before the place in question.
const LEAD_BYTES: usize = 60;
/// Labels so near to one another are shown in one piece of text.
const NEAR_LINES: usize = 6;

/// As a person reads it: source lines with marks, in the manner of rustc.
#[must_use]
pub fn human(sources: &SourceMap, diagnostics: &[Diagnostic], color: bool) -> String {
    let places = Places::of(sources, diagnostics);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut output = String::new();
    for diagnostic in diagnostics {
        let groups = groups(sources, &places, diagnostic);
        output.push_str(&renderer.render(&groups));
        output.push_str("\n\n");
    }
    output
}

/// One JSON object a line.
#[must_use]
pub fn json(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let places = Places::of(sources, diagnostics);
    let mut output = String::new();
    for diagnostic in diagnostics {
        let place = |span| JsonPlace::new(sources, &places, span);
        let suggestion = diagnostic.suggestion.as_ref().map(|suggestion| JsonSuggestion {
            text: &suggestion.text,
            place: place(suggestion.span),
            replacement: &suggestion.replacement,
        });
        let label = |label| JsonLabel::new(sources, &places, label);
        let line = serde_json::to_string(&JsonDiagnostic {
            code: diagnostic.code.name(),
            severity: severity_word(diagnostic),
            message: &diagnostic.message,
            place: diagnostic.primary.as_ref().map(|label| place(label.span)),
            label: diagnostic.primary.as_ref().map_or("", |label| &label.text),
            labels: diagnostic.secondary.iter().map(label).collect(),
            help: &diagnostic.help,
            suggestion,
        });
        // Strings and numbers always serialise.
        output.push_str(&json_text(&line.unwrap_or_default()));
        output.push('\n');
    }
    output
}

/// JSON with every character written as an escape that JSON lets stand and a terminal may act on.
pub(crate) fn json_text(json: &str) -> String {
    let mut output = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '\u{7f}'.. if is_unsafe(char) => {
                let _ = write!(output, "\\u{:04x}", u32::from(char));
            }
            _ => output.push(char),
        }
    }
    output
}

/// One workflow command a line: `::error file=..,line=..::message`.
#[must_use]
pub fn github(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let places = Places::of(sources, diagnostics);
    let mut output = String::new();
    for diagnostic in diagnostics {
        let _ = write!(output, "::{} ", severity_word(diagnostic));
        if let Some(label) = &diagnostic.primary {
            let place = JsonPlace::new(sources, &places, label.span);
            let _ = write!(
                output,
                "file={},line={},col={},endLine={},endColumn={},",
                github_property(place.file),
                place.line,
                place.column,
                place.end_line,
                place.end_column
            );
        }
        let title = format!("{}: {}", diagnostic.code.name(), diagnostic.code.title());
        let mut message = diagnostic.message.clone();
        if let Some(label) = diagnostic.primary.as_ref().filter(|label| !label.text.is_empty()) {
            let _ = write!(message, "\n{}", label.text);
        }
        for label in &diagnostic.secondary {
            let place = JsonPlace::new(sources, &places, label.span);
            let _ = write!(message, "\n{}:{}: {}", place.file, place.line, label.text);
        }
        for help in &diagnostic.help {
            let _ = write!(message, "\nhelp: {help}");
        }
        if let Some(suggestion) = &diagnostic.suggestion {
            let _ = write!(message, "\nhelp: {}", suggestion.text);
        }
        let _ = writeln!(output, "title={}::{}", github_property(&title), github_data(&message));
    }
    output
}

fn severity_word(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

pub(crate) fn github_data(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    visible(&escaped).into_owned()
}

pub(crate) fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Characters that a terminal, or a reader's eye, takes for something else than text: controls, and the
/// marks that turn the direction of writing.
fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(char, '\u{61c}' | '\u{feff}')
}

/// The text with every unsafe character written as an escape.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_unsafe(char) { shown.extend(char.escape_unicode()) } else { shown.push(char) }
    }
    Cow::Owned(shown)
}

/// Where an offset lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// The first byte of the line.
    line_start: usize,
}

/// The places of all offsets that the diagnostics name, found in one pass over each text: a thousand
/// findings on one line of ten megabytes cost no more than one.
struct Places(BTreeMap<(FileId, usize), Place>);

impl Places {
    fn of(sources: &SourceMap, diagnostics: &[Diagnostic]) -> Self {
        let mut places = BTreeMap::new();
        for span in diagnostics.iter().flat_map(spans) {
            let text = &sources.file(span.file).text;
            let blank = Place { line: 1, column: 1, line_start: 0 };
            places.insert((span.file, floor(text, span.start)), blank);
            places.insert((span.file, floor(text, span.end)), blank);
        }
        let mut before: Option<(FileId, usize, Place)> = None;
        for ((file, offset), place) in &mut places {
            let (from, start) = match before {
                Some((last, from, place)) if last == *file => (from, place),
                _ => (0, *place),
            };
            let text = &sources.file(*file).text[from..*offset];
            *place = match text.rfind('\n') {
                Some(newline) => Place {
                    line: start.line + text.bytes().filter(|byte| *byte == b'\n').count(),
                    column: text[newline + 1..].chars().count() + 1,
                    line_start: from + newline + 1,
                },
                None => Place { column: start.column + text.chars().count(), ..start },
            };
            before = Some((*file, *offset, *place));
        }
        Self(places)
    }

    fn at(&self, sources: &SourceMap, file: FileId, offset: u32) -> Place {
        self.0[&(file, floor(&sources.file(file).text, offset))]
    }
}

fn spans(diagnostic: &Diagnostic) -> impl Iterator<Item = Span> + '_ {
    let labels = diagnostic.primary.iter().chain(&diagnostic.secondary).map(|label| label.span);
    labels.chain(diagnostic.suggestion.iter().map(|suggestion| suggestion.span))
}

/// The character boundary at or before an offset.
fn floor(text: &str, offset: u32) -> usize {
    let mut offset = (offset as usize).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// A piece of a source, with the labels in it: whole lines, or a part of one long line.
struct Excerpt<'a> {
    file: FileId,
    start: usize,
    end: usize,
    place: Place,
    /// A part of a line: `end` and `start` do not lie at its ends.
    partial: bool,
    labels: Vec<(&'a Label, bool)>,
}

fn groups<'a>(
    sources: &'a SourceMap,
    places: &Places,
    diagnostic: &'a Diagnostic,
) -> Vec<Group<'a>> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(visible(&diagnostic.message)).id(diagnostic.code.name());
    let mut elements: Vec<Element<'a>> = Vec::new();
    for excerpt in excerpts(sources, places, diagnostic) {
        excerpt.elements(sources, &mut elements);
    }
    if !elements.is_empty() && !diagnostic.help.is_empty() {
        elements.push(Padding.into());
    }
    for help in &diagnostic.help {
        elements.push(Level::HELP.message(visible(help)).into());
    }
    let mut groups = vec![title.elements(elements)];
    if let Some(suggestion) = &diagnostic.suggestion {
        groups.push(suggested(sources, places, suggestion));
    }
    groups
}

fn excerpts<'a>(
    sources: &SourceMap,
    places: &Places,
    diagnostic: &'a Diagnostic,
) -> Vec<Excerpt<'a>> {
    let primary = diagnostic.primary.iter().map(|label| (label, true));
    let mut labels: Vec<(&Label, bool)> =
        primary.chain(diagnostic.secondary.iter().map(|label| (label, false))).collect();
    // The file at fault first, then by place.
    let first_file = diagnostic.primary.as_ref().map(|label| label.span.file);
    labels.sort_by_key(|(label, _)| (Some(label.span.file) != first_file, label.span));
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    for (label, is_primary) in labels {
        let text = &sources.file(label.span.file).text;
        let offset = floor(text, label.span.start);
        let place = places.at(sources, label.span.file, label.span.start);
        let line_end = text[offset..].find('\n').map_or(text.len(), |length| offset + length);
        if let Some(last) = excerpts.last_mut() {
            let near = last.file == label.span.file
                && place.line <= last.last_line(text) + NEAR_LINES
                && line_end - last.start <= LINE_LIMIT_BYTES * NEAR_LINES
                && line_end - place.line_start <= LINE_LIMIT_BYTES;
            if near && !last.partial {
                last.end = last.end.max(line_end);
                last.labels.push((label, is_primary));
                continue;
            }
        }
        let partial = line_end - place.line_start > LINE_LIMIT_BYTES;
        let (start, end) = if partial {
            let start = floor(text, offset.saturating_sub(LEAD_BYTES) as u32);
            let end = floor(text, (start + LINE_LIMIT_BYTES) as u32);
            (start.max(place.line_start), end.min(line_end))
        } else {
            (place.line_start, line_end)
        };
        let labels = vec![(label, is_primary)];
        excerpts.push(Excerpt { file: label.span.file, start, end, place, partial, labels });
    }
    excerpts
}

impl<'a> Excerpt<'a> {
    fn last_line(&self, text: &str) -> usize {
        self.place.line + text[self.start..self.end].matches('\n').count()
    }

    fn elements(self, sources: &'a SourceMap, elements: &mut Vec<Element<'a>>) {
        let source = sources.file(self.file);
        let text = &source.text;
        let mut shown = String::with_capacity(self.end - self.start);
        let offsets = self.copy_visible(&text[self.start..self.end], &mut shown);
        let mut snippet = Snippet::source(shown).line_start(self.place.line).fold(true);
        for (label, is_primary) in &self.labels {
            // What goes on behind its first line is marked on that line only.
            let start = floor(text, label.span.start);
            let line_end = text[start..self.end].find('\n').map_or(self.end, |l| start + l);
            let end = floor(text, label.span.end).clamp(start, line_end);
            let kind = if *is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let span = offsets.at(start - self.start)..offsets.at(end - self.start);
            let mut annotation: Annotation<'a> = kind.span(span);
            if !label.text.is_empty() {
                annotation = annotation.label(visible(&label.text));
            }
            snippet = snippet.annotation(annotation);
        }
        let name = visible(&source.name);
        if self.partial {
            let origin = Origin::path(name).line(self.place.line).char_column(self.place.column);
            elements.push(origin.into());
            elements.push(snippet.into());
        } else {
            elements.push(snippet.path(name).into());
        }
    }

    /// Copies source text, unsafe characters but for line ends and tabs escaped, and says where they moved.
    fn copy_visible(&self, text: &str, shown: &mut String) -> Offsets {
        let mut offsets = Offsets(Vec::new());
        for (at, char) in text.char_indices() {
            match char {
                '\n' | '\t' => shown.push(char),
                // The other half of a line end.
                '\r' if text[at..].starts_with("\r\n") || at + 1 == text.len() => shown.push(' '),
                _ if is_unsafe(char) => {
                    let before = shown.len();
                    shown.extend(char.escape_unicode());
                    offsets.0.push((at, shown.len() - before - char.len_utf8()));
                }
                _ => shown.push(char),
            }
        }
        offsets
    }
}

/// Where characters grew in a copy: the offset of each in the original, and by how many bytes.
struct Offsets(Vec<(usize, usize)>);

impl Offsets {
    fn at(&self, original: usize) -> usize {
        let grown = self.0.iter().take_while(|(at, _)| *at < original);
        original + grown.map(|(_, by)| by).sum::<usize>()
    }
}

fn suggested<'a>(sources: &'a SourceMap, places: &Places, suggestion: &'a Suggestion) -> Group<'a> {
    let title = Level::HELP.secondary_title(visible(&suggestion.text));
    let source = sources.file(suggestion.span.file);
    let place = places.at(sources, suggestion.span.file, suggestion.span.start);
    let (start, end) =
        (floor(&source.text, suggestion.span.start), floor(&source.text, suggestion.span.end));
    let line_end = source.text[start..].find('\n').map_or(source.text.len(), |at| start + at);
    let line = &source.text[place.line_start..line_end];
    // Across lines, or in a line that is too long or unsafe to show, the title has to do.
    if end < start || end > line_end || line.len() > LINE_LIMIT_BYTES || line.contains(is_unsafe) {
        return Group::with_title(title);
    }
    let range = start - place.line_start..end - place.line_start;
    let snippet = Snippet::source(line)
        .line_start(place.line)
        .path(visible(&source.name))
        .patch(Patch::new(range, visible(&suggestion.replacement)));
    title.element(snippet)
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Option<JsonPlace<'a>>,
    label: &'a str,
    labels: Vec<JsonLabel<'a>>,
    help: &'a [String],
    suggestion: Option<JsonSuggestion<'a>>,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl<'a> JsonPlace<'a> {
    fn new(sources: &'a SourceMap, places: &Places, span: Span) -> Self {
        let start = places.at(sources, span.file, span.start);
        let end = places.at(sources, span.file, span.end.max(span.start));
        Self {
            file: &sources.file(span.file).name,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    }
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    text: &'a str,
    #[serde(flatten)]
    place: JsonPlace<'a>,
}

impl<'a> JsonLabel<'a> {
    fn new(sources: &'a SourceMap, places: &Places, label: &'a Label) -> Self {
        Self { text: &label.text, place: JsonPlace::new(sources, places, label.span) }
    }
}

#[derive(Serialize)]
struct JsonSuggestion<'a> {
    text: &'a str,
    #[serde(flatten)]
    place: JsonPlace<'a>,
    replacement: &'a str,
}
