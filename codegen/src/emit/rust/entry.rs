//! The row: what a producer registers, and what a reader finds.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::plan::Plan;
use super::types::{decoded_type, ident, number, scalar_type};
use super::{annotated, docs};
use crate::emit::blobs;
use crate::model::{EntryField, EnumRepr, Length, Scalar, Type, Value};

/// The entry that a producer fills in, and its format.
pub(super) fn entry(plan: &Plan<'_>) -> TokenStream {
    let entry = &plan.schema.entry;
    let name = plan.entry_name();
    let docs_ = match entry.naming.docs.is_empty() {
        true => docs(&format!(
            "An entry of `{}`: a region and what is said about it.",
            plan.schema.name
        )),
        false => docs(&entry.naming.docs),
    };
    let fields = entry.fields.iter().map(|field| {
        let docs = docs(&field.naming.docs);
        let name = format_ident!("field_{}", field.naming.rust);
        let ty = field_type(plan, &field.ty);
        quote!(#docs #name: #ty,)
    });
    let defaults = entry.fields.iter().map(|field| {
        let name = format_ident!("field_{}", field.naming.rust);
        let value = default(plan, field);
        quote!(#name: #value,)
    });
    let setters = entry.fields.iter().map(|field| setter(plan, field));
    let defaults: TokenStream = defaults.collect();
    let (properties, bits) = match &plan.schema.properties {
        Some(own) => (ident(&own.naming.rust), quote!(bits.0)),
        None => (ident("u64"), quote!(bits)),
    };
    let format = format(plan);
    let [new, of, core, region] = ["new", "of", "core", "region"].map(|it| method(plan, it));
    quote! {
        #docs_
        #[derive(Clone, Copy, Debug)]
        pub struct #name {
            core: rt::Region,
            #(#fields)*
        }
        impl #name {
            /// `length` bytes at `address`.
            pub const fn #new<C: rt::Class<Format = Self>>(address: u64, length: u64) -> Self {
                Self { core: rt::Region::new::<C>(address, length), #defaults }
            }
            /// A variable.
            pub fn #of<C: rt::Class<Format = Self>>(target: &'static C::Target) -> Self {
                Self { core: rt::Region::of::<C>(target), #defaults }
            }
            /// With a name.
            pub const fn name(self, name: &'static str) -> Self {
                Self { core: self.core.name(name), ..self }
            }
            /// With a key within the class.
            pub const fn instance(self, instance: u64) -> Self {
                Self { core: self.core.instance(instance), ..self }
            }
            /// With further property bits.
            pub const fn properties(self, bits: #properties) -> Self {
                Self { core: self.core.properties(#bits), ..self }
            }
            /// With everything else that the core of an entry holds.
            pub const fn #core(self, core: rt::Region) -> Self {
                Self { core, ..self }
            }
            /// The core of the entry.
            pub const fn #region(self) -> rt::Region {
                self.core
            }
            #(#setters)*
        }
        #format
    }
}

/// A name for a method that every entry has, out of the way of the fields'.
fn method(plan: &Plan<'_>, name: &str) -> Ident {
    let mut name = name.to_owned();
    while plan.schema.entry.fields.iter().any(|field| field.naming.rust == name) {
        name.push('_');
    }
    ident(&name)
}

fn setter(plan: &Plan<'_>, field: &EntryField) -> TokenStream {
    let docs = docs(&field.naming.docs);
    let (name, member) = (ident(&field.naming.rust), format_ident!("field_{}", field.naming.rust));
    let ty = field_type(plan, &field.ty);
    quote! {
        #docs
        pub const fn #name(self, value: #ty) -> Self {
            Self { #member: value, ..self }
        }
    }
}

/// A record goes as its bytes.
fn field_type(plan: &Plan<'_>, ty: &Type) -> TokenStream {
    match ty {
        Type::Aggregate(_) => bytes_of(plan, ty),
        Type::Array(element, _) if !matches!(**element, Type::Scalar(_)) => bytes_of(plan, ty),
        Type::Atomic(scalar) => scalar_type(*scalar),
        _ => plan.producer_type(ty, 0),
    }
}

