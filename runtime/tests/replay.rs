//! The memory of a table after every single store of a writer, each read as the image of a program that died
//! there: rows published before are there, rows never published are not, at most the row in flight is lost.
//!
//! A child writes, and this process has it execute one instruction at a time and looks at its memory after each.
//! So there is no store that is not seen, whatever the compiler made of the writer.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod support;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use inspect_format::abi::{CoreEntry, DirectoryRecord, Header, Order, Root, section_kind};
use inspect_format::table::Table;
use inspect_format::walk::{Fault, LiveEntry, Memory, Tables};
use inspect_runtime::memory::ThisProcess;
use inspect_runtime::{Handle, RuntimeTable, root};

use support::{Format, entry};

static TABLE: RuntimeTable<Format, 3, 64> = RuntimeTable::new();

/// Twice the steps that are done, and one more while the next is.
static PROGRESS: AtomicU32 = AtomicU32::new(0);

const SIZE: usize = size_of::<RuntimeTable<Format, 3, 64>>();

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A name, and what the entry's address and length are made of.
    Register(&'static str, u64),
    /// Of the entry with this number, to these bits.
    Change(u64, u64),
    Unregister(u64),
}

use Step::{Change, Register, Unregister};

/// Slots and names are used again, rows come between rows, and the table is full once.
const STEPS: [Step; 12] = [
    Register("one", 1),
    Register("two", 2),
    Change(1, 0x8000_0000_0000_0101),
    Register("three", 3),
    Unregister(2),
    Register("one", 4),
    Change(4, 0x4000_0000_0000_0001),
    Unregister(1),
    Register("two", 5),
    Unregister(3),
    Unregister(4),
    Unregister(5),
];

/// A row as readers see it: the number, the properties, the name.
type Row = (u64, u64, String);

/// The rows after the first `count` steps, in the order of their numbers.
fn expected(count: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for step in &STEPS[..count] {
        match *step {
            Register(name, number) => rows.push((number, 1, name.into())),
            Unregister(number) => rows.retain(|row| row.0 != number),
            Change(number, bits) => {
                rows.iter_mut().filter(|row| row.0 == number).for_each(|row| row.1 = bits);
            }
        }
    }
    rows.sort();
    rows
}

fn write() {
    let mut handles: [Option<Handle>; 8] = [None; 8];
    for (index, step) in (0..).zip(STEPS) {
        PROGRESS.store(2 * index + 1, Ordering::SeqCst);
        match step {
            Register(name, number) => {
                let announced = entry(number << 20, number << 4 | 5);
                handles[number as usize] = Some(TABLE.register_as(name, announced).unwrap());
            }
            Change(number, bits) => {
                TABLE.set_properties(handles[number as usize].unwrap(), bits).unwrap();
            }
            Unregister(number) => TABLE.unregister(handles[number as usize].unwrap()).unwrap(),
        }
        PROGRESS.store(2 * index + 2, Ordering::SeqCst);
    }
}

/// What a writer's memory is at one moment: pieces of it by their addresses.
#[derive(Clone, PartialEq)]
struct Image {
    root: (u64, Vec<u8>),
    table: (u64, Vec<u8>),
}

impl Memory for Image {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        for (start, bytes) in [&self.root, &self.table] {
            let at = address.checked_sub(*start).filter(|at| *at < bytes.len() as u64);
            if let Some(found) = at.and_then(|at| bytes.get(at as usize..at as usize + out.len())) {
                out.copy_from_slice(found);
                return Ok(());
            }
        }
        // What never changes lies where it lies in this process.
        ThisProcess::new().read(address, out)
    }
}

