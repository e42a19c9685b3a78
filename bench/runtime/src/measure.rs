//! Contestants that do the same work, in turns, so that whatever else the machine does hits them alike:
//! only the ratios between them are results. Also counts what they allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Who does the work, and what is expected of us beside him.
pub struct Contestant<'a> {
    /// As the table calls him.
    pub name: &'a str,
    /// Does all operations once and returns something that depends on all of them.
    pub run: Box<dyn FnMut() -> u64 + 'a>,
    /// What is expected.
    pub bar: Bar,
    /// What else is worth saying.
    pub note: String,
}

/// What is expected of the first contestant, who is ours, beside another.
#[derive(Clone, Copy)]
pub enum Bar {
    /// Nothing.
    None,
    /// Ours is so many times faster at least.
    Faster(f64),
    /// Ours takes so many times as long at most.
    Within(f64),
}

impl<'a> Contestant<'a> {
    /// Without a note.
    pub fn new(name: &'a str, bar: Bar, run: impl FnMut() -> u64 + 'a) -> Self {
        Contestant { name, run: Box::new(run), bar, note: String::new() }
    }

    /// With a note.
    pub fn note(mut self, note: String) -> Self {
        self.note = note;
        self
    }
}

/// Lets them run in turns, prints a table, and says whether all bars hold. The times are the medians over
/// the rounds, and so are the ratios, each taken within a round.
pub fn race(
    title: &str,
    operations: u64,
    rounds: usize,
    contestants: &mut [Contestant<'_>],
) -> bool {
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..=rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            black_box((contestant.run)());
            let time = begin.elapsed().as_secs_f64();
            // The first round warms up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    println!("\n{title}");
    println!("{:<28} {:>12} {:>14} {:>16}   note", "", "ns/operation", "beside ours", "bar");
    let mut all_hold = true;
    for (contestant, theirs) in contestants.iter().zip(&times) {
        let ratios: Vec<f64> =
            theirs.iter().zip(&times[0]).map(|(their, our)| their / our).collect();
        let (ratio, nanoseconds) = (median(&ratios), median(theirs) * 1e9 / operations as f64);
        let (bar, holds) = match contestant.bar {
            Bar::None => (String::new(), true),
            Bar::Faster(times) => {
                (format!(">= {times:.2} {}", mark(ratio >= times)), ratio >= times)
            }
            Bar::Within(times) => {
                let holds = 1.0 / ratio <= times;
                (format!(">= {:.2} {}", 1.0 / times, mark(holds)), holds)
            }
        };
        all_hold &= holds;
        let (name, note) = (contestant.name, &contestant.note);
        println!(
            "{name:<28} {nanoseconds:>12.2} {:>14} {bar:>16}   {note}",
            format!("{ratio:.2} x")
        );
    }
    all_hold
}

/// For tables: whether something holds.
pub fn mark(holds: bool) -> &'static str {
    if holds { "holds" } else { "FAILS" }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// What something returns, and how many bytes more are allocated afterwards.
pub fn allocated<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.load(Relaxed);
    let made = make();
    (made, ALLOCATED.load(Relaxed) - before)
}

/// The system's allocator, counting.
pub struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system allocator's doing; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps to the contract of the method, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Relaxed);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as for `alloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Numbers that look random and are the same in every run.
pub struct Random(u64);

impl Random {
    /// Begins somewhere.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Less than a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(mixed ^ mixed >> 31) * u128::from(limit)) >> 64) as u64
    }

    /// In another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
