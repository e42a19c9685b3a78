//! Attributes: which word may stand where, how often, and with which arguments; versions and lifetimes.
//!
//! [`TABLE`] is the language's table of attributes as data: an unknown or misplaced word is an error that
//! names the nearest one or the places where it belongs.

use super::constants::ungroup;
use super::{Checker, Options, SchemaIndex};
use crate::diag::{Code, Diagnostic, nearest};
use crate::model::{Display, Lifetime, names};
use crate::source::Span;
use crate::syntax::ast;

/// A kind of place that takes attributes; a set of them is a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    pub(super) const CONST: Self = Self(1);
    pub(super) const PROPERTIES: Self = Self(1 << 1);
    pub(super) const ENUM: Self = Self(1 << 2);
    pub(super) const FLAGS: Self = Self(1 << 3);
    pub(super) const STRUCT: Self = Self(1 << 4);
    pub(super) const RECORD: Self = Self(1 << 5);
    pub(super) const EXTERN_STRUCT: Self = Self(1 << 6);
    pub(super) const CLASS: Self = Self(1 << 7);
    pub(super) const ENTRY: Self = Self(1 << 8);
    pub(super) const SPACE: Self = Self(1 << 9);
    pub(super) const CONSUMER: Self = Self(1 << 10);
    pub(super) const STRUCT_FIELD: Self = Self(1 << 11);
    pub(super) const RECORD_FIELD: Self = Self(1 << 12);
    pub(super) const EXTERN_FIELD: Self = Self(1 << 13);
    pub(super) const ENTRY_FIELD: Self = Self(1 << 14);
    pub(super) const ARM: Self = Self(1 << 15);
    pub(super) const ENUM_MEMBER: Self = Self(1 << 16);
    pub(super) const FLAG_MEMBER: Self = Self(1 << 17);
    pub(super) const PROPERTY: Self = Self(1 << 18);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// In words, for messages.
    fn words(self) -> String {
        self.list().join(", ")
    }

    /// Each place in words.
    fn list(self) -> Vec<&'static str> {
        const WORDS: [&str; 19] = [
            "constants",
            "`properties`",
            "enums",
            "flags",
            "structs",
            "records",
            "extern structs",
            "classes",
            "entries",
            "spaces",
            "consumers",
            "fields of structs",
            "fields of records",
            "fields of extern structs",
            "fields of entries",
            "arms of unions",
            "members of enums",
            "members of flags",
            "members of `properties`",
        ];
        let words = WORDS.iter().enumerate();
        words.filter(|(i, _)| self.0 >> i & 1 == 1).map(|(_, word)| *word).collect()
    }
}

const TYPES: Place =
    Place::ENUM.or(Place::FLAGS).or(Place::STRUCT).or(Place::RECORD).or(Place::EXTERN_STRUCT);
const ITEMS: Place = TYPES
    .or(Place::CONST)
    .or(Place::PROPERTIES)
    .or(Place::CLASS)
    .or(Place::ENTRY)
    .or(Place::SPACE)
    .or(Place::CONSUMER);
const LAID_OUT: Place = Place::STRUCT_FIELD.or(Place::RECORD_FIELD).or(Place::EXTERN_FIELD);
const FIELDS: Place = LAID_OUT.or(Place::ENTRY_FIELD);
const MEMBERS: Place = Place::ENUM_MEMBER.or(Place::FLAG_MEMBER).or(Place::PROPERTY);

/// Every attribute, the places it may stand in, how many arguments it takes, and how it is written.
pub(super) const TABLE: [(&str, Place, std::ops::RangeInclusive<usize>, &str); 21] = [
    ("since", ITEMS.or(FIELDS).or(MEMBERS), 1..=1, "#[since(2)]"),
    ("deprecated", ITEMS.or(FIELDS).or(MEMBERS), 1..=2, "#[deprecated(2, \"use x\")]"),
    ("removed", FIELDS.or(MEMBERS).or(Place::CLASS), 1..=1, "#[removed(3)]"),
    ("offset", Place::STRUCT_FIELD, 1..=1, "#[offset(16)]"),
    ("align", Place::STRUCT.or(Place::STRUCT_FIELD), 1..=1, "#[align(8)]"),
    ("packed", Place::STRUCT.or(Place::STRUCT_FIELD), 0..=0, "#[packed]"),
    ("count", LAID_OUT, 1..=1, "#[count(length)]"),
    ("tag", LAID_OUT, 1..=1, "#[tag(kind)]"),
    ("when", Place::ARM, 1..=usize::MAX, "#[when(kind::a, kind::b)]"),
    ("otherwise", Place::ARM, 0..=0, "#[otherwise]"),
    ("list", LAID_OUT, 1..=1, "#[list(task.sibling)]"),
    ("ring", LAID_OUT, 1..=1, "#[ring(next = head)]"),
    ("unit", FIELDS, 1..=1, "#[unit(\"bytes\")]"),
    ("display", FIELDS, 1..=1, "#[display(hex)]"),
    ("c_name", ITEMS.or(FIELDS).or(MEMBERS), 1..=1, "#[c_name(\"x\")]"),
    ("c_type", TYPES, 1..=1, "#[c_type(\"foo_t\")]"),
    ("rust_name", ITEMS.or(FIELDS).or(MEMBERS), 1..=1, "#[rust_name(\"x\")]"),
    ("number", Place::CLASS, 1..=1, "#[number(7)]"),
    ("if", Place::EXTERN_FIELD, 1..=1, "#[if(\"CONFIG_SMP\")]"),
    ("debug", Place::EXTERN_STRUCT.or(Place::EXTERN_FIELD), 0..=0, "#[debug]"),
    ("sensitive", FIELDS, 0..=0, "#[sensitive]"),
];

