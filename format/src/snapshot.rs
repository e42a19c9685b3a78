//! Snapshots: a directory with the tables, what became of their entries, and a file for each run of
//! memory.
//!
//! | file | holds |
//! |---|---|
//! | `manifest` | what else is there, and how long it is: the text below |
//! | `tables` | frozen tables, one behind another: [`tables`](crate::table::tables) |
//! | `capture` | what became of each entry: [`capture`](crate::notes::capture) |
//! | 16 hexadecimal digits | the memory from this address on |
//!
//! The manifest is one spelling for one content. Numbers are decimal, addresses have 16 hexadecimal
//! digits in lower case, runs ascend and do not overlap, and the last line counts them:
//!
//! ```text
//! inspect snapshot 1
//! tables 1432
//! capture 211
//! memory 000055d0c1a00040 64
//! end 1
//! ```
//!
//! The directory is written beside its place and renamed, so that one that bears its name is whole.

use core::fmt::{self, Write};

/// The file that says what else is there.
pub const MANIFEST: &str = "manifest";
/// The file of the frozen tables.
pub const TABLES: &str = "tables";
/// The file that says what became of each entry.
pub const CAPTURE: &str = "capture";

const FIRST_LINE: &str = "inspect snapshot 1";

/// A run of memory, in a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Of the first byte.
    pub address: u64,
    /// How many bytes, at least one.
    pub length: u64,
}

/// The name of a run's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName([u8; 16]);

/// Writes a manifest, line by line.
#[derive(Debug)]
pub struct ManifestWriter<W> {
    out: W,
    count: u64,
}

/// A manifest whose every line has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// Bytes of the tables.
    pub tables: u64,
    /// Bytes of what became of each entry.
    pub capture: u64,
    /// The lines of the runs.
    runs: &'a str,
}

/// A line that is wrong or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Which one, from 1.
    pub line: u64,
    /// What should stand there.
    pub expected: &'static str,
}

impl Run {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> FileName {
        let mut digits = [0; 16];
        for (index, digit) in digits.iter_mut().enumerate() {
            let value = (self.address >> (60 - 4 * index) & 15) as u8;
            *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        }
        FileName(digits)
    }
}

impl FileName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // They are digits.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<W: Write> ManifestWriter<W> {
    /// Begins a manifest with the sizes of the two files that are always there.
    pub fn new(mut out: W, tables: u64, capture: u64) -> Result<Self, fmt::Error> {
        write!(out, "{FIRST_LINE}\ntables {tables}\ncapture {capture}\n")?;
        Ok(Self { out, count: 0 })
    }

    /// Adds a run. They come in ascending order.
    pub fn run(&mut self, run: Run) -> fmt::Result {
        self.count += 1;
        writeln!(self.out, "memory {} {}", run.file_name().as_str(), run.length)
    }

    /// Ends the manifest and gives back what it was written to.
    pub fn finish(mut self) -> Result<W, fmt::Error> {
        writeln!(self.out, "end {}", self.count)?;
        Ok(self.out)
    }
}

impl<'a> Manifest<'a> {
    /// Reads a manifest.
    pub fn parse(text: &'a str) -> Result<Self, ManifestError> {
        let mut lines = Lines { rest: text, number: 0 };
        let first = lines.next();
        if first != Some(FIRST_LINE) {
            return Err(lines.error(FIRST_LINE));
        }
        let tables = lines.next().and_then(|line| decimal(line.strip_prefix("tables ")?));
        let tables = tables.ok_or(lines.error("`tables` and a number of bytes"))?;
        let capture = lines.next().and_then(|line| decimal(line.strip_prefix("capture ")?));
        let capture = capture.ok_or(lines.error("`capture` and a number of bytes"))?;
        let runs = lines.rest;
        let (mut count, mut end) = (0, 0);
        loop {
            let before = lines.rest;
            let line = lines.next().ok_or(lines.error("`end` and the number of runs"))?;
            if let Some(number) = line.strip_prefix("end ") {
                if decimal(number) != Some(count) {
                    return Err(lines.error("the number of runs before it"));
                }
                if !lines.rest.is_empty() {
                    lines.number += 1;
                    return Err(lines.error("nothing"));
                }
                let runs = &runs[..runs.len() - before.len()];
                return Ok(Self { tables, capture, runs });
            }
            let run = run(line).ok_or(lines.error("`memory`, an address and a length"))?;
            if run.address < end {
                return Err(lines.error("an address behind the run before"));
            }
            let last = run.length.checked_sub(1).and_then(|rest| run.address.checked_add(rest));
            end = last.ok_or(lines.error("a length within the address space"))?.saturating_add(1);
            count += 1;
        }
    }

    /// The runs, by address.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'a> {
        self.runs.lines().filter_map(run)
    }
}

struct Lines<'a> {
    rest: &'a str,
    number: u64,
}

impl<'a> Lines<'a> {
    /// The next line that ends with a line feed.
    fn next(&mut self) -> Option<&'a str> {
        self.number += 1;
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        Some(line)
    }

    fn error(&self, expected: &'static str) -> ManifestError {
        ManifestError { line: self.number, expected }
    }
}

fn run(line: &str) -> Option<Run> {
    let (address, length) = line.strip_prefix("memory ")?.split_once(' ')?;
    let is_hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if address.len() != 16 || !address.bytes().all(is_hexadecimal) {
        return None;
    }
    let address = u64::from_str_radix(address, 16).ok()?;
    Some(Run { address, length: decimal(length)? })
}

/// Digits without a sign, and without a zero before others.
fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    if is_plain && is_short { text.parse().ok() } else { None }
}

impl core::error::Error for ManifestError {}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the manifest: expected {}", self.line, self.expected)
    }
}
