//! `inspect-gen explain`: the longer text behind a code.

use super::Status;
use super::args::Explain;
use super::output;
use crate::diag::{Code, nearest};

pub(super) fn run(arguments: &Explain) -> Status {
    let Some(name) = &arguments.code else {
        let list: String =
            Code::ALL.iter().map(|code| format!("{}  {}\n", code.name(), code.title())).collect();
        return output::print(list.as_bytes());
    };
    match Code::from_name(name) {
        Some(code) => output::print(code.explanation().as_bytes()),
        None => {
            let written = name.to_ascii_uppercase();
            let hint = match nearest(&written, Code::ALL.iter().map(|code| code.name())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`inspect-gen explain` lists all codes".to_owned(),
            };
            output::complain(&format!("there is no diagnostic `{name}`\n  {hint}"));
            Status::Failed
        }
    }
}
