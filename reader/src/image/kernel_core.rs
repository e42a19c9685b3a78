//! Cores of kernels: what a hypervisor, or the kernel that took over, wrote of a machine's memory.
//!
//! Three layouts are known. `/proc/vmcore`, and what is copied from it, has the kernel's own
//! mappings, with virtual and physical addresses, and a note `VMCOREINFO`. A hypervisor that looked
//! at page tables writes every mapping that it saw, tens of thousands of segments. One that did not
//! writes physical memory, and 0 in place of virtual addresses. Page tables are not walked here:
//! what has no virtual address in a header is found by physical address alone.

use inspect_format::root::offset_address;

use super::core::{Layout, add, no_address};
use super::pieces::{FileMemory, Piece, Pieces};
use super::{CaptureNote, Carried, Clue, FoundBy, Image, Kind, Note, Object, Options, Remark, elf};
use crate::file::File;
use crate::loaded::{Headers, ROOT_SYMBOL};

/// Whether the core is a machine's and no process's: a kernel or a hypervisor says so; or there are
/// registers and physical addresses, and nothing about a process.
pub(super) fn is_kernel(layout: &Layout) -> bool {
    let notes = &layout.notes;
    let is_silent = notes.threads > 0 && !notes.has_process && !notes.is_dump();
    notes.kernel.is_some() || notes.is_of_machine || is_silent && layout.has_physical
}

/// The core of a kernel.
pub(super) fn open(file: File, mut layout: Layout, options: &Options) -> Image {
    let name = file.path().display().to_string();
    let headers = layout.headers;
    let mut remarks = layout.remarks(file.length());
    let none = no_address(&headers);
    // Nothing of a kernel lies at 0.
    let mut pieces = std::mem::take(&mut layout.pieces);
    pieces.retain(|piece| piece.address != 0 && piece.address != none);
    if pieces.is_empty() {
        let text = "the core has physical addresses alone: nothing is found by a virtual address";
        remarks.push(Remark::note(text.to_owned()));
    }
    let mut memory = FileMemory::new(vec![file], Pieces::new(pieces));
    if layout.has_physical {
        memory = memory.with_physical(Box::new(move |file| by_physical(file, &headers)));
    }
    // A dump says itself what tables there are and what became of their memory: the kernel's root
    // is not to be asked.
    let is_dump = layout.notes.is_dump();
    let object = (!is_dump).then(|| object(&layout, options, &mut remarks)).flatten();
    let place = format!("{name}, note of tables");
    let carried = layout.notes.tables.into_iter();
    let information = layout.notes.kernel.into_iter();
    Image {
        kind: Kind::KernelCore,
        name,
        machine: Some(headers.machine),
        memory: Box::new(memory),
        objects: object.into_iter().collect(),
        carried: carried.map(|bytes| Carried { bytes, place: place.clone() }).collect(),
        capture: layout.notes.capture.map(CaptureNote::new),
        notes: information.map(Note::of_kernel).collect(),
        remarks,
    }
}

/// What the segments hold by physical address. The headers are read once more: most readers never
/// ask for physical memory.
fn by_physical(file: &File, headers: &Headers) -> Vec<Piece> {
    let none = no_address(headers);
    let mut pieces = Vec::new();
    let source = elf::source(file);
    // Headers that cannot be read again leave nothing there.
    let _ = headers.segments(&source, &mut |segment| {
        if segment.is_load() && segment.physical != none {
            add(&mut pieces, &segment, segment.physical, file.length());
        }
        true
    });
    pieces
}

/// What a kernel says about itself: lines of a key and a value.
struct Information<'a>(&'a str);

impl<'a> Information<'a> {
    fn of(layout: &'a Layout) -> Self {
        let bytes = layout.notes.kernel.as_deref().unwrap_or_default();
        Self(std::str::from_utf8(bytes).unwrap_or_default())
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    fn number(&self, key: &str) -> Option<u64> {
        let text = self.get(key)?.trim();
        u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    }
}

/// The kernel itself, if it says where its root is, or a file was named that does.
fn object(layout: &Layout, options: &Options, remarks: &mut Vec<Remark>) -> Option<Object> {
    let about = Information::of(layout);
    let build_id = about.get("BUILD-ID").and_then(bytes_of_hex);
    let word_size = layout.headers.machine.word_size;
    let mut object = Object {
        bias: about.number("KERNELOFFSET").unwrap_or(0),
        build_id: build_id.clone(),
        ..Object::new(format!("kernel {}", about.get("OSRELEASE").unwrap_or("of unknown release")))
    };
    if let Some(address) = about.number(&format!("SYMBOL({ROOT_SYMBOL})")) {
        object.roots.push(Clue { address, found_by: FoundBy::Symbol });
    }
    for path in &options.lenders {
        let file = File::open(path).map_err(|error| error.to_string());
        let lent = match file.and_then(elf::object_of) {
            Ok(lent) => lent,
            Err(why) => {
                remarks.push(Remark::note(format!("{} lends nothing: {why}", path.display())));
                continue;
            }
        };
        if build_id.is_some() && lent.build_id != build_id {
            let text = format!("{} lends nothing: it is another build", path.display());
            remarks.push(Remark::note(text));
            continue;
        }
        let moved = |address: u64| offset_address(address, object.bias, word_size);
        let roots = lent.roots.iter().map(|it| Clue { address: moved(it.address), ..*it });
        let start = moved(lent.range.start);
        object.range = start..start.saturating_add(lent.range.end - lent.range.start);
        let section = lent.section.map(|it| moved(it.start)..moved(it.end));
        object.section = object.section.or(section);
        object.build_id = lent.build_id.clone();
        object.left_out = lent.left_out;
        let roots: Vec<Clue> = roots.filter(|root| !object.roots.contains(root)).collect();
        object.roots.extend(roots);
    }
    (!object.roots.is_empty() || object.section.is_some()).then_some(object)
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let digits = text.as_bytes().chunks_exact(2);
    digits.map(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok()).collect()
}
