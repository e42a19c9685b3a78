//! Dumps and zones from C: the readers of this workspace and gdb understand them, in every language
//! mode and under sanitizers, whenever the machine stops.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

mod c_dump {
    pub(crate) mod shop;
}

use c_dump::shop::{SANITIZED, Shop};
use inspect_format::abi::Order;
use inspect_format::zone::{Label, Layout, Storage, Zone};
use support::has;

/// The bytes of a zone in memory.
struct Bytes(Vec<u8>);

impl Storage for Bytes {
    type Error = &'static str;

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Self::Error> {
        let from = self.0.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or("outside")?);
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        let to = self.0.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        to.ok_or("outside")?.copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

const LABEL: Label = Label { kind: 3, nonce: 0x1234_5678_9abc, written_at: u64::MAX };

fn write(storage: &mut Bytes, payload: &[u8]) -> u64 {
    let zone = Zone::open(storage).expect("a zone");
    let mut writer = zone.begin(storage, LABEL).expect("a slot");
    writer.write(payload).expect("it fits");
    writer.finish().expect("it is stored")
}

/// The newest dump's sequence number and bytes.
fn newest(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let zone = Zone::open(&bytes).expect("a zone");
    let dump = zone.newest(&bytes).expect("it can be read")?;
    let start = dump.offset as usize;
    Some((dump.record.sequence, bytes[start..start + dump.record.length as usize].to_vec()))
}

/// Prepared by either, written to by both in turn: the same bytes at every step.
#[test]
fn zones_are_the_same_bytes_in_c_and_in_rust() {
    if !has("gcc") {
        return;
    }
    let shop = Shop::new();
    let program = shop.build(SANITIZED, "zone");
    let path = shop.path("zone");
    for (order, number) in [(Order::Little, "1"), (Order::Big, "2")] {
        for (slot_count, size) in [(2, 1000), (3, 64 + 3 * 192), (7, 10_000)] {
            let mut twin = Bytes(vec![0xa5; size]);
            std::fs::write(&path, &twin.0).expect("the zone's file");
            let layout = Layout { slot_count, order, word_size: 4 };
            let zone = Zone::init(&mut twin, layout).expect("a zone");
            let slots = slot_count.to_string();
            let room = shop.run(&program, &["init", &path, &slots, number, "4"], b"");
            assert_eq!(room, format!("{}\n", zone.room()));
            assert_eq!(std::fs::read(&path).expect("the zone"), twin.0);
            for round in 0..12_usize {
                let length = [0, 1, 7, zone.room() as usize][round % 4];
                let payload: Vec<u8> =
                    (0..length).map(|byte| (byte * 7 + round) as u8).collect();
                let sequence = write(&mut twin, &payload);
                let [kind, nonce, time] =
                    [LABEL.kind.into(), LABEL.nonce, LABEL.written_at].map(|n| n.to_string());
                let arguments = ["write", &path, &kind, &nonce, &time];
                assert_eq!(shop.run(&program, &arguments, &payload), format!("{sequence}\n"));
                assert_eq!(std::fs::read(&path).expect("the zone"), twin.0, "round {round}");
                let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
                let slot = round as u32 % slot_count;
                let expected = format!("{slot} {sequence} {kind} {nonce} {time} {hex}\n");
                assert_eq!(shop.run(&program, &["newest", &path], b""), expected);
                assert_eq!(newest(&twin.0), Some((sequence, payload)));
            }
        }
    }
}

#[test]
fn zones_that_are_none_are_refused() {
    if !has("gcc") {
        return;
    }
    let shop = Shop::new();
    let program = shop.build(SANITIZED, "zone");
    let path = shop.path("zone");
    let answer = |bytes: &[u8], arguments: &[&str]| {
        std::fs::write(&path, bytes).expect("the zone's file");
        let arguments = [&arguments[..1], &[path.as_str()], &arguments[1..]].concat();
        let text = shop.run(&program, &arguments, &[1; 100]);
        text.split(' ').next().unwrap_or_default().to_owned()
    };
    let mut zone = Bytes(vec![0; 600]);
    let layout = Layout { slot_count: 2, order: Order::Little, word_size: 8 };
    Zone::init(&mut zone, layout).expect("a zone");
    let changed = |at: usize| {
        let mut bytes = zone.0.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    assert_eq!(answer(&zone.0, &["newest"]), "-26");
    assert_eq!(answer(&zone.0[..63], &["newest"]), "-20");
    assert_eq!(answer(&changed(0), &["newest"]), "-20");
    assert_eq!(answer(&changed(8), &["newest"]), "-21");
    assert_eq!(answer(&changed(10), &["newest"]), "-21");
    for at in [9, 12, 16, 24, 32, 36, 50] {
        assert_eq!(answer(&changed(at), &["newest"]), "-22", "{at}");
    }
    assert_eq!(answer(&zone.0[..500], &["newest"]), "-23");
    assert_eq!(answer(&[0; 600], &["init", "0", "1", "8"]), "-23");
    assert_eq!(answer(&[0; 600], &["init", "1", "1", "8"]), "-23");
    assert_eq!(answer(&[0; 600], &["init", "2", "1", "5"]), "-23");
    assert_eq!(answer(&[0; 600], &["init", "2", "3", "8"]), "-21");
    assert_eq!(answer(&[0; 600], &["init", "5", "1", "8"]), "-24");
    assert_eq!(answer(&[0; 600], &["init", "4294967295", "1", "8"]), "-24");
    let room = ["write", "1", "1", "1"];
    assert_eq!(answer(&zone.0, &room), "1\n", "100 bytes fit");
    let mut small = Bytes(vec![0; 64 + 2 * 128]);
    Zone::init(&mut small, layout).expect("a zone");
    assert_eq!(answer(&small.0, &room), "-16");
    // A dump of the last number ends a zone.
    write(&mut zone, b"x");
    let record = &mut zone.0[64..128];
    record[8..16].fill(0xff);
    record[28..32].fill(0);
    let checksum = inspect_format::hash::crc32c(record).to_le_bytes();
    record[28..32].copy_from_slice(&checksum);
    assert_eq!(answer(&zone.0, &room), "-25");
}

/// The new dump is stopped after every single byte: the old one is there until the new one is.
#[test]
fn a_torn_write_loses_only_the_new_dump() {
    if !has("gcc") {
        return;
    }
    let shop = Shop::new();
    let program = shop.build(SANITIZED, "zone");
    let (path, out) = (shop.path("zone"), shop.path("images"));
    for dumps in [1, 2, 3] {
        let mut zone = Bytes(vec![0; 64 + 2 * 128]);
        let layout = Layout { slot_count: 2, order: Order::Little, word_size: 8 };
        Zone::init(&mut zone, layout).expect("a zone");
        (0..dumps).for_each(|dump| drop(write(&mut zone, format!("dump {dump}").as_bytes())));
        std::fs::write(&path, &zone.0).expect("the zone's file");
        let count: usize =
            shop.run(&program, &["torn", &path, &out], b"").trim().parse().expect("a number");
        let images = std::fs::read(&out).expect("the images");
        assert_eq!(images.len(), count * zone.0.len());
        // The magic twice, the record and the dump, and one byte more than needed.
        assert_eq!(count, 8 + 64 + 12 + 2);
        let old = (dumps, format!("dump {}", dumps - 1).into_bytes());
        let new = (dumps + 1, b"the new dump".to_vec());
        for (stop, image) in images.chunks(zone.0.len()).enumerate() {
            let expected = if stop < count - 2 { &old } else { &new };
            assert_eq!(newest(image).as_ref(), Some(expected), "stopped after {stop} bytes");
        }
    }
}
