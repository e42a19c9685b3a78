//! One change: who has been told what, and what is still due to whom.
//!
//! A transaction is at any moment a debt of calls. Whatever ends it, a veto, an error or a panic, the calls
//! that are due are made, each once: a step is counted before its call, so that a panic in it does not
//! repeat it.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::roster::{Member, Poison, Roster, Watch};
use super::{Change, ChangeError, Phase, Rollback, Subscriber};

/// A change that is being told.
pub(super) struct Transaction<'a, 's, T, const N: usize> {
    roster: &'a mut Roster<'s, T, N>,
    change: &'a Change<T>,
    epoch: &'a AtomicUsize,
    rollback: Rollback,
    /// The first so many subscribers prepared.
    prepared: usize,
    /// What everyone hears in the end. Until the action has succeeded that is a cancel.
    happened: bool,
    /// How many have heard it.
    told: usize,
}

impl<'a, 's, T, const N: usize> Transaction<'a, 's, T, N> {
    pub(super) fn new(
        roster: &'a mut Roster<'s, T, N>,
        change: &'a Change<T>,
        epoch: &'a AtomicUsize,
        rollback: Rollback,
    ) -> Self {
        Self { roster, change, epoch, rollback, prepared: 0, happened: false, told: 0 }
    }

    /// Prepares, acts, and commits or cancels.
    pub(super) fn run<V, E>(
        mut self,
        action: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, ChangeError<E>> {
        let result = self.prepare().and_then(|()| self.act(action).map_err(ChangeError::Failed));
        if result.is_ok() {
            self.happened = true;
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        self.settle();
        result
    }

    fn prepare<E>(&mut self) -> Result<(), ChangeError<E>> {
        while let Some(member) = self.roster.nth(self.prepared) {
            let (by, subscriber) = member;
            self.call(Phase::Prepare, member, |subscriber, change| subscriber.prepare(change))
                .map_err(|veto| ChangeError::Vetoed { by, name: subscriber.name(), veto })?;
            self.prepared += 1;
        }
        Ok(())
    }

    fn act<V, E>(&mut self, action: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        let call = Poison { phase: Phase::Action, subscription: None, name: "" };
        let watch = Watch { poison: &mut self.roster.poison, call };
        let result = action();
        core::mem::forget(watch);
        result
    }

    /// Makes the calls that are due.
    fn settle(&mut self) {
        while let Some(member) = self.next() {
            self.told += 1;
            if self.happened {
                self.call(Phase::Commit, member, |subscriber, change| subscriber.commit(change));
            } else {
                self.call(Phase::Cancel, member, |subscriber, change| subscriber.cancel(change));
            }
        }
    }

    /// Whose turn it is to hear how the change ended.
    fn next(&self) -> Option<Member<'s, T>> {
        if self.happened || self.rollback == Rollback::Everyone {
            return self.roster.nth(self.told);
        }
        self.roster.nth(self.prepared.checked_sub(self.told + 1)?)
    }

    fn call<V>(
        &mut self,
        phase: Phase,
        (subscription, subscriber): Member<'s, T>,
        callback: impl FnOnce(&'s (dyn Subscriber<T> + Sync), &Change<T>) -> V,
    ) -> V {
        let call = Poison { phase, subscription: Some(subscription), name: subscriber.name() };
        let watch = Watch { poison: &mut self.roster.poison, call };
        let result = callback(subscriber, self.change);
        core::mem::forget(watch);
        result
    }
}

impl<T, const N: usize> Drop for Transaction<'_, '_, T, N> {
    /// Nothing is due any more, unless a callback or the action panicked.
    fn drop(&mut self) {
        self.settle();
    }
}
