//! Subscribers that hear of changes before they happen and may refuse them.
//!
//! Regions come, go and change their properties. [`Notifier::change`] makes of each a transaction: every
//! subscriber prepares, the caller's action runs, every subscriber commits. Whoever prepared and whose
//! change does not happen hears of a cancel, and nobody else does.
//!
//! ```
//! use inspect_runtime::RegisterError;
//! use inspect_runtime::notifier::{Change, Notifier, Subscriber, Veto};
//! use parking_lot::{RawMutex, RawThreadId};
//!
//! /// A device that may not lose memory while it writes to it.
//! struct Nic;
//!
//! impl Subscriber<u64> for Nic {
//!     fn prepare(&self, change: &Change<u64>) -> Result<(), Veto> {
//!         match change {
//!             Change::Remove(0x4000) => Err(Veto::because("a transfer is running")),
//!             _ => Ok(()),
//!         }
//!     }
//!     fn commit(&self, _change: &Change<u64>) {}
//!     fn cancel(&self, _change: &Change<u64>) {}
//!     fn name(&self) -> &'static str {
//!         "the nic"
//!     }
//! }
//!
//! static NIC: Nic = Nic;
//! static MEMORY: Notifier<'static, u64, RawMutex, RawThreadId, 8> = Notifier::new();
//!
//! MEMORY.subscribe(&NIC, 0)?;
//! // The action is what makes the change happen: it registers a row, maps pages, tells a device.
//! let registered = MEMORY.change(&Change::Add(0x4000), || Ok::<_, RegisterError>("a handle"))?;
//! assert_eq!(registered, "a handle");
//! let refused = MEMORY.change(&Change::Remove(0x4000), || Ok::<_, RegisterError>("gone"));
//! let refused = refused.unwrap_err().to_string();
//! assert_eq!(refused, "the nic refused the change: a transfer is running");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This module knows neither tables nor maps: what a region is, is the type `T` of the caller. It allocates
//! nothing; its lock is the caller's. Changes are told one after the other, while the lock is held, so a
//! callback must not wait for another thread that uses the same notifier, and whoever holds a lock that a
//! callback takes must not call the notifier.

mod gate;
pub mod linux;
pub mod probe;
mod roster;
mod transaction;

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use lock_api::{GetThreadId, Mutex, RawMutex};

pub use gate::Refused;
pub use roster::{Poison, Subscription};

use gate::Gate;
use roster::Roster;
use transaction::Transaction;

/// Tells at most `N` subscribers of changes to regions that a `T` describes.
///
/// `R` is the lock and `G` says which thread is running, so that a callback that calls its own notifier is
/// refused, as is a signal handler that interrupts a thread which is inside, waits, or is about to enter or
/// leave. With `parking_lot` these are its `RawMutex` and its `RawThreadId`. A handler that is not refused
/// runs the callbacks, or waits for another thread: lock and callbacks must then be fit for handlers.
pub struct Notifier<'s, T, R, G, const N: usize> {
    gate: Gate<G>,
    roster: Mutex<R, Roster<'s, T, N>>,
    epoch: AtomicUsize,
    rollback: Rollback,
}

/// What hears of changes.
///
/// It is called by whichever thread makes the change, one call at a time for each notifier. Of each change
/// it hears either `prepare` with an error and no more; or `prepare` with `Ok` and then exactly one of
/// `commit` and `cancel`. A replayed region is a `commit` alone.
///
/// A subscriber that panics is reported by [`Notifier::poison`]; the others hear the rest of the change, and
/// the panic goes on to the caller. A second panic while the first unwinds aborts the program, as everywhere.
pub trait Subscriber<T> {
    /// Says whether the change may happen, and takes what is needed so that `commit` cannot fail.
    fn prepare(&self, change: &Change<T>) -> Result<(), Veto>;

    /// The change has happened.
    fn commit(&self, change: &Change<T>);

    /// The change that was prepared does not happen.
    fn cancel(&self, change: &Change<T>);

    /// What errors call this subscriber.
    fn name(&self) -> &'static str {
        "a subscriber"
    }
}

/// What happens to a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change<T> {
    /// It comes.
    Add(T),
    /// It goes.
    Remove(T),
    /// It stays, with other properties.
    Properties {
        /// What it was.
        before: T,
        /// What it becomes.
        after: T,
    },
}

impl<T> Change<T> {
    /// The region; of one whose properties change, what it becomes.
    pub const fn region(&self) -> &T {
        match self {
            Self::Add(region) | Self::Remove(region) | Self::Properties { after: region, .. } => {
                region
            }
        }
    }
}

/// The refusal of a change, with the reason for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Veto {
    reason: &'static str,
}

impl Veto {
    /// A refusal for this reason: "a transfer is running".
    #[must_use]
    pub const fn because(reason: &'static str) -> Self {
        Self { reason }
    }

    /// The reason.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.reason
    }
}

/// A callback of a subscriber, or what stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// [`Subscriber::prepare`].
    Prepare,
    /// The action of [`Notifier::change`].
    Action,
    /// [`Subscriber::commit`].
    Commit,
    /// [`Subscriber::cancel`].
    Cancel,
    /// [`Subscriber::commit`] of a region that was there before the subscriber.
    Replay,
}

/// Who hears of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rollback {
    /// Those whose prepare returned `Ok`, the last one first.
    Prepared,
    /// Everyone, the first one first.
    Everyone,
}

