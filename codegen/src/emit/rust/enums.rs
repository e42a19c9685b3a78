//! Enums and sets of flags: numbers with a type. An enum is a transparent struct with a constant for each
//! member, open or not: memory that another language or another version writes may hold any value, and no
//! value may be undefined behaviour or be lost. A closed enum says so in `is_known`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::docs;
use super::plan::Plan;
use super::types::{groups, ident, number, scalar_type};
use crate::model::{Enum, EnumId, EnumRepr, FlagMember, FlagsId, Naming};

/// An enum.
pub(super) fn enumeration(plan: &Plan<'_>, id: EnumId) -> TokenStream {
    let item = &plan.model[id];
    let name = ident(&item.naming.rust);
    let docs_ = docs(&item.naming.docs);
    let (raw, alias) = raw_type(plan, id);
    let members = item.members.iter().filter_map(|member| Some((member, member.value?)));
    let constants = members.clone().map(|(member, value)| {
        let docs = docs(&member.naming.docs);
        let name = ident(&member.naming.rust);
        let value = number(value);
        quote!(#docs pub const #name: Self = Self(#value);)
    });
    let mut seen = std::collections::BTreeSet::new();
    let arms = members.filter(|(_, value)| seen.insert(*value)).map(|(member, value)| {
        let (value, text) = (number(value), &member.naming.name);
        quote!(#value => Some(#text),)
    });
    let coded = coded(&item.naming, &raw, is_signed(item));
    let words = if item.open { "other values may come" } else { "no other values are meant" };
    let known = format!(" Whether it is one of the members; {words}.");
    quote! {
        #alias
        #docs_
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct #name(pub #raw);
        impl #name {
            /// 0
            pub const ZERO: Self = Self(0);
            #(#constants)*
            /// The member's name, if it is one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    #(#arms)*
                    _ => None,
                }
            }
            #[doc = #known]
            pub const fn is_known(self) -> bool {
                self.name().is_some()
            }
            #[doc(hidden)]
            pub const fn from_native(bytes: [u8; ::core::mem::size_of::<#raw>()]) -> Self {
                Self(<#raw>::from_ne_bytes(bytes))
            }
            #[doc(hidden)]
            pub const fn to_native(self) -> [u8; ::core::mem::size_of::<#raw>()] {
                self.0.to_ne_bytes()
            }
        }
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => ::core::fmt::Debug::fmt(&self.0, f),
                }
            }
        }
        #coded
    }
}

/// Whether its values may be negative.
pub(super) fn is_signed(item: &Enum) -> bool {
    match item.repr {
        EnumRepr::Scalar(scalar) => scalar.is_signed(),
        EnumRepr::C(by_target) => by_target.iter().any(|(_, signed)| *signed),
    }
}

/// The name of the integer inside an enum.
pub(super) fn raw_name(plan: &Plan<'_>, id: EnumId) -> TokenStream {
    let item = &plan.model[id];
    let (raw, alias) = raw_type(plan, id);
    if alias.is_empty() {
        return raw;
    }
    let path = plan.path(item.schema, 0);
    quote!(#path #raw)
}

/// The integer inside an enum, and the alias that it needs where it differs between targets.
fn raw_type(plan: &Plan<'_>, id: EnumId) -> (TokenStream, TokenStream) {
    let item = &plan.model[id];
    let by_target = match item.repr {
        EnumRepr::Scalar(scalar) => return (scalar_type(scalar), TokenStream::new()),
        EnumRepr::C(by_target) => by_target,
    };
    let groups = groups(|target| by_target[target.index()]);
    if let [(None, repr)] = groups.as_slice() {
        return (integer(*repr), TokenStream::new());
    }
    let name = format_ident!("{}Raw", item.naming.rust);
    let aliases = groups.into_iter().map(|(predicate, repr)| {
        let ty = integer(repr);
        quote! {
            #[cfg(#predicate)]
            #[doc(hidden)]
            pub type #name = #ty;
        }
    });
    (quote!(#name), quote!(#(#aliases)*))
}

fn integer((size, signed): (u8, bool)) -> TokenStream {
    let bits = u32::from(size) * 8;
    let name = ident(&format!("{}{bits}", if signed { 'i' } else { 'u' }));
    quote!(#name)
}

/// What makes a coded number out of a field or an element.
fn coded(naming: &Naming, raw: &TokenStream, signed: bool) -> TokenStream {
    let name = ident(&naming.rust);
    let value = match signed {
        true => quote!(rt::sign_extend(bits, width) as #raw),
        false => quote!(bits as #raw),
    };
    let width = if signed { quote!(width) } else { quote!(_) };
    quote! {
        impl rt::Coded for #name {
            fn from_bits(bits: u64, #width: u32) -> Self {
                Self(#value)
            }
        }
        impl<'a> rt::Element<'a> for #name {
            fn stride(_: &rt::Layouts, sub: u32) -> usize {
                rt::coded_stride(sub)
            }
            fn load(bytes: &'a [u8], layouts: &'a rt::Layouts, _: u32) -> Self {
                rt::coded(bytes, layouts)
            }
        }
    }
}

/// A set of flags.
pub(super) fn flags(plan: &Plan<'_>, id: FlagsId) -> TokenStream {
    let item = &plan.model[id];
    let raw = scalar_type(item.repr);
    let set = flag_set(&item.naming, &raw, item.members.iter());
    let coded = coded(&item.naming, &raw, false);
    quote!(#set #coded)
}

/// A type whose bits have names.
pub(super) fn flag_set<'m>(
    naming: &Naming,
    raw: &TokenStream,
    members: impl Iterator<Item = &'m FlagMember>,
) -> TokenStream {
    let name = ident(&naming.rust);
    let docs_ = docs(&naming.docs);
    let constants = members.map(|member| {
        let docs = docs(&member.naming.docs);
        let name = ident(&member.naming.rust);
        let mask: TokenStream = format!("{:#x}", member.mask()).parse().unwrap_or_else(|_| {
            let mask = Literal::u64_unsuffixed(member.mask());
            quote!(#mask)
        });
        quote!(#docs pub const #name: Self = Self(#mask);)
    });
    quote! {
        #docs_
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct #name(pub #raw);
        impl #name {
            /// No flag.
            pub const ZERO: Self = Self(0);
            #(#constants)*
            /// Whether all the bits of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
            /// The bits of both.
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
            /// The bits that `other` lacks.
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
            /// The number that stands in the bits of `range`.
            pub const fn get(self, range: Self) -> #raw {
                match range.0 {
                    0 => 0,
                    bits => (self.0 & bits) >> bits.trailing_zeros(),
                }
            }
            /// With `value` in the bits of `range`.
            pub const fn put(self, range: Self, value: #raw) -> Self {
                match range.0 {
                    0 => self,
                    bits => Self(self.0 & !bits | value << bits.trailing_zeros() & bits),
                }
            }
        }
        impl ::core::ops::BitOr for #name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }
        impl ::core::ops::BitAnd for #name {
            type Output = Self;
            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }
    }
}
