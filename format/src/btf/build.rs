//! Makes BTF, with words that only the producer's compiler knows.
//!
//! One encoder serves every output: a [`Blob`] for generated C or Rust keeps its [`Patch`]es, which
//! the emitter prints as expressions; a file for one target has them resolved by [`Blob::bytes`].
//! The number of words never depends on a patch, so that ids are the same for every producer.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{HEADER_SIZE, MAGIC, VERSION, encoding, kind};
use crate::abi::Order;
use crate::hash::fnv1a_64;

/// A number, or how to get it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Known.
    Number(u32),
    /// `patch * factor + plus`, in 32 bits.
    Patch {
        /// What only the compiler knows.
        patch: Patch,
        /// 8 where bytes become bits; otherwise 1, or 1 << 31 for a flag in the highest bit.
        factor: u32,
        /// What stands in the other bits of the word.
        plus: u32,
    },
    /// One of two, as a macro is defined or not.
    If {
        /// The macro.
        condition: String,
        /// Where it is defined.
        then: Box<Word>,
        /// Where it is not.
        otherwise: Box<Word>,
    },
}

/// What only the producer's compiler knows. Things are named by the numbers that whoever builds the
/// blob gave them; for a schema's compiler these are positions in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Patch {
    /// The first word of the blob: magic and version, whose order within the word follows the
    /// producer's.
    Magic,
    /// Bytes of a pointer.
    WordSize,
    /// Bytes of a struct or union.
    Size {
        /// Which.
        aggregate: u32,
    },
    /// Bytes from the start of a struct to one of its fields; from the start of the struct that
    /// directly holds it, even if that is an inline one.
    Offset {
        /// The struct.
        aggregate: u32,
        /// The field.
        field: u32,
    },
    /// Bits from the start of a struct to one of its bit-fields, counted as [`crate::bits`] does.
    BitOffset {
        /// The struct.
        aggregate: u32,
        /// The field.
        field: u32,
    },
    /// Bytes of a field.
    FieldSize {
        /// The struct.
        aggregate: u32,
        /// The field.
        field: u32,
    },
    /// Elements of an array field.
    Length {
        /// The struct.
        aggregate: u32,
        /// The field.
        field: u32,
        /// 0 for the outermost dimension.
        dimension: u32,
    },
    /// 32 bits of a captured constant.
    Constant {
        /// Which.
        constant: u32,
        /// Bits 32 to 63, otherwise 0 to 31.
        high: bool,
    },
    /// Bytes of an enum.
    EnumSize {
        /// Which.
        enumeration: u32,
    },
    /// 1 where an enum takes negative values, otherwise 0.
    EnumSigned {
        /// Which.
        enumeration: u32,
    },
    /// 32 bits of the value of an enum's member.
    EnumMember {
        /// The enum.
        enumeration: u32,
        /// The member.
        member: u32,
        /// Bits 32 to 63, otherwise 0 to 31.
        high: bool,
    },
}

/// A blob: words in the producer's order, then bytes of text, a multiple of 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Header and types.
    pub words: Vec<Word>,
    /// The texts.
    pub strings: Vec<u8>,
}

/// A member of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name, empty for an anonymous struct or union.
    pub name: &'a str,
    /// The id of its type.
    pub type_id: Word,
    /// Bits from the start; in a struct with bit-fields the width of this one is in the highest
    /// byte.
    pub place: Word,
}

/// A member of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumMember<'a> {
    /// Its name.
    pub name: &'a str,
    /// Bits 0 to 31 of its value.
    pub low: Word,
    /// Bits 32 to 63: looked at in an enum of 64 bits.
    pub high: Word,
}

/// Collects types. Ids are given in the order of the calls; 0 is `void`.
#[derive(Clone, Debug)]
pub struct Builder {
    records: Vec<Vec<Word>>,
    known: BTreeMap<Vec<Word>, u32>,
    strings: Vec<u8>,
    /// Where texts lie, by their hash; of two with the same hash the later takes the next free
    /// number.
    string_offsets: BTreeMap<u64, u32>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Without any type.
    #[must_use]
    pub fn new() -> Self {
        Self {
            records: Vec::new(),
            known: BTreeMap::new(),
            strings: alloc::vec![0],
            string_offsets: BTreeMap::new(),
        }
    }

    /// Takes the next id for a type that is defined later, so that others may point at it.
    pub fn reserve(&mut self) -> u32 {
        self.push(Vec::new())
    }

    /// An integer of `size` bytes; the same one again has the same id, as in all functions below.
    pub fn int(&mut self, name: &str, size: u32, encoding: u32) -> u32 {
        let name = self.text(name);
        let bits = Word::Number((encoding << 24) | (size * 8));
        self.shared(alloc::vec![name, info(kind::INT, 0), Word::Number(size), bits])
    }

