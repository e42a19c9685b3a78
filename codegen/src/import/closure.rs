//! Which types a schema needs: those that are asked for, all that they hold by value, and behind pointers as far as
//! somebody wants to follow them. Each that has a name becomes an item, under a name that no other has.

use std::collections::VecDeque;

use super::names::{self, Known, Scope};
use crate::binary::{Binary, Key, Kind, Result, Type, Wanted};
use crate::hash::{HashMap, HashSet};

/// The types of a schema.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// In the order in which they were found: what was asked for comes first.
    pub(super) items: Vec<Key>,
    /// Their names in the schema.
    pub(super) names: HashMap<Key, String>,
    /// Typedefs of types that have no name of their own.
    pub(super) typedefs: HashMap<Key, String>,
    /// What was asked for.
    pub(super) asked: HashSet<Key>,
    /// What is only declared where a pointer leads, and the definition in another unit that it stands for.
    pub(super) definitions: HashMap<Key, Key>,
    /// Composites that another one holds by value.
    pub(super) embedded: HashSet<Key>,
    /// Types that another unit has too: the one that became the item.
    pub(super) same: HashMap<Key, Key>,
    /// Who has a name first.
    first: HashMap<String, Key>,
    /// How Rust calls those that it would spell like another one.
    pub(super) rust_names: HashMap<Key, String>,
    /// The names of types that are taken in Rust.
    pub(super) types: Scope,
    /// The names of items.
    own: Scope,
    /// The names that types have in an existing schema.
    known: Known,
}

/// More types than anybody asks for at once: a limit on memory where type information lies.
const MOST_TYPES: usize = 1 << 20;

/// A type that has to be looked at.
struct Step {
    key: Key,
    /// How many pointers led to it.
    depth: u32,
    /// The name under which it becomes an item if it has none: that of a typedef.
    typedef: Option<String>,
    /// Another type holds it by value.
    held: bool,
}

/// Collects what `roots` need, following pointers `depth` times.
pub(super) fn collect(
    binary: &Binary<'_>,
    roots: &[Key],
    depth: u32,
    known: &Known,
) -> Result<Closure> {
    let (types, known) = (Scope::of_types(), known.clone());
    let mut closure = Closure { types, known, ..Closure::default() };
    let mut seen: HashMap<Key, u32> = HashMap::default();
    let mut queue: VecDeque<Step> = VecDeque::new();
    for key in roots {
        queue.push_back(Step { key: *key, depth: 0, typedef: None, held: false });
    }
    loop {
        let mut declared = Vec::new();
        while let Some(step) = queue.pop_front() {
            let (key, ty, typedefs) = binary.behind_typedefs(step.key)?;
            if step.depth == 0 && !step.held {
                closure.asked.insert(key);
            }
            let typedef = typedefs.into_iter().next_back().or(step.typedef);
            closure.add_item(binary, key, &ty, typedef.as_deref())?;
            if step.held && matches!(&*ty, Type::Composite(_)) {
                closure.embedded.insert(closure.same.get(&key).copied().unwrap_or(key));
            }
            if seen.get(&key).is_some_and(|seen| *seen <= step.depth) || seen.len() > MOST_TYPES {
                continue;
            }
            seen.insert(key, step.depth);
            visit(binary, &ty, &step_from(key, step.depth), depth, &mut queue, &mut declared)?;
        }
        closure.define(binary, &declared, &mut queue)?;
        if queue.is_empty() {
            return Ok(closure);
        }
    }
}

fn step_from(key: Key, depth: u32) -> Step {
    Step { key, depth, typedef: None, held: false }
}

