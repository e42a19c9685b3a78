//! Order: which aggregate holds which by value, in what order they are laid out, and where that is a circle.
//!
//! Walks with explicit stacks: a chain of a hundred thousand structs is legal input.

use super::layout::{self, Fault};
use super::{Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic};
use crate::model::{AggregateId, AggregateKind, Layouts, Pointee, Target, Type, Width};
use crate::source::Span;

/// How far the walk has come with an aggregate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unvisited,
    Open,
    Closed,
}

/// The aggregate that a field holds by value, if it holds one.
pub(super) fn held(ty: &Type) -> Option<AggregateId> {
    match ty {
        Type::Aggregate(id) => Some(*id),
        Type::Array(element, _) | Type::Flexible(element) => held(element),
        _ => None,
    }
}

impl Checker<'_> {
    /// Every aggregate behind those it holds by value; circles are reported.
    pub(super) fn order_types(&mut self) -> Vec<AggregateId> {
        let count = self.built.len();
        let mut marks = vec![Mark::Unvisited; count];
        let mut order = Vec::with_capacity(count);
        for root in 0..count {
            if marks[root] != Mark::Unvisited {
                continue;
            }
            marks[root] = Mark::Open;
            let mut stack: Vec<(usize, usize)> = vec![(root, 0)];
            while let Some((top, next)) = stack.last_mut() {
                let Some(field) = self.built[*top].fields.get(*next) else {
                    marks[*top] = Mark::Closed;
                    order.push(AggregateId(*top as u32));
                    stack.pop();
                    continue;
                };
                *next += 1;
                let Some(inner) = held(&field.ty).map(AggregateId::index) else { continue };
                match marks[inner] {
                    Mark::Closed => {}
                    Mark::Unvisited => {
                        marks[inner] = Mark::Open;
                        stack.push((inner, 0));
                    }
                    Mark::Open => {
                        let way: Vec<(usize, usize)> =
                            stack.iter().map(|(id, next)| (*id, next - 1)).collect();
                        self.report_circle(&way, inner);
                    }
                }
            }
        }
        self.check_schema_circles();
        order
    }

    /// `way` leads from the root to the field that closes the circle at `start`.
    fn report_circle(&mut self, way: &[(usize, usize)], start: usize) {
        let from = way.iter().position(|(id, _)| *id == start).unwrap_or(0);
        let circle = &way[from..];
        let owner = &self.built[start];
        let message = format!("`{}` contains itself by value", owner.naming.name);
        let mut diagnostic = Diagnostic::new(Code::E0301, owner.naming.origin, message)
            .help("a pointer ends the circle: `*T`");
        for (id, field) in circle.iter().take(8) {
            let field = &self.built[*id].fields[*field];
            diagnostic = diagnostic.also(field.origin, "through this field");
        }
        for (id, _) in circle {
            self.aggregates[*id].broken = true;
        }
        self.push(diagnostic);
    }

    /// Schemas whose types hold each other's by value would need headers that include each other.
    fn check_schema_circles(&mut self) {
        let edges = self.value_edges();
        let count = self.schemas.len();
        let mut marks = vec![Mark::Unvisited; count];
        for root in 0..count {
            if marks[root] != Mark::Unvisited {
                continue;
            }
            marks[root] = Mark::Open;
            let mut stack: Vec<(SchemaIndex, usize)> = vec![(root, 0)];
            while let Some((top, next)) = stack.last_mut() {
                let Some(&(inner, span)) = edges[*top].get(*next) else {
                    marks[*top] = Mark::Closed;
                    stack.pop();
                    continue;
                };
                *next += 1;
                match marks[inner] {
                    Mark::Closed => {}
                    Mark::Unvisited => {
                        marks[inner] = Mark::Open;
                        stack.push((inner, 0));
                    }
                    Mark::Open => {
                        let back = edges[inner].iter().find(|(to, _)| marks[*to] == Mark::Open);
                        let message = format!(
                            "`{}` and `{}` need each other by value",
                            self.schemas[*top].name, self.schemas[inner].name
                        );
                        let mut diagnostic = Diagnostic::new(Code::E0311, span, message)
                            .help("move the types into one schema, or point: `*T`");
                        if let Some((_, back)) = back {
                            diagnostic = diagnostic.also(*back, "and the other way here");
                        }
                        self.diagnostics.push(diagnostic);
                    }
                }
            }
        }
    }

    /// For each schema the other schemas whose types it holds by value, each with the first field that does.
    fn value_edges(&self) -> Vec<Vec<(SchemaIndex, Span)>> {
        let mut edges: Vec<Vec<(SchemaIndex, Span)>> = vec![Vec::new(); self.schemas.len()];
        for (declaration, aggregate) in self.aggregates.iter().zip(&self.built) {
            let is_extern =
                !matches!(aggregate.kind, AggregateKind::Struct | AggregateKind::Record);
            for field in aggregate.fields.iter().filter(|_| !is_extern) {
                let Some(owner) = self.value_owner(&field.ty) else { continue };
                let list = &mut edges[declaration.schema];
                if owner != declaration.schema && list.iter().all(|(to, _)| *to != owner) {
                    list.push((owner, field.origin));
                }
            }
        }
        edges
    }

    fn value_owner(&self, ty: &Type) -> Option<SchemaIndex> {
        match ty {
            Type::Aggregate(id) => Some(self.aggregates[id.index()].schema),
            Type::Enum(id) => Some(self.enums[id.index()].schema),
            Type::Flags(id) => Some(self.flags[id.index()].schema),
            Type::Array(element, _) | Type::Flexible(element) => self.value_owner(element),
            Type::Pointer(pointee) => match &**pointee {
                // C cannot declare an enum or a typedef forward, so a pointer to one needs its header too.
                Pointee::Type(ty @ (Type::Enum(_) | Type::Flags(_))) => self.value_owner(ty),
                _ => None,
            },
            _ => None,
        }
    }

    /// Lays out every aggregate for every target, in the given order.
    pub(super) fn lay_out(&mut self, order: &[AggregateId]) {
        for &id in order {
            self.settle_shape(id);
            self.place_offsets(id);
            let layouts = self.layouts_of(id);
            self.built[id.index()].layouts = layouts;
            self.check_record(id);
        }
    }

    /// What follows from the fields: whether the type grows at its end, and whether targets differ on it.
    fn settle_shape(&mut self, id: AggregateId) {
        let aggregate = &self.built[id.index()];
        let target_dependent =
            aggregate.fields.iter().any(|field| self.depends_on_target(&field.ty));
        let flexible = aggregate.fields.iter().any(|field| match &field.ty {
            Type::Flexible(_) => true,
            Type::Aggregate(inner) => self.built[inner.index()].flexible,
            _ => false,
        });
        for field in &aggregate.fields {
            let nested = held(&field.ty).filter(|inner| self.built[inner.index()].flexible);
            if nested.is_some()
                && matches!(aggregate.kind, AggregateKind::Struct | AggregateKind::Record)
            {
                let diagnostic = Diagnostic::new(
                    Code::E0303,
                    field.origin,
                    "a struct with a flexible array cannot stand inside another type",
                )
                .help("point at it: `*T`");
                self.diagnostics.push(diagnostic);
            }
        }
        let aggregate = &mut self.built[id.index()];
        aggregate.target_dependent = target_dependent;
        aggregate.flexible = flexible;
    }

    fn depends_on_target(&self, ty: &Type) -> bool {
        match ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => scalar.width() == Width::Word,
            Type::Pointer(_) | Type::Opaque => true,
            Type::Array(element, _) | Type::Flexible(element) => self.depends_on_target(element),
            Type::Aggregate(id) => self.built[id.index()].target_dependent,
            Type::Enum(id) => self.enums[id.index()].repr.is_none(),
            Type::Text(_) | Type::Bytes(_) | Type::String | Type::Flags(_) => false,
        }
    }

    fn layouts_of(&mut self, id: AggregateId) -> Option<Layouts> {
        let aggregate = &self.built[id.index()];
        let captured = !matches!(aggregate.kind, AggregateKind::Struct | AggregateKind::Record);
        if captured || self.aggregates[id.index()].broken {
            return None;
        }
        let types = self.known_types();
        let mut layouts = Layouts { distinct: Vec::new(), by_target: [0; Target::COUNT] };
        for target in Target::all() {
            let twin = target.layout_twin();
            if twin != target {
                layouts.by_target[target.index()] = layouts.by_target[twin.index()];
                continue;
            }
            match layout::aggregate_layout(&types, aggregate, target) {
                Ok(layout) => {
                    let known = layouts.distinct.iter().position(|other| *other == layout);
                    let position = known.unwrap_or_else(|| {
                        layouts.distinct.push(layout);
                        layouts.distinct.len() - 1
                    });
                    layouts.by_target[target.index()] = position as u8;
                }
                Err(Fault::Unknown) => return None,
                Err(Fault::TooLarge(field)) => {
                    let origin =
                        aggregate.fields.get(field).map_or(aggregate.naming.origin, |f| f.origin);
                    let message = format!(
                        "`{}` is larger than an object can be on {}",
                        aggregate.naming.name,
                        target.name()
                    );
                    self.push(
                        Diagnostic::new(Code::E0501, origin, message)
                            .help("2^31 bytes on 32-bit targets, 2^60 bytes on the others"),
                    );
                    return None;
                }
            }
        }
        Some(layouts)
    }

    /// Turns each `#[offset(n)]` into padding, or reports why it cannot be.
    fn place_offsets(&mut self, id: AggregateId) {
        let schema = self.aggregates[id.index()].schema;
        let syntax = self.aggregates[id.index()].syntax.clone();
        let mut wanted = Vec::with_capacity(syntax.len());
        for field in &syntax {
            let range = (0, i128::from(u32::MAX));
            wanted.push(field.and_then(|field| {
                self.number_attribute(schema, &field.attributes, "offset", range)
            }));
        }
        if wanted.iter().all(Option::is_none) || self.aggregates[id.index()].broken {
            return;
        }
        let types = self.known_types();
        let offsets: Vec<Option<u64>> =
            wanted.iter().map(|wanted| wanted.map(|(offset, _)| offset as u64)).collect();
        match layout::gaps(&types, &self.built[id.index()], &offsets) {
            Ok(gaps) => {
                for (position, bytes) in gaps.into_iter().rev() {
                    let span =
                        wanted[position].map_or(self.built[id.index()].naming.origin, |w| w.1);
                    self.built[id.index()].fields.insert(position, layout::padding(bytes, span));
                    self.aggregates[id.index()].syntax.insert(position, None);
                }
                self.renumber_inline(id);
            }
            Err(layout::Misplaced { position, why }) => {
                self.aggregates[id.index()].broken = true;
                if let (Some((_, span)), Some(message)) = (wanted[position], why) {
                    self.error(Code::E0502, span, message);
                }
            }
        }
    }

    /// Inline aggregates know whose field they are, by a position that padding has moved.
    fn renumber_inline(&mut self, id: AggregateId) {
        for position in 0..self.built[id.index()].fields.len() {
            let Some(inner) = held(&self.built[id.index()].fields[position].ty) else { continue };
            if let Some(parent) = &mut self.built[inner.index()].parent {
                *parent = (id, position);
            }
        }
    }

    /// A record's padding is written out: its bytes are the same on every target.
    fn check_record(&mut self, id: AggregateId) {
        let aggregate = &self.built[id.index()];
        if aggregate.kind != AggregateKind::Record {
            return;
        }
        // The strictest alignment is the one that every target can live with.
        let strict = Target::all().max_by_key(|target| target.info().align_8);
        let (Some(layouts), Some(strict)) = (&aggregate.layouts, strict) else { return };
        let layout = layouts.on(strict);
        let mut holes: Vec<(Span, u64, bool)> = Vec::new();
        if aggregate.union {
            for (field, placement) in aggregate.fields.iter().zip(&layout.fields) {
                if placement.size < layout.size {
                    holes.push((field.origin, layout.size - placement.size, true));
                }
            }
        } else {
            let mut end = 0;
            for (field, placement) in aggregate.fields.iter().zip(&layout.fields) {
                if placement.offset > end {
                    holes.push((field.origin, placement.offset - end, false));
                }
                end = placement.offset + placement.size;
            }
            if layout.size > end
                && let Some(last) = aggregate.fields.last()
            {
                holes.push((last.origin, layout.size - end, true));
            }
        }
        for (span, bytes, behind) in holes {
            let place = if behind { "behind" } else { "before" };
            let padding = match bytes {
                1 => "_: u8".to_owned(),
                2 => "_: u16".to_owned(),
                4 => "_: u32".to_owned(),
                _ => format!("_: bytes<{bytes}>"),
            };
            let message =
                format!("{bytes} bytes of padding {place} this field are not written out");
            let diagnostic = Diagnostic::new(Code::E0305, span, message)
                .help("a record has the same bytes on every target, and says all of them");
            let edit = Span { start: if behind { span.end } else { span.start }, ..span };
            let edit = if behind { edit } else { Span { end: span.start, ..edit } };
            let text = if behind { format!(", {padding}") } else { format!("{padding}, ") };
            self.push(diagnostic.suggest(format!("write `{padding}` {place} it"), edit, text));
        }
    }
}
