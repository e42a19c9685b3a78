//! Writers at full speed, a stranger that reads them, and a killer: no row that fails its check is ever shown.
//!
//! The writers are other processes. One kind writes to the tables in its statics, which this process reads by
//! `process_vm_readv`, while they run and when they have been stopped for ever. The other kind writes to
//! tables in a file that is mapped at the same address everywhere, in Rust and in C at once; it is
//! killed, what it left is judged, and nothing of the table may be lost for good.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use inspect_format::abi::{CoreEntry, Order};
use inspect_format::hash;
use inspect_format::walk::{Fault, LiveEntry, LiveTable, Memory, Summary, Tables};
use inspect_runtime::memory::ThisProcess;
use inspect_runtime::{Change, EntryFormat, RegisterError, RuntimeTable, SharedTable, TableRef};

use support::{Format, entry};

const THREADS: u64 = 4;
const NAMES: [&str; 16] = [
    "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13", "n14",
    "n15",
];

static SMALL: RuntimeTable<Format, 12, 512> = RuntimeTable::new();
static LARGE: RuntimeTable<Format, 200, 512> = RuntimeTable::new();

/// Where the shared file is mapped in every process.
const PLACE: usize = 0x2000_0000_0000;
const SHARED_SIZE: usize = 1 << 14;
const SHARED_ROWS: usize = 12;

/// The environment of a child: what it is to write to.
const ROLE: &str = "INSPECT_KILLER_ROLE";

fn is_long() -> bool {
    std::env::var_os("INSPECT_LONG").is_some()
}

/// Rows that are to be checked in all.
fn wanted() -> u64 {
    if is_long() { 10_000_000 } else { 100_000 }
}

/// Rows that check themselves, in every way that a row can: all of them follow from the address.
fn announced(number: u64) -> Format {
    let plain = entry(number, number.rotate_left(7) >> 9);
    Format { text: NAMES[number as usize % 16], ..plain }
}

fn changed(number: u64) -> u64 {
    1 | (number & 0xffff) << 8
}

/// Registers, changes and takes back for ever.
fn write_rows(table: TableRef<'_, Format>, seed: u64) -> ! {
    let mut number = seed << 40;
    let most = table.capacity() / THREADS as usize;
    let mut held = Vec::with_capacity(most);
    loop {
        number += 1;
        let is_full = match table.register_as(NAMES[number as usize % 16], announced(number)) {
            Ok(handle) => {
                if number % 3 == 0 {
                    table.set_properties(handle, changed(number)).unwrap();
                }
                held.push(handle);
                false
            }
            Err(RegisterError::Full) => true,
            Err(error) => panic!("{error}"),
        };
        if is_full || number % 97 == 0 || held.len() == most {
            held.drain(..).for_each(|handle| table.unregister(handle).unwrap());
        }
    }
}

/// Not a test: what a child of the tests below does.
#[test]
fn child() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    // Whoever started this process kills it; if that one died itself, nobody would.
    // Writers are many, and what is to be tested is the reader: it gets its share of the processors.
    // SAFETY: plain calls on this process.
    unsafe {
        libc::alarm(900);
        libc::nice(10);
    }
    // A thread that fails takes the others with it, so that it is noticed.
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        say(info);
        std::process::abort();
    }));
    if role == "statics" {
        let tables = [SMALL.open(), LARGE.open()];
        for seed in 1..THREADS {
            std::thread::spawn(move || write_rows(tables[seed as usize % 2], seed));
        }
        println!("\nready {}", inspect_runtime::root::address());
        write_rows(tables[0], THREADS);
    }
    let file = File::options().read(true).write(true).open(role).unwrap();
    let memory = map(&file);
    // SAFETY: the file is mapped for as long as the process lives, and everybody who maps it keeps to the
    // protocol.
    let table = unsafe { SharedTable::<Format>::attach(memory, SHARED_SIZE) }.unwrap();
    let table: &'static SharedTable<Format> = Box::leak(Box::new(table));
    for seed in 1..THREADS {
        std::thread::spawn(move || write_rows(table.table(), seed));
    }
    println!("\nready 0");
    write_rows(table.table(), THREADS);
}

/// Starts this program as a child; returns it, and the number that it says.
fn start(role: &std::ffi::OsStr) -> (Writer, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]).env(ROLE, role);
    wait_until_ready(command)
}

