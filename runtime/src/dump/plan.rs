//! What goes into a dump: every entry judged, its memory looked for, budgets spent, refused bytes
//! cut out.
//!
//! Tables are frozen first, so that the copy in the dump and what is said about its entries agree
//! whatever happens meanwhile. Then, in this order: entries that the consumer may see are
//! collected, the most important first where the workspace is short; the budget is spent in the
//! consumer's order; what is left is merged into runs; what refused entries cover is cut out of the
//! runs.

use core::ops::ControlFlow;

use inspect_format::abi::{CoreEntry, EXTENT_MASK, core_properties, extent, space};
use inspect_format::consumer::Fields;
use inspect_format::notes::capture::{self, Status};
use inspect_format::table::{self, Row, Table};
use inspect_format::walk::{LiveTable, Reach, SpanError, WalkErrorKind, reach, span};

use super::probe::Known;
use super::runs::{Run, Runs};
use super::{Error, Report, Request, Scratch};
use crate::consumer::{Denial, Limit, Purse, Verdict};
use crate::memory::ThisProcess;
use crate::registry;

static MEMORY: ThisProcess = ThisProcess::known();

/// Tables that do not fit into the workspace, and yet refuse bytes.
const MISSING_MAX: usize = 16;

/// An entry that the consumer may see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected {
    table: u32,
    row: u32,
    rank: u32,
    state: State,
    /// Reading it has effects: nothing of it is read before its turn.
    has_effects: bool,
    name_bytes: u64,
    address: u64,
    length: u64,
    readable: u64,
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

/// What goes into a dump.
pub(crate) struct Plan<'w> {
    consumer: &'w crate::Consumer,
    /// The frozen tables, one behind another.
    pub(crate) tables: &'w [u8],
    /// In the order of tables and rows.
    selected: &'w [Selected],
    runs: Runs<'w>,
    missing: u64,
}

impl Selected {
    pub(crate) const ZERO: Self = Self {
        table: 0,
        row: 0,
        rank: 0,
        state: State::Taken,
        has_effects: false,
        name_bytes: 0,
        address: 0,
        length: 0,
        readable: 0,
    };

    /// Whether it is known where it lies.
    fn is_located(&self) -> bool {
        !matches!(self.state, State::Absent(_) | State::Unreachable)
    }

    fn place(&self) -> (u32, u32) {
        (self.table, self.row)
    }

    /// All of it, whether it is there or not.
    fn whole(&self) -> Run {
        Run::new(self.address, self.length)
    }

    /// What there is of it.
    fn memory(&self) -> Run {
        let is_taken = self.state == State::Taken;
        Run::new(self.address, if is_taken { self.readable } else { self.length })
    }

    fn importance(&self) -> (u32, u32, u32) {
        (self.rank, self.table, self.row)
    }
}

impl<'w> Plan<'w> {
    /// The plan, and the memory that is left when it is made.
    pub(crate) fn new(
        request: &Request<'w>,
        scratch: Scratch<'w>,
    ) -> Result<(Self, &'w mut [u8]), Error> {
        let consumer = request.consumer;
        let frozen = Frozen::new(request, scratch.tables)?;
        let (tables, spare) = frozen.bytes.split_at_mut(frozen.used);
        let mut selection = Selection { slots: scratch.selected, count: 0 };
        let mut purse = Purse::new(consumer.budget);
        rows(tables, &mut |place, table, row| {
            selection.consider(consumer, place, table, row);
        });
        let selected = &mut scratch_slice(selection)[..];
        selected.sort_unstable_by_key(Selected::importance);
        let known = Known::new(&mut *scratch.runs, certain(selected, purse));
        let taken = selected.iter_mut().filter(|entry| entry.state == State::Taken);
        for (number, entry) in taken.enumerate() {
            entry.spend(number, &known, &mut purse);
        }
        let taken = selected.iter().filter(|entry| entry.state == State::Taken);
        let all = taken.map(Selected::memory);
        let mut runs = Runs::union(scratch.runs, all);
        selected.sort_unstable_by_key(Selected::place);
        rows(tables, &mut |_, table, row| {
            let name = row.name().ok();
            refuse(consumer, table.header().schema, &row.core(), name, Shape::of(table), &mut runs);
        });
        if consumer.permit & core_properties::SENSITIVE == 0 {
            refuse_fields(tables, selected, &mut runs);
        }
        for address in &frozen.left_out[..frozen.left_out_count] {
            refuse_live(consumer, *address, spare, &mut runs)?;
        }
        Ok((Self { consumer, tables, selected, runs, missing: frozen.missing }, spare))
    }

