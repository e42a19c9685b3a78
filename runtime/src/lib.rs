//! What a program links that announces memory or decodes tables: run-time tables, the values that generated
//! structs are made of, and the machinery under generated decoders.
//!
//! Generated code names [`__private`] and nothing else of this crate, so that the public names are free to
//! follow what people write by hand. Data goes one way: a generated entry is handed to [`RuntimeTable`],
//! which publishes it as a row; [`RuntimeTable::copy_to`] makes the bytes of a table out of the rows.
//! Decoding goes the other way, in [`decode`]: bytes, a table, layouts, views.

#![no_std]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod annotate;
pub mod bits;
mod blob;
pub mod consumer;
pub mod decode;
mod describe;
mod descriptor;
pub mod dump;
mod entry;
mod macros;
pub mod memory;
pub mod notifier;
mod policy;
pub mod regions;
pub mod registry;
pub mod root;
pub mod sections;
#[cfg(feature = "hosted")]
pub mod snapshot;
mod sync;
mod table;
mod value;
mod word;
pub mod zone;

#[doc(hidden)]
pub mod __private;

pub use decode::Target;
pub use descriptor::Annotated;
pub use entry::{
    Class, ClassInfo, EntryFormat, FieldDefault, FieldInfo, FieldKind, Region, Sections,
};
pub use policy::{Budget, Consumer, Partial, Rule, Space};
#[cfg(feature = "alloc")]
pub use table::GrowingTable;
pub use table::{
    AttachError, Change, Entries, Entry, Handle, Reclaimed, RegisterError, Registered,
    RuntimeTable, SharedTable, TableRef,
};
pub use value::{Be16, Be32, Be64, Le16, Le32, Le64, Ptr, Text};
