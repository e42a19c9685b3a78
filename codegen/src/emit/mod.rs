//! The emitters: from the checked model to files. Each decides everything in a view or a plan first and then
//! prints it; none reads or writes a file, and none looks at another's output.

use std::collections::BTreeMap;

pub mod abi;
pub mod blobs;
pub mod btf;
pub mod c;
pub mod doc;
pub mod json;
pub mod layout_text;
mod layout_view;
pub mod rust;
mod spell;
pub mod table;

pub use layout_view::{CACHE_LINE, LayoutView, Part, PartKind};

/// What an emitter returns: a path with `/` between its parts, below the output directory, and its bytes.
pub type Files = BTreeMap<String, Vec<u8>>;
