//! Tables that nobody vouches for: no panic, no hang, nothing harmful in the output, and what is JSON stays JSON.

#[path = "table_fuzz/targets.rs"]
mod targets;

#[path = "export/tables.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inspect_format::abi::Order;
use proptest::prelude::*;
use serde_json::Value;

fn is_long() -> bool {
    std::env::var_os("INSPECT_LONG").is_some_and(|long| long == "1")
}

fn valid() -> [Vec<u8>; 4] {
    let [little, big] = [Order::Little, Order::Big].map(|order| tables::ordinary(order, 4));
    [little, big, tables::hostile(), tables::bare()]
}

/// Some bytes, or whole words, are others; the end is missing; something follows.
fn changed(
    which: usize,
    changes: &[(prop::sample::Index, u64, u8)],
    end: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut bytes = valid()[which].clone();
    for (place, value, kind) in changes {
        let at = place.index(bytes.len() - 8);
        match kind {
            0 => bytes[at] = *value as u8,
            1 => bytes[at & !3..][..4].copy_from_slice(&(*value as u32).to_le_bytes()),
            2 => bytes[at & !7..][..8].copy_from_slice(&value.to_le_bytes()),
            3 => bytes[at & !7..][..8].copy_from_slice(&value.to_be_bytes()),
            _ => {
                let from = *value as usize % (bytes.len() - 8);
                bytes.copy_within(from..from + 8, at);
            }
        }
    }
    if let Some(end) = end {
        bytes.truncate(end.index(bytes.len()));
    }
    // The checksum is not what is tested.
    if let Some(checksum) = bytes.get_mut(56..60) {
        checksum.fill(0);
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u64, u8)>> {
    let small = prop_oneof![Just(0_u64), Just(1), Just(u64::MAX), 0..200_u64, any::<u64>()];
    prop::collection::vec((any::<prop::sample::Index>(), small, 0..5_u8), 1..6)
}

#[test]
fn any_change_of_a_table_is_survived() {
    let cases = if is_long() { 100_000 } else { 500 };
    let end = prop::option::weighted(0.1, any::<prop::sample::Index>());
    let config = ProptestConfig::with_cases(cases);
    proptest!(config, |(which in 0..4_usize, changes in changes(), end in end)| {
        targets::table(&changed(which, &changes, end));
    });
}

#[test]
fn any_change_of_a_description_is_survived() {
    let cases = if is_long() { 100_000 } else { 500 };
    let config = ProptestConfig::with_cases(cases);
    let description = tables::description();
    let place = any::<prop::sample::Index>();
    let changes = prop::collection::vec((place, prop_oneof![0..24_u8, any::<u8>()]), 1..4);
    proptest!(config, |(changes in changes)| {
        let mut bytes = description.clone();
        for (place, value) in changes {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        targets::schema(&bytes);
    });
}

fn run(command: &str, path: &Path) -> Output {
    let mut words = command.split(' ');
    let mut program = Command::new(env!("CARGO_BIN_EXE_inspect"));
    program.args(words.next()).arg(path).args(words);
    program.output().unwrap()
}

/// The program itself: every command that reads a table ends as it should, whatever is in the table.
#[test]
fn the_program_survives_any_change_of_a_table() {
    const COMMANDS: [&str; 7] = [
        "list",
        "list --json",
        "show",
        "show --json",
        "map",
        "export --format csv --values",
        "export --format ndjson --values",
    ];
    let cases = if is_long() { 2000 } else { 12 };
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("table");
    let end = prop::option::weighted(0.1, any::<prop::sample::Index>());
    let config = ProptestConfig::with_cases(cases);
    proptest!(config, |(which in 0..4_usize, changes in changes(), end in end)| {
        std::fs::write(&path, changed(which, &changes, end)).unwrap();
        for command in COMMANDS {
            let output = run(command, &path);
            let status = output.status.code();
            let errors = String::from_utf8_lossy(&output.stderr);
            prop_assert!(matches!(status, Some(0 | 1)), "{command}: {status:?} {errors}");
            prop_assert!(!errors.contains("panicked"), "{command}: {errors}");
            let text = String::from_utf8(output.stdout).unwrap();
            for text in [&text, errors.as_ref()] {
                let harmful = |c: char| c.is_control() && c != '\n';
                prop_assert!(!text.contains(harmful), "{command}: {text:?}");
            }
            if command.ends_with("--json") && status == Some(0) {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{command}: {text}");
            }
        }
    });
}

/// What the fuzz targets have found. To add a find, copy the file there.
#[test]
fn finds_are_survived() {
    for (target, run) in
        [("reader_table", targets::table as fn(&[u8])), ("reader_schema", targets::schema)]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus-crashes");
        let entries = std::fs::read_dir(folder.join(target)).expect("a folder for each target");
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "no file for {target}");
        for file in files {
            eprintln!("{}", file.display());
            run(&std::fs::read(file).expect("a find"));
        }
    }
}

/// Writes inputs to begin with, for whoever fuzzes: `INSPECT_FUZZ_SEEDS=fuzz/corpus`.
#[test]
fn seeds_are_written() {
    let Some(folder) = std::env::var_os("INSPECT_FUZZ_SEEDS") else { return };
    let write = |target: &str, name: String, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a file");
    };
    for (index, table) in valid().iter().enumerate() {
        write("reader_table", format!("seed-{index}"), table);
    }
    write("reader_schema", "seed-0".to_owned(), &tables::description());
}
