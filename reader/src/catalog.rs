//! What the tables of an image say, in words: every entry with the names of its class, type,
//! properties and fields.
//!
//! The names come from the table's own description, or from a table file that the user brought
//! where it carries none. Nothing here knows where a table was found; `select`
//! chooses among the entries, the outputs print them.

mod brought;
mod fields;
mod hints;
mod names;

use inspect_format::abi::{self, extent, space};
use inspect_format::table::{self, Phase, Row, Table};
use inspect_format::{schema, walk};

pub use brought::{Brought, BroughtError, Misfit};
pub use fields::{Field, FieldValue, Flag};
pub use names::{Names, PropertyNames};

use crate::discover::{Discovery, Found, Origin};
use crate::image::Image;
use crate::memory::AddressSpace;

/// The tables of an image.
#[derive(Debug)]
pub struct Catalog<'d> {
    /// In the order in which they were found.
    pub tables: Vec<NamedTable<'d>>,
    /// What the user brought and no table of the image belongs to.
    pub unused: Vec<&'d Brought>,
}

/// A table with the names that belong to it.
#[derive(Debug)]
pub struct NamedTable<'d> {
    /// How it was found.
    pub found: &'d Found,
    /// Its rows.
    pub table: Table<'d>,
    /// Its names.
    pub names: Names<'d>,
    /// The description: CBOR, empty if nothing carries it.
    pub description: &'d [u8],
    /// The types blob: BTF, empty if nothing carries it.
    pub types: &'d [u8],
}

/// An entry of a table.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'c> {
    /// Its table.
    pub table: &'c NamedTable<'c>,
    /// Its place among the rows.
    pub index: usize,
    /// Its row.
    pub row: Row<'c>,
}

/// Why a table cannot be named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The table.
    Table(table::Error),
    /// Its description.
    Schema(schema::Error),
    /// What the user brought in place of its description.
    Brought {
        /// Which file.
        name: String,
        /// In what it differs.
        misfit: Misfit,
    },
}

/// Whether an entry may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published.
    Live,
    /// Published, and its properties were being changed.
    Changing,
    /// A writer was at work: nothing of it is known.
    Torn,
}

impl<'d> Catalog<'d> {
    /// Names what was found. A table that cannot be named does not hide the others.
    pub fn new(
        discovery: &'d Discovery,
        brought: &'d [Brought],
    ) -> (Self, Vec<(&'d Found, Error)>) {
        let mut tables = Vec::new();
        let mut errors = Vec::new();
        let mut unused: Vec<&Brought> = brought.iter().collect();
        for found in &discovery.tables {
            match NamedTable::new(found, brought, &mut unused) {
                Ok(table) => tables.push(table),
                Err(error) => errors.push((found, error)),
            }
        }
        (Self { tables, unused }, errors)
    }

    /// All entries, table by table. Free slots of run-time tables are left out.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.tables.iter().flat_map(NamedTable::entries)
    }
}

impl<'d> NamedTable<'d> {
    fn new(
        found: &'d Found,
        brought: &'d [Brought],
        unused: &mut Vec<&'d Brought>,
    ) -> Result<Self, Error> {
        let table = Table::parse(&found.bytes).map_err(Error::Table)?;
        let sections = *table.sections();
        let (mut description, mut types) = (sections.schema, sections.types);
        let (mut lender, mut misfit) = (None, None);
        for file in brought {
            match file.describing(&table) {
                Ok(None) => {}
                Ok(Some(it)) => {
                    unused.retain(|other| !std::ptr::eq(*other, file));
                    lender = lender.or(Some(it));
                }
                Err(why) => misfit = misfit.or(Some((file, why))),
            }
        }
        if description.is_empty() || types.is_empty() {
            match (lender, misfit) {
                (Some(lender), _) => {
                    let lent = *lender.sections();
                    description = if description.is_empty() { lent.schema } else { description };
                    types = if types.is_empty() { lent.types } else { types };
                }
                (None, Some((file, misfit))) => {
                    return Err(Error::Brought { name: file.name.clone(), misfit });
                }
                (None, None) => {}
            }
        }
        let names = Names::new(description, types, &table).map_err(Error::Schema)?;
        Ok(Self { found, table, names, description, types })
    }

    /// Its entries.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let rows = self.table.rows().enumerate();
        rows.filter(|(_, row)| row.phase() != Phase::Empty).map(|(index, row)| Entry {
            table: self,
            index,
            row,
        })
    }

    /// The dotted name of its schema, or the schema's number where nothing names it.
    #[must_use]
    pub fn schema_name(&self) -> String {
        match self.names.schema() {
            Some(name) => name.to_owned(),
            None => format!("schema:{:#018x}", self.table.header().schema),
        }
    }

    /// How many rows were found with a writer at work, or changing whenever they were read.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        let in_block = self.table.rows().filter(|row| row.phase() == Phase::Torn).count() as u64;
        let summary = self.found.summary;
        (summary.torn + summary.busy).saturating_sub(in_block)
    }
}

