//! Decoders of structs: a view with an accessor for each field, the shape by which a table's layouts are
//! bound, and the layouts themselves.

use std::fmt::Write as _;

use proc_macro2::TokenStream;
use quote::quote;

use super::aggregates::list;
use super::bytes::first_bit;
use super::docs;
use super::plan::{Form, Hoisted, Plan};
use super::types::{decoded_type, ident, number};
use crate::model::names::{camel_case, rust_identifier, snake_case};
use crate::model::{
    Aggregate, AggregateId, Arm, ArmValue, EnumRepr, Field, Formula, Length, Naming, Scalar,
    Target, Type, Value, Width,
};
use crate::operator::BinaryOperator;

/// The view of an aggregate of this schema. An anonymous aggregate has none: its fields are those of the
/// aggregate around it.
pub(super) fn view(plan: &Plan<'_>, id: AggregateId) -> TokenStream {
    if plan.is_anonymous(id) {
        return TokenStream::new();
    }
    let aggregate = &plan.model[id];
    let view = View { plan, id, aggregate, hoisted: plan.hoisted(id) };
    let name = plan.view_name(id);
    let doc = format!(" A `{}`, read in place.", aggregate.naming.name);
    let accessors = (0..view.hoisted.len()).map(|index| view.accessor(index));
    let check = view.check();
    let arms = (0..view.hoisted.len()).map(|index| view.arms_type(index));
    let open = view.layouts_method();
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug)]
        pub struct #name<'a>(rt::View<'a>);
        impl<'a> #name<'a> {
            #(#accessors)*
            #check
        }
        impl<'a> rt::Wrapper<'a> for #name<'a> {
            fn wrap(view: rt::View<'a>) -> Self {
                Self(view)
            }
        }
        #open
        #(#arms)*
    }
}

