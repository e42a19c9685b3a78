//! Everything of a schema that is only numbers and names: constants, properties, classes, consumers, spaces.

use proc_macro2::TokenStream;
use quote::quote;

use super::plan::Plan;
use super::types::{ident, number};
use super::{docs, enums};
use crate::model::{
    Assign, CORE_PROPERTIES, ConstantValue, Consumer, Partial, Rule, Scalar, SchemaId, Space, Type,
    Value,
};
use inspect_format::hash;

/// Constants whose value the schema knows; a captured one is C's.
pub(super) fn constants(plan: &Plan<'_>) -> TokenStream {
    let constants = plan.schema.constants.iter().filter_map(|id| {
        let constant = &plan.model[*id];
        let ConstantValue::Known(value) = &constant.value else { return None };
        let docs = docs(&constant.naming.docs);
        let name = ident(&constant.naming.rust);
        let ty = plan.producer_type(&constant.ty, 0);
        let value = match (&constant.ty, value) {
            (Type::Scalar(Scalar::U64 | Scalar::U32), Value::Int(value)) => number(*value),
            (ty, value) => plan.value(ty, value, 0),
        };
        Some(quote!(#docs pub const #name: #ty = #value;))
    });
    quote!(#(#constants)*)
}

/// The property bits: the schema's own and the core's.
pub(super) fn properties(plan: &Plan<'_>) -> TokenStream {
    let Some(properties) = &plan.schema.properties else { return TokenStream::new() };
    let set = enums::flag_set(&properties.naming, &quote!(u64), properties.members.iter());
    if plan.schema.name == "inspect.core" {
        return set;
    }
    let name = ident(&properties.naming.rust);
    let own: Vec<&str> = properties.members.iter().map(|it| it.naming.rust.as_str()).collect();
    let core = CORE_PROPERTIES.iter().filter_map(|(bit, word)| {
        let upper = word.to_ascii_uppercase();
        let constant = (!own.contains(&upper.as_str())).then(|| ident(&upper))?;
        let bit = number(*bit);
        let doc = format!(" `{word}` of inspect.core.");
        Some(quote!(#[doc = #doc] pub const #constant: Self = Self(1 << #bit);))
    });
    quote! {
        #set
        impl #name {
            #(#core)*
        }
    }
}

/// `class::LOG`, its number, and `class::Log`, its type. The type has braces so that it is no value: a class
/// `a` would give both the constant and the type the name `A`.
pub(super) fn classes(plan: &Plan<'_>) -> TokenStream {
    if plan.schema.classes.is_empty() {
        return TokenStream::new();
    }
    let ids = &plan.types.classes;
    let entry = plan.entry_name();
    let classes = plan.schema.classes.iter().map(|id| {
        let class = &plan.model[*id];
        let docs = docs(&class.naming.docs);
        let (name, constant) = (ident(&class.naming.rust), ident(&class.rust_constant));
        let target = plan.producer_type(&class.target, 1);
        let (number_, properties) = (number(class.number), number(class.properties));
        let type_id = number(ids.get(id).copied().unwrap_or(0));
        let text = &class.naming.name;
        quote! {
            #docs
            pub const #constant: u32 = #number_;
            #docs
            #[derive(Clone, Copy, Debug)]
            pub struct #name {}
            impl rt::Class for #name {
                type Format = super::#entry;
                type Target = #target;
                const NAME: &'static str = #text;
                const NUMBER: u32 = #constant;
                const PROPERTIES: u64 = #properties;
                const TYPE_ID: u32 = #type_id;
            }
        }
    });
    quote! {
        /// The classes: a number and a type each.
        pub mod class {
            use super::rt;
            #(#classes)*
        }
    }
}

/// The consumers as constant tables.
pub(super) fn consumers(plan: &Plan<'_>) -> TokenStream {
    if plan.schema.consumers.is_empty() {
        return TokenStream::new();
    }
    let consumers = plan.schema.consumers.iter().map(|consumer| one_consumer(plan, consumer));
    quote! {
        /// What each consumer may see.
        pub mod consumer {
            use super::rt;
            #(#consumers)*
        }
    }
}

fn one_consumer(plan: &Plan<'_>, consumer: &Consumer) -> TokenStream {
    let docs = docs(&consumer.naming.docs);
    let name = ident(&crate::model::names::upper_case(&consumer.naming.rust));
    let text = &consumer.naming.name;
    let schema = schema_number(plan, plan.id);
    let rules = |rules: &[Rule]| {
        let rules = rules.iter().map(|it| rule(plan, it));
        quote!(&[#(#rules),*])
    };
    let (allow, deny, order) =
        (rules(&consumer.allow), rules(&consumer.deny), rules(&consumer.order));
    let (require, permit) = (number(consumer.require), number(consumer.permit));
    let (regions, name_bytes, bytes) = (
        optional(consumer.limit.regions),
        optional(consumer.limit.name),
        optional(consumer.limit.bytes),
    );
    quote! {
        #docs
        pub const #name: rt::Consumer = rt::Consumer {
            name: #text,
            schema: #schema,
            allow: #allow,
            deny: #deny,
            require: #require,
            permit: #permit,
            order: #order,
            budget: rt::Budget { regions: #regions, name: #name_bytes, bytes: #bytes },
        };
    }
}

fn rule(plan: &Plan<'_>, rule: &Rule) -> TokenStream {
    match rule {
        Rule::Class(class) => {
            let class = &plan.model[*class];
            let (schema, class) = (schema_number(plan, class.schema), number(class.number));
            quote!(rt::Rule::Class { schema: #schema, class: #class })
        }
        Rule::Entry { class, name, instance } => {
            let class = &plan.model[*class];
            let (schema, class) = (schema_number(plan, class.schema), number(class.number));
            let name = match name {
                Some(name) => quote!(Some(#name)),
                None => quote!(None),
            };
            let instance = optional(*instance);
            quote! {
                rt::Rule::Entry { schema: #schema, class: #class, name: #name, instance: #instance }
            }
        }
        Rule::Properties(bits) => {
            let bits = number(*bits);
            quote!(rt::Rule::Properties(#bits))
        }
    }
}

fn schema_number(plan: &Plan<'_>, schema: SchemaId) -> TokenStream {
    let number = number(hash::schema_number(&plan.model[schema].name));
    quote!(#number)
}

fn optional(value: Option<u64>) -> TokenStream {
    match value {
        Some(value) => {
            let value = number(value);
            quote!(Some(#value))
        }
        None => quote!(None),
    }
}

/// The address spaces.
pub(super) fn spaces(plan: &Plan<'_>) -> TokenStream {
    if plan.schema.spaces.is_empty() {
        return TokenStream::new();
    }
    let spaces = plan.schema.spaces.iter().map(one_space);
    quote! {
        /// The address spaces of the schema.
        pub mod space {
            use super::rt;
            #(#spaces)*
        }
    }
}

fn one_space(space: &Space) -> TokenStream {
    let docs = docs(&space.naming.docs);
    let name = ident(&crate::model::names::upper_case(&space.naming.rust));
    let text = &space.naming.name;
    let (value, size, base) =
        (number(space.number), number(space.section_size), number(space.base));
    let stable = space.assign == Assign::Stable;
    let partial = match space.partial {
        Partial::Reject => quote!(Reject),
        Partial::RoundIn => quote!(RoundIn),
        Partial::RoundOut => quote!(RoundOut),
    };
    let max_regions = optional(space.max_regions.map(u64::from));
    quote! {
        #docs
        pub const #name: rt::Space = rt::Space {
            name: #text,
            number: #value,
            section_size: #size,
            base: #base,
            stable: #stable,
            partial: rt::Partial::#partial,
            max_regions: #max_regions,
        };
    }
}
