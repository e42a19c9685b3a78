//! What [`annotate!`](crate::annotate) is made of: the traits that say which variables an annotation takes,
//! and the record of pairs that it leaves in the section `inspect_table`.
//!
//! Everything here is evaluated by the compiler. What comes out is data: a packer reads it in the file, and
//! [`adopt_unpacked`](crate::registry::adopt_unpacked) in memory. Layouts of pairs are those of
//! `inspect_format::abi::Pair`.
//!
//! The traits are open: a crate with a transparent cell of its own says so.
//!
//! ```
//! use std::cell::UnsafeCell;
//! use inspect_runtime::annotate::{Content, Own};
//!
//! /// A cell that interrupts write to.
//! #[repr(transparent)]
//! pub struct Shared<T>(UnsafeCell<T>);
//!
//! impl<T> Content<T, Own> for Shared<T> {}
//! ```

mod content;
mod record;

pub use content::{Content, Counter, Own, Pointer};
#[doc(hidden)]
pub use content::{Described, Edge, Element, Elements};
#[doc(hidden)]
pub use record::{Extent, Given, Item, Pairs, Record};
