//! Tables and structs from one language to the other: what generated Rust writes, generated C reads, and what
//! generated C writes on every machine, generated Rust reads through `Table::parse` and `bind`. One schema has
//! every form that a declaration takes, one is of the repository. Both readers print; they print the same.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

mod rust_support;

use std::path::{Path, PathBuf};

use inspect_gen::emit;
use rust_support::{build, model, succeed, write};
use support::{CROSS, Cross, STRICT, fixtures, has, run};

/// Generated Rust and C of the same schemas, and programs built against them.
struct Workshop {
    folder: tempfile::TempDir,
    rust: PathBuf,
}

impl Workshop {
    fn new(schemas: &[&str], program: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let model = model(schemas);
        write(folder.path(), &emit::rust::emit(&model));
        write(folder.path(), &emit::c::emit(&model));
        let rust = build(folder.path(), program);
        Self { folder, rust }
    }

    /// Builds a C program of these tests.
    fn c(&self, compiler: &str, flags: &[&str], source: &str, generated: &[&str]) -> String {
        let include = format!("-I{}", fixtures().display());
        let source = support::root().join("tests").join(source);
        let name = source.file_stem().expect("a program has a name").to_string_lossy();
        let out = format!("{name}.{compiler}");
        let source = source.display().to_string();
        let mut arguments = flags.to_vec();
        arguments.extend(STRICT);
        arguments.extend(["-I.", &include, "-o", &out, &source]);
        arguments.extend(generated);
        let folder = self.folder.path().join("c");
        run(&folder, compiler, &arguments).expect("the program compiles");
        folder.join(out).display().to_string()
    }

    fn rust(&self, arguments: &[&str]) -> String {
        let output = std::process::Command::new(&self.rust).args(arguments).output();
        let output = output.expect("the program runs");
        succeed(&output, &arguments.join(" "));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The names of a table and of a file of structs.
    fn files(&self, producer: &str) -> [String; 2] {
        ["table", "structs"].map(|kind| {
            let path: PathBuf = self.folder.path().join(format!("{producer}.{kind}"));
            path.display().to_string()
        })
    }

    /// Rust writes, C reads: what C printed.
    fn rust_to_c(&self, consumer: &str, arguments: &[&str]) -> String {
        let [table, structs] = self.files("rust");
        self.rust(&["write", &table, &structs]);
        let sanitized =
            ["-std=c11", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        let consumer = self.c("gcc", &sanitized, consumer, &[]);
        let mut all = vec![table.as_str(), &structs];
        all.extend(arguments);
        run(Path::new("."), &consumer, &all).expect("the consumer runs")
    }

    /// C writes on a machine, Rust reads: what Rust printed.
    fn c_to_rust(&self, cross: &Cross, producer: &str, schema: &str) -> String {
        let mut flags = vec!["-std=c99", "-O2", "-static"];
        flags.extend(cross.flags);
        let source = format!("{schema}.inspect.c");
        let producer = self.c(cross.gcc, &flags, producer, &[&source, "inspect_runtime.c"]);
        let [table, structs] = self.files(cross.target);
        let written = match cross.emulator {
            Some("") | None => run(Path::new("."), &producer, &[&table, &structs]),
            Some(emulator) => run(Path::new("."), emulator, &[&producer, &table, &structs]),
        };
        written.expect("the producer runs");
        self.rust(&["read", &table, &structs])
    }
}

fn runnable() -> impl Iterator<Item = &'static Cross> {
    CROSS.iter().filter(|cross| {
        let Some(emulator) = cross.emulator else { return false };
        let native = emulator.is_empty();
        (!native || cfg!(target_arch = "x86_64")) && has(cross.gcc) && (native || has(emulator))
    })
}

const FORMS: [&str; 2] =
    [include_str!("c/schemas/forms.inspect"), include_str!("c/schemas/kinds.inspect")];
const FORMS_TEXT: &str = include_str!("c/consumed.txt");

#[test]
fn every_form_goes_both_ways() {
    let workshop = Workshop::new(&FORMS, include_str!("exchange/forms.rs"));
    // Rust captures no struct of C, so that there is nothing to say of it.
    let end = FORMS_TEXT.find("part 7").expect("the captured struct comes last");
    let uncaptured = format!("{}part 7\n", &FORMS_TEXT[..end]);
    let [table, structs] = workshop.files("rust");
    workshop.rust(&["write", &table, &structs]);
    let printed = workshop.rust(&["read", &table, &structs]);
    assert_eq!(printed, uncaptured, "Rust to Rust");
    if has("gcc") {
        let printed = workshop.rust_to_c("c/consume.c", &["uncaptured"]);
        assert_eq!(printed, uncaptured, "Rust to C");
    }
    for cross in runnable() {
        let printed = workshop.c_to_rust(cross, "c/produce.c", "tests_forms");
        assert_eq!(printed, FORMS_TEXT, "C on {} to Rust", cross.target);
    }
}

const CACHED: &str = include_str!("../../schema/daemon.inspect");
const CACHED_TEXT: &str = include_str!("exchange/cached.txt");

#[test]
fn a_schema_of_the_repository_goes_both_ways() {
    let workshop = Workshop::new(&[CACHED], include_str!("exchange/cached.rs"));
    let [table, structs] = workshop.files("rust");
    workshop.rust(&["write", &table, &structs]);
    assert_eq!(workshop.rust(&["read", &table, &structs]), CACHED_TEXT, "Rust to Rust");
    if has("gcc") {
        let printed = workshop.rust_to_c("exchange/cached_read.c", &[]);
        assert_eq!(printed, CACHED_TEXT, "Rust to C");
    }
    // Rows that C registers refer to no texts but their names.
    let unlabelled =
        CACHED_TEXT.replace("label=the log", "label=").replace("label=peers", "label=");
    for cross in runnable() {
        let printed = workshop.c_to_rust(cross, "exchange/cached_write.c", "cached_state");
        assert_eq!(printed, unlabelled, "C on {} to Rust", cross.target);
    }
}
