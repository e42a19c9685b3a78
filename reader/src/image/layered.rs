//! Memory in layers: where the first one has nothing, the next is asked.
//!
//! What each layer holds is asked once, when the layers are joined; they are files, which do not
//! change. A read goes through as many layers as it takes.

use std::sync::OnceLock;

use inspect_format::abi::space;

use crate::memory::{FileSpan, Memory, Missing, Reason, Run};

/// Several memories as one. Those that come first lie above.
#[derive(Debug)]
pub(super) struct Layered {
    layers: Vec<Box<dyn Memory>>,
    /// What is there, for each space that somebody asked for; there are four of the format, and
    /// others have no memory of their own.
    spaces: [OnceLock<Vec<Piece>>; 4],
}

/// Memory of one layer that no layer above has.
#[derive(Clone, Copy, Debug)]
struct Piece {
    run: Run,
    layer: usize,
}

impl Layered {
    pub(super) fn new(layers: Vec<Box<dyn Memory>>) -> Self {
        Self { layers, spaces: Default::default() }
    }

    fn pieces(&self, space: u16) -> &[Piece] {
        let join = || join(self.layers.iter().map(|layer| layer.runs(space)));
        self.spaces.get(usize::from(space)).map_or(&[], |pieces| pieces.get_or_init(join))
    }

    /// The piece at an address, and how many bytes of it lie there.
    fn at(&self, space: u16, address: u64) -> Option<(&dyn Memory, u64)> {
        let pieces = self.pieces(space);
        let index = pieces.partition_point(|piece| piece.run.address <= address).checked_sub(1)?;
        let piece = pieces.get(index)?;
        let left = piece.run.length.checked_sub(address - piece.run.address)?;
        let layer = self.layers.get(piece.layer)?;
        (left > 0).then_some((&**layer, left))
    }
}

impl Piece {
    fn start(&self) -> u128 {
        self.run.address.into()
    }

    /// The address behind it, which may be one more than addresses can be.
    fn end(&self) -> u128 {
        self.start() + u128::from(self.run.length)
    }
}

/// Cuts out of each layer what those above have.
fn join(layers: impl Iterator<Item = Vec<Run>>) -> Vec<Piece> {
    let mut taken: Vec<Piece> = Vec::new();
    for (layer, runs) in layers.enumerate() {
        let mut free = Vec::new();
        for run in runs {
            let whole = Piece { run, layer };
            let mut leave = |from: u128, to: u128| {
                let place =
                    u64::try_from(from).ok().zip(u64::try_from(to.saturating_sub(from)).ok());
                if let Some((address, length)) = place.filter(|(_, length)| *length > 0) {
                    free.push(Piece { run: Run { address, length, ..run }, layer });
                }
            };
            let first = taken.partition_point(|piece| piece.end() <= whole.start());
            let above = taken.iter().skip(first).take_while(|piece| piece.start() < whole.end());
            let at = above.fold(whole.start(), |at, piece| {
                leave(at, piece.start());
                piece.end()
            });
            leave(at, whole.end());
        }
        taken.extend(free);
        taken.sort_unstable_by_key(Piece::start);
    }
    taken
}

impl Memory for Layered {
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
        let mut at = address;
        let mut rest = out;
        while !rest.is_empty() {
            let absent = Missing { space, address: at, reason: Reason::Absent };
            let (layer, left) = self.at(space, at).ok_or(absent)?;
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(step);
            layer.read(space, at, now)?;
            rest = later;
            if !rest.is_empty() {
                at = at.checked_add(step as u64).ok_or(absent)?;
            }
        }
        Ok(())
    }

    fn runs(&self, space: u16) -> Vec<Run> {
        self.pieces(space).iter().map(|piece| piece.run).collect()
    }

    fn is_zero(&self, space: u16, address: u64) -> bool {
        self.at(space, address).is_some_and(|(layer, _)| layer.is_zero(space, address))
    }

    fn in_file(&self, space: u16, address: u64) -> Option<FileSpan<'_>> {
        let (layer, left) = self.at(space, address)?;
        let span = layer.in_file(space, address)?;
        Some(FileSpan { length: span.length.min(left), ..span })
    }

    fn physical(&self, address: u64) -> Option<Run> {
        let (layer, left) = self.at(space::VIRTUAL, address)?;
        let run = layer.physical(address)?;
        Some(Run { length: run.length.min(left), ..run })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A layer whose bytes are its own number.
    #[derive(Debug)]
    struct Plain(Vec<Run>, u8);

    impl Memory for Plain {
        fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
            let end = u128::from(address) + out.len() as u128;
            let holds = |run: &Run| {
                let run_end = u128::from(run.address) + u128::from(run.length);
                run.address <= address && end <= run_end
            };
            let missing = Missing { space, address, reason: Reason::Absent };
            self.0.iter().find(|run| holds(run)).ok_or(missing)?;
            out.fill(self.1);
            Ok(())
        }

        fn runs(&self, _: u16) -> Vec<Run> {
            self.0.clone()
        }
    }

    /// Runs that ascend, from distances and lengths; `base` moves them to the end of all addresses.
    fn layer(base: u64, parts: &[(u64, u64)], number: u8) -> Plain {
        let mut at = base;
        let mut runs = Vec::new();
        for (gap, length) in parts {
            at = at.saturating_add(*gap);
            let length = (*length).min(u64::MAX - at);
            if length > 0 {
                runs.push(Run { address: at, length, access: u32::from(number) });
            }
            at += length;
        }
        Plain(runs, number)
    }

    proptest! {
        #[test]
        fn each_byte_is_that_of_the_first_layer_that_has_it(
            is_high in any::<bool>(),
            parts in proptest::collection::vec(
                proptest::collection::vec((0_u64..6, 0_u64..9), 0..6),
                1..4,
            ),
        ) {
            let base = if is_high { u64::MAX - 40 } else { 7 };
            let layers: Vec<_> =
                parts.iter().zip(1..).map(|(parts, number)| layer(base, parts, number)).collect();
            let expected = |address| {
                let mut byte = [0];
                let read = |layer: &&Plain| layer.read(space::VIRTUAL, address, &mut [0]).is_ok();
                layers.iter().find(read)?.read(space::VIRTUAL, address, &mut byte).ok()?;
                Some(byte[0])
            };
            let bytes: Vec<_> = (0..=40).map(|offset| expected(base + offset)).collect();
            let boxed = |layer: &Plain| -> Box<dyn Memory> { Box::new(Plain(layer.0.clone(), layer.1)) };
            let joined = Layered::new(layers.iter().map(boxed).collect());
            for start in 0..bytes.len() {
                for end in start + 1..=bytes.len() {
                    let mut out = vec![0; end - start];
                    let read = joined.read(space::VIRTUAL, base + start as u64, &mut out);
                    let wanted: Option<Vec<u8>> = bytes[start..end].iter().copied().collect();
                    let hole = bytes[start..end].iter().position(Option::is_none);
                    match hole {
                        None => prop_assert_eq!((read, Some(out)), (Ok(()), wanted)),
                        Some(hole) => {
                            let address = base + (start + hole) as u64;
                            prop_assert_eq!(read.unwrap_err().address, address);
                        }
                    }
                }
            }
            let runs = joined.runs(space::VIRTUAL);
            prop_assert!(runs.iter().is_sorted_by(|a, b| b.address - a.address >= a.length));
        }
    }
}
