//! The fixture program of the tests of images: built, packed, run, killed; and what is found in it.

#![allow(dead_code, reason = "each test uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use inspect_format::table::Table;
use inspect_gen::compile::CORE_SCHEMA;
use inspect_gen::source::SourceMap;
use inspect_gen::{check, emit, syntax};
use inspect_reader::discover::{self, tables_of};
use inspect_reader::image::{Image, Options, Target, open};

/// A folder with generated code, the fixture's sources, and what is built of them.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

/// An entry: its name, its address, its length, the schema's own field.
pub(crate) type Found = (String, u64, u64);

impl Workshop {
    pub(crate) fn new() -> Self {
        let mut sources = SourceMap::new();
        sources.add("core.inspect", CORE_SCHEMA, true);
        sources.add("fixture.inspect", include_str!("fixture.inspect"), false);
        let (files, _) = syntax::parse(&sources);
        let (model, found) = check::check(&sources, &files, &check::Options::default());
        let model = model.unwrap_or_else(|| panic!("{:#?}", found.into_sorted()));
        let workshop = Self { folder: tempfile::tempdir().expect("a folder") };
        for (path, bytes) in emit::c::emit(&model) {
            let name = Path::new(&path).file_name().expect("a name").to_owned();
            fs::write(workshop.path(&name.to_string_lossy()), bytes).expect("a generated file");
        }
        for (name, text) in
            [("main.c", include_str!("main.c")), ("library.c", include_str!("library.c"))]
        {
            fs::write(workshop.path(name), text).expect("a source");
        }
        workshop
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of words in the folder; what it printed, or nothing if it is missing.
    #[track_caller]
    pub(crate) fn try_run(&self, line: &str) -> Option<String> {
        let output = match self.command(line).output() {
            Ok(output) => output,
            Err(error) => {
                let required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some();
                assert!(!required, "{line}: {error}");
                eprintln!("skipped: {line}: {error}");
                return None;
            }
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {}\n{text}\n{errors}", output.status);
        Some(text)
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut words = line.split_ascii_whitespace();
        let program = words.next().expect("a program");
        let mut command = match program.strip_prefix("./") {
            Some(name) => Command::new(self.path(name)),
            None => Command::new(program),
        };
        command.args(words).current_dir(self.folder.path());
        command
    }

    /// Builds the fixture and its library, each packed. `name` and `libNAME.so`.
    pub(crate) fn build(&self, compiler: &str, flags: &str, name: &str) -> Option<()> {
        let common = format!("{compiler} -std=gnu11 -O1 -g -I. {flags}");
        let blobs = "tests_images.inspect.c inspect_runtime.c";
        self.try_run(&format!("{common} -fPIC -shared -o lib{name}.so library.c {blobs}"))?;
        self.pack(&format!("lib{name}.so"));
        let link = format!("-DWITH_LIBRARY lib{name}.so -Wl,-rpath,{}", self.path("").display());
        self.try_run(&format!("{common} -o {name} main.c {blobs} {link}"))?;
        self.pack(name);
        Some(())
    }

    /// Builds the fixture without a library, as one program with `flags`, and packs it.
    pub(crate) fn build_one(&self, compiler: &str, flags: &str, name: &str) -> Option<()> {
        self.build_unpacked(compiler, flags, name)?;
        self.pack(name);
        Some(())
    }

    /// The same as the linker leaves it.
    pub(crate) fn build_unpacked(&self, compiler: &str, flags: &str, name: &str) -> Option<()> {
        let sources = "main.c tests_images.inspect.c inspect_runtime.c";
        let sources = match flags.contains("WITH_DUMP") {
            true => format!("{sources} inspect_dump.c"),
            false => sources.to_owned(),
        };
        self.try_run(&format!("{compiler} -std=gnu11 -O1 -g -I. {flags} -o {name} {sources}"))?;
        Some(())
    }

    fn pack(&self, name: &str) {
        let path = self.path(name);
        let bytes = fs::read(&path).expect("an image");
        let options = inspect_gen::pack::Options::default();
        let packed = inspect_gen::pack::pack(&bytes, &options);
        let packed = packed.unwrap_or_else(|found| panic!("{name}: {found:?}"));
        fs::write(path, packed.image.expect("annotations")).expect("a packed image");
    }

    /// Runs a program until the kernel has written a core of it: its output and the core. Nothing
    /// where cores go to a program of this machine.
    pub(crate) fn crash(&self, program: &str, filter: &str) -> Option<(String, PathBuf)> {
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        if pattern.starts_with(['|', '/']) {
            eprintln!("skipped: cores go to {pattern}");
            return None;
        }
        let script = format!(
            "ulimit -c unlimited; echo {filter} > /proc/self/coredump_filter; exec ./{program} crash"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.folder.path());
        let output = command.stderr(Stdio::null()).output().expect("a shell");
        let text = String::from_utf8(output.stdout).expect("text");
        let is_core = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name == "core"
                || name.starts_with("core.")
                    && name.strip_prefix("core.").is_some_and(|it| it.parse::<u32>().is_ok())
        };
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let mut cores = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_core);
        let core = cores.next().expect("the kernel wrote a core");
        let kept = self.path(&format!("{program}.{filter}.core"));
        fs::rename(core, &kept).expect("another name");
        Some((text, kept))
    }

    /// The numbers that the fixture prints: the addresses of its exported variable, of the memory on
    /// its heap and of its constant.
    pub(crate) fn places(text: &str) -> [u64; 3] {
        let mut words = text.split_whitespace().map(|word| {
            u64::from_str_radix(word.trim_start_matches("0x"), 16).expect("an address")
        });
        [(); 3].map(|()| words.next().expect("three addresses"))
    }
}

/// Opens an image.
#[track_caller]
pub(crate) fn opened(path: &Path, options: &Options) -> Image {
    open(&Target::Path(path.to_owned()), options).unwrap_or_else(|error| panic!("{error}"))
}

/// All entries of an image, by name.
#[track_caller]
pub(crate) fn entries(image: &Image) -> Vec<Found> {
    let found = tables_of(image, &discover::Options::default());
    let mut entries = Vec::new();
    for table in &found.tables {
        let table = Table::parse(&table.bytes).expect("a table");
        for row in table.rows().filter(|row| row.is_live()) {
            let name = row.name().expect("a name").to_owned();
            entries.push((name, row.address(), row.length()));
        }
    }
    assert!(!entries.is_empty(), "nothing found: {:#?}\n{:#?}", found.attempts, image.objects);
    entries.sort();
    entries
}

/// The names alone.
pub(crate) fn names(entries: &[Found]) -> Vec<&str> {
    entries.iter().map(|(name, _, _)| name.as_str()).collect()
}

/// The remarks, one a line.
pub(crate) fn remarks(image: &Image) -> String {
    image.remarks.iter().map(|remark| format!("{}\n", remark.text)).collect()
}