/// `Layouts`, and the shapes of every struct that it covers.
pub(super) fn layouts(plan: &Plan<'_>) -> TokenStream {
    let (layouts, shapes) = (plan.fixed("Layouts"), plan.fixed("SHAPES"));
    let count = number(plan.slot_count);
    quote! {
        /// Where the fields of every struct lie: in one table (`Table::bind`), or on one target.
        #[derive(Clone, Copy, Debug)]
        pub struct #layouts(rt::Layouts<[rt::Slot; #count]>);
        impl #layouts {
            /// The layouts on a target, for tables that do not bring their types.
            pub fn of(target: rt::Target) -> Self {
                Self(rt::Layouts::of(target, &#shapes))
            }
        }
    }
}

struct View<'p, 'm> {
    plan: &'p Plan<'m>,
    id: AggregateId,
    aggregate: &'m Aggregate,
    hoisted: Vec<Hoisted<'m>>,
}

impl View<'_, '_> {
    /// The method of `Layouts` that makes the view out of bytes.
    fn layouts_method(&self) -> Option<TokenStream> {
        let base = number(self.plan.base(self.id)?);
        if self.aggregate.parent.is_some() {
            return None;
        }
        let layouts = self.plan.fixed("Layouts");
        let view = self.plan.view_name(self.id);
        let naming = &self.aggregate.naming;
        // `item_77` and `Item77` name one type, and people look for the name that they wrote.
        let renamed = camel_case(&naming.name) != naming.rust;
        let word = if renamed { &naming.rust } else { &naming.name };
        let mut method = rust_identifier(&snake_case(word));
        if method == "of" {
            method.push('_');
        }
        let method = ident(&method);
        let name = &self.aggregate.naming.name;
        let flexible = self.aggregate.flexible;
        let doc = format!(" Reads `bytes` as a `{name}`.");
        Some(quote! {
            impl #layouts {
                #[doc = #doc]
                pub fn #method<'a>(&'a self, bytes: &'a [u8]) -> Result<#view<'a>, rt::ViewError> {
                    rt::View::new(&self.0, #base, #name, #flexible, bytes).map(#view)
                }
            }
        })
    }

    fn accessor(&self, index: usize) -> TokenStream {
        let Hoisted { field, .. } = self.hoisted[index];
        let Some(naming) = &field.naming else { return TokenStream::new() };
        let docs = docs(&naming.docs);
        let name = ident(&naming.rust);
        let slot = number(index as u64 + 1);
        let count = self.count(index);
        let (ty, value) = self.read(field, &slot, count.as_ref().map(|(call, _)| call));
        let (ty, value) = match is_optional(self.aggregate, field) {
            false => (ty, quote!(#value)),
            true => {
                let value = quote!({ self.0.having(#slot)?; Some(#value) });
                (quote!(Option<#ty>), value)
            }
        };
        let value = unbrace(value);
        let count = count.map(|(_, item)| item);
        let arms = self.arms(index, &slot);
        quote! {
            #docs
            pub fn #name(self) -> #ty {
                #value
            }
            #count
            #arms
        }
    }

    /// The type of a decoded field, and how it comes out of its slot.
    fn read(
        &self,
        field: &Field,
        slot: &TokenStream,
        count: Option<&TokenStream>,
    ) -> (TokenStream, TokenStream) {
        if field.bits.is_some() {
            return self.read_bits(&field.ty, slot);
        }
        let rest = matches!(field.ty, Type::Flexible(_));
        match &field.ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => {
                let ty = decoded_type(*scalar);
                let getter = getter(*scalar);
                (ty, quote!(self.0.#getter(#slot)))
            }
            Type::Pointer(_) => (quote!(u64), quote!(self.0.unsigned(#slot))),
            Type::Text(_) => (quote!(rt::Str<'a>), quote!(self.0.text(#slot))),
            Type::Bytes(_) | Type::Opaque => (quote!(&'a [u8]), quote!(self.0.slice(#slot))),
            // Entries alone hold them.
            Type::String => (quote!(u32), quote!(self.0.u32(#slot))),
            Type::Aggregate(id) => {
                let view = self.view_path(*id);
                (quote!(#view<'a>), quote!(rt::Wrapper::wrap(self.0.inner(#slot))))
            }
            Type::Enum(id) => (self.plan.enum_path(*id, 0), quote!(self.0.coded(#slot))),
            Type::Flags(id) => (self.plan.flags_path(*id, 0), quote!(self.0.coded(#slot))),
            Type::Array(element, _) | Type::Flexible(element) => {
                let whole = if rest { ident("slice_rest") } else { ident("slice") };
                let array = if rest { ident("array_rest") } else { ident("array") };
                match (&**element, count) {
                    (Type::Scalar(Scalar::Char), None) => {
                        (quote!(rt::Str<'a>), quote!(rt::Str::new(self.0.#whole(#slot))))
                    }
                    (Type::Scalar(Scalar::Char), Some(count)) => {
                        let array = quote!(self.0.#array::<u8>(#slot).limit(#count));
                        (quote!(rt::Str<'a>), quote!(rt::Str::new(#array.bytes())))
                    }
                    (Type::Scalar(Scalar::U8), None) => {
                        (quote!(&'a [u8]), quote!(self.0.#whole(#slot)))
                    }
                    (Type::Scalar(Scalar::U8), Some(count)) => {
                        let array = quote!(self.0.#array::<u8>(#slot).limit(#count));
                        (quote!(&'a [u8]), quote!(#array.bytes()))
                    }
                    (element, count) => {
                        let element = self.element(element);
                        let limit = count.map(|count| quote!(.limit(#count)));
                        (quote!(rt::Array<'a, #element>), quote!(self.0.#array(#slot)#limit))
                    }
                }
            }
        }
    }

    fn read_bits(&self, ty: &Type, slot: &TokenStream) -> (TokenStream, TokenStream) {
        match ty {
            Type::Scalar(Scalar::Bool) => (quote!(bool), quote!(self.0.unsigned(#slot) != 0)),
            Type::Scalar(scalar) | Type::Atomic(scalar) => {
                let ty = decoded_type(*scalar);
                let getter = if scalar.is_signed() { ident("signed") } else { ident("unsigned") };
                match ty.to_string().as_str() {
                    "u64" | "i64" => (ty, quote!(self.0.#getter(#slot))),
                    _ => (ty.clone(), quote!(self.0.#getter(#slot) as #ty)),
                }
            }
            Type::Enum(id) => (self.plan.enum_path(*id, 0), quote!(self.0.coded_bits(#slot))),
            Type::Flags(id) => (self.plan.flags_path(*id, 0), quote!(self.0.coded_bits(#slot))),
            _ => (quote!(u64), quote!(self.0.unsigned(#slot))),
        }
    }

    fn view_path(&self, id: AggregateId) -> TokenStream {
        let path = self.plan.path(self.plan.model[id].schema, 0);
        let name = self.plan.view_name(id);
        quote!(#path #name)
    }

    /// What an array is made of.
    fn element(&self, ty: &Type) -> TokenStream {
        match ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => match scalar.fixed_order() {
                Some(_) => super::types::scalar_type(*scalar),
                None => decoded_type(*scalar),
            },
            Type::Pointer(_) => quote!(u64),
            Type::Text(_) => quote!(rt::Str<'a>),
            Type::Bytes(_) | Type::Opaque => quote!(&'a [u8]),
            Type::String => quote!(u32),
            Type::Aggregate(id) => {
                let view = self.view_path(*id);
                quote!(#view<'a>)
            }
            Type::Enum(id) => self.plan.enum_path(*id, 0),
            Type::Flags(id) => self.plan.flags_path(*id, 0),
            Type::Array(element, Length::Fixed(length)) => {
                let element = self.element(element);
                let length = number(*length);
                quote!([#element; #length])
            }
            // Inner dimensions of captured length fall together with the outer one.
            Type::Array(element, Length::Captured) | Type::Flexible(element) => {
                self.element(element)
            }
        }
    }

    /// The call that counts a field's valid elements, and the method that it calls. `None` where the count
    /// asks for what this view does not have: a captured constant, a field of a struct around it.
    fn count(&self, index: usize) -> Option<(TokenStream, TokenStream)> {
        let Hoisted { field, .. } = self.hoisted[index];
        let naming = field.naming.as_ref()?;
        let formula = self.formula(field.count.as_ref()?)?;
        let name = self.method(usual_count(naming));
        let doc = format!(" How many elements of `{}` are valid.", naming.name);
        let item = quote! {
            #[doc = #doc]
            pub fn #name(self) -> u64 {
                #formula.get()
            }
        };
        Some((quote!(self.#name()), item))
    }

    fn formula(&self, formula: &Formula) -> Option<TokenStream> {
        Some(match formula {
            Formula::Int(value) => {
                let value = number(*value);
                quote!(rt::Count::of(#value as i128))
            }
            Formula::Field(path) => {
                let value = self.path(&path.text)?;
                quote!(rt::Count::of(#value as i128))
            }
            Formula::Constant(id) => match &self.plan.model[*id].value {
                crate::model::ConstantValue::Known(Value::Int(value)) => {
                    let value = number(*value);
                    quote!(rt::Count::of(#value as i128))
                }
                _ => return None,
            },
            Formula::Negate(operand) => {
                let operand = self.formula(operand)?;
                quote!(#operand.negated())
            }
            Formula::Not(operand) => {
                let operand = self.formula(operand)?;
                quote!(#operand.inverted())
            }
            Formula::Binary(operator, left, right) => {
                let (left, right) = (self.formula(left)?, self.formula(right)?);
                let operator = operator_name(*operator);
                quote!(#left.#operator(#right))
            }
        })
    }

    /// A field by its path, as a number: through accessors, none of which may be optional.
    fn path(&self, text: &str) -> Option<TokenStream> {
        let mut id = self.id;
        let mut value = quote!(self);
        let mut parts = text.split('.').peekable();
        while let Some(part) = parts.next() {
            let hoisted = self.plan.hoisted(id);
            let found = hoisted.iter().find(|it| it.field.name() == part)?;
            if is_optional(&self.plan.model[id], found.field) {
                return None;
            }
            let name = ident(&found.field.naming.as_ref()?.rust);
            value = quote!(#value.#name());
            match &found.field.ty {
                Type::Aggregate(inner) if parts.peek().is_some() => id = *inner,
                Type::Enum(_) | Type::Flags(_) if parts.peek().is_none() => {
                    return Some(quote!(#value.0));
                }
                Type::Scalar(Scalar::F32 | Scalar::F64) => return None,
                Type::Scalar(_) | Type::Atomic(_) | Type::Pointer(_) if parts.peek().is_none() => {}
                _ => return None,
            }
        }
        Some(value)
    }

    /// The method that says which arm of a tagged union is valid.
    fn arms(&self, index: usize, slot: &TokenStream) -> Option<TokenStream> {
        let Hoisted { field, .. } = self.hoisted[index];
        let naming = field.naming.as_ref()?;
        let Type::Aggregate(union) = field.ty else { return None };
        let tag = self.path(&field.tag.as_ref()?.text)?;
        if is_optional(self.aggregate, field) {
            return None;
        }
        let arms_name = self.plan.arms_name(union);
        let view = self.view_path(union);
        let arms = &self.plan.model[union];
        // A table that is older than an arm knows nothing of its values: what was left over then, is.
        let mut otherwise = quote!(#arms_name::Unknown(view));
        for arm in arms.fields.iter().filter(|arm| arm.arm == Some(Arm::Otherwise)) {
            let Some(arm_naming) = &arm.naming else { continue };
            otherwise = Self::arm(&arms_name, arm_naming, is_optional(arms, arm), &otherwise);
        }
        let mut cases = TokenStream::new();
        for arm in &arms.fields {
            let (Some(arm_naming), Some(Arm::When(values))) = (&arm.naming, &arm.arm) else {
                continue;
            };
            let values: Vec<_> = values
                .iter()
                .filter_map(|value| match value {
                    ArmValue::Int(value) => Some(number(*value)),
                    // Only the table knows the value: the arm is reached through the view.
                    ArmValue::Captured(..) => None,
                })
                .collect();
            if !values.is_empty() {
                let made = Self::arm(&arms_name, arm_naming, is_optional(arms, arm), &otherwise);
                cases.extend(quote!(#(#values)|* => #made,));
            }
        }
        let name = self.method(usual_arm(naming));
        let doc = format!(" The arm of `{}` that its tag says is valid.", naming.name);
        Some(quote! {
            #[doc = #doc]
            pub fn #name(self) -> #arms_name<'a> {
                let view: #view<'a> = rt::Wrapper::wrap(self.0.inner(#slot));
                match #tag as i128 {
                    #cases
                    _ => #otherwise,
                }
            }
        })
    }

    /// The enum of a tagged union's arms, where there is a method that returns it.
    fn arms_type(&self, index: usize) -> Option<TokenStream> {
        let field = self.hoisted[index].field;
        let (Type::Aggregate(union), Some(_)) = (&field.ty, self.arms(index, &quote!(0))) else {
            return None;
        };
        let (plan, union) = (self.plan, *union);
        let union_view =
            View { plan, id: union, aggregate: &plan.model[union], hoisted: plan.hoisted(union) };
        let name = plan.arms_name(union);
        let variants = plan.model[union].fields.iter().filter_map(|arm| {
            let naming = arm.naming.as_ref()?;
            arm.arm.as_ref()?;
            let docs = docs(&naming.docs);
            let variant = ident(&variant(naming));
            let (ty, _) = union_view.read(arm, &quote!(0), None);
            Some(quote!(#docs #variant(#ty),))
        });
        let view_path = self.view_path(union);
        let doc = format!(" The arms of `{}`.", field.name());
        Some(quote! {
            #[doc = #doc]
            #[derive(Clone, Copy, Debug)]
            pub enum #name<'a> {
                #(#variants)*
                /// None that this schema knows.
                Unknown(#view_path<'a>),
            }
        })
    }

    /// An arm of a union in `view`; what else there is where the table may lack it.
    fn arm(
        arms_name: &proc_macro2::Ident,
        naming: &crate::model::Naming,
        is_optional: bool,
        otherwise: &TokenStream,
    ) -> TokenStream {
        let (variant, get) = (ident(&variant(naming)), ident(&naming.rust));
        match is_optional {
            false => quote!(#arms_name::#variant(view.#get())),
            true => quote!(match view.#get() {
                Some(arm) => #arms_name::#variant(arm),
                None => #otherwise,
            }),
        }
    }

    /// A name for a method, out of the way of the fields'.
    fn method(&self, mut name: String) -> proc_macro2::Ident {
        let taken = |name: &str| {
            let mut fields = self.hoisted.iter().filter_map(|it| it.field.naming.as_ref());
            fields.any(|naming| naming.rust == name)
        };
        while taken(&name) {
            name.push('_');
        }
        ident(&name)
    }

    /// The method that holds fields with a fixed value against it.
    fn check(&self) -> Option<TokenStream> {
        let checks: Vec<TokenStream> = self
            .hoisted
            .iter()
            .enumerate()
            .filter_map(|(index, hoisted)| self.expectation(index, hoisted.field))
            .collect();
        if checks.is_empty() {
            return None;
        }
        let name = self.method(CHECK.to_owned());
        Some(quote! {
            /// An error where a field does not hold the value that it always has.
            pub fn #name(self) -> Result<(), rt::Mismatch> {
                #(#checks)*
                Ok(())
            }
        })
    }

    fn expectation(&self, index: usize, field: &Field) -> Option<TokenStream> {
        let expected = field.expected.as_ref()?;
        let naming = field.naming.as_ref()?;
        let (slot, text) = (number(index as u64 + 1), &naming.name);
        let name = ident(&naming.rust);
        let holds = match (&field.ty, expected) {
            (Type::Scalar(Scalar::Bool), Value::Int(value)) => {
                let value = *value != 0;
                quote!(it == #value)
            }
            (Type::Scalar(_) | Type::Atomic(_), Value::Int(value)) => {
                let value = number(*value);
                match &field.ty {
                    Type::Scalar(Scalar::F32 | Scalar::F64) => quote!(it as i128 == #value),
                    _ => quote!(it == #value),
                }
            }
            (Type::Enum(_) | Type::Flags(_), Value::Int(value)) => {
                let value = number(*value);
                quote!(it.0 == #value)
            }
            (Type::Bytes(_), Value::Bytes(bytes)) => {
                let bytes = proc_macro2::Literal::byte_string(bytes);
                quote!(it == #bytes)
            }
            (Type::Text(_), Value::Bytes(bytes)) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                let bytes = proc_macro2::Literal::byte_string(&bytes[..end]);
                quote!(it.as_bytes() == #bytes)
            }
            (Type::Array(element, _), Value::Bytes(bytes)) => {
                let bytes = proc_macro2::Literal::byte_string(bytes);
                match **element {
                    Type::Scalar(Scalar::U8) => quote!(it == #bytes),
                    _ => quote!(it.as_bytes() == #bytes),
                }
            }
            _ => return None,
        };
        let holds = match is_optional(self.aggregate, field) {
            true => quote!(self.#name().map_or(true, |it| #holds)),
            false => quote!({ let it = self.#name(); #holds }),
        };
        Some(quote!(self.0.expect(#slot, #text, #holds)?;))
    }
}

/// The method that compares fields with what they always hold.
const CHECK: &str = "check";

fn usual_count(naming: &Naming) -> String {
    format!("{}_count", naming.rust)
}

fn usual_arm(naming: &Naming) -> String {
    format!("{}_arm", naming.rust)
}

/// The names that are made up for a struct's decoder and do not follow from the schema's: they gave way, or what they
/// are for is missing.
pub(super) struct Generated {
    /// Of the struct.
    pub(super) names: Vec<String>,
    /// Of each named field.
    pub(super) fields: Vec<Vec<String>>,
}

impl Generated {
    pub(super) fn of(plan: &Plan<'_>, id: AggregateId) -> Self {
        let view = View { plan, id, aggregate: &plan.model[id], hoisted: plan.hoisted(id) };
        let mut names = Vec::new();
        gave_way(&mut names, format!("{}View", view.aggregate.naming.rust), plan.view_name(id));
        if view.check().is_some() {
            gave_way(&mut names, CHECK.to_owned(), view.method(CHECK.to_owned()));
        }
        let fields = (0..view.hoisted.len()).map(|index| view.made_up(index)).collect();
        Self { names, fields }
    }
}

/// Notes a name that is not the usual one.
fn gave_way(names: &mut Vec<String>, usual: String, name: proc_macro2::Ident) {
    if name != usual {
        names.push(name.to_string());
    }
}

impl View<'_, '_> {
    /// See [`Generated`].
    fn made_up(&self, index: usize) -> Vec<String> {
        let mut names = Vec::new();
        let Hoisted { field, .. } = self.hoisted[index];
        let Some(naming) = &field.naming else { return names };
        if field.count.is_some() {
            let usual = usual_count(naming);
            match self.count(index) {
                Some(_) => gave_way(&mut names, usual.clone(), self.method(usual)),
                None => names.push(format!("no {usual}")),
            }
        }
        if let (Some(_), Type::Aggregate(union)) = (&field.tag, &field.ty) {
            let usual = usual_arm(naming);
            match self.arms(index, &TokenStream::new()) {
                Some(_) => {
                    gave_way(&mut names, usual.clone(), self.method(usual));
                    let name = self.plan.arms_name(*union);
                    gave_way(&mut names, self.plan.usual_arms_name(*union), name);
                }
                None => names.push(format!("no {usual}")),
            }
        }
        names
    }
}

/// `{ a; b }` as the body of a function is `a; b`.
fn unbrace(value: TokenStream) -> TokenStream {
    let mut tokens = value.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(proc_macro2::TokenTree::Group(group)), None)
            if group.delimiter() == proc_macro2::Delimiter::Brace =>
        {
            group.stream()
        }
        _ => value,
    }
}

fn variant(naming: &crate::model::Naming) -> String {
    let name = camel_case(&naming.rust);
    if name == "Unknown" || name == "Self" { format!("{name}_") } else { name }
}

/// A table may lack the field: it is younger than the struct, there under a condition only, or of a program that
/// nobody packed, whose compiler could not tell its place.
fn is_optional(aggregate: &Aggregate, field: &Field) -> bool {
    let since = field.naming.as_ref().map_or(1, |naming| naming.lifetime.since);
    let may_lack = field.condition.is_some() || field.debug.is_some();
    since > aggregate.naming.lifetime.since.max(1) || may_lack
}

fn getter(scalar: Scalar) -> proc_macro2::Ident {
    use Scalar::*;
    match scalar {
        Bool => ident("bool"),
        Be16 | Be32 | Be64 | Le16 | Le32 | Le64 => ident(scalar.word()),
        _ if scalar.width() == Width::Word => {
            ident(if scalar.is_signed() { "signed" } else { "unsigned" })
        }
        _ => ident(&decoded_type(scalar).to_string()),
    }
}

fn operator_name(operator: BinaryOperator) -> proc_macro2::Ident {
    ident(match operator {
        BinaryOperator::Add => "plus",
        BinaryOperator::Subtract => "minus",
        BinaryOperator::Multiply => "times",
        BinaryOperator::Divide => "over",
        BinaryOperator::Remainder => "modulo",
        BinaryOperator::ShiftLeft => "shifted_left",
        BinaryOperator::ShiftRight => "shifted_right",
        BinaryOperator::And => "and",
        BinaryOperator::Or => "or",
        BinaryOperator::Xor => "xor",
    })
}

/// What a decoder knows about each struct before it sees a table: tables of names and numbers.
pub(super) fn shapes(plan: &Plan<'_>) -> String {
    let name = plan.fixed("SHAPES");
    let mut out = format!("static {name}: [&rt::Shape; {}] = [\n", plan.order.len());
    for (id, _) in &plan.order {
        shape(plan, *id, &mut out);
    }
    out.push_str("];\n\n");
    out
}

fn shape(plan: &Plan<'_>, id: AggregateId, out: &mut String) {
    let aggregate = &plan.model[id];
    let hoisted = plan.hoisted(id);
    let (c_name, parent) = match parent(plan, id) {
        Some((name, base, slot)) => (name, format!("Some(({base}, {slot}))")),
        None => (aggregate.naming.c.clone(), "None".to_owned()),
    };
    let name = &aggregate.naming.name;
    // A producer in another language captures nothing: its tables say nothing of captured structs.
    let captured = *plan.forms.form(id) == Form::External;
    let optional = captured || aggregate.naming.lifetime.since > 1;
    let _ = write!(
        out,
        "    &rt::Shape {{\n        name: {name:?},\n        c_name: {c_name:?},\n        \
         parent: {parent},\n        optional: {optional},\n        fields: &[",
    );
    list(out, hoisted.iter().map(|it| shape_field(plan, aggregate, it.field)), 12);
    out.push_str("],\n        layouts: &[");
    let by_target = known_layouts(plan, aggregate, &hoisted, out);
    out.push_str("],\n        by_target: &[");
    list(out, by_target.into_iter().map(|index| index.to_string()), 12);
    out.push_str("],\n    },\n");
}

/// For an inline aggregate: the field's name, and the slots of the aggregate around it and of the field.
fn parent(plan: &Plan<'_>, id: AggregateId) -> Option<(String, u32, u32)> {
    let (mut outer, index) = plan.model[id].parent?;
    let field = &plan.model[outer].fields[index];
    let own = (outer, index);
    while plan.is_anonymous(outer) {
        outer = plan.model[outer].parent?.0;
    }
    let base = plan.base(outer)?;
    let slot = plan.hoisted(outer).iter().position(|it| it.path.last() == Some(&own))?;
    let name = field.naming.as_ref()?.c.clone();
    Some((name, base, base + 1 + slot as u32))
}

fn shape_field(plan: &Plan<'_>, aggregate: &Aggregate, field: &Field) -> String {
    let name = field.naming.as_ref().map_or("", |naming| &naming.c);
    let kind = match field.bits {
        Some(bits) => format!("rt::Kind::Bits({bits})"),
        None => kind(plan, &field.ty),
    };
    let function = if is_optional(aggregate, field) { "optional" } else { "new" };
    format!("rt::Field::{function}({name:?}, {kind})")
}

fn kind(plan: &Plan<'_>, ty: &Type) -> String {
    let integer = |scalar: Scalar| match scalar.width() {
        Width::Fixed(size) => format!("rt::Kind::Int({size})"),
        Width::Word => "rt::Kind::Int(0)".to_owned(),
    };
    match ty {
        Type::Scalar(Scalar::F32) => "rt::Kind::Float(4)".to_owned(),
        Type::Scalar(Scalar::F64) => "rt::Kind::Float(8)".to_owned(),
        Type::Scalar(scalar) | Type::Atomic(scalar) => integer(*scalar),
        Type::Pointer(_) => "rt::Kind::Pointer".to_owned(),
        Type::Text(size) | Type::Bytes(size) => format!("rt::Kind::Bytes({size})"),
        Type::String => "rt::Kind::Int(4)".to_owned(),
        Type::Opaque => "rt::Kind::Bytes(0)".to_owned(),
        Type::Aggregate(id) => format!("rt::Kind::Struct({})", plan.base(*id).unwrap_or(0)),
        Type::Enum(id) => match plan.model[*id].repr {
            EnumRepr::Scalar(scalar) => integer(scalar),
            EnumRepr::C(_) => "rt::Kind::Int(0)".to_owned(),
        },
        Type::Flags(id) => integer(plan.model[*id].repr),
        Type::Array(element, Length::Fixed(length)) => {
            format!("rt::Kind::Array(&{}, {length})", kind(plan, element))
        }
        Type::Array(element, Length::Captured) | Type::Flexible(element) => {
            format!("rt::Kind::Array(&{}, 0)", kind(plan, element))
        }
    }
}

/// Writes the distinct layouts, and returns which target has which.
fn known_layouts(
    plan: &Plan<'_>,
    aggregate: &Aggregate,
    hoisted: &[Hoisted<'_>],
    out: &mut String,
) -> Vec<usize> {
    let Some(layouts) = &aggregate.layouts else { return Vec::new() };
    let mut distinct: Vec<(u64, Vec<(u64, u64)>)> = Vec::new();
    let mut by_target = Vec::new();
    for target in Target::all() {
        let places = hoisted.iter().map(|it| place(plan, it, target)).collect();
        let own = (layouts.on(target).size, places);
        let index = distinct.iter().position(|other| *other == own).unwrap_or_else(|| {
            distinct.push(own);
            distinct.len() - 1
        });
        by_target.push(index);
    }
    if distinct.len() == 1 {
        by_target.clear();
    }
    for (size, places) in distinct {
        let _ = write!(out, "\n            rt::Known({size}, &[");
        list(out, places.into_iter().map(|place| format!("{place:?}")), 16);
        out.push_str("]),");
    }
    by_target
}

fn place(plan: &Plan<'_>, hoisted: &Hoisted<'_>, target: Target) -> (u64, u64) {
    let at = first_bit(plan, hoisted, target);
    let Some((holder, index)) = hoisted.path.last() else { return (at, 0) };
    let size = plan.model[*holder]
        .layouts
        .as_ref()
        .map_or(0, |layouts| layouts.on(target).fields[*index].size);
    let bits = hoisted.field.bits.map_or(size * 8, u64::from);
    (at, bits)
}
