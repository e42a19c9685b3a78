//! The notifier: who hears what, in which order, and what is refused.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use inspect_runtime::notifier::linux::Ported;
use inspect_runtime::notifier::probe::{Fault, Log, Probe, nth};
use inspect_runtime::notifier::{
    Change, ChangeError, Notifier, Phase, Refused, SubscribeError, Subscriber, Subscription,
    UnsubscribeError, Veto, linux,
};
use parking_lot::{RawMutex, RawThreadId};

type Sections<'s, const N: usize> = Notifier<'s, u64, RawMutex, RawThreadId, N>;
type Seen = Log<u64, RawMutex, 256>;

fn calm(_: Phase, _: usize) -> Fault {
    Fault::None
}

/// What was heard, as "name phase", and nothing of it after.
fn heard(log: &Seen) -> Vec<String> {
    let records = log.records();
    assert_eq!(log.lost(), 0);
    log.clear();
    records.iter().map(|record| format!("{} {:?}", record.name, record.phase)).collect()
}

fn done() -> Result<(), &'static str> {
    Ok(())
}

#[test]
fn higher_priority_hears_first_and_equals_in_the_order_of_subscription() {
    let log = Seen::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<4>::new();
    memory.subscribe(&a, 0).expect("room");
    memory.subscribe(&b, i32::MAX).expect("room");
    memory.subscribe(&c, i32::MIN).expect("room");
    memory.subscribe(&d, 0).expect("room");
    assert_eq!(memory.change(&Change::Add(1), || done().map(|()| 42)), Ok(42));
    let expected = [
        "b Prepare",
        "a Prepare",
        "d Prepare",
        "c Prepare", //
        "b Commit",
        "a Commit",
        "d Commit",
        "c Commit",
    ];
    assert_eq!(heard(&log), expected);
}

#[test]
fn a_veto_says_who_and_why_and_cancels_those_before_in_reverse() {
    let log = Seen::new();
    let [a, b, d] = ["a", "b", "d"].map(|name| Probe::new(name, &log, calm));
    let c = Probe::new("c", &log, nth(Phase::Prepare, 1, Fault::Veto("in use")));
    let memory = Sections::<4>::new();
    memory.subscribe(&a, 0).expect("room");
    memory.subscribe(&b, 0).expect("room");
    let by = memory.subscribe(&c, 0).expect("room");
    memory.subscribe(&d, 0).expect("room");
    let acted = Cell::new(false);
    let result = memory.change(&Change::Remove(1), || {
        acted.set(true);
        done()
    });
    let error = result.expect_err("a veto");
    assert_eq!(error, ChangeError::Vetoed { by, name: "c", veto: Veto::because("in use") });
    assert_eq!(error.to_string(), "c refused the change: in use");
    assert!(!acted.get());
    assert_eq!(heard(&log), ["a Prepare", "b Prepare", "c Prepare", "b Cancel", "a Cancel"]);
    assert_eq!(memory.epoch(), 0);
}

#[test]
fn an_action_that_fails_cancels_everyone_and_its_error_comes_back() {
    let log = Seen::new();
    let [a, b] = ["a", "b"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<2>::new();
    memory.subscribe(&a, 0).expect("room");
    memory.subscribe(&b, 0).expect("room");
    let change = Change::Properties { before: 1, after: 2 };
    let result = memory.change(&change, || Err::<(), _>("table full"));
    assert_eq!(result, Err(ChangeError::Failed("table full")));
    assert_eq!(memory.epoch(), 0);
    assert!(log.records().iter().all(|record| record.change == change));
    assert_eq!(heard(&log), ["a Prepare", "b Prepare", "b Cancel", "a Cancel"]);
    assert_eq!(memory.poison(), Ok(None));
}

/// Notes the epoch in each call.
struct Clock<'n>(&'n Sections<'n, 4>, Mutex<Vec<(Phase, usize)>>);

impl Clock<'_> {
    fn note(&self, phase: Phase) {
        self.1.lock().expect("nobody panics").push((phase, self.0.epoch()));
    }
}

