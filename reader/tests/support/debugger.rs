//! Values as debuggers have them: gdb, and drgn from the folder `target/drgn`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::json;

use super::tools::{has, is_there, run};
use super::workshop::fixture;

/// A value.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Told {
    /// An integer, a truth value, a character or an enum in decimal digits.
    #[serde(default)]
    pub(crate) integer: Option<String>,
    /// Its type in C.
    #[serde(default, rename = "type")]
    pub(crate) type_name: String,
    /// A pointer in decimal digits.
    #[serde(default)]
    pub(crate) pointer: Option<String>,
    /// The bytes of a double.
    #[serde(default)]
    pub(crate) float: Option<String>,
    /// An array of single bytes.
    #[serde(default)]
    pub(crate) bytes: Option<String>,
    /// Why there is no value.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// Values by C expressions.
pub(crate) type Values = BTreeMap<String, Told>;

/// What a debugger answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// Every field of the variables that were asked for.
    pub(crate) roots: Values,
    /// The single values that were asked for.
    pub(crate) paths: Values,
}

/// A debugger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debugger {
    Gdb,
    Drgn,
}

/// The interpreter of the virtual environment that has drgn.
fn drgn() -> PathBuf {
    // The folder of the test programs' own files stands beside it, wherever the target directory is.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory");
    target.join("drgn/bin/python")
}

impl Debugger {
    /// Whether it can be asked. drgn comes from PyPI: `python3 -m venv target/drgn` and
    /// `target/drgn/bin/pip install drgn`.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Gdb => has("gdb"),
            Self::Drgn => is_there(drgn().exists(), "drgn in target/drgn"),
        }
    }

    /// Asks for all fields of variables, and for single values.
    #[track_caller]
    pub(crate) fn ask(
        self,
        program: &Path,
        core: &Path,
        roots: &[&str],
        paths: &[String],
    ) -> Answer {
        let folder = tempfile::tempdir().expect("a folder");
        let [request, answer] = ["request", "answer"].map(|name| folder.path().join(name));
        let question = json!({ "roots": roots, "paths": paths });
        std::fs::write(&request, question.to_string()).expect("a request");
        match self {
            Self::Gdb => {
                let mut gdb = Command::new("gdb");
                gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-x"]);
                gdb.arg(fixture("gdb_fields.py")).arg(program).arg(core);
                run(gdb.env("REQUEST", &request).env("ANSWER", &answer));
            }
            Self::Drgn => {
                let mut python = Command::new(drgn());
                python.arg(fixture("drgn_fields.py")).arg(program).arg(core);
                run(python.arg(&request).arg(&answer));
            }
        }
        let answer = std::fs::read(answer).expect("an answer");
        serde_json::from_slice(&answer).expect("values")
    }
}
