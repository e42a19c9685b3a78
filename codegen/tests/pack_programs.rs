//! Whole programs after packing: they run as before, every tool still likes them, and what they annotate is
//! found in the process, in the file and in a core, at the addresses that the linker and the loader gave.
#![cfg(target_os = "linux")]

mod rust_support;

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

#[path = "pack_programs/copies.rs"]
mod copies;
#[path = "pack_programs/detached.rs"]
mod detached;
#[path = "pack_programs/dylib.rs"]
mod dylib;
#[path = "pack_programs/files.rs"]
mod files;
#[path = "pack_programs/image.rs"]
mod image;
#[path = "pack_programs/kernel.rs"]
mod kernel;
#[path = "pack_programs/parts.rs"]
mod parts;
#[path = "pack_programs/process.rs"]
mod process;
#[path = "pack_programs/schemas.rs"]
mod schemas;
#[path = "pack_programs/tools.rs"]
mod tools;
#[path = "pack_programs/workshop.rs"]
mod workshop;
