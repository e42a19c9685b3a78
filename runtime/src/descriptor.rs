//! The descriptor of a schema: what annotations point at, so that whoever reads them, a packer or this very
//! program, learns what their entries look like. Its layout is that of `struct inspect_schema` in C.
//!
//! Generated code fills it in, once per schema, beside the sections that it leads to. Nobody follows its
//! pointers but by reads that are checked.

use inspect_format::hash;

use crate::entry::{ClassInfo, EntryFormat, FieldDefault, FieldInfo};

/// An entry that annotations can set the fields of. A generated entry type is one.
pub trait Annotated: EntryFormat {
    /// Has a function for each field that an annotation may set, of the field's name.
    type Fields;
    /// Where the schema's descriptor lies.
    const DESCRIPTOR: *const Descriptor;
}

/// What a schema's generated code carries. Sizes are in bytes.
#[derive(Debug)]
#[repr(C)]
pub struct Descriptor {
    /// Bytes of this struct.
    size: u32,
    version: u32,
    schema: u64,
    fingerprint: u64,
    entry_size: u32,
    cbor_size: u32,
    types_size: u32,
    history_size: u32,
    cbor: *const u8,
    types: *const u32,
    history: *const u64,
    /// Ends in NUL, as the names below do.
    name: *const u8,
    classes: *const ClassRecord,
    fields: *const FieldRecord,
    class_count: u32,
    field_count: u32,
}

/// `struct inspect_class`.
#[derive(Debug)]
#[repr(C)]
pub struct ClassRecord {
    number: u32,
    type_id: u32,
    properties: u64,
    name: *const u8,
}

/// `struct inspect_field`.
#[derive(Debug)]
#[repr(C)]
pub struct FieldRecord {
    offset: u32,
    size: u32,
    kind: u32,
    name: *const u8,
    /// The default of a number.
    number: u64,
    /// The default of a text, which ends in NUL, or `size` bytes of anything else; null is all zeros.
    text: *const u8,
}

// SAFETY: the pointers are numbers to this crate: it never follows them, and there is no interior mutability.
unsafe impl Sync for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for ClassRecord {}
// SAFETY: as above.
unsafe impl Sync for FieldRecord {}

/// Where the sections of a schema lie, and how large they are.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// Deterministic CBOR.
    pub cbor: (*const u8, usize),
    /// BTF.
    pub types: (*const u8, usize),
    /// A fingerprint for each version.
    pub history: (*const u64, usize),
}

impl Descriptor {
    /// Of a schema by its entry. `name` is the schema's, with a NUL behind it.
    #[must_use]
    pub const fn new<F: EntryFormat>(
        name: &'static str,
        carried: Carried,
        classes: (*const ClassRecord, usize),
        fields: (*const FieldRecord, usize),
    ) -> Self {
        let fingerprint = match F::HISTORY {
            [.., last] => *last,
            [] => 0,
        };
        Self {
            size: size_of::<Self>() as u32,
            version: F::VERSION,
            schema: hash::schema_number(F::SCHEMA),
            fingerprint,
            entry_size: F::SIZE,
            cbor_size: carried.cbor.1 as u32,
            types_size: carried.types.1 as u32,
            history_size: carried.history.1 as u32,
            cbor: carried.cbor.0,
            types: carried.types.0.cast(),
            history: carried.history.0,
            name: terminated(name),
            classes: classes.0,
            fields: fields.0,
            class_count: classes.1 as u32,
            field_count: fields.1 as u32,
        }
    }
}

impl ClassRecord {
    /// Of a class. `name` is its own, with a NUL behind it.
    #[must_use]
    pub const fn new(name: &'static str, info: &ClassInfo) -> Self {
        let ClassInfo { number, properties, type_id, .. } = *info;
        Self { number, type_id, properties, name: terminated(name) }
    }
}

impl FieldRecord {
    /// Of a field. `name` is its own, with a NUL behind it; `text` is the default where that is no number:
    /// a text with a NUL behind it, or as many bytes as the field has.
    #[must_use]
    pub const fn new(name: &'static str, info: &FieldInfo, text: &'static [u8]) -> Self {
        let number = match info.default {
            FieldDefault::Number(number) => number,
            _ => 0,
        };
        let text = match text {
            [] => core::ptr::null(),
            text => text.as_ptr(),
        };
        let (offset, size, kind) = (info.offset, info.size, info.kind as u32);
        Self { offset, size, kind, name: terminated(name), number, text }
    }
}

/// # Panics
/// If there is no NUL at the end; in constants only.
const fn terminated(name: &'static str) -> *const u8 {
    assert!(matches!(name.as_bytes(), [.., 0]), "a name in a descriptor ends in NUL");
    name.as_ptr()
}