/// What a type leads to.
fn visit(
    binary: &Binary<'_>,
    ty: &Type,
    from: &Step,
    limit: u32,
    queue: &mut VecDeque<Step>,
    declared: &mut Vec<(Key, String, u32)>,
) -> Result<()> {
    let held = |key| Step { key, depth: from.depth, typedef: None, held: true };
    match ty {
        Type::Composite(composite) => {
            queue.extend(composite.members.iter().map(|member| held(member.ty)));
        }
        Type::Array(array) => queue.push_back(held(array.element)),
        Type::Pointer(pointer) if from.depth < limit => {
            let (key, ty, typedefs) = binary.behind_typedefs(pointer.target)?;
            let typedef = typedefs.into_iter().next_back();
            let is_definition = match &*ty {
                Type::Composite(it) => {
                    !it.is_declaration && (!it.name.is_empty() || typedef.is_some())
                }
                Type::Enum(it) => !it.is_declaration && !it.name.is_empty(),
                Type::Pointer(_) | Type::Array(_) => true,
                _ => false,
            };
            // Pointers to pointers count once: what is wanted lies behind the last one.
            let depth = from.depth + u32::from(!matches!(&*ty, Type::Pointer(_)));
            if let Type::Composite(it) = &*ty
                && it.is_declaration
            {
                declared.push((key, it.name.clone(), depth));
            }
            if is_definition {
                queue.push_back(Step { key, depth, typedef, held: false });
            }
        }
        _ => {}
    }
    Ok(())
}

impl Closure {
    /// Looks for the definitions of what was only declared; all of them on one walk through the binary.
    fn define(
        &mut self,
        binary: &Binary<'_>,
        declared: &[(Key, String, u32)],
        queue: &mut VecDeque<Step>,
    ) -> Result<()> {
        let new =
            |it: &&(Key, String, u32)| !it.1.is_empty() && !self.definitions.contains_key(&it.0);
        let declared: Vec<_> = declared.iter().filter(new).collect();
        if declared.is_empty() {
            return Ok(());
        }
        let wanted: Vec<Wanted> = declared
            .iter()
            .map(|(_, name, _)| Wanted { kind: None, name: name.clone(), place: None })
            .collect();
        for ((key, _, depth), candidates) in declared.iter().zip(binary.find(&wanted)?) {
            let is_composite = |kind| matches!(kind, Kind::Struct | Kind::Union);
            let found = candidates.iter().find(|it| !it.is_declaration && is_composite(it.kind));
            // What is defined nowhere stands for itself, so that nobody looks again.
            let definition = found.map_or(*key, |found| found.key);
            self.definitions.insert(*key, definition);
            if definition != *key {
                queue.push_back(step_from(definition, *depth));
            }
        }
        Ok(())
    }

    /// Makes a type an item if it has a name.
    fn add_item(
        &mut self,
        binary: &Binary<'_>,
        key: Key,
        ty: &Type,
        typedef: Option<&str>,
    ) -> Result<()> {
        let own = match ty {
            Type::Composite(composite) if !composite.is_declaration => &composite.name,
            Type::Enum(it) if !it.members.is_empty() => &it.name,
            _ => return Ok(()),
        };
        let name = if own.is_empty() { typedef.unwrap_or("") } else { own };
        if name.is_empty() || self.names.contains_key(&key) {
            return Ok(());
        }
        // Every unit that uses a type has a copy of it.
        if let Some(first) = self.first.get(name).copied()
            && super::choose::is_same(&*binary.get(first)?, ty)
        {
            let name = self.names.get(&first).cloned().unwrap_or_default();
            self.names.insert(key, name);
            self.same.insert(key, first);
            return Ok(());
        }
        self.first.entry(name.to_owned()).or_insert(key);
        if own.is_empty() {
            self.typedefs.insert(key, name.to_owned());
        }
        let known = self.known.of(name).or(typedef.and_then(|typedef| self.known.of(typedef)));
        let name = known.map_or_else(|| names::type_name(name), str::to_owned);
        let name = self.own.unique(&name, str::to_owned);
        let in_rust = self.types.unique(&name, names::rust_type);
        if in_rust != name {
            self.rust_names.insert(key, names::rust_type(&in_rust));
        }
        self.names.insert(key, name);
        self.items.push(key);
        Ok(())
    }
}
