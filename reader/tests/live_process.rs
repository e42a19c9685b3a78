//! Running processes: what is read is theirs and nobody else's, and an error says what to do.

#![cfg(target_os = "linux")]

mod live {
    pub(crate) mod support;
}

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use inspect_reader::image::process::{Denial, Error as Wrong};
use inspect_reader::image::{self, ErrorKind, Image, Options, Target};
use inspect_reader::memory::{Missing, Reason, Run};
use live::support::{Files, bytes, skip};

/// The environment of a child: what it is to do.
const ROLE: &str = "INSPECT_LIVE_ROLE";

static MARK: [u8; 16] = *b"\x01only in a test\x02";

/// Not a test: what a child of the tests below does. It tells addresses, and waits for the end of its
/// input.
#[test]
fn child() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    if role == "not dumpable" {
        // SAFETY: a plain call on this process.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
    }
    println!("\nready {} {}", (&raw const MARK).addr(), three_pages());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    if role == "exec" {
        let error = Command::new("sleep").arg("600").exec();
        panic!("{error}");
    }
}

/// Three pages, the second of which is gone again; each byte is the number of its page.
fn three_pages() -> usize {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory is mapped and written, and some of it taken away, which nobody uses.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), 3 * PAGE, access, flags, -1, 0);
        for page in 0..3 {
            start.byte_add(page * PAGE).cast::<u8>().write_bytes(page as u8 + 1, PAGE);
        }
        libc::munmap(start.byte_add(PAGE), PAGE);
        start.addr()
    }
}

const PAGE: usize = 4096;

/// A child that dies with this value.
struct Other {
    child: Child,
    mark: u64,
    pages: u64,
}

impl Other {
    fn start(role: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::of(&program, role, &mut |_| ())
    }