    /// An integer as wide as a pointer.
    pub fn word_int(&mut self, name: &str, encoding: u32) -> u32 {
        let name = self.text(name);
        let size = Word::Patch { patch: Patch::WordSize, factor: 1, plus: 0 };
        let bits = Word::Patch { patch: Patch::WordSize, factor: 8, plus: encoding << 24 };
        self.shared(alloc::vec![name, info(kind::INT, 0), size, bits])
    }

    /// A floating-point number.
    pub fn float(&mut self, name: &str, size: u32) -> u32 {
        let name = self.text(name);
        self.shared(alloc::vec![name, info(kind::FLOAT, 0), Word::Number(size)])
    }

    /// A pointer.
    pub fn pointer(&mut self, target: u32) -> u32 {
        let target = Word::Number(target);
        self.shared(alloc::vec![Word::Number(0), info(kind::PTR, 0), target])
    }

    /// The type of a function of which nothing is known: no result, no parameters.
    pub fn function(&mut self) -> u32 {
        let void = Word::Number(0);
        self.shared(alloc::vec![Word::Number(0), info(kind::FUNC_PROTO, 0), void])
    }

    /// An array; one of no elements is a flexible one.
    pub fn array(&mut self, element: u32, length: Word) -> u32 {
        let index = self.int("unsigned int", 4, 0);
        self.shared(alloc::vec![
            Word::Number(0),
            info(kind::ARRAY, 0),
            Word::Number(0),
            Word::Number(element),
            Word::Number(index),
            length,
        ])
    }

    /// Another name.
    pub fn typedef(&mut self, name: &str, target: u32) -> u32 {
        let name = self.text(name);
        self.shared(alloc::vec![name, info(kind::TYPEDEF, 0), Word::Number(target)])
    }

    /// The type of a member that its compiler did not have.
    pub fn absent(&mut self) -> u32 {
        let byte = self.int("unsigned char", 1, 0);
        let nothing = self.array(byte, Word::Number(0));
        self.typedef(super::ABSENT, nothing)
    }

    /// The type of a member whose place is still to be found.
    pub fn pending(&mut self) -> u32 {
        let byte = self.int("unsigned char", 1, 0);
        let nothing = self.array(byte, Word::Number(0));
        let pending = self.typedef(super::PENDING, nothing);
        self.typedef(super::ABSENT, pending)
    }

