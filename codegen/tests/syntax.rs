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
