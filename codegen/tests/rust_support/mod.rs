//! What the tests of generated Rust share: models from schemas, the runtime built once, rustc.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod machines;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use inspect_gen::check::{self, Options};
use inspect_gen::emit::Files;
use inspect_gen::model::Model;
use inspect_gen::source::SourceMap;
use inspect_gen::syntax;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The model of schemas given as text.
pub(crate) fn model(texts: &[&str]) -> Model {
    model_with(texts, &Options::default())
}

/// The same, with options.
pub(crate) fn model_with(texts: &[&str], options: &Options) -> Model {
    let mut sources = SourceMap::new();
    let core =
        std::fs::read_to_string(root().join("schema/core.inspect")).expect("the core schema");
    sources.add("core.inspect", core, true);
    for (index, text) in texts.iter().enumerate() {
        sources.add(format!("test{index}.inspect"), (*text).to_owned(), false);
    }
    finish(&sources, options)
}

/// The model of one schema that builds on an imported one.
pub(crate) fn model_importing(text: &str, imported: &str) -> Model {
    let mut sources = SourceMap::new();
    let core =
        std::fs::read_to_string(root().join("schema/core.inspect")).expect("the core schema");
    sources.add("core.inspect", core, true);
    sources.add("given.inspect", text, false);
    sources.add("imported.inspect", imported, true);
    finish(&sources, &Options::default())
}

/// The model of every schema of the repository.
pub(crate) fn repository() -> Model {
    let mut sources = SourceMap::new();
    let mut paths = Vec::new();
    collect(&root().join("schema"), &mut paths);
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a schema");
        sources.add(path.display().to_string(), text, false);
    }
    finish(&sources, &Options::default())
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of schemas") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "inspect") {
            out.push(path);
        }
    }
}

fn finish(sources: &SourceMap, options: &Options) -> Model {
    let (files, found) = syntax::parse(sources);
    let (model, more) = check::check(sources, &files, options);
    match model {
        Some(model) => model,
        None => panic!("the schemas are at fault: {found:#?} {more:#?}"),
    }
}

/// Writes generated files below a folder.
pub(crate) fn write(folder: &Path, files: &Files) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
}

/// The folder with the runtime's library, built once for all tests.
fn runtime() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runtime");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "-p", "inspect-runtime"])
            .args(["--features", "hosted", "--target-dir"])
            .arg(&target)
            .current_dir(root())
            .env_remove("RUSTFLAGS")
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the runtime builds");
        target.join("debug")
    })
}

/// A rustc (or clippy-driver) that knows the runtime, with every warning an error.
pub(crate) fn compiler(program: &str, edition: &str) -> Command {
    let folder = runtime();
    let mut command = Command::new(program);
    command
        .args(["--edition", edition, "--deny", "warnings", "--extern"])
        .arg(format!("inspect_runtime={}", folder.join("libinspect_runtime.rlib").display()))
        .arg("-L")
        .arg(format!("dependency={}", folder.join("deps").display()));
    command
}

/// Compiles a library in each edition: every warning is an error, and so is what clippy's strictest group finds.
pub(crate) fn compiles_in_every_edition(folder: &Path, library: &str) {
    let source = folder.join("lib.rs");
    std::fs::write(&source, library).expect("a library");
    for edition in ["2018", "2021", "2024"] {
        for program in ["rustc", "clippy-driver"] {
            let output = compiler(program, edition)
                .args(["--crate-type", "lib", "--emit", "metadata", "--out-dir"])
                .arg(folder)
                .arg(&source)
                .output();
            succeed(&output.expect("the compiler runs"), &format!("{program}, edition {edition}"));
        }
    }
}

/// Fails with the output of a program that failed.
pub(crate) fn succeed(output: &Output, what: &str) {
    assert!(
        output.status.success(),
        "{what}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Compiles a program against generated files and runs it. Returns what it printed.
pub(crate) fn run(folder: &Path, main: &str, arguments: &[&str]) -> String {
    let binary = build(folder, main);
    let output = Command::new(&binary).args(arguments).output().expect("the program runs");
    succeed(&output, "the program");
    String::from_utf8(output.stdout).expect("text")
}

/// Compiles a program against generated files.
pub(crate) fn build(folder: &Path, main: &str) -> PathBuf {
    let source = folder.join("main.rs");
    std::fs::write(&source, main).expect("a program");
    let binary = folder.join("main");
    let output = compiler("rustc", "2021").arg("-o").arg(&binary).arg(&source).output();
    succeed(&output.expect("rustc runs"), "rustc");
    binary
}
