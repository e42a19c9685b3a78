//! A verdict as text: for people, grouped by whom it hurts; for programs; for the annotations of a GitHub run. And the
//! rules themselves.

use std::fmt::Write as _;

use serde::Serialize;

use super::compare::{Change, Difference};
use super::hold::Verdict;
use super::rules::{Consequence, Outcome, Severity, rules};
use super::{Exception, Targets};
use crate::diag::render;
use crate::source::{SourceMap, Span};

/// As a person reads it. A difference is told in the first group that it belongs to, and named in the others.
#[must_use]
pub fn human(verdict: &Verdict, sources: &SourceMap, color: bool) -> String {
    let (paint, sources) = (Paint { color }, &Places::new(sources));
    let mut out = String::new();
    let mut told = vec![false; verdict.differences.len()];
    for consequence in Consequence::ALL {
        let mut group = String::new();
        for (difference, told) in verdict.differences.iter().zip(&mut told) {
            let concerned = difference.outcome().consequences.has(consequence);
            if difference.is_break() && concerned {
                match std::mem::replace(told, true) {
                    false => tell(&mut group, difference, sources, paint),
                    true => refer(&mut group, difference, paint),
                }
            }
        }
        if !group.is_empty() {
            let title = paint.red(&format!("Breaks {}", consequence.title()));
            let _ = writeln!(out, "{title}\n\n{group}");
        }
    }
    let allowed = verdict.differences.iter().filter(|difference| difference.excepted.is_some());
    tell_group(&mut out, "Breaks that the lock excepts", allowed, sources, paint);
    let notes = verdict.differences.iter();
    let notes = notes.filter(|difference| difference.outcome().severity == Severity::Note);
    tell_group(&mut out, "Notes", notes, sources, paint);
    if !verdict.idle.is_empty() {
        let _ = writeln!(out, "{}\n", paint.red("Exceptions that do not apply"));
        for exception in &verdict.idle {
            let (rule, subject) = (exception.rule.name, visible(&exception.subject));
            let place = place_text(sources, exception.place);
            let _ = writeln!(out, "  {}  {subject}", paint.bold(rule));
            let _ = writeln!(out, "      at {place}\n      help: remove the line\n");
        }
    }
    out.push_str(&summary(verdict));
    out
}

fn tell_group<'d>(
    out: &mut String,
    title: &str,
    differences: impl Iterator<Item = &'d Difference>,
    sources: &Places<'_>,
    paint: Paint,
) {
    let mut group = String::new();
    differences.for_each(|difference| tell(&mut group, difference, sources, paint));
    if !group.is_empty() {
        let _ = writeln!(out, "{}\n\n{group}", paint.bold(title));
    }
}

/// `2 breaks, 1 excepted, 3 notes`
fn summary(verdict: &Verdict) -> String {
    let count = |is: &dyn Fn(&Difference) -> bool| {
        verdict.differences.iter().filter(|difference| is(difference)).count() as u64
    };
    let breaks = count(&|difference| difference.is_break());
    let excepted = count(&|difference| difference.excepted.is_some());
    let notes = count(&|difference| difference.outcome().severity == Severity::Note);
    let mut text = crate::emit::spell::plural(breaks, "break");
    if excepted > 0 {
        let _ = write!(text, ", {excepted} excepted");
    }
    let _ = write!(text, ", {}", crate::emit::spell::plural(notes, "note"));
    let idle = verdict.idle.len() as u64;
    if idle > 0 {
        let _ = write!(text, ", {} without effect", crate::emit::spell::plural(idle, "exception"));
    }
    text.push('\n');
    text
}

