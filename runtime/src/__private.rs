//! What generated code names, and nobody else. It changes with the generator, in step: generated code asks
//! for the interface that it was made for by the name of a constant, so that another one does not compile.

pub use inspect_format::abi::Order;
pub use inspect_format::hash;
pub use inspect_format::table::{Compatibility, Error, Row, Rows, Table};

pub use crate::annotate::{
    Described as ByDescription, Element as BehindPointer, Elements, Extent, Given, Item, Pairs,
    Record,
};
pub use crate::bits;
pub use crate::blob::{Blob, Types};
pub use crate::decode::{
    Array, BindError, Coded, Count, Element, Field, Kind, Known, Layouts, Mismatch, Shape, Slot,
    Str, Target, View, ViewError, Wrapper,
};
pub use crate::decode::{coded, coded_stride, native_target};
pub use crate::describe::{Captured, Described, External, Opaque, Place};
pub use crate::descriptor::{Annotated, Carried, ClassRecord, Descriptor, FieldRecord, Places};
pub use crate::entry::{
    Class, ClassInfo, EntryFormat, FieldDefault, FieldInfo, FieldKind, Region, Sections,
};
pub use crate::policy::{Budget, Consumer, Partial, Rule, Space};
pub use crate::table::{FieldWriter, RegisterError, Word, Words};
pub use crate::value::{Be16, Be32, Be64, Le16, Le32, Le64, Ptr, Text};
pub use core::ffi::c_void;
pub use core::sync::atomic;

pub use inspect_format::bits::sign_extend;

/// The position of this machine's target, for tables that differ between targets.
pub const TARGET: usize = native_target() as usize;

/// Holds what the compiler made of a struct against its schema: `layouts` are offsets, size and alignment,
/// `by_target` says which target has which, where there is more than one. On a machine that is no target
/// nothing is known.
///
/// # Panics
/// Where they differ: generated code calls it in constants, so that it does not compile.
pub const fn assert_layout(
    size: usize,
    align: usize,
    offsets: &[usize],
    layouts: &[(&[usize], usize, usize)],
    by_target: &[u8],
) {
    let index = match by_target.len() {
        0 => 0,
        _ if !IS_TARGET => return,
        _ => by_target[TARGET] as usize,
    };
    let (expected, expected_size, expected_align) = layouts[index];
    let mut at = 0;
    while at < offsets.len() {
        assert!(offsets[at] == expected[at], "a field does not lie where its schema says");
        at += 1;
    }
    assert!(align == expected_align, "the struct's alignment is not the one of its schema");
    assert!(size == expected_size, "the struct's size is not the one of its schema");
}

/// Whether this machine is a target, and not only like one.
const IS_TARGET: bool = cfg!(any(
    all(
        target_pointer_width = "64",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "powerpc64",
            target_arch = "s390x"
        )
    ),
    target_arch = "x86",
    target_arch = "arm",
    target_arch = "riscv32",
    all(target_arch = "mips", target_endian = "big")
));

/// The first word of a types section.
pub const TYPES_MAGIC: u32 = {
    let [first, second] = inspect_format::btf::MAGIC.to_ne_bytes();
    u32::from_ne_bytes([first, second, inspect_format::btf::VERSION, 0])
};

/// The interface between generated code and this crate. Generated code asserts it by name:
/// `const _: () = rt::THIS_CODE_AND_INSPECT_RUNTIME_ARE_OF_DIFFERENT_VERSIONS_GENERATE_IT_AGAIN_2;`
pub const THIS_CODE_AND_INSPECT_RUNTIME_ARE_OF_DIFFERENT_VERSIONS_GENERATE_IT_AGAIN_2: () = ();
