//! The short forms of identities, which the format gives out, and what is wrong where they were given.

use inspect_format::ids::Ids;

use super::entries::{Entry, place};
use super::finding::{Finding, Result};
use super::schemas::Schema;
use crate::diag::Code;

/// The ids of the entries of one table, which stand in the order of class, name and instance. Also says how
/// many have another one than their names would give them.
pub(super) fn ids(schema: &Schema<'_>, entries: &[&Entry<'_>]) -> Result<(Vec<u32>, usize)> {
    let found = Ids::of(schema.rules.name, entries.iter().map(|entry| entry.key()));
    let Some((first, other)) = found.repeated.first() else {
        return Ok((found.ids, found.displaced));
    };
    let (first, other) = (entries[*first], entries[*other]);
    let id = other.id.unwrap_or_default();
    let what = format!("two entries of class `{}` have the id {id}", other.class);
    Err(Finding::new(Code::E0907, what)
        .at(place(other))
        .also(place(first), "the first one stands here")
        .help("give each its own id, or none"))
}

#[cfg(test)]
mod tests {
    use inspect_format::annotation::Rules;

    use super::super::image::Target;
    use super::super::schemas::Carried;
    use super::*;

    #[test]
    fn an_id_that_is_given_twice_is_refused() {
        let rules = Rules { name: "test.ids", version: 1, entry_size: 64, ..Rules::default() };
        let parts = [Carried { target: Target::Null, size: 0, bytes: None }; 3];
        let schema = Schema { rules, parts, settled: None };
        let entry = |name| Entry { class: "it", number: 1, name, id: Some(5), ..Entry::blank() };
        let twice = [entry("a"), entry("b")];
        let finding = ids(&schema, &twice.iter().collect::<Vec<_>>()).unwrap_err();
        assert_eq!(finding.message, "two entries of class `it` have the id 5");
        let once = ids(&schema, &[&twice[0]]).unwrap();
        assert_eq!(once, (vec![5 | inspect_format::abi::ID_EXPLICIT], 0));
    }
}
