//! A crate that annotates for one schema.
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use schemas::tests_shop as s;
use std::sync::atomic::AtomicU64;

pub static HITS: AtomicU64 = AtomicU64::new(0xa1);
inspect_runtime::annotate!(s::class::Counter: HITS, name = "one hits", owner = 3);
