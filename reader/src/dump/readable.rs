//! How much of a region is in an image, found out without reading it.

use inspect_format::abi::space;

use super::bytes::{Part, Parts};
use crate::memory::{Memory, Run};

/// Which memory is there.
pub(crate) struct Readable {
    runs: Vec<Run>,
    faults: Parts,
}

impl Readable {
    pub(crate) fn new(memory: &dyn Memory, faults: &[Part]) -> Self {
        let runs = memory.runs(space::VIRTUAL);
        Self { runs, faults: Parts::union(faults.to_vec()) }
    }

    /// How many of the `length` bytes at `address` are there, from the first on.
    pub(crate) fn from(&self, address: u64, length: u64) -> u64 {
        let end = address.saturating_add(length);
        let mut at = address;
        let mut next = self.runs.partition_point(|run| run_end(run) <= address);
        while at < end {
            match self.runs.get(next) {
                Some(run) if run.address <= at => {
                    at = run_end(run);
                    next += 1;
                }
                _ => break,
            }
        }
        let at = at.min(end);
        let fault = self.faults.iter().find(|part| part.end > address && part.start < at);
        fault.map_or(at, |part| part.start.max(address)) - address
    }

    /// What the image lists of a region, whatever is missing before, between and behind.
    pub(crate) fn parts(&self, region: Part) -> Vec<Part> {
        let first = self.runs.partition_point(|run| run_end(run) <= region.start);
        let runs = self.runs.get(first..).unwrap_or_default().iter();
        let runs = runs.take_while(|run| run.address < region.end);
        let within = |run: &Run| Part {
            start: run.address.max(region.start),
            end: run_end(run).min(region.end),
        };
        let mut parts = Parts::union(runs.map(within).collect());
        self.faults.iter().for_each(|fault| parts.cut(fault));
        parts.iter().collect()
    }
}

fn run_end(run: &Run) -> u64 {
    run.address.saturating_add(run.length)
}
