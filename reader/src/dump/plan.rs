//! What goes into a dump: every entry judged, its memory looked for, budgets spent, refused bytes
//! cut out.
//!
//! The stages are those of a program that dumps itself, so that both leave out the same bytes for
//! the same reasons: entries that the consumer may see are found; the budget is spent in the
//! consumer's order; what is left is merged; what refused entries and sensitive fields cover is cut
//! out of it. Nothing is written here.

use inspect_format::abi::{CoreEntry, EXTENT_MASK, Order, core_properties, extent, space};
use inspect_format::consumer::{Consumer, Denial, Fields, Limit, Purse, Verdict};
use inspect_format::notes::capture::Status;
use inspect_format::table::{Phase, Row, Table};
use inspect_format::walk::{self, Reach, Span, SpanError, span};

use super::bytes::{Part, Parts};
use super::capture::{Captures, Outcome};
use super::readable::Readable;
use crate::catalog::Catalog;
use crate::discover::{Discovery, Failure, Found};
use crate::image::{CaptureNote, Image};
use crate::memory::{AddressSpace, Memory};

/// What goes into a dump.
#[derive(Debug)]
pub struct Plan {
    /// What becomes of every row, table by table as they were discovered.
    pub outcomes: Vec<Vec<Outcome>>,
    /// The memory that the consumer may see.
    pub parts: Parts,
    /// The same in numbers.
    pub report: Report,
}

/// What is in a dump, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tables that are in it.
    pub tables: u64,
    /// Tables that could not be read.
    pub missing: u64,
    /// Entries whose memory is in it.
    pub captured: u64,
    /// Entries of whose memory the beginning is in it.
    pub truncated: u64,
    /// Entries that the consumer may not see.
    pub denied: u64,
    /// Entries for which a budget was too small.
    pub over_budget: u64,
    /// Entries without memory.
    pub absent: u64,
    /// Entries whose memory is not in the image.
    pub faulted: u64,
    /// Entries that the consumer must not see, as a whole or in part, and that may lie anywhere:
    /// if there are any, no memory is in it.
    pub lost: u64,
    /// Searches that ended since there are too many tables: if there are any, nobody knows what those deny
    /// that were not read, and no memory is in it.
    pub unread: u64,
    /// Bytes of memory.
    pub bytes: u64,
}

/// An entry that the consumer may see.
#[derive(Clone, Debug)]
struct Selected {
    rank: usize,
    table: usize,
    row: usize,
    state: State,
    /// `u64::MAX` for a name that cannot be read, which is longer than any budget allows.
    name_bytes: u64,
    address: u64,
    length: u64,
    /// How many of its bytes are there, from the first on.
    readable: u64,
    /// What is there behind the first that is not: a dump has entries with holes in them, and what
    /// it says about them is no less true of its own dump.
    behind: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its memory goes into the dump.
    Taken,
    Over(Limit),
    Absent(&'static str),
    /// The pointer to it, or the counter, cannot be read.
    Unreachable,
    /// The memory itself cannot be read.
    Faulted,
}

impl Plan {
    /// Plans a dump of all tables of an image. The catalog knows the types of tables that carry
    /// none; `faults` is memory that was found to be unreadable although the image lists it.
    #[must_use]
    pub fn new(
        image: &Image,
        discovery: &Discovery,
        catalog: &Catalog<'_>,
        consumer: &Consumer<'_>,
        faults: &[Part],
    ) -> Self {
        let memory = image.memory.as_ref();
        let tables: Vec<_> = discovery.tables.iter().map(Block::parse).collect();
        let places = Places::new(image);
        let mut selected = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            select(&places, consumer, index, table.as_ref(), &mut selected);
        }
        selected.sort_unstable_by_key(|it| (it.rank, it.table, it.row));
        let readable = Readable::new(memory, faults);
        let mut purse = Purse::new(consumer.budget);
        for entry in selected.iter_mut().filter(|entry| entry.state == State::Taken) {
            entry.spend(&readable, places.is_dump(), &mut purse);
        }
        let taken = selected.iter().filter(|entry| entry.state == State::Taken);
        let mut parts = Parts::union(taken.flat_map(Selected::parts).collect());
        selected.sort_unstable_by_key(|it| (it.table, it.row));
        let refusal = Refusal { places: &places, consumer };
        let mut lost = 0;
        for table in tables.iter().flatten() {
            lost += refusal.entries(table, &mut parts);
        }
        if consumer.permit & core_properties::SENSITIVE == 0 {
            for (index, table) in tables.iter().enumerate() {
                let (Some(table), Some(found)) = (table, discovery.tables.get(index)) else {
                    continue;
                };
                let named = catalog.tables.iter().find(|it| std::ptr::eq(it.found, found));
                let fields = match named {
                    Some(it) => Fields::new(it.types, it.description, table.table.word_size()),
                    None => Fields::of(&table.table),
                };
                if let Some(fields) = fields {
                    lost += refusal.fields(&fields, (index, table), &selected, &mut parts);
                }
            }
        }
        let unread = unread(discovery);
        if unread > 0 {
            parts = Parts::default();
        }
        let mut own = selected.into_iter().peekable();
        let outcomes = tables.iter().enumerate().map(|(index, table)| {
            let Some(Block { table, .. }) = table else { return Vec::new() };
            let rows = table.rows().enumerate();
            let of_row = |(place, row): (usize, Row<'_>)| {
                let own = own.next_if(|entry| (entry.table, entry.row) == (index, place));
                outcome(consumer, table, &row, own.as_ref(), &parts)
            };
            rows.map(of_row).collect()
        });
        let outcomes: Vec<Vec<Outcome>> = outcomes.collect();
        let report = Report { lost, unread, ..Report::of(&outcomes, &parts, discovery) };
        Self { outcomes, parts, report }
    }
}

