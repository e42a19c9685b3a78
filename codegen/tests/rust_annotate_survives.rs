//! Annotations of a library crate that nobody calls, in what linkers make of it: with every optimisation, link-time
//! optimisation, linker and collection of garbage, in programs and shared objects, by this Rust and by the oldest.
//!
//! The table of results is printed (`--nocapture`). `INSPECT_LONG=1` measures the whole product.

mod rust_support;

use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_format::abi::Order;
use inspect_format::pairs::Records;
use object::{Object as _, ObjectSection as _};
use rust_support::{model, root, succeed, write};

const LIBRARY: &str = r#"#![no_std]
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use schemas::small as s;
static LINE: s::Line = s::Line::ZERO;
inspect_runtime::annotate!(s::class::Line: LINE, name = "alone");
mod inner {
    static OTHER: super::s::Line = super::s::Line::ZERO;
    inspect_runtime::annotate!(super::s::class::Line: OTHER, name = "in a module");
    pub fn never() {
        static MINE: super::s::Line = super::s::Line::ZERO;
        inspect_runtime::annotate!(super::s::class::Line: MINE, name = "in a function");
    }
}
pub fn never() { inner::never() }
"#;
const SCHEMA: &str = "schema small version 1;\nstruct line { stamp: u64 }\nclass line: line;\n";
/// The one mention that a dependency needs.
const PROGRAM: &str = "use annotated as _;\nfn main() {}\n";
/// Without `std`, so that any C library will do.
const BARE: &str = "#![no_std]\n#![no_main]\nuse annotated as _;\n#[panic_handler]\n\
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }\n\
    #[no_mangle]\npub extern \"C\" fn rust_eh_personality() {}\n\
    #[no_mangle]\npub extern \"C\" fn main() -> i32 { 0 }\n";

/// A Rust, with the runtime built by it.
struct Rust {
    name: &'static str,
    rustc: PathBuf,
    libraries: Option<PathBuf>,
    runtime: PathBuf,
}

impl Rust {
    fn new(name: &'static str, rustc: PathBuf, libraries: Option<PathBuf>) -> Self {
        Self::with_features(name, rustc, libraries, "")
    }

    fn with_features(
        name: &'static str,
        rustc: PathBuf,
        libraries: Option<PathBuf>,
        features: &str,
    ) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("survives-{name}"));
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline", "-p", "inspect-runtime", "--target-dir"]);
        cargo.arg(&target).args(["--features", features]);
        cargo.current_dir(root()).env("RUSTC", &rustc);
        // Cargo leaves out what link-time optimisation needs where its profile asks for none.
        cargo.env("RUSTFLAGS", "-Cembed-bitcode=yes -Cpanic=abort");
        if let Some(libraries) = &libraries {
            cargo.env("LD_LIBRARY_PATH", libraries);
        }
        succeed(&cargo.output().expect("cargo runs"), "the runtime");
        Self { name, rustc, libraries, runtime: target.join("debug") }
    }

    /// A compiler that knows the runtime.
    fn compiler(&self) -> Command {
        let mut command = Command::new(&self.rustc);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let library = self.runtime.join("libinspect_runtime.rlib");
        // Programs without `std` have nobody who would unwind.
        command.args(["--edition", "2021", "-D", "warnings", "-Cpanic=abort", "--extern"]);
        command.arg(format!("inspect_runtime={}", library.display())).arg("-L");
        command.arg(format!("dependency={}", self.runtime.join("deps").display()));
        command
    }
}

/// What a cell of the matrix is built with.
#[derive(Clone, Copy)]
struct Cell {
    level: &'static str,
    lto: &'static str,
    units: &'static str,
    linker: &'static str,
    flags: &'static str,
    kind: &'static str,
}

impl Cell {
    fn common(&self) -> Vec<String> {
        let mut flags = vec![format!("-Copt-level={}", self.level)];
        flags.push(format!("-Ccodegen-units={}", self.units));
        flags
    }

