//! What leads out of the bytes of a struct (pointers, lists, strings), and members that tags make special
//! (counts, rings, tagged unions, sensitive ones).

use std::collections::HashSet;

use super::plan::{Composite, Count, Expected, Extra, Kind, List, Member, Shape, Tag};
use super::sink::{Hints, Limit, Note, Scalar, Sink};
use super::source::{Frame, STEP, Source};
use super::walk::Decoder;

/// Bytes that are read at once of a text whose length nobody knows. Steps end where a multiple of this begins,
/// so that none crosses into a page that need not be there.
const TEXT_STEP: u64 = 256;

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
                match source.number(member.shape.size, plan.order) {
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

    /// A pointer without a count.
    pub(super) fn pointer<S: Sink + ?Sized>(
        &mut self,
        target: u32,
        address: u64,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if address == 0 {
            return sink.scalar(Scalar::Null, hints);
        }
        let shape = self.plan.shape(target);
        if shape.kind == Kind::Char {
            return self.c_string(address, hints, sink);
        }
        let is_links = match shape.kind {
            Kind::Composite(index) => {
                self.plan.composite(index).is_none_or(|composite| composite.is_links)
            }
            Kind::Void | Kind::Function | Kind::Absent | Kind::Opaque(_) => true,
            _ => shape.size == 0,
        };
        if is_links || shape.size == 0 {
            return sink.scalar(Scalar::Address(address), hints);
        }
        if let Some(note) = self.closed(address, shape) {
            return match note {
                Note::Cycle(_) => sink.note(note),
                note => self.noted_address(note, address, hints, sink),
            };
        }
        self.target(target, address, sink)
    }

    /// Why a target is not entered.
    fn closed(&self, address: u64, shape: Shape) -> Option<Note> {
        if self.path.contains(&(address, shape)) {
            return Some(Note::Cycle(address));
        }
        (self.depth >= self.budget.depth).then_some(Note::Budget(Limit::Depth))
    }

    fn noted_address<S: Sink + ?Sized>(
        &mut self,
        note: Note,
        address: u64,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        sink.begin_noted(note)?;
        sink.scalar(Scalar::Address(address), hints)?;
        sink.end_noted()
    }

    /// What lies at an address, one level deeper.
    fn target<S: Sink + ?Sized>(
        &mut self,
        type_id: u32,
        address: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        let shape = self.plan.shape(type_id);
        let mut fetched = self.pool.pop().unwrap_or_default();
        fetched.read(self.memory, address, shape.size, &mut self.bytes_left);
        if fetched.is_empty() {
            sink.note(fetched.end())?;
        } else {
            self.depth += 1;
            self.path.push((address, shape));
            sink.begin_at(address)?;
            self.value(shape, Hints::default(), fetched.source(), None, sink)?;
            sink.end_at()?;
            self.path.pop();
            self.depth -= 1;
        }
        self.pool.push(fetched);
        self.leave();
        Ok(())
    }

    /// `count` elements at a pointer.
    fn counted_pointer<S: Sink + ?Sized>(
        &mut self,
        target: u32,
        address: u64,
        count: u64,
        start: Option<i128>,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if address == 0 {
            return sink.scalar(Scalar::Null, hints);
        }
        let shape = self.plan.shape(target);
        if shape.kind == Kind::Char && self.budget.depth > 0 {
            sink.begin_at(address)?;
            self.text_at(address, count, sink)?;
            return sink.end_at();
        }
        if shape.size == 0 {
            return sink.scalar(Scalar::Address(address), hints);
        }
        if self.depth >= self.budget.depth {
            return self.noted_address(Note::Budget(Limit::Depth), address, hints, sink);
        }
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        self.depth += 1;
        sink.begin_at(address)?;
        sink.begin_array()?;
        let runs = runs(count, count, start);
        self.elements_at(target, shape.size, address, &runs, hints, sink)?;
        sink.end_array()?;
        sink.end_at()?;
        self.depth -= 1;
        self.leave();
        Ok(())
    }

    /// Elements in memory, in runs of a first one and a number; they are read piece by piece. Where they
    /// begin and end as an array is the caller's to say.
    pub(super) fn elements_at<S: Sink + ?Sized>(
        &mut self,
        type_id: u32,
        size: u64,
        address: u64,
        runs: &[(u64, u64)],
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let shape = self.plan.shape(type_id);
        let step = (STEP as u64).checked_div(size).unwrap_or(1).max(1);
        let mut fetched = self.pool.pop().unwrap_or_default();
        let mut left = self.budget.elements;
        'all: for (first, count) in runs {
            let mut index = *first;
            let end = first.saturating_add(*count);
            while index < end {
                let count = step.min(end - index);
                let shown = count.min(left);
                let here = address.wrapping_add(index.wrapping_mul(size));
                let bytes = shown.saturating_mul(size);
                fetched.read(self.memory, here, bytes, &mut self.bytes_left);
                let source = fetched.source();
                let whole = source.bytes.len() as u64 >= bytes;
                self.elements(shape, size, source, &[(0, shown)], hints, None, sink)?;
                left -= shown;
                if shown < count && self.stopped.is_none() {
                    sink.note(Note::Budget(Limit::Elements))?;
                    break 'all;
                }
                if !whole || self.stopped.is_some() {
                    break 'all;
                }
                index += count;
            }
        }
        self.pool.push(fetched);
        Ok(())
    }

    /// Text of a known length in memory.
    fn text_at<S: Sink + ?Sized>(
        &mut self,
        address: u64,
        count: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let wanted = count.min(self.budget.text.saturating_add(1));
        let mut fetched = self.pool.pop().unwrap_or_default();
        fetched.read(self.memory, address, wanted, &mut self.bytes_left);
        self.text(fetched.source(), Some(wanted), sink)?;
        self.pool.push(fetched);
        Ok(())
    }

    /// Text up to its NUL.
    fn c_string<S: Sink + ?Sized>(
        &mut self,
        address: u64,
        hints: Hints<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.budget.depth == 0 {
            return self.noted_address(Note::Budget(Limit::Depth), address, hints, sink);
        }
        let mut text = Vec::new();
        let mut fetched = self.pool.pop().unwrap_or_default();
        let mut note = None;
        loop {
            if text.len() as u64 > self.budget.text {
                break;
            }
            let here = address.wrapping_add(text.len() as u64);
            let step = TEXT_STEP - here % TEXT_STEP;
            fetched.read(self.memory, here, step, &mut self.bytes_left);
            let (bytes, missing) = fetched.source().readable(step);
            let end = bytes.iter().position(|byte| *byte == 0);
            text.extend_from_slice(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes));
            if end.is_some() {
                break;
            }
            if missing.is_some() {
                note = missing;
                break;
            }
        }
        self.pool.push(fetched);
        if let (true, Some(note)) = (text.is_empty(), note) {
            return sink.note(note);
        }
        sink.begin_at(address)?;
        self.run(Scalar::Text, &text, note, hints, sink)?;
        sink.end_at()
    }

    /// A reference into the table's strings.
    fn string<S: Sink + ?Sized>(
        &mut self,
        source: Source<'_>,
        member: &Member,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let offset = match source.number(member.shape.size, self.plan.order) {
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

    /// What hangs on a list head.
    fn list<S: Sink + ?Sized>(
        &mut self,
        list: &List,
        head: Source<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let word = u64::from(self.plan.word_size);
        let first = head.part(list.head_offset, word).number(word, self.plan.order);
        let first = match first {
            Ok(first) => first,
            Err(note) => return sink.note(note),
        };
        if self.depth >= self.budget.depth {
            let is_empty = first == 0 || Some(first) == head.address;
            if !is_empty {
                let note = Note::Budget(Limit::Depth);
                return self.noted_address(note, first, Hints::default(), sink);
            }
        }
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        sink.begin_array()?;
        self.list_elements(list, first, head.address, sink)?;
        self.leave();
        sink.end_array()
    }

    fn list_elements<S: Sink + ?Sized>(
        &mut self,
        list: &List,
        first: u64,
        head: Option<u64>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let mask = if self.plan.word_size == 4 { u64::from(u32::MAX) } else { u64::MAX };
        let mut seen = HashSet::new();
        let mut link = first;
        let shape = self.plan.shape(list.element);
        // Where pointers lead to elements, none leads back to the head.
        while link != 0 && (list.leads_to_element || Some(link) != head) {
            if !seen.insert(link) {
                // Elements that hold the only pointers have no head to come back to.
                if link != first {
                    sink.note(Note::Cycle(link))?;
                }
                return Ok(());
            }
            if seen.len() as u64 > self.budget.elements {
                return sink.note(Note::Budget(Limit::Elements));
            }
            if let Err(limit) = self.may_go_on() {
                return sink.note(Note::Budget(limit));
            }
            let element = match list.leads_to_element {
                true => link,
                false => link.wrapping_sub(list.link_offset) & mask,
            };
            if self.path.contains(&(element, shape)) {
                sink.note(Note::Cycle(element))?;
            } else {
                self.target(list.element, element, sink)?;
            }
            let pointer = element.wrapping_add(list.link_offset).wrapping_add(list.next_offset);
            let word = u64::from(self.plan.word_size);
            let mut fetched = self.pool.pop().unwrap_or_default();
            fetched.read(self.memory, pointer & mask, word, &mut self.bytes_left);
            let next = fetched.source().number(word, self.plan.order);
            self.pool.push(fetched);
            link = match next {
                Ok(next) => next,
                // The element itself has said so, if it was not there.
                Err(note) => return sink.note(note),
            };
        }
        Ok(())
    }
}

/// In which order the elements of a ring are shown: the valid ones, which end before the place where the next
/// one goes.
fn runs(valid: u64, capacity: u64, next: Option<i128>) -> [(u64, u64); 2] {
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
