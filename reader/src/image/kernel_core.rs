//! Cores of kernels: what a hypervisor, or the kernel that took over, wrote of a machine's memory.
//!
//! Three layouts are known. `/proc/vmcore`, and what is copied from it, has the kernel's own
//! mappings, with virtual and physical addresses, and a note `VMCOREINFO`. A hypervisor that looked
//! at page tables writes every mapping that it saw, tens of thousands of segments. One that did not
//! writes physical memory, and 0 or the physical address in place of the virtual one. What headers
//! do not say the kernel's own page tables do, where `page_tables` knows them; elsewhere it is found
//! by physical address alone.

use inspect_format::root::offset_address;

use super::core::{Layout, add, no_address};
use super::pieces::{FileMemory, Piece, Pieces};
use super::vmcoreinfo::Information;
use super::{
    CaptureNote, Carried, Clue, FoundBy, Image, Kind, Note, Object, Options, Remark, elf,
    page_tables,
};
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
    let mut memory = FileMemory::new(vec![file], Pieces::default());
    // Of a machine, memory that begins at 0 is no sign that nothing is known of it.
    if layout.has_physical || layout.notes.is_of_machine {
        memory = memory.with_physical(Box::new(move |file| by_physical(file, &headers)));
    }
    if layout.notes.kernel.is_none() && !layout.notes.is_dump() {
        layout.notes.kernel = Information::in_memory(&memory, headers.machine);
    }
    memory = match layout.notes.is_dump() {
        // A dump of ours has left out the rest for a reason.
        true => memory
            .with_virtual(Pieces::new(by_virtual(std::mem::take(&mut layout.pieces), &headers))),
        false => with_tables(memory, &mut layout, &mut remarks),
    };
    if memory.by_virtual().all().is_empty() {
        let text = "the core has physical addresses alone: nothing is found by a virtual address";
        remarks.push(Remark::note(text.to_owned()));
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

/// Memory with what headers say of virtual addresses, and behind it what page tables say.
fn with_tables(memory: FileMemory, layout: &mut Layout, remarks: &mut Vec<Remark>) -> FileMemory {
    let machine = layout.headers.machine;
    let about = Information::of(layout.notes.kernel.as_deref());
    let mapped = page_tables::mapped(&memory, machine, &about, &layout.notes.processors);
    let said = || memory.files.first().map_or_else(Vec::new, |it| translated(it, &layout.headers));
    let mut pieces = by_virtual(std::mem::take(&mut layout.pieces), &layout.headers);
    if mapped.is_cut {
        let text = "there are more page tables than are read: what is behind them is not found";
        remarks.push(Remark::damage(text.to_owned()));
    } else if !mapped.pieces.is_empty() {
        pieces = by_virtual(said(), &layout.headers);
    } else if layout.has_physical && !pieces.is_empty() && said().is_empty() {
        let text = "the core has physical addresses alone: virtual ones are taken for them";
        remarks.push(Remark::note(text.to_owned()));
    }
    pieces.extend(mapped.pieces);
    memory.with_virtual(Pieces::new(pieces))
}

/// Without what has no virtual address. Nothing of a kernel lies at 0.
fn by_virtual(mut pieces: Vec<Piece>, headers: &Headers) -> Vec<Piece> {
    let none = no_address(headers);
    pieces.retain(|piece| piece.address != 0 && piece.address != none);
    pieces
}

/// What the segments hold by virtual address, without those whose virtual address is the physical one: that is
/// what QEMU says where it knows none.
fn translated(file: &File, headers: &Headers) -> Vec<Piece> {
    let mut pieces = Vec::new();
    // Headers that cannot be read again leave what page tables say.
    let _ = headers.segments(&elf::source(file), &mut |segment| {
        if segment.is_load() && segment.address != segment.physical {
            add(&mut pieces, &segment, segment.address, file.length());
        }
        true
    });
    pieces
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

/// The kernel itself, if it says where its root is, or a file was named that does.
fn object(layout: &Layout, options: &Options, remarks: &mut Vec<Remark>) -> Option<Object> {
    let about = Information::of(layout.notes.kernel.as_deref());
    let build_id = about.get("BUILD-ID").and_then(bytes_of_hex);
    let word_size = layout.headers.machine.word_size;
    let mut object = Object {
        bias: about.hexadecimal("KERNELOFFSET").unwrap_or(0),
        build_id: build_id.clone(),
        ..Object::new(format!("kernel {}", about.get("OSRELEASE").unwrap_or("of unknown release")))
    };
    if let Some(address) = about.hexadecimal(&format!("SYMBOL({ROOT_SYMBOL})")) {
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
