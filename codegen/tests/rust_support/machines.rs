//! The machines that Rust producers are built for, and the oldest compiler that they may have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{root, succeed};

/// A machine: its name in Rust, the compiler that links for it, and what runs its programs here.
pub(crate) struct Machine {
    /// For the compiler.
    pub(crate) triple: &'static str,
    linker: &'static str,
    emulator: Option<&'static str>,
}

/// Those with a standard library in Debian.
pub(crate) const MACHINES: [Machine; 6] = [
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
    pub(crate) fn run(&self, program: &Path, arguments: &[&OsStr]) -> Output {
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

/// Rust 1.85 in a folder of its own.
pub(crate) struct Rust {
    rustc: PathBuf,
    libraries: PathBuf,
}

impl Rust {
    /// What `.ci/rust-1.85` has fetched.
    pub(crate) fn found() -> Option<Self> {
        let folder = root().canonicalize().expect("the repository").join("target/rust-1.85");
        if !folder.join("done").exists() {
            missing("Rust 1.85 (run .ci/rust-1.85)");
            return None;
        }
        let libraries = folder.join("usr/lib/x86_64-linux-gnu");
        Some(Self { rustc: folder.join("usr/bin/rustc"), libraries })
    }

    /// The program for a machine; nothing where its tools are missing, which was said then.
    pub(crate) fn build(&self, machine: &Machine, folder: &Path) -> Option<PathBuf> {
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
