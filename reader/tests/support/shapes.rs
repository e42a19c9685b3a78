//! The fixture `shapes`: one program with a variable of every type, for every machine.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::machines::Machine;
use super::tools::run;
use super::workshop::Workshop;

/// The generated code, and programs as they are asked for.
pub(crate) struct Shapes {
    pub(crate) workshop: Workshop,
    /// Tests run at the same time, and each program is built once.
    one_at_a_time: Mutex<()>,
}

/// Generated once by each test program.
pub(crate) static SHAPES: LazyLock<Shapes> =
    LazyLock::new(|| Shapes { workshop: Workshop::new("shapes"), one_at_a_time: Mutex::new(()) });

const SOURCES: &str = "@shapes.c %shapes.inspect.c %inspect_runtime.c %inspect_dump.c";

impl Shapes {
    /// The program for a machine, static and packed; then it needs nothing to run but an emulator.
    pub(crate) fn program(&self, machine: &Machine) -> PathBuf {
        let _building = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
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
        let program = self.program(machine);
        let dump = self.workshop.path(&format!("{}.{consumer}", machine.name));
        let _writing = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        if !dump.exists() {
            let word = if consumer == "all" { "dump" } else { consumer };
            run(machine.command(&program).arg(word).arg(&dump));
        }
        dump
    }

    /// The program for this machine, dynamic and packed, as users build programs.
    pub(crate) fn native(&self) -> PathBuf {
        let _building = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.workshop.path("shapes");
        if !path.exists() {
            self.workshop.compile("gcc", &format!("-O1 -g -pie -fPIE -o shapes {SOURCES}"));
            self.workshop.pack("shapes");
        }
        path
    }
}
