//! A schema on top of another: in one crate, in two, and on top of the core that every compilation has.

mod rust_support;

use std::collections::BTreeMap;

use inspect_gen::emit::Options;
use inspect_gen::emit::rust::{emit, emit_with};
use rust_support::{compiler, model, model_importing, run, succeed, write};

const BASE: &str = "
schema base.types version 2;
enum color: u8 { red = 1, green = 2 }
flags modes: u16 { read = 0 }
struct link { color: color, modes: modes, next: *link, #[since(2)] young: u8 }
";

const TOP: &str = "
schema top version 1;
use base.types::{link, color};
struct node { value: u32, link: link, links: [link; 2], color: color }
class node: node;
";

const MAIN: &str = r##"
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use inspect_runtime::{Ptr, RuntimeTable, Target};
use schemas::{base_types as base, top};
static NODE: top::Node = top::Node {
    value: 4,
    link: base::Link { color: base::Color::Green, next: Ptr::to(&NODE.link), ..base::Link::ZERO },
    ..top::Node::ZERO
};
static TABLE: RuntimeTable<top::Entry, 1> = RuntimeTable::new();
fn main() {
    TABLE.register(top::Entry::of::<top::class::Node>(&NODE)).unwrap();
    let mut image = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut image).unwrap();
    let table = top::Table::parse(&image[..size]).unwrap();
    let memory: Vec<u8> = (0..table.rows().next().unwrap().length()).map(|at| at as u8).collect();
    let bound = table.bind().unwrap();
    let known = top::Layouts::of(Target::X86_64);
    for layouts in [&bound, &known] {
        let node = layouts.node(&memory).unwrap();
        let link: base::LinkView<'_> = node.link();
        println!("{} {} {:?}", node.value(), link.next(), link.young());
        let last = node.links().get(1).unwrap();
        println!("{} {:?} {}", last.next(), node.color(), node.links().len());
    }
}
"##;

/// 8 bytes from 16 on, of a memory that counts its bytes; then those from 64 on.
const PRINTED: &str = "50462976 1663540288323457296 Some(24)\n5135868584551137600 80 2\n";

#[test]
fn two_schemas_in_one_crate() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &emit(&model(&[BASE, TOP])));
    let printed = run(folder.path(), MAIN, &[]);
    assert_eq!(printed, PRINTED.repeat(2));
}

#[test]
fn a_schema_on_top_of_another_crates() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base");
    write(&base, &emit(&model(&[BASE])));
    let library = "pub mod schemas { inspect_runtime::include_schemas!(\"rust/inspect.rs\"); }\n";
    std::fs::write(base.join("lib.rs"), library).expect("a library");
    let output = compiler("rustc", "2018")
        .args(["--crate-type", "rlib", "--crate-name", "base_types", "--out-dir"])
        .arg(folder.path())
        .arg(base.join("lib.rs"))
        .output();
    succeed(&output.expect("rustc runs"), "the library");
    let path = "::base_types::schemas".to_owned();
    let extern_schemas = BTreeMap::from([("base.types".to_owned(), path)]);
    let model = model_importing(TOP, BASE);
    write(folder.path(), &emit_with(&model, &Options { extern_schemas }));
    std::fs::write(folder.path().join("main.rs"), MAIN).expect("a program");
    let binary = folder.path().join("main");
    let output = compiler("rustc", "2021")
        .arg("--extern")
        .arg(format!("base_types={}", folder.path().join("libbase_types.rlib").display()))
        .arg("-o")
        .arg(&binary)
        .arg(folder.path().join("main.rs"))
        .output();
    succeed(&output.expect("rustc runs"), "the program");
    let output = std::process::Command::new(binary).output().expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), PRINTED.repeat(2));
}

/// Ways to name a type of `inspect.core`, each the only one of its schema.
const ON_CORE: [&str; 8] = [
    "use inspect.core::pair; struct holder { number: u8, first: pair }",
    "struct holder { many: [inspect.core::root; 2], order: inspect.core::byte_order }",
    "struct holder { union { raw: u32, inner: struct { flags: inspect.core::table_flags } } }",
    "struct holder { next: *inspect.core::root }",
    "use inspect.core::{pair, space}; record fixed { pair: pair, space: space, _: [u16; 3] }",
    "class root_of: inspect.core::root;",
    "use inspect.core::{extent}; class extents: [extent];",
    "use inspect.core::phase; entry row { #[since(2)] phase: phase }",
];

#[test]
fn a_schema_on_top_of_the_core() {
    for text in ON_CORE {
        let folder = tempfile::tempdir().expect("a folder");
        let files = emit(&model(&[&format!("schema on.core version 2;\n{text}\n")]));
        assert!(files.contains_key("rust/inspect_core.rs"), "{text}: {:?}", files.keys());
        write(folder.path(), &files);
        let library = "#![no_std]\n#![forbid(unsafe_code)]\npub mod schemas {\n    \
            inspect_runtime::include_schemas!(\"rust/inspect.rs\");\n}\n";
        std::fs::write(folder.path().join("lib.rs"), library).expect("a library");
        let output = compiler("rustc", "2021")
            .args(["--crate-type", "lib", "--emit", "metadata", "--out-dir"])
            .arg(folder.path())
            .arg(folder.path().join("lib.rs"))
            .output();
        succeed(&output.expect("rustc runs"), text);
    }
}

/// The core's module is there where it is named, and only once where another crate has it.
#[test]
fn the_core_is_generated_where_it_is_named_and_not_elsewhere() {
    let without = emit(&model(&["schema alone version 1; struct holder { number: u8 }"]));
    assert!(!without.contains_key("rust/inspect_core.rs"), "{:?}", without.keys());
    let path = "::other::schemas".to_owned();
    let extern_schemas = BTreeMap::from([("inspect.core".to_owned(), path)]);
    let named = model(&["schema on.core version 1; class pair_of: inspect.core::pair;"]);
    let elsewhere = emit_with(&named, &Options { extern_schemas });
    assert!(!elsewhere.contains_key("rust/inspect_core.rs"), "{:?}", elsewhere.keys());
    let declared = String::from_utf8_lossy(&elsewhere["rust/inspect.rs"]).into_owned();
    assert!(declared.contains("pub use ::other::schemas::inspect_core;"), "{declared}");
    assert!(!declared.contains("mod inspect_core"), "{declared}");
}
