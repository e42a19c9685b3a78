//! An entry that goes when its guard does.

use super::{Change, Handle, RegisterError, TableRef};
use crate::EntryFormat;

/// Keeps an entry registered, and takes it back when it is dropped.
#[derive(Debug)]
#[must_use = "the entry goes when the guard does"]
pub struct Registered<F: EntryFormat> {
    table: TableRef<'static, F>,
    handle: Handle,
}

impl<F: EntryFormat> Registered<F> {
    pub(super) fn new(table: TableRef<'static, F>, entry: F) -> Result<Self, RegisterError> {
        let handle = table.register(entry)?;
        Ok(Self { table, handle })
    }

    /// The entry's handle.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// [`TableRef::set_properties`].
    pub fn set_properties(&self, bits: u64) -> Result<(), Change> {
        self.table.set_properties(self.handle, bits)
    }

    /// Leaves the entry registered.
    pub fn keep(self) -> Handle {
        let handle = self.handle;
        core::mem::forget(self);
        handle
    }
}

impl<F: EntryFormat> Drop for Registered<F> {
    fn drop(&mut self) {
        // An entry that somebody took back by its handle is gone already.
        let _ = self.table.unregister_patiently(self.handle);
    }
}
