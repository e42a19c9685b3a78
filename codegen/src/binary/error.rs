//! What can be wrong with a binary's type information: where, what, and a way out.

use std::fmt;

/// The usual result of reading.
pub type Result<T> = std::result::Result<T, Error>;

/// Why types cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is no binary that is understood.
    Image(String),
    /// There is no type information of the wanted kind.
    NoTypes(String),
    /// There is none of the wanted kind, and some of the other.
    OtherTypes {
        /// `BTF`
        wanted: &'static str,
        /// `DWARF`
        found: &'static str,
    },
    /// A part of the types is in another file, which cannot be had.
    Supplement {
        /// What the binary calls it.
        path: String,
        /// Why not.
        what: &'static str,
    },
    /// The type information contradicts itself, or ends too early.
    Damaged {
        /// `.debug_info`, `.BTF`.
        section: &'static str,
        /// Bytes from its start, where that is known.
        offset: Option<u64>,
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// Something wrong at a place.
    pub(super) fn at(section: &'static str, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { section, offset: Some(offset), what: what.into() }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(what) | Self::NoTypes(what) => f.write_str(what),
            Self::OtherTypes { wanted, found } => {
                write!(f, "the binary has no {wanted}; its types are in {found}")
            }
            Self::Supplement { path, what } => {
                write!(f, "the binary has a part of its types in `{path}`, which {what}")
            }
            Self::Damaged { section, offset: Some(offset), what } => {
                write!(f, "{section} at offset {offset:#x}: {what}")
            }
            Self::Damaged { section, offset: None, what } => write!(f, "{section}: {what}"),
        }
    }
}
