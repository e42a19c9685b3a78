//! Members that tags make special: counts, rings, tagged unions, strings of the table, sensitive ones. Pointers and
//! lists are in `follow`.

use super::plan::{Composite, Count, Expected, Extra, Kind, Member, Shape, Tag};
use super::sink::{Hints, Limit, Note, Scalar, Sink};
use super::source::{Frame, Source};
use super::walk::Decoder;

/// What the count of a member says.
enum Valid {
    /// There is no count.
    All,
    /// So many.
    Some(u64),
    /// It cannot be computed.
    Unknown,
}

impl<'p> Decoder<'p> {
    /// The value of a member of which tags say something.
    pub(super) fn special<S: Sink + ?Sized>(
        &mut self,
        member: &'p Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(extra) = self.plan.extra(member) else { return self.plain(member, frame, sink) };
        if extra.is_sensitive && !self.reveal {
            return sink.note(Note::Sensitive);
        }
        let offset = u64::from(member.bit_offset) / 8;
        if let Some(tag) = &extra.tag
            && let Some(composite) = self.composite_of(member)
        {
            let union = frame.source.part(offset, member.shape.size);
            return self.tagged(tag, composite, union, frame, sink);
        }
        if let Some(list) = &extra.list {
            let head = frame.source.part(offset, member.shape.size);
            return match list {
                Ok(list) => self.list(list, head, sink),
                Err(why) => {
                    sink.begin_noted(Note::NoList(why))?;
                    self.plain(member, frame, sink)?;
                    sink.end_noted()
                }
            };
        }
        if extra.is_string && matches!(member.shape.kind, Kind::Int { .. }) {
            return self.string(frame.source.part(offset, member.shape.size), member, sink);
        }
        if let Some(expected) = &extra.expected
            && let Some(note) = unexpected(expected, member, frame, self.plan.order)
        {
            sink.begin_noted(note)?;
            self.counted(extra, member, frame, sink)?;
            return sink.end_noted();
        }
        self.counted(extra, member, frame, sink)
    }

    /// An anonymous struct or union, whose members belong to the one around it; anything else without a name
    /// is padding.
    pub(super) fn anonymous<S: Sink + ?Sized>(
        &mut self,
        member: &'p Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some((index, composite)) = self.composite_of(member) else { return Ok(()) };
        let extra = self.plan.extra(member);
        if extra.is_some_and(|extra| extra.is_sensitive) && !self.reveal {
            return sink.remark(Note::Sensitive);
        }
        let source = frame.source.part(u64::from(member.bit_offset) / 8, member.shape.size);
        let inner = Frame { composite: index, source, parent: Some(frame) };
        if let Some(tag) = extra.and_then(|extra| extra.tag.as_ref())
            && let Some(value) = tag.place.and_then(|place| frame.number(&place))
        {
            return match self.arm(tag, value, composite) {
                Some(arm) => self.member(arm, &inner, sink),
                None => sink.remark(Note::NoArm(value)),
            };
        }
        if self.is_hidden(composite) {
            return sink.remark(Note::Sensitive);
        }
        if !self.enter() {
            return sink.remark(Note::Budget(Limit::Nesting));
        }
        self.members(composite, &inner, sink)?;
        self.leave();
        Ok(())
    }

    fn composite_of(&self, member: &Member) -> Option<(u32, &'p Composite)> {
        let index = member.shape.composite()?;
        Some((index, self.plan.composite(index)?))
    }

