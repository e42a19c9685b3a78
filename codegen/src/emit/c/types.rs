//! How types, values and names are written in C.
//!
//! Knows the model and C's grammar; the views of headers and decoders ask it for finished text.

use std::fmt::Write as _;

use crate::model::names::schema_word;
use crate::model::{
    Aggregate, AggregateId, AggregateKind, Enum, EnumRepr, Length, Model, Pointee, Scalar, Type,
    Value,
};

/// The C type of a scalar.
pub(super) fn scalar_word(scalar: Scalar) -> &'static str {
    use Scalar::*;
    match scalar {
        U8 => "uint8_t",
        U16 | Be16 | Le16 => "uint16_t",
        U32 | Be32 | Le32 => "uint32_t",
        U64 | Be64 | Le64 => "uint64_t",
        I8 => "int8_t",
        I16 => "int16_t",
        I32 => "int32_t",
        I64 => "int64_t",
        F32 => "float",
        F64 => "double",
        Bool => "bool",
        Char => "char",
        Short => "short",
        Ushort => "unsigned short",
        Int => "int",
        Uint => "unsigned int",
        Long => "long",
        Ulong => "unsigned long",
        Longlong => "long long",
        Ulonglong => "unsigned long long",
        Size => "size_t",
        Ssize => "inspect_ssize",
        Uintptr => "uintptr_t",
    }
}

/// Writes declarations.
#[derive(Clone, Copy)]
pub(super) struct Declarer<'a> {
    model: &'a Model,
}

impl<'a> Declarer<'a> {
    /// For the types of a model.
    pub(super) fn new(model: &'a Model) -> Self {
        Self { model }
    }

    /// `ty` declared around a declarator: a name, or a name with `*`, `[]` and `()`.
    pub(super) fn declare(self, ty: &Type, declarator: &str) -> String {
        match ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => join(scalar_word(*scalar), declarator),
            Type::Pointer(pointee) => self.declare_pointer(pointee, declarator),
            Type::Array(element, Length::Fixed(count)) => {
                self.declare(element, &format!("{declarator}[{count}]"))
            }
            Type::Array(element, Length::Captured) | Type::Flexible(element) => {
                self.declare(element, &format!("{declarator}[]"))
            }
            Type::Text(size) => format!("char {declarator}[{size}]"),
            Type::Bytes(size) => format!("unsigned char {declarator}[{size}]"),
            Type::String => join("uint32_t", declarator),
            Type::Opaque => join("unsigned char", declarator),
            Type::Aggregate(id) => join(&aggregate_word(&self.model[*id]), declarator),
            Type::Enum(id) => join(&enum_word(&self.model[*id]), declarator),
            Type::Flags(id) => join(&self.model[*id].naming.c, declarator),
        }
    }

    fn declare_pointer(self, pointee: &Pointee, declarator: &str) -> String {
        let Pointee::Type(target) = pointee else {
            return match pointee {
                Pointee::Function => format!("void (*{declarator})(void)"),
                Pointee::Text => format!("char *{declarator}"),
                _ => format!("void *{declarator}"),
            };
        };
        let star = format!("*{declarator}");
        match target {
            Type::Array(..) | Type::Text(_) | Type::Bytes(_) => {
                self.declare(target, &format!("({star})"))
            }
            Type::Flexible(element) => {
                self.declare_pointer(&Pointee::Type((**element).clone()), declarator)
            }
            // A typedef cannot be declared ahead of its header.
            Type::Aggregate(id) if is_foreign_typedef(&self.model[*id]) => format!("void {star}"),
            _ => self.declare(target, &star),
        }
    }
}

fn join(base: &str, declarator: &str) -> String {
    if declarator.is_empty() { base.to_owned() } else { format!("{base} {declarator}") }
}

/// Declared by a header that is not ours, under a name that is no tag.
pub(super) fn is_foreign_typedef(aggregate: &Aggregate) -> bool {
    aggregate.c_typedef && matches!(aggregate.kind, AggregateKind::ExternC { .. })
}

/// How an aggregate is named where it is used: with its keyword, unless another header made it a
/// typedef.
pub(super) fn aggregate_word(aggregate: &Aggregate) -> String {
    if is_foreign_typedef(aggregate) {
        aggregate.naming.c.clone()
    } else {
        format!("{} {}", keyword(aggregate), aggregate.naming.c)
    }
}