fn wait_until_ready(mut command: Command) -> (Writer, u64) {
    let mut child = Writer(command.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    for line in lines {
        if let Some(said) = line.unwrap().strip_prefix("ready") {
            return (child, said.trim().parse().unwrap_or(0));
        }
    }
    panic!("the child has ended: {:?}", child.0.wait());
}

/// A child that dies with this value.
struct Writer(Child);

impl Writer {
    /// Kills it at whatever instructions its threads are. It must not have died before, of a fault of its own.
    fn kill(mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "the writer has ended by itself");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn pid(&self) -> libc::pid_t {
        self.0.id() as libc::pid_t
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The memory of another process.
struct Other(libc::pid_t);

impl Memory for Other {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        let local = libc::iovec { iov_base: out.as_mut_ptr().cast(), iov_len: out.len() };
        let start = std::ptr::without_provenance_mut(address as usize);
        let remote = libc::iovec { iov_base: start, iov_len: out.len() };
        // SAFETY: the kernel writes to `out`, which is ours, and reads from the other process.
        let count = unsafe { libc::process_vm_readv(self.0, &local, 1, &remote, 1, 0) };
        if usize::try_from(count) == Ok(out.len()) { Ok(()) } else { Err(Fault { address }) }
    }
}

/// What was checked, over many reads.
#[derive(Debug, Default)]
struct Counts {
    rows: u64,
    reads: u64,
    torn: u64,
    busy: u64,
}

impl Counts {
    /// Reads a table by batches of `batch` rows, and checks every row that is shown.
    fn read<M: Memory>(&mut self, table: &LiveTable<'_, M>, batch: usize) -> Summary {
        let mut buffer = vec![0; table.buffer_size(batch)];
        let mut visit = |row: LiveEntry<'_>| {
            check(table, &row);
            ControlFlow::Continue(())
        };
        let summary = table.entries(&mut buffer, &mut visit).unwrap();
        self.reads += 1;
        self.rows += summary.live;
        self.torn += summary.torn;
        self.busy += summary.busy;
        summary
    }
}

fn check<M: Memory>(table: &LiveTable<'_, M>, row: &LiveEntry<'_>) {
    let core = row.core;
    assert_eq!(table.order(), Order::NATIVE);
    let (number, expected) = check_core(&core);
    let twin = u64::from_ne_bytes(row.row[64..72].try_into().unwrap());
    assert_eq!(twin, core.instance, "{core:?}");
    let text = u32::from_ne_bytes(row.row[72..76].try_into().unwrap());
    // Each text costs a call or two, and all of them were there before the writers started to compete.
    for offset in [core.name, text].into_iter().take(if number % 8 == 0 { 2 } else { 0 }) {
        let mut name = [0; 8];
        assert_eq!(table.text(offset, &mut name), Ok(expected), "{core:?}");
    }
}

/// Checks a core entry, and returns its number and its name.
fn check_core(core: &CoreEntry) -> (u64, &'static str) {
    let number = core.address;
    let name = NAMES[number as usize % 16];
    assert_eq!(core.length, number.rotate_left(7) >> 9, "{core:?}");
    assert_eq!(core.instance, core.address ^ core.length, "{core:?}");
    assert_eq!((core.class, core.extent, core.space, core.bound), (77, 0, 0, 0), "{core:?}");
    assert!([1, changed(number)].contains(&core.properties), "{core:?}");
    assert_eq!(core.id, hash::entry_id(Format::SCHEMA, "log", name, core.instance), "{core:?}");
    (number, name)
}

#[test]
fn a_stranger_reads_writers_that_run_and_that_have_stopped() {
    let (mut live, mut dead) = (Counts::default(), Counts::default());
    while live.rows < wanted() {
        let (writer, address) = start("statics".as_ref());
        let memory = Other(writer.pid());
        let until = Instant::now() + Duration::from_millis(if is_long() { 1500 } else { 150 });
        let tables = |memory| Tables::of_root(memory, address).unwrap().map(Result::unwrap);
        while Instant::now() < until {
            assert_eq!(tables(&memory).count(), 2);
            for table in tables(&memory) {
                for batch in [200, 64, 7] {
                    live.read(&table, batch);
                }
            }
        }
        // Stopped for ever at whatever instructions its threads are: what a core holds.
        let mut status = 0;
        // SAFETY: plain calls on our child; `status` is ours.
        unsafe {
            libc::kill(writer.pid(), libc::SIGSTOP);
            libc::waitpid(writer.pid(), &raw mut status, libc::WUNTRACED);
        }
        assert!(libc::WIFSTOPPED(status), "the writer has ended by itself");
        for table in tables(&memory) {
            let summary = dead.read(&table, 1);
            assert_eq!(summary.busy, 0);
            assert!(summary.torn <= THREADS, "{summary:?}");
            let mut frozen = vec![0; table.frozen_size()];
            let size = table.freeze(&mut frozen).unwrap().size;
            let frozen = inspect_format::table::Table::parse(&frozen[..size]).unwrap();
            assert_eq!(frozen.row_count() as u64, summary.live);
        }
        writer.kill();
    }
    println!("while they ran: {live:?}");
    println!("stopped: {dead:?}");
    // A busy row was read sixteen times and had another owner each time.
    assert!(live.busy < live.rows / 10 && dead.rows > 0);
}

/// Maps the shared file where every process has it.
fn map(file: &File) -> NonNull<u8> {
    let place = std::ptr::without_provenance_mut(PLACE);
    let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: with this flag nothing is mapped over what is mapped already.
    let memory = unsafe {
        let flags = flags | libc::MAP_FIXED_NOREPLACE;
        libc::mmap(place, SHARED_SIZE, rights, flags, file.as_raw_fd(), 0)
    };
    assert_eq!(memory.addr(), PLACE, "{}", std::io::Error::last_os_error());
    NonNull::new(memory.cast()).unwrap()
}

/// The program of C writers, or nothing where there is no compiler.
fn c_writers(directory: &Path) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let c = here.parent()?.join("codegen/c");
    let program = directory.join("writers");
    let result = Command::new("gcc")
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-I"])
        .arg(&c)
        .args([here.join("tests/c/writers.c"), c.join("inspect_runtime.c")])
        .arg("-o")
        .arg(&program)
        .status();
    match result {
        Ok(status) => {
            assert!(status.success(), "the C writers do not compile");
            Some(program)
        }
        Err(error) => {
            let is_required = std::env::var("INSPECT_REQUIRE_TOOLS").as_deref() == Ok("1");
            assert!(!is_required, "gcc: {error}");
            eprintln!("no gcc: Rust writes alone");
            None
        }
    }
}

