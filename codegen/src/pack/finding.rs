//! What the packer finds wrong: a code, a sentence, the annotation's place in its source, a way out.
//!
//! Sources are not at hand when an image is packed: a place is the file and line that the annotation carries.

use std::fmt;

use crate::diag::{Code, Severity};

/// One finding about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable identity; decides the severity too.
    pub code: Code,
    /// One sentence without a full stop, lower case at the start.
    pub message: String,
    /// Where the annotation stands, if it is about one.
    pub place: Option<SourcePlace>,
    /// The place of another annotation that matters, and why.
    pub other: Option<Box<(SourcePlace, String)>>,
    /// Ways out.
    pub help: Vec<String>,
}

/// Where an annotation stands, as its compiler called it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePlace {
    /// The file's name; empty if the compiler did not say.
    pub file: String,
    /// The line; 0 if it did not say.
    pub line: u64,
}

/// The usual result of a step.
pub(super) type Result<T> = std::result::Result<T, Finding>;

impl Finding {
    /// About the image as a whole.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, other: None, help: Vec::new() }
    }

    /// About an annotation.
    pub(crate) fn at(mut self, place: SourcePlace) -> Self {
        self.place = Some(place);
        self
    }

    /// With another annotation.
    pub(crate) fn also(mut self, place: SourcePlace, why: impl Into<String>) -> Self {
        self.other = Some(Box::new((place, why.into())));
        self
    }

    /// With a way out.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Error or warning, as its code says.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", 0) => f.write_str("a place that the compiler did not say"),
            ("", line) => write!(f, "line {line} of a file that the compiler did not name"),
            (file, line) => write!(f, "{file}:{line}"),
        }
    }
}