/// `struct` or `union`.
pub(super) fn keyword(aggregate: &Aggregate) -> &'static str {
    if aggregate.union { "union" } else { "struct" }
}

/// How an enum is named where it is used.
pub(super) fn enum_word(item: &Enum) -> String {
    match (item.repr, &item.header) {
        (EnumRepr::Scalar(_), _) => item.naming.c.clone(),
        (EnumRepr::C(_), None) => format!("enum {}", item.naming.c),
        (EnumRepr::C(_), Some(_)) => "inspect_enum".to_owned(),
    }
}

/// An integer as C writes it: usable in `#if`, of a type wide enough, unsigned where asked.
pub(super) fn integer(value: i128, unsigned: bool) -> String {
    if unsigned || value > i128::from(i64::MAX) {
        return if value > i128::from(u32::MAX) {
            format!("{value}ull")
        } else {
            format!("{value}u")
        };
    }
    if value == i128::from(i64::MIN) {
        // The literal without its sign would not fit.
        return "(-9223372036854775807ll - 1)".to_owned();
    }
    let wide = value > i128::from(i32::MAX) || value < -i128::from(i32::MAX);
    let suffix = if wide { "ll" } else { "" };
    if value < 0 { format!("({value}{suffix})") } else { format!("{value}{suffix}") }
}

/// A set of bits as C writes it.
pub(super) fn mask(value: u64, bytes: u8) -> String {
    match bytes {
        8 => format!("{value:#018x}ull"),
        4 => format!("{value:#010x}u"),
        2 => format!("{value:#06x}u"),
        _ => format!("{value:#04x}u"),
    }
}

/// Bytes as an initialiser of an array, padded with zeros.
pub(super) fn byte_list(bytes: &[u8], size: usize) -> String {
    let mut out = String::from("{ ");
    for index in 0..size.max(bytes.len()).max(1) {
        if index > 0 {
            out.push_str(", ");
        }
        let _ = write!(out, "{:#04x}", bytes.get(index).copied().unwrap_or(0));
    }
    out.push_str(" }");
    out
}

/// Bytes as a string literal. Octal escapes end after three digits, unlike hexadecimal ones.
pub(super) fn string_literal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            // A question mark may begin a trigraph.
            b'?' => out.push_str("\\?"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out.push('"');
    out
}

/// A value as an expression or an initialiser of `ty`.
pub(super) fn value(ty: &Type, value: &Value) -> String {
    match (value, ty) {
        (Value::Int(number), Type::Scalar(Scalar::Bool)) => {
            if *number == 0 {
                "false".to_owned()
            } else {
                "true".to_owned()
            }
        }
        (Value::Int(number), Type::Scalar(scalar) | Type::Atomic(scalar)) => {
            integer(*number, !scalar.is_signed())
        }
        (Value::Int(number), _) => integer(*number, *number > i128::from(i32::MAX)),
        (Value::Bytes(bytes), Type::Text(_)) => string_literal(bytes),
        (Value::Bytes(bytes), _) => byte_list(bytes, byte_size(ty)),
        (Value::Text(text), _) => string_literal(text.as_bytes()),
    }
}

fn byte_size(ty: &Type) -> usize {
    let size = match ty {
        Type::Bytes(size) | Type::Text(size) | Type::Array(_, Length::Fixed(size)) => *size,
        _ => 0,
    };
    // A longer value does not pass the checker; the bound keeps a wrong model from exhausting
    // memory.
    usize::try_from(size).unwrap_or(0).min(1 << 20)
}

/// The name that functions about an aggregate begin with: an `extern` struct keeps its own name,
/// which would reach into the name space of its header or meet that of another schema, so the
/// schema's word goes before it.
pub(super) fn function_prefix(model: &Model, id: AggregateId) -> String {
    let aggregate = &model[id];
    if matches!(
        model[model.root(id)].kind,
        AggregateKind::ExternC { .. } | AggregateKind::ExternRust
    ) {
        format!("{}_{}", schema_word(&model[aggregate.schema].name), aggregate.naming.c)
    } else {
        aggregate.naming.c.clone()
    }
}

/// FNV-1a, 64 bits: how a table names its schema.
pub(super) fn schema_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
