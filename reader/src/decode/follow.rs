//! What leads out of the bytes of a struct: pointers, texts behind them, lists, and elements in memory.

use std::collections::HashSet;

use super::plan::{Kind, List, Shape};
use super::sink::{Hints, Limit, Note, Scalar, Sink};
use super::source::{STEP, Source};
use super::special::runs;
use super::walk::Decoder;

/// Bytes that are read at once of a text whose length nobody knows. Steps end where a multiple of this begins,
/// so that none crosses into a page that need not be there.
const TEXT_STEP: u64 = 256;

/// What is known of a list while its elements are shown.
#[derive(Debug)]
pub(super) struct Listed {
    shape: Shape,
    /// The addresses of those that were shown, and of the one that is.
    elements: HashSet<u64>,
    /// The address of the one behind it.
    next: u64,
}

impl Decoder<'_> {
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
        if is_links || shape.size == 0 || self.is_listed(address, shape) {
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

    /// Whether a list shows what lies at an address: its elements point at one another, and each of
    /// them would show all that follow once more.
    fn is_listed(&self, address: u64, shape: Shape) -> bool {
        let shows = |it: &Listed| it.next == address || it.elements.contains(&address);
        self.lists.iter().any(|it| it.shape == shape && shows(it))
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
    pub(super) fn counted_pointer<S: Sink + ?Sized>(
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

    /// Elements in the memory of what is being shown, in runs of a first one and a number; they are read piece by piece. Where they
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
                fetched.read(self.here(), here, bytes, &mut self.bytes_left);
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
    pub(super) fn text_at<S: Sink + ?Sized>(
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

    /// What hangs on a list head.
    pub(super) fn list<S: Sink + ?Sized>(
        &mut self,
        list: &List,
        head: Source<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        // No pointer leads back to a head in other memory.
        let place = head.address.filter(|_| !self.is_apart || self.depth > 0);
        let word = u64::from(self.plan.word_size);
        let first = head.number(list.head_offset, word, self.plan.order);
        let first = match first {
            Ok(first) => first,
            Err(note) => return sink.note(note),
        };
        if self.depth >= self.budget.depth {
            let is_empty = first == 0 || Some(first) == place;
            if !is_empty {
                let note = Note::Budget(Limit::Depth);
                return self.noted_address(note, first, Hints::default(), sink);
            }
        }
        if !self.enter() {
            return sink.note(Note::Budget(Limit::Nesting));
        }
        sink.begin_array()?;
        let shape = self.plan.shape(list.element);
        self.lists.push(Listed { shape, elements: HashSet::new(), next: 0 });
        self.list_elements(list, first, place, sink)?;
        self.lists.pop();
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
        let shape = self.plan.shape(list.element);
        let element_of = |link: u64| match list.leads_to_element {
            true => link,
            false => link.wrapping_sub(list.link_offset) & mask,
        };
        let mut count = 0;
        let mut link = first;
        // Where pointers lead to elements, none leads back to the head.
        while link != 0 && (list.leads_to_element || Some(link) != head) {
            let element = element_of(link);
            let Some(listed) = self.lists.last_mut() else { return Ok(()) };
            if !listed.elements.insert(element) {
                // Elements that hold the only pointers have no head to come back to.
                if link != first {
                    sink.note(Note::Cycle(link))?;
                }
                return Ok(());
            }
            count += 1;
            if count > self.budget.elements {
                return sink.note(Note::Budget(Limit::Elements));
            }
            if let Err(limit) = self.may_go_on() {
                return sink.note(Note::Budget(limit));
            }
            let pointer = element.wrapping_add(list.link_offset).wrapping_add(list.next_offset);
            let next = self.word_at(pointer & mask);
            if let Some(listed) = self.lists.last_mut() {
                listed.next = next.map_or(0, element_of);
            }
            if self.path.contains(&(element, shape)) {
                sink.note(Note::Cycle(element))?;
            } else {
                self.target(list.element, element, sink)?;
            }
            link = match next {
                Ok(next) => next,
                // The element itself has said so, if it was not there.
                Err(note) => return sink.note(note),
            };
        }
        Ok(())
    }

    /// The pointer at an address.
    fn word_at(&mut self, address: u64) -> Result<u64, Note> {
        let word = u64::from(self.plan.word_size);
        let mut fetched = self.pool.pop().unwrap_or_default();
        fetched.read(self.memory, address, word, &mut self.bytes_left);
        let found = fetched.source().number(0, word, self.plan.order);
        self.pool.push(fetched);
        found
    }
}
