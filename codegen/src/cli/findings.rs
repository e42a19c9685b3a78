//! Findings about images as text: for people, for programs, for the annotations of a GitHub run.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::MessageFormat;
use crate::diag::{Severity, render};
use crate::pack::Finding;

/// All findings about one image in the wanted form.
pub(super) fn text(
    image: &str,
    findings: &[Finding],
    format: MessageFormat,
    color: bool,
) -> String {
    let mut output = String::new();
    for finding in findings {
        match format {
            MessageFormat::Human => human(&mut output, image, finding, color),
            MessageFormat::Json => json(&mut output, image, finding),
            MessageFormat::Github => github(&mut output, image, finding),
        }
    }
    output
}

fn word(finding: &Finding) -> &'static str {
    match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn human(output: &mut String, image: &str, finding: &Finding, color: bool) {
    let (bold, severe, plain) = match (color, finding.severity()) {
        (false, _) => ("", "", ""),
        (true, Severity::Error) => ("\x1b[1m", "\x1b[1;31m", "\x1b[0m"),
        (true, Severity::Warning) => ("\x1b[1m", "\x1b[1;33m", "\x1b[0m"),
    };
    let message = render::visible(&finding.message);
    let code = finding.code.name();
    let _ = writeln!(output, "{severe}{}[{code}]{plain}{bold}: {message}{plain}", word(finding));
    if let Some(place) = &finding.place {
        let _ = writeln!(output, "  --> {}", render::visible(&place.to_string()));
    }
    let _ = writeln!(output, "   in {}", render::visible(image));
    if let Some((place, why)) = finding.other.as_deref() {
        let _ = writeln!(output, " note: {}: {why}", render::visible(&place.to_string()));
    }
    for help in &finding.help {
        let _ = writeln!(output, " help: {}", render::visible(help));
    }
    output.push('\n');
}

#[derive(Serialize)]
struct Json<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    image: &'a str,
    place: Option<JsonPlace<'a>>,
    labels: Vec<JsonLabel<'a>>,
    help: &'a [String],
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: u64,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    place: JsonPlace<'a>,
    text: &'a str,
}

fn json(output: &mut String, image: &str, finding: &Finding) {
    // Strings and numbers always serialise.
    output.push_str(&render::json_text(&value(image, finding).to_string()));
    output.push('\n');
}

/// One finding as a value, for a larger one.
pub(super) fn value(image: &str, finding: &Finding) -> serde_json::Value {
    let value = serde_json::to_value(Json {
        code: finding.code.name(),
        severity: word(finding),
        message: &finding.message,
        image,
        place: finding.place.as_ref().map(|it| JsonPlace { file: &it.file, line: it.line }),
        labels: finding.other.as_deref().map(label).into_iter().collect(),
        help: &finding.help,
    });
    value.unwrap_or_default()
}

fn label((place, text): &(crate::pack::SourcePlace, String)) -> JsonLabel<'_> {
    JsonLabel { place: JsonPlace { file: &place.file, line: place.line }, text }
}

fn github(output: &mut String, image: &str, finding: &Finding) {
    let _ = write!(output, "::{} ", word(finding));
    if let Some(place) = &finding.place {
        let _ =
            write!(output, "file={},line={},", render::github_property(&place.file), place.line);
    }
    let title = format!("{}: {}", finding.code.name(), finding.code.title());
    let mut message = format!("{image}: {}", finding.message);
    if let Some((place, why)) = finding.other.as_deref() {
        let _ = write!(message, "\n{place}: {why}");
    }
    for help in &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let title = render::github_property(&title);
    let _ = writeln!(output, "title={title}::{}", render::github_data(&message));
}
