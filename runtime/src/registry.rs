//! The tables of every loaded object, through one parser: those of the image, those of run time, those of
//! shared objects.
//!
//! Objects are found through their ELF notes, which the loader lists; that takes the loader's lock, so that
//! [`refresh`] does it beforehand, and a signal handler uses [`known_tables`], which only reads memory.
//! What an image holds that nobody packed is registered by [`adopt_unpacked`].

mod adopt;
#[cfg(all(feature = "hosted", target_os = "linux"))]
mod objects;

pub use adopt::{AdoptError, AdoptErrorKind, Adopted, adopt_unpacked};

use inspect_format::walk::{self, LiveTable, WalkError};

use crate::memory::ThisProcess;
use crate::root;

static MEMORY: ThisProcess = ThisProcess::known();

/// The tables of one loaded object, with the address of its root.
pub type ObjectTables = walk::Tables<'static, ThisProcess>;

/// A table, or what is wrong with the next one. After an error the walk goes on with the next object.
pub type Found = Result<LiveTable<'static, ThisProcess>, WalkError>;

/// Looks for the roots of all loaded objects and keeps their addresses, for [`known_tables`]. To be called
/// again after `dlopen` and `dlclose`. Returns how many there are, or how many there are too many.
///
/// It takes the loader's lock: not for signal handlers.
#[cfg(all(feature = "hosted", target_os = "linux"))]
pub fn refresh() -> Result<usize, TooManyObjects> {
    objects::refresh()
}

/// More objects have roots than are kept; those that were found first are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyObjects {
    /// How many are not kept.
    pub lost: usize,
}

/// Every table of every loaded object: [`refresh`], then [`known_tables`].
pub fn tables() -> impl Iterator<Item = Found> {
    #[cfg(all(feature = "hosted", target_os = "linux"))]
    // What does not fit is in no iterator of ours, which `refresh` says to whoever asks it.
    let _ = refresh();
    known_tables()
}

/// The tables of this object and of those that [`refresh`] found: async-signal-safe, without a lock. An
/// object that was unloaded since is an error, not a fault.
pub fn known_tables() -> impl Iterator<Item = Found> {
    roots().flat_map(|address| {
        let (tables, error) = match walk::Tables::of_root(&MEMORY, address) {
            Ok(tables) => (Some(tables), None),
            Err(error) => (None, Some(Err(error))),
        };
        error.into_iter().chain(tables.into_iter().flatten())
    })
}

/// The addresses of the roots that [`known_tables`] visits, this object's first.
pub fn roots() -> impl Iterator<Item = u64> {
    let own = root::address();
    #[cfg(all(feature = "hosted", target_os = "linux"))]
    let others = objects::known();
    #[cfg(not(all(feature = "hosted", target_os = "linux")))]
    let others = core::iter::empty();
    core::iter::once(own).chain(others.filter(move |address| *address != own))
}

/// The tables of this object alone.
pub fn own_tables() -> Result<ObjectTables, WalkError> {
    walk::Tables::of_root(&MEMORY, root::address())
}

impl core::error::Error for TooManyObjects {}

impl core::fmt::Display for TooManyObjects {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} loaded objects with tables are too many to remember", self.lost)
    }
}