    /// The memory, in runs that neither overlap nor touch, in ascending order.
    pub(crate) fn runs(&self) -> &[Run] {
        self.runs.as_slice()
    }

    /// Writes what became of every entry, and returns it in numbers.
    pub(crate) fn describe<W: capture::Write>(
        &self,
        sink: W,
        producer: Option<&str>,
    ) -> Result<Report, capture::WriteError<W::Error>> {
        let mut report = Report { missing: self.missing, ..Report::default() };
        report.tables = table::tables(self.tables).count() as u64;
        let head = capture::Head {
            tool: concat!("inspect-runtime ", env!("CARGO_PKG_VERSION")),
            missing: self.missing,
            consumer: self.consumer.name,
            producer,
        };
        let mut writer = capture::CaptureWriter::new(sink, head, report.tables)?;
        let mut selected = self.selected.iter().peekable();
        for (index, (_, table)) in (0_u32..).zip(table::tables(self.tables).flatten()) {
            let schema = table.header().schema;
            writer.table(schema, table.row_count() as u64)?;
            for (place, row) in (0_u32..).zip(table.rows()) {
                let own = selected.next_if(|entry| entry.place() == (index, place));
                let described = self.row(schema, &row, own);
                report.count(described.status);
                writer.row(&described)?;
            }
        }
        writer.finish()?;
        Ok(report)
    }

    /// What became of an entry.
    fn row(&self, schema: u64, row: &Row<'_>, own: Option<&Selected>) -> capture::Row<'static> {
        let verdict = self.consumer.judge_entry(schema, &row.core(), row.name().ok());
        let Verdict::Denied(denial) = verdict else {
            return own.map_or(
                capture::Row { reason: Some("workspace"), ..capture::Row::new(Status::OverBudget) },
                |entry| self.selected_row(entry),
            );
        };
        let (reason, rule) = match denial {
            Denial::Rule { rule } => ("deny", u32::try_from(rule).ok()),
            Denial::Guarded(bits) => (guard(bits), None),
            Denial::Lacks(_) => ("require", None),
            Denial::NotAllowed => ("not allowed", None),
        };
        capture::Row { reason: Some(reason), rule, ..capture::Row::new(Status::Denied) }
    }

    fn selected_row(&self, entry: &Selected) -> capture::Row<'static> {
        let place = capture::Row {
            address: Some(entry.address),
            length: Some(entry.length),
            ..capture::Row::new(Status::Captured)
        };
        match entry.state {
            State::Absent(reason) => {
                capture::Row { reason: Some(reason), ..capture::Row::new(Status::Absent) }
            }
            State::Over(limit) => {
                let reason = match limit {
                    Limit::Regions => "regions",
                    Limit::Name => "name",
                    Limit::Bytes => "bytes",
                };
                capture::Row { status: Status::OverBudget, reason: Some(reason), ..place }
            }
            State::Unreachable => {
                capture::Row { reason: Some("pointer"), ..capture::Row::new(Status::Faulted) }
            }
            State::Faulted => capture::Row { status: Status::Faulted, ..place },
            State::Taken => {
                let captured = match self.runs.has_holes() {
                    true => self.runs.covered(entry.address).min(entry.length),
                    false => entry.readable,
                };
                let reason = if captured == entry.readable { "fault" } else { "overlap" };
                match captured {
                    _ if captured == entry.length => place,
                    0 => capture::Row { status: Status::Denied, reason: Some("overlap"), ..place },
                    _ => capture::Row {
                        status: Status::Truncated,
                        reason: Some(reason),
                        captured: Some(captured),
                        ..place
                    },
                }
            }
        }
    }
}

fn guard(bits: u64) -> &'static str {
    if bits & core_properties::SENSITIVE != 0 { "sensitive" } else { "mmio" }
}

/// The tables in the workspace.
struct Frozen<'w> {
    bytes: &'w mut [u8],
    used: usize,
    missing: u64,
    /// Of those that did not fit, where they lie.
    left_out: [u64; MISSING_MAX],
    left_out_count: usize,
}

impl<'w> Frozen<'w> {
    fn new(request: &Request<'_>, bytes: &'w mut [u8]) -> Result<Self, Error> {
        let mut frozen =
            Self { bytes, used: 0, missing: 0, left_out: [0; MISSING_MAX], left_out_count: 0 };
        match request.tables {
            None => {
                for table in registry::known_tables() {
                    frozen.add(table.ok())?;
                }
            }
            Some(addresses) => {
                for address in addresses {
                    frozen.add(LiveTable::at(&MEMORY, *address).ok())?;
                }
            }
        }
        Ok(frozen)
    }