/// Every attribute and the places where it may stand, in the words of messages.
pub fn attribute_places() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    TABLE.iter().map(|(word, places, ..)| (*word, places.list()))
}

impl<'a> Checker<'a> {
    /// Reports attributes that are unknown, misplaced, repeated or given the wrong number of arguments.
    pub(super) fn check_attributes(&mut self, attributes: &'a [ast::Attribute], place: Place) {
        for (index, attribute) in attributes.iter().enumerate() {
            let word = attribute.name.text.as_str();
            let Some((_, places, arguments, form)) = TABLE.iter().find(|row| row.0 == word) else {
                let message = format!("no attribute is called `{word}`");
                let mut diagnostic = Diagnostic::new(Code::E0701, attribute.name.span, message);
                if let Some(near) = nearest(word, TABLE.iter().map(|row| row.0)) {
                    let text = format!("write `{near}`");
                    diagnostic = diagnostic.suggest(text, attribute.name.span, near);
                }
                self.push(diagnostic);
                continue;
            };
            if !places.meets(place) {
                let message = format!("`#[{word}]` does not belong on {}", place.words());
                self.push(
                    Diagnostic::new(Code::E0702, attribute.span, message)
                        .help(format!("it belongs on {}", places.words())),
                );
            } else if let Some(first) = attributes[..index].iter().find(|a| a.name.text == word) {
                let message = format!("`#[{word}]` is given twice");
                self.push(
                    Diagnostic::new(Code::E0703, attribute.span, message)
                        .also(first.span, "first given here"),
                );
            } else if !arguments.contains(&attribute.arguments.len()) {
                self.malformed(attribute, form);
            }
        }
    }

    fn malformed(&mut self, attribute: &ast::Attribute, form: &str) {
        let message = format!("`#[{}]` takes other arguments", attribute.name.text);
        self.push(
            Diagnostic::new(Code::E0704, attribute.span, message).help(format!("write `{form}`")),
        );
    }

    /// Reports that an attribute's argument has the wrong form.
    pub(super) fn wrong_argument(&mut self, attribute: &ast::Attribute) {
        let row = TABLE.iter().find(|row| row.0 == attribute.name.text);
        self.malformed(attribute, row.map_or("", |row| row.3));
    }

    /// The string of `#[c_name("x")]` and its like.
    pub(super) fn text_attribute(
        &mut self,
        attributes: &'a [ast::Attribute],
        word: &str,
    ) -> Option<(String, Span)> {
        let attribute = find(attributes, word)?;
        let argument = attribute.arguments.first()?;
        match &ungroup(&argument.value).kind {
            ast::ExprKind::Text(text) if argument.key.is_none() => {
                Some((text.clone(), argument.value.span))
            }
            _ => {
                self.wrong_argument(attribute);
                None
            }
        }
    }

    /// A `c_name`, `c_type` or `rust_name`: an identifier.
    pub(super) fn name_attribute(
        &mut self,
        attributes: &'a [ast::Attribute],
        word: &str,
    ) -> Option<String> {
        let (text, span) = self.text_attribute(attributes, word)?;
        let mut chars = text.chars();
        let good = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
            && text != "_";
        if !good {
            let message = format!("`{}` is no identifier", text.escape_default());
            self.push(
                Diagnostic::new(Code::E0206, span, message)
                    .help("letters, digits and `_`, beginning with a letter or `_`"),
            );
            return None;
        }
        let (language, taken) = match word {
            "rust_name" => ("Rust", names::rust_identifier(&text) != text),
            _ => ("C", names::c_identifier(&text) != text),
        };
        if taken {
            let message = format!("`{text}` means something else in {language}");
            self.push(Diagnostic::new(Code::E0206, span, message).suggest(
                format!("write `{text}_`"),
                span,
                format!("\"{text}_\""),
            ));
            return None;
        }
        Some(text)
    }

