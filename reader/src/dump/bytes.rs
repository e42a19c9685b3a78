//! Addresses as sorted parts that neither overlap nor touch: what is allowed, merged, less what is
//! refused.

use std::collections::BTreeMap;

use inspect_format::walk::Reach;

/// Addresses from `start` up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first one.
    pub start: u64,
    /// The one behind the last; the very last address is in no part.
    pub end: u64,
}

/// Parts by their start.
#[derive(Clone, Debug, Default)]
pub struct Parts(BTreeMap<u64, u64>);

impl Part {
    /// `length` bytes at `address`, as far as the address space goes.
    #[must_use]
    pub fn new(address: u64, length: u64) -> Self {
        Self { start: address, end: address.saturating_add(length) }
    }

    /// How many bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

impl Parts {
    /// The union of all.
    #[must_use]
    pub fn union(mut all: Vec<Part>) -> Self {
        all.retain(|part| part.start < part.end);
        all.sort_unstable_by_key(|part| part.start);
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for part in all {
            match merged.last_mut() {
                Some((_, end)) if part.start <= *end => *end = (*end).max(part.end),
                _ => merged.push((part.start, part.end)),
            }
        }
        Self(merged.into_iter().collect())
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Part> {
        self.0.iter().map(|(start, end)| Part { start: *start, end: *end })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Takes addresses out.
    pub fn cut(&mut self, hole: Part) {
        if hole.start >= hole.end {
            return;
        }
        let touched = self.0.range(..hole.end).rev().take_while(|(_, end)| **end > hole.start);
        let touched: Vec<Part> =
            touched.map(|(start, end)| Part { start: *start, end: *end }).collect();
        for part in touched {
            self.0.remove(&part.start);
            if part.start < hole.start {
                self.0.insert(part.start, hole.start);
            }
            if part.end > hole.end {
                self.0.insert(hole.end, part.end);
            }
        }
    }

    /// Takes out what may belong to something that must not be seen.
    pub fn cut_reach(&mut self, reach: Reach) {
        if let Some(hole) = reach.hole(|address| self.end_of(address)) {
            self.cut(Part { start: hole.start, end: hole.end });
        }
    }

    /// Where the part ends that holds an address.
    #[must_use]
    pub fn end_of(&self, address: u64) -> Option<u64> {
        self.holding(address).map(|part| part.end)
    }

    /// How many addresses from `address` on are in one part.
    #[must_use]
    pub fn covered(&self, address: u64) -> u64 {
        self.holding(address).map_or(0, |part| part.end - address)
    }

    fn holding(&self, address: u64) -> Option<Part> {
        let (start, end) = self.0.range(..=address).next_back()?;
        (address < *end).then_some(Part { start: *start, end: *end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: u64, end: u64) -> Part {
        Part { start, end }
    }

    /// Against a set of bytes, for every hole in a few parts.
    #[test]
    fn parts_are_the_bytes_of_the_definition() {
        let all = [part(3, 9), part(1, 4), part(12, 20), part(20, 22), part(30, 30)];
        for start in 0..26 {
            for end in 0..26 {
                let mut parts = Parts::union(all.to_vec());
                parts.cut(part(start, end));
                let is_there = |byte: u64| {
                    all.iter().any(|it| it.start <= byte && byte < it.end)
                        && !(start <= byte && byte < end)
                };
                for byte in 0..40 {
                    assert_eq!(parts.covered(byte) > 0, is_there(byte), "{start} {end} {byte}");
                }
                let found: Vec<Part> = parts.iter().collect();
                assert!(found.windows(2).all(|pair| pair[0].end < pair[1].start), "{found:?}");
            }
        }
    }

    #[test]
    fn a_cut_of_unknown_length_ends_with_the_part() {
        let mut parts = Parts::union(vec![part(10, 40), part(50, 60)]);
        parts.cut_reach(Reach::From(12));
        parts.cut_reach(Reach::From(45));
        let found: Vec<Part> = parts.iter().collect();
        assert_eq!(found, [part(10, 12), part(50, 60)]);
    }
}
