//! The C runtime beside this one, in one process: the same consumers, tables and memory, and the
//! same verdicts, ranks, budgets and dumps, byte for byte.
#![cfg(target_os = "linux")]

mod c_twin {
    pub(crate) mod library;
}
#[path = "support/rules.rs"]
mod rules;

use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Mutex;

use c_twin::library::Twin;
use inspect_format::abi::{CoreEntry, Order, extent, phase};
use inspect_format::btf::{Builder, Member, Word};
use inspect_format::table::TableWriter;
use inspect_runtime::consumer::{Denial, Limit, Purse, Verdict};
use inspect_runtime::dump::{Error, FileSink, Request, Workspace};
use inspect_runtime::{Budget, Consumer, Rule};

const SCHEMA: &str = "test.dump";
const OWN: u64 = inspect_format::hash::schema_number(SCHEMA);
const FOREIGN: u64 = inspect_format::hash::schema_number("test.foreign");
const SENSITIVE: u64 = 1 << 63;
const MMIO: u64 = 1 << 60;
const SENSITIVE_TAG: &str = "inspect:sensitive";
const NAMES: [&str; 6] = ["", "plain", "secret", "caf\u{e9} \u{1f600}", "a name that is long", "x"];

const fn class(class: u32) -> Rule {
    Rule::Class { schema: OWN, class }
}

const fn named(class: u32, name: &'static str) -> Rule {
    Rule::Entry { schema: OWN, class, name: Some(name), instance: None }
}

const EVERYTHING: Consumer = Consumer {
    name: "everything",
    schema: OWN,
    allow: &[class(1), class(2), class(3), class(4), Rule::Class { schema: FOREIGN, class: 1 }],
    deny: &[],
    require: 0,
    permit: 0,
    order: &[],
    budget: Budget { regions: None, name: None, bytes: None },
};

static CONSUMERS: [Consumer; 5] = [
    EVERYTHING,
    Consumer {
        name: "strict",
        deny: &[named(1, "secret"), Rule::Properties(4), class(3)],
        require: 1,
        order: &[class(2), named(1, "plain"), Rule::Properties(2)],
        ..EVERYTHING
    },
    Consumer {
        name: "short",
        deny: &[class(4)],
        order: &[class(3), class(1)],
        budget: Budget { regions: Some(4), name: Some(8), bytes: Some(9000) },
        ..EVERYTHING
    },
    Consumer {
        name: "trusted",
        deny: &[Rule::Entry { schema: OWN, class: 2, name: None, instance: Some(1) }],
        permit: SENSITIVE | MMIO,
        budget: Budget { regions: None, name: Some(0xffff), bytes: Some(20_000) },
        ..EVERYTHING
    },
    Consumer { name: "nothing", allow: &[], ..EVERYTHING },
];

/// Numbers by chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[test]
fn verdicts_ranks_and_reasons_agree() {
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let mut chance = Chance(1);
    let mut seen = [0; 5];
    for _ in 0..20_000 {
        let index = chance.below(CONSUMERS.len() as u64) as usize;
        let schema = chance.of(&[OWN, OWN, OWN, FOREIGN, 7]);
        let name = chance.of(&NAMES);
        let core = CoreEntry {
            class: chance.below(6) as u32,
            instance: chance.below(3),
            properties: properties(&mut chance),
            ..CoreEntry::ZERO
        };
        let found = twin.judge(index, schema, &core, name);
        let expected = match CONSUMERS[index].judge(schema, &core, name) {
            Verdict::Allowed { rule } => (0, rule, 0),
            Verdict::Denied(Denial::Rule { rule }) => (1, rule, 0),
            Verdict::Denied(Denial::Guarded(bits)) => (2, 0, bits),
            Verdict::Denied(Denial::Lacks(bits)) => (3, 0, bits),
            Verdict::Denied(Denial::NotAllowed) => (4, 0, 0),
        };
        seen[expected.0 as usize] += 1;
        let rank = CONSUMERS[index].rank(schema, &core, name);
        let subject = (CONSUMERS[index].name, schema, core, name);
        assert_eq!(found, (expected.0, expected.1 as u32, expected.2, rank as u32), "{subject:?}");
    }
    assert!(seen.into_iter().all(|count| count > 100), "{seen:?}");
}

