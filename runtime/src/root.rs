//! The root: where the tables of this loaded object are found, by the program itself and by others.
//!
//! An executable or shared object has one. It leads to the tables that a packer left in the section
//! `inspect_table` and to the chain of run-time tables. Others find it by the ELF note `INSPECT`, which
//! survives `strip`, by the symbol `inspect_root`, or by its magic. The C runtime defines the same root:
//! where both are linked, the linker keeps one, to which both refer.

// Where Rust has an assembler for ELF; anywhere else the packer writes what only a linker knows.
#[cfg(all(
    any(
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "riscv64",
        target_arch = "riscv32",
        target_arch = "s390x",
    ),
    not(any(windows, target_vendor = "apple")),
))]
mod assembled;
#[cfg(not(all(
    any(
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "riscv64",
        target_arch = "riscv32",
        target_arch = "s390x",
    ),
    not(any(windows, target_vendor = "apple")),
)))]
mod plain;

use inspect_format::abi::Root;

use crate::sync::AtomicU32;
use crate::table::{Head, Link, Word, append};

/// The root as it lies in memory.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct RootWords {
    fixed: [AtomicU32; 4],
    compile_table: Word,
    compile_end: Word,
    runtime_table: Link,
    nonce: Word,
    self_address: Word,
    zero: Word,
}

const _: () = {
    assert!(size_of::<RootWords>() == Root::SIZE);
    assert!(core::mem::offset_of!(RootWords, runtime_table) == Root::RUNTIME_TABLE_AT);
    assert!(core::mem::offset_of!(RootWords, self_address) == Root::SELF_ADDRESS_AT);
};

/// Where the root of this loaded object lies.
#[must_use]
pub fn address() -> u64 {
    core::ptr::from_ref(here()).expose_provenance() as u64
}

/// A number that is the same in every run-time table of this start of the program, and another one in
/// tables that an earlier start left in memory.
pub(crate) fn nonce() -> u64 {
    here().nonce.settle(fresh_nonce())
}

/// Brings a number that differs from start to start, before anything is registered: for machines without an
/// operating system and without a counter of cycles, where a table that survived a warm reset could not be
/// told from a new one otherwise.
pub fn seed(number: u64) {
    here().nonce.settle(number | 1 | 1 << 32);
}

/// Appends a table to the chain, if it does not stand there yet.
pub(crate) fn link(table: &'static Head) {
    let own = core::ptr::from_ref(table).expose_provenance();
    append(&here().runtime_table, own, |next| {
        let place = next + inspect_format::abi::Header::NEXT_AT;
        // SAFETY: a link is only ever written by `append` and by its twin in the C runtime, with the
        // exposed address of a table's header that stays where it is as long as the program runs. `next`
        // lies wholly inside the header, is aligned to 8, and is accessed by atomics on all sides.
        unsafe { &*core::ptr::with_exposed_provenance::<Link>(place) }
    });
}

/// What differs from start to start, without asking anybody: where the loader put things, and how many
/// cycles have passed. Never 0.
fn fresh_nonce() -> u64 {
    let stack = 0_u8;
    let places =
        core::ptr::from_ref(&stack).addr().rotate_left(17) ^ core::ptr::from_ref(here()).addr();
    let mut mixed = places as u64 ^ cycles() ^ clock();
    for _ in 0..2 {
        mixed = (mixed ^ mixed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    mixed | 1
}

#[cfg(target_arch = "x86_64")]
fn cycles() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; where an operating system forbids it to programs,
    // it forbids `rdtsc` to the C library as well.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn cycles() -> u64 {
    0
}

#[cfg(feature = "hosted")]
fn clock() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the function writes to `now` and to nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

#[cfg(not(feature = "hosted"))]
fn clock() -> u64 {
    0
}

fn here() -> &'static RootWords {
    // SAFETY: the symbol is defined below or, the same bytes, in the C runtime: 64 bytes, aligned to 8, in
    // writable memory, that nobody accesses but by atomics once the loader has relocated them.
    unsafe { &inspect_root_here }
}

unsafe extern "C" {
    #[allow(improper_ctypes)]
    static inspect_root_here: RootWords;
}

/// A program that only annotates calls nothing of this crate, and its linker would leave the root behind
/// where nobody asks for it: what is `used` in a library is asked for.
#[cfg(not(feature = "off"))]
#[used]
static ANCHOR: Anchor = Anchor(&raw const inspect_root_here);

#[cfg(not(feature = "off"))]
struct Anchor(#[allow(dead_code)] *const RootWords);

#[cfg(not(feature = "off"))]
// SAFETY: nobody follows the pointer, or reads it.
unsafe impl Sync for Anchor {}
