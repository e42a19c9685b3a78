//! Files in, files out: what the program and build scripts share. Apart from `cli`, the only module that reads
//! or writes anything.

mod depfile;
mod load;
mod write;

pub use depfile::depfile;
pub use load::{EXTENSION, Loaded, MAX_FILE_SIZE, load, read_text};
pub use write::{WriteError, changes, write, write_file};