    fn add(&mut self, table: Option<LiveTable<'_, ThisProcess>>) -> Result<(), Error> {
        if let Some(table) = table {
            let frozen = table.freeze(&mut self.bytes[self.used..]);
            // What is frozen must be readable, or the counts of the two walks over it would differ.
            let size = frozen.ok().map(|frozen| frozen.size);
            let size =
                size.filter(|size| Table::parse_again(&self.bytes[self.used..][..*size]).is_ok());
            if let Some(size) = size {
                self.used += size;
                return Ok(());
            }
            // Whatever the reason is, what its rows refuse is refused.
            let place = self.left_out.get_mut(self.left_out_count);
            *place.ok_or(Error::TooManyTables)? = table.address();
            self.left_out_count += 1;
        }
        self.missing += 1;
        Ok(())
    }
}

/// Entries that the consumer may see, as many as the workspace holds: the most important ones.
struct Selection<'w> {
    slots: &'w mut [Selected],
    count: usize,
}

fn scratch_slice(selection: Selection<'_>) -> &mut [Selected] {
    &mut selection.slots[..selection.count]
}

impl Selection<'_> {
    fn consider(
        &mut self,
        consumer: &crate::Consumer,
        (table_index, row_index): (u32, u32),
        table: &Table<'_>,
        row: &Row<'_>,
    ) {
        let (core, name) = (row.core(), row.name().ok());
        let schema = table.header().schema;
        if !consumer.judge_entry(schema, &core, name).is_allowed() {
            return;
        }
        let rank = consumer.rank(schema, &core, name.unwrap_or_default());
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        // A name that cannot be read is as long as no budget allows.
        let name_bytes = name.map_or(u64::MAX, |name| name.len() as u64);
        let place = Selected { table: table_index, row: row_index, ..Selected::ZERO };
        let has_effects = core.properties & core_properties::MMIO != 0;
        let mut entry = Selected { rank, has_effects, name_bytes, ..place };
        entry.locate(&core, Shape::of(table));
        if let Some(free) = self.slots.get_mut(self.count) {
            *free = entry;
            self.count += 1;
            return;
        }
        let worst = self.slots.iter_mut().max_by_key(|slot| slot.importance());
        if let Some(worst) = worst.filter(|worst| worst.importance() > entry.importance()) {
            *worst = entry;
        }
    }
}

impl Selected {
    fn locate(&mut self, core: &CoreEntry, shape: Shape) {
        if core.extent & EXTENT_MASK == extent::ADDRESS_ONLY {
            self.state = State::Absent("length");
            return;
        }
        if core.space != space::VIRTUAL {
            self.state = State::Absent("space");
            return;
        }
        match span(&MEMORY, core, shape.word_size, shape.order) {
            Ok(span) => (self.address, self.length) = (span.address, span.length),
            Err(SpanError::Fault(_)) => self.state = State::Unreachable,
            Err(SpanError::Null) => self.state = State::Absent("null"),
            Err(_) => self.state = State::Absent("extent"),
        }
    }

    /// Takes the entry out of the budget, once it is known how much of it is there. `number` counts
    /// those that are taken.
    fn spend(&mut self, number: usize, known: &Known<'_>, purse: &mut Purse) {
        // Asked first with the whole length: finding out how much of a region can be read touches
        // all of it.
        let mut whole = *purse;
        if let Err(limit) = whole.spend(self.name_bytes, self.length) {
            self.state = State::Over(limit);
            return;
        }
        self.readable = match known.is_certain(number) && !self.has_effects {
            true => self.length,
            false => known.readable(self.address, self.length),
        };
        if self.readable == 0 && self.length > 0 {
            self.state = State::Faulted;
            return;
        }
        if let Err(limit) = purse.spend(self.name_bytes, self.readable) {
            self.state = State::Over(limit);
        }
    }
}

/// The memory of the first entries, as far as the budget has room for them whatever of them is
/// there.
fn certain(selected: &[Selected], mut purse: Purse) -> impl Iterator<Item = Run> {
    let taken = selected.iter().filter(|entry| entry.state == State::Taken);
    taken.map_while(move |entry| match purse.spend(entry.name_bytes, entry.length) {
        Ok(()) if !entry.has_effects => Some(entry.whole()),
        // A name that is too long leaves the budget as it is.
        Ok(()) | Err(Limit::Name) => Some(Run::ZERO),
        Err(Limit::Regions | Limit::Bytes) => None,
    })
}