impl Image {
    /// Every row that a reader of the image sees, and how many it reports as torn.
    fn rows(&self) -> (Vec<Row>, u64) {
        let (mut rows, mut torn) = (Vec::new(), 0);
        for table in Tables::of_root(self, self.root.0).unwrap() {
            let table = table.unwrap();
            let mut buffer = vec![0; table.buffer_size(2)];
            let mut visit = |row: LiveEntry<'_>| {
                let core = row.core;
                let number = core.address >> 20;
                assert_eq!((core.address, core.length), (number << 20, number << 4 | 5));
                assert_eq!(core.instance, core.address ^ core.length, "a torn row");
                let twin: [u8; 8] = row.row[64..72].try_into().unwrap();
                let twin = match table.order() {
                    Order::Little => u64::from_le_bytes(twin),
                    Order::Big => u64::from_be_bytes(twin),
                };
                assert_eq!(twin, core.instance, "a torn row");
                let mut name = [0; 16];
                let name = table.text(core.name, &mut name).unwrap();
                rows.push((number, core.properties, name.to_owned()));
                ControlFlow::Continue(())
            };
            let summary = table.entries(&mut buffer, &mut visit).unwrap();
            assert_eq!(summary.busy, 0, "nothing changes in a dead image");
            torn += summary.torn;
            // A dump keeps the same rows.
            let mut frozen = vec![0; table.frozen_size()];
            let size = table.freeze(&mut frozen).unwrap().size;
            let frozen = Table::parse(&frozen[..size]).unwrap();
            let names = frozen.rows().map(|row| row.name().unwrap().to_owned());
            assert!(names.eq(rows.iter().map(|row| row.2.clone())));
        }
        rows.sort();
        (rows, torn)
    }

    /// The same, as a machine of another byte order and word size would have it.
    fn foreign(&self, order: Order, word_size: u8) -> Self {
        let (root_address, table_address) = (0x1000, 0x2000);
        let moved = |address| if address == self.table.0 { table_address } else { address };
        let byte_order = if order == Order::Little { 1 } else { 2 };
        let record = Root::read(self.root.1[..].first_chunk().unwrap(), Order::NATIVE);
        let record = Root {
            byte_order,
            word_size,
            compile_table: 0,
            compile_end: 0,
            runtime_table: moved(record.runtime_table),
            self_address: root_address,
            ..record
        };
        let mut root = vec![0; Root::SIZE];
        record.write(root.first_chunk_mut().unwrap(), order);
        let table = self.foreign_table(table_address, order, word_size);
        Self { root: (root_address, root), table: (table_address, table) }
    }

    fn foreign_table(&self, address: u64, order: Order, word_size: u8) -> Vec<u8> {
        let old = &self.table.1;
        let header = Header::read(old[..].first_chunk().unwrap(), Order::NATIVE);
        let byte_order = if order == Order::Little { 1 } else { 2 };
        let mut table = old.clone();
        let written = Header { byte_order, word_size, self_address: address, ..header };
        written.write(table.first_chunk_mut().unwrap(), order);
        for index in 0..header.section_count.min(5) as usize {
            let at = Header::SIZE + index * DirectoryRecord::SIZE;
            let record = DirectoryRecord::read(old[at..].first_chunk().unwrap(), Order::NATIVE);
            let mut record = record;
            if record.kind > section_kind::STRINGS {
                // They lie at a distance that the other machine cannot have.
                record.size = 0;
            }
            record.write(table[at..].first_chunk_mut().unwrap(), order);
        }
        for at in (256..256 + 3 * 80).step_by(80) {
            let core = CoreEntry::read(old[at..].first_chunk().unwrap(), Order::NATIVE);
            core.write(table[at..].first_chunk_mut().unwrap(), order);
            if order != Order::NATIVE {
                table[at + 64..at + 72].reverse();
                table[at + 72..at + 76].reverse();
            }
        }
        table
    }
}

