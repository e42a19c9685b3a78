//! The promises of the model as code: ids are valid, order is topological, layouts match their fields.
//!
//! A broken promise is a fault of `check`, never of the input, so it is an assertion.

use super::{AggregateKind, Model, Type, TypeId};

impl Model {
    /// Panics, naming the broken promise, unless the model is what its documentation says.
    pub fn assert_valid(&self) {
        assert!(!self.targets.is_empty(), "check promises a target");
        assert!(self.targets.is_sorted(), "check promises sorted targets");
        let sorted = self.schemas.windows(2).all(|pair| pair[0].name < pair[1].name);
        assert!(sorted, "check promises schemas sorted by name");
        for schema in &self.schemas {
            for id in &schema.dependencies {
                assert!(id.index() < self.schemas.len(), "check promises valid schema ids");
            }
            for id in &schema.constants {
                assert!(id.index() < self.constants.len(), "check promises valid constant ids");
            }
            for id in &schema.classes {
                assert!(id.index() < self.classes.len(), "check promises valid class ids");
            }
            assert!(schema.entry.size >= 64 && schema.entry.size % 8 == 0, "entries step by 8");
        }
        self.assert_layouts();
        self.assert_order();
    }

    fn assert_layouts(&self) {
        for aggregate in &self.aggregates {
            let own = matches!(aggregate.kind, AggregateKind::Struct | AggregateKind::Record);
            assert_eq!(own, aggregate.layouts.is_some(), "own types have layouts, extern ones not");
            for layout in aggregate.layouts.iter().flat_map(|layouts| &layouts.distinct) {
                let (fields, places) = (aggregate.fields.len(), layout.fields.len());
                assert_eq!(fields, places, "layout places every field");
                assert_eq!(
                    layout.size % u64::from(layout.align),
                    0,
                    "sizes are multiples of align"
                );
            }
            for field in &aggregate.fields {
                self.assert_type(&field.ty);
            }
        }
    }

    fn assert_type(&self, ty: &Type) {
        match ty {
            Type::Aggregate(id) => assert!(id.index() < self.aggregates.len(), "valid aggregate"),
            Type::Enum(id) => assert!(id.index() < self.enums.len(), "valid enum"),
            Type::Flags(id) => assert!(id.index() < self.flags.len(), "valid flags"),
            Type::Array(element, _) | Type::Flexible(element) => self.assert_type(element),
            _ => {}
        }
    }

    /// Within a schema every aggregate stands behind those it holds by value.
    fn assert_order(&self) {
        let mut seen = vec![false; self.aggregates.len()];
        for schema in &self.schemas {
            for id in &schema.types {
                let TypeId::Aggregate(id) = id else { continue };
                for field in &self[*id].fields {
                    let mut ty = &field.ty;
                    while let Type::Array(element, _) | Type::Flexible(element) = ty {
                        ty = element;
                    }
                    let Type::Aggregate(inner) = ty else { continue };
                    let inner = &self[*inner];
                    let same_schema = inner.schema == self[*id].schema && inner.parent.is_none();
                    if let (true, Type::Aggregate(inner)) = (same_schema, ty) {
                        assert!(seen[inner.index()], "types stand behind those they hold");
                    }
                }
                seen[id.index()] = true;
            }
        }
    }
}