    /// A number within `low..=high` from `#[word(n)]`.
    pub(super) fn number_attribute(
        &mut self,
        schema: SchemaIndex,
        attributes: &'a [ast::Attribute],
        word: &str,
        (low, high): (i128, i128),
    ) -> Option<(i128, Span)> {
        let attribute = find(attributes, word)?;
        let argument = attribute.arguments.first()?;
        if argument.key.is_some() {
            self.wrong_argument(attribute);
            return None;
        }
        let what = format!("the argument of `#[{word}]`");
        let value = self.integer(schema, &argument.value, low, high, &what)?;
        Some((value, argument.value.span))
    }

    /// `#[align(n)]`: a power of two.
    pub(super) fn align_attribute(
        &mut self,
        schema: SchemaIndex,
        attributes: &'a [ast::Attribute],
    ) -> Option<u32> {
        let whole = (i128::MIN, i128::MAX);
        let (value, span) = self.number_attribute(schema, attributes, "align", whole)?;
        // GCC takes 2^28 at most for a type, ELF linkers far less for a section.
        if (1..=1 << 16).contains(&value) && value.count_ones() == 1 {
            return u32::try_from(value).ok();
        }
        let message = format!("an alignment is a power of two up to 65536, not {value}");
        self.error(Code::E0503, span, message);
        None
    }

    pub(super) fn display_attribute(
        &mut self,
        attributes: &'a [ast::Attribute],
    ) -> Option<Display> {
        let attribute = find(attributes, "display")?;
        let argument = attribute.arguments.first()?;
        let ast::ExprKind::Path(path) = &ungroup(&argument.value).kind else {
            self.wrong_argument(attribute);
            return None;
        };
        let word = path.dotted[0].text.as_str();
        let known = Display::WORDS.iter().find(|(known, _)| *known == word);
        if let (Some((_, display)), [_], [], None) =
            (known, path.dotted.as_slice(), path.members.as_slice(), &argument.key)
        {
            return Some(*display);
        }
        let words: Vec<&str> = Display::WORDS.iter().map(|(word, _)| *word).collect();
        let message = format!("no form of display is called `{word}`");
        let mut diagnostic = Diagnostic::new(Code::E0704, path.span, message)
            .help(format!("the forms are {}", words.join(", ")));
        if let Some(near) = nearest(word, words) {
            diagnostic = diagnostic.suggest(format!("write `{near}`"), path.span, near);
        }
        self.push(diagnostic);
        None
    }

    /// Whether a thing exists in the emitted version. Reads only a plain literal, since it is asked before
    /// constants are known; anything else is reported by [`Checker::lifetime`].
    pub(super) fn exists(&self, schema: SchemaIndex, attributes: &[ast::Attribute]) -> bool {
        let since = find(attributes, "since").and_then(literal_argument).unwrap_or(1);
        let declaration = &self.schemas[schema];
        since <= i128::from(declaration.version) || since > i128::from(declaration.latest)
    }

    /// Since when a thing exists and whether it still should be used, as of the emitted version.
    pub(super) fn lifetime(
        &mut self,
        schema: SchemaIndex,
        attributes: &'a [ast::Attribute],
    ) -> Lifetime {
        let version = self.schemas[schema].version;
        let since = self.version_attribute(schema, attributes, "since");
        let deprecated = self.version_attribute(schema, attributes, "deprecated");
        let removed = self.version_attribute(schema, attributes, "removed");
        let born = since.map_or(1, |(n, _)| n);
        for (word, n, span) in [
            deprecated.map(|(n, span)| ("deprecated", n, span)),
            removed.map(|(n, span)| ("removed", n, span)),
        ]
        .into_iter()
        .flatten()
        {
            if n <= born {
                let message = format!("{word} in version {n}, but there since version {born}");
                self.error(Code::E0601, span, message);
            }
        }
        if let (Some((old, _)), Some((gone, span))) = (deprecated, removed)
            && gone < old
        {
            let message = format!("removed in version {gone}, before its deprecation in {old}");
            self.error(Code::E0601, span, message);
        }
        let note = self.deprecation_note(attributes);
        Lifetime {
            since: born,
            deprecated: deprecated.filter(|(n, _)| *n <= version).map(|(n, _)| (n, note)),
            removed: removed.map(|(n, _)| n).filter(|n| *n <= version),
        }
    }

