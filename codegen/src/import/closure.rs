//! Which types a schema needs: those that are asked for, all that they hold by value, and behind pointers as far as
//! somebody wants to follow them. Each that has a name becomes an item, under a name that no other has.

use std::collections::{HashMap, HashSet, VecDeque};

use super::names::{self, Scope};
use crate::binary::{Binary, Key, Result, Type};

/// The types of a schema.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// In the order in which they were found: what was asked for comes first.
    pub(super) items: Vec<Key>,
    /// Their names in the schema.
    pub(super) names: HashMap<Key, String>,
    /// What was asked for.
    pub(super) asked: HashSet<Key>,
    /// Composites that another one holds by value.
    pub(super) embedded: HashSet<Key>,
    /// The names of types that are taken in Rust.
    pub(super) types: Scope,
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
pub(super) fn collect(binary: &Binary<'_>, roots: &[Key], depth: u32) -> Result<Closure> {
    let mut closure = Closure { types: Scope::of_types(), ..Closure::default() };
    let mut seen: HashMap<Key, u32> = HashMap::new();
    let mut queue: VecDeque<Step> = VecDeque::new();
    for key in roots {
        queue.push_back(Step { key: *key, depth: 0, typedef: None, held: false });
    }
    while let Some(step) = queue.pop_front() {
        let (key, ty, typedefs) = binary.behind_typedefs(step.key)?;
        if step.depth == 0 && !step.held {
            closure.asked.insert(key);
        }
        let typedef = typedefs.into_iter().next_back().or(step.typedef);
        if step.held && matches!(&*ty, Type::Composite(_)) {
            closure.embedded.insert(key);
        }
        closure.add_item(key, &ty, typedef.as_deref());
        if seen.get(&key).is_some_and(|seen| *seen <= step.depth) || seen.len() > MOST_TYPES {
            continue;
        }
        seen.insert(key, step.depth);
        visit(binary, &ty, &step_from(key, step.depth), depth, &mut queue)?;
    }
    Ok(closure)
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
            if is_definition {
                queue.push_back(Step { key, depth, typedef, held: false });
            }
        }
        _ => {}
    }
    Ok(())
}

impl Closure {
    /// Makes a type an item if it has a name.
    fn add_item(&mut self, key: Key, ty: &Type, typedef: Option<&str>) {
        let own = match ty {
            Type::Composite(composite) if !composite.is_declaration => &composite.name,
            Type::Enum(it) if !it.members.is_empty() => &it.name,
            _ => return,
        };
        let name = if own.is_empty() { typedef.unwrap_or("") } else { own };
        if name.is_empty() || self.names.contains_key(&key) {
            return;
        }
        let name = self.types.unique(&names::type_name(name), names::rust_type);
        self.names.insert(key, name);
        self.items.push(key);
    }
}
