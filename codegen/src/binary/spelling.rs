//! What a schema calls what a binary has: letters, digits and `_`. `import` writes these names, and `verify` finds
//! types and members again by them.

use super::{Binary, Composite, Key, Language, Member, Result, Type};
use crate::hash::{HashMap, HashSet};
use crate::model::{Scalar, names};

/// The words that are types by themselves, beside the scalars.
const TYPE_WORDS: [&str; 7] = ["text", "bytes", "string", "opaque", "atomic", "void", "fn"];

/// How many base classes lie in each other.
const MOST_BASES: usize = 100;

/// Members beside which no base class is opened any more: a class that inherits twice from itself has no end of them.
const MOST_MEMBERS: usize = 1 << 16;

/// The name of a type: the last words of the paths in it, `Vec<app::Key>` becomes `Vec_Key`.
pub(crate) fn type_name(name: &str) -> String {
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

/// What a binary may call a struct that a table calls so: generated Rust writes names in another way.
pub(crate) fn of_struct(name: &str, language: Language) -> Vec<String> {
    let mut spellings = vec![name.to_owned()];
    if language == Language::Rust {
        spellings.insert(0, names::rust_type(name));
    }
    spellings.dedup();
    spellings
}

/// A type as people write it in C: `char[32]`, `struct page *`.
pub(crate) fn described(binary: &Binary<'_>, key: Key) -> Result<String> {
    /// Nobody writes more than that.
    const MOST_PARTS: usize = 16;
    let (mut key, mut behind) = (key, String::new());
    for _ in 0..MOST_PARTS {
        let word = |word: &str, name: &str| match name {
            "" => word.to_owned(),
            name if binary.language() == Language::C => format!("{word} {name}"),
            name => name.to_owned(),
        };
        let name = match &*binary.get(key)? {
            Type::Pointer(pointer) => {
                // The star of a pointer to an array would stand in brackets.
                behind.insert_str(0, if behind.is_empty() { " *" } else { "*" });
                key = pointer.target;
                continue;
            }
            Type::Array(array) => {
                array.lengths.iter().for_each(|length| behind.push_str(&format!("[{length}]")));
                key = array.element;
                continue;
            }
            Type::Void => "void".to_owned(),
            Type::Function => "function".to_owned(),
            Type::Scalar(scalar) => scalar.name.clone(),
            Type::Typedef(typedef) => typedef.name.clone(),
            Type::Other(other) => other.what.clone(),
            Type::Enum(it) => word("enum", &it.name),
            Type::Composite(it) => word(if it.union { "union" } else { "struct" }, &it.name),
        };
        return Ok(name + &behind);
    }
    Ok(format!("a pointer{behind}"))
}

/// An identifier out of whatever a compiler calls a member.
pub(crate) fn identifier(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if out.is_empty() || out == "_" || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, "f_");
    }
    out
}

/// Numbers that make names unique: those of one scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// By the name, the number that comes next: all before it are taken.
    next: HashMap<String, u64>,
}

impl Numbers {
    /// The name, or the name with the first number that is still free; it is taken then.
    pub(crate) fn unique(&mut self, name: &str, take: &mut dyn FnMut(&str) -> bool) -> String {
        if take(name) {
            return name.to_owned();
        }
        let next = self.next.entry(name.to_owned()).or_insert(2);
        // There are no more names than types, so that one of these is free.
        loop {
            let numbered = format!("{name}_{next}");
            *next = next.saturating_add(1);
            if take(&numbered) || *next == u64::MAX {
                return numbered;
            }
        }
    }
}

/// A name without the number that made it unique.
pub(crate) fn without_number(name: &str) -> Option<&str> {
    let (before, number) = name.rsplit_once('_')?;
    let is_number = number.starts_with(|c: char| matches!(c, '1'..='9'))
        && number.chars().all(|c| c.is_ascii_digit());
    is_number.then_some(before)
}

/// The members of a composite in the order of their places. C++ lets members lie in what a base class leaves free:
/// such a base is replaced by its own members.
pub(crate) fn members(binary: &Binary<'_>, composite: &Composite) -> Result<Vec<Member>> {
    let mut members = composite.members.clone();
    if composite.union {
        return Ok(members);
    }
    members.sort_by_key(|member| member.bit_offset);
    for _ in 0..MOST_BASES {
        let mut opened = Vec::with_capacity(members.len());
        let mut was_opened = false;
        for (index, member) in members.iter().enumerate() {
            let next = members.get(index + 1).map(|next| next.bit_offset);
            let base = match member.is_base {
                true => Some(binary.behind_typedefs(member.ty)?.1),
                false => None,
            };
            let base = base.as_deref().and_then(|ty| is_overlapped(member, next, ty));
            let base = base.filter(|base| opened.len() + base.members.len() <= MOST_MEMBERS);
            let Some(base) = base else {
                opened.push(member.clone());
                continue;
            };
            was_opened = true;
            for inner in &base.members {
                let bit_offset = inner.bit_offset.saturating_add(member.bit_offset);
                opened.push(Member { bit_offset, ..inner.clone() });
            }
        }
        opened.sort_by_key(|member| member.bit_offset);
        members = opened;
        if !was_opened {
            break;
        }
    }
    Ok(members)
}

/// The class of a base that another member lies in.
fn is_overlapped<'t>(member: &Member, next: Option<u64>, ty: &'t Type) -> Option<&'t Composite> {
    let Type::Composite(base) = ty else { return None };
    let end = member.bit_offset.saturating_add(base.size.saturating_mul(8));
    next.is_some_and(|next| next < end).then_some(base)
}

/// What a schema calls each of these; nothing for unnamed bits. What is anonymous and not written out where it stands
/// gets a name too.
pub(crate) fn member_names(members: &[Member]) -> Vec<Option<String>> {
    let (mut taken, mut numbers) = (HashSet::default(), Numbers::default());
    let mut name = |(index, member): (usize, &Member)| {
        let name = match (member.name.as_str(), member.is_base) {
            ("", _) if member.bits.is_some() => return None,
            ("", false) => format!("anonymous{index}"),
            (base, true) => format!("base_{}", type_name(base)),
            (name, false) => identifier(name),
        };
        Some(numbers.unique(&name, &mut |name| taken.insert(name.to_owned())))
    };
    members.iter().enumerate().map(&mut name).collect()
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

    /// As many members of one name as BTF has room for: each is numbered once.
    #[test]
    fn members_of_one_name_are_numbered() {
        let member = |name: &str| Member {
            name: name.to_owned(),
            ty: Key(0),
            bit_offset: 0,
            bits: None,
            align: None,
            is_base: false,
        };
        let mut members = vec![member("a"); 65_535];
        members.insert(1, member("a_3"));
        let names = member_names(&members);
        let names: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
        assert_eq!(names.get(..4), Some(&["a", "a_3", "a_2", "a_4"][..]));
        assert_eq!(names.last(), Some(&"a_65536"));
    }

    #[test]
    fn a_number_is_taken_off() {
        assert_eq!(without_number("state_2"), Some("state"));
        assert_eq!(without_number("state_12"), Some("state"));
        assert_eq!(without_number("state_02"), None);
        assert_eq!(without_number("state"), None);
        assert_eq!(without_number("a_b"), None);
    }
}