/// How often a bound kept tables from being read that are there.
fn unread(discovery: &Discovery) -> u64 {
    let failures = discovery.attempts.iter().filter_map(|it| it.failure.as_ref());
    failures.filter(|it| it.is_bound()).count() as u64
}

/// A block that was found.
struct Block<'d> {
    table: Table<'d>,
    /// Its position among those that the image carries.
    carried: Option<usize>,
}

impl<'d> Block<'d> {
    /// It was checked when it was found.
    fn parse(found: &'d Found) -> Option<Self> {
        let table = Table::parse_again(&found.bytes).ok()?;
        Some(Self { table, carried: found.carried })
    }

    fn schema(&self) -> u64 {
        self.table.header().schema
    }
}

/// Where the memory of entries lies.
struct Places<'i> {
    memory: &'i dyn Memory,
    /// What the image says about it, where it is a dump.
    captures: Option<Captures>,
    note: Option<&'i CaptureNote>,
}

impl<'i> Places<'i> {
    fn new(image: &'i Image) -> Self {
        let captures = image.capture.as_ref().and_then(|it| Captures::read(it.bytes()).ok());
        Self { memory: image.memory.as_ref(), captures, note: image.capture.as_ref() }
    }

    fn is_dump(&self) -> bool {
        self.captures.is_some()
    }

    /// Where that of a row lies, or why nobody can say it.
    fn find(&self, block: &Block<'_>, row: usize, core: &CoreEntry) -> Result<Span, SpanError> {
        let (word_size, order): (u8, Order) = (block.table.word_size(), block.table.order());
        let found = span(&AddressSpace::virtual_of(self.memory), core, word_size, order);
        let told = || self.note?.place(block.carried?, block.schema(), row);
        match found {
            Err(error @ SpanError::Fault(_)) => told().ok_or(error),
            found => found,
        }
    }

    /// Where a row whose bytes must not be seen may lie. A dump seldom has the pointers to what is in
    /// it, and says where they led.
    fn reach(&self, block: &Block<'_>, row: usize, core: &CoreEntry) -> Reach {
        let memory = AddressSpace::virtual_of(self.memory);
        let reach = walk::reach(&memory, core, block.table.word_size(), block.table.order());
        if !matches!(reach, Reach::From(_) | Reach::Anywhere) {
            return reach;
        }
        let outcome = self.captures.as_ref().zip(block.carried);
        let outcome =
            outcome.and_then(|(captures, table)| captures.get(table, block.schema(), row));
        let Some(outcome) = outcome else { return reach };
        let is_gone = matches!(outcome.reason.as_deref(), Some("deny" | "sensitive" | "mmio"));
        match outcome.address.zip(outcome.length) {
            Some((address, length)) => Reach::Known(address, address.saturating_add(length)),
            // Whoever made the dump has cut its bytes out.
            None if outcome.status == Status::Denied && is_gone => Reach::Nowhere,
            None => reach,
        }
    }
}

/// What is known of a row with absolute addresses.
fn core_of(row: &Row<'_>) -> CoreEntry {
    CoreEntry { address: row.address(), bound: row.bound(), ..row.core() }
}