impl Subscriber<u64> for Clock<'_> {
    fn prepare(&self, _: &Change<u64>) -> Result<(), Veto> {
        self.note(Phase::Prepare);
        Ok(())
    }
    fn commit(&self, _: &Change<u64>) {
        self.note(Phase::Commit);
    }
    fn cancel(&self, _: &Change<u64>) {
        self.note(Phase::Cancel);
    }
}

#[test]
fn an_epoch_is_the_number_of_changes_that_happened() {
    static MEMORY: Sections<'static, 4> = Sections::new();
    static CLOCK: Clock<'static> = Clock(&MEMORY, Mutex::new(Vec::new()));
    MEMORY.change(&Change::Add(1), done).expect("nobody objects");
    MEMORY.subscribe_with_replay(&CLOCK, 0, || [7, 8]).expect("room");
    MEMORY.change(&Change::Add(2), done).expect("nobody objects");
    MEMORY.change(&Change::Add(3), || Err::<(), _>("no")).expect_err("the action fails");
    let seen = CLOCK.1.lock().expect("nobody panics").clone();
    let (prepare, commit) = (Phase::Prepare, Phase::Commit);
    let expected =
        [(commit, 1), (commit, 1), (prepare, 1), (commit, 2), (prepare, 2), (Phase::Cancel, 2)];
    assert_eq!(seen, expected);
}

#[test]
fn a_replay_is_committed_additions_to_the_new_one_alone() {
    let log = Seen::new();
    let [old, new] = ["old", "new"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<2>::new();
    memory.subscribe(&old, 0).expect("room");
    memory.subscribe_with_replay(&new, 9, || 10..13).expect("room");
    let seen: Vec<_> =
        log.records().iter().map(|record| (record.name, record.phase, record.change)).collect();
    let add = |region| ("new", Phase::Commit, Change::Add(region));
    assert_eq!(seen, [add(10), add(11), add(12)]);
}

/// Hears of regions that are numbered in the order in which they come.
#[derive(Default)]
struct Gapless {
    next: AtomicU64,
    faults: AtomicUsize,
}

impl Subscriber<u64> for Gapless {
    fn prepare(&self, _: &Change<u64>) -> Result<(), Veto> {
        Ok(())
    }
    fn commit(&self, change: &Change<u64>) {
        let expected = self.next.fetch_add(1, Ordering::Relaxed);
        self.faults.fetch_add((expected != *change.region()) as usize, Ordering::Relaxed);
    }
    fn cancel(&self, _: &Change<u64>) {}
}

#[test]
fn nothing_falls_between_a_replay_and_the_changes_after_it() {
    let late: [Gapless; 8] = Default::default();
    let (regions, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let memory = Sections::<1>::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let region = regions.lock().expect("no panic").len() as u64;
                let add = || {
                    regions.lock().expect("no panic").push(region);
                    done()
                };
                memory.change(&Change::Add(region), add).expect("nobody objects");
            }
        });
        for subscriber in &late {
            let existing = || regions.lock().expect("no panic").clone();
            let handle = memory.subscribe_with_replay(subscriber, 0, existing).expect("room");
            let replayed = subscriber.next.load(Ordering::Relaxed);
            while subscriber.next.load(Ordering::Relaxed) < replayed + 5 {
                std::thread::yield_now();
            }
            memory.unsubscribe(handle).expect("it is there");
        }
        stop.store(true, Ordering::Relaxed);
    });
    for subscriber in &late {
        assert_eq!(subscriber.faults.load(Ordering::Relaxed), 0, "each once, none missing");
    }
}

