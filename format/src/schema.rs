//! The schema section: what a reader without the schema must know, in deterministic CBOR (RFC 8949,
//! 4.2.1).
//!
//! Every map has short text keys, so that any CBOR tool shows what it is about; they stand in the
//! bytewise order of their encodings, which is by length first. Members that a reader does not know
//! are skipped, and a member that has nothing to say is left out. Each record is one type here with
//! its reader and its writer made from one list of members; lists stay encoded in a [`List`] until
//! somebody walks them, so that reading takes no allocator.
//!
//! The **fingerprint** of an entry format is made of the same bytes: [`fingerprint`].

use core::fmt;
use core::marker::PhantomData;

use minicbor::data::Type;
use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};
use sha2::{Digest, Sha256};

/// A finding about a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, from the start of the section.
    pub offset: u64,
    /// What.
    pub kind: ErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are no CBOR, or something else is expected here.
    Malformed,
    /// A member that must be there is not.
    Missing(&'static str),
    /// A member stands there twice.
    Repeated(&'static str),
}

/// The encoder's own error is that of its sink.
type Encoded<W> = Result<(), minicbor::encode::Error<<W as Write>::Error>>;

/// Something that stands in a description.
pub trait Item<'a>: Sized {
    /// Takes one out of the bytes.
    #[doc(hidden)]
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error>;
    /// Puts one into the bytes.
    #[doc(hidden)]
    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Encoded<W>;
    /// Whether it is written at all.
    #[doc(hidden)]
    fn is_present(&self) -> bool {
        true
    }
    /// What it is where it was not written; `None` where it must be.
    #[doc(hidden)]
    fn absent() -> Option<Self> {
        None
    }
}

/// Several of a kind, encoded.
pub struct List<'a, T> {
    bytes: &'a [u8],
    kind: PhantomData<fn() -> T>,
}

/// A value in a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number, a truth value, a character.
    Int(i128),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A text.
    Text(&'a str),
}

macro_rules! records {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$member_doc:meta])* $key:literal $member:ident: $ty:ty,)*
        }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a> { $($(#[$member_doc])* pub $member: $ty,)* }

        impl<'a> Item<'a> for $name<'a> {
            fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error> {
                let start = decoder.position();
                $(let mut $member: Option<$ty> = None;)*
                let count = length(decoder, Decoder::map)?;
                for _ in 0..count {
                    let at = decoder.position();
                    match decoder.str().map_err(|_| malformed(at))? {
                        $($key => {
                            if $member.is_some() {
                                return Err(error(at, ErrorKind::Repeated($key)));
                            }
                            $member = Some(Item::read(decoder)?);
                        })*
                        _ => decoder.skip().map_err(|_| malformed(at))?,
                    }
                }
                $(let $member = match $member.or_else(<$ty as Item<'a>>::absent) {
                    Some(value) => value,
                    None => return Err(error(start, ErrorKind::Missing($key))),
                };)*
                Ok(Self { $($member),* })
            }

            fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Encoded<W> {
                let count = [$(Item::is_present(&self.$member)),*];
                encoder.map(count.iter().filter(|present| **present).count() as u64)?;
                $(if Item::is_present(&self.$member) {
                    encoder.str($key)?;
                    Item::write(&self.$member, encoder)?;
                })*
                Ok(())
            }
        }
    )* };
}

