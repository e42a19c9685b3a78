//! Names that a schema takes, from names that a binary has: letters, digits and `_`, no two of which fall together
//! in an output.

use crate::binary::Language;
use crate::binary::spelling::Numbers;
pub(super) use crate::binary::spelling::{identifier, type_name};
use crate::hash::{HashMap, HashSet};
use crate::model::{Naming, names};

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
    numbers: Numbers,
}

impl Scope {
    /// With names that generated code has for itself.
    pub(super) fn of_types() -> Self {
        let taken = ["Entry", "Layouts"].map(str::to_owned).into_iter().collect();
        Self { taken, numbers: Numbers::default() }
    }

    /// Whether a spelling is still free; it is taken then.
    pub(super) fn take(&mut self, spelling: String) -> bool {
        self.taken.insert(spelling)
    }

    /// The name, or the name with the first number whose spelling is free.
    pub(super) fn unique(&mut self, name: &str, spell: impl Fn(&str) -> String) -> String {
        let Self { taken, numbers } = self;
        numbers.unique(name, &mut |name| taken.insert(spell(name)))
    }
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
    fn a_taken_name_gets_a_number() {
        let mut scope = Scope::of_types();
        let unique = |scope: &mut Scope, name| scope.unique(name, rust_type);
        assert_eq!(unique(&mut scope, "log_buf"), "log_buf");
        assert_eq!(unique(&mut scope, "LogBuf"), "LogBuf_2");
        assert_eq!(unique(&mut scope, "entry"), "entry_2");
    }
}