/// The difference in full.
fn tell(out: &mut String, difference: &Difference, sources: &Places<'_>, paint: Paint) {
    let rule = paint.bold(difference.rule.name);
    let subject = subject_text(difference);
    let _ = writeln!(out, "  {rule}  {}", visible(&subject));
    let mut line = |word: &str, text: &str| {
        let _ = writeln!(out, "      {word}{}", visible(text));
    };
    line("", &what(difference));
    if let Some(place) = difference.new_place {
        line("at ", &place_text(sources, place));
    }
    if let Some(place) = difference.old_place.filter(|it| Some(*it) != difference.new_place) {
        line("was ", &place_text(sources, place));
    }
    if difference.outcome().severity == Severity::Note {
        let consequences: Vec<_> =
            difference.outcome().consequences.iter().map(Consequence::title).collect();
        if !consequences.is_empty() {
            line("concerns ", &consequences.join(", "));
        }
    }
    for direction in directions(difference.outcome()) {
        line("hurts ", direction);
    }
    for change in &difference.bytes {
        line("", &format!("{change} ({})", change.target.name()));
    }
    if let Some(reason) = &difference.excepted {
        line("excepted: ", reason);
    }
    if let Some(help) = difference.help() {
        line("help: ", &help);
    }
    out.push('\n');
}

/// Its name, where it was told before.
fn refer(out: &mut String, difference: &Difference, paint: Paint) {
    let (rule, subject) = (paint.bold(difference.rule.name), subject_text(difference));
    let mut line = format!("  {rule}  {}, see above", visible(&subject));
    if !difference.targets.is_empty() {
        let _ = write!(line, ": on {}", difference.targets);
    }
    let _ = writeln!(out, "{line}\n");
}

fn subject_text(difference: &Difference) -> String {
    match difference.subject.as_str() {
        "schema" => format!("schema {}", difference.schema),
        subject => format!("{subject} of {}", difference.schema),
    }
}

/// What changed, in a sentence.
fn what(difference: &Difference) -> String {
    let mut text = match (difference.rule.change, &difference.old, &difference.new) {
        (Change::Added | Change::AddedToClosed, ..) => {
            let version = difference.next_version.saturating_sub(1);
            match difference.grown {
                true => format!("came after version {version}"),
                false => format!("is new in version {version}, which is released"),
            }
        }
        (Change::Removed, ..) => "is gone".to_owned(),
        (Change::Set(_), ..) => "is now".to_owned(),
        (Change::Cleared(_), ..) => "is no longer".to_owned(),
        (_, Some(old), Some(new)) => format!("was {old}, is {new}"),
        (_, Some(old), None) => format!("was {old}, is not said any longer"),
        (_, None, Some(new)) => format!("is {new}, was not said"),
        (_, None, None) => "is not what it was".to_owned(),
    };
    if let Change::Set(fact) | Change::Cleared(fact) = difference.rule.change {
        let _ = write!(text, " `{}`", fact.word());
    }
    if !difference.targets.is_empty() && difference.targets != Targets::all() {
        let _ = write!(text, " on {}", difference.targets);
    }
    text
}

fn directions(outcome: &Outcome) -> impl Iterator<Item = &'static str> {
    let old = outcome.old_reader.then_some("readers of the old release, by new tables");
    let new = outcome.new_reader.then_some("readers of the new release, by old tables");
    old.into_iter().chain(new)
}

fn place_text(sources: &Places<'_>, place: Span) -> String {
    let (file, line, _) = sources.at(place);
    format!("{file}:{line}")
}

/// Where the lines of all texts begin: a thousand differences cost no more searching than one.
struct Places<'s> {
    sources: &'s SourceMap,
    /// By file: the first byte of each line.
    lines: Vec<Vec<usize>>,
}

impl<'s> Places<'s> {
    fn new(sources: &'s SourceMap) -> Self {
        let starts = |text: &str| {
            let behind = text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(behind).collect()
        };
        let lines = sources.files().map(|(_, file)| starts(&file.text)).collect();
        Self { sources, lines }
    }

    /// File, line and column, counted from 1; the column in characters.
    fn at(&self, place: Span) -> (&'s str, usize, usize) {
        let file = self.sources.file(place.file);
        let start = place.start as usize;
        let lines = self.lines.get(place.file.0 as usize).map_or(&[][..], Vec::as_slice);
        let line = lines.partition_point(|first| *first <= start).max(1);
        let first = lines.get(line - 1).copied().unwrap_or(0);
        let before = file.text.get(first..start).unwrap_or_default();
        (&file.name, line, before.chars().count() + 1)
    }
}

fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    render::visible(text)
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn bold(self, text: &str) -> String {
        if self.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn red(self, text: &str) -> String {
        if self.color { format!("\x1b[1;31m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    rule: &'a str,
    severity: &'a str,
    schema: &'a str,
    item: &'a str,
    message: String,
    old: Option<&'a str>,
    new: Option<&'a str>,
    consequences: Vec<&'a str>,
    targets: Vec<&'a str>,
    directions: Vec<&'a str>,
    place: Option<JsonPlace<'a>>,
    old_place: Option<JsonPlace<'a>>,
    bytes: Vec<JsonBytes>,
    reason: Option<&'a str>,
    help: Option<String>,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct JsonBytes {
    start_bit: u64,
    end_bit: u64,
    target: &'static str,
    text: String,
}

fn json_place<'s>(sources: &Places<'s>, place: Span) -> JsonPlace<'s> {
    let (file, line, column) = sources.at(place);
    JsonPlace { file, line, column }
}

/// One object a line.
#[must_use]
pub fn json(verdict: &Verdict, sources: &SourceMap) -> String {
    let sources = &Places::new(sources);
    let differences = verdict.differences.iter().map(|difference| json_of(difference, sources));
    let idle = verdict.idle.iter().map(|exception| json_of_idle(exception, sources));
    let mut out = String::new();
    for object in differences.chain(idle) {
        // Strings and numbers always serialise.
        let line = serde_json::to_string(&object).unwrap_or_default();
        out.push_str(&render::json_text(&line));
        out.push('\n');
    }
    out
}

fn json_of<'a>(difference: &'a Difference, sources: &Places<'a>) -> Json<'a> {
    let outcome = difference.outcome();
    let bytes = difference.bytes.iter().map(|change| JsonBytes {
        start_bit: change.start_bit,
        end_bit: change.end_bit,
        target: change.target.name(),
        text: change.to_string(),
    });
    Json {
        rule: difference.rule.name,
        severity: severity(difference),
        schema: &difference.schema,
        item: &difference.subject,
        message: what(difference),
        old: difference.old.as_deref(),
        new: difference.new.as_deref(),
        consequences: outcome.consequences.iter().map(Consequence::word).collect(),
        targets: difference.targets.iter().map(crate::model::Target::name).collect(),
        directions: direction_words(outcome),
        place: difference.new_place.map(|place| json_place(sources, place)),
        old_place: difference.old_place.map(|place| json_place(sources, place)),
        bytes: bytes.collect(),
        reason: difference.excepted.as_deref(),
        help: difference.help(),
    }
}

fn json_of_idle<'a>(exception: &'a Exception, sources: &Places<'a>) -> Json<'a> {
    Json {
        rule: exception.rule.name,
        severity: "idle-exception",
        schema: &exception.schema,
        item: &exception.subject,
        message: "this exception does not apply".to_owned(),
        old: None,
        new: None,
        consequences: Vec::new(),
        targets: Vec::new(),
        directions: Vec::new(),
        place: None,
        old_place: Some(json_place(sources, exception.place)),
        bytes: Vec::new(),
        reason: Some(&exception.reason),
        help: Some("remove the line".to_owned()),
    }
}

fn severity(difference: &Difference) -> &'static str {
    match difference.outcome().severity {
        _ if difference.excepted.is_some() => "excepted",
        Severity::Break => "break",
        Severity::Note | Severity::Nothing => "note",
    }
}

/// One workflow command a line.
#[must_use]
pub fn github(verdict: &Verdict, sources: &SourceMap) -> String {
    let sources = Places::new(sources);
    let mut out = String::new();
    let mut command = |word: &str, place: Option<Span>, title: &str, message: &str| {
        let _ = write!(out, "::{word} ");
        if let Some(place) = place {
            let (file, line, column) = sources.at(place);
            let file = render::github_property(file);
            let _ = write!(out, "file={file},line={line},col={column},");
        }
        let title = render::github_property(title);
        let _ = writeln!(out, "title={title}::{}", render::github_data(message));
    };
    for difference in &verdict.differences {
        let word = if difference.is_break() { "error" } else { "notice" };
        let mut message = format!("{}: {}", subject_text(difference), what(difference));
        let consequences: Vec<_> =
            difference.outcome().consequences.iter().map(Consequence::title).collect();
        if !consequences.is_empty() {
            let _ = write!(message, "\nconcerns {}", consequences.join(", "));
        }
        for direction in directions(difference.outcome()) {
            let _ = write!(message, "\nhurts {direction}");
        }
        for change in &difference.bytes {
            let _ = write!(message, "\n{change} ({})", change.target.name());
        }
        if let Some(reason) = &difference.excepted {
            let _ = write!(message, "\nexcepted: {reason}");
        }
        if let Some(help) = difference.help() {
            let _ = write!(message, "\nhelp: {help}");
        }
        command(word, difference.new_place, difference.rule.name, &message);
    }
    for exception in &verdict.idle {
        let message = "this exception does not apply\nhelp: remove the line";
        command("error", Some(exception.place), exception.rule.name, message);
    }
    out
}

/// Every rule with what it comes to, one a line.
#[must_use]
pub fn rules_text() -> String {
    let mut out = String::new();
    let width = rules().iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    for rule in rules() {
        let (stray, grown) = (outcome_text(&rule.stray), outcome_text(&rule.grown));
        let _ = writeln!(out, "{:width$}  released: {stray}; younger: {grown}", rule.name);
    }
    out
}

/// The table of the document.
#[must_use]
pub fn rules_markdown() -> String {
    let mut out = String::from(
        "| rule | in a released version | in a younger one | instead |\n|---|---|---|---|\n",
    );
    for rule in rules() {
        let (stray, grown) = (outcome_text(&rule.stray), outcome_text(&rule.grown));
        let help = rule.help.replace("{next}", "n").replace('|', "\\|");
        let _ = writeln!(out, "| `{}` | {stray} | {grown} | {help} |", rule.name);
    }
    out
}

/// Every rule for programs, one object a line.
#[must_use]
pub fn rules_json() -> String {
    let mut out = String::new();
    for rule in rules() {
        let outcome = |outcome: &Outcome| {
            let severity = match outcome.severity {
                Severity::Nothing => "nothing",
                Severity::Note => "note",
                Severity::Break => "break",
            };
            let consequences: Vec<_> = outcome.consequences.iter().map(Consequence::word).collect();
            serde_json::json!({
                "severity": severity,
                "consequences": consequences,
                "directions": direction_words(outcome),
            })
        };
        let line = serde_json::json!({
            "rule": rule.name,
            "released": outcome(&rule.stray),
            "younger": outcome(&rule.grown),
            "help": rule.help,
        });
        let _ = writeln!(out, "{line}");
    }
    out
}

fn direction_words(outcome: &Outcome) -> Vec<&'static str> {
    let old = outcome.old_reader.then_some("old-reader-new-table");
    let new = outcome.new_reader.then_some("new-reader-old-table");
    old.into_iter().chain(new).collect()
}

fn outcome_text(outcome: &Outcome) -> String {
    let severity = match outcome.severity {
        Severity::Nothing => return "nothing".to_owned(),
        Severity::Note => "note",
        Severity::Break => "break",
    };
    let mut words: Vec<&str> = outcome.consequences.iter().map(Consequence::word).collect();
    words.extend(match (outcome.old_reader, outcome.new_reader) {
        (true, true) => Some("both readers"),
        (true, false) => Some("old reader"),
        (false, true) => Some("new reader"),
        (false, false) => None,
    });
    match words.is_empty() {
        true => severity.to_owned(),
        false => format!("{severity}: {}", words.join(", ")),
    }
}
