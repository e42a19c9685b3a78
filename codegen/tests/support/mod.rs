//! What several tests need: the checked model of schemas, and tools that may be missing on a desk.

#![allow(dead_code, reason = "each test uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inspect_gen::check::{Options, check};
use inspect_gen::model::{Model, Target};
use inspect_gen::source::SourceMap;
use inspect_gen::syntax;

/// The repository's schemas.
pub(crate) fn schema_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema")
}

/// The model of one schema for every target. `inspect.core` is imported.
pub(crate) fn model_of(text: &str) -> Model {
    checked(&sources_of(text), Vec::new())
}

/// The same as of an older version.
pub(crate) fn model_of_version(text: &str, version: u32) -> Model {
    checked(&sources_of(text), vec![(None, version)])
}

fn sources_of(text: &str) -> SourceMap {
    let mut sources = SourceMap::new();
    let core = std::fs::read_to_string(schema_directory().join("core.inspect")).expect("core");
    sources.add("core.inspect", core, true);
    sources.add("test.inspect", text, false);
    sources
}

/// The model of all schemas of the repository for every target.
pub(crate) fn model_of_repository() -> Model {
    let mut sources = SourceMap::new();
    let mut directories = vec![schema_directory()];
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(directory).expect("a directory");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "inspect") {
                let text = std::fs::read_to_string(&path).expect("a schema");
                sources.add(path.display().to_string(), text, false);
            }
        }
    }
    checked(&sources, Vec::new())
}

fn checked(sources: &SourceMap, as_of: Vec<(Option<String>, u32)>) -> Model {
    let (files, diagnostics) = syntax::parse(sources);
    assert!(!diagnostics.has_errors(), "{:#?}", diagnostics.into_sorted());
    let options = Options { targets: Target::all().collect(), as_of };
    let (model, diagnostics) = check(sources, &files, &options);
    model.unwrap_or_else(|| panic!("{:#?}", diagnostics.into_sorted()))
}

/// The output of a tool; `None` where it is missing and may be.
pub(crate) fn run(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            let name = command.get_program().to_string_lossy().into_owned();
            let required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some();
            assert!(!required, "{name} is required: {error}");
            eprintln!("skipped: {name}: {error}");
            None
        }
    }
}

/// `bpftool`, which Debian keeps out of the path of users.
pub(crate) fn bpftool() -> Command {
    let known = ["/usr/sbin/bpftool", "/sbin/bpftool"];
    let found = known.into_iter().find(|path| Path::new(path).exists());
    Command::new(found.unwrap_or("bpftool"))
}