    fn deprecation_note(&mut self, attributes: &'a [ast::Attribute]) -> String {
        let Some(attribute) = find(attributes, "deprecated") else { return String::new() };
        let Some(argument) = attribute.arguments.get(1) else { return String::new() };
        match &ungroup(&argument.value).kind {
            ast::ExprKind::Text(text) if argument.key.is_none() => text.clone(),
            _ => {
                self.wrong_argument(attribute);
                String::new()
            }
        }
    }

    fn version_attribute(
        &mut self,
        schema: SchemaIndex,
        attributes: &'a [ast::Attribute],
        word: &str,
    ) -> Option<(u32, Span)> {
        let attribute = find(attributes, word)?;
        let argument = attribute.arguments.first()?;
        let Some(value) = literal_argument(attribute) else {
            self.wrong_argument(attribute);
            return None;
        };
        let latest = self.schemas[schema].latest;
        let span = argument.value.span;
        match u32::try_from(value).ok().filter(|n| (1..=latest).contains(n)) {
            Some(n) => Some((n, span)),
            None => {
                let header = self.schemas[schema].header.version.span;
                let message = format!("version {value} is not among 1 to {latest}");
                self.push(
                    Diagnostic::new(Code::E0601, span, message)
                        .also(header, "the schema's version")
                        .help("raise the schema's version when something is added"),
                );
                None
            }
        }
    }

    /// Reads the declared versions and applies `--as-of`.
    pub(super) fn declare_versions(&mut self, options: &Options) {
        for (name, version) in &options.as_of {
            match name {
                Some(name) => self.as_of.push((name.clone(), *version)),
                None => self.as_of_only = Some(*version),
            }
        }
    }

    /// The versions of the schemas just declared; `core` is found on the way.
    pub(super) fn settle_versions(&mut self) {
        for index in 0..self.schemas.len() {
            let expr = &self.schemas[index].header.version;
            let version = match ungroup(expr).kind {
                ast::ExprKind::Int(value) => u32::try_from(value).ok().filter(|n| *n >= 1),
                _ => None,
            };
            if version.is_none() {
                let span = expr.span;
                self.push(
                    Diagnostic::new(Code::E0601, span, "a version is a number from 1 on")
                        .help("write `version 1`"),
                );
            }
            let declaration = &mut self.schemas[index];
            // Without a version every `#[since]` would be an error of its own.
            declaration.latest = version.unwrap_or(u32::MAX);
            declaration.version = declaration.latest;
            if declaration.name == super::CORE {
                self.core = Some(index);
            }
        }
        self.apply_as_of();
    }

    fn apply_as_of(&mut self) {
        if let Some(version) = self.as_of_only {
            let own: Vec<usize> = (0..self.schemas.len())
                .filter(|&index| !self.imported(index) && Some(index) != self.core)
                .collect();
            match own.as_slice() {
                [only] => self.as_of.push((self.schemas[*only].name.clone(), version)),
                _ => self.push(
                    Diagnostic::without_place(
                        Code::E0604,
                        format!("`--as-of {version}` names no schema, and there are {}", own.len()),
                    )
                    .help(format!("name it: `--as-of SCHEMA={version}`")),
                ),
            }
        }
        for (name, version) in std::mem::take(&mut self.as_of) {
            match self.schemas.iter_mut().find(|schema| schema.name == name) {
                Some(schema) if (1..=schema.latest).contains(&version) => schema.version = version,
                Some(schema) => {
                    let message = format!(
                        "`--as-of {name}={version}`: its versions are 1 to {}",
                        schema.latest
                    );
                    self.diagnostics.push(Diagnostic::new(
                        Code::E0604,
                        schema.header.version.span,
                        message,
                    ));
                }
                None => {
                    let known: Vec<&str> = self.schemas.iter().map(|s| s.name.as_str()).collect();
                    let message = format!("`--as-of {name}={version}`: no such schema");
                    let mut diagnostic = Diagnostic::without_place(Code::E0604, message);
                    if let Some(near) = nearest(&name, known) {
                        diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                    }
                    self.diagnostics.push(diagnostic);
                }
            }
        }
    }
}

/// The attribute with this word.
pub(super) fn find<'b>(attributes: &'b [ast::Attribute], word: &str) -> Option<&'b ast::Attribute> {
    attributes.iter().find(|attribute| attribute.name.text == word)
}

pub(super) fn literal_argument(attribute: &ast::Attribute) -> Option<i128> {
    let argument = attribute.arguments.first()?;
    match ungroup(&argument.value).kind {
        ast::ExprKind::Int(value) if argument.key.is_none() => Some(value),
        _ => None,
    }
}
