//! What `pahole` prints, read again: every member with a name, by its path, with its place.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

use crate::layout::Place;
use crate::support;

/// One struct as `pahole` prints it.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    size: u64,
    members: BTreeMap<String, Place>,
    bit_fields: usize,
    /// There are members that it could not print: atomic ones.
    pub(crate) is_incomplete: bool,
}

impl Printed {
    /// Bytes of the whole, places of members, and how many of these are bit-fields.
    pub(crate) fn in_bits(&self) -> (u64, BTreeMap<String, Place>, usize) {
        (self.size, self.members.clone(), self.bit_fields)
    }
}

/// Asks for structs and unions by name.
pub(crate) fn print(
    format: &str,
    file: &Path,
    names: &[String],
) -> Option<HashMap<String, Printed>> {
    let mut found = HashMap::new();
    // Of DWARF it finds few of several names: there it prints everything.
    let lists: Vec<String> = match format {
        "btf" => names.chunks(400).map(|names| format!("-C{}", names.join(","))).collect(),
        _ => vec![String::new()],
    };
    for list in lists {
        let mut command = Command::new("pahole");
        command.args(["-F", format]);
        if format == "btf" {
            command.arg(list);
        }
        let output = support::run(command.arg(file))?;
        parse(&String::from_utf8_lossy(&output.stdout), &mut found);
    }
    Some(found)
}

fn parse(text: &str, found: &mut HashMap<String, Printed>) {
    let mut open: Option<(String, Printed)> = None;
    // Members that lie inside inline structs whose names come behind the brace.
    let mut inner: Vec<Vec<(String, Place)>> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        let is_head = |word: &str| line.starts_with(word) && line.ends_with('{');
        if is_head("struct ") || is_head("union ") {
            let name = line.split_whitespace().nth(1).unwrap().to_owned();
            open = Some((name, Printed::default()));
            inner = vec![Vec::new()];
            continue;
        }
        let Some((name, printed)) = &mut open else { continue };
        printed.is_incomplete |= trimmed.contains("<ERROR");
        if let Some(rest) = trimmed.strip_prefix("/* size: ") {
            printed.size = rest.split(',').next().unwrap().parse().unwrap();
        } else if line.starts_with('}') {
            printed.members = inner.pop().unwrap_or_default().into_iter().collect();
            found.insert(std::mem::take(name), std::mem::take(printed));
            open = None;
        } else if trimmed.ends_with('{') {
            inner.push(Vec::new());
        } else if let Some(rest) = trimmed.strip_prefix('}') {
            let members = inner.pop().unwrap_or_default();
            let last = inner.last_mut().unwrap();
            match member(rest) {
                Some((name, place)) if !name.is_empty() => {
                    // Of an array of inline structs the members of an element have no one place, and those behind
                    // a pointer are none of this struct.
                    let declaration = rest.split("/*").next().unwrap_or(rest);
                    if !declaration.contains(['[', '*']) {
                        let inside = |(path, place)| (format!("{name}.{path}"), place);
                        last.extend(members.into_iter().map(inside));
                    }
                    last.extend((place.1 > 0).then_some((name, place)));
                }
                _ => last.extend(members),
            }
        } else if let Some((name, place)) = member(trimmed) {
            printed.bit_fields += usize::from(is_bit_field(trimmed));
            if !name.is_empty() && place.1 > 0 {
                inner.last_mut().unwrap().push((name, place));
            }
        }
    }
}

fn is_bit_field(line: &str) -> bool {
    let declaration = line.split("/*").next().unwrap();
    declaration.contains(':') && !declaration.contains("(*")
}

/// `long unsigned int flags:3; /* 8: 2 4 */` is `flags`, bit 66, 3 bits.
fn member(line: &str) -> Option<(String, Place)> {
    let (declaration, comment) = line.rsplit_once("/*")?;
    let comment = comment.trim().strip_suffix("*/")?;
    let numbers: Vec<u64> = comment
        .split(|c: char| c == ':' || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    let declaration = declaration.trim().trim_end_matches(';');
    let declaration = without_attributes(declaration);
    let declaration = declaration.trim_end_matches(';');
    let place = match (numbers.as_slice(), declaration.rsplit_once(':')) {
        ([byte, bit, _], Some((_, width))) => (byte * 8 + bit, width.trim().parse().ok()?),
        ([byte, size], _) => (byte * 8, *size),
        _ => return None,
    };
    let name = match declaration.find("(*") {
        Some(start) => declaration[start + 2..].split([')', '[', '(']).next()?,
        None => {
            let last = declaration.split([':', '[']).next()?;
            last.split([' ', '*']).next_back()?
        }
    };
    Some((name.trim_start_matches('*').to_owned(), place))
}

/// `} __attribute__((__aligned__(64))) name` and `name __attribute__((..))`: attributes stand anywhere.
fn without_attributes(declaration: &str) -> &str {
    let Some((before, attributes)) = declaration.split_once("__attribute__") else {
        return declaration.trim();
    };
    let behind = attributes.rsplit_once("))").map_or("", |(_, behind)| behind);
    let behind = behind.trim_start_matches([')', ' ']);
    if before.trim().is_empty() { behind.trim() } else { before.trim() }
}
