//! A folder with generated code and the sources of these tests, in which compilers and the packer run.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use inspect_gen::source::SourceMap;

use crate::support::{self, STRICT};

/// Generated code, copied sources, and everything that is built from them.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let here = support::root().join("tests/pack_programs");
        let mut sources = SourceMap::new();
        let mut copied = Vec::new();
        for entry in fs::read_dir(&here).expect("the sources") {
            let path = entry.expect("a source").path();
            match path.extension().and_then(|it| it.to_str()) {
                Some("inspect") => {
                    let text = fs::read_to_string(&path).expect("a schema");
                    sources.add(path.display().to_string(), text, false);
                }
                Some("c" | "h") => copied.push(path),
                _ => {}
            }
        }
        let workshop = Self { folder: support::written(&support::generate(&sources)) };
        for path in copied {
            let name = path.file_name().expect("a name").to_string_lossy();
            fs::copy(&path, workshop.path(&name)).expect("a copy");
        }
        workshop
    }

    /// A file of the workshop.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("c").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A command of words without spaces in them. Returns what it printed; fails if it fails.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap_or_else(|error| panic!("{line}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {}\n{text}\n{errors}", output.status);
        text
    }

    /// The same, not yet started.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut words = line.split_ascii_whitespace();
        let program = words.next().expect("a program");
        // What stands in the folder is meant, and not what stands in the path.
        let mut command = match program.strip_prefix("./") {
            Some(name) => Command::new(self.path(name)),
            None => Command::new(program),
        };
        // A space that does not divide words is written as one that never breaks a line.
        command.args(words.map(|word| word.replace('\u{a0}', " "))).current_dir(self.path(""));
        command
    }

    /// Compiles C with every warning an error, and debug information that valgrind can read.
    #[track_caller]
    pub(crate) fn compile(&self, line: &str) -> String {
        let strict = STRICT.join(" ");
        let (compiler, rest) = line.split_once(' ').expect("arguments");
        self.run(&format!("{compiler} -std=c11 -O2 -gdwarf-4 -I. {strict} {rest}"))
    }

    /// Packs, and fails unless all went well.
    #[track_caller]
    pub(crate) fn pack(&self, arguments: &str) -> String {
        let output = self.packer(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "pack {arguments}\n{text}\n{errors}");
        text
    }

    /// Runs the packer.
    pub(crate) fn packer(&self, arguments: &str) -> Output {
        self.generator("pack", arguments)
    }

    /// Asks what is wrong with an image, and fails if anything is.
    #[track_caller]
    pub(crate) fn doctor(&self, arguments: &str) {
        let output = self.generator("doctor", arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "doctor {arguments}\n{text}\n{errors}");
    }

    fn generator(&self, command: &str, arguments: &str) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_inspect-gen"));
        program.arg(command).args(arguments.split_whitespace()).current_dir(self.path(""));
        program.output().expect("the generator runs")
    }

    /// The addresses of a file's symbols, as `nm` has them.
    pub(crate) fn symbols(&self, name: &str) -> Symbols {
        let text = self.run(&format!("nm {name}"));
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            Some((words.nth(1)?.to_owned(), address))
        };
        Symbols(text.lines().filter_map(line).collect())
    }
}

/// Names with their addresses.
pub(crate) struct Symbols(Vec<(String, u64)>);

impl Symbols {
    /// The address of a symbol, to whose name a compiler may have added a function's, or a number.
    #[track_caller]
    pub(crate) fn address(&self, name: &str) -> u64 {
        let is = |it: &str| it.split('.').any(|part| part == name);
        let mut found = self.0.iter().filter(|(it, _)| is(it)).map(|(_, address)| *address);
        let address = found.next().unwrap_or_else(|| panic!("no symbol {name}"));
        assert_eq!(found.next(), None, "two symbols {name}");
        address
    }
}
