//! [`Build`]: the compiler for build scripts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{WriteError, load, locks_of, read_lock_text, write};
use crate::check;
use crate::compile;
use crate::diag::{Code, Diagnostic, Severity, nearest, render};
use crate::emit::{self, Output};
use crate::model::Target;
use crate::source::SourceMap;

/// Compiles schemas in a build script.
///
/// ```no_run
/// fn main() -> Result<(), inspect_gen::BuildError> {
///     inspect_gen::Build::new("schema").run()
/// }
/// ```
///
/// The crate then brings the generated modules in with `mod schemas {
/// inspect_runtime::include_schemas!(); }`. No process is started and nothing outside the given
/// paths is read; Cargo is told exactly which files and directories the result depends on.
#[derive(Clone, Debug)]
pub struct Build {
    schemas: Vec<PathBuf>,
    imports: Vec<PathBuf>,
    extern_schemas: BTreeMap<String, String>,
    outputs: Vec<Output>,
    targets: Vec<String>,
    as_of: Vec<(Option<String>, u32)>,
    lock: Option<PathBuf>,
    out_dir: Option<PathBuf>,
}

impl Build {
    /// Compiles a schema file, or all of a directory. Paths are relative to the crate.
    #[must_use]
    pub fn new(schemas: impl AsRef<Path>) -> Self {
        Self {
            schemas: vec![schemas.as_ref().to_owned()],
            imports: Vec::new(),
            extern_schemas: BTreeMap::new(),
            outputs: Vec::new(),
            targets: Vec::new(),
            as_of: Vec::new(),
            lock: None,
            out_dir: None,
        }
    }

    /// Compiles another file or directory, too.
    #[must_use]
    pub fn schema(mut self, path: impl AsRef<Path>) -> Self {
        self.schemas.push(path.as_ref().to_owned());
        self
    }

    /// Uses the schemas of a file or directory without generating them.
    #[must_use]
    pub fn import(mut self, path: impl AsRef<Path>) -> Self {
        self.imports.push(path.as_ref().to_owned());
        self
    }

    /// Refers to a schema that another crate has generated, by the path of the module that includes
    /// it there: `.extern_schema("linux.types", "::linux_types::schemas")`. The schema must be
    /// among the imports.
    #[must_use]
    pub fn extern_schema(mut self, schema: impl Into<String>, path: impl Into<String>) -> Self {
        self.extern_schemas.insert(schema.into(), path.into());
        self
    }

    /// Writes this kind of output; may repeat. Rust alone where it is not called.
    #[must_use]
    pub fn emit(mut self, output: Output) -> Self {
        self.outputs.push(output);
        self
    }

    /// A target by its name or its triple; may repeat. Where it is not called, the one that Cargo
    /// builds for.
    #[must_use]
    pub fn target(mut self, name: impl Into<String>) -> Self {
        self.targets.push(name.into());
        self
    }

    /// Takes a schema as it was in an older version.
    #[must_use]
    pub fn as_of(mut self, schema: impl Into<String>, version: u32) -> Self {
        self.as_of.push((Some(schema.into()), version));
        self
    }

    /// Holds the schemas against this lock instead of the `inspect.lock` that lies beside them.
    #[must_use]
    pub fn lock(mut self, path: impl AsRef<Path>) -> Self {
        self.lock = Some(path.as_ref().to_owned());
        self
    }

