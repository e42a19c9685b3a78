//! 100,000 regions in 64 ranges: the least waste, and what joining them in the order of their addresses
//! wastes.

use inspect_runtime::regions::{Address, GrowingRegionSet, Range};

use crate::measure::{Bar, Contestant, Random, mark, race};

const REGIONS: u64 = 100_000;
const RANGES: usize = 64;
const MOST_SECONDS: f64 = 1.0;

pub fn run() -> bool {
    let mut random = Random::new(3);
    let (mut set, mut at) = (GrowingRegionSet::new(), 0);
    for owner in 0..REGIONS {
        // Most holes are small, and some are very large.
        let most = 1 << (12 + random.below(4) + 12 * u64::from(random.below(100) == 0));
        at += 1 + random.below(most);
        let bytes = 1 + random.below(1 << 16);
        set.insert(Range::new(Address(at), bytes).expect("a range"), owner).expect("no overlap");
        at += bytes;
    }
    let mut out = [Range::ALL; RANGES];
    let ours = set.coalesce(&mut out).expect("ranges").waste;
    let greedy = greedy(&set);
    let begin = std::time::Instant::now();
    std::hint::black_box(set.coalesce(&mut out).expect("ranges"));
    let seconds = begin.elapsed().as_secs_f64();
    let holds = seconds < MOST_SECONDS && ours <= greedy;
    race(
        "coalesce: 100,000 regions in 64 ranges, ns per region",
        REGIONS,
        21,
        &mut [
            Contestant::new("optimal", Bar::None, || {
                let mut out = [Range::ALL; RANGES];
                set.coalesce(&mut out).expect("ranges").waste as u64
            })
            .note(format!("wastes {ours} bytes")),
            Contestant::new("greedy, by address", Bar::None, || self::greedy(&set) as u64).note(
                format!("wastes {greedy} bytes, {:.1} times as many", greedy as f64 / ours as f64),
            ),
        ],
    );
    println!("optimal: {:.3} ms, bar < {MOST_SECONDS} s: {}", seconds * 1e3, mark(holds));
    holds
}

/// Joins regions in the order of their addresses, and leaves out each hole that is larger than the mean as
/// long as there are ranges left. Returns the waste.
fn greedy(set: &GrowingRegionSet<u64>) -> u128 {
    let holes = set
        .regions()
        .windows(2)
        .map(|pair| u128::from(pair[1].range.first().0 - pair[0].range.last().0 - 1));
    let (sum, count) = holes.clone().fold((0, 0), |(sum, count), hole| (sum + hole, count + 1));
    let threshold = sum / count;
    let mut left = RANGES - 1;
    holes
        .filter(|hole| {
            let keep = left > 0 && *hole > threshold;
            left -= usize::from(keep);
            !keep
        })
        .sum()
}
