//! What annotations need of a schema: a descriptor that their pairs point at, and a function for each field
//! that they may set, so that the compiler checks name, type and range.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::docs;
use super::entry::field_kind;
use super::plan::Plan;
use super::types::{decoded_type, ident, number};
use crate::model::{EntryField, Scalar, Type, Value};

/// The descriptor with its lists, the functions, and what leads to both from the entry.
pub(super) fn annotated(plan: &Plan<'_>) -> TokenStream {
    let entry = plan.entry_name();
    let [fields, carried] = ["AnnotationFields", "CARRIED"].map(|name| plan.fixed(name));
    let setters = plan.schema.entry.fields.iter().filter_map(|field| setter(plan, field));
    let properties = match &plan.schema.properties {
        Some(own) => {
            let ty = ident(&own.naming.rust);
            quote! {
                pub const fn properties(value: #ty) -> rt::Item {
                    rt::Item::integer("properties", value.0)
                }
            }
        }
        None => quote! {
            pub const fn properties(value: u64) -> rt::Item {
                rt::Item::integer("properties", value)
            }
        },
    };
    let statics = statics(plan);
    quote! {
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct #fields {}
        impl #fields {
            #properties
            #(#setters)*
        }
        impl rt::Annotated for #entry {
            type Fields = #fields;
            const DESCRIPTOR: *const rt::Descriptor = ::core::ptr::addr_of!(#carried).cast();
        }
        #statics
    }
}

fn statics(plan: &Plan<'_>) -> TokenStream {
    let entry = plan.entry_name();
    let [carried, classes, fields] =
        ["CARRIED", "CLASS_RECORDS", "FIELD_RECORDS"].map(|name| plan.fixed(name));
    let [cbor, types, history] =
        ["SCHEMA_SECTION", "TYPES_SECTION", "HISTORY_SECTION"].map(|name| plan.fixed(name));
    let [cbor_type, types_type, history_type] =
        ["SchemaSection", "TypesSection", "HistorySection"].map(|name| plan.fixed(name));
    let class_records = plan.schema.classes.iter().enumerate().map(|(index, id)| {
        let name = terminated(&plan.model[*id].naming.name);
        let index = number(index as u64);
        quote!(rt::ClassRecord::new(#name, &<#entry as rt::EntryFormat>::CLASSES[#index]))
    });
    let field_records = plan.schema.entry.fields.iter().enumerate().map(|(index, field)| {
        let name = terminated(&field.naming.name);
        let text = default_bytes(field);
        let index = number(index as u64);
        quote!(rt::FieldRecord::new(#name, &<#entry as rt::EntryFormat>::FIELDS[#index], #text))
    });
    let class_count = number(plan.schema.classes.len() as u64);
    let field_count = number(plan.schema.entry.fields.len() as u64);
    let name = terminated(&plan.schema.name);
    quote! {
        static #classes: rt::Blob<[rt::ClassRecord; #class_count]> =
            rt::Blob::new([#(#class_records),*]);
        static #fields: rt::Blob<[rt::FieldRecord; #field_count]> =
            rt::Blob::new([#(#field_records),*]);
        static #carried: rt::Carried<#history_type, #types_type, #cbor_type> = rt::Carried::new(
            rt::Descriptor::new::<#entry>(
                #name,
                rt::Places {
                    history: rt::Blob::elements(::core::ptr::addr_of!(#carried.history)),
                    types: rt::Types::place(::core::ptr::addr_of!(#carried.types)),
                    cbor: rt::Blob::elements(::core::ptr::addr_of!(#carried.cbor)),
                },
                rt::Blob::elements(::core::ptr::addr_of!(#classes)),
                rt::Blob::elements(::core::ptr::addr_of!(#fields)),
            ),
            #history,
            #types,
            #cbor,
        );
    }
}

fn terminated(name: &str) -> String {
    format!("{name}\0")
}

/// The function that makes an item of a field's value; none for a field that no pair can set.
fn setter(plan: &Plan<'_>, field: &EntryField) -> Option<TokenStream> {
    let (key, name) = (&field.naming.name, ident(&field.naming.rust));
    let docs = docs(&field.naming.docs);
    let text = quote!(&'static str);
    let (ty, item) = match &field.ty {
        Type::String => (text, quote!(rt::Item::text(#key, value))),
        Type::Text(size) => {
            let size = number(*size);
            (text, quote!(rt::Item::short_text(#key, value, #size)))
        }
        Type::Enum(id) => {
            // An unsigned number loses nothing on the way: all 64 bits stay.
            (plan.enum_path(*id, 0), quote!(rt::Item::integer(#key, value.0 as i64 as u64)))
        }
        Type::Flags(id) => {
            (plan.flags_path(*id, 0), quote!(rt::Item::integer(#key, value.0 as u64)))
        }
        Type::Scalar(scalar) | Type::Atomic(scalar) if field_kind(&field.ty) != "Bytes" => {
            let value = match scalar.is_signed() {
                true => quote!(value as i64 as u64),
                false => quote!(value as u64),
            };
            (decoded_type(*scalar), quote!(rt::Item::integer(#key, #value)))
        }
        _ => return None,
    };
    Some(quote! {
        #docs
        pub const fn #name(value: #ty) -> rt::Item {
            #item
        }
    })
}

/// What stands in the field of an entry that says nothing about it.
pub(super) fn field_default(field: &EntryField) -> TokenStream {
    match (&field.default, &field.ty) {
        (Value::Text(text), _) => quote!(rt::FieldDefault::Text(#text)),
        (_, Type::String) => quote!(rt::FieldDefault::Text("")),
        (Value::Bytes(bytes), _) => {
            let bytes = Literal::byte_string(bytes);
            quote!(rt::FieldDefault::Bytes(#bytes))
        }
        (Value::Int(value), Type::Scalar(scalar @ (Scalar::F32 | Scalar::F64))) => {
            let bits = match scalar {
                Scalar::F32 => u64::from((*value as f32).to_bits()),
                _ => (*value as f64).to_bits(),
            };
            let bits = number(bits);
            quote!(rt::FieldDefault::Number(#bits))
        }
        (Value::Int(value), _) if field_kind(&field.ty) != "Bytes" && !is_text(&field.ty) => {
            let bits = number(*value as u64);
            quote!(rt::FieldDefault::Number(#bits))
        }
        (Value::Int(_), _) => quote!(rt::FieldDefault::Bytes(&[])),
    }
}

fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::Text(_))
}

/// The default that is no number, as a descriptor has it: a text or bytes, with a NUL behind; nothing for
/// zeros.
fn default_bytes(field: &EntryField) -> TokenStream {
    let bytes = match &field.default {
        Value::Text(text) if !text.is_empty() => terminated(text).into_bytes(),
        Value::Bytes(bytes) => {
            // C's strings bring a NUL as well; it is none of the default.
            let mut bytes = bytes.clone();
            bytes.push(0);
            bytes
        }
        _ => return quote!(&[]),
    };
    let literal = Literal::byte_string(&bytes);
    quote!(#literal)
}
