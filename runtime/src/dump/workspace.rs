//! The memory that writing a dump takes, set aside before anything goes wrong.

use core::cell::UnsafeCell;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use super::plan::Selected;
use super::runs::Run;

/// Room to plan a dump in: for `REGIONS` entries that a consumer may see, and for `TABLES` bytes of
/// frozen tables. It is all zero at first, so that a static takes no room in the program's file.
///
/// ```ignore
/// static WORKSPACE: Workspace<256, 65_536> = Workspace::new();
/// ```
pub struct Workspace<const REGIONS: usize, const TABLES: usize> {
    is_taken: AtomicBool,
    parts: UnsafeCell<Parts<REGIONS, TABLES>>,
}

struct Parts<const REGIONS: usize, const TABLES: usize> {
    selected: [Selected; REGIONS],
    runs: [Run; REGIONS],
    tables: [u8; TABLES],
}

/// The parts of a workspace, of whatever size.
pub(crate) struct Scratch<'w> {
    pub(crate) selected: &'w mut [Selected],
    pub(crate) runs: &'w mut [Run],
    pub(crate) tables: &'w mut [u8],
}

/// The one user of a workspace.
pub(crate) struct Guard<'w, const REGIONS: usize, const TABLES: usize> {
    workspace: &'w Workspace<REGIONS, TABLES>,
}

// SAFETY: the parts are reached through a guard alone, of which there is one at a time.
unsafe impl<const REGIONS: usize, const TABLES: usize> Sync for Workspace<REGIONS, TABLES> {}

impl<const REGIONS: usize, const TABLES: usize> Workspace<REGIONS, TABLES> {
    /// An unused one.
    #[must_use]
    pub const fn new() -> Self {
        let parts = Parts {
            selected: [Selected::ZERO; REGIONS],
            runs: [Run::ZERO; REGIONS],
            tables: [0; TABLES],
        };
        Self { is_taken: AtomicBool::new(false), parts: UnsafeCell::new(parts) }
    }

    /// Takes it, unless somebody else has.
    pub(crate) fn take(&self) -> Option<Guard<'_, REGIONS, TABLES>> {
        let is_taken = self.is_taken.swap(true, Ordering::Acquire);
        // Only whoever took it may make a guard: dropping one gives the workspace back.
        (!is_taken).then(|| Guard { workspace: self })
    }
}

impl<const REGIONS: usize, const TABLES: usize> Guard<'_, REGIONS, TABLES> {
    pub(crate) fn scratch(&mut self) -> Scratch<'_> {
        // SAFETY: this guard is the only one, since `take` found the flag unset and set it in one
        // step, and only dropping the guard unsets it. It is borrowed mutably for as long as the
        // parts are.
        let parts = unsafe { &mut *self.workspace.parts.get() };
        Scratch { selected: &mut parts.selected, runs: &mut parts.runs, tables: &mut parts.tables }
    }
}

impl<const REGIONS: usize, const TABLES: usize> Drop for Guard<'_, REGIONS, TABLES> {
    fn drop(&mut self) {
        self.workspace.is_taken.store(false, Ordering::Release);
    }
}

impl<const REGIONS: usize, const TABLES: usize> Default for Workspace<REGIONS, TABLES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const REGIONS: usize, const TABLES: usize> fmt::Debug for Workspace<REGIONS, TABLES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_taken.load(Ordering::Relaxed) { "in use" } else { "free" };
        write!(f, "Workspace of {REGIONS} regions and {TABLES} bytes of tables, {state}")
    }
}
