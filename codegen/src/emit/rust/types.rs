//! The Rust spelling of types and values, for producers and for decoders.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

use super::module_name;
use super::plan::{Form, Plan};
use crate::model::{
    AggregateId, EnumId, EnumRepr, FlagsId, Length, Model, Pointee, Scalar, SchemaId, Target, Type,
    Value, Width,
};

/// An identifier: the model has made sure that it is none of Rust's words.
pub(super) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A number without a suffix.
pub(super) fn number(value: impl Into<i128>) -> TokenStream {
    let value = value.into();
    let literal = Literal::u128_unsuffixed(value.unsigned_abs());
    if value < 0 { quote!(-#literal) } else { quote!(#literal) }
}

impl Plan<'_> {
    /// The way from a module of this schema to an item of another; `depth` modules deep.
    pub(super) fn path(&self, schema: SchemaId, depth: usize) -> TokenStream {
        let up = (0..depth).map(|_| quote!(super::));
        if schema == self.id {
            return quote!(#(#up)*);
        }
        let module = ident(&module_name(&self.model[schema]));
        quote!(#(#up)* super::#module::)
    }

    pub(super) fn aggregate_path(&self, id: AggregateId, depth: usize) -> TokenStream {
        let aggregate = &self.model[id];
        let path = self.path(aggregate.schema, depth);
        let name = ident(&aggregate.naming.rust);
        match self.forms.form(id) {
            Form::External => quote!(#path external::#name),
            _ => quote!(#path #name),
        }
    }

    pub(super) fn enum_path(&self, id: EnumId, depth: usize) -> TokenStream {
        let path = self.path(self.model[id].schema, depth);
        let name = ident(&self.model[id].naming.rust);
        quote!(#path #name)
    }

    pub(super) fn flags_path(&self, id: FlagsId, depth: usize) -> TokenStream {
        let path = self.path(self.model[id].schema, depth);
        let name = ident(&self.model[id].naming.rust);
        quote!(#path #name)
    }

    /// The type of a producer's variable or field, `depth` modules below the schema's.
    pub(super) fn producer_type(&self, ty: &Type, depth: usize) -> TokenStream {
        match ty {
            Type::Scalar(scalar) => scalar_type(*scalar),
            Type::Atomic(scalar) => atomic_type(*scalar),
            Type::Pointer(pointee) => {
                let target = self.pointee_type(pointee, depth);
                quote!(rt::Ptr<#target>)
            }
            Type::Array(element, Length::Fixed(length)) => {
                let element = self.producer_type(element, depth);
                let length = number(*length);
                quote!([#element; #length])
            }
            // Captured lengths occur in captured structs, which no Rust struct declares.
            Type::Array(element, Length::Captured) | Type::Flexible(element) => {
                let element = self.producer_type(element, depth);
                quote!([#element])
            }
            Type::Text(length) => {
                let length = number(*length);
                quote!(rt::Text<#length>)
            }
            Type::Bytes(length) => {
                let length = number(*length);
                quote!([u8; #length])
            }
            Type::String => quote!(&'static str),
            Type::Opaque => quote!([u8]),
            Type::Aggregate(id) => self.aggregate_path(*id, depth),
            Type::Enum(id) => self.enum_path(*id, depth),
            Type::Flags(id) => self.flags_path(*id, depth),
        }
    }

    fn pointee_type(&self, pointee: &Pointee, depth: usize) -> TokenStream {
        match pointee {
            Pointee::Void | Pointee::Function => quote!(rt::c_void),
            Pointee::Text => quote!(u8),
            Pointee::Type(Type::Flexible(element)) => self.producer_type(element, depth),
            Pointee::Type(Type::Array(element, Length::Captured)) => {
                self.producer_type(element, depth)
            }
            Pointee::Type(Type::Opaque) => quote!(rt::c_void),
            Pointee::Type(ty) => self.producer_type(ty, depth),
        }
    }

    /// A constant expression: all bytes zero.
    pub(super) fn zero(&self, ty: &Type) -> TokenStream {
        match ty {
            Type::Scalar(Scalar::Bool) => quote!(false),
            Type::Scalar(Scalar::F32 | Scalar::F64) => quote!(0.0),
            Type::Scalar(scalar) if scalar.fixed_order().is_some() => {
                let name = scalar_type(*scalar);
                quote!(#name::ZERO)
            }
            Type::Scalar(_) => quote!(0),
            Type::Atomic(scalar) => {
                let name = atomic_type(*scalar);
                let zero = if *scalar == Scalar::Bool { quote!(false) } else { quote!(0) };
                quote!(#name::new(#zero))
            }
            Type::Pointer(_) => quote!(rt::Ptr::NULL),
            Type::Array(element, Length::Fixed(length)) => {
                let zero = self.zero(element);
                let length = number(*length);
                if self.forms.copies(element) {
                    quote!([#zero; #length])
                } else {
                    quote!([const { #zero }; #length])
                }
            }
            Type::Array(..) | Type::Flexible(_) | Type::Opaque => quote!([]),
            Type::Text(_) => quote!(rt::Text::ZERO),
            Type::Bytes(length) => {
                let length = number(*length);
                quote!([0; #length])
            }
            Type::String => quote!(""),
            Type::Aggregate(id) => {
                let path = self.aggregate_path(*id, 0);
                quote!(#path::ZERO)
            }
            Type::Enum(id) => {
                let path = self.enum_path(*id, 0);
                quote!(#path::ZERO)
            }
            Type::Flags(id) => {
                let path = self.flags_path(*id, 0);
                quote!(#path::ZERO)
            }
        }
    }

    /// A constant expression for a value of a scalar type, an enum, flags, text or bytes.
    pub(super) fn value(&self, ty: &Type, value: &Value, depth: usize) -> TokenStream {
        match (ty, value) {
            (Type::Scalar(Scalar::Bool), Value::Int(value)) => {
                if *value == 0 {
                    quote!(false)
                } else {
                    quote!(true)
                }
            }
            (Type::Scalar(scalar @ (Scalar::F32 | Scalar::F64)), Value::Int(value)) => {
                let name = scalar_type(*scalar);
                let value = number(*value);
                quote!(#value as #name)
            }
            (Type::Scalar(scalar), Value::Int(value)) if scalar.fixed_order().is_some() => {
                let name = scalar_type(*scalar);
                let value = number(*value);
                quote!(#name::new(#value))
            }
            (Type::Enum(id), Value::Int(value)) => {
                let path = self.enum_path(*id, depth);
                let value = number(*value);
                quote!(#path(#value))
            }
            (Type::Flags(id), Value::Int(value)) => {
                let path = self.flags_path(*id, depth);
                let value = number(*value);
                quote!(#path(#value))
            }
            (Type::Text(_), Value::Bytes(bytes)) => {
                let bytes = Literal::byte_string(bytes);
                quote!(rt::Text::from_bytes(*#bytes))
            }
            (_, Value::Bytes(bytes)) => {
                let bytes = Literal::byte_string(bytes);
                quote!(*#bytes)
            }
            (_, Value::Int(value)) => number(*value),
            (_, Value::Text(text)) => quote!(#text),
        }
    }
}

/// The type of a scalar in a producer's struct.
pub(super) fn scalar_type(scalar: Scalar) -> TokenStream {
    use Scalar::*;
    match scalar {
        U8 | Char => quote!(u8),
        U16 | Ushort => quote!(u16),
        U32 | Uint => quote!(u32),
        U64 | Ulonglong => quote!(u64),
        I8 => quote!(i8),
        I16 | Short => quote!(i16),
        I32 | Int => quote!(i32),
        I64 | Longlong => quote!(i64),
        F32 => quote!(f32),
        F64 => quote!(f64),
        Bool => quote!(bool),
        Be16 => quote!(rt::Be16),
        Be32 => quote!(rt::Be32),
        Be64 => quote!(rt::Be64),
        Le16 => quote!(rt::Le16),
        Le32 => quote!(rt::Le32),
        Le64 => quote!(rt::Le64),
        Long => quote!(::core::ffi::c_long),
        Ulong => quote!(::core::ffi::c_ulong),
        Size | Uintptr => quote!(usize),
        Ssize => quote!(isize),
    }
}

fn atomic_type(scalar: Scalar) -> TokenStream {
    use Scalar::*;
    let name = match scalar {
        Bool => "AtomicBool",
        U8 | Char => "AtomicU8",
        I8 => "AtomicI8",
        I16 | Short => "AtomicI16",
        I32 | Int => "AtomicI32",
        I64 | Longlong => "AtomicI64",
        Long | Ssize => "AtomicIsize",
        Ulong | Size | Uintptr => "AtomicUsize",
        _ => match scalar.width() {
            Width::Fixed(2) => "AtomicU16",
            Width::Fixed(4) => "AtomicU32",
            _ => "AtomicU64",
        },
    };
    let name = ident(name);
    quote!(rt::atomic::#name)
}

/// The type of a number once it is read: wide enough for every producer.
pub(super) fn decoded_type(scalar: Scalar) -> TokenStream {
    use Scalar::*;
    match scalar {
        Be16 | Le16 => quote!(u16),
        Be32 | Le32 => quote!(u32),
        Be64 | Le64 | Ulong | Size | Uintptr => quote!(u64),
        Long | Ssize => quote!(i64),
        _ => scalar_type(scalar),
    }
}

/// The alignment that rustc gives a type in a `repr(C)` struct.
pub(super) fn rust_align(model: &Model, ty: &Type, target: Target) -> u32 {
    let info = target.info();
    let scalar = |scalar: Scalar| match scalar.width() {
        Width::Fixed(8) => u32::from(info.align_8),
        Width::Fixed(size) => u32::from(size),
        Width::Word => u32::from(info.word_size),
    };
    match ty {
        Type::Scalar(it) => scalar(*it),
        Type::Atomic(it) if it.width() == Width::Fixed(8) => 8,
        Type::Atomic(it) => scalar(*it),
        Type::Pointer(_) => u32::from(info.word_size),
        Type::Array(element, _) | Type::Flexible(element) => rust_align(model, element, target),
        Type::Text(_) | Type::Bytes(_) | Type::Opaque => 1,
        Type::String => 4,
        Type::Aggregate(id) => {
            model[*id].layouts.as_ref().map_or(1, |layouts| layouts.on(target).align)
        }
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(it) => scalar(it),
            EnumRepr::C(by_target) => match by_target[target.index()].0 {
                8 => u32::from(info.align_8),
                size => u32::from(size),
            },
        },
        Type::Flags(id) => scalar(model[*id].repr),
    }
}

/// The targets grouped by a value: a `cfg` predicate and the value, the largest group last, which also
/// stands for targets that nobody lists. One group has no predicate.
pub(super) fn groups<T: PartialEq>(value: impl Fn(Target) -> T) -> Vec<(Option<TokenStream>, T)> {
    let mut groups: Vec<(T, Vec<Target>)> = Vec::new();
    for target in Target::all() {
        let own = value(target);
        match groups.iter_mut().find(|(other, _)| *other == own) {
            Some((_, targets)) => targets.push(target),
            None => groups.push((own, vec![target])),
        }
    }
    if groups.len() == 1 {
        return groups.into_iter().map(|(value, _)| (None, value)).collect();
    }
    let largest = (0..groups.len()).rev().max_by_key(|index| groups[*index].1.len()).unwrap_or(0);
    let last = groups.remove(largest);
    let others: Vec<TokenStream> =
        groups.iter().flat_map(|(_, targets)| targets.iter().map(|it| predicate(*it))).collect();
    let mut out: Vec<_> = groups
        .into_iter()
        .map(|(value, targets)| {
            let targets = targets.into_iter().map(predicate);
            (Some(quote!(any(#(#targets),*))), value)
        })
        .collect();
    out.push((Some(quote!(not(any(#(#others),*)))), last.0));
    out
}

/// The `cfg` predicate of a target.
pub(super) fn predicate(target: Target) -> TokenStream {
    target.info().rust_cfg.parse().unwrap_or_default()
}
