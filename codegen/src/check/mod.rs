//! From syntax trees to the model: names, types, constants, layouts, versions, all checked.
//!
//! The stages run in this order, each in its own file: `scope` declares what exists in the requested versions, `ages` keeps the old from the younger,
//! `attributes` reads what stands in `#[..]`, `constants` computes numbers, `enums` gives members their values,
//! `types` and `fields` resolve what aggregates hold, `graph` orders types and finds cycles, `layout` places fields, `references` resolves
//! what fields say of each other (counts, tags, lists), `items` and `consumers` build what is not a type,
//! `clashes` compares names in the outputs. All of them report into one list; a model is handed on only if that
//! list holds no error.

mod ages;
mod attributes;
mod clashes;
mod constants;
mod consumers;
mod enums;
mod fields;
mod graph;
mod items;
mod layout;
mod references;
mod scope;
#[cfg(feature = "image")]
pub(crate) mod trial;
mod types;

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Diagnostics, nearest};
use crate::hash::HashSet;
use crate::model::{
    Aggregate, AggregateId, Class, Constant, Enum, EnumId, Flags, FlagsId, Layout, Lifetime, Model,
    Naming, Scalar, Schema, SchemaId, Target, Type,
};
use crate::source::{SourceMap, Span};
use crate::syntax::ast;
pub use attributes::attribute_places;
use constants::ConstantState;
use scope::Scope;

/// The name of the schema that describes the format itself.
pub const CORE: &str = "inspect.core";

/// What a compilation is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The targets that outputs speak about; the host where none is given.
    pub targets: Vec<Target>,
    /// `--as-of SCHEMA=N`; without a name where the compilation has one schema beside the imported ones.
    pub as_of: Vec<(Option<String>, u32)>,
}

/// Checks a compilation. There is a model if, and only if, no diagnostic is an error.
#[must_use]
pub fn check(
    sources: &SourceMap,
    files: &[ast::File],
    options: &Options,
) -> (Option<Model>, Diagnostics) {
    let mut checker = Checker::new(sources, files);
    checker.declare_versions(options);
    checker.declare();
    checker.check_ages();
    checker.evaluate_constants();
    checker.check_enums();
    checker.resolve_aggregates();
    let order = checker.order_types();
    checker.lay_out(&order);
    checker.resolve_references();
    let schemas = checker.build_schemas(&order);
    let parts = checker.build_parts();
    checker.check_clashes(&schemas, &parts);
    checker.finish(schemas, parts, options)
}

/// The finished arenas beside the aggregates; `None` stands for what is at fault.
struct Parts {
    constants: Vec<Option<Constant>>,
    enums: Vec<Option<Enum>>,
    flags: Vec<Option<Flags>>,
    classes: Vec<Option<Class>>,
}

/// A schema by its position in the list sorted by name: the same number as its [`SchemaId`].
type SchemaIndex = usize;

/// A declared schema.
#[derive(Debug)]
struct SchemaDecl<'a> {
    name: String,
    file: &'a ast::File,
    header: &'a ast::Header,
    /// The declared version.
    latest: u32,
    /// The version that is emitted.
    version: u32,
    scope: Scope<'a>,
    entry: Option<&'a ast::Item>,
    properties: Option<&'a ast::Item>,
    dependencies: BTreeSet<SchemaIndex>,
}

impl<'a> SchemaDecl<'a> {
    fn new(name: String, file: &'a ast::File, header: &'a ast::Header) -> Self {
        Self {
            name,
            file,
            header,
            latest: 1,
            version: 1,
            scope: Scope::default(),
            entry: None,
            properties: None,
            dependencies: BTreeSet::new(),
        }
    }
}

#[derive(Debug)]
struct ConstantDecl<'a> {
    schema: SchemaIndex,
    item: &'a ast::Item,
    state: ConstantState,
    ty: Option<Type>,
}

#[derive(Debug)]
struct EnumDecl<'a> {
    schema: SchemaIndex,
    item: &'a ast::Item,
    /// The written type.
    repr: Option<Scalar>,
    state: enums::EnumState,
}

