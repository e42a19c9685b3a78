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
        // The bit is for readers of the table: a message says the number as it was given.
        ids[index] = id | abi::ID_EXPLICIT;
        if let Some(first) = taken.insert((entry.number, id), index) {
            let what = format!("two entries of class `{}` have the id {}", entry.class, id);
            return Err(Finding::new(Code::E0907, what)
                .at(entry.place())
                .also(entries[first].place(), "the first one stands here")
                .help("give each its own id, or none"));
        }
    }
    let mut derived = Derived::default();
    let mut prefix = (None, 0);
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.id.is_none()) {
        if prefix.0 != Some(entry.class) {
            prefix = (Some(entry.class), hash::class_prefix(schema.name, entry.class));
        }
        let named = hash::entry_id_prefix(prefix.1, entry.name);
        let wanted = hash::entry_id_of(named, entry.instance);
        ids[index] = derived.take(entry.number, wanted);
        displaced += usize::from(ids[index] != wanted);
    }
    Ok((ids, displaced))
}

/// The numbers that were derived from names, by their classes. Those that were given have a bit of their own and
/// are in nobody's way.
#[derive(Debug, Default)]
struct Derived {
    /// For a class and each of its numbers that is taken: one behind it, with no free number between the two.
    behind: BTreeMap<(u32, u32), u32>,
    /// How many taken numbers were looked at.
    #[cfg(test)]
    steps: usize,
}

impl Derived {
    /// Takes the first number that is free, from the one that is wanted on.
    fn take(&mut self, class: u32, wanted: u32) -> u32 {
        let id = self.free(class, wanted);
        let behind = id.wrapping_add(1) & !abi::ID_EXPLICIT;
        self.behind.insert((class, id), behind);
        // Names that collide can be made by the thousand, and each way would be as long as all before it: who
        // comes the same way again goes to its end at once.
        let mut passed = wanted;
        while passed != id {
            let Some(next) = self.behind.insert((class, passed), behind) else { break };
            passed = next;
        }
        id
    }

    /// The first number that is free, from the one that is wanted on.
    fn free(&mut self, class: u32, wanted: u32) -> u32 {
        let mut id = wanted;
        while let Some(behind) = self.behind.get(&(class, id)) {
            id = *behind;
            #[cfg(test)]
            {
                self.steps += 1;
            }
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use inspect_format::abi;

    use super::super::image::Target;
    use super::super::schemas::{Carried, Schema};
    use super::{Derived, Entry, ids};

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
        let address = Target::Address(8);
        Entry { class: "it", number: 1, name, instance, id, address, ..Entry::blank() }
    }

    /// The ids of entries without a number of their own, and how many were displaced.
    fn ids_of(entries: &[(&str, u64)]) -> (Vec<u32>, usize) {
        let entries: Vec<_> = entries.iter().map(|(name, it)| entry(name, *it, None)).collect();
        ids(&schema(), &entries.iter().collect::<Vec<_>>()).unwrap()
    }

    /// The hashes of these names were computed by another program, and the ids from them by hand.
    #[test]
    fn entries_whose_ids_collide_move_on() {
        // Two want one number, and a third, whose name is later, the number that the second then takes.
        let found = ids_of(&[("1eee1be2", 0), ("2b932e7f", 0), ("aea79486", 0)]);
        assert_eq!(found, (vec![0x357f_d82e, 0x357f_d82f, 0x357f_d830], 2));
        // The next number belongs to an earlier name already.
        let found = ids_of(&[("16d03e56", 0), ("1ca603ad", 0), ("562eac54", 0)]);
        assert_eq!(found, (vec![0x3006_0f52, 0x3006_0f51, 0x3006_0f53], 1));
        // Two instances of one name want one number.
        let found = ids_of(&[("queue", 238_418), ("queue", 810_696)]);
        assert_eq!(found, (vec![0x2635_bb35, 0x2635_bb36], 1));
    }

    /// The number behind the last one is the first one.
    #[test]
    fn entries_move_on_from_the_last_number_to_the_first() {
        let found = ids_of(&[("ccuiqny", 0), ("chwezqe", 0), ("ehcegav", 0), ("zezvudf", 0)]);
        assert_eq!(found, (vec![0, 0x7fff_ffff, 1, 2], 2));
    }

    #[test]
    fn numbers_of_other_classes_are_free() {
        let mut derived = Derived::default();
        let taken = [(1, 7), (1, 7), (2, 7), (2, 8), (1, 8)];
        let taken = taken.map(|(class, wanted)| derived.take(class, wanted));
        assert_eq!(taken, [7, 8, 7, 8, 9]);
    }

    /// Whoever makes names that want the numbers of a run, each twice, does not make the packer walk the run for
    /// each of them.
    #[test]
    fn a_run_that_is_wanted_twice_is_not_walked_for_each() {
        const RUN: u32 = 10_000;
        const FIRST: u32 = 0x7fff_ff00;
        let at = |index: u32| FIRST.wrapping_add(index) & !abi::ID_EXPLICIT;
        let mut derived = Derived::default();
        for index in 0..RUN {
            assert_eq!(derived.take(1, at(index)), at(index));
        }
        for index in 0..RUN {
            assert_eq!(derived.take(1, at(index)), at(RUN + index));
        }
        assert!(derived.steps <= 4 * RUN as usize, "{} steps", derived.steps);
    }

    /// The same from the end of the run, where each way is longer than the one before.
    #[test]
    fn a_run_that_is_wanted_from_its_end_is_not_walked_for_each() {
        const RUN: u32 = 10_000;
        let mut derived = Derived::default();
        for index in (0..RUN).rev() {
            assert_eq!(derived.take(1, index), index);
        }
        for index in 0..RUN {
            assert_eq!(derived.take(1, RUN - 1 - index), RUN + index);
        }
        // The logarithm of the run's length is 14.
        assert!(derived.steps <= 14 * RUN as usize, "{} steps", derived.steps);
    }

    #[test]
    fn a_number_that_is_given_is_kept() {
        let entries = [entry("a", 0, Some(5)), entry("b", 0, None), entry("c", 0, Some(6))];
        let (found, displaced) = ids(&schema(), &entries.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((found[0], found[2]), (5 | abi::ID_EXPLICIT, 6 | abi::ID_EXPLICIT));
        assert_eq!((found[1] & abi::ID_EXPLICIT, displaced), (0, 0));
        // A number that is given and the same one that is derived are two.
        let entries = [entry("1eee1be2", 0, None), entry("b", 0, Some(0x357f_d82e))];
        let found = ids(&schema(), &entries.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(found, (vec![0x357f_d82e, 0xb57f_d82e], 0));
        let twice = [entry("a", 0, Some(5)), entry("b", 0, Some(5))];
        let finding = ids(&schema(), &twice.iter().collect::<Vec<_>>()).unwrap_err();
        assert_eq!(finding.message, "two entries of class `it` have the id 5");
    }
}
