//! Generates both decoders and the peer's, and compiles what is C.

use std::path::Path;
use std::process::Command;

use inspect_gen::{Build, Output};

fn main() {
    let out = std::env::var("OUT_DIR").expect("cargo says where");
    let outputs = [Output::Rust, Output::C, Output::Table];
    let build = outputs.into_iter().fold(Build::new("fleet.inspect"), Build::emit);
    // A machine of either byte order; both have words of eight bytes.
    build.target("x86_64").target("s390x").run().expect("the schema compiles");
    cc::Build::new()
        .file("src/decode.c")
        .include(Path::new(&out).join("inspect/c"))
        .opt_level(2)
        .std("c11")
        .compile("decode");
    let flatc = Command::new("flatc").args(["--rust", "-o", &out, "fleet.fbs"]).status();
    assert!(flatc.is_ok_and(|it| it.success()), "flatc: install `flatbuffers-compiler`");
    for file in ["src/decode.c", "fleet.inspect", "fleet.fbs"] {
        println!("cargo:rerun-if-changed={file}");
    }
}
