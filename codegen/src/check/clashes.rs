//! Names that fall together in an output: `log_buf` and `LogBuf` are two names here and one type in Rust.
//!
//! Compares the final names of each schema in each scope of each output language, and with those that generated
//! code cannot do without. Equal names in the schema itself are an error of their own, found where they are
//! declared. A generated name that can give way does so, where it is emitted: `Table_` beside a struct `table`.

use super::{CORE, Checker, Parts};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hash::HashMap;
use crate::model::{Aggregate, AggregateKind, ConstantValue, Naming, Schema, TypeId, names};
use crate::source::Span;

/// One scope of an output: final names, and what in the schema has them.
struct OutputScope {
    language: &'static str,
    attribute: &'static str,
    seen: HashMap<String, Holder>,
    /// Names that generated code has for itself.
    reserved: fn(&str) -> bool,
}

/// What has a name already.
enum Holder {
    Item(Span, String),
    /// The generated code itself.
    Generated,
}

impl OutputScope {
    fn rust() -> Self {
        let seen = HashMap::default();
        Self { language: "Rust", attribute: "rust_name", seen, reserved: |_| false }
    }

    fn rust_types() -> Self {
        Self { reserved: names::is_rust_prelude, ..Self::rust() }
    }

    fn c() -> Self {
        Self { language: "C", attribute: "c_name", ..Self::rust() }
    }

    /// Keeps a name for generated code.
    fn reserve(&mut self, output: String) {
        self.seen.insert(output, Holder::Generated);
    }

    /// Notes that `what`, written at `origin`, is called `output`.
    fn add(&mut self, output: &str, what: String, origin: Span, found: &mut Diagnostics) {
        let language = self.language;
        let help = format!("rename one of them, or say `#[{}(\"..\")]`", self.attribute);
        let taken = match (self.reserved)(output) {
            true => Some(Holder::Generated),
            false => {
                let holder = Holder::Item(origin, what.clone());
                self.seen.insert(output.to_owned(), holder)
            }
        };
        match taken {
            Some(Holder::Item(first, other)) if other != what => {
                let message = format!("{other} and {what} are both `{output}` in {language}");
                found.push(
                    Diagnostic::new(Code::E0204, origin, message)
                        .also(first, "the other one")
                        .help(help),
                );
            }
            Some(Holder::Generated) => {
                let message =
                    format!("{what} would be `{output}` in {language}, as something of ours is");
                found.push(
                    Diagnostic::new(Code::E0204, origin, message)
                        .label("generated code needs the name itself")
                        .help(format!("rename it, or say `#[{}(\"..\")]`", self.attribute)),
                );
            }
            // Equal names in the schema itself are reported where they are declared.
            Some(Holder::Item(..)) | None => {}
        }
    }
}

/// The scopes of one schema in Rust, and those of the whole compilation in C, which has no other.
struct Scopes<'f> {
    rust_types: OutputScope,
    rust_values: OutputScope,
    rust_externals: OutputScope,
    rust_classes: OutputScope,
    rust_spaces: OutputScope,
    rust_consumers: OutputScope,
    c: &'f mut CScopes,
    found: &'f mut Diagnostics,
}

/// C has one scope for types and one for macros and enumerators, whatever the schema.
struct CScopes {
    types: OutputScope,
    constants: OutputScope,
}

impl Scopes<'_> {
    fn add_type(&mut self, word: &str, naming: &Naming) {
        let (what, origin) = (quoted(word, naming), naming.origin);
        self.rust_types.add(&naming.rust, what.clone(), origin, self.found);
        self.c.types.add(&naming.c, what, origin, self.found);
    }

    /// A type that is a tuple struct in Rust has its name among the values too.
    fn add_number_type(&mut self, word: &str, naming: &Naming) {
        self.add_type(word, naming);
        self.rust_values.add(&naming.rust, quoted(word, naming), naming.origin, self.found);
    }

    fn add_aggregate(&mut self, aggregate: &Aggregate) {
        match aggregate.kind {
            AggregateKind::Struct | AggregateKind::Record => {
                self.add_type("type", &aggregate.naming)
            }
            AggregateKind::ExternC { .. } | AggregateKind::ExternRust => {
                self.add_external(&aggregate.naming);
            }
        }
    }

    /// A captured struct lies in a module of its own in Rust; in C two schemas may describe the same one.
    fn add_external(&mut self, naming: &Naming) {
        let (what, origin) = (quoted("type", naming), naming.origin);
        self.rust_externals.add(&naming.rust, what, origin, self.found);
        self.c.types.add(&naming.c, format!("the captured `{}`", naming.c), origin, self.found);
    }

    fn add_c_constant(&mut self, word: &str, naming: &Naming) {
        self.c.constants.add(&naming.c, quoted(word, naming), naming.origin, self.found);
    }

    /// Members are constants of their type in Rust, and of the whole schema in C.
    fn add_members<'n>(&mut self, owner: &str, members: impl Iterator<Item = &'n Naming>) {
        let mut rust = OutputScope::rust();
        rust.reserve("ZERO".to_owned());
        for naming in members {
            let what = format!("`{owner}::{}`", naming.name);
            rust.add(&naming.rust, what.clone(), naming.origin, self.found);
            self.c.constants.add(&naming.c, what, naming.origin, self.found);
        }
    }
}

fn quoted(word: &str, naming: &Naming) -> String {
    format!("the {word} `{}`", naming.name)
}

