//! Dumps and zones from C: the readers of this workspace and gdb understand them, in every language
//! mode and under sanitizers, whenever the machine stops.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

mod c_dump {
    pub(crate) mod shop;
}

use std::process::Command;

use c_dump::shop::{SANITIZED, Shop};
use inspect_format::abi::{Order, note_kind};
use inspect_format::elfcore::Core;
use inspect_format::notes::capture::Capture;
use inspect_format::table;
use inspect_format::zone::{Label, Layout, Storage, Zone};
use object::{Object, ObjectSegment};
use support::{CROSS, Cross, has};

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
                let payload: Vec<u8> = (0..length).map(|byte| (byte * 7 + round) as u8).collect();
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
        for dump in 0..dumps {
            write(&mut zone, format!("dump {dump}").as_bytes());
        }
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

/// Compilers for this machine, in the modes that the headers promise.
const MODES: [&[&str]; 9] = [
    SANITIZED,
    &["gcc", "-std=c99", "-O0", "-g"],
    &["gcc", "-std=c11", "-O3"],
    &["gcc", "-std=c2x", "-Os"],
    &["gcc", "-std=gnu17", "-O2", "-flto", "-ffreestanding"],
    &["clang", "-std=c99", "-O2"],
    &["clang", "-std=c2x", "-O3"],
    &["g++", "-x", "c++", "-std=c++17", "-O2"],
    &["clang++", "-x", "c++", "-std=c++17", "-O1"],
];

/// What a program has left that crashed.
struct Crash {
    program: String,
    dump: Vec<u8>,
    zone: Vec<u8>,
    /// Where `requests`, `greeting`, `letter` and the half region lie.
    places: Vec<u64>,
}

fn crash(shop: &Shop, command: &[&str]) -> Crash {
    let program = shop.build(&[command, &["-DINSPECT_POSIX"]].concat(), "crash");
    let (dump, zone) = (shop.path("dump"), shop.path("zone"));
    let text = shop.run(&program, &[&dump, &zone], b"");
    let places = text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    let [dump, zone] = [dump, zone].map(|path| std::fs::read(path).expect("the handler's file"));
    Crash { program, dump, zone, places }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Name, status, reason and rule of every row.
fn account(bytes: &[u8]) -> Vec<String> {
    let core = Core::parse(bytes).expect("a core");
    let note = |kind| {
        let notes = core.notes().map(|note| note.expect("a whole note"));
        notes.filter(|note| note.is(kind)).map(|note| note.contents).collect::<Vec<_>>()
    };
    let ([tables], [capture]) = (&note(note_kind::TABLES)[..], &note(note_kind::CAPTURE)[..])
    else {
        panic!("one note of each type");
    };
    let capture = Capture::parse(capture).expect("a description");
    let head = capture.head;
    assert_eq!((head.consumer, head.producer, head.missing), ("report", Some("crash 1.0"), 0));
    assert_eq!(head.tool, concat!("inspect_dump.c ", env!("CARGO_PKG_VERSION")));
    let mut lines = Vec::new();
    let frozen: Vec<_> = table::tables(tables).map(|table| table.expect("a table").1).collect();
    let told: Vec<_> = capture.tables().map(|table| table.expect("a table")).collect();
    assert_eq!((frozen.len(), told.len()), (1, 1));
    let rows: Vec<_> = told[0].rows().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), frozen[0].row_count());
    for (row, told) in frozen[0].rows().zip(rows) {
        let mut line = format!("{}: {}", row.name().expect("a name"), told.status.word());
        told.reason.iter().for_each(|reason| line = format!("{line}, {reason}"));
        told.rule.iter().for_each(|rule| line = format!("{line} {rule}"));
        told.captured.iter().for_each(|captured| line = format!("{line}, {captured}"));
        lines.push(line);
    }
    lines.sort();
    lines
}

#[test]
fn a_crash_leaves_what_the_consumer_may_see() {
    let shop = Shop::new();
    for command in MODES.into_iter().filter(|command| has(command[0])) {
        let crash = crash(&shop, command);
        assert_eq!(
            account(&crash.dump),
            [
                "a name that no budget of this allows: over budget, name",
                "accounts: truncated, overlap, 4",
                "gone: faulted",
                "greeting: captured",
                "half: truncated, fault, 100",
                "indirect: captured",
                "key: denied, deny 0",
                "letter: truncated, overlap, 13",
                "password: denied, sensitive",
                "requests: captured",
            ]
        );
        let [requests, greeting, letter, half, accounts] = crash.places[..] else {
            panic!("places")
        };
        let core = Core::parse(&crash.dump).expect("a core");
        let value = 0x1122_3344_5566_7789_u64.to_ne_bytes();
        assert_eq!(core.memory(requests, 8), Some(&value[..]));
        let text = b"A message for whoever repairs this\0";
        assert_eq!(core.memory(greeting, text.len() as u64), Some(&text[..]));
        assert_eq!(core.memory(half, 100), Some(&[b'h'; 100][..]));
        assert_eq!(core.memory(letter, 13), Some(&b"dear reader, "[..]));
        assert_eq!(core.memory(letter + 30, 21), Some(&b" and yours sincerely\0"[..]));
        for byte in letter + 13..letter + 30 {
            assert_eq!(core.memory(byte, 1), None);
        }
        for absent in ["hunter2", "8163", "nobody has asked", "sesame"] {
            assert!(!holds(&crash.dump, absent), "{absent}");
            assert!(!holds(&crash.zone, absent), "{absent}");
        }
        let mut all =
            vec![(requests, 8), (greeting, 35), (letter, 13), (letter + 30, 21), (half, 100)];
        all.extend(shown_of_accounts(accounts, 8));
        segments_are_these(&crash.dump, &all);
        // The zone keeps the same dump, which the handler wrote again.
        let (_, kept) = newest(&crash.zone).expect("a dump");
        assert!(kept == crash.dump);
    }
}

