//! The annotations of an image that nobody packed, registered as they stand in memory, where the loader has
//! relocated them: the first `cargo run` needs no further step.

use core::fmt;
use core::marker::PhantomData;

use inspect_format::abi::Order;
use inspect_format::annotation::{
    self, Annotation, AnnotationError, AnnotationErrorKind, FieldValue, Location,
};
use inspect_format::hash;
use inspect_format::pairs::{PairError, Record, Records, Value};
use inspect_format::root::offset_address;
use inspect_format::walk::Memory;

use super::{MEMORY, own_tables};
use crate::Region;
use crate::entry::{EntryFormat, FieldDefault, FieldInfo, FieldKind, NameHashes};
use crate::table::once::{MOST_TURNS, announce_once};
use crate::table::{FieldWriter, Handle, Name, RegisterError, RuntimeTable, TableRef};

/// What became of the annotations of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Entries that were registered.
    pub registered: usize,
    /// Annotations whose entries were there already, by an earlier call or by another annotation of the same
    /// key and address.
    pub known: usize,
    /// Annotations of other schemas.
    pub foreign: usize,
}

/// An annotation that cannot be an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdoptError {
    /// The file that it stands in, as its compiler called it; empty if it does not say.
    pub file: &'static str,
    /// The line; 0 if it does not say.
    pub line: u64,
    /// What is wrong.
    pub kind: AdoptErrorKind,
}

/// What can be wrong with an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptErrorKind {
    /// The pairs themselves.
    Pairs(PairError),
    /// It names no class.
    NoClass,
    /// It names a class that the schema lacks.
    Class(&'static str),
    /// A key that is neither one of the core's nor a field of the entry.
    Key(&'static str),
    /// A value of another kind than the key takes, or too large for it.
    Value(&'static str),
    /// A key that stands there twice, no address, an extent without its bound.
    Annotation(AnnotationErrorKind<'static>),
    /// The table does not take the entry.
    Register(RegisterError),
}

/// Registers the annotations of this object that belong to the table's schema. Entries that are there
/// already are not registered again, whoever else adopts them at the same moment. The first annotation that cannot be an entry is the error; those
/// before it are registered.
pub fn adopt_unpacked<F: EntryFormat, const N: usize, const NAMES: usize>(
    table: &'static RuntimeTable<F, N, NAMES>,
) -> Result<Adopted, AdoptError> {
    let mut adopted = Adopted::default();
    let table = table.open();
    for record in Records::new(section(), Order::NATIVE, size_of::<usize>() as u8) {
        let record = record.map_err(|error| AdoptError::nowhere(AdoptErrorKind::Pairs(error)))?;
        let place = |kind| AdoptError {
            file: record.text("file").unwrap_or_default(),
            line: record.integer("line").unwrap_or_default(),
            kind,
        };
        if schema_of(&record) != Some(const { hash::schema_number(F::SCHEMA) }) {
            adopted.foreign += 1;
            continue;
        }
        let row = Parsed::<F>::new(&record).map_err(place)?;
        match row.register_once(&table).map_err(place)? {
            true => adopted.registered += 1,
            false => adopted.known += 1,
        }
    }
    Ok(adopted)
}

/// An annotation, understood.
struct Parsed<F> {
    region: Region,
    annotation: Annotation<'static>,
    format: PhantomData<F>,
}

impl<F: EntryFormat> Parsed<F> {
    fn new(record: &Record<'static>) -> Result<Self, AdoptErrorKind> {
        let annotation = Annotation::read(record)?;
        let class = annotation.class;
        let info = F::CLASSES.iter().find(|info| info.name == class);
        let mut region = Region::of_info::<F>(info.ok_or(AdoptErrorKind::Class(class))?);
        for pair in annotation.fields() {
            let field = F::FIELDS.iter().find(|field| field.name == pair.key);
            let field = field.ok_or(AdoptErrorKind::Key(pair.key))?;
            value_of(field, &pair.value).ok_or(AdoptErrorKind::Value(pair.key))?;
        }
        region.type_id = annotation.type_id.unwrap_or(region.type_id);
        region.id = annotation.id;
        region.instance = annotation.instance;
        region.properties |= annotation.properties;
        region.length = annotation.length;
        region.space = annotation.space;
        region.extent = annotation.extent;
        region.address = address(annotation.address()?);
        region.bound = annotation.bound.map_or(0, address);
        region.bound_size = annotation.bound_size;
        Ok(Self { region, annotation, format: PhantomData })
    }

    fn hashed(&self) -> NameHashes {
        NameHashes::new(self.region.class_prefix, self.annotation.name)
    }

    /// Registers it unless an entry of its key and address is in the table, or comes there at this moment.
    fn register_once(&self, table: &TableRef<'_, F>) -> Result<bool, AdoptErrorKind> {
        let id = self.region.full_id(self.hashed());
        let is_there = |own: Option<Handle>| {
            let mut others = table.find_by_class(self.region.class);
            others.any(|it| {
                it.core.id == id && it.core.address == self.region.address && Some(it.handle) != own
            })
        };
        let register = || self.register(table);
        let withdraw = |own| table.unregister_patiently(own).is_ok();
        announce_once(is_there, register, withdraw, MOST_TURNS)
    }

    fn register(&self, table: &TableRef<'_, F>) -> Result<Handle, AdoptErrorKind> {
        let name = Name { text: self.annotation.name, hashed: self.hashed() };
        let fields = |out: &mut FieldWriter<'_>| {
            for field in F::FIELDS {
                let said = self.annotation.fields().find(|pair| pair.key == field.name);
                let said = said.and_then(|pair| value_of(field, &pair.value));
                put(out, field, said.unwrap_or_else(|| default_of(field)))?;
            }
            Ok(())
        };
        let registered = table.register_with(name, &self.region, fields);
        registered.map_err(AdoptErrorKind::Register)
    }
}

/// Where the loader has put what an annotation names.
fn address(location: Location) -> u64 {
    match location {
        Location::Pointer { value, .. } | Location::Number(value) => value,
    }
}

/// What a pair says of a field, if it can.
fn value_of<'a>(field: &FieldInfo, value: &Value<'a>) -> Option<FieldValue<'a>> {
    FieldValue::of(kind_of(field), field.size as usize, value)
}

