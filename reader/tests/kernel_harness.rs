//! A kernel that nobody here wrote: Debian's boots in an emulator, loads the module of `examples/linux-module`, and
//! what `inspect` finds in dumps of the machine's memory is compared with what the kernel and the module said on the
//! serial console: where symbols are, which rows there are, the values of variables, and the log itself.
//!
//! The machine has its addresses from chance (KASLR). It is dumped with page tables and without, while rows come and
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
#[path = "kernel/modules.rs"]
mod modules;
mod support;
#[path = "kernel/values.rs"]
mod values;

use std::process::Command;

use changes::{has_memory_that_came_and_went, has_no_torn_row};
use console::Console;
use dump::Dump;
use modules::{Modules, example, repository};
use support::tools::{has, is_there, output, text};

#[test]
fn a_dump_of_a_kernel_holds_what_its_console_said() {
    let kernel = repository().join("target/kernel");
    let drgn = repository().join("target/drgn/bin/python");
    let is_fetched = kernel.join("vmlinuz").exists() && kernel.join("kbuild").exists();
    let tools = ["qemu-system-x86_64", "busybox", "cpio", "make", "gdb"];
    let is_complete = tools.map(has).iter().all(|it| *it)
        && is_there(drgn.exists(), "drgn in target/drgn")
        && is_there(is_fetched, "the kernel that `.ci/kernel-types` fetches");
    if !is_complete {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let modules = Modules::build(folder.path(), &kernel.join("headers"));
    let mut harness = Command::new(example().join("run"));
    harness.args(["--boot", "kaslr", "--dump-only", "--kernel"]).arg(&kernel);
    let harness =
        output(harness.arg("--module").arg(&modules.folder).arg("--keep").arg(folder.path()));
    let said = [text(&harness.stdout), text(&harness.stderr)].concat();
    assert!(harness.status.success(), "{}\n{said}", harness.status);
    // That a machine had to be booted twice is worth knowing, and no failure.
    println!("{said}");
    let boot = folder.path().join("kaslr");
    let console = Console::read(&boot.join("console.log"));
    console.says_what_went_wrong();
    has_no_torn_row(&[1, 2, 3].map(|number| boot.join(format!("storm{number}.core"))));
    has_memory_that_came_and_went(&boot, &console);
    for kind in ["paging.core", "physical.core"] {
        let dump = Dump::open(&boot.join(kind));
        dump.has_the_addresses_of_the_kernel(&console);
        dump.has_the_rows_of_the_module(&console);
        dump.has_what_came_and_went();
        dump.has_the_log(&console);
        let is_whole = kind == "physical.core";
        dump.has_the_values_of_the_module(&console, is_whole);
        if is_whole {
            dump.follows_lists();
            dump.agrees_with_drgn(&drgn, &modules.folder.join("lookout.ko"), folder.path());
            let report = dump.becomes_one_for_a_report(&drgn, folder.path());
            // Who may see what is decided by C in the kernel as it is by Rust for who reads its dump.
            for by_kernel in ["live.core", "zone"] {
                let by_kernel = Dump::open(&boot.join(by_kernel));
                assert_eq!(by_kernel.verdicts(), report.verdicts(), "{}", by_kernel.path);
                by_kernel.shows_the_visitors_and_not_what_they_paid();
            }
            dump.becomes_one_of_the_log(&console, folder.path());
        }
    }
}
