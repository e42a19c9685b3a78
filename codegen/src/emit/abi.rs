//! `format/src/abi.rs`: the records and numbers of `inspect.core` as plain Rust, from which
//! everything else reads and writes tables.
//!
//! It is no output of the program: the file is committed, and a test compares it. Its shape is
//! regular: for each record a struct of native values with the places of its fields, `read` and
//! `write`; for each enum, set of flags and set of properties a module of constants.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use crate::model::names::{camel_case, rust_identifier, upper_case};
use crate::model::{
    Aggregate, Constant, ConstantValue, EnumRepr, Field, FlagMember, Layout, Model, Scalar, Schema,
    Type, TypeId, Value,
};

/// The file's text; `None` where the model lacks `inspect.core` or it says what this shape cannot.
#[must_use]
pub fn emit(model: &Model) -> Option<String> {
    let schema = &model[model.schema("inspect.core")?];
    let mut text = String::from(HEAD);
    for item in plan(model, schema)? {
        let file = syn::parse2(item).ok()?;
        text.push('\n');
        text.push_str(&prettyplease::unparse(&file));
    }
    Some(text)
}

const HEAD: &str = "\
//! The records of the table format, field by field, and the numbers that they hold.
//!
//! @generated from `schema/core.inspect`; a test compares the two. It refers to nothing else, so
//! that a wrong one still compiles and can be generated anew. `read` and `write` translate between
//! bytes in a given order and native values; they judge nothing. Padding is written as zeros and
//! not read.
";

/// Every item, in the order of the file.
fn plan(model: &Model, schema: &Schema) -> Option<Vec<TokenStream>> {
    let mut items = vec![order(), order_impl()];
    for id in &schema.constants {
        items.push(constant(&model[*id])?);
    }
    if let Some(properties) = &schema.properties {
        items.push(bits(&properties.naming, Scalar::U64, &properties.members)?);
    }
    for ty in &schema.types {
        match ty {
            TypeId::Enum(id) => items.push(enumeration(&model[*id])?),
            TypeId::Flags(id) => {
                let flags = &model[*id];
                items.push(bits(&flags.naming, flags.repr, &flags.members)?);
            }
            TypeId::Aggregate(_) => {}
        }
    }
    for ty in &schema.types {
        if let TypeId::Aggregate(id) = ty {
            items.extend(record(model, &model[*id])?);
        }
    }
    items.extend(helpers());
    Some(items)
}

fn order() -> TokenStream {
    quote! {
        /// The order of the bytes in a number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Order {
            /// The least significant byte comes first.
            Little,
            /// The most significant byte comes first.
            Big,
        }
    }
}

fn order_impl() -> TokenStream {
    quote! {
        impl Order {
            /// That of the machine this runs on.
            pub const NATIVE: Self =
                if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
        }
    }
}

