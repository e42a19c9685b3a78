//! What a packed file has to look like, found out by other means than the packer's.
//!
//! Sections and symbols come from the crate `object`; what a loader reads, the dynamic section and the tables
//! that it names, is read here from the bytes at their addresses.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use inspect_format::abi::{self, CoreEntry, Order, extent};
use inspect_format::table::Prefix;
use object::elf;
use object::{
    Architecture, Object, ObjectSection, ObjectSegment, ObjectSymbol, RelocationFlags,
    RelocationTarget, SectionFlags, SymbolFlags,
};

type Result<T> = std::result::Result<T, String>;

/// A file, with what there is to know of its target.
struct Look<'a> {
    file: object::File<'a>,
    bytes: &'a [u8],
    is_wide: bool,
    order: Order,
}

/// A relocation of the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dynamic {
    at: u64,
    symbol: u32,
    kind: u32,
    addend: Option<i64>,
}

/// The relocations of the loader, table by table.
#[derive(Default)]
struct Loaded {
    /// Where it lies, but for what belongs to the linkage table.
    table: Range<u64>,
    relocations: Vec<Dynamic>,
    /// How many at the beginning need no symbol.
    count: Option<u64>,
    relr: Vec<u64>,
}

/// Kinds of one machine: a pointer, a pointer into the object itself, a distance.
struct Kinds {
    pointer: &'static [u32],
    relative: u32,
    distance: &'static [u32],
}

fn kinds(file: &object::File<'_>) -> Kinds {
    let of = |pointer, relative, distance| Kinds { pointer, relative, distance };
    match file.architecture() {
        Architecture::X86_64 => of(&[1], 8, &[24]),
        Architecture::I386 => of(&[1], 8, &[2]),
        Architecture::Aarch64 => of(&[257], 1027, &[260]),
        Architecture::Arm => of(&[2], 23, &[3]),
        Architecture::Riscv64 => of(&[2], 3, &[36, 40]),
        Architecture::PowerPc64 => of(&[38, 43], 22, &[44]),
        Architecture::S390x => of(&[22], 12, &[23]),
        // A pointer of the loader is one into the object itself where it has no symbol.
        Architecture::Mips => of(&[2, 3], 3, &[248]),
        other => panic!("{other:?} is not in the matrix"),
    }
}

