//! A crate that annotates for both.
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use schemas::{tests_shop, tests_yard};
use std::sync::atomic::AtomicU64;

pub static MISSES: AtomicU64 = AtomicU64::new(0xb1);
pub static TREE: tests_yard::Tree = tests_yard::Tree { height: 7, age: 30, rest: 0 };
inspect_runtime::annotate!(tests_shop::class::Counter: MISSES, name = "two misses", label = "missed");
inspect_runtime::annotate!(tests_yard::class::Tree: TREE, name = "two tree", lane = 5, mark = "old");

/// Where they are.
pub fn places() -> [usize; 2] {
    [&raw const MISSES as usize, &raw const TREE as usize]
}
