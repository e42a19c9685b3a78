//! Goes through bytes by a plan and tells a sink what it finds: structs, members, scalars, arrays. It begins
//! in `region`; what leads out of the bytes is in `follow`, what tags make special in `special`.

use std::time::Instant;

use inspect_format::abi::Order;
use inspect_format::bits;
use inspect_format::walk::{Fault, Memory};

use super::follow::Listed;
use super::plan::{Composite, Kind, Member, NO_EXTRA, Plan, Shape, Why};
use super::sink::{Hints, Limit, Note, Scalar, Sink, StructInfo};
use super::source::{Fetched, Frame, Source};

/// How many structs, arrays and targets of pointers inside one another are entered: what the stack bears.
const NESTING_MAX: u32 = 128;

/// Bytes of text that count as a value.
const TEXT_PER_VALUE: u64 = 64;

/// How many values pass between two looks at the clock.
const CLOCK_STEP: u64 = 256;

/// What one call of a decoder may spend. What exceeds it is a note in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Pointers that are followed one behind another; elements of a list are one further than its head.
    /// Texts count only if this is 0.
    pub depth: u32,
    /// Bytes that are read from memory.
    pub bytes: u64,
    /// Values of all kinds; a long text counts as several.
    pub values: u64,
    /// Elements of one array or list.
    pub elements: u64,
    /// Bytes of one text, and of one run of bytes without a meaning.
    pub text: u64,
    /// When to stop.
    pub deadline: Option<Instant>,
}

impl Default for Budget {
    /// For people: what a terminal can show.
    fn default() -> Self {
        Self {
            depth: 3,
            bytes: 64 << 20,
            values: 1 << 20,
            elements: 1 << 12,
            text: 1 << 12,
            deadline: None,
        }
    }
}

/// An address space without memory, for bytes that stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn read(&self, address: u64, _: &mut [u8]) -> Result<(), Fault> {
        Err(Fault { address })
    }
}

/// Decodes entries of one table. It keeps its buffers from one entry to the next.
pub struct Decoder<'p> {
    pub(super) plan: &'p Plan,
    /// What pointers lead into.
    pub(super) memory: &'p dyn Memory,
    /// What regions lie in.
    pub(super) regions: &'p dyn Memory,
    /// Whether that is other memory.
    pub(super) is_apart: bool,
    pub(super) strings: &'p [u8],
    pub(super) budget: Budget,
    pub(super) reveal: bool,
    pub(super) bytes_left: u64,
    values_left: u64,
    /// Values since the decoder was made.
    clock: u64,
    pub(super) stopped: Option<Limit>,
    pub(super) depth: u32,
    nesting: u32,
    /// Addresses and types of what is being shown, from the outermost on.
    pub(super) path: Vec<(u64, Shape)>,
    /// The lists whose elements are being shown, the outermost first.
    pub(super) lists: Vec<Listed>,
    pub(super) pool: Vec<Fetched>,
}

impl<'p> Decoder<'p> {
    /// Decodes by `plan`, follows pointers into `memory`, and spends `budget` on each entry.
    #[must_use]
    pub fn new(plan: &'p Plan, memory: &'p dyn Memory, budget: Budget) -> Self {
        Self {
            plan,
            memory,
            regions: memory,
            is_apart: false,
            strings: &[],
            budget,
            reveal: false,
            bytes_left: 0,
            values_left: 0,
            clock: 0,
            stopped: None,
            depth: 0,
            nesting: 0,
            path: Vec::new(),
            lists: Vec::new(),
            pool: Vec::new(),
        }
    }

    /// Finds regions in other memory than pointers lead into: in physical memory, for one.
    #[must_use]
    pub fn regions_in(mut self, memory: &'p dyn Memory) -> Self {
        self.regions = memory;
        self.is_apart = true;
        self
    }

    /// The table's strings, for `string` fields of rows.
    #[must_use]
    pub fn strings(mut self, strings: &'p [u8]) -> Self {
        self.strings = strings;
        self
    }

    /// Shows what is marked as sensitive.
    #[must_use]
    pub fn reveal_sensitive(mut self, reveal: bool) -> Self {
        self.reveal = reveal;
        self
    }

