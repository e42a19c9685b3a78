//! Scripts for notifiers, and what everybody hears from the Rust twin.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

use inspect_runtime::notifier::linux::{Action, Ported, Reply};
use inspect_runtime::notifier::{
    Change, ChangeError, Notifier, Refused, Subscriber, Subscription, Veto,
};
use parking_lot::{RawMutex, RawThreadId};
use proptest::prelude::*;

use super::Dialogue;

const NODES: usize = 8;
const NAMES: [&str; NODES] = ["a", "b", "c", "d", "e", "f", "g", "h"];

type Numbers = Notifier<'static, u64, RawMutex, RawThreadId, NODES>;

#[derive(Clone, Debug)]
pub(super) struct Case {
    like_linux: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe { node: usize, priority: i32, reentrant: usize, existing: Vec<u64> },
    Unsubscribe(usize),
    Change { change: Change<u64>, vetoes: u64, action: i32, reentrant: usize },
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    let change = prop_oneof![
        3 => (0_u64..9).prop_map(Change::Add),
        3 => (0_u64..9).prop_map(Change::Remove),
        1 => (0_u64..9, 0_u64..9).prop_map(|(before, after)| Change::Properties { before, after }),
    ];
    let vetoes =
        prop_oneof![3 => Just(0_u64), 2 => (0..NODES).prop_map(|node| 1 << node), 1 => 0_u64..256];
    let reentrant = || prop_oneof![3 => Just(NODES), 1 => 0..NODES];
    let step = prop_oneof![
        4 => (0..NODES, -2_i32..3, reentrant(), prop::collection::vec(0_u64..9, 0..4)).prop_map(
            |(node, priority, reentrant, existing)| Step::Subscribe { node, priority, reentrant, existing }
        ),
        1 => (0..NODES).prop_map(Step::Unsubscribe),
        5 => (change, vetoes, prop_oneof![3 => Just(0), 1 => Just(5)], reentrant()).prop_map(
            |(change, vetoes, action, reentrant)| Step::Change { change, vetoes, action, reentrant }
        ),
    ];
    (any::<bool>(), prop::collection::vec(step, 1..40))
        .prop_map(|(like_linux, steps)| Case { like_linux, steps })
}

/// What the subscribers of a case share.
struct World {
    notifier: OnceLock<&'static Numbers>,
    heard: Mutex<String>,
    vetoes: AtomicU64,
    reentrant: AtomicUsize,
}

impl World {
    fn notifier(&self) -> &'static Numbers {
        self.notifier.get().expect("it is made first")
    }

    fn hear(&self, node: usize, what: &str) {
        let epoch = self.notifier().epoch();
        let mut heard = self.heard.lock().expect("nobody panics");
        let _ = write!(heard, " {}:{what}@{epoch}", NAMES[node]);
        if self.reentrant.load(Relaxed) == node {
            let result = self.notifier().change(&Change::Add(0), || Ok::<(), ()>(()));
            assert!(matches!(result, Err(ChangeError::Refused(Refused::Reentrant))));
            heard.push_str(" again -41");
        }
    }

    fn is_refused(&self, node: usize) -> bool {
        self.vetoes.load(Relaxed) >> node & 1 == 1
    }

    fn heard(&self) -> String {
        std::mem::take(&mut *self.heard.lock().expect("nobody panics"))
    }
}

struct Native {
    world: &'static World,
    node: usize,
}

impl Native {
    fn hear(&self, phase: &str, change: &Change<u64>) {
        let what = match change {
            Change::Add(region) => format!("{phase}:0:{region}"),
            Change::Remove(region) => format!("{phase}:1:{region}"),
            Change::Properties { before, after } => format!("{phase}:2:{after}:{before}"),
        };
        self.world.hear(self.node, &what);
    }
}

impl Subscriber<u64> for Native {
    fn prepare(&self, change: &Change<u64>) -> Result<(), Veto> {
        self.hear("prepare", change);
        if self.world.is_refused(self.node) {
            return Err(Veto::because("it is in the script"));
        }
        Ok(())
    }

