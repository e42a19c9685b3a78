//! Names that a schema takes, from names that a binary has: letters, digits and `_`, no two of which fall together
//! in an output.

use std::collections::{HashMap, HashSet};

use crate::binary::Language;
use crate::model::{Naming, Scalar, names};

/// The words that are types by themselves, beside the scalars.
const TYPE_WORDS: [&str; 7] = ["text", "bytes", "string", "opaque", "atomic", "void", "fn"];

/// The names that an existing schema has for types of a binary.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// By the names that somebody has said.
    said: HashMap<String, String>,
    /// By the names that generated code has.
    derived: HashMap<String, String>,
    /// Those of the schema.
    own: HashSet<String>,
}

impl Known {
    /// Adds a type of the schema whose names begin with `word` in C.
    pub(super) fn add(&mut self, naming: &Naming, word: &str, language: Language) {
        let Naming { name, c, rust, .. } = naming;
        let is_derived = *c == names::c_identifier(&format!("{word}_{name}"));
        let by_name = if is_derived { &mut self.derived } else { &mut self.said };
        by_name.entry(c.clone()).or_insert_with(|| name.clone());
        if language == Language::Rust {
            self.derived.entry(rust.clone()).or_insert_with(|| name.clone());
        }
        self.own.insert(name.clone());
    }

    /// What the schema calls a type of the binary, if it has it under another name.
    pub(super) fn of(&self, name: &str) -> Option<&str> {
        let derived = || self.derived.get(name).filter(|_| !self.own.contains(name));
        self.said.get(name).or_else(derived).map(String::as_str)
    }
}

/// Names that are taken in one scope, as an output spells them.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// With names that generated code has for itself.
    pub(super) fn of_types() -> Self {
        let taken = ["Entry", "Layouts"].map(str::to_owned).into_iter().collect();
        Self { taken }
    }

    /// Whether a spelling is still free; it is taken then.
    pub(super) fn take(&mut self, spelling: String) -> bool {
        self.taken.insert(spelling)
    }

    /// The name, or the name with the first number whose spelling is free.
    pub(super) fn unique(&mut self, name: &str, spell: impl Fn(&str) -> String) -> String {
        if self.take(spell(name)) {
            return name.to_owned();
        }
        // There are no more names than types, so that one of these is free.
        (2u64..)
            .map(|number| format!("{name}_{number}"))
            .find(|name| self.take(spell(name)))
            .unwrap_or_default()
    }
}

/// The name of a type: the last words of the paths in it, `Vec<app::Key>` becomes `Vec_Key`.
pub(super) fn type_name(name: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for part in name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')) {
        let last = part.rsplit("::").next().unwrap_or(part);
        if !last.is_empty() {
            words.push(last);
        }
    }
    let mut out = identifier(&words.join("_"));
    const LONGEST: usize = 120;
    out.truncate(LONGEST);
    let is_word = Scalar::ALL.iter().any(|scalar| scalar.word() == out);
    if is_word || TYPE_WORDS.contains(&out.as_str()) {
        out.push('_');
    }
    out
}

/// An identifier out of whatever a compiler calls a member.
pub(super) fn identifier(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if out.is_empty() || out == "_" || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, "f_");
    }
    out
}

/// How Rust spells a type.
pub(super) fn rust_type(name: &str) -> String {
    names::rust_type(name)
}

/// How Rust spells a field.
pub(super) fn rust_field(name: &str) -> String {
    names::rust_identifier(&names::snake_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        for (name, expected) in [
            ("task_struct", "task_struct"),
            ("alloc::vec::Vec<app::Key, alloc::alloc::Global>", "Vec_Key_Global"),
            ("text", "text_"),
            ("&[u8]", "u8_"),
            ("{closure#0}", "closure_0"),
            ("(u32, u64)", "u32_u64"),
        ] {
            assert_eq!(type_name(name), expected);
        }
        assert_eq!(identifier("_vptr.Shape"), "_vptr_Shape");
        assert_eq!(identifier("0"), "f_0");
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let mut scope = Scope::of_types();
        let unique = |scope: &mut Scope, name| scope.unique(name, rust_type);
        assert_eq!(unique(&mut scope, "log_buf"), "log_buf");
        assert_eq!(unique(&mut scope, "LogBuf"), "LogBuf_2");
        assert_eq!(unique(&mut scope, "entry"), "entry_2");
    }
}
