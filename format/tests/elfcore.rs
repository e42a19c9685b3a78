//! ELF cores and their notes: what is written is read, here and by an independent reader, in both
//! widths and both orders; garbage is an error.

use inspect_format::abi::{Order, note_kind};
use inspect_format::elfcore::{
    Class, Core, CoreErrorKind, CoreHeader, PF_R, PF_W, PT_LOAD, PT_NOTE, Segment,
};
use inspect_format::notes::{self, Notes};
use object::read::elf::{FileHeader, ProgramHeader};

const ALL: [(Class, Order); 4] = [
    (Class::Elf32, Order::Little),
    (Class::Elf32, Order::Big),
    (Class::Elf64, Order::Little),
    (Class::Elf64, Order::Big),
];

/// A core of one note and `loads` segments of 3 bytes each.
fn core(class: Class, order: Order, loads: u32) -> Vec<u8> {
    let header = CoreHeader { class, order, machine: 62, flags: 0x17, segment_count: loads + 1 };
    let mut bytes = header.file_header().bytes().to_vec();
    let note_size = notes::size(5).unwrap();
    let mut segment = Segment {
        kind: PT_NOTE,
        flags: 0,
        offset: header.size(),
        address: 0,
        physical: 0,
        file_size: note_size,
        memory_size: 0,
        align: 4,
    };
    bytes.extend(header.segment(&segment).unwrap().bytes());
    segment =
        Segment { kind: PT_LOAD, flags: PF_R | PF_W, offset: header.size() + note_size, ..segment };
    for index in 0..u64::from(loads) {
        let address = 0x1000 + index * 16;
        let physical = address * 2;
        segment = Segment { address, physical, file_size: 3, memory_size: 3, align: 1, ..segment };
        bytes.extend(header.segment(&segment).unwrap().bytes());
        segment.offset += 3;
    }
    if let Some(section) = header.section() {
        bytes.extend(section.bytes());
    }
    assert_eq!(bytes.len() as u64, header.size());
    bytes.extend(notes::heading(notes::NAME, note_kind::TABLES, 5, order).unwrap());
    bytes.extend(b"hello\0\0\0");
    for index in 0..loads {
        bytes.extend([1, 2, index as u8]);
    }
    bytes
}

#[test]
fn what_is_written_is_read() {
    for (class, order) in ALL {
        let bytes = core(class, order, 3);
        let core = Core::parse(&bytes).expect("a core");
        let expected = CoreHeader { class, order, machine: 62, flags: 0x17, segment_count: 4 };
        assert_eq!(*core.header(), expected);
        let segments: Vec<_> = core.segments().collect();
        assert_eq!(segments.len(), 4);
        assert_eq!((segments[1].kind, segments[1].flags), (PT_LOAD, PF_R | PF_W));
        assert_eq!((segments[3].address, segments[3].physical), (0x1020, 0x2040));
        assert_eq!(core.data(&segments[3]), Ok(&[1, 2, 2][..]));
        assert_eq!(core.memory(0x1011, 2), Some(&[2, 1][..]));
        assert_eq!(core.memory(0x1011, 3), None, "it ends before");
        assert_eq!(core.memory(0x1003, 1), None, "nothing is there");
        let notes: Vec<_> = core.notes().collect::<Result<_, _>>().expect("whole notes");
        assert_eq!(notes.len(), 1);
        assert!(notes[0].is(note_kind::TABLES) && !notes[0].is(note_kind::CAPTURE));
        assert_eq!(notes[0].contents, b"hello");
    }
}

