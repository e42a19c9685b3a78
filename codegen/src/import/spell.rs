//! How the language writes a type of the binary, and how many bytes that has.

use super::Fault;
use super::plan::{FieldType, Holder, Planner};
use crate::binary::{Array, Composite, Encoding, Key, Language, Pointer, Scalar, Type};
use crate::check::trial::extent_of;
use crate::model;

/// What a member's type is in the language.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// No bytes; an alignment, and what it was, for people. With an element it may be a flexible array.
    Nothing {
        /// Bytes.
        align: u64,
        /// `[u8; 0]`
        what: String,
        /// The type of an element.
        element: Option<String>,
    },
    /// A type that can be written.
    Field {
        /// How.
        ty: FieldType,
        /// Bytes.
        size: u64,
        /// Bytes.
        align: u64,
        /// For people: what a pointer points at.
        comment: Option<String>,
    },
}

impl Shape {
    fn text(text: impl Into<String>, size: u64, align: u64) -> Self {
        Self::Field { ty: FieldType::Text(text.into()), size, align, comment: None }
    }

    fn remark(mut self, remark: impl Into<String>) -> Self {
        if let Self::Field { comment, .. } = &mut self {
            *comment = Some(remark.into());
        }
        self
    }

    /// Bytes without meaning, aligned as far as numbers of this size are.
    fn bytes(size: u64, align: u64, what: impl Into<String>) -> Self {
        Self::text(format!("bytes<{size}>"), size, 1).aligned(align).remark(what)
    }

    /// Bytes have no alignment of their own: the field gets an attribute for it.
    fn aligned(mut self, wanted: u64) -> Self {
        if let Self::Field { align, .. } = &mut self {
            *align = wanted;
        }
        self
    }
}

impl Planner<'_, '_> {
    /// The shape of a member that is no bit-field.
    pub(super) fn shape(&mut self, key: Key, holder: &Holder) -> Result<Shape, Fault> {
        let (key, ty, typedefs) = self.binary.behind_typedefs(key)?;
        Ok(match &*ty {
            Type::Void | Type::Function => nothing(1, "void"),
            Type::Scalar(scalar) => self.scalar(scalar, &typedefs),
            Type::Pointer(pointer) => self.pointer(pointer)?,
            Type::Array(array) => self.array(array, holder)?,
            Type::Enum(it) if it.members.is_empty() => match integer(it.size, it.signed) {
                Some(word) => {
                    let align = self.natural(it.size);
                    Shape::text(word, it.size, align).remark(format!("enum {}", it.name))
                }
                None => Shape::bytes(it.size, 1, format!("enum {}", it.name)),
            },
            Type::Enum(it) => {
                let name = match self.closure.names.get(&key) {
                    Some(name) => name.clone(),
                    None => {
                        let name = self.late_enum(it, holder);
                        self.closure.names.insert(key, name.clone());
                        name
                    }
                };
                Shape::text(name, it.size, self.natural(it.size))
            }
            Type::Composite(composite) => self.composite(key, composite, holder)?,
            Type::Other(other) if other.size == 0 => nothing(1, &other.what),
            Type::Other(other) => Shape::bytes(other.size, other.align, &other.what),
            Type::Typedef(_) => nothing(1, "typedef"),
        })
    }

    fn composite(
        &mut self,
        key: Key,
        composite: &Composite,
        holder: &Holder,
    ) -> Result<Shape, Fault> {
        if composite.is_declaration {
            return Ok(nothing(1, &format!("struct {}", composite.name)));
        }
        let key = self.closure.same.get(&key).copied().unwrap_or(key);
        if let Some(name) = self.closure.names.get(&key).cloned() {
            let planned = self.item(key, composite)?;
            return Ok(match planned.size {
                0 => nothing(planned.align, &name),
                size => Shape::text(name, size, planned.align),
            });
        }
        let inner = self.aggregate(composite, holder, false)?;
        let (size, align) = (inner.size, inner.align);
        if size == 0 {
            return Ok(nothing(align, "struct {}"));
        }
        // Two inline types of one name in Rust: the one that comes second is known by its bytes.
        if !self.closure.types.take(holder.rust.clone()) {
            self.note(&holder.path, "another type would have its name in Rust: it became bytes");
            return Ok(Shape::bytes(size, align, "struct"));
        }
        let union = composite.union;
        let ty = FieldType::Inline { union, inner: Box::new(inner), lengths: Vec::new() };
        Ok(Shape::Field { ty, size, align, comment: None })
    }

