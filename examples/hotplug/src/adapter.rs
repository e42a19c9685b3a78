//! A network adapter with a memory unit of its own: it sees memory at dense addresses, through a section map,
//! and takes few regions.
//!
//! Memory is mapped and unmapped when a change is prepared, where it can still be refused; a cancel does the
//! opposite, and has the room for it, since nobody else changes the map. A section is open to transfers
//! only while it is there: closed from the preparation of its removal on, open from the commit of its
//! addition on.

use std::sync::atomic::{AtomicU32, Ordering};

use inspect_runtime::notifier::{Subscriber, Veto};
use inspect_runtime::regions::{Address, Range};
use inspect_runtime::sections::{ChangeError, FixedSectionMap};

use crate::memory::{Change, PLACES, SECTION, addresses, place};
use crate::say;
use crate::schemas::hotplug::space::ADAPTER;

pub(crate) struct Adapter {
    map: FixedSectionMap<16>,
    /// For each section, whether it is open, and how many transfers and rings use it.
    uses: [AtomicU32; 2 * PLACES],
}

const OPEN: u32 = 1 << 31;
const RING: u32 = 1 << 16;
const TRANSFER: u32 = 1;

/// What became of a transfer.
pub(crate) enum Transfer {
    /// The adapter read what belongs there.
    Right,
    /// It read something else.
    Wrong,
    /// Nothing is there, or it is about to go.
    Hole,
}

/// Memory that the adapter may write to at any time, until it is dropped.
pub(crate) struct Ring<'a>(&'a AtomicU32);

impl Adapter {
    pub(crate) const fn new() -> Self {
        let map = match FixedSectionMap::new(&ADAPTER) {
            Ok(map) => map,
            Err(_) => panic!("the compiler of the schema has checked the space"),
        };
        Self { map, uses: [const { AtomicU32::new(0) }; 2 * PLACES] }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.map.section_count() * SECTION
    }

    /// Reads at an address, as the adapter sees it. Any thread may, at any time.
    pub(crate) fn transfer(&self, address: Address, read: impl Fn(Address) -> bool) -> Transfer {
        let uses = &self.uses[place(address.0)];
        if !take(uses, TRANSFER) {
            return Transfer::Hole;
        }
        // What is in use stays mapped where it is.
        let seen = self.map.translate(address).and_then(|there| {
            std::thread::yield_now();
            self.map.translate_back(there.hardware)
        });
        let result = match seen {
            Some(back) if back.address == address && read(back.address) => Transfer::Right,
            _ => Transfer::Wrong,
        };
        uses.fetch_sub(TRANSFER, Ordering::SeqCst);
        result
    }

    /// Lets the adapter write to a section whenever something arrives.
    pub(crate) fn post_ring(&self, address: u64) -> Option<Ring<'_>> {
        let uses = &self.uses[place(address)];
        take(uses, RING).then(|| Ring(uses))
    }

    fn map(&self, range: Range) -> Result<(), Veto> {
        let mut writer =
            self.map.writer().map_err(|_| Veto::because("its map is being changed"))?;
        let mut edit = writer.edit().map_err(refusal)?;
        if edit.add(range).map_err(refusal)?.unchanged > 0 {
            return Err(Veto::because("some of it is mapped already"));
        }
        edit.commit().map(drop).map_err(refusal)
    }

    fn unmap(&self, range: Range) -> Result<(), Veto> {
        let mut writer =
            self.map.writer().map_err(|_| Veto::because("its map is being changed"))?;
        let mut edit = writer.edit().map_err(refusal)?;
        if edit.remove(range).map_err(refusal)?.unchanged > 0 {
            return Err(Veto::because("some of it is not mapped"));
        }
        edit.commit().map(drop).map_err(refusal)
    }

    /// Closes what is open of a range and waits for transfers, which are short. Rings are not, and refuse.
    fn close(&self, range: Range) -> Result<(), Veto> {
        for uses in self.uses_in(range) {
            uses.fetch_and(!OPEN, Ordering::SeqCst);
            while uses.load(Ordering::SeqCst) % RING != 0 {
                std::thread::yield_now();
            }
        }
        if self.uses_in(range).any(|uses| uses.load(Ordering::SeqCst) >= RING) {
            self.open(range);
            return Err(Veto::because("a receive ring lies in it"));
        }
        Ok(())
    }

    fn open(&self, range: Range) {
        // What a removal asked for may not have been there.
        let is_mapped = |address: &u64| self.map.translate(Address(*address)).is_some();
        for address in addresses(range).filter(is_mapped) {
            self.uses[place(address)].fetch_or(OPEN, Ordering::SeqCst);
        }
    }

    fn uses_in(&self, range: Range) -> impl Iterator<Item = &AtomicU32> {
        addresses(range).map(|address| &self.uses[place(address)])
    }

    fn describe(&self, range: Range) -> String {
        let regions = self.map.region_count();
        let most = ADAPTER.max_regions.unwrap_or(u32::MAX);
        match self.map.translate(range.first()) {
            Some(there) => {
                format!("maps it at {:#x}: {regions} of {most} regions", there.hardware.0)
            }
            None => format!("unmaps it: {regions} of {most} regions"),
        }
    }
}

impl Subscriber<Range> for Adapter {
    fn prepare(&self, change: &Change) -> Result<(), Veto> {
        let result = match *change {
            Change::Add(range) => self.map(range),
            Change::Remove(range) => {
                self.close(range).and_then(|()| self.unmap(range).inspect_err(|_| self.open(range)))
            }
            Change::Properties { .. } => Ok(()),
        };
        match result {
            Ok(()) => say("adapter", self.describe(*change.region())),
            Err(veto) => say("adapter", format_args!("refuses: {veto}")),
        }
        result
    }

    fn commit(&self, change: &Change) {
        if let Change::Add(range) = *change {
            self.open(range);
        }
        say("adapter", "goes on");
    }

    fn cancel(&self, change: &Change) {
        const ROOM: &str = "what was undone leaves room for what was there";
        match *change {
            Change::Add(range) => self.unmap(range).expect(ROOM),
            Change::Remove(range) => {
                self.map(range).expect(ROOM);
                self.open(range);
            }
            Change::Properties { .. } => {}
        }
        say("adapter", format_args!("is rolled back and {}", self.describe(*change.region())));
    }

    fn name(&self) -> &'static str {
        "the adapter"
    }
}

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(RING, Ordering::SeqCst);
    }
}

/// Uses a section if it is open.
fn take(uses: &AtomicU32, what: u32) -> bool {
    let add = |uses: u32| (uses & OPEN != 0).then_some(uses + what);
    uses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).is_ok()
}

fn refusal(error: ChangeError) -> Veto {
    Veto::because(match error {
        ChangeError::Partial { .. } => "it is not made of whole sections",
        ChangeError::Budget { .. } => "it has no region left for it",
        _ => "its map has no room for it",
    })
}
