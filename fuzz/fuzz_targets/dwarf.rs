//! `cargo +nightly fuzz run dwarf`: see `codegen/tests/fuzz/targets.rs` for what must hold. Seeds to begin with are
//! written by `INSPECT_FUZZ_SEEDS=fuzz/corpus cargo test -p inspect-gen --test fuzz_replay seeds`.
#![no_main]

#[path = "../../codegen/tests/fuzz/targets.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|image: &[u8]| targets::dwarf(image));