/// Checks an image against what has been done by then. Whether the step in flight shows already.
fn judge(image: &Image, progress: u32) -> (bool, u64) {
    let done = (progress / 2) as usize;
    let is_in_flight = progress % 2 == 1;
    let (rows, torn) = image.rows();
    for (order, word_size) in [(Order::Big, 8), (Order::Little, 4), (Order::Big, 4)] {
        let foreign = image.foreign(order, word_size);
        assert_eq!(foreign.rows(), (rows.clone(), torn), "{order:?} {word_size}");
    }
    let is_register = is_in_flight && matches!(STEPS[done], Register(..));
    assert!(torn <= u64::from(is_register), "{torn} torn rows after {done} steps");
    if rows == expected(done) {
        return (false, torn);
    }
    assert!(is_in_flight, "after {done} steps there is {rows:?}");
    assert_eq!(rows, expected(done + 1), "in step {done}");
    (true, torn)
}

#[test]
fn a_writer_may_die_after_any_store() {
    // SAFETY: the child calls nothing but async-signal-safe functions and this crate's, which take no lock and
    // allocate nothing, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: plain calls on this process itself.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
            write();
            libc::_exit(0);
        }
    }
    let mut status = 0;
    // SAFETY: `status` is ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if !libc::WIFSTOPPED(status) {
        assert_ne!(std::env::var("INSPECT_REQUIRE_TOOLS").as_deref(), Ok("1"));
        eprintln!("skipped: this process may not trace its children");
        return;
    }
    let mut watched = Watched::new(child);
    let (mut instructions, mut images, mut torn) = (0_u64, 0_u64, 0_u64);
    let mut has_shown = None;
    loop {
        // SAFETY: the child is stopped, and ours.
        let stepped = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, child, 0, 0) };
        assert_eq!(stepped, 0);
        // SAFETY: as above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        if libc::WIFEXITED(status) {
            break;
        }
        assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTRAP, "{status:#x}");
        instructions += 1;
        let Some((image, progress)) = watched.look() else { continue };
        images += 1;
        let (shows, is_torn) = judge(&image, progress);
        torn += is_torn;
        // What has been seen stays.
        assert!(shows || has_shown != Some(progress), "a step was taken back");
        if shows {
            has_shown = Some(progress);
        }
    }
    assert_eq!(libc::WEXITSTATUS(status), 0);
    println!("{instructions} instructions, {images} images, {torn} of them with a torn row");
    let rows = STEPS.iter().filter(|step| matches!(step, Register(..))).count() as u64;
    assert!(images > 100 && torn > 5 * rows, "the writer was not seen at work");
}

/// The parts of the child's memory that matter, as they were last.
struct Watched {
    child: libc::pid_t,
    last: Vec<u8>,
    now: Vec<u8>,
}

impl Watched {
    fn new(child: libc::pid_t) -> Self {
        Self { child, last: Vec::new(), now: vec![0; Root::SIZE + SIZE + 4] }
    }

    /// The image and the progress, if anything changed.
    fn look(&mut self) -> Option<(Image, u32)> {
        let iovec = |address: usize, iov_len| libc::iovec { iov_base: address as *mut _, iov_len };
        let local = iovec(self.now.as_mut_ptr().addr(), self.now.len());
        let remote = [
            iovec(root::address() as usize, Root::SIZE),
            iovec((&raw const TABLE).addr(), SIZE),
            iovec((&raw const PROGRESS).addr(), 4),
        ];
        // SAFETY: `now` has room for the three, and is ours.
        let count = unsafe { libc::process_vm_readv(self.child, &local, 1, remote.as_ptr(), 3, 0) };
        assert_eq!(usize::try_from(count), Ok(self.now.len()));
        if self.now == self.last {
            return None;
        }
        self.last.clone_from(&self.now);
        let (root, rest) = self.now.split_at(Root::SIZE);
        let (table, progress) = rest.split_at(SIZE);
        let image = Image {
            root: (root::address(), root.to_vec()),
            table: ((&raw const TABLE).addr() as u64, table.to_vec()),
        };
        Some((image, u32::from_ne_bytes(progress.try_into().unwrap())))
    }
}
