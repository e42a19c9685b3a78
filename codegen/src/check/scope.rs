//! Declarations and scopes: which names exist, and what a path means in a schema.
//!
//! It reads the syntax trees once, drops what the requested version does not have yet, and hands out ids.
//! A schema has five name spaces (types, constants, classes, consumers, spaces). A name is looked up among the
//! schema's own, then among what `use` brought in, then in `inspect.core`.

use super::attributes::{find, literal_argument};
use super::constants::ConstantState;
use super::{
    AggregateDecl, Checker, ClassDecl, ConstantDecl, EnumDecl, FlagsDecl, SchemaDecl, SchemaIndex,
    unknown_name,
};
use crate::diag::{Code, Diagnostic, nearest};
use crate::hash::{HashMap, HashSet};
use crate::model::{AggregateId, ClassId, ConstantId, EnumId, FlagsId, Scalar};
use crate::source::Span;
use crate::syntax::ast;

/// The name spaces of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NameSpace {
    Type,
    Constant,
    Class,
    Consumer,
    AddressSpace,
}

impl NameSpace {
    const ALL: [Self; 5] =
        [Self::Type, Self::Constant, Self::Class, Self::Consumer, Self::AddressSpace];

    fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Constant => "constant",
            Self::Class => "class",
            Self::Consumer => "consumer",
            Self::AddressSpace => "space",
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Aggregate(AggregateId),
    Enum(EnumId),
    Flags(FlagsId),
    Constant(ConstantId),
    Class(ClassId),
    Consumer,
    Space,
}

/// The names of one schema.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    own: HashMap<(NameSpace, &'a str), (Found, &'a ast::Name)>,
    /// Since when those exist that have not always been there.
    ages: HashMap<(NameSpace, &'a str), i128>,
    /// Classes that the emitted version does not have yet.
    later_classes: HashSet<&'a str>,
    used: HashMap<(NameSpace, &'a str), (SchemaIndex, Found, &'a ast::Name)>,
}

impl<'a> Scope<'a> {
    /// Where one of the schema's own names that has not always been there is declared, and since when.
    pub(super) fn age(&self, space: NameSpace, name: &str) -> Option<(Span, i128)> {
        let since = *self.ages.get(&(space, name))?;
        let (_, declared) = self.own.get(&(space, name))?;
        Some((declared.span, since))
    }

    /// Whether a later version than the emitted one has a class of this name.
    pub(super) fn has_later_class(&self, name: &str) -> bool {
        self.later_classes.contains(name)
    }

    /// The names of the schema's own types, in no order.
    pub(super) fn own_types(&self) -> impl Iterator<Item = &'a str> {
        self.own.keys().filter(|(space, _)| *space == NameSpace::Type).map(|(_, name)| *name)
    }
}

/// Words that name a type in the language and therefore no item.
pub(super) fn is_type_word(word: &str) -> bool {
    const OTHERS: [&str; 9] =
        ["atomic", "text", "bytes", "string", "opaque", "struct", "union", "void", "fn"];
    OTHERS.contains(&word) || Scalar::ALL.iter().any(|scalar| scalar.word() == word)
}

impl<'a> Checker<'a> {
    /// Declares every schema and its items, then what `use` brings in.
    pub(super) fn declare(&mut self) {
        self.declare_schemas();
        self.settle_versions();
        for index in 0..self.schemas.len() {
            self.declare_items(index);
        }
        for index in 0..self.schemas.len() {
            self.declare_uses(index);
        }
    }

    fn declare_schemas(&mut self) {
        let mut declared: Vec<SchemaDecl<'a>> = Vec::new();
        for file in self.files {
            let Some(header) = &file.header else { continue };
            let words: Vec<&str> = header.name.iter().map(|name| name.text.as_str()).collect();
            declared.push(SchemaDecl::new(words.join("."), file, header));
        }
        declared.sort_by(|a, b| a.name.cmp(&b.name).then(a.file.file.cmp(&b.file.file)));
        declared.dedup_by(|later, first| {
            let same = later.name == first.name;
            if same {
                let message = format!("schema `{}` is defined twice", first.name);
                self.diagnostics.push(
                    Diagnostic::new(Code::E0203, later.header.span, message)
                        .also(first.header.span, "first defined here")
                        .help("a file holds one schema, and a schema stands in one file"),
                );
            }
            same
        });
        self.schemas = declared;
    }