    fn scalar(&self, scalar: &Scalar, typedefs: &[String]) -> Shape {
        let size = scalar.size;
        let align = self.natural(size);
        if size == 0 {
            return nothing(1, &scalar.name);
        }
        let c_word = |word: model::Scalar| {
            (extent_of(word, self.target).0 == size).then(|| word.word().to_owned())
        };
        let word = match scalar.encoding {
            Encoding::Boolean if size == 1 => Some("bool".to_owned()),
            Encoding::Float if size == 4 => Some("f32".to_owned()),
            Encoding::Float if size == 8 => Some("f64".to_owned()),
            Encoding::Float | Encoding::Other => None,
            Encoding::Character if size == 1 => Some("char".to_owned()),
            Encoding::Character | Encoding::Boolean => integer(size, false).map(str::to_owned),
            Encoding::Signed | Encoding::Unsigned => typedefs
                .iter()
                .find_map(|name| typedef_word(name))
                .or_else(|| self.c_integer(&scalar.name))
                .and_then(c_word)
                .or_else(|| integer(size, scalar.encoding == Encoding::Signed).map(str::to_owned)),
        };
        match word {
            Some(word) => Shape::text(word, size, align),
            // A complex number is two numbers in a row.
            None if scalar.name.contains("complex") => {
                Shape::bytes(size, self.natural(size / 2), &scalar.name)
            }
            None => Shape::bytes(size, align, &scalar.name),
        }
    }

    /// The language's word for one of C's integers; the other languages have fixed sizes.
    fn c_integer(&self, name: &str) -> Option<model::Scalar> {
        use model::Scalar::*;
        if self.binary.language() == Language::Rust {
            return None;
        }
        Some(match name {
            "signed char" => I8,
            "unsigned char" => U8,
            "short int" | "short" => Short,
            "short unsigned int" | "unsigned short" => Ushort,
            "int" => Int,
            "unsigned int" => Uint,
            "long int" | "long" => Long,
            "long unsigned int" | "unsigned long" => Ulong,
            "long long int" | "long long" => Longlong,
            "long long unsigned int" | "unsigned long long" => Ulonglong,
            _ => return None,
        })
    }

    /// The alignment of a number of this many bytes.
    pub(super) fn natural(&self, size: u64) -> u64 {
        match size {
            1 | 2 | 4 => size,
            8 => extent_of(model::Scalar::U64, self.target).1,
            16 if self.target.info().word_size == 8 => 16,
            _ if size.is_multiple_of(4) => 4,
            _ => 1,
        }
    }

    fn pointer(&mut self, pointer: &Pointer) -> Result<Shape, Fault> {
        let word = u64::from(self.target.info().word_size);
        if pointer.size != word {
            return Ok(Shape::bytes(pointer.size, self.natural(pointer.size), "a pointer"));
        }
        let (text, comment) = self.pointee(pointer.target, 0)?;
        let shape = Shape::text(format!("*{text}"), word, word);
        Ok(match comment {
            Some(comment) => shape.remark(comment),
            None => shape,
        })
    }

    /// What stands behind the `*`, and for people what it leaves out.
    fn pointee(&mut self, key: Key, depth: u32) -> Result<(String, Option<String>), Fault> {
        /// Nobody writes more stars than that.
        const MOST_STARS: u32 = 8;
        let (key, ty, typedefs) = self.binary.behind_typedefs(key)?;
        let void = |what: String| ("void".to_owned(), Some(what));
        Ok(match &*ty {
            Type::Void => ("void".to_owned(), None),
            Type::Function => ("fn".to_owned(), None),
            Type::Scalar(scalar) => match self.scalar(scalar, &typedefs) {
                Shape::Field { ty: FieldType::Text(text), .. } => (text, None),
                _ => void(scalar.name.clone()),
            },
            Type::Pointer(inner)
                if depth < MOST_STARS && inner.size == u64::from(self.target.info().word_size) =>
            {
                let (text, comment) = self.pointee(inner.target, depth + 1)?;
                (format!("*{text}"), comment)
            }
            Type::Pointer(_) | Type::Array(_) | Type::Typedef(_) => void("an array".to_owned()),
            Type::Enum(it) => match self.closure.names.get(&key) {
                Some(name) => (name.clone(), None),
                None => void(described("enum", &it.name, &typedefs)),
            },
            Type::Composite(composite) => {
                let word = if composite.union { "union" } else { "struct" };
                let described = described(word, &composite.name, &typedefs);
                let key = self.closure.definitions.get(&key).copied().unwrap_or(key);
                let Some(name) = self.closure.names.get(&key).cloned() else {
                    return Ok(void(described));
                };
                // An empty struct is no item: nothing can point at it by name.
                match &*self.binary.get(key)? {
                    Type::Composite(it) if it.size > 0 && !it.members.is_empty() => (name, None),
                    _ => void(described),
                }
            }
            Type::Other(other) => void(other.what.clone()),
        })
    }

