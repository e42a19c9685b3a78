//! Schemas that must be rejected: `rejected/CODE-slug.inspect`, or a folder of files for what takes several.
//! A folder may hold an `inspect.lock`, against which its schemas are held.
//! Each has its diagnostics, as a person reads them, in `snapshots/rejected/`; a new case is a new file.
//!
//! Every code of the catalogue needs a case. What no schema text can cause is made in this file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use inspect_gen::build::{MAX_FILE_SIZE, load};
use inspect_gen::check::{self, Options};
use inspect_gen::compile::{LockText, compile_locked};
use inspect_gen::diag::{Code, Diagnostic, Diagnostics, Severity, render};
use inspect_gen::source::SourceMap;
use inspect_gen::syntax;

/// Codes about files: a test below or the command's own tests cause them.
/// Those of images and annotations, 09, have their cases where images are packed.
const WITHOUT_TEXT: [Code; 7] =
    [Code::E0001, Code::E0002, Code::E0003, Code::E0004, Code::E0005, Code::E0504, Code::E0604];

/// Codes about images and binaries, which the tests of the packer, of `import` and of `verify` bring about.
const FROM_BINARIES: [&str; 2] = ["09", "10"];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejected");
    sorted(&folder)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of rejected schemas");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The code that a case's name begins with.
fn expected(path: &Path) -> Code {
    let name = stem(path);
    let code = name.split('-').next().unwrap_or_default();
    Code::from_name(code).unwrap_or_else(|| panic!("`{name}` does not begin with a code"))
}

fn sources(case: &Path) -> SourceMap {
    let files = if case.is_dir() { sorted(case) } else { vec![case.to_owned()] };
    let mut sources = SourceMap::new();
    let is_schema = |file: &PathBuf| file.extension().is_some_and(|it| it == "inspect");
    for file in files.into_iter().filter(is_schema) {
        let text = std::fs::read_to_string(&file).expect("a rejected schema");
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        sources.add(name.unwrap_or_default(), text, false);
    }
    sources
}

/// What a compilation says: the parser alone where it finds errors, like every run.
fn diagnostics(sources: &SourceMap, options: &Options) -> Vec<Diagnostic> {
    let (files, mut diagnostics) = syntax::parse(sources);
    if !diagnostics.has_errors() {
        diagnostics.append(check::check(sources, &files, options).1);
    }
    diagnostics.into_sorted()
}

