//! Memory comes and goes under load, and four subscribers agree about it or nothing happens.
//!
//! Threads transfer data through an adapter all the time while the main thread adds memory and removes it.
//! Each change is a transaction of the notifier: whoever subscribed prepares, the memory comes or goes, and
//! whoever subscribed commits. The adapter refuses what its hardware cannot do, and a removal of memory that
//! it is using; then those who had prepared are rolled back.

mod accountant;
mod adapter;
mod dump_list;
mod load;
mod memory;
mod old_driver;
mod report;

mod schemas {
    inspect_runtime::include_schemas!();
}

use std::process::ExitCode;

use inspect_runtime::notifier::Notifier;
use inspect_runtime::regions::Range;
use parking_lot::{RawMutex, RawThreadId};

use accountant::Accountant;
use adapter::Adapter;
use dump_list::DumpList;
use load::Load;
use memory::{Change, Memory, sections};
use report::say;

static ACCOUNTANT: Accountant = Accountant::new();
static DUMP_LIST: DumpList = DumpList::new();
static ADAPTER: Adapter = Adapter::new();
static MEMORY: Memory = Memory::new();
static CHANGES: Notifier<'static, Range, RawMutex, RawThreadId, 4> = Notifier::new();

/// Where the two nodes begin: far apart, as they do.
const NODES: [u64; 2] = [0, 1 << 40];

fn main() -> ExitCode {
    // Whoever refuses often comes late, so that it is seen how those before it are rolled back.
    CHANGES.subscribe(&ACCOUNTANT, 30).expect("one of four");
    CHANGES.subscribe(&ADAPTER, 10).expect("one of four");
    CHANGES.subscribe(&old_driver::DRIVER, 0).expect("one of four");

    let wrong = Load::run(&ADAPTER, &MEMORY, |load| {
        tell_a_story(load);
        churn(load);
    });
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One change of each kind, and one refusal of each kind.
fn tell_a_story(load: &Load<'_>) {
    let [first, second] = NODES;
    let step = |title: &str, change: Change| step(title, change, load);

    step("the first node comes", Change::Add(sections(first, 0..8)));
    step("the second node comes", Change::Add(sections(second, 0..4)));

    report::title("a list of what to dump is kept from now on");
    CHANGES.subscribe_with_replay(&DUMP_LIST, 20, || MEMORY.present()).expect("one of four");
    say("dump list", DUMP_LIST.summary());
    DUMP_LIST.follow();

    step("half a section comes", Change::Add(memory::half_a_section(second, 4)));
    step("the middle of the first node goes", Change::Remove(sections(first, 2..4)));
    step("memory comes that is far from all other", Change::Add(sections(second, 8..10)));

    let ring = ADAPTER.post_ring(second).expect("the second node is there");
    step("the second node goes, and a ring lies in it", Change::Remove(sections(second, 0..4)));
    drop(ring);
    step("the second node goes, and no ring lies in it", Change::Remove(sections(second, 0..4)));
    step("more comes than the table has rows for", Change::Add(sections(second, 0..16)));
    step("what is not there goes", Change::Remove(sections(second, 0..1)));
}

/// Makes a change and says what became of it.
fn step(title: &str, change: Change, load: &Load<'_>) {
    report::title(title);
    let result = match change {
        Change::Add(range) => CHANGES.change(&change, || MEMORY.add(range)),
        Change::Remove(range) => CHANGES.change(&change, || MEMORY.remove(range)),
        Change::Properties { .. } => Ok(()),
    };
    match result {
        Ok(()) => report::outcome(format_args!("done; {}", agreement())),
        Err(error) => report::outcome(format_args!("{error}; {}", agreement())),
    }
    load.go_on();
}

/// Many changes in an order that has no plan and is the same in each run.
fn churn(load: &Load<'_>) {
    report::title("four hundred changes in a row");
    let mut random = memory::Random::new(2008);
    let (mut happened, mut refused) = (0, 0);
    report::quietly(|| {
        for _ in 0..400 {
            let node = NODES[random.below(2)];
            let start = 2 * random.below(7) as u64;
            let range = sections(node, start..start + 4);
            let ring = (random.below(4) == 0).then(|| ADAPTER.post_ring(range.first().0)).flatten();
            let is_there = MEMORY.present().iter().any(|section| range.covers(*section));
            let change = if is_there { Change::Remove(range) } else { Change::Add(range) };
            let epoch = CHANGES.epoch();
            step("", change, load);
            drop(ring);
            if CHANGES.epoch() == epoch {
                refused += 1
            } else {
                happened += 1
            }
            assert!(agreement().starts_with("all agree"), "{change:?}: {}", agreement());
        }
    });
    report::outcome(format_args!("{happened} happened, {refused} did not; {}", agreement()));
}

/// What everybody believes is there, in bytes.
fn agreement() -> String {
    let truth = MEMORY.bytes();
    let mut beliefs = vec![
        ("accountant", ACCOUNTANT.bytes()),
        ("adapter", ADAPTER.bytes()),
        ("old driver", old_driver::bytes()),
        ("table", MEMORY.bytes_in_table()),
    ];
    if DUMP_LIST.follows() {
        beliefs.push(("dump list", DUMP_LIST.bytes()));
    }
    beliefs.retain(|(_, bytes)| *bytes != truth);
    if beliefs.is_empty() {
        format!("all agree on {} KiB", truth >> 10)
    } else {
        format!("there are {truth} bytes, but {beliefs:?}")
    }
}
