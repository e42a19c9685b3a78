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

/// The comments behind a field, which begin on its line.
pub(super) fn behind(text: &str, field: &ast::Field) -> String {
    let line = text.get(field_range(field).end..after(text, field)).unwrap_or("");
    let comma = without_comments(line).find(',').unwrap_or(line.len());
    let (before, rest) = line.split_at_checked(comma).unwrap_or((line, ""));
    let comments = format!("{before}{}", rest.strip_prefix(',').unwrap_or(rest));
    match comments.trim() {
        "" => String::new(),
        comments => format!(" {comments}"),
    }
}

/// Behind a field, its comma, and the comments that begin on its line.
pub(super) fn after(text: &str, field: &ast::Field) -> usize {
    let start = field_range(field).end;
    let line = first_line(text.get(start..).unwrap_or(""));
    let behind = line.trim_start();
    // Another field on the same line begins where this one's comma ends.
    if behind.strip_prefix(',').unwrap_or(behind).trim_start().is_empty() {
        start + line.len()
    } else {
        start + line.find(',').map_or(0, |comma| comma + 1)
    }
}

/// As long a text, with blanks in place of its comments.
pub(super) fn without_comments(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while !rest.is_empty() {
        rest = next_part(rest, &mut out);
    }
    out
}

/// The same of the first line: one that ends inside of a comment goes on behind it.
fn first_line(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while !rest.is_empty() && !rest.starts_with('\n') {
        rest = next_part(rest, &mut out);
    }
    out
}

/// Writes a comment as blanks, or one character; what is behind it is returned.
fn next_part<'t>(text: &'t str, out: &mut String) -> &'t str {
    let comment = match text.get(..2) {
        Some("//") => text.find('\n').unwrap_or(text.len()),
        Some("/*") => text.get(2..).and_then(|it| it.find("*/")).map_or(text.len(), |at| at + 4),
        _ => 0,
    };
    let first = text.chars().next().map_or(0, char::len_utf8);
    let (part, rest) = text.split_at(comment.max(first));
    match comment {
        0 => out.push_str(part),
        _ => out.extend(std::iter::repeat_n(' ', part.len())),
    }
    rest
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
