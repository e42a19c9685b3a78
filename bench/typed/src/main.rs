//! Typed decoding beside its peers: the generated Rust and C decoders, a C loop over structs of this machine,
//! the crate `zerocopy`, and flatbuffers with its verifier. `cargo run --release` prints the ratios and fails
//! if a bar does not hold; `-- ROWS` takes another number of entries than 10^6.
//!
//! A table is checked once, outside the measured time, as the peer of `zerocopy` never is; how long that takes,
//! checksum included, is printed beside. Structs are checked one by one, within the measured time, and so is
//! the whole buffer of flatbuffers, whose verifier has no state that could be kept.

#[path = "../../runtime/src/measure.rs"]
#[allow(dead_code)]
mod measure;
mod schemas {
    inspect_runtime::include_schemas!();
}
#[allow(clippy::all, unused_imports, mismatched_lifetime_syntaxes, unsafe_op_in_unsafe_fn)]
#[allow(elided_lifetimes_in_paths, dead_code)]
mod peer {
    include!(concat!(env!("OUT_DIR"), "/fleet_generated.rs"));
}

use std::process::ExitCode;
use std::time::Instant;

use inspect_format::abi::{CoreEntry, Order, phase};
use inspect_format::table::{Table, TableWriter};
use measure::{Bar, Contestant, race};
use schemas::fleet as s;
use zerocopy::byteorder::{BE, LE, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout};

const CLASS: u32 = 2;

unsafe extern "C" {
    fn native_rows(rows: *const u8, count: usize, class_number: u32) -> u64;
    fn native_stats(stats: *const u8, count: usize) -> u64;
    fn open_table(data: *const u8, size: usize) -> i32;
    fn decoded_rows(class_number: u32) -> u64;
    fn decoded_stats(stats: *const u8, count: usize) -> u64;
}

/// A row as `zerocopy` wants it, in an order that its type says.
macro_rules! zero_copy {
    ($name:ident, $sum:ident, $order:ty) => {
        #[derive(FromBytes, KnownLayout, Immutable)]
        #[repr(C)]
        struct $name {
            state: U32<$order>,
            id: U32<$order>,
            class: U32<$order>,
            ty: U32<$order>,
            properties: U64<$order>,
            address: U64<$order>,
            length: U64<$order>,
            instance: U64<$order>,
            name: U32<$order>,
            space: U16<$order>,
            extent: [u8; 2],
            bound: U64<$order>,
            owner: U32<$order>,
            weight: U16<$order>,
            mode: [u8; 2],
        }

        fn $sum(rows: &[u8]) -> u64 {
            let rows = <[$name]>::ref_from_bytes(rows).expect("whole rows");
            let mine =
                rows.iter().filter(|row| row.state.get() & 3 >= 2 && row.class.get() == CLASS);
            mine.fold(0, |sum: u64, row| {
                let mixed = row.address.get() ^ u64::from(row.owner.get());
                sum.wrapping_add(row.length.get())
                    .wrapping_add(mixed)
                    .wrapping_add(row.weight.get().into())
            })
        }
    };
}

zero_copy!(LittleRow, little_rows, LE);
zero_copy!(BigRow, big_rows, BE);

