//! `cargo +nightly fuzz run elf_core`: see `reader/tests/images_fuzz/targets.rs` for what must hold. Give it images to
//! begin with: `INSPECT_FUZZ_SEEDS=fuzz/corpus cargo test -p inspect-reader --test images_kernels seeds` writes some.
#![no_main]

#[path = "../../reader/tests/images_fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|image: &[u8]| targets::elf_core(image));
