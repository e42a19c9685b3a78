//! `inspect-gen verify`: the structs of schemas, or those that the tables of a binary describe, beside those of
//! the binary itself.

use std::io::{self, Write as _};
use std::path::Path;

use super::args::{Inputs, MessageFormat, Verify};
use super::import::Files;
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Compiled, Status, findings};
use crate::diag::{Code, Diagnostic, render};
use crate::model::Model;
use crate::pack::{self, Finding};
use crate::verify::{self, Carried, Report, Verdict};

pub(super) fn run(arguments: &Verify, terminal: Terminal) -> Status {
    let progress = Progress::new(terminal);
    if arguments.schemas.is_empty() {
        return carried(arguments, terminal, &progress);
    }
    let inputs = Inputs {
        schemas: arguments.schemas.clone(),
        imports: arguments.imports.clone(),
        as_of: Vec::new(),
        message_format: arguments.message_format,
    };
    let mut reporter = terminal.reporter(arguments.message_format);
    if arguments.list {
        reporter = reporter.beside_results();
    }
    let compiled = super::compile(&inputs, None, &[], reporter, &progress);
    let Compiled { model, sources, .. } = match compiled {
        Ok(compiled) => compiled,
        Err(status) => return status,
    };
    let mut status = Status::Done;
    for image in &arguments.images {
        progress.stage("comparing");
        let name = image.display().to_string();
        let result = compare(arguments, image, &model);
        progress.hide();
        let one = match result {
            Ok(report) => {
                let mut found = report.diagnostics(&name, arguments.require_all);
                let outcomes = report.structs.iter();
                let outcomes: Vec<(Outcome, &str)> =
                    outcomes.map(|it| (Outcome::of(&it.verdict), it.name.as_str())).collect();
                if outcomes.iter().all(|it| it.0 == Outcome::Absent) && found.is_empty() {
                    let message = format!("no struct of these schemas is in {name}");
                    found.push(Diagnostic::without_place(Code::E1006, message));
                }
                match reporter.report(&sources, &found) {
                    Err(status) => status,
                    Ok(()) => summary(arguments, &name, &outcomes).worse(if found.is_empty() {
                        Status::Done
                    } else {
                        Status::Findings
                    }),
                }
            }
            Err(found) => unreadable(arguments, &name, &found, terminal),
        };
        status = status.worse(one);
    }
    status
}

/// Every image beside what its own tables say.
fn carried(arguments: &Verify, terminal: Terminal, progress: &Progress) -> Status {
    let mut status = Status::Done;
    for image in &arguments.images {
        progress.stage("comparing");
        let name = image.display().to_string();
        let result = compare_carried(arguments, image);
        progress.hide();
        let one = match result {
            Ok(all) => tell_carried(arguments, &name, &all, terminal),
            Err(found) => unreadable(arguments, &name, &found, terminal),
        };
        status = status.worse(one);
    }
    status
}

fn compare_carried(arguments: &Verify, image: &Path) -> Result<Vec<Carried>, Vec<Finding>> {
    let bytes = super::pack::read(image).map_err(|finding| vec![finding])?;
    let overview = pack::overview(&bytes, &[]).map_err(|finding| vec![finding])?;
    let tables = overview.tables.iter().filter_map(|it| Some((it.schema, it.types?)));
    let tables: Vec<(&str, &[u8])> = tables.filter(|(_, types)| !types.is_empty()).collect();
    if tables.is_empty() {
        let finding = Finding::new(Code::E1006, "the image describes no types of its own");
        return Err(vec![finding.help("bring the schemas: `--schema DIR`")]);
    }
    let files = Files::open(image, arguments.base.as_deref())?;
    files.with_binary(arguments.from, arguments.target, |binary| {
        let mut all = Vec::new();
        for (schema, types) in tables {
            let found = verify::carried(schema, types, binary);
            all.extend(found.map_err(|error| vec![super::import::unreadable(&error)])?);
        }
        Ok(all)
    })
}

fn tell_carried(arguments: &Verify, image: &str, all: &[Carried], terminal: Terminal) -> Status {
    let mut found = Vec::new();
    let visible = |name: &str| render::visible(name).into_owned();
    for carried in all {
        let name = visible(&carried.name);
        match &carried.found {
            Verdict::Differs(differences) => found.extend(differences.iter().map(|what| {
                Finding::new(Code::E1005, format!("`{name}` is not as its table says: {what}"))
                    .help("generate and compile again what declares it, and pack anew")
            })),
            Verdict::Absent if arguments.require_all => {
                let finding = Finding::new(Code::E1006, format!("`{name}` is not in the binary"));
                found.push(finding.help("a compiler leaves out types that nothing uses"));
            }
            Verdict::Absent | Verdict::Same => {}
        }
    }
    let outcomes: Vec<(Outcome, &str)> =
        all.iter().map(|it| (Outcome::of(&it.found), it.name.as_str())).collect();
    if outcomes.iter().all(|it| it.0 == Outcome::Absent) && found.is_empty() {
        let what = "no struct that the image describes is in its type information";
        found.push(Finding::new(Code::E1006, what));
    }
    let told = match found.as_slice() {
        [] => Status::Done,
        _ => unreadable(arguments, image, &found, terminal),
    };
    told.worse(summary(arguments, image, &outcomes))
}

fn compare(arguments: &Verify, image: &Path, model: &Model) -> Result<Report, Vec<Finding>> {
    let files = Files::open(image, arguments.base.as_deref())?;
    files.with_binary(arguments.from, arguments.target, |binary| {
        verify::verify(model, binary).map_err(|error| vec![super::import::unreadable(&error)])
    })
}

fn unreadable(arguments: &Verify, image: &str, found: &[Finding], terminal: Terminal) -> Status {
    let text = findings::text(image, found, arguments.message_format, terminal.color);
    if arguments.message_format == MessageFormat::Human || arguments.list {
        let _ = io::stderr().lock().write_all(text.as_bytes());
        return Status::Findings;
    }
    output::print(text.as_bytes()).worse(Status::Findings)
}

/// What became of a struct, without the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Same,
    Differs,
    Absent,
}

impl Outcome {
    fn of<D>(verdict: &Verdict<D>) -> Self {
        match verdict {
            Verdict::Same => Self::Same,
            Verdict::Differs(_) => Self::Differs,
            Verdict::Absent => Self::Absent,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Absent => "absent",
        }
    }
}

/// For people, and whoever asks for the list.
fn summary(arguments: &Verify, image: &str, outcomes: &[(Outcome, &str)]) -> Status {
    let mut text = String::new();
    if arguments.list {
        for (outcome, name) in outcomes {
            text.push_str(&format!("{:8} {}\n", outcome.word(), render::visible(name)));
        }
    }
    if arguments.message_format == MessageFormat::Human {
        let count = |wanted| outcomes.iter().filter(|(outcome, _)| *outcome == wanted).count();
        text.push_str(&format!(
            "{}: {} the same, {} different, {} absent\n",
            render::visible(image),
            count(Outcome::Same),
            count(Outcome::Differs),
            count(Outcome::Absent)
        ));
    }
    output::print(text.as_bytes())
}
