//! A schema from the types of a binary.
//!
//! `closure` collects what the asked types need, `plan` decides items and fields (`spell` how each type is written,
//! `place` what brings a field to its place), `print` writes the text, and `proof` compiles that and compares every
//! offset with the binary's. A schema that is returned has the layouts of the binary, on the binary's target.

mod choose;
mod closure;
mod external;
mod merge;
mod names;
mod place;
mod plan;
mod print;
mod proof;
mod spell;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::thread;

use crate::binary::{self, Binary, Wanted};
use crate::check;
use crate::compile;
use crate::diag::{Diagnostics, Severity};
use crate::model::Model;
use crate::source::SourceMap;
use crate::syntax::ast;
use crate::syntax::fmt::format_unparsed;
use crate::verify;
pub use choose::Definition;
pub use merge::{Existing, update};
use names::Known;
use plan::Planner;

/// What is wanted of a schema.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name.
    pub schema: String,
    /// What the binary is called in its documentation.
    pub image: String,
    /// The header that declares the types: they become `extern` ones, which every build captures anew.
    pub header: Option<String>,
    /// How many pointers are followed: types behind further ones are not part of the schema.
    pub depth: u32,
}

/// A schema with the layouts of a binary.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its text, formatted.
    pub text: String,
    /// What could not be said.
    pub notes: Vec<Note>,
    /// How many types it defines.
    pub type_count: usize,
    /// The names in the schema of what was asked for.
    pub asked: BTreeSet<String>,
    /// All that it was made of. Large trees take long to take apart: a program that ends now leaves them.
    _trees: Rc<dyn Any>,
}

/// Something that the language cannot say, or that is not part of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The type or field: `page.lru`.
    pub path: String,
    /// One sentence.
    pub what: String,
}

/// Why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The binary.
    Binary(binary::Error),
    /// No type has this name; near ones.
    Absent(Wanted, Vec<String>),
    /// Only the name of the type is known.
    OnlyDeclared(Wanted),
    /// No type has this name there, or is of this kind; other ones have it.
    Elsewhere(Wanted, Vec<Definition>),
    /// Several types have this name, and differ.
    Ambiguous(Wanted, Vec<Definition>),
    /// A type holds itself by value, or others so deeply that nobody meant it.
    HoldsItself(String),
    /// An array is larger than any memory.
    TooLarge(String),
    /// The place of a base class is known only to the running program.
    VirtualBase {
        /// The class.
        class: String,
        /// Its base.
        base: String,
    },
    /// The schema to be brought in step has errors.
    Schema(Vec<String>),
    /// It would have errors with what the binary has.
    Conflict(Vec<String>),
    /// What was written is not what the binary has: a defect of this program.
    Defect(Vec<String>),
}

impl From<binary::Error> for Fault {
    fn from(error: binary::Error) -> Self {
        Self::Binary(error)
    }
}

/// Writes a schema of types and everything that they need.
///
/// # Errors
/// Everything that is wrong: each name that is not found, or the first damage.
pub fn import(
    binary: &Binary<'_>,
    wanted: &[Wanted],
    options: &Options,
) -> Result<Imported, Vec<Fault>> {
    import_known(binary, wanted, options, &Known::default())
}

/// The same, where an existing schema has names for types already.
fn import_known(
    binary: &Binary<'_>,
    wanted: &[Wanted],
    options: &Options,
    known: &Known,
) -> Result<Imported, Vec<Fault>> {
    thread::scope(|scope| {
        // It is needed in the end, behind the one file that there will be.
        let core = thread::Builder::new().spawn_scoped(scope, || compile::parse_core(1));
        import_beside(binary, wanted, options, known, || joined(core.ok()?).flatten())
    })
}

