//! Names of types as somebody asks for them, and what a binary has under each.

use std::fmt;

use super::types::{Key, Kind};

/// A type that is asked for: `task_struct`, `struct page`, `app::Cache@src/main.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `struct`, `union`, `enum`, `typedef` in front.
    pub kind: Option<Kind>,
    /// The name; a part of it behind `::` will do.
    pub name: String,
    /// Behind `@`: the end of the name of the compilation unit, or the number of the type.
    pub place: Option<String>,
}

/// A type that bears a name that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub key: Key,
    /// Its kind.
    pub kind: Kind,
    /// Its whole name.
    pub name: String,
    /// The compilation unit, or the number of the type.
    pub place: String,
    /// Only the name is known there.
    pub is_declaration: bool,
}

impl Wanted {
    /// Takes it apart. Whatever does not look like a keyword or a place is part of the name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let (kind, rest) = match text.split_once(char::is_whitespace) {
            Some(("struct" | "class", rest)) => (Some(Kind::Struct), rest.trim_start()),
            Some(("union", rest)) => (Some(Kind::Union), rest.trim_start()),
            Some(("enum", rest)) => (Some(Kind::Enum), rest.trim_start()),
            Some(("typedef", rest)) => (Some(Kind::Typedef), rest.trim_start()),
            _ => (None, text),
        };
        let (name, place) = match rest.split_once('@') {
            Some((name, place)) if !name.is_empty() => (name, Some(place.to_owned())),
            _ => (rest, None),
        };
        Self { kind, name: name.to_owned(), place }
    }

    /// Whether a type of this kind and whole name is meant.
    #[must_use]
    pub fn accepts(&self, kind: Kind, name: &str) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind) && self.accepts_name(name)
    }

    /// Whether the name is meant: it is the same, or ends with it behind `::`.
    fn accepts_name(&self, name: &str) -> bool {
        name.strip_suffix(self.name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    }

    /// Whether a candidate lies where it is looked for.
    #[must_use]
    pub fn accepts_place(&self, place: &str) -> bool {
        self.place.as_ref().is_none_or(|wanted| {
            place
                .strip_suffix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/') || rest.ends_with(' '))
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{} ", kind.word())?;
        }
        f.write_str(&self.name)?;
        match &self.place {
            Some(place) => write!(f, "@{place}"),
            None => Ok(()),
        }
    }
}

/// Which names may be among those that are looked for. Of the names of a binary nearly all are none of them, and that is
/// seen here by their first eight bytes: a name need not have been followed to its end.
pub(super) struct Sieve([u64; 64]);

impl Sieve {
    /// For these names.
    pub(super) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut sieve = Self([0; 64]);
        for name in names {
            let (place, bit) = Self::slot(name.as_bytes());
            if let Some(bits) = sieve.0.get_mut(place) {
                *bits |= bit;
            }
        }
        sieve
    }

    /// Whether what begins here, and ends with the slice or at a NUL in it, may be one of them; for each of them the answer is yes.
    pub(super) fn may_hold(&self, name: &[u8]) -> bool {
        let (place, bit) = Self::slot(name);
        self.0.get(place).is_some_and(|bits| bits & bit != 0)
    }

    fn slot(name: &[u8]) -> (usize, u64) {
        const LOWEST: u64 = 0x0101_0101_0101_0101;
        let first = match name.first_chunk() {
            Some(first) => u64::from_le_bytes(*first),
            None => name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        // The lowest of these bits is the highest of the first byte that is 0: what is behind that is not looked at.
        let ends = first.wrapping_sub(LOWEST) & !first & (LOWEST << 7);
        let end = ends & ends.wrapping_neg();
        let within = if end == 0 { u64::MAX } else { (end >> 7).wrapping_sub(1) };
        // Fibonacci hashing: the highest bits of the product depend on all bytes.
        let hash = (first & within).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash >> 58) as usize, 1 << (hash >> 52 & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sieve_lets_through_what_is_looked_for() {
        let names = ["page", "task_struct", "x", "", "zone"];
        let sieve = Sieve::of(names.into_iter());
        assert!(names.into_iter().all(|name| sieve.may_hold(name.as_bytes())));
        // As they stand among other names, to the end of all or with less than eight bytes to it.
        for behind in ["\0", "\0y", "\0another_name\0"] {
            assert!(names.into_iter().all(|it| sieve.may_hold([it, behind].concat().as_bytes())));
        }
        let others = ["pages", "task", "y", "zones", "struct_task", "zone\u{80}"];
        assert!(others.into_iter().any(|name| !sieve.may_hold(name.as_bytes())));
    }

    #[test]
    fn a_name_is_taken_apart() {
        let wanted = Wanted::parse("struct  page");
        assert_eq!((wanted.kind, wanted.name.as_str()), (Some(Kind::Struct), "page"));
        let wanted = Wanted::parse("app::Cache@src/main.rs");
        assert!(wanted.accepts(Kind::Struct, "my::app::Cache"));
        assert!(!wanted.accepts(Kind::Struct, "my_app::Cache"));
        assert!(wanted.accepts_place("crate/src/main.rs"));
        assert!(!wanted.accepts_place("crate/othersrc/main.rs"));
        assert!(Wanted::parse("x@12").accepts_place("type 12"));
        assert!(!Wanted::parse("x@2").accepts_place("type 12"));
    }
}
