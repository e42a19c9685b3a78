//! Random structs: what they are made of, and how they are made. Printing is `print`'s business.

use crate::random::Random;

/// A set of definitions that is one schema and one C file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// A definition uses only those before it.
    pub(crate) structs: Vec<Struct>,
    pub(crate) enums: Vec<Enum>,
}

/// A named struct, by its number: it keeps it when others are left out.
#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) number: usize,
    pub(crate) packed: bool,
    pub(crate) align: Option<u32>,
    pub(crate) fields: Vec<Field>,
}

/// An enum with its values. Without a type it is the target's C enum.
#[derive(Clone, Debug)]
pub(crate) struct Enum {
    pub(crate) repr: Option<Scalar>,
    pub(crate) values: Vec<i64>,
}

/// Without a name: an anonymous aggregate, an unnamed bit-field, or padding.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Option<String>,
    pub(crate) ty: Type,
    pub(crate) bits: Option<u32>,
    pub(crate) packed: bool,
    pub(crate) align: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) enum Type {
    Scalar(Scalar),
    Atomic(Scalar),
    Pointer(&'static str, &'static str),
    Text(usize),
    Bytes(usize),
    Struct(usize),
    Enum(usize),
    Inline { union: bool, fields: Vec<Field> },
    Array(Box<Type>, usize),
    Flexible(Box<Type>),
}

/// The word in the language, the type in C, and the bits that it has on every target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) word: &'static str,
    pub(crate) c: &'static str,
    pub(crate) bits: u32,
}

const fn scalar(word: &'static str, c: &'static str, bits: u32) -> Scalar {
    Scalar { word, c, bits }
}

/// Types that may be bit-fields.
const INTEGERS: &[Scalar] = &[
    scalar("u8", "uint8_t", 8),
    scalar("u16", "uint16_t", 16),
    scalar("u32", "uint32_t", 32),
    scalar("u64", "uint64_t", 64),
    scalar("i8", "int8_t", 8),
    scalar("i16", "int16_t", 16),
    scalar("i32", "int32_t", 32),
    scalar("i64", "int64_t", 64),
    scalar("short", "short", 16),
    scalar("ushort", "unsigned short", 16),
    scalar("int", "int", 32),
    scalar("uint", "unsigned int", 32),
    scalar("long", "long", 32),
    scalar("ulong", "unsigned long", 32),
    scalar("longlong", "long long", 64),
    scalar("ulonglong", "unsigned long long", 64),
    scalar("size", "size_t", 32),
    scalar("ssize", "ptrdiff_t", 32),
    scalar("uintptr", "uintptr_t", 32),
    scalar("bool", "_Bool", 1),
];

/// Types that may not.
const OTHERS: &[Scalar] = &[
    scalar("f32", "float", 32),
    scalar("f64", "double", 64),
    scalar("char", "char", 8),
    scalar("be16", "uint16_t", 16),
    scalar("be32", "uint32_t", 32),
    scalar("be64", "uint64_t", 64),
    scalar("le16", "uint16_t", 16),
    scalar("le32", "uint32_t", 32),
    scalar("le64", "uint64_t", 64),
];

const POINTERS: &[(&str, &str)] =
    &[("*void", "void *"), ("*char", "char *"), ("*u64", "uint64_t *"), ("*fn", "function ")];

const REPRS: &[Scalar] = &[
    scalar("u8", "uint8_t", 8),
    scalar("i16", "int16_t", 16),
    scalar("u32", "uint32_t", 32),
    scalar("i64", "int64_t", 64),
];

/// Values of C enums, chosen for the sizes that they need where enums are short.
const C_ENUMS: &[&[i64]] = &[
    &[0, 1, 2],
    &[-1, 127],
    &[0, 255],
    &[0, 256],
    &[-129, 5],
    &[0, 65_536],
    &[-1, 0x7fff_ffff],
    &[0, 0x7fff_ffff],
    &[-0x8000_0000, 0],
];

/// A schema of `count` structs, the first of them called `first`.
pub(crate) fn program(random: &mut Random, first: usize, count: usize) -> Program {
    let mut enums: Vec<Enum> =
        C_ENUMS.iter().map(|values| Enum { repr: None, values: values.to_vec() }).collect();
    enums.extend(REPRS.iter().map(|repr| Enum { repr: Some(*repr), values: vec![0, 1, 100] }));
    let mut program = Program { structs: Vec::new(), enums };
    for number in first..first + count {
        let made = Maker { random, program: &program, next_name: 0 }.structure(number);
        program.structs.push(made);
    }
    program
}

