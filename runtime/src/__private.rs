//! What generated code names, and nobody else. It changes with the generator, in step: generated code asks
//! for the interface that it was made for by the name of a constant, so that another one does not compile.

pub use inspect_format::abi::Order;
pub use inspect_format::hash;
pub use inspect_format::table::{Compatibility, Error, Row, Rows, Table};

pub use crate::bits;
pub use crate::decode::{
    Array, BindError, Coded, Count, Element, Field, Kind, Known, Layouts, Mismatch, Shape, Slot,
    Str, Target, View, ViewError, Wrapper,
};
pub use crate::decode::{coded, coded_stride, native_target};
pub use crate::describe::{Captured, Described, External, Opaque, Place};
pub use crate::entry::{Class, EntryFormat, Region};
pub use crate::policy::{Budget, Consumer, Partial, Rule, Space};
pub use crate::table::{FieldWriter, RegisterError, Word};
pub use crate::value::{Be16, Be32, Be64, Le16, Le32, Le64, Ptr, Text};
pub use core::ffi::c_void;
pub use core::sync::atomic;

pub use inspect_format::bits::sign_extend;

/// The position of this machine's target, for tables that differ between targets.
pub const TARGET: usize = native_target() as usize;

/// The first word of a types section.
pub const TYPES_MAGIC: u32 = {
    let [first, second] = inspect_format::btf::MAGIC.to_ne_bytes();
    u32::from_ne_bytes([first, second, inspect_format::btf::VERSION, 0])
};

/// The interface between generated code and this crate. Generated code asserts it by name:
/// `const _: () = rt::THIS_CODE_AND_INSPECT_RUNTIME_ARE_OF_DIFFERENT_VERSIONS_GENERATE_IT_AGAIN_1;`
pub const THIS_CODE_AND_INSPECT_RUNTIME_ARE_OF_DIFFERENT_VERSIONS_GENERATE_IT_AGAIN_1: () = ();

/// Data that stands in a writable section though nobody writes it: cores that a kernel writes leave out
/// read-only pages of files.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Blob<T>(core::cell::UnsafeCell<T>);

// SAFETY: no method gives out more than a shared reference, so that nobody ever writes to the data.
unsafe impl<T: Sync> Sync for Blob<T> {}

impl<T> Blob<T> {
    /// Holds `data`.
    pub const fn new(data: T) -> Self {
        Self(core::cell::UnsafeCell::new(data))
    }

    /// The data.
    pub const fn get(&self) -> &T {
        // SAFETY: the pointer is that of a living cell, and nobody ever writes to it (see `Sync`).
        unsafe { &*self.0.get() }
    }
}