#[test]
fn a_full_notifier_says_so_and_replays_nothing() {
    let log = Seen::new();
    let [a, b] = ["a", "b"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<1>::new();
    memory.subscribe(&a, 0).expect("room");
    let walked = Cell::new(false);
    let result = memory.subscribe_with_replay(&b, 0, || {
        walked.set(true);
        [1]
    });
    assert_eq!(result, Err(SubscribeError::Full));
    assert!(!walked.get());
    assert_eq!(heard(&log), [""; 0]);
}

#[test]
fn capacity_0_has_no_subscribers_and_changes_all_the_same() {
    let log = Seen::new();
    let a = Probe::new("a", &log, calm);
    let memory = Sections::<0>::new();
    assert_eq!(memory.subscribe(&a, 0), Err(SubscribeError::Full));
    assert_eq!(memory.change(&Change::Add(1), done), Ok(()));
    assert_eq!(memory.epoch(), 1);
}

#[test]
fn a_handle_of_one_that_is_gone_never_means_another() {
    let log = Seen::new();
    let [a, b] = ["a", "b"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<1>::new();
    let first = memory.subscribe(&a, 0).expect("room");
    memory.unsubscribe(first).expect("it is there");
    assert_eq!(memory.unsubscribe(first), Err(UnsubscribeError::Stale));
    let second = memory.subscribe(&b, 0).expect("room again");
    assert_ne!(first, second);
    assert_eq!(memory.unsubscribe(first), Err(UnsubscribeError::Stale));
    memory.change(&Change::Add(1), done).expect("nobody objects");
    assert_eq!(heard(&log), ["b Prepare", "b Commit"]);
    // A handle of a larger notifier may name a place that this one does not have.
    let large = Sections::<2>::new();
    large.subscribe(&a, 0).expect("room");
    let foreign = large.subscribe(&b, 0).expect("room");
    assert_eq!(memory.unsubscribe(foreign), Err(UnsubscribeError::Stale));
}

static MEDDLED: Sections<'static, 4> = Sections::new();
static MEDDLERS_OWN: Mutex<Option<Subscription>> = Mutex::new(None);
static REFUSALS: AtomicUsize = AtomicUsize::new(0);

/// Calls its own notifier in every way there is, and counts the refusals.
fn meddle() {
    let handle = MEDDLERS_OWN.lock().expect("no panic").expect("it was subscribed");
    let refused = Refused::Reentrant;
    let act = || -> Result<(), ()> { panic!("a refused change does not act") };
    let walk = || -> [u64; 1] { panic!("a refused subscription does not walk") };
    assert_eq!(MEDDLED.change(&Change::Add(9), act), Err(ChangeError::Refused(refused)));
    let result = MEDDLED.subscribe_with_replay(&Meddler, 0, walk);
    assert_eq!(result, Err(SubscribeError::Refused(refused)));
    assert_eq!(MEDDLED.unsubscribe(handle), Err(UnsubscribeError::Refused(refused)));
    assert_eq!(MEDDLED.poison(), Err(refused));
    assert_eq!(MEDDLED.clear_poison(), Err(refused));
    REFUSALS.fetch_add(5, Ordering::Relaxed);
}

struct Meddler;

impl Subscriber<u64> for Meddler {
    fn prepare(&self, _: &Change<u64>) -> Result<(), Veto> {
        meddle();
        Ok(())
    }
    fn commit(&self, _: &Change<u64>) {
        meddle();
    }
    fn cancel(&self, _: &Change<u64>) {
        meddle();
    }
}

#[test]
fn everything_on_the_same_notifier_is_refused_in_a_callback_and_in_the_action() {
    let handle = MEDDLED.subscribe(&Meddler, 0).expect("room");
    *MEDDLERS_OWN.lock().expect("no panic") = Some(handle);
    let act = || {
        meddle();
        done()
    };
    MEDDLED.change(&Change::Add(1), act).expect("nobody objects");
    assert_eq!(REFUSALS.load(Ordering::Relaxed), 15);
    MEDDLED.change(&Change::Add(1), || Err::<(), _>("no")).expect_err("the action fails");
    assert_eq!(REFUSALS.load(Ordering::Relaxed), 25);
    let walk = || {
        // The walk of a replay is inside as well.
        meddle();
        [1]
    };
    MEDDLED.subscribe_with_replay(&Meddler, 0, walk).expect("room");
    assert_eq!(REFUSALS.load(Ordering::Relaxed), 35);
    assert_eq!(MEDDLED.epoch(), 1);
    MEDDLED.unsubscribe(handle).expect("outside of callbacks everything works");
}

#[test]
fn another_notifier_may_be_called_from_a_callback() {
    static INNER: Sections<'static, 1> = Sections::new();
    let log = Seen::new();
    let forward = Probe::new("forward", &log, |phase, _| {
        if phase == Phase::Commit {
            INNER.change(&Change::Add(1), done).expect("it is another notifier");
        }
        Fault::None
    });
    let outer = Sections::<1>::new();
    outer.subscribe(&forward, 0).expect("room");
    outer.change(&Change::Add(1), done).expect("nobody objects");
    assert_eq!(INNER.epoch(), 1);
}

#[test]
fn threads_wait_for_each_other_and_changes_never_mix() {
    let log = Log::<u64, RawMutex, 4096>::new();
    let [a, b] = ["a", "b"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<2>::new();
    memory.subscribe(&a, 0).expect("room");
    memory.subscribe(&b, 0).expect("room");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let memory = &memory;
            scope.spawn(move || {
                for round in 0..100 {
                    memory.change(&Change::Add(thread << 32 | round), done).expect("no veto");
                }
            });
        }
    });
    let records = log.records();
    assert_eq!((records.len(), memory.epoch()), (4 * 400, 400));
    for change in records.chunks(4) {
        assert!(change.iter().all(|record| record.change == change[0].change), "{change:?}");
    }
}