/// What is said of a case, whose lock joins the sources if it has one.
fn said(case: &Path, sources: &mut SourceMap) -> Vec<Diagnostic> {
    let lock = case.join("inspect.lock");
    if !lock.exists() {
        return diagnostics(sources, &Options::default());
    }
    let text = std::fs::read_to_string(&lock).expect("a lock");
    let lock = LockText { name: "inspect.lock".to_owned(), text, whole: false };
    compile_locked(sources, Diagnostics::new(), &Options::default(), vec![lock]).1
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/rejected");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn every_case_is_rejected_with_its_code() {
    let mut wrong = Vec::new();
    for case in cases() {
        let code = expected(&case);
        let mut sources = sources(&case);
        let found = said(&case, &mut sources);
        if !found.iter().any(|diagnostic| diagnostic.code == code) {
            let codes: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code.name()).collect();
            wrong.push(format!("{} is not reported, but {codes:?}", stem(&case)));
        }
        let errors = found.iter().any(|diagnostic| diagnostic.severity() == Severity::Error);
        if errors != (code.severity() == Severity::Error) {
            wrong.push(format!("{}: a warning beside errors, or an error that warns", stem(&case)));
        }
        snapshot(&stem(&case), &render::human(&sources, &found, false));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case_and_an_explanation() {
    let with_text: BTreeSet<Code> = cases().iter().map(|case| expected(case)).collect();
    for code in Code::ALL {
        assert!(
            with_text.contains(code)
                || WITHOUT_TEXT.contains(code)
                || FROM_BINARIES.iter().any(|start| code.name()[1..].starts_with(start)),
            "{}: `{}` has no rejected schema",
            code.name(),
            code.title()
        );
        let explanation = code.explanation();
        let title = format!("# {}: {}\n", code.name(), code.title());
        assert!(explanation.starts_with(&title), "{} begins with another title", code.name());
        assert!(explanation.lines().count() >= 6, "{} explains nothing", code.name());
    }
}

/// All errors are found in one run: each case repeats itself word for word.
#[test]
fn diagnostics_are_the_same_every_time() {
    for case in cases() {
        let first = said(&case, &mut sources(&case));
        assert_eq!(first, said(&case, &mut sources(&case)), "{}", stem(&case));
    }
}

#[test]
fn a_version_that_does_not_exist_is_refused() {
    let mut sources = SourceMap::new();
    sources.add("mm.inspect", "schema linux.mm version 2;\nstruct s { x: u32 }\n", false);
    sources.add("boot.inspect", "schema linux.boot version 1;\nstruct s { x: u32 }\n", false);
    let mut text = String::new();
    for as_of in [(Some("linux.mm"), 3), (Some("linux.mn"), 1), (None, 1)] {
        let as_of = vec![(as_of.0.map(str::to_owned), as_of.1)];
        let found = diagnostics(&sources, &Options { as_of, ..Options::default() });
        assert!(found.iter().any(|diagnostic| diagnostic.code == Code::E0604));
        text += &render::human(&sources, &found, false);
    }
    snapshot("E0604-no-such-version", &text);
}

#[test]
fn files_that_cannot_be_compiled_are_refused() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let path = |name: &str| folder.path().join(name);
    let codes = |inputs: &[PathBuf]| -> Vec<Code> {
        let found = load(inputs, &[]).diagnostics.into_sorted();
        found.iter().map(|diagnostic| diagnostic.code).collect()
    };
    assert_eq!(codes(&[path("missing.inspect")]), [Code::E0001]);

    std::fs::write(path("latin1.inspect"), b"schema a version 1; // \xe9\n").expect("a file");
    assert_eq!(codes(&[path("latin1.inspect")]), [Code::E0002]);

    let large = std::fs::File::create(path("large.inspect")).expect("a file");
    large.set_len(MAX_FILE_SIZE + 1).expect("a sparse file");
    assert_eq!(codes(&[path("large.inspect")]), [Code::E0003]);

    std::fs::create_dir(path("empty")).expect("a folder");
    assert_eq!(codes(&[path("empty")]), [Code::E0004]);
}

#[cfg(unix)]
#[test]
fn a_directory_that_leads_back_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    std::fs::write(inner.join("a.inspect"), "schema a version 1;\n").expect("a file");
    std::os::unix::fs::symlink(folder.path(), inner.join("up")).expect("a link");
    let found = load(&[folder.path().to_owned()], &[]).diagnostics.into_sorted();
    assert!(found.iter().any(|diagnostic| diagnostic.code == Code::E0005), "{found:?}");
}

/// Blocks of schema text in an explanation that stand behind a paragraph that begins with this word.
fn examples<'t>(explanation: &'t str, word: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    let mut before = "";
    for part in explanation.split("```") {
        if let Some(text) = part.strip_prefix("inspect\n") {
            if before.trim().rsplit("\n\n").next().is_some_and(|it| it.starts_with(word)) {
                found.push(text);
            }
        } else {
            before = part;
        }
    }
    found
}

/// Whoever copies what is right gets no error from it, but that a part does not have what is around it.
#[test]
fn what_is_explained_as_right_has_no_errors() {
    const ELSEWHERE: [Code; 3] = [Code::E0201, Code::E0207, Code::E0805];
    let (mut wrong, mut count) = (Vec::new(), 0);
    for code in Code::ALL {
        for text in examples(code.explanation(), "Right") {
            let mut sources = SourceMap::new();
            // Parts of a schema go without the line that every file begins with.
            let head = if text.contains("schema ") { "" } else { "schema demo version 9;\n" };
            sources.add("right.inspect", format!("{head}{text}"), false);
            let found = diagnostics(&sources, &Options::default());
            count += 1;
            let is_wrong =
                |it: &Diagnostic| it.severity() == Severity::Error && !ELSEWHERE.contains(&it.code);
            if found.iter().any(is_wrong) {
                let said = render::human(&sources, &found, false);
                wrong.push(format!("{}:\n{said}", code.name()));
            }
        }
    }
    assert!(count > 20, "{count} examples");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