records! {
    /// A whole description. The keys of each record stand in the order in which they are written.
    Schema {
        /// Its dotted name.
        "name" name: &'a str,
        /// The row.
        "entry" entry: Entry<'a>,
        /// Enums.
        "enums" enums: List<'a, Enum<'a>>,
        /// Sets of flags.
        "flags" flags: List<'a, Flags<'a>>,
        /// Address spaces.
        "spaces" spaces: List<'a, Space<'a>>,
        /// Kinds of entries.
        "classes" classes: List<'a, Class<'a>>,
        /// A hash for each struct whose layout the schema decides.
        "layouts" layouts: List<'a, LayoutHash<'a>>,
        /// Its version.
        "version" version: u32,
        /// What may be seen, and by whom.
        "consumers" consumers: List<'a, Consumer<'a>>,
        /// The schema's own property bits.
        "properties" properties: List<'a, Bits<'a>>,
    }
    /// The row: what stands behind the core entry.
    Entry {
        /// Its name.
        "name" name: &'a str,
        /// Bytes of the row, core included.
        "size" size: u32,
        /// In order.
        "fields" fields: List<'a, EntryField<'a>>,
    }
    /// A field of the row.
    EntryField {
        /// Its name.
        "name" name: &'a str,
        /// Bytes.
        "size" size: u32,
        /// As the language writes it, other schemas' names in full: `u32`, `text<16>`, `a.b::c`.
        "type" type_name: &'a str,
        /// The version that brought it.
        "since" since: u32,
        /// From the start of the row.
        "offset" offset: u32,
        /// What a reader sees where the table lacks it.
        "default" default: Value<'a>,
    }
    /// A kind of entry.
    Class {
        /// What `instance` means.
        "key" key: Option<&'a str>,
        /// Its name.
        "name" name: &'a str,
        /// The type of what an entry points at, by its id in the types section.
        "type" type_id: u32,
        /// Its number.
        "number" number: u32,
        /// The same type as the language writes it.
        "target" target: &'a str,
        /// Bits that hold for every entry.
        "properties" properties: u64,
    }
    /// A member of flags or properties.
    Bits {
        /// The highest bit.
        "last" last: u8,
        /// Its name.
        "name" name: &'a str,
        /// The lowest bit.
        "first" first: u8,
    }
    /// An enum.
    Enum {
        /// Its name.
        "name" name: &'a str,
        /// Other values may come.
        "open" open: bool,
        /// Its integer type; `enum` for the one that the target's C compiler chooses.
        "type" type_name: &'a str,
        /// In order.
        "members" members: List<'a, EnumMember<'a>>,
    }
    /// A member of an enum.
    EnumMember {
        /// Its name.
        "name" name: &'a str,
        /// Its value; none where a compiler has to say.
        "value" value: Option<Value<'a>>,
    }
    /// A set of flags.
    Flags {
        /// Its name.
        "name" name: &'a str,
        /// Its integer type.
        "type" type_name: &'a str,
        /// In order.
        "members" members: List<'a, Bits<'a>>,
    }
    /// An address space.
    Space {
        /// The first address that it hands out.
        "base" base: u64,
        /// Its name.
        "name" name: &'a str,
        /// `stable` or `compact`.
        "assign" assign: &'a str,
        /// Its number.
        "number" number: u16,
        /// `reject`, `round_in` or `round_out`.
        "partial" partial: &'a str,
        /// The most memory regions.
        "regions" regions: Option<u32>,
        /// Bytes of a section.
        "section" section: u64,
    }
    /// What may be seen, and by whom.
    Consumer {
        /// Any of them refuses an entry.
        "deny" deny: List<'a, Rule<'a>>,
        /// Its name.
        "name" name: &'a str,
        /// Any of them lets an entry pass.
        "allow" allow: List<'a, Rule<'a>>,
        /// The budget: bytes of memory.
        "bytes" bytes: Option<u64>,
        /// The budget: bytes of a name.
        "names" names: Option<u64>,
        /// Who comes first when the budget is short.
        "order" order: List<'a, Rule<'a>>,
        /// Core bits that are permitted.
        "permit" permit: u64,
        /// The budget: regions.
        "regions" regions: Option<u64>,
        /// Bits that an entry must have.
        "require" require: u64,
    }
    /// A rule of a consumer: about a class, some entries of a class, or property bits.
    Rule {
        /// Only entries with this name.
        "name" name: Option<&'a str>,
        /// The class's number.
        "class" class: Option<u32>,
        /// The class's schema, where it is another one.
        "schema" schema: Option<&'a str>,
        /// Only entries with this instance.
        "instance" instance: Option<u64>,
        /// Entries with one of these bits.
        "properties" properties: Option<u64>,
    }
    /// Who wrote a table, and for which image: the section `identity`.
    Identity {
        /// Where the image has no build-id: the SHA-256 of its machine code, which packing does not change.
        "content" content: Option<Value<'a>>,
        /// The build-id that the linker gave the image.
        "build_id" build_id: Option<Value<'a>>,
        /// What was packed.
        "producer" producer: Option<&'a str>,
        /// Program and version that packed it.
        "generator" generator: Option<&'a str>,
    }
    /// What a struct looked like when the schema was compiled, in short.
    LayoutHash {
        /// Of its declaration and of all that it holds by value.
        "hash" hash: u64,
        /// Its name.
        "name" name: &'a str,
    }
}

impl<'a> Identity<'a> {
    /// Reads an identity.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::read(&mut Decoder::new(bytes))
    }
}

impl<'a> Schema<'a> {
    /// Reads a description. What lies deeper is read when its list is walked.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::read(&mut Decoder::new(bytes))
    }
}

/// The bytes of an item: a whole description, or one record of it.
#[cfg(feature = "alloc")]
#[must_use]
pub fn encode<'a>(item: &impl Item<'a>) -> alloc::vec::Vec<u8> {
    let mut encoder = Encoder::new(alloc::vec::Vec::new());
    match item.write(&mut encoder) {
        Ok(()) => encoder.into_writer(),
        Err(error) => match error.into_write() {
            Some(never) => match never {},
            None => alloc::vec::Vec::new(),
        },
    }
}

/// The bytes of several items, for [`List::new`].
#[cfg(feature = "alloc")]
#[must_use]
pub fn encode_list<'a, T: Item<'a>>(items: &[T]) -> alloc::vec::Vec<u8> {
    let mut bytes = alloc::vec::Vec::new();
    // Writing into memory does not fail.
    let _ = Encoder::new(&mut bytes).array(items.len() as u64);
    for item in items {
        bytes.extend(encode(item));
    }
    bytes
}