/// Two calm probes around one that panics in a phase.
fn around_a_panic(
    phase: Phase,
    action: impl FnOnce() -> Result<(), &'static str>,
) -> (Vec<String>, Sections<'static, 3>) {
    let log: &'static Seen = Box::leak(Box::new(Seen::new()));
    let first = Box::leak(Box::new(Probe::new("first", log, calm)));
    let shaky = Box::leak(Box::new(Probe::new("shaky", log, nth(phase, 1, Fault::Panic))));
    let last = Box::leak(Box::new(Probe::new("last", log, calm)));
    let memory = Sections::<3>::new();
    memory.subscribe(first, 3).expect("room");
    let handle = memory.subscribe(shaky, 2).expect("room");
    memory.subscribe(last, 1).expect("room");
    let change = || memory.change(&Change::Add(1), action);
    let panic = catch_unwind(AssertUnwindSafe(change)).expect_err("the panic goes on");
    assert!(panic.downcast_ref::<String>().is_some_and(|text| text.starts_with("shaky")));
    let poison = memory.poison().expect("nobody is inside").expect("there was a panic");
    assert_eq!((poison.phase, poison.subscription, poison.name), (phase, Some(handle), "shaky"));
    let heard_first = heard(log);
    // It works on, and the panic stays on record until someone has seen it.
    memory.change(&Change::Add(2), done).expect("nobody objects");
    assert_eq!(heard(log).len(), 6);
    assert_eq!(memory.clear_poison(), Ok(Some(poison)));
    assert_eq!(memory.poison(), Ok(None));
    (heard_first, memory)
}

#[test]
fn a_panic_in_prepare_rolls_back_those_before() {
    let (heard, memory) = around_a_panic(Phase::Prepare, || panic!("nobody acts"));
    assert_eq!(heard, ["first Prepare", "shaky Prepare", "first Cancel"]);
    assert_eq!(memory.epoch(), 1);
}

#[test]
fn a_panic_in_commit_hides_the_change_from_nobody() {
    let (heard, memory) = around_a_panic(Phase::Commit, done);
    assert_eq!(heard[3..], ["first Commit", "shaky Commit", "last Commit"]);
    assert_eq!(memory.epoch(), 2);
}

