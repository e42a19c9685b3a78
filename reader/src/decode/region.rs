//! Where decoding begins: the bytes of a region, as one value of its type or as many.

use super::plan::{Kind, Shape};
use super::sink::{Hints, Note, Sink};
use super::source::{STEP, Source};
use super::walk::Decoder;

/// How the bytes of a region are values of its type.
enum Region {
    /// One value.
    One,
    /// Elements of a type and their size, so many, and bytes behind them.
    Many { element: u32, size: u64, count: u64, trailing: u64 },
}

impl Decoder<'_> {
    /// Tells `sink` one value: `bytes` as the type with the id `type_id`. `address` is where they lie; without
    /// it, circles that lead back here are found only when they have been gone round once.
    ///
    /// Bytes of several values of the type are an array; a type of no length takes all bytes; without a
    /// type, or with one that is not known, they are bytes.
    pub fn entry<S: Sink + ?Sized>(
        &mut self,
        type_id: u32,
        address: Option<u64>,
        bytes: &[u8],
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.begin();
        if let Some(address) = address {
            self.enter_region(address, self.plan.shape(type_id));
        }
        let source = Source::new(bytes, address);
        self.region_value(type_id, source, bytes.len() as u64, sink)
    }

    /// The same for `length` bytes of memory at `address`. Parts of it that are not there are notes; large
    /// arrays are read piece by piece.
    pub fn region<S: Sink + ?Sized>(
        &mut self,
        type_id: u32,
        address: u64,
        length: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.begin();
        let plan = self.plan;
        let shape = plan.shape(type_id);
        self.enter_region(address, shape);
        let region = self.divide(type_id, shape, length);
        if let Region::Many { element, size, count, trailing } = region
            && length > STEP as u64
            && !is_one_of(shape, count)
        {
            sink.begin_array()?;
            let runs = [(0, count)];
            self.elements_at(element, size, address, &runs, Hints::default(), sink)?;
            if trailing > 0 && self.stopped.is_none() {
                sink.note(Note::Trailing(trailing))?;
            }
            return sink.end_array();
        }
        let wanted = match shape.kind {
            _ if matches!(region, Region::Many { .. }) => length,
            // Nobody sees more of it.
            Kind::Text | Kind::Void | Kind::Function | Kind::Opaque(_) => {
                length.min(self.budget.text.saturating_add(1))
            }
            _ => length,
        };
        let mut fetched = self.pool.pop().unwrap_or_default();
        fetched.read(self.regions, address, wanted, &mut self.bytes_left);
        if fetched.is_empty() && length > 0 {
            let end = fetched.end();
            self.pool.push(fetched);
            return sink.note(end);
        }
        let mut source = fetched.source();
        if source.bytes.len() as u64 == length {
            source.end = Note::Short;
        }
        self.region_value(type_id, source, length, sink)?;
        self.pool.push(fetched);
        Ok(())
    }

    /// What lies in other memory than pointers lead into, no pointer leads back to.
    fn enter_region(&mut self, address: u64, shape: Shape) {
        if !self.is_apart {
            self.path.push((address, shape));
        }
    }

    /// How `length` bytes are divided into values.
    fn divide(&self, type_id: u32, shape: Shape, length: u64) -> Region {
        let many = |element: u32, size: u64| match length.checked_div(size) {
            Some(count) => Region::Many { element, size, count, trailing: length % size },
            None => Region::One,
        };
        match shape.kind {
            Kind::Array(element) if shape.size == 0 => many(element, self.plan.shape(element).size),
            _ if length > shape.size && !self.is_flexible(shape) => many(type_id, shape.size),
            _ => Region::One,
        }
    }

    fn region_value<S: Sink + ?Sized>(
        &mut self,
        type_id: u32,
        source: Source<'_>,
        length: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let plan = self.plan;
        let shape = plan.shape(type_id);
        let hints = Hints::default();
        let (element, size, count, trailing) = match self.divide(type_id, shape, length) {
            Region::Many { element, size, count, trailing } => (element, size, count, trailing),
            Region::One if shape.size == 0 => match shape.kind {
                Kind::Text => return self.text(source, None, sink),
                // Nothing but members without bytes.
                Kind::Composite(_) => return self.value(shape, hints, source, None, sink),
                kind => return self.unknown(kind, source, sink),
            },
            Region::One => return self.value(shape, hints, source, None, sink),
        };
        if is_one_of(shape, count) {
            sink.begin_noted(Note::Trailing(trailing))?;
            self.value(shape, hints, source, None, sink)?;
            return sink.end_noted();
        }
        sink.begin_array()?;
        let shape = plan.shape(element);
        self.elements(shape, size, source, &[(0, count)], hints, None, sink)?;
        if trailing > 0 && self.stopped.is_none() {
            sink.note(Note::Trailing(trailing))?;
        }
        sink.end_array()
    }

    /// Whether a struct ends with an array of no declared length.
    fn is_flexible(&self, shape: Shape) -> bool {
        let mut shape = shape;
        for _ in 0..8 {
            let Some(composite) = shape.composite().and_then(|index| self.plan.composite(index))
            else {
                break;
            };
            let Some(last) = self.plan.members_of(composite).last() else { break };
            if last.shape.size == 0 && matches!(last.shape.kind, Kind::Array(_) | Kind::Text) {
                return true;
            }
            shape = last.shape;
        }
        false
    }
}

/// Whether the values of a region are a single one of its own type, with bytes behind it.
fn is_one_of(shape: Shape, count: u64) -> bool {
    count == 1 && shape.size > 0
}