impl<'a> Look<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self> {
        let file = object::File::parse(bytes).map_err(|error| error.to_string())?;
        let order = if file.is_little_endian() { Order::Little } else { Order::Big };
        Ok(Self { is_wide: file.is_64(), file, bytes, order })
    }

    fn word_size(&self) -> usize {
        if self.is_wide { 8 } else { 4 }
    }

    fn word(&self, bytes: &[u8]) -> u64 {
        let fold = |value, byte: &u8| value << 8 | u64::from(*byte);
        let bytes = &bytes[..self.word_size()];
        match self.order {
            Order::Big => bytes.iter().fold(0, fold),
            Order::Little => bytes.iter().rev().fold(0, fold),
        }
    }

    /// Bytes at an address.
    fn at(&self, address: u64, size: u64) -> Result<&'a [u8]> {
        let found = self.file.segments().find_map(|segment| {
            let (start, length) = segment.file_range();
            let from = address.checked_sub(segment.address())?;
            (from + size <= length).then_some(start + from)
        });
        let start = found.ok_or_else(|| format!("nothing is loaded at {address:#x}"))? as usize;
        Ok(&self.bytes[start..start + size as usize])
    }

    fn dynamic(&self) -> Result<BTreeMap<i64, u64>> {
        let Some(section) = self.file.section_by_name(".dynamic") else {
            return Ok(BTreeMap::new());
        };
        let size = self.word_size();
        let data = section.data().map_err(|error| error.to_string())?;
        let entries = data.chunks_exact(2 * size);
        let entries = entries.map(|it| (self.word(it) as i64, self.word(&it[size..])));
        Ok(entries.take_while(|(tag, _)| *tag != 0).collect())
    }

    /// What the loader reads.
    fn loaded(&self) -> Result<Loaded> {
        let dynamic = self.dynamic()?;
        let value = |tag: elf::DynamicTag| dynamic.get(&tag.0).copied();
        let mut loaded = Loaded::default();
        for (start, size, count, has_addends) in [
            (elf::DT_REL, elf::DT_RELSZ, elf::DT_RELCOUNT, false),
            (elf::DT_RELA, elf::DT_RELASZ, elf::DT_RELACOUNT, true),
        ] {
            let (Some(start), Some(mut size)) = (value(start), value(size)) else { continue };
            // Counted in, the relocations of the linkage table are none of these.
            if let (Some(linkage), Some(length)) = (value(elf::DT_JMPREL), value(elf::DT_PLTRELSZ))
                && linkage >= start
                && linkage + length == start + size
            {
                size = linkage - start;
            }
            loaded.table = start..start + size;
            loaded.relocations = self.relocations(self.at(start, size)?, has_addends)?;
            loaded.count = value(count);
        }
        if let (Some(start), Some(size)) = (value(elf::DT_RELR), value(elf::DT_RELRSZ)) {
            loaded.relr = self.relr(self.at(start, size)?);
        }
        Ok(loaded)
    }

    fn relocations(&self, bytes: &[u8], has_addends: bool) -> Result<Vec<Dynamic>> {
        let size = self.word_size();
        let one = size * if has_addends { 3 } else { 2 };
        if !bytes.len().is_multiple_of(one) {
            return Err(format!("{} bytes of relocations of {one}", bytes.len()));
        }
        let decode = |it: &[u8]| {
            let info = self.word(&it[size..]);
            let (symbol, kind) = match self.is_wide {
                true => ((info >> 32) as u32, info as u32),
                false => ((info >> 8) as u32, info as u32 & 0xff),
            };
            let addend = has_addends.then(|| self.word(&it[2 * size..]) as i64);
            Dynamic { at: self.word(it), symbol, kind, addend }
        };
        Ok(bytes.chunks_exact(one).map(decode).collect())
    }

    fn relr(&self, bytes: &[u8]) -> Vec<u64> {
        let size = self.word_size() as u64;
        let (mut places, mut next) = (Vec::new(), 0);
        for word in bytes.chunks_exact(size as usize).map(|it| self.word(it)) {
            if word & 1 == 0 {
                places.push(word);
                next = word + size;
                continue;
            }
            let bits = (1..size * 8).filter(|bit| word >> bit & 1 == 1);
            places.extend(bits.map(|bit| next + (bit - 1) * size));
            next += (size * 8 - 1) * size;
        }
        places
    }

    /// The section of tables.
    fn section(&self) -> Result<(Range<u64>, &'a [u8])> {
        let section =
            self.file.section_by_name("inspect_table").ok_or("it has no inspect_table")?;
        let data = section.data().map_err(|error| error.to_string())?;
        Ok((section.address()..section.address() + section.size(), data))
    }

    /// The places of slots in the bytes of a section of tables, behind which all is zero. Each with the place
    /// of the pointer in it.
    fn slots(&self, data: &[u8]) -> Result<Vec<u64>> {
        let mut slots = Vec::new();
        let mut at = 0;
        while data[at..].starts_with(&abi::TABLE_MAGIC) {
            let prefix = Prefix::parse(&data[at..]).map_err(|error| error.to_string())?;
            let header = *prefix.header();
            let size = header.total_size as usize;
            let mut has_slots = false;
            for section in prefix.sections().filter(|it| it.kind == abi::section_kind::ENTRIES) {
                let rows = &data[at + section.offset as usize..][..section.size as usize];
                for row in rows.chunks_exact(header.entry_size as usize) {
                    let core = CoreEntry::read(row.first_chunk().ok_or("a short row")?, self.order);
                    has_slots |= core.extent & !abi::EXTENT_MASK != 0;
                    slots.extend(self.pointers(&core).map(|it| at as u64 + it));
                    if core.extent & abi::EXTENT_MASK > extent::RANGE {
                        return Err(format!("an extent of {}", core.extent));
                    }
                }
            }
            self.checksum(&data[at..at + size], header.checksum, has_slots)?;
            at += size.next_multiple_of(8);
            if at >= data.len() {
                break;
            }
        }
        if data[at.min(data.len())..].iter().any(|byte| *byte != 0) {
            return Err(format!("behind the tables, at {at:#x}, something is left"));
        }
        slots.sort_unstable();
        Ok(slots)
    }

    /// Where the pointers in the slots of a row stand, from its table. The number of a device is not the
    /// loader's business.
    fn pointers(&self, core: &CoreEntry) -> impl Iterator<Item = u64> + use<> {
        let half = if !self.is_wide && self.order == Order::Big { 4 } else { 0 };
        let places =
            [(abi::EXTENT_ADDRESS_SLOT, core.address), (abi::EXTENT_BOUND_SLOT, core.bound)];
        let (extent, is_here) = (core.extent, core.space == abi::space::VIRTUAL);
        let places = places.into_iter().filter(move |(bit, _)| extent & bit != 0 && is_here);
        places.map(move |(_, value)| value + half)
    }

    /// A table with slots, and one that a linker will change, has no checksum.
    fn checksum(&self, table: &[u8], expected: u32, has_slots: bool) -> Result<()> {
        let changes = has_slots || self.file.kind() == object::ObjectKind::Relocatable;
        let mut copy = table.to_vec();
        copy[56..60].fill(0);
        match (changes, expected) {
            (true, 0) => Ok(()),
            (true, _) => Err("a table that changes has a checksum".into()),
            (false, it) if it == inspect_format::hash::crc32c(&copy) => Ok(()),
            (false, _) => Err("a table's checksum is wrong".into()),
        }
    }

    /// Whether the first pair of an annotation stands anywhere in the file.
    fn no_pair(&self) -> Result<()> {
        let mut begin = [0; 36];
        begin[..13].copy_from_slice(b"inspect:begin");
        let kind = 4_u32;
        begin[32..].copy_from_slice(&match self.order {
            Order::Little => kind.to_le_bytes(),
            Order::Big => kind.to_be_bytes(),
        });
        match self.bytes.windows(begin.len()).position(|it| it == begin) {
            Some(at) => Err(format!("a pair is left at {at:#x} of the file")),
            None => Ok(()),
        }
    }
}

