//! The emitters: a checked model in, files out.
//!
//! Each is a pure function of the model and decides everything in a plan or a view before it prints.

use std::collections::BTreeMap;

pub mod c;

/// Files by their path below the output directory, parts joined by `/`.
pub type Files = BTreeMap<String, Vec<u8>>;
