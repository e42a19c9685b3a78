//! Every schema of the repository, generated and compiled: in each edition, with every warning an error,
//! without `std`, and under clippy's strictest group.

mod rust_support;

use rust_support::{compiles_in_every_edition, repository, write};

#[test]
fn every_schema_compiles_in_every_edition() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &inspect_gen::emit::rust::emit(&repository()));
    let main = "#![no_std]\n#![forbid(unsafe_code)]\n#![deny(warnings, clippy::pedantic)]\n\
        mod schemas {\n    inspect_runtime::include_schemas!(\"rust/inspect.rs\");\n}\n\
        struct Inner {\n    hits: u64,\n    misses: u64,\n}\n\
        struct Shard {\n    len: usize,\n    inner: Inner,\n    map: [u32; 7],\n}\n\
        inspect_runtime::describe!(schemas::cached_shards::external::Shard as Shard {\n    \
            len,\n    hits = inner.hits,\n    misses = inner.misses,\n    map,\n});\n";
    compiles_in_every_edition(folder.path(), main);
}
