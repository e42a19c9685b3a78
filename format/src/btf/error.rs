//! What is wrong with a blob, and where.

use core::fmt;

/// A finding about a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, from the start of the blob.
    pub offset: u64,
    /// What.
    pub kind: ErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes end too early.
    Truncated,
    /// Something else than BTF.
    Magic,
    /// A version that this reader does not know.
    Version(u8),
    /// A header smaller than it must be.
    HeaderSize(u32),
    /// A section outside the blob.
    Section,
    /// The strings do not begin and end with a NUL.
    Strings,
    /// A kind of type that this reader does not know.
    Kind(u32),
    /// A text that does not exist.
    Name(u32),
    /// A text that is not UTF-8.
    NameEncoding,
    /// A type that does not exist.
    Type(u32),
    /// A chain of types that is too long or goes in circles.
    Chain(u32),
}

pub(super) fn error(offset: u64, kind: ErrorKind) -> Error {
    Error { offset, kind }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type information at offset {:#x}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the bytes end here"),
            Self::Magic => f.write_str("this is not BTF"),
            Self::Version(version) => write!(f, "version {version} is not known"),
            Self::HeaderSize(size) => write!(f, "a header of {size} bytes is impossible"),
            Self::Section => f.write_str("the section lies outside the blob"),
            Self::Strings => f.write_str("the strings do not begin and end with a NUL"),
            Self::Kind(kind) => write!(f, "kind {kind} is not known"),
            Self::Name(offset) => write!(f, "there is no text at {offset:#x}"),
            Self::NameEncoding => f.write_str("a text is not UTF-8"),
            Self::Type(id) => write!(f, "type {id} does not exist"),
            Self::Chain(id) => write!(f, "type {id} leads in circles"),
        }
    }
}
