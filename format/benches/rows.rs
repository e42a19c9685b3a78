//! The row loop beside a loop over native structs: `cargo bench -p inspect-format`. The bar is
//! 1.25.
//!
//! Both loops do what a reader does first: take the live rows of one class and add up their lengths
//! and addresses. The table holds 10^6 rows of 64 bytes; each figure is the median of several runs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use inspect_format::abi::{CoreEntry, Order, phase};
use inspect_format::table::{Table, TableWriter};

const ROWS: u32 = 1_000_000;
const RUNS: usize = 31;
const CLASS: u32 = 2;

/// The core entry as a compiler lays it out.
#[repr(C)]
#[derive(Clone, Copy)]
struct Native {
    state: u32,
    id: u32,
    class: u32,
    type_id: u32,
    properties: u64,
    address: u64,
    length: u64,
    instance: u64,
    name: u32,
    space: u16,
    extent: u8,
    bound_size: u8,
    bound: u64,
}

fn entry(index: u32) -> CoreEntry {
    CoreEntry {
        state: if index % 7 == 0 { phase::EMPTY } else { phase::LIVE },
        id: index,
        class: index % 3,
        address: u64::from(index) << 8,
        length: u64::from(index % 100),
        ..CoreEntry::ZERO
    }
}

fn native(core: &CoreEntry) -> Native {
    Native {
        state: core.state,
        id: core.id,
        class: core.class,
        type_id: core.type_,
        properties: core.properties,
        address: core.address,
        length: core.length,
        instance: core.instance,
        name: core.name,
        space: core.space,
        extent: core.extent,
        bound_size: core.bound_size,
        bound: core.bound,
    }
}

fn table(order: Order) -> Vec<u8> {
    let mut writer = TableWriter::new(order, 8, "bench", 1, 64, &[1]).expect("a writer");
    for index in 0..ROWS {
        writer.row(&entry(index), &[]).expect("a row");
    }
    writer.finish()
}

#[inline(never)]
fn over_structs(rows: &[Native]) -> (u64, u64) {
    let live = rows.iter().filter(|row| row.class == CLASS && row.state & 3 >= phase::LIVE);
    live.fold((0, 0), |(lengths, addresses), row| (lengths + row.length, addresses ^ row.address))
}

#[inline(never)]
fn over_swapped_structs(rows: &[Native]) -> (u64, u64) {
    let live = rows
        .iter()
        .filter(|row| row.class.swap_bytes() == CLASS && row.state.swap_bytes() & 3 >= phase::LIVE);
    live.fold((0, 0), |(lengths, addresses), row| {
        (lengths + row.length.swap_bytes(), addresses ^ row.address.swap_bytes())
    })
}

#[inline(never)]
fn over_rows(table: &Table<'_>) -> (u64, u64) {
    let live = table.rows().filter(|row| row.class() == CLASS && row.is_live());
    live.fold((0, 0), |(lengths, addresses), row| {
        (lengths + row.length(), addresses ^ row.address())
    })
}

fn median(mut work: impl FnMut() -> (u64, u64)) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

fn main() {
    let other = if Order::NATIVE == Order::Little { Order::Big } else { Order::Little };
    let mut rows: Vec<Native> = (0..ROWS).map(|index| native(&entry(index))).collect();
    for order in [Order::NATIVE, other] {
        let bytes = table(order);
        let start = Instant::now();
        let table = Table::parse(&bytes).expect("a table");
        let parse = start.elapsed();
        let structs: fn(&[Native]) -> (u64, u64) = if order == Order::NATIVE {
            over_structs
        } else {
            for row in &mut rows {
                row.class = row.class.swap_bytes();
                row.state = row.state.swap_bytes();
                row.length = row.length.swap_bytes();
                row.address = row.address.swap_bytes();
            }
            over_swapped_structs
        };
        assert_eq!(over_rows(&table), structs(&rows), "both loops see the same");
        let native = median(|| structs(black_box(&rows)));
        let ours = median(|| over_rows(black_box(&table)));
        let ratio = ours.as_secs_f64() / native.as_secs_f64();
        println!("{order:?}: structs {native:?}, rows {ours:?}, ratio {ratio:.2}, parse {parse:?}");
    }
}
