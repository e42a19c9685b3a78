//! `cargo +nightly fuzz run reader_table`: see `reader/tests/table_fuzz/targets.rs` for what must hold. Give it
//! something to begin with: `INSPECT_FUZZ_SEEDS=fuzz/corpus cargo test -p inspect-reader --test table_hostile seeds`
//! writes some.
#![no_main]

#[path = "../../reader/tests/table_fuzz/targets.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::table(input));