    fn declare_items(&mut self, schema: SchemaIndex) {
        let file = self.schemas[schema].file;
        for item in &file.items {
            if !self.exists(schema, &item.attributes) {
                if let ast::ItemKind::Class { .. } = item.kind {
                    self.schemas[schema].scope.later_classes.insert(&item.name.text);
                }
                continue;
            }
            let (space, found) = match &item.kind {
                ast::ItemKind::Const { .. } | ast::ItemKind::ExternConst { .. } => {
                    let id = ConstantId(self.constants.len() as u32);
                    let state = ConstantState::Unvisited;
                    self.constants.push(ConstantDecl { schema, item, state, ty: None });
                    (NameSpace::Constant, Found::Constant(id))
                }
                ast::ItemKind::Enum { .. } => {
                    let id = EnumId(self.enums.len() as u32);
                    self.enums.push(EnumDecl::new(schema, item));
                    (NameSpace::Type, Found::Enum(id))
                }
                ast::ItemKind::Flags { .. } => {
                    let id = FlagsId(self.flags.len() as u32);
                    self.flags.push(FlagsDecl::new(schema, item));
                    (NameSpace::Type, Found::Flags(id))
                }
                ast::ItemKind::Struct { .. }
                | ast::ItemKind::Record { .. }
                | ast::ItemKind::ExternStruct { .. } => {
                    let id = AggregateId(self.aggregates.len() as u32);
                    self.aggregates.push(AggregateDecl::named(schema, item));
                    (NameSpace::Type, Found::Aggregate(id))
                }
                ast::ItemKind::Class { .. } => {
                    let id = ClassId(self.classes.len() as u32);
                    self.classes.push(ClassDecl { schema, item });
                    (NameSpace::Class, Found::Class(id))
                }
                ast::ItemKind::Consumer { .. } => (NameSpace::Consumer, Found::Consumer),
                ast::ItemKind::Space { .. } => (NameSpace::AddressSpace, Found::Space),
                ast::ItemKind::Properties { .. } | ast::ItemKind::Entry { .. } => {
                    self.declare_single(schema, item);
                    continue;
                }
            };
            self.check_item_name(&item.name);
            if let Some(since) = find(&item.attributes, "since").and_then(literal_argument) {
                self.schemas[schema].scope.ages.insert((space, &item.name.text), since);
            }
            self.declare_name(schema, space, found, &item.name);
        }
    }

    fn declare_single(&mut self, schema: SchemaIndex, item: &'a ast::Item) {
        self.check_item_name(&item.name);
        let is_entry = matches!(item.kind, ast::ItemKind::Entry { .. });
        let declaration = &mut self.schemas[schema];
        let slot = if is_entry { &mut declaration.entry } else { &mut declaration.properties };
        if let Some(first) = slot {
            let word = if is_entry { "entry" } else { "properties" };
            let message = format!("a schema has at most one `{word}` item");
            self.diagnostics.push(
                Diagnostic::new(Code::E0801, item.name.span, message)
                    .also(first.name.span, "the first one"),
            );
        } else {
            *slot = Some(item);
        }
    }

    fn check_item_name(&mut self, name: &ast::Name) {
        if is_type_word(&name.text) {
            let message = format!("`{}` is a type of the language", name.text);
            self.push(
                Diagnostic::new(Code::E0205, name.span, message)
                    .label("an item needs another name")
                    .help("fields may be called so; types, classes and constants may not"),
            );
        } else if name.text == "_" {
            self.push(
                Diagnostic::new(Code::E0206, name.span, "`_` is padding and names no item").help(
                    "identifiers are letters, digits and `_`, and begin with a letter or `_`",
                ),
            );
        }
    }

    fn declare_name(
        &mut self,
        schema: SchemaIndex,
        space: NameSpace,
        found: Found,
        name: &'a ast::Name,
    ) {
        let scope = &mut self.schemas[schema].scope;
        if let Some((_, first)) = scope.own.get(&(space, name.text.as_str())) {
            let first = first.span;
            let message = format!("the {} `{}` is defined twice", space.word(), name.text);
            self.push(
                Diagnostic::new(Code::E0202, name.span, message).also(first, "first defined here"),
            );
        } else {
            scope.own.insert((space, &name.text), (found, name));
        }
    }

