//! The generated files of the test's schema, and programs of `c_dump/` built with them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::{self, STRICT, run};

pub(crate) const SANITIZED: &[&str] =
    &["gcc", "-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// A folder with the generated files.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let corpus = include_str!("crash.inspect");
        Self { folder: support::written_with_core(&[("crash.inspect", corpus)]) }
    }

    pub(crate) fn c(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Builds a program with the runtime.
    pub(crate) fn build(&self, command: &[&str], name: &str) -> String {
        let sources = support::root().join("tests/c_dump");
        let program = sources.join(format!("{name}.c")).display().to_string();
        let out = self.path(&format!("{name}.{}", command.join("").replace('/', "_")));
        let mut arguments = command[1..].to_vec();
        arguments.extend(STRICT);
        arguments.extend(["-I.", "-o", &out, &program, "tests_crash.inspect.c"]);
        arguments.extend(["inspect_runtime.c", "inspect_dump.c"]);
        run(&self.c(), command[0], &arguments).unwrap_or_else(|error| panic!("{error}"));
        out
    }

    /// What a program prints, given its input.
    pub(crate) fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> String {
        use std::io::Write;
        let mut words = program.split(' ');
        let mut child = Command::new(words.next().expect("a program"))
            .args(words)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that refuses its arguments does not read.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}", output.status);
        String::from_utf8(output.stdout).expect("text")
    }
}
