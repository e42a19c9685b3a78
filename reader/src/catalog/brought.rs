//! Table files that the user brings, because a table carries no description: which of them belongs
//! to which table.
//!
//! A description says at which offsets things lie. One of another schema, version, machine or layout
//! would turn bytes into nonsense without a word, so that everything in which the two can differ is
//! compared. The [`catalog`](super) reads the names out of what is found here.

use std::fmt;

use inspect_format::table::{self, Table, tables};

/// A description that the user brought: a table file.
#[derive(Debug)]
pub struct Brought {
    /// For messages. Escape it.
    pub name: String,
    bytes: Vec<u8>,
}

/// Why a file is no description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroughtError {
    /// A table in it is at fault.
    Table(table::Error),
    /// There is no table in it.
    Empty,
}

/// Why a description is not that of a table of the same schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is of a machine of the other byte order.
    Order,
    /// It is of a machine with other words.
    WordSize {
        /// Bytes of a pointer, for the table.
        table: u8,
        /// The same for the description.
        description: u8,
    },
    /// It is of another version.
    Version {
        /// The table's.
        table: u32,
        /// The description's.
        description: u32,
    },
    /// It calls another layout of rows by the same version.
    Fingerprint {
        /// The table's.
        table: u64,
        /// The description's.
        description: u64,
    },
}

impl Brought {
    /// Takes the bytes of a file, in which nothing but sound tables stand.
    pub fn new(name: String, bytes: Vec<u8>) -> Result<Self, BroughtError> {
        let mut count = 0;
        for table in tables(&bytes) {
            table.map_err(BroughtError::Table)?;
            count += 1;
        }
        if count == 0 { Err(BroughtError::Empty) } else { Ok(Self { name, bytes }) }
    }

    /// The table in it that describes this one; or why none of those of the same schema does.
    pub(super) fn describing(&self, table: &Table<'_>) -> Result<Option<Table<'_>>, Misfit> {
        let mut found = Ok(None);
        for (_, other) in tables(&self.bytes).flatten() {
            if other.header().schema != table.header().schema {
                continue;
            }
            match compare(table, &other) {
                Ok(()) => return Ok(Some(other)),
                Err(misfit) => found = found.and(Err(misfit)),
            }
        }
        found
    }
}

fn compare(table: &Table<'_>, description: &Table<'_>) -> Result<(), Misfit> {
    if table.order() != description.order() {
        return Err(Misfit::Order);
    }
    let (ours, its) = (table.word_size(), description.word_size());
    if ours != its {
        return Err(Misfit::WordSize { table: ours, description: its });
    }
    let (ours, its) = (table.version(), description.version());
    if ours != its {
        return Err(Misfit::Version { table: ours, description: its });
    }
    let (ours, its) = (table.header().fingerprint, description.header().fingerprint);
    if ours != its {
        return Err(Misfit::Fingerprint { table: ours, description: its });
    }
    Ok(())
}

impl std::error::Error for BroughtError {}

impl fmt::Display for BroughtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(error) => error.fmt(f),
            Self::Empty => f.write_str("there is no table in it"),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => f.write_str("it is of a machine of another byte order"),
            Self::WordSize { table, description } => {
                write!(f, "it is of words of {description} bytes, and the table's have {table}")
            }
            Self::Version { table, description } => {
                write!(f, "it is of version {description}, and the table of version {table}")
            }
            Self::Fingerprint { table, description } => write!(
                f,
                "its version has the fingerprint {description:#018x}, \
                 and the table has {table:#018x}"
            ),
        }
    }
}
