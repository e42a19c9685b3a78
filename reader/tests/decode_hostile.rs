//! Types and memory that nobody vouches for: no panic, no hang, no more output than the budget allows.

mod decode_support;

#[path = "decode_fuzz/targets.rs"]
mod targets;

use std::path::Path;

use decode_support::{schema, types_of};
use inspect_format::abi::Order;
use inspect_format::btf::{Builder, Member, Patch, Word};
use inspect_gen::model::Target;
use inspect_reader::decode::{Budget, Decoder, NoMemory, Plan, PlanError};
use inspect_reader::output::value_json::JsonSink;
use proptest::prelude::*;

const SHAPES: &str = include_str!("../../codegen/tests/btf/shapes.inspect");
const SHOP: &str = include_str!("decode_gcc/shop.inspect");

/// The types of two schemas, which have every form, for two targets.
fn blobs() -> Vec<Vec<u8>> {
    let without_captured: String =
        SHOP.split("extern const").next().into_iter().chain(["class shelf: shelf;"]).collect();
    let models = [schema(SHAPES), schema(&without_captured)];
    let mut blobs = Vec::new();
    for model in &models {
        let (id, _) = model.emitted().next().expect("a schema");
        for target in ["x86_64", "mips"] {
            blobs.push(types_of(model, id, Target::from_name(target).expect("a target")));
        }
    }
    blobs
}

fn runs() -> u32 {
    if std::env::var_os("INSPECT_LONG").is_some_and(|long| long == "1") { 20_000 } else { 100 }
}

#[test]
fn any_change_of_types_is_survived() {
    let blobs = blobs();
    let words = prop_oneof![Just(0_u32), Just(1), Just(u32::MAX), 0..200_u32, any::<u32>()];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), words, 0..4_usize), 1..6);
    let memory = prop::collection::vec(prop_oneof![Just(0), 0..8_u8, any::<u8>()], 0..400);
    let ids = 0..60_u32;
    let config = ProptestConfig::with_cases(runs());
    proptest!(config, |(which in 0..4_usize, changes in changes, memory in memory, id in ids)| {
        let mut types = blobs[which].clone();
        for (place, word, kind) in changes {
            let at = place.index(types.len().saturating_sub(4));
            match kind {
                0 => types[at] = word as u8,
                // A whole word where one stands.
                1 => types[at & !3..][..4].copy_from_slice(&word.to_le_bytes()),
                2 => types[at & !3..][..4].copy_from_slice(&word.to_be_bytes()),
                _ => {
                    let from = word as usize % (types.len() - 4);
                    types.copy_within(from & !3..(from & !3) + 4, at & !3);
                }
            }
        }
        for word_size in [4, 8] {
            if let Ok(plan) = Plan::new(&types, word_size) {
                targets::look(&plan, id, &memory);
            }
        }
    });
}

#[test]
fn any_memory_is_survived() {
    let blobs = blobs();
    let small = prop_oneof![Just(0), 0..8_u8, any::<u8>()];
    let memory = prop::collection::vec(small, 0..1000);
    let config = ProptestConfig::with_cases(runs());
    proptest!(config, |(which in 0..4_usize, memory in memory, id in 0..80_u32)| {
        let word_size = if which % 2 == 0 { 8 } else { 4 };
        let plan = Plan::new(&blobs[which], word_size).expect("a plan");
        targets::look(&plan, id, &memory);
    });
}

fn number_member(name: &str, type_id: u32, bits: u32) -> Member<'_> {
    Member { name, type_id: Word::Number(type_id), place: Word::Number(bits) }
}

fn finish(builder: Builder) -> Vec<u8> {
    let resolve = |patch: &Patch| matches!(patch, Patch::WordSize).then_some(8);
    builder.finish().bytes(Order::Little, resolve, |_| true).expect("all is known")
}

/// Struct `s` with its id.
fn of(build: impl FnOnce(&mut Builder, u32)) -> (Plan, u32) {
    let mut builder = Builder::new();
    let id = builder.reserve();
    build(&mut builder, id);
    (Plan::new(&finish(builder), 8).expect("a plan"), id)
}