    /// An enum in at most 4 bytes, or in 8.
    pub fn enumeration(
        &mut self,
        name: &str,
        wide: bool,
        size: Word,
        signed: Word,
        members: &[EnumMember<'_>],
    ) -> u32 {
        let kind = if wide { kind::ENUM64 } else { kind::ENUM };
        let members = &members[..members.len().min(MAX_MEMBERS)];
        let head = kind << 24 | members.len() as u32;
        let info = match signed {
            Word::Number(signed) => Word::Number(signed << 31 | head),
            Word::Patch { patch, .. } => Word::Patch { patch, factor: 1 << 31, plus: head },
            Word::If { .. } => Word::Number(head),
        };
        let mut record = alloc::vec![self.text(name), info, size];
        for member in members {
            record.push(self.text(member.name));
            record.push(member.low.clone());
            if wide {
                record.push(member.high.clone());
            }
        }
        self.shared(record)
    }

    /// Defines a reserved id as a struct or union of which only the name is known.
    pub fn define_forward(&mut self, id: u32, name: &str, union: bool) {
        let name = self.text(name);
        let flag = u32::from(union) << 31;
        let info = Word::Number(flag | kind::FWD << 24);
        self.define(id, alloc::vec![name, info, Word::Number(0)]);
    }

    /// Defines a reserved id as another name.
    pub fn define_typedef(&mut self, id: u32, name: &str, target: u32) {
        let name = self.text(name);
        self.define(id, alloc::vec![name, info(kind::TYPEDEF, 0), Word::Number(target)]);
    }

    /// Defines a reserved id as a struct or union. More members than BTF can count are left out.
    pub fn define_composite(
        &mut self,
        id: u32,
        name: &str,
        union: bool,
        has_bit_fields: bool,
        size: Word,
        members: &[Member<'_>],
    ) {
        let members = &members[..members.len().min(MAX_MEMBERS)];
        let kind = if union { kind::UNION } else { kind::STRUCT };
        let flag = u32::from(has_bit_fields) << 31;
        let info = Word::Number(flag | kind << 24 | members.len() as u32);
        let mut record = alloc::vec![self.text(name), info, size];
        for member in members {
            record.push(self.text(member.name));
            record.push(member.type_id.clone());
            record.push(member.place.clone());
        }
        self.define(id, record);
    }

    /// Hangs a text on a type, or on one of its members.
    pub fn tag(&mut self, text: &str, type_id: u32, member: Option<u32>) {
        let text = self.text(text);
        let member = Word::Number(member.unwrap_or(u32::MAX));
        let record = alloc::vec![text, info(kind::DECL_TAG, 0), Word::Number(type_id), member];
        self.push(record);
    }

    /// The blob. An id that was reserved and never defined is a forward declaration without a name.
    #[must_use]
    pub fn finish(mut self) -> Blob {
        // Tools find out how wide a pointer is by this type.
        self.word_int("long unsigned int", 0);
        self.strings.resize(self.strings.len().next_multiple_of(4), 0);
        for record in &mut self.records {
            if record.is_empty() {
                *record = alloc::vec![Word::Number(0), info(kind::FWD, 0), Word::Number(0)];
            }
        }
        let types: Vec<Word> = self.records.into_iter().flatten().collect();
        let types_size = types.len() as u32 * 4;
        let magic = Word::Patch { patch: Patch::Magic, factor: 1, plus: 0 };
        let numbers = [HEADER_SIZE, 0, types_size, types_size, self.strings.len() as u32];
        let mut words = alloc::vec![magic];
        words.extend(numbers.map(Word::Number));
        words.extend(types);
        Blob { words, strings: self.strings }
    }

    fn push(&mut self, record: Vec<Word>) -> u32 {
        self.records.push(record);
        self.records.len() as u32
    }

    fn define(&mut self, id: u32, record: Vec<Word>) {
        if let Some(place) = self.records.get_mut((id as usize).wrapping_sub(1)) {
            *place = record;
        }
    }

    fn shared(&mut self, record: Vec<Word>) -> u32 {
        if let Some(id) = self.known.get(&record) {
            return *id;
        }
        let id = self.push(record.clone());
        self.known.insert(record, id);
        id
    }

    /// The offset of a text. What stands behind a NUL is cut off.
    fn text(&mut self, text: &str) -> Word {
        let text = text.split('\0').next().unwrap_or("");
        if text.is_empty() {
            return Word::Number(0);
        }
        let mut key = fnv1a_64(text.as_bytes());
        while let Some(offset) = self.string_offsets.get(&key) {
            let known = self.strings.get(*offset as usize..).unwrap_or(&[]);
            if known.starts_with(text.as_bytes()) && known.get(text.len()) == Some(&0) {
                return Word::Number(*offset);
            }
            key = key.wrapping_add(1);
        }
        let offset = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        self.string_offsets.insert(key, offset);
        Word::Number(offset)
    }
}

/// The most members that BTF can count.
pub const MAX_MEMBERS: usize = 0xffff;

impl Blob {
    /// Bytes of the blob.
    #[must_use]
    pub fn size(&self) -> usize {
        self.words.len() * 4 + self.strings.len()
    }

    /// The bytes for one producer. `resolve` knows its numbers, [`Patch::Magic`] aside; `defined`
    /// its macros. `None` where a number is not known.
    pub fn bytes(
        &self,
        order: Order,
        mut resolve: impl FnMut(&Patch) -> Option<u64>,
        mut defined: impl FnMut(&str) -> bool,
    ) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.size());
        for word in &self.words {
            let value = word.value(order, &mut resolve, &mut defined)?;
            match order {
                Order::Little => bytes.extend_from_slice(&value.to_le_bytes()),
                Order::Big => bytes.extend_from_slice(&value.to_be_bytes()),
            }
        }
        bytes.extend_from_slice(&self.strings);
        Some(bytes)
    }
}

impl Word {
    /// The number for one producer, as in [`Blob::bytes`].
    pub fn value(
        &self,
        order: Order,
        resolve: &mut impl FnMut(&Patch) -> Option<u64>,
        defined: &mut impl FnMut(&str) -> bool,
    ) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Patch { patch: Patch::Magic, .. } => Some(magic_word(order)),
            Self::Patch { patch, factor, plus } => {
                let value = resolve(patch)? as u32;
                Some(value.wrapping_mul(*factor).wrapping_add(*plus))
            }
            Self::If { condition, then, otherwise } => {
                let word = if defined(condition) { then } else { otherwise };
                word.value(order, resolve, defined)
            }
        }
    }
}

/// The first word of a blob, as a number in a producer's order.
#[must_use]
pub const fn magic_word(order: Order) -> u32 {
    match order {
        Order::Little => MAGIC as u32 | (VERSION as u32) << 16,
        Order::Big => (MAGIC as u32) << 16 | (VERSION as u32) << 8,
    }
}

fn info(kind: u32, vlen: u32) -> Word {
    Word::Number(kind << 24 | vlen)
}

/// The names and encodings of C's integers by width and sign: what compilers and the kernel write.
#[must_use]
pub fn c_integer(size: u32, signed: bool) -> (&'static str, u32) {
    let encoding = if signed { encoding::SIGNED } else { 0 };
    let name = match (size, signed) {
        (1, true) => "signed char",
        (1, false) => "unsigned char",
        (2, true) => "short int",
        (2, false) => "short unsigned int",
        (4, true) => "int",
        (4, false) => "unsigned int",
        (_, true) => "long long int",
        (_, false) => "long long unsigned int",
    };
    (name, encoding)
}
