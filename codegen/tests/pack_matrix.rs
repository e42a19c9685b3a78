//! The packer on every architecture, compiler and linker that Debian has, for each kind of image.
//!
//! A cell of the matrix is a program that is built, packed and run: it walks its tables and says of each entry
//! whether it leads where the program's own code goes. What packing changes in the file is looked at as well.
//! A cell that cannot exist is named with the reason, and so is one whose tools are missing, which in CI is a
//! failure. A thinned set runs by default, all of it with `INSPECT_LONG=1`.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

#[path = "pack_matrix/cells.rs"]
mod cells;
#[path = "pack_matrix/look.rs"]
mod look;
#[path = "pack_matrix/toolchain.rs"]
mod toolchain;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cells::{Cell, KINDS, Outcome, Unit};
use support::is_long;
use toolchain::{COMPILERS, MACHINES, Workshop};

#[test]
fn every_kind_of_image_is_packed_for_every_machine() {
    let workshop = Workshop::new();
    let units: Vec<Unit> = MACHINES
        .iter()
        .flat_map(|machine| COMPILERS.map(|compiler| Unit { machine, compiler }))
        .filter(|unit| chosen("MATRIX_MACHINE", unit.machine.name))
        .collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = unit.cells(&workshop, |cell| {
                        chosen("MATRIX_KIND", cell.kind.name)
                            && (is_long() || is_in_the_short_form(cell))
                    });
                    results.lock().expect("no cell panics").extend(found);
                }
            });
        }
    });
    let results = results.into_inner().expect("no cell panics");
    let failures = report(&results);
    if std::env::var_os("MATRIX_KEEP").is_some() {
        workshop.keep();
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(results.values().any(|it| matches!(it, Outcome::Done)), "nothing was packed");
}

/// For work on one cell: a variable of the environment names what is wanted.
fn chosen(variable: &str, name: &str) -> bool {
    std::env::var(variable).map_or(true, |wanted| wanted.split(',').any(|it| it == name))
}

/// Every kind on x86_64, and on each other machine those whose relocations differ.
fn is_in_the_short_form(cell: &Cell) -> bool {
    let usual = ("gcc", "bfd") == (cell.compiler, cell.linker);
    let other = ("clang", "lld") == (cell.compiler, cell.linker);
    let is_here = cell.machine.name == "x86_64";
    (is_here && (usual || other)) || cell.kind.is_short && usual
}

/// Prints the table of results, and what was skipped for which reason. Returns what failed.
fn report(results: &BTreeMap<(usize, &'static str, &'static str, usize), Outcome>) -> Vec<String> {
    let mut failures = Vec::new();
    let mut skipped: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut text = String::new();
    let mut row = None;
    for (&(machine, compiler, linker, kind), outcome) in results {
        let name = format!("{} {compiler} {linker}", MACHINES[machine].name);
        if row.as_ref() != Some(&name) {
            text.push_str(&format!("\n{name:<24}"));
            row = Some(name.clone());
        }
        let kind = KINDS[kind].name;
        match outcome {
            Outcome::Done => text.push_str(&format!(" {kind}")),
            Outcome::Skipped(why) => skipped.entry(why).or_default().push(format!("{name} {kind}")),
            Outcome::Failed(why) => {
                text.push_str(&format!(" [{kind} FAILED]"));
                failures.push(format!("{name} {kind}: {why}"));
            }
        }
    }
    for (why, cells) in skipped {
        text.push_str(&format!("\nskipped, {why}: {}", cells.join(", ")));
    }
    let done = results.values().filter(|it| matches!(it, Outcome::Done)).count();
    eprintln!("{text}\n{done} of {} cells packed and run", results.len());
    failures
}