fn constant(constant: &Constant) -> Option<TokenStream> {
    let ConstantValue::Known(value) = &constant.value else {
        return None;
    };
    let name = format_ident!("{}", constant.naming.name);
    let docs = docs(&constant.naming.docs);
    Some(match (&constant.ty, value) {
        (Type::Scalar(scalar), Value::Int(value)) => {
            let (ty, value) = (integer(*scalar)?, number(*value)?);
            quote! { #docs pub const #name: #ty = #value; }
        }
        (Type::Text(size) | Type::Bytes(size), Value::Bytes(bytes)) => {
            let size = usize::try_from(*size).ok()?;
            let mut bytes = bytes.clone();
            bytes.resize(size, 0);
            let (size, bytes) = (Literal::usize_unsuffixed(size), Literal::byte_string(&bytes));
            quote! { #docs pub const #name: [u8; #size] = *#bytes; }
        }
        _ => return None,
    })
}

fn enumeration(item: &crate::model::Enum) -> Option<TokenStream> {
    let EnumRepr::Scalar(scalar) = item.repr else {
        return None;
    };
    let (ty, name) = (integer(scalar)?, module_name(&item.naming.name));
    let docs_of_item = docs(&item.naming.docs);
    let members = item
        .members
        .iter()
        .map(|member| {
            let (name, docs) = (constant_name(&member.naming.name), docs(&member.naming.docs));
            let value = number(member.value?)?;
            Some(quote! { #docs pub const #name: #ty = #value; })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(quote! { #docs_of_item pub mod #name { #(#members)* } })
}

fn bits(
    naming: &crate::model::Naming,
    repr: Scalar,
    members: &[FlagMember],
) -> Option<TokenStream> {
    let (ty, name, docs_of_item) = (integer(repr)?, module_name(&naming.name), docs(&naming.docs));
    let members = members
        .iter()
        .map(|member| {
            let (name, docs) = (constant_name(&member.naming.name), docs(&member.naming.docs));
            let value = number(i128::from(member.mask()))?;
            Some(quote! { #docs pub const #name: #ty = #value; })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(quote! { #docs_of_item pub mod #name { #(#members)* } })
}

/// A field of a record as Rust has it.
struct Plain {
    name: proc_macro2::Ident,
    place: proc_macro2::Ident,
    place_docs: TokenStream,
    offset: Literal,
    ty: TokenStream,
    zero: TokenStream,
    get: TokenStream,
    put: TokenStream,
    docs: TokenStream,
}

fn record(model: &Model, aggregate: &Aggregate) -> Option<[TokenStream; 2]> {
    let layout = places(aggregate)?;
    let fields = plain_fields(model, aggregate, layout)?;
    let name = format_ident!("{}", camel_case(&aggregate.naming.name));
    let docs = docs(&aggregate.naming.docs);
    let size = Literal::u64_unsuffixed(layout.size);
    let declared =
        fields.iter().map(|Plain { name, ty, docs, .. }| quote! { #docs pub #name: #ty });
    let places = fields.iter().map(|Plain { place, place_docs, offset, .. }| {
        quote! { #place_docs pub const #place: usize = #offset; }
    });
    let zeros = fields.iter().map(|Plain { name, zero, .. }| quote! { #name: #zero });
    let gets = fields.iter().map(|Plain { name, place, get, .. }| {
        quote! { #name: #get(bytes, Self::#place, order) }
    });
    let puts = fields.iter().map(|Plain { name, place, put, .. }| {
        quote! { #put(bytes, Self::#place, self.#name, order); }
    });
    Some([
        quote! {
            #docs
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct #name { #(#declared),* }
        },
        quote! {
            impl #name {
                /// Bytes of the record.
                pub const SIZE: usize = #size;
                #(#places)*
                /// Every value zero.
                pub const ZERO: Self = Self { #(#zeros),* };
                /// Takes the record out of its bytes.
                #[must_use]
                #[inline]
                pub fn read(bytes: &[u8; #size], order: Order) -> Self {
                    Self { #(#gets),* }
                }
                /// Puts the record into its bytes.
                #[inline]
                pub fn write(&self, bytes: &mut [u8; #size], order: Order) {
                    *bytes = [0; #size];
                    #(#puts)*
                }
            }
        },
    ])
}

/// The layout of a record. Its places are the same on every target; only its alignment is not.
fn places(aggregate: &Aggregate) -> Option<&Layout> {
    let (first, others) = aggregate.layouts.as_ref()?.distinct.split_first()?;
    let same = |other: &Layout| other.size == first.size && other.fields == first.fields;
    others.iter().all(same).then_some(first)
}

fn plain_fields(model: &Model, aggregate: &Aggregate, layout: &Layout) -> Option<Vec<Plain>> {
    let named =
        aggregate.fields.iter().zip(&layout.fields).filter(|(field, _)| !field.is_padding());
    named.map(|(field, place)| plain_field(model, field, place.offset)).collect()
}

fn plain_field(model: &Model, field: &Field, offset: u64) -> Option<Plain> {
    let (ty, zero, word) = match &field.ty {
        Type::Text(size) | Type::Bytes(size) => {
            let size = Literal::u64_unsuffixed(*size);
            (quote! { [u8; #size] }, quote! { [0; #size] }, "bytes".to_owned())
        }
        other => {
            let scalar = match other {
                Type::Scalar(scalar) => *scalar,
                Type::Flags(id) => model[*id].repr,
                Type::Enum(id) => match model[*id].repr {
                    EnumRepr::Scalar(scalar) => scalar,
                    EnumRepr::C(_) => return None,
                },
                _ => return None,
            };
            let ty = integer(scalar)?;
            (quote! { #ty }, quote! { 0 }, ty.to_string())
        }
    };
    let naming = field.naming.as_ref()?;
    let place_docs = docs(&format!("Where `{}` lies.", naming.name));
    let (get, put) = (format_ident!("get_{word}"), format_ident!("put_{word}"));
    Some(Plain {
        name: format_ident!("{}", rust_identifier(&naming.name)),
        place: format_ident!("{}_AT", upper_case(&naming.name)),
        place_docs,
        offset: Literal::u64_unsuffixed(offset),
        ty,
        zero,
        get: quote! { #get },
        put: quote! { #put },
        docs: docs(&naming.docs),
    })
}

/// The functions behind `read` and `write`, of one form for every type.
fn helpers() -> Vec<TokenStream> {
    let mut items = vec![
        quote! {
            #[inline]
            fn get_bytes<const N: usize, const M: usize>(
                bytes: &[u8; N],
                at: usize,
                _order: Order,
            ) -> [u8; M] {
                let mut value = [0; M];
                value.copy_from_slice(&bytes[at..at + M]);
                value
            }
        },
        quote! {
            #[inline]
            fn put_bytes<const N: usize, const M: usize>(
                bytes: &mut [u8; N],
                at: usize,
                value: [u8; M],
                _order: Order,
            ) {
                bytes[at..at + M].copy_from_slice(&value);
            }
        },
    ];
    for scalar in [Scalar::U8, Scalar::U16, Scalar::U32, Scalar::U64] {
        let ty = format_ident!("{}", scalar.word());
        let (get, put) = (format_ident!("get_{ty}"), format_ident!("put_{ty}"));
        items.push(quote! {
            #[inline]
            fn #get<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> #ty {
                let value = get_bytes(bytes, at, order);
                match order {
                    Order::Little => #ty::from_le_bytes(value),
                    Order::Big => #ty::from_be_bytes(value),
                }
            }
        });
        items.push(quote! {
            #[inline]
            fn #put<const N: usize>(bytes: &mut [u8; N], at: usize, value: #ty, order: Order) {
                let value = match order {
                    Order::Little => value.to_le_bytes(),
                    Order::Big => value.to_be_bytes(),
                };
                put_bytes(bytes, at, value, order);
            }
        });
    }
    items
}

/// Unsigned integers are all that the format's records are made of.
fn integer(scalar: Scalar) -> Option<proc_macro2::Ident> {
    let plain = matches!(scalar, Scalar::U8 | Scalar::U16 | Scalar::U32 | Scalar::U64);
    plain.then(|| format_ident!("{}", scalar.word()))
}

/// A module of constants; `type` and its like get an underscore.
fn module_name(name: &str) -> proc_macro2::Ident {
    format_ident!("{}", rust_identifier(name))
}

fn constant_name(name: &str) -> proc_macro2::Ident {
    format_ident!("{}", upper_case(name))
}

/// Small numbers in decimal, large ones in hexadecimal with their digits in groups of four.
fn number(value: i128) -> Option<Literal> {
    let value = u64::try_from(value).ok()?;
    if value < 256 {
        return Some(Literal::u64_unsuffixed(value));
    }
    let digits = format!("{value:x}");
    let mut text = String::from("0x");
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 4 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text.parse().ok()
}

/// Documentation as it stands in the schema. Its links name the schema's items, which are called
/// otherwise here: they become plain code.
fn docs(text: &str) -> TokenStream {
    let lines = text.lines().map(|line| {
        let line = line.replace("[`", "`").replace("`]", "`");
        let line = if line.is_empty() { line } else { format!(" {line}") };
        quote! { #[doc = #line] }
    });
    quote! { #(#lines)* }
}