/// What a thread has made; nothing where there is none.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Option<T> {
    match thread.join() {
        Ok(made) => Some(made),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The same, with the tree of the core schema made by others.
fn import_beside(
    binary: &Binary<'_>,
    wanted: &[Wanted],
    options: &Options,
    known: &Known,
    core: impl FnOnce() -> Option<ast::File>,
) -> Result<Imported, Vec<Fault>> {
    let roots = choose::find(binary, wanted)?;
    let closure = closure::collect(binary, &roots, options.depth, known)
        .map_err(|error| vec![error.into()])?;
    let asked = closure.asked.iter().filter_map(|key| closure.names.get(key)).cloned().collect();
    let mut planner = Planner::new(binary, closure);
    let mut items = planner.items().map_err(|fault| vec![fault])?;
    let mut compared =
        format!("Their layouts were compared with the binary's on {}.", binary.target().name());
    if let Some(header) = &options.header {
        items = external::externs(items, header, &mut planner.notes);
        compared = "Their layouts are captured when a producer is compiled.".to_owned();
    }
    let image = format!("Types of `{}`, from its {}.", options.image, binary.format().name());
    let docs = [image, String::new(), compared];
    let text = print::schema(&options.schema, &docs, &items);
    // What is formatted has the same tree: that is proven while the text is made.
    let mut sources = SourceMap::new();
    sources.add("<imported>", text.as_str(), false);
    let parsed = match core() {
        Some(core) => compile::parse_beside(&mut sources, core),
        None => compile::parse_all(&mut sources, Diagnostics::new()),
    };
    let (text, proven) = thread::scope(|scope| {
        let formatting = thread::Builder::new().spawn_scoped(scope, || format_unparsed(&text));
        let proven = prove(&sources, parsed, &options.schema, &items, binary);
        // A machine may grant no thread.
        let formatted = formatting.ok().and_then(joined);
        (formatted.unwrap_or_else(|| format_unparsed(&text)), proven)
    });
    let trees = proven.map_err(|fault| vec![fault])?;
    let (notes, type_count) = (std::mem::take(&mut planner.notes), items.len());
    let _trees = Rc::new((trees, items, planner.into_trees()));
    Ok(Imported { text, notes, type_count, asked, _trees })
}

/// Compiles what was parsed, and compares every place. What the proof was made with is returned.
fn prove(
    sources: &SourceMap,
    (files, found): (Vec<ast::File>, Diagnostics),
    schema: &str,
    items: &[plan::Item],
    binary: &Binary<'_>,
) -> Result<(Model, Vec<ast::File>), Fault> {
    let targets = vec![binary.target()];
    let options = check::Options { targets, as_of: Vec::new() };
    let (model, found) = compile::compile_parsed(sources, &files, found, &options);
    let Some(model) = model else {
        let errors = found.into_sorted().into_iter();
        let errors = errors.filter(|it| it.code.severity() == Severity::Error);
        return Err(Fault::Defect(errors.map(|it| it.message).collect()));
    };
    let mut differences = proof::differences(&model, schema, items, binary.target());
    if items.iter().any(|item| matches!(item.body, plan::Body::Extern { .. })) {
        for compared in verify::verify(&model, binary)?.structs {
            if !matches!(compared.verdict, verify::Verdict::Same) {
                differences.push(format!("`{}` is not as in the binary", compared.name));
            }
        }
    }
    if differences.is_empty() { Ok((model, files)) } else { Err(Fault::Defect(differences)) }
}

/// How many definitions are said.
const MOST_SAID: usize = 8;

fn described(definitions: &[Definition]) -> String {
    let shown = definitions.iter().take(MOST_SAID).map(|it| it.described.as_str());
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if definitions.len() > MOST_SAID {
        text.push_str("; ..");
    }
    text
}

/// What to write for each.
fn written(definitions: &[Definition]) -> Vec<String> {
    let shown = definitions.iter().take(MOST_SAID);
    let mut help: Vec<String> =
        shown.filter_map(|it| Some(format!("write `{}`", it.written.as_ref()?))).collect();
    if definitions.iter().any(|it| it.written.is_none()) {
        let what = "no words tell some of them apart: import from the object file of the one that is meant";
        help.push(what.to_owned());
    }
    help
}

impl Fault {
    /// Ways out.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Absent(_, near) if !near.is_empty() => {
                let near: Vec<String> = near.iter().map(|it| format!("`{it}`")).collect();
                vec![format!("there is {}", near.join(", "))]
            }
            Self::Absent(..) => vec![
                "a compiler leaves out types that nothing uses; `pahole --sizes` or `llvm-dwarfdump` list \
                 what there is"
                    .to_owned(),
            ],
            Self::OnlyDeclared(_) => {
                vec!["name the object file or module that defines it".to_owned()]
            }
            Self::Ambiguous(_, definitions) | Self::Elsewhere(_, definitions) => {
                written(definitions)
            }
            Self::VirtualBase { .. } => {
                vec!["import its parts, or the class without that base".to_owned()]
            }
            Self::Schema(_) => vec!["`inspect-gen check` shows where".to_owned()],
            Self::Conflict(_) => {
                vec!["change what refers to the fields that the binary has otherwise".to_owned()]
            }
            Self::Defect(_) => vec!["please report it, with the type's name".to_owned()],
            Self::Binary(_) | Self::HoldsItself(_) | Self::TooLarge(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary(error) => error.fmt(f),
            Self::Absent(wanted, _) => write!(f, "no type is called `{wanted}`"),
            Self::OnlyDeclared(wanted) => {
                write!(f, "`{wanted}` is declared, and defined nowhere in this binary")
            }
            Self::Elsewhere(wanted, definitions) => {
                write!(f, "there is no `{wanted}`, and {}", described(definitions))
            }
            Self::Ambiguous(wanted, definitions) => {
                write!(f, "{} different types are called `{wanted}`: ", definitions.len())?;
                f.write_str(&described(definitions))
            }
            Self::HoldsItself(path) => {
                write!(f, "`{path}` holds itself by value, or nests without an end")
            }
            Self::TooLarge(path) => write!(f, "`{path}` is larger than any memory"),
            Self::VirtualBase { class, base } => write!(
                f,
                "`{class}` has the virtual base `{base}`, whose place differs from object to object"
            ),
            Self::Schema(what) => {
                let shown: Vec<&str> = what.iter().take(5).map(String::as_str).collect();
                write!(f, "the schema has errors: {}", shown.join("; "))
            }
            Self::Conflict(what) => {
                let shown: Vec<&str> = what.iter().take(5).map(String::as_str).collect();
                write!(f, "in step with the binary the schema has errors: {}", shown.join("; "))
            }
            Self::Defect(what) => {
                let shown: Vec<&str> = what.iter().take(5).map(String::as_str).collect();
                write!(f, "the schema would not be right: {}", shown.join("; "))
            }
        }
    }
}
