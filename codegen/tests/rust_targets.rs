//! Rust producers on every machine for which Debian has a standard library of Rust 1.85, the oldest that the
//! runtime and generated code ask for: what each of them writes is read by this machine alike.
//!
//! `.ci/rust-1.85` fetches the compiler.

mod rust_support;

use std::process::Command;

use inspect_gen::emit;
use rust_support::machines::{MACHINES, Rust};
use rust_support::{build, model, succeed, write};

const SCHEMA: &str = include_str!("../../schema/daemon.inspect");
const PROGRAM: &str = include_str!("exchange/cached.rs");
const EXPECTED: &str = include_str!("exchange/cached.txt");

#[test]
fn the_oldest_rust_produces_on_every_machine() {
    let Some(rust) = Rust::found() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &emit::rust::emit(&model(&[SCHEMA])));
    let reader = build(folder.path(), PROGRAM);
    for machine in &MACHINES {
        let Some(producer) = rust.build(machine, folder.path()) else { continue };
        let files = ["table", "structs"].map(|kind| folder.path().join(kind));
        let [table, structs] = &files;
        let output = machine.run(&producer, &["write".as_ref(), table.as_ref(), structs.as_ref()]);
        succeed(&output, machine.triple);
        let output = Command::new(&reader).arg("read").args(&files).output();
        let output = output.expect("the reader runs");
        succeed(&output, "the reader");
        assert_eq!(String::from_utf8_lossy(&output.stdout), EXPECTED, "{}", machine.triple);
    }
}

#[test]
fn annotations_of_the_oldest_rust_arrive_on_every_machine() {
    let Some(rust) = Rust::found() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &emit::rust::emit(&model(&[include_str!("rust_annotate/stand.inspect")])));
    let program = [
        "#![deny(unsafe_code)]\n",
        include_str!("rust_annotate/prelude.rs"),
        include_str!("rust_annotate/everything.rs"),
        include_str!("rust_annotate/adopt.rs"),
    ];
    std::fs::write(folder.path().join("main.rs"), program.concat()).expect("a program");
    let mut outputs = Vec::new();
    for machine in &MACHINES {
        let Some(program) = rust.build(machine, folder.path()) else { continue };
        let output = machine.run(&program, &[]);
        succeed(&output, machine.triple);
        // The width of a `usize`.
        let text = |output: Vec<u8>| {
            String::from_utf8(output).expect("text").replace("FILLED/4", "FILLED/8")
        };
        let adopted = text(output.stdout);
        let image = std::fs::read(&program).expect("the program");
        let packed = inspect_gen::pack::pack(&image, &inspect_gen::pack::Options::default());
        let packed = packed.unwrap_or_else(|found| panic!("{}: {found:?}", machine.triple));
        if machine.triple.starts_with("powerpc") {
            // Rust 1.85 has no assembler for it, neither for a root that knows the section nor for what keeps
            // annotations from the linker.
            assert_eq!(adopted, "Adopted { registered: 0, known: 0, foreign: 0 }\n");
            assert_eq!(packed.annotations, 0, "{}", machine.triple);
            continue;
        }
        std::fs::write(&program, packed.image.expect("it changes")).expect("the packed program");
        let output = machine.run(&program, &[]);
        succeed(&output, &format!("{}, packed", machine.triple));
        outputs.push((machine.triple, adopted, text(output.stdout)));
    }
    let rows = outputs.first().map(|(_, adopted, _)| adopted.split_once('\n').expect("rows").1);
    for (triple, output, packed) in &outputs {
        let found = packed.split_once('\n').expect("a line");
        assert_eq!(found.0, "Adopted { registered: 0, known: 0, foreign: 0 }", "{triple}");
        assert_eq!(Some(found.1), rows, "{triple}, packed");
        assert!(output.starts_with("Adopted { registered: 17, "), "{triple}: {output}");
        assert_eq!(output, &outputs[0].1, "{triple}");
    }
}
