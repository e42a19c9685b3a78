//! Producer structs and unions: the type, its constant of zeros, the accessors of its bit-fields, and the
//! assertions that hold its layout against the compiler's.

use std::fmt::Write as _;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::plan::{Form, Piece, Plan};
use super::types::{groups, ident, number};
use super::{bytes, docs};
use crate::model::{Aggregate, AggregateId, Field, Type};

/// The items of an aggregate that a producer uses; none for one that a compiler lays out.
pub(super) fn aggregate(plan: &Plan<'_>, id: AggregateId) -> TokenStream {
    match plan.forms.form(id) {
        Form::External => TokenStream::new(),
        Form::Bytes => bytes::bytes(plan, id),
        Form::Struct { packed, align, pieces } => structure(plan, id, *packed, *align, pieces),
        Form::Union { packed, align } => union(plan, id, *packed, *align),
    }
}

/// The name of a field in a producer's struct, whether it has one in the schema or not.
pub(super) fn member_name(aggregate: &Aggregate, index: usize) -> Ident {
    match &aggregate.fields[index].naming {
        Some(naming) => ident(&naming.rust),
        None => {
            let padding = aggregate.fields[index].is_padding();
            let kind = |field: &&Field| field.naming.is_none() && field.is_padding() == padding;
            let before = aggregate.fields[..index].iter().filter(kind).count();
            let word = if padding { "_pad" } else { "anonymous" };
            unclaimed(aggregate, format!("{word}{before}"))
        }
    }
}

/// A name for a member that the schema does not name, out of the way of those that it does.
fn unclaimed(aggregate: &Aggregate, mut name: String) -> Ident {
    let named = aggregate.fields.iter().filter_map(|field| field.naming.as_ref());
    while named.clone().any(|naming| naming.rust == name) {
        name.push('_');
    }
    ident(&name)
}

