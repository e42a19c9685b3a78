//! What a consumer may see: the rules of the format, under the names that producers use.

pub use inspect_format::consumer::{Denial, GUARDED, Limit, Purse, Verdict};