    /// Writes below this directory instead of `$OUT_DIR/inspect`.
    #[must_use]
    pub fn out_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.out_dir = Some(path.as_ref().to_owned());
        self
    }

    /// Compiles and writes. Findings are printed on standard error, where Cargo shows them if the
    /// script fails; warnings become warnings of the build.
    ///
    /// # Errors
    ///
    /// Schemas with errors or that break what their lock holds, an unknown target, an output that cannot be written.
    pub fn run(&self) -> Result<(), BuildError> {
        let out_dir = match (&self.out_dir, std::env::var_os("OUT_DIR")) {
            (Some(directory), _) => directory.clone(),
            (None, Some(directory)) => Path::new(&directory).join("inspect"),
            (None, None) => return Err(BuildError(Problem::NoOutDir)),
        };
        let mut sources = SourceMap::new();
        let result = self.generate(&mut sources);
        let found = match &result {
            Ok(generated) => &generated.warnings,
            Err(found) => found,
        };
        announce(found, &sources);
        match result {
            Ok(generated) => {
                write(&out_dir, [generated.files])
                    .map_err(|error| BuildError(Problem::Write(error)))?;
                Ok(())
            }
            Err(found) => Err(BuildError(Problem::Schemas(render::human(&sources, &found, false)))),
        }
    }

    fn generate(&self, sources: &mut SourceMap) -> Result<Generated, Vec<Diagnostic>> {
        let mut loaded = load(&self.schemas, &self.imports);
        let nearest = || locks_of(&self.schemas, &loaded);
        let locks = self.lock.as_ref().map_or_else(nearest, |path| vec![path.clone()]);
        for path in loaded.watched.iter().chain(&locks) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let mut texts = Vec::new();
        for path in &locks {
            match read_lock_text(path, &self.schemas) {
                Ok(text) => texts.push(text),
                Err(unreadable) => loaded.diagnostics.push(*unreadable),
            }
        }
        *sources = loaded.sources;
        let options = check::Options { targets: self.wanted_targets()?, as_of: self.as_of.clone() };
        let (model, found) = compile::compile_locked(sources, loaded.diagnostics, &options, texts);
        let Some(mut model) = model else { return Err(found) };
        for name in self.extern_schemas.keys() {
            let Some(id) = model.schema(name) else {
                return Err(vec![unknown_schema(&model, name)]);
            };
            model.schemas[id.index()].imported = true;
        }
        let default = [Output::Rust];
        let outputs = if self.outputs.is_empty() { &default[..] } else { &self.outputs };
        let options = emit::Options { extern_schemas: self.extern_schemas.clone() };
        let files = emit::emit(&model, sources, outputs, &options);
        Ok(Generated { files, warnings: found })
    }

    /// The given targets, or the one that Cargo builds for. A machine that has no C layouts of its
    /// own here is no reason to fail: generated Rust speaks about every target, and what is written
    /// per target is written for all.
    fn wanted_targets(&self) -> Result<Vec<Target>, Vec<Diagnostic>> {
        if self.targets.is_empty() {
            let cargo = std::env::var("TARGET").ok();
            return Ok(match cargo.as_deref().map(Target::from_name) {
                Some(Some(target)) => vec![target],
                Some(None) => Target::all().collect(),
                None => Vec::new(),
            });
        }
        let mut unknown = Vec::new();
        let mut targets = Vec::new();
        for name in &self.targets {
            match Target::from_name(name) {
                Some(target) => targets.push(target),
                None => unknown.push(unknown_target(name)),
            }
        }
        if unknown.is_empty() { Ok(targets) } else { Err(unknown) }
    }
}

struct Generated {
    files: emit::Files,
    warnings: Vec<Diagnostic>,
}

/// What to say of a target that nobody knows.
pub(crate) fn unknown_target(name: &str) -> Diagnostic {
    let names = Target::all().flat_map(|target| {
        let info = target.info();
        std::iter::once(info.name).chain(info.aliases.iter().copied())
    });
    let hint = match nearest(name, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let known: Vec<_> = Target::all().map(Target::name).collect();
            format!("known are {}", known.join(", "))
        }
    };
    Diagnostic::without_place(Code::E0504, format!("target `{name}` is not known; {hint}"))
}

fn unknown_schema(model: &crate::model::Model, name: &str) -> Diagnostic {
    let known = model.schemas.iter().map(|schema| schema.name.as_str());
    let found = Diagnostic::without_place(
        Code::E0207,
        format!("`extern_schema` names `{name}`, which is no schema of this compilation"),
    );
    match nearest(name, known) {
        Some(meant) => found.help(format!("did you mean `{meant}`?")),
        None => found.help("add its file or directory with `.import(..)`"),
    }
}

/// Errors in full where Cargo shows them, warnings as warnings of the build, one line each.
fn announce(found: &[Diagnostic], sources: &SourceMap) {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.iter().cloned().partition(|found| found.severity() == Severity::Error);
    if !errors.is_empty() {
        eprint!("{}", render::human(sources, &errors, false));
    }
    for warning in warnings {
        let place = warning.primary.as_ref().map_or(String::new(), |label| {
            let (line, column) = sources.line_column(label.span);
            format!("{}:{line}:{column}: ", sources.file(label.span.file).name)
        });
        println!("cargo::warning={place}{} [{}]", warning.message, warning.code.name());
    }
}

/// Why [`Build::run`] failed. Its `Display` form is the whole story; its `Debug` form, which `main`
/// prints, is short, since findings have been printed already.
pub struct BuildError(Problem);

enum Problem {
    NoOutDir,
    Schemas(String),
    Write(WriteError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::NoOutDir => f.write_str(
                "OUT_DIR is not set: call this from a build script, or give a directory with `out_dir`",
            ),
            Problem::Schemas(text) => f.write_str(text),
            Problem::Write(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::Schemas(_) => f.write_str("the schemas have errors, printed above"),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Problem::Write(error) => Some(error),
            _ => None,
        }
    }
}