    fn declare_uses(&mut self, schema: SchemaIndex) {
        for item in &self.schemas[schema].file.uses {
            let Some(other) = self.schema_named(&item.schema) else {
                let diagnostic = self.unknown_schema(&item.schema);
                self.push(diagnostic);
                continue;
            };
            for name in &item.names {
                self.declare_use(schema, other, name);
            }
        }
    }

    fn declare_use(&mut self, schema: SchemaIndex, other: SchemaIndex, name: &'a ast::Name) {
        self.schemas[schema].dependencies.insert(other);
        let mut known = false;
        for space in NameSpace::ALL {
            let key = (space, name.text.as_str());
            let Some(&(found, _)) = self.schemas[other].scope.own.get(&key) else { continue };
            known = true;
            let scope = &self.schemas[schema].scope;
            if let Some((_, own)) = scope.own.get(&key) {
                let message = format!("`{}` is both defined here and brought in", name.text);
                let diagnostic = Diagnostic::new(Code::E0202, name.span, message)
                    .also(own.span, "defined here")
                    .help("name the other one by its schema where it is meant");
                self.push(diagnostic);
            } else if let Some((_, previous, first)) = scope.used.get(&key)
                && *previous != found
            {
                let message = format!("`{}` is brought in from two schemas", name.text);
                let diagnostic = Diagnostic::new(Code::E0208, name.span, message)
                    .also(first.span, "the other one")
                    .help("name one of them by its schema where it is meant");
                self.push(diagnostic);
            } else {
                self.schemas[schema].scope.used.insert(key, (other, found, name));
            }
        }
        if !known {
            let own = self.schemas[other].scope.own.keys().map(|(_, name)| *name);
            let mut own: Vec<&str> = own.collect();
            own.sort_unstable();
            own.dedup();
            let schema_name = &self.schemas[other].name;
            let message = format!("schema `{schema_name}` has no `{}`", name.text);
            let mut diagnostic = Diagnostic::new(Code::E0207, name.span, message);
            if let Some(near) = nearest(&name.text, own) {
                diagnostic = diagnostic.suggest(format!("write `{near}`"), name.span, near);
            }
            self.push(diagnostic);
        }
    }

    fn schema_named(&self, segments: &[ast::Name]) -> Option<SchemaIndex> {
        let words: Vec<&str> = segments.iter().map(|name| name.text.as_str()).collect();
        let name = words.join(".");
        self.schemas.binary_search_by(|schema| schema.name.as_str().cmp(&name)).ok()
    }

    fn unknown_schema(&self, segments: &[ast::Name]) -> Diagnostic {
        let words: Vec<&str> = segments.iter().map(|name| name.text.as_str()).collect();
        let (name, span) =
            (words.join("."), segments[0].span.to(segments[segments.len() - 1].span));
        let mut diagnostic =
            Diagnostic::new(Code::E0207, span, format!("no schema `{name}` in this compilation"))
                .help("pass its file or directory, or name its directory with `--import`");
        let known = self.schemas.iter().map(|schema| schema.name.as_str());
        if let Some(near) = nearest(&name, known) {
            diagnostic = diagnostic.suggest(format!("write `{near}`"), span, near);
        }
        diagnostic
    }

    /// What `path` names in one name space, seen from `schema`.
    pub(super) fn find(
        &mut self,
        schema: SchemaIndex,
        space: NameSpace,
        path: &ast::Path,
    ) -> Result<Found, Box<Diagnostic>> {
        match (path.dotted.as_slice(), path.members.as_slice()) {
            ([name], []) => self.find_plain(schema, space, name),
            (segments, [name]) => {
                let other = self
                    .schema_named(segments)
                    .ok_or_else(|| Box::new(self.unknown_schema(segments)))?;
                self.find_in(schema, other, space, name)
            }
            _ => {
                let message = format!("a {} is expected here", space.word());
                Err(Box::new(
                    Diagnostic::new(Code::E0201, path.span, message)
                        .help("write `name`, or `schema.path::name`"),
                ))
            }
        }
    }

    fn find_plain(
        &mut self,
        schema: SchemaIndex,
        space: NameSpace,
        name: &ast::Name,
    ) -> Result<Found, Box<Diagnostic>> {
        let key = (space, name.text.as_str());
        let scope = &self.schemas[schema].scope;
        if let Some((found, _)) = scope.own.get(&key) {
            return Ok(*found);
        }
        if let Some((_, found, _)) = scope.used.get(&key) {
            return Ok(*found);
        }
        if let Some(core) = self.core
            && let Some(&(found, _)) = self.schemas[core].scope.own.get(&key)
        {
            if core != schema {
                self.schemas[schema].dependencies.insert(core);
            }
            return Ok(found);
        }
        Err(Box::new(self.unknown_plain(schema, space, name)))
    }

