//! The formatter: what it prints says the same, and printing it again changes nothing.

mod soup;

use inspect_gen::source::SourceMap;
use inspect_gen::syntax::{self, fmt};
use proptest::prelude::*;

const EVERYTHING: &str = include_str!("syntax/everything.inspect");

/// The tree without places, as text; an error lists the findings.
fn tree(text: &str) -> Result<String, String> {
    let mut sources = SourceMap::new();
    sources.add("test.inspect", text, false);
    let (files, diagnostics) = syntax::parse(&sources);
    if !diagnostics.is_empty() {
        let list = diagnostics.into_sorted();
        return Err(list.iter().map(|d| format!("{} {}\n", d.code.name(), d.message)).collect());
    }
    let dump = format!("{files:?}");
    let mut parts = dump.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    Ok(parts
        .fold(first, |tree, part| tree + "_" + part.split_once('}').map_or("", |(_, rest)| rest)))
}

/// Checks one text that parses, and returns its canonical form.
fn check(text: &str) -> String {
    let printed = fmt::format(text).expect("what parses can be printed");
    assert_eq!(tree(&printed), tree(text), "printing changes what is said:\n{printed}");
    assert_eq!(fmt::format(&printed).as_deref().ok(), Some(printed.as_str()), "not idempotent");
    printed
}

#[test]
fn schemas_of_the_repository_are_canonical() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut directories =
        vec![format!("{root}/schema"), format!("{root}/examples/quickstart/schema")];
    let mut seen = 0;
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory of schemas") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path.to_string_lossy().into_owned());
            } else if path.extension().is_some_and(|extension| extension == "inspect") {
                let text = std::fs::read_to_string(&path).expect("a schema");
                assert_eq!(check(&text), text, "run `inspect-gen fmt {}`", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "only {seen} schemas were found");
}

#[test]
fn every_construct_survives() {
    check(EVERYTHING);
}

#[test]
fn comments_stay_where_they_were() {
    let text = "schema a version 1; // behind the header\n\n// above\nstruct s {\n// first\nx: u32, // behind x\n\
                /* in front */ y: u32,\n// last\n}\n// at the end\n";
    let printed = check(text);
    for comment in [
        "// behind the header",
        "// above",
        "// first",
        "// behind x",
        "/* in front */",
        "// last",
        "// at the end",
    ] {
        assert_eq!(printed.matches(comment).count(), 1, "{comment} in\n{printed}");
    }
    assert!(printed.contains("x: u32, // behind x\n"), "{printed}");
}

#[test]
fn text_that_does_not_parse_is_not_printed() {
    let found = fmt::format("schema a version 1;\nstruct s { x: }\n").expect_err("an error");
    assert!(found.has_errors());
}

/// The text with other white space and further comments between its words, line by line: the tokens are kept.
fn respaced(text: &str, choices: &[u8]) -> String {
    let mut out = String::new();
    for (line, choice) in text.lines().zip(choices.iter().cycle()) {
        let indented = line.trim_start();
        let is_documentation = indented.starts_with("//");
        match choice % 6 {
            0 => out.push_str(line),
            1 => out.push_str(indented),
            2 => out.push_str(&format!("\t\t   {indented}")),
            3 if !is_documentation => out.push_str(&format!("{line}   ")),
            4 => out.push_str(&format!("\n\n{line}")),
            5 if !is_documentation => out.push_str(&format!("/* {choice} */ {line}")),
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_grammar_allows_survives(choices in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = soup::schema(&choices);
        prop_assert!(tree(&text).is_ok(), "the soup parses: {:?}\n{text}", tree(&text));
        check(&text);
    }

    #[test]
    fn other_white_space_gives_the_same_tree(choices in prop::collection::vec(any::<u8>(), 1..64)) {
        let text = respaced(EVERYTHING, &choices);
        // A comment may have come between the parts of something that has none: that is no schema.
        if tree(&text).is_ok() {
            check(&text);
        }
    }
}

/// What is formatted before it is parsed may be cut anywhere: that is no reason to stop, and what is wrong stays wrong.
#[test]
fn text_with_errors_is_formatted_with_its_errors() {
    let ends = (0..EVERYTHING.len()).filter(|at| EVERYTHING.is_char_boundary(*at));
    for end in ends.step_by(7) {
        for text in [&EVERYTHING[..end], &EVERYTHING[end..]] {
            let printed = fmt::format_unparsed(text);
            assert_eq!(tree(text).is_ok(), tree(&printed).is_ok(), "{text}\nbecame\n{printed}");
        }
    }
}
