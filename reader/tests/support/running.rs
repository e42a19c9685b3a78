//! Programs that run until the test has looked at them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that ends with this.
pub(crate) struct Running(Child);

impl Running {
    /// Starts a program and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("its output");
        assert_eq!(line, "ready\n", "{command:?}");
        Self(child)
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// As the reader is told of it.
    pub(crate) fn target(&self) -> String {
        format!("pid:{}", self.id())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) {
        self.0.wait().expect("it ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
