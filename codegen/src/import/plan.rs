//! What will be printed, decided: items, fields with their attributes, and where each lies in the binary, so that
//! `proof` can compare that with what the compiler makes of the text.

use std::rc::Rc;

use super::closure::Closure;
use super::external::CName;
use super::names::{self, Scope};
use super::place;
use super::spell::Shape;
use super::{Fault, Note};
use crate::binary::{Binary, Composite, Enum, Key, Language, Type, spelling};
use crate::hash::{HashMap, HashSet};
use crate::model::Target;

/// An item of the schema.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its name in the schema.
    pub(super) name: String,
    /// Documentation, a line each.
    pub(super) docs: Vec<String>,
    /// Its name in C.
    pub(super) c_name: CName,
    /// `#[rust_name("x")]`: two names that Rust spells alike.
    pub(super) rust_name: Option<String>,
    /// What it is.
    pub(super) body: Body,
}

/// What an item is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// A struct, or what stands for a union: a struct around one.
    Struct(Rc<Struct>),
    /// A struct as a header declares it.
    Extern {
        /// The header.
        header: String,
        /// In order.
        fields: Vec<Field>,
    },
    /// An enum as a header declares it.
    ExternEnum {
        /// The header.
        header: String,
        /// As of an enum.
        members: Vec<(String, i128, Vec<String>)>,
    },
    /// An enum.
    Enum {
        /// `u32`; nothing for the target's C enum.
        repr: Option<&'static str>,
        /// Names, values, and what else has the value.
        members: Vec<(String, i128, Vec<String>)>,
        /// Other values may come.
        open: bool,
    },
}

/// A struct as it will be printed.
#[derive(Clone, Debug)]
pub(super) struct Struct {
    /// `#[packed]`
    pub(super) packed: bool,
    /// `#[align(n)]`
    pub(super) align_attribute: Option<u64>,
    /// In order.
    pub(super) fields: Vec<Field>,
    /// Bytes.
    pub(super) size: u64,
    /// Bytes, as the fields and attributes make it.
    pub(super) align: u64,
}

/// A field as it will be printed.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// `_` for padding, nothing for an anonymous aggregate.
    pub(super) name: Option<String>,
    /// `#[rust_name("x")]`: two names that Rust spells alike.
    pub(super) rust_name: Option<String>,
    /// `#[packed]`
    pub(super) packed: bool,
    /// `#[align(n)]`
    pub(super) align: Option<u64>,
    /// Its type.
    pub(super) ty: FieldType,
    /// The width of a bit-field.
    pub(super) bits: Option<u64>,
    /// Behind it, for people.
    pub(super) comment: Option<String>,
    /// Where it lies, in bits from the start of the aggregate that directly holds it.
    pub(super) bit_offset: u64,
    /// Bytes of its type.
    pub(super) size: u64,
}

/// The type of a field as it will be printed.
#[derive(Clone, Debug)]
pub(super) enum FieldType {
    /// As written.
    Text(String),
    /// `[struct { .. }; 2]`: an inline aggregate and the lengths around it, the outermost first.
    Inline {
        /// `union`
        union: bool,
        /// Its fields.
        inner: Box<Struct>,
        /// None for an aggregate by itself.
        lengths: Vec<u64>,
    },
}

/// How deep structs may hold one another. The language has a limit for what is written inline.
const MAX_DEPTH: usize = 100;

/// Plans the types of a closure.
pub(super) struct Planner<'b, 'd> {
    pub(super) binary: &'b Binary<'d>,
    pub(super) target: Target,
    pub(super) closure: Closure,
    /// Finished structs, by what they were made of.
    finished: HashMap<Key, Rc<Struct>>,
    /// Those that are being planned: a type that holds itself by value is damage.
    open: HashSet<Key>,
    depth: usize,
    /// Enums without a name of their own, which become items where they are met.
    late: Vec<Item>,
    enum_constants: Scope,
    pub(super) notes: Vec<Note>,
}

/// The place of an aggregate in the schema, for names.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    /// `page.lru`: for people.
    pub(super) path: String,
    /// How Rust calls it.
    pub(super) rust: String,
    /// It is written inside another one.
    pub(super) inline: bool,
}

impl<'b, 'd> Planner<'b, 'd> {
    pub(super) fn new(binary: &'b Binary<'d>, closure: Closure) -> Self {
        Self {
            binary,
            target: binary.target(),
            closure,
            finished: HashMap::default(),
            open: HashSet::default(),
            depth: 0,
            late: Vec::new(),
            enum_constants: Scope::default(),
            notes: Vec::new(),
        }
    }

