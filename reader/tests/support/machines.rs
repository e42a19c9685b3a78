//! The machines whose memory is read: their compilers, and what runs their programs here.

use std::path::Path;
use std::process::Command;

use super::tools::has;

/// A machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// In the schema language.
    pub(crate) name: &'static str,
    compiler: &'static str,
    /// What runs its programs; empty for this machine.
    emulator: &'static str,
}

const fn machine(name: &'static str, compiler: &'static str, emulator: &'static str) -> Machine {
    Machine { name, compiler, emulator }
}

/// Words of 32 and 64 bits, in both orders of bytes. The first is what others are compared with.
pub(crate) const MACHINES: [Machine; 6] = [
    machine("x86_64", "x86_64-linux-gnu-gcc", "qemu-x86_64"),
    machine("i686", "i686-linux-gnu-gcc", "qemu-i386"),
    machine("aarch64", "aarch64-linux-gnu-gcc", "qemu-aarch64"),
    machine("armv7", "arm-linux-gnueabihf-gcc", "qemu-arm"),
    machine("powerpc64", "powerpc64-linux-gnu-gcc", "qemu-ppc64"),
    machine("s390x", "s390x-linux-gnu-gcc", "qemu-s390x"),
];

impl Machine {
    fn is_here(&self) -> bool {
        self.name == std::env::consts::ARCH
    }

    /// The compiler for it.
    pub(crate) fn compiler(&self) -> &'static str {
        if self.is_here() { "gcc" } else { self.compiler }
    }

    /// Whether its programs can be built and run here.
    pub(crate) fn is_at_hand(&self) -> bool {
        has(self.compiler()) && (self.is_here() || has(self.emulator))
    }

    /// One of its static programs, not yet started.
    pub(crate) fn command(&self, program: &Path) -> Command {
        if self.is_here() {
            return Command::new(program);
        }
        let mut command = Command::new(self.emulator);
        command.arg(program);
        command
    }
}
