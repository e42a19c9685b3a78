//! Writes a table of cached.state with the memory of its rows as `cached_write.c` does, and prints it as
//! `cached_read.c` does, with generated Rust.
#![forbid(unsafe_code)]

mod schemas {
    inspect_runtime::include_schemas!("rust/inspect.rs");
}

use std::sync::atomic::AtomicU64;

use inspect_runtime::memory::{Memory, ThisProcess};
use inspect_runtime::{Be16, Be32, RuntimeTable};
use schemas::cached_state as s;

static LOG: [s::LogRecord; 2] = [
    s::LogRecord {
        timestamp_ns: 100,
        level: 3,
        worker: 1,
        text_len: 2,
        text: padded(b"up"),
        ..s::LogRecord::ZERO
    },
    s::LogRecord {
        timestamp_ns: 200,
        level: 9,
        worker: 2,
        text_len: 104,
        conn: 7,
        text: padded(
            b"a text of the very length that a line of the log has room for, \
              up to its last byte; no NUL follows on it",
        ),
    },
];
static STATS: s::Stats = s::Stats {
    hits: AtomicU64::new(1),
    misses: AtomicU64::new(2),
    bytes: AtomicU64::new(1 << 40),
    slowest_ns: AtomicU64::new(4),
    load: 0.5,
    load_minute: -0.25,
    evictions: AtomicU64::new(6),
    ..s::Stats::ZERO
};
static CONNS: [s::Conn; 2] = [
    s::Conn {
        id: 7,
        fd: -1,
        state: s::ConnState::Busy,
        peer: s::Peer {
            family: s::Family::Inet,
            port: Be16::new(443),
            address: s::PeerAddress { v4: Be32::new(0xc000_0201) },
            ..s::Peer::ZERO
        },
        rights: s::Rights(s::Rights::EVICT.0 | s::Rights::ADMIN.0 | 6 << 8),
        session: [16; 16],
        token: [255; 32],
        input_len: 1_234_567_890,
        since_ns: -5,
        ..s::Conn::ZERO
    }
    .with_tls(1)
    .with_protocol(5)
    .with_depth(0xabc),
    s::Conn {
        id: 8,
        fd: 9,
        state: s::ConnState::Closing,
        peer: s::Peer {
            family: s::Family::Inet6,
            port: Be16::new(80),
            address: s::PeerAddress {
                v6: s::PeerAddressV6 { bytes: [254; 16], scope: 12, ..s::PeerAddressV6::ZERO },
            },
            ..s::Peer::ZERO
        },
        rights: s::Rights::READ,
        since_ns: i64::MAX,
        ..s::Conn::ZERO
    }
    .with_protocol(7)
    .with_depth(4095),
];

static TABLE: RuntimeTable<s::Region, 4, 128> = RuntimeTable::new();

const fn padded(text: &[u8]) -> [u8; 104] {
    let mut out = [0; 104];
    let mut at = 0;
    while at < text.len() {
        out[at] = text[at];
        at += 1;
    }
    out
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments[1].as_str() {
        "write" => write(&arguments[2], &arguments[3]),
        _ => read(&arguments[2], &arguments[3]),
    }
}

fn write(table: &str, structs: &str) {
    let log = s::Region::of::<s::class::Log>(&LOG).name("main");
    TABLE.register(log.owner(3).label("the log").in_use(240)).unwrap();
    let stats = s::Region::of::<s::class::Stats>(&STATS).name("worker");
    TABLE.register(stats.instance(2)).unwrap();
    let conns = s::Region::of::<s::class::Conns>(&CONNS).name("conns");
    TABLE.register(conns.owner(u32::MAX).label("peers").in_use(u64::MAX)).unwrap();
    let mut image = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut image).unwrap();
    image.truncate(size);
    std::fs::write(table, &image).unwrap();
    let rows = s::Table::parse(&image).unwrap().rows().filter(|row| row.is_live());
    let dump: Vec<u8> = rows.flat_map(|row| memory(row.address(), row.length())).collect();
    std::fs::write(structs, dump).unwrap();
}

/// This process's memory, read as whoever writes a dump does: by address and length.
fn memory(address: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    ThisProcess::new().read(address, &mut bytes).unwrap();
    bytes
}

fn read(table: &str, structs: &str) {
    let bytes = std::fs::read(table).unwrap();
    let table = s::Table::parse(&bytes).unwrap();
    let layouts = table.bind().unwrap();
    let dump = std::fs::read(structs).unwrap();
    let mut rest = &dump[..];
    for row in table.rows().filter(|row| row.is_live()) {
        let (data, tail) = rest.split_at(row.length() as usize);
        rest = tail;
        print!("row {} class={:08x} instance={}", row.name(), row.class(), row.instance());
        println!(" owner={} label={} in_use={}", row.owner(), row.label(), row.in_use());
        let halves = data.split_at(data.len() / 2);
        match row.class() {
            s::class::LOG => [halves.0, halves.1].map(|it| print_log(&layouts, it)),
            s::class::CONNS => [halves.0, halves.1].map(|it| print_conn(&layouts, it)),
            s::class::STATS => [print_stats(&layouts, data), ()],
            other => panic!("class {other}"),
        };
    }
    assert_eq!(rest.len(), 0);
}

fn print_log(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.log_record(data).unwrap();
    print!("{} level={} worker={}", it.timestamp_ns(), it.level(), it.worker());
    println!(" conn={} text={}", it.conn(), it.text().to_str().unwrap());
}

fn print_stats(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.stats(data).unwrap();
    print!("hits={} misses={} bytes={}", it.hits(), it.misses(), it.bytes());
    print!(" slowest={} load={} minute={}", it.slowest_ns(), it.load(), it.load_minute());
    println!(" evictions={}", it.evictions().unwrap());
}

fn print_conn(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.conn(data).unwrap();
    print!("id={} fd={} state={} rights={}", it.id(), it.fd(), it.state().0, it.rights().0);
    print!(" tls={} protocol={} depth={}", it.tls(), it.protocol(), it.depth());
    println!(" port={}", it.peer().port());
    match it.peer().address_arm() {
        s::PeerAddressArm::V4(address) => println!("inet {address}"),
        s::PeerAddressArm::V6(v6) => println!("inet6 {} scope={}", v6.bytes()[15], v6.scope()),
        other => panic!("{other:?}"),
    }
    print!("session={} token={} client={}", it.session()[15], it.token()[31], it.client());
    println!(" input_len={} since={}", it.input_len(), it.since_ns());
}
