//! The members of a declared enum beside those of the binary's.

use super::Difference;
use super::cause;
use crate::binary::place::width;
use crate::binary::{Enum, spelling};
use crate::check::trial::extent_of;
use crate::model::{self, EnumMember, EnumRepr, Naming, Target};

/// What differs: the values of members of one name, and the width on `target`, where a field of the binary has this very
/// type: a schema may give the names to a part of a number. Members that the schema leaves out are no difference.
pub(super) fn differences(
    declared: &model::Enum,
    found: &Enum,
    target: Option<Target>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let bytes = target.and_then(|target| match (&declared.repr, &declared.header) {
        (EnumRepr::Scalar(scalar), _) => Some(extent_of(*scalar, target).0),
        (EnumRepr::C(sizes), None) => sizes.get(target.index()).map(|it| u64::from(it.0)),
        (EnumRepr::C(_), Some(_)) => None,
    });
    if let Some(bytes) = bytes.filter(|bytes| *bytes != found.size) {
        let (there, here) = (width(found.size.saturating_mul(8)), width(bytes.saturating_mul(8)));
        differences.push(Difference {
            field: String::new(),
            origin: declared.naming.origin,
            what: format!("it has {there} in the binary, and {here} here"),
            is_other_type: true,
            cause: Some(cause::of_enum_size(found.size, found.signed)),
        });
    }
    for member in &declared.members {
        differences.extend(member_difference(member, found));
    }
    differences
}

fn member_difference(member: &EnumMember, found: &Enum) -> Option<Difference> {
    let value_of = |(_, value): &(String, i128)| found.in_width(*value);
    let difference = |what: String, cause: Option<String>| {
        let (field, origin) = (member.naming.name.clone(), member.naming.origin);
        Some(Difference { field, origin, what, is_other_type: false, cause })
    };
    let same = called(&member.naming, &found.members, |(name, _)| name);
    // What does not fit is none of the binary's values, and not what would be left of it.
    let is_value = |it: &(String, i128), value: i128| {
        found.holds(value) && value_of(it) == found.in_width(value)
    };
    match (same, member.value) {
        (Some(_), None) => None,
        (Some(same), Some(value)) if is_value(same, value) => None,
        (Some(same), Some(value)) => {
            difference(format!("it is {} in the binary, and {value} here", value_of(same)), None)
        }
        (None, _) if member.naming.lifetime.removed.is_some() => None,
        (None, None) => difference("the binary does not have this member".to_owned(), None),
        (None, Some(value)) => {
            let of_value: Vec<&str> = found
                .members
                .iter()
                .filter(|it| is_value(it, value))
                .map(|(name, _)| name.as_str())
                .collect();
            // What somebody has shortened, as `ZONE_DMA` to `dma`, and what `import` has given a number.
            if of_value.iter().any(|name| is_alike(member, name)) {
                return None;
            }
            let what = "the binary does not have this member";
            match of_value.first() {
                Some(other) => difference(
                    format!("{what}: {value} is `{other}` there"),
                    Some(format!("if that is another name for it: `#[c_name(\"{other}\")]`")),
                ),
                None => difference(
                    what.to_owned(),
                    Some(cause::of_missing_member(found, &member.naming.name)),
                ),
            }
        }
    }
}

/// The member of a binary that a declared one stands for: under the name that it has in C, or in Rust, or its own.
pub(crate) fn called<'m, M>(
    naming: &Naming,
    members: &'m [M],
    name: impl Fn(&M) -> &str,
) -> Option<&'m M> {
    let find = |is_it: &dyn Fn(&str) -> bool| members.iter().find(|it| is_it(name(it)));
    find(&|it| it == naming.c)
        .or_else(|| find(&|it| it == naming.rust))
        .or_else(|| find(&|it| spelling::identifier(it) == naming.name))
}

fn is_alike(member: &EnumMember, name: &str) -> bool {
    let own = member.naming.name.to_ascii_lowercase();
    let name = spelling::identifier(name).to_ascii_lowercase();
    name.ends_with(&own) || spelling::without_number(&own) == Some(&name)
}
