//! Tables: the entries of each schema as bytes, and what a linker or a loader still has to put into them.

use std::collections::BTreeMap;

use inspect_format::abi::{CoreEntry, section_kind, table_flags};
use inspect_format::descriptor::Part;
use inspect_format::table::TableWriter;
use inspect_format::{abi, root};

use super::elf::Elf;
use super::entries::{Collected, Entry};
use super::finding::{Finding, Result, Results};
use super::ids::ids;
use super::image::Target;
use super::schemas::Schema;
use crate::diag::Code;

/// The tables of an image, one behind another as they will stand in the section.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) bytes: Vec<u8>,
    /// Places that hold the distance to a target from the header of their table.
    pub(super) distances: Vec<Distance>,
    /// Places that hold a pointer.
    pub(super) pointers: Vec<(u64, Target)>,
    pub(super) summaries: Vec<Summary>,
}

/// The distance of a target from the header of a table, as 8 bytes at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Distance {
    /// From the start of all tables.
    pub(super) at: u64,
    /// Where the header stands, from the start of all tables.
    pub(super) table: u64,
    pub(super) target: Target,
}

/// What was packed into a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The schema's name.
    pub schema: String,
    /// Its version.
    pub version: u32,
    /// Entries.
    pub entries: usize,
    /// Bytes of the table.
    pub size: u64,
    /// Entries whose id another one had already.
    pub displaced: usize,
}

/// How tables are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// At an address that is known, with this identity.
    Linked { address: u64, identity: &'a [u8] },
    /// In an object file, whose distances a linker fills in.
    Relocatable,
    /// In a file of its own, with the addresses that the linker gave.
    Detached { identity: &'a [u8] },
}

/// How many times the bytes of a file its rows may take.
const MOST_GROWTH: u64 = 32;

/// What goes into one table.
#[derive(Debug)]
pub(super) struct Contents<'c, 'a> {
    pub(super) schema: &'c Schema<'a>,
    /// By number of the class, name and instance.
    pub(super) entries: Vec<&'c Entry<'a>>,
    /// Their ids, and how many of these were displaced; what is wrong with those that were given.
    pub(super) ids: Result<(Vec<u32>, usize)>,
}

impl Contents<'_, '_> {
    /// Bytes of all rows.
    pub(super) fn rows_size(all: &[Self]) -> u64 {
        let one = |it: &Self| it.entries.len() as u64 * u64::from(it.schema.rules.entry_size);
        all.iter().map(one).sum()
    }
}

/// What goes into the table of each schema, by its name and version.
pub(super) fn contents<'c, 'a>(collected: &'c Collected<'a>) -> Vec<Contents<'c, 'a>> {
    let mut by_schema: BTreeMap<usize, Vec<&Entry<'_>>> = BTreeMap::new();
    for (schema, entry) in &collected.entries {
        by_schema.entry(*schema).or_default().push(entry);
    }
    let of = |(index, entries): (usize, Vec<&'c Entry<'a>>)| {
        let schema = &collected.schemas[index];
        let ids = ids(schema, &entries);
        Contents { schema, entries, ids }
    };
    let mut all: Vec<_> = by_schema.into_iter().map(of).collect();
    all.sort_by_key(|it| (it.schema.rules.name, it.schema.rules.version));
    all
}

/// Writes a table for each schema.
pub(super) fn build(
    elf: &Elf<'_>,
    contents: &[Contents<'_, '_>],
    form: Form<'_>,
    with_types: bool,
) -> Results<Tables> {
    // Rows may be longer than annotations, but not without end.
    if Contents::rows_size(contents) > elf.bytes.len() as u64 * MOST_GROWTH {
        let what = format!("the tables would be more than {MOST_GROWTH} times as long as the file");
        let finding = Finding::new(Code::E0910, what);
        return Err(finding.help("shorten the fields of the entry").into());
    }
    let mut tables = Tables::default();
    let mut findings = Vec::new();
    for Contents { schema, entries, ids } in contents {
        let writer = Writer { elf, schema, form, with_types };
        let ids = ids.as_ref().map_err(Finding::clone);
        if let Err(finding) = ids.and_then(|ids| writer.append(entries, ids, &mut tables)) {
            findings.push(finding);
        }
    }
    if findings.is_empty() { Ok(tables) } else { Err(findings) }
}

struct Writer<'a> {
    elf: &'a Elf<'a>,
    schema: &'a Schema<'a>,
    form: Form<'a>,
    with_types: bool,
}

/// The two places of a row that may hold a target.
const PLACES: [(usize, u8); 2] = [
    (CoreEntry::ADDRESS_AT, abi::EXTENT_ADDRESS_SLOT),
    (CoreEntry::BOUND_AT, abi::EXTENT_BOUND_SLOT),
];

