//! Markers for structs that a compiler lays out: what pointers point at, and what `describe!` describes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::docs;
use super::plan::{Form, Plan};
use super::types::ident;
use crate::model::{Aggregate, AggregateId, Length, Type, TypeId};

/// The module of the schema's captured structs.
pub(super) fn external(plan: &Plan<'_>) -> TokenStream {
    let markers: Vec<TokenStream> = plan
        .schema
        .types
        .iter()
        .filter_map(|ty| match ty {
            TypeId::Aggregate(id) if *plan.forms.form(*id) == Form::External => Some(*id),
            _ => None,
        })
        .flat_map(|id| std::iter::once(id).chain(plan.inline_of(id).iter().copied()))
        .map(|id| marker(plan, id))
        .collect();
    if markers.is_empty() {
        return TokenStream::new();
    }
    quote! {
        /// Structs whose layout a compiler captures: each a type for pointers and nothing else.
        pub mod external {
            use super::rt;
            #(#markers)*
        }
    }
}

fn marker(plan: &Plan<'_>, id: AggregateId) -> TokenStream {
    let aggregate = &plan.model[id];
    let docs = docs(&aggregate.naming.docs);
    let name = ident(&aggregate.naming.rust);
    let described = plan.is_external_rust(id).then(|| fields(plan, aggregate));
    quote! {
        #docs
        #[derive(Debug)]
        pub struct #name {
            _private: (),
        }
        #described
    }
}

/// The struct that `describe!` fills in.
fn fields(plan: &Plan<'_>, aggregate: &Aggregate) -> TokenStream {
    let name = ident(&aggregate.naming.rust);
    let holder = format_ident!("{}Fields", aggregate.naming.rust);
    // What debug information tells, `describe!` could not name.
    let named = aggregate.fields.iter().filter(|field| field.debug.is_none());
    let places = named.filter_map(|field| {
        let naming = field.naming.as_ref()?;
        let docs = docs(&naming.docs);
        let name = ident(&naming.rust);
        let declared = match &field.ty {
            Type::Opaque | Type::Array(_, Length::Captured) | Type::Flexible(_) => {
                quote!(rt::Opaque)
            }
            Type::Aggregate(id) if *plan.forms.form(*id) == Form::External => quote!(rt::Opaque),
            ty => {
                let ty = plan.producer_type(ty, 1);
                quote!(rt::Captured<#ty>)
            }
        };
        Some(quote!(#docs pub #name: rt::Place<#declared>,))
    });
    quote! {
        /// Where the fields lie.
        #[derive(Debug)]
        pub struct #holder {
            #(#places)*
        }
        impl rt::External for #name {
            type Fields = #holder;
        }
    }
}
