//! `dump::elf` of 1 GiB of regions to tmpfs beside `cp` of the same bytes, and beside `write` of them
//! in one piece, which is what remains of a dump when everything else costs nothing.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

use inspect_format::abi::{CoreEntry, Order, phase};
use inspect_format::hash::schema_number;
use inspect_format::table::TableWriter;
use inspect_runtime::dump::{FileSink, Request, Workspace};
use inspect_runtime::{Budget, Consumer, Rule};

use crate::measure::{Bar, Contestant, race};

const SIZE: usize = 1 << 30;
const REGIONS: usize = 64;
const SCHEMA: &str = "bench.dump";
const DIRECTORY: &str = "/dev/shm";

static CONSUMER: Consumer = Consumer {
    name: "all",
    schema: schema_number(SCHEMA),
    allow: &[Rule::Class { schema: schema_number(SCHEMA), class: 1 }],
    deny: &[],
    require: 0,
    permit: 0,
    order: &[],
    budget: Budget { regions: None, name: None, bytes: None },
};

static WORKSPACE: Workspace<128, 65_536> = Workspace::new();

/// Whether the dump takes at most 1.2 times as long as `cp`.
pub fn run() -> bool {
    if !Path::new(DIRECTORY).is_dir() {
        println!("\ndump: there is no {DIRECTORY}");
        return false;
    }
    let place = |name: &str| format!("{DIRECTORY}/inspect-bench-{}-{name}", std::process::id());
    let (source, ours, copy, plain) =
        (place("source"), place("ours"), place("copy"), place("plain"));
    let mut memory = vec![0_u8; SIZE];
    for (index, chunk) in memory.chunks_exact_mut(8).enumerate() {
        chunk.copy_from_slice(&(index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_ne_bytes());
    }
    std::fs::write(&source, &memory).expect("tmpfs has room");
    let table = table(&memory);
    let tables = [table.as_ptr().expose_provenance() as u64];
    let holds = race(
        "1 GiB of regions to tmpfs",
        1,
        7,
        &mut [
            Contestant::new("dump::elf", Bar::None, || {
                let file = fresh(&ours);
                let mut sink = FileSink::new(file.as_raw_fd());
                let request = Request::new(&CONSUMER).tables(&tables);
                let report = request.elf(&WORKSPACE, &mut sink).expect("a dump");
                assert!(
                    report.captured == REGIONS as u64 && report.written > (SIZE - REGIONS) as u64
                );
                report.written
            }),
            Contestant::new("cp", Bar::Within(1.2), || {
                let _ = std::fs::remove_file(&copy);
                let status = Command::new("cp").args([&source, &copy]).status();
                assert!(status.is_ok_and(|status| status.success()), "cp works");
                SIZE as u64
            }),
            Contestant::new("write, in one piece", Bar::None, || {
                fresh(&plain).write_all(&memory).expect("tmpfs has room");
                SIZE as u64
            }),
        ],
    );
    for path in [source, ours, copy, plain] {
        let _ = std::fs::remove_file(path);
    }
    holds
}

/// A new file, as `cp` makes one: old pages would be cheaper to write to.
fn fresh(path: &str) -> File {
    let _ = std::fs::remove_file(path);
    File::create(path).expect("tmpfs has room")
}

/// The memory as regions with a byte between them, so that none are merged.
fn table(memory: &[u8]) -> Vec<u64> {
    let mut writer = TableWriter::new(Order::NATIVE, 8, SCHEMA, 1, 64, &[1]).expect("a table");
    for chunk in memory.chunks(SIZE / REGIONS) {
        let core = CoreEntry {
            state: phase::LIVE,
            class: 1,
            address: chunk.as_ptr().expose_provenance() as u64,
            length: chunk.len() as u64 - 1,
            ..CoreEntry::ZERO
        };
        writer.row(&core, &[]).expect("a row");
    }
    let bytes = writer.finish();
    let words =
        bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight")));
    words.collect()
}
