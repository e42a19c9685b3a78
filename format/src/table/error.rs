//! What can be wrong with a table: where, and what was found there.

use core::fmt;

/// A finding about the bytes of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, from the start of what was parsed.
    pub offset: u64,
    /// What.
    pub kind: ErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes end too early.
    Truncated {
        /// How many were needed.
        needed: u64,
    },
    /// Zeros where the magic belongs: no table was written here.
    NoTable,
    /// Something else than a table.
    Magic,
    /// Neither little nor big.
    ByteOrder(u8),
    /// Neither 4 nor 8.
    WordSize(u8),
    /// A generation of the format that this reader does not know.
    Format(u16),
    /// Smaller than the header, or unaligned.
    HeaderSize(u32),
    /// Smaller than the header.
    TotalSize(u64),
    /// Smaller than the core entry, or no multiple of 8.
    EntrySize(u32),
    /// The rows are no whole number of strides.
    EntriesSize {
        /// Bytes of the section.
        size: u64,
    },
    /// The directory does not fit into the table.
    SectionCount,
    /// A kind that this reader does not know and that the producer says it must.
    SectionUnknown(u32),
    /// A kind that stands in the directory twice.
    SectionRepeated(u32),
    /// A section that lies outside the table.
    SectionOutside(u32),
    /// The strings do not begin with the empty one.
    Strings,
    /// The history is no whole number of fingerprints.
    HistorySize,
    /// The bytes are not those that were written.
    Checksum {
        /// As the header says.
        expected: u32,
        /// Of the bytes.
        found: u32,
    },
    /// An offset that lies outside the strings.
    StringOutside,
    /// A string that does not end.
    StringEndless,
    /// A string that is not UTF-8.
    StringEncoding,
    /// The table of another schema.
    OtherSchema {
        /// The reader's schema number.
        expected: u64,
        /// The table's.
        found: u64,
    },
    /// A version that does not exist.
    Version(u32),
    /// The same version of the schema, and another entry format.
    Fingerprint {
        /// The version.
        version: u32,
        /// As the reader knows it.
        expected: u64,
        /// As the table has it.
        found: u64,
    },
    /// A newer table that does not say what its older versions were.
    NewerWithoutHistory {
        /// The reader's version.
        version: u32,
        /// The table's.
        table: u32,
    },
    /// A newer table whose history does not contain the reader's format.
    NewerAndForeign {
        /// The reader's version.
        version: u32,
        /// The reader's fingerprint.
        expected: u64,
        /// What the history has in its place.
        found: Option<u64>,
    },
}

impl Error {
    /// A finding at an offset.
    pub(crate) fn at(offset: usize, kind: ErrorKind) -> Self {
        Self { offset: offset as u64, kind }
    }

    /// The same finding in bytes that begin `distance` earlier.
    #[must_use]
    pub fn behind(mut self, distance: u64) -> Self {
        self.offset = self.offset.saturating_add(distance);
        self
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {:#x}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { needed } => write!(f, "the bytes end here, {needed} are needed"),
            Self::NoTable => f.write_str("no table has been written here"),
            Self::Magic => f.write_str("this is not a table"),
            Self::ByteOrder(found) => write!(f, "byte order {found} is neither 1 nor 2"),
            Self::WordSize(found) => write!(f, "word size {found} is neither 4 nor 8"),
            Self::Format(found) => {
                write!(f, "format {found} is not known, this reader knows {}", crate::abi::FORMAT)
            }
            Self::HeaderSize(found) => write!(f, "a header of {found} bytes is impossible"),
            Self::TotalSize(found) => write!(f, "a table of {found} bytes is impossible"),
            Self::EntrySize(found) => write!(f, "rows of {found} bytes are impossible"),
            Self::EntriesSize { size } => {
                write!(f, "{size} bytes of rows are no whole number of rows")
            }
            Self::SectionCount => f.write_str("the directory does not fit into the table"),
            Self::SectionUnknown(kind) => {
                write!(f, "section {kind} must be understood, and this reader does not know it")
            }
            Self::SectionRepeated(kind) => write!(f, "section {kind} stands there twice"),
            Self::SectionOutside(kind) => write!(f, "section {kind} lies outside the table"),
            Self::Strings => f.write_str("the strings do not begin with the empty one"),
            Self::HistorySize => f.write_str("the history is no whole number of fingerprints"),
            Self::Checksum { expected, found } => {
                write!(f, "the checksum is {expected:#010x}, that of the bytes {found:#010x}")
            }
            Self::StringOutside => f.write_str("this is outside the strings"),
            Self::StringEndless => f.write_str("the string does not end"),
            Self::StringEncoding => f.write_str("the string is not UTF-8"),
            Self::OtherSchema { expected, found } => {
                write!(f, "the table is of schema {found:#018x}, not of {expected:#018x}")
            }
            Self::Version(found) => write!(f, "version {found} does not exist"),
            Self::Fingerprint { version, expected, found } => write!(
                f,
                "version {version} has the fingerprint {found:#018x} here and \
                 {expected:#018x} in the reader"
            ),
            Self::NewerWithoutHistory { version, table } => write!(
                f,
                "the table is of version {table} and has no history, \
                 the reader is of version {version}"
            ),
            Self::NewerAndForeign { version, expected, found: Some(found) } => write!(
                f,
                "the history has the fingerprint {found:#018x} for version {version}, \
                 the reader {expected:#018x}"
            ),
            Self::NewerAndForeign { version, expected, found: None } => write!(
                f,
                "the history ends before version {version}, whose fingerprint \
                 in the reader is {expected:#018x}"
            ),
        }
    }
}
