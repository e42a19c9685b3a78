//! Measures the runtime beside its peers. `cargo run --release -- [WORK...]` runs the works that are named,
//! or all of them, and fails if a bar does not hold. Each work is a module that prints its own tables;
//! `measure` is what they share.

mod array;
mod coalesce;
mod dump;
mod measure;
mod sparse;
mod table;
mod translate;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// A work by its name; it returns whether all of its bars hold.
type Work = (&'static str, fn() -> bool);

const WORKS: &[Work] = &[
    ("table", table::run),
    ("translate", translate::run),
    ("sparse", sparse::run),
    ("coalesce", coalesce::run),
    ("dump", dump::run),
];

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|asked| WORKS.iter().all(|(name, _)| name != asked)) {
        let names: Vec<_> = WORKS.iter().map(|(name, _)| *name).collect();
        eprintln!("no work is called `{unknown}`; there are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    let chosen =
        WORKS.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|a| a == name));
    // All of them run, also after one that does not hold.
    let holds = chosen.fold(true, |holds, (_, run)| run() && holds);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
