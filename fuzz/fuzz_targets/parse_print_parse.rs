//! `cargo +nightly fuzz run parse_print_parse`: see `codegen/tests/fuzz/targets.rs` for what must hold.
#![no_main]

#[path = "../../codegen/tests/fuzz/targets.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|text: &str| targets::parse_print_parse(text));