impl<'s, T, R: RawMutex, G: GetThreadId, const N: usize> Notifier<'s, T, R, G, N> {
    /// A notifier without subscribers.
    #[must_use]
    pub const fn new() -> Self {
        Self::with(Rollback::Prepared)
    }

    /// A notifier that cancels as Linux does: forward, and to everyone, those included that never prepared
    /// and the one that refused. It is for code that was written against that; see [`linux`].
    #[must_use]
    pub const fn like_linux() -> Self {
        Self::with(Rollback::Everyone)
    }

    const fn with(rollback: Rollback) -> Self {
        Self {
            gate: Gate::new(),
            roster: Mutex::new(Roster::new()),
            epoch: AtomicUsize::new(0),
            rollback,
        }
    }

    /// Tells everyone of a change, and makes it.
    ///
    /// Subscribers prepare, higher priority first; then `action` runs; then all of them commit, in the same
    /// order. After a veto, or an error of the action, those that prepared cancel in reverse order and
    /// nothing has happened.
    pub fn change<V, E>(
        &self,
        change: &Change<T>,
        action: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, ChangeError<E>> {
        let _pass = self.gate.enter().map_err(ChangeError::Refused)?;
        let mut roster = self.roster.lock();
        Transaction::new(&mut roster, change, &self.epoch, self.rollback).run(action)
    }

    /// Adds a subscriber, which hears of changes from now on. It is called before those of lower priority
    /// and after those that came before it with the same.
    pub fn subscribe(
        &self,
        subscriber: &'s (dyn Subscriber<T> + Sync),
        priority: i32,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_with_replay(subscriber, priority, || [])
    }

    /// Adds a subscriber and tells it of what is there: each region of `existing` is committed as an
    /// addition, without a prepare.
    ///
    /// `existing` is called when the notifier is locked. If every change goes through [`Notifier::change`],
    /// none falls between the walk and the first change that is told, and none is told twice. All of them
    /// belong to the current [`epoch`](Notifier::epoch). Without room for the subscriber nothing is told.
    pub fn subscribe_with_replay<I: IntoIterator<Item = T>>(
        &self,
        subscriber: &'s (dyn Subscriber<T> + Sync),
        priority: i32,
        existing: impl FnOnce() -> I,
    ) -> Result<Subscription, SubscribeError> {
        let _pass = self.gate.enter().map_err(SubscribeError::Refused)?;
        let mut roster = self.roster.lock();
        let free = roster.free().ok_or(SubscribeError::Full)?;
        roster.replay(subscriber, existing);
        Ok(roster.insert(free, subscriber, priority))
    }

    /// Removes a subscriber. It hears no more when this returns.
    pub fn unsubscribe(&self, subscription: Subscription) -> Result<(), UnsubscribeError> {
        let _pass = self.gate.enter().map_err(UnsubscribeError::Refused)?;
        if self.roster.lock().remove(subscription) { Ok(()) } else { Err(UnsubscribeError::Stale) }
    }

    /// The first panic of a callback since the last [`clear_poison`](Notifier::clear_poison). The notifier
    /// works on; whether the one that panicked does, its author must know.
    pub fn poison(&self) -> Result<Option<Poison>, Refused> {
        let _pass = self.gate.enter()?;
        Ok(self.roster.lock().poison)
    }

    /// Forgets the panic of a callback, and returns it.
    pub fn clear_poison(&self) -> Result<Option<Poison>, Refused> {
        let _pass = self.gate.enter()?;
        Ok(self.roster.lock().poison.take())
    }
}

impl<T, R, G, const N: usize> Notifier<'_, T, R, G, N> {
    /// How many changes have happened; it wraps around. Commits see the number that counts their own
    /// change; prepares, cancels and replays see the one before. It takes no lock: callbacks may ask.
    #[must_use]
    pub fn epoch(&self) -> usize {
        self.epoch.load(Ordering::Acquire)
    }

    /// How many subscribers fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        N
    }
}

impl<T, R: RawMutex, G: GetThreadId, const N: usize> Default for Notifier<'_, T, R, G, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, R, G, const N: usize> fmt::Debug for Notifier<'_, T, R, G, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier")
            .field("capacity", &N)
            .field("epoch", &self.epoch())
            .field("rollback", &self.rollback)
            .finish_non_exhaustive()
    }
}

/// Why a change did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeError<E> {
    /// A subscriber refused it.
    Vetoed {
        /// Which one.
        by: Subscription,
        /// What it calls itself.
        name: &'static str,
        /// Its reason.
        veto: Veto,
    },
    /// The action failed.
    Failed(E),
    /// The notifier was not entered, and nobody was told.
    Refused(Refused),
}

/// Why there is no new subscriber. It was told of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// Every place is taken.
    Full,
    /// The notifier was not entered.
    Refused(Refused),
}

/// Why no subscriber was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsubscribeError {
    /// The subscriber of this handle is gone.
    Stale,
    /// The notifier was not entered.
    Refused(Refused),
}

impl<E: core::error::Error + 'static> core::error::Error for ChangeError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Vetoed { veto, .. } => Some(veto),
            Self::Failed(error) => Some(error),
            Self::Refused(refused) => Some(refused),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ChangeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vetoed { name, veto, .. } => write!(f, "{name} refused the change: {veto}"),
            Self::Failed(error) => write!(f, "the change failed and was rolled back: {error}"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for SubscribeError {}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str(
                "the notifier has no place for another subscriber; remove one or give it more",
            ),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for UnsubscribeError {}

impl fmt::Display for UnsubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => f.write_str("the subscriber of this handle is gone"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for Veto {}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}