/// How numbers of a table's producer look.
#[derive(Clone, Copy)]
struct Shape {
    word_size: u8,
    order: inspect_format::abi::Order,
}

impl Shape {
    fn of(table: &Table<'_>) -> Self {
        Self { word_size: table.word_size(), order: table.order() }
    }
}

/// Cuts the memory of an entry out if the consumer must not see its bytes.
fn refuse(
    consumer: &crate::Consumer,
    schema: u64,
    core: &CoreEntry,
    name: Option<&str>,
    shape: Shape,
    runs: &mut Runs<'_>,
) {
    if consumer.forbids(schema, core, name) {
        runs.cut_reach(reach(&MEMORY, core, shape.word_size, shape.order));
    }
}

/// Cuts sensitive fields out: of entries that are dumped where they lay when their memory was
/// looked for, of others where it is now.
fn refuse_fields(tables: &[u8], selected: &[Selected], runs: &mut Runs<'_>) {
    for (index, (_, table)) in (0_u32..).zip(table::tables(tables).flatten()) {
        let Some(fields) = Fields::of(&table) else { continue };
        let shape = Shape::of(&table);
        for (place, row) in (0_u32..).zip(table.rows()) {
            let core = row.core();
            let own = selected.binary_search_by_key(&(index, place), Selected::place);
            let memory = match own.ok().and_then(|own| selected.get(own)) {
                Some(entry) if entry.is_located() => Some(entry.memory()),
                _ if !fields.concern(&core) => None,
                _ => {
                    let found = reach(&MEMORY, &core, shape.word_size, shape.order);
                    // Of something that may be anywhere, no field can be told from another.
                    if found == Reach::Anywhere {
                        runs.cut_reach(found);
                    }
                    let hole = found.hole(|address| runs.end_of(address));
                    hole.map(|hole| Run { start: hole.start, end: hole.end })
                }
            };
            if let Some(Run { start, end }) = memory {
                fields.find(&core, start..end, &mut |part| {
                    runs.cut(Run { start: part.start, end: part.end });
                });
            }
        }
    }
}

/// The same for every entry of a table that has no frozen copy. Nobody reads its types, and so every
/// entry of a table that has some may be sensitive from its first byte to its last.
fn refuse_live(
    consumer: &crate::Consumer,
    address: u64,
    buffer: &mut [u8],
    runs: &mut Runs<'_>,
) -> Result<(), Error> {
    let table = LiveTable::at(&MEMORY, address).map_err(Error::Table)?;
    let shape = Shape { word_size: table.word_size(), order: table.order() };
    let needed = table.frozen_size();
    let is_sensitive = consumer.permit & core_properties::SENSITIVE == 0 && table.has_types();
    let mut visit = |entry: inspect_format::walk::LiveEntry<'_>| {
        if is_sensitive {
            runs.cut_reach(reach(&MEMORY, &entry.core, shape.word_size, shape.order));
            return ControlFlow::Continue(());
        }
        let mut name = [0; 256];
        let name = table.text(entry.core.name, &mut name).ok();
        refuse(consumer, table.header().schema, &entry.core, name, shape, runs);
        ControlFlow::Continue(())
    };
    match table.entries(buffer, &mut visit) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind, WalkErrorKind::Buffer { .. }) => {
            Err(Error::Workspace { needed })
        }
        Err(error) => Err(Error::Table(error)),
    }
}

type Visit<'v> = dyn FnMut((u32, u32), &Table<'_>, &Row<'_>) + 'v;

/// Every row of the frozen tables, with its table and its place.
fn rows(tables: &[u8], visit: &mut Visit<'_>) {
    for (index, (_, table)) in (0_u32..).zip(table::tables(tables).flatten()) {
        for (place, row) in (0_u32..).zip(table.rows()) {
            visit((index, place), &table, &row);
        }
    }
}

impl Report {
    fn count(&mut self, status: Status) {
        *match status {
            Status::Captured => &mut self.captured,
            Status::Denied => &mut self.denied,
            Status::OverBudget => &mut self.over_budget,
            Status::Absent => &mut self.absent,
            Status::Faulted => &mut self.faulted,
            Status::Truncated => &mut self.truncated,
        } += 1;
    }
}
