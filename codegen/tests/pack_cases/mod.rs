//! What the tests of packing share: small C programs, compiled against a schema that is made for them, with
//! records written pair by pair, so that they can say what no generated macro lets them.

#![allow(dead_code, reason = "each test uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "../c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
pub(crate) mod support;

/// The schema of all cases, and the version before.
const SCHEMA: &str = "
    schema demo.app version 2;
    struct zone { a: u64, b: u32, c: u32 }
    class counter: u64 { key: bed }
    class zone: zone;
    entry row {
        #[since(2)] owner: u32 = 7,
        #[since(2)] small: u8 = 1,
        #[since(2)] title: text<5> = b\"abc\",
        #[since(2)] label: string = \"none\",
    }
";

const OLDER: &str = "
    schema demo.app version 1;
    class counter: u64 { key: bed }
    entry row {}
";

/// A row that is longer than an annotation.
const WIDE: &str = "
    schema demo.wide version 1;
    class counter: u64 { key: bed }
    entry row { #[since(1)] notes: text<4000> = b\"\" }
";

/// A row that two annotations have room for, but not for all that stands around rows in a table.
const TIGHT: &str = "
    schema demo.tight version 1;
    class counter: u64 { key: bed }
    entry row { #[since(1)] notes: text<1696> = b\"\" }
";

/// A row that is as long as one may be.
const HUGE: &str = "
    schema demo.huge version 1;
    class counter: u64 { key: bed }
    entry row { #[since(1)] notes: text<60000> = b\"\" }
";

/// A struct with a password in it.
const SECRET: &str = "
    schema demo.secret version 1;
    struct user { id: u32, #[sensitive] pin: u32, #[sensitive] key: bytes<8> }
    class user: user { key: bed }
    entry row {}
";

/// A good annotation, and the beginning of every source file.
pub(crate) const GOOD: &str = "#include \"demo_app.inspect.h\"
#define R(...) INSPECT_RECORD(&demo_app_inspect_v2, __VA_ARGS__)
#define CLASS INSPECT_TEXT(\"class\", \"counter\")
#define NAME(name) INSPECT_TEXT(\"name\", name)
#define AT(variable) INSPECT_ADDRESS(\"address\", &(variable)), INSPECT_INTEGER(\"length\", 8)
uint64_t good = 7;
R(CLASS, NAME(\"good\"), AT(good));
";

pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    /// A folder with generated code and what is compiled from it; nothing where there is no compiler.
    pub(crate) fn new() -> Option<Self> {
        if !support::has("gcc") || cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
            return None;
        }
        let schemas = [
            ("demo.inspect", SCHEMA),
            ("wide.inspect", WIDE),
            ("tight.inspect", TIGHT),
            ("huge.inspect", HUGE),
            ("secret.inspect", SECRET),
        ];
        let workshop = Self { folder: support::written_with_core(&schemas) };
        for (name, text) in [("app.inspect", SCHEMA), ("older.inspect", OLDER)] {
            workshop.write(name, text);
            let out = format!("out-{name}");
            let made = workshop.generator(&[name, "-o", &out, "--emit", "table"]);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        for source in ["demo_app.inspect", "demo_wide.inspect", "inspect_runtime"] {
            let (from, to) = (format!("c/{source}.c"), format!("{source}.o"));
            workshop.gcc(&["-fPIC", "-c", &from, "-o", &to]);
        }
        Some(workshop)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("a file of the workshop");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("a file of the workshop")
    }

    /// Compiles or links.
    #[track_caller]
    pub(crate) fn gcc(&self, arguments: &[&str]) {
        self.run("gcc", &[&["-Ic", "-O1", "-w"], arguments].concat());
    }

    #[track_caller]
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) {
        support::run(self.folder(), program, arguments).unwrap_or_else(|error| panic!("{error}"));
    }

    /// An object with a good annotation and what `source` adds to it. The text of `source` begins at line 1
    /// of `NAME.c`.
    pub(crate) fn object(&self, name: &str, source: &str, flags: &[&str]) -> String {
        self.write(&format!("{name}.c"), format!("{GOOD}#line 1 \"{name}.c\"\n{source}\n"));
        let (from, to) = (format!("{name}.c"), format!("{name}.o"));
        self.gcc(&[flags, &["-fPIC", "-c", &from, "-o", &to]].concat());
        to
    }

    /// A program of that, with its schemas and the runtime.
    pub(crate) fn program(&self, name: &str, source: &str, flags: &[&str]) -> String {
        let object = self.object(name, &format!("{source}\nint main(void) {{ return 0; }}"), &[]);
        let objects = [&object, "demo_app.inspect.o", "demo_wide.inspect.o", "inspect_runtime.o"];
        self.gcc(&[flags, &objects, &["-o", name]].concat());
        name.to_owned()
    }

    pub(crate) fn generator(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
            .args(arguments)
            .current_dir(self.folder())
            .output()
            .expect("the program runs")
    }
}

/// Puts a text into a golden file below `snapshots/pack`.
pub(crate) fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/pack");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
