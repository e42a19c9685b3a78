//! What a binary has under the name of a declared type: that which generated code gives it, its own, and that which
//! `import` has made a name of.

use std::collections::{BTreeSet, HashMap, HashSet};

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
    let mut alike: Vec<BTreeSet<String>> = Vec::new();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, (naming, _)) in absent.iter().enumerate() {
        let name = naming.name.as_str();
        // Another type has the name without the number: `import` has written both.
        let first = spelling::without_number(name).filter(|first| own.contains(first));
        let word = name.strip_suffix('_').filter(|_| spelling::type_name(name) == name);
        alike.push(first.into_iter().chain(word).map(str::to_owned).collect());
        for name in std::iter::once(name).chain(first) {
            by_name.entry(name).or_default().push(index);
        }
    }
    // Names of C are what they are.
    if binary.language() != Language::C {
        binary.each_name(&mut |name| {
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_plain {
                return;
            }
            for index in by_name.get(spelling::type_name(name).as_str()).into_iter().flatten() {
                if let Some(alike) = alike.get_mut(*index) {
                    alike.insert(name.to_owned());
                }
            }
        })?;
    }
    let wanted: Vec<Wanted> = alike.iter().flatten().cloned().map(named).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut found = binary.find(&wanted)?.into_iter();
    for ((_, keys), alike) in absent.into_iter().zip(&alike) {
        for candidates in found.by_ref().take(alike.len()) {
            keys.extend(definitions(candidates.iter()));
        }
    }
    Ok(())
}
