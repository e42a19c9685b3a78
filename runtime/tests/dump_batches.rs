//! Memory goes into a sink many runs at once, and is asked about many regions at once: whatever a
//! sink takes of it, and wherever a page is missing, the dump is what it would be region by region.
#![cfg(target_os = "linux")]

mod dump {
    #[allow(dead_code, reason = "shared with the other tests of dumps")]
    pub(crate) mod support;
}

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use dump::support::{CONSUMER, Dump, address_of, dump as write, dump_in, entry, table};
use inspect_format::abi::CoreEntry;
use inspect_runtime::dump::{Error, FileSink, Request, Run, Sink, SinkError, Workspace};
use inspect_runtime::{Budget, Consumer};

/// More regions than the system takes in one call.
const MANY: u64 = 2500;

fn request(tables: &[u64]) -> Request<'_> {
    Request::new(&CONSUMER).tables(tables)
}

/// Regions of a few bytes each, with a byte between them.
fn scattered(block: &[u8]) -> u64 {
    let at = address_of(block);
    let entries: Vec<_> = (0..MANY).map(|index| ("", entry(1, at + index * 8, 7))).collect();
    table(&entries)
}

fn block() -> Vec<u8> {
    (0..MANY * 8).map(|index| (index * 7 % 251) as u8).collect()
}

fn in_file(tables: &[u64]) -> Dump {
    static WORKSPACE: Workspace<2500, 300_000> = Workspace::new();
    dump_in(&request(tables), &WORKSPACE).expect("a dump")
}

/// Pages that can be read and written, all 7.
fn pages(count: usize) -> (u64, u64) {
    // SAFETY: the call only asks for memory that nobody else has.
    unsafe {
        let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let start = libc::mmap(std::ptr::null_mut(), count * page, access, flags, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        (start.expose_provenance() as u64, page as u64)
    }
}

fn fill(start: u64, length: u64) {
    let start = std::ptr::with_exposed_provenance_mut::<u8>(start as usize);
    // SAFETY: the memory is that of a test, which has just mapped it.
    unsafe { start.write_bytes(7, length as usize) };
}

fn take_away(start: u64, length: u64) {
    let start = std::ptr::with_exposed_provenance_mut(start as usize);
    // SAFETY: as above; nothing refers to it.
    assert_eq!(unsafe { libc::mprotect(start, length as usize, libc::PROT_NONE) }, 0);
}

fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: the call fills two numbers, which are nobody else's.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}

#[test]
fn many_regions_are_all_there() {
    let block = block();
    let dump = in_file(&[scattered(&block)]);
    assert_eq!((dump.report.captured, dump.segments().len()), (MANY, MANY as usize));
    for index in 0..MANY {
        let bytes = &block[index as usize * 8..][..7];
        assert_eq!(dump.memory(address_of(&block[..]) + index * 8, 7), Some(bytes), "{index}");
    }
}

/// Takes a few bytes at a time, now less than a run and now more than one.
struct Sips {
    bytes: Vec<u8>,
    step: usize,
}

impl Sink for Sips {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn write_memory(&mut self, runs: &[Run]) -> Result<u64, SinkError> {
        assert!(!runs.is_empty() && runs.iter().all(|run| run.start < run.end));
        self.step = self.step % 23 + 1;
        let addresses = runs.iter().flat_map(|run| run.start..run.end).take(self.step);
        let before = self.bytes.len();
        for address in addresses {
            let place = std::ptr::with_exposed_provenance::<u8>(address as usize);
            // SAFETY: the regions of these tests are there.
            self.bytes.push(unsafe { place.read() });
        }
        Ok((self.bytes.len() - before) as u64)
    }
}

#[test]
fn a_sink_that_takes_little_gets_all_of_it() {
    let (block, large) = (block(), vec![9_u8; 20_000]);
    let more = table(&[("", entry(1, address_of(&large[..]), 20_000))]);
    let tables = [scattered(&block), more];
    static WORKSPACE: Workspace<2501, 300_000> = Workspace::new();
    let whole = dump_in(&request(&tables), &WORKSPACE).expect("a dump");
    let mut sips = Sips { bytes: Vec::new(), step: 0 };
    let report = request(&tables).elf(&WORKSPACE, &mut sips).expect("a dump");
    assert_eq!(report, whole.report);
    assert!(sips.bytes == whole.bytes);
}

/// A sink that says that it took nothing is not asked for ever.
#[test]
fn a_sink_that_takes_nothing_is_full() {
    struct Sated;
    impl Sink for Sated {
        fn write(&mut self, _: &[u8]) -> Result<(), SinkError> {
            Ok(())
        }
        fn write_memory(&mut self, _: &[Run]) -> Result<u64, SinkError> {
            Ok(0)
        }
    }
    let tables = [table(&[("", entry(1, address_of(&7_u64), 8))])];
    let result = request(&tables).elf(&Workspace::<4, 4096>::new(), &mut Sated);
    assert!(matches!(result, Err(Error::Sink { error: SinkError::Full, .. })), "{result:?}");
}

/// A pipe with room for a page, read slowly, while signals interrupt whoever writes.
#[test]
fn interrupted_and_short_writes_go_on_where_they_stopped() {
    extern "C" fn nothing(_: libc::c_int) {}
    let block = block();
    let tables = [scattered(&block)];
    let whole = in_file(&tables);
    let (mut reader, writer) = pipe();
    // SAFETY: the handler does nothing; without SA_RESTART it interrupts calls of the system.
    let own = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096);
        libc::pthread_self()
    };
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    let (report, bytes) = std::thread::scope(|scope| {
        let read = scope.spawn(move || {
            let (mut bytes, mut piece) = (Vec::new(), [0; 1000]);
            loop {
                if !IS_DONE.load(Ordering::Relaxed) {
                    // SAFETY: the thread waits for this one.
                    unsafe { libc::pthread_kill(own, libc::SIGUSR1) };
                }
                match reader.read(&mut piece).expect("the pipe is read") {
                    0 => return bytes,
                    count => bytes.extend_from_slice(&piece[..count]),
                }
            }
        });
        static WORKSPACE: Workspace<2500, 300_000> = Workspace::new();
        let report = request(&tables).elf(&WORKSPACE, &mut FileSink::new(writer.as_raw_fd()));
        IS_DONE.store(true, Ordering::Relaxed);
        drop(writer);
        (report, read.join().expect("the reader"))
    });
    assert_eq!(report, Ok(whole.report));
    assert!(bytes == whole.bytes);
}

