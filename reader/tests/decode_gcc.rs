//! Compilers that nobody here wrote: a C program fills structs of every form, prints them with `printf`, and writes
//! out its memory and the types that the compiler has put into it. What is decoded of that memory by those types is
//! what was printed, on machines of both word sizes and byte orders.

mod decode_support;

use std::path::Path;
use std::process::Command;

use decode_support::{Bytes, schema};
use inspect_gen::emit;
use inspect_reader::decode::{Budget, Decoder, Plan};
use inspect_reader::output::value_json::JsonSink;
use serde_json::Value;

/// A compiler, and who runs what it makes.
const MACHINES: [(&str, Option<&str>); 9] = [
    ("gcc", None),
    ("clang", None),
    ("i686-linux-gnu-gcc", Some("qemu-i386")),
    ("aarch64-linux-gnu-gcc", Some("qemu-aarch64")),
    ("arm-linux-gnueabihf-gcc", Some("qemu-arm")),
    ("powerpc64-linux-gnu-gcc", Some("qemu-ppc64")),
    ("s390x-linux-gnu-gcc", Some("qemu-s390x")),
    ("mips-linux-gnu-gcc", Some("qemu-mips")),
    ("riscv64-linux-gnu-gcc", Some("qemu-riscv64")),
];

#[test]
fn what_is_decoded_is_what_was_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = schema(include_str!("decode_gcc/shop.inspect"));
    for (path, bytes) in emit::c::emit(&model) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a generated file");
    }
    for (compiler, runner) in MACHINES {
        let Some(output) = build_and_run(folder.path(), compiler, runner) else { continue };
        let printed = Printed::read(&output);
        assert_eq!(printed.values.len(), 3, "{compiler}");
        for (type_name, address, length, expected) in &printed.values {
            let found = printed.decode(type_name, *address, *length);
            assert_eq!(&found, expected, "{compiler}: {type_name}");
        }
    }
}

/// What the program prints; `None` where a tool is missing and may be.
fn build_and_run(folder: &Path, compiler: &str, runner: Option<&str>) -> Option<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decode_gcc");
    let program = folder.join(format!("shop-{compiler}"));
    let mut build = Command::new(compiler);
    build.args(["-g", "-O1", "-std=gnu11", "-static", "-I"]).arg(folder.join("c"));
    build.arg("-I").arg(&sources).arg("-o").arg(&program);
    build.arg(sources.join("shop.c")).arg(folder.join("c/shop.inspect.c"));
    run(&mut build)?;
    let mut start = match runner {
        Some(runner) => {
            let mut start = Command::new(runner);
            start.arg(&program);
            start
        }
        None => Command::new(&program),
    };
    run(&mut start)
}

fn run(command: &mut Command) -> Option<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {}\n{errors}", output.status);
            Some(String::from_utf8(output.stdout).expect("text"))
        }
        Err(error) => {
            let is_required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some();
            assert!(!is_required, "{name} is required: {error}");
            eprintln!("skipped: {name}: {error}");
            None
        }
    }
}

struct Printed {
    plan: Plan,
    memory: Bytes,
    values: Vec<(String, u64, u64, Value)>,
}

impl Printed {
    fn read(text: &str) -> Self {
        let number = |text: &str| u64::from_str_radix(text, 16).expect("a number");
        let mut plan = None;
        let (mut memory, mut values) = (Bytes::default(), Vec::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["T", types] => plan = Some(bytes(types)),
                ["M", address, contents] => memory.put(number(address), &bytes(contents)),
                ["J", name, address, length] => {
                    let json = lines.next().expect("JSON follows");
                    let value = serde_json::from_str(json)
                        .unwrap_or_else(|error| panic!("{error}: {json}"));
                    values.push((name.to_owned(), number(address), number(length), value));
                }
                _ => panic!("{line}"),
            }
        }
        let types = plan.expect("types");
        let word_size = word_size(&types);
        Self { plan: Plan::new(&types, word_size).expect("a plan"), memory, values }
    }

    fn decode(&self, type_name: &str, address: u64, length: u64) -> Value {
        let id = self.plan.type_named(type_name).expect("a type");
        let mut sink = JsonSink::new(Vec::new());
        let budget = Budget { depth: 1, ..Budget::default() };
        let mut decoder = Decoder::new(&self.plan, &self.memory, budget);
        decoder.region(id, address, length, &mut sink).expect("memory takes everything");
        let text = sink.finish().expect("memory takes everything");
        serde_json::from_slice(&text).expect("JSON")
    }
}

/// Types say how wide a pointer is by an integer that is as wide.
fn word_size(types: &[u8]) -> u8 {
    let btf = inspect_format::btf::Btf::parse(types).expect("BTF");
    let word = btf.find(inspect_format::btf::kind::INT, "long unsigned int").expect("an integer");
    word.size() as u8
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a digit") as u8;
    hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