    /// What is left when all is planned.
    pub(super) fn into_trees(self) -> (Closure, HashMap<Key, Rc<Struct>>) {
        (self.closure, self.finished)
    }

    /// Every item of the closure, in its order; enums that had no name come last.
    pub(super) fn items(&mut self) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        for key in self.closure.items.clone() {
            let name = self.closure.names.get(&key).cloned().unwrap_or_default();
            let rust_name = self.closure.rust_names.get(&key).cloned();
            match &*self.binary.get(key)? {
                Type::Composite(composite) => {
                    let planned = self.item(key, composite)?;
                    if planned.size == 0 && !self.closure.asked.contains(&key) {
                        continue;
                    }
                    if planned.size == 0 {
                        self.note(&name, "it has no bytes, and is left out");
                        continue;
                    }
                    let docs = self.docs_of(composite);
                    let c_name = match composite.union && !composite.name.is_empty() {
                        true => CName::None,
                        false => self.c_name(key, &composite.name),
                    };
                    let body = Body::Struct(planned);
                    items.push(Item { name, docs, c_name, rust_name, body });
                }
                Type::Enum(it) => {
                    let docs = vec![format!("`{}`", described("enum", &it.name, &name))];
                    let c_name = self.c_name(key, &it.name);
                    let body = self.enumeration(it, &name);
                    items.push(Item { name, docs, c_name, rust_name, body });
                }
                _ => {}
            }
        }
        items.append(&mut self.late);
        Ok(items)
    }

    fn c_name(&self, key: Key, tag: &str) -> CName {
        match (tag, self.closure.typedefs.get(&key)) {
            ("", Some(typedef)) => CName::Typedef(typedef.clone()),
            ("", None) => CName::None,
            (tag, _) => CName::Tag(tag.to_owned()),
        }
    }

    fn docs_of(&self, composite: &Composite) -> Vec<String> {
        let word = if composite.union { "union" } else { "struct" };
        let mut line = match composite.name.as_str() {
            "" => format!("A {word} behind a typedef"),
            name if self.binary.language() == Language::C => format!("`{word} {name}`"),
            name => format!("`{name}`"),
        };
        line.push_str(&format!(", {} bytes.", composite.size));
        vec![line]
    }

    /// The plan of a struct or union that is an item.
    pub(super) fn item(&mut self, key: Key, composite: &Composite) -> Result<Rc<Struct>, Fault> {
        if let Some(finished) = self.finished.get(&key) {
            return Ok(Rc::clone(finished));
        }
        let name = self.closure.names.get(&key).cloned().unwrap_or_default();
        if self.depth > MAX_DEPTH || !self.open.insert(key) {
            return Err(Fault::HoldsItself(name));
        }
        let rust_name = self.closure.rust_names.get(&key).cloned();
        let rust = rust_name.unwrap_or_else(|| names::rust_type(&name));
        let flexible = !self.closure.embedded.contains(&key);
        let holder = Holder { path: name, rust, inline: false };
        let planned = if composite.union {
            self.union_item(composite, &holder)?
        } else {
            self.aggregate(composite, &holder, flexible)?
        };
        self.open.remove(&key);
        let planned = Rc::new(planned);
        self.finished.insert(key, Rc::clone(&planned));
        Ok(planned)
    }

    /// The language has unions inside structs only: one with a name becomes a struct around it.
    fn union_item(&mut self, composite: &Composite, holder: &Holder) -> Result<Struct, Fault> {
        let inside = Holder {
            path: holder.path.clone(),
            rust: format!("{}Anonymous0", holder.rust),
            inline: true,
        };
        let inner = self.aggregate(composite, &inside, false)?;
        let (size, align) = (inner.size, inner.align);
        let ty = FieldType::Inline { union: true, inner: Box::new(inner), lengths: Vec::new() };
        let field = Field {
            name: None,
            rust_name: None,
            packed: false,
            align: None,
            ty,
            bits: None,
            comment: None,
            bit_offset: 0,
            size,
        };
        Ok(Struct { packed: false, align_attribute: None, fields: vec![field], size, align })
    }

    /// The plan of a struct or union, inline or not.
    pub(super) fn aggregate(
        &mut self,
        composite: &Composite,
        holder: &Holder,
        flexible: bool,
    ) -> Result<Struct, Fault> {
        if let Some(base) = &composite.virtual_base {
            return Err(Fault::VirtualBase { class: composite.name.clone(), base: base.clone() });
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::HoldsItself(holder.path.clone()));
        }
        let planned = match composite.mixed {
            Some(why) => Err(why.to_owned()),
            None => {
                let shapes = self.shapes(composite, holder)?;
                place::place(self.target, composite, &shapes, holder.inline, flexible)
                    .ok_or_else(|| "its members lie where no C compiler would put them".to_owned())
            }
        };
        self.depth -= 1;
        Ok(planned.unwrap_or_else(|why| {
            self.note(&holder.path, &format!("{why}: it became bytes"));
            place::bytes(composite)
        }))
    }

    /// The members with what is known of their types, in the order of their places.
    fn shapes(
        &mut self,
        composite: &Composite,
        holder: &Holder,
    ) -> Result<Vec<place::Member>, Fault> {
        let members = spelling::members(self.binary, composite)?;
        let names = spelling::member_names(&members);
        let mut in_rust = Scope::default();
        let mut shapes = Vec::with_capacity(members.len());
        for (index, (member, own)) in members.iter().zip(names).enumerate() {
            let Some(own) = own else { continue };
            let name = (!member.name.is_empty()).then_some(&own);
            let rust_name = name.and_then(|name| {
                let unique = in_rust.unique(name, names::rust_field);
                (unique != *name).then(|| names::rust_field(&unique))
            });
            let path = match &name {
                Some(name) => format!("{}.{name}", holder.path),
                None => format!("{}.anonymous{index}", holder.path),
            };
            let rust_end = name.map_or_else(|| format!("anonymous{index}"), String::clone);
            let rust = format!("{}{}", holder.rust, crate::model::names::camel_case(&rust_end));
            let inside = Holder { path, rust, inline: true };
            let shape = match member.bits {
                Some(bits) => self.bit_field(member.ty, bits)?,
                None => self.shape(member.ty, &inside)?,
            };
            let (bits, align) = (member.bits, member.align);
            let is_inline = matches!(&shape, Shape::Field { ty: FieldType::Inline { .. }, .. });
            // Without a name a member shows what it holds as its own, which a type with a name does not.
            let name = (!member.name.is_empty() || !is_inline).then_some(own);
            let bit_offset = member.bit_offset;
            shapes.push(place::Member { name, rust_name, bit_offset, bits, align, shape });
        }
        Ok(shapes)
    }

    /// The name of an enum that has none: it is called after its field.
    pub(super) fn late_enum(&mut self, it: &Enum, holder: &Holder) -> String {
        let name = names::type_name(&holder.path.replace('.', "_"));
        let name = self.closure.types.unique(&name, names::rust_type);
        let docs = vec![format!("The enum of `{}`.", holder.path)];
        let body = self.enumeration(it, &name);
        self.late.push(Item {
            name: name.clone(),
            docs,
            c_name: CName::None,
            rust_name: None,
            body,
        });
        name
    }

    fn enumeration(&mut self, it: &Enum, name: &str) -> Body {
        let mut members: Vec<(String, i128, Vec<String>)> = Vec::new();
        let mut scope = Scope::default();
        let mut by_value: HashMap<i128, usize> = HashMap::default();
        for (member, value) in &it.members {
            let value = it.in_width(*value);
            if let Some(index) = by_value.get(&value) {
                if let Some((_, _, others)) = members.get_mut(*index) {
                    others.push(member.clone());
                }
                continue;
            }
            let own = scope.unique(&names::identifier(member), names::rust_type);
            let constant = |own: &str| crate::model::names::upper_case(&format!("{name}_{own}"));
            let own = self.enum_constants.unique(&own, constant);
            by_value.insert(value, members.len());
            members.push((own, value, Vec::new()));
        }
        let is_c = self.binary.language() == Language::C && it.size == 4;
        let fits = |value: &i128| i32::try_from(*value).is_ok();
        let as_c = is_c
            && !self.target.info().short_enums
            && members.iter().all(|(_, value, _)| fits(value))
            && it.signed == members.iter().any(|(_, value, _)| *value < 0);
        let repr = (!as_c).then(|| super::spell::integer(it.size, it.signed)).flatten();
        // A C enum takes every value of its type, and flags are often written as one.
        let open = self.binary.language() != Language::Rust;
        Body::Enum { repr, members, open }
    }

    /// Says that something could not be said.
    pub(super) fn note(&mut self, path: &str, what: &str) {
        self.notes.push(Note { path: path.to_owned(), what: what.to_owned() });
    }
}

fn described(word: &str, own: &str, name: &str) -> String {
    if own.is_empty() { name.to_owned() } else { format!("{word} {own}") }
}
