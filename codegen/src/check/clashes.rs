//! Names that fall together in an output: `log_buf` and `LogBuf` are two names here and one type in Rust.
//!
//! Compares the final names of each schema in each scope of each output language. Equal names in the schema
//! itself are an error of their own, found where they are declared.

use std::collections::HashMap;

use super::{Checker, Parts};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Naming, Schema, TypeId, names};
use crate::source::Span;

/// One scope of an output: final names, and what in the schema has them.
struct OutputScope {
    language: &'static str,
    attribute: &'static str,
    seen: HashMap<String, (Span, String)>,
}

impl OutputScope {
    fn rust() -> Self {
        Self { language: "Rust", attribute: "rust_name", seen: HashMap::new() }
    }

    fn c() -> Self {
        Self { language: "C", attribute: "c_name", seen: HashMap::new() }
    }

    /// Notes that `what`, written at `origin`, is called `output`.
    fn add(&mut self, output: &str, what: String, origin: Span, found: &mut Diagnostics) {
        let entry = (origin, what.clone());
        let Some((first, other)) = self.seen.insert(output.to_owned(), entry) else { return };
        if other == what {
            return;
        }
        let message = format!("`{other}` and `{what}` are both `{output}` in {}", self.language);
        found.push(
            Diagnostic::new(Code::E0204, origin, message)
                .also(first, "the other one")
                .help(format!("rename one of them, or say `#[{}(\"..\")]`", self.attribute)),
        );
    }
}

/// The scopes of one schema in both languages.
struct Scopes<'f> {
    rust_types: OutputScope,
    rust_constants: OutputScope,
    rust_classes: OutputScope,
    c_types: OutputScope,
    c_constants: OutputScope,
    found: &'f mut Diagnostics,
}

impl Scopes<'_> {
    fn add_type(&mut self, naming: &Naming) {
        let (what, origin) = (naming.name.clone(), naming.origin);
        self.rust_types.add(&naming.rust, what.clone(), origin, self.found);
        self.c_types.add(&naming.c, what, origin, self.found);
    }

    fn add_constant(&mut self, naming: &Naming) {
        let (what, origin) = (naming.name.clone(), naming.origin);
        self.rust_constants.add(&naming.rust, what.clone(), origin, self.found);
        self.c_constants.add(&naming.c, what, origin, self.found);
    }

    /// Members are constants of their type in Rust, and of the whole schema in C.
    fn add_members<'n>(&mut self, owner: &str, members: impl Iterator<Item = &'n Naming>) {
        let mut rust = OutputScope::rust();
        for naming in members {
            let what = format!("{owner}::{}", naming.name);
            rust.add(&naming.rust, what.clone(), naming.origin, self.found);
            self.c_constants.add(&naming.c, what, naming.origin, self.found);
        }
    }
}

impl Checker<'_> {
    pub(super) fn check_clashes(&mut self, schemas: &[Schema], parts: &Parts) {
        let mut found = Diagnostics::new();
        let mut files = OutputScope { language: "the names of files", ..OutputScope::c() };
        for schema in schemas {
            let word = names::schema_word(&schema.name);
            files.add(&word, schema.name.clone(), schema.origin, &mut found);
            let mut scopes = Scopes {
                rust_types: OutputScope::rust(),
                rust_constants: OutputScope::rust(),
                rust_classes: OutputScope::rust(),
                c_types: OutputScope::c(),
                c_constants: OutputScope::c(),
                found: &mut found,
            };
            compare_items(&mut scopes, schema, parts);
            self.compare_types(&mut scopes, schema, parts);
        }
        for aggregate in &self.built {
            let named = aggregate.fields.iter().filter_map(|field| field.naming.as_ref());
            compare_fields(named, &mut found);
        }
        for schema in schemas {
            compare_fields(schema.entry.fields.iter().map(|field| &field.naming), &mut found);
        }
        self.diagnostics.append(found);
    }

    fn compare_types(&self, scopes: &mut Scopes<'_>, schema: &Schema, parts: &Parts) {
        for id in &schema.types {
            match id {
                TypeId::Aggregate(id) => scopes.add_type(&self.built[id.index()].naming),
                TypeId::Enum(id) => {
                    let Some(item) = &parts.enums[id.index()] else { continue };
                    scopes.add_type(&item.naming);
                    scopes.add_members(&item.naming.name, item.members.iter().map(|m| &m.naming));
                }
                TypeId::Flags(id) => {
                    let Some(item) = &parts.flags[id.index()] else { continue };
                    scopes.add_type(&item.naming);
                    scopes.add_members(&item.naming.name, item.members.iter().map(|m| &m.naming));
                }
            }
        }
        if schema.entry.declared {
            scopes.add_type(&schema.entry.naming);
        }
    }
}

fn compare_items(scopes: &mut Scopes<'_>, schema: &Schema, parts: &Parts) {
    for id in &schema.constants {
        if let Some(constant) = &parts.constants[id.index()] {
            scopes.add_constant(&constant.naming);
        }
    }
    for naming in schema.spaces.iter().map(|space| &space.naming) {
        scopes.add_constant(naming);
    }
    for naming in schema.consumers.iter().map(|consumer| &consumer.naming) {
        scopes.add_constant(naming);
    }
    for id in &schema.classes {
        if let Some(class) = &parts.classes[id.index()] {
            let naming = &class.naming;
            let (what, origin) = (naming.name.clone(), naming.origin);
            scopes.rust_classes.add(&naming.rust, what.clone(), origin, scopes.found);
            scopes.c_constants.add(&naming.c, what, origin, scopes.found);
        }
    }
    if let Some(properties) = &schema.properties {
        let owner = &properties.naming.name;
        scopes.add_members(owner, properties.members.iter().map(|member| &member.naming));
    }
}

fn compare_fields<'n>(fields: impl Iterator<Item = &'n Naming> + Clone, found: &mut Diagnostics) {
    // Names that every output takes as they are clash only if they are equal, which is reported elsewhere.
    if fields.clone().all(|naming| naming.rust == naming.name && naming.c == naming.name) {
        return;
    }
    let (mut rust, mut c) = (OutputScope::rust(), OutputScope::c());
    for naming in fields {
        rust.add(&naming.rust, naming.name.clone(), naming.origin, found);
        c.add(&naming.c, naming.name.clone(), naming.origin, found);
    }
}
