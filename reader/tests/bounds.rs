//! Images that are small on disk and mean to cost much: what is read of them, and what is said of the rest.

mod dump_support;

use std::path::Path;

use dump_support::{LOG, Scene, inspect, row, write};
use inspect_format::abi::note_kind;
use inspect_format::notes;
use inspect_reader::discover::{self, Failure, tables_of};
use inspect_reader::image::{self, Image, Target, open};

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;

/// A segment: kind, offset behind the headers, address, bytes.
type Part = (u32, u64, u64, u64);

/// An ELF file of this kind, for x86-64: its headers, and one run of bytes that all segments lie in.
fn elf(kind: u16, parts: &[Part], bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    let behind = 64 + 56 * parts.len() as u64;
    out.extend(kind.to_le_bytes());
    out.extend(62_u16.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    for word in [0, 64, 0_u64] {
        out.extend(word.to_le_bytes());
    }
    out.extend(0_u32.to_le_bytes());
    for half in [64, 56, parts.len() as u16, 64, 0, 0_u16] {
        out.extend(half.to_le_bytes());
    }
    for (kind, offset, address, size) in parts {
        out.extend(kind.to_le_bytes());
        out.extend(4_u32.to_le_bytes());
        for word in [behind.wrapping_add(*offset), *address, address & 0xffff_ffff, *size, *size, 1]
        {
            out.extend(word.to_le_bytes());
        }
    }
    out.extend(bytes);
    out
}

fn note(name: &str, kind: u32, contents: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [name.len() as u32 + 1, contents.len() as u32, kind] {
        out.extend(word.to_le_bytes());
    }
    out.extend(name.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(contents);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn opened(directory: &Path, name: &str, bytes: &[u8]) -> Image {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    open(&Target::Path(path), &image::Options::default()).unwrap()
}

fn remarks(image: &Image) -> String {
    image.remarks.iter().map(|remark| remark.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// Nothing in a file is taken twice, however often its headers lead there.
#[test]
fn notes_that_many_segments_share_are_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let body = note(notes::NAME, note_kind::TABLES, &[0; 4096]);
    let size = body.len() as u64;
    let image = opened(directory.path(), "core", &elf(4, &[(PT_NOTE, 0, 0, size); 1000], &body));
    assert_eq!(image.carried.len(), 1);
    let expected = "999 segments of notes lie in others, and were passed over";
    assert!(remarks(&image).contains(expected), "{}", remarks(&image));
    // Segments that begin within one another.
    let inner = note(notes::NAME, note_kind::TABLES, &[0; 16]);
    let body = note(notes::NAME, note_kind::TABLES, &inner.repeat(100));
    let size = body.len() as u64;
    let heading = size - 100 * inner.len() as u64;
    let mut parts = vec![(PT_NOTE, 0, 0, size)];
    for index in 0..100 {
        let at = heading + index * inner.len() as u64;
        parts.push((PT_NOTE, at, 0, size - at));
    }
    let image = opened(directory.path(), "core", &elf(4, &parts, &body));
    assert_eq!(image.carried.len(), 1);
}

/// The file is sparse: of the notes that it seems to hold, only as much is read as anybody has.
#[test]
fn notes_are_read_up_to_a_bound_and_the_rest_is_mentioned() {
    const EACH: u64 = 100 << 20;
    let directory = tempfile::tempdir().unwrap();
    let heading = note(notes::NAME, note_kind::TABLES, &[]);
    let size = heading.len() as u64 + EACH;
    let mut bytes = elf(4, &[(PT_NOTE, 0, 0, 4 * size)], &[]);
    let start = bytes.len() as u64;
    let path = directory.path().join("core");
    let file = std::fs::File::create(&path).unwrap();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    use std::os::unix::fs::FileExt;
    file.write_all_at(&bytes, 0).unwrap();
    for index in 0..4 {
        let mut heading = heading.clone();
        heading[4..8].copy_from_slice(&(EACH as u32).to_le_bytes());
        file.write_all_at(&heading, start + index * size).unwrap();
    }
    file.set_len(start + 4 * size).unwrap();
    let image = open(&Target::Path(path), &image::Options::default()).unwrap();
    let read: usize = image.carried.iter().map(|carried| carried.bytes.len()).sum();
    assert_eq!(read, 2 * EACH as usize);
    let expected = "2 notes are left out, the first at ";
    assert!(remarks(&image).contains(expected), "{}", remarks(&image));
}

/// Every root of an object is looked at, and an object has one.
#[test]
fn an_object_with_many_roots_is_told_from_an_honest_one() {
    let directory = tempfile::tempdir().unwrap();
    let body = note(notes::NAME, note_kind::ROOT, &[0; 8]).repeat(1000);
    let size = body.len() as u64;
    let place = |kind| (kind, 0, 0x10000, size);
    let parts = [place(PT_LOAD), place(PT_NOTE), place(PT_NOTE), place(PT_NOTE)];
    let image = opened(directory.path(), "library", &elf(3, &parts, &body));
    assert_eq!(image.objects[0].roots.len(), 16);
    assert!(remarks(&image).contains("has more than 16 notes of roots"), "{}", remarks(&image));
    // So many bytes of notes have no honest object either, whatever they say.
    let body = note("GNU", 99, &[0; 1 << 16]).repeat(40);
    let size = body.len() as u64;
    let parts = [(PT_LOAD, 0, 0x10000, size), (PT_NOTE, 0, 0x10000, size)];
    let image = opened(directory.path(), "library", &elf(3, &parts, &body));
    let expected = format!("{} bytes of its notes are left out", size - (1 << 20));
    assert!(remarks(&image).contains(&expected), "{}", remarks(&image));
}

/// One run of magic numbers that appears at many addresses.
#[test]
fn a_scan_ends_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let registers = note("QEMU", 0, &[0; 64]);
    let behind = registers.len() as u64;
    let magic = b"\x89INSPRT\n".repeat(1 << 13);
    let size = magic.len() as u64;
    let mut parts = vec![(PT_NOTE, 0, 0, behind)];
    let address = |index: u64| 0xffff_8880_0000_0000 + index * 0x20_0000;
    parts.extend((0..100).map(|index| (PT_LOAD, behind, address(index), size)));
    let core = elf(4, &parts, &[registers, magic].concat());
    let image = opened(directory.path(), "vmcore", &core);
    let discovery = tables_of(&image, &discover::Options::default());
    assert!(discovery.tables.is_empty());
    let scan = discovery.attempts.last().unwrap();
    assert_eq!(scan.failure, Some(Failure::Hits { most: 1 << 16 }));
    let text = scan.failure.as_ref().unwrap().to_string();
    assert_eq!(
        text,
        "memory looks like more than 65536 roots and tables: no further one was tried"
    );
}

/// A root that leads nowhere, in an object beside which others answer: its tables are missing from
/// every list, and nobody would know.
#[test]
fn an_object_whose_root_leads_nowhere_is_mentioned() {
    let directory = tempfile::tempdir().unwrap();
    let body = note(notes::NAME, note_kind::ROOT, &0x9000_0000_u64.to_le_bytes());
    let (behind, size) = (64 + 2 * 56, body.len() as u64);
    // The first segment holds the file header.
    let load = (PT_LOAD, 0_u64.wrapping_sub(behind), 0, behind + size);
    let object = elf(3, &[load, (PT_NOTE, 0, behind, size)], &body);
    let rows = vec![row(LOG, "boot", 0x1000, 16)];
    let scene = Scene::new(rows, vec![(0x1000, vec![0; 16]), (0x40_0000, object)]);
    let core = write(directory.path(), "core", &scene.core());
    for arguments in [&["list", &core][..], &["show", &core, "boot"], &["map", &core]] {
        let (code, _, error) = inspect(arguments);
        assert_eq!(code, Some(0), "{error}");
        assert!(error.contains("object at 0x400000: "), "{arguments:?}: {error}");
    }
}
