//! One symbol of an object in memory, by its name: through the hash table that the dynamic linker
//! uses itself.
//!
//! The `object` crate looks up symbols in slices whose length a section header tells. In memory
//! there are no section headers, and nobody knows how long these tables are. A lookup needs a few
//! words of them, which are read one by one.

use inspect_format::abi::{Order, space};
use object::Endianness;
use object::elf::{self, Dyn32, Dyn64, Sym32, Sym64};
use object::pod::{self, Pod};
use object::read::elf::{Dyn, Sym};

use super::{Loaded, bytes_at, endian};
use crate::memory::{Memory, Missing};

/// Bytes of the dynamic section that are read; a linker writes less than a thousand.
const DYNAMIC_MAX: u64 = 1 << 16;
/// Links of a chain that are followed: far more than names can share a bucket.
const CHAIN_MAX: u32 = 1 << 12;

/// Where the symbol lies that the object defines and exports under `name`.
pub(super) fn find(memory: &dyn Memory, loaded: &Loaded, name: &str) -> Option<u64> {
    let tables = Tables::read(memory, loaded)?.symbols()?;
    let index = match tables.gnu_hash {
        Some(hash) => tables.gnu(hash, name),
        None => tables.system_v(tables.hash?, name),
    };
    index.ok()?.map(|address| loaded.address_of(address))
}

/// What the dynamic section leads to.
pub(crate) struct Tables<'m> {
    memory: &'m dyn Memory,
    loaded: &'m Loaded,
    /// Tag and value.
    entries: Vec<(i64, u64)>,
}

/// The tables of symbols.
struct Symbols<'m> {
    memory: &'m dyn Memory,
    loaded: &'m Loaded,
    symbols: u64,
    strings: u64,
    hash: Option<u64>,
    gnu_hash: Option<u64>,
}

/// A symbol.
struct Symbol {
    name: u32,
    value: u64,
    is_defined: bool,
}

impl<'m> Tables<'m> {
    /// Reads the dynamic section, if there is one.
    pub(crate) fn read(memory: &'m dyn Memory, loaded: &'m Loaded) -> Option<Self> {
        let segment = loaded.segments.iter().find(|it| it.kind == elf::PT_DYNAMIC.0)?;
        let size = segment.memory_size.min(DYNAMIC_MAX);
        let bytes = bytes_at(memory, loaded.address_of(segment.address), size).ok()?;
        let entries = match loaded.machine().word_size {
            4 => entries::<Dyn32<Endianness>>(&bytes, loaded.machine().order),
            _ => entries::<Dyn64<Endianness>>(&bytes, loaded.machine().order),
        };
        Some(Self { memory, loaded, entries })
    }

    /// The value of an entry.
    pub(crate) fn value(&self, tag: i64) -> Option<u64> {
        self.entries.iter().find(|(it, _)| *it == tag).map(|(_, value)| *value)
    }

    /// Where an entry leads that is a pointer.
    pub(crate) fn address(&self, tag: i64) -> Option<u64> {
        self.value(tag).map(|value| absolute(self.loaded, value))
    }

    /// Where the symbol of this number lies, if the object defines it.
    pub(crate) fn symbol_address(&self, index: u32) -> Option<u64> {
        let symbol = self.symbols()?.at(index.into()).ok()?;
        symbol.is_defined.then(|| self.loaded.address_of(symbol.value))
    }

    fn symbols(&self) -> Option<Symbols<'m>> {
        Some(Symbols {
            memory: self.memory,
            loaded: self.loaded,
            symbols: self.address(elf::DT_SYMTAB.0)?,
            strings: self.address(elf::DT_STRTAB.0)?,
            hash: self.address(elf::DT_HASH.0),
            gnu_hash: self.address(elf::DT_GNU_HASH.0),
        })
    }
}

