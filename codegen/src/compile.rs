//! From text to the model in one call: parse, check, and the schema that is always in scope.
//!
//! No input or output happens here. `build` reads the files, for build scripts and for the program.

use crate::check::{self, Options};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::source::SourceMap;
use crate::syntax::{self, ast};

/// The schema of the format itself. It joins every compilation that does not bring one of its own.
pub const CORE_SCHEMA: &str = include_str!("../../schema/core.inspect");

/// The name of [`CORE_SCHEMA`] in messages.
const CORE_FILE: &str = "<inspect.core>";

/// Parses and checks a compilation. The embedded core schema is added to `sources` where the
/// compilation does not define it, so that a finding may point at it. There is a model if, and only
/// if, no finding is an error.
#[must_use]
pub fn compile(sources: &mut SourceMap, options: &Options) -> (Option<Model>, Vec<Diagnostic>) {
    compile_loaded(sources, Diagnostics::new(), options)
}

/// As [`compile`], after a search that may have found something to say. Where a file could not be
/// read, the others are parsed and not checked: what the missing file defines would be reported as
/// unknown.
#[must_use]
pub fn compile_loaded(
    sources: &mut SourceMap,
    mut found: Diagnostics,
    options: &Options,
) -> (Option<Model>, Vec<Diagnostic>) {
    let readable = !found.has_errors();
    let (mut files, parsing) = syntax::parse(sources);
    found.append(parsing);
    if !readable {
        return (None, found.into_sorted());
    }
    if !files.iter().any(defines_core) {
        files.extend(parse_core(sources));
    }
    let (model, checking) = check::check(sources, &files, options);
    found.append(checking);
    let model = if found.has_errors() { None } else { model };
    (model, found.into_sorted())
}

fn defines_core(file: &ast::File) -> bool {
    let Some(header) = &file.header else { return false };
    header.name.iter().map(|segment| segment.text.as_str()).eq(check::CORE.split('.'))
}

/// Adds the core schema and parses it alone: the other files have been parsed. Its tree refers to
/// the place that it has in `sources`, so it is parsed at the same place behind empty files.
fn parse_core(sources: &mut SourceMap) -> Option<ast::File> {
    let mut alone = SourceMap::new();
    for _ in sources.files() {
        alone.add("", "", true);
    }
    alone.add(CORE_FILE, CORE_SCHEMA, true);
    let id = sources.add(CORE_FILE, CORE_SCHEMA, true);
    let (files, _) = syntax::parse(&alone);
    files.into_iter().find(|file| file.file == id)
}
