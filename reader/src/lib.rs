//! Reads inspect tables.
//!
//! Bytes come in, values and text go out; the program in `main` does all reading of files.
//! Everything read is hostile: it is checked by `inspect_format`, and escaped before it reaches a
//! terminal.

#![forbid(unsafe_code)]

pub mod escape;
pub mod list;
