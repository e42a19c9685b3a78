//! Nothing is built from what is younger than itself: otherwise the version in which it appears could not be
//! emitted again with `--as-of`.
//!
//! Walks the syntax trees, since a field's age is said there, after the declarations. Only things of one schema
//! are compared: each schema counts its own versions. Consumers and properties of classes list what there is
//! and are no part of a layout; they are not held to this.

use super::attributes::{find, literal_argument};
use super::scope::NameSpace;
use super::{Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic};
use crate::syntax::ast;

/// Who refers to others, and since when it exists.
#[derive(Clone, Copy)]
struct User {
    schema: SchemaIndex,
    since: i128,
}

impl<'a> Checker<'a> {
    pub(super) fn check_ages(&mut self) {
        let mut found = Vec::new();
        for schema in 0..self.schemas.len() {
            for item in &self.schemas[schema].file.items {
                let user = User { schema, since: 1 };
                self.item_ages(user.aged(&item.attributes), item, &mut found);
            }
        }
        for diagnostic in found {
            self.push(diagnostic);
        }
    }

    fn item_ages(&self, user: User, item: &ast::Item, found: &mut Vec<Diagnostic>) {
        match &item.kind {
            ast::ItemKind::Const { ty, value } => {
                self.type_ages(user, ty, found);
                self.expression_ages(user, value, found);
            }
            ast::ItemKind::Struct { fields }
            | ast::ItemKind::Record { fields }
            | ast::ItemKind::ExternStruct { fields, .. }
            | ast::ItemKind::Entry { fields } => self.field_ages(user, fields, found),
            ast::ItemKind::Class { target, .. } => self.type_ages(user, target, found),
            ast::ItemKind::Space { number, .. } => self.expression_ages(user, number, found),
            ast::ItemKind::Enum { members, .. }
            | ast::ItemKind::Flags { members, .. }
            | ast::ItemKind::Properties { members } => {
                for member in members {
                    let user = user.aged(&member.attributes);
                    let Some(value) = &member.value else { continue };
                    self.expression_ages(user, &value.first, found);
                    if let Some(last) = &value.last {
                        self.expression_ages(user, last, found);
                    }
                }
            }
            ast::ItemKind::ExternConst { .. } | ast::ItemKind::Consumer { .. } => {}
        }
    }

    fn field_ages(&self, user: User, fields: &[ast::Field], found: &mut Vec<Diagnostic>) {
        for field in fields {
            let user = user.aged(&field.attributes);
            self.type_ages(user, &field.ty, found);
            for expression in field.bits.iter().chain(&field.value) {
                self.expression_ages(user, expression, found);
            }
        }
    }

    /// Brackets are limited, so this does not go deep.
    fn type_ages(&self, user: User, ty: &ast::Type, found: &mut Vec<Diagnostic>) {
        match &ty.kind {
            ast::TypeKind::Path(path) => self.path_age(user, NameSpace::Type, path, found),
            ast::TypeKind::Generic { argument, .. } => {
                self.expression_ages(user, argument, found);
            }
            ast::TypeKind::Pointer(target) => self.type_ages(user, target, found),
            ast::TypeKind::Array { element, length } => {
                self.type_ages(user, element, found);
                if let ast::ArrayLength::Expr(length) = length {
                    self.expression_ages(user, length, found);
                }
            }
            ast::TypeKind::Aggregate { fields, .. } => self.field_ages(user, fields, found),
        }
    }

    fn expression_ages(&self, user: User, expression: &ast::Expr, found: &mut Vec<Diagnostic>) {
        // An expression may be long without brackets: a stack of its own.
        let mut stack = vec![expression];
        while let Some(expression) = stack.pop() {
            match &expression.kind {
                ast::ExprKind::Path(path) => {
                    self.path_age(user, NameSpace::Constant, path, found);
                }
                ast::ExprKind::Unary(_, inner) | ast::ExprKind::Group(inner) => stack.push(inner),
                ast::ExprKind::Binary(_, left, right) => stack.extend([&**right, &**left]),
                ast::ExprKind::Int(_) | ast::ExprKind::Bytes(_) | ast::ExprKind::Text(_) => {}
            }
        }
    }

    fn path_age(
        &self,
        user: User,
        space: NameSpace,
        path: &ast::Path,
        found: &mut Vec<Diagnostic>,
    ) {
        let ([name], []) = (path.dotted.as_slice(), path.members.as_slice()) else { return };
        let declaration = &self.schemas[user.schema];
        let Some((item, since)) = declaration.scope.age(space, &name.text) else { return };
        let latest = i128::from(declaration.latest);
        if since > user.since && since <= latest {
            let message = format!(
                "`{}` is there since version {since}, and what is built from it since version {}",
                name.text, user.since
            );
            let diagnostic = Diagnostic::new(Code::E0601, path.span, message)
                .also(item, "the younger one")
                .help(format!("say `#[since({since})]` of what uses it, or make it older"));
            found.push(diagnostic);
        }
    }
}

impl User {
    /// A part of it, which may be younger.
    fn aged(self, attributes: &[ast::Attribute]) -> Self {
        let since = find(attributes, "since").and_then(literal_argument);
        Self { since: self.since.max(since.unwrap_or(1)), ..self }
    }
}
