//! Damaged schemas never make the compiler panic: bytes flipped, lines deleted, doubled and spliced in from
//! other schemas, through every stage and every output. `INSPECT_LONG=1` runs a hundred times as many.

mod random;
mod support;

use inspect_gen::check::{Options, check};
use inspect_gen::emit;
use inspect_gen::source::SourceMap;
use inspect_gen::syntax;
use random::Random;
use support::schema_directory;

fn texts() -> Vec<String> {
    let names = ["firmware", "daemon", "shards", "linux/mm", "linux/types", "linux/printk"];
    let fixtures =
        ["kinds", "forms", "members"].map(|name| format!("../codegen/tests/c/schemas/{name}"));
    let names = names.into_iter().map(str::to_owned).chain(fixtures);
    let path = |name: String| schema_directory().join(format!("{name}.inspect"));
    names.map(|name| std::fs::read_to_string(path(name)).expect("a schema")).collect()
}

fn damage(random: &mut Random, text: &str, other: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = random.below(lines.len());
    match random.below(5) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let others: Vec<&str> = other.lines().collect();
            lines.insert(at, others[random.below(others.len())].to_owned());
        }
        3 => {
            let words = ["0", "-1", "u8", "[", "}", "#[packed]", "_", "18446744073709551615", "*"];
            let mut parts: Vec<&str> = lines[at].split(' ').collect();
            let place = random.below(parts.len());
            parts[place] = words[random.below(words.len())];
            lines[at] = parts.join(" ");
        }
        _ => {
            let mut bytes = lines[at].clone().into_bytes();
            if !bytes.is_empty() {
                let place = random.below(bytes.len());
                bytes[place] ^= 1 << random.below(7);
            }
            lines[at] = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    lines.join("\n")
}

/// Whether it was a schema still.
fn compile(texts: &[&str], imported: &str) -> bool {
    let mut sources = SourceMap::new();
    sources.add("core.inspect", imported, true);
    for (index, text) in texts.iter().enumerate() {
        sources.add(format!("{index}.inspect"), *text, false);
    }
    let (files, _) = syntax::parse(&sources);
    let (model, found) = check(&sources, &files, &Options::default());
    let found = found.into_sorted();
    let _ = inspect_gen::diag::render::human(&sources, &found, false);
    let Some(model) = model else { return false };
    let mut out = emit::rust::emit(&model);
    out.extend(emit::c::emit(&model));
    out.extend(emit::json::emit(&model, &sources));
    out.extend(emit::doc::emit(&model));
    out.extend(emit::btf::emit(&model));
    out.extend(emit::table::emit(&model));
    let broken = out.iter().find(|(path, bytes)| {
        path.ends_with(".rs") && String::from_utf8_lossy(bytes).contains("compile_error!")
    });
    assert!(broken.is_none(), "{broken:?} is no Rust");
    true
}

#[test]
fn damaged_schemas_are_refused_or_compiled() {
    let core = std::fs::read_to_string(schema_directory().join("core.inspect")).expect("core");
    let texts = texts();
    let rounds = if std::env::var_os("INSPECT_LONG").is_some() { 20_000 } else { 200 };
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut compiled = 0;
    for _ in 0..rounds {
        let mut mutant = texts[random.below(texts.len())].clone();
        for _ in 0..=random.below(3) {
            let other = random.below(texts.len());
            mutant = damage(&mut random, &mutant, &texts[other]);
        }
        let given = mutant.clone();
        let done = std::panic::catch_unwind(|| compile(&[&given], &core));
        match done {
            Ok(done) => compiled += u32::from(done),
            Err(_) => panic!("the compiler panicked at:\n{mutant}"),
        }
    }
    assert!(compiled > rounds / 20, "damage that leaves {compiled} of {rounds} is too rough");
}

/// Each suggestion compares with every known name, so thousands of slips must not each get one.
#[test]
fn many_unknown_names_are_reported_in_little_time() {
    let constants = (0..5_000).map(|index| format!("const C{index}: u32 = D{index};\n"));
    let text = format!("schema t version 1;\n{}", constants.collect::<String>());
    let mut sources = SourceMap::new();
    sources.add("t.inspect", text, false);
    let (files, _) = syntax::parse(&sources);
    let started = std::time::Instant::now();
    let (_, found) = check(&sources, &files, &Options::default());
    assert_eq!(found.len(), 5_000);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
