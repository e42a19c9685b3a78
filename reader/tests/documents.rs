//! The documents show what the program prints: every block of commands behind `<!-- run -->` is run as it stands,
//! and prints what stands below it.
//!
//! The blocks of a document are one session of a shell that begins in the repository. Digits of addresses may be
//! others, and a line `...` stands for any lines. `UPDATE_DOCUMENTS=1` writes what was printed into the document.
#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MARK: &str = "<!-- run -->";

/// A command, and the lines below it.
#[derive(Debug)]
struct Step {
    /// The number of the line with the command.
    line: usize,
    command: String,
    expected: Vec<String>,
}

#[test]
fn the_tour_of_the_readme_is_as_it_says() {
    check("README.md");
}

#[test]
fn the_guide_prints_what_it_says() {
    check("docs/reading.md");
}

fn check(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let path = root.join(name);
    let text = std::fs::read_to_string(&path).expect("the document");
    let steps = steps(&text);
    assert!(!steps.is_empty(), "{name} runs nothing");
    let printed = run(root, &steps);
    if std::env::var_os("UPDATE_DOCUMENTS").is_some_and(|it| it == "1") {
        std::fs::write(&path, updated(&text, &steps, &printed)).expect("the document");
        return;
    }
    for (step, printed) in steps.iter().zip(&printed) {
        let (command, line) = (&step.command, step.line);
        assert!(
            matches(&step.expected, printed),
            "{name}:{line}: `{command}` prints something else:\n{}\ninstead of\n{}",
            printed.join("\n"),
            step.expected.join("\n"),
        );
    }
}

/// The commands of the marked blocks.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        if line != MARK {
            continue;
        }
        let block = lines.by_ref().skip(1).take_while(|(_, line)| !line.starts_with("```"));
        for (number, line) in block {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step {
                    line: number + 1,
                    command: command.to_owned(),
                    expected: Vec::new(),
                }),
                (None, Some(step)) => step.expected.push(line.to_owned()),
                (None, None) => panic!("line {}: no command before it", number + 1),
            }
        }
    }
    steps
}

/// What each command prints.
fn run(root: &Path, steps: &[Step]) -> Vec<Vec<String>> {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut script = String::new();
    for step in steps {
        // What a compiler says on its way is not shown.
        let errors = if step.command.starts_with("cargo ") { "/dev/null" } else { "&1" };
        script += &format!("{{ {}\n}} 2>{errors} </dev/null\nprintf '\\n\\0'\n", step.command);
    }
    let programs = PathBuf::from(env!("CARGO_BIN_EXE_inspect"));
    let mut path = OsString::from(programs.parent().expect("a folder"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(root)
        .env("PATH", path)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let printed: Vec<Vec<String>> = text.split_terminator('\0').map(lines).collect();
    assert_eq!(printed.len(), steps.len(), "{text}");
    printed
}

/// Without what the shell says about a program that was killed.
fn lines(text: &str) -> Vec<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let lines = text.lines().filter(|line| !line.contains("Segmentation fault"));
    lines.filter(|line| !line.contains(" Done ")).map(|line| line.trim_end().to_owned()).collect()
}

fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, more)| masked(first) == masked(line) && matches(rest, more)),
    }
}

/// Without the digits of addresses.
fn masked(line: &str) -> String {
    let mut masked = String::new();
    for (index, part) in line.split("0x").enumerate() {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let is_address = index > 0 && digits >= 8;
        masked += if index > 0 { "0x" } else { "" };
        masked += if is_address { "ADDRESS" } else { &part[..digits] };
        masked += &part[digits..];
    }
    masked
}

/// The document with what was printed.
fn updated(text: &str, steps: &[Step], printed: &[Vec<String>]) -> String {
    let mut out = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        out += &format!("{line}\n");
        let Some(at) = steps.iter().position(|step| step.line == index + 1) else { continue };
        let same = matches(&steps[at].expected, &printed[at]);
        let below = if same { &steps[at].expected } else { &printed[at] };
        below.iter().for_each(|line| out += &format!("{line}\n"));
        for _ in &steps[at].expected {
            lines.next();
        }
    }
    out
}