#[test]
fn budgets_are_spent_alike() {
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let mut chance = Chance(2);
    for _ in 0..200 {
        for (index, consumer) in CONSUMERS.iter().enumerate() {
            let (mut purse, mut theirs) = (Purse::new(consumer.budget), twin.purse(index));
            for _ in 0..12 {
                let name = chance.of(&[0, 8, 9, u64::MAX]);
                let bytes = chance.of(&[0, 1, 3000, 9000, u64::MAX - 1]);
                let expected = match purse.spend(name, bytes) {
                    Ok(()) => 0,
                    Err(Limit::Regions) => 1,
                    Err(Limit::Name) => 2,
                    Err(Limit::Bytes) => 3,
                };
                assert_eq!(twin.spend(&mut theirs, name, bytes), expected);
            }
        }
    }
}

fn properties(chance: &mut Chance) -> u64 {
    let special = chance.of(&[0, 0, 0, 0, 0, SENSITIVE, MMIO, 1 << 62, SENSITIVE | MMIO]);
    special | chance.of(&[0, 1, 1, 1, 3, 4, 5])
}

const PAGE: u64 = 4096;
const PAGES: u64 = 8;

/// Some pages, of which one cannot be read, and the first holds pointers and counters.
fn arena() -> u64 {
    let size = (PAGES * PAGE) as usize;
    // SAFETY: a new mapping, which nobody else knows and which stays.
    let start = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let start = libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        start
    };
    let address = start.expose_provenance() as u64;
    let words = start.cast::<u64>();
    let value = |index: u64| match index {
        0 => 0,
        1..64 => address + PAGE + index * 300,
        64..128 => index - 64,
        128..136 => 8,
        // More elements than fit into the address space.
        136..140 => u64::MAX - index,
        _ => index * 0x0101_0101_0101,
    };
    for index in 0..PAGES * PAGE / 8 {
        // SAFETY: the word lies in the mapping.
        unsafe { words.add(index as usize).write(value(index)) };
    }
    // SAFETY: as above; nobody writes to the page any more.
    let result = unsafe {
        libc::mprotect(start.byte_add(6 * PAGE as usize), PAGE as usize, libc::PROT_NONE)
    };
    assert_eq!(result, 0);
    address
}

/// An entry of any kind, mostly inside the arena.
fn entry(chance: &mut Chance, arena: u64) -> CoreEntry {
    let kinds = [0, 0, 0, 0, 0, extent::INDIRECT, extent::COUNTED, extent::ADDRESS_ONLY, 4];
    // Seldom: where such an entry is refused, no memory is left.
    let kind = if chance.below(60) == 0 { 9 } else { chance.of(&kinds) };
    let mut core = CoreEntry {
        state: phase::LIVE | (chance.below(3) as u32) << 2,
        class: chance.below(6) as u32,
        properties: properties(chance),
        instance: chance.below(3),
        space: chance.of(&[0, 0, 0, 0, 0, 0, 0, 0, 1]),
        extent: kind,
        length: chance.of(&[0, 1, 8, 23, 24, 255, 256, 300, 5000, 9000, 0xffff, 0x1_0000]),
        address: arena + PAGE + chance.below(5 * PAGE + 800),
        ..CoreEntry::ZERO
    };
    match kind {
        extent::INDIRECT | extent::COUNTED => {
            core.address = arena + 8 * chance.below(64);
            core.length = chance.below(900);
            core.bound = arena + 8 * (64 + chance.below(64));
            core.bound_size = chance.of(&[1, 2, 4, 8, 8, 8, 3]);
        }
        extent::RANGE => core.bound = core.address + chance.below(4000),
        _ => {}
    }
    match chance.below(30) {
        0 if chance.below(3) == 0 => core.address = 16,
        1 => (core.address, core.length) = (u64::MAX - 100, chance.of(&[50, 200])),
        2 => {
            // A slot holds the address.
            core.address = arena + 8 * (1 + chance.below(63));
            core.extent |= inspect_format::abi::EXTENT_ADDRESS_SLOT;
        }
        3 => core.length = u64::MAX - chance.below(3),
        4 => core.bound = arena + 8 * (136 + chance.below(4)),
        5 => core.bound = chance.of(&[16, arena]),
        _ => {}
    }
    core
}

