//! What the section headers of an image lead to, if nobody has stripped them: the symbol of the
//! root, and the section of the tables.

use memchr::memmem::Finder;
use object::Endianness;
use object::elf::{self, Sym32, Sym64};
use object::pod;
use object::read::elf::Sym;

use crate::file::File;
use crate::loaded::{Headers, ROOT_SYMBOL, Section, endian};

/// Where things lie that a reader looks for.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The root.
    pub(super) root: Option<u64>,
    /// The section of the tables.
    pub(super) tables: Option<std::ops::Range<u64>>,
}

/// The section that tables stand in.
const TABLE_SECTION: &[u8] = b"inspect_table\0";
/// Bytes that are read at once.
const CHUNK: u64 = 1 << 18;

impl Found {
    /// Looks through all sections. What is broken leads to nothing.
    pub(super) fn read(file: &File, headers: &Headers) -> Self {
        let mut found = Self::default();
        let mut symbols = Vec::new();
        let mut names = None;
        let mut data = Vec::new();
        let mut index = 0;
        let walked = headers.sections(&super::source(file), &mut |section: Section| {
            if section.kind == elf::SHT_SYMTAB.0 || section.kind == elf::SHT_DYNSYM.0 {
                symbols.push(section);
            }
            if index == headers.names_index {
                names = Some(section);
            }
            // A table takes more than its header, and is data.
            if section.kind == elf::SHT_PROGBITS.0 && section.address != 0 && section.size >= 96 {
                data.push(section);
            }
            index += 1;
            data.len() < 4096
        });
        if walked.is_err() {
            return found;
        }
        if let Some(names) = names {
            let is_it = |name: u32| {
                let mut bytes = [0; TABLE_SECTION.len()];
                let at = names.offset.saturating_add(name.into());
                file.read(at, &mut bytes).is_ok() && bytes == TABLE_SECTION
            };
            // It takes room in the file: what a header claims beyond that is nowhere.
            let end = |it: &Section| {
                let size = it.size.min(file.length().saturating_sub(it.offset));
                it.address.saturating_add(size)
            };
            let section = data.iter().find(|section| is_it(section.name));
            found.tables = section.map(|it| it.address..end(it));
        }
        for table in symbols.iter().take(4) {
            found.root = found.root.or_else(|| root(file, headers, table));
        }
        found
    }
}

/// The value of the root's symbol in a symbol table.
fn root(file: &File, headers: &Headers, table: &Section) -> Option<u64> {
    let mut strings = None;
    let mut index = 0;
    let mut pick = |section: Section| {
        if index == table.link {
            strings = Some(section);
        }
        index += 1;
        strings.is_none()
    };
    headers.sections(&super::source(file), &mut pick).ok()?;
    let names = places_of_name(file, &strings?)?;
    if names.is_empty() {
        return None;
    }
    match headers.machine.word_size {
        4 => symbol::<Sym32<Endianness>>(file, headers, table, &names),
        _ => symbol::<Sym64<Endianness>>(file, headers, table, &names),
    }
}

/// Where the root's name stands in a string table, alone or as the end of a longer one: only a
/// symbol whose name begins there has it.
fn places_of_name(file: &File, strings: &Section) -> Option<Vec<u32>> {
    let needle = format!("{ROOT_SYMBOL}\0");
    let finder = Finder::new(&needle);
    let mut places = Vec::new();
    let mut at = 0;
    let end = strings.size.min(file.length().saturating_sub(strings.offset));
    while at < end {
        let bytes = file.bytes(strings.offset.saturating_add(at), CHUNK.min(end - at)).ok()?;
        let found = finder.find_iter(&bytes);
        places.extend(found.filter_map(|it| u32::try_from(at + it as u64).ok()));
        // The next chunk begins so that none is cut in two.
        let step = (bytes.len() as u64).saturating_sub(needle.len() as u64 - 1);
        if at + bytes.len() as u64 == end || step == 0 || places.len() > 16 {
            break;
        }
        at += step;
    }
    places.dedup();
    Some(places)
}

/// The value of the first defined symbol with one of the names.
fn symbol<S: Sym<Endian = Endianness>>(
    file: &File,
    headers: &Headers,
    table: &Section,
    names: &[u32],
) -> Option<u64> {
    let endian = endian(headers.machine.order);
    let stride = size_of::<S>() as u64;
    let window = CHUNK / stride;
    let in_file = table.size.min(file.length().saturating_sub(table.offset));
    let count = in_file / stride;
    let mut at = 0;
    while at < count {
        let here = window.min(count - at);
        let bytes = file.bytes(table.offset.checked_add(at * stride)?, here * stride).ok()?;
        let symbols: &[S] = pod::slice_from_all_bytes(&bytes).ok()?;
        let is_it = |symbol: &&S| {
            names.contains(&symbol.st_name(endian)) && symbol.st_shndx(endian) != elf::SHN_UNDEF
        };
        if let Some(symbol) = symbols.iter().find(is_it) {
            return Some(symbol.st_value(endian).into());
        }
        at += here;
    }
    None
}
