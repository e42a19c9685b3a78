//! Reads inspect tables.
//!
//! Bytes come in, values and text go out; the program in `main` does all reading of files.
//! Everything read is hostile: it is checked by `inspect_format`, and escaped before it reaches a
//! terminal.

// One module reads the memory of processes and proves what it does; nothing else may.
#![deny(unsafe_code)]

pub mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
pub mod consume;
pub mod contents;
pub mod decode;
pub mod diff;
mod digits;
pub mod discover;
pub mod doctor;
pub mod dump;
pub mod escape;
pub mod export;
pub mod file;
pub mod image;
pub mod loaded;
pub mod map;
pub mod memory;
pub mod output;
pub mod select;
pub mod value;
pub mod watch;