/// What a sink takes of some runs, and why no more.
fn all(sink: &mut FileSink, runs: &[Run]) -> (u64, Result<(), SinkError>) {
    let mut taken = 0;
    loop {
        let mut skip = taken;
        let mut rest = Vec::new();
        for run in runs {
            let done = skip.min(run.length());
            skip -= done;
            rest.extend((done < run.length()).then_some(Run { start: run.start + done, ..*run }));
        }
        if rest.is_empty() {
            return (taken, Ok(()));
        }
        match sink.write_memory(&rest) {
            Ok(more) => taken += more,
            Err(error) => return (taken, Err(error)),
        }
    }
}

/// Everything before the hole is taken, and the error is about the run that has it; in a file, in a
/// pipe, which refuses what it cannot have all of, and in a socket.
#[test]
fn a_hole_among_runs_is_the_error_of_its_run() {
    let (start, page) = pages(4);
    fill(start, 4 * page);
    take_away(start + 2 * page, page);
    let run = |from, length| Run { start: start + from, end: start + from + length };
    let runs = [
        run(0, 100),
        run(page - 50, 90),
        run(2 * page - 10, 4),
        run(2 * page + 5, 30),
        run(3 * page, 10),
    ];
    let mut file = tempfile::tempfile().unwrap();
    let (mut reader, writer) = pipe();
    let (socket, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
    for descriptor in [file.as_raw_fd(), writer.as_raw_fd(), socket.as_raw_fd()] {
        let (taken, result) = all(&mut FileSink::new(descriptor), &runs);
        let fault = SinkError::Memory { address: start + 2 * page + 5 };
        assert_eq!((taken, result), (194, Err(fault)), "{descriptor}");
    }
    drop((writer, socket));
    let mut bytes = [const { Vec::new() }; 3];
    file.rewind().unwrap();
    file.read_to_end(&mut bytes[0]).unwrap();
    reader.read_to_end(&mut bytes[1]).unwrap();
    other.read_to_end(&mut bytes[2]).unwrap();
    assert!(bytes.iter().all(|bytes| bytes[..] == [7; 194]));
    // A run that reaches into it is taken as far as it goes.
    let mut sink = FileSink::new(file.as_raw_fd());
    let (taken, result) = all(&mut sink, &[run(0, 9), run(2 * page - 10, 50)]);
    assert_eq!((taken, result), (19, Err(SinkError::Memory { address: start + 2 * page })));
}

/// Memory that is there when it is looked for and gone when it is written ends the dump, which says
/// where; what came before is the dump's beginning.
#[test]
fn memory_that_vanishes_ends_the_dump_where_it_was() {
    struct Thief(FileSink, u64, u64);
    impl Sink for Thief {
        fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
            take_away(self.1, self.2);
            self.0.write(bytes)
        }
        fn write_memory(&mut self, runs: &[Run]) -> Result<u64, SinkError> {
            self.0.write_memory(runs)
        }
    }
    let (start, page) = pages(3);
    fill(start, 3 * page);
    let entries: Vec<_> =
        (0..3 * page / 64).map(|index| ("", entry(1, start + index * 64, 60))).collect();
    let tables = [table(&entries)];
    static WORKSPACE: Workspace<4096, 600_000> = Workspace::new();
    let whole = dump_in(&request(&tables), &WORKSPACE).expect("a dump");
    let mut file = tempfile::tempfile().unwrap();
    let mut thief = Thief(FileSink::new(file.as_raw_fd()), start + page, page);
    let result = request(&tables).elf(&WORKSPACE, &mut thief);
    let Err(Error::Sink { position, error }) = result else { panic!("{result:?}") };
    assert_eq!(error, SinkError::Memory { address: start + page });
    assert_eq!(position, whole.report.written - 2 * (page / 64) * 60);
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    assert!(bytes == whole.bytes[..position as usize]);
}