    fn commit(&self, change: &Change<u64>) {
        self.hear("commit", change);
    }

    fn cancel(&self, change: &Change<u64>) {
        self.hear("cancel", change);
    }

    fn name(&self) -> &'static str {
        NAMES[self.node]
    }
}

/// Every other node comes from Linux.
fn subscriber(world: &'static World, node: usize) -> &'static (dyn Subscriber<u64> + Sync) {
    if node.is_multiple_of(2) {
        return Box::leak(Box::new(Native { world, node }));
    }
    let callback = move |action: Action, region: &u64| {
        world.hear(node, &format!("mem{}:{region}", action as u32));
        if world.is_refused(node) { Reply::from_raw(0x8002) } else { Reply::from_raw(0x8001) }
    };
    Box::leak(Box::new(Ported::new(NAMES[node], callback)))
}

/// The script of a case, with its answers.
pub(super) fn tell(case: &Case) -> Dialogue {
    let notifier: &'static Numbers =
        Box::leak(Box::new(if case.like_linux { Numbers::like_linux() } else { Numbers::new() }));
    let world: &'static World = Box::leak(Box::new(World {
        notifier: OnceLock::from(notifier),
        heard: Mutex::new(String::new()),
        vetoes: AtomicU64::new(0),
        reentrant: AtomicUsize::new(NODES),
    }));
    let mut subscriptions: [Option<Subscription>; NODES] = [None; NODES];
    let mut dialogue = Dialogue::default();
    dialogue.say(&format!("notifier {}", u8::from(case.like_linux)), "notifier");
    for step in &case.steps {
        match step {
            Step::Subscribe { node, priority, reentrant, existing } => {
                let regions: String = existing.iter().map(|region| format!(" {region}")).collect();
                let line = format!("subscribe {node} {} {reentrant}{regions}", priority + 100);
                world.reentrant.store(*reentrant, Relaxed);
                let result = if subscriptions[*node].is_some() {
                    // A subscriber in C is its own place; here it could be added twice.
                    -43
                } else {
                    let new = subscriber(world, *node);
                    let added = notifier.subscribe_with_replay(new, *priority, || existing.clone());
                    subscriptions[*node] = Some(added.expect("room"));
                    0
                };
                dialogue.say(&line, &format!("subscribe{} {result}", world.heard()));
            }
            Step::Unsubscribe(node) => {
                let result = match subscriptions[*node].take() {
                    Some(subscription) => notifier.unsubscribe(subscription).map_or(1, |()| 0),
                    None => -43,
                };
                dialogue.say(&format!("unsubscribe {node}"), &format!("unsubscribe {result}"));
            }
            Step::Change { change, vetoes, action, reentrant } => {
                world.vetoes.store(*vetoes, Relaxed);
                world.reentrant.store(*reentrant, Relaxed);
                let (line, expected) = tell_change(world, change, *action);
                dialogue.say(&format!("change {line} {vetoes} {action} {reentrant}"), &expected);
            }
        }
    }
    dialogue
}

fn tell_change(world: &'static World, change: &Change<u64>, action: i32) -> (String, String) {
    let line = match change {
        Change::Add(region) => format!("0 {region} 0"),
        Change::Remove(region) => format!("1 {region} 0"),
        Change::Properties { before, after } => format!("2 {after} {before}"),
    };
    let result = world.notifier().change(change, || {
        world.heard.lock().expect("nobody panics").push_str(" act");
        if action == 0 { Ok(()) } else { Err(action) }
    });
    let heard = world.heard();
    let end = match result {
        Ok(()) => "0".to_owned(),
        Err(ChangeError::Vetoed { name, veto, .. }) => format!("-39 {name} refused: {veto}"),
        Err(ChangeError::Failed(error)) => format!("-40 {error}"),
        Err(error) => format!("{error:?}"),
    };
    (line, format!("change{heard} {end} @{}", world.notifier().epoch()))
}