impl<'a> EnumDecl<'a> {
    fn new(schema: SchemaIndex, item: &'a ast::Item) -> Self {
        Self { schema, item, repr: None, state: enums::EnumState::Unvisited }
    }

    fn is_extern(&self) -> bool {
        matches!(self.item.kind, ast::ItemKind::Enum { source: Some(_), .. })
    }
}

#[derive(Debug)]
struct FlagsDecl<'a> {
    schema: SchemaIndex,
    item: &'a ast::Item,
    repr: Option<Scalar>,
    bits: Option<Vec<Option<(u8, u8)>>>,
}

impl<'a> FlagsDecl<'a> {
    fn new(schema: SchemaIndex, item: &'a ast::Item) -> Self {
        Self { schema, item, repr: None, bits: None }
    }
}

#[derive(Debug)]
struct AggregateDecl<'a> {
    schema: SchemaIndex,
    /// The item, or for an inline aggregate the item around it.
    item: &'a ast::Item,
    /// The syntax of each of the model's fields; `None` for padding that `#[offset]` made.
    syntax: Vec<Option<&'a ast::Field>>,
    /// A field is missing because it is at fault: there will be no layout, and nothing more is said.
    broken: bool,
    /// An inline aggregate whose field has no name, so that C cannot name its type.
    is_anonymous: bool,
}

impl<'a> AggregateDecl<'a> {
    fn named(schema: SchemaIndex, item: &'a ast::Item) -> Self {
        Self { schema, item, syntax: Vec::new(), broken: false, is_anonymous: false }
    }
}

#[derive(Debug)]
struct ClassDecl<'a> {
    schema: SchemaIndex,
    item: &'a ast::Item,
}

/// Everything that the stages share. Each stage fills its part and reads those before it.
struct Checker<'a> {
    sources: &'a SourceMap,
    files: &'a [ast::File],
    diagnostics: Diagnostics,
    schemas: Vec<SchemaDecl<'a>>,
    /// `inspect.core`, once declared.
    core: Option<SchemaIndex>,
    constants: Vec<ConstantDecl<'a>>,
    enums: Vec<EnumDecl<'a>>,
    flags: Vec<FlagsDecl<'a>>,
    aggregates: Vec<AggregateDecl<'a>>,
    classes: Vec<ClassDecl<'a>>,
    /// The model's aggregates, at the positions of `aggregates`; inline ones follow the named ones.
    built: Vec<Aggregate>,
    /// The bytes of each enum by target, and the type of each set of flags; known once enums are checked.
    enum_sizes: Vec<[u8; Target::COUNT]>,
    flag_types: Vec<Scalar>,
    /// How deep constants and enums ask for each other.
    enum_depth: u32,
    /// Schemas by version that `--as-of` asks for, found before the declarations.
    as_of: Vec<(String, u32)>,
    /// Versions that `--as-of` asks for wherever there is one schema.
    as_of_only: Option<u32>,
    /// Fields whose attributes were reported: each place is reported once.
    reported: HashSet<(Code, Span)>,
}

