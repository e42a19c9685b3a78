//! Diagnostics as data: a stable code, a message, labels, suggestions.
//!
//! Every stage makes them; `render` prints them. A stage that collected an error does not hand its result on.

pub mod codes;
pub mod render;

pub use codes::Code;

use crate::source::{FileId, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Generated all the same.
    Warning,
}

/// A place and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty for a primary label.
    pub text: String,
}

/// A replacement that would mend the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What it does, as an imperative: "write `u32`".
    pub text: String,
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable identity; decides the severity too.
    pub code: Code,
    /// One sentence without a full stop, lower case at the start.
    pub message: String,
    /// The place at fault. `None` only for files that could not be read at all.
    pub primary: Option<Label>,
    /// Other places that matter, such as the first of two definitions.
    pub secondary: Vec<Label>,
    /// The way out, in words.
    pub help: Vec<String>,
    /// The way out, as an edit.
    pub suggestion: Option<Suggestion>,
}

impl Diagnostic {
    /// A finding at a place.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            primary: Some(Label { span, text: String::new() }),
            secondary: Vec::new(),
            help: Vec::new(),
            suggestion: None,
        }
    }

    /// A finding that has no place in any text, such as a file that cannot be read.
    #[must_use]
    pub fn without_place(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: Vec::new(),
            suggestion: None,
        }
    }

    /// Says something at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Points at another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a way out in words.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a way out as an edit.
    #[must_use]
    pub fn suggest(
        mut self,
        text: impl Into<String>,
        span: Span,
        replacement: impl Into<String>,
    ) -> Self {
        self.suggestion =
            Some(Suggestion { text: text.into(), span, replacement: replacement.into() });
        self
    }

    /// Error or warning, as its code says.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// The findings of a run.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
    }

    /// Moves every place to a file: for findings made while the file stood alone.
    pub(crate) fn move_to(&mut self, file: FileId) {
        for diagnostic in &mut self.list {
            let labels = diagnostic.primary.iter_mut().chain(&mut diagnostic.secondary);
            let spans = labels.map(|label| &mut label.span);
            for span in spans.chain(diagnostic.suggestion.iter_mut().map(|edit| &mut edit.span)) {
                span.file = file;
            }
        }
    }

    /// Whether one of them is an error: the next stage must not run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them in source order, exact repetitions removed.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| {
            let key = |d: &Diagnostic| d.primary.as_ref().map(|label| label.span);
            key(a).cmp(&key(b)).then_with(|| a.code.cmp(&b.code))
        });
        self.list.dedup();
        self.list
    }
}

/// The known word that was meant, if one is near: a slip or two away, or one that begins so. A word with nothing
/// of the written one in it is not near, however short both are.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    let limit = (length / 3).max(1);
    let near = |candidate: &'a str| {
        let distance = strsim::osa_distance(written, candidate);
        let shorter = length.min(candidate.chars().count());
        let is_slip = distance <= limit && distance < shorter;
        let is_beginning = length > 1 && candidate.starts_with(written);
        (is_slip || is_beginning).then_some((!is_slip, distance, candidate))
    };
    let known = known.into_iter().filter(|candidate| *candidate != written);
    known.filter_map(near).min().map(|(.., candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn nearest_finds_a_slip_and_refuses_a_stranger() {
        let known = ["u16", "u32", "length", "count"];
        assert_eq!(nearest("lenght", known), Some("length"));
        assert_eq!(nearest("cuont", known), Some("count"));
        assert_eq!(nearest("frobnicate", known), None);
    }

    #[test]
    fn nothing_in_common_is_not_near_and_a_beginning_is() {
        assert_eq!(nearest("b", ["a", "c"]), None);
        assert_eq!(nearest("k", ["kind"]), None, "one letter begins too many words");
        assert_eq!(nearest("temp", ["pressure", "temperature", "temples"]), Some("temples"));
        assert_eq!(nearest("temps", ["temperature", "temp"]), Some("temp"));
        assert_eq!(nearest("counter", ["count"]), Some("count"));
    }
}
