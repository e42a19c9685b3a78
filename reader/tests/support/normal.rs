//! Output with all that varies from run to run and from machine to machine replaced.
//!
//! Addresses become `@1`, `@2`, in the order in which they appear: two outputs are equal then if the same
//! addresses stand in the same places. What is an address follows from the image: a number that lies in the memory of
//! the program or of its core.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use object::{Object, ObjectSegment};
use serde_json::Value;

/// What is replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normal {
    ranges: Vec<Range<u64>>,
    texts: Vec<(String, String)>,
    labels: BTreeMap<u64, usize>,
    /// Whether columns keep their widths.
    is_padded: bool,
}

/// Where no program is: what is below is a number of the fixture's.
const LOWEST: u64 = 0x1000;

impl Normal {
    /// Takes numbers in the segments of an ELF file for addresses.
    #[track_caller]
    pub(crate) fn elf(mut self, path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let file = object::File::parse(&*bytes).expect("an ELF file");
        let ranges = file.segments().map(|it| it.address()..it.address() + it.size());
        self.ranges.extend(ranges);
        self
    }

    /// The same for what lies around the segments: a dump does not hold all memory that it speaks of.
    #[track_caller]
    pub(crate) fn around(self, path: &Path) -> Self {
        const AROUND: u64 = 1 << 18;
        let mut all = self.elf(path);
        for range in &mut all.ranges {
            *range = range.start.saturating_sub(AROUND)..range.end.saturating_add(AROUND);
        }
        all
    }

    /// Takes numbers in the memory of a process for addresses.
    #[track_caller]
    pub(crate) fn process(mut self, id: u32) -> Self {
        let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).expect("its map");
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|it| it.split_once('-'));
            let (start, end) = range.expect("a range");
            let number = |text| u64::from_str_radix(text, 16).expect("an address");
            self.ranges.push(number(start)..number(end));
        }
        self.text(&id.to_string(), "[pid]")
    }

    /// Takes numbers in a range for addresses.
    pub(crate) fn range(mut self, range: Range<u64>) -> Self {
        self.ranges.push(range);
        self
    }

    /// Replaces a text, a path of a temporary folder for instance.
    pub(crate) fn text(mut self, from: &str, to: &str) -> Self {
        self.texts.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Replaces the path of a folder, and of what its name is a link to.
    pub(crate) fn folder(self, path: &Path, to: &str) -> Self {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.text(&path.display().to_string(), to).text(&real.display().to_string(), to)
    }

    /// Gives labels the widths of what they replace.
    pub(crate) fn padded(mut self) -> Self {
        self.is_padded = true;
        self
    }

    /// The text with all of this replaced.
    pub(crate) fn apply(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("0x") {
            let (before, number) = rest.split_at(at);
            out.push_str(before);
            let is_digit = |it: &char| it.is_ascii_hexdigit() && !it.is_ascii_uppercase();
            let digits: String = number[2..].chars().take_while(is_digit).collect();
            let length = digits.len() + 2;
            let value = u64::from_str_radix(&digits, 16).ok();
            match (value.and_then(|it| self.label(it)), value) {
                // In JSON nothing stands in columns.
                (Some(label), _) if self.is_padded && !before.ends_with('"') => {
                    out.push_str(&format!("{label:length$}"));
                }
                (Some(label), _) => out.push_str(&label),
                // Zeros before a number are the width of a pointer.
                (None, Some(value)) if !self.is_padded => out.push_str(&format!("{value:#x}")),
                (None, _) => out.push_str(&number[..length]),
            }
            rest = &number[length..];
        }
        out.push_str(rest);
        for (from, to) in &self.texts {
            out = out.replace(from, to);
        }
        without_build_ids(&out)
    }

    /// A value of JSON with all of this replaced, in lines.
    pub(crate) fn json(&mut self, value: &Value) -> String {
        let text = serde_json::to_string_pretty(value).expect("JSON");
        self.apply(&text)
    }

    fn label(&mut self, address: u64) -> Option<String> {
        let is_address = |range: &Range<u64>| range.contains(&address) || range.end == address;
        if address < LOWEST || !self.ranges.iter().any(is_address) {
            return None;
        }
        let next = self.labels.len() + 1;
        Some(format!("@{}", self.labels.entry(address).or_insert(next)))
    }
}

/// The text without build-ids, which are the only words of 40 hexadecimal digits.
fn without_build_ids(text: &str) -> String {
    const DIGITS: usize = 40;
    let is_digit = |it: char| it.is_ascii_hexdigit();
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|it| !is_digit(it)) {
        let digits = word.trim_end_matches(|it| !is_digit(it));
        let is_build_id = digits.len() == DIGITS;
        out.push_str(if is_build_id { "[build-id]" } else { digits });
        out.push_str(&word[digits.len()..]);
    }
    out
}

/// Fails with the first line that differs.
#[track_caller]
pub(crate) fn assert_same(found: &str, expected: &str, what: &str) {
    let both = found.lines().zip(expected.lines()).enumerate();
    for (number, (one, other)) in both {
        assert_eq!(one, other, "{what}: line {} of\n{found}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{what}: {found}");
}
