//! Models of the protocols under loom, which runs every interleaving and every value that a weak memory may
//! show: the life of a slot, the names that threads share, the chain of tables.
//!
//! The files of the crate are included as they stand, beside atomics of loom's. Each is included once more for
//! each ordering, with that one weakened: the model must fail then, or it would prove nothing.

#![allow(clippy::duplicate_mod, reason = "each inclusion has a `sync` of its own")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use inspect_format::abi::{PHASE_MASK, phase};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use loom::thread;

/// The functions of one inclusion of the files.
trait Protocol: 'static {
    type Link: Send + Sync + 'static;

    fn claim(state: &AtomicU32) -> Option<u32>;
    fn publish(state: &AtomicU32, generation: u32);
    fn withdraw(state: &AtomicU32, generation: u32) -> bool;
    fn change(state: &AtomicU32, generation: u32, store: impl FnOnce()) -> bool;
    fn read<T>(state: &AtomicU32, copy: impl FnMut() -> T) -> Option<(u32, T)>;
    fn look_around();
    fn announce_once(
        is_there: impl Fn(Option<u32>) -> bool,
        announce: impl Fn() -> u32,
        withdraw: impl Fn(u32) -> bool,
    ) -> bool;
    fn intern(names: &Arena, name: &str, hash: u32) -> u32;
    fn link() -> Self::Link;
    fn touch(link: &Self::Link);
    fn next(link: &Self::Link) -> usize;
    fn append<'a>(first: &'a Self::Link, own: usize, of: impl Fn(usize) -> &'a Self::Link);
}

macro_rules! protocol {
    ($name:ident $(, $weak:ident)?) => {
        #[path = "../src"]
        mod $name {
            #[allow(dead_code)]
            pub(crate) mod sync {
                pub(crate) use loom::sync::atomic::{
                    AtomicU32, AtomicUsize, Ordering,
                };

                #[path = "order.rs"]
                mod strong;

                pub(crate) mod order {
                    pub(crate) use super::strong::*;
                    $(pub(crate) const $weak: super::Ordering = super::Ordering::Relaxed;)?
                }

                /// A fence that orders nothing is none.
                pub(crate) fn fence(order: Ordering) {
                    if order != Ordering::Relaxed {
                        loom::sync::atomic::fence(order);
                    }
                }
            }

            #[allow(dead_code)]
            #[path = "table/link.rs"]
            pub(crate) mod link;
            #[allow(dead_code)]
            #[path = "table/names.rs"]
            pub(crate) mod names;
            #[allow(dead_code)]
            #[path = "table/once.rs"]
            pub(crate) mod once;
            #[allow(dead_code)]
            #[path = "table/slot.rs"]
            pub(crate) mod slot;

            pub(crate) struct Files;

            impl super::Protocol for Files {
                type Link = link::Link;

                fn claim(state: &sync::AtomicU32) -> Option<u32> {
                    slot::claim(state)
                }

                fn publish(state: &sync::AtomicU32, generation: u32) {
                    slot::publish(state, generation);
                }

                fn withdraw(state: &sync::AtomicU32, generation: u32) -> bool {
                    slot::withdraw(state, generation).is_ok()
                }

                fn change(
                    state: &sync::AtomicU32,
                    generation: u32,
                    store: impl FnOnce(),
                ) -> bool {
                    slot::change(state, generation, store).is_ok()
                }

                fn read<T>(
                    state: &sync::AtomicU32,
                    copy: impl FnMut() -> T,
                ) -> Option<(u32, T)> {
                    match slot::read(state, copy) {
                        slot::Found::Row(generation, row) => Some((generation, row)),
                        slot::Found::Nothing | slot::Found::Busy => None,
                    }
                }

                fn look_around() {
                    sync::fence(sync::order::LOOK_AROUND);
                }

                fn announce_once(
                    is_there: impl Fn(Option<u32>) -> bool,
                    announce: impl Fn() -> u32,
                    withdraw: impl Fn(u32) -> bool,
                ) -> bool {
                    let announce = || Ok::<_, ()>(announce());
                    once::announce_once(is_there, announce, withdraw, super::TURNS) == Ok(true)
                }

                fn intern(arena: &super::Arena, name: &str, hash: u32) -> u32 {
                    let super::Arena { used, words, heads } = arena;
                    names::Names { used, words, heads }.intern(name, hash).ok().unwrap()
                }

                fn link() -> link::Link {
                    link::Link { address: sync::AtomicUsize::new(0) }
                }

                fn touch(link: &link::Link) {
                    link.address.fetch_add(0, sync::Ordering::Relaxed);
                }

                fn next(link: &link::Link) -> usize {
                    link.get()
                }

                fn append<'a>(
                    first: &'a link::Link,
                    own: usize,
                    of: impl Fn(usize) -> &'a link::Link,
                ) {
                    link::append(first, own, of);
                }
            }
        }
    };
}

