//! `cargo +nightly fuzz run decode`: see `reader/tests/decode_fuzz/targets.rs` for what must hold. Give it types to
//! begin with: `INSPECT_FUZZ_SEEDS=fuzz/corpus cargo test -p inspect-reader --test decode_hostile seeds` writes some.
#![no_main]

#[path = "../../reader/tests/decode_fuzz/targets.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::decode(input));
