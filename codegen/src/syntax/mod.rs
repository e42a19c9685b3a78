//! From text to syntax trees: `scan` cuts, `parse` parses, `fmt` prints.

pub mod ast;
pub mod fmt;
mod parse;
pub mod scan;

pub use parse::parse;
