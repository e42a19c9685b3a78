//! The entries of tables as lines: what `inspect list` prints.

use std::fmt::Write;

use inspect_format::abi::core_properties;
use inspect_format::schema::{self, Class, Schema};
use inspect_format::table::{self, Phase, Row, Table, tables};

use crate::escape::Terminal;

/// One entry, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The class's name, or its number where no schema tells; with the key and the instance.
    pub class: String,
    /// The name, escaped.
    pub name: String,
    /// Where the region lies.
    pub address: u64,
    /// How long it is.
    pub length: u64,
    /// The names of its property bits.
    pub properties: Vec<String>,
    /// Why the line is not to be trusted; empty where it is.
    pub note: String,
}

/// Why there is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A table is at fault.
    Table(table::Error),
    /// The description in a table is at fault.
    Schema(schema::Error),
    /// There is no table in the bytes.
    Empty,
}

/// The entries of all tables that stand one behind another in `bytes`. Free slots are left out.
pub fn list(bytes: &[u8]) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    let mut found = false;
    for parsed in tables(bytes) {
        let (_, table) = parsed.map_err(Error::Table)?;
        found = true;
        let names = Names::new(&table).map_err(Error::Schema)?;
        let rows = table.rows().filter(|row| row.phase() != Phase::Empty);
        lines.extend(rows.map(|row| names.line(&row)));
    }
    if found { Ok(lines) } else { Err(Error::Empty) }
}

/// The lines as text, in columns.
#[must_use]
pub fn render(lines: &[Line]) -> String {
    let width = |of: fn(&Line) -> &str| {
        lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0)
    };
    let (class_width, name_width) = (width(|line| &line.class), width(|line| &line.name));
    let mut text = String::new();
    for line in lines {
        let Line { class, name, address, length, .. } = line;
        let properties = line.properties.join("|");
        let row = format!(
            "{class:class_width$}  {name:name_width$}  {address:#018x}+{length:<#8x}  {properties} \
             {}",
            line.note
        );
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// What the table's own description calls things.
struct Names<'a> {
    classes: Vec<Class<'a>>,
    bits: Vec<(u64, String)>,
}

impl<'a> Names<'a> {
    fn new(table: &Table<'a>) -> Result<Self, schema::Error> {
        let mut bits = Vec::new();
        let mut classes = Vec::new();
        let description = table.sections().schema;
        if !description.is_empty() {
            let schema = Schema::parse(description)?;
            classes = schema.classes.iter().collect::<Result<_, _>>()?;
            for member in schema.properties.iter() {
                let member = member?;
                let range = member.first..=member.last.min(63);
                let mask = range.fold(0, |mask, bit| mask | 1_u64 << bit);
                bits.push((mask, Terminal(member.name).to_string()));
            }
        }
        bits.extend(CORE_BITS.map(|(mask, name)| (mask, name.to_owned())));
        Ok(Self { classes, bits })
    }

    fn line(&self, row: &Row<'_>) -> Line {
        if row.phase() == Phase::Torn {
            let note = "torn: a writer was at work".to_owned();
            let class = "?".to_owned();
            let (name, properties) = (String::new(), Vec::new());
            return Line { class, name, address: 0, length: 0, properties, note };
        }
        let (name, note) = match row.name() {
            Ok(name) => (Terminal(name).to_string(), String::new()),
            Err(error) => ("?".to_owned(), format!("name {error}")),
        };
        Line {
            class: self.class(row),
            name,
            address: row.address(),
            length: row.length(),
            properties: self.properties(row.properties()),
            note,
        }
    }

    fn class(&self, row: &Row<'_>) -> String {
        let class = self.classes.iter().find(|class| class.number == row.class());
        let name = match class {
            Some(class) => Terminal(class.name).to_string(),
            None => format!("class:{:#x}", row.class()),
        };
        match class.and_then(|class| class.key) {
            Some(key) => format!("{name}[{}={}]", Terminal(key), row.instance()),
            None if row.instance() != 0 => format!("{name}[{}]", row.instance()),
            None => name,
        }
    }

    fn properties(&self, value: u64) -> Vec<String> {
        let known = self.bits.iter().filter(|(mask, _)| value & mask != 0);
        let mut names: Vec<String> = known.clone().map(|(_, name)| name.clone()).collect();
        let rest = known.fold(value, |rest, (mask, _)| rest & !mask);
        if rest != 0 {
            names.push(format!("{rest:#x}"));
        }
        names
    }
}

const CORE_BITS: [(u64, &str); 6] = [
    (core_properties::PER_CPU, "per_cpu"),
    (core_properties::INIT, "init"),
    (core_properties::MMIO, "mmio"),
    (core_properties::READ_ONLY, "read_only"),
    (core_properties::VOLATILE, "volatile"),
    (core_properties::SENSITIVE, "sensitive"),
];

impl std::error::Error for Error {}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(error) => error.fmt(f),
            Self::Schema(error) => error.fmt(f),
            Self::Empty => f.write_str("there is no table in it"),
        }
    }
}