fn main() -> ExitCode {
    let count = std::env::args().nth(1).map_or(1_000_000, |it| it.parse().expect("a number"));
    let other = if Order::NATIVE == Order::Little { Order::Big } else { Order::Little };
    let native = fleet(Order::NATIVE, count);
    let swapped = fleet(other, count);
    let buffers = flat(count);
    let mut holds = rows(&native, &native, &buffers, Order::NATIVE, 1.25);
    holds &= rows(&swapped, &native, &buffers, other, 1.5);
    holds &= stats(&native, Order::NATIVE, &native, count, &buffers);
    holds &= stats(&swapped, other, &native, count, &buffers);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A table and the memory of its structs.
struct Fleet {
    table: Vec<u8>,
    stats: Vec<u8>,
}

impl Fleet {
    /// The bytes of the rows.
    fn rows(&self) -> &[u8] {
        Table::parse(&self.table).expect("a table").sections().entries
    }
}

fn values(index: u32) -> (u64, u64, i32, u16, u8, u8, u32, u32) {
    let wide = u64::from(index) * 0x9e37_79b9;
    (wide, wide >> 7, -(index as i32), index as u16, (index % 3) as u8, index as u8, index, !index)
}

fn fleet(order: Order, count: u32) -> Fleet {
    let described: &[u8] = match order {
        Order::Little => {
            include_bytes!(concat!(env!("OUT_DIR"), "/inspect/table/fleet.x86_64.table"))
        }
        Order::Big => include_bytes!(concat!(env!("OUT_DIR"), "/inspect/table/fleet.s390x.table")),
    };
    let described = Table::parse(described).expect("a table without entries");
    let history: Vec<u64> = described.history().iter().collect();
    let mut writer = TableWriter::new(order, 8, "fleet", 1, 72, &history).expect("a writer");
    writer.fingerprint(described.header().fingerprint);
    writer.schema(described.sections().schema).types(described.sections().types);
    let mut stats = Vec::new();
    for index in 0..count {
        let core = CoreEntry {
            state: if index % 7 == 0 { phase::EMPTY } else { phase::LIVE },
            id: index,
            class: index % 3,
            address: u64::from(index) << 8,
            length: u64::from(index % 100),
            ..CoreEntry::ZERO
        };
        let mut fields = Vec::new();
        put(&mut fields, order, &index.to_le_bytes());
        put(&mut fields, order, &(index as u16).to_le_bytes());
        fields.extend([1, 0]);
        writer.row(&core, &fields).expect("a row");
        let (hits, misses, delta, port, mode, level, bytes, ratio) = values(index);
        put(&mut stats, order, &hits.to_le_bytes());
        put(&mut stats, order, &misses.to_le_bytes());
        put(&mut stats, order, &delta.to_le_bytes());
        put(&mut stats, order, &port.to_le_bytes());
        stats.extend([mode, level]);
        put(&mut stats, order, &bytes.to_le_bytes());
        put(&mut stats, order, &ratio.to_le_bytes());
    }
    Fleet { table: writer.finish(), stats }
}

/// Appends a number, which comes with its least significant byte first, in an order.
fn put(bytes: &mut Vec<u8>, order: Order, number: &[u8]) {
    match order {
        Order::Little => bytes.extend(number),
        Order::Big => bytes.extend(number.iter().rev()),
    }
}

/// The peer's form of the same.
fn flat(count: u32) -> Vec<u8> {
    let mut builder = flatbuffers::FlatBufferBuilder::new();
    let rows: Vec<_> = (0..count)
        .map(|index| {
            let row = peer::peer::RowArgs {
                state: if index % 7 == 0 { phase::EMPTY } else { phase::LIVE },
                id: index,
                class_number: index % 3,
                address: u64::from(index) << 8,
                length: u64::from(index % 100),
                owner: index,
                weight: index as u16,
            };
            peer::peer::Row::create(&mut builder, &row)
        })
        .collect();
    let stats: Vec<_> = (0..count)
        .map(|index| {
            let (hits, misses, delta, port, mode, level, bytes, ratio) = values(index);
            let stats =
                peer::peer::StatsArgs { hits, misses, delta, port, mode, level, bytes, ratio };
            peer::peer::Stats::create(&mut builder, &stats)
        })
        .collect();
    let (rows, stats) = (builder.create_vector(&rows), builder.create_vector(&stats));
    let fleet = peer::peer::FleetArgs { rows: Some(rows), stats: Some(stats) };
    let fleet = peer::peer::Fleet::create(&mut builder, &fleet);
    builder.finish(fleet, None);
    builder.finished_data().to_vec()
}

/// The verified root of the peer's buffer, which is larger than its verifier believes by default.
fn verified(buffer: &[u8]) -> peer::peer::Fleet<'_> {
    let options = flatbuffers::VerifierOptions {
        max_tables: usize::MAX,
        max_apparent_size: usize::MAX,
        ..flatbuffers::VerifierOptions::default()
    };
    flatbuffers::root_with_opts::<peer::peer::Fleet<'_>>(&options, buffer).expect("verified")
}

/// The sum over the rows of a table that has been checked.
fn sum_rows(table: &s::Table<'_>) -> u64 {
    let mine = table.rows().filter(|row| row.is_live() && row.class() == CLASS);
    mine.fold(0, |sum: u64, row| {
        let mixed = row.address() ^ u64::from(row.owner());
        sum.wrapping_add(row.length()).wrapping_add(mixed).wrapping_add(row.weight().into())
    })
}

