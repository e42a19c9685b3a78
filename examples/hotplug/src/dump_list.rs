//! Keeps the list of what a crash dump takes.
//!
//! It prepares a copy of the list and, when the change has happened, puts it in the place of the list: so
//! there is room for the commit before it is promised, and a cancel has nothing to undo.

use std::sync::atomic::{AtomicBool, Ordering};

use inspect_runtime::notifier::{Subscriber, Veto};
use inspect_runtime::regions::{FixedRegionSet, Range};
use parking_lot::Mutex;

use crate::memory::{Change, PLACES};
use crate::say;

/// The firmware that dumps takes this many ranges.
const DUMP_RANGES: usize = 2;

/// Ranges, each with the node that it is in.
type Ranges = FixedRegionSet<u64, { 2 * PLACES }>;

pub(crate) struct DumpList {
    lists: Mutex<Lists>,
    follows: AtomicBool,
}

struct Lists {
    now: Ranges,
    /// What `now` becomes if the change happens.
    prepared: Option<Ranges>,
}

impl DumpList {
    pub(crate) const fn new() -> Self {
        let lists = Lists { now: Ranges::new(), prepared: None };
        Self { lists: Mutex::new(lists), follows: AtomicBool::new(false) }
    }

    /// It has been subscribed.
    pub(crate) fn follow(&self) {
        self.follows.store(true, Ordering::Relaxed);
    }

    pub(crate) fn follows(&self) -> bool {
        self.follows.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        let lists = self.lists.lock();
        lists.now.regions().iter().map(|region| region.range.bytes() as u64).sum()
    }

    /// The ranges as the firmware gets them.
    pub(crate) fn summary(&self) -> String {
        summary(&self.lists.lock().now)
    }
}

impl Subscriber<Range> for DumpList {
    fn prepare(&self, change: &Change) -> Result<(), Veto> {
        let mut lists = self.lists.lock();
        let mut list = lists.now.clone();
        apply(&mut list, change)?;
        lists.prepared = Some(list);
        say("dump list", "prepares");
        Ok(())
    }

    fn commit(&self, change: &Change) {
        let mut lists = self.lists.lock();
        match lists.prepared.take() {
            Some(list) => {
                lists.now = list;
                say("dump list", summary(&lists.now));
            }
            // A region that is replayed was not prepared, and the list has room for all that can be.
            None => drop(apply(&mut lists.now, change)),
        }
    }

    fn cancel(&self, _: &Change) {
        let mut lists = self.lists.lock();
        lists.prepared = None;
        say("dump list", format_args!("is rolled back: {}", summary(&lists.now)));
    }

    fn name(&self) -> &'static str {
        "the dump list"
    }
}

fn apply(list: &mut Ranges, change: &Change) -> Result<(), Veto> {
    match *change {
        Change::Add(range) => list
            .insert(range, range.first().0 >> 40)
            .map_err(|_| Veto::because("the list has it already, or no room for it")),
        Change::Remove(range) if !list.covers(range) => {
            Err(Veto::because("some of it is not in the list"))
        }
        Change::Remove(range) => list
            .remove(range)
            .map(drop)
            .map_err(|_| Veto::because("the list has no room for what is left on both sides")),
        Change::Properties { .. } => Ok(()),
    }
}

fn summary(list: &Ranges) -> String {
    let mut out = [Range::ALL; DUMP_RANGES];
    match list.coalesce(&mut out) {
        Ok(dump) => {
            let waste = dump.waste >> 10;
            format!("takes {} ranges with {waste} KiB of holes in them", dump.ranges.len())
        }
        Err(error) => error.to_string(),
    }
}
