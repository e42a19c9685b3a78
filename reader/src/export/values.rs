//! What lies in the memory of the entries of one table, as JSON.
//!
//! Whatever cannot be decoded is a note in the JSON, as inside of values. Sensitive memory is not
//! shown: exports travel.

use inspect_format::abi::core_properties;
use inspect_format::walk::SpanError;

use crate::catalog::{Entry, NamedTable, State};
use crate::decode::{Budget, Decoder, Note, Plan, Sink};
use crate::image::Image;
use crate::memory::AddressSpace;
use crate::output::value_json::JsonSink;

/// Decodes the entries of one table.
#[derive(Debug)]
pub struct Values<'i> {
    plan: Plan,
    image: &'i Image,
}

/// For a cell of a table: a small part of what a person may look at.
const BUDGET: Budget = Budget {
    depth: 3,
    bytes: 1 << 20,
    values: 1 << 16,
    elements: 1 << 12,
    text: 1 << 12,
    deadline: None,
};

impl<'i> Values<'i> {
    /// Of a table without types, memory is shown as bytes; so it is where the types make no sense.
    #[must_use]
    pub fn new(table: &NamedTable<'_>, image: &'i Image) -> Self {
        let (order, word_size) = (table.table.order(), table.table.word_size());
        let plan = Plan::new(table.types, word_size);
        let plan = plan.unwrap_or_else(|_| Plan::without_types(order, word_size));
        Self { plan, image }
    }

    /// The value of an entry; nothing where the entry is no more than an address.
    #[must_use]
    pub fn json(&self, entry: &Entry<'_>) -> Option<String> {
        let mut sink = JsonSink::new(Vec::new());
        // Writing into memory does not fail.
        let _ = match self.place(entry) {
            Ok((_, 0)) => return None,
            Err(note) => sink.note(note),
            Ok((address, length)) => {
                let memory = AddressSpace::new(self.image.memory.as_ref(), entry.row.space());
                let mut decoder = Decoder::new(&self.plan, &memory, BUDGET);
                decoder.region(type_id(entry), address, length, &mut sink)
            }
        };
        let bytes = sink.finish().unwrap_or_default();
        String::from_utf8(bytes).ok()
    }

    /// Where the memory lies.
    fn place(&self, entry: &Entry<'_>) -> Result<(u64, u64), Note> {
        let class = entry.table.names.class(entry.row.class());
        let properties = entry.row.properties() | class.map_or(0, |class| class.properties);
        if entry.state() == State::Torn {
            return Err(Note::Torn);
        }
        if properties & core_properties::SENSITIVE != 0 {
            return Err(Note::Sensitive);
        }
        let span = entry.span(self.image).map_err(|error| match error {
            SpanError::Fault(fault) => Note::Fault(fault.address),
            SpanError::Null => Note::Fault(0),
            SpanError::Wraps => Note::Type("the region reaches beyond the address space"),
            SpanError::Backwards => Note::Type("the range ends before it begins"),
            SpanError::BoundSize(_) => Note::NoCount,
            _ => Note::Type("the extent says nothing that could be decoded"),
        })?;
        Ok((span.address, span.length))
    }
}

/// The entry's own type, or that of its class.
fn type_id(entry: &Entry<'_>) -> u32 {
    match entry.row.core().type_ {
        0 => entry.table.names.class(entry.row.class()).map_or(0, |class| class.type_id),
        own => own,
    }
}