fn bytes_of(plan: &Plan<'_>, ty: &Type) -> TokenStream {
    let size = number(fixed_size(plan, ty));
    quote!([u8; #size])
}

/// Bytes of a type that is the same on every target, as those of entries are.
fn fixed_size(plan: &Plan<'_>, ty: &Type) -> u64 {
    match ty {
        Type::Aggregate(id) => {
            // Targets may align a record differently; its size is the same on all of them.
            let layouts = plan.model[*id].layouts.as_ref();
            layouts.and_then(|all| all.distinct.first()).map_or(0, |layout| layout.size)
        }
        Type::Array(element, Length::Fixed(length)) => fixed_size(plan, element) * length,
        Type::Scalar(scalar) | Type::Atomic(scalar) => scalar_size(*scalar),
        Type::Text(size) | Type::Bytes(size) => *size,
        Type::Enum(id) => match plan.model[*id].repr {
            EnumRepr::Scalar(scalar) => scalar_size(scalar),
            EnumRepr::C(_) => 4,
        },
        Type::Flags(id) => scalar_size(plan.model[*id].repr),
        _ => 4,
    }
}

fn scalar_size(scalar: Scalar) -> u64 {
    match scalar.width() {
        crate::model::Width::Fixed(size) => u64::from(size),
        crate::model::Width::Word => 8,
    }
}

fn default(plan: &Plan<'_>, field: &EntryField) -> TokenStream {
    let plain = matches!(field.default, Value::Int(0));
    match &field.ty {
        Type::Aggregate(_) => zeros(plan, &field.ty),
        Type::Array(element, _) if !matches!(**element, Type::Scalar(_)) => zeros(plan, &field.ty),
        ty if plain && !matches!(ty, Type::Atomic(_)) => plan.zero(ty),
        ty => plan.value(ty, &field.default, 0),
    }
}

fn zeros(plan: &Plan<'_>, ty: &Type) -> TokenStream {
    let size = number(fixed_size(plan, ty));
    quote!([0; #size])
}

fn format(plan: &Plan<'_>) -> TokenStream {
    let schema = plan.schema;
    let name = plan.entry_name();
    let text = &schema.name;
    let (version, size) = (number(schema.version), number(schema.entry.size));
    let words = number(schema.entry.size / 8 - 1);
    let history = blobs::history(plan.model, plan.id).into_iter().map(number);
    let carried = plan.fixed("CARRIED");
    let writes: TokenStream = schema.entry.fields.iter().map(|field| write(plan, field)).collect();
    let classes = schema.classes.iter().map(|id| {
        let class = &plan.model[*id];
        let text = &class.naming.name;
        let (number_, properties) = (number(class.number), number(class.properties));
        let type_id = number(plan.types.classes.get(id).copied().unwrap_or(0));
        quote! {
            rt::ClassInfo {
                name: #text, number: #number_, properties: #properties, type_id: #type_id
            }
        }
    });
    let fields = schema.entry.fields.iter().map(|field| {
        let text = &field.naming.name;
        let (offset, size) = (number(field.offset), number(field.size));
        let kind = ident(field_kind(&field.ty));
        let default = annotated::field_default(field);
        quote! {
            rt::FieldInfo {
                name: #text, offset: #offset, size: #size, kind: rt::FieldKind::#kind,
                default: #default
            }
        }
    });
    let out = if writes.is_empty() { quote!(_) } else { quote!(out) };
    quote! {
        impl rt::EntryFormat for #name {
            const SCHEMA: &'static str = #text;
            const VERSION: u32 = #version;
            const SIZE: u32 = #size;
            const HISTORY: &'static [u64] = &[#(#history),*];
            const CLASSES: &'static [rt::ClassInfo] = &[#(#classes),*];
            const FIELDS: &'static [rt::FieldInfo] = &[#(#fields),*];
            type Words = [rt::Word; #words];
            fn region(&self) -> &rt::Region {
                &self.core
            }
            fn write_fields(&self, #out: &mut rt::FieldWriter<'_>) -> Result<(), rt::RegisterError> {
                #writes
                Ok(())
            }
            fn sections() -> rt::Sections {
                rt::Sections {
                    schema: #carried.cbor.get(),
                    types: #carried.types.bytes(),
                    history: #carried.history.get(),
                }
            }
        }
    }
}

/// The variant of the runtime's `FieldKind`: how an annotation sets the field.
pub(super) fn field_kind(ty: &Type) -> &'static str {
    match ty {
        Type::Scalar(Scalar::Be16 | Scalar::Be32 | Scalar::Be64) => "Big",
        Type::Scalar(Scalar::Le16 | Scalar::Le32 | Scalar::Le64) => "Little",
        Type::Scalar(Scalar::F32 | Scalar::F64) => "Bytes",
        Type::Scalar(_) | Type::Atomic(_) | Type::Enum(_) | Type::Flags(_) => "Native",
        Type::Text(_) => "Text",
        Type::String => "String",
        _ => "Bytes",
    }
}

fn write(plan: &Plan<'_>, field: &EntryField) -> TokenStream {
    let name = format_ident!("field_{}", field.naming.rust);
    let offset = number(field.offset);
    let it = quote!(self.#name);
    match &field.ty {
        Type::String => quote!(out.put_text(#offset, #it)?;),
        Type::Array(element, _) if matches!(**element, Type::Scalar(_)) => {
            let size = number(fixed_size(plan, element));
            let value = native_bytes(element, &quote!(value));
            quote! {
                for (index, value) in #it.iter().enumerate() {
                    out.put(#offset + index * #size, #value);
                }
            }
        }
        ty => {
            let value = native_bytes(ty, &it);
            quote!(out.put(#offset, #value);)
        }
    }
}

/// The bytes of a value in the machine's order.
fn native_bytes(ty: &Type, it: &TokenStream) -> TokenStream {
    match ty {
        Type::Scalar(Scalar::Bool) | Type::Atomic(Scalar::Bool) => quote!([u8::from(#it)]),
        Type::Scalar(Scalar::Be16 | Scalar::Be32 | Scalar::Be64) => quote!(#it.get().to_be_bytes()),
        Type::Scalar(Scalar::Le16 | Scalar::Le32 | Scalar::Le64) => quote!(#it.get().to_le_bytes()),
        Type::Scalar(_) | Type::Atomic(_) => quote!(#it.to_ne_bytes()),
        Type::Text(_) => quote!(*#it.bytes()),
        Type::Enum(_) | Type::Flags(_) => quote!(#it.0.to_ne_bytes()),
        _ => quote!(#it),
    }
}

/// The table of this schema, its rows, and their fields.
pub(super) fn rows(plan: &Plan<'_>) -> TokenStream {
    let (table, rows, row) = (plan.fixed("Table"), plan.fixed("Rows"), plan.fixed("Row"));
    let (layouts, entry) = (plan.fixed("Layouts"), plan.entry_name());
    let shapes = plan.fixed("SHAPES");
    let fields = plan.schema.entry.fields.iter().map(|field| row_field(plan, field));
    let raw = method(plan, "raw");
    let doc = format!(" A table of `{}`.", plan.schema.name);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug)]
        pub struct #table<'a>(rt::Table<'a>);
        impl<'a> #table<'a> {
            /// Reads the table at the start of `bytes`: of this version of the schema, of an older one, or of
            /// a newer one that only appended.
            pub fn parse(bytes: &'a [u8]) -> Result<Self, rt::Error> {
                Self::of(rt::Table::parse(bytes)?)
            }
            /// Takes a table that was read already, if it is one of this schema.
            pub fn of(table: rt::Table<'a>) -> Result<Self, rt::Error> {
                let schema = rt::hash::schema_number(<#entry as rt::EntryFormat>::SCHEMA);
                let version = <#entry as rt::EntryFormat>::VERSION;
                table.check_reader(schema, version, <#entry as rt::EntryFormat>::HISTORY)?;
                Ok(Self(table))
            }
            /// Every row, in the order in which they stand.
            pub fn rows(&self) -> #rows<'a> {
                #rows(self.0.rows())
            }
            /// Where the fields of every struct lie in what this table's producer wrote.
            pub fn bind(&self) -> Result<#layouts, rt::BindError> {
                rt::Layouts::bind(&self.0, &#shapes).map(#layouts)
            }
            /// The table without its schema.
            pub fn raw(&self) -> &rt::Table<'a> {
                &self.0
            }
        }
        /// The rows of a table.
        #[derive(Clone, Debug)]
        pub struct #rows<'a>(rt::Rows<'a>);
        impl<'a> Iterator for #rows<'a> {
            type Item = #row<'a>;
            #[inline]
            fn next(&mut self) -> Option<#row<'a>> {
                self.0.next().map(#row)
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }
        impl ExactSizeIterator for #rows<'_> {}
        /// A row: the core entry by its methods, and the schema's own fields.
        #[derive(Clone, Copy, Debug)]
        pub struct #row<'a>(rt::Row<'a>);
        impl<'a> #row<'a> {
            /// The name; empty where there is none, or where it is broken (see `raw`).
            pub fn name(self) -> &'a str {
                self.0.name().unwrap_or("")
            }
            /// The row without its schema.
            pub fn #raw(self) -> rt::Row<'a> {
                self.0
            }
            #(#fields)*
        }
        impl<'a> ::core::ops::Deref for #row<'a> {
            type Target = rt::Row<'a>;
            #[inline]
            fn deref(&self) -> &rt::Row<'a> {
                &self.0
            }
        }
    }
}

fn row_field(plan: &Plan<'_>, field: &EntryField) -> TokenStream {
    let docs = docs(&field.naming.docs);
    let name = ident(&field.naming.rust);
    let (offset, since) = (number(field.offset), number(field.naming.lifetime.since));
    let (ty, body) = row_value(plan, field, &offset, &since);
    quote! {
        #docs
        #[inline]
        pub fn #name(self) -> #ty {
            #body
        }
    }
}

fn row_value(
    plan: &Plan<'_>,
    field: &EntryField,
    offset: &TokenStream,
    since: &TokenStream,
) -> (TokenStream, TokenStream) {
    let default = match &field.default {
        Value::Int(value) => number(*value),
        _ => quote!(0),
    };
    if let Some((scalar, length)) = numbers(&field.ty) {
        let (ty, size, length) = (decoded_type(scalar), scalar_size(scalar), number(length));
        let size = number(size);
        let element = scalar_value(scalar, &quote!(0), &quote!(#offset + index * #size), since);
        return (quote!([#ty; #length]), quote!(::core::array::from_fn(|index| #element)));
    }
    match &field.ty {
        Type::Scalar(scalar) | Type::Atomic(scalar) => {
            let ty = decoded_type(*scalar);
            (ty, scalar_value(*scalar, &default, offset, since))
        }
        Type::Enum(id) => {
            let path = plan.enum_path(*id, 0);
            let raw = match plan.model[*id].repr {
                EnumRepr::Scalar(scalar) => scalar_value(scalar, &default, offset, since),
                EnumRepr::C(_) => scalar_value(Scalar::U32, &default, offset, since),
            };
            (path.clone(), quote!(#path(#raw)))
        }
        Type::Flags(id) => {
            let path = plan.flags_path(*id, 0);
            let raw = scalar_value(plan.model[*id].repr, &default, offset, since);
            (path.clone(), quote!(#path(#raw)))
        }
        Type::String => {
            let default = match &field.default {
                Value::Text(text) => text.as_str(),
                _ => "",
            };
            let body = quote! {
                match self.0.string_field(#offset, #since) {
                    Some(text) => text.unwrap_or(""),
                    None => #default,
                }
            };
            (quote!(&'a str), body)
        }
        Type::Text(size) => {
            let default = byte_default(&field.default, *size);
            let size = number(*size);
            let body =
                quote!(rt::Str::new(self.0.field::<#size>(#offset, #since).unwrap_or(#default)));
            (quote!(rt::Str<'a>), body)
        }
        ty => {
            let length = fixed_size(plan, ty);
            let default = byte_default(&field.default, length);
            let length = number(length);
            let body = quote!(self.0.field::<#length>(#offset, #since).unwrap_or(#default));
            (quote!(&'a [u8; #length]), body)
        }
    }
}

/// An array of numbers whose bytes depend on the producer's order, with its length.
fn numbers(ty: &Type) -> Option<(Scalar, u64)> {
    let Type::Array(element, Length::Fixed(length)) = ty else { return None };
    match **element {
        Type::Scalar(Scalar::U8 | Scalar::Char) => None,
        Type::Scalar(scalar) => Some((scalar, *length)),
        _ => None,
    }
}

fn byte_default(value: &Value, size: u64) -> TokenStream {
    match value {
        Value::Bytes(bytes) => {
            let bytes = Literal::byte_string(bytes);
            quote!(#bytes)
        }
        _ => {
            let size = number(size);
            quote!(&[0; #size])
        }
    }
}

fn scalar_value(
    scalar: Scalar,
    default: &TokenStream,
    offset: &TokenStream,
    since: &TokenStream,
) -> TokenStream {
    let ty = decoded_type(scalar);
    if let Some(order) = scalar.fixed_order() {
        let from = match order {
            crate::model::ByteOrder::Big => ident("from_be_bytes"),
            crate::model::ByteOrder::Little => ident("from_le_bytes"),
        };
        return quote!(self.0.field(#offset, #since).map_or(#default, |bytes| #ty::#from(*bytes)));
    }
    let getter = format_ident!("u{}_field", scalar_size(scalar) * 8);
    match scalar {
        Scalar::Bool => quote!(self.0.#getter(#offset, #since).unwrap_or(#default) != 0),
        Scalar::F32 | Scalar::F64 => {
            quote!(self.0.#getter(#offset, #since).map_or(#default as #ty, #ty::from_bits))
        }
        _ if scalar.is_signed() => {
            quote!(self.0.#getter(#offset, #since).map_or(#default, |value| value as #ty))
        }
        _ => quote!(self.0.#getter(#offset, #since).unwrap_or(#default)),
    }
}