fn repr(packed: bool, align: Option<u32>) -> TokenStream {
    let align = align.map(|align| {
        let align = number(align);
        quote!(, align(#align))
    });
    let packed = packed.then(|| quote!(, packed));
    quote!(#[repr(C #packed #align)])
}

fn structure(
    plan: &Plan<'_>,
    id: AggregateId,
    packed: bool,
    align: Option<u32>,
    pieces: &[Piece],
) -> TokenStream {
    let aggregate = &plan.model[id];
    let name = ident(&aggregate.naming.rust);
    let docs = docs(&aggregate.naming.docs);
    let repr = repr(packed, align);
    let mut fields = TokenStream::new();
    let mut zeros = TokenStream::new();
    let mut accessors = TokenStream::new();
    let setters = bytes::Setters::of(plan, id);
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Member(at) => {
                let (field, zero) = member(plan, aggregate, *at);
                fields.extend(field);
                zeros.extend(zero);
            }
            Piece::Gap(size) => {
                let (gap, size) = (unclaimed(aggregate, format!("_gap{index}")), number(*size));
                fields.extend(quote!(#[doc(hidden)] pub #gap: [u8; #size],));
                zeros.extend(quote!(#gap: [0; #size],));
            }
            Piece::Bits { size, fields: range, little, big } => {
                let (bits, size) = (unclaimed(aggregate, format!("_bits{index}")), number(*size));
                fields.extend(quote!(#[doc(hidden)] pub #bits: [u8; #size],));
                zeros.extend(quote!(#bits: [0; #size],));
                let places = range.clone().zip(little.iter().zip(big));
                for (at, (little, big)) in places {
                    let place = at_by_order(*little, *big);
                    let field = &aggregate.fields[at];
                    accessors.extend(bytes::bit_accessors(
                        plan,
                        field,
                        &quote!(self.#bits),
                        &place,
                        &setters,
                        aggregate.flexible.then(|| quote!(T)).as_ref(),
                    ));
                }
            }
        }
    }
    if aggregate.flexible {
        let element = tail_element(plan, aggregate);
        let tail = quote!([#element; 0]);
        let sized = tail_bound(plan, id);
        return quote! {
            #docs
            #repr
            pub struct #name<T #sized = #tail> { #fields }
            impl #name {
                /// All bytes zero, without any element.
                pub const ZERO: Self = Self { #zeros };
            }
        }
        .into_iter()
        .chain(flexible_items(plan, id, &name, pieces, &zeros, &accessors))
        .collect();
    }
    let derives = derives(plan, id);
    quote! {
        #docs
        #derives
        #repr
        pub struct #name { #fields }
        impl #name {
            /// All bytes zero.
            pub const ZERO: Self = Self { #zeros };
            #accessors
        }
    }
}

/// Whether an aggregate has `Clone` and `Copy`, and whether it has `Debug`.
pub(super) fn traits(plan: &Plan<'_>, id: AggregateId) -> (bool, bool) {
    let debug = match plan.forms.form(id) {
        Form::Struct { .. } => plan.forms.has_debug(id) && holds_debug(plan, id),
        // Unions have one that shows nothing.
        Form::Union { .. } | Form::Bytes => true,
        Form::External => false,
    };
    (plan.forms.is_copy(id), debug)
}

fn derives(plan: &Plan<'_>, id: AggregateId) -> TokenStream {
    match traits(plan, id) {
        (true, true) => quote!(#[derive(Clone, Copy, Debug)]),
        (true, false) => quote!(#[derive(Clone, Copy)]),
        (false, true) => quote!(#[derive(Debug)]),
        (false, false) => TokenStream::new(),
    }
}

/// Unions and packed structs print nothing, and what holds one cannot derive it.
fn holds_debug(plan: &Plan<'_>, id: AggregateId) -> bool {
    *plan.forms.form(id) == Form::Bytes
        || plan.model[id].fields.iter().filter_map(|field| super::plan::by_value(&field.ty)).all(
            |inner| {
                matches!(plan.forms.form(inner), Form::Union { .. })
                    || (plan.forms.has_debug(inner) && holds_debug(plan, inner))
            },
        )
}

fn at_by_order(little: u64, big: u64) -> TokenStream {
    let (first, second) = (number(little), number(big));
    if little == big { first } else { quote!(rt::bits::by_order(#first, #second)) }
}

/// A field of a struct, and its zero.
fn member(plan: &Plan<'_>, aggregate: &Aggregate, at: usize) -> (TokenStream, TokenStream) {
    let field = &aggregate.fields[at];
    let name = member_name(aggregate, at);
    let docs = field.naming.as_ref().map(|naming| docs(&naming.docs));
    let hidden = field.is_padding().then(|| quote!(#[doc(hidden)]));
    let ty = match &field.ty {
        Type::Flexible(_) => quote!(T),
        ty => plan.producer_type(ty, 0),
    };
    let zero = plan.zero(&field.ty);
    (quote!(#docs #hidden pub #name: #ty,), quote!(#name: #zero,))
}

/// A packed struct has no tail of unknown size, since it might have to be dropped.
fn tail_bound(plan: &Plan<'_>, id: AggregateId) -> TokenStream {
    let packed = matches!(plan.forms.form(id), Form::Struct { packed: true, .. });
    if packed { TokenStream::new() } else { quote!(: ?Sized) }
}

/// The elements behind a flexible struct.
fn tail_element(plan: &Plan<'_>, aggregate: &Aggregate) -> TokenStream {
    match aggregate.fields.last().map(|field| &field.ty) {
        Some(Type::Flexible(element)) => plan.producer_type(element, 0),
        _ => quote!(u8),
    }
}

fn flexible_items(
    plan: &Plan<'_>,
    id: AggregateId,
    name: &Ident,
    pieces: &[Piece],
    zeros: &TokenStream,
    accessors: &TokenStream,
) -> TokenStream {
    let aggregate = &plan.model[id];
    let bound = tail_bound(plan, id);
    let copy = traits(plan, id).0.then(|| {
        quote! {
            impl<T: Copy> Clone for #name<T> {
                fn clone(&self) -> Self { *self }
            }
            impl<T: Copy> Copy for #name<T> {}
        }
    });
    let accessors = (!accessors.is_empty()).then(|| quote!(impl<T #bound> #name<T> { #accessors }));
    let last = aggregate.fields.len().wrapping_sub(1);
    let with = (pieces.last() == Some(&Piece::Member(last))).then(|| {
        let (with, tail) = (unclaimed(aggregate, "with".to_owned()), member_name(aggregate, last));
        let doc = format!(" All bytes zero but those of `{tail}`.");
        let zeros = zeros_without_tail(zeros, &tail);
        quote! {
            impl<T> #name<T> {
                #[doc = #doc]
                pub const fn #with(#tail: T) -> Self {
                    Self { #zeros #tail }
                }
            }
        }
    });
    quote!(#copy #with #accessors)
}

/// The zeros without the tail's, which is the last.
fn zeros_without_tail(zeros: &TokenStream, tail: &Ident) -> TokenStream {
    let tokens: Vec<_> = zeros.clone().into_iter().collect();
    let name = tail.to_string();
    let start = tokens
        .iter()
        .rposition(|token| matches!(token, proc_macro2::TokenTree::Ident(ident) if *ident == name));
    tokens.into_iter().take(start.unwrap_or(0)).collect()
}

fn union(plan: &Plan<'_>, id: AggregateId, packed: bool, align: Option<u32>) -> TokenStream {
    let aggregate = &plan.model[id];
    let name = ident(&aggregate.naming.rust);
    // Bytes that the arm written last does not cover hold nothing, so that no method could read them soundly.
    let how = "Made by naming one arm. Reading an arm takes `unsafe`: nothing says which one was written, and\n\
        bytes that it does not cover hold no value. The view of the struct around it reads every arm of what\n\
        was dumped without `unsafe`.";
    let docs_ = match aggregate.naming.docs.as_str() {
        "" => docs(how),
        own => docs(&format!("{}\n\n{how}", own.trim_end())),
    };
    let repr = repr(packed, align);
    let mut fields = TokenStream::new();
    for (at, field) in aggregate.fields.iter().enumerate() {
        let name = member_name(aggregate, at);
        let docs = field.naming.as_ref().map(|naming| docs(&naming.docs));
        let ty = plan.producer_type(&field.ty, 0);
        let ty = match plan.forms.copies(&field.ty) {
            true => ty,
            false => quote!(::core::mem::ManuallyDrop<#ty>),
        };
        fields.extend(quote!(#docs pub #name: #ty,));
    }
    let size = size_expression(plan, id);
    let bytes = unclaimed(aggregate, "_bytes".to_owned());
    let derives = traits(plan, id).0.then(|| quote!(#[derive(Clone, Copy)]));
    let text = format!("{} {{ .. }}", aggregate.naming.rust);
    let (size, size_item) = size;
    quote! {
        #docs_
        #derives
        #repr
        pub union #name {
            #fields
            #[doc(hidden)]
            pub #bytes: [u8; #size],
        }
        impl #name {
            #size_item
            /// All bytes zero.
            pub const ZERO: Self = Self { #bytes: [0; #size] };
        }
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#text)
            }
        }
    }
}

/// The size as a number, or as an associated constant that differs between targets.
pub(super) fn size_expression(plan: &Plan<'_>, id: AggregateId) -> (TokenStream, TokenStream) {
    let aggregate = &plan.model[id];
    let Some(layouts) = &aggregate.layouts else { return (quote!(0), TokenStream::new()) };
    let groups = groups(|target| layouts.on(target).size);
    if let [(None, size)] = groups.as_slice() {
        return (number(*size), TokenStream::new());
    }
    let name = ident(&aggregate.naming.rust);
    let items = groups.into_iter().map(|(predicate, size)| {
        let size = number(size);
        quote! {
            #[cfg(#predicate)]
            #[doc(hidden)]
            pub const SIZE: usize = #size;
        }
    });
    (quote!(#name::SIZE), quote!(#(#items)*))
}

/// The compiler's layout is the schema's, on each target: one call that compares numbers, written as text.
pub(super) fn assertion(plan: &Plan<'_>, id: AggregateId) -> String {
    let aggregate = &plan.model[id];
    let checked = matches!(plan.forms.form(id), Form::Struct { .. } | Form::Union { .. });
    let Some(layouts) = aggregate.layouts.as_ref().filter(|_| checked) else {
        return String::new();
    };
    let fields: Vec<usize> = (0..aggregate.fields.len())
        .filter(|at| !aggregate.union && aggregate.fields[*at].bits.is_none())
        .filter(|at| !aggregate.fields[*at].is_padding())
        .collect();
    let name = &aggregate.naming.rust;
    let offsets = fields
        .iter()
        .map(|at| format!("::core::mem::offset_of!({name}, {})", member_name(aggregate, *at)));
    let mut out = format!(
        "const _: () = rt::assert_layout(\n    ::core::mem::size_of::<{name}>(),\n    \
         ::core::mem::align_of::<{name}>(),\n    &[",
    );
    list(&mut out, offsets, 8);
    out.push_str("],\n    &[\n");
    for layout in &layouts.distinct {
        let _ = write!(out, "        (&[");
        let numbers = fields.iter().map(|at| layout.fields[*at].offset.to_string());
        list(&mut out, numbers, 12);
        let _ = writeln!(out, "], {}, {}),", layout.size, layout.align);
    }
    out.push_str("    ],\n    &[");
    if layouts.distinct.len() > 1 {
        list(&mut out, layouts.by_target.iter().map(u8::to_string), 8);
    }
    out.push_str("],\n);\n\n");
    out
}

/// Writes items with commas between them, in lines of at most 100 columns that begin at `indent`.
pub(super) fn list(out: &mut String, items: impl Iterator<Item = String>, indent: usize) {
    let mut column = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
            column += 1;
        }
        if column + item.len() + 2 > 98 {
            let _ = write!(out, "\n{:indent$}{item}", "");
            column = indent + item.len();
        } else {
            let space = if index > 0 { " " } else { "" };
            let _ = write!(out, "{space}{item}");
            column += item.len() + space.len();
        }
    }
}