    /// The arm that is valid for a value of the tag.
    fn arm(&self, tag: &Tag, value: i128, union: &'p Composite) -> Option<&'p Member> {
        let found = tag.arms.binary_search_by_key(&value, |arm| arm.0);
        let arm = found.ok().and_then(|at| tag.arms.get(at)).map(|arm| arm.1);
        self.plan.members_of(union).get(arm.or(tag.otherwise)? as usize)
    }

    /// A union with a tag: a struct of the one valid arm.
    fn tagged<S: Sink + ?Sized>(
        &mut self,
        tag: &Tag,
        (index, union): (u32, &'p Composite),
        source: Source<'_>,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let shape = Shape { kind: Kind::Composite(index), size: union.size };
        let hints = Hints::default();
        let Some(value) = tag.place.and_then(|place| frame.number(&place)) else {
            sink.begin_noted(Note::NoTag)?;
            self.value(shape, hints, source, Some(frame), sink)?;
            return sink.end_noted();
        };
        let Some(arm) = self.arm(tag, value, union) else {
            return sink.note(Note::NoArm(value));
        };
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        let name = self.plan.name(union.name).text;
        let name_width = self.plan.name(arm.name).text.chars().count();
        sink.begin_struct(super::StructInfo { name, name_width })?;
        let inner = Frame { composite: index, source, parent: Some(frame) };
        self.member(arm, &inner, sink)?;
        self.leave();
        sink.end_struct()
    }

    /// A member that may have a count, a ring, or bytes without a meaning.
    fn counted<S: Sink + ?Sized>(
        &mut self,
        extra: &Extra,
        member: &'p Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        let valid = match &extra.count {
            None => Valid::All,
            Some(Count::Unknown) => Valid::Unknown,
            Some(Count::Formula(formula)) => match formula.compute(|place| frame.number(place)) {
                Some(count) => Valid::Some(u64::try_from(count.max(0)).unwrap_or(u64::MAX)),
                None => Valid::Unknown,
            },
        };
        if let Valid::Unknown = valid {
            sink.begin_noted(Note::NoCount)?;
            self.plain(member, frame, sink)?;
            return sink.end_noted();
        }
        let offset = u64::from(member.bit_offset) / 8;
        let start = extra.ring.and_then(|place| frame.number(&place));
        match member.shape.kind {
            Kind::Array(element) if member.bit_size == 0 => {
                if extra.is_bytes {
                    let (bytes, note) =
                        frame.source.part(offset, member.shape.size).readable(member.shape.size);
                    return self.run(Scalar::Bytes, bytes, note, plan.hints(member), sink);
                }
                self.array(element, valid, start, member, frame, sink)
            }
            Kind::Text => self.counted_text(valid, member, frame, sink),
            Kind::Pointer(target) => {
                let Valid::Some(count) = valid else { return self.plain(member, frame, sink) };
                let source = frame.source.part(offset, member.shape.size);
                match source.number(0, member.shape.size, plan.order) {
                    Ok(address) => {
                        let hints = plan.hints(member);
                        self.counted_pointer(target, address, count, start, hints, sink)
                    }
                    Err(note) => sink.note(note),
                }
            }
            _ => self.plain(member, frame, sink),
        }
    }

    /// An array in the struct, or behind it where it has no declared length.
    fn array<S: Sink + ?Sized>(
        &mut self,
        element: u32,
        valid: Valid,
        start: Option<i128>,
        member: &Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        let shape = plan.shape(element);
        let hints = plan.hints(member);
        let source = frame.source.rest(u64::from(member.bit_offset) / 8);
        let declared = member.shape.size.checked_div(shape.size).unwrap_or(0);
        let here = (source.bytes.len() as u64).checked_div(shape.size).unwrap_or(0);
        let capacity = if declared == 0 { here } else { declared };
        let count = match valid {
            Valid::Some(count) => count,
            _ => capacity,
        };
        if declared == 0
            && count > here
            && let Some(address) = source.address
        {
            // It may go on in memory behind the bytes at hand.
            sink.begin_array()?;
            self.elements_at(element, shape.size, address, &[(0, count)], hints, sink)?;
            return sink.end_array();
        }
        let shown = count.min(capacity);
        let runs = runs(shown, capacity, start);
        let source = source.part(0, capacity.saturating_mul(shape.size));
        let is_over = count > capacity;
        if is_over {
            sink.begin_noted(Note::Overcount(count))?;
        }
        sink.begin_array()?;
        self.elements(shape, shape.size, source, &runs, hints, Some(frame), sink)?;
        sink.end_array()?;
        if is_over { sink.end_noted() } else { Ok(()) }
    }

    fn counted_text<S: Sink + ?Sized>(
        &mut self,
        valid: Valid,
        member: &Member,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Valid::Some(count) = valid else { return self.plain(member, frame, sink) };
        let source = frame.source.rest(u64::from(member.bit_offset) / 8);
        if member.shape.size == 0 {
            if count > source.bytes.len() as u64
                && let Some(address) = source.address
            {
                return self.text_at(address, count, sink);
            }
            return self.text(source, Some(count), sink);
        }
        let source = source.part(0, member.shape.size);
        if count <= member.shape.size {
            return self.text(source, Some(count), sink);
        }
        sink.begin_noted(Note::Overcount(count))?;
        self.text(source, Some(member.shape.size), sink)?;
        sink.end_noted()
    }

    /// A reference into the table's strings.
    fn string<S: Sink + ?Sized>(
        &mut self,
        source: Source<'_>,
        member: &Member,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let offset = match source.number(0, member.shape.size, self.plan.order) {
            Ok(offset) => offset,
            Err(note) => return sink.note(note),
        };
        let rest = usize::try_from(offset).ok().and_then(|at| self.strings.get(at..));
        let end = rest.and_then(|rest| rest.iter().position(|byte| *byte == 0));
        match (offset, rest.zip(end).and_then(|(rest, end)| rest.get(..end))) {
            (0, _) => sink.scalar(Scalar::Text(b""), Hints::default()),
            (_, Some(text)) => self.run(Scalar::Text, text, None, Hints::default(), sink),
            (_, None) => sink.note(Note::NoString(offset)),
        }
    }
}

/// In which order the elements of a ring are shown: the valid ones, which end before the place where the next
/// one goes.
pub(super) fn runs(valid: u64, capacity: u64, next: Option<i128>) -> [(u64, u64); 2] {
    let next = match next {
        Some(next) if capacity > 0 => next.rem_euclid(capacity.into()),
        _ => return [(0, valid), (0, 0)],
    };
    let capacity_wide = i128::from(capacity);
    let first = (next - i128::from(valid)).rem_euclid(capacity_wide) as u64;
    let until_end = valid.min(capacity - first);
    [(first, until_end), (0, valid - until_end)]
}

/// What to say where a member has another value than the schema demands.
fn unexpected(
    expected: &Expected,
    member: &Member,
    frame: &Frame<'_>,
    order: inspect_format::abi::Order,
) -> Option<Note> {
    let offset = u64::from(member.bit_offset);
    match expected {
        Expected::Bytes(bytes) => {
            let size = bytes.len() as u64;
            let source = frame.source.part(offset / 8, size);
            let differs = source.missing(size).is_none() && source.bytes != &**bytes;
            differs.then_some(Note::ExpectedBytes)
        }
        Expected::Number(number) => {
            let (order, signed) = match member.shape.kind {
                Kind::Int { order, signed } => (order, signed),
                Kind::Enum { signed, .. } => (order, signed),
                _ => (order, false),
            };
            let whole = u32::try_from(member.shape.size.checked_mul(8)?).ok()?;
            let bits = if member.bit_size == 0 { whole } else { member.bit_size.into() };
            let value = frame.source.bits(offset, bits, order).ok()?;
            let value = if signed {
                inspect_format::bits::sign_extend(value, bits).into()
            } else {
                i128::from(value)
            };
            (value != *number).then_some(Note::Expected(*number))
        }
    }
}