    /// The library that is annotated.
    fn library(&self, rust: &Rust, folder: &Path, source: &Path) -> PathBuf {
        let out = folder.join(format!("libannotated-{}.rlib", self.common().join("")));
        let mut command = rust.compiler();
        command.args(["--crate-type", "rlib", "--crate-name", "annotated"]);
        let output = command.args(self.common()).arg("-o").arg(&out).arg(source).output();
        succeed(&output.expect("rustc runs"), "the library");
        out
    }

    fn build(&self, rust: &Rust, folder: &Path, library: &Path) -> PathBuf {
        let (source, text) = match self.kind {
            "exe" | "static" => ("program.rs", PROGRAM),
            _ => ("bare.rs", BARE),
        };
        std::fs::write(folder.join(source), text).expect("a program");
        let out = folder.join("program");
        let mut command = rust.compiler();
        command.args(self.common()).arg("--extern");
        command.arg(format!("annotated={}", library.display()));
        if self.lto != "off" {
            command.arg(format!("-Clto={}", self.lto));
        }
        match self.kind {
            "cdylib" => command.args(["--crate-type", "cdylib"]),
            "static" => command.arg("-Ctarget-feature=+crt-static"),
            "bare" => command.arg("-Clink-arg=-lc"),
            "musl" => command.args(["-Clinker=musl-gcc", "-Clink-arg=-lc"]).args([
                "-Crelocation-model=static",
                "-Clink-arg=-static",
                "-Clink-arg=-no-pie",
            ]),
            _ => &mut command,
        };
        if self.linker != "default" {
            command.arg(format!("-Clink-arg=-fuse-ld={}", self.linker));
        }
        command.arg(format!("-Clink-arg=-Wl,--gc-sections{}", self.flags));
        let output = command.arg("-o").arg(&out).arg(folder.join(source)).output();
        succeed(&output.expect("rustc runs"), &format!("{}: {}", rust.name, self.name()));
        out
    }

    fn name(&self) -> String {
        let Self { level, lto, units, linker, flags, kind } = self;
        let gc = if flags.is_empty() { "" } else { " start-stop-gc" };
        format!("{kind:6} opt-level {level} lto {lto:4} units {units:2} {linker}{gc}")
    }
}

/// How many annotations there are in an image, and whether the note leads to the root.
fn found(image: &Path) -> (usize, bool) {
    let bytes = std::fs::read(image).expect("an image");
    let file = object::File::parse(&*bytes).expect("an image");
    let has_note = file.section_by_name(".note.inspect").is_some();
    let Some(section) = file.section_by_name("inspect_table") else { return (0, has_note) };
    let data = section.uncompressed_data().expect("its bytes");
    let records = Records::new(&data, Order::NATIVE, size_of::<usize>() as u8);
    (records.filter(Result::is_ok).count(), has_note)
}