impl Symbols<'_> {
    /// Looks in a table of GNU: header, filter, buckets, and for each symbol the hash of its name.
    fn gnu(&self, table: u64, name: &str) -> Result<Option<u64>, Missing> {
        let hash = elf::gnu_hash(name.as_bytes());
        let word_size = u64::from(self.loaded.machine().word_size);
        let bucket_count = self.word(table)?;
        let first_symbol = self.word(table.wrapping_add(4))?;
        let filter_size = u64::from(self.word(table.wrapping_add(8))?) * word_size;
        let buckets = table.wrapping_add(16).wrapping_add(filter_size);
        let hashes = buckets.wrapping_add(u64::from(bucket_count) * 4);
        let Some(bucket) = hash.checked_rem(bucket_count) else { return Ok(None) };
        let start = self.word(buckets.wrapping_add(u64::from(bucket) * 4))?;
        let Some(from) = start.checked_sub(first_symbol) else { return Ok(None) };
        for step in 0..CHAIN_MAX {
            let found = self.word(hashes.wrapping_add((u64::from(from) + u64::from(step)) * 4))?;
            if found | 1 == hash | 1
                && let Some(value) = self.named(u64::from(start) + u64::from(step), name)?
            {
                return Ok(Some(value));
            }
            if found & 1 != 0 {
                break;
            }
        }
        Ok(None)
    }

    /// Looks in a table of System V: two numbers, buckets, chains.
    fn system_v(&self, table: u64, name: &str) -> Result<Option<u64>, Missing> {
        // Two machines have words of 8 bytes here.
        let machine = self.loaded.machine();
        let is_wide =
            machine.word_size == 8 && [elf::EM_S390.0, elf::EM_ALPHA.0].contains(&machine.number);
        let at = |index: u64| {
            if is_wide {
                self.wide_word(table.wrapping_add(index * 8))
            } else {
                self.word(table.wrapping_add(index * 4))
            }
        };
        let (bucket_count, symbol_count) = (at(0)?, at(1)?);
        let hash = elf::hash(name.as_bytes());
        let Some(bucket) = hash.checked_rem(bucket_count) else { return Ok(None) };
        let mut index = at(2 + u64::from(bucket))?;
        for _ in 0..CHAIN_MAX {
            if index == 0 || index >= symbol_count {
                break;
            }
            if let Some(value) = self.named(index.into(), name)? {
                return Ok(Some(value));
            }
            index = at(2 + u64::from(bucket_count) + u64::from(index))?;
        }
        Ok(None)
    }

    /// The value of a symbol, if it is defined and has that name.
    fn named(&self, index: u64, name: &str) -> Result<Option<u64>, Missing> {
        let symbol = self.at(index)?;
        let mut found = vec![0; name.len() + 1];
        let place = self.strings.wrapping_add(symbol.name.into());
        self.memory.read(space::VIRTUAL, place, &mut found)?;
        let is_it = found.strip_suffix(&[0]) == Some(name.as_bytes());
        Ok((is_it && symbol.is_defined).then_some(symbol.value))
    }

    fn at(&self, index: u64) -> Result<Symbol, Missing> {
        match self.loaded.machine().word_size {
            4 => self.symbol::<Sym32<Endianness>>(index),
            _ => self.symbol::<Sym64<Endianness>>(index),
        }
    }

    fn symbol<S: Sym<Endian = Endianness>>(&self, index: u64) -> Result<Symbol, Missing> {
        let mut bytes = [0; size_of::<Sym64<Endianness>>()];
        let bytes = bytes.get_mut(..size_of::<S>()).unwrap_or_default();
        let place = self.symbols.wrapping_add(index.wrapping_mul(bytes.len() as u64));
        self.memory.read(space::VIRTUAL, place, bytes)?;
        let endian = endian(self.loaded.machine().order);
        // A failure is impossible: the size is that of the struct, and it has no alignment.
        let Ok((symbol, _)) = pod::from_bytes::<S>(bytes) else {
            return Ok(Symbol { name: 0, value: 0, is_defined: false });
        };
        Ok(Symbol {
            name: symbol.st_name(endian),
            value: symbol.st_value(endian).into(),
            is_defined: symbol.st_shndx(endian) != elf::SHN_UNDEF,
        })
    }

    fn word(&self, address: u64) -> Result<u32, Missing> {
        let mut bytes = [0; 4];
        self.memory.read(space::VIRTUAL, address, &mut bytes)?;
        Ok(match self.loaded.machine().order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    /// A word of 8 bytes that counts symbols: there are never as many as 32 bits can count.
    fn wide_word(&self, address: u64) -> Result<u32, Missing> {
        let high = self.word(address)?;
        let low = self.word(address.wrapping_add(4))?;
        Ok(match self.loaded.machine().order {
            Order::Little => high,
            Order::Big => low,
        })
    }
}

/// The entries of a dynamic section up to its end: tag and value.
fn entries<D: Dyn<Endian = Endianness> + Pod>(bytes: &[u8], order: Order) -> Vec<(i64, u64)> {
    let endian = endian(order);
    let chunks = bytes.chunks_exact(size_of::<D>());
    let entries = chunks.filter_map(|chunk| Some(*pod::from_bytes::<D>(chunk).ok()?.0));
    let entries = entries.map(|it| (it.tag(endian).0, it.val(endian)));
    entries.take_while(|(tag, _)| *tag != elf::DT_NULL.0).collect()
}

/// Where a pointer of the dynamic section leads. The dynamic linker of glibc adds the bias to most
/// of them where they stand, others never do; what lies in the object is an address already.
fn absolute(loaded: &Loaded, value: u64) -> u64 {
    if loaded.object.range.contains(&value) { value } else { loaded.address_of(value) }
}
