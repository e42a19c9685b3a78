//! Dumps: what a consumer may see of an image, as an ELF core that says of every entry what became
//! of it.
//!
//! The rules are those of a producer that dumps itself, and the same code decides
//! ([`inspect_format::consumer`]). [`Plan::new`] judges every entry and finds its memory;
//! [`elf`] writes what was planned; [`Captures`] reads what a dump says about itself.
//!
//! **Refused bytes do not leak through a neighbour.** What an entry that is denied, or `sensitive`
//! without a permission, has in common with one that is allowed is left out, and so are sensitive
//! fields. Registers, arguments and file names are left out unless somebody asks for the registers.

mod bytes;
mod capture;
pub mod elf;
mod plan;
mod readable;
mod unfinished;
mod write;

pub use bytes::{Part, Parts};
pub use capture::{Captures, Outcome};
pub use plan::{Plan, Report};
pub(crate) use readable::Readable;
pub use unfinished::Unfinished;
