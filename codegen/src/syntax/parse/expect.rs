//! Words for what pest expected and what stood there instead.

use super::Rule;
use crate::diag::{Code, Diagnostic, nearest};
use crate::source::{FileId, Span};
use crate::syntax::scan::{ITEM_WORDS, LexemeKind, Lexer};

/// Longer tokens are cut in messages.
const SHOWN_CHARS: usize = 40;

/// The finding for a parse that got as far as `at` in `text`, which begins at `base` in its file.
pub(super) fn finding(
    file: FileId,
    base: usize,
    text: &str,
    at: usize,
    expected: &[Rule],
) -> Diagnostic {
    let found = Found::at(text, at);
    let words = words(expected);
    let shown = found.shown();
    let message = match words.as_slice() {
        [] => format!("{shown} is not expected here"),
        [only] => format!("expected {only}, found {shown}"),
        [first @ .., last] => format!("expected {} or {last}, found {shown}", first.join(", ")),
    };
    let span = Span::new(file, base + found.start, base + found.end);
    let mut finding = Diagnostic::new(Code::E0105, span, message);
    let end = text[..found.start].trim_end().len();
    if expected.contains(&Rule::semicolon) && end > 0 && ITEM_WORDS.contains(&found.text) {
        let place = Span::new(file, base + end, base + end);
        finding = finding.suggest("end the item before it", place, ";");
    } else if let Some(near) = nearest(found.text, keywords(expected)) {
        finding = finding.suggest(format!("write `{near}`"), span, near);
    } else if let Some(help) = help(text, &found, expected) {
        finding = finding.help(help);
    }
    finding
}

/// The token at fault.
struct Found<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Found<'a> {
    fn at(text: &'a str, at: usize) -> Self {
        let token = Lexer::at(text, at).find(|lexeme| lexeme.kind != LexemeKind::Space);
        match token {
            Some(token) => {
                Self { text: &text[token.start..token.end], start: token.start, end: token.end }
            }
            // The item ends too early: its last token is what a reader should look at.
            None => {
                let end = text.trim_end().len();
                let start = end - text[..end].chars().next_back().map_or(0, char::len_utf8);
                Self { text: "", start, end }
            }
        }
    }

    fn shown(&self) -> String {
        if self.text.is_empty() {
            return "the end of the item".to_owned();
        }
        let mut shown: String = self.text.chars().take(SHOWN_CHARS).collect();
        if shown.len() < self.text.len() {
            shown.push_str("...");
        }
        format!("`{shown}`")
    }
}

/// Whether an item could begin here.
fn expects_item(expected: &[Rule]) -> bool {
    expected.contains(&Rule::kw_record) || expected.contains(&Rule::record_item)
}

/// The words that the grammar would have taken as keywords here.
fn keywords(expected: &[Rule]) -> Vec<&'static str> {
    if expects_item(expected) {
        return ITEM_WORDS.to_vec();
    }
    expected.iter().filter_map(|rule| keyword(*rule)).collect()
}

fn keyword(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::kw_class => "class",
        Rule::kw_const | Rule::extern_const => "const",
        Rule::kw_entry => "entry",
        Rule::kw_enum | Rule::extern_enum => "enum",
        Rule::kw_from => "from",
        Rule::kw_in => "in",
        Rule::kw_rust => "rust",
        Rule::kw_struct | Rule::extern_struct => "struct",
        Rule::kw_version => "version",
        _ => return None,
    })
}

