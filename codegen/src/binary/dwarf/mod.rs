//! Types from DWARF 2 to 5, split into other files or not.
//!
//! Headers of units are read at once, everything else when it is asked for: [`scan`] walks the names that can be
//! asked for, [`read`] makes one type of one entry. Nothing in DWARF is believed: every reference is looked up, every
//! walk goes forwards only, and every chain has an end.

mod read;
mod scan;
mod unit;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gimli::{DwarfFileType, EndianSlice, RunTimeEndian, SectionId};

use super::Reader;
use super::error::{Error, Result};
use super::image::Sections;
use super::types::{Key, Kind, Language, Type};
use super::wanted::{Candidate, Sieve, Wanted};
use unit::{Unit, UnitPlace};

type Slice<'d> = EndianSlice<'d, RunTimeEndian>;

const SECTION: &str = ".debug_info";

/// No type at all: `void`.
pub(super) const VOID: Key = Key(u64::MAX);

/// How many units are kept open: types of one lie together.
const OPEN_UNITS: usize = 32;

/// Reads types from DWARF.
pub(super) struct DwarfReader<'d> {
    files: Vec<File<'d>>,
    /// The one among them that other binaries have too.
    supplement: Option<usize>,
    /// By file and position among its units.
    open: RefCell<HashMap<(usize, usize), Rc<Unit<'d>>>>,
    /// Types that units refer to by a hash: where each is.
    signatures: HashMap<u64, Key>,
    language: Language,
    is_big: bool,
}

/// The image itself, or what was split off it.
struct File<'d> {
    dwarf: gimli::Dwarf<Slice<'d>>,
    units: Vec<UnitPlace<'d>>,
}

impl<'d> DwarfReader<'d> {
    /// Reads the headers of all units: of the image, of the files split off it, of the package of such files, of what it
    /// has in common with others.
    pub(super) fn new(
        main: &'d Sections<'d>,
        split: &[&'d Sections<'d>],
        package: Option<&'d Sections<'d>>,
        supplement: Option<&'d Sections<'d>>,
    ) -> Result<Self> {
        let mut dwarf = load(main);
        if let Some(sections) = supplement {
            dwarf.set_sup(load(sections));
        }
        let units = unit::places(&dwarf)?;
        let mut reader = Self {
            files: vec![File { dwarf, units }],
            supplement: None,
            open: RefCell::default(),
            signatures: HashMap::new(),
            language: Language::C,
            is_big: main.endian() == RunTimeEndian::Big,
        };
        for sections in split {
            reader.add_file(load(sections))?;
        }
        if let Some(package) = package {
            reader.add_package(package)?;
        }
        if let Some(sections) = supplement {
            let dwarf = load(sections);
            let units = unit::places(&dwarf)?;
            reader.supplement = Some(reader.files.len());
            reader.files.push(File { dwarf, units });
        }
        reader.note_signatures();
        reader.language = reader.find_language()?;
        Ok(reader)
    }

    /// What the names of files that were split off the image are: directory and name.
    pub(super) fn split_names(main: &'d Sections<'d>) -> Result<Vec<String>> {
        let dwarf = load(main);
        let mut names = Vec::new();
        for place in unit::places(&dwarf)? {
            let unit = Unit::new(&dwarf, &place)?;
            if let Some(name) = &unit.split_name {
                names.push(match (name.starts_with('/'), unit.directory.as_str()) {
                    (true, _) | (_, "") => name.clone(),
                    (false, directory) => format!("{directory}/{name}"),
                });
            }
        }
        Ok(names)
    }

    fn add_file(&mut self, mut dwarf: gimli::Dwarf<Slice<'d>>) -> Result<()> {
        if let Some(main) = self.files.first() {
            dwarf.make_dwo(&main.dwarf);
        }
        dwarf.file_type = DwarfFileType::Dwo;
        let units = unit::places(&dwarf)?;
        self.files.push(File { dwarf, units });
        Ok(())
    }

    fn add_package(&mut self, sections: &'d Sections<'d>) -> Result<()> {
        let empty = EndianSlice::new(&[], sections.endian());
        let load = |id: SectionId| {
            let name = id.dwo_name().unwrap_or(id.name());
            Ok::<_, gimli::Error>(EndianSlice::new(sections.get(name), sections.endian()))
        };
        let package = gimli::DwarfPackage::load(load, empty).map_err(damaged)?;
        let Some(main) = self.files.first() else { return Ok(()) };
        let mut parts = Vec::new();
        for index in 1..=package.cu_index.unit_count() {
            parts.push(package.cu_sections(index, &main.dwarf).map_err(damaged)?);
        }
        for index in 1..=package.tu_index.unit_count() {
            parts.push(package.tu_sections(index, &main.dwarf).map_err(damaged)?);
        }
        for part in parts {
            self.add_file(part)?;
        }
        Ok(())
    }

    fn note_signatures(&mut self) {
        for (file, it) in self.files.iter().enumerate() {
            for place in &it.units {
                if let Some((signature, offset)) = place.signature {
                    let at = place.offset.saturating_add(offset);
                    self.signatures.insert(signature, key(file, place.is_types, at));
                }
            }
        }
    }

    /// The language of the most units among the first: what glue they are joined with does not count.
    fn find_language(&self) -> Result<Language> {
        const LOOKED_AT: usize = 64;
        let mut counts = [0usize; 3];
        for (index, file) in self.own_files() {
            for position in 0..file.units.len().min(LOOKED_AT) {
                let place = match self.unit(index, position)?.language {
                    Some(Language::C) => 0,
                    Some(Language::Cpp) => 1,
                    Some(Language::Rust) => 2,
                    None => continue,
                };
                if let Some(count) = counts.get_mut(place) {
                    *count += 1;
                }
            }
        }
        let [c, cpp, rust] = counts;
        Ok(match () {
            () if rust > c && rust >= cpp => Language::Rust,
            () if cpp > c => Language::Cpp,
            () => Language::C,
        })
    }