    fn of(program: &Path, role: &str, change: &mut dyn FnMut(&mut Command)) -> Self {
        let mut command = Command::new(program);
        command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]).env(ROLE, role);
        change(&mut command);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines {
            let line = line.unwrap();
            let Some(said) = line.strip_prefix("ready ") else { continue };
            let numbers: Vec<u64> = said.split(' ').map(|word| word.parse().unwrap()).collect();
            return Self { child, mark: numbers[0], pages: numbers[1] };
        }
        panic!("the child has ended: {:?}", child.wait());
    }

    fn open(&self) -> Image {
        open(self.child.id()).unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    fn end(&mut self) {
        self.kill();
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open(number: u32) -> Result<Image, Wrong> {
    image::open(&Target::Process(number), &Options::default()).map_err(|error| {
        assert_eq!(error.name, format!("pid:{number}"));
        match error.kind {
            ErrorKind::Process(wrong) => wrong,
            other => panic!("{other:?}"),
        }
    })
}

fn read(image: &Image, address: u64, length: usize) -> Result<Vec<u8>, Missing> {
    let mut out = vec![0; length];
    image.memory.read(0, address, &mut out).map(|()| out)
}

#[test]
fn memory_is_read_and_holes_are_found() {
    let other = Other::start("wait");
    let image = other.open();
    assert_eq!(bytes(&image, other.mark, 16), MARK);
    let page = PAGE as u64;
    assert_eq!(read(&image, other.pages, PAGE).unwrap(), [1; PAGE]);
    assert_eq!(read(&image, other.pages + 2 * page, PAGE).unwrap(), [3; PAGE]);
    for (start, length) in [(0, 2 * PAGE), (1, 3 * PAGE), (4000, 97), (4096, 1), (8191, 1)] {
        let missing = read(&image, other.pages + start, length).unwrap_err();
        let address = other.pages + start.max(page);
        assert_eq!(missing, Missing { space: 0, address, reason: Reason::Absent });
    }
    for address in [0, u64::MAX, u64::MAX - 7, 1 << 63] {
        let missing = read(&image, address, 8).unwrap_err();
        assert_eq!((missing.address, missing.reason), (address, Reason::Absent), "{missing}");
    }
    assert_eq!(read(&image, 0, 0), Ok(Vec::new()));
    let physical = image.memory.read(1, other.mark, &mut [0]).unwrap_err();
    assert_eq!((physical.space, physical.reason), (1, Reason::Absent));
}

#[test]
fn runs_are_what_is_mapped_now() {
    let other = Other::start("wait");
    let image = other.open();
    let runs = image.memory.runs(0);
    assert!(runs.is_sorted_by(|a, b| a.address + a.length <= b.address));
    let at = |address: u64| runs.iter().find(|run| address.wrapping_sub(run.address) < run.length);
    assert_eq!(at(other.mark).unwrap().access, 4, "a constant");
    let page = PAGE as u64;
    let access = [0, 1, 2].map(|index| at(other.pages + index * page).map(|run| run.access));
    assert_eq!(access, [Some(6), None, Some(6)]);
    assert!(image.memory.runs(1).is_empty());
    // All of it can be read, from its first to its last byte.
    for run in &runs {
        for address in [run.address, run.address + run.length - 1] {
            assert!(read(&image, address, 1).is_ok(), "{run:x?}");
        }
    }
}

#[test]
fn objects_are_the_program_and_its_libraries() {
    let other = Other::start("wait");
    let image = other.open();
    let program = std::env::current_exe().unwrap();
    let names: Vec<_> = image.objects.iter().map(|object| &object.name[..]).collect();
    assert_eq!(Some(names[0]), program.to_str());
    assert!(image.objects[0].range.contains(&other.mark));
    assert!(names.iter().any(|name| name.contains("libc.so")), "{names:?}");
    assert!(names.contains(&"[vdso]"), "{names:?}");
    for (index, object) in image.objects.iter().enumerate() {
        let overlaps = |other: &image::Object| {
            object.range.start < other.range.end && other.range.start < object.range.end
        };
        assert!(!image.objects[..index].iter().any(overlaps), "{object:?}");
    }
    let machine = image.machine.unwrap();
    assert_eq!(usize::from(machine.word_size), size_of::<usize>());
    assert!(image.remarks.is_empty());
}

#[test]
fn a_path_may_hold_anything() {
    let files = Files::new();
    let path = files.path("a b\n\x1b[2J7f00-7f01 r-xp (deleted)");
    std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    let other = Other::of(&path, "wait", &mut |_| ());
    let image = other.open();
    assert_eq!(Some(&image.objects[0].name[..]), path.to_str());
    // A program that is removed while it runs is still what it was.
    std::fs::remove_file(&path).unwrap();
    let image = other.open();
    assert_eq!(image.objects[0].name, format!("{} (deleted)", path.display()));
    assert_eq!(bytes(&image, other.mark, 16), MARK);
}

#[test]
fn a_process_that_ends_is_gone() {
    let mut other = Other::start("wait");
    let (image, at_once) = (other.open(), other.open());
    assert!(!image.memory.is_gone());
    other.kill();
    // Its first thread may have ended while the memory lives on with another one.
    while !image.memory.is_gone() {
        std::thread::yield_now();
    }
    // Nobody has asked for its status: there still is something of that number.
    while !matches!(open(other.child.id()), Err(Wrong::Zombie)) {
        std::thread::yield_now();
    }
    let gone = Missing { space: 0, address: other.mark, reason: Reason::Gone };
    assert_eq!(read(&image, other.mark, 16), Err(gone));
    assert!(image.memory.runs(0).is_empty());
    // Whoever asks for many pieces at once is told no less.
    assert!(!at_once.memory.is_cut_short());
    let pieces = [(other.mark, 8), (other.mark + 8, 8)];
    assert_eq!(at_once.memory.read_many(0, &pieces, &mut [0; 16]), Err(gone));
    assert!(at_once.memory.is_cut_short());
    other.end();
    assert_eq!(read(&image, other.mark, 16), Err(gone));
    assert!(matches!(open(other.child.id()), Err(Wrong::NoProcess)));
}

/// A program whose first thread ends while another one goes on.
const LEADERLESS: &[u8] = br#"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static const char mark[16] = "\001only in a test\002";

static void *other(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, other, NULL) != 0)
		return 1;
	printf("%llu\n", (unsigned long long)(unsigned long)mark);
	fflush(stdout);
	pthread_exit(NULL);
}
"#;