/// Bytes at the limits of UTF-8, on both sides.
const ENCODINGS: [&[u8]; 12] = [
    b"\xed\x9f\xbfx",
    b"\xed\xa0\x80x",
    b"\xe0\xa0\x80x",
    b"\xe0\x9f\xbfx",
    b"\xf0\x90\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xf4\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\xc2\x80xx",
    b"\xc1\xbfxx",
    b"xx\xe2\x82",
    b"\x80xxx",
];

/// Types with sensitive members of every kind, as a table of this machine has them: what ends where it
/// should, what never ends, and what is not there. Their numbers are below 20; behind them come `others`
/// that have a sensitive member each, tagged from the last to the first.
fn types(others: u32) -> Vec<u8> {
    let mut builder = Builder::new();
    let number = |value: u32| Word::Number(value);
    let int = builder.int("unsigned int", 4, 0);
    let member = |name, type_id: u32, offset: u32| Member {
        name,
        type_id: number(type_id),
        place: number(offset * 8),
    };
    let [user, room, note, bits, union, circle] = [(); 6].map(|()| builder.reserve());
    let pointer = builder.pointer(user);
    let fields = [member("id", int, 0), member("pin", int, 4), member("next", pointer, 8)];
    builder.define_composite(user, "user", false, false, number(16), &fields);
    builder.tag(SENSITIVE_TAG, user, Some(1));
    let two = builder.array(user, number(2));
    let four = builder.array(two, number(2));
    let users = builder.typedef("users_t", four);
    let fields = [member("door", int, 0), member("users", users, 8)];
    builder.define_composite(room, "room", false, false, number(72), &fields);
    let any = builder.array(int, number(0));
    let fields = [member("length", int, 0), member("text", any, 4)];
    builder.define_composite(note, "note", false, false, number(4), &fields);
    builder.tag(SENSITIVE_TAG, note, Some(1));
    // Bits 5 to 16, over three bytes.
    let part = Member { name: "part", type_id: number(int), place: number(12 << 24 | 5) };
    let fields = [part, Member { name: "rest", type_id: number(int), place: number(64) }];
    builder.define_composite(bits, "bits", false, true, number(12), &fields);
    builder.tag(SENSITIVE_TAG, bits, Some(0));
    let absent = builder.absent();
    let fields = [member("user", user, 0), member("gone", absent, 0), member("id", int, 0)];
    builder.define_composite(union, "union", true, false, number(16), &fields);
    builder.tag(SENSITIVE_TAG, union, Some(1));
    let fields = [member("user", user, 0), member("self", circle, 16)];
    builder.define_composite(circle, "circle", false, false, number(24), &fields);
    builder.tag("inspect:unit=bytes", circle, Some(0));
    let endless = builder.reserve();
    let array = builder.array(endless, number(2));
    builder.define_typedef(endless, "endless_t", array);
    let others: Vec<u32> = (0..others).map(|_| builder.reserve()).collect();
    for other in others.into_iter().rev() {
        let fields = [member("id", int, 0), member("pin", int, 4)];
        builder.define_composite(other, "other", false, false, number(8), &fields);
        builder.tag(SENSITIVE_TAG, other, Some(1));
    }
    let types = builder.finish().bytes(Order::NATIVE, |_| Some(8), |_| false);
    types.expect("all are numbers")
}