protocol!(strong);
protocol!(weak_claim, CLAIM);
protocol!(weak_fill, FILL);
protocol!(weak_publish, PUBLISH);
protocol!(weak_withdraw, WITHDRAW);
protocol!(weak_look, LOOK);
protocol!(weak_look_again, LOOK_AGAIN);
protocol!(weak_look_around, LOOK_AROUND);
protocol!(weak_note, NOTE);
protocol!(weak_find, FIND);
protocol!(weak_append, APPEND);
protocol!(weak_follow, FOLLOW);

/// An exchange that changes and orders nothing.
///
/// Loom looks for races with the last access to an object only, so that a thread which loads before it exchanges
/// hides the other threads' loads from it, and whole executions are never tried. Models touch what is
/// loaded and exchanged next.
fn touch(word: &AtomicU32) {
    word.fetch_add(0, Ordering::Relaxed);
}

/// A slot whose row has two fields, which agree in every row that a writer published.
struct Slot {
    state: AtomicU32,
    first: AtomicU32,
    second: AtomicU32,
}

impl Slot {
    fn new() -> Arc<Self> {
        let [state, first, second] = [0; 3].map(AtomicU32::new);
        Arc::new(Self { state, first, second })
    }

    fn register<P: Protocol>(&self, value: u32) -> Option<u32> {
        touch(&self.state);
        self.register_untouched::<P>(value)
    }

    fn register_untouched<P: Protocol>(&self, value: u32) -> Option<u32> {
        let generation = P::claim(&self.state)?;
        self.first.store(value, Ordering::Relaxed);
        self.second.store(value, Ordering::Relaxed);
        P::publish(&self.state, generation);
        Some(generation)
    }

    fn copy(&self) -> (u32, u32) {
        (self.first.load(Ordering::Relaxed), self.second.load(Ordering::Relaxed))
    }

    /// The generation and the value of the row that a reader accepts at once. What it would read after a
    /// failed attempt is the same again, and only multiplies the executions.
    fn read<P: Protocol>(&self) -> Option<(u32, u32)> {
        let mut is_first = true;
        let copy = || std::mem::take(&mut is_first).then(|| self.copy());
        let (generation, row) = P::read(&self.state, copy)?;
        let (first, second) = row?;
        assert_eq!(first, second, "a row of two owners");
        Some((generation, first))
    }
}

/// A row that is read while it is withdrawn and its successor published.
fn a_reader_sees_whole_rows<P: Protocol>() {
    let slot = Slot::new();
    assert_eq!(slot.register::<P>(1), Some(0));
    let writer = {
        let slot = slot.clone();
        thread::spawn(move || {
            assert!(P::withdraw(&slot.state, 0));
            assert_eq!(slot.register::<P>(2), Some(1));
        })
    };
    match slot.read::<P>() {
        None => saw(0),
        Some((generation, value)) => {
            assert_eq!(value, generation + 1, "a row that its writer has not published");
            saw(value);
        }
    }
    writer.join().unwrap();
}

/// The same as another process reads it: whole calls, between them fences (`inspect_format::walk`).
fn a_stranger_sees_whole_rows<P: Protocol>() {
    let slot = Slot::new();
    slot.register::<P>(1);
    let writer = {
        let slot = slot.clone();
        thread::spawn(move || {
            P::withdraw(&slot.state, 0);
            slot.register::<P>(2);
        })
    };
    let before = slot.state.load(Ordering::Relaxed);
    fence(Ordering::SeqCst);
    let (first, second) = slot.copy();
    fence(Ordering::SeqCst);
    let after = slot.state.load(Ordering::Relaxed);
    if before == after && before & PHASE_MASK == phase::LIVE {
        assert_eq!((first, second), ((before >> 2) + 1, (before >> 2) + 1));
        saw(first);
    }
    writer.join().unwrap();
}