#[test]
fn killed_writers_of_both_languages_lose_nothing_but_their_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(SHARED_SIZE as u64).unwrap();
    let memory = map(&file);
    // SAFETY: the file is zeros and stays mapped; the children keep to the protocol.
    let shared =
        unsafe { SharedTable::<Format>::create(memory, SHARED_SIZE, SHARED_ROWS) }.unwrap();
    let c_writers = c_writers(directory.path());
    let own = ThisProcess::new();
    let (mut live, mut dead) = (Counts::default(), Counts::default());
    let (mut kills, mut stuck, mut stuck_changing) = (0_u32, 0_u64, 0_u64);
    while live.rows < wanted() || kills < 30 {
        let rust = start(path.as_os_str()).0;
        let c = c_writers.as_ref().map(|program| {
            let mut command = Command::new(program);
            command.arg(&path).arg(SHARED_SIZE.to_string()).arg(PLACE.to_string()).arg("2");
            wait_until_ready(command).0
        });
        let table = LiveTable::at(&own, PLACE as u64).unwrap();
        let until = Instant::now() + Duration::from_millis(20 + u64::from(kills % 7) * 10);
        while Instant::now() < until {
            live.read(&table, SHARED_ROWS);
            // Whoever shares the memory reads it without a call.
            for entry in (0..20).flat_map(|_| shared.table().iter()) {
                check_core(&entry.core);
                live.rows += 1;
            }
        }
        rust.kill();
        c.into_iter().for_each(Writer::kill);
        kills += 1;
        let summary = dead.read(&table, 5);
        assert_eq!(summary.busy, 0);
        let reclaimed = shared.table().reclaim();
        assert_eq!(u64::from(reclaimed.writing), summary.torn);
        stuck += summary.torn;
        stuck_changing += u64::from(reclaimed.changing);
        // Rows that were changing are live again, whole, and everything live goes by its handle.
        assert_eq!(dead.read(&table, 5), Summary { live: summary.live, torn: 0, busy: 0 });
        let mut handles: Vec<_> = shared.table().iter().map(|entry| entry.handle).collect();
        assert_eq!(handles.len() as u64, summary.live);
        handles.drain(..).for_each(|handle| shared.table().unregister(handle).unwrap());
        fill_and_empty(&shared);
    }
    println!("while they ran: {live:?}");
    println!(
        "killed {kills} times: {dead:?}, {stuck} slots stuck, {stuck_changing} while changing"
    );
}

/// The whole capacity can be used, and no more.
fn fill_and_empty(shared: &SharedTable<Format>) {
    let table = shared.table();
    let numbers = 1..=SHARED_ROWS as u64;
    let register = |number| table.register_as(NAMES[number as usize % 16], announced(number));
    let handles: Vec<_> = numbers.map(|number| register(number).unwrap()).collect();
    assert_eq!(register(99), Err(RegisterError::Full));
    handles.iter().for_each(|handle| table.unregister(*handle).unwrap());
    assert_eq!(table.unregister(handles[0]), Err(Change::Stale));
    assert_eq!(table.iter().count(), 0);
}
