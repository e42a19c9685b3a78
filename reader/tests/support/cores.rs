//! Cores of processes, by those who write cores: the kernel, and gdb's `generate-core-file`.
//!
//! The kernel writes them where a test finds them only if its pattern is a plain name, and if the hard limit
//! allows it; where it does not, that is said, and gdb has to do. Tests that ask for a core get one of either.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::running::Running;
use super::tools::{command, has, is_there, output, run, text};

/// Who wrote it, and where it is.
pub(crate) type Core = (&'static str, PathBuf);

/// A core by each writer at hand, of a program that ends in one when told to `abort` and stays when told to
/// `wait`. They are put into `folder`.
#[track_caller]
pub(crate) fn cores(program: &Path, folder: &Path) -> Vec<Core> {
    let mut cores = Vec::new();
    cores.extend(by_kernel(program, folder).map(|core| ("kernel", core)));
    if has("gdb") {
        let running = Running::start(program, &["wait"]);
        cores.push(("gcore", by_gdb(&running, folder)));
    }
    is_there(!cores.is_empty(), "anybody who writes cores");
    cores
}

/// The kernel's core of a program that aborts; none where the kernel is told to put cores elsewhere.
#[track_caller]
pub(crate) fn by_kernel(program: &Path, folder: &Path) -> Option<PathBuf> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = pattern.trim();
    if pattern.is_empty() || pattern.starts_with(['|', '/', '@']) || pattern.contains('%') {
        eprintln!("skipped: cores of the kernel go to `{pattern}`");
        return None;
    }
    let place = tempfile::tempdir_in(folder).expect("a folder");
    let mut shell = command(place.path(), "sh -c");
    shell.arg("ulimit -c unlimited && exec \"$0\" abort").arg(program);
    let output = output(&mut shell);
    let is_aborted = std::os::unix::process::ExitStatusExt::signal(&output.status).is_some();
    if !is_aborted {
        eprintln!("skipped: no core of the kernel: {}", text(&output.stderr));
        return None;
    }
    let entries = fs::read_dir(place.path()).expect("a folder");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let written = paths.next().expect("a core, as the limit allows it");
    let core = folder.join("kernel.core");
    fs::rename(written, &core).expect("a core");
    Some(core)
}

/// What gdb writes of a process.
#[track_caller]
pub(crate) fn by_gdb(running: &Running, folder: &Path) -> PathBuf {
    let core = folder.join("gdb.core");
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-p", &running.id().to_string()]);
    run(gdb.arg("-ex").arg(format!("generate-core-file {}", core.display())));
    assert!(core.exists(), "gdb has written a core");
    core
}