/// Whoever changes a row hands on what its owner published.
fn a_changed_row_is_whole<P: Protocol>() {
    let slot = Slot::new();
    let owner = {
        let slot = slot.clone();
        thread::spawn(move || slot.register::<P>(7))
    };
    let changer = {
        let slot = slot.clone();
        // Nothing but the state tells this thread that the row is there.
        thread::spawn(move || P::change(&slot.state, 0, || ()))
    };
    if let Some(row) = slot.read::<P>() {
        assert_eq!(row, (0, 7));
        saw(0);
    }
    owner.join().unwrap();
    saw(1 + u32::from(changer.join().unwrap()));
}

/// A change of a row that is withdrawn meanwhile never lands in the row's successor.
fn a_change_stays_in_its_row<P: Protocol>() {
    let slot = Slot::new();
    let properties = Arc::new(AtomicU32::new(0));
    let register = |slot: &Slot, properties: &AtomicU32, value| {
        touch(&slot.state);
        let generation = P::claim(&slot.state).unwrap();
        properties.store(value, Ordering::Relaxed);
        P::publish(&slot.state, generation);
    };
    register(&slot, &properties, 1);
    let changer = {
        let (slot, properties) = (slot.clone(), properties.clone());
        thread::spawn(move || P::change(&slot.state, 0, || properties.store(2, Ordering::Relaxed)))
    };
    let is_withdrawn = P::withdraw(&slot.state, 0);
    if is_withdrawn {
        register(&slot, &properties, 10);
    }
    let seen = P::read(&slot.state, || properties.load(Ordering::Relaxed)).unwrap();
    let is_changed = changer.join().unwrap();
    assert!(is_withdrawn || is_changed || seen.0 == 0, "somebody was in the way");
    match seen {
        (0, value) => assert!(value == 1 || value == 2),
        (_, value) => assert_eq!(value, 10, "the row of a later owner was changed"),
    }
    saw(2 * u32::from(is_withdrawn) + u32::from(is_changed));
    let (generation, value) = P::read(&slot.state, || properties.load(Ordering::Relaxed)).unwrap();
    assert_eq!(value, if generation == 1 { 10 } else { 1 + u32::from(is_changed) });
}

/// Two hold a handle of a row that goes: one withdraws it, and neither its successor.
fn a_stale_handle_withdraws_nothing<P: Protocol>() {
    let slot = Slot::new();
    assert_eq!(slot.register::<P>(1), Some(0));
    let other = {
        let slot = slot.clone();
        thread::spawn(move || P::withdraw(&slot.state, 0))
    };
    let is_own = P::withdraw(&slot.state, 0);
    // The slot is empty now, whoever of the two emptied it.
    assert_eq!(slot.register::<P>(2), Some(1));
    let is_others = other.join().unwrap();
    saw(is_own.into());
    assert!(is_own != is_others, "the row was withdrawn twice, or never");
    assert_eq!(slot.read::<P>(), Some((1, 2)), "the successor went with it");
}

/// Two writers want one slot. Loom would let an exchange of one step between the other's exchange and its store,
/// so that nothing is touched here.
fn a_slot_has_one_owner<P: Protocol>() {
    let slot = Slot::new();
    let other = {
        let slot = slot.clone();
        thread::spawn(move || slot.register_untouched::<P>(1))
    };
    let own = slot.register_untouched::<P>(2);
    let other = other.join().unwrap();
    assert!(own.is_some() != other.is_some());
    saw(own.is_some().into());
    assert_eq!(slot.read::<P>(), Some((0, if own.is_some() { 2 } else { 1 })));
}

