//! Many regions in few ranges: knows [`Range`]s in ascending order and nothing of owners.
//!
//! N ranges that cover everything, with the least of the holes in them, leave out N - 1 holes: of those
//! between the first byte and the last, any N - 1 may be chosen, each choice gives one cover, and its waste
//! is the sum of the others. So the largest N - 1 are the best choice, and no cover with as many ranges
//! is better. They are found in one pass with a heap of N - 1 holes that stands in the caller's output.

use core::cmp::Reverse;
use core::fmt;

use super::Range;

/// What [`coalesce`](super::RegionSet::coalesce) made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalesced<'o> {
    /// The ranges, ascending, none adjacent to the next: the used part of the output.
    pub ranges: &'o [Range],
    /// Bytes of holes in them: what is covered without being in any region.
    pub waste: u128,
}

/// There are regions to cover and no range is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRanges;

impl fmt::Display for NoRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no range at all cannot cover regions: give the output room for at least one")
    }
}

impl core::error::Error for NoRanges {}

/// Takes ranges ascending and without overlap.
pub(super) fn coalesce(
    mut regions: impl Iterator<Item = Range>,
    out: &mut [Range],
) -> Result<Coalesced<'_>, NoRanges> {
    let Some(mut whole) = regions.next() else {
        return Ok(Coalesced { ranges: &[], waste: 0 });
    };
    let Some(most_holes) = out.len().checked_sub(1) else { return Err(NoRanges) };
    let (mut holes, mut waste) = (0, 0);
    for region in regions {
        if let Some(hole) = hole_between(whole, region) {
            waste += hole.bytes();
            if holes < most_holes {
                out[holes] = hole;
                holes += 1;
                sift_up(&mut out[..holes]);
            } else if most_holes > 0 && rank(out[0]) < rank(hole) {
                out[0] = hole;
                sift_down(&mut out[..holes]);
            }
        }
        whole = join(whole, region);
    }
    waste -= out[..holes].iter().map(|hole| hole.bytes()).sum::<u128>();
    out[..holes].sort_unstable();
    turn_inside_out(whole, &mut out[..=holes]);
    Ok(Coalesced { ranges: &out[..=holes], waste })
}

fn hole_between(below: Range, above: Range) -> Option<Range> {
    Range::ALL.above(below.last())?.below(above.first())
}

fn join(below: Range, above: Range) -> Range {
    Range { first: below.first(), last: above.last() }
}

/// What is left out first: the larger, and of two as large the lower, so that the result is always the
/// same.
fn rank(hole: Range) -> (u128, Reverse<Range>) {
    (hole.bytes(), Reverse(hole))
}

/// Moves the last element of a heap with the least on top to where it belongs.
fn sift_up(heap: &mut [Range]) {
    let mut child = heap.len() - 1;
    while child > 0 {
        let parent = (child - 1) / 2;
        if rank(heap[parent]) <= rank(heap[child]) {
            return;
        }
        heap.swap(parent, child);
        child = parent;
    }
}

/// Moves the first element of a heap with the least on top to where it belongs.
fn sift_down(heap: &mut [Range]) {
    let mut parent = 0;
    loop {
        let children = 2 * parent + 1..(2 * parent + 3).min(heap.len());
        let Some(least) = children.min_by_key(|child| rank(heap[*child])) else { return };
        if rank(heap[parent]) <= rank(heap[least]) {
            return;
        }
        heap.swap(parent, least);
        parent = least;
    }
}

/// Holes in ascending order, and one element more, become what lies around them.
fn turn_inside_out(whole: Range, out: &mut [Range]) {
    let holes = out.len() - 1;
    let mut first = whole.first();
    for range in &mut out[..holes] {
        // A hole lies between regions, so that there is a byte on both sides of it.
        let (hole, begin) = (*range, first);
        *range = Range { first: begin, last: super::Address(hole.first().0 - 1) };
        first = super::Address(hole.last().0 + 1);
    }
    out[holes] = Range { first, last: whole.last() };
}