/// Looks at a linked file, before and after it was packed.
pub(crate) fn linked(before: &[u8], after: &[u8]) -> Result<()> {
    let (before, after) = (Look::new(before)?, Look::new(after)?);
    let kinds = kinds(&after.file);
    let (addresses, data) = after.section()?;
    if !data.starts_with(&abi::TABLE_MAGIC) {
        return Err("the section does not begin with a table".into());
    }
    after.no_pair()?;
    let slots: Vec<u64> = after.slots(data)?.iter().map(|it| addresses.start + it).collect();
    let (old, new) = (before.loaded()?, after.loaded()?);
    let mut inside: Vec<u64> = Vec::new();
    for relocation in new.relocations.iter().filter(|it| addresses.contains(&it.at)) {
        if relocation.symbol == 0 || !kinds.pointer.contains(&relocation.kind) {
            return Err(format!("in the tables stands {relocation:?}"));
        }
        inside.push(relocation.at);
    }
    inside.sort_unstable();
    if inside != slots {
        return Err(format!("relocations at {inside:x?}, and slots at {slots:x?}"));
    }
    if new.relr.iter().any(|it| addresses.contains(it)) {
        return Err("RELR leads into the tables".into());
    }
    let others = |all: &Loaded| -> Vec<Dynamic> {
        all.relocations.iter().filter(|it| !addresses.contains(&it.at)).copied().collect()
    };
    if others(&old) != others(&new) {
        return Err("relocations of others have changed".into());
    }
    let others = |all: &Loaded| -> Vec<u64> {
        all.relr.iter().filter(|it| !addresses.contains(it)).copied().collect()
    };
    if others(&old) != others(&new) {
        return Err("RELR of others has changed".into());
    }
    counts(&old, &new, &kinds)?;
    headers(&before, &after, &new)?;
    unchanged(&before, &after, &addresses)
}

/// The number of those without symbols at the beginning is as right as it was.
fn counts(old: &Loaded, new: &Loaded, kinds: &Kinds) -> Result<()> {
    let is_first = |all: &Loaded| {
        let count = all.count.unwrap_or(0) as usize;
        let relative = |it: &Dynamic| it.kind == kinds.relative && it.symbol == 0;
        let first = all.relocations.iter().take_while(|it| relative(it)).count();
        count == first
    };
    match (old.count.is_some(), is_first(old), is_first(new)) {
        (true, true, false) => Err(format!("DT_RELCOUNT is {:?}", new.count)),
        _ if old.count.is_some() != new.count.is_some() => Err("DT_RELCOUNT is gone".into()),
        _ => Ok(()),
    }
}

/// Section headers say the same as the dynamic section, and where bytes of an address stand.
fn headers(before: &Look<'_>, after: &Look<'_>, loaded: &Loaded) -> Result<()> {
    let sum = |look: &Look<'_>, table: &Range<u64>| -> u64 {
        let ours = look
            .file
            .sections()
            .filter(|it| is_relocations(it) && it.size() > 0 && table.contains(&it.address()));
        ours.map(|it| it.size()).sum()
    };
    let old = before.loaded()?;
    let was_exact = sum(before, &old.table) == old.table.end - old.table.start;
    let size = loaded.table.end - loaded.table.start;
    if was_exact && sum(after, &loaded.table) != size {
        let sum = sum(after, &loaded.table);
        return Err(format!("sections of relocations have {sum} bytes, the loader reads {size}"));
    }
    let mut end = loaded.table.start;
    for section in after.file.sections().filter(is_relocations) {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        if sh_flags.0 & elf::SHF_ALLOC.0 == 0 || section.size() == 0 {
            continue;
        }
        let (offset, size) = section.file_range().unwrap_or_default();
        let loaded_at = after.at(section.address(), size)?;
        let in_file = &after.bytes[offset as usize..(offset + size) as usize];
        if loaded_at.as_ptr() != in_file.as_ptr() {
            return Err(format!("{} is not where it is loaded", section.name().unwrap_or("?")));
        }
        if loaded.table.contains(&section.address()) {
            if section.address() < end {
                return Err(format!("{} overlaps another", section.name().unwrap_or("?")));
            }
            end = section.address() + section.size();
        }
    }
    Ok(())
}