#[test]
fn a_panic_in_cancel_leaves_no_other_prepared() {
    let (heard, memory) = around_a_panic(Phase::Cancel, || Err("no"));
    assert_eq!(heard[3..], ["last Cancel", "shaky Cancel", "first Cancel"]);
    assert_eq!(memory.epoch(), 1);
}

#[test]
fn a_panic_in_the_action_rolls_everyone_back() {
    let log = Seen::new();
    let [a, b] = ["a", "b"].map(|name| Probe::new(name, &log, calm));
    let memory = Sections::<2>::new();
    memory.subscribe(&a, 0).expect("room");
    memory.subscribe(&b, 0).expect("room");
    let act = || -> Result<(), ()> { panic!("the action") };
    let change = || memory.change(&Change::Add(1), act);
    catch_unwind(AssertUnwindSafe(change)).expect_err("the panic goes on");
    assert_eq!(heard(&log), ["a Prepare", "b Prepare", "b Cancel", "a Cancel"]);
    let poison = memory.poison().expect("nobody is inside").expect("there was a panic");
    assert_eq!((poison.phase, poison.subscription), (Phase::Action, None));
    memory.change(&Change::Add(1), done).expect("it works on");
}

#[test]
fn one_that_panics_in_its_replay_is_not_subscribed() {
    let log = Seen::new();
    let shaky = Probe::new("shaky", &log, nth(Phase::Commit, 2, Fault::Panic));
    let memory = Sections::<1>::new();
    let subscribe = || memory.subscribe_with_replay(&shaky, 0, || [1, 2, 3]);
    catch_unwind(AssertUnwindSafe(subscribe)).expect_err("the panic goes on");
    assert_eq!(heard(&log), ["shaky Commit", "shaky Commit"]);
    let poison = memory.poison().expect("nobody is inside").expect("there was a panic");
    assert_eq!((poison.phase, poison.name), (Phase::Replay, "shaky"));
    memory.change(&Change::Add(1), done).expect("nobody is there");
    assert_eq!(heard(&log), [""; 0]);
    memory.subscribe(&shaky, 0).expect("its place is free");
    // The first panic is the one that is kept.
    let act = || -> Result<(), ()> { panic!("the action") };
    let change = || memory.change(&Change::Add(1), act);
    catch_unwind(AssertUnwindSafe(change)).expect_err("the panic goes on");
    assert_eq!(memory.poison(), Ok(Some(poison)));
}

/// The bookkeeping of a driver of 2008: it takes memory out of its count when it is going, and puts it back
/// when that is cancelled.
#[derive(Default)]
struct Driver {
    bytes: AtomicUsize,
    cancels: AtomicUsize,
    busy: AtomicBool,
}

impl Driver {
    fn notify(&self, action: linux::Action, bytes: &u64) -> linux::Reply {
        use linux::{MEM_CANCEL_OFFLINE, MEM_GOING_OFFLINE, MEM_ONLINE, NOTIFY_BAD, NOTIFY_OK};
        let bytes = *bytes as usize;
        match action {
            MEM_GOING_OFFLINE if self.busy.load(Ordering::Relaxed) => return NOTIFY_BAD,
            MEM_GOING_OFFLINE => self.bytes.fetch_sub(bytes, Ordering::Relaxed),
            MEM_ONLINE => self.bytes.fetch_add(bytes, Ordering::Relaxed),
            MEM_CANCEL_OFFLINE => {
                self.cancels.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(bytes, Ordering::Relaxed)
            }
            _ => 0,
        };
        NOTIFY_OK
    }
}

