//! What `inspect list --json` says of an image, with addresses as places of symbols.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::tools::{inspect, run, text};

/// The entries of an image, as the program prints them.
#[track_caller]
pub(crate) fn list(arguments: &[&str]) -> Vec<Value> {
    let mut command = inspect(&[&["list", "--json"], arguments].concat());
    let printed = run(&mut command);
    let value: Value =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    let Value::Array(entries) = value else { panic!("no array: {printed}") };
    entries
}

/// The text of a member; the empty one where it has none.
pub(crate) fn member<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A number that is written in hexadecimal.
#[track_caller]
pub(crate) fn hexadecimal(entry: &Value, key: &str) -> u64 {
    let written = member(entry, key);
    let digits = written.strip_prefix("0x").unwrap_or_else(|| panic!("{key} of {entry}"));
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{key} of {entry}: {error}"))
}

/// The file name of the object that an entry belongs to.
pub(crate) fn object(entry: &Value) -> &str {
    let path = member(entry, "object");
    path.rsplit('/').next().unwrap_or(path)
}

/// What each entry of one object is, by its symbols: addresses become `symbol+offset`. The first entry with the
/// name of `anchor` says how far the object was moved, and all others have to agree, since they would not be at
/// their symbols otherwise.
#[track_caller]
pub(crate) fn placed(entries: &[Value], symbols: &Symbols, anchor: (&str, &str)) -> Vec<Value> {
    let (name, symbol) = anchor;
    let first = entries.iter().find(|entry| member(entry, "name") == name);
    let first = first.unwrap_or_else(|| panic!("no entry {name} among {}", entries.len()));
    let bias = hexadecimal(first, "address").wrapping_sub(symbols.address(symbol));
    let place = |entry: &Value| {
        let mut entry = entry.clone();
        let is_memory = !matches!(member(&entry, "space"), "physical" | "bus");
        if is_memory {
            let address = hexadecimal(&entry, "address").wrapping_sub(bias);
            entry["address"] = symbols.place(address).into();
        }
        entry["object"] = object(&entry).into();
        entry
    };
    let mut all: Vec<Value> = entries.iter().map(place).collect();
    sort(&mut all);
    all
}

/// By what does not change from one image to another.
pub(crate) fn sort(entries: &mut [Value]) {
    let key = |entry: &Value| {
        ["table", "object", "class", "name", "instance"].map(|key| match entry.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        })
    };
    entries.sort_by_cached_key(key);
}

/// The data symbols of a file as `nm` has them.
pub(crate) struct Symbols {
    /// Where each begins and how long it is.
    places: BTreeMap<u64, (String, u64)>,
}

impl Symbols {
    #[track_caller]
    pub(crate) fn of(path: &Path) -> Self {
        let mut nm = std::process::Command::new("nm");
        let printed = run(nm.args(["-S", "--defined-only"]).arg(path));
        let mut places = BTreeMap::new();
        for line in printed.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [address, size, kind, name] = words[..] else { continue };
            if !"dDbBrRgGsSvV".contains(kind) {
                continue;
            }
            let number = |word| u64::from_str_radix(word, 16).expect("a number");
            // A function's static has a number behind its name.
            let name = name.split('.').next().unwrap_or(name);
            places.insert(number(address), (name.to_owned(), number(size)));
        }
        Self { places }
    }

    /// Where a symbol is.
    #[track_caller]
    pub(crate) fn address(&self, name: &str) -> u64 {
        let mut found = self.places.iter().filter(|(_, (it, _))| it == name);
        let (address, _) = found.next().unwrap_or_else(|| panic!("no symbol {name}"));
        assert!(found.next().is_none(), "two symbols {name}");
        *address
    }

    /// An address as a place in a symbol.
    #[track_caller]
    pub(crate) fn place(&self, address: u64) -> String {
        let found = self.places.range(..=address).next_back();
        let found = found.filter(|(start, (_, size))| address - *start < *size);
        let (start, (name, _)) = found.unwrap_or_else(|| panic!("no symbol at {address:#x}"));
        match address - start {
            0 => name.clone(),
            behind => format!("{name}+{behind}"),
        }
    }
}

/// What the program under test printed beside its output, where it failed.
pub(crate) fn errors(output: &std::process::Output) -> String {
    text(&output.stderr)
}
