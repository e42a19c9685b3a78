//! Layouts against the compilers that have the last word: random structs, printed as a schema and as C, and
//! `inspect-gen layout --json` held against `sizeof`, `_Alignof`, `offsetof` and the bits that each cross
//! compiler sets in an object.
//!
//! 100 structs a target; with `INSPECT_LONG=1`, 2,000. The seed is fixed and printed, `INSPECT_SEED=n` tries
//! another. A disagreement is reduced to the smallest struct that still shows it.

#[path = "layouts/compilers.rs"]
mod compilers;
#[path = "layouts/print.rs"]
mod print;
mod random;
mod rust_support;
#[path = "layouts/shape.rs"]
mod shape;

use std::path::Path;
use std::process::Command;

use compilers::{COMPILERS, Compiler, Found, FoundField, Place};
use random::Random;
use shape::Program;

const SEED: u64 = 20_250_917;
const BATCH: usize = 100;

#[test]
fn layouts_are_those_of_the_compilers() {
    let seed = seed();
    let long = std::env::var("INSPECT_LONG").is_ok_and(|text| text == "1");
    let batch_count = if long { 20 } else { 1 };
    eprintln!("seed {seed}, {} structs a target", batch_count * BATCH);
    let mut random = Random::new(seed);
    let programs: Vec<Program> =
        (0..batch_count).map(|batch| shape::program(&mut random, batch * BATCH, BATCH)).collect();
    let mut failures = Vec::new();
    for compiler in COMPILERS {
        if !compiler.is_present() {
            skip(compiler);
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder for the compilers");
        for program in &programs {
            // Where a bit-field's own alignment is below its type's, Clang lets it cross a unit of its type and
            // GCC does not. Layouts follow GCC; Clang is asked about everything else.
            let tamed = (compiler.program == "clang").then(|| program.without_bit_alignment());
            let program = tamed.as_ref().unwrap_or(program);
            match disagreement(compiler, program, folder.path()) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    failures.push(reduce(compiler, program, &found, folder.path()));
                    break;
                }
                Err(error) => {
                    failures.push(format!("{} for {}: {error}", compiler.program, compiler.target));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "seed {seed}\n{}", failures.join("\n"));
}

fn seed() -> u64 {
    std::env::var("INSPECT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED)
}

/// What is generated from the same structs holds every compiler to their layouts by assertions of its own.
#[test]
fn outputs_compile_with_their_assertions() {
    let seed = seed();
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let schema = print::schema(&shape::program(&mut random, 0, BATCH));
    let model = rust_support::model(&[&schema]);
    let folder = tempfile::tempdir().expect("a folder for the outputs");
    rust_support::write(folder.path(), &inspect_gen::emit::c::emit(&model));
    rust_support::write(folder.path(), &inspect_gen::emit::rust::emit(&model));
    let includes = ["-include", "random.inspect.h", "-include", "random.decode.h"];
    for compiler in COMPILERS.iter().filter(|compiler| compiler.is_present()) {
        let said = compiler.check(&folder.path().join("c"), &includes);
        assert_eq!(said, "", "{} for {}", compiler.program, compiler.target);
    }
    let main = "#![no_std]\n#![forbid(unsafe_code)]\n\
        mod schemas { inspect_runtime::include_schemas!(\"rust/inspect.rs\"); }\n";
    let source = folder.path().join("lib.rs");
    std::fs::write(&source, main).expect("a program");
    let output = rust_support::compiler("rustc", "2021")
        .args(["--crate-type", "lib", "--emit", "metadata", "--out-dir"])
        .arg(folder.path())
        .arg(&source)
        .output();
    rust_support::succeed(&output.expect("rustc runs"), "rustc");
}

/// A compiler that is missing is said aloud, and fails where everything is demanded to be there.
fn skip(compiler: &Compiler) {
    let what = format!("{} for {}", compiler.program, compiler.target);
    let demanded = std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|text| text == "1");
    assert!(!demanded, "{what} is missing");
    eprintln!("skipped: {what} is missing");
}

/// What differs first between the compiler and the schema's layouts.
struct Disagreement {
    /// The struct, by number.
    number: usize,
    text: String,
}

fn disagreement(
    compiler: &Compiler,
    program: &Program,
    folder: &Path,
) -> Result<Option<Disagreement>, String> {
    let theirs = compiler.layouts(program, folder)?;
    let ours = layout_json(compiler.target, program, folder)?;
    for found in &theirs {
        let declared = declared(&ours["structs"][&found.path], found);
        if declared.as_ref() != Some(found) {
            let name = found.path.trim_start_matches('s').split('.').next().unwrap_or_default();
            let text = format!(
                "{} on {} ({}):\n{}",
                found.path,
                compiler.target,
                compiler.program,
                difference(declared.as_ref(), found)
            );
            return Ok(Some(Disagreement { number: name.parse().unwrap_or(0), text }));
        }
    }
    Ok(None)
}

fn layout_json(
    target: &str,
    program: &Program,
    folder: &Path,
) -> Result<serde_json::Value, String> {
    let schema = folder.join("random.inspect");
    std::fs::write(&schema, print::schema(program)).map_err(|error| error.to_string())?;
    let run = Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
        .args(["layout", "--json", "--target", target])
        .arg(&schema)
        .output()
        .map_err(|error| error.to_string())?;
    if !run.status.success() {
        let stderr: String = String::from_utf8_lossy(&run.stderr).chars().take(4000).collect();
        return Err(format!("inspect-gen refuses the schema:\n{stderr}"));
    }
    serde_json::from_slice(&run.stdout).map_err(|error| error.to_string())
}

/// What the JSON says about the fields that the compiler was asked for.
fn declared(json: &serde_json::Value, found: &Found) -> Option<Found> {
    let listed = json["fields"].as_array()?;
    let mut fields = Vec::new();
    for wanted in &found.fields {
        let field = listed.iter().find(|field| field["name"] == wanted.name.as_str())?;
        let place = match field.get("bit_offset") {
            Some(first) => {
                Place::Bits { first: first.as_u64()?, width: field["bit_size"].as_u64()? }
            }
            None => {
                Place::Bytes { offset: field["offset"].as_u64()?, size: field["size"].as_u64()? }
            }
        };
        fields.push(FoundField { name: wanted.name.clone(), place });
    }
    Some(Found {
        path: found.path.clone(),
        size: json["size"].as_u64()?,
        align: json["align"].as_u64()?,
        fields,
    })
}

fn difference(declared: Option<&Found>, found: &Found) -> String {
    let Some(declared) = declared else { return "  not in the JSON, or a field is not".to_owned() };
    let mut out = String::new();
    let mut line = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            out.push_str(&format!("  {what}: the schema says {ours}, the compiler {theirs}\n"));
        }
    };
    line("size", declared.size.to_string(), found.size.to_string());
    line("alignment", declared.align.to_string(), found.align.to_string());
    for (ours, theirs) in declared.fields.iter().zip(&found.fields) {
        line(&ours.name, format!("{:?}", ours.place), format!("{:?}", theirs.place));
    }
    out
}

/// The smallest program that still shows a disagreement, with both texts.
fn reduce(compiler: &Compiler, program: &Program, found: &Disagreement, folder: &Path) -> String {
    let mut smallest = program.only(found.number);
    let mut text = match disagreement(compiler, &smallest, folder) {
        Ok(Some(found)) => found.text,
        _ => return format!("{}\n(only in company)\n{}", found.text, print::schema(&smallest)),
    };
    'again: loop {
        for smaller in smallest.reductions() {
            if let Ok(Some(found)) = disagreement(compiler, &smaller, folder) {
                let number = smaller.structs.last().map_or(found.number, |last| last.number);
                smallest =
                    smaller.only(if smaller.structs.len() > 1 { number } else { found.number });
                text = found.text;
                continue 'again;
            }
        }
        break;
    }
    smallest.enums.clear();
    format!("{text}{}", print::schema(&smallest))
}