/// How much the driver believes there is after a removal of 16 of 256 bytes that one before it refused, and
/// how many cancels it heard.
fn after_a_refused_removal(like_linux: bool) -> (usize, usize) {
    let (before, driver) = (Driver::default(), Driver::default());
    let first = Ported::new("before", |action, bytes: &u64| before.notify(action, bytes));
    let second = Ported::new("driver", |action, bytes: &u64| driver.notify(action, bytes));
    let memory = if like_linux { Sections::<2>::like_linux() } else { Sections::new() };
    memory.subscribe(&first, 1).expect("room");
    memory.subscribe(&second, 0).expect("room");
    memory.change(&Change::Add(256), done).expect("nobody objects");
    before.busy.store(true, Ordering::Relaxed);
    let error = memory.change(&Change::Remove(16), done).expect_err("the first one is busy");
    assert_eq!(error.to_string(), "before refused the change: its callback returned NOTIFY_BAD");
    (driver.bytes.load(Ordering::Relaxed), driver.cancels.load(Ordering::Relaxed))
}

#[test]
fn a_stray_cancel_counts_twice_as_under_linux_and_does_not_exist_in_two_phases() {
    // The driver was never asked, and is told that what did not begin is cancelled.
    assert_eq!(after_a_refused_removal(true), (256 + 16, 1));
    assert_eq!(after_a_refused_removal(false), (256, 0));
}

#[test]
fn linux_cancels_forward_and_everyone() {
    let log = Seen::new();
    let [a, c] = ["a", "c"].map(|name| Probe::new(name, &log, calm));
    let b = Probe::new("b", &log, nth(Phase::Prepare, 1, Fault::Veto("no")));
    let memory = Sections::<3>::like_linux();
    for probe in [&a as &(dyn Subscriber<u64> + Sync), &b, &c] {
        memory.subscribe(probe, 0).expect("room");
    }
    memory.change(&Change::Add(1), done).expect_err("a veto");
    assert_eq!(heard(&log), ["a Prepare", "b Prepare", "a Cancel", "b Cancel", "c Cancel"]);
}

#[test]
fn a_ported_callback_hears_the_actions_of_linux() {
    use linux::{Action, Reply};
    let heard = Mutex::new(Vec::new());
    let driver = Ported::new("driver", |action, region: &u64| {
        heard.lock().expect("no panic").push((action as u32, *region));
        // What is refused too late hides nothing.
        if action == Action::Online { Reply::Bad } else { Reply::Done }
    });
    let log = Seen::new();
    let last = Probe::new("last", &log, calm);
    let memory = Sections::<2>::new();
    memory.subscribe_with_replay(&driver, 0, || [5]).expect("room");
    memory.subscribe(&last, 0).expect("room");
    memory.change(&Change::Add(6), done).expect("nobody objects");
    assert_eq!(self::heard(&log), ["last Prepare", "last Commit"]);
    memory.change(&Change::Remove(7), done).expect("nobody objects");
    memory.change(&Change::Properties { before: 1, after: 2 }, done).expect("nobody objects");
    memory.change(&Change::Add(8), || Err::<(), _>("no")).expect_err("the action fails");
    memory.change(&Change::Remove(9), || Err::<(), _>("no")).expect_err("the action fails");
    // The numbers are those of <linux/memory.h>.
    let expected = [(1, 5), (8, 6), (1, 6), (2, 7), (4, 7), (8, 8), (16, 8), (2, 9), (32, 9)];
    assert_eq!(*heard.lock().expect("no panic"), expected);
}

#[test]
fn numbers_of_linux_become_replies() {
    use linux::{NOTIFY_BAD, NOTIFY_DONE, NOTIFY_OK, Reply};
    assert_eq!(Reply::from_raw(0), NOTIFY_DONE);
    assert_eq!(Reply::from_raw(1), NOTIFY_OK);
    assert_eq!(Reply::from_raw(0x8001), NOTIFY_OK, "NOTIFY_STOP is no error");
    assert_eq!(Reply::from_raw(0x8002), NOTIFY_BAD);
    assert_eq!(Reply::from_raw(0x8000 | (1 + 12)), NOTIFY_BAD, "-ENOMEM, as notifiers carry it");
}
