//! Rust producers on every machine for which Debian has a standard library of Rust 1.85, the oldest that the
//! runtime and generated code ask for: what each of them writes is read by this machine alike.
//!
//! `.ci/rust-1.85` fetches the compiler.

mod rust_support;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inspect_gen::emit;
use rust_support::{build, model, root, succeed, write};

/// A machine: its name in Rust, the compiler that links for it, and what runs its programs here.
struct Machine {
    triple: &'static str,
    linker: &'static str,
    emulator: Option<&'static str>,
}

const MACHINES: [Machine; 6] = [
    machine("x86_64-unknown-linux-gnu", "gcc", None),
    machine("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", Some("qemu-i386")),
    machine("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", Some("qemu-aarch64")),
    machine("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", Some("qemu-arm")),
    machine("powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu-gcc", Some("qemu-ppc64le")),
    machine("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc", Some("qemu-s390x")),
];

const fn machine(
    triple: &'static str,
    linker: &'static str,
    emulator: Option<&'static str>,
) -> Machine {
    Machine { triple, linker, emulator }
}

impl Machine {
    /// What a program says.
    fn run(&self, program: &Path, arguments: &[&OsStr]) -> Output {
        let mut command = match self.emulator {
            Some(emulator) => Command::new(emulator),
            None => Command::new(program),
        };
        if self.emulator.is_some() {
            command.arg(program);
        }
        command.args(arguments).output().expect("the program runs")
    }
}

const SCHEMA: &str = include_str!("../../schema/daemon.inspect");
const PROGRAM: &str = include_str!("exchange/cached.rs");
const EXPECTED: &str = include_str!("exchange/cached.txt");

#[test]
fn the_oldest_rust_produces_on_every_machine() {
    let Some(rust) = Rust::found() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &emit::rust::emit(&model(&[SCHEMA])));
    let reader = build(folder.path(), PROGRAM);
    for machine in &MACHINES {
        let Some(producer) = rust.build(machine, folder.path()) else { continue };
        let files = ["table", "structs"].map(|kind| folder.path().join(kind));
        let [table, structs] = &files;
        let output = machine.run(&producer, &["write".as_ref(), table.as_ref(), structs.as_ref()]);
        succeed(&output, machine.triple);
        let output = Command::new(&reader).arg("read").args(&files).output();
        let output = output.expect("the reader runs");
        succeed(&output, "the reader");
        assert_eq!(String::from_utf8_lossy(&output.stdout), EXPECTED, "{}", machine.triple);
    }
}

#[test]
fn annotations_of_the_oldest_rust_arrive_on_every_machine() {
    let Some(rust) = Rust::found() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &emit::rust::emit(&model(&[include_str!("rust_annotate/stand.inspect")])));
    let program = [
        "#![deny(unsafe_code)]\n",
        include_str!("rust_annotate/prelude.rs"),
        include_str!("rust_annotate/everything.rs"),
        include_str!("rust_annotate/adopt.rs"),
    ];
    std::fs::write(folder.path().join("main.rs"), program.concat()).expect("a program");
    let mut outputs = Vec::new();
    for machine in &MACHINES {
        let Some(program) = rust.build(machine, folder.path()) else { continue };
        let output = machine.run(&program, &[]);
        succeed(&output, machine.triple);
        // The width of a `usize`.
        let text = |output: Vec<u8>| {
            String::from_utf8(output).expect("text").replace("FILLED/4", "FILLED/8")
        };
        let adopted = text(output.stdout);
        let image = std::fs::read(&program).expect("the program");
        let packed = inspect_gen::pack::pack(&image, &inspect_gen::pack::Options::default());
        let packed = packed.unwrap_or_else(|found| panic!("{}: {found:?}", machine.triple));
        if machine.triple.starts_with("powerpc") {
            // Rust 1.85 has no assembler for it, neither for a root that knows the section nor for what keeps
            // annotations from the linker.
            assert_eq!(adopted, "Adopted { registered: 0, known: 0, foreign: 0 }\n");
            assert_eq!(packed.annotations, 0, "{}", machine.triple);
            continue;
        }
        std::fs::write(&program, packed.image.expect("it changes")).expect("the packed program");
        let output = machine.run(&program, &[]);
        succeed(&output, &format!("{}, packed", machine.triple));
        outputs.push((machine.triple, adopted, text(output.stdout)));
    }
    let rows = outputs.first().map(|(_, adopted, _)| adopted.split_once('\n').expect("rows").1);
    for (triple, output, packed) in &outputs {
        let found = packed.split_once('\n').expect("a line");
        assert_eq!(found.0, "Adopted { registered: 0, known: 0, foreign: 0 }", "{triple}");
        assert_eq!(Some(found.1), rows, "{triple}, packed");
        assert!(output.starts_with("Adopted { registered: 17, "), "{triple}: {output}");
        assert_eq!(output, &outputs[0].1, "{triple}");
    }
}

/// Rust 1.85 in a folder of its own.
struct Rust {
    rustc: PathBuf,
    libraries: PathBuf,
}

impl Rust {
    fn found() -> Option<Self> {
        let folder = root().canonicalize().expect("the repository").join("target/rust-1.85");
        if !folder.join("done").exists() {
            missing("Rust 1.85 (run .ci/rust-1.85)");
            return None;
        }
        let libraries = folder.join("usr/lib/x86_64-linux-gnu");
        Some(Self { rustc: folder.join("usr/bin/rustc"), libraries })
    }

    /// The program for a machine; nothing where its tools are missing, which was said then.
    fn build(&self, machine: &Machine, folder: &Path) -> Option<PathBuf> {
        for tool in [Some(machine.linker), machine.emulator].into_iter().flatten() {
            if !Command::new(tool).arg("--version").output().is_ok_and(|it| it.status.success()) {
                missing(tool);
                return None;
            }
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-1.85");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--offline", "-p", "inspect-runtime"])
            .args(["--features", "alloc,hosted", "--target", machine.triple, "--target-dir"])
            .arg(&target)
            .current_dir(root())
            .env_remove("RUSTFLAGS")
            .env("RUSTC", &self.rustc)
            .env("LD_LIBRARY_PATH", &self.libraries);
        succeed(&cargo.output().expect("cargo runs"), machine.triple);
        let built = target.join(machine.triple).join("debug");
        let program = folder.join(machine.triple);
        let output = Command::new(&self.rustc)
            .env("LD_LIBRARY_PATH", &self.libraries)
            .args(["--edition", "2021", "--deny", "warnings", "--target", machine.triple])
            .args(["-C", "target-feature=+crt-static", "-C"])
            .arg(format!("linker={}", machine.linker))
            .arg("--extern")
            .arg(format!("inspect_runtime={}", built.join("libinspect_runtime.rlib").display()))
            .arg("-L")
            .arg(format!("dependency={}", built.join("deps").display()))
            .arg("-o")
            .arg(&program)
            .arg(folder.join("main.rs"))
            .output();
        succeed(&output.expect("rustc runs"), machine.triple);
        Some(program)
    }
}

/// Says that something is not there; in CI that is a failure.
fn missing(what: &str) {
    let required = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(!required, "{what} is not there");
    eprintln!("skipped: {what} is not there");
}
