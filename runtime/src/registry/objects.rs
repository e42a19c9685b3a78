//! The roots of loaded objects, found in the notes of their program headers.

use core::sync::atomic::AtomicUsize;

use inspect_format::abi::{NOTE_NAME, note_kind};

use super::TooManyObjects;
use crate::sync::Ordering;

const KEPT: usize = 64;

/// Addresses of roots, 0 behind the last. Each is one word: a reader sees an old or a new one.
static ROOTS: [AtomicUsize; KEPT] = [const { AtomicUsize::new(0) }; KEPT];

/// What the loader's walk collects.
struct Collected {
    roots: [usize; KEPT],
    count: usize,
}

pub(super) fn refresh() -> Result<usize, TooManyObjects> {
    let mut collected = Collected { roots: [0; KEPT], count: 0 };
    // SAFETY: `visit` has the type that the function asks for, and gets the pointer to `collected`, which
    // outlives the call and is used by nobody else meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut collected).cast()) };
    for (place, root) in ROOTS.iter().zip(collected.roots) {
        place.store(root, Ordering::Relaxed);
    }
    match collected.count.checked_sub(KEPT) {
        Some(lost) if lost > 0 => Err(TooManyObjects { lost }),
        _ => Ok(collected.count),
    }
}

pub(super) fn known() -> impl Iterator<Item = u64> {
    ROOTS.iter().map(|place| place.load(Ordering::Relaxed) as u64).take_while(|root| *root != 0)
}

unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _: libc::size_t,
    collected: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader passes a description that is valid during the call, and the pointer that
    // `refresh` gave it.
    let (info, collected) = unsafe { (&*info, &mut *collected.cast::<Collected>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the loader's description says where the program headers of a loaded object lie, and how many.
    let headers =
        unsafe { core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers.iter().filter(|header| header.p_type == libc::PT_NOTE) {
        let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        let pointer = core::ptr::with_exposed_provenance::<u8>(start);
        // SAFETY: the loader has mapped the notes of the object, and nobody writes to them.
        let notes = unsafe { core::slice::from_raw_parts(pointer, header.p_memsz as usize) };
        if let Some(at) = root_in(notes, header.p_align as usize) {
            let distance = at.1;
            let root = start.wrapping_add(at.0).wrapping_add(distance as usize);
            if let Some(place) = collected.roots.get_mut(collected.count) {
                *place = root;
            }
            collected.count += 1;
        }
    }
    0
}

/// The place of the root's description among notes, and the distance that stands there.
fn root_in(notes: &[u8], align: usize) -> Option<(usize, u64)> {
    // Notes are aligned to 4, or to 8 where the segment is.
    let align = if align == 8 { 8 } else { 4 };
    let mut at = 0_usize;
    loop {
        let rest = notes.get(at..)?;
        let word = |index: usize| {
            let bytes: &[u8; 4] = rest.get(4 * index..)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes) as usize)
        };
        let (name_size, size, kind) = (word(0)?, word(1)?, word(2)?);
        let name_end = 12_usize.checked_add(name_size)?;
        let start = name_end.checked_next_multiple_of(align)?;
        let end = start.checked_add(size)?;
        let is_ours = rest.get(12..name_end) == Some(&NOTE_NAME[..])
            && kind == note_kind::ROOT as usize
            && size == 8;
        if is_ours {
            let bytes: &[u8; 8] = rest.get(start..end)?.first_chunk()?;
            return Some((at + start, u64::from_ne_bytes(*bytes)));
        }
        at = at.checked_add(end.checked_next_multiple_of(align)?)?;
    }
}
