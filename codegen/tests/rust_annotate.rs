//! Annotations in Rust: what is said in one line arrives as an entry of a table, in a program that nobody packed.
//! Everything that an annotation can say, under every edition, without `std`, without unsafe code, without a
//! warning.

mod rust_support;

use inspect_format::abi::{Order, extent};
use inspect_format::pairs::{Records, Value};
use object::{Object as _, ObjectSection as _};
use rust_support::{build, compiler, compiles_in_every_edition, model, succeed, write};

const SCHEMA: &str = include_str!("rust_annotate/stand.inspect");

/// What every test compiles.
const PRELUDE: &str = include_str!("rust_annotate/prelude.rs");

const EVERYTHING: &str = include_str!("rust_annotate/everything.rs");

fn generate() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &inspect_gen::emit::rust::emit(&model(&[SCHEMA])));
    folder
}

#[test]
fn everything_compiles_in_every_edition() {
    let folder = generate();
    let main = format!(
        "#![no_std]\n#![forbid(unsafe_code)]\n#![deny(warnings, clippy::pedantic)]\n\
         {PRELUDE}{EVERYTHING}"
    );
    compiles_in_every_edition(folder.path(), &main);
}

const MAIN: &str = include_str!("rust_annotate/adopt.rs");

#[test]
fn a_program_that_nobody_packed_adopts_its_annotations() {
    let folder = generate();
    let program = build(folder.path(), &format!("{PRELUDE}{EVERYTHING}{MAIN}"));
    let output = std::process::Command::new(&program).output().expect("the program runs");
    succeed(&output, "the program");
    let said = String::from_utf8(output.stdout).expect("text");
    let (adopted, rows) = said.split_once('\n').expect("a line");
    assert_eq!(adopted, "Adopted { registered: 17, known: 0, foreign: 0 }");
    insta::assert_snapshot!("rust_annotate_adopted", rows);
}

/// The packer and the run-time read an annotation alike, to the last default.
#[test]
fn a_packed_program_has_the_same_entries() {
    let folder = generate();
    let program = build(folder.path(), &format!("{PRELUDE}{EVERYTHING}{MAIN}"));
    let image = std::fs::read(&program).expect("the program");
    let packed = inspect_gen::pack::pack(&image, &inspect_gen::pack::Options::default());
    let packed = packed.expect("nothing is wrong with it");
    assert_eq!((packed.annotations, packed.tables.len()), (17, 1));
    std::fs::write(&program, packed.image.expect("it changes")).expect("the packed program");
    let output = std::process::Command::new(&program).output().expect("the program runs");
    succeed(&output, "the packed program");
    let said = String::from_utf8(output.stdout).expect("text");
    let (adopted, rows) = said.split_once('\n').expect("a line");
    assert_eq!(adopted, "Adopted { registered: 0, known: 0, foreign: 0 }");
    insta::assert_snapshot!("rust_annotate_adopted", rows);
}

/// Whichever threads adopt at the same moment, each annotation is registered once.
#[test]
fn several_threads_adopt_each_annotation_once() {
    let folder = generate();
    let crowd = include_str!("rust_annotate/crowd.rs");
    let program = build(folder.path(), &format!("{PRELUDE}{EVERYTHING}{crowd}"));
    let output = std::process::Command::new(&program).output().expect("the program runs");
    succeed(&output, "the program");
}

#[test]
fn the_pairs_lie_in_the_section() {
    let folder = generate();
    let program = build(folder.path(), &format!("{PRELUDE}{EVERYTHING}{MAIN}"));
    let bytes = std::fs::read(&program).expect("the program");
    let file = object::File::parse(&*bytes).expect("an image");
    let section = file.section_by_name("inspect_table").expect("the section");
    let bytes = section.uncompressed_data().expect("its bytes");
    let records: Vec<_> = Records::new(&bytes, Order::NATIVE, size_of::<usize>() as u8)
        .map(|record| record.expect("a record"))
        .collect();
    assert_eq!(records.len(), 17);
    let of = |name: &str| {
        let found = records.iter().find(|it| it.text("name") == Some(name));
        *found.unwrap_or_else(|| panic!("no {name}"))
    };
    let log = of("log");
    assert_eq!((log.text("class"), log.text("label")), (Some("lines"), Some("six by")));
    assert_eq!((log.integer("instance"), log.integer("length")), (Some(3), Some(64)));
    assert_eq!((log.integer("port"), log.integer("delta")), (Some(443), Some(-5_i64 as u64)));
    assert_eq!((log.integer("space"), log.integer("id")), (Some(300), Some(12)));
    assert_eq!(log.integer("properties"), Some(1 | 1 << 63));
    let file = log.text("file").expect("a file");
    assert!(file.ends_with("main.rs") && file.len() < 72, "{file}");
    let first =
        1 + EVERYTHING.lines().position(|line| line.contains("class::Lines")).unwrap() as u64;
    assert_eq!(log.integer("line"), Some(first + PRELUDE.lines().count() as u64));
    let many = of("many");
    let count = many.pairs().find_map(|pair| match pair.expect("a pair") {
        pair if pair.key == "count" => Some(pair.value),
        _ => None,
    });
    assert!(matches!(count, Some(Value::Address(_, width)) if width == size_of::<usize>() as u64));
    assert_eq!(of("anything").integer("extent"), Some(u64::from(extent::ADDRESS_ONLY)));
    assert_eq!(of("two").integer("extent"), Some(u64::from(extent::INDIRECT)));
    assert_eq!(of("two").integer("length"), Some(32));
}

