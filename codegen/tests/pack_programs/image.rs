//! The entries of a file that nobody runs, and of a core, through the walk of the format: what a reader sees.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use inspect_format::abi::{Order, ROOT_MAGIC, note_kind};
use inspect_format::elfcore::Core;
use inspect_format::walk::{self, Fault, Memory, Tables};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Object, ObjectSegment, ObjectSymbol, ObjectSymbolTable, RelocationTarget};

/// An entry with the memory that it leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) length: u64,
    /// The hash of its schema's name.
    pub(crate) schema: u64,
}

/// The segments of a linked file, as a loader that puts it where it was linked would fill them.
pub(crate) struct Loaded<'a> {
    segments: Vec<(u64, &'a [u8], u64)>,
    /// Words that the loader writes.
    words: BTreeMap<u64, Vec<u8>>,
    root: u64,
}

impl<'a> Loaded<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let file = object::File::parse(bytes).expect("an ELF file");
        let segments = file.segments().map(|segment| {
            (segment.address(), segment.data().expect("in the file"), segment.size())
        });
        let root = match &file {
            object::File::Elf32(elf) => root_of_note(elf.elf_header(), bytes) & 0xffff_ffff,
            object::File::Elf64(elf) => root_of_note(elf.elf_header(), bytes),
            _ => panic!("not ELF"),
        };
        let mut loaded = Self { segments: segments.collect(), words: BTreeMap::new(), root };
        loaded.words = loaded_words(&file);
        loaded
    }

    /// Where the root lies.
    pub(crate) fn root(&self) -> u64 {
        self.root
    }
}

impl Memory for Loaded<'_> {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        let size = out.len() as u64;
        let inside = |(start, _, length): &&(u64, &[u8], u64)| {
            address >= *start && address - start <= *length && size <= length - (address - start)
        };
        let (start, bytes, _) = self.segments.iter().find(inside).ok_or(Fault { address })?;
        let from = (address - start) as usize;
        for (index, byte) in out.iter_mut().enumerate() {
            // What the file does not hold starts as zeros.
            *byte = bytes.get(from + index).copied().unwrap_or(0);
        }
        for (place, word) in self.words.range(address.saturating_sub(7)..address + size) {
            for (index, byte) in word.iter().enumerate() {
                let at = (place + index as u64).checked_sub(address);
                if let Some(it) = at.and_then(|at| out.get_mut(at as usize)) {
                    *it = *byte;
                }
            }
        }
        Ok(())
    }
}

/// What a loader writes, if the symbols are those that the file itself defines.
fn loaded_words(file: &object::File<'_>) -> BTreeMap<u64, Vec<u8>> {
    let (symbols, size) = (file.dynamic_symbol_table(), if file.is_64() { 8 } else { 4 });
    let mut words = BTreeMap::new();
    for (address, relocation) in file.dynamic_relocations().into_iter().flatten() {
        let base = match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let symbol = symbols.as_ref().and_then(|it| it.symbol_by_index(index).ok());
                symbol.map_or(0, |it| it.address())
            }
            // The address stands in the file already where there is no addend beside it.
            _ if relocation.has_implicit_addend() => continue,
            _ => 0,
        };
        let value = base.wrapping_add_signed(relocation.addend());
        let word = if file.is_little_endian() {
            value.to_le_bytes()[..size].to_vec()
        } else {
            value.to_be_bytes()[8 - size..].to_vec()
        };
        words.insert(address, word);
    }
    words
}

fn root_of_note<H: FileHeader>(header: &H, bytes: &[u8]) -> u64 {
    let endian = header.endian().expect("an order");
    let order = if header.is_little_endian() { Order::Little } else { Order::Big };
    for segment in header.program_headers(endian, bytes).expect("segments") {
        let Ok(Some(mut notes)) = segment.notes(endian, bytes) else { continue };
        while let Some(note) = notes.next().expect("notes") {
            if note.name() != b"INSPECT" || note.n_type(endian).0 != note_kind::ROOT {
                continue;
            }
            let (start, _) = segment.file_range(endian);
            let desc = note.desc();
            let offset = desc.as_ptr() as usize - bytes.as_ptr() as usize;
            let place = segment.p_vaddr(endian).into() + offset as u64 - start;
            let desc: [u8; 8] = desc.try_into().expect("eight bytes");
            let distance = match order {
                Order::Little => u64::from_le_bytes(desc),
                Order::Big => u64::from_be_bytes(desc),
            };
            return place.wrapping_add(distance);
        }
    }
    panic!("no note leads to a root");
}

/// The memory of a core.
pub(crate) struct CoreMemory<'a>(pub(crate) Core<'a>);

impl Memory for CoreMemory<'_> {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        let found = self.0.memory(address, out.len() as u64).ok_or(Fault { address })?;
        out.copy_from_slice(found);
        Ok(())
    }
}

/// All entries that the root leads to, by name.
#[track_caller]
pub(crate) fn entries(memory: &dyn Memory, root: u64) -> Vec<Found> {
    let mut magic = [0; 8];
    memory.read(root, &mut magic).expect("the root can be read");
    assert_eq!(magic, ROOT_MAGIC, "the root");
    let mut found = Vec::new();
    let mut tables = Tables::of_root(memory, root).expect("a root");
    for table in tables.by_ref() {
        let table = table.expect("a table");
        let mut buffer = vec![0; table.buffer_size(4)];
        let mut visit = |entry: walk::LiveEntry<'_>| {
            let span = walk::span(memory, &entry.core, table.word_size(), table.order());
            let span = span.expect("the memory of an entry");
            let mut name = [0; 64];
            let name = table.text(entry.core.name, &mut name).expect("a name").to_owned();
            let schema = table.header().schema;
            found.push(Found { name, address: span.address, length: span.length, schema });
            ControlFlow::Continue(())
        };
        let summary = table.entries(&mut buffer, &mut visit).expect("its rows");
        assert_eq!((summary.torn, summary.busy), (0, 0));
    }
    assert!(!tables.is_unpacked(), "annotations are left that nobody packed");
    found.sort();
    found
}

/// All entries of a linked file, at the addresses that the linker gave.
#[track_caller]
pub(crate) fn entries_of_file(bytes: &[u8]) -> Vec<Found> {
    let loaded = Loaded::new(bytes);
    entries(&loaded, loaded.root())
}