    /// All files but the one that other binaries have, too.
    fn own_files(&self) -> impl Iterator<Item = (usize, &File<'d>)> {
        self.files.iter().enumerate().filter(|(index, _)| Some(*index) != self.supplement)
    }

    pub(super) fn language(&self) -> Language {
        self.language
    }

    fn file(&self, index: usize) -> Result<&File<'d>> {
        self.files.get(index).ok_or_else(|| Error::at(SECTION, 0, "a reference leads to no file"))
    }

    fn unit(&self, file: usize, position: usize) -> Result<Rc<Unit<'d>>> {
        if let Some(unit) = self.open.borrow().get(&(file, position)) {
            return Ok(Rc::clone(unit));
        }
        let it = self.file(file)?;
        let place = it.units.get(position);
        let place = place.ok_or_else(|| Error::at(SECTION, 0, "a reference leads to no unit"))?;
        let unit = Rc::new(Unit::new(&it.dwarf, place)?);
        let mut open = self.open.borrow_mut();
        if open.len() >= OPEN_UNITS {
            open.clear();
        }
        open.insert((file, position), Rc::clone(&unit));
        Ok(unit)
    }

    /// The unit that holds an entry, and the entry's place in it.
    fn unit_of(&self, key: Key) -> Result<(usize, Rc<Unit<'d>>, usize)> {
        let (index, is_types, offset) = parts(key);
        let file = self.file(index)?;
        let before = |it: &UnitPlace<'_>| (it.is_types, it.offset) <= (is_types, offset);
        let position = file.units.partition_point(before).checked_sub(1);
        let place = position.and_then(|position| Some((position, file.units.get(position)?)));
        match place {
            Some((position, place)) if place.is_types == is_types && offset < place.end() => {
                let within = offset - place.offset;
                Ok((index, self.unit(index, position)?, within))
            }
            _ => Err(Error::at(SECTION, offset as u64, "a reference leads outside all units")),
        }
    }
}

impl Reader for DwarfReader<'_> {
    fn read(&self, key: Key) -> Result<Type> {
        if key == VOID {
            return Ok(Type::Void);
        }
        self.read_entry(key)
    }

    fn find(&self, wanted: &[Wanted]) -> Result<Vec<Vec<Candidate>>> {
        let mut found = vec![Vec::new(); wanted.len()];
        let mut by_end: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, wanted) in wanted.iter().enumerate() {
            by_end.entry(scan::last_part(&wanted.name)).or_default().push(index);
        }
        let sieve = Sieve::of(by_end.keys().copied());
        self.each_entry(&mut |seen| {
            let indices =
                if sieve.may_hold(seen.name.as_bytes()) { by_end.get(seen.name) } else { None };
            let Some(indices) = indices else { return };
            let whole = seen.whole_name();
            for index in indices {
                let wanted = &wanted[*index];
                let place = if seen.unit.name.is_empty() { "?" } else { &seen.unit.name };
                if wanted.accepts(seen.kind, &whole) && wanted.accepts_place(place) {
                    found[*index].push(Candidate {
                        key: key(seen.file, seen.unit.is_types, seen.offset),
                        kind: seen.kind,
                        name: whole.clone(),
                        place: place.to_owned(),
                        is_declaration: seen.is_declaration,
                    });
                }
            }
        })?;
        Ok(found)
    }

    fn each_name(&self, look: &mut dyn FnMut(&str)) -> Result<()> {
        self.each_entry(&mut |seen| look(seen.name))
    }
}

/// A type's entry, met on the way through a unit.
struct Seen<'a, 'd> {
    file: usize,
    unit: &'a Unit<'d>,
    /// In its section.
    offset: usize,
    kind: Kind,
    /// Without what is around it.
    name: &'a str,
    /// The names of what is around it, each with `::` behind it.
    scope: &'a str,
    is_declaration: bool,
}

impl Seen<'_, '_> {
    fn whole_name(&self) -> String {
        format!("{}{}", self.scope, self.name)
    }
}

fn load<'d>(sections: &'d Sections<'d>) -> gimli::Dwarf<Slice<'d>> {
    let load = |id: SectionId| {
        let own = sections.get(id.name());
        let split = id.dwo_name().map(|name| sections.get(name)).unwrap_or(&[]);
        let bytes = if split.is_empty() { own } else { split };
        Ok::<_, std::convert::Infallible>(EndianSlice::new(bytes, sections.endian()))
    };
    match gimli::Dwarf::load(load) {
        Ok(dwarf) => dwarf,
        Err(never) => match never {},
    }
}

const TYPES_BIT: u64 = 1 << 44;
const FILE_SHIFT: u32 = 45;

fn key(file: usize, is_types: bool, offset: usize) -> Key {
    let types = if is_types { TYPES_BIT } else { 0 };
    Key((file as u64) << FILE_SHIFT | types | (offset as u64 & (TYPES_BIT - 1)))
}

fn parts(key: Key) -> (usize, bool, usize) {
    let file = (key.0 >> FILE_SHIFT) as usize;
    (file, key.0 & TYPES_BIT != 0, (key.0 & (TYPES_BIT - 1)) as usize)
}

fn damaged(error: gimli::Error) -> Error {
    Error::Damaged { section: SECTION, offset: None, what: error.to_string() }
}

fn damaged_at(offset: usize) -> impl Fn(gimli::Error) -> Error {
    move |error| Error::at(SECTION, offset as u64, error.to_string())
}