/// The rows of a table beside `limit`, the same rows in the order of this machine.
fn rows(fleet: &Fleet, limit: &Fleet, buffers: &[u8], order: Order, bar: f64) -> bool {
    let native = limit.rows();
    let count = native.len() / 72;
    let rows = fleet.rows();
    let begin = Instant::now();
    let parsed = s::Table::parse(&fleet.table).expect("a table");
    let checked = format!("checked once in {:.1?}", begin.elapsed());
    // SAFETY: the rows are `count` structs of 72 bytes, aligned to 8 as sections of tables are.
    let in_c = || unsafe { native_rows(native.as_ptr(), count, CLASS) };
    let opened = open_in_c(fleet);
    // SAFETY: the table that was opened lives as long as `fleet`.
    let by_c = || unsafe { decoded_rows(CLASS) };
    let by_peer = || match order {
        Order::Little => little_rows(rows),
        Order::Big => big_rows(rows),
    };
    let expected = in_c();
    assert_eq!([sum_rows(&parsed), by_c(), by_peer()], [expected; 3], "all see the same");
    let title = format!("{count} rows, {order:?}");
    let rust = Contestant::new("Rust decoder", Bar::None, || sum_rows(&parsed)).note(checked);
    let c_limit = || Contestant::new("C loop over structs", Bar::Within(bar), in_c);
    let zero = Contestant::new("zerocopy", Bar::None, by_peer);
    let flat = Contestant::new("flatbuffers, verified", Bar::None, || flat_rows(buffers));
    let holds = race(&title, count as u64, 15, &mut [rust, c_limit(), zero, flat]);
    let c = Contestant::new("C decoder", Bar::None, by_c).note(opened);
    race(&title, count as u64, 15, &mut [c, c_limit()]) && holds
}

/// Lets the C decoder check a table, and says how long that took.
fn open_in_c(fleet: &Fleet) -> String {
    let begin = Instant::now();
    // SAFETY: the decoder reads the bytes of the vector, which nobody changes or drops before the next one is
    // opened.
    let status = unsafe { open_table(fleet.table.as_ptr(), fleet.table.len()) };
    assert_eq!(status, 0, "the C decoder takes the table");
    format!("checked once in {:.1?}", begin.elapsed())
}

fn flat_rows(buffer: &[u8]) -> u64 {
    let rows = verified(buffer).rows().expect("rows");
    rows.iter().filter(|row| row.state() & 3 >= 2 && row.class_number() == CLASS).fold(
        0,
        |sum: u64, row| {
            let mixed = row.address() ^ u64::from(row.owner());
            sum.wrapping_add(row.length()).wrapping_add(mixed).wrapping_add(row.weight().into())
        },
    )
}

/// The structs that a table describes beside `limit`, the same structs in the order of this machine.
fn stats(fleet: &Fleet, order: Order, limit: &Fleet, count: u32, buffers: &[u8]) -> bool {
    let count = count as usize;
    let parsed = s::Table::parse(&fleet.table).expect("a table");
    let by_rust = || {
        let layouts = parsed.bind().expect("layouts");
        fleet.stats.chunks_exact(32).fold(0, |sum: u64, bytes| {
            let it = layouts.stats(bytes).expect("a struct");
            sum.wrapping_add(it.hits())
                .wrapping_add(it.misses())
                .wrapping_add(i64::from(it.delta()) as u64)
                .wrapping_add(it.port().into())
                .wrapping_add(it.mode().0.into())
                .wrapping_add(it.level().into())
                .wrapping_add(it.bytes().into())
                .wrapping_add(it.ratio().into())
        })
    };
    open_in_c(fleet);
    // SAFETY: there are `count` structs of 32 bytes in the vector, whose allocation is aligned to 8.
    let in_c = || unsafe { native_stats(limit.stats.as_ptr(), count) };
    // SAFETY: the decoder reads `count` structs of 32 bytes, which is what the vector holds.
    let by_c = || unsafe { decoded_stats(fleet.stats.as_ptr(), count) };
    let expected = in_c();
    assert_eq!([by_rust(), by_c()], [expected; 2], "all see the same");
    let title = format!("{count} structs through bind(), {order:?}");
    let c_limit = || Contestant::new("C loop over structs", Bar::Within(4.0), in_c);
    let rust = Contestant::new("Rust decoder", Bar::None, by_rust);
    let flat = Contestant::new("flatbuffers, verified", Bar::None, || flat_stats(buffers));
    let holds = race(&title, count as u64, 15, &mut [rust, c_limit(), flat]);
    let c = Contestant::new("C decoder", Bar::None, by_c);
    race(&title, count as u64, 15, &mut [c, c_limit()]) && holds
}

fn flat_stats(buffer: &[u8]) -> u64 {
    verified(buffer).stats().expect("stats").iter().fold(0, |sum: u64, it| {
        sum.wrapping_add(it.hits())
            .wrapping_add(it.misses())
            .wrapping_add(i64::from(it.delta()) as u64)
            .wrapping_add(it.port().into())
            .wrapping_add(it.mode().into())
            .wrapping_add(it.level().into())
            .wrapping_add(it.bytes().into())
            .wrapping_add(it.ratio().into())
    })
}
