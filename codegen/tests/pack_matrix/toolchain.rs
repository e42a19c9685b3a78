//! Compilers, linkers and emulators, and the files that they work on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{self, run};

/// What programs are made for.
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// Of the tools of Debian, and of Clang.
    pub(crate) triple: &'static str,
    /// What Clang has to be told beside it.
    flags: &'static [&'static str],
    /// Empty where the machine at hand runs its programs.
    pub(crate) emulator: &'static str,
}

const fn machine(name: &'static str, triple: &'static str, emulator: &'static str) -> Machine {
    Machine { name, triple, flags: &[], emulator }
}

/// Every machine.
pub(crate) const MACHINES: &[Machine] = &[
    machine("x86_64", "x86_64-linux-gnu", ""),
    machine("i686", "i686-linux-gnu", "qemu-i386"),
    machine("aarch64", "aarch64-linux-gnu", "qemu-aarch64"),
    Machine { flags: &["-march=armv7-a"], ..machine("armv7", "arm-linux-gnueabihf", "qemu-arm") },
    machine("riscv64", "riscv64-linux-gnu", "qemu-riscv64"),
    machine("powerpc64", "powerpc64-linux-gnu", "qemu-ppc64"),
    machine("powerpc64le", "powerpc64le-linux-gnu", "qemu-ppc64le"),
    machine("s390x", "s390x-linux-gnu", "qemu-s390x"),
    machine("mips", "mips-linux-gnu", "qemu-mips"),
];

pub(crate) const COMPILERS: [&str; 2] = ["gcc", "clang"];
pub(crate) const LINKERS: [&str; 2] = ["bfd", "lld"];

/// The folder with everything that is built, and the generated code.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let folder = support::written_with_core(&[
            ("matrix.inspect", include_str!("matrix.inspect")),
            ("second.inspect", include_str!("second.inspect")),
        ]);
        let workshop = Self { folder };
        let here = support::root().join("tests/pack_matrix");
        let mut command = vec![env!("CARGO_BIN_EXE_inspect-gen").to_owned()];
        command.extend(["matrix.inspect", "second.inspect"].map(str::to_owned));
        command.extend(["--emit", "table", "-o"].map(str::to_owned));
        command.push(workshop.folder.path().display().to_string());
        for machine in MACHINES {
            command.extend(["--target".to_owned(), machine.name.to_owned()]);
        }
        call(&here, &command).expect("tables of the schemas");
        // A cross GCC looks for linkers beside its own tools alone, but for where it is told to.
        let linkers = workshop.folder.path().join("linkers");
        std::fs::create_dir(&linkers).expect("a folder");
        if let Some(lld) = find("ld.lld") {
            for name in ["ld.lld", "ld"] {
                std::os::unix::fs::symlink(&lld, linkers.join(name)).expect("a link");
            }
        }
        workshop
    }

    /// Where the generated code is.
    pub(crate) fn generated(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    /// A schema in a file of its own.
    pub(crate) fn table(&self, schema: &str, machine: &Machine) -> PathBuf {
        self.folder.path().join("table").join(format!("{schema}.{}.table", machine.name))
    }

    /// Leaves everything where it is.
    pub(crate) fn keep(mut self) {
        self.folder.disable_cleanup(true);
        eprintln!("kept in {}", self.folder.path().display());
    }

    /// Where the fixture is.
    pub(crate) fn sources(&self) -> PathBuf {
        support::root().join("tests/pack_matrix")
    }

    /// A new folder for a name.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        let place = self.folder.path().join("built").join(name);
        std::fs::create_dir_all(&place).expect("a folder");
        place
    }

    /// The flags by which a compiler driver is made to use a linker.
    pub(crate) fn uses(&self, linker: &str) -> Vec<String> {
        match linker {
            "bfd" => vec!["-fuse-ld=bfd".to_owned()],
            _ => {
                let linkers = self.folder.path().join("linkers");
                vec![format!("-B{}", linkers.display()), "-fuse-ld=lld".to_owned()]
            }
        }
    }
}

impl Machine {
    /// A tool of this machine, as Debian calls it.
    pub(crate) fn tool(&self, name: &str) -> String {
        format!("{}-{name}", self.triple)
    }

    /// The driver of a compiler, with what it has to be told.
    pub(crate) fn driver(&self, compiler: &str) -> Vec<String> {
        match compiler {
            "gcc" => vec![self.tool("gcc")],
            _ => {
                let mut driver = vec!["clang".to_owned(), format!("--target={}", self.triple)];
                driver.extend(self.flags.iter().map(|it| (*it).to_owned()));
                driver
            }
        }
    }

    /// Starts a program of this machine; the error is what it printed.
    pub(crate) fn start(&self, program: &Path, environment: &[&str]) -> Result<String, String> {
        let folder = program.parent().unwrap_or(Path::new("."));
        let mut command = match self.emulator {
            "" => Command::new(program),
            emulator => {
                let mut command = Command::new(emulator);
                command.args(["-L", &format!("/usr/{}", self.triple)]);
                for setting in environment {
                    command.args(["-E", setting]);
                }
                command.arg(program);
                command
            }
        };
        for (key, value) in environment.iter().filter_map(|it| it.split_once('=')) {
            if self.emulator.is_empty() {
                command.env(key, value);
            }
        }
        let output = command.current_dir(folder).output();
        let output = output.map_err(|error| format!("{}: {error}", self.emulator))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} {}: {errors}{text}", program.display(), output.status))
    }
}

/// Runs a command.
pub(crate) fn call(folder: &Path, command: &[String]) -> Result<String, String> {
    let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    run(folder, &command[0], &arguments)
}

/// Where a program is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|it| it.join(program)).find(|it| it.exists())
}

/// Whether GNU ld can read the intermediate code of Clang; in CI it has to.
pub(crate) fn has_plugin() -> bool {
    let resources = run(Path::new("."), "clang", &["-print-resource-dir"]).unwrap_or_default();
    let plugin = Path::new(resources.trim()).join("../../LLVMgold.so");
    is_required(plugin.exists(), "LLVMgold.so")
}

/// Whether a program is there; in CI it has to be.
pub(crate) fn is_there(program: &str) -> bool {
    is_required(find(program).is_some(), program)
}

fn is_required(there: bool, what: &str) -> bool {
    let required = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(there || !required, "{what} is not installed");
    there
}