/// The kernel shows nothing of a first thread that has ended; the memory is there for the others.
#[test]
fn a_process_whose_first_thread_has_ended_is_read() {
    let files = Files::new();
    let (source, program) = (files.write("x.c", LEADERLESS), files.path("leaderless"));
    let built = Command::new("gcc").arg("-pthread").arg("-o").arg(&program).arg(source).output();
    if !built.is_ok_and(|output| output.status.success()) {
        return skip("gcc");
    }
    let mut child = Command::new(&program).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mark = line.trim().parse().unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    let image = open(child.id()).unwrap();
    assert_eq!(Some(&image.objects[0].name[..]), program.to_str());
    assert_eq!(bytes(&image, mark, 16), MARK);
    assert_eq!(read(&image, 0, 1).unwrap_err().reason, Reason::Absent);
    let holds_mark = |run: &Run| mark.wrapping_sub(run.address) < run.length;
    assert!(image.memory.runs(0).iter().any(holds_mark));
    assert!(image.machine.is_some_and(|machine| machine.number != 0));
    assert_eq!(image.notes.len(), 1, "the auxiliary vector");
    assert!(!image.memory.is_gone() && !image.memory.is_cut_short());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(image.memory.is_gone());
    assert_eq!(read(&image, mark, 16).unwrap_err().reason, Reason::Gone);
    assert!(image.memory.is_cut_short(), "somebody asked and got nothing");
    assert!(matches!(open(child.id()), Err(Wrong::NoProcess)));
}

#[test]
fn a_process_that_becomes_another_program_is_gone() {
    let mut other = Other::start("exec");
    let image = other.open();
    assert_eq!(bytes(&image, other.mark, 16), MARK);
    drop(other.child.stdin.take());
    while !image.memory.is_gone() {
        std::thread::yield_now();
    }
    assert_eq!(read(&image, other.mark, 16).unwrap_err().reason, Reason::Gone);
    // What runs there now can be read as what it is.
    while other.open().objects.first().is_none_or(|object| object.name.contains("live_process")) {
        std::thread::yield_now();
    }
}

/// The next child gets the number of one that has ended. It has the same memory at the same
/// addresses, since it runs the same program without randomised addresses.
#[test]
fn a_number_that_somebody_else_got_is_not_that_process() {
    let fixed = |command: &mut Command| {
        let fix = || {
            // SAFETY: a plain call on the child before it becomes the program.
            unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
            Ok(())
        };
        // SAFETY: the closure makes one call and allocates nothing.
        unsafe { command.pre_exec(fix) };
    };
    let program = std::env::current_exe().unwrap();
    let start = || Other::of(&program, "wait", &mut { fixed });
    for _ in 0..100 {
        let mut first = start();
        let number = first.child.id();
        let image = first.open();
        first.end();
        if std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).is_err() {
            return skip("the right to choose the number of the next process");
        }
        let second = start();
        // Somebody else may have been quicker.
        if second.child.id() != number {
            continue;
        }
        assert_eq!(second.mark, first.mark, "or it proves nothing");
        assert_eq!(bytes(&second.open(), second.mark, 16), MARK);
        assert_eq!(read(&image, first.mark, 16).unwrap_err().reason, Reason::Gone);
        assert!(image.memory.is_gone() && image.memory.runs(0).is_empty());
        return;
    }
    panic!("the number is never given again");
}

#[test]
fn what_is_no_process_has_an_error_of_its_own() {
    let number = u32::MAX;
    let wrong = open(number).expect_err("an error");
    assert!(matches!(wrong, Wrong::NoProcess) && wrong.help().is_some(), "{wrong}");
    match std::fs::read_to_string("/proc/2/comm") {
        Ok(name) if name.trim() == "kthreadd" => {
            let wrong = open(2).expect_err("an error");
            assert!(matches!(wrong, Wrong::Kernel | Wrong::Denied(_)), "{wrong}");
        }
        _ => skip("a thread of the kernel"),
    }
}

