//! Threads that transfer data through the adapter all the time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use inspect_runtime::regions::Address;

use crate::NODES;
use crate::adapter::{Adapter, Transfer};
use crate::memory::{Memory, PLACES, Random, SECTION};

const THREADS: usize = 2;

pub(crate) struct Load<'a> {
    adapter: &'a Adapter,
    memory: &'a Memory,
    stop: AtomicBool,
    /// What each thread has tried.
    tries: [AtomicU64; THREADS],
    right: AtomicU64,
    wrong: AtomicU64,
}

impl Load<'_> {
    /// Does something under load, and returns how many transfers went wrong meanwhile.
    pub(crate) fn run(adapter: &Adapter, memory: &Memory, work: impl FnOnce(&Load<'_>)) -> u64 {
        let load = Load {
            adapter,
            memory,
            stop: AtomicBool::new(false),
            tries: Default::default(),
            right: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
        };
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let load = &load;
                scope.spawn(move || load.transfer(thread));
            }
            // The threads end even if the work panics.
            let _stop = Stop(&load.stop);
            work(&load);
        });
        let [tries, right, wrong] =
            [&load.tries[0], &load.right, &load.wrong].map(|count| count.load(Ordering::Relaxed));
        let tries = tries + load.tries[1].load(Ordering::Relaxed);
        println!("load: {tries} transfers tried, {right} made");
        println!("{wrong} transfers went wrong");
        wrong
    }

    /// Waits until every thread has tried more.
    pub(crate) fn go_on(&self) {
        for tries in &self.tries {
            let before = tries.load(Ordering::Relaxed);
            while tries.load(Ordering::Relaxed) < before + 20 {
                std::thread::yield_now();
            }
        }
    }

    fn transfer(&self, thread: usize) {
        let mut random = Random::new(thread as u64);
        while !self.stop.load(Ordering::Relaxed) {
            let section = NODES[random.below(2)] + random.below(PLACES) as u64 * SECTION;
            let address = Address(section + random.below(SECTION as usize) as u64);
            match self.adapter.transfer(address, |seen| self.memory.is_right(seen)) {
                Transfer::Right => _ = self.right.fetch_add(1, Ordering::Relaxed),
                Transfer::Wrong => _ = self.wrong.fetch_add(1, Ordering::Relaxed),
                Transfer::Hole => {}
            }
            self.tries[thread].fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
