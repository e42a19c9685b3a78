//! Zones: the newest good dump is read, a write that stops at any store loses the new dump alone,
//! and garbage is never taken for a dump.

use inspect_format::abi::{Order, ZoneHeader, payload_kind};
use inspect_format::hash::crc32c;
use inspect_format::zone::{Label, Layout, OutOfBounds, Storage, Zone, ZoneError};

/// Memory that stops taking anything after so many bytes, in the middle of a store if need be.
#[derive(Clone)]
struct Torn {
    bytes: Vec<u8>,
    /// Bytes that still arrive.
    left: usize,
    /// From the end of a store to its start, or the other way round.
    is_backwards: bool,
    written: usize,
}

impl Torn {
    fn new(size: usize) -> Self {
        Self { bytes: vec![0xa5; size], left: usize::MAX, is_backwards: false, written: 0 }
    }
}

impl Storage for Torn {
    type Error = OutOfBounds;

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), OutOfBounds> {
        (&self.bytes[..]).read(offset, out)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let place = self.bytes[offset as usize..].get_mut(..bytes.len()).ok_or(OutOfBounds)?;
        let count = bytes.len().min(self.left);
        let range = if self.is_backwards { bytes.len() - count..bytes.len() } else { 0..count };
        place[range.clone()].copy_from_slice(&bytes[range]);
        self.left -= count;
        self.written += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutOfBounds> {
        Ok(())
    }
}

const LABEL: Label = Label { kind: payload_kind::ELF, nonce: 5, written_at: 77 };

fn layout(slot_count: u32, order: Order) -> Layout {
    Layout { slot_count, order, word_size: 8 }
}

fn write(storage: &mut Torn, dump: &[u8]) -> Result<u64, ZoneError<OutOfBounds>> {
    let zone = Zone::open(storage)?;
    let mut writer = zone.begin(storage, LABEL)?;
    for part in dump.chunks(10) {
        writer.write(part)?;
    }
    writer.finish()
}

fn read(storage: &Torn) -> Option<(u64, Vec<u8>)> {
    let zone = Zone::open(storage).ok()?;
    let dump = zone.newest(storage).expect("memory can be read")?;
    let start = dump.offset as usize;
    let bytes = storage.bytes[start..start + dump.record.length as usize].to_vec();
    Some((dump.record.sequence, bytes))
}

#[test]
fn dumps_take_the_slots_in_turn() {
    for order in [Order::Little, Order::Big] {
        for slot_count in 2..5 {
            let mut storage = Torn::new(1000);
            Zone::init(&mut storage, layout(slot_count, order)).expect("a zone");
            assert_eq!(read(&storage), None);
            let mut slots = Vec::new();
            for sequence in 1..9_u64 {
                let dump = vec![sequence as u8; 20 * sequence as usize % 70];
                assert_eq!(write(&mut storage, &dump), Ok(sequence));
                assert_eq!(read(&storage), Some((sequence, dump)));
                let zone = Zone::open(&storage).unwrap();
                let newest = zone.newest(&storage).unwrap().unwrap();
                assert_eq!((newest.record.kind, newest.record.nonce), (LABEL.kind, 5));
                assert_eq!(newest.record.written_at, 77);
                slots.push(newest.slot);
            }
            let expected: Vec<_> = (0..8).map(|index| index % slot_count).collect();
            assert_eq!(slots, expected);
        }
    }
}

/// The writer is replayed for every number of bytes that may have arrived when the machine stopped;
/// at each, an older dump is there, and the new one from the last byte of its magic on.
#[test]
fn a_torn_write_loses_the_new_dump_alone() {
    let mut before = Torn::new(600);
    Zone::init(&mut before, layout(2, Order::Little)).expect("a zone");
    for sequence in 1..=3_u8 {
        write(&mut before, &[sequence; 100]).expect("a dump");
    }
    let mut whole = before.clone();
    whole.written = 0;
    write(&mut whole, &[4; 90]).expect("a dump");
    let stores = whole.written;
    assert!(stores > 150, "the replay covers the whole dump: {stores}");
    for is_backwards in [false, true] {
        for left in 0..=stores {
            let mut torn = Torn { left, is_backwards, ..before.clone() };
            write(&mut torn, &[4; 90]).expect("nobody tells the writer");
            let expected = if left == stores { (4, vec![4; 90]) } else { (3, vec![3; 100]) };
            assert_eq!(read(&torn), Some(expected), "after {left} of {stores} bytes");
            // The next start writes again, and neither it nor the old dump minds the remains.
            torn.left = usize::MAX;
            let sequence = write(&mut torn, &[5; 30]).expect("a dump");
            assert_eq!(read(&torn), Some((sequence, vec![5; 30])));
        }
    }
}

