//! A subscriber for tests: it records what it hears, and fails when it is told to.
//!
//! ```
//! use inspect_runtime::notifier::probe::{Fault, Log, Probe, nth};
//! use inspect_runtime::notifier::{Change, Notifier, Phase};
//! use parking_lot::{RawMutex, RawThreadId};
//!
//! let log = Log::<u64, RawMutex, 64>::new();
//! let first = Probe::new("first", &log, |_, _| Fault::None);
//! let second = Probe::new("second", &log, nth(Phase::Prepare, 2, Fault::Veto("busy")));
//! let memory = Notifier::<u64, RawMutex, RawThreadId, 4>::new();
//! memory.subscribe(&first, 0)?;
//! memory.subscribe(&second, 0)?;
//!
//! memory.change(&Change::Add(1), || Ok::<_, ()>(())).expect("the first one passes");
//! log.clear();
//! memory.change(&Change::Add(2), || Ok::<_, ()>(())).expect_err("the second one does not");
//! let seen: Vec<_> = log.records().iter().map(|seen| (seen.name, seen.phase)).collect();
//! let expected =
//!     [("first", Phase::Prepare), ("second", Phase::Prepare), ("first", Phase::Cancel)];
//! assert_eq!(seen, expected);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use arrayvec::ArrayVec;
use lock_api::{Mutex, RawMutex};

use super::{Change, Phase, Subscriber, Veto};

/// A subscriber that records and fails. `plan` is asked at each call, after it was recorded, with the phase
/// and how many calls of that phase there have been, this one included. It may itself call the notifier, and
/// look at how that is refused.
pub struct Probe<'l, T, R, P, const L: usize> {
    name: &'static str,
    log: &'l Log<T, R, L>,
    plan: P,
    /// Calls so far of prepare, commit and cancel.
    calls: [AtomicUsize; 3],
}

/// What a probe does in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing special.
    None,
    /// Refuses the change. In a commit or a cancel, which cannot refuse, it does nothing.
    Veto(&'static str),
    /// Panics.
    Panic,
}

/// A call that a probe received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<T> {
    /// Which probe.
    pub name: &'static str,
    /// Which callback. Of replayed regions there are commits.
    pub phase: Phase,
    /// Its argument.
    pub change: Change<T>,
}

/// What the probes of a test heard, in the order in which they did. The first `L` calls are kept.
pub struct Log<T, R, const L: usize> {
    records: Mutex<R, (ArrayVec<Record<T>, L>, usize)>,
}

/// A plan: one fault, in the `count`th call of a phase, counted from 1.
pub const fn nth(phase: Phase, count: usize, fault: Fault) -> impl Fn(Phase, usize) -> Fault {
    move |now, call| if now == phase && call == count { fault } else { Fault::None }
}

impl<'l, T, R, P, const L: usize> Probe<'l, T, R, P, L>
where
    P: Fn(Phase, usize) -> Fault,
{
    /// A probe that records into `log` under its name.
    pub const fn new(name: &'static str, log: &'l Log<T, R, L>, plan: P) -> Self {
        Self { name, log, plan, calls: [const { AtomicUsize::new(0) }; 3] }
    }
}

impl<T: Clone, R: RawMutex, P, const L: usize> Probe<'_, T, R, P, L>
where
    P: Fn(Phase, usize) -> Fault,
{
    fn hear(&self, phase: Phase, calls: usize, change: &Change<T>) -> Result<(), Veto> {
        self.log.push(Record { name: self.name, phase, change: change.clone() });
        let call = self.calls[calls].fetch_add(1, Ordering::Relaxed) + 1;
        match (self.plan)(phase, call) {
            Fault::None => Ok(()),
            Fault::Veto(reason) => Err(Veto::because(reason)),
            Fault::Panic => panic!("{}: a panic that the test asked for", self.name),
        }
    }
}

impl<T: Clone, R: RawMutex, P, const L: usize> Subscriber<T> for Probe<'_, T, R, P, L>
where
    P: Fn(Phase, usize) -> Fault,
{
    fn prepare(&self, change: &Change<T>) -> Result<(), Veto> {
        self.hear(Phase::Prepare, 0, change)
    }

    fn commit(&self, change: &Change<T>) {
        let _ = self.hear(Phase::Commit, 1, change);
    }

    fn cancel(&self, change: &Change<T>) {
        let _ = self.hear(Phase::Cancel, 2, change);
    }

    fn name(&self) -> &'static str {
        self.name
    }
}

impl<T, R: RawMutex, const L: usize> Log<T, R, L> {
    /// Nothing was heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { records: Mutex::new((ArrayVec::new_const(), 0)) }
    }

    /// What was heard.
    #[must_use]
    pub fn records(&self) -> ArrayVec<Record<T>, L>
    where
        T: Clone,
    {
        self.records.lock().0.clone()
    }

    /// How many calls did not fit.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.records.lock().1
    }

    /// Forgets what was heard.
    pub fn clear(&self) {
        let mut records = self.records.lock();
        records.0.clear();
        records.1 = 0;
    }

    fn push(&self, record: Record<T>) {
        let mut records = self.records.lock();
        if records.0.try_push(record).is_err() {
            records.1 += 1;
        }
    }
}

impl<T, R: RawMutex, const L: usize> Default for Log<T, R, L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, R: RawMutex, const L: usize> fmt::Debug for Log<T, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records.lock();
        f.debug_struct("Log").field("records", &records.0).field("lost", &records.1).finish()
    }
}

impl<T, R, P, const L: usize> fmt::Debug for Probe<'_, T, R, P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("name", &self.name).finish_non_exhaustive()
    }
}
