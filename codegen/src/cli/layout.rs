//! `inspect-gen layout`: where the fields lie.

use super::args::Layout;
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Compiled, Status};
use crate::diag::nearest;
use crate::emit::json::layout_json;
use crate::emit::layout_text::{layout_names, layout_text};

pub(super) fn run(arguments: &Layout, terminal: Terminal) -> Status {
    match layout(arguments, terminal) {
        Ok(status) | Err(status) => status,
    }
}

fn layout(arguments: &Layout, terminal: Terminal) -> Result<Status, Status> {
    let progress = Progress::new(terminal);
    let reporter = terminal.reporter(arguments.inputs.message_format).beside_results();
    let Compiled { model, .. } =
        super::compile(&arguments.inputs, None, &arguments.targets.targets, reporter, &progress)?;
    let wanted = arguments.type_name.as_deref();
    if arguments.json {
        let [target] = model.targets[..] else {
            output::complain("--json prints one target\n  give --target once");
            return Err(Status::Failed);
        };
        let mut document = layout_json(&model, target);
        if let Some(wanted) = wanted {
            let structs = document.get_mut("structs").and_then(|structs| structs.as_object_mut());
            let found = structs.is_some_and(|structs| {
                structs.retain(|name, _| name == wanted);
                !structs.is_empty()
            });
            if !found {
                return Err(no_such_type(&model, wanted));
            }
        }
        return Ok(output::print(format!("{document:#}\n").as_bytes()));
    }
    let text = layout_text(&model, &model.targets, wanted);
    match wanted {
        Some(wanted) if text.is_empty() => Err(no_such_type(&model, wanted)),
        _ => Ok(output::print(text.as_bytes())),
    }
}

fn no_such_type(model: &crate::model::Model, wanted: &str) -> Status {
    let names = layout_names(model);
    let hint = match nearest(wanted, names.iter().map(String::as_str)) {
        Some(meant) => format!("\n  did you mean `{meant}`?"),
        None => String::new(),
    };
    output::complain(&format!("no struct of these schemas is called `{wanted}`{hint}"));
    Status::Findings
}
