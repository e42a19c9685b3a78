//! What sources that use generated Rust depend on and no schema says: which names gave way to others, whether a struct
//! has its fields or is bytes, what it derives, and the way to a field of an anonymous struct.
//!
//! Everything here is asked of the decisions by which the code is printed. `release` makes facts of it.

use std::collections::BTreeMap;

use super::aggregates::{member_name, traits};
use super::bytes::Setters;
use super::plan::{FIXED, Form, Forms, Hoisted, Plan};
use super::views::Generated;
use crate::model::{AggregateId, Model, SchemaId};

/// The decisions about all structs of a model.
pub struct Api<'m> {
    model: &'m Model,
    forms: Forms,
}

/// What is generated of a schema.
pub struct SchemaApi<'a> {
    plan: Plan<'a>,
}

/// What is generated of a struct, union or record.
#[derive(Debug)]
pub struct StructApi {
    /// What the struct is, where it is not one with fields.
    pub form: Option<&'static str>,
    /// `Clone` and `Copy`.
    pub copy: bool,
    /// `Debug`.
    pub debug: bool,
    /// Names that do not follow from the schema's.
    pub names: Vec<String>,
    /// For each named field, those of anonymous structs in it included: who holds it, its position there, and what is
    /// generated of it.
    pub fields: Vec<(AggregateId, usize, FieldApi)>,
}

/// What is generated of a field.
#[derive(Debug, Default)]
pub struct FieldApi {
    /// Names that do not follow from the schema's, and what should be there and is not.
    pub names: Vec<String>,
    /// The anonymous fields on the way to it, with their types.
    pub path: Vec<String>,
}

impl<'m> Api<'m> {
    /// Decides.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        Self { model, forms: Forms::new(model) }
    }

    /// Of one schema.
    #[must_use]
    pub fn of(&self, schema: SchemaId) -> SchemaApi<'_> {
        SchemaApi { plan: Plan::without_types(self.model, &self.forms, schema) }
    }
}

impl SchemaApi<'_> {
    /// The types and constants that every module has, which gave way to those of the schema.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = FIXED.iter().map(|name| (*name, self.plan.fixed(name).to_string()));
        names.filter(|(usual, name)| usual != name).map(|(_, name)| name).collect()
    }

    /// A struct with a name, inline ones as well.
    #[must_use]
    pub fn aggregate(&self, id: AggregateId) -> StructApi {
        let plan = &self.plan;
        let flexible = plan.model[id].flexible;
        let form = match plan.forms.form(id) {
            Form::Bytes => Some("bytes"),
            Form::Struct { packed: true, .. } if flexible => Some("packed generic"),
            Form::Struct { .. } if flexible => Some("generic"),
            Form::Struct { .. } | Form::Union { .. } | Form::External => None,
        };
        let (copy, debug) = match plan.forms.form(id) {
            // A marker, which nobody makes.
            Form::External => (true, true),
            _ => traits(plan, id),
        };
        let generated = Generated::of(plan, id);
        let mut setters = BTreeMap::new();
        let fields = plan.hoisted(id).into_iter().enumerate().filter_map(|(index, hoisted)| {
            let (holder, position) = *hoisted.path.last()?;
            let mut names = generated.fields.get(index).cloned().unwrap_or_default();
            if let Some(naming) = &hoisted.field.naming {
                let holder = self.accessible(&hoisted).unwrap_or(holder);
                let setters = setters.entry(holder).or_insert_with(|| Setters::of(plan, holder));
                names.extend(setters.unusual(&naming.rust).map(str::to_owned));
            }
            Some((holder, position, FieldApi { names, path: self.path(id, &hoisted) }))
        });
        StructApi { form, copy, debug, fields: fields.collect(), names: generated.names }
    }

    /// The aggregate on the way to a field that has its accessors: the first that is bytes.
    fn accessible(&self, hoisted: &Hoisted<'_>) -> Option<AggregateId> {
        let mut holders = hoisted.path.iter().map(|(holder, _)| *holder);
        holders.find(|holder| *self.plan.forms.form(*holder) == Form::Bytes)
    }

    /// The way to a field in what a producer writes. In bytes and markers there is none: accessors have the field's name.
    fn path(&self, root: AggregateId, hoisted: &Hoisted<'_>) -> Vec<String> {
        let plan = &self.plan;
        let mut path = Vec::new();
        let mut steps = hoisted.path.iter().peekable();
        if matches!(plan.forms.form(root), Form::Bytes | Form::External) {
            return path;
        }
        while let (Some((holder, index)), Some((inner, _))) = (steps.next(), steps.peek()) {
            let name = member_name(&plan.model[*holder], *index);
            let ty = &plan.model[*inner].naming.rust;
            let kind = match plan.forms.form(*inner) {
                Form::Union { .. } => "union ",
                Form::Bytes => "bytes ",
                Form::Struct { .. } | Form::External => "",
            };
            path.push(format!("{name}: {kind}{ty}"));
            if *plan.forms.form(*inner) == Form::Bytes {
                break;
            }
        }
        path
    }
}
