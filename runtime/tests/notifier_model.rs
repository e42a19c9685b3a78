//! The notifier against a model of it: whatever subscribers do, they hear what the model says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once};

use inspect_runtime::notifier::probe::{Fault, Log, Probe};
use inspect_runtime::notifier::{
    Change, ChangeError, Notifier, Phase, SubscribeError, Subscription, UnsubscribeError, Veto,
};
use parking_lot::{RawMutex, RawThreadId};
use proptest::prelude::*;

/// Places of the notifier; there are more probes than that.
const PLACES: usize = 5;
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// What the test does next. A probe is meant by its index.
#[derive(Clone, Debug)]
enum Step {
    Subscribe {
        probe: usize,
        priority: i32,
        existing: Vec<u8>,
    },
    /// Takes back the handle that was given out as the `nth`, whether it is still good or not.
    Unsubscribe {
        nth: usize,
    },
    Change {
        change: Change<u8>,
        vetoes: [bool; NAMES.len()],
        panic: Option<(Phase, usize)>,
        action: Act,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Succeed,
    Fail,
    Panic,
}

type Bytes<'s> = Notifier<'s, u8, RawMutex, RawThreadId, PLACES>;
type Plan<'a> = Box<dyn Fn(Phase, usize) -> Fault + Sync + 'a>;

/// What a probe heard: which one, what, of which change.
type Call = (&'static str, Phase, Change<u8>);

/// How a change ended.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Happened,
    Vetoed(Subscription, &'static str),
    Failed,
    Panicked,
}

/// The notifier as a list that is written down as plainly as can be.
struct Model {
    /// Probe, priority, handle; in the order of their calls.
    members: Vec<(usize, i32, Subscription)>,
    like_linux: bool,
    epoch: usize,
    poisoned: bool,
}

impl Model {
    fn subscribe(&mut self, probe: usize, priority: i32, handle: Subscription) {
        self.members.push((probe, priority, handle));
        // A stable sort keeps equals in the order in which they came.
        self.members.sort_by_key(|&(_, priority, _)| std::cmp::Reverse(priority));
    }

    fn unsubscribe(&mut self, handle: Subscription) -> bool {
        let before = self.members.len();
        self.members.retain(|&(_, _, member)| member != handle);
        self.members.len() < before
    }

    fn change(
        &mut self,
        vetoes: &[bool; NAMES.len()],
        panic: Option<(Phase, usize)>,
        action: Act,
    ) -> (Vec<(&'static str, Phase)>, End) {
        let mut calls = Vec::new();
        let mut prepared = Vec::new();
        let mut end = match action {
            Act::Succeed => End::Happened,
            Act::Fail => End::Failed,
            Act::Panic => End::Panicked,
        };
        for &(probe, _, handle) in &self.members {
            calls.push((NAMES[probe], Phase::Prepare));
            if panic == Some((Phase::Prepare, probe)) {
                end = End::Panicked;
                break;
            } else if vetoes[probe] {
                end = End::Vetoed(handle, NAMES[probe]);
                break;
            }
            prepared.push(probe);
        }
        let everyone: Vec<_> = self.members.iter().map(|&(probe, ..)| probe).collect();
        let (phase, told) = if end == End::Happened {
            self.epoch += 1;
            (Phase::Commit, everyone)
        } else if self.like_linux {
            (Phase::Cancel, everyone)
        } else {
            (Phase::Cancel, prepared.into_iter().rev().collect())
        };
        calls.extend(told.iter().map(|&probe| (NAMES[probe], phase)));
        if panic.is_some_and(|(when, probe)| when == phase && told.contains(&probe)) {
            end = End::Panicked;
        }
        self.poisoned |= end == End::Panicked;
        (calls, end)
    }
}

/// What the probes do in the change that is being told.
#[derive(Default)]
struct Script {
    vetoes: [bool; NAMES.len()],
    panic: Option<(Phase, usize)>,
}

impl Script {
    fn fault(&mut self, probe: usize, phase: Phase) -> Fault {
        // Once: a probe may be subscribed twice.
        if self.panic.take_if(|panic| *panic == (phase, probe)).is_some() {
            Fault::Panic
        } else if self.vetoes[probe] {
            // In a commit or a cancel it has no effect.
            Fault::Veto("it is in the script")
        } else {
            Fault::None
        }
    }
}

fn run(steps: &[Step], like_linux: bool) -> Result<(), TestCaseError> {
    let log = Log::<u8, RawMutex, 64>::new();
    let script = &Mutex::new(Script::default());
    let probes: Vec<_> = NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let plan = move |phase, _| script.lock().expect("no panic here").fault(index, phase);
            Probe::new(name, &log, Box::new(plan) as Plan<'_>)
        })
        .collect();
    let notifier = if like_linux { Bytes::like_linux() } else { Bytes::new() };
    let mut model = Model { members: Vec::new(), like_linux, epoch: 0, poisoned: false };
    let mut handles = Vec::new();

    for step in steps {
        log.clear();
        let mut expected: Vec<Call> = Vec::new();
        match step {
            Step::Subscribe { probe, priority, existing } => {
                let walk = || existing.iter().copied();
                let result = notifier.subscribe_with_replay(&probes[*probe], *priority, walk);
                if model.members.len() == PLACES {
                    prop_assert_eq!(result, Err(SubscribeError::Full));
                } else {
                    let handle = result.expect("there is room");
                    prop_assert!(!handles.contains(&handle), "no handle is given out twice");
                    handles.push(handle);
                    model.subscribe(*probe, *priority, handle);
                    let add = |&region| (NAMES[*probe], Phase::Commit, Change::Add(region));
                    expected = existing.iter().map(add).collect();
                }
            }
            Step::Unsubscribe { nth } => {
                if let Some(&handle) = handles.get(*nth) {
                    let there = model.unsubscribe(handle);
                    let result = if there { Ok(()) } else { Err(UnsubscribeError::Stale) };
                    prop_assert_eq!(notifier.unsubscribe(handle), result);
                }
            }
            Step::Change { change, vetoes, panic, action } => {
                *script.lock().expect("no panic here") = Script { vetoes: *vetoes, panic: *panic };
                let act = || match action {
                    Act::Succeed => Ok(()),
                    Act::Fail => Err(()),
                    Act::Panic => panic!("an action that the test asked to panic"),
                };
                let result = catch_unwind(AssertUnwindSafe(|| notifier.change(change, act)));
                let (calls, end) = model.change(vetoes, *panic, *action);
                expected = calls.iter().map(|&(name, phase)| (name, phase, *change)).collect();
                prop_assert_eq!(result.map_or(End::Panicked, ended), end);
                *script.lock().expect("no panic here") = Script::default();
            }
        }
        let heard = log.records().iter().map(|seen| (seen.name, seen.phase, seen.change)).collect();
        prop_assert_eq!((Vec::<Call>::clone(&heard), log.lost()), (expected, 0));
        prop_assert_eq!(notifier.epoch(), model.epoch);
        prop_assert_eq!(notifier.poison().expect("nobody is inside").is_some(), model.poisoned);
    }
    Ok(())
}

fn ended(result: Result<(), ChangeError<()>>) -> End {
    match result {
        Ok(()) => End::Happened,
        Err(ChangeError::Failed(())) => End::Failed,
        Err(ChangeError::Vetoed { by, name, veto }) => {
            assert_eq!(veto, Veto::because("it is in the script"));
            End::Vetoed(by, name)
        }
        Err(error) => panic!("nobody is refused here: {error:?}"),
    }
}

fn change() -> impl Strategy<Value = Change<u8>> {
    prop_oneof![
        any::<u8>().prop_map(Change::Add),
        any::<u8>().prop_map(Change::Remove),
        any::<(u8, u8)>().prop_map(|(before, after)| Change::Properties { before, after }),
    ]
}

/// A step. A change has at most one panic: a second one while the first unwinds ends the process.
fn step() -> impl Strategy<Value = Step> {
    let probe = 0..NAMES.len();
    let subscribe = (probe.clone(), -2..3, prop::collection::vec(any::<u8>(), 0..4))
        .prop_map(|(probe, priority, existing)| Step::Subscribe { probe, priority, existing });
    let unsubscribe = (0..12_usize).prop_map(|nth| Step::Unsubscribe { nth });
    let phase = prop_oneof![Just(Phase::Prepare), Just(Phase::Commit), Just(Phase::Cancel)];
    let panic = prop::option::weighted(0.2, (phase, probe));
    let vetoes = prop::array::uniform8(prop::bool::weighted(0.07));
    let act = prop_oneof![4 => Just(Act::Succeed), 2 => Just(Act::Fail), 1 => Just(Act::Panic)];
    let change = (change(), vetoes, panic, act).prop_map(|(change, vetoes, panic, action)| {
        // A cancel may be due to a panic of the action or of a prepare, so it does not panic itself then.
        let calm = action == Act::Panic && panic.is_some_and(|(phase, _)| phase == Phase::Cancel);
        let action = if calm { Act::Fail } else { action };
        Step::Change { change, vetoes, panic, action }
    });
    prop_oneof![3 => subscribe, 1 => unsubscribe, 4 => change]
}

/// Panics that the test asks for are not printed.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied());
            if !text.is_some_and(|text| text.contains("asked")) {
                print(info);
            }
        }));
    });
}

fn config() -> ProptestConfig {
    let cases =
        if std::env::var("INSPECT_LONG").is_ok_and(|value| value == "1") { 50_000 } else { 1_000 };
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn subscribers_hear_what_the_model_says(
        steps in prop::collection::vec(step(), 1..40),
        like_linux in prop::bool::weighted(0.3),
    ) {
        quiet();
        run(&steps, like_linux)?;
    }
}