/// Two that publish a row each, and then look for the other's.
fn of_two_one_sees_the_other<P: Protocol>() {
    let slots = [Slot::new(), Slot::new()];
    let announce = |own: &Slot, others: &Slot| {
        own.register::<P>(1);
        P::look_around();
        P::read(&others.state, || ()).is_some()
    };
    let other = {
        let [first, second] = slots.clone();
        thread::spawn(move || announce(&second, &first))
    };
    let is_seen = announce(&slots[0], &slots[1]);
    let sees = other.join().unwrap();
    assert!(sees || is_seen, "neither gives way");
    saw(2 * u32::from(sees) + u32::from(is_seen));
}

/// How often a row gives way in the model.
const TURNS: usize = 1;

/// Two that announce one thing, each in a slot of its own: one row stays. Only where both have given way as often
/// as they may there are two.
fn of_two_one_announces_it<P: Protocol>() {
    let states: Arc<[AtomicU32; 2]> = Arc::new([0; 2].map(AtomicU32::new));
    let announce = |own: &AtomicU32, others: &AtomicU32| {
        let turns = Cell::new(0);
        let announce = || {
            turns.set(turns.get() + 1);
            let generation = P::claim(own).expect("nobody else takes it");
            P::publish(own, generation);
            generation
        };
        let is_there = |_| P::read(others, || ()).is_some();
        let made = P::announce_once(is_there, announce, |it| P::withdraw(own, it));
        (made, turns.get() > TURNS)
    };
    let other = {
        let states = states.clone();
        thread::spawn(move || announce(&states[1], &states[0]))
    };
    let (made, was_patient) = announce(&states[0], &states[1]);
    let (others, were_patient) = other.join().unwrap();
    let live = states.iter().filter(|state| P::read(state, || ()).is_some()).count();
    assert_eq!(live, usize::from(made) + usize::from(others), "who made one has it");
    assert!(live > 0, "nobody announced it");
    assert!(live == 1 || was_patient && were_patient, "it was announced twice");
    saw(live as u32);
    saw(3 + u32::from(made));
}

/// Where names go: two texts of one byte, each with a link before it, and one head of a list.
struct Arena {
    used: AtomicU32,
    words: [AtomicU32; 5],
    heads: [AtomicU32; 1],
}

impl Arena {
    fn intern<P: Protocol>(&self) -> u32 {
        touch(&self.heads[0]);
        P::intern(self, "a", 0)
    }
}

/// A name that somebody else put there, handed on with a row, is there for whoever reads the row.
fn a_name_goes_with_its_row<P: Protocol>() {
    let arena = Arena {
        used: AtomicU32::new(0),
        words: [0; 5].map(AtomicU32::new),
        heads: [AtomicU32::new(0)],
    };
    let shared = Arc::new((arena, AtomicU32::new(0)));
    let first = {
        let shared = shared.clone();
        thread::spawn(move || shared.0.intern::<P>())
    };
    let second = {
        let shared = shared.clone();
        thread::spawn(move || {
            let offset = shared.0.intern::<P>();
            shared.1.store(offset, Ordering::Release);
            offset
        })
    };
    let published = shared.1.load(Ordering::Acquire) as usize;
    // Records of eight bytes stand behind the word of the empty name.
    saw(published as u32 / 8);
    if published != 0 {
        let text = shared.0.words[published / 4].load(Ordering::Relaxed);
        assert_eq!(text.to_ne_bytes(), *b"a\0\0\0");
    }
    assert_eq!(first.join().unwrap(), second.join().unwrap(), "equal names are one");
}

struct Table<L> {
    header: AtomicUsize,
    next: L,
}

/// A root and two tables, which are known as 1 and 2.
struct Chain<L> {
    root: L,
    tables: [Table<L>; 2],
}

impl<L> Chain<L> {
    fn new<P: Protocol<Link = L>>() -> Arc<Self> {
        let table = || Table { header: AtomicUsize::new(0), next: P::link() };
        Arc::new(Self { root: P::link(), tables: [table(), table()] })
    }

    fn hang<P: Protocol<Link = L>>(&self, own: usize) {
        self.tables[own - 1].header.store(own, Ordering::Relaxed);
        P::touch(&self.root);
        P::touch(&self.tables[2 - own].next);
        P::append(&self.root, own, |next| &self.tables[next - 1].next);
    }

