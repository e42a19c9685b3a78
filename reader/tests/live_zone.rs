//! Zones: the newest whole dump is opened, and what else is there is said.

mod live {
    pub(crate) mod support;
}

use inspect_format::abi::{Order, payload_kind};
use inspect_format::zone::{Label, Layout, OutOfBounds, Storage, Zone};
use inspect_reader::image::zone::Error as Wrong;
use inspect_reader::image::{Error, ErrorKind, Image, Kind, Options};
use live::support::{Files, carried, table};
use proptest::prelude::*;

/// Memory that is written.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl Storage for Bytes {
    type Error = OutOfBounds;

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), OutOfBounds> {
        (&self.0[..]).read(offset, out)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let place = self.0[offset as usize..].get_mut(..bytes.len()).ok_or(OutOfBounds)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutOfBounds> {
        Ok(())
    }
}

fn zone(slot_count: u32, order: Order) -> Bytes {
    let mut storage = Bytes(vec![0; 4096]);
    Zone::init(&mut storage, Layout { slot_count, order, word_size: 8 }).unwrap();
    storage
}

fn write(storage: &mut Bytes, kind: u32, dump: &[u8]) {
    let label = Label { kind, nonce: 1, written_at: 951_827_696_000_000_000 };
    let mut writer = Zone::open(storage).unwrap().begin(storage, label).unwrap();
    writer.write(dump).unwrap();
    writer.finish().unwrap();
}

fn open(storage: &Bytes, dump: Option<u32>) -> Result<Image, Error> {
    Files::new().open(&storage.0, &Options { dump, ..Options::default() })
}

fn wrong(result: Result<Image, Error>) -> String {
    let error = result.expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Zone(_)), "{error}");
    let text = error.to_string();
    text.split_once("image: ").unwrap().1.to_owned()
}

fn remarks(image: &Image) -> Vec<&str> {
    image.remarks.iter().map(|remark| &remark.text[..]).collect()
}

const TABLES: u32 = payload_kind::TABLES;

#[test]
fn the_newest_dump_is_opened_and_others_on_demand() {
    for order in [Order::Little, Order::Big] {
        let mut storage = zone(3, order);
        for address in 1..=4 {
            write(&mut storage, TABLES, &table(address));
        }
        let image = open(&storage, None).unwrap();
        assert_eq!((image.kind, carried(&image)), (Kind::Zone, table(4)));
        let length = table(1).len();
        let time = "written 2000-02-29 12:34:56 UTC";
        assert_eq!(
            remarks(&image),
            [
                format!("slot 0: dump 4 of {length} bytes, {time}, which is the one that is shown"),
                format!("slot 1: dump 2 of {length} bytes, {time}"),
                format!("slot 2: dump 3 of {length} bytes, {time}"),
            ]
        );
        for (slot, address) in [(0, 4), (1, 2), (2, 3)] {
            assert_eq!(carried(&open(&storage, Some(slot)).unwrap()), table(address));
        }
        assert_eq!(wrong(open(&storage, Some(3))), "the zone has 3 slots, counted from 0");
    }
}

#[test]
fn a_torn_dump_hides_no_other() {
    let mut storage = zone(3, Order::Little);
    write(&mut storage, TABLES, &table(1));
    // The writer was stopped before it had finished.
    let zone = Zone::open(&storage).unwrap();
    let label = Label { kind: TABLES, nonce: 1, written_at: 0 };
    zone.begin(&mut storage, label).unwrap().write(&[7; 90]).unwrap();
    let image = open(&storage, None).unwrap();
    assert_eq!(carried(&image), table(1));
    assert_eq!(remarks(&image)[1..], ["slot 1: no dump, or one that was not finished"]);
    assert_eq!(wrong(open(&storage, Some(1))), "slot 1 of the zone holds no whole dump");
    // One that was finished and has decayed.
    write(&mut storage, TABLES, &table(2));
    assert_eq!(carried(&open(&storage, None).unwrap()), table(2));
    let place = zone.slot_offset(1) as usize + 100;
    storage.0[place] ^= 1;
    let image = open(&storage, None).unwrap();
    assert_eq!(carried(&image), table(1));
    assert_eq!(remarks(&image)[1..], ["slot 1: a damaged dump, whose checksums do not hold"]);
}

#[test]
fn zones_without_a_dump_say_so() {
    let storage = zone(5, Order::Big);
    assert_eq!(wrong(open(&storage, None)), "none of the zone's 5 slots holds a whole dump");
    let mut storage = zone(2, Order::Big);
    write(&mut storage, payload_kind::TEXT, b"Oops");
    assert_eq!(wrong(open(&storage, None)), "the dump in slot 0 is a text, not memory");
    write(&mut storage, 99, b"?");
    assert_eq!(wrong(open(&storage, None)), "a dump of kind 99 is not known");
    write(&mut storage, TABLES, b"no table");
    let error = open(&storage, None).expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Unknown), "{error}");
}

#[test]
fn headers_that_do_not_hold_are_errors() {
    let mut storage = zone(2, Order::Little);
    write(&mut storage, TABLES, &table(1));
    let change = |at: usize| {
        let mut changed = storage.clone();
        changed.0[at] ^= 2;
        wrong(open(&changed, None))
    };
    assert_eq!(change(8), "zone: byte order 3 is neither 1 nor 2");
    assert_eq!(change(10), "zone: zones of generation 3 are not known");
    for at in [9, 12, 16, 24, 32, 36, 50] {
        assert_eq!(change(at), "zone: the checksum of the zone's header is wrong");
    }
    let mut cut = storage.clone();
    cut.0.truncate(4000);
    assert_eq!(
        wrong(open(&cut, None)),
        "zone: the sizes in the zone's header contradict each other"
    );
    cut.0.truncate(40);
    assert_eq!(wrong(open(&cut, None)), "zone: this is no zone; it has to be prepared first");
}

#[test]
fn many_slots_are_counted_and_not_told_one_by_one() {
    let mut storage = Bytes(vec![0; 64 + 40 * 320]);
    let layout = Layout { slot_count: 40, order: Order::Little, word_size: 4 };
    Zone::init(&mut storage, layout).unwrap();
    for address in 1..=40 {
        write(&mut storage, TABLES, &table(address));
    }
    let image = open(&storage, None).unwrap();
    assert_eq!(carried(&image), table(40));
    assert_eq!(image.remarks.len(), 17);
    assert_eq!(image.remarks[16].text, "24 more slots are in use");
}

proptest! {
    /// Whatever is changed: what is shown is a dump that was written, whole.
    #[test]
    fn a_damaged_zone_shows_whole_dumps_or_none(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        dump in prop::option::of(0_u32..4),
        length in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut storage = zone(3, Order::Little);
        for address in 1..=4 {
            write(&mut storage, TABLES, &table(address));
        }
        for (index, byte) in changes {
            let place = index.index(storage.0.len());
            storage.0[place] = byte;
        }
        if is_cut {
            let length = length.index(storage.0.len());
            storage.0.truncate(length);
        }
        match open(&storage, dump) {
            Ok(image) => {
                let shown = carried(&image);
                prop_assert!((2..=4).any(|address| shown == table(address)));
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

/// A zone that is not there is none of the errors of this module.
#[test]
fn errors_have_a_way_out() {
    for wrong in [Wrong::NoDumpIn(1), Wrong::NoSlot(1), Wrong::Changed(0), Wrong::Text(0)] {
        assert!(wrong.help().is_some(), "{wrong}");
    }
}
