//! The checked model: everything the emitters need, decided.
//!
//! `check` builds it from the syntax trees of a compilation; nobody changes it afterwards. It is complete
//! (every name resolved, every constant computed, every layout known), inert (no function here computes
//! anything that could fail) and ordered: in [`Schema::types`] a type stands after every type that it holds
//! by value, wherever that one is defined. [`Model::assert_valid`] states these promises as code.
//!
//! Ids are positions in the model's arenas and valid in their own model only. Where something cannot be known
//! before a compiler has seen the producer (`extern`), the model says so in the type: [`Length::Captured`],
//! [`ConstantValue::Captured`], [`Aggregate::layouts`] being `None`.

mod items;
pub mod names;
pub mod target;
mod types;
mod valid;

use crate::source::Span;
pub use items::*;
pub use target::{ByteOrder, Target, TargetInfo};
pub use types::*;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in its arena.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

ids! {
    /// A [`Schema`] in [`Model::schemas`].
    SchemaId
    /// An [`Aggregate`] in [`Model::aggregates`].
    AggregateId
    /// An [`Enum`] in [`Model::enums`].
    EnumId
    /// A [`Flags`] in [`Model::flags`].
    FlagsId
    /// A [`Constant`] in [`Model::constants`].
    ConstantId
    /// A [`Class`] in [`Model::classes`].
    ClassId
}

/// A whole compilation.
#[derive(Clone, Debug)]
pub struct Model {
    /// Every schema, sorted by name; `inspect.core` is always among them.
    pub schemas: Vec<Schema>,
    /// Every struct, union, record, inline aggregate and entry.
    pub aggregates: Vec<Aggregate>,
    /// Every enum.
    pub enums: Vec<Enum>,
    /// Every set of flags.
    pub flags: Vec<Flags>,
    /// Every constant.
    pub constants: Vec<Constant>,
    /// Every class.
    pub classes: Vec<Class>,
    /// The targets that outputs speak about, sorted, at least one. Layouts exist for all targets.
    pub targets: Vec<Target>,
}

/// One schema.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Its dotted name: `linux.mm`.
    pub name: String,
    /// The version being emitted: the declared one, or the one of `--as-of`.
    pub version: u32,
    /// The declared version.
    pub latest: u32,
    /// Where the header stands.
    pub origin: Span,
    /// Documentation of the file.
    pub docs: String,
    /// Found through `--import`, or `inspect.core` when it was not given: it is consulted, nothing is emitted.
    pub imported: bool,
    /// The schemas that this one names, sorted, itself excluded.
    pub dependencies: Vec<SchemaId>,
    /// In source order.
    pub constants: Vec<ConstantId>,
    /// Named types, topologically sorted, source order otherwise. Inline aggregates are not listed.
    pub types: Vec<TypeId>,
    /// The schema's own property bits, if it declares any. Core bits come on top.
    pub properties: Option<Properties>,
    /// In source order.
    pub classes: Vec<ClassId>,
    /// What is appended to the core entry; a schema without an `entry` has one without fields.
    pub entry: Entry,
    /// In source order.
    pub spaces: Vec<Space>,
    /// In source order.
    pub consumers: Vec<Consumer>,
}

/// A named type of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeId {
    /// A struct or a record.
    Aggregate(AggregateId),
    /// An enum.
    Enum(EnumId),
    /// A set of flags.
    Flags(FlagsId),
}

/// What every named thing has. `c` and `rust` are the final names, keywords avoided, prefixes included.
#[derive(Clone, Debug)]
pub struct Naming {
    /// As written in the schema.
    pub name: String,
    /// In C: `linux_mm_log_record` for a type (without `struct`), `text_len` for a field.
    pub c: String,
    /// In Rust: `LogRecord` for a type, `text_len` for a field, `MAX_ZONES` for a constant.
    pub rust: String,
    /// Markdown; lines joined by `\n`; may be empty.
    pub docs: String,
    /// Where the name is written.
    pub origin: Span,
    /// Since when it exists and whether it still should be used.
    pub lifetime: Lifetime,
}

/// Since when a thing exists, as of the emitted version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The first version that has it; 1 unless said otherwise.
    pub since: u32,
    /// The version that deprecated it, and what to use instead.
    pub deprecated: Option<(u32, String)>,
    /// The version that removed it; its place stays taken.
    pub removed: Option<u32>,
}

/// The core property bits: bit and name, as `inspect.core` declares them.
pub const CORE_PROPERTIES: [(u8, &str); 6] = [
    (58, "per_cpu"),
    (59, "init"),
    (60, "mmio"),
    (61, "read_only"),
    (62, "volatile"),
    (63, "sensitive"),
];

impl std::ops::Index<SchemaId> for Model {
    type Output = Schema;
    fn index(&self, id: SchemaId) -> &Schema {
        &self.schemas[id.index()]
    }
}

impl std::ops::Index<AggregateId> for Model {
    type Output = Aggregate;
    fn index(&self, id: AggregateId) -> &Aggregate {
        &self.aggregates[id.index()]
    }
}

impl std::ops::Index<EnumId> for Model {
    type Output = Enum;
    fn index(&self, id: EnumId) -> &Enum {
        &self.enums[id.index()]
    }
}

impl std::ops::Index<FlagsId> for Model {
    type Output = Flags;
    fn index(&self, id: FlagsId) -> &Flags {
        &self.flags[id.index()]
    }
}

impl std::ops::Index<ConstantId> for Model {
    type Output = Constant;
    fn index(&self, id: ConstantId) -> &Constant {
        &self.constants[id.index()]
    }
}

impl std::ops::Index<ClassId> for Model {
    type Output = Class;
    fn index(&self, id: ClassId) -> &Class {
        &self.classes[id.index()]
    }
}

impl Model {
    /// Every schema that outputs are written for, with its id.
    pub fn emitted(&self) -> impl Iterator<Item = (SchemaId, &Schema)> {
        self.schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| (SchemaId(index as u32), schema))
            .filter(|(_, schema)| !schema.imported)
    }

    /// The names of a type.
    #[must_use]
    pub fn type_naming(&self, id: TypeId) -> &Naming {
        match id {
            TypeId::Aggregate(id) => &self[id].naming,
            TypeId::Enum(id) => &self[id].naming,
            TypeId::Flags(id) => &self[id].naming,
        }
    }

    /// The schema with this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<SchemaId> {
        let index = self.schemas.binary_search_by(|schema| schema.name.as_str().cmp(name)).ok()?;
        Some(SchemaId(index as u32))
    }

    /// The aggregate with a name that a nested one is declared in; itself for one that has a name.
    #[must_use]
    pub fn root(&self, id: AggregateId) -> AggregateId {
        let mut root = id;
        while let Some((around, _)) = self[root].parent {
            root = around;
        }
        root
    }

    /// The aggregate that is declared where a type is written, behind arrays.
    #[must_use]
    pub fn inline(&self, ty: &Type) -> Option<AggregateId> {
        match ty {
            Type::Aggregate(id) => self[*id].parent.is_some().then_some(*id),
            Type::Array(element, _) | Type::Flexible(element) => self.inline(element),
            _ => None,
        }
    }
}