    fn walk<P: Protocol<Link = L>>(&self) -> Vec<usize> {
        let (mut link, mut seen) = (&self.root, Vec::new());
        loop {
            let next = P::next(link);
            if next == 0 {
                return seen;
            }
            let table = &self.tables[next - 1];
            assert_eq!(table.header.load(Ordering::Relaxed), next, "no header yet");
            assert!(!seen.contains(&next), "a circle");
            seen.push(next);
            link = &table.next;
        }
    }
}

/// A table that is hung up while somebody walks.
fn a_walk_meets_whole_tables<P: Protocol>() {
    let chain = Chain::new::<P>();
    chain.hang::<P>(1);
    let other = {
        let chain = chain.clone();
        thread::spawn(move || chain.hang::<P>(2))
    };
    saw(chain.walk::<P>().len() as u32);
    other.join().unwrap();
    assert_eq!(chain.walk::<P>(), [1, 2]);
}

/// Two tables, one of which two threads hang up at once.
fn a_chain_holds_each_table_once<P: Protocol>() {
    let chain = Chain::new::<P>();
    let other = {
        let chain = chain.clone();
        thread::spawn(move || {
            chain.hang::<P>(1);
        })
    };
    chain.hang::<P>(2);
    chain.hang::<P>(1);
    other.join().unwrap();
    let seen = chain.walk::<P>();
    saw(seen[0] as u32);
    assert!(seen == [1, 2] || seen == [2, 1], "{seen:?}");
}

thread_local! {
    /// A bit for each outcome of a model.
    static SEEN: Cell<u32> = const { Cell::new(0) };
    /// An assertion of a model failed, and not one of loom's.
    static HAS_FAILED: Cell<bool> = const { Cell::new(false) };
    /// A panic of a model that is meant to fail is no news.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Something that a model must have come to in some execution.
fn saw(outcome: u32) {
    SEEN.set(SEEN.get() | 1 << outcome);
}

/// Runs a model, and returns what it came to.
fn check(model: fn()) -> u32 {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    SEEN.set(0);
    builder.check(model);
    SEEN.get()
}

/// Whether a model fails by an assertion of its own. Loom runs its threads on this one.
fn fails(model: fn()) -> bool {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                loud(info);
            } else if info.location().is_some_and(|place| place.file().ends_with("loom_table.rs")) {
                HAS_FAILED.set(true);
            }
        }));
    });
    HAS_FAILED.set(false);
    IS_QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| check(model)));
    IS_QUIET.set(false);
    result.is_err() && HAS_FAILED.get()
}

#[test]
fn rows_are_read_whole_or_not_at_all() {
    assert_eq!(check(a_reader_sees_whole_rows::<strong::Files>), 0b111);
    assert_eq!(check(a_stranger_sees_whole_rows::<strong::Files>), 0b110);
    assert_eq!(check(a_changed_row_is_whole::<strong::Files>), 0b111);
}

#[test]
fn handles_name_one_generation() {
    assert_eq!(check(a_stale_handle_withdraws_nothing::<strong::Files>), 0b11);
    assert_eq!(check(a_slot_has_one_owner::<strong::Files>), 0b11);
    assert_eq!(check(a_change_stays_in_its_row::<strong::Files>), 0b1110);
    assert_eq!(check(of_two_one_sees_the_other::<strong::Files>), 0b1110);
    assert_eq!(check(of_two_one_announces_it::<strong::Files>), 0b11110);
}

#[test]
fn names_and_tables_are_there_for_whoever_is_led_to_them() {
    assert_eq!(check(a_name_goes_with_its_row::<strong::Files>), 0b111);
    assert_eq!(check(a_walk_meets_whole_tables::<strong::Files>), 0b110);
    assert_eq!(check(a_chain_holds_each_table_once::<strong::Files>), 0b110);
}

