//! A folder with the generated code of a fixture, in which compilers and the packer work.

use std::fs;
use std::path::{Path, PathBuf};

use inspect_gen::build::{load, write};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit::{self, Output};
use inspect_gen::model::Target;
use inspect_gen::pack;

use super::tools::{command, run};

/// The folder of a fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Generated code in `c`, tables without entries in `table`, and everything that is built from them.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
    fixture: PathBuf,
}

impl Workshop {
    /// Generates the code of a fixture.
    pub(crate) fn new(name: &str) -> Self {
        let workshop =
            Self { folder: tempfile::tempdir().expect("a folder"), fixture: fixture(name) };
        let loaded = load(std::slice::from_ref(&workshop.fixture), &[]);
        let mut sources = loaded.sources;
        let options = Options { targets: Target::all().collect(), ..Options::default() };
        let (model, found) = compile(&mut sources, &options);
        let model = model.unwrap_or_else(|| panic!("{name}: {found:#?}"));
        let outputs = [Output::C, Output::Table];
        let files = emit::emit(&model, &sources, &outputs, &emit::Options::default());
        write(workshop.folder(), [files]).expect("generated files");
        workshop
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the workshop.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where the sources of the fixture are.
    pub(crate) fn sources(&self) -> &Path {
        &self.fixture
    }

    /// Calls a compiler in the workshop. `@` before the name of a file stands for the fixture's folder, `%`
    /// for that of the generated code.
    #[track_caller]
    pub(crate) fn compile(&self, compiler: &str, arguments: &str) {
        let place = |word: &str| {
            let (sources, generated) = (self.sources().display(), self.path("c"));
            match (word.strip_prefix('@'), word.strip_prefix('%')) {
                (Some(name), _) => format!("{sources}/{name}"),
                (_, Some(name)) => generated.join(name).display().to_string(),
                _ => word.to_owned(),
            }
        };
        let words: Vec<String> = arguments.split_whitespace().map(place).collect();
        let (own, generated) = (self.sources().display(), self.path("c"));
        let mut gcc = command(self.folder(), compiler);
        gcc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"]);
        gcc.arg(format!("-I{own}")).arg(format!("-I{}", generated.display()));
        run(gcc.args(words));
    }

    /// Packs an image of the workshop; says how many entries it has.
    #[track_caller]
    pub(crate) fn pack(&self, name: &str) -> usize {
        let path = self.path(name);
        let bytes = fs::read(&path).expect("an image");
        let packed = pack::pack(&bytes, &pack::Options::default());
        let packed = packed.unwrap_or_else(|findings| panic!("{name}: {findings:#?}"));
        // Written in place, so that the file keeps its mode.
        fs::write(&path, packed.image.expect("annotations")).expect("an image");
        packed.annotations
    }

    /// Puts the tables of an image into a file of their own.
    #[track_caller]
    pub(crate) fn pack_detached(&self, name: &str, table: &str) {
        let bytes = fs::read(self.path(name)).expect("an image");
        let options = pack::Options { detached: true, ..pack::Options::default() };
        let packed = pack::pack(&bytes, &options);
        let packed = packed.unwrap_or_else(|findings| panic!("{name}: {findings:#?}"));
        fs::write(self.path(table), packed.detached.expect("tables")).expect("a table");
    }

    /// Puts an object into an archive of its own.
    #[track_caller]
    pub(crate) fn archive(&self, name: &str, object: &str) {
        run(command(self.folder(), "ar rcs").arg(name).arg(object));
    }

    /// Removes all symbols and debug information.
    #[track_caller]
    pub(crate) fn strip(&self, name: &str) {
        run(command(self.folder(), "strip -s").arg(name));
    }

    /// Copies a file within the workshop.
    #[track_caller]
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(self.path(from), to).expect("a copy");
    }

    /// Leaves everything where it is, for somebody who looks.
    pub(crate) fn keep(&mut self) {
        self.folder.disable_cleanup(true);
        eprintln!("kept in {}", self.folder().display());
    }
}
