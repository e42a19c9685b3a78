//! An allocator that ends the program if a signal handler allocates, so that the example's test
//! proves that its handler does not.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the handler as its first act.
pub(crate) static IS_HANDLING: AtomicBool = AtomicBool::new(false);

/// What the program ends with if its handler allocates.
const STATUS: libc::c_int = 97;

pub(crate) struct Allocator;

// SAFETY: everything is left to the system's allocator, or the program ends.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        check();
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn check() {
    if IS_HANDLING.load(Ordering::Relaxed) {
        // SAFETY: the call only ends the program.
        unsafe { libc::_exit(STATUS) }
    }
}
