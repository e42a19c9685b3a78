//! Maps and sets of names and keys for the hot paths: those of the standard library, with a hash function that takes a
//! fraction of the time.
//!
//! Its seed differs from process to process, so that a file cannot be made to have all its names fall together. Nothing
//! that is written goes by the order of such a map.

use foldhash::fast::RandomState;

/// As [`std::collections::HashMap`].
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// As [`std::collections::HashSet`].
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
