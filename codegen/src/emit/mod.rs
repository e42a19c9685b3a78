//! The emitters: a checked model in, files out.
//!
//! Each is a pure function of the model and decides everything in a plan or a view before it
//! prints. None reads or writes a file, and none looks at another's output.

use std::collections::BTreeMap;

pub mod abi;
pub mod blobs;
pub mod btf;
pub mod c;
pub mod doc;
pub mod json;
pub mod layout_text;
mod layout_view;
pub mod rust;
pub(crate) mod spell;
pub mod table;

pub use layout_view::{CACHE_LINE, LayoutView, Part, PartKind, layout_groups};

use crate::model::{Model, SchemaId};
use crate::source::SourceMap;

/// Files by their path below the output directory, parts joined by `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A kind of output, as `--emit` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// Producer and decoder in Rust.
    Rust,
    /// Producer and decoder in C.
    C,
    /// The checked model.
    Json,
    /// Type information of each target.
    Btf,
    /// A table without entries for each target, for readers of images that carry no schema.
    Table,
    /// Markdown.
    Doc,
}

impl Output {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Rust, Self::C, Self::Json, Self::Btf, Self::Table, Self::Doc];

    /// Its word, which is also its directory below the output directory.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Json => "json",
            Self::Btf => "btf",
            Self::Table => "table",
            Self::Doc => "doc",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|output| output.name() == name)
    }
}

/// What the emitters are told beside the model.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Schemas that are generated elsewhere, and the path of the Rust module that holds their
    /// modules: `linux.types` in `::linux_types::schemas`.
    pub extern_schemas: BTreeMap<String, String>,
}

/// All files of the wanted kinds.
#[must_use]
pub fn emit(model: &Model, sources: &SourceMap, outputs: &[Output], options: &Options) -> Files {
    kinds(model, sources, outputs, options).flatten().collect()
}

/// The files of the wanted kinds, one kind after another, each made when it is asked for: whoever lets go of one
/// before asking for the next holds one kind in memory at a time.
pub fn kinds<'a>(
    model: &'a Model,
    sources: &'a SourceMap,
    outputs: &[Output],
    options: &'a Options,
) -> impl Iterator<Item = Files> + use<'a> {
    let mut outputs = outputs.to_vec();
    outputs.sort_unstable();
    outputs.dedup();
    outputs.into_iter().map(move |output| match output {
        Output::Rust => rust::emit_with(model, options),
        Output::C => c::emit(model),
        Output::Json => json::emit(model, sources),
        Output::Btf => btf::emit(model),
        Output::Table => table::emit(model),
        Output::Doc => doc::emit(model),
    })
}

/// The schemas that an output has files for: the emitted ones, and `inspect.core` where one of them builds on it,
/// as `builds_on` says. A run that was not given the core schema only consults it, and no other run would write
/// what the others refer to.
fn written(model: &Model, builds_on: impl Fn(SchemaId, SchemaId) -> bool) -> Vec<SchemaId> {
    let mut schemas: Vec<SchemaId> = model.emitted().map(|(id, _)| id).collect();
    if let Some(core) = model.schema("inspect.core")
        && !schemas.contains(&core)
        && schemas.iter().any(|&id| builds_on(id, core))
    {
        schemas.push(core);
    }
    schemas
}
