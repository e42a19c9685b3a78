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
    for path in files(target) {
        let bytes = std::fs::read(&path).expect("a find");
        // libFuzzer hands a target only what is UTF-8, as the program does.
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        eprintln!("{}", path.display());
        run(text);
    }
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
