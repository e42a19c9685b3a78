//! Which definition a name means, and what to write where it means several.

use std::rc::Rc;

use super::Fault;
use crate::binary::{self, Binary, Candidate, Key, Kind, Result, Type, Wanted};

/// A definition among several that a name may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// `struct a::conn, src/net.cc`
    pub described: String,
    /// What names this one alone; nothing where no words do.
    pub written: Option<String>,
}

/// The definition that each name means.
pub(super) fn find(
    binary: &Binary<'_>,
    wanted: &[Wanted],
) -> std::result::Result<Vec<Key>, Vec<Fault>> {
    let found = binary.find(wanted).map_err(|error| vec![error.into()])?;
    let mut keys = Vec::new();
    let mut faults = Vec::new();
    for (wanted, candidates) in wanted.iter().zip(found) {
        match choose(binary, wanted, candidates) {
            Ok(key) => keys.push(key),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(keys) } else { Err(faults) }
}

fn choose(
    binary: &Binary<'_>,
    wanted: &Wanted,
    mut candidates: Vec<Candidate>,
) -> std::result::Result<Key, Fault> {
    let was_found = !candidates.is_empty();
    candidates.retain(|it| !it.is_declaration);
    let all = candidates.clone();
    prefer(wanted, &mut candidates);
    let Some(first) = candidates.first() else {
        if was_found {
            return Err(Fault::OnlyDeclared(wanted.clone()));
        }
        return Err(absent(binary, wanted)?);
    };
    let all = shaped(binary, all)?;
    let is_meant = |shape: &usize| {
        let of_shape = all.iter().filter(|(_, it)| it == shape);
        of_shape.into_iter().any(|(it, _)| candidates.contains(it))
    };
    let count = all.iter().map(|(_, shape)| shape + 1).max().unwrap_or(0);
    let shapes: Vec<usize> = (0..count).filter(is_meant).collect();
    if shapes.len() > 1 {
        let shapes = shapes.into_iter().filter_map(|shape| definition(wanted, &all, shape));
        return Err(Fault::Ambiguous(wanted.clone(), shapes.collect()));
    }
    Ok(first.key)
}

/// Leaves those that a name means first of all.
fn prefer(wanted: &Wanted, candidates: &mut Vec<Candidate>) {
    // `typedef struct page page`: one of the two will do. A struct is what people mean by a name alone.
    let has_own = candidates.iter().any(|it| it.kind != Kind::Typedef);
    if wanted.kind.is_none() && has_own {
        candidates.retain(|it| it.kind != Kind::Typedef);
    }
    let is_composite = |it: &Candidate| matches!(it.kind, Kind::Struct | Kind::Union);
    if wanted.kind.is_none() && candidates.iter().any(is_composite) {
        candidates.retain(is_composite);
    }
    if candidates.iter().any(|it| it.name == wanted.name) {
        candidates.retain(|it| it.name == wanted.name);
    }
}

/// Each with the number of its shape: those that look the same have one.
fn shaped(binary: &Binary<'_>, candidates: Vec<Candidate>) -> Result<Vec<(Candidate, usize)>> {
    let mut shapes: Vec<Rc<Type>> = Vec::new();
    let mut shaped = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let (_, ty, _) = binary.behind_typedefs(candidate.key)?;
        let known = shapes.iter().position(|known| is_same(known, &ty));
        shaped.push((candidate, known.unwrap_or(shapes.len())));
        if known.is_none() {
            shapes.push(ty);
        }
    }
    Ok(shaped)
}

/// The first definition of a shape, and the shortest words that mean no other one.
fn definition(wanted: &Wanted, all: &[(Candidate, usize)], shape: usize) -> Option<Definition> {
    let mut of_shape = all.iter().filter(|(_, it)| *it == shape).map(|(candidate, _)| candidate);
    let first = of_shape.next()?;
    let described = format!("{} {}, {}", first.kind.word(), first.name, first.place);
    let written = ways(wanted, first).into_iter().find(|way| {
        let is_meant = |(it, _): &&(Candidate, usize)| {
            way.accepts(it.kind, &it.name) && way.accepts_place(&it.place)
        };
        let mut meant: Vec<Candidate> =
            all.iter().filter(is_meant).map(|(candidate, _)| candidate.clone()).collect();
        prefer(way, &mut meant);
        let shape_of = |it: &Candidate| all.iter().find(|(other, _)| other == it).map(|it| it.1);
        !meant.is_empty() && meant.iter().all(|it| shape_of(it) == Some(shape))
    });
    Some(Definition { described, written: written.map(|way| way.to_string()) })
}

/// Words for a definition, the shortest first.
fn ways(wanted: &Wanted, candidate: &Candidate) -> Vec<Wanted> {
    let place = candidate.place.strip_prefix("type ").unwrap_or(&candidate.place);
    let mut ways = Vec::new();
    for place in [None, Some(place.to_owned())] {
        for name in [&wanted.name, &candidate.name] {
            for kind in [None, Some(candidate.kind)] {
                ways.push(Wanted { kind, name: name.clone(), place: place.clone() });
            }
        }
    }
    ways
}

/// Why nothing is found: it is elsewhere, is of another kind, or is called otherwise.
fn absent(binary: &Binary<'_>, wanted: &Wanted) -> Result<Fault> {
    let anywhere = Wanted { kind: None, place: None, ..wanted.clone() };
    let found = binary.find(std::slice::from_ref(&anywhere))?;
    let mut elsewhere: Vec<Candidate> = found.into_iter().flatten().collect();
    elsewhere.retain(|it| !it.is_declaration);
    if elsewhere.is_empty() || anywhere == *wanted {
        return Ok(Fault::Absent(wanted.clone(), binary.near(&wanted.name)?));
    }
    let all = shaped(binary, elsewhere)?;
    let count = all.iter().map(|(_, shape)| shape + 1).max().unwrap_or(0);
    let shapes = (0..count).filter_map(|shape| definition(&anywhere, &all, shape)).collect();
    Ok(Fault::Elsewhere(wanted.clone(), shapes))
}

/// Whether two types of one name look the same from outside: sizes, members and their places.
pub(super) fn is_same(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Composite(left), Type::Composite(right)) => {
            let same = |(left, right): (&binary::Member, &binary::Member)| {
                (&left.name, left.bit_offset, left.bits)
                    == (&right.name, right.bit_offset, right.bits)
            };
            (&left.name, left.size, left.union, left.members.len())
                == (&right.name, right.size, right.union, right.members.len())
                && left.members.iter().zip(&right.members).all(same)
        }
        (Type::Enum(left), Type::Enum(right)) => left == right,
        _ => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}
