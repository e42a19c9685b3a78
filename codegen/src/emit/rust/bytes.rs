//! What `repr(C)` cannot lay out: bytes of the right size and alignment with constant accessors, and the
//! accessors of bit-fields.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::aggregates::size_expression;
use super::docs;
use super::plan::{Form, Hoisted, Plan};
use super::types::{decoded_type, groups, ident, number, scalar_type};
use crate::model::{AggregateId, Field, Length, Scalar, Target, Type, Width};

/// The type of an aggregate that becomes bytes.
pub(super) fn bytes(plan: &Plan<'_>, id: AggregateId) -> TokenStream {
    let aggregate = &plan.model[id];
    let Some(layouts) = &aggregate.layouts else { return TokenStream::new() };
    let name = ident(&aggregate.naming.rust);
    let docs_ = docs(&aggregate.naming.docs);
    let (size, size_item) = size_expression(plan, id);
    let reprs = groups(|target| layouts.on(target).align).into_iter().map(|(predicate, align)| {
        let align = number(align);
        match predicate {
            None => quote!(#[repr(C, align(#align))]),
            Some(predicate) => quote!(#[cfg_attr(#predicate, repr(C, align(#align)))]),
        }
    });
    let hoisted = plan.hoisted(id);
    let (places, setters) = (places(plan, &hoisted), Setters::of(plan, id));
    let accessors = hoisted.iter().enumerate().map(|(index, hoisted)| {
        let index = number(index as u64);
        accessor(plan, hoisted.field, &quote!(Self::PLACES[#index]), &setters)
    });
    quote! {
        #docs_
        ///
        /// Rust has no type with this layout: these are its bytes.
        #[derive(Clone, Copy, Debug)]
        #(#reprs)*
        pub struct #name {
            /// The bytes.
            pub bytes: [u8; #size],
        }
        impl #name {
            #size_item
            #places
            /// All bytes zero.
            pub const ZERO: Self = Self { bytes: [0; #size] };
            #(#accessors)*
        }
    }
}

/// The first bit of every field, on each group of targets that agree.
fn places(plan: &Plan<'_>, hoisted: &[Hoisted<'_>]) -> TokenStream {
    let count = number(hoisted.len() as u64);
    let items = groups(|target| -> Vec<u64> {
        hoisted.iter().map(|it| first_bit(plan, it, target)).collect()
    })
    .into_iter()
    .map(|(predicate, bits)| {
        let cfg = predicate.map(|predicate| quote!(#[cfg(#predicate)]));
        let bits = bits.into_iter().map(number);
        quote!(#cfg const PLACES: [u32; #count] = [#(#bits),*];)
    });
    quote!(#(#items)*)
}

/// The first bit of a field, from the start of the aggregate that its path starts at.
pub(super) fn first_bit(plan: &Plan<'_>, hoisted: &Hoisted<'_>, target: Target) -> u64 {
    let mut bits = 0;
    for (aggregate, index) in &hoisted.path {
        let Some(layouts) = &plan.model[*aggregate].layouts else { return 0 };
        let place = layouts.on(target).fields[*index];
        bits += place.bit_offset.unwrap_or(place.offset * 8);
    }
    bits
}

/// The methods that change a field: `set_level`, and `with_level`, which changes a copy. Getters have the names of
/// fields, and these give way to them and to each other.
pub(super) struct Setters(BTreeMap<String, [String; 2]>);

impl Setters {
    /// Of the fields that have methods in an aggregate's own `impl`: all of one that is bytes, bit-fields otherwise.
    pub(super) fn of(plan: &Plan<'_>, id: AggregateId) -> Self {
        let hoisted;
        let fields: Vec<&Field> = match plan.forms.form(id) {
            Form::Bytes => {
                hoisted = plan.hoisted(id);
                hoisted.iter().map(|it| it.field).collect()
            }
            _ => plan.model[id].fields.iter().filter(|field| field.bits.is_some()).collect(),
        };
        let names = fields.iter().filter_map(|field| field.naming.as_ref());
        let getters: Vec<&str> = names.map(|naming| naming.rust.as_str()).collect();
        let usual = |getter: &str| USUAL.map(|word| format!("{word}_{getter}"));
        // Who has the usual name keeps it, whatever comes before.
        let mut taken: BTreeSet<String> = getters.iter().map(|&getter| getter.to_owned()).collect();
        let clashes = |name: &String| getters.contains(&name.as_str());
        taken.extend(getters.iter().flat_map(|getter| usual(getter)));
        let setters = getters.iter().map(|&getter| {
            let names = usual(getter).map(|mut name| {
                if clashes(&name) {
                    while !taken.insert(name.clone()) {
                        name.push('_');
                    }
                }
                name
            });
            (getter.to_owned(), names)
        });
        Self(setters.collect())
    }

    /// Those of a field, by the name of its getter.
    fn get(&self, getter: &str) -> (Ident, Ident) {
        let usual = || USUAL.map(|word| format!("{word}_{getter}"));
        let [set, with] = self.0.get(getter).cloned().unwrap_or_else(usual);
        (format_ident!("{set}"), format_ident!("{with}"))
    }

    /// Those of a field that are not the usual ones.
    pub(super) fn unusual(&self, getter: &str) -> impl Iterator<Item = &str> {
        let names = self.0.get(getter).into_iter().flatten().zip(USUAL);
        let unusual = names
            .filter(move |(name, word)| name.strip_prefix(word) != Some(&format!("_{getter}")));
        unusual.map(|(name, _)| name.as_str())
    }
}

const USUAL: [&str; 2] = ["set", "with"];

fn accessor(plan: &Plan<'_>, field: &Field, place: &TokenStream, setters: &Setters) -> TokenStream {
    let bytes = quote!(self.bytes);
    if field.bits.is_some() {
        return bit_accessors(plan, field, &bytes, place, setters, None);
    }
    let Some(naming) = &field.naming else { return TokenStream::new() };
    let docs = docs(&naming.docs);
    let name = ident(&naming.rust);
    let (set, with) = setters.get(&naming.rust);
    let Some(code) = Code::of(plan, &field.ty) else {
        return quote! {
            #docs
            /// Where it begins in the bytes.
            pub const fn #name(&self) -> usize { #place as usize / 8 }
        };
    };
    let Code { ty, get, put } = code;
    quote! {
        #docs
        pub const fn #name(&self) -> #ty {
            let raw = rt::bits::load(&self.bytes, #place as usize / 8);
            #get
        }
        #docs
        pub const fn #set(&mut self, value: #ty) {
            rt::bits::store(&mut self.bytes, #place as usize / 8, #put);
        }
        #docs
        pub const fn #with(mut self, value: #ty) -> Self {
            self.#set(value);
            self
        }
    }
}

/// How a value stands in native bytes: its type, `raw` into it, and `value` out of it.
struct Code {
    ty: TokenStream,
    get: TokenStream,
    put: TokenStream,
}

impl Code {
    /// `None` for what has no constant conversion.
    fn of(plan: &Plan<'_>, ty: &Type) -> Option<Self> {
        Some(match ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => Self::scalar(*scalar),
            Type::Pointer(_) => Self::number(quote!(usize)),
            Type::Text(_) => {
                let ty = plan.producer_type(ty, 0);
                Self { ty, get: quote!(rt::Text::from_bytes(raw)), put: quote!(*value.bytes()) }
            }
            Type::Bytes(_) => {
                let ty = plan.producer_type(ty, 0);
                Self { ty, get: quote!(raw), put: quote!(value) }
            }
            Type::Array(element, Length::Fixed(_))
                if matches!(**element, Type::Scalar(Scalar::U8 | Scalar::Char)) =>
            {
                let ty = plan.producer_type(ty, 0);
                Self { ty, get: quote!(raw), put: quote!(value) }
            }
            Type::Enum(id) => {
                let path = plan.enum_path(*id, 0);
                Self {
                    get: quote!(#path::from_native(raw)),
                    put: quote!(value.to_native()),
                    ty: path,
                }
            }
            Type::Flags(id) => {
                let path = plan.flags_path(*id, 0);
                let raw = scalar_type(plan.model[*id].repr);
                Self {
                    get: quote!(#path(#raw::from_ne_bytes(raw))),
                    put: quote!(value.0.to_ne_bytes()),
                    ty: path,
                }
            }
            _ => return None,
        })
    }

    fn number(ty: TokenStream) -> Self {
        Self { get: quote!(#ty::from_ne_bytes(raw)), put: quote!(value.to_ne_bytes()), ty }
    }

    fn scalar(scalar: Scalar) -> Self {
        let ty = scalar_type(scalar);
        match scalar {
            Scalar::Bool => Self {
                get: quote!({
                    let raw: [u8; 1] = raw;
                    raw[0] != 0
                }),
                put: quote!([value as u8]),
                ty,
            },
            _ if scalar.fixed_order().is_some() => {
                let raw = decoded_type(scalar);
                let (from, to) = match scalar {
                    Scalar::Be16 | Scalar::Be32 | Scalar::Be64 => ("from_be_bytes", "to_be_bytes"),
                    _ => ("from_le_bytes", "to_le_bytes"),
                };
                let (from, to) = (ident(from), ident(to));
                Self { get: quote!(#raw::#from(raw)), put: quote!(value.#to()), ty: raw }
            }
            _ => Self::number(ty),
        }
    }
}

/// The accessors of a bit-field in an array of bytes. `tail` is the parameter of a flexible struct, which can be
/// passed by value only where its size is known.
pub(super) fn bit_accessors(
    plan: &Plan<'_>,
    field: &Field,
    bytes: &TokenStream,
    place: &TokenStream,
    setters: &Setters,
    tail: Option<&TokenStream>,
) -> TokenStream {
    let (Some(naming), Some(bits)) = (&field.naming, field.bits) else { return TokenStream::new() };
    let docs = docs(&naming.docs);
    let name = ident(&naming.rust);
    let (set, with) = setters.get(&naming.rust);
    let width = number(bits);
    let (ty, get, put) = bit_code(plan, &field.ty);
    let function = if get.1 { quote!(get_signed) } else { quote!(get) };
    let convert = get.0;
    let sized = tail.map(|tail| quote!(where #tail: Sized));
    quote! {
        #docs
        pub const fn #name(&self) -> #ty {
            let raw = rt::bits::#function(&#bytes, #place, #width);
            #convert
        }
        #docs
        pub const fn #set(&mut self, value: #ty) {
            rt::bits::set(&mut #bytes, #place, #width, #put);
        }
        #docs
        pub const fn #with(mut self, value: #ty) -> Self #sized {
            self.#set(value);
            self
        }
    }
}

/// The type of a bit-field, `raw` into it (and whether with a sign), and `value` out of it.
fn bit_code(plan: &Plan<'_>, ty: &Type) -> (TokenStream, (TokenStream, bool), TokenStream) {
    match ty {
        Type::Scalar(Scalar::Bool) => {
            (quote!(bool), (quote!(raw != 0), false), quote!(value as u64))
        }
        Type::Enum(id) => {
            let path = plan.enum_path(*id, 0);
            let signed = super::enums::is_signed(&plan.model[*id]);
            let raw = super::enums::raw_name(plan, *id);
            (path.clone(), (quote!(#path(raw as #raw)), signed), quote!(value.0 as u64))
        }
        Type::Flags(id) => {
            let path = plan.flags_path(*id, 0);
            let raw = scalar_type(plan.model[*id].repr);
            (path.clone(), (quote!(#path(raw as #raw)), false), quote!(value.0 as u64))
        }
        Type::Scalar(scalar) | Type::Atomic(scalar) => {
            let ty = match scalar.fixed_order() {
                Some(_) => decoded_type(*scalar),
                None => scalar_type(*scalar),
            };
            let same =
                scalar.width() == Width::Fixed(8) && !matches!(ty.to_string().as_str(), "usize");
            let signed = scalar.is_signed();
            let get = if same { quote!(raw) } else { quote!(raw as #ty) };
            let put = if same && !signed { quote!(value) } else { quote!(value as u64) };
            (ty, (get, signed), put)
        }
        _ => (quote!(u64), (quote!(raw), false), quote!(value)),
    }
}
