//! Diagnostics as text: what people, programs and GitHub see of broken input.

use std::time::{Duration, Instant};

use inspect_gen::diag::{Code, Diagnostic, render};
use inspect_gen::source::{FileId, SourceMap, Span};
use inspect_gen::syntax;

fn broken(text: &str) -> (SourceMap, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    sources.add("dir/broken.inspect", text, false);
    let diagnostics = syntax::parse(&sources).1.into_sorted();
    (sources, diagnostics)
}

const BROKEN: &str = "\
schema a version 1;

strcut first { x: u32 }

struct second {
    x: u32
    y: u16KB,
}

const SIZE: u64 = 16KB;
const TEXT: text<4> = \"a\\q\";
struct third { x: [u32; 4 }
";

#[test]
fn people_see_the_line_and_a_way_out() {
    let (sources, diagnostics) = broken(BROKEN);
    insta::assert_snapshot!(render::human(&sources, &diagnostics, false));
}

#[test]
fn programs_read_one_object_a_line() {
    let (sources, diagnostics) = broken(BROKEN);
    let json = render::json(&sources, &diagnostics);
    assert_eq!(json.lines().count(), diagnostics.len());
    for line in json.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("a JSON object");
        assert_eq!(value["file"], "dir/broken.inspect");
        assert!(value["line"].as_u64() <= value["end_line"].as_u64());
    }
    insta::assert_snapshot!(json);
}

#[test]
fn github_gets_escaped_commands() {
    let mut sources = SourceMap::new();
    sources.add("a,b:c%.inspect", "x\ny", false);
    let span = Span::new(FileId(0), 2, 3);
    let finding = Diagnostic::new(Code::E0105, span, "100 % wrong:\nyes, all").help("try");
    assert_eq!(
        render::github(&sources, &[finding]),
        "::error file=a%2Cb%3Ac%25.inspect,line=2,col=1,endLine=2,endColumn=2,\
         title=E0105%3A something else was expected here::100 %25 wrong:%0Ayes, all%0Ahelp: try\n"
    );
}

#[test]
fn a_finding_without_a_place_is_shown_too() {
    let sources = SourceMap::new();
    let finding = Diagnostic::without_place(Code::E0001, "`x` cannot be read");
    let all = [finding];
    assert!(render::human(&sources, &all, false).contains("error[E0001]: `x` cannot be read"));
    assert!(render::json(&sources, &all).starts_with("{\"code\":\"E0001\""));
    assert!(render::github(&sources, &all).starts_with("::error title=E0001%3A a file"));
}

#[test]
fn control_sequences_of_the_input_stay_inert() {
    let text = "schema a version 1;\nconst \u{1b}[31m\u{9b}\u{202e}\u{7f}\u{7}: u8 = 1;\r\n";
    let mut sources = SourceMap::new();
    sources.add("\u{1b}[2Jname", text, false);
    let mut diagnostics = syntax::parse(&sources).1.into_sorted();
    let span = Span::new(FileId(0), 26, text.len());
    let message = "about \u{1b}]0;title\u{7}";
    diagnostics.push(
        Diagnostic::new(Code::E0201, span, message)
            .label("\u{1b}")
            .also(span, "\u{9b}")
            .help("\u{1b}c")
            .suggest("\u{1b}", Span::new(FileId(0), 0, 6), "\u{1b}[1m"),
    );
    for output in [
        render::human(&sources, &diagnostics, false),
        render::json(&sources, &diagnostics),
        render::github(&sources, &diagnostics),
    ] {
        let bad: Vec<char> =
            output.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
        assert!(bad.is_empty(), "{bad:?} in {output:?}");
    }
    // In colour, the only sequences are those that set colours.
    let colored = render::human(&sources, &diagnostics, true);
    for sequence in colored.split('\u{1b}').skip(1) {
        let end = sequence.find(|c: char| !c.is_ascii_digit() && !"[;".contains(c));
        assert_eq!(end.map(|end| &sequence[end..=end]), Some("m"), "{sequence:?}");
    }
}

#[test]
fn a_line_of_ten_megabytes_costs_little_and_shows_little() {
    let mut text = String::from("schema a version 1; ");
    while text.len() < 10 << 20 {
        text.push_str("const é x; ");
    }
    let (sources, diagnostics) = broken(&text);
    assert_eq!(diagnostics.len(), syntax::scan::FINDING_LIMIT);
    let begin = Instant::now();
    let human = render::human(&sources, &diagnostics, false);
    let json = render::json(&sources, &diagnostics);
    let github = render::github(&sources, &diagnostics);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    for output in [human, json, github] {
        assert!(output.len() < diagnostics.len() * 1000, "{}", output.len());
    }
}
