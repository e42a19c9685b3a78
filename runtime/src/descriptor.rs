//! The descriptor of a schema: what annotations point at, so that whoever reads them, a packer or this very
//! program, learns what their entries look like. Its layout is that of `struct inspect_schema` in C.
//!
//! Generated code fills it in, once per schema, beside the sections that it leads to. Nobody follows its
//! pointers but by reads that are checked.

use inspect_format::hash;

use crate::blob::Blob;
use crate::entry::{ClassInfo, EntryFormat, FieldDefault, FieldInfo};

/// An entry that annotations can set the fields of. A generated entry type is one.
pub trait Annotated: EntryFormat {
    /// Has a function for each field that an annotation may set, of the field's name.
    type Fields;
    /// Where the schema's descriptor lies.
    const DESCRIPTOR: *const Descriptor;
}

/// What a schema's generated code carries, once in a crate: a head, and behind it the sections of its tables,
/// each at the next multiple of 8 bytes, so that whoever knows the head finds them without a relocation.
///
/// `H` is the history, `T` the types, `C` the CBOR.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Carried<H, T, C> {
    head: Blob<Descriptor>,
    /// The fingerprint of every version.
    pub history: H,
    /// BTF.
    pub types: T,
    /// Deterministic CBOR.
    pub cbor: C,
}

impl<H, T, C> Carried<H, T, C> {
    /// All four.
    pub const fn new(head: Descriptor, history: H, types: T, cbor: C) -> Self {
        Self { head: Blob::new(head), history, types, cbor }
    }
}

/// The head. Sizes are in bytes.
#[derive(Debug)]
#[repr(C, align(8))]
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
    /// How many bytes of `text` are not zero, of a field of bytes.
    text_size: u32,
    /// The default of a number.
    number: u64,
    name: *const u8,
    /// The default of a text, which ends in NUL, or of bytes; null where it is empty or zero.
    text: *const u8,
}

const _: () = {
    assert!(size_of::<Descriptor>() == 48 + 6 * size_of::<usize>());
    assert!(core::mem::offset_of!(Descriptor, cbor) == 40);
    assert!(core::mem::offset_of!(FieldRecord, name) == 24);
};

// SAFETY: the pointers are numbers to this crate: it never follows them, and there is no interior mutability.
unsafe impl Sync for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for ClassRecord {}
// SAFETY: as above.
unsafe impl Sync for FieldRecord {}

/// Where the sections of a schema lie, and how large they are.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Fingerprints, not bytes, are counted.
    pub history: (*const u64, usize),
    /// BTF.
    pub types: (*const u8, usize),
    /// Deterministic CBOR.
    pub cbor: (*const u8, usize),
}

impl Descriptor {
    /// Of a schema by its entry. `name` is the schema's, with a NUL behind it.
    #[must_use]
    pub const fn new<F: EntryFormat>(
        name: &'static str,
        places: Places,
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
            cbor_size: places.cbor.1 as u32,
            types_size: places.types.1 as u32,
            history_size: (8 * places.history.1) as u32,
            cbor: places.cbor.0,
            types: places.types.0.cast(),
            history: places.history.0,
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
    /// Of a field. `name` is its own, with a NUL behind it; `text` is the default where that is a text, with a
    /// NUL, or bytes.
    #[must_use]
    pub const fn new(name: &'static str, info: &FieldInfo, text: &'static [u8]) -> Self {
        let FieldInfo { offset, size, kind, .. } = *info;
        let (number, text_size) = match info.default {
            FieldDefault::Number(number) => (number, 0),
            FieldDefault::Text(_) => (0, 0),
            FieldDefault::Bytes(bytes) => (0, bytes.len() as u32),
        };
        let text = match text {
            [] => core::ptr::null(),
            text => text.as_ptr(),
        };
        Self { offset, size, kind: kind as u32, text_size, number, name: terminated(name), text }
    }
}

/// # Panics
/// If there is no NUL at the end; in constants only.
const fn terminated(name: &'static str) -> *const u8 {
    assert!(matches!(name.as_bytes(), [.., 0]), "a name in a descriptor ends in NUL");
    name.as_ptr()
}
