//! The short forms of identities: numbers of 31 bits from the names of entries, and what happens where two are
//! equal.

use std::collections::BTreeMap;

use inspect_format::{abi, hash};

use super::entries::Entry;
use super::finding::{Finding, Result};
use super::schemas::Schema;
use crate::diag::Code;

/// The ids of the entries of one table, which stand in the order of class, name and instance: where two of a
/// class are equal, the later takes the next number that is free. Also says how many had to.
pub(super) fn ids(schema: &Schema<'_>, entries: &[&Entry<'_>]) -> Result<(Vec<u32>, usize)> {
    let mut taken: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let mut ids = vec![0; entries.len()];
    let mut displaced = 0;
    for (index, entry) in entries.iter().enumerate() {
        let Some(id) = entry.id else { continue };
        let id = id | abi::ID_EXPLICIT;
        ids[index] = id;
        if let Some(first) = taken.insert((entry.number, id), index) {
            let what = format!("two entries of class `{}` have the id {}", entry.class, id);
            return Err(Finding::new(Code::E0907, what)
                .at(entry.place())
                .also(entries[first].place(), "the first one stands here")
                .help("give each its own id, or none"));
        }
    }
    let mut free: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut prefix = (None, 0);
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.id.is_none()) {
        if prefix.0 != Some(entry.class) {
            prefix = (Some(entry.class), hash::class_prefix(schema.name, entry.class));
        }
        let named = hash::entry_id_prefix(prefix.1, entry.name);
        let wanted = hash::entry_id_of(named, entry.instance);
        let mut id = wanted;
        if taken.contains_key(&(entry.number, id)) {
            displaced += 1;
            // Names that collide can be made by the thousand: each goes on where the last one found room.
            id = free.get(&(entry.number, wanted)).copied().unwrap_or(wanted);
            while taken.contains_key(&(entry.number, id)) {
                id = id.wrapping_add(1) & !abi::ID_EXPLICIT;
            }
            free.insert((entry.number, wanted), id);
        }
        taken.insert((entry.number, id), index);
        ids[index] = id;
    }
    Ok((ids, displaced))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use inspect_format::{abi, hash};

    use super::super::image::Target;
    use super::super::schemas::{Carried, Schema};
    use super::{Entry, ids};

    fn schema() -> Schema<'static> {
        Schema {
            name: "test.ids",
            version: 1,
            entry_size: 64,
            fingerprint: 0,
            classes: BTreeMap::new(),
            fields: Vec::new(),
            parts: [Carried { target: Target::Null, size: 0, bytes: None }; 3],
        }
    }

    fn entry(name: &str, instance: u64, id: Option<u32>) -> Entry<'_> {
        Entry {
            class: "it",
            number: 1,
            name,
            instance,
            id,
            type_id: 0,
            properties: 0,
            space: 0,
            extent: 0,
            bound_size: 0,
            length: 8,
            address: Target::Address(8),
            bound: Target::Null,
            fields: Vec::new(),
            file: "",
            line: 0,
        }
    }

    /// Each entry whose number is taken goes to the next free one, in the order in which they stand.
    #[test]
    fn entries_whose_ids_collide_move_on() {
        // Names that differ in their last digits alone do not collide.
        let name = |index: u64| format!("{:016x}", index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let names: Vec<String> = (0..200_000).map(name).collect();
        let entries: Vec<Entry<'_>> = names.iter().map(|name| entry(name, 0, None)).collect();
        let (found, displaced) = ids(&schema(), &entries.iter().collect::<Vec<_>>()).unwrap();
        let prefix = hash::class_prefix("test.ids", "it");
        let (mut taken, mut moved) = (BTreeSet::new(), 0);
        for (entry, found) in entries.iter().zip(&found) {
            let mut id = hash::entry_id_of(hash::entry_id_prefix(prefix, entry.name), 0);
            moved += usize::from(taken.contains(&id));
            while !taken.insert(id) {
                id = (id + 1) & !abi::ID_EXPLICIT;
            }
            assert_eq!(*found, id);
        }
        assert_eq!(displaced, moved);
        assert!(moved > 0, "none of 200,000 numbers of 31 bits is twice there");
    }

    #[test]
    fn a_number_that_is_given_is_kept() {
        let entries = [entry("a", 0, Some(5)), entry("b", 0, None), entry("c", 0, Some(6))];
        let (found, displaced) = ids(&schema(), &entries.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((found[0], found[2]), (5 | abi::ID_EXPLICIT, 6 | abi::ID_EXPLICIT));
        assert_eq!((found[1] & abi::ID_EXPLICIT, displaced), (0, 0));
        let twice = [entry("a", 0, Some(5)), entry("b", 0, Some(5))];
        assert!(ids(&schema(), &twice.iter().collect::<Vec<_>>()).is_err());
    }
}
