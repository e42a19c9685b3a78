//! What a binary has under the name of a declared type: that which generated code gives it, its own, and that which
//! `import` has made a name of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::binary::{self, Binary, Candidate, Key, Language, Wanted, spelling};
use crate::model::{Aggregate, AggregateKind, Model, Naming, TypeId};

/// The definitions that each of these may mean.
pub(super) fn find(
    model: &Model,
    types: &[(TypeId, &Naming)],
    binary: &Binary<'_>,
) -> binary::Result<Vec<Vec<Key>>> {
    let mut wanted = Vec::new();
    let mut ranges = Vec::new();
    for (id, naming) in types {
        let spellings = spellings(model, *id, naming, binary.language());
        let start = wanted.len();
        wanted.extend(spellings.into_iter().map(named));
        ranges.push(start..wanted.len());
    }
    let found = binary.find(&wanted)?;
    let of_range = |range: std::ops::Range<usize>| {
        definitions(found.get(range).unwrap_or(&[]).iter().flatten())
    };
    let mut found: Vec<Vec<Key>> = ranges.into_iter().map(of_range).collect();
    let absent = types.iter().zip(&mut found).filter(|(_, found)| found.is_empty());
    spelled(types, absent.map(|((_, naming), found)| (*naming, found)).collect(), binary)?;
    Ok(found)
}

fn named(name: String) -> Wanted {
    Wanted { kind: None, name, place: None }
}

fn definitions<'c>(candidates: impl Iterator<Item = &'c Candidate>) -> Vec<Key> {
    candidates.filter(|it| !it.is_declaration).map(|it| it.key).collect()
}

/// How a binary may call a type: as generated code does, and as the schema does.
fn spellings(model: &Model, id: TypeId, naming: &Naming, language: Language) -> Vec<String> {
    let kind = match id {
        TypeId::Aggregate(id) => Some(&model[id]),
        _ => None,
    };
    let mut spellings = match (kind.map(|Aggregate { kind, .. }| kind), language) {
        (Some(AggregateKind::ExternC { .. }), _) => vec![naming.c.clone()],
        (Some(AggregateKind::ExternRust), _) => vec![naming.rust.clone(), naming.name.clone()],
        (_, Language::Rust) => vec![naming.rust.clone(), naming.c.clone(), naming.name.clone()],
        _ => vec![naming.c.clone(), naming.name.clone()],
    };
    spellings.dedup();
    spellings
}

/// Looks for those that are not there by the names that `import` makes of what a binary calls its types:
/// `Vec<app::Key>` has become `Vec_Key`, `text` is `text_`, and of two `state` the second one `state_2`.
fn spelled(
    types: &[(TypeId, &Naming)],
    absent: Vec<(&Naming, &mut Vec<Key>)>,
    binary: &Binary<'_>,
) -> binary::Result<()> {
    if absent.is_empty() {
        return Ok(());
    }
    let own: HashSet<&str> = types.iter().map(|(_, naming)| naming.name.as_str()).collect();
    // By the binary's names, whether the schema's has a number on top.
    let mut alike: Vec<BTreeMap<String, bool>> = Vec::new();
    let mut by_name: HashMap<&str, Vec<(usize, bool)>> = HashMap::new();
    for (index, (naming, _)) in absent.iter().enumerate() {
        let name = naming.name.as_str();
        // Another type has the name without the number: `import` may have written both.
        let first = spelling::without_number(name).filter(|first| own.contains(first));
        let word = name.strip_suffix('_').filter(|word| spelling::type_name(word) == name);
        let (first, word) = (first.map(|first| (first, true)), word.map(|word| (word, false)));
        let names = first.into_iter().chain(word);
        alike.push(names.map(|(name, is_numbered)| (name.to_owned(), is_numbered)).collect());
        for (name, is_numbered) in std::iter::once((name, false)).chain(first) {
            by_name.entry(name).or_default().push((index, is_numbered));
        }
    }
    // Names of C are what they are.
    if binary.language() != Language::C {
        binary.each_name(&mut |name| {
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_plain {
                return;
            }
            let spelled = spelling::type_name(name);
            for (index, is_numbered) in by_name.get(spelled.as_str()).into_iter().flatten() {
                if let Some(alike) = alike.get_mut(*index) {
                    alike.insert(name.to_owned(), *is_numbered);
                }
            }
        })?;
    }
    let wanted: Vec<Wanted> = alike.iter().flat_map(BTreeMap::keys).cloned().map(named).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut found = binary.find(&wanted)?.into_iter();
    for ((_, keys), alike) in absent.into_iter().zip(&alike) {
        let mut numbered = Vec::new();
        for (candidates, is_numbered) in found.by_ref().take(alike.len()).zip(alike.values()) {
            let found = definitions(candidates.iter());
            if *is_numbered { numbered.extend(found) } else { keys.extend(found) }
        }
        // Nobody numbers what there is once.
        if is_several(binary, &numbered)? {
            keys.extend(numbered);
        }
    }
    Ok(())
}

/// Whether these are more than one type, or copies of more than one: a typedef may have the name of its struct.
fn is_several(binary: &Binary<'_>, keys: &[Key]) -> binary::Result<bool> {
    let mut types = BTreeSet::new();
    for key in keys {
        types.insert(binary.behind_typedefs(*key)?.0);
        if types.len() > 1 {
            return Ok(true);
        }
    }
    Ok(false)
}