#[test]
fn every_ordering_is_needed() {
    assert!(fails(a_reader_sees_whole_rows::<weak_fill::Files>), "FILL");
    assert!(fails(a_reader_sees_whole_rows::<weak_publish::Files>), "PUBLISH");
    assert!(fails(a_reader_sees_whole_rows::<weak_look::Files>), "LOOK");
    assert!(fails(a_reader_sees_whole_rows::<weak_look_again::Files>), "LOOK_AGAIN");
    assert!(fails(a_stranger_sees_whole_rows::<weak_fill::Files>), "FILL, for strangers");
    assert!(fails(a_stranger_sees_whole_rows::<weak_publish::Files>), "PUBLISH, for strangers");
    assert!(fails(a_changed_row_is_whole::<weak_claim::Files>), "CLAIM");
    assert!(fails(of_two_one_sees_the_other::<weak_look_around::Files>), "LOOK_AROUND");
    assert!(fails(of_two_one_announces_it::<weak_look_around::Files>), "LOOK_AROUND, once");
    assert!(fails(a_name_goes_with_its_row::<weak_note::Files>), "NOTE");
    assert!(fails(a_name_goes_with_its_row::<weak_find::Files>), "FIND");
    assert!(fails(a_walk_meets_whole_tables::<weak_append::Files>), "APPEND");
    assert!(fails(a_walk_meets_whole_tables::<weak_follow::Files>), "FOLLOW");
}

/// Two orderings that these models cannot tell from weaker ones, and why.
///
/// `WITHDRAW`: an exchange carries on what the store before it released, whatever its own ordering, so that the
/// next owner's acquire synchronises with the publication of the row in any case. It orders what the owner did
/// *outside* the row, of which a model of a row knows nothing.
///
/// `CLAIM` where a slot is taken anew: without it, a store of the last owner could come later than one of the
/// next owner to the same field. Loom takes the order in which stores run for the order in which they
/// arrive, and never sees that. Where a live row is claimed to be changed, it sees it (above).
#[test]
fn what_no_model_can_see_is_said() {
    check(a_reader_sees_whole_rows::<weak_withdraw::Files>);
    check(a_change_stays_in_its_row::<weak_withdraw::Files>);
    check(a_reader_sees_whole_rows::<weak_claim::Files>);
    check(a_change_stays_in_its_row::<weak_claim::Files>);
}

/// Withdraws by a look and a store, as if nobody else did: what the models of handles are there to find.
struct Blind;

impl Protocol for Blind {
    type Link = <strong::Files as Protocol>::Link;

    fn claim(state: &AtomicU32) -> Option<u32> {
        strong::Files::claim(state)
    }

    fn publish(state: &AtomicU32, generation: u32) {
        strong::Files::publish(state, generation);
    }

    fn withdraw(state: &AtomicU32, generation: u32) -> bool {
        let is_live = state.load(Ordering::SeqCst) == generation << 2 | phase::LIVE;
        if is_live {
            state.store((generation + 1) << 2, Ordering::SeqCst);
        }
        is_live
    }

    fn change(state: &AtomicU32, generation: u32, store: impl FnOnce()) -> bool {
        let is_live = state.load(Ordering::SeqCst) == generation << 2 | phase::LIVE;
        if is_live {
            store();
        }
        is_live
    }

    fn read<T>(state: &AtomicU32, copy: impl FnMut() -> T) -> Option<(u32, T)> {
        strong::Files::read(state, copy)
    }

    fn look_around() {
        strong::Files::look_around();
    }

    fn announce_once(
        is_there: impl Fn(Option<u32>) -> bool,
        announce: impl Fn() -> u32,
        withdraw: impl Fn(u32) -> bool,
    ) -> bool {
        strong::Files::announce_once(is_there, announce, withdraw)
    }

    fn intern(names: &Arena, name: &str, hash: u32) -> u32 {
        strong::Files::intern(names, name, hash)
    }

    fn link() -> Self::Link {
        strong::Files::link()
    }

    fn touch(link: &Self::Link) {
        strong::Files::touch(link);
    }

    fn next(link: &Self::Link) -> usize {
        strong::Files::next(link)
    }

    /// Looks at every link before it writes to one.
    fn append<'a>(first: &'a Self::Link, own: usize, of: impl Fn(usize) -> &'a Self::Link) {
        let mut link = first;
        while link.get() != 0 {
            if link.get() == own {
                return;
            }
            link = of(link.get());
        }
        link.settle(own);
    }
}

#[test]
fn exchanges_are_needed() {
    assert!(fails(a_stale_handle_withdraws_nothing::<Blind>));
    assert!(fails(a_change_stays_in_its_row::<Blind>));
    assert!(fails(a_chain_holds_each_table_once::<Blind>));
}
