//! The memory itself: which sections are there, their rows in the table, and what a reader finds in them.
//!
//! It knows no subscriber. Its [`add`](Memory::add) and [`remove`](Memory::remove) are the actions of
//! changes, and do all of a change or nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use inspect_format::abi::space::PHYSICAL;
use inspect_runtime::regions::{Address, Range};
use inspect_runtime::{Handle, RegisterError, RuntimeTable, notifier};
use parking_lot::Mutex;

use crate::schemas::hotplug as s;

pub(crate) type Change = notifier::Change<Range>;

/// Bytes of a section: those of the adapter, whose schema says it.
pub(crate) const SECTION: u64 = s::space::ADAPTER.section_size;
/// Places for sections in each node.
pub(crate) const PLACES: usize = 16;

/// A row for each section that is there.
static TABLE: RuntimeTable<s::Region, 16> = RuntimeTable::new();

pub(crate) struct Memory {
    present: Mutex<BTreeMap<u64, Handle>>,
    /// What a reader finds in each section: its address and one, or nothing.
    contents: [AtomicU64; 2 * PLACES],
}

/// Why the memory neither came nor went.
#[derive(Debug)]
pub(crate) enum Error {
    IsThere,
    IsNotThere,
    Table(RegisterError),
}

impl Memory {
    pub(crate) const fn new() -> Self {
        let contents = [const { AtomicU64::new(0) }; 2 * PLACES];
        Self { present: Mutex::new(BTreeMap::new()), contents }
    }

    /// Brings memory and announces each section of it.
    pub(crate) fn add(&self, range: Range) -> Result<(), Error> {
        let mut present = self.present.lock();
        if addresses(range).any(|address| present.contains_key(&address)) {
            return Err(Error::IsThere);
        }
        let mut handles = Vec::new();
        for address in addresses(range) {
            match TABLE.register(row(address)) {
                Ok(handle) => handles.push((address, handle)),
                Err(error) => {
                    handles.into_iter().for_each(|(_, handle)| take_back(handle));
                    return Err(Error::Table(error));
                }
            }
        }
        for (address, handle) in handles {
            self.content(address).store(address | 1, Ordering::SeqCst);
            present.insert(address, handle);
        }
        crate::say("memory", "is there");
        Ok(())
    }

    /// Takes memory away. Whoever still reads it finds nothing.
    pub(crate) fn remove(&self, range: Range) -> Result<(), Error> {
        let mut present = self.present.lock();
        if !addresses(range).all(|address| present.contains_key(&address)) {
            return Err(Error::IsNotThere);
        }
        for address in addresses(range) {
            present.remove(&address).into_iter().for_each(take_back);
            self.content(address).store(0, Ordering::SeqCst);
        }
        crate::say("memory", "is gone");
        Ok(())
    }

    /// Whether a reader finds at an address what belongs there.
    pub(crate) fn is_right(&self, address: Address) -> bool {
        let section = address.0 / SECTION * SECTION;
        self.content(section).load(Ordering::SeqCst) == section | 1
    }

    /// The sections that are there.
    pub(crate) fn present(&self) -> Vec<Range> {
        self.present.lock().keys().map(|&address| section(address)).collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.present.lock().len() as u64 * SECTION
    }

    pub(crate) fn bytes_in_table(&self) -> u64 {
        TABLE.iter().map(|entry| entry.core.length).sum()
    }

    fn content(&self, address: u64) -> &AtomicU64 {
        &self.contents[place(address)]
    }
}

/// Which of all places a section has.
pub(crate) fn place(address: u64) -> usize {
    let node = (address >> 40) as usize;
    node * PLACES + (address % (1 << 40) / SECTION) as usize
}

/// Consecutive sections of the node that begins at an address.
pub(crate) fn sections(node: u64, numbers: std::ops::Range<u64>) -> Range {
    let bytes = (numbers.end - numbers.start) * SECTION;
    Range::new(Address(node + numbers.start * SECTION), bytes).expect("at least one section")
}

/// The lower half of a section.
pub(crate) fn half_a_section(node: u64, number: u64) -> Range {
    Range::new(Address(node + number * SECTION), SECTION / 2).expect("half a section")
}

/// Where the sections of a range begin.
pub(crate) fn addresses(range: Range) -> impl Iterator<Item = u64> {
    (range.first().0..=range.last().0).step_by(SECTION as usize)
}

fn section(address: u64) -> Range {
    Range::new(Address(address), SECTION).expect("a section has bytes")
}

fn row(address: u64) -> s::Region {
    let row = s::Region::new::<s::class::Memory>(address, SECTION).instance(address >> 40);
    row.core(row.region().space(PHYSICAL))
}

fn take_back(handle: Handle) {
    TABLE.unregister(handle).expect("nobody else takes rows back");
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsThere => f.write_str("some of it is there already"),
            Self::IsNotThere => f.write_str("some of it is not there"),
            Self::Table(error) => error.fmt(f),
        }
    }
}

/// Numbers without a plan, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed * 2 + 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // A step of a linear congruential generator, of which the high bits are good.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}
