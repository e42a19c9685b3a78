//! The compiler of `.inspect` schemas.
//!
//! Data goes one way: `source` -> `syntax` (scan, parse, one tree a file) -> `check` -> [`model::Model`] ->
//! `emit` -> files. A stage reads only what the stage before it returned; the program in `cli` and the
//! builder for build scripts do all reading and writing of files.

#[cfg(feature = "image")]
pub mod binary;
pub mod build;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod compile;
pub mod diag;
pub mod emit;
mod hash;
#[cfg(feature = "image")]
pub mod import;
pub mod model;
pub mod operator;
#[cfg(feature = "image")]
pub mod pack;
pub mod release;
pub mod source;
pub mod syntax;
#[cfg(feature = "image")]
pub mod verify;

pub use build::{Build, BuildError};
pub use emit::Output;