    /// The memory that what is being shown lies in: a region's, before a pointer was followed.
    pub(super) fn here(&self) -> &'p dyn Memory {
        if self.depth == 0 { self.regions } else { self.memory }
    }

    /// Before each entry: everything may be spent again.
    pub(super) fn begin(&mut self) {
        self.bytes_left = self.budget.bytes;
        self.values_left = self.budget.values;
        let is_late = self.budget.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.stopped = is_late.then_some(Limit::Time);
        self.depth = 0;
        self.nesting = 0;
        self.path.clear();
        self.lists.clear();
    }

    /// Whether something may be entered that may hold its like. [`Decoder::leave`] follows then.
    #[inline]
    pub(super) fn enter(&mut self) -> bool {
        let may = self.nesting < NESTING_MAX;
        self.nesting += u32::from(may);
        may
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }

    /// Counts a value; whether the budgets allow it.
    #[inline]
    pub(super) fn may_go_on(&mut self) -> Result<(), Limit> {
        if let Some(limit) = self.stopped {
            return Err(limit);
        }
        match self.values_left.checked_sub(1) {
            Some(left) => self.values_left = left,
            None => return self.stop(Limit::Values),
        }
        self.clock += 1;
        if self.clock.is_multiple_of(CLOCK_STEP)
            && self.budget.deadline.is_some_and(|deadline| Instant::now() >= deadline)
        {
            return self.stop(Limit::Time);
        }
        Ok(())
    }

    #[cold]
    fn stop(&mut self, limit: Limit) -> Result<(), Limit> {
        self.stopped = Some(limit);
        Err(limit)
    }

    /// A value of a type whose tags say nothing.
    #[inline]
    pub(super) fn value<S: Sink + ?Sized>(
        &mut self,
        shape: Shape,
        hints: Hints<'_>,
        source: Source<'_>,
        around: Option<&Frame<'_>>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if let Some(order) = shape.kind.number_order(self.plan.order) {
            return self.number(shape, source.number(0, shape.size, order), hints, sink);
        }
        match shape.kind {
            Kind::Composite(index) => self.composite(index, source, around, sink),
            Kind::Array(element) => {
                let element = self.plan.shape(element);
                let count = shape.size.checked_div(element.size).unwrap_or(0);
                sink.begin_array()?;
                let runs = [(0, count)];
                self.elements(element, element.size, source, &runs, hints, around, sink)?;
                sink.end_array()
            }
            Kind::Text => self.text(source.part(0, shape.size), None, sink),
            Kind::Pointer(target) => match source.number(0, shape.size, self.plan.order) {
                Ok(address) => self.pointer(target, address, hints, sink),
                Err(note) => sink.note(note),
            },
            Kind::Wide { signed } => self.wide(signed, source, hints, sink),
            // Numbers are done already.
            _ => self.unknown(shape.kind, source.part(0, shape.size), sink),
        }
    }

    /// A number that has been read, of a whole type or of a bit-field.
    #[inline]
    fn number<S: Sink + ?Sized>(
        &mut self,
        shape: Shape,
        value: Result<u64, Note>,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let value = match value {
            Ok(value) => value,
            Err(note) => return sink.note(note),
        };
        let scalar = match shape.kind {
            Kind::Int { signed: false, .. } => Scalar::Unsigned(value),
            Kind::Bool => Scalar::Bool(value != 0),
            Kind::Char => Scalar::Char(value as u8),
            Kind::Float if shape.size == 4 => Scalar::Float(f32::from_bits(value as u32)),
            Kind::Float => Scalar::Double(f64::from_bits(value)),
            Kind::Enum { index, signed } => {
                let bits = shape.size as u32 * 8;
                let (key, shown) = if signed {
                    let value = bits::sign_extend(value, bits);
                    (value as u64, i128::from(value))
                } else {
                    (value, i128::from(value))
                };
                Scalar::Enum(shown, self.plan.enumerator(index, key))
            }
            Kind::Flags(index) => return self.flags(index, value, sink),
            Kind::Int { signed: true, .. } => {
                Scalar::Signed(bits::sign_extend(value, shape.size as u32 * 8))
            }
            _ => Scalar::Unsigned(value),
        };
        sink.scalar(scalar, hints)
    }

    fn flags<S: Sink + ?Sized>(
        &mut self,
        index: u32,
        value: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        sink.begin_flags(value)?;
        let mut rest = value;
        for flag in plan.flag_sets.get(index as usize).into_iter().flatten() {
            if value & flag.mask != 0 {
                let part = flag.is_range.then_some((value & flag.mask) >> flag.first);
                sink.flag(plan.name(flag.name), part)?;
                rest &= !flag.mask;
            }
        }
        sink.end_flags(rest)
    }

    fn wide<S: Sink + ?Sized>(
        &mut self,
        signed: bool,
        source: Source<'_>,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let bytes: &[u8; 16] = match (source.missing(16), source.bytes.first_chunk()) {
            (None, Some(bytes)) => bytes,
            (note, _) => return sink.note(note.unwrap_or(source.end)),
        };
        let value = match self.plan.order {
            Order::Little => u128::from_le_bytes(*bytes),
            Order::Big => u128::from_be_bytes(*bytes),
        };
        let scalar =
            if signed { Scalar::WideSigned(value as i128) } else { Scalar::WideUnsigned(value) };
        sink.scalar(scalar, hints)
    }

    /// A struct or union.
    fn composite<S: Sink + ?Sized>(
        &mut self,
        index: u32,
        source: Source<'_>,
        around: Option<&Frame<'_>>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        let Some(composite) = plan.composite(index) else {
            return self.unknown(Kind::Opaque(Why::Unknown), source, sink);
        };
        if self.is_hidden(composite) {
            return sink.note(Note::Sensitive);
        }
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        let name_width = composite.name_width as usize;
        sink.begin_struct(StructInfo { name: plan.name(composite.name).text, name_width })?;
        let frame = Frame { composite: index, source, parent: around };
        self.members(composite, &frame, sink)?;
        self.leave();
        sink.end_struct()
    }

    /// Whether a union must not be shown: nobody knows which arm is valid, and one is sensitive.
    pub(super) fn is_hidden(&self, composite: &Composite) -> bool {
        composite.is_union && composite.has_sensitive && !self.reveal
    }

    /// The members of a struct or union, those of anonymous ones among them.
    pub(super) fn members<S: Sink + ?Sized>(
        &mut self,
        composite: &'p Composite,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        for member in plan.members_of(composite) {
            if let Err(limit) = self.may_go_on() {
                return sink.remark(Note::Budget(limit));
            }
            self.member(member, frame, sink)?;
        }
        if composite.is_incomplete {
            sink.remark(Note::Incomplete)?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn member<S: Sink + ?Sized>(
        &mut self,
        member: &'p Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        if member.name == 0 {
            return self.anonymous(member, frame, sink);
        }
        if member.shape.kind == Kind::Absent {
            return Ok(());
        }
        sink.field(plan.name(member.name))?;
        if member.extra != NO_EXTRA {
            return self.special(member, frame, sink);
        }
        self.plain(member, frame, sink)
    }

    /// The value of a member, whatever its tags say.
    #[inline]
    pub(super) fn plain<S: Sink + ?Sized>(
        &mut self,
        member: &Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        let (shape, offset) = (member.shape, u64::from(member.bit_offset));
        if member.bit_size != 0 && !matches!(shape.kind, Kind::Opaque(_)) {
            let size = u32::from(member.bit_size);
            let order = match shape.kind {
                Kind::Int { order, .. } => order,
                _ => plan.order,
            };
            let value = frame.source.bits(offset, size, order);
            let signed = matches!(
                shape.kind,
                Kind::Int { signed: true, .. } | Kind::Enum { signed: true, .. }
            );
            let extend = |value| if signed { bits::sign_extend(value, size) as u64 } else { value };
            let value = value.map(extend);
            return self.number(shape, value, plan.hints(member), sink);
        }
        if let Some(order) = shape.kind.number_order(plan.order) {
            let value = frame.source.number(offset / 8, shape.size, order);
            return self.number(shape, value, plan.hints(member), sink);
        }
        if shape.size == 0 && matches!(shape.kind, Kind::Array(_) | Kind::Text) {
            let source = frame.source.rest(offset / 8);
            return self.flexible(shape, plan.hints(member), source, frame, sink);
        }
        let source = frame.source.part(offset / 8, shape.size);
        self.value(shape, plan.hints(member), source, Some(frame), sink)
    }

    /// An array of no declared length: what is left of the bytes.
    fn flexible<S: Sink + ?Sized>(
        &mut self,
        shape: Shape,
        hints: Hints<'_>,
        source: Source<'_>,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Kind::Array(element) = shape.kind else { return self.text(source, None, sink) };
        let element = self.plan.shape(element);
        let count = (source.bytes.len() as u64).checked_div(element.size).unwrap_or(0);
        sink.begin_array()?;
        self.elements(element, element.size, source, &[(0, count)], hints, Some(frame), sink)?;
        sink.end_array()
    }

    /// Elements that lie one behind another, in runs of a first one and a number.
    #[expect(clippy::too_many_arguments, reason = "they are one thing each and all needed")]
    pub(super) fn elements<S: Sink + ?Sized>(
        &mut self,
        shape: Shape,
        size: u64,
        source: Source<'_>,
        runs: &[(u64, u64)],
        hints: Hints<'_>,
        around: Option<&Frame<'_>>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        let mut left = self.budget.elements;
        let number_order = shape.kind.number_order(self.plan.order);
        'all: for (first, count) in runs {
            for index in *first..first.saturating_add(*count) {
                let limit = match left.checked_sub(1) {
                    None => Err(Limit::Elements),
                    Some(rest) => {
                        left = rest;
                        self.may_go_on()
                    }
                };
                if let Err(limit) = limit {
                    sink.note(Note::Budget(limit))?;
                    break 'all;
                }
                let offset = index.saturating_mul(size);
                if let Some(order) = number_order
                    && offset < source.bytes.len() as u64
                {
                    self.number(shape, source.number(offset, size, order), hints, sink)?;
                    continue;
                }
                let element = source.part(offset, size);
                if element.bytes.is_empty() && size > 0 {
                    // All that follow are missing as well.
                    sink.note(element.end)?;
                    break 'all;
                }
                self.value(shape, hints, element, around, sink)?;
            }
        }
        self.leave();
        Ok(())
    }

    /// Text: `count` bytes, or up to the first NUL.
    pub(super) fn text<S: Sink + ?Sized>(
        &mut self,
        source: Source<'_>,
        count: Option<u64>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let (mut bytes, mut note) = source.readable(count.unwrap_or(source.bytes.len() as u64));
        if count.is_none()
            && let Some(end) = bytes.iter().position(|byte| *byte == 0)
        {
            bytes = bytes.get(..end).unwrap_or(bytes);
            note = None;
        }
        self.run(Scalar::Text, bytes, note, Hints::default(), sink)
    }

    /// A text or bytes, cut where the budget says so; behind them follows what the note says.
    pub(super) fn run<'b, S: Sink + ?Sized>(
        &mut self,
        scalar: fn(&'b [u8]) -> Scalar<'b>,
        bytes: &'b [u8],
        note: Option<Note>,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let limit = usize::try_from(self.budget.text).unwrap_or(usize::MAX);
        let (shown, note) = match bytes.get(..limit) {
            Some(shown) if shown.len() < bytes.len() => (shown, Some(Note::Budget(Limit::Text))),
            _ => (bytes, note),
        };
        // The same bytes may be shown by many members.
        self.values_left = self.values_left.saturating_sub(shown.len() as u64 / TEXT_PER_VALUE);
        match note {
            None => sink.scalar(scalar(shown), hints),
            Some(note) if shown.is_empty() => sink.note(note),
            Some(note) => {
                sink.begin_noted(note)?;
                sink.scalar(scalar(shown), hints)?;
                sink.end_noted()
            }
        }
    }

    /// Bytes of which nothing is known, and why.
    pub(super) fn unknown<S: Sink + ?Sized>(
        &mut self,
        kind: Kind,
        source: Source<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let why = match kind {
            Kind::Opaque(why) => why.words(),
            Kind::Void => "no type is known",
            _ => Why::NoValue.words(),
        };
        if source.bytes.is_empty() {
            return sink.note(Note::Type(why));
        }
        sink.begin_noted(Note::Type(why))?;
        let (bytes, note) = source.readable(source.bytes.len() as u64);
        self.run(Scalar::Bytes, bytes, note, Hints::default(), sink)?;
        sink.end_noted()
    }
}
