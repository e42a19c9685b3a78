//! The subscribers of a notifier, in the order in which they are called.

use arrayvec::ArrayVec;

use super::{Change, Phase, Subscriber};

/// A subscriber that was added. It names one generation of a place: a handle of a subscriber that is gone
/// never means another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    place: usize,
    generation: u32,
}

/// A panic in a callback or an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poison {
    /// What panicked.
    pub phase: Phase,
    /// Whose callback; not for an action, nor for a replay, whose subscriber is not added then.
    pub subscription: Option<Subscription>,
    /// What the subscriber calls itself; empty for an action.
    pub name: &'static str,
}

/// At most `N` subscribers.
pub(super) struct Roster<'s, T, const N: usize> {
    places: [Place<'s, T>; N],
    /// The places that are taken, in the order of their calls.
    order: ArrayVec<usize, N>,
    pub(super) poison: Option<Poison>,
}

/// A subscriber, and what it is known by.
pub(super) type Member<'s, T> = (Subscription, &'s (dyn Subscriber<T> + Sync));

struct Place<'s, T> {
    generation: u32,
    priority: i32,
    subscriber: Option<&'s (dyn Subscriber<T> + Sync)>,
}

impl<'s, T, const N: usize> Roster<'s, T, N> {
    pub(super) const fn new() -> Self {
        Self {
            places: [const { Place { generation: 0, priority: 0, subscriber: None } }; N],
            order: ArrayVec::new_const(),
            poison: None,
        }
    }

    /// The subscriber that is called as the `nth`, from 0.
    pub(super) fn nth(&self, nth: usize) -> Option<Member<'s, T>> {
        let &place = self.order.get(nth)?;
        let Place { generation, subscriber, .. } = self.places[place];
        Some((Subscription { place, generation }, subscriber?))
    }

    /// A place that nobody has. The last generation of a place is never given away, so that the next one
    /// exists.
    pub(super) fn free(&self) -> Option<usize> {
        let is_free =
            |place: &Place<'_, T>| place.subscriber.is_none() && place.generation < u32::MAX;
        self.places.iter().position(is_free)
    }

    /// Gives a free place to a subscriber.
    pub(super) fn insert(
        &mut self,
        place: usize,
        subscriber: &'s (dyn Subscriber<T> + Sync),
        priority: i32,
    ) -> Subscription {
        let generation = self.places[place].generation;
        self.places[place] = Place { generation, priority, subscriber: Some(subscriber) };
        let at = self.order.partition_point(|&other| self.places[other].priority >= priority);
        self.order.insert(at, place);
        Subscription { place, generation }
    }

    /// Takes a subscriber out; says whether the handle meant one.
    pub(super) fn remove(&mut self, subscription: Subscription) -> bool {
        let Some(place) = self.places.get_mut(subscription.place) else { return false };
        if place.generation != subscription.generation || place.subscriber.take().is_none() {
            return false;
        }
        place.generation += 1;
        self.order.retain(|&mut other| other != subscription.place);
        true
    }

    /// Tells one that is not a subscriber yet of what is there.
    pub(super) fn replay<I: IntoIterator<Item = T>>(
        &mut self,
        subscriber: &dyn Subscriber<T>,
        existing: impl FnOnce() -> I,
    ) {
        let poison = Poison { phase: Phase::Replay, subscription: None, name: subscriber.name() };
        let watch = Watch { poison: &mut self.poison, call: poison };
        for region in existing() {
            subscriber.commit(&Change::Add(region));
        }
        core::mem::forget(watch);
    }
}

/// Notes a panic when it is dropped: whoever comes to the end of the calls forgets it.
pub(super) struct Watch<'a> {
    pub(super) poison: &'a mut Option<Poison>,
    pub(super) call: Poison,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.poison.get_or_insert(self.call);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Veto;
    use super::*;

    struct Nobody;

    impl Subscriber<u32> for Nobody {
        fn name(&self) -> &'static str {
            "nobody"
        }

        fn prepare(&self, _: &Change<u32>) -> Result<(), Veto> {
            Ok(())
        }

        fn commit(&self, _: &Change<u32>) {}

        fn cancel(&self, _: &Change<u32>) {}
    }

    /// Handles are told apart by generations: a place that has none left stays empty.
    #[test]
    fn a_place_ends_with_its_generations() {
        let mut roster = Roster::<u32, 1>::new();
        roster.places[0].generation = u32::MAX - 1;
        let last = roster.insert(roster.free().expect("one is left"), &Nobody, 0);
        assert!(roster.remove(last));
        assert!(!roster.remove(last));
        assert_eq!(roster.free(), None);
    }
}