/// What is left of two accounts: their numbers, what lies behind the sensitive members, and no bit of the
/// byte in which one of those is. `align` is that of 64 bits.
fn shown_of_accounts(start: u64, align: u64) -> Vec<(u64, u64)> {
    let balance = 17_u64.next_multiple_of(align);
    let size = balance + 8;
    let places = [0, size].map(|at| [(start + at, 4), (start + at + 17, size - 17)]);
    places.concat()
}

/// Another reader of ELF agrees: segments of these bytes, none that pretends, none that is double.
fn segments_are_these(bytes: &[u8], expected: &[(u64, u64)]) {
    let file = object::File::parse(bytes).expect("an ELF file");
    assert_eq!(file.kind(), object::ObjectKind::Core);
    let mut found: Vec<u64> = Vec::new();
    for segment in file.segments() {
        assert_eq!(segment.data().expect("its bytes").len() as u64, segment.size());
        found.extend(segment.address()..segment.address() + segment.size());
    }
    found.sort_unstable();
    // Compilers may put variables beside each other, whose segments are one then.
    let places = expected.iter().flat_map(|(start, length)| *start..start + length);
    let mut expected: Vec<u64> = places.collect();
    expected.sort_unstable();
    assert!(found == expected, "{found:x?}");
}

#[test]
fn gdb_reads_a_dump() {
    let shop = Shop::new();
    if !has("gcc") || !has("gdb") {
        return;
    }
    let crash = crash(&shop, &["gcc", "-std=c99", "-O0", "-g"]);
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-ex", "set language c", &crash.program, &shop.path("dump")]);
    // The stack is left out, and so is the argument of the function that crashed.
    for command in ["print/x requests", "print where", "x/s greeting", "info symbol $pc"] {
        gdb.args(["-ex", command]);
    }
    let output = gdb.output().expect("gdb runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(text.contains("= 0x1122334455667789"), "{text}");
    assert!(text.contains("\"A message for whoever repairs this\""), "{text}");
    assert!(text.contains("Cannot access memory"), "{text}");
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        assert!(text.contains("crash_here"), "{text}");
        assert!(text.contains("SIGSEGV"), "{text}");
    }
}

fn runnable() -> impl Iterator<Item = &'static Cross> {
    CROSS.iter().filter(|cross| {
        let Some(emulator) = cross.emulator else { return false };
        let native = emulator.is_empty();
        (!native || cfg!(target_arch = "x86_64")) && has(cross.gcc) && (native || has(emulator))
    })
}

/// Words of 32 and 64 bits, of both orders: a dump of memory that is simply read, and zones.
#[test]
fn every_machine_writes_dumps_and_zones() {
    let shop = Shop::new();
    for cross in runnable() {
        let command = [&[cross.gcc, "-std=c99", "-O2", "-static"], cross.flags].concat();
        let emulated = |program: String| match cross.emulator {
            Some("") | None => program,
            Some(emulator) => format!("{emulator} {program}"),
        };
        let path = shop.path("dump");
        let text = shop.run(&emulated(shop.build(&command, "plain")), &[&path], b"");
        let places: Vec<u64> =
            text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let bytes = std::fs::read(&path).expect("the dump");
        assert_eq!(
            account(&bytes),
            [
                "accounts: truncated, overlap, 4",
                "key: denied, deny 0",
                "letter: truncated, overlap, 13",
                "pages: captured",
                "password: denied, sensitive",
                "requests: captured",
            ],
            "{}",
            cross.target
        );
        let core = Core::parse(&bytes).expect("a core");
        let value = 0x1122_3344_5566_7788_u64;
        let value = match core.header().order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        };
        assert_eq!(core.memory(places[0], 8), Some(&value[..]), "{}", cross.target);
        assert_eq!(core.memory(places[2], 9000), Some(&[b'p'; 9000][..]), "{}", cross.target);
        let mut all =
            vec![(places[0], 8), (places[1], 13), (places[1] + 30, 21), (places[2], 9000)];
        let align = if cross.target == "i686" { 4 } else { 8 };
        all.extend(shown_of_accounts(places[3], align));
        segments_are_these(&bytes, &all);
        for absent in ["hunter2", "8163", "sesame"] {
            assert!(!holds(&bytes, absent), "{}: {absent}", cross.target);
        }
        // A zone of the other order, written on this machine.
        let program = emulated(shop.build(&command, "zone"));
        for order in [Order::Little, Order::Big] {
            let mut twin = Bytes(vec![0; 2000]);
            Zone::init(&mut twin, Layout { slot_count: 2, order, word_size: 8 }).expect("a zone");
            let path = shop.path("zone");
            std::fs::write(&path, &twin.0).expect("the zone's file");
            assert_eq!(shop.run(&program, &["write", &path, "1", "2", "3"], b"abc"), "1\n");
            let found = newest(&std::fs::read(&path).expect("the zone"));
            assert_eq!(found, Some((1, b"abc".to_vec())), "{}", cross.target);
        }
    }
}

/// Nothing but the runtime and what the compiler itself needs for arithmetic.
#[test]
fn nobody_is_called() {
    let shop = Shop::new();
    let own = [
        "inspect_",
        "__aeabi_uidiv",
        "_savegpr0_",
        "_restgpr0_",
        ".TOC.",
        "_GLOBAL_",
        "__gnu_local_gp",
    ];
    let is_own = |name: &str, _| own.iter().any(|prefix| name.starts_with(prefix));
    let calls = support::calls(&shop.c(), "inspect_dump.c", &["-ffreestanding"], is_own);
    assert!(calls.is_empty(), "{calls:#?}");
}
