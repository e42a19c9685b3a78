//! Places in the text of a schema: a field with what stands before and behind it, what stands between braces.

use crate::source::Span;
use crate::syntax::ast;

/// Attributes that say where a field lies: the binary's are right.
const LAYOUT_ATTRIBUTES: [&str; 3] = ["packed", "align", "offset"];

pub(super) fn is_layout(attribute: &ast::Attribute) -> bool {
    LAYOUT_ATTRIBUTES.contains(&attribute.name.text.as_str())
}

pub(super) fn layout_attributes(text: &str, attributes: &[ast::Attribute]) -> String {
    let ours = attributes.iter().filter(|it| is_layout(it));
    ours.map(|it| format!("{} ", text.get(range(it.span)).unwrap_or(""))).collect()
}

pub(super) fn find<'a>(
    attributes: &'a [ast::Attribute],
    name: &str,
) -> Option<&'a ast::AttributeArgument> {
    attributes.iter().find(|it| it.name.text == name)?.arguments.first()
}

/// The number of `#[since(2)]` and its like.
pub(super) fn number(attributes: &[ast::Attribute], name: &str) -> Option<i128> {
    int_of(&find(attributes, name)?.value)
}

/// The text of `#[c_name("x")]` and its like.
pub(super) fn text_of<'a>(attributes: &'a [ast::Attribute], name: &str) -> Option<&'a str> {
    match &find(attributes, name)?.value.kind {
        ast::ExprKind::Text(text) => Some(text),
        _ => None,
    }
}

pub(super) fn int_of(value: &ast::Expr) -> Option<i128> {
    match &value.kind {
        ast::ExprKind::Int(value) => Some(*value),
        ast::ExprKind::Unary(crate::operator::UnaryOperator::Negate, inner) => {
            int_of(inner)?.checked_neg()
        }
        ast::ExprKind::Group(inner) => int_of(inner),
        _ => None,
    }
}

pub(super) fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
}

pub(super) fn end(span: Span) -> usize {
    span.end as usize
}

/// A field with its attributes.
pub(super) fn field_range(field: &ast::Field) -> std::ops::Range<usize> {
    let first = field.attributes.first().map_or(field.span, |attribute| attribute.span);
    (first.start.min(field.span.start)) as usize..field.span.end as usize
}

/// The comment behind a field, on its line.
pub(super) fn behind(text: &str, field: &ast::Field) -> String {
    let start = field_range(field).end;
    let line = text.get(start..after(text, field)).unwrap_or("");
    match line.find("//").or(line.find("/*")) {
        Some(at) => format!(" {}", line.get(at..).unwrap_or("").trim_end()),
        None => String::new(),
    }
}

/// Behind a field, its comma, and the comment on its line.
pub(super) fn after(text: &str, field: &ast::Field) -> usize {
    let start = field_range(field).end;
    let rest = text.get(start..).unwrap_or("");
    let line = rest.find('\n').unwrap_or(rest.len());
    let behind = rest.get(..line).unwrap_or("").trim_start();
    let behind = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    // Another field on the same line begins where this one's comma ends.
    if behind.is_empty() || behind.starts_with("//") || behind.starts_with("/*") {
        start + line
    } else {
        start + rest.find(',').map_or(0, |comma| comma + 1).min(line)
    }
}

/// What stands between the braces of an item.
pub(super) fn body_of(text: &str, name: Span, item: Span) -> Option<std::ops::Range<usize>> {
    let start = end(name) + text.get(end(name)..end(item))?.find('{')? + 1;
    let close = start + text.get(start..end(item))?.rfind('}')?;
    Some(start..close)
}

/// Where the fields of an inline aggregate begin.
pub(super) fn inside_of(text: &str, ty: &ast::Type) -> usize {
    let start = ty.span.start as usize;
    start + text.get(start..).and_then(|text| text.find('{')).map_or(0, |brace| brace + 1)
}