#[test]
fn annotations_of_a_library_that_nobody_calls_survive() {
    let mut rusts = vec![Rust::new("current", "rustc".into(), None)];
    let old = root().canonicalize().expect("the repository").join("target/rust-1.85");
    if old.join("done").exists() && cfg!(target_arch = "x86_64") {
        let libraries = old.join("usr/lib/x86_64-linux-gnu");
        rusts.push(Rust::new("1.85", old.join("usr/bin/rustc"), Some(libraries)));
    } else {
        missing("Rust 1.85 (run .ci/rust-1.85)");
    }
    let mut faults = Vec::new();
    for rust in &rusts {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &inspect_gen::emit::rust::emit(&model(&[SCHEMA])));
        let source = folder.path().join("library.rs");
        std::fs::write(&source, LIBRARY).expect("a library");
        let mut libraries = std::collections::BTreeMap::new();
        for cell in cells() {
            let library = libraries
                .entry(cell.common())
                .or_insert_with(|| cell.library(rust, folder.path(), &source));
            let (count, has_note) = found(&cell.build(rust, folder.path(), library));
            let mark = if (count, has_note) == (3, true) { "kept" } else { "LOST" };
            let line =
                format!("{mark} {count} of 3, note {has_note}: {:7} {}", rust.name, cell.name());
            println!("{line}");
            if mark == "LOST" {
                faults.push(line);
            }
        }
        nothing_without_a_mention(rust, folder.path());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// With the feature `off` nothing is left of them, nobody is warned, and what they say is still checked.
#[test]
fn switched_off_annotations_leave_nothing() {
    let rust = Rust::with_features("off", "rustc".into(), None, "off");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &inspect_gen::emit::rust::emit(&model(&[SCHEMA])));
    let source = folder.path().join("library.rs");
    for level in ["0", "3"] {
        let cell =
            Cell { level, lto: "off", units: "1", linker: "default", flags: "", kind: "exe" };
        std::fs::write(&source, LIBRARY).expect("a library");
        let library = cell.library(&rust, folder.path(), &source);
        let program = cell.build(&rust, folder.path(), &library);
        assert_eq!(found(&program).0, 0, "opt-level {level}");
        let bytes = std::fs::read(&program).expect("the program");
        let begin = inspect_format::abi::KEY_BEGIN;
        let pairs = bytes.windows(begin.len()).filter(|it| *it == begin).count();
        assert_eq!(pairs, 0, "opt-level {level}: a pair was left");
    }
    std::fs::write(&source, LIBRARY.replace("Line: LINE", "Nothing: LINE")).expect("a library");
    let mut command = rust.compiler();
    command.args(["--crate-type", "rlib", "--emit", "metadata", "--out-dir"]).arg(folder.path());
    let output = command.arg(&source).output().expect("rustc runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("Nothing"), "{said}");
}

/// A dependency that the program does not mention is never given to the linker: this is what documents say.
fn nothing_without_a_mention(rust: &Rust, folder: &Path) {
    let source = folder.join("program.rs");
    std::fs::write(&source, "fn main() {}\n").expect("a program");
    let library = folder.join("libannotated--Copt-level=1-Ccodegen-units=16.rlib");
    let out = folder.join("program");
    let mut command = rust.compiler();
    command.arg("--extern").arg(format!("annotated={}", library.display()));
    let output = command.arg("-o").arg(&out).arg(&source).output();
    succeed(&output.expect("rustc runs"), rust.name);
    assert_eq!(found(&out), (0, false), "{}", rust.name);
}

fn cells() -> Vec<Cell> {
    let has = |tool: &str| {
        let found =
            Command::new(tool).arg("--version").output().is_ok_and(|it| it.status.success());
        if !found {
            missing(tool);
        }
        found
    };
    let mut linkers = vec!["default"];
    linkers.extend(has("ld.bfd").then_some("bfd"));
    linkers.extend(has("ld.lld").then_some("lld"));
    let is_long = std::env::var("INSPECT_LONG").as_deref() == Ok("1");
    let mut cells = Vec::new();
    let mut push = |kind, level, lto, units, linker, flags| {
        cells.push(Cell { level, lto, units, linker, flags, kind });
    };
    for linker in linkers {
        for flags in ["", ",-z,start-stop-gc"] {
            push("bare", "1", "off", "16", linker, flags);
            push("bare", "3", "fat", "1", linker, flags);
            push("cdylib", "z", "thin", "16", linker, flags);
            if !is_long {
                continue;
            }
            for level in ["0", "1", "2", "3", "s", "z"] {
                for (lto, units) in [("off", "1"), ("off", "16"), ("thin", "16"), ("fat", "1")] {
                    push("exe", level, lto, units, linker, flags);
                    push("cdylib", level, lto, units, linker, flags);
                }
            }
        }
    }
    push("exe", "0", "off", "16", "default", "");
    push("static", "s", "off", "1", "default", "");
    if has("musl-gcc") {
        push("musl", "3", "off", "16", "default", "");
        push("musl", "z", "fat", "1", "default", "");
    }
    cells
}

/// Says that something is not there; in CI that is a failure.
fn missing(what: &str) {
    let required = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(!required, "{what} is not there");
    eprintln!("skipped: {what} is not there");
}
