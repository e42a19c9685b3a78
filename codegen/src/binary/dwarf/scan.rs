//! The walk over the entries that have names to ask for: types, and the namespaces and classes around them.
//! What lies in functions is passed by, over its siblings where the compiler has noted them.

use std::collections::BTreeSet;

use gimli::{AttributeValue, DwTag, constants};

use super::super::error::{Error, Result};
use super::super::types::{Kind, Language};
use super::unit::Unit;
use super::{DwarfReader, File, SECTION, Seen, Slice, damaged_at};

/// Units of the file that several binaries share: what other binaries have there is none of this one's.
#[derive(Default)]
struct Shared {
    /// Offsets of those that have been named by other units, and not been looked at.
    named: BTreeSet<usize>,
    /// The positions of those that have been.
    seen: BTreeSet<usize>,
}

/// What is read of an entry on the way.
#[derive(Default)]
struct Head<'d> {
    name: Option<Slice<'d>>,
    is_declaration: bool,
    /// In the unit.
    sibling: Option<usize>,
}

/// The names of the namespaces and classes around an entry.
struct Scope {
    text: String,
    /// The depth of each, and how long the text was before it.
    parts: Vec<(isize, usize)>,
}

impl<'d> DwarfReader<'d> {
    /// Looks at every type that has a name.
    pub(super) fn each_entry(&self, look: &mut dyn FnMut(&Seen<'_, 'd>)) -> Result<()> {
        let mut shared = Shared::default();
        for (index, file) in self.own_files() {
            for place in &file.units {
                let unit = Unit::new(&file.dwarf, place)?;
                scan(file, index, &unit, look, &mut |import| {
                    if let AttributeValue::DebugInfoRefSup(offset) = import {
                        shared.named.insert(offset.0);
                    }
                })?;
            }
        }
        let Some(index) = self.supplement else { return Ok(()) };
        let file = self.file(index)?;
        while let Some(offset) = shared.named.pop_first() {
            let next = file.units.partition_point(|it| (it.is_types, it.offset) <= (false, offset));
            let position = next.checked_sub(1);
            let place = position.and_then(|it| file.units.get(it)).filter(|it| offset < it.end());
            let (Some(position), Some(place)) = (position, place) else {
                let what = "a unit is imported that is not there";
                return Err(Error::at(SECTION, offset as u64, what));
            };
            if shared.seen.insert(position) {
                let unit = Unit::new(&file.dwarf, place)?;
                scan(file, index, &unit, look, &mut |import| {
                    if let AttributeValue::DebugInfoRef(offset) = import {
                        shared.named.insert(offset.0);
                    }
                })?;
            }
        }
        Ok(())
    }
}

fn scan<'d>(
    file: &File<'d>,
    index: usize,
    unit: &Unit<'d>,
    look: &mut dyn FnMut(&Seen<'_, 'd>),
    import: &mut dyn FnMut(AttributeValue<Slice<'d>>),
) -> Result<()> {
    let first = unit.header.size_of_header();
    let mut entries = unit.entries_at(first)?;
    let mut scope = Scope { text: String::new(), parts: Vec::new() };
    // What the walk adds to the depth that `entries` counts: it begins anew behind a jump.
    let mut above = 0;
    while !entries.is_empty() {
        let offset = entries.next_offset().0;
        let depth = above + entries.next_depth();
        let at = damaged_at(unit.offset.saturating_add(offset));
        let Some(abbreviation) = entries.read_abbreviation().map_err(&at)? else {
            continue;
        };
        let tag = abbreviation.tag();
        let is_scope = matches!(tag, constants::DW_TAG_compile_unit | constants::DW_TAG_type_unit);
        let kind = kind_of(tag);
        let is_named = kind.is_some() || tag == constants::DW_TAG_namespace;
        let mut head = Head::default();
        for spec in abbreviation.attributes() {
            let wanted = match spec.name() {
                constants::DW_AT_sibling => true,
                constants::DW_AT_import => tag == constants::DW_TAG_imported_unit,
                constants::DW_AT_name | constants::DW_AT_declaration => is_named,
                _ => false,
            };
            if !wanted {
                entries.skip_attributes(std::slice::from_ref(spec)).map_err(&at)?;
                continue;
            }
            let attribute = entries.read_attribute_inline(*spec).map_err(&at)?;
            match (attribute.name(), attribute.value()) {
                (constants::DW_AT_name, value) => head.name = unit.text(&file.dwarf, value),
                (constants::DW_AT_declaration, AttributeValue::Flag(flag)) => {
                    head.is_declaration = flag;
                }
                (constants::DW_AT_import, value) => import(value),
                (constants::DW_AT_sibling, AttributeValue::UnitRef(place)) => {
                    head.sibling = Some(place.0);
                }
                _ => {}
            }
        }
        scope.leave(depth);
        let name = head.name.map(|it| it.to_string_lossy());
        if let (Some(kind), Some(name)) = (kind, &name) {
            look(&Seen {
                file: index,
                unit,
                offset: unit.offset.saturating_add(offset),
                kind,
                name,
                scope: &scope.text,
                is_declaration: head.is_declaration,
            });
        }
        if !abbreviation.has_children() {
            continue;
        }
        let holds_types = is_scope
            || tag == constants::DW_TAG_namespace
            || (unit.language != Some(Language::C)
                && matches!(kind, Some(Kind::Struct | Kind::Union)));
        if holds_types {
            if !is_scope {
                scope.enter(depth, name.as_deref().unwrap_or("{anonymous}"))?;
            }
        } else if let Some(sibling) = head.sibling {
            if sibling <= offset {
                let what = "the next entry lies before this one";
                return Err(Error::at(SECTION, (unit.offset + offset) as u64, what));
            }
            entries = unit.entries_at(sibling)?;
            above = depth;
        }
    }
    Ok(())
}

impl Scope {
    /// Forgets what an entry of this depth is not inside of.
    fn leave(&mut self, depth: isize) {
        while let Some((last, length)) = self.parts.last().copied() {
            if last < depth {
                return;
            }
            self.text.truncate(length);
            self.parts.pop();
        }
    }

    fn enter(&mut self, depth: isize, name: &str) -> Result<()> {
        /// Longer names are made up.
        const LONGEST: usize = 1 << 16;
        self.parts.push((depth, self.text.len()));
        self.text.push_str(name);
        self.text.push_str("::");
        if self.text.len() > LONGEST {
            return Err(Error::at(SECTION, 0, "namespaces are nested without an end"));
        }
        Ok(())
    }
}

fn kind_of(tag: DwTag) -> Option<Kind> {
    Some(match tag {
        constants::DW_TAG_structure_type | constants::DW_TAG_class_type => Kind::Struct,
        constants::DW_TAG_union_type => Kind::Union,
        constants::DW_TAG_enumeration_type => Kind::Enum,
        constants::DW_TAG_typedef => Kind::Typedef,
        _ => return None,
    })
}

/// What stands behind the last `::` that is not inside brackets.
pub(super) fn last_part(name: &str) -> &str {
    let mut depth = 0usize;
    let mut start = 0;
    let mut before = ' ';
    for (index, c) in name.char_indices() {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ':' if before == ':' && depth == 0 => start = index + 1,
            _ => {}
        }
        before = c;
    }
    name.get(start..).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::last_part;

    #[test]
    fn the_last_part_of_a_path() {
        for (path, last) in [
            ("page", "page"),
            ("app::Cache", "Cache"),
            ("a::Vec<b::C, d::E>", "Vec<b::C, d::E>"),
            ("core::ops::Fn() -> x::Y", "Y"),
        ] {
            assert_eq!(last_part(path), last);
        }
    }
}