/// Faulty annotations, and what the compiler says about each at the annotation.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (
        "static V: u32 = 0;",
        "s::class::Log: V",
        &["a variable of type `u32` does not hold", "about `Line`"],
    ),
    (
        "static V: [s::Line; 2] = [s::Line::ZERO; 2];",
        "s::class::Log: V",
        &["`[Line; 2]` does not hold"],
    ),
    (
        "static V: s::Line = s::Line::ZERO;",
        "s::class::Lines: V",
        &["`Line` does not hold", "`[Line]`"],
    ),
    (
        "static V: [u64; 2] = [0; 2];",
        "s::class::Lines: V",
        &["`u64` does not hold", "about `Line`"],
    ),
    (
        "static V: s::Line = s::Line::ZERO;",
        "s::class::Lok: V",
        &["cannot find type `Lok`", "`Log`"],
    ),
    ("static V: s::Line = s::Line::ZERO;", "s::Line: V", &["`Line` is not a class"]),
    (LINE, "s::class::Log: W", &["cannot find value `W`"]),
    (LINE, "s::class::Log: V, ownr = 7", &["named `ownr`", "similar name", "owner"]),
    (LINE, "s::class::Log: V, ratio = 1", &["named `ratio`"]),
    (LINE, "s::class::Log: V, owner = -1", &["cannot apply unary operator `-` to type `u32`"]),
    (LINE, "s::class::Log: V, owner = 0x1_0000_0000", &["literal out of range for `u32`"]),
    (LINE, "s::class::Log: V, owner = \"me\"", &["expected `u32`, found `&str`"]),
    (LINE, "s::class::Log: V, label = \"seven b\"", &["the text is longer than its field"]),
    (LINE, "s::class::Log: V, remark = \"a\\0b\"", &["a text of an annotation holds no NUL"]),
    (LINE, "s::class::Log: V, name = 7", &["expected `&str`, found integer"]),
    (LINE, "s::class::Log: V, name = \"a\", owner = 1, name = \"b\"", &["says the same key twice"]),
    (LINE, "s::class::Log: V, mood = 1", &["expected `Mood`, found integer"]),
    (LINE, "s::class::Log: V, properties = 1", &["expected `Facts`, found integer"]),
    (LINE, "s::class::Log: V, id = 1 << 31", &["an explicit id is below 2^31"]),
    (LINE, "s::class::Log: V, length = 16", &["`length` goes with `indirect` only"]),
    (
        LINE,
        "s::class::Log: V, owner",
        &["an annotation is `annotate!(Class: VARIABLE, key = value, ...)`"],
    ),
    (LINE, "s::class::Log", &["an annotation is `annotate!(Class: VARIABLE, key = value, ...)`"]),
    (LINE, "s::class::Log: &V", &["cannot take address of a temporary"]),
    (LINE, "s::class::Log: indirect V", &["a variable of type `Line` is no pointer"]),
    (LINE, "s::class::Log: counted P by V", &["a variable of type `Line` is no counter"]),
    (LINE, "s::class::Count: indirect P", &["the pointer leads to `Line`", "about `u64`"]),
    (LINE, "s::class::Lines: indirect P", &["how many elements are behind the pointer?"]),
    (
        LINE,
        "s::class::Cache: indirect P",
        &["the pointer leads to `Line`", "about `external::Cache`"],
    ),
    (
        LINE,
        "s::class::Lines: indirect P, length = 17",
        &["the length is no multiple of an element's"],
    ),
    (LINE, "s::class::Count: V..V", &["a range of the class does not start or end at a `Line`"]),
    ("static V: [s::Line; 2] = [s::Line::ZERO; 2];", "s::class::Log: V[2]", &["out of bounds"]),
];

const DESCRIBED: &str = "#[allow(dead_code)]
struct Cache { hits: u64, misses: u64 }
inspect_runtime::describe!(schemas::stand::external::Cache as Cache { hits, misses });
";

const LINE: &str = "static V: s::Line = s::Line::ZERO;\nstatic P: Ptr<s::Line> = Ptr::NULL;";

#[test]
fn faulty_annotations_do_not_compile_and_say_why() {
    let folder = generate();
    let source = folder.path().join("lib.rs");
    let mut faults = Vec::new();
    for (items, annotation, expected) in REFUSED {
        let text = format!(
            "{PRELUDE}{DESCRIBED}#[allow(dead_code)]\nmod it {{ use super::*;\n{items}\n\nannotate!({annotation});\n}}"
        );
        std::fs::write(&source, &text).expect("a program");
        let output = compiler("rustc", "2021")
            .args(["--crate-type", "lib", "--emit", "metadata", "--out-dir"])
            .arg(folder.path())
            .arg(&source)
            .output()
            .expect("rustc runs");
        let said = String::from_utf8(output.stderr).expect("text");
        let line = 1 + text.lines().position(|line| line.contains("annotate!(")).expect("a line");
        if output.status.success() {
            faults.push(format!("{annotation}: it compiles"));
        }
        if !said.contains(&format!("lib.rs:{line}:")) {
            faults.push(format!("{annotation}: not at line {line}\n{said}"));
        }
        for part in expected.iter().filter(|part| !said.contains(**part)) {
            faults.push(format!("{annotation}: it does not say {part:?}\n{said}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