/// The fingerprint of an entry format: the first 8 bytes of SHA-256 over the deterministic CBOR of
/// the array `[schema, version, format, fields]`, taken as a big-endian number, so that it is
/// written in hexadecimal as `sha256sum` begins. `fields` are the entry's fields in order, each as
/// in the description; those younger than `version` do not count.
#[must_use]
pub fn fingerprint(schema: &str, version: u32, fields: &[EntryField<'_>]) -> u64 {
    let mut encoder = Encoder::new(Hash(Sha256::new()));
    let known = fields.iter().filter(|field| field.since <= version);
    // A hash takes every byte: there is nothing to report.
    let _ = encoder.array(4).and_then(|encoder| {
        encoder.str(schema)?.u32(version)?.u16(crate::abi::FORMAT)?;
        encoder.array(known.clone().count() as u64)?;
        known.clone().try_for_each(|field| field.write(encoder))
    });
    let digest = encoder.into_writer().0.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// The first 8 bytes of SHA-256 over `bytes`, taken as in [`fingerprint`].
#[must_use]
pub fn short_sha256(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

struct Hash(Sha256);

impl Write for Hash {
    type Error = core::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.update(bytes);
        Ok(())
    }
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// No item.
    pub const EMPTY: Self = Self { bytes: &[0x80], kind: PhantomData };

    /// The items in `bytes`, which come from [`encode_list`] or out of a description.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The items. An error ends them; its offset counts from the start of the list.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, Error>> + use<'a, T> {
        let mut decoder = Decoder::new(self.bytes);
        let (mut left, mut fault) = match length(&mut decoder, Decoder::array) {
            Ok(count) => (count, None),
            Err(fault) => (0, Some(fault)),
        };
        core::iter::from_fn(move || {
            if let Some(fault) = fault.take() {
                return Some(Err(fault));
            }
            left = left.checked_sub(1)?;
            let item = T::read(&mut decoder);
            if item.is_err() {
                left = 0;
            }
            Some(item)
        })
    }

    /// How many items there are; 0 where that cannot be read.
    #[must_use]
    pub fn len(&self) -> u64 {
        length(&mut Decoder::new(self.bytes), Decoder::array).unwrap_or(0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<T> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for List<'_, T> {}

impl<'a, T: Item<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Item<'a>> Item<'a> for List<'a, T> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error> {
        let start = decoder.position();
        if decoder.datatype().map_err(|_| malformed(start))? != Type::Array {
            return Err(malformed(start));
        }
        decoder.skip().map_err(|_| malformed(start))?;
        let bytes = decoder.input().get(start..decoder.position()).ok_or(malformed(start))?;
        Ok(Self::new(bytes))
    }

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Encoded<W> {
        encoder.writer_mut().write_all(self.bytes).map_err(minicbor::encode::Error::write)
    }

    fn is_present(&self) -> bool {
        !self.is_empty()
    }

    fn absent() -> Option<Self> {
        Some(Self::EMPTY)
    }
}

macro_rules! plain_items {
    ($($ty:ty: $method:ident;)*) => { $(
        impl<'a> Item<'a> for $ty {
            fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error> {
                let at = decoder.position();
                decoder.$method().map_err(|_| malformed(at))
            }

            fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Encoded<W> {
                encoder.$method(*self).map(drop)
            }
        }
    )* };
}

plain_items! {
    u8: u8;
    u16: u16;
    u32: u32;
    u64: u64;
    bool: bool;
    &'a str: str;
}

impl<'a, T: Item<'a>> Item<'a> for Option<T> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error> {
        T::read(decoder).map(Some)
    }

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Encoded<W> {
        self.as_ref().map_or(Ok(()), |item| item.write(encoder))
    }

    fn is_present(&self) -> bool {
        self.is_some()
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<'a> Item<'a> for Value<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error> {
        let at = decoder.position();
        match decoder.datatype().map_err(|_| malformed(at))? {
            Type::Bytes => decoder.bytes().map(Self::Bytes).map_err(|_| malformed(at)),
            Type::String => decoder.str().map(Self::Text).map_err(|_| malformed(at)),
            _ => {
                let number = decoder.int().map_err(|_| malformed(at))?;
                Ok(Self::Int(i128::from(number)))
            }
        }
    }

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Encoded<W> {
        match self {
            Self::Int(number) => encoder.i128(*number).map(drop),
            Self::Bytes(bytes) => encoder.bytes(bytes).map(drop),
            Self::Text(text) => encoder.str(text).map(drop),
        }
    }
}

/// The length of a map or an array. An indefinite one is not deterministic, and refused.
fn length<'a>(
    decoder: &mut Decoder<'a>,
    header: impl Fn(&mut Decoder<'a>) -> Result<Option<u64>, minicbor::decode::Error>,
) -> Result<u64, Error> {
    let at = decoder.position();
    header(decoder).ok().flatten().ok_or(malformed(at))
}

fn malformed(at: usize) -> Error {
    error(at, ErrorKind::Malformed)
}

fn error(at: usize, kind: ErrorKind) -> Error {
    Error { offset: at as u64, kind }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "description of the schema, offset {:#x}: ", self.offset)?;
        match self.kind {
            ErrorKind::Malformed => f.write_str("something else is expected here"),
            ErrorKind::Missing(key) => write!(f, "`{key}` is missing"),
            ErrorKind::Repeated(key) => write!(f, "`{key}` stands there twice"),
        }
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