/// A table of random entries; some of their names are broken, and so are the types of some.
fn table(chance: &mut Chance, arena: u64, rows: u64) -> u64 {
    let schema = chance.of(&[SCHEMA, SCHEMA, "test.foreign"]);
    let stride = chance.of(&[64, 96]);
    let mut writer = TableWriter::new(Order::NATIVE, 8, schema, 1, stride, &[1]).unwrap();
    if chance.below(3) > 0 {
        // As many tags as are kept in order, one fewer and more: then all are looked through, which is
        // slow where types go in circles.
        let mut types = types(chance.of(&[0, 0, 0, 0, 0, 0, 0, 0, 59, 60, 60, 61]));
        if chance.below(6) == 0 {
            types.truncate(chance.of(&[23, 24, 40, 100]));
        }
        writer.types(types);
    }
    for _ in 0..rows {
        let type_ = if chance.below(8) == 0 { 20 + chance.below(60) } else { chance.below(20) };
        let core = CoreEntry { type_: type_ as u32, ..entry(chance, arena) };
        let text = chance.of(&NAMES);
        let mut name = writer.string(text).unwrap();
        match chance.below(20) {
            0 => name = 0xffff,
            1 | 2 => name = writer.string("maybe UTF-8: ~~~~").unwrap(),
            // In the middle of a character.
            3 if text.starts_with("caf") => name += 4,
            _ => {}
        }
        writer.row(&CoreEntry { name, ..core }, &[7; 32][..stride as usize - 64]).unwrap();
    }
    let mut bytes = writer.finish();
    if let Some(at) = bytes.windows(4).position(|window| window == b"~~~~") {
        bytes[at..at + 4].copy_from_slice(chance.of(&ENCODINGS));
    }
    let words = words_of(&bytes);
    let address = words.as_ptr().expose_provenance() as u64;
    if chance.below(4) == 0 && cfg!(target_endian = "little") {
        make_relative(words, stride as usize / 8, address);
    }
    address
}

/// Bytes in memory that stays, aligned as tables are.
fn words_of(bytes: &[u8]) -> &'static mut [u64] {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(word)
    });
    words.collect::<Vec<u64>>().leak()
}

fn placed(bytes: &[u8]) -> u64 {
    words_of(bytes).as_ptr().expose_provenance() as u64
}

/// As a packed table has it: addresses count from the header.
fn make_relative(words: &mut [u64], stride: usize, address: u64) {
    const RELATIVE: u64 = 2;
    words[3] |= RELATIVE;
    // The first section is that of the rows: its offset and its size.
    let (start, size) = (words[13] as usize / 8, words[14] as usize / 8);
    for row in words[start..start + size].chunks_exact_mut(stride) {
        row[3] = row[3].wrapping_sub(address);
        let kind = (row[6] >> 48) as u8 & inspect_format::abi::EXTENT_MASK;
        if kind == extent::COUNTED || kind == extent::RANGE {
            row[7] = row[7].wrapping_sub(address);
        }
    }
}

