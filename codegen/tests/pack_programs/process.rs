//! What a program of these tests printed: its entries, and where it was loaded.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::image::Found;

/// The listing of a process.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// By name.
    pub(crate) entries: Vec<Found>,
    /// The first bytes of each entry's memory as a number, by name.
    pub(crate) values: BTreeMap<String, u64>,
    /// How many tables there were, of any schema.
    pub(crate) tables: usize,
    /// Mappings: addresses, access, path.
    maps: Vec<(Range<u64>, String, String)>,
    /// What the program said beside.
    pub(crate) said: BTreeMap<String, u64>,
}

impl Listing {
    /// Reads lines; those of a debugger may stand between them.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        let mut listing = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let hex = |word: &str| u64::from_str_radix(word, 16).expect("a number");
            match words.as_slice() {
                ["table", _, _] => listing.tables += 1,
                ["entry", schema, address, length, value, name @ ..] => {
                    let name = name.join(" ");
                    listing.values.insert(name.clone(), hex(value));
                    listing.entries.push(Found {
                        name,
                        address: hex(address),
                        length: length.parse().expect("a length"),
                        schema: hex(schema),
                    });
                }
                ["say", key, value] => {
                    listing.said.insert((*key).to_owned(), hex(value));
                }
                ["map", range, access, _, _, _, path @ ..] => {
                    let (start, end) = range.split_once('-').expect("a range");
                    let path = path.first().copied().unwrap_or_default().to_owned();
                    listing.maps.push((hex(start)..hex(end), (*access).to_owned(), path));
                }
                _ => {}
            }
        }
        assert!(!listing.maps.is_empty(), "no map in: {text}");
        listing.entries.sort();
        listing
    }

    /// Where the file of a name was mapped first.
    #[track_caller]
    pub(crate) fn base(&self, file: &str) -> u64 {
        let is = |path: &str| path.rsplit('/').next() == Some(file);
        let found = self.maps.iter().find(|(_, _, path)| is(path));
        found.unwrap_or_else(|| panic!("{file} is not mapped")).0.start
    }

    /// The access to an address.
    pub(crate) fn access(&self, address: u64) -> &str {
        let found = self.maps.iter().find(|(range, ..)| range.contains(&address));
        found.map_or("unmapped", |(_, access, _)| access.as_str())
    }
}
