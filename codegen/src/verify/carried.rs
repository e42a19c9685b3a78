//! Whether the types that an image's own tables describe lie in it as they say: no schema is at hand, only what was
//! packed.
//!
//! Both sides are what compilers have seen, so that hardly anything can differ but what was brought from elsewhere: a
//! table of another build, headers of two versions in one program, a schema in the wrong language.

use std::collections::BTreeMap;

use inspect_format::btf::{Btf, RawMember, Type as Described, kind};

use super::{MOST_COMPARED, Verdict};
use crate::binary::place::{Fields, shown, width};
use crate::binary::{self, Binary, Composite, Language, Type, Wanted, spelling};

/// A type that a table describes.
#[derive(Clone, Debug)]
pub struct Carried {
    /// `linux_mm_zone of linux.mm`: as C calls it. Escape it.
    pub name: String,
    /// What was found in the binary.
    pub found: Verdict<String>,
}

/// How deep structs without a name may lie in each other.
const MAX_DEPTH: usize = 64;

/// Members that are compared of one struct. Types of a table may lead in circles.
const MOST_MEMBERS: usize = 1 << 16;

/// Differences that are told of one struct: who looks at more knows already.
const MOST_DIFFERENCES: usize = 64;

/// Compares every struct that the types of a table define under a name.
///
/// # Errors
/// Where those, or the binary's own type information, are damaged.
pub fn carried(schema: &str, types: &[u8], binary: &Binary<'_>) -> binary::Result<Vec<Carried>> {
    let types = &Btf::parse(types).map_err(|error| binary::Error::Damaged {
        section: "the table's types",
        offset: None,
        what: error.to_string(),
    })?;
    let mut by_name: BTreeMap<&str, Vec<Described<'_>>> = BTreeMap::new();
    for (name, described) in types.types().filter_map(|ty| named(types, ty)) {
        by_name.entry(name).or_default().push(described);
    }
    let (mut wanted, mut ranges) = (Vec::new(), Vec::new());
    for name in by_name.keys() {
        let start = wanted.len();
        let spellings = spelling::of_struct(name, binary.language()).into_iter();
        wanted.extend(spellings.map(|name| Wanted { kind: None, name, place: None }));
        ranges.push(start..wanted.len());
    }
    let found = binary.find(&wanted)?;
    let mut all = Vec::new();
    for ((name, described), range) in by_name.into_iter().zip(ranges) {
        let mut verdict = Verdict::Absent;
        let candidates = found.get(range).unwrap_or(&[]).iter().flatten();
        for candidate in candidates.filter(|it| !it.is_declaration).take(MOST_COMPARED) {
            let (_, ty, _) = binary.behind_typedefs(candidate.key)?;
            let Type::Composite(composite) = &*ty else { continue };
            // A table of several objects has a type once; another of its name is another one's.
            for described in described.iter().take(MOST_COMPARED) {
                let (left, differences) = (MOST_MEMBERS, Vec::new());
                let fields = Fields::new(binary, composite);
                let mut comparison =
                    Comparison { types, binary, composite, fields, left, differences };
                comparison.size(described);
                comparison.members(described, "", 0, 0)?;
                verdict = verdict.or_better(comparison.differences);
            }
            if matches!(verdict, Verdict::Same) {
                break;
            }
        }
        all.push(Carried { name: format!("{name} of {schema}"), found: verdict });
    }
    Ok(all)
}

/// A struct or union with its name, which may be that of a typedef around it.
fn named<'a>(types: &Btf<'a>, ty: Described<'a>) -> Option<(&'a str, Described<'a>)> {
    let described = match ty.kind() {
        kind::TYPEDEF => types.resolve(ty.target()).ok()??,
        _ => ty,
    };
    let is_own = described.name().is_empty() || described.id() == ty.id();
    let is_named = !ty.name().is_empty() && is_own && described.is_composite();
    (is_named && described.size() > 0).then_some((ty.name(), described))
}

/// One struct beside one definition in the binary.
struct Comparison<'a, 'd> {
    types: &'a Btf<'a>,
    binary: &'a Binary<'d>,
    composite: &'a Composite,
    fields: Fields<'a, 'd>,
    /// Members that may still be looked at.
    left: usize,
    differences: Vec<String>,
}

impl Comparison<'_, '_> {
    fn size(&mut self, described: &Described<'_>) {
        let (here, there) = (u64::from(described.size()), self.composite.size);
        if here != there {
            self.differences
                .push(format!("it has {there} bytes in the binary, and {here} in the table"));
        }
    }

    /// The members of a struct that begins at `base` bits, and of those in it that have no name of their own.
    fn members(
        &mut self,
        described: &Described<'_>,
        before: &str,
        base: u64,
        depth: usize,
    ) -> binary::Result<()> {
        for member in described.members() {
            // The compiler did not have it, or nobody has told its place yet.
            if self.types.is_absent(member.type_id) {
                continue;
            }
            if self.differences.len() >= MOST_DIFFERENCES {
                break;
            }
            if self.left == 0 {
                let what =
                    format!("it has more than {MOST_MEMBERS} members, and no more are compared");
                self.differences.push(what);
                self.differences.truncate(MOST_DIFFERENCES);
                break;
            }
            self.left -= 1;
            let at = base.saturating_add(u64::from(member.bit_offset));
            let path = format!("{before}{}", member.name);
            if !member.name.is_empty() {
                self.member(&member, &path, at)?;
            }
            let inner = self.types.resolve(member.type_id).ok().flatten();
            let inner = inner.filter(|it| it.is_composite() && it.name().is_empty());
            if let Some(inner) = inner.filter(|_| depth < MAX_DEPTH) {
                let before =
                    if member.name.is_empty() { before.to_owned() } else { format!("{path}.") };
                self.members(&inner, &before, at, depth + 1)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, member: &RawMember<'_>, path: &str, at: u64) -> binary::Result<()> {
        let Some(place) = self.fields.look_up(path)? else {
            // Generated Rust has no bit-fields, and spells what would be a keyword in another way.
            if self.binary.language() != Language::Rust {
                self.differences.push(format!("`{path}` is not in the binary"));
            }
            return Ok(());
        };
        let word_size = self.binary.target().info().word_size;
        let bits = match member.bit_size {
            Some(bits) => u64::from(bits),
            None => {
                let size = self.types.size_of(member.type_id, word_size).ok().flatten();
                size.unwrap_or(0).saturating_mul(8)
            }
        };
        // A flexible array has no bytes in either.
        let is_as_wide = bits == place.bits || bits == 0 || place.bits == 0;
        if place.bit_offset != at || !is_as_wide {
            self.differences.push(format!(
                "`{path}` lies at {} with {} in the binary, and at {} with {} in the table",
                shown(place.bit_offset),
                width(place.bits),
                shown(at),
                width(bits),
            ));
        }
        Ok(())
    }
}