/// What was expected, most telling first, without what could merely have gone on.
fn words(expected: &[Rule]) -> Vec<String> {
    if expects_item(expected) {
        return vec!["an item".to_owned()];
    }
    let certain = |rule: &&Rule| !may_follow(**rule);
    let mut rules: Vec<Rule> = expected.iter().filter(certain).copied().collect();
    if rules.is_empty() {
        rules = expected.to_vec();
    }
    // A field, a member, a type may begin in several ways; the whole says more than the list of them.
    if rules.iter().any(|rule| matches!(rule, Rule::field | Rule::field_name)) {
        rules.retain(|rule| !matches!(rule, Rule::hash | Rule::attribute | Rule::aggregate_word));
    }
    if rules.iter().any(|rule| matches!(rule, Rule::type_path)) {
        rules.retain(|rule| *rule != Rule::open_bracket);
    }
    // Where a list may go on, what could still be added to its last element would only distract.
    if let Some(comma) = rules.iter().position(|rule| *rule == Rule::comma) {
        rules.swap(0, comma);
        rules.retain(|rule| !matches!(rule, Rule::colon | Rule::equals));
    }
    let mut words: Vec<String> = Vec::new();
    for rule in rules {
        let word = word(rule);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// Tokens that continue what is complete without them.
fn may_follow(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::operator
            | Rule::generic
            | Rule::less
            | Rule::bits
            | Rule::value
            | Rule::range
            | Rule::attribute
            | Rule::hash
            | Rule::arguments
            | Rule::instance
            | Rule::repr
            | Rule::open_paren
    )
}

fn word(rule: Rule) -> String {
    if let Some(keyword) = keyword(rule) {
        return format!("`{keyword}`");
    }
    match rule {
        Rule::semicolon => "`;`",
        Rule::double_colon => "`::`",
        Rule::colon | Rule::repr | Rule::bits => "`:`",
        Rule::comma => "`,`",
        Rule::equals | Rule::value => "`=`",
        Rule::range | Rule::rest => "`..`",
        Rule::open_brace
        | Rule::members
        | Rule::enum_members
        | Rule::fields
        | Rule::settings
        | Rule::use_names => "`{`",
        Rule::close_brace => "`}`",
        Rule::open_bracket | Rule::instance | Rule::list => "`[`",
        Rule::close_bracket => "`]`",
        Rule::open_paren | Rule::arguments => "`(`",
        Rule::close_paren => "`)`",
        Rule::less | Rule::generic => "`<`",
        Rule::greater => "`>`",
        Rule::attribute | Rule::hash => "`#[`",
        Rule::operator => "an operator",
        Rule::ident | Rule::key => "a name",
        Rule::field_name | Rule::field => "a field",
        Rule::member => "a member",
        Rule::setting => "a setting",
        Rule::element | Rule::word_element => "an element",
        Rule::argument => "an argument",
        Rule::text => "text in quotes",
        Rule::dotted | Rule::path => "a name",
        Rule::type_path
        | Rule::bare_pointer
        | Rule::pointer
        | Rule::array
        | Rule::aggregate
        | Rule::star => "a type",
        Rule::aggregate_word => "`struct` or `union`",
        Rule::captured => "`_`",
        Rule::EOI => "the end of the item",
        _ => "an expression",
    }
    .to_owned()
}

/// What people write who come from C or Rust.
fn help(text: &str, found: &Found<'_>, expected: &[Rule]) -> Option<&'static str> {
    let expects = |rule: Rule| expected.contains(&rule);
    if found.text == ";" && expects(Rule::comma) {
        return Some("elements are separated by `,`");
    }
    if expects(Rule::bare_pointer) && matches!(found.text, "struct" | "union") {
        return Some("the type of an item has a name: define it as an item of its own");
    }
    if found.text == "_" && expects(Rule::ident) {
        return Some("`_` alone is padding, and only a field can be that");
    }
    let before = text[..found.start].trim_end();
    if found.text == "[" && expects(Rule::comma) && before.ends_with(char::is_alphanumeric) {
        return Some("an array is written `name: [T; N]`, a list in a setting `key: [..]`");
    }
    if expects(Rule::comma) && (before.ends_with(": class") || before.ends_with(": entry")) {
        return Some("a list stands in brackets: `[class a, class b]`");
    }
    if found.text == "{" && text.starts_with("flags ") {
        return Some("flags have a type: `flags name: u32 { .. }`");
    }
    let in_fields = expects(Rule::colon) && !expects(Rule::comma);
    let is_name = found.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if in_fields && is_name && text[..found.start].trim_end().ends_with(char::is_alphanumeric) {
        return Some("a name comes first, then `:` and its type");
    }
    if expects_item(expected) && found.text == "union" {
        return Some("a union stands in a struct: `struct name { body: union { .. } }`");
    }
    if expects_item(expected) {
        return Some(
            "items begin with `schema`, `use`, `const`, `extern`, `properties`, `enum`, `flags`, \
             `struct`, `record`, `class`, `entry`, `space` or `consumer`",
        );
    }
    None
}
