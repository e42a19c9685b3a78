//! A folder with the generated files of the test's schema and its sources, and compilers that work there.

use std::path::PathBuf;
use std::process::Command;

use crate::support;

pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let schema = ("annotations.inspect", include_str!("annotations.inspect"));
        let workshop = Self { folder: support::written_with_core(&[schema]) };
        let forms = include_str!("forms.c");
        workshop.write("forms.c", forms);
        workshop.write("forms.cc", forms);
        workshop.write("second.h", include_str!("second.h"));
        workshop.write("outside.h", include_str!("outside.h"));
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("c").join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), format!("{text}\n")).expect("a source");
    }

    /// What a program prints; all that it says where it fails, since an error in a macro has a long tail.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path("")).env("LC_ALL", "C");
        let output = command.output().map_err(|error| format!("{program}: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!("{}: {}", arguments.join(" "), text(&output.stderr))),
        }
    }

    /// Compiles a source to `object.o`.
    pub(crate) fn object(
        &self,
        compiler: &str,
        flags: &[&str],
        source: &str,
    ) -> Result<(), String> {
        let arguments = [flags, &["-I.", "-c", "-o", "object.o", source]].concat();
        self.run(compiler, &arguments).map(|_| ())
    }

    /// Builds a program with the runtime and says what it prints.
    pub(crate) fn program(
        &self,
        compiler: &str,
        flags: &[&str],
        source: &str,
    ) -> Result<String, String> {
        let files = [source, "tests_annotations.inspect.c", "inspect_runtime.c"];
        // C++ compilers take a file for what its name says.
        let language: &[&str] = if compiler.ends_with("++") { &["-x", "c++"] } else { &[] };
        let arguments = [flags, &["-I.", "-o", "program"], language, &files].concat();
        self.run(compiler, &arguments)?;
        let program = self.path("program").display().to_string();
        self.run(&program, &[])
    }
}