fn default_of(field: &FieldInfo) -> FieldValue<'static> {
    match field.default {
        FieldDefault::Number(number) => FieldValue::Number(number),
        FieldDefault::Text(text) => FieldValue::Text(text),
        FieldDefault::Bytes(bytes) => FieldValue::Raw(bytes),
    }
}

fn kind_of(field: &FieldInfo) -> annotation::FieldKind {
    match field.kind {
        FieldKind::Native => annotation::FieldKind::Number(Order::NATIVE),
        FieldKind::Big => annotation::FieldKind::Number(Order::Big),
        FieldKind::Little => annotation::FieldKind::Number(Order::Little),
        FieldKind::Text => annotation::FieldKind::Text,
        FieldKind::String => annotation::FieldKind::String,
        FieldKind::Bytes => annotation::FieldKind::Bytes,
    }
}

/// Puts a value into a field that it fits.
fn put(
    out: &mut FieldWriter<'_>,
    field: &FieldInfo,
    value: FieldValue<'_>,
) -> Result<(), RegisterError> {
    let (offset, size) = (field.offset as usize, field.size as usize);
    if field.kind == FieldKind::String {
        return out.put_text(offset, value.text());
    }
    for (index, byte) in value.stored(kind_of(field), size).enumerate() {
        out.put(offset + index, [byte]);
    }
    Ok(())
}

/// The number of the schema that an annotation belongs to, as its descriptor says: two 32-bit words, then the
/// number.
fn schema_of(record: &Record<'_>) -> Option<u64> {
    let mut number = [0; 8];
    MEMORY.read(record.descriptor.checked_add(8)?, &mut number).ok()?;
    Some(u64::from_ne_bytes(number))
}

/// The section of this object's annotations, where there is one.
fn section() -> &'static [u8] {
    let Ok(tables) = own_tables() else { return &[] };
    let root = *tables.root();
    if root.compile_table == 0 {
        return &[];
    }
    let address = |distance| offset_address(root.self_address, distance, root.word_size) as usize;
    let (start, end) = (address(root.compile_table), address(root.compile_end));
    let pointer = core::ptr::with_exposed_provenance::<u8>(start);
    // SAFETY: the linker made the distances from the bounds of the section `inspect_table`, which is loaded
    // with the object that this code is in. Nobody writes to annotations once the loader has relocated them.
    unsafe { core::slice::from_raw_parts(pointer, end.saturating_sub(start)) }
}

impl From<AnnotationError<'static>> for AdoptErrorKind {
    fn from(error: AnnotationError<'static>) -> Self {
        match error.kind {
            AnnotationErrorKind::Pair(kind) => {
                Self::Pairs(PairError { offset: error.offset, kind })
            }
            AnnotationErrorKind::NoClass => Self::NoClass,
            AnnotationErrorKind::Value { key, .. } => Self::Value(key),
            other => Self::Annotation(other),
        }
    }
}

impl AdoptError {
    fn nowhere(kind: AdoptErrorKind) -> Self {
        Self { file: "", line: 0, kind }
    }
}

impl core::error::Error for AdoptError {}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            "" => f.write_str("an annotation: ")?,
            file => write!(f, "{}:{}: ", file.escape_debug(), self.line)?,
        }
        match self.kind {
            AdoptErrorKind::Pairs(error) => error.fmt(f),
            AdoptErrorKind::NoClass => f.write_str("no class is named"),
            AdoptErrorKind::Class(name) => {
                write!(f, "the schema has no class `{}`", name.escape_debug())
            }
            AdoptErrorKind::Key(key) => {
                write!(f, "`{}` is neither a key nor a field of the entry", key.escape_debug())
            }
            AdoptErrorKind::Value(key) => {
                write!(f, "the value of `{}` does not go there", key.escape_debug())
            }
            // No pair is at fault: the offset is not shown.
            AdoptErrorKind::Annotation(kind) => AnnotationError { offset: 0, kind }.fmt(f),
            AdoptErrorKind::Register(error) => error.fmt(f),
        }
    }
}
