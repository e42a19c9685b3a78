//! Every byte that leaves a process: the table format, its parts, a reader and a writer side by
//! side.
//!
//! [`abi`] holds the records and refers to nothing else. [`table`] reads and writes whole tables;
//! [`schema`], [`btf`] and [`history`] are the sections that describe one; [`consumer`] says who may
//! see which entry. No module does I/O,
//! nothing here is `unsafe`, and readers need no allocator: what builds bytes in memory is behind
//! the feature `alloc`.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

#[rustfmt::skip]
pub mod abi;
pub mod annotation;
pub mod bits;
pub mod btf;
pub mod consumer;
pub mod descriptor;
pub mod elfcore;
pub mod hash;
pub mod history;
#[cfg(feature = "alloc")]
pub mod ids;
pub mod notes;
pub mod pairs;
pub mod root;
pub mod schema;
pub mod snapshot;
pub mod table;
pub mod walk;
pub mod zone;
