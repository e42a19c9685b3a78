//! What lies in the memory of an entry, decoded by the types of its table.
//!
//! Here the entry meets the decoder: where its memory is at this moment, which type it has, and what must not
//! be read or shown. Whatever stands in the way is a value in the output.

use inspect_format::abi::{core_properties, extent, space};
use inspect_format::notes::capture::Status;
use inspect_format::walk::{Span, SpanError};

use crate::catalog::{Entry, NamedTable, State};
use crate::decode::{Budget, Decoder, Note, Plan, PlanError, Sink};
use crate::dump::{Captures, Outcome};
use crate::image::Image;
use crate::memory::AddressSpace;

/// What may be read and shown, and how much of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Of each entry.
    pub budget: Budget,
    /// Also what is sensitive.
    pub reveal: bool,
    /// Also registers of devices, where reading has effects.
    pub mmio: bool,
}

/// The types of a table, ready to decode with.
#[derive(Debug)]
pub struct Contents<'c> {
    table: &'c NamedTable<'c>,
    captures: Option<&'c Captures>,
    plan: Plan,
    /// Why its memory is shown as bytes.
    pub error: Option<PlanError>,
}

impl<'c> Contents<'c> {
    /// Compiles the types of a table.
    #[must_use]
    pub fn new(table: &'c NamedTable<'c>) -> Self {
        let word_size = table.table.word_size();
        let bytes = || Plan::without_types(table.table.order(), word_size);
        let (plan, error) = match table.types {
            [] => (bytes(), None),
            types => match Plan::new(types, word_size) {
                Ok(plan) => (plan, None),
                Err(error) => (bytes(), Some(error)),
            },
        };
        Self { table, captures: None, plan, error }
    }

    /// With what a dump says became of each entry's memory: whoever asks for what was left out on
    /// purpose is told so.
    #[must_use]
    pub fn captures(mut self, captures: Option<&'c Captures>) -> Self {
        self.captures = captures;
        self
    }

    /// Tells a sink what lies in the memory of an entry of this table: one value.
    pub fn entry<S: Sink + ?Sized>(
        &self,
        entry: &Entry<'_>,
        image: &Image,
        options: &Options,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let span = match self.span(entry, image, options) {
            Ok(span) => span,
            Err(note) => return sink.note(note),
        };
        // Wherever the region lies, its pointers are those of the producer.
        let memory = AddressSpace::virtual_of(image.memory.as_ref());
        let regions = AddressSpace::new(image.memory.as_ref(), entry.row.space());
        let strings = self.table.table.sections().strings;
        let mut decoder = Decoder::new(&self.plan, &memory, options.budget)
            .strings(strings)
            .reveal_sensitive(options.reveal);
        if entry.row.space() != space::VIRTUAL {
            decoder = decoder.regions_in(&regions);
        }
        decoder.region(entry.row.type_id(), span.address, span.length, sink)
    }

    /// Where the memory of an entry is, or why nothing of it is shown.
    pub fn span(&self, entry: &Entry<'_>, image: &Image, options: &Options) -> Result<Span, Note> {
        let outcome = self.outcome(entry);
        if let Some(why) = outcome.and_then(left_out) {
            return Err(Note::NotCaptured(why));
        }
        place(entry, image, options)
    }

    /// Whether the bytes of an entry of a type are all there is to it: nothing in them leads
    /// elsewhere, and nothing is sensitive.
    #[must_use]
    pub fn is_plain(&self, type_id: u32) -> bool {
        self.plan.is_plain(type_id)
    }

    /// What a dump says became of an entry.
    fn outcome(&self, entry: &Entry<'_>) -> Option<&'c Outcome> {
        self.captures?.get(self.table.found.carried?, entry.schema(), entry.index)
    }
}

/// Nobody has permitted to read them.
pub(crate) const REGISTERS: Note = Note::NoMemory("registers of a device: reading has effects");

/// Why a dump has nothing of an entry although it could have had it.
fn left_out(outcome: &Outcome) -> Option<&'static str> {
    match outcome.status {
        Status::Denied => Some("denied to the consumer"),
        Status::OverBudget => Some("over the budget of the consumer"),
        _ => None,
    }
}

/// Where the memory of an entry is, or why nothing of it is shown.
fn place(entry: &Entry<'_>, image: &Image, options: &Options) -> Result<Span, Note> {
    if entry.state() == State::Torn {
        return Err(Note::Torn);
    }
    let properties = entry.row.properties();
    if properties & core_properties::SENSITIVE != 0 && !options.reveal {
        return Err(Note::Sensitive);
    }
    if properties & core_properties::MMIO != 0 && !options.mmio {
        return Err(REGISTERS);
    }
    if entry.extent() == extent::ADDRESS_ONLY {
        return Err(Note::NoMemory("only the address is known"));
    }
    entry.span(image).map_err(|error| match error {
        SpanError::Fault(fault) => Note::Fault(fault.address),
        SpanError::Null => Note::NoMemory("the pointer is null"),
        SpanError::Wraps => Note::NoMemory("it reaches beyond the end of the address space"),
        SpanError::Backwards => Note::NoMemory("the range ends before it starts"),
        SpanError::BoundSize(_) => Note::NoMemory("a counter of this width is impossible"),
        SpanError::Space(_) => Note::NoMemory("pointers in this address space lead nowhere"),
        _ => Note::NoMemory("its extent is not known"),
    })
}