/// Regions on the same pages and on neighbours, of which one cannot be read: each says of itself
/// what it would say alone.
#[test]
fn regions_that_share_pages_are_told_apart() {
    let (start, page) = pages(600);
    fill(start, 600 * page);
    take_away(start + 300 * page, page);
    let hole = start + 300 * page..start + 301 * page;
    let places = (0..600).flat_map(|index| {
        let at = start + index * page;
        [(at, 10), (at + 8, 10), (at + page / 2, page / 4), (at + page - 20, 40)]
    });
    let within = |&(at, length): &(u64, u64)| at + length <= start + 600 * page;
    let places: Vec<(u64, u64)> = places.filter(within).collect();
    // The whole, and what is empty.
    let places = [&places[..], &[(start, 600 * page), (start + 5, 0), (hole.start, 0)]].concat();
    let entries: Vec<(&str, CoreEntry)> =
        places.iter().map(|(at, length)| ("", entry(1, *at, *length))).collect();
    static WORKSPACE: Workspace<2500, 300_000> = Workspace::new();
    let dump = dump_in(&request(&[table(&entries)]), &WORKSPACE).expect("a dump");
    let expected = places.iter().map(|(at, length)| {
        let end = at + length;
        if *length == 0 || end <= hole.start || *at >= hole.end {
            "captured".to_owned()
        } else if *at >= hole.start {
            "faulted".to_owned()
        } else {
            format!("truncated, fault, {}", hole.start - at)
        }
    });
    let expected: Vec<_> = expected.collect();
    assert_eq!(expected.iter().filter(|status| *status == "faulted").count(), 4);
    assert_eq!(dump.statuses(), expected);
    assert_eq!(dump.segments()[0], (start, 300 * page));
}

/// Whoever has no room in the budget is not even looked for: that would bring its pages in.
#[test]
fn what_is_over_the_budget_is_not_touched() {
    let (start, page) = pages(64);
    let there = |page_index: u64| {
        let mut found = 0_u8;
        let place = std::ptr::with_exposed_provenance_mut((start + page_index * page) as usize);
        // SAFETY: the call writes a byte for the one page that it is asked about.
        assert_eq!(unsafe { libc::mincore(place, page as usize, &mut found) }, 0);
        found & 1 == 1
    };
    let small = entry(3, start, 64);
    let large = entry(2, start + page, 62 * page);
    let last = entry(1, start + 63 * page, 64);
    let tables = [table(&[("a", small), ("b", large), ("c", last)])];
    let budget = Budget { bytes: Some(10_000), ..CONSUMER.budget };
    let consumer = Consumer { budget, ..CONSUMER };
    let dump = write(&Request::new(&consumer).tables(&tables)).expect("a dump");
    assert_eq!(dump.statuses(), ["captured", "over budget, bytes", "captured"]);
    assert!((1..63).all(|index| !there(index)), "pages were brought in");
}
