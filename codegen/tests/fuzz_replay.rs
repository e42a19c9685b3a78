//! Replays what the fuzz targets have found: every file below `fuzz/corpus-crashes/TARGET` goes through that
//! target again. To add a find, copy the file there.

#[path = "fuzz/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

fn files(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus-crashes").join(target);
    let entries = std::fs::read_dir(&root).expect("a directory of finds for each target");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no file in {}", root.display());
    files
}

fn replay(target: &str, run: fn(&str)) {
    replay_bytes(target, |bytes| {
        // libFuzzer hands a target only what is UTF-8, as the program does.
        if let Ok(text) = std::str::from_utf8(bytes) {
            run(text);
        }
    });
}

fn replay_bytes(target: &str, run: impl Fn(&[u8])) {
    for path in files(target) {
        let bytes = std::fs::read(&path).expect("a find");
        eprintln!("{}", path.display());
        run(&bytes);
    }
}

#[test]
fn packing_survives() {
    replay_bytes("pack", targets::pack);
}

#[test]
fn parsing_survives() {
    replay("parse", targets::parse);
}

#[test]
fn printing_survives() {
    replay("parse_print_parse", targets::parse_print_parse);
}

#[test]
fn checking_survives() {
    replay("check", targets::check);
}
