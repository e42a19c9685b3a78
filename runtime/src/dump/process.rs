//! What debuggers ask of a core beside memory, on Linux: the auxiliary vector, by which they find
//! where a position-independent program was loaded, and the registers of the thread that was
//! interrupted.

use inspect_format::notes;

use super::{Error, Output, Request};

const NT_PRSTATUS: u32 = 1;
#[cfg(target_arch = "x86_64")]
const NT_FPREGSET: u32 = 2;
const NT_AUXV: u32 = 6;

/// The auxiliary vector and the registers, as notes hold them.
pub(super) struct Process {
    auxv: [u8; AUXV_MAX],
    auxv_size: usize,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    status: [u8; layout::SIZE],
    /// Where the context has them.
    #[cfg(target_arch = "x86_64")]
    floats: Option<[u8; layout::FLOATS_SIZE]>,
}

/// About twice as much as kernels give.
const AUXV_MAX: usize = 1024;

impl Process {
    pub(super) fn new(request: &Request<'_>) -> Self {
        let mut process = Self {
            auxv: [0; AUXV_MAX],
            auxv_size: 0,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            status: layout::status(request),
            #[cfg(target_arch = "x86_64")]
            floats: layout::floats(request),
        };
        process.auxv_size = read_auxv(&mut process.auxv);
        process
    }

    pub(super) fn size(&self) -> u64 {
        let note = |size: usize| notes::size(size as u64).unwrap_or(0);
        let mut size = 0;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        {
            size += note(self.status.len());
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(floats) = &self.floats {
            size += note(floats.len());
        }
        if self.auxv_size > 0 {
            size += note(self.auxv_size);
        }
        size
    }

    pub(super) fn write(&self, out: &mut Output<'_>) -> Result<(), Error> {
        let mut note = |kind, bytes: &[u8]| {
            out.note(notes::CORE, kind, bytes.len() as u32, |out| out.put(bytes))
        };
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        note(NT_PRSTATUS, &self.status)?;
        #[cfg(target_arch = "x86_64")]
        if let Some(floats) = &self.floats {
            note(NT_FPREGSET, floats)?;
        }
        if self.auxv_size > 0 {
            note(NT_AUXV, &self.auxv[..self.auxv_size])?;
        }
        Ok(())
    }
}

/// Reads the auxiliary vector and returns its size; 0 where the system does not show it.
fn read_auxv(out: &mut [u8]) -> usize {
    let mut used = 0;
    // SAFETY: the path is a constant that ends with a NUL. All three calls are async-signal-safe,
    // and the kernel writes at most as many bytes as are left of `out`.
    unsafe {
        let file = libc::open(c"/proc/self/auxv".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return 0;
        }
        loop {
            let rest = &mut out[used..];
            match libc::read(file, rest.as_mut_ptr().cast(), rest.len()) {
                count @ 1.. => used += count as usize,
                _ => break,
            }
        }
        libc::close(file);
    }
    used
}

/// `struct elf_prstatus` of the kernel: signal, identity, times, registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod layout {
    use super::Request;

    const SIGNAL_AT: usize = 0;
    const CURRENT_SIGNAL_AT: usize = 12;
    const PID_AT: usize = 32;
    const REGISTERS_AT: usize = 112;
    #[cfg(target_arch = "x86_64")]
    const REGISTERS: usize = 27;
    #[cfg(target_arch = "aarch64")]
    const REGISTERS: usize = 34;
    /// Behind the registers stands a number that tells whether there are floating-point registers,
    /// padded.
    pub(super) const SIZE: usize = REGISTERS_AT + REGISTERS * 8 + 8;

    pub(super) fn status(request: &Request<'_>) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(SIGNAL_AT, &request.signal.to_ne_bytes());
        put(CURRENT_SIGNAL_AT, &(request.signal as u16).to_ne_bytes());
        // SAFETY: both calls only return numbers.
        let (thread, process) = unsafe { (libc::gettid(), libc::getpid()) };
        put(PID_AT, &thread.to_ne_bytes());
        put(PID_AT + 8, &process.to_ne_bytes());
        if request.context != 0 {
            for (index, register) in registers(request.context).iter().enumerate() {
                put(REGISTERS_AT + 8 * index, &register.to_ne_bytes());
            }
        }
        bytes
    }

    /// What `fxsave` writes, which is the layout of the note.
    #[cfg(target_arch = "x86_64")]
    pub(super) const FLOATS_SIZE: usize = 512;

    #[cfg(target_arch = "x86_64")]
    pub(super) fn floats(request: &Request<'_>) -> Option<[u8; FLOATS_SIZE]> {
        use crate::memory::ThisProcess;
        use inspect_format::walk::Memory;
        if request.context == 0 {
            return None;
        }
        let context = core::ptr::with_exposed_provenance::<libc::ucontext_t>(request.context);
        // SAFETY: whoever set the context promised that it points to one that is alive
        // (`Request::context`).
        let place = unsafe { (*context).uc_mcontext.fpregs };
        let mut bytes = [0; FLOATS_SIZE];
        // The kernel leaves the pointer null where it saved none.
        let read = ThisProcess::known().read(place.addr() as u64, &mut bytes);
        read.is_ok().then_some(bytes)
    }

    #[cfg(target_arch = "x86_64")]
    fn registers(context: usize) -> [u64; REGISTERS] {
        let context = core::ptr::with_exposed_provenance::<libc::ucontext_t>(context);
        // SAFETY: whoever set the context promised that it points to one that is alive
        // (`Request::context`).
        let own = unsafe { (*context).uc_mcontext.gregs };
        let own = |index: libc::c_int| own[index as usize] as u64;
        let segments = own(libc::REG_CSGSFS);
        // The order of `struct user_regs_struct`. What the context lacks is 0; `orig_rax` of -1
        // says that no system call was under way.
        [
            own(libc::REG_R15),
            own(libc::REG_R14),
            own(libc::REG_R13),
            own(libc::REG_R12),
            own(libc::REG_RBP),
            own(libc::REG_RBX),
            own(libc::REG_R11),
            own(libc::REG_R10),
            own(libc::REG_R9),
            own(libc::REG_R8),
            own(libc::REG_RAX),
            own(libc::REG_RCX),
            own(libc::REG_RDX),
            own(libc::REG_RSI),
            own(libc::REG_RDI),
            u64::MAX,
            own(libc::REG_RIP),
            segments & 0xffff,
            own(libc::REG_EFL),
            own(libc::REG_RSP),
            segments >> 48,
            0,
            0,
            0,
            0,
            segments >> 32 & 0xffff,
            segments >> 16 & 0xffff,
        ]
    }

    #[cfg(target_arch = "aarch64")]
    fn registers(context: usize) -> [u64; REGISTERS] {
        let context = core::ptr::with_exposed_provenance::<libc::ucontext_t>(context);
        // SAFETY: whoever set the context promised that it points to one that is alive
        // (`Request::context`).
        let own = unsafe { &(*context).uc_mcontext };
        let mut registers = [0; REGISTERS];
        registers[..31].copy_from_slice(&own.regs);
        registers[31] = own.sp;
        registers[32] = own.pc;
        registers[33] = own.pstate;
        registers
    }
}