struct Maker<'a> {
    random: &'a mut Random,
    program: &'a Program,
    next_name: usize,
}

impl Maker<'_> {
    fn structure(&mut self, number: usize) -> Struct {
        let packed = self.random.chance(15);
        let align = self.random.chance(12).then(|| 1 << self.random.below(7));
        // Structs that are mostly bit-fields find what a rare bit-field among members does not.
        let bit_percent = *self.random.pick(&[0, 15, 40, 85]);
        let mut fields = self.fields(bit_percent, 2);
        if self.random.chance(8) {
            let element = self.simple();
            fields.push(self.named(Type::Flexible(Box::new(element))));
        }
        Struct { number, packed, align, fields }
    }

    fn fields(&mut self, bit_percent: usize, depth: usize) -> Vec<Field> {
        let count = self.random.between(1, 8);
        let mut fields = Vec::new();
        for _ in 0..count {
            if self.random.chance(bit_percent) {
                fields.push(self.bit_field());
            } else {
                fields.push(self.member(bit_percent, depth));
            }
        }
        if !fields.iter().any(|field| field.name.is_some()) {
            let ty = self.simple();
            fields.push(self.named(ty));
        }
        fields
    }

    fn named(&mut self, ty: Type) -> Field {
        let name = format!("f{}", self.next_name);
        self.next_name += 1;
        Field { name: Some(name), ty, bits: None, packed: false, align: None }
    }

    fn bit_field(&mut self) -> Field {
        let integer = *self.random.pick(INTEGERS);
        let mut field = self.named(Type::Scalar(integer));
        let mut most = integer.bits;
        if self.random.chance(6) {
            // The smallest enum of any target has eight bits.
            let index = self.random.below(self.program.enums.len());
            field.ty = Type::Enum(index);
            most = 8;
        }
        let width = if self.random.chance(60) { most.min(9) } else { most };
        field.bits = Some(self.random.between(1, width as usize) as u32);
        if self.random.chance(12) {
            field.name = None;
            field.bits = field.bits.filter(|_| self.random.chance(50)).or(Some(0));
        }
        self.attributes(&mut field, 4);
        field
    }

    fn member(&mut self, bit_percent: usize, depth: usize) -> Field {
        let ty = match self.random.below(100) {
            0..=49 => self.simple(),
            50..=61 => {
                let element = self.simple();
                let array = Type::Array(Box::new(element), self.random.between(1, 4));
                if self.random.chance(20) { Type::Array(Box::new(array), 2) } else { array }
            }
            62..=81 if depth > 0 => return self.inline(bit_percent, depth),
            _ => self.nested(),
        };
        let mut field = self.named(ty);
        if self.random.chance(4) && !matches!(field.ty, Type::Struct(_)) {
            field.name = None;
        }
        self.attributes(&mut field, 8);
        field
    }

    fn attributes(&mut self, field: &mut Field, percent: usize) {
        field.packed = self.random.chance(percent);
        field.align = self.random.chance(percent).then(|| 1 << self.random.below(6));
    }

    /// A struct or a union without a name of its own; half of them without a field's name either.
    fn inline(&mut self, bit_percent: usize, depth: usize) -> Field {
        let union = self.random.chance(55);
        let fields = self.fields(bit_percent, depth - 1);
        let ty = Type::Inline { union, fields };
        let mut field = self.named(ty);
        match self.random.below(4) {
            0 | 1 => field.name = None,
            2 => {}
            _ => {
                if let Type::Inline { .. } = field.ty {
                    let length = self.random.between(1, 3);
                    field.ty = Type::Array(Box::new(field.ty), length);
                }
            }
        }
        self.attributes(&mut field, 6);
        field
    }

    fn nested(&mut self) -> Type {
        let candidates: Vec<usize> = self
            .program
            .structs
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, candidate)| candidate.fields.len() < 6 && !candidate.is_flexible())
            .map(|(index, _)| index)
            .take(12)
            .collect();
        if candidates.is_empty() {
            return self.simple();
        }
        let index = *self.random.pick(&candidates);
        let ty = Type::Struct(self.program.structs[index].number);
        if self.random.chance(25) {
            Type::Array(Box::new(ty), self.random.between(1, 3))
        } else {
            ty
        }
    }

    fn simple(&mut self) -> Type {
        match self.random.below(100) {
            0..=39 => Type::Scalar(*self.random.pick(INTEGERS)),
            40..=57 => Type::Scalar(*self.random.pick(OTHERS)),
            58..=69 => {
                let (word, c) = *self.random.pick(POINTERS);
                Type::Pointer(word, c)
            }
            70..=77 => Type::Text(self.random.between(1, 9)),
            78..=83 => Type::Bytes(self.random.between(1, 9)),
            84..=90 => Type::Atomic(*self.random.pick(INTEGERS)),
            _ => Type::Enum(self.random.below(self.program.enums.len())),
        }
    }
}

