//! The short forms of identities: numbers of 31 bits from the names of entries, and what happens where two are
//! equal.
//!
//! Whoever makes a table of annotations gives out ids here, so that it does not matter who did.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::{abi, hash};

/// What an id is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The class's name.
    pub class: &'a str,
    /// The class's number.
    pub number: u32,
    /// The entry's name.
    pub name: &'a str,
    /// The key within the class.
    pub instance: u64,
    /// The id, if it is given: below 2^31.
    pub id: Option<u32>,
}

/// The ids of the entries of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// In the order of the entries.
    pub ids: Vec<u32>,
    /// How many entries have another one than their names would give them.
    pub displaced: usize,
    /// Entries of one class that are given one id: the positions of the first one and of each later one.
    pub repeated: Vec<(usize, usize)>,
}

impl Ids {
    /// The ids of the entries of one table of a schema, which stand in the order of class, name and
    /// instance: where two of a class are equal, the later takes the next number that is free.
    pub fn of<'a>(schema: &str, keys: impl Iterator<Item = Key<'a>> + Clone) -> Self {
        let mut found = Self::default();
        let mut taken: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for (index, key) in keys.clone().enumerate() {
            // The bit is for readers of the table: a message says the number as it was given.
            found.ids.push(key.id.map_or(0, |id| id | abi::ID_EXPLICIT));
            let Some(id) = key.id else { continue };
            match taken.get(&(key.number, id)) {
                Some(first) => found.repeated.push((*first, index)),
                None => {
                    taken.insert((key.number, id), index);
                }
            }
        }
        let mut derived = Derived::default();
        let mut prefix = (None, 0);
        for (place, key) in found.ids.iter_mut().zip(keys).filter(|(_, key)| key.id.is_none()) {
            if prefix.0 != Some(key.class) {
                prefix = (Some(key.class), hash::class_prefix(schema, key.class));
            }
            let named = hash::entry_id_prefix(prefix.1, key.name);
            let wanted = hash::entry_id_of(named, key.instance);
            *place = derived.take(key.number, wanted);
            found.displaced += usize::from(*place != wanted);
        }
        found
    }
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
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn key(name: &str, instance: u64, id: Option<u32>) -> Key<'_> {
        Key { class: "it", number: 1, name, instance, id }
    }

    /// The ids of entries without a number of their own, and how many were displaced.
    fn ids_of(entries: &[(&str, u64)]) -> (Vec<u32>, usize) {
        let found = Ids::of("test.ids", entries.iter().map(|(name, it)| key(name, *it, None)));
        (found.ids, found.displaced)
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

    /// Whoever makes names that want the numbers of a run, each twice, does not make anybody walk the run for
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
        let entries = [key("a", 0, Some(5)), key("b", 0, None), key("c", 0, Some(6))];
        let found = Ids::of("test.ids", entries.into_iter());
        assert_eq!((found.ids[0], found.ids[2]), (5 | abi::ID_EXPLICIT, 6 | abi::ID_EXPLICIT));
        assert_eq!((found.ids[1] & abi::ID_EXPLICIT, found.displaced), (0, 0));
        // A number that is given and the same one that is derived are two.
        let entries = [key("1eee1be2", 0, None), key("b", 0, Some(0x357f_d82e))];
        let found = Ids::of("test.ids", entries.into_iter());
        assert_eq!((found.ids, found.displaced), (vec![0x357f_d82e, 0xb57f_d82e], 0));
        assert!(found.repeated.is_empty());
        let thrice = [key("a", 0, Some(5)), key("b", 0, Some(5)), key("c", 0, Some(5))];
        let found = Ids::of("test.ids", thrice.into_iter());
        assert_eq!(found.repeated, [(0, 1), (0, 2)]);
    }
}