/// What is in a file from its start on.
fn contents(file: &mut std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn dump_in_rust(request: &Request<'_>, workspace: u32) -> Result<([u64; 9], Vec<u8>), Error> {
    let mut file = tempfile::tempfile().expect("a file");
    let mut sink = FileSink::new(file.as_raw_fd());
    static LARGE: Workspace<256, { 1 << 20 }> = Workspace::new();
    static FEW: Workspace<2, { 1 << 20 }> = Workspace::new();
    static SMALL: Workspace<64, 1000> = Workspace::new();
    let report = match workspace {
        0 => request.elf(&LARGE, &mut sink)?,
        1 => request.elf(&FEW, &mut sink)?,
        _ => request.elf(&SMALL, &mut sink)?,
    };
    let counts = [
        report.written,
        report.tables,
        report.missing,
        report.captured,
        report.denied,
        report.over_budget,
        report.absent,
        report.faulted,
        report.truncated,
    ];
    Ok((counts, contents(&mut file)))
}

#[test]
fn dumps_are_the_same_bytes() {
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let mut chance = Chance(3);
    let arena = arena();
    let mut totals = [0; 9];
    let rounds = if std::env::var_os("INSPECT_LONG").is_some() { 5_000 } else { 400 };
    for round in 0..rounds {
        let workspace = chance.below(3) as u32;
        let tables: Vec<u64> = (0..chance.below(4))
            .map(|index| {
                let rows = match (workspace, index) {
                    // Tables that fit into the smallest workspace in both languages, or in neither.
                    (2, 0) => 2,
                    (2, _) => 40,
                    _ => chance.below(30),
                };
                table(&mut chance, arena, rows)
            })
            .collect();
        let index = chance.below(CONSUMERS.len() as u64) as usize;
        let mut request = Request::new(&CONSUMERS[index]).tables(&tables);
        let producer = if round % 2 == 0 { None } else { Some("a daemon 1.2") };
        if let Some(producer) = producer {
            request = request.producer(producer);
        }
        let (counts, bytes) = dump_in_rust(&request, workspace).expect("a dump");
        let mut file = tempfile::tempfile().expect("a file");
        let memory = chance.below(2) as u32;
        let found = twin.dump(index, workspace, memory, &tables, producer, file.as_raw_fd());
        assert_eq!(found, Ok(counts), "round {round}");
        assert!(contents(&mut file) == bytes, "round {round}: other bytes");
        totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    // Every outcome was met.
    assert!(totals.into_iter().all(|total| total > 20), "{totals:?}");
}

/// A sink that fails is the result, with what it had taken.
#[test]
fn a_sink_that_fails_is_the_result() {
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let tables = [table(&mut Chance(4), arena(), 10)];
    assert_eq!(twin.dump(0, 0, 0, &tables, None, full.as_raw_fd()), Err((-16, 0)));
    assert_eq!(twin.dump(0, 0, 0, &tables, None, -1), Err((-17, 0)));
}

/// As many pages as are asked about together several times over, and regions anywhere in them, in
/// no order, that share pages, overlap, and reach into a page that cannot be read.
fn crowd(count: u64) -> (u64, u64, u64) {
    const CROWD: u64 = 700;
    let start = mapped(CROWD);
    protect(start + CROWD * PAGE / 2, PAGE, libc::PROT_NONE);
    let mut chance = Chance(9);
    let mut writer = TableWriter::new(Order::NATIVE, 8, SCHEMA, 1, 64, &[1]).unwrap();
    for index in 0..count {
        let length =
            [chance.below(40), chance.below(40), chance.below(6000)][chance.below(3) as usize];
        let anywhere = chance.below(CROWD * PAGE - length);
        let before_the_hole = CROWD * PAGE / 2 - chance.below(5000);
        let address = start + if index % 50 == 0 { before_the_hole } else { anywhere };
        let core = CoreEntry { state: phase::LIVE, class: 1, address, length, ..CoreEntry::ZERO };
        writer.row(&core, &[]).unwrap();
    }
    (placed(&writer.finish()), start, CROWD * PAGE)
}

fn in_rust(consumer: &Consumer, table: u64) -> Vec<u8> {
    static MANY: Workspace<3000, { 1 << 20 }> = Workspace::new();
    // The tests take turns.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    let mut file = tempfile::tempfile().expect("a file");
    let request = Request::new(consumer).tables(std::slice::from_ref(&table));
    request.elf(&MANY, &mut FileSink::new(file.as_raw_fd())).expect("a dump");
    contents(&mut file)
}

#[test]
fn many_regions_are_taken_alike() {
    const MANY: u32 = 3;
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let (table, start, size) = crowd(3000);
    let mut last = Vec::new();
    // The last one has no budget.
    for index in [2, 3, 0] {
        let expected = in_rust(&CONSUMERS[index], table);
        for memory in 0..2 {
            let mut file = tempfile::tempfile().expect("a file");
            let dumped = twin.dump(index, MANY, memory, &[table], None, file.as_raw_fd());
            let counts = dumped.expect("a dump");
            assert_eq!(counts[0], expected.len() as u64);
            assert!(index != 0 || counts[7] > 0 && counts[8] > 0, "{counts:?}");
            assert!(contents(&mut file) == expected, "{index}, {memory}: other bytes");
        }
        last = expected;
    }
    // What is lost when it is about to be written ends the dump: in a file and in a pipe.
    let (mut reader, writer) = pipe();
    let read = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes).expect("what is in the pipe")
    });
    let mut file = tempfile::tempfile().expect("a file");
    twin.steal(start + size / 4, size / 4);
    let in_pipe = twin.dump(0, MANY, 2, &[table], None, writer.as_raw_fd());
    drop(writer);
    let in_pipe = (in_pipe, read.join().expect("the reader"));
    protect(start + size / 4, size / 4, libc::PROT_READ);
    let in_file = twin.dump(0, MANY, 2, &[table], None, file.as_raw_fd());
    let in_file = (in_file, contents(&mut file));
    for (result, bytes) in [in_file, in_pipe] {
        let Err((-15, taken)) = result else { panic!("{result:?}") };
        assert!(taken > last.len() as u64 / 4 && taken < last.len() as u64, "{taken}");
        assert_eq!(bytes.len() as u64, taken);
        assert!(bytes == last[..taken as usize]);
    }
}