impl Struct {
    pub(crate) fn is_flexible(&self) -> bool {
        matches!(self.fields.last(), Some(Field { ty: Type::Flexible(_), .. }))
    }
}

/// The fields without the alignments of bit-fields, inline types included.
fn without_bit_alignment(fields: &[Field]) -> Vec<Field> {
    fn inside(ty: &Type) -> Type {
        match ty {
            Type::Inline { union, fields } => {
                Type::Inline { union: *union, fields: without_bit_alignment(fields) }
            }
            Type::Array(element, length) => Type::Array(Box::new(inside(element)), *length),
            other => other.clone(),
        }
    }
    let strip = |field: &Field| Field {
        ty: inside(&field.ty),
        align: field.align.filter(|_| field.bits.is_none()),
        ..field.clone()
    };
    fields.iter().map(strip).collect()
}

impl Program {
    /// The same structs without alignments on bit-fields.
    pub(crate) fn without_bit_alignment(&self) -> Self {
        let strip = |original: &Struct| Struct {
            fields: without_bit_alignment(&original.fields),
            ..original.clone()
        };
        Self { structs: self.structs.iter().map(strip).collect(), enums: self.enums.clone() }
    }

    /// Only the struct with this number, and those that it needs.
    pub(crate) fn only(&self, number: usize) -> Self {
        let mut needed = vec![number];
        let mut kept = Vec::new();
        for candidate in self.structs.iter().rev() {
            if needed.contains(&candidate.number) {
                uses(&candidate.fields, &mut needed);
                kept.push(candidate.clone());
            }
        }
        kept.reverse();
        Self { structs: kept, enums: self.enums.clone() }
    }

    /// Every program that lacks one field or one attribute of this one.
    pub(crate) fn reductions(&self) -> Vec<Self> {
        let mut out = Vec::new();
        for (index, original) in self.structs.iter().enumerate() {
            let mut put = |changed: Struct| {
                let mut program = self.clone();
                program.structs[index] = changed;
                out.push(program);
            };
            for fields in without_one(&original.fields) {
                put(Struct { fields, ..original.clone() });
            }
            if original.packed {
                put(Struct { packed: false, ..original.clone() });
            }
            if original.align.is_some() {
                put(Struct { align: None, ..original.clone() });
            }
        }
        out
    }
}

fn uses(fields: &[Field], out: &mut Vec<usize>) {
    for field in fields {
        let mut ty = &field.ty;
        while let Type::Array(element, _) | Type::Flexible(element) = ty {
            ty = element;
        }
        match ty {
            Type::Struct(number) => out.push(*number),
            Type::Inline { fields, .. } => uses(fields, out),
            _ => {}
        }
    }
}

/// The list without one of its fields, without one of a field's attributes, or with one simpler type.
fn without_one(fields: &[Field]) -> Vec<Vec<Field>> {
    let mut out = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let mut removed = fields.to_vec();
        removed.remove(index);
        if removed.iter().any(|field| field.name.is_some()) {
            out.push(removed);
        }
        let mut put = |changed: Field| {
            let mut list = fields.to_vec();
            list[index] = changed;
            out.push(list);
        };
        if field.packed {
            put(Field { packed: false, ..field.clone() });
        }
        if field.align.is_some() {
            put(Field { align: None, ..field.clone() });
        }
        match &field.ty {
            Type::Array(element, _) => put(Field { ty: (**element).clone(), ..field.clone() }),
            Type::Inline { union, fields } => {
                for fields in without_one(fields) {
                    put(Field { ty: Type::Inline { union: *union, fields }, ..field.clone() });
                }
            }
            Type::Struct(_) => {
                let ty = Type::Scalar(INTEGERS[0]);
                put(Field { ty, ..field.clone() });
            }
            _ => {}
        }
    }
    out
}
