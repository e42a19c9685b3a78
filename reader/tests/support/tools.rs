//! Programs of this machine: whether they are there, and running them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether a program is there; one that is not is named, and in CI that is a failure.
pub(crate) fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|path| path.join(program).exists());
    is_there(found, program)
}

/// The same for what is no program in the path.
pub(crate) fn is_there(found: bool, what: &str) -> bool {
    let required = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(found || !required, "{what} is not there, which the tests require");
    if !found {
        eprintln!("skipped: {what} is not there");
    }
    found
}

/// What a program printed. It has to succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    let text = text(&output.stdout);
    let errors = self::text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}\n{errors}", output.status);
    text
}

/// What came of a program, which has to start.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Bytes as text, whatever they are.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command of words without spaces in them, in a folder.
pub(crate) fn command(folder: &Path, line: &str) -> Command {
    let mut words = line.split_ascii_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).current_dir(folder);
    command
}

/// The program under test.
pub(crate) fn inspect<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspect"));
    // How wide a terminal is, or what it likes, is no business of the tests.
    command.args(arguments).env("COLUMNS", "120").env_remove("NO_COLOR").env("LC_ALL", "C");
    command
}