#[test]
fn preparing_is_all_or_nothing() {
    let mut whole = Torn::new(600);
    Zone::init(&mut whole, layout(2, Order::Big)).expect("a zone");
    let stores = whole.written;
    for left in 0..=stores {
        let mut torn = Torn { left, ..Torn::new(600) };
        Zone::init(&mut torn, layout(2, Order::Big)).expect("nobody tells");
        assert_eq!(Zone::open(&torn).is_ok(), left == stores, "after {left} bytes");
        assert_eq!(read(&torn), None);
    }
}

#[test]
fn a_dump_that_has_decayed_gives_way_to_an_older_one() {
    let mut storage = Torn::new(800);
    let zone = Zone::init(&mut storage, layout(3, Order::Little)).expect("a zone");
    for sequence in 1..=3_u8 {
        write(&mut storage, &[sequence; 50]).expect("a dump");
    }
    let newest = zone.newest(&storage).unwrap().unwrap();
    storage.bytes[newest.offset as usize + 7] ^= 1;
    assert_eq!(read(&storage), Some((2, vec![2; 50])));
    // What has decayed is written over first, not the oldest.
    assert_eq!(write(&mut storage, &[9; 10]), Ok(3));
    assert_eq!(read(&storage), Some((3, vec![9; 10])));
    assert!(zone.dump(&storage, 0).unwrap().is_some_and(|dump| dump.record.sequence == 1));
}

#[test]
fn limits_are_errors() {
    let mut storage = Torn::new(64 + 2 * 128);
    assert!(Zone::init(&mut storage, layout(1, Order::Little)).is_err());
    assert!(Zone::init(&mut storage, layout(0, Order::Little)).is_err());
    let small = Zone::init(&mut storage, layout(3, Order::Little));
    assert!(matches!(small, Err(ZoneError::TooSmall)));
    assert!(Zone::init(&mut storage, Layout { word_size: 3, ..layout(2, Order::Little) }).is_err());
    let zone = Zone::init(&mut storage, layout(2, Order::Little)).expect("a zone");
    assert_eq!(zone.room(), 64);
    assert_eq!(write(&mut storage, &[1; 64]), Ok(1));
    assert_eq!(write(&mut storage, &[2; 65]), Err(ZoneError::SlotFull { room: 64 }));
    assert_eq!(read(&storage), Some((1, vec![1; 64])));
    assert!(matches!(
        Zone::init(&mut Torn::new(10), layout(2, Order::Big)),
        Err(ZoneError::TooSmall)
    ));
}

/// The header's checksum is made to hold, so that the other checks are reached.
#[test]
fn a_header_is_not_believed() {
    let mut good = Torn::new(600);
    Zone::init(&mut good, layout(2, Order::Little)).expect("a zone");
    write(&mut good, &[1; 20]).expect("a dump");
    for at in 0..ZoneHeader::SIZE {
        for value in [0, 1, 3, 0x7f, 0xff] {
            let mut storage = good.clone();
            if storage.bytes[at] == value {
                continue;
            }
            storage.bytes[at] = value;
            assert!(Zone::open(&storage).is_err(), "byte {at} as {value}");
            let place = ZoneHeader::CHECKSUM_AT..ZoneHeader::CHECKSUM_AT + 4;
            storage.bytes[place.clone()].fill(0);
            let checksum = crc32c(&storage.bytes[..ZoneHeader::SIZE]).to_le_bytes();
            storage.bytes[place].copy_from_slice(&checksum);
            // Whatever is read or written now, it does not panic.
            let _ = read(&storage);
            let _ = write(&mut storage, &[2; 30]);
        }
    }
}

#[test]
fn garbage_is_never_a_dump() {
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let mut zone = Torn::new(600);
    Zone::init(&mut zone, layout(2, Order::Little)).expect("a zone");
    for round in 0..2000 {
        let mut storage = zone.clone();
        storage.bytes[ZoneHeader::SIZE..].fill_with(&mut random);
        // Sometimes the magic is right, and nothing else.
        if round % 2 == 0 {
            storage.bytes[64..72].copy_from_slice(b"\x89INSPSL\n");
        }
        assert_eq!(read(&storage), None);
        storage.bytes.fill_with(&mut random);
        assert!(Zone::open(&storage).is_err());
    }
    for size in 0..64 {
        assert!(Zone::open(&Torn::new(size)).is_err());
    }
}

#[test]
fn sequence_numbers_end_in_an_error() {
    let mut storage = Torn::new(600);
    Zone::init(&mut storage, layout(2, Order::Little)).expect("a zone");
    write(&mut storage, &[1; 20]).expect("a dump");
    // The record claims the last number there is, with a checksum that holds.
    let record = 64..128;
    storage.bytes[72..80].fill(0xff);
    storage.bytes[92..96].fill(0);
    let checksum = crc32c(&storage.bytes[record]).to_le_bytes();
    storage.bytes[92..96].copy_from_slice(&checksum);
    assert_eq!(read(&storage).map(|(sequence, _)| sequence), Some(u64::MAX));
    assert_eq!(write(&mut storage, &[2; 20]), Err(ZoneError::Sequence));
    assert_eq!(read(&storage).map(|(sequence, _)| sequence), Some(u64::MAX));
}