/// Calls of the system that a sandbox may forbid: the calls and the advice that memory is asked about
/// with.
#[derive(Clone, Copy, Debug)]
enum Forbidden {
    Writev,
    Both,
    All,
}

/// What this thread may no longer call fails with this number. False where the kernel has no filters.
fn forbid(what: Forbidden, errno: libc::c_int) -> bool {
    const NUMBER_AT: u32 = 0;
    /// The lower half of the third argument.
    const ADVICE_AT: u32 = 16 + 8 * 2 + if cfg!(target_endian = "big") { 4 } else { 0 };
    const POPULATE_READ: u32 = 22;
    let filter =
        |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |at| filter(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
    let equals = |k, jt, jf| filter(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k, jt, jf);
    let answer = |k| filter(libc::BPF_RET | libc::BPF_K, k, 0, 0);
    let is_both = matches!(what, Forbidden::Both | Forbidden::All);
    let never = u32::MAX;
    let program = [
        load(NUMBER_AT),
        equals(libc::SYS_process_vm_writev as u32, 5, 0),
        equals(if is_both { libc::SYS_process_vm_readv as u32 } else { never }, 4, 0),
        equals(if matches!(what, Forbidden::All) { libc::SYS_madvise as u32 } else { never }, 0, 2),
        load(ADVICE_AT),
        equals(POPULATE_READ, 1, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_ERRNO | errno as u32),
    ];
    let whole = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: both calls are about this thread alone, and the kernel copies the program.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const whole) == 0
    }
}

/// A region on every third page of a mapping, of which three cannot be read, in no order.
fn scattered() -> u64 {
    const COUNT: u64 = 400;
    let start = mapped(3 * COUNT);
    for index in [0, 200, 201] {
        protect(start + 3 * index * PAGE, PAGE, libc::PROT_NONE);
    }
    let mut writer = TableWriter::new(Order::NATIVE, 8, SCHEMA, 1, 64, &[1]).unwrap();
    for turn in 0..COUNT {
        let index = turn * 7 % COUNT;
        // Every hundredth goes on on the next page.
        let (offset, length) = if index % 100 == 50 { (4000, 200) } else { (index % 4000, 24) };
        let address = start + 3 * index * PAGE + offset;
        let core = CoreEntry { state: phase::LIVE, class: 1, address, length, ..CoreEntry::ZERO };
        writer.row(&core, &[]).unwrap();
    }
    placed(&writer.finish())
}