#[test]
fn a_struct_that_contains_itself_ends() {
    for name in ["self", ""] {
        let (plan, id) = of(|builder, id| {
            let members = [number_member(name, id, 0), number_member("again", id, 0)];
            builder.define_composite(id, "s", false, false, Word::Number(4), &members);
        });
        targets::look(&plan, id, &[1; 4]);
    }
    // The same through an array, and on the default budget.
    let (plan, id) = of(|builder, id| {
        let array = builder.array(id, Word::Number(1));
        let members = [number_member("self", array, 0)];
        builder.define_composite(id, "s", true, false, Word::Number(4), &members);
    });
    targets::look(&plan, id, &[1; 4]);
    let mut sink = JsonSink::new(Vec::new());
    let mut decoder = Decoder::new(&plan, &NoMemory, Budget::default());
    decoder.entry(id, None, &[1; 4], &mut sink).expect("memory takes everything");
    let json = String::from_utf8(sink.finish().expect("memory takes everything")).expect("JSON");
    assert!(json.contains(r#"{"@note":"budget","@limit":"nesting"}"#), "{json}");
}

#[test]
fn sizes_that_multiply_are_nothing_but_numbers() {
    let (plan, id) = of(|builder, id| {
        let mut inner = builder.int("unsigned char", 1, 0);
        for _ in 0..3 {
            inner = builder.array(inner, Word::Number(u32::MAX));
        }
        let members = [number_member("huge", inner, 0)];
        builder.define_composite(id, "s", false, false, Word::Number(u32::MAX), &members);
    });
    targets::look(&plan, id, &[1; 100]);
    let (plan, id) = of(|builder, id| {
        let nothing = builder.reserve();
        builder.define_composite(nothing, "n", false, false, Word::Number(0), &[]);
        let array = builder.array(nothing, Word::Number(u32::MAX));
        builder.define_composite(
            id,
            "s",
            false,
            false,
            Word::Number(4),
            &[number_member("many", array, 0)],
        );
    });
    targets::look(&plan, id, &[1; 100]);
}

#[test]
fn names_that_overlap_are_refused() {
    // Many members that share one long name: together they are the square of what stands in the file.
    let mut builder = Builder::new();
    let byte = builder.int("unsigned char", 1, 0);
    let id = builder.reserve();
    let name = "x".repeat(20_000);
    let members = vec![number_member(&name, byte, 0); 3000];
    builder.define_composite(id, "s", false, false, Word::Number(1), &members);
    assert_eq!(Plan::new(&finish(builder), 8).map(|_| ()).unwrap_err(), PlanError::Names);
}

#[test]
fn many_searches_are_given_up() {
    // Each of many members has a count that names the last one.
    let (plan, id) = of(|builder, id| {
        let byte = builder.int("unsigned char", 1, 0);
        let array = builder.array(byte, Word::Number(1));
        let names: Vec<String> = (0..40_000).map(|i| format!("m{i}")).collect();
        let members: Vec<_> = names.iter().map(|name| number_member(name, array, 0)).collect();
        builder.define_composite(id, "s", false, false, Word::Number(1), &members);
        for member in 0..40_000 {
            builder.tag("inspect:count=nobody", id, Some(member));
        }
    });
    targets::look(&plan, id, &[1; 1]);
}

#[test]
fn finds_are_replayed() {
    for (target, run) in [("btf", targets::btf as fn(&[u8])), ("decode", targets::decode)] {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus-crashes").join(target);
        let entries = std::fs::read_dir(&root).expect("a directory of finds for each target");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no file in {}", root.display());
        for path in paths {
            eprintln!("{}", path.display());
            run(&std::fs::read(&path).expect("a find"));
        }
    }
}

/// Writes inputs to begin with, for whoever fuzzes: `INSPECT_FUZZ_SEEDS=fuzz/corpus`.
#[test]
fn seeds_are_written() {
    let Some(folder) = std::env::var_os("INSPECT_FUZZ_SEEDS") else { return };
    for (index, types) in blobs().into_iter().enumerate() {
        for (target, is_decode) in [("btf", false), ("decode", true)] {
            let folder = Path::new(&folder).join(target);
            std::fs::create_dir_all(&folder).expect("a folder");
            for id in 0..if is_decode { 100 } else { 1 } {
                let mut bytes = types.clone();
                if is_decode {
                    let choice = (id << 1) as u8 | (index % 2) as u8;
                    let length = (types.len() as u16).to_le_bytes();
                    bytes =
                        [length[0], length[1], choice].into_iter().chain(types.clone()).collect();
                    bytes.extend((0..512).map(|i| if i % 8 < 6 { 0 } else { (i * 7) as u8 }));
                }
                std::fs::write(folder.join(format!("seed-{index}-{id}")), bytes).expect("a file");
            }
        }
    }
}
