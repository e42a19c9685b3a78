//! Files in, files out: what the program and build scripts share. Apart from `cli`, the only module
//! that reads or writes anything.

mod depfile;
mod load;
mod locks;
#[cfg(feature = "cli")]
mod replace;
mod script;
mod write;

pub use depfile::depfile;
pub use load::{EXTENSION, Loaded, MAX_FILE_SIZE, load, read_text, text_of};
pub use locks::{LOCK_NAME, is_whole, lock_places, locks_of, read_lock_text};
#[cfg(feature = "cli")]
pub(crate) use replace::{Anew, behind_links, replace_file};
#[cfg(feature = "cli")]
pub(crate) use script::unknown_target;
pub use script::{Build, BuildError};
pub use write::{WriteError, changes, write, write_file};