fn is_relocations(section: &object::Section<'_, '_>) -> bool {
    let kinds = [elf::SHT_REL, elf::SHT_RELA];
    matches!(section.flags(), SectionFlags::Elf { sh_type, .. } if kinds.contains(&sh_type))
}

/// Nothing changes but the tables, the relocations, the dynamic section and the root.
fn unchanged(before: &Look<'_>, after: &Look<'_>, addresses: &Range<u64>) -> Result<()> {
    let mut changed = Vec::new();
    for (old, new) in before.file.sections().zip(after.file.sections()) {
        let name = old.name().unwrap_or_default();
        if name != new.name().unwrap_or_default() {
            return Err(format!("section `{name}` has another name"));
        }
        if old.data().ok() != new.data().ok() {
            changed.push((name, old));
        }
    }
    for (name, section) in changed {
        let is_known = section.address() == addresses.start
            || name == ".dynamic"
            || name == ".rodata.dyn"
            || name.starts_with(".rel");
        if is_known {
            continue;
        }
        let new = after.file.section_by_index(section.index()).map_err(|it| it.to_string())?;
        let (old, new) = (section.data().unwrap_or_default(), new.data().unwrap_or_default());
        let differs = old.iter().zip(new).enumerate().filter(|(_, (a, b))| a != b);
        let places: Vec<usize> = differs.map(|(at, _)| at).collect();
        let root = old.windows(8).position(|it| it == abi::ROOT_MAGIC);
        let is_in_root = |at: &usize| root.is_some_and(|root| (root..root + 64).contains(at));
        if !places.iter().all(is_in_root) {
            return Err(format!("section `{name}` has changed at {places:x?}"));
        }
    }
    Ok(())
}

/// Whether the annotations' section has a number that a symbol has no room for.
pub(crate) fn many_sections(object: &Path) -> Result<()> {
    let bytes = std::fs::read(object).map_err(|error| error.to_string())?;
    let look = Look::new(&bytes)?;
    let section = look.file.section_by_name("inspect_table").ok_or("it has no inspect_table")?;
    let number = section.index().0;
    if number > 0xff00 { Ok(()) } else { Err(format!("inspect_table is section {number} only")) }
}

/// Looks at an object, before and after it was packed.
pub(crate) fn object(before: &[u8], after: &[u8]) -> Result<()> {
    let look = Look::new(after)?;
    let old = Look::new(before)?;
    let has_tables = |look: &Look<'_>| {
        let mut ours = look.file.sections().filter(|it| it.name() == Ok("inspect_table"));
        ours.any(|it| it.data().is_ok_and(|data| data.starts_with(&abi::TABLE_MAGIC)))
    };
    if old.no_pair().is_ok() && !has_tables(&old) {
        let same = before == after;
        return if same { Ok(()) } else { Err("an object without annotations has changed".into()) };
    }
    let kinds = kinds(&look.file);
    look.no_pair()?;
    let ours = || look.file.sections().filter(|it| it.name() == Ok("inspect_table"));
    let with_tables: Vec<_> = ours().filter(|it| it.size() > 0).collect();
    let [section] = with_tables.as_slice() else {
        return Err(format!("{} sections hold something", with_tables.len()));
    };
    let data = section.data().map_err(|error| error.to_string())?;
    let slots = look.slots(data)?;
    let mut pointers = Vec::new();
    for (at, relocation) in section.relocations() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            return Err(format!("at {at:#x} is a relocation of another format"));
        };
        if kinds.pointer.contains(&r_type.0) {
            pointers.push(at);
        } else if !kinds.distance.contains(&r_type.0) {
            return Err(format!("at {at:#x} is a relocation of kind {}", r_type.0));
        }
        let place = &data[at as usize..][..look.word_size()];
        if !relocation.has_implicit_addend() && place.iter().any(|byte| *byte != 0) {
            return Err(format!("the place at {at:#x} of a relocation is not zero"));
        }
        if let RelocationTarget::Symbol(symbol) = relocation.target() {
            look.file.symbol_by_index(symbol).map_err(|error| error.to_string())?;
        }
    }
    pointers.sort_unstable();
    if pointers != slots {
        return Err(format!("pointers at {pointers:x?}, and slots at {slots:x?}"));
    }
    for symbol in look.file.symbols() {
        let name = symbol.name().unwrap_or_default();
        let is_sized = matches!(symbol.flags(), SymbolFlags::Elf { .. }) && symbol.size() != 0;
        if name.contains("inspect_pairs_") && (is_sized || symbol.address() != 0) {
            return Err(format!("`{name}` is at {:#x} still", symbol.address()));
        }
    }
    Ok(())
}
