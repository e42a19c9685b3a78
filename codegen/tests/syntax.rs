//! The syntax of the language as a whole: every construct parses, and says what it says.

use inspect_gen::diag::Diagnostic;
use inspect_gen::source::SourceMap;
use inspect_gen::syntax::{self, ast};

const EVERYTHING: &str = include_str!("syntax/everything.inspect");

fn parse(text: &str) -> (ast::File, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    sources.add("test.inspect", text, false);
    let (mut files, diagnostics) = syntax::parse(&sources);
    (files.remove(0), diagnostics.into_sorted())
}

#[test]
fn every_construct_parses() {
    let (file, diagnostics) = parse(EVERYTHING);
    assert_eq!(diagnostics, []);
    assert_eq!(file.uses.len(), 3);
    assert_eq!(file.items.len(), 30);
}

/// Every construct that nests, `depth` deep.
fn nests(depth: usize) -> Vec<(&'static str, String)> {
    let nest = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let field = |ty: String| format!("schema a version 1;\nstruct s {{ x: {ty} }}\n");
    let constant = |value: String| format!("schema a version 1;\nconst A: i64 = {value};\n");
    vec![
        ("parentheses", constant(nest("(", "1", ")"))),
        ("parentheses behind an operator", constant(nest("(1 + ", "1", ")"))),
        ("prefix operators", constant(nest("-", "1", ""))),
        ("arrays", field(nest("[", "u8", "; 2]"))),
        ("pointers", field(nest("*", "u8", ""))),
        ("inline structs", field(nest("struct { y: ", "u8", " }"))),
        ("anonymous unions", field(format!("struct {{ {} }}", nest("union { ", "y: u8", " }")))),
        ("lengths in parentheses", field(format!("bytes<{}>", nest("(", "1", ")")))),
        ("counts", field(format!("u8, #[count({})] y: *u8", nest("(", "x", ")")))),
    ]
}

/// pest tries alternatives one after another: a grammar that tries the same text twice on each level takes twice as
/// long with every level. Twice as deep may take a few times as long, never thousands of times.
#[test]
fn time_grows_with_depth_as_with_length() {
    let shortest = |text: &str| {
        let time = |_| {
            let start = std::time::Instant::now();
            let (_, diagnostics) = parse(text);
            assert_eq!(diagnostics, [], "{text}");
            start.elapsed()
        };
        (0..7).map(time).min().unwrap_or_default().as_secs_f64()
    };
    for ((what, shallow), (_, deep)) in nests(30).into_iter().zip(nests(120)) {
        let ratio = shortest(&deep) / shortest(&shallow).max(1e-6);
        assert!(ratio < 64.0, "{what}: four times as deep takes {ratio:.0} times as long");
    }
}
