//! Self-described decoding beside `serde_json`: 10^5 structs of a daemon's connections become JSON, on one side
//! by the types that a table carries, on the other by `serde` from the same values as Rust structs. Both write
//! the same bytes, which is checked first. The bar: at most three times as long.
//!
//! `cargo run --release`; it fails if the bar does not hold.

#[path = "../../runtime/src/measure.rs"]
#[allow(dead_code, reason = "it serves several programs")]
mod measure;

use std::cell::RefCell;
use std::io::{self, Write};
use std::process::ExitCode;

use inspect_format::abi::Order;
use inspect_format::btf::{Builder, EnumMember, Member, Word, c_integer, encoding};
use inspect_reader::decode::{Budget, Decoder, NoMemory, Plan};
use inspect_reader::output::value_json::JsonSink;
use inspect_reader::value::ValueSink;
use measure::{Bar, Contestant, race};
use serde::ser::{Serialize, SerializeSeq, Serializer};

const COUNT: usize = 100_000;
const ROUNDS: usize = 15;

/// Bytes of a connection in memory.
const SIZE: usize = 136;

#[derive(Clone, Copy, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Opening,
    Idle,
    Busy,
    Closing,
}

#[derive(Clone, Copy, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Family {
    Local,
    Inet,
    Inet6,
}

#[derive(Clone, Copy)]
struct Rights(u32);

const RIGHTS: [(&str, u32); 4] = [("read", 0), ("write", 1), ("evict", 2), ("admin", 31)];

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(None)?;
        for (name, bit) in RIGHTS {
            if self.0 >> bit & 1 != 0 {
                names.serialize_element(name)?;
            }
        }
        names.end()
    }
}

#[derive(Clone, serde::Serialize)]
struct Peer {
    family: Family,
    port: u16,
    address: [u8; 4],
    scope: u32,
}

#[derive(Clone, serde::Serialize)]
struct Conn {
    id: u64,
    fd: i32,
    state: State,
    peer: Peer,
    rights: Rights,
    tls: bool,
    requests: u64,
    load: f64,
    counters: [u64; 4],
    name: String,
    since_ns: i64,
}

/// Numbers that look like those of a daemon, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn conns() -> Vec<Conn> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut one = |id: u64| {
        let r = random.next();
        Conn {
            id,
            fd: (r % 4096) as i32 - 1,
            state: [State::Opening, State::Idle, State::Busy, State::Closing]
                [(r >> 12) as usize % 4],
            peer: Peer {
                family: [Family::Local, Family::Inet, Family::Inet6][(r >> 14) as usize % 3],
                port: (r >> 16) as u16,
                address: ((r >> 32) as u32).to_le_bytes(),
                scope: (r >> 60) as u32,
            },
            rights: Rights([1, 3, 7, 0x8000_0001][(r >> 20) as usize % 4]),
            tls: r >> 22 & 1 == 1,
            requests: random.next() >> 40,
            load: (random.next() >> 44) as f64 / 1024.0,
            counters: [0; 4].map(|_: u64| random.next() >> 30),
            name: format!("worker-{}/session-{:08x}", r % 16, r as u32),
            since_ns: 1_700_000_000_000_000_000 + (random.next() >> 16) as i64,
        }
    };
    (0..COUNT as u64).map(&mut one).collect()
}

/// The bytes of a connection as a C compiler lays it out.
fn lay_out(conn: &Conn, order: Order, out: &mut Vec<u8>) {
    let start = out.len();
    let put = |out: &mut Vec<u8>, size: usize, value: u64| {
        let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
        match order {
            Order::Little => out.extend_from_slice(&little[..size]),
            Order::Big => out.extend_from_slice(&big[8 - size..]),
        }
    };
    put(out, 8, conn.id);
    put(out, 4, conn.fd as u64);
    put(out, 4, conn.state as u64);
    put(out, 2, conn.peer.family as u64);
    put(out, 2, conn.peer.port.into());
    out.extend_from_slice(&conn.peer.address);
    put(out, 4, conn.peer.scope.into());
    put(out, 4, conn.rights.0.into());
    put(out, 1, conn.tls.into());
    out.resize(start + 40, 0);
    put(out, 8, conn.requests);
    put(out, 8, conn.load.to_bits());
    for counter in conn.counters {
        put(out, 8, counter);
    }
    out.extend_from_slice(conn.name.as_bytes());
    out.resize(start + 128, 0);
    put(out, 8, conn.since_ns as u64);
    assert_eq!(out.len(), start + SIZE);
}

