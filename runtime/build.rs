//! Says whether the compiler keeps what is `#[used]` from a linker that collects garbage. Rust 1.95 does, by a flag
//! of the section; an older one needs the help of its assembler, on the machines that it has one for.

use std::process::Command;

/// Where `asm!` is stable in Rust 1.85 and objects are ELF.
const MACHINES: [&str; 8] =
    ["x86_64", "x86", "aarch64", "arm", "riscv64", "riscv32", "loongarch64", "s390x"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(inspect_keeps_by_assembly)");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_elf = !["windows", "macos", "ios", "tvos", "watchos", "visionos", "wasi", "uefi"]
        .contains(&variable("CARGO_CFG_TARGET_OS").as_str());
    let has_assembler = MACHINES.contains(&variable("CARGO_CFG_TARGET_ARCH").as_str());
    if is_elf && has_assembler && minor(&variable("RUSTC")).is_some_and(|minor| minor < 95) {
        println!("cargo::rustc-cfg=inspect_keeps_by_assembly");
    }
}

/// 85, of `rustc 1.85.0 (...)`.
fn minor(rustc: &str) -> Option<u32> {
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split('.').nth(1)?.parse().ok()
}