impl Writer<'_> {
    fn append(
        &self,
        entries: &[&Entry<'_>],
        (ids, displaced): &(Vec<u32>, usize),
        tables: &mut Tables,
    ) -> Result<()> {
        let table = tables.bytes.len() as u64;
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|index| (entries[*index].number, ids[*index]));
        let mut writer = self.writer(table, tables)?;
        let is_detached = matches!(self.form, Form::Detached { .. });
        let targets = |entry: &Entry<'_>| [entry.address, entry.bound];
        let in_slot = |target: &Target| target.needs_slot() && !is_detached;
        let all = entries.iter().flat_map(|entry| targets(entry));
        writer.slots(all.filter(in_slot).count());
        // All sections are known: nothing moves any more.
        let (first_slot, first_row) = (writer.slot_at(0), writer.row_at(0));
        let mut slot = 0;
        let mut fields = vec![0; self.schema.rules.entry_size as usize - CoreEntry::SIZE];
        for (row, index) in order.into_iter().enumerate() {
            let entry = entries[index];
            let core = entry.core(ids[index], &mut writer);
            let mut core = core.map_err(|error| refused(&error))?;
            let mut values = [0; 2];
            for ((target, (place, bit)), value) in
                targets(entry).into_iter().zip(PLACES).zip(&mut values)
            {
                if in_slot(&target) {
                    *value = first_slot + 8 * slot;
                    core.extent |= bit;
                    tables.pointers.push((table + *value, target));
                    slot += 1;
                } else {
                    let row = first_row + row as u64 * u64::from(self.schema.rules.entry_size);
                    let at = table + row + place as u64;
                    *value = self.value(table, at, target, tables);
                }
            }
            [core.address, core.bound] = values;
            entry
                .write_fields(&self.schema.rules, self.elf.order, &mut fields, &mut writer)
                .and_then(|()| writer.row(&core, &fields).map(drop))
                .map_err(|error| refused(&error))?;
        }
        let bytes = writer.finish();
        tables.summaries.push(Summary {
            schema: self.schema.rules.name.to_owned(),
            version: self.schema.rules.version,
            entries: entries.len(),
            size: bytes.len() as u64,
            displaced: *displaced,
        });
        tables.bytes.extend(bytes);
        Ok(())
    }

    /// A table without rows, and what it needs to be filled in.
    fn writer(&self, table: u64, tables: &mut Tables) -> Result<TableWriter> {
        let Self { elf, schema, .. } = self;
        let (order, word_size) = (elf.order, elf.word_size);
        let (name, version, size) =
            (schema.rules.name, schema.rules.version, schema.rules.entry_size);
        let part = |part: Part| schema.parts[part as usize];
        let history = part(Part::History).bytes.unwrap_or_default();
        let history = inspect_format::history::History::parse(history, order);
        let history: Vec<u64> = history.iter().flat_map(|it| it.iter()).collect();
        let is_detached = matches!(self.form, Form::Detached { .. });
        let inside = if is_detached { history.as_slice() } else { &[] };
        let mut writer = TableWriter::new(order, word_size, name, version, size, inside)
            .map_err(|error| refused(&error))?;
        writer.fingerprint(schema.rules.fingerprint);
        match self.form {
            Form::Linked { identity, .. } | Form::Detached { identity } => {
                writer.identity(identity);
            }
            Form::Relocatable => {
                writer.changes();
            }
        }
        if is_detached {
            writer.schema(part(Part::Schema).bytes.unwrap_or_default());
            if self.with_types {
                writer.types(schema.types());
            }
            return Ok(writer);
        }
        writer.flags(table_flags::RELATIVE);
        let kinds = [
            (section_kind::SCHEMA, Part::Schema),
            (section_kind::TYPES, Part::Types),
            (section_kind::HISTORY, Part::History),
        ];
        let kinds = kinds.into_iter().filter(|(kind, it)| {
            part(*it).size > 0 && (self.with_types || *kind != section_kind::TYPES)
        });
        let kinds: Vec<_> = kinds.collect();
        // Where the directory's fields stand is known once all sections are.
        for (kind, it) in &kinds {
            let distance = match (self.form, part(*it).target) {
                (Form::Linked { address, .. }, Target::Address(place)) => {
                    self.distance(address.wrapping_add(table), place)
                }
                _ => 0,
            };
            writer.elsewhere(*kind, distance, part(*it).size);
        }
        if self.form == Form::Relocatable {
            for (kind, it) in kinds {
                let at = table + writer.offset_field_at(kind).unwrap_or_default();
                tables.distances.push(Distance { at, table, target: part(it).target });
            }
        }
        Ok(writer)
    }

    /// What stands in the row for a target that needs no slot.
    fn value(&self, table: u64, at: u64, target: Target, tables: &mut Tables) -> u64 {
        match (self.form, target) {
            (_, Target::Null) => 0,
            (Form::Linked { address, .. }, Target::Address(place)) => {
                self.distance(address.wrapping_add(table), place)
            }
            (Form::Relocatable, _) => {
                tables.distances.push(Distance { at, table, target });
                0
            }
            (Form::Detached { .. }, Target::Address(place) | Target::Number(place)) => place,
            _ => 0,
        }
    }

    fn distance(&self, from: u64, to: u64) -> u64 {
        root::offset_address(to, from.wrapping_neg(), self.elf.word_size)
    }
}

fn refused(error: &inspect_format::table::WriteError) -> Finding {
    Finding::new(Code::E0910, error.to_string())
        .help("shorten the names, or split the program's annotations over several objects")
}
