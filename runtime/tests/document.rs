//! What `docs/runtime.md` names is there: every file, every path and function of Rust, every name of the C
//! runtime. What a name means is for readers; that nothing is called what it was called once is for this test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names that belong to others: the kernel's, the C library's, the language's.
const FOREIGN: [&str; 9] = [
    "Ok",
    "mutex_lock",
    "mutex_unlock",
    "MADV_POPULATE_READ",
    "rt_sigprocmask",
    "GOING_OFFLINE",
    "CANCEL_OFFLINE",
    "GOING_",
    "CANCEL_",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source of the workspace, without comments, by its path.
fn sources() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for part in ["bench", "codegen", "examples", "format", "reader", "runtime", "snapshots"] {
        collect(&repository().join(part), &mut found);
    }
    // This file lists names too, and would find them.
    found.retain(|path, _| !path.ends_with("tests/document.rs"));
    assert!(found.len() > 200, "{} sources", found.len());
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a folder that can be read").path()) {
        let is_source = path.extension().and_then(|it| it.to_str()).is_some_and(|extension| {
            ["rs", "c", "h", "cpp", "inspect", "snap"].contains(&extension)
        });
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, found);
            }
        } else if is_source {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            found.insert(path, without_comments(&text));
        }
    }
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    code.push_str(rest);
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|it| !it.is_empty())
}

/// What stands between back quotes, outside of blocks of code.
fn quoted(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let spans = prose.iter().flat_map(|part| part.split('`').skip(1).step_by(2));
    spans.map(|span| span.replace('\n', " ")).collect()
}

/// Whether a source says what `owner::name` is: it defines the type or is the module, and has the word.
fn has_member(sources: &BTreeMap<PathBuf, String>, owner: &str, name: &str) -> bool {
    let definitions = ["struct", "enum", "trait", "impl", "for", "type", "mod"];
    let defines = |text: &str| {
        let pairs = words(text).zip(words(text).skip(1));
        pairs.into_iter().any(|(what, word)| word == owner && definitions.contains(&what))
    };
    let is_home = |path: &Path, text: &str| {
        let file = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
        let folder = path.strip_prefix(repository()).expect("it lies there");
        let is_root = file == "lib" && folder.starts_with(owner.trim_start_matches("inspect_"));
        file == owner || is_root || defines(text)
    };
    sources.iter().any(|(path, text)| {
        path.extension().is_some_and(|it| it == "rs")
            && is_home(path, text)
            && words(text).any(|word| word == name)
    })
}

/// What is missing of a span, if it names something of this workspace.
fn missing(
    span: &str,
    sources: &BTreeMap<PathBuf, String>,
    known: &BTreeSet<&str>,
) -> Option<String> {
    let is_file = [".rs", ".c", ".h"].iter().any(|end| span.ends_with(end)) || span.contains('/');
    if is_file {
        let is_there =
            repository().join(span).exists() || sources.keys().any(|it| it.ends_with(span));
        return (!is_there).then(|| format!("the file `{span}`"));
    }
    let path = span.split(['(', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split("::").collect();
    for pair in parts.windows(2) {
        if !has_member(sources, pair[0], pair[1]) {
            return Some(format!("`{}` in `{}`", pair[1], pair[0]));
        }
    }
    let is_name = |word: &&str| {
        let is_type = word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
        is_type || word.contains('_') || span.contains("()")
    };
    let own = words(span).filter(is_name).find(|word| !known.contains(word));
    own.map(|word| format!("the name `{word}`"))
}

#[test]
fn what_the_document_names_is_there() {
    let document =
        std::fs::read_to_string(repository().join("docs/runtime.md")).expect("it is there");
    let sources = sources();
    let known: BTreeSet<&str> =
        sources.values().flat_map(|text| words(text)).chain(FOREIGN).collect();
    let spans = quoted(&document);
    assert!(spans.len() > 150, "{} spans", spans.len());
    let mut faults: Vec<String> =
        spans.iter().filter_map(|span| missing(span, &sources, &known)).collect();
    // Names of the C runtime are its own wherever they stand, in blocks of code too.
    let of_c = words(&document).filter(|word| word.to_ascii_lowercase().starts_with("inspect_"));
    faults.extend(of_c.filter(|word| !known.contains(word)).map(|word| format!("`{word}` of C")));
    assert!(faults.is_empty(), "not in the sources:\n{}", faults.join("\n"));
}

#[test]
fn a_name_that_is_not_there_is_noticed() {
    let sources = sources();
    let known: BTreeSet<&str> = sources.values().flat_map(|text| words(text)).collect();
    for span in
        ["runtime/tests/no_such.rs", "no_such()", "NoSuch", "Change::NoSuch", "inspect_no_such"]
    {
        assert!(missing(span, &sources, &known).is_some(), "{span}");
    }
    for span in ["Change::Busy", "registry::tables()", "inspect_format::walk", "inspect_runtime.c"]
    {
        assert_eq!(missing(span, &sources, &known), None);
    }
}