/// Whatever a sandbox forbids, and with whatever number, the same bytes are found to be there.
#[test]
fn memory_is_found_whatever_a_sandbox_forbids() {
    const MANY: u32 = 3;
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let (far, (near, ..)) = (scattered(), crowd(300));
    let dump = |table| {
        let bytes = in_rust(&CONSUMERS[0], table);
        let mut file = tempfile::tempfile().expect("a file");
        let counts = twin.dump(0, MANY, 0, &[table], None, file.as_raw_fd());
        assert!(contents(&mut file) == bytes, "other bytes in C");
        let counts = counts.expect("a dump");
        let [captured, faulted] = [counts[3], counts[7]];
        assert!(faulted + counts[8] > 0 && captured > 250, "{counts:?}");
        assert!(table != far || (captured, faulted) == (397, 3), "{counts:?}");
        (counts, bytes)
    };
    for what in [Forbidden::Writev, Forbidden::Both, Forbidden::All] {
        for errno in [libc::EPERM, libc::ENOSYS, libc::EACCES] {
            // A dump names the thread that writes it, and a filter stays.
            let compare = || {
                let expected = [far, near].map(dump);
                let is_forbidden = forbid(what, errno);
                assert!([far, near].map(dump) == expected, "{what:?}, {errno}: other bytes");
                is_forbidden
            };
            if !std::thread::scope(|scope| scope.spawn(compare).join().expect("the thread")) {
                assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "no filters");
                eprintln!("skipped: the kernel has no filters of system calls");
                return;
            }
        }
    }
}

/// A page of a device, which the kernel lends to nobody who merely asks: nothing of it is read before
/// its turn where reading has effects.
#[test]
fn what_has_effects_when_it_is_read_is_not_read_to_find_it() {
    const MANY: u32 = 3;
    const TRUSTED: usize = 3;
    let Some(twin) = Twin::of(&CONSUMERS) else { return };
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
    // The kernel's clock, which is no memory of the process.
    let clock = maps.lines().find(|line| line.ends_with("[vvar]"));
    let clock = clock.and_then(|line| u64::from_str_radix(line.split('-').next()?, 16).ok());
    let Some(clock) = clock else {
        eprintln!("skipped: the kernel lends no page");
        return;
    };
    let memory = [7_u64; 4];
    let own = memory.as_ptr().expose_provenance() as u64;
    let outcome = |properties| {
        let mut writer = TableWriter::new(Order::NATIVE, 8, SCHEMA, 1, 64, &[1]).unwrap();
        for address in [own, clock] {
            let place = CoreEntry { address, length: 8, ..CoreEntry::ZERO };
            let core = CoreEntry { state: phase::LIVE, class: 1, properties, ..place };
            writer.row(&core, &[]).unwrap();
        }
        let table = placed(&writer.finish());
        let file = tempfile::tempfile().expect("a file");
        let counts = twin.dump(TRUSTED, MANY, 0, &[table], None, file.as_raw_fd());
        let counts = counts.expect("a dump");
        // The clock goes on: its bytes are not those of the next dump.
        assert_eq!(in_rust(&CONSUMERS[TRUSTED], table).len() as u64, counts[0]);
        (counts[3], counts[7])
    };
    if outcome(0) != (2, 0) {
        eprintln!("skipped: a page of the kernel's cannot be told from memory here");
        return;
    }
    assert_eq!(outcome(MMIO), (1, 1));
}

fn pipe() -> (std::fs::File, std::fs::File) {
    let mut ends = [0; 2];
    // SAFETY: the call fills two numbers, which are nobody else's.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (std::fs::File::from_raw_fd(ends[0]), std::fs::File::from_raw_fd(ends[1]))
    }
}

/// So many pages, none of them zero, which nobody else knows and which stay.
fn mapped(pages: u64) -> u64 {
    let size = (pages * PAGE) as usize;
    let (flags, access) =
        (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: a new mapping, as large as what is written to it.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        start.cast::<u8>().write_bytes(0x5a, size);
        start.expose_provenance() as u64
    }
}

fn protect(start: u64, size: u64, access: libc::c_int) {
    let start = std::ptr::with_exposed_provenance_mut(start as usize);
    // SAFETY: the memory is a mapping of this test.
    assert_eq!(unsafe { libc::mprotect(start, size as usize, access) }, 0);
}
