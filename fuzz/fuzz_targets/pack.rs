//! `cargo +nightly fuzz run pack`: see `codegen/tests/fuzz/targets.rs` for what must hold. Give it images to
//! begin with: `fuzz/corpus/pack` is read where it exists.
#![no_main]

#[path = "../../codegen/tests/fuzz/targets.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|image: &[u8]| targets::pack(image));