impl<'c> Entry<'c> {
    /// Whether it may be trusted.
    #[must_use]
    pub fn state(&self) -> State {
        match self.row.phase() {
            Phase::Live => State::Live,
            Phase::Changing => State::Changing,
            Phase::Torn | Phase::Empty => State::Torn,
        }
    }

    /// The name of its class, where a description tells.
    #[must_use]
    pub fn class(&self) -> Option<&'c str> {
        self.table.names.class(self.row.class()).map(|class| class.name)
    }

    /// The name of its class, or the class's number.
    #[must_use]
    pub fn class_text(&self) -> String {
        self.class().map_or_else(|| format!("class:{:#x}", self.row.class()), str::to_owned)
    }

    /// What `instance` means, where its class says so.
    #[must_use]
    pub fn key(&self) -> Option<&'c str> {
        self.table.names.class(self.row.class()).and_then(|class| class.key)
    }

    /// The type of what it points at, as the schema writes it.
    #[must_use]
    pub fn type_name(&self) -> Option<&'c str> {
        self.table.names.class(self.row.class()).map(|class| class.target)
    }

    /// Its name: empty if it has none.
    pub fn name(&self) -> Result<&'c str, table::Error> {
        self.row.name()
    }

    /// The number of bytes from its address on, as far as the row alone can tell: those of one
    /// element where a counter says how many there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self.extent() {
            extent::RANGE => self.row.bound().saturating_sub(self.row.address()),
            _ => self.row.length(),
        }
    }

    /// How its memory is described, without the bits about slots.
    #[must_use]
    pub fn extent(&self) -> u8 {
        self.row.extent() & abi::EXTENT_MASK
    }

    /// How its memory is described, in a word.
    #[must_use]
    pub fn extent_text(&self) -> String {
        match self.extent() {
            extent::DIRECT => "direct".to_owned(),
            extent::INDIRECT => "indirect".to_owned(),
            extent::COUNTED => "counted".to_owned(),
            extent::ADDRESS_ONLY => "address only".to_owned(),
            extent::RANGE => "range".to_owned(),
            other => format!("extent:{other}"),
        }
    }

    /// Its address space, in a word.
    #[must_use]
    pub fn space_text(&self) -> String {
        match self.row.space() {
            space::VIRTUAL => "virtual".to_owned(),
            space::PHYSICAL => "physical".to_owned(),
            space::BUS => "bus".to_owned(),
            space::FILE => "file".to_owned(),
            other => match self.table.names.space(other) {
                Some(name) => name.to_owned(),
                None => format!("space:{other}"),
            },
        }
    }

    /// What tells its address space from all others of the image: spaces from 256 on are numbered by
    /// each schema for itself.
    #[must_use]
    pub fn space_key(&self) -> (u16, u64) {
        const FIRST_OF_SCHEMAS: u16 = 256;
        match self.row.space() {
            space if space < FIRST_OF_SCHEMAS => (space, 0),
            space => (space, self.table.table.header().schema),
        }
    }

    /// The names of its property bits, bits without a name as one number at the end.
    #[must_use]
    pub fn properties(&self) -> PropertyNames<'c> {
        self.table.names.properties(self.row.properties())
    }

    /// The fields that the schema adds to every entry.
    pub fn fields(&self) -> impl Iterator<Item = Field<'c>> + use<'c> {
        let (names, row) = (&self.table.names, self.row);
        names.fields().iter().map(move |field| names.value(field, row))
    }

    /// Where its memory lies at this moment: pointers are followed and counters read. Where a dump lacks
    /// the pointer, it says where that led.
    pub fn span(&self, image: &Image) -> Result<walk::Span, walk::SpanError> {
        let memory = AddressSpace::virtual_of(image.memory.as_ref());
        let (address, bound) = (self.row.address(), self.row.bound());
        let core = abi::CoreEntry { address, bound, ..self.row.core() };
        let table = &self.table.table;
        let found = walk::span(&memory, &core, table.word_size(), table.order());
        let told =
            || image.capture.as_ref()?.place(self.table.found.carried?, self.schema(), self.index);
        match found {
            Err(error @ walk::SpanError::Fault(_)) => told().ok_or(error),
            found => found,
        }
    }

    /// The number of the schema that its table is of.
    #[must_use]
    pub fn schema(&self) -> u64 {
        self.table.table.header().schema
    }

    /// Whose table it stands in.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.table.found.origin
    }
}

impl State {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Changing => "changing",
            Self::Torn => "torn",
        }
    }
}

impl std::error::Error for Error {}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(error) => error.fmt(f),
            Self::Schema(error) => write!(f, "its description: {error}"),
            Self::Brought { name, misfit } => {
                write!(f, "{name} does not describe it, although it names the schema: {misfit}")
            }
        }
    }
}
