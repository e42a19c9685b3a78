//! Kernels that nobody here wrote: Debian's boot in an emulator, load the module of `examples/linux-module`, and
//! what `inspect` finds in dumps of the machine's memory is compared with what the kernel and the module said on the
//! console: where symbols are, which rows there are, the values of variables, and the log itself.
//!
//! The machines have their addresses from chance (KASLR), where the emulator has any, and one has them once more as
//! they were linked. Each is dumped with page tables, where the emulator walks them, and without, while rows come and
//! go, with memory that was added and after it was removed; then it panics, and what it left is read after the reset.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "kernel/changes.rs"]
mod changes;
#[path = "kernel/console.rs"]
mod console;
#[path = "kernel/consumers.rs"]
mod consumers;
#[path = "kernel/dump.rs"]
mod dump;
#[path = "kernel/log.rs"]
mod log;
#[path = "kernel/machine.rs"]
mod machine;
#[path = "kernel/modules.rs"]
mod modules;
mod support;
#[path = "kernel/values.rs"]
mod values;

use std::path::PathBuf;
use std::process::Command;

use changes::{has_memory_that_came_and_went, has_no_torn_row};
use console::Console;
use dump::Dump;
use machine::{AARCH64, Machine, S390X, X86_64};
use modules::{Modules, example};
use support::tools::{output, text};
use tempfile::TempDir;

#[test]
fn a_dump_of_x86_64_holds_what_its_console_said() {
    let Some(harness) = Harness::new(&X86_64) else { return };
    was_moved(&harness.holds_what_its_console_said());
    harness.holds_it_where_the_kernel_was_linked();
}

#[test]
fn a_dump_of_aarch64_holds_what_its_console_said() {
    let Some(harness) = Harness::new(&AARCH64) else { return };
    was_moved(&harness.holds_what_its_console_said());
}

/// The other byte order, from the compiler of the module to the dump of a report.
#[test]
fn a_dump_of_s390x_holds_what_its_console_said() {
    let Some(harness) = Harness::new(&S390X) else { return };
    harness.holds_what_its_console_said();
}

/// Chance has put the kernel where it is, as it says when it panics.
fn was_moved(console: &Console) {
    let is_moved = console.lines.iter().any(|line| line.contains("] Kernel Offset: 0x"));
    assert!(is_moved, "KASLR is off");
}

/// A machine, the modules that it is to load, and room for its dumps.
struct Harness {
    machine: &'static Machine,
    modules: Modules,
    folder: TempDir,
}

impl Harness {
    fn new(machine: &'static Machine) -> Option<Self> {
        if !machine.is_complete() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self { machine, modules: Modules::build(folder.path(), machine), folder })
    }

    /// Boots the machine. Where its dumps are, and what it said.
    fn boot(&self, name: &str, options: &[&str]) -> (PathBuf, Console) {
        let mut harness = Command::new(example().join("run"));
        harness.args(["--arch", self.machine.name, "--boot", name, "--dump-only"]).args(options);
        harness.arg("--kernel").arg(self.machine.kernel());
        harness.arg("--module").arg(&self.modules.folder).arg("--keep").arg(self.folder.path());
        let harness = output(&mut harness);
        let said = [text(&harness.stdout), text(&harness.stderr)].concat();
        assert!(harness.status.success(), "{}\n{said}", harness.status);
        // That a machine had to be booted twice is worth knowing, and no failure.
        println!("{said}");
        let folder = self.folder.path().join(name);
        let console = Console::read(&folder.join("console.log"));
        (folder, console)
    }

    fn holds_what_its_console_said(&self) -> Console {
        let (boot, console) = self.boot(self.machine.boot, &[]);
        console.says_what_went_wrong();
        has_no_torn_row(&[1, 2, 3].map(|number| boot.join(format!("storm{number}.core"))));
        has_memory_that_came_and_went(self.machine, &boot, &console);
        if self.machine.has_paging {
            let dump = Dump::open(&boot.join("paging.core"));
            dump.has_what_the_machine_had(self.machine, &console);
            dump.has_the_values_of_the_module(&console, false);
        }
        let dump = Dump::open(&boot.join("physical.core"));
        dump.has_what_the_machine_had(self.machine, &console);
        dump.has_the_values_of_the_module(&console, true);
        dump.follows_lists();
        let folder = self.folder.path();
        dump.agrees_with_drgn(self.machine, &self.modules.folder.join("lookout.ko"), folder);
        let report = dump.becomes_one_for_a_report(self.machine, folder);
        // Who may see what is decided by C in the kernel as it is by Rust for who reads its dump.
        for by_kernel in ["live.core", "zone"] {
            let by_kernel = Dump::open(&boot.join(by_kernel));
            assert_eq!(by_kernel.verdicts(), report.verdicts(), "{}", by_kernel.path);
            by_kernel.shows_the_visitors_and_not_what_they_paid();
        }
        dump.becomes_one_of_the_log(self.machine, &console, folder);
        console
    }

    /// Without KASLR; what is told of where the kernel lies is the same then.
    fn holds_it_where_the_kernel_was_linked(&self) {
        let (boot, console) = self.boot("nokaslr", &["--brief"]);
        let dump = Dump::open(&boot.join("physical.core"));
        assert_eq!(dump.kernel_offset(), 0);
        dump.has_what_the_machine_had(self.machine, &console);
        dump.has_the_values_of_the_module(&console, true);
        dump.follows_lists();
    }
}

impl Dump {
    /// What is in every dump of the whole machine.
    fn has_what_the_machine_had(&self, machine: &Machine, console: &Console) {
        self.has_the_addresses_of_the_kernel(machine, console);
        self.has_the_rows_of_the_module(console);
        self.has_what_came_and_went(machine);
        self.has_the_log(machine, console);
    }
}