#[test]
fn another_reader_reads_the_same() {
    fn check<H: FileHeader<Endian = object::Endianness>>(bytes: &[u8], loads: u64) {
        let header = H::parse(bytes).expect("an ELF file");
        let endian = header.endian().expect("an order");
        assert_eq!(header.e_type(endian), object::elf::ET_CORE);
        let segments = header.program_headers(endian, bytes).expect("segments");
        assert_eq!(segments.len() as u64, loads + 1);
        let mut notes = segments[0].notes(endian, bytes).unwrap().expect("notes");
        let note = notes.next().unwrap().expect("a note");
        assert_eq!((note.name(), note.n_type(endian).0), (&b"INSPECT"[..], note_kind::TABLES));
        assert_eq!(note.desc(), b"hello");
        assert!(notes.next().unwrap().is_none());
        for (index, segment) in (0_u64..).zip(&segments[1..]) {
            assert_eq!(segment.p_vaddr(endian).into(), 0x1000 + index * 16);
            assert_eq!(segment.p_paddr(endian).into(), 0x2000 + index * 32);
            assert_eq!(segment.data(endian, bytes), Ok(&[1, 2, index as u8][..]));
        }
    }
    // 65,534 loads and the notes are one more than 16 bits can count.
    for (class, order) in ALL {
        for loads in [0, 3, 65_533, 65_534, 65_535, 70_000] {
            let bytes = core(class, order, loads);
            match class {
                Class::Elf32 => check::<object::elf::FileHeader32<_>>(&bytes, loads.into()),
                Class::Elf64 => check::<object::elf::FileHeader64<_>>(&bytes, loads.into()),
            }
            let own = Core::parse(&bytes).expect("a core");
            assert_eq!(own.segments().count() as u32, loads + 1);
        }
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let header = CoreHeader {
        class: Class::Elf32,
        order: Order::Little,
        machine: 40,
        flags: 0,
        segment_count: 1,
    };
    let segment = Segment {
        kind: PT_LOAD,
        flags: PF_R,
        offset: 0,
        address: 1 << 32,
        physical: 0,
        file_size: 1,
        memory_size: 1,
        align: 1,
    };
    assert!(header.segment(&segment).is_none());
    assert!(header.segment(&Segment { address: u32::MAX.into(), ..segment }).is_some());
    assert!(notes::size(1 << 32).is_none());
    assert!(notes::heading("ABC", 1, 0, Order::Little).is_none());
    assert!(notes::heading("ABCDEFGH", 1, 0, Order::Little).is_none());
    for (name, length) in [("CORE", 20), ("ABCDEFG", 20), ("ABCDEFGH", 24), ("VMCOREINFO", 24)] {
        for order in [Order::Little, Order::Big] {
            let heading = notes::long_heading(name, 7, 3, order);
            assert_eq!(heading.len(), length);
            assert_eq!(notes::long_size(name, 3), Some(length as u64 + 4));
            if let Some(short) = notes::heading(name, 7, 3, order) {
                assert_eq!(heading, short);
            }
            let bytes = [&heading[..], b"abc"].concat();
            let note = notes::Notes::new(&bytes, order).next().unwrap().unwrap();
            assert_eq!((note.name, note.kind, note.contents), (name.as_bytes(), 7, &b"abc"[..]));
        }
    }
}

#[test]
fn damage_is_named() {
    let good = core(Class::Elf64, Order::Little, 2);
    let kind = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Core::parse(&bytes).map_err(|error| error.kind).err()
    };
    assert_eq!(kind(0, 0), Some(CoreErrorKind::Magic));
    assert_eq!(kind(4, 3), Some(CoreErrorKind::Class));
    assert_eq!(kind(5, 0), Some(CoreErrorKind::Class));
    assert_eq!(kind(16, 2), Some(CoreErrorKind::Type(2)));
    assert_eq!(kind(54, 55), Some(CoreErrorKind::SegmentSize(55)));
    assert_eq!(kind(39, 0xff), Some(CoreErrorKind::Truncated));
    for end in 0..64 + 3 * 56 {
        assert!(Core::parse(&good[..end]).is_err(), "{end} bytes are no core");
    }
}

/// Every byte of a small core takes every value, and whatever is read must be read without a panic.
#[test]
fn garbage_never_panics() {
    for (class, order) in ALL {
        let good = core(class, order, 2);
        for at in 0..good.len() {
            for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                let Ok(core) = Core::parse(&bytes) else { continue };
                for segment in core.segments() {
                    let _ = core.data(&segment);
                }
                let _ = core.notes().count();
                let _ = core.memory(0x1000, 3);
                let _ = core.memory(u64::MAX, u64::MAX);
            }
        }
    }
}

#[test]
fn a_note_that_reaches_too_far_ends_the_notes() {
    for order in [Order::Little, Order::Big] {
        let mut bytes = notes::heading("CORE", 1, 4, order).unwrap().to_vec();
        bytes.extend([1, 2, 3, 4]);
        let whole = bytes.len() as u64;
        bytes.extend(notes::heading(notes::NAME, 2, u32::MAX, order).unwrap());
        let found: Vec<_> = Notes::new(&bytes, order).collect();
        assert_eq!(found.len(), 2);
        let first = found[0].expect("whole");
        assert_eq!((first.name, first.kind, first.contents), (&b"CORE"[..], 1, &[1, 2, 3, 4][..]));
        assert_eq!(found[1].map_err(|error| error.offset), Err(whole));
    }
}