/// Not a test: opens a process as somebody without rights, and says what became of it.
#[test]
fn stranger() {
    let Some(number) = std::env::var_os("INSPECT_LIVE_STRANGER") else { return };
    let wrong = match open(number.to_str().unwrap().parse().unwrap()) {
        Err(Wrong::Denied(denial)) => format!("{denial:?}"),
        other => format!("{other:?}"),
    };
    println!("\nstranger {wrong}");
}

const NOBODY: u32 = 65534;

fn as_nobody(number: u32) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "stranger", "--nocapture", "--test-threads", "1"]);
    command.env("INSPECT_LIVE_STRANGER", number.to_string()).uid(NOBODY).gid(NOBODY);
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().find_map(|line| line.strip_prefix("stranger "))?.to_owned())
}

#[test]
fn a_process_of_somebody_else_is_refused_with_the_reason() {
    let other = Other::start("wait");
    // SAFETY: the call returns a number.
    let is_root = unsafe { libc::geteuid() } == 0;
    let Some(said) = as_nobody(other.child.id()).filter(|_| is_root) else {
        return skip("the right to become another user");
    };
    assert_eq!(said, "User(0)");
    // One of the same user that does not want it.
    let program = std::env::current_exe().unwrap();
    let nobody = &mut |command: &mut Command| {
        command.uid(NOBODY).gid(NOBODY);
    };
    let other = Other::of(&program, "not dumpable", nobody);
    assert_eq!(as_nobody(other.child.id()).unwrap(), "NotDumpable");
    assert_eq!(bytes(&other.open(), other.mark, 16), MARK, "root may");
    for denial in [Denial::User(5), Denial::NotDumpable, Denial::Scope(1), Denial::Confined] {
        let wrong = Wrong::Denied(denial);
        assert!(wrong.to_string().starts_with("no permission to read the process: "));
        assert!(wrong.help().is_some());
    }
}

/// A program of 32 bits under a kernel of 64.
#[test]
fn a_process_with_shorter_words_is_read() {
    let files = Files::new();
    let source = files.write("x.c", b"int main(void) { for (;;) __builtin_ia32_pause(); }\n");
    let program = files.path("short");
    let mut gcc = Command::new("gcc");
    // It needs no library for 32 bits.
    gcc.args(["-m32", "-nostdlib", "-static", "-Wl,-e,main", "-Wl,--build-id", "-o"]);
    let built = gcc.arg(&program).arg(source).output();
    if !built.is_ok_and(|output| output.status.success()) {
        return skip("gcc -m32");
    }
    let mut child = Command::new(&program).spawn().unwrap();
    // The child is known before the kernel has mapped its program.
    let whole = |image: &Image| image.objects.iter().any(|object| object.name.ends_with("short"));
    let image = (0..100_000).find_map(|_| open(child.id()).ok().filter(whole));
    child.kill().unwrap();
    child.wait().unwrap();
    let image = image.unwrap();
    let machine = image.machine.unwrap();
    assert_eq!((machine.word_size, machine.number), (4, 3));
    assert_eq!(Some(&image.objects[0].name[..]), program.to_str());
    assert_eq!(image.objects[0].build_id.as_ref().map(Vec::len), Some(20));
}

/// An emulator's process holds programs of two machines.
#[test]
fn a_program_in_an_emulator_is_said_to_be_one() {
    let files = Files::new();
    let source = files.write("x.c", b"int main(void) { for (;;); }\n");
    let program = files.path("foreign");
    let mut gcc = Command::new("aarch64-linux-gnu-gcc");
    gcc.args(["-nostdlib", "-static", "-Wl,-e,main", "-o"]).arg(&program).arg(source);
    if !gcc.output().is_ok_and(|output| output.status.success()) {
        return skip("aarch64-linux-gnu-gcc");
    }
    let started = ["qemu-aarch64", "qemu-aarch64-static"]
        .iter()
        .find_map(|name| Command::new(name).arg(&program).spawn().ok());
    let Some(mut child) = started else { return skip("qemu-aarch64") };
    let mut remarks = Vec::new();
    // It takes a moment until the emulator has mapped the program.
    for _ in 0..1000 {
        remarks = open(child.id()).map(|image| image.remarks).unwrap_or_default();
        if !remarks.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(remarks[0].text.contains("foreign is of another machine (number 183"), "{remarks:?}");
}
