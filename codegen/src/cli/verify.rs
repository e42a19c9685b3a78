//! `inspect-gen verify`: the structs of schemas beside those of binaries.

use std::io::{self, Write as _};
use std::path::Path;

use super::args::{Inputs, MessageFormat, Verify};
use super::import::Files;
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Compiled, Status, findings};
use crate::diag::{Code, Diagnostic, render};
use crate::model::Model;
use crate::pack::Finding;
use crate::verify::{self, Report, Verdict};

pub(super) fn run(arguments: &Verify, terminal: Terminal) -> Status {
    let progress = Progress::new(terminal);
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
                let counts = Counts::of(&report);
                if counts.same + counts.different == 0 && found.is_empty() {
                    let message = format!("no struct of these schemas is in {name}");
                    found.push(Diagnostic::without_place(Code::E1006, message));
                }
                match reporter.report(&sources, &found) {
                    Err(status) => status,
                    Ok(()) => summary(arguments, &name, &report, &counts)
                        .worse(if found.is_empty() { Status::Done } else { Status::Findings }),
                }
            }
            Err(found) => unreadable(arguments, &name, &found, terminal),
        };
        status = status.worse(one);
    }
    status
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

/// How many structs came to which end.
#[derive(Default)]
struct Counts {
    same: usize,
    different: usize,
    absent: usize,
}

impl Counts {
    fn of(report: &Report) -> Self {
        let mut counts = Self::default();
        for compared in &report.structs {
            match compared.verdict {
                Verdict::Same => counts.same += 1,
                Verdict::Differs(_) => counts.different += 1,
                Verdict::Absent => counts.absent += 1,
            }
        }
        counts
    }
}

/// For people, and whoever asks for the list.
fn summary(arguments: &Verify, image: &str, report: &Report, counts: &Counts) -> Status {
    let mut text = String::new();
    if arguments.list {
        for compared in &report.structs {
            let word = match compared.verdict {
                Verdict::Same => "same",
                Verdict::Differs(_) => "differs",
                Verdict::Absent => "absent",
            };
            text.push_str(&format!("{word:8} {}\n", compared.name));
        }
    }
    if arguments.message_format == MessageFormat::Human {
        text.push_str(&format!(
            "{}: {} the same, {} different, {} absent\n",
            render::visible(image),
            counts.same,
            counts.different,
            counts.absent
        ));
    }
    output::print(text.as_bytes())
}