    fn unknown_plain(&self, schema: SchemaIndex, space: NameSpace, name: &ast::Name) -> Diagnostic {
        /// Errors after which nothing is suggested: each suggestion compares with every known name.
        const SUGGESTING: usize = 100;
        if self.diagnostics.len() > SUGGESTING {
            return unknown_name(space.word(), name, &[]);
        }
        let scope = &self.schemas[schema].scope;
        let own = scope.own.keys().chain(scope.used.keys());
        let mut known: Vec<&str> =
            own.filter(|(kind, _)| *kind == space).map(|(_, name)| *name).collect();
        if space == NameSpace::Type {
            known.extend(Scalar::ALL.iter().map(|scalar| scalar.word()));
        }
        known.sort_unstable();
        let diagnostic = match foreign_word(space, &name.text) {
            Some(word) => unknown_name(space.word(), name, &[]).suggest(
                format!("write `{word}`"),
                name.span,
                word,
            ),
            None => unknown_name(space.word(), name, &known),
        };
        let elsewhere = self.schemas.iter().enumerate().find(|(index, other)| {
            *index != schema && other.scope.own.contains_key(&(space, name.text.as_str()))
        });
        match elsewhere {
            Some((_, other)) => {
                diagnostic.help(format!("bring it in: `use {}::{};`", other.name, name.text))
            }
            None => diagnostic,
        }
    }

    fn find_in(
        &mut self,
        schema: SchemaIndex,
        other: SchemaIndex,
        space: NameSpace,
        name: &ast::Name,
    ) -> Result<Found, Box<Diagnostic>> {
        if let Some(&(found, _)) = self.schemas[other].scope.own.get(&(space, name.text.as_str())) {
            if other != schema {
                self.schemas[schema].dependencies.insert(other);
            }
            return Ok(found);
        }
        let own = self.schemas[other].scope.own.keys();
        let mut known: Vec<&str> =
            own.filter(|(kind, _)| *kind == space).map(|(_, name)| *name).collect();
        known.sort_unstable();
        Err(Box::new(unknown_name(space.word(), name, &known)))
    }

    /// Notes that a schema's outputs speak about things of another one.
    pub(super) fn note_use(&mut self, schema: SchemaIndex, found: Found) {
        let owner = match found {
            Found::Aggregate(id) => self.aggregates[id.index()].schema,
            Found::Enum(id) => self.enums[id.index()].schema,
            Found::Flags(id) => self.flags[id.index()].schema,
            Found::Constant(id) => self.constants[id.index()].schema,
            Found::Class(id) => self.classes[id.index()].schema,
            Found::Consumer | Found::Space => schema,
        };
        if owner != schema {
            self.schemas[schema].dependencies.insert(owner);
        }
    }
}

/// The language's word for what C, the kernel and Rust call otherwise. By spelling alone, `uint32` would be
/// nearest to `uint`.
fn foreign_word(space: NameSpace, word: &str) -> Option<&'static str> {
    if space != NameSpace::Type {
        return None;
    }
    Some(match word {
        "uint8_t" | "uint8" | "__u8" | "byte" => "u8",
        "uint16_t" | "uint16" | "__u16" => "u16",
        "uint32_t" | "uint32" | "__u32" => "u32",
        "uint64_t" | "uint64" | "__u64" => "u64",
        "int8_t" | "int8" | "__s8" | "s8" => "i8",
        "int16_t" | "int16" | "__s16" | "s16" => "i16",
        "int32_t" | "int32" | "__s32" | "s32" => "i32",
        "int64_t" | "int64" | "__s64" | "s64" => "i64",
        "__be16" => "be16",
        "__be32" => "be32",
        "__be64" => "be64",
        "__le16" => "le16",
        "__le32" => "le32",
        "__le64" => "le64",
        "float" => "f32",
        "double" => "f64",
        "_Bool" | "boolean" => "bool",
        "size_t" | "usize" => "size",
        "uintptr_t" => "uintptr",
        "isize" | "ssize_t" | "ptrdiff_t" | "intptr_t" => "ssize",
        "unsigned" => "uint",
        _ => return None,
    })
}