/// Adds the entries of a table that the consumer may see.
fn select(
    places: &Places<'_>,
    consumer: &Consumer<'_>,
    index: usize,
    block: Option<&Block<'_>>,
    selected: &mut Vec<Selected>,
) {
    let Some(block) = block else { return };
    let schema = block.table.header().schema;
    for (place, row) in block.table.rows().enumerate().filter(|(_, row)| row.is_live()) {
        let (core, name) = (core_of(&row), row.name().ok());
        if !consumer.judge_entry(schema, &core, name).is_allowed() {
            continue;
        }
        let mut entry = Selected {
            rank: consumer.rank(schema, &core, name.unwrap_or_default()),
            table: index,
            row: place,
            state: State::Taken,
            name_bytes: name.map_or(u64::MAX, |name| name.len() as u64),
            address: 0,
            length: 0,
            readable: 0,
            behind: Vec::new(),
        };
        entry.locate(places, &core, block);
        selected.push(entry);
    }
}

impl Selected {
    /// Whether it is known where it lies.
    fn is_located(&self) -> bool {
        !matches!(self.state, State::Absent(_) | State::Unreachable)
    }

    fn locate(&mut self, places: &Places<'_>, core: &CoreEntry, block: &Block<'_>) {
        if core.extent & EXTENT_MASK == extent::ADDRESS_ONLY {
            self.state = State::Absent("length");
            return;
        }
        if core.space != space::VIRTUAL {
            self.state = State::Absent("space");
            return;
        }
        match places.find(block, self.row, core) {
            Ok(span) => (self.address, self.length) = (span.address, span.length),
            Err(SpanError::Fault(_)) => self.state = State::Unreachable,
            Err(SpanError::Null) => self.state = State::Absent("null"),
            Err(_) => self.state = State::Absent("extent"),
        }
    }

    /// Takes the entry out of the budget, once it is known how much of it is there.
    fn spend(&mut self, readable: &Readable, is_dump: bool, purse: &mut Purse) {
        // Asked first with the whole length: an entry that would not fit is over the budget,
        // whatever part of it is there.
        let mut whole = *purse;
        if let Err(limit) = whole.spend(self.name_bytes, self.length) {
            self.state = State::Over(limit);
            return;
        }
        self.readable = readable.from(self.address, self.length);
        if is_dump && self.readable < self.length {
            let whole = Part::new(self.address, self.length);
            let from = self.address.saturating_add(self.readable);
            self.behind = readable.parts(Part { start: from, end: whole.end });
        }
        let there: u64 = self.parts().map(|part| part.length()).sum();
        if there == 0 && self.length > 0 {
            self.state = State::Faulted;
            return;
        }
        if let Err(limit) = purse.spend(self.name_bytes, there) {
            self.state = State::Over(limit);
        }
    }

    /// What there is of it.
    fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let first = Part::new(self.address, self.readable);
        std::iter::once(first).chain(self.behind.iter().copied())
    }

    /// From its beginning to the end of what there is of it; all of it where nothing is taken.
    fn memory(&self) -> Part {
        if self.state != State::Taken {
            return Part::new(self.address, self.length);
        }
        let first = Part::new(self.address, self.readable);
        Part { end: self.behind.last().map_or(first.end, |part| part.end), ..first }
    }
}

/// What is cut out.
struct Refusal<'m> {
    places: &'m Places<'m>,
    consumer: &'m Consumer<'m>,
}

impl Refusal<'_> {
    /// Cuts the memory of entries out whose bytes the consumer must not see; returns how many there
    /// are that may lie anywhere.
    fn entries(&self, block: &Block<'_>, parts: &mut Parts) -> u64 {
        let schema = block.table.header().schema;
        let mut lost = 0;
        for (index, row) in block.table.rows().enumerate().filter(|(_, row)| row.is_live()) {
            let core = core_of(&row);
            if self.consumer.forbids(schema, &core, row.name().ok()) {
                let reach = self.places.reach(block, index, &core);
                lost += u64::from(reach == Reach::Anywhere);
                parts.cut_reach(reach);
            }
        }
        lost
    }

    /// Cuts the sensitive fields of a table's entries out.
    fn fields(
        &self,
        fields: &Fields<'_>,
        (index, block): (usize, &Block<'_>),
        selected: &[Selected],
        parts: &mut Parts,
    ) -> u64 {
        let from = selected.partition_point(|entry| entry.table < index);
        let own = selected.get(from..).unwrap_or_default().iter();
        let mut own = own.take_while(|entry| entry.table == index).peekable();
        let mut lost = 0;
        for (row_index, row) in block.table.rows().enumerate().filter(|(_, row)| row.is_live()) {
            let core = core_of(&row);
            let memory = match own.next_if(|entry| entry.row == row_index) {
                Some(entry) if entry.is_located() => Some(entry.memory()),
                _ if !fields.concern(&core) => None,
                _ => {
                    let reach = self.places.reach(block, row_index, &core);
                    // Of something that may be anywhere, no field can be told from another.
                    if reach == Reach::Anywhere {
                        lost += 1;
                        parts.cut_reach(reach);
                    }
                    let hole = reach.hole(|address| parts.end_of(address));
                    hole.map(|hole| Part { start: hole.start, end: hole.end })
                }
            };
            let Some(Part { start, end }) = memory else { continue };
            fields.find(&core, start..end, &mut |hole| {
                parts.cut(Part { start: hole.start, end: hole.end });
            });
        }
        lost
    }
}