impl Checker<'_> {
    pub(super) fn check_clashes(&mut self, schemas: &[Schema], parts: &Parts) {
        let mut found = Diagnostics::new();
        let mut inline: Vec<Vec<&Aggregate>> = vec![Vec::new(); schemas.len()];
        for aggregate in self.built.iter().filter(|aggregate| aggregate.parent.is_some()) {
            inline[aggregate.schema.index()].push(aggregate);
        }
        let mut files = OutputScope { language: "the names of files", ..OutputScope::c() };
        let mut c = CScopes { types: OutputScope::c(), constants: OutputScope::c() };
        for schema in schemas {
            compare_schema(schema, &mut files, &mut found);
            reserve_in_c(schema, &mut c);
        }
        for (schema, inline) in schemas.iter().zip(inline) {
            let mut scopes = Scopes {
                rust_types: OutputScope::rust_types(),
                rust_values: OutputScope::rust_types(),
                rust_externals: OutputScope::rust_types(),
                rust_classes: OutputScope::rust(),
                rust_spaces: OutputScope::rust(),
                rust_consumers: OutputScope::rust(),
                c: &mut c,
                found: &mut found,
            };
            if !schema.entry.declared {
                scopes.rust_types.reserve(schema.entry.naming.rust.clone());
                scopes.c.types.reserve(schema.entry.naming.c.clone());
            }
            compare_items(&mut scopes, schema, parts);
            self.compare_types(&mut scopes, schema, parts);
            for aggregate in inline {
                scopes.add_aggregate(aggregate);
            }
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
                TypeId::Aggregate(id) => {
                    let aggregate = &self.built[id.index()];
                    scopes.add_aggregate(aggregate);
                }
                TypeId::Enum(id) => {
                    let Some(item) = &parts.enums[id.index()] else { continue };
                    if item.header.is_some() {
                        let what = quoted("type", &item.naming);
                        let (name, origin) = (&item.naming.rust, item.naming.origin);
                        scopes.rust_types.add(name, what, origin, scopes.found);
                        continue;
                    }
                    scopes.add_number_type("type", &item.naming);
                    let owner = &item.naming.name;
                    scopes.add_members(owner, item.members.iter().map(|m| &m.naming));
                }
                TypeId::Flags(id) => {
                    let Some(item) = &parts.flags[id.index()] else { continue };
                    scopes.add_number_type("type", &item.naming);
                    let owner = &item.naming.name;
                    scopes.add_members(owner, item.members.iter().map(|m| &m.naming));
                }
            }
        }
        if schema.entry.declared {
            scopes.add_type("entry", &schema.entry.naming);
        }
    }
}

/// Schemas become files and prefixes: on some file systems names that differ in case are one name, and
/// `INSPECT_` and `inspect.h` are the format's own.
fn compare_schema(schema: &Schema, files: &mut OutputScope, found: &mut Diagnostics) {
    let word = names::schema_word(&schema.name).to_ascii_lowercase();
    if (word == "inspect" || word.starts_with("inspect_")) && schema.name != CORE {
        let message = format!("the schema `{}` has a name of the format's own", schema.name);
        found.push(
            Diagnostic::new(Code::E0204, schema.origin, message)
                .label("generated code needs `inspect` and `INSPECT_` itself")
                .help("begin with a name of yours: `acme.inspect`"),
        );
    }
    files.add(&word, format!("the schema `{}`", schema.name), schema.origin, found);
}

/// Names of a schema's headers that do not come from its items.
fn reserve_in_c(schema: &Schema, c: &mut CScopes) {
    let word = names::schema_word(&schema.name);
    let upper = names::upper_case(&word);
    for end in ["VERSION", "SCHEMA", "DESCRIPTOR", "INSPECT_H", "DECODE_H"] {
        c.constants.reserve(format!("{upper}_{end}"));
    }
    for end in ["carried", "layouts", "layouts_bind", "layouts_of", "table_parse"] {
        c.types.reserve(format!("{word}_{end}"));
    }
}

fn compare_items(scopes: &mut Scopes<'_>, schema: &Schema, parts: &Parts) {
    for id in &schema.constants {
        let Some(constant) = &parts.constants[id.index()] else { continue };
        let naming = &constant.naming;
        let (what, origin) = (quoted("constant", naming), naming.origin);
        scopes.rust_values.add(&naming.rust, what, origin, scopes.found);
        if matches!(constant.value, ConstantValue::Known(_)) {
            scopes.add_c_constant("constant", naming);
        }
    }
    for naming in schema.spaces.iter().map(|space| &space.naming) {
        let (name, what) = (names::upper_case(&naming.rust), quoted("space", naming));
        scopes.rust_spaces.add(&name, what, naming.origin, scopes.found);
        scopes.add_c_constant("space", naming);
    }
    for naming in schema.consumers.iter().map(|consumer| &consumer.naming) {
        let (name, what) = (names::upper_case(&naming.rust), quoted("consumer", naming));
        scopes.rust_consumers.add(&name, what, naming.origin, scopes.found);
        scopes.add_c_constant("consumer", naming);
    }
    for id in &schema.classes {
        let Some(class) = &parts.classes[id.index()] else { continue };
        let naming = &class.naming;
        let (what, origin) = (quoted("class", naming), naming.origin);
        scopes.rust_classes.add(&naming.rust, what.clone(), origin, scopes.found);
        // The constant and the type of a class stand side by side: a type with braces is no value.
        let constant = format!("const {}", class.rust_constant);
        scopes.rust_classes.add(&constant, what, origin, scopes.found);
        scopes.add_c_constant("class", naming);
    }
    if let Some(properties) = &schema.properties {
        scopes.add_number_type("properties", &properties.naming);
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
        rust.add(&naming.rust, quoted("field", naming), naming.origin, found);
        c.add(&naming.c, quoted("field", naming), naming.origin, found);
    }
}
