//! Rows of a running process: its threads register, change and take back at full speed, and no row is
//! shown that none of them ever published.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

#[path = "../../runtime/tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use inspect_format::hash;
use inspect_format::walk::{Fault, LiveEntry, LiveTable, Memory, Tables};
use inspect_reader::image::{self, Image, Options, Target};
use inspect_reader::memory::AddressSpace;
use inspect_runtime::{EntryFormat, RegisterError, RuntimeTable, TableRef};

use support::{Format, entry};

const THREADS: u64 = 4;
const ROLE: &str = "INSPECT_LIVE_WRITER";
const NAMES: [&str; 8] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"];

static SMALL: RuntimeTable<Format, 12, 512> = RuntimeTable::new();
static LARGE: RuntimeTable<Format, 300, 512> = RuntimeTable::new();

/// How often all tables are listed.
fn lists() -> u64 {
    if std::env::var_os("INSPECT_LONG").is_some() { 200_000 } else { 2000 }
}

/// A row of which everything follows from the address.
fn announced(number: u64) -> Format {
    let plain = entry(number, number.rotate_left(7) >> 9);
    Format { text: name(number), ..plain }
}

fn name(number: u64) -> &'static str {
    NAMES[number as usize % NAMES.len()]
}

fn changed(number: u64) -> u64 {
    1 | (number & 0xffff) << 8
}

fn write_rows(table: TableRef<'_, Format>, seed: u64) -> ! {
    let mut number = seed << 40;
    let most = table.capacity() / THREADS as usize;
    let mut held = Vec::with_capacity(most);
    loop {
        number += 1;
        let is_full = match table.register_as(name(number), announced(number)) {
            Ok(handle) => {
                if number.is_multiple_of(3) {
                    table.set_properties(handle, changed(number)).unwrap();
                }
                held.push(handle);
                false
            }
            Err(RegisterError::Full) => true,
            Err(error) => panic!("{error}"),
        };
        if is_full || number.is_multiple_of(97) || held.len() == most {
            held.drain(..).for_each(|handle| table.unregister(handle).unwrap());
        }
    }
}

/// Not a test: what a child of the test below does.
#[test]
fn child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    // Whoever started this process kills it; if that one died itself, nobody would.
    // SAFETY: a plain call on this process.
    unsafe { libc::alarm(900) };
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        say(info);
        std::process::abort();
    }));
    let tables = [SMALL.open(), LARGE.open()];
    for seed in 1..THREADS {
        std::thread::spawn(move || write_rows(tables[seed as usize % 2], seed));
    }
    println!("\nready {}", inspect_runtime::root::address());
    write_rows(tables[0], THREADS);
}

/// A child that dies with this value.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start() -> (Writer, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]).env(ROLE, "1");
    let mut writer = Writer(command.stdout(Stdio::piped()).spawn().unwrap());
    for line in BufReader::new(writer.0.stdout.take().unwrap()).lines() {
        if let Some(said) = line.unwrap().strip_prefix("ready ") {
            return (writer, said.trim().parse().unwrap());
        }
    }
    panic!("the child has ended: {:?}", writer.0.wait());
}

fn check<M: Memory + ?Sized>(table: &LiveTable<'_, M>, row: &LiveEntry<'_>) {
    let core = row.core;
    let number = core.address;
    assert_eq!(core.length, number.rotate_left(7) >> 9, "{core:?}");
    assert_eq!(core.instance, core.address ^ core.length, "{core:?}");
    assert_eq!((core.class, core.extent, core.space, core.bound), (77, 0, 0, 0), "{core:?}");
    assert!([1, changed(number)].contains(&core.properties), "{core:?}");
    let id = hash::entry_id(Format::SCHEMA, "log", name(number), core.instance);
    assert_eq!(core.id, id, "{core:?}");
    let twin = u64::from_ne_bytes(row.row[64..72].try_into().unwrap());
    assert_eq!(twin, core.instance, "{core:?}");
    if number.is_multiple_of(16) {
        let mut text = [0; 8];
        assert_eq!(table.text(core.name, &mut text), Ok(name(number)), "{core:?}");
    }
}

/// Memory whose reader is interrupted before it reads rows, as the system may do at any time: what was
/// read before is stale by then.
struct Interrupted<'m>(AddressSpace<'m>, Duration);

impl Memory for Interrupted<'_> {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        if out.len() >= Format::SIZE as usize * 12 {
            std::thread::sleep(self.1);
        }
        self.0.read(address, out)
    }
}

/// Lists the tables of an image once.
fn list(image: &Image, root: u64, index: u64, counts: &mut [u64; 3]) {
    let batch = [1, 12, 64, 300][index as usize % 4];
    // A sleep of no time is none.
    let pause = Duration::from_micros(index / 4 % 4 * 20);
    let memory = Interrupted(AddressSpace::virtual_of(&*image.memory), pause);
    let mut tables = 0;
    for table in Tables::of_root(&memory, root).unwrap() {
        let table = table.unwrap();
        let mut buffer = vec![0; table.buffer_size(batch)];
        let mut visit = |row: LiveEntry<'_>| {
            check(&table, &row);
            ControlFlow::Continue(())
        };
        let summary = table.entries(&mut buffer, &mut visit).unwrap();
        tables += 1;
        counts[0] += summary.live;
        counts[1] += summary.torn;
        counts[2] += summary.busy;
    }
    assert_eq!(tables, 2);
}

#[test]
fn no_row_is_shown_that_nobody_published() {
    let (writer, root) = start();
    let image = image::open(&Target::Process(writer.0.id()), &Options::default()).unwrap();
    // The program is one of those that lead to the root.
    assert!(image.objects[0].range.contains(&root));
    assert!(
        image.objects[0].roots.iter().any(|clue| clue.address == root),
        "{:?}",
        image.objects[0]
    );
    let mut counts = [0; 3];
    for index in 0..lists() {
        list(&image, root, index, &mut counts);
    }
    let [live, torn, busy] = counts;
    println!("{} lists: {live} rows, {torn} torn, {busy} busy", lists());
    assert!(live > lists() && busy < live / 10);
    drop(writer);
    assert!(image.memory.is_gone());
}
