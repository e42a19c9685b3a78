//! Who is inside a notifier, waits for it, or is on the way in or out.
//!
//! A lock alone cannot refuse re-entrancy: a signal handler may interrupt its thread between taking the lock
//! and writing down who has it, or inside the lock's own code, and would then wait for itself. A thread
//! therefore writes its number into a place here before it touches the lock, and takes it out after.

use core::fmt;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

use lock_api::GetThreadId;

/// How many threads may be inside or wait at once. Each waits anyway, until all before it have called every
/// subscriber.
const PLACES: usize = 32;

/// The threads that are inside or on their way.
pub(super) struct Gate<G> {
    places: [AtomicUsize; PLACES],
    threads: G,
}

/// Why a notifier was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The call comes out of a callback of the same notifier, or from a signal handler that interrupted a
    /// thread which uses it.
    Reentrant,
    /// 32 threads wait already. The call may be repeated.
    Crowded,
}

/// The right to touch the lock, until it is dropped.
pub(super) struct Pass<'a> {
    place: &'a AtomicUsize,
}

impl<G: GetThreadId> Gate<G> {
    pub(super) const fn new() -> Self {
        Self { places: [const { AtomicUsize::new(0) }; PLACES], threads: G::INIT }
    }

    /// Lets a thread in that is not inside. It never waits.
    pub(super) fn enter(&self) -> Result<Pass<'_>, Refused> {
        self.enter_as(self.threads.nonzero_thread_id())
    }

    fn enter_as(&self, thread: NonZeroUsize) -> Result<Pass<'_>, Refused> {
        // Only this thread and its signal handlers write this number, and a handler is done with it when it
        // returns: what is not there now does not come.
        if self.places.iter().any(|place| place.load(Ordering::Relaxed) == thread.get()) {
            return Err(Refused::Reentrant);
        }
        let free = self.places.iter().find(|place| {
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            place.compare_exchange(0, thread.get(), success, failure).is_ok()
        });
        // The lock orders threads. Here it matters only that a handler on this thread sees the number
        // whenever it sees this thread at the lock.
        compiler_fence(Ordering::SeqCst);
        free.map(|place| Pass { place }).ok_or(Refused::Crowded)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        self.place.store(0, Ordering::Relaxed);
    }
}

impl core::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reentrant => {
                "a callback called its own notifier; do it when the change is over, or on another one"
            }
            Self::Crowded => "too many threads wait for the notifier; try again",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoThread;

    // SAFETY: no thread is ever asked about: the tests say themselves who enters.
    unsafe impl GetThreadId for NoThread {
        const INIT: Self = NoThread;

        fn nonzero_thread_id(&self) -> NonZeroUsize {
            unreachable!("the tests use `enter_as`")
        }
    }

    fn thread(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).expect("a number above 0")
    }

    #[test]
    fn a_thread_enters_once_and_again_when_it_has_left() {
        let gate = Gate::<NoThread>::new();
        let pass = gate.enter_as(thread(7));
        assert_eq!(gate.enter_as(thread(7)).err(), Some(Refused::Reentrant));
        let other = gate.enter_as(thread(8));
        assert!(other.is_ok());
        drop(pass);
        assert!(gate.enter_as(thread(7)).is_ok());
        assert_eq!(gate.enter_as(thread(8)).err(), Some(Refused::Reentrant));
    }

    #[test]
    fn a_crowd_is_refused_and_re_entrancy_is_seen_in_it() {
        let gate = Gate::<NoThread>::new();
        let mut inside: std::vec::Vec<_> =
            (1..=PLACES).map(|number| gate.enter_as(thread(number)).expect("a place")).collect();
        assert_eq!(gate.enter_as(thread(99)).err(), Some(Refused::Crowded));
        assert_eq!(gate.enter_as(thread(PLACES)).err(), Some(Refused::Reentrant));
        inside.remove(5);
        assert!(gate.enter_as(thread(99)).is_ok());
    }
}
