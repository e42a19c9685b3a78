//! `inspect-gen generate`: from schemas to files, or with `--check` to the list of files that
//! differ.

use super::args::Generate;
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Compiled, Status};
use crate::build;
use crate::emit;

pub(super) fn run(arguments: &Generate, terminal: Terminal) -> Status {
    match generate(arguments, terminal) {
        Ok(status) | Err(status) => status,
    }
}

fn generate(arguments: &Generate, terminal: Terminal) -> Result<Status, Status> {
    let cannot_write = |error| output::cannot_write(&error);
    if arguments.output.is_file() {
        let path = arguments.output.display();
        output::complain(&format!("`{path}` is a file\n  -o takes a directory to write into"));
        return Err(Status::Failed);
    }
    let progress = Progress::new(terminal);
    let reporter = terminal.reporter(arguments.inputs.message_format);
    let (inputs, held) = (&arguments.inputs, Some(&arguments.held));
    let Compiled { model, sources, watched } =
        super::compile(inputs, held, &arguments.targets.targets, reporter, &progress)?;
    let progress = Progress::new(terminal);
    progress.stage("generating");
    let options = emit::Options::default();
    let kinds = emit::kinds(&model, &sources, &arguments.emit, &options);
    if arguments.check {
        let changes = build::changes(&arguments.output, kinds).map_err(cannot_write)?;
        progress.hide();
        let list: String =
            changes.iter().map(|path| format!("would change {}\n", path.display())).collect();
        let printed = output::print(list.as_bytes());
        return Ok(match printed {
            Status::Done if !changes.is_empty() => Status::Findings,
            status => status,
        });
    }
    let outputs = build::write(&arguments.output, kinds).map_err(cannot_write)?;
    if let Some(path) = &arguments.depfile {
        build::write_file(path, &build::depfile(&outputs, &watched)).map_err(cannot_write)?;
    }
    // The process ends now: taking a large model apart piece by piece would only take time.
    std::mem::forget((model, sources));
    Ok(Status::Done)
}