/// The types section of such a table, and the id of the connection in it.
fn types(order: Order) -> (Vec<u8>, u32) {
    let mut builder = Builder::new();
    let int = |builder: &mut Builder, size, signed| {
        let (name, encoding) = c_integer(size, signed);
        builder.int(name, size, encoding)
    };
    let u8 = int(&mut builder, 1, false);
    let u16 = int(&mut builder, 2, false);
    let u32 = int(&mut builder, 4, false);
    let i32 = int(&mut builder, 4, true);
    let u64 = int(&mut builder, 8, false);
    let i64 = int(&mut builder, 8, true);
    let bool = builder.int("_Bool", 1, encoding::BOOL);
    let char = builder.int("char", 1, encoding::CHAR);
    let double = builder.float("double", 8);
    let number = Word::Number;
    let values = |names: &[&'static str]| -> Vec<EnumMember<'static>> {
        let member = |(value, name): (usize, &&'static str)| EnumMember {
            name,
            low: number(value as u32),
            high: number(0),
        };
        names.iter().enumerate().map(member).collect()
    };
    let state = values(&["opening", "idle", "busy", "closing"]);
    let state = builder.enumeration("state", false, number(4), number(0), &state);
    let family = values(&["local", "inet", "inet6"]);
    builder.enumeration("family", false, number(4), number(0), &family);
    let family = builder.typedef("family", u16);
    builder.tag("inspect:enum=family", family, None);
    let rights = builder.typedef("rights", u32);
    builder.tag("inspect:flags=read:0,write:1,evict:2,admin:31", rights, None);
    let address = builder.array(u8, number(4));
    let counters = builder.array(u64, number(4));
    let name = builder.array(char, number(40));
    let member = |name, type_id, offset: u32| Member {
        name,
        type_id: number(type_id),
        place: number(offset * 8),
    };
    let peer = builder.reserve();
    let members = [
        member("family", family, 0),
        member("port", u16, 2),
        member("address", address, 4),
        member("scope", u32, 8),
    ];
    builder.define_composite(peer, "peer", false, false, number(12), &members);
    let conn = builder.reserve();
    let members = [
        member("id", u64, 0),
        member("fd", i32, 8),
        member("state", state, 12),
        member("peer", peer, 16),
        member("rights", rights, 28),
        member("tls", bool, 32),
        member("requests", u64, 40),
        member("load", double, 48),
        member("counters", counters, 56),
        member("name", name, 88),
        member("since_ns", i64, 128),
    ];
    builder.define_composite(conn, "conn", false, false, number(SIZE as u32), &members);
    let resolve = |_: &_| Some(8);
    (builder.finish().bytes(order, resolve, |_| true).expect("every number is known"), conn)
}

fn budget() -> Budget {
    Budget { values: u64::MAX, elements: u64::MAX, ..Budget::default() }
}

fn decode<W: Write>(plan: &Plan, type_id: u32, bytes: &[u8], writer: W) -> io::Result<W> {
    let mut sink = JsonSink::new(writer);
    Decoder::new(plan, &NoMemory, budget()).entry(type_id, None, bytes, &mut sink)?;
    sink.finish()
}

fn main() -> ExitCode {
    let conns = conns();
    let sides = [Order::Little, Order::Big].map(|order| {
        let (types, type_id) = types(order);
        let mut bytes = Vec::new();
        conns.iter().for_each(|conn| lay_out(conn, order, &mut bytes));
        (Plan::new(&types, 8).expect("a plan"), type_id, bytes)
    });
    let expected = serde_json::to_vec(&conns).expect("memory takes everything");
    for (plan, type_id, bytes) in &sides {
        let found = decode(plan, *type_id, bytes, Vec::new()).expect("memory takes everything");
        assert!(found == expected, "the two sides differ");
    }
    println!("{COUNT} structs of {SIZE} bytes, {:.1} MB of JSON", expected.len() as f64 / 1e6);
    // The same buffer for all, which is large enough and stays.
    let out = RefCell::new(Vec::with_capacity(expected.len() + 1024));
    let mut holds = true;
    for ((plan, type_id, bytes), order) in sides.iter().zip(["native", "other"]) {
        let ours = || {
            let mut out = out.borrow_mut();
            out.clear();
            decode(plan, *type_id, bytes, &mut *out).expect("memory takes everything");
            out.len() as u64
        };
        let serde_json = || {
            let mut out = out.borrow_mut();
            out.clear();
            serde_json::to_writer(&mut *out, &conns).expect("memory takes everything");
            out.len() as u64
        };
        let tree = || {
            let mut sink = ValueSink::new();
            let Ok(()) =
                Decoder::new(plan, &NoMemory, budget()).entry(*type_id, None, bytes, &mut sink);
            u64::from(sink.finish().is_some())
        };
        holds &= race(
            &format!("To JSON, {order} byte order"),
            COUNT as u64,
            ROUNDS,
            &mut [
                Contestant::new("decoded by the table", Bar::None, ours),
                Contestant::new("serde_json", Bar::Within(3.0), serde_json),
                Contestant::new("decoded, as a tree", Bar::None, tree),
            ],
        );
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
