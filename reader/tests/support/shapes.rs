//! The fixture `shapes`: one program with a variable of every type, for every machine.

use std::path::PathBuf;
use std::sync::LazyLock;

use super::machines::Machine;
use super::tools::run;
use super::workshop::Workshop;

/// The generated code, and programs as they are asked for.
pub(crate) struct Shapes {
    pub(crate) workshop: Workshop,
}

/// Generated once by each test program.
pub(crate) static SHAPES: LazyLock<Shapes> =
    LazyLock::new(|| Shapes { workshop: Workshop::new("shapes") });

const SOURCES: &str = "@shapes.c %shapes.inspect.c %inspect_runtime.c %inspect_dump.c";

impl Shapes {
    /// The program for a machine, static and packed; then it needs nothing to run but an emulator.
    pub(crate) fn program(&self, machine: &Machine) -> PathBuf {
        let name = format!("shapes.{}", machine.name);
        if !self.workshop.path(&name).exists() {
            let arguments = format!("-O1 -g -static -o {name} {SOURCES}");
            self.workshop.compile(machine.compiler(), &arguments);
            self.workshop.pack(&name);
        }
        self.workshop.path(&name)
    }

    /// What the program of a machine writes about itself, for the consumer `all` or `few`.
    pub(crate) fn dump(&self, machine: &Machine, consumer: &str) -> PathBuf {
        let dump = self.workshop.path(&format!("{}.{consumer}", machine.name));
        if !dump.exists() {
            let word = if consumer == "all" { "dump" } else { consumer };
            run(machine.command(&self.program(machine)).arg(word).arg(&dump));
        }
        dump
    }

    /// The program for this machine, dynamic and packed, as users build programs.
    pub(crate) fn native(&self) -> PathBuf {
        let path = self.workshop.path("shapes");
        if !path.exists() {
            self.workshop.compile("gcc", &format!("-O1 -g -pie -fPIE -o shapes {SOURCES}"));
            self.workshop.pack("shapes");
        }
        path
    }
}
