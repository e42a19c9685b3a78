//! Units of DWARF: where each begins, and what its root entry says of all entries in it.

use std::sync::Arc;

use gimli::{
    AttributeValue, DebugStrOffsetsBase, DwLang, UnitHeader, UnitOffset, UnitType, constants,
};

use super::super::error::Result;
use super::super::types::Language;
use super::{Slice, damaged, damaged_at};

/// Where a unit is.
pub(super) struct UnitPlace<'d> {
    pub(super) header: UnitHeader<Slice<'d>>,
    /// In `.debug_types`, otherwise in `.debug_info`.
    pub(super) is_types: bool,
    /// In its section.
    pub(super) offset: usize,
    /// Of a unit of one type: its hash, and where in the unit the type is.
    pub(super) signature: Option<(u64, usize)>,
}

impl UnitPlace<'_> {
    /// One past its last byte.
    pub(super) fn end(&self) -> usize {
        self.offset.saturating_add(self.header.length_including_self())
    }
}

/// An open unit.
pub(super) struct Unit<'d> {
    pub(super) header: UnitHeader<Slice<'d>>,
    pub(super) abbreviations: Arc<gimli::Abbreviations>,
    pub(super) is_types: bool,
    /// In its section.
    pub(super) offset: usize,
    /// The source file.
    pub(super) name: String,
    pub(super) directory: String,
    pub(super) language: Option<Language>,
    /// The file with everything that is left out here.
    pub(super) split_name: Option<String>,
    strings: DebugStrOffsetsBase<usize>,
}

/// Every unit, those of `.debug_types` last.
pub(super) fn places<'d>(dwarf: &gimli::Dwarf<Slice<'d>>) -> Result<Vec<UnitPlace<'d>>> {
    let mut places = Vec::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next().map_err(damaged)? {
        let offset = header.debug_info_offset().map_or(0, |offset| offset.0);
        places.push(place(header, false, offset));
    }
    let mut units = dwarf.type_units();
    while let Some(header) = units.next().map_err(damaged)? {
        let offset = header.debug_types_offset().map_or(0, |offset| offset.0);
        places.push(place(header, true, offset));
    }
    Ok(places)
}

fn place(header: UnitHeader<Slice<'_>>, is_types: bool, offset: usize) -> UnitPlace<'_> {
    let signature = match header.type_() {
        UnitType::Type { type_signature, type_offset }
        | UnitType::SplitType { type_signature, type_offset } => {
            Some((type_signature.0, type_offset.0))
        }
        _ => None,
    };
    UnitPlace { header, is_types, offset, signature }
}

impl<'d> Unit<'d> {
    /// Reads the root entry. Line numbers and addresses are left alone, which is most of what others read here.
    pub(super) fn new(dwarf: &gimli::Dwarf<Slice<'d>>, place: &UnitPlace<'d>) -> Result<Self> {
        let at = damaged_at(place.offset);
        let header = place.header;
        let abbreviations = dwarf.abbreviations(&header).map_err(&at)?;
        let strings =
            DebugStrOffsetsBase::default_for_encoding_and_file(header.encoding(), dwarf.file_type);
        let mut unit = Self {
            header,
            abbreviations,
            is_types: place.is_types,
            offset: place.offset,
            name: String::new(),
            directory: String::new(),
            language: None,
            split_name: None,
            strings,
        };
        let abbreviations = Arc::clone(&unit.abbreviations);
        let mut entries = header.entries_raw(&abbreviations, None).map_err(&at)?;
        let Some(abbreviation) = entries.read_abbreviation().map_err(&at)? else {
            return Ok(unit);
        };
        let mut texts = Vec::new();
        for spec in abbreviation.attributes() {
            let attribute = entries.read_attribute(*spec).map_err(&at)?;
            match (attribute.name(), attribute.value()) {
                (constants::DW_AT_str_offsets_base, AttributeValue::DebugStrOffsetsBase(base)) => {
                    unit.strings = base;
                }
                (constants::DW_AT_language, AttributeValue::Language(language)) => {
                    unit.language = language_of(language);
                }
                (name, value) => texts.push((name, value)),
            }
        }
        // Texts may lie behind the base that was met among the others.
        for (name, value) in texts {
            let text = || unit.text(dwarf, value).map(|it| it.to_string_lossy().into_owned());
            match name {
                constants::DW_AT_name => unit.name = text().unwrap_or_default(),
                constants::DW_AT_comp_dir => unit.directory = text().unwrap_or_default(),
                constants::DW_AT_dwo_name | constants::DW_AT_GNU_dwo_name => {
                    unit.split_name = text();
                }
                _ => {}
            }
        }
        Ok(unit)
    }

    /// The text of an attribute, wherever it lies; nothing where it lies nowhere.
    pub(super) fn text(
        &self,
        dwarf: &gimli::Dwarf<Slice<'d>>,
        value: AttributeValue<Slice<'d>>,
    ) -> Option<Slice<'d>> {
        match value {
            AttributeValue::String(text) => Some(text),
            AttributeValue::DebugStrRef(offset) => dwarf.debug_str.get_str(offset).ok(),
            AttributeValue::DebugStrRefSup(offset) => dwarf.sup()?.debug_str.get_str(offset).ok(),
            AttributeValue::DebugLineStrRef(offset) => dwarf.debug_line_str.get_str(offset).ok(),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let format = self.header.format();
                let offsets = &dwarf.debug_str_offsets;
                let offset = offsets.get_str_offset(format, self.strings, index).ok()?;
                dwarf.debug_str.get_str(offset).ok()
            }
            _ => None,
        }
    }

    /// The first entry at a place of the unit.
    pub(super) fn entries_at(&self, offset: usize) -> Result<gimli::EntriesRaw<'_, Slice<'d>>> {
        let at = damaged_at(self.offset.saturating_add(offset));
        self.header.entries_raw(&self.abbreviations, Some(UnitOffset(offset))).map_err(at)
    }
}

fn language_of(language: DwLang) -> Option<Language> {
    Some(match language {
        constants::DW_LANG_Rust => Language::Rust,
        constants::DW_LANG_C_plus_plus
        | constants::DW_LANG_C_plus_plus_03
        | constants::DW_LANG_C_plus_plus_11
        | constants::DW_LANG_C_plus_plus_14
        | constants::DW_LANG_C_plus_plus_17
        | constants::DW_LANG_C_plus_plus_20 => Language::Cpp,
        constants::DW_LANG_C
        | constants::DW_LANG_C89
        | constants::DW_LANG_C99
        | constants::DW_LANG_C11
        | constants::DW_LANG_C17 => Language::C,
        // Assembly, and languages whose types nobody here knows: they decide nothing.
        _ => return None,
    })
}
