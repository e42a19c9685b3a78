//! What the packer finds wrong: a code, a sentence, the annotation's place in its source, a way out.
//!
//! Sources are not at hand when an image is packed: a place is the file and line that the annotation carries.

use std::fmt;

use inspect_format::annotation::Shown;

use crate::diag::{Code, Severity, nearest};

/// One finding about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable identity; decides the severity too, unless it is denied.
    pub code: Code,
    /// One sentence without a full stop, lower case at the start.
    pub message: String,
    /// Where the annotation stands, if it is about one.
    pub place: Option<SourcePlace>,
    /// The place of another annotation that matters, and why.
    pub other: Option<Box<(SourcePlace, String)>>,
    /// Ways out.
    pub help: Vec<String>,
    /// A warning that keeps an image from being packed, unless its code is allowed.
    pub is_denied: bool,
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

/// The result of a step that looks on after its first finding.
pub(super) type Results<T> = std::result::Result<T, Vec<Finding>>;

impl From<Finding> for Vec<Finding> {
    fn from(finding: Finding) -> Self {
        vec![finding]
    }
}

impl Finding {
    /// About the image as a whole.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: None,
            other: None,
            help: Vec::new(),
            is_denied: false,
        }
    }

    /// About an annotation.
    pub(crate) fn at(mut self, place: SourcePlace) -> Self {
        self.place = Some(place);
        self
    }

    /// About an annotation, if it is known where that stands.
    pub(crate) fn at_if(mut self, place: Option<SourcePlace>) -> Self {
        self.place = place;
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

    /// As an error, whose way out is to allow it.
    pub(super) fn denied(self) -> Self {
        let help = format!("`--allow {}` packs it all the same", self.code.name());
        Self { is_denied: true, ..self }.help(help)
    }

    /// Error or warning, as its code says; a warning that is denied is an error.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if self.is_denied { Severity::Error } else { self.code.severity() }
    }
}

/// More findings than anybody reads; a file may be made of nothing else.
pub(super) const MOST_FINDINGS: usize = 1000;

/// By the places of their annotations; what is said twice is said once.
pub(super) fn put_in_order(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
    findings.dedup();
}

/// The known word that was meant, if one is near: of the first thousand, since an image may have any number
/// of names of any length.
pub(super) fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    nearest(written, known.into_iter().filter(|it| it.len() <= LONGEST).take(1000))
}

/// A name from an image as it stands in a message: its beginning, if it is long.
pub(super) fn shown(name: &str) -> String {
    Shown(name).to_string()
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