    fn array(&mut self, array: &Array, holder: &Holder) -> Result<Shape, Fault> {
        let mut lengths = array.lengths.clone();
        let mut element = array.element;
        // An array of a typedef of an array is one array.
        for _ in 0..16 {
            let (_, ty, _) = self.binary.behind_typedefs(element)?;
            let Type::Array(inner) = &*ty else { break };
            lengths.extend(&inner.lengths);
            element = inner.element;
        }
        if matches!(&*self.binary.behind_typedefs(element)?.1, Type::Array(_)) {
            return Err(Fault::HoldsItself(holder.path.clone()));
        }
        let shape = self.shape(element, holder)?;
        let Shape::Field { ty, size, align, comment } = shape else { return Ok(shape) };
        let what = match &ty {
            FieldType::Text(text) => text.clone(),
            FieldType::Inline { .. } => "struct".to_owned(),
        };
        let total = lengths.iter().try_fold(size, |size, length| size.checked_mul(*length));
        let Some(total) = total else { return Err(Fault::TooLarge(holder.path.clone())) };
        if total == 0 {
            let plain = matches!((&ty, lengths.as_slice()), (FieldType::Text(_), [0]));
            let element = plain.then(|| what.clone());
            return Ok(Shape::Nothing { align, what: format!("[{what}; 0]"), element });
        }
        let ty = match ty {
            FieldType::Text(text) => FieldType::Text(array_text(&text, &lengths)),
            FieldType::Inline { union, inner, lengths: within } => {
                lengths.extend(within);
                FieldType::Inline { union, inner, lengths }
            }
        };
        Ok(Shape::Field { ty, size: total, align, comment })
    }

    /// The shape of a bit-field: a type of fixed size, since C's own are narrower on some targets.
    pub(super) fn bit_field(&mut self, key: Key, bits: u64) -> Result<Shape, Fault> {
        let (key, ty, _) = self.binary.behind_typedefs(key)?;
        Ok(match &*ty {
            Type::Scalar(scalar) => {
                let is_bool = scalar.encoding == Encoding::Boolean && scalar.size == 1 && bits == 1;
                let signed = scalar.encoding == Encoding::Signed;
                match (is_bool, integer(scalar.size, signed)) {
                    (true, _) => Shape::text("bool", 1, 1),
                    (false, Some(word)) => {
                        Shape::text(word, scalar.size, self.natural(scalar.size))
                    }
                    (false, None) => nothing(1, &scalar.name),
                }
            }
            Type::Enum(it) => {
                let align = self.natural(it.size);
                let name = self.closure.names.get(&key).cloned();
                match (name, integer(it.size, it.signed)) {
                    (Some(name), _) if self.binary.language() != Language::C => {
                        Shape::text(name, it.size, align)
                    }
                    (name, Some(word)) => {
                        let name = name.unwrap_or_else(|| it.name.clone());
                        Shape::text(word, it.size, align).remark(format!("enum {name}"))
                    }
                    (_, None) => nothing(1, &it.name),
                }
            }
            _ => nothing(1, "a bit-field of an unknown type"),
        })
    }
}

fn nothing(align: u64, what: &str) -> Shape {
    Shape::Nothing { align, what: what.to_owned(), element: None }
}

fn described(word: &str, name: &str, typedefs: &[String]) -> String {
    match (name, typedefs.first()) {
        ("", Some(typedef)) => typedef.clone(),
        ("", None) => word.to_owned(),
        (name, _) => format!("{word} {name}"),
    }
}

/// `text<16>`, `[[u32; 4]; 2]`: of several lengths the outermost comes first.
fn array_text(element: &str, lengths: &[u64]) -> String {
    let mut text = element.to_owned();
    for (index, length) in lengths.iter().rev().enumerate() {
        text = match (element, index) {
            ("char", 0) => format!("text<{length}>"),
            _ => format!("[{text}; {length}]"),
        };
    }
    text
}

/// The integer of a fixed size.
pub(super) fn integer(size: u64, signed: bool) -> Option<&'static str> {
    Some(match (size, signed) {
        (1, false) => "u8",
        (2, false) => "u16",
        (4, false) => "u32",
        (8, false) => "u64",
        (1, true) => "i8",
        (2, true) => "i16",
        (4, true) => "i32",
        (8, true) => "i64",
        _ => return None,
    })
}

/// Typedefs that say more than what they stand for.
fn typedef_word(name: &str) -> Option<model::Scalar> {
    use model::Scalar::*;
    Some(match name {
        "u8" | "__u8" | "uint8_t" | "u_int8_t" => U8,
        "u16" | "__u16" | "uint16_t" | "u_int16_t" => U16,
        "u32" | "__u32" | "uint32_t" | "u_int32_t" => U32,
        "u64" | "__u64" | "uint64_t" | "u_int64_t" => U64,
        "s8" | "__s8" | "int8_t" => I8,
        "s16" | "__s16" | "int16_t" => I16,
        "s32" | "__s32" | "int32_t" => I32,
        "s64" | "__s64" | "int64_t" => I64,
        "__be16" => Be16,
        "__be32" => Be32,
        "__be64" => Be64,
        "__le16" => Le16,
        "__le32" => Le32,
        "__le64" => Le64,
        "size_t" => Size,
        "ssize_t" => Ssize,
        "uintptr_t" => Uintptr,
        _ => return None,
    })
}
