//! What fields say of other fields: counts, tags and their arms, lists, rings.
//!
//! Runs after every field is known. A path is looked up in the aggregate that directly holds the field, then
//! in the one that holds that one inline, outwards; anonymous members are looked through.

use super::attributes::find;
use super::constants::{EvalError, ungroup};
use super::scope::{Found, NameSpace};
use super::{Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic, nearest};
use crate::model::{
    AggregateId, Arm, ArmValue, EnumId, FieldPath, Formula, List, Pointee, Scalar, Type, Value,
};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Checker<'a> {
    /// Resolves the references of every field of every aggregate.
    pub(super) fn resolve_references(&mut self) {
        for index in 0..self.built.len() {
            let id = AggregateId(index as u32);
            self.check_field_names(id);
            for position in 0..self.aggregates[index].syntax.len() {
                let Some(field) = self.aggregates[index].syntax[position] else { continue };
                self.resolve_count(id, position, field);
                self.resolve_tag(id, position, field);
                self.resolve_list(id, position, field);
                self.resolve_ring(id, position, field);
            }
        }
    }

    /// Every name that C's `x.name` would find in an aggregate is there once.
    fn check_field_names(&mut self, id: AggregateId) {
        // An anonymous aggregate's names are checked with those of the one around it.
        if self.is_anonymous(id) {
            return;
        }
        let mut names: crate::hash::HashMap<&str, (Span, bool)> = Default::default();
        let mut stack = vec![(id, 0)];
        let mut clashes = Vec::new();
        while let Some((top, next)) = stack.pop() {
            let Some(field) = self.built[top.index()].fields.get(next) else { continue };
            stack.push((top, next + 1));
            match (&field.naming, &field.ty) {
                (Some(naming), _) => {
                    let gone = naming.lifetime.removed.is_some();
                    let clash = names.insert(&naming.name, (naming.origin, gone));
                    clashes.extend(clash.map(|first| (naming.name.clone(), naming.origin, first)));
                }
                (None, Type::Aggregate(inner)) => stack.push((*inner, 0)),
                _ => {}
            }
        }
        for (name, span, (first, gone)) in clashes {
            let (code, message) = if gone {
                (Code::E0603, format!("`{name}` was removed: the name may not come back"))
            } else {
                (Code::E0202, format!("two fields are called `{name}`"))
            };
            self.push(Diagnostic::new(code, span, message).also(first, "first defined here"));
        }
    }

    fn is_anonymous(&self, id: AggregateId) -> bool {
        self.built[id.index()].parent.is_some_and(|(parent, position)| {
            let field = self.built[parent.index()].fields.get(position);
            field.is_some_and(|field| field.naming.is_none() && field.ty == Type::Aggregate(id))
        })
    }

    fn schema_of(&self, id: AggregateId) -> SchemaIndex {
        self.aggregates[id.index()].schema
    }

    fn resolve_count(&mut self, id: AggregateId, position: usize, field: &'a ast::Field) {
        let Some(attribute) = find(&field.attributes, "count") else { return };
        let Some(argument) = attribute.arguments.first() else { return };
        let countable = match &self.built[id.index()].fields[position].ty {
            Type::Flexible(_) | Type::Array(..) => true,
            Type::Pointer(pointee) => !matches!(**pointee, Pointee::Void | Pointee::Function),
            _ => false,
        };
        if !countable {
            self.push(
                Diagnostic::new(Code::E0705, attribute.span, "there is nothing to count here")
                    .help("a count stands on `[T]`, `[T; N]` and `*T`"),
            );
            return;
        }
        let formula = self.formula(id, position, &argument.value);
        self.built[id.index()].fields[position].count = formula.map(Box::new);
    }

    fn formula(
        &mut self,
        id: AggregateId,
        position: usize,
        expr: &'a ast::Expr,
    ) -> Option<Formula> {
        match &expr.kind {
            ast::ExprKind::Int(value) => Some(Formula::Int(*value)),
            ast::ExprKind::Group(inner) => self.formula(id, position, inner),
            ast::ExprKind::Unary(operator, operand) => {
                let operand = Box::new(self.formula(id, position, operand)?);
                Some(match operator {
                    crate::operator::UnaryOperator::Negate => Formula::Negate(operand),
                    crate::operator::UnaryOperator::Not => Formula::Not(operand),
                })
            }
            ast::ExprKind::Binary(operator, left, right) => {
                let left = self.formula(id, position, left);
                let right = self.formula(id, position, right);
                Some(Formula::Binary(*operator, Box::new(left?), Box::new(right?)))
            }
            ast::ExprKind::Path(path) => self.formula_path(id, position, path),
            ast::ExprKind::Bytes(_) | ast::ExprKind::Text(_) => {
                self.error(Code::E0405, expr.span, "a count is made of numbers and fields");
                None
            }
        }
    }

    fn formula_path(
        &mut self,
        id: AggregateId,
        position: usize,
        path: &'a ast::Path,
    ) -> Option<Formula> {
        let schema = self.schema_of(id);
        if path.members.is_empty()
            && let Some(found) = self.field_path(id, &path.dotted)
        {
            if !self.is_integer_field(id, &found) {
                let message = format!("`{}` is no integer", found.text);
                self.error(Code::E0705, path.span, message);
                return None;
            }
            return Some(Formula::Field(found));
        }
        let result = self.settle(|checker| checker.try_path_integer(schema, path));
        match result {
            Ok(value) => return Some(Formula::Int(value)),
            Err(EvalError::Captured(_)) => {
                if let Some(constant) = self.constant_path(schema, path) {
                    return Some(Formula::Constant(constant));
                }
                self.error(Code::E0705, path.span, "a captured member cannot stand in a count");
            }
            Err(EvalError::Fault(_)) if path.members.is_empty() => {
                let diagnostic = self.unknown_field(id, position, path);
                self.push(diagnostic);
            }
            Err(error) => self.report_eval(error, "a count"),
        }
        None
    }

    /// A path of the field at `position`, which is not what it refers to.
    fn unknown_field(&self, id: AggregateId, position: usize, path: &ast::Path) -> Diagnostic {
        let first = &path.dotted[0];
        let mut known = Vec::new();
        let mut holder = Some(id);
        while let Some(current) = holder {
            self.visible_fields(current, &mut known);
            holder = self.built[current.index()].parent.map(|(parent, _)| parent);
        }
        let own = self.built[id.index()].fields.get(position);
        if let Some(own) = own.and_then(|field| field.naming.as_ref()) {
            known.retain(|name| *name != own.name);
        }
        let message =
            format!("no field or constant is called `{}`", self.sources.snippet(path.span));
        let mut diagnostic = Diagnostic::new(Code::E0201, path.span, message);
        if let Some(near) = nearest(&first.text, known.iter().map(String::as_str)) {
            diagnostic = diagnostic.suggest(format!("write `{near}`"), first.span, near);
        }
        diagnostic
    }

    fn visible_fields(&self, id: AggregateId, known: &mut Vec<String>) {
        for field in &self.built[id.index()].fields {
            match (&field.naming, &field.ty) {
                (Some(naming), _) => known.push(naming.name.clone()),
                (None, Type::Aggregate(inner)) => self.visible_fields(*inner, known),
                _ => {}
            }
        }
    }

    /// The field that a dotted path names, seen from a field of `id`.
    fn field_path(&self, id: AggregateId, words: &[ast::Name]) -> Option<FieldPath> {
        let mut holder = Some(id);
        let mut up = 0;
        while let Some(current) = holder {
            if let Some(fields) = self.walk_path(current, words) {
                let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
                return Some(FieldPath { text: text.join("."), up, fields });
            }
            holder = self.built[current.index()].parent.map(|(parent, _)| parent);
            up += 1;
        }
        None
    }

    fn walk_path(&self, id: AggregateId, words: &[ast::Name]) -> Option<Vec<usize>> {
        let mut way = Vec::new();
        let mut current = id;
        for (index, word) in words.iter().enumerate() {
            let part = self.find_member(current, &word.text)?;
            let mut holder = current;
            for &position in &part {
                if let Type::Aggregate(inner) = self.built[holder.index()].fields[position].ty {
                    current = inner;
                    holder = inner;
                } else if index + 1 < words.len() {
                    return None;
                }
            }
            way.extend(part);
        }
        Some(way)
    }

    /// A member by name, through anonymous aggregates: the positions that lead to it.
    fn find_member(&self, id: AggregateId, name: &str) -> Option<Vec<usize>> {
        let fields = &self.built[id.index()].fields;
        for (position, field) in fields.iter().enumerate() {
            if field.name() == name && field.naming.is_some() {
                return Some(vec![position]);
            }
            if field.naming.is_none()
                && let Type::Aggregate(inner) = field.ty
                && let Some(mut rest) = self.find_member(inner, name)
            {
                rest.insert(0, position);
                return Some(rest);
            }
        }
        None
    }

    /// The type at the end of a path.
    fn type_at(&self, id: AggregateId, path: &FieldPath) -> Option<&Type> {
        let mut current = id;
        for _ in 0..path.up {
            current = self.built[current.index()].parent?.0;
        }
        let mut ty = None;
        for &position in &path.fields {
            let field = self.built[current.index()].fields.get(position)?;
            if let Type::Aggregate(inner) = field.ty {
                current = inner;
            }
            ty = Some(&field.ty);
        }
        ty
    }

    fn is_integer_field(&self, id: AggregateId, path: &FieldPath) -> bool {
        match self.type_at(id, path) {
            Some(Type::Scalar(scalar) | Type::Atomic(scalar)) => {
                scalar.is_integer() || matches!(scalar, Scalar::Bool | Scalar::Char)
            }
            Some(Type::Enum(_) | Type::Flags(_)) => true,
            _ => false,
        }
    }

    /// The path that an attribute has as its argument, found among the fields.
    fn attribute_path(
        &mut self,
        id: AggregateId,
        position: usize,
        argument: &'a ast::AttributeArgument,
    ) -> Option<(FieldPath, Span)> {
        let ast::ExprKind::Path(path) = &ungroup(&argument.value).kind else {
            self.error(Code::E0704, argument.value.span, "the name of a field is expected here");
            return None;
        };
        match self.field_path(id, &path.dotted).filter(|_| path.members.is_empty()) {
            Some(found) => Some((found, path.span)),
            None => {
                let diagnostic = self.unknown_field(id, position, path);
                self.push(diagnostic);
                None
            }
        }
    }

    fn resolve_tag(&mut self, id: AggregateId, position: usize, field: &'a ast::Field) {
        let ty = self.built[id.index()].fields[position].ty.clone();
        let union = match &ty {
            Type::Aggregate(inner) if self.built[inner.index()].union => Some(*inner),
            _ => None,
        };
        let tag = find(&field.attributes, "tag");
        let Some(tag) = tag else {
            if let Some(union) = union {
                self.refuse_arms(union);
            }
            return;
        };
        let Some(union) = union.filter(|u| self.built[u.index()].parent.is_some()) else {
            self.push(
                Diagnostic::new(Code::E0706, tag.span, "a tag stands on an inline union")
                    .help("write `#[tag(kind)] body: union { #[when(..)] a: .., }`"),
            );
            return;
        };
        let Some(argument) = tag.arguments.first() else { return };
        let Some((path, span)) = self.attribute_path(id, position, argument) else { return };
        if !self.is_integer_field(id, &path) {
            let message = format!("`{}` is no integer, enum or flags", path.text);
            self.error(Code::E0706, span, message);
            return;
        }
        let tag_enum = match self.type_at(id, &path) {
            Some(Type::Enum(id)) => Some(*id),
            _ => None,
        };
        self.built[id.index()].fields[position].tag = Some(Box::new(path));
        self.resolve_arms(union, tag_enum);
    }

    fn refuse_arms(&mut self, union: AggregateId) {
        for field in self.aggregates[union.index()].syntax.clone().into_iter().flatten() {
            for word in ["when", "otherwise"] {
                if let Some(attribute) = find(&field.attributes, word) {
                    self.push(
                        Diagnostic::new(Code::E0706, attribute.span, "the union has no tag")
                            .help("say which field decides: `#[tag(kind)]` on the union's field"),
                    );
                }
            }
        }
    }

    fn resolve_arms(&mut self, union: AggregateId, tag: Option<EnumId>) {
        let syntax = self.aggregates[union.index()].syntax.clone();
        let mut seen: Vec<(ArmValue, Span)> = Vec::new();
        let mut otherwise: Option<Span> = None;
        for (position, field) in syntax.iter().enumerate() {
            let Some(field) = field else { continue };
            let when = find(&field.attributes, "when");
            let other = find(&field.attributes, "otherwise");
            let arm = match (when, other) {
                (Some(when), None) => self.resolve_when(union, tag, when, &mut seen),
                (None, Some(attribute)) => {
                    if let Some(first) = otherwise {
                        let message = "one arm at most is `#[otherwise]`";
                        let diagnostic = Diagnostic::new(Code::E0706, attribute.span, message)
                            .also(first, "the other one");
                        self.push(diagnostic);
                    }
                    otherwise = Some(attribute.span);
                    Some(Arm::Otherwise)
                }
                (Some(_), Some(attribute)) => {
                    let message = "an arm is either `#[when]` or `#[otherwise]`";
                    self.error(Code::E0706, attribute.span, message);
                    None
                }
                (None, None) => {
                    self.push(
                        Diagnostic::new(
                            Code::E0706,
                            field.span,
                            "this arm of a tagged union is never valid",
                        )
                        .help("write `#[when(value)]` or `#[otherwise]` before it"),
                    );
                    None
                }
            };
            self.built[union.index()].fields[position].arm = arm;
        }
    }

    fn resolve_when(
        &mut self,
        union: AggregateId,
        tag: Option<EnumId>,
        when: &'a ast::Attribute,
        seen: &mut Vec<(ArmValue, Span)>,
    ) -> Option<Arm> {
        let mut values = Vec::with_capacity(when.arguments.len());
        for argument in &when.arguments {
            let span = argument.value.span;
            let value = self.arm_value(union, tag, argument)?;
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == value) {
                let message = "two arms are valid for the same value";
                let diagnostic =
                    Diagnostic::new(Code::E0706, span, message).also(*first, "the other one");
                self.push(diagnostic);
            }
            seen.push((value, span));
            values.push(value);
        }
        Some(Arm::When(values))
    }

    fn arm_value(
        &mut self,
        union: AggregateId,
        tag: Option<EnumId>,
        argument: &'a ast::AttributeArgument,
    ) -> Option<ArmValue> {
        let schema = self.schema_of(union);
        if let ast::ExprKind::Path(path) = &ungroup(&argument.value).kind {
            if let Some((id, member)) = self.captured_member(schema, path) {
                return Some(ArmValue::Captured(id, member));
            }
            // A bare word may be a member of the tag's own enum.
            if let (Some(id), [word], []) = (tag, path.dotted.as_slice(), path.members.as_slice()) {
                let members = self.members_of(Found::Enum(id));
                if let Some(member) = members.iter().position(|m| m.name.text == word.text) {
                    if self.enums[id.index()].is_extern() {
                        return Some(ArmValue::Captured(id, member));
                    }
                    let value = self.enum_values(id)?.get(member).copied().flatten()?;
                    return Some(ArmValue::Int(value));
                }
            }
        }
        let (low, high) = (i128::from(i64::MIN), i128::from(u64::MAX));
        let value = self.integer(schema, &argument.value, low, high, "the value of a tag")?;
        Some(ArmValue::Int(value))
    }

    fn resolve_list(&mut self, id: AggregateId, position: usize, field: &'a ast::Field) {
        let Some(attribute) = find(&field.attributes, "list") else { return };
        let Some(argument) = attribute.arguments.first() else { return };
        let ast::ExprKind::Path(path) = &ungroup(&argument.value).kind else {
            self.wrong_argument(attribute);
            return;
        };
        let head_type = self.built[id.index()].fields[position].ty.clone();
        if !matches!(head_type, Type::Aggregate(_) | Type::Pointer(_)) {
            let message = "a list begins at a head: a struct of links, or a pointer";
            self.error(Code::E0707, attribute.span, message);
            return;
        }
        let Some((element, words)) = self.list_element(id, path, attribute) else { return };
        let Some(fields) = self.walk_path(element, words) else {
            let message = format!(
                "`{}` has no field `{}`",
                self.built[element.index()].naming.name,
                self.sources.snippet(words[0].span.to(words[words.len() - 1].span))
            );
            let mut known = Vec::new();
            self.visible_fields(element, &mut known);
            let mut diagnostic = Diagnostic::new(Code::E0707, words[0].span, message);
            if let Some(near) = nearest(&words[0].text, known.iter().map(String::as_str)) {
                diagnostic = diagnostic.suggest(format!("write `{near}`"), words[0].span, near);
            }
            self.push(diagnostic);
            return;
        };
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let link = FieldPath { text: text.join("."), up: 0, fields };
        if !matches!(self.type_at(element, &link), Some(Type::Aggregate(_) | Type::Pointer(_))) {
            let message = "the links of a list are a struct of links, or a pointer";
            self.error(Code::E0707, words[0].span, message);
            return;
        }
        self.built[id.index()].fields[position].list = Some(Box::new(List { element, link }));
    }

    /// `task.sibling` or `linux.task::task.sibling` is not one path to the parser: the type comes first, the
    /// field behind the first dot after it.
    fn list_element(
        &mut self,
        id: AggregateId,
        path: &'a ast::Path,
        attribute: &'a ast::Attribute,
    ) -> Option<(AggregateId, &'a [ast::Name])> {
        let schema = self.schema_of(id);
        let ([head, words @ ..], []) = (path.dotted.as_slice(), path.members.as_slice()) else {
            self.wrong_argument(attribute);
            return None;
        };
        if words.is_empty() {
            self.wrong_argument(attribute);
            return None;
        }
        let name = ast::Path { dotted: vec![head.clone()], members: Vec::new(), span: head.span };
        match self.find(schema, NameSpace::Type, &name) {
            Ok(Found::Aggregate(element)) => {
                self.note_use(schema, Found::Aggregate(element));
                Some((element, words))
            }
            Ok(_) => {
                let message = format!("`{}` is no struct", head.text);
                self.error(Code::E0707, head.span, message);
                None
            }
            Err(diagnostic) => {
                self.push(*diagnostic);
                None
            }
        }
    }

    fn resolve_ring(&mut self, id: AggregateId, position: usize, field: &'a ast::Field) {
        let Some(attribute) = find(&field.attributes, "ring") else { return };
        let Some(argument) = attribute.arguments.first() else { return };
        if argument.key.as_ref().is_none_or(|key| key.text != "next") {
            self.wrong_argument(attribute);
            return;
        }
        let ty = &self.built[id.index()].fields[position].ty;
        if !matches!(ty, Type::Array(..) | Type::Flexible(_) | Type::Pointer(_)) {
            let message = "a ring is an array, or a pointer with a count";
            self.error(Code::E0707, attribute.span, message);
            return;
        }
        let Some((path, span)) = self.attribute_path(id, position, argument) else { return };
        if !self.is_integer_field(id, &path) {
            let message = format!("`{}` is no integer", path.text);
            self.error(Code::E0707, span, message);
            return;
        }
        self.built[id.index()].fields[position].ring = Some(Box::new(path));
    }

    /// The integer that a path to a constant or a member has.
    fn try_path_integer(
        &mut self,
        schema: SchemaIndex,
        path: &'a ast::Path,
    ) -> Result<i128, EvalError> {
        match self.try_path(schema, path)? {
            Value::Int(value) => Ok(value),
            _ => Err(EvalError::Fault(Box::new(Diagnostic::new(
                Code::E0405,
                path.span,
                "a number is expected here",
            )))),
        }
    }
}
