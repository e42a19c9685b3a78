//! The members of a declared enum beside those of the binary's.

use super::Difference;
use super::cause;
use crate::binary::place::width;
use crate::binary::{Enum, spelling};
use crate::check::trial::extent_of;
use crate::model::{self, EnumMember, EnumRepr, Target};

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
    let same = found.members.iter().find(|(name, _)| is_called(member, name));
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

fn is_called(member: &EnumMember, name: &str) -> bool {
    let naming = &member.naming;
    naming.c == name || naming.rust == name || naming.name == spelling::identifier(name)
}

fn is_alike(member: &EnumMember, name: &str) -> bool {
    let own = member.naming.name.to_ascii_lowercase();
    let name = spelling::identifier(name).to_ascii_lowercase();
    name.ends_with(&own) || spelling::without_number(&own) == Some(&name)
}
