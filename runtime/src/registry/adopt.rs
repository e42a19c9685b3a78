//! The annotations of an image that nobody packed, registered as they stand in memory, where the loader has
//! relocated them: the first `cargo run` needs no further step.

use core::fmt;
use core::marker::PhantomData;

use inspect_format::abi::{Order, extent};
use inspect_format::bits;
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
        match row.register_once(&table, &record).map_err(place)? {
            true => adopted.registered += 1,
            false => adopted.known += 1,
        }
    }
    Ok(adopted)
}

/// An annotation, understood.
struct Parsed<F> {
    region: Region,
    name: &'static str,
    format: PhantomData<F>,
}

impl<F: EntryFormat> Parsed<F> {
    fn new(record: &Record<'static>) -> Result<Self, AdoptErrorKind> {
        let class = record.text("class").ok_or(AdoptErrorKind::NoClass)?;
        let info = F::CLASSES.iter().find(|info| info.name == class);
        let mut region = Region::of_info::<F>(info.ok_or(AdoptErrorKind::Class(class))?);
        let mut name = "";
        for pair in record.pairs() {
            let pair = pair.map_err(AdoptErrorKind::Pairs)?;
            let wrong = AdoptErrorKind::Value(pair.key);
            match (pair.key, pair.value) {
                ("class" | "file", Value::Text(_)) | ("line", Value::Integer(_)) => {}
                ("name", Value::Text(text)) => name = text,
                ("type", Value::Integer(it)) => {
                    region.type_id = u32::try_from(it).map_err(|_| wrong)?;
                }
                ("id", Value::Integer(it)) => {
                    region.id = Some(u32::try_from(it).map_err(|_| wrong)?)
                }
                ("instance", Value::Integer(it)) => region.instance = it,
                ("properties", Value::Integer(it)) => region.properties |= it,
                ("address", Value::Address(it, _) | Value::Integer(it)) => region.address = it,
                ("length", Value::Integer(it)) => region.length = it,
                ("end", Value::Address(it, _) | Value::Integer(it)) => {
                    (region.bound, region.extent) = (it, extent::RANGE);
                }
                ("count", Value::Address(it, width)) => {
                    (region.bound, region.extent) = (it, extent::COUNTED);
                    region.bound_size = u8::try_from(width).map_err(|_| wrong)?;
                }
                ("extent", Value::Integer(it)) => {
                    region.extent = u8::try_from(it).map_err(|_| wrong)?;
                }
                ("space", Value::Integer(it)) => {
                    region.space = u16::try_from(it).map_err(|_| wrong)?;
                }
                (
                    "class" | "file" | "line" | "name" | "type" | "id" | "instance" | "properties"
                    | "address" | "length" | "end" | "count" | "extent" | "space",
                    _,
                ) => return Err(wrong),
                (key, value) => {
                    let field = F::FIELDS.iter().find(|field| field.name == key);
                    let field = field.ok_or(AdoptErrorKind::Key(key))?;
                    if !fits(field, &value) {
                        return Err(wrong);
                    }
                }
            }
        }
        Ok(Self { region, name, format: PhantomData })
    }

    fn hashed(&self) -> NameHashes {
        NameHashes::new(self.region.class_prefix, self.name)
    }

    /// Registers it unless an entry of its key and address is in the table, or comes there at this moment.
    fn register_once(
        &self,
        table: &TableRef<'_, F>,
        record: &Record<'static>,
    ) -> Result<bool, AdoptErrorKind> {
        let id = self.region.full_id(self.hashed());
        let is_there = |own: Option<Handle>| {
            let mut others = table.find_by_class(self.region.class);
            others.any(|it| {
                it.core.id == id && it.core.address == self.region.address && Some(it.handle) != own
            })
        };
        let register = || self.register(table, record);
        let withdraw = |own| table.unregister_patiently(own).is_ok();
        announce_once(is_there, register, withdraw, MOST_TURNS)
    }

    fn register(
        &self,
        table: &TableRef<'_, F>,
        record: &Record<'static>,
    ) -> Result<Handle, AdoptErrorKind> {
        let name = Name { text: self.name, hashed: self.hashed() };
        let fields = |out: &mut FieldWriter<'_>| {
            for field in F::FIELDS {
                match record.pairs().flatten().find(|pair| pair.key == field.name) {
                    Some(pair) => put(out, field, &pair.value)?,
                    None => put_default(out, field)?,
                }
            }
            Ok(())
        };
        let registered = table.register_with(name, &self.region, fields);
        registered.map_err(AdoptErrorKind::Register)
    }
}

/// Whether a value goes into a field.
fn fits(field: &FieldInfo, value: &Value<'_>) -> bool {
    match (field.kind, *value) {
        (FieldKind::String, Value::Text(_)) => true,
        (FieldKind::Text, Value::Text(text)) => text.len() <= field.size as usize,
        (
            FieldKind::Native | FieldKind::Big | FieldKind::Little,
            Value::Integer(number) | Value::Address(number, _),
        ) => bits::fits(number, 8 * field.size),
        _ => false,
    }
}

/// Puts a value into a field that it fits.
fn put(
    out: &mut FieldWriter<'_>,
    field: &FieldInfo,
    value: &Value<'_>,
) -> Result<(), RegisterError> {
    let (offset, size) = (field.offset as usize, field.size as usize);
    match *value {
        Value::Text(text) if field.kind == FieldKind::String => out.put_text(offset, text)?,
        Value::Text(text) => {
            for (index, byte) in text.bytes().enumerate() {
                out.put(offset + index, [byte]);
            }
        }
        Value::Integer(number) | Value::Address(number, _) => {
            let is_little = match field.kind {
                FieldKind::Big => false,
                FieldKind::Little => true,
                _ => Order::NATIVE == Order::Little,
            };
            for (index, byte) in number.to_le_bytes().into_iter().take(size).enumerate() {
                let at = if is_little { index } else { size - 1 - index };
                out.put(offset + at, [byte]);
            }
        }
    }
    Ok(())
}

/// Puts what stands in a field that an annotation does not set, into a row of zeros.
fn put_default(out: &mut FieldWriter<'_>, field: &FieldInfo) -> Result<(), RegisterError> {
    match field.default {
        FieldDefault::Number(number) => put(out, field, &Value::Integer(number)),
        FieldDefault::Text(text) => put(out, field, &Value::Text(text)),
        FieldDefault::Bytes(bytes) => {
            for (index, byte) in bytes.iter().take(field.size as usize).enumerate() {
                out.put(field.offset as usize + index, [*byte]);
            }
            Ok(())
        }
    }
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
            AdoptErrorKind::Register(error) => error.fmt(f),
        }
    }
}