/// What becomes of a row.
fn outcome(
    consumer: &Consumer<'_>,
    table: &Table<'_>,
    row: &Row<'_>,
    own: Option<&Selected>,
    parts: &Parts,
) -> Outcome {
    match row.phase() {
        Phase::Live | Phase::Changing => {}
        Phase::Torn => return Outcome::because(Status::Absent, "torn"),
        Phase::Empty => return Outcome::because(Status::Absent, "empty"),
    }
    let verdict = consumer.judge_entry(table.header().schema, &core_of(row), row.name().ok());
    match (verdict, own) {
        (Verdict::Denied(denial), _) => denied(denial),
        (Verdict::Allowed { .. }, Some(entry)) => entry.outcome(parts),
        (Verdict::Allowed { .. }, None) => Outcome::new(Status::Faulted),
    }
}

fn denied(denial: Denial) -> Outcome {
    let because = |reason| Outcome::because(Status::Denied, reason);
    match denial {
        Denial::Rule { rule } => Outcome { rule: u32::try_from(rule).ok(), ..because("deny") },
        Denial::Guarded(bits) if bits & core_properties::SENSITIVE != 0 => because("sensitive"),
        Denial::Guarded(_) => because("mmio"),
        Denial::Lacks(_) => because("require"),
        Denial::NotAllowed => because("not allowed"),
    }
}

impl Selected {
    fn outcome(&self, parts: &Parts) -> Outcome {
        let here = |mut outcome: Outcome| {
            (outcome.address, outcome.length) = (Some(self.address), Some(self.length));
            outcome
        };
        match self.state {
            State::Absent(reason) => Outcome::because(Status::Absent, reason),
            State::Unreachable => Outcome::because(Status::Faulted, "pointer"),
            State::Faulted => here(Outcome::new(Status::Faulted)),
            State::Over(Limit::Regions) => here(Outcome::because(Status::OverBudget, "regions")),
            State::Over(Limit::Name) => here(Outcome::because(Status::OverBudget, "name")),
            State::Over(Limit::Bytes) => here(Outcome::because(Status::OverBudget, "bytes")),
            State::Taken => {
                let captured = parts.covered(self.address).min(self.length);
                if captured == self.length {
                    return here(Outcome::new(Status::Captured));
                }
                if captured == 0 {
                    return here(Outcome::because(Status::Denied, "overlap"));
                }
                let reason = if captured == self.readable { "fault" } else { "overlap" };
                let outcome = Outcome::because(Status::Truncated, reason);
                here(Outcome { captured: Some(captured), ..outcome })
            }
        }
    }
}

impl Report {
    fn of(outcomes: &[Vec<Outcome>], parts: &Parts, discovery: &Discovery) -> Self {
        let mut report = Self { tables: outcomes.len() as u64, ..Self::default() };
        let failures = discovery.attempts.iter().filter_map(|it| it.failure.as_ref());
        report.missing = failures.filter(|it| **it != Failure::Nothing).count() as u64;
        report.bytes = parts.iter().map(|part| part.length()).sum();
        for outcome in outcomes.iter().flatten() {
            *match outcome.status {
                Status::Captured => &mut report.captured,
                Status::Denied => &mut report.denied,
                Status::OverBudget => &mut report.over_budget,
                Status::Absent => &mut report.absent,
                Status::Faulted => &mut report.faulted,
                Status::Truncated => &mut report.truncated,
            } += 1;
        }
        report
    }
}
