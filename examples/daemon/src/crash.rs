//! What happens at SIGSEGV: a core, a zone and a snapshot, without an allocation, without a lock,
//! on a stack of the handler's own. Whatever can be done beforehand is done at start.

use std::error::Error;
use std::ffi::{CString, c_int, c_void};
use std::fs::File;
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use inspect_format::abi::{Order, payload_kind};
use inspect_format::zone::{Label, Layout, Zone};
use inspect_runtime::dump::{FileSink, Request, Workspace};
use inspect_runtime::registry;
use inspect_runtime::zone::{MappedFile, ZoneSink};

use crate::poison::IS_HANDLING;
use crate::s;

const PRODUCER: &str = concat!("daemon ", env!("CARGO_PKG_VERSION"));
const ZONE_SIZE: usize = 1 << 20;

/// Room for every entry of the table, twice: what is refused may cut what is allowed in two.
static WORKSPACE: Workspace<128, 65_536> = Workspace::new();
/// Where the core goes, opened at start: a full table of files is no reason to lose it.
static CORE: AtomicI32 = AtomicI32::new(-1);
/// The directory in which a snapshot is taken.
static DIRECTORY: AtomicI32 = AtomicI32::new(-1);
/// The zone, which the handler takes.
static ZONE: AtomicPtr<MappedFile> = AtomicPtr::new(ptr::null_mut());

/// Opens what a crash will need, and installs the handler.
pub(crate) fn prepare(directory: &Path) -> Result<(), Box<dyn Error>> {
    CORE.store(File::create(directory.join("core"))?.into_raw_fd(), Ordering::Relaxed);
    DIRECTORY.store(File::open(directory)?.into_raw_fd(), Ordering::Relaxed);
    let path = CString::new(directory.join("zone").as_os_str().as_bytes())?;
    let mut zone = MappedFile::open(&path, ZONE_SIZE)?;
    if Zone::open(&zone).is_err() {
        let layout =
            Layout { slot_count: 2, order: Order::NATIVE, word_size: size_of::<usize>() as u8 };
        Zone::init(&mut zone, layout)?;
    }
    ZONE.store(Box::into_raw(Box::new(zone)), Ordering::Release);
    // The loader's lists are walked now; the handler must not.
    registry::refresh()?;
    install()
}

fn install() -> Result<(), Box<dyn Error>> {
    /// Enough for the handler, whose largest frames are small buffers.
    const STACK_SIZE: usize = 64 << 10;
    let stack = vec![0_u8; STACK_SIZE].leak();
    let stack =
        libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK_SIZE };
    // SAFETY: the stack was leaked and is the handler's alone. An action of zero bytes is a valid
    // one, and the handler has the signature that `SA_SIGINFO` asks for.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = handle;
        action.sa_sigaction = handler as usize;
        // The default action is back when the handler runs: a second fault ends the program.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
        libc::sigaltstack(&stack, ptr::null_mut())
            | libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().into()) }
}

extern "C" fn handle(signal: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    IS_HANDLING.store(true, Ordering::Relaxed);
    let request = Request::new(&s::consumer::REPORT).producer(PRODUCER).signal(signal);
    // SAFETY: the context is the one that the kernel made for this handler, and lives as long.
    let request = unsafe { request.context(context) };
    // What fails is lost, and the others are still tried: nobody is left to be told.
    let _ = request.elf(&WORKSPACE, &mut FileSink::new(CORE.load(Ordering::Relaxed)));
    write_zone(&request);
    let request = Request::new(&s::consumer::SNAPSHOT).producer(PRODUCER);
    let _ = request.snapshot(&WORKSPACE, DIRECTORY.load(Ordering::Relaxed), c"snapshot");
    // Back to the instruction that faulted, which now ends the program as it would have.
}

fn write_zone(request: &Request<'_>) {
    let zone = ZONE.swap(ptr::null_mut(), Ordering::Acquire);
    if zone.is_null() {
        return;
    }
    // SAFETY: the pointer came from a box that nobody frees, and the swap left it to this handler
    // alone.
    let zone = unsafe { &mut *zone };
    let label = Label { kind: payload_kind::ELF, nonce: 0, written_at: 0 };
    let Ok(mut sink) = ZoneSink::begin(zone, label) else { return };
    if request.elf(&WORKSPACE, &mut sink).is_ok() {
        let _ = sink.finish();
    }
}

/// Reads memory that is not there.
#[inline(never)]
pub(crate) fn provoke() {
    // SAFETY: none: this is the fault that the example is about, on a page that nobody may read.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0);
        page.cast::<u8>().read_volatile();
    }
}