impl<'a> Checker<'a> {
    fn new(sources: &'a SourceMap, files: &'a [ast::File]) -> Self {
        Self {
            sources,
            files,
            diagnostics: Diagnostics::new(),
            schemas: Vec::new(),
            core: None,
            constants: Vec::new(),
            enums: Vec::new(),
            flags: Vec::new(),
            aggregates: Vec::new(),
            classes: Vec::new(),
            built: Vec::new(),
            enum_sizes: Vec::new(),
            flag_types: Vec::new(),
            enum_depth: 0,
            as_of: Vec::new(),
            as_of_only: None,
            reported: HashSet::default(),
        }
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        let key = diagnostic.primary.as_ref().map(|label| (diagnostic.code, label.span));
        if key.is_none_or(|key| self.reported.insert(key)) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::new(code, span, message));
    }

    /// The lifetime and output names of a named thing.
    fn naming(
        &mut self,
        schema: SchemaIndex,
        name: &ast::Name,
        docs: &str,
        attributes: &'a [ast::Attribute],
        derived: (String, String),
    ) -> Naming {
        let lifetime = self.lifetime(schema, attributes);
        let (c, rust) = derived;
        Naming {
            name: name.text.clone(),
            c: self.name_attribute(attributes, "c_name").unwrap_or(c),
            rust: self.name_attribute(attributes, "rust_name").unwrap_or(rust),
            docs: docs.to_owned(),
            origin: name.span,
            lifetime,
        }
    }

    /// Types as `layout` sees them.
    fn known_types(&self) -> KnownTypes<'_> {
        KnownTypes { built: &self.built, enum_sizes: &self.enum_sizes, flags: &self.flag_types }
    }

    fn imported(&self, schema: SchemaIndex) -> bool {
        self.sources.file(self.schemas[schema].file.file).imported
    }

    fn build_parts(&mut self) -> Parts {
        Parts {
            constants: self.build_constants(),
            enums: self.build_enums(),
            flags: self.build_flags(),
            classes: self.build_classes(),
        }
    }

    fn finish(
        self,
        schemas: Vec<Schema>,
        parts: Parts,
        options: &Options,
    ) -> (Option<Model>, Diagnostics) {
        if self.diagnostics.has_errors() {
            return (None, self.diagnostics);
        }
        let mut targets = options.targets.clone();
        if targets.is_empty() {
            targets.extend(Target::host().or_else(|| Target::from_name("x86_64")));
        }
        targets.sort();
        targets.dedup();
        let model = Model {
            schemas,
            aggregates: self.built,
            enums: parts.enums.into_iter().flatten().collect(),
            flags: parts.flags.into_iter().flatten().collect(),
            constants: parts.constants.into_iter().flatten().collect(),
            classes: parts.classes.into_iter().flatten().collect(),
            targets,
        };
        model.assert_valid();
        (Some(model), self.diagnostics)
    }

    fn build_constants(&mut self) -> Vec<Option<Constant>> {
        (0..self.constants.len())
            .map(|index| {
                let declaration = &self.constants[index];
                let (schema, item) = (declaration.schema, declaration.item);
                self.check_attributes(&item.attributes, attributes::Place::CONST);
                let value = match &self.constants[index].state {
                    ConstantState::Done(value) => value.clone(),
                    _ => None,
                };
                let ty = match &item.kind {
                    ast::ItemKind::ExternConst { ty, .. } => self.extern_constant_type(schema, ty),
                    _ => self.constants[index].ty.clone(),
                };
                let captured = matches!(item.kind, ast::ItemKind::ExternConst { .. });
                let derived = self.constant_names(schema, &item.name.text, captured);
                let naming = self.naming(schema, &item.name, &item.docs, &item.attributes, derived);
                Some(Constant { schema: SchemaId(schema as u32), naming, ty: ty?, value: value? })
            })
            .collect()
    }
}

/// Types as `layout` sees them: the finished aggregates and the decided enums of a checker.
struct KnownTypes<'b> {
    built: &'b [Aggregate],
    /// For each enum its bytes by target.
    enum_sizes: &'b [[u8; Target::COUNT]],
    /// For each set of flags its type.
    flags: &'b [Scalar],
}

impl layout::Types for KnownTypes<'_> {
    fn layout(&self, id: AggregateId, target: Target) -> Option<&Layout> {
        self.built[id.index()].layouts.as_ref().map(|layouts| layouts.on(target))
    }

    fn enum_size(&self, id: EnumId, target: Target) -> u8 {
        self.enum_sizes[id.index()][target.index()]
    }

    fn flags_repr(&self, id: FlagsId) -> Scalar {
        self.flags[id.index()]
    }
}

/// A name that nobody knows, with the nearest known one.
fn unknown_name(what: &str, name: &ast::Name, known: &[&str]) -> Diagnostic {
    let message = format!("no {what} is called `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::E0201, name.span, message);
    match nearest(&name.text, known.iter().copied()) {
        Some(near) => diagnostic.suggest(format!("write `{near}`"), name.span, near),
        None => diagnostic,
    }
}

/// A thing that has always been there.
fn forever() -> Lifetime {
    Lifetime { since: 1, deprecated: None, removed: None }
}
