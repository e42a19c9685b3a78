//! What the machines of the harness have in common, and in what they differ.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::modules::{ANNOTATED, repository};
use crate::support::tools::{has, is_there};

/// A machine that `run` boots, as `examples/linux-module/machines` has it.
pub(crate) struct Machine {
    /// What the emulator calls the processor.
    pub(crate) name: &'static str,
    /// Where `.ci/kernel-types` puts the kernel, in `target`.
    pub(crate) kernel: &'static str,
    /// What stands before the names of the compiler and its tools.
    pub(crate) cross: &'static str,
    /// How `run` boots it.
    pub(crate) boot: &'static str,
    /// How many nodes its memory is of.
    pub(crate) nodes: usize,
    /// How many lines its log has at least, by the time that it is dumped.
    pub(crate) lines: usize,
    /// Whether it has an interrupt that nothing masks.
    pub(crate) has_alarm: bool,
    /// Whether the emulator dumps it with page tables.
    pub(crate) has_paging: bool,
    /// Whether the kernel names variables in `/proc/kallsyms`, and not only those of VMCOREINFO.
    pub(crate) names_variables: bool,
    /// Variables without which `crash` does not start: where chance has put the parts of the kernel's memory.
    pub(crate) bases: &'static [&'static str],
    /// The first address of memory that is added.
    pub(crate) added: u64,
    /// How many bytes that is.
    pub(crate) added_size: u64,
}

pub(crate) const X86_64: Machine = Machine {
    name: "x86_64",
    kernel: "kernel",
    cross: "",
    boot: "kaslr",
    nodes: 2,
    lines: 300,
    has_alarm: true,
    has_paging: true,
    names_variables: true,
    bases: &["page_offset_base", "vmalloc_base", "vmemmap_base"],
    added: 1 << 32,
    added_size: 128 << 20,
};

pub(crate) const AARCH64: Machine = Machine {
    name: "aarch64",
    kernel: "kernel-arm64",
    cross: "aarch64-linux-gnu-",
    boot: "kaslr",
    nodes: 2,
    lines: 300,
    has_alarm: false,
    has_paging: false,
    names_variables: false,
    bases: &[],
    added: 1 << 31,
    added_size: 128 << 20,
};

pub(crate) const S390X: Machine = Machine {
    name: "s390x",
    kernel: "kernel-s390x",
    cross: "s390x-linux-gnu-",
    boot: "nokaslr",
    nodes: 1,
    lines: 250,
    has_alarm: false,
    has_paging: false,
    names_variables: false,
    bases: &[],
    added: 1 << 28,
    added_size: 256 << 20,
};

impl Machine {
    /// Whether everything is there that it takes.
    pub(crate) fn is_complete(&self) -> bool {
        let kernel = self.kernel();
        let (emulator, compiler) =
            (format!("qemu-system-{}", self.name), format!("{}gcc", self.cross));
        let tools = [&emulator, &compiler, "busybox", "cpio", "make", "gdb-multiarch"];
        let is_fetched = kernel.join("vmlinuz").exists() && kernel.join("kbuild").exists();
        tools.map(has).iter().all(|it| *it)
            && is_there(drgn().exists(), "drgn in target/drgn")
            && is_there(is_fetched, "the kernel that `.ci/kernel-types` fetches")
    }

    /// What is annotated.
    pub(crate) fn annotated(&self) -> BTreeSet<&'static str> {
        ANNOTATED.iter().chain(self.bases).copied().collect()
    }

    pub(crate) fn kernel(&self) -> PathBuf {
        repository().join("target").join(self.kernel)
    }
}

/// A Python that has drgn.
pub(crate) fn drgn() -> PathBuf {
    repository().join("target/drgn/bin/python")
}
