//! The functions of a decoder: one for each field, and what goes with it.
//!
//! An accessor is text that is complete here; the template prints one behind another. A view
//! vouches for the bytes of its struct, so that reading a field cannot fail; what lies behind an
//! index or inside another struct is checked where it is asked for.

use std::fmt::Write as _;

use super::decode::{Leaf, Names, Shape, Shapes, element, is_optional};
use super::links::Links;
use super::types::{self, aggregate_word, function_prefix};
use super::{docs, structs};
use crate::model::names::schema_word;
use crate::model::{
    AggregateId, ByteOrder, EntryField, EnumRepr, Field, FieldPath, Formula, Length, Model, Scalar,
    Schema, SchemaId, Type, TypeId, Value, Width,
};
use crate::operator::BinaryOperator;

/// A function as the template prints it.
pub(super) struct Function {
    /// The comment above it, `#ifndef __KERNEL__` for floating-point numbers included.
    pub(super) head: String,
    /// `uint32_t linux_mm_log_record_get_text_len(const struct linux_mm_log_record_view *view)`
    pub(super) signature: String,
    /// Indented lines.
    pub(super) body: String,
    /// `#endif`, where the head opened one.
    pub(super) tail: &'static str,
}

/// How a value is read from `at`.
struct Read {
    /// The C type that a caller gets.
    result: String,
    /// The expression; `AT` stands for the first byte, `SIZE` for the bytes of a word or an enum.
    expression: String,
    /// What an absent field reads as.
    absent: &'static str,
    /// A floating-point number, which a kernel has no registers for.
    float: bool,
}

fn read(result: &str, expression: impl Into<String>) -> Read {
    Read { result: result.to_owned(), expression: expression.into(), absent: "0", float: false }
}

fn read_scalar(scalar: Scalar, big: &str) -> Read {
    let big = match scalar.fixed_order() {
        Some(ByteOrder::Big) => "true",
        Some(ByteOrder::Little) => "false",
        None => big,
    };
    match (scalar, scalar.width()) {
        (Scalar::Bool, _) => {
            Read { absent: "false", ..read("bool", format!("inspect_get_u8(AT, {big}) != 0")) }
        }
        (Scalar::Char, _) => read("char", format!("(char)inspect_get_u8(AT, {big})")),
        (Scalar::F32, _) => {
            Read { float: true, ..read("float", format!("inspect_get_f32(AT, {big})")) }
        }
        (Scalar::F64, _) => {
            Read { float: true, ..read("double", format!("inspect_get_f64(AT, {big})")) }
        }
        (_, Width::Word) if scalar.is_signed() => {
            read("int64_t", format!("inspect_get_signed(AT, SIZE, {big})"))
        }
        (_, Width::Word) => read("uint64_t", format!("inspect_get_unsigned(AT, SIZE, {big})")),
        (_, Width::Fixed(bytes)) => {
            let bits = u32::from(bytes) * 8;
            if scalar.is_signed() {
                let result = format!("int{bits}_t");
                let expression = format!("({result})inspect_get_u{bits}(AT, {big})");
                read(&result, expression)
            } else {
                read(&format!("uint{bits}_t"), format!("inspect_get_u{bits}(AT, {big})"))
            }
        }
    }
}

/// How a number is read; `None` for what is none.
fn read_number(model: &Model, ty: &Type, big: &str) -> Option<Read> {
    Some(match ty {
        Type::Scalar(scalar) | Type::Atomic(scalar) => read_scalar(*scalar, big),
        Type::Pointer(_) => read("uint64_t", format!("inspect_get_unsigned(AT, SIZE, {big})")),
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(scalar) => {
                let inner = read_scalar(scalar, big).expression;
                let name = &model[*id].naming.c;
                read(name, format!("({name}){inner}"))
            }
            EnumRepr::C(sizes) => {
                let sign =
                    if sizes.iter().any(|(_, signed)| *signed) { "signed" } else { "unsigned" };
                read("int64_t", format!("(int64_t)inspect_get_{sign}(AT, SIZE, {big})"))
            }
        },
        Type::Flags(id) => {
            let inner = read_scalar(model[*id].repr, big).expression;
            let name = &model[*id].naming.c;
            read(name, format!("({name}){inner}"))
        }
        _ => return None,
    })
}

fn is_signed(model: &Model, ty: &Type) -> bool {
    match ty {
        Type::Scalar(scalar) | Type::Atomic(scalar) => scalar.is_signed(),
        Type::Enum(id) => match model[*id].repr {
            EnumRepr::Scalar(scalar) => scalar.is_signed(),
            EnumRepr::C(sizes) => sizes.iter().any(|(_, signed)| *signed),
        },
        _ => false,
    }
}

/// The accessors of all structs, in dependency order.
pub(super) fn all(
    model: &Model,
    links: &Links,
    home: SchemaId,
    shapes: &Shapes<'_>,
    names: &mut Names,
) -> String {
    let field_count: usize = shapes.all.iter().map(|shape| shape.fields.len()).sum();
    let mut out = String::with_capacity(field_count * 200 + shapes.all.len() * 400);
    let getters = vec![String::new(); field_count];
    let mut writer = Writer { model, links, home, shapes, names, getters, out: &mut out };
    for ty in &model[home].types {
        if let TypeId::Aggregate(id) = ty {
            writer.tree(*id);
        }
    }
    out
}

struct Writer<'a> {
    model: &'a Model,
    links: &'a Links,
    home: SchemaId,
    shapes: &'a Shapes<'a>,
    names: &'a mut Names,
    /// The names of the accessors, by the position of their field.
    getters: Vec<String>,
    /// A schema has as many functions as fields, so they are text at once.
    out: &'a mut String,
}

impl Writer<'_> {
    /// A struct behind the inline ones that it holds.
    fn tree(&mut self, id: AggregateId) {
        let Some(&index) = self.shapes.index.get(&id) else { return };
        let shape = &self.shapes.all[index];
        for leaf in &shape.fields {
            if let Type::Aggregate(inner) = element(&leaf.field.ty)
                && self.model[*inner].parent.is_some()
            {
                self.tree(*inner);
            }
        }
        self.open(shape);
        for (position, leaf) in shape.fields.iter().enumerate() {
            self.field(shape, leaf, shape.first + position);
        }
        for leaf in &shape.fields {
            self.count(shape, leaf);
        }
        self.expected(shape);
    }

    fn getter(&mut self, field: &Accessor<'_>) -> String {
        let name = self.names.unique(format!("{}_get_{}", field.prefix, field.name));
        self.getters[field.position].clone_from(&name);
        name
    }

    fn push(&mut self, comment: &str, signature: String, body: String, float: bool) {
        let (head, tail) = if float { ("#ifndef __KERNEL__\n", "#endif\n") } else { ("", "") };
        for part in
            ["\n", head, comment, "INSPECT_INLINE ", &signature, "\n{\n", &body, "}\n", tail]
        {
            self.out.push_str(part);
        }
    }

    fn open(&mut self, shape: &Shape<'_>) {
        let aggregate = &self.model[shape.id];
        let name = self.names.unique(format!("{}_open", shape.prefix));
        let word = schema_word(&self.model[self.home].name);
        let comment = format!(
            "/** {name}() - a view of the bytes of {}; 0, or an enum inspect_error_kind */\n",
            aggregate_word(aggregate)
        );
        let signature = format!(
            "int {name}(struct {} *view, const struct {word}_layouts *layouts,\n\t\tconst void *data, \
             size_t size, struct inspect_error *error)",
            shape.view
        );
        let at = format!("layouts->layouts[{}_LAYOUT]", shape.prefix);
        let text = types::string_literal(aggregate.naming.c.as_bytes());
        let body = format!(
            "\tview->layouts = layouts;\n\
             \treturn inspect_open(&view->data, &view->size, {at}.size, {text}, data, size, error);\n"
        );
        self.push(&comment, signature, body, false);
    }

    fn field(&mut self, shape: &Shape<'_>, leaf: &Leaf<'_>, position: usize) {
        let Some(naming) = &leaf.field.naming else { return };
        let optional = is_optional(leaf.field);
        let field = Accessor {
            name: naming.c.as_str(),
            view: shape.view.as_str(),
            prefix: shape.prefix.as_str(),
            place: format!("&view->layouts->places[{position}]"),
            position,
            optional,
        };
        if optional {
            let name = self.names.unique(format!("{}_has_{}", shape.prefix, naming.c));
            let comment = format!("/** {name}() - whether the producer had the field */\n");
            let signature = format!("bool {name}(const struct {} *view)", shape.view);
            let body =
                format!("\treturn view->layouts->places[{position}].offset != INSPECT_ABSENT;\n");
            self.push(&comment, signature, body, false);
        }
        let docs = docs::text(&naming.docs, &naming.lifetime);
        match &leaf.field.ty {
            ty if leaf.field.bits.is_some() => self.bits(&field, ty, &docs),
            Type::Array(..) => self.array(&field, &leaf.field.ty, &docs, false),
            Type::Flexible(_) => self.array(&field, &leaf.field.ty, &docs, true),
            Type::Aggregate(id) => self.aggregate(&field, *id, &docs),
            Type::Text(_) | Type::Bytes(_) | Type::Opaque => {
                self.bytes(&field, matches!(leaf.field.ty, Type::Text(_)), &docs);
            }
            ty => self.number(&field, ty, &docs),
        }
    }

    fn number(&mut self, field: &Accessor<'_>, ty: &Type, docs: &str) {
        let Some(read) = read_number(self.model, ty, "view->layouts->big") else { return };
        let name = self.getter(field);
        let position = field.position;
        let at = format!("INSPECT_FIELD(view, {position})");
        let mut expression = read.expression.replace("AT", &at);
        if expression.contains("SIZE") {
            let size = format!("view->layouts->places[{position}].size");
            expression = expression.replace("SIZE", &size);
        }
        let mut body = String::with_capacity(128);
        if field.optional {
            let _ = write!(
                body,
                "\tif (view->layouts->places[{position}].offset == INSPECT_ABSENT)\n\
                 \t\treturn {};\n",
                read.absent
            );
        }
        let _ = writeln!(body, "\treturn {expression};");
        let signature = format!("{} {name}(const struct {} *view)", read.result, field.view);
        self.push(&comment(&name, docs), signature, body, read.float);
    }

    fn bits(&mut self, field: &Accessor<'_>, ty: &Type, docs: &str) {
        let Some(read) = read_number(self.model, ty, "view->layouts->big") else { return };
        let name = self.getter(field);
        let mut body = format!("\tconst struct inspect_place *place = {};\n", field.place);
        body.push_str("\tuint64_t value;\n\n");
        let _ =
            write!(body, "\tif (place->offset == INSPECT_ABSENT)\n\t\treturn {};\n", read.absent);
        body.push_str(
            "\tvalue = inspect_get_bits(view->data, place->offset, place->size, view->layouts->big);\n",
        );
        let result = &read.result;
        let _ = match ty {
            Type::Scalar(Scalar::Bool) => writeln!(body, "\treturn value != 0;"),
            ty if is_signed(self.model, ty) => {
                writeln!(body, "\treturn ({result})inspect_sign_extend(value, place->size);")
            }
            _ => writeln!(body, "\treturn ({result})value;"),
        };
        let signature = format!("{result} {name}(const struct {} *view)", field.view);
        self.push(&comment(&name, docs), signature, body, false);
    }

    fn bytes(&mut self, field: &Accessor<'_>, text: bool, docs: &str) {
        let name = self.getter(field);
        let mut body = format!("\tconst struct inspect_place *place = {};\n", field.place);
        body.push_str("\tstruct inspect_bytes bytes = { NULL, 0 };\n\n");
        if field.optional {
            body.push_str("\tif (place->offset == INSPECT_ABSENT)\n\t\treturn bytes;\n");
        }
        if text {
            body.push_str(
                "\tbytes = inspect_get_text(view->data + place->offset, (size_t)place->size);\n",
            );
        } else {
            body.push_str("\tbytes.data = view->data + place->offset;\n");
            body.push_str("\tbytes.size = (size_t)place->size;\n");
        }
        body.push_str("\treturn bytes;\n");
        let signature = format!("struct inspect_bytes {name}(const struct {} *view)", field.view);
        self.push(&comment(&name, docs), signature, body, false);
    }

    /// The type of the view of an aggregate, and the expressions for its layouts and for its size;
    /// `None` where this decoder cannot include the other schema's.
    fn inner(&self, id: AggregateId) -> Option<(String, String, String)> {
        let prefix = function_prefix(self.model, id);
        let view = self.names.view(&prefix);
        let schema = self.model[id].schema;
        if schema == self.home {
            let size = format!("view->layouts->layouts[{prefix}_LAYOUT].size");
            return Some((view, "view->layouts".to_owned(), size));
        }
        if !self.links.decoders(self.home).contains(&schema) {
            return None;
        }
        let word = schema_word(&self.model[schema].name);
        let size = format!("view->layouts->of_{word}.layouts[{prefix}_LAYOUT].size");
        Some((view, format!("&view->layouts->of_{word}"), size))
    }

    fn aggregate(&mut self, field: &Accessor<'_>, id: AggregateId, docs: &str) {
        let Some((inner, layouts, size)) = self.inner(id) else {
            return self.bytes(field, false, docs);
        };
        let name = self.getter(field);
        let tail =
            if self.model[id].flexible { "view->size - place->offset" } else { "place->size" };
        let body = format!(
            "\tconst struct inspect_place *place = {};\n\tuint64_t size = {size};\n\n\
             \tif (size == 0 || place->offset == INSPECT_ABSENT || place->size < size)\n\
             \t\treturn false;\n\
             \tinner->data = view->data + place->offset;\n\tinner->size = (size_t)({tail});\n\
             \tinner->layouts = {layouts};\n\treturn true;\n",
            field.place
        );
        let signature =
            format!("bool {name}(const struct {} *view, struct {inner} *inner)", field.view);
        let comment = comment(&name, docs);
        self.push(&comment, signature, body, false);
    }

    fn array(&mut self, field: &Accessor<'_>, ty: &Type, docs: &str, flexible: bool) {
        let inner = element(ty);
        let stride = match inner {
            Type::Text(size) | Type::Bytes(size) => format!("{}u", (*size).max(1)),
            _ => "place->stride".to_owned(),
        };
        let length = self.names.unique(format!("{}_length_{}", field.prefix, field.name));
        let room = if flexible { "view->size - place->offset" } else { "place->size" };
        let body = format!(
            "\tconst struct inspect_place *place = {};\n\n\
             \tif (place->offset == INSPECT_ABSENT || {stride} == 0)\n\t\treturn 0;\n\
             \treturn ({room}) / {stride};\n",
            field.place
        );
        let comment =
            format!("/** {length}() - how many elements of {} there is room for */\n", field.name);
        self.push(
            &comment,
            format!("uint64_t {length}(const struct {} *view)", field.view),
            body,
            false,
        );
        let at = format!("view->data + place->offset + index * {stride}");
        self.array_element(field, inner, docs, &length, &at, &stride);
    }

    fn array_element(
        &mut self,
        field: &Accessor<'_>,
        ty: &Type,
        docs: &str,
        length: &str,
        at: &str,
        stride: &str,
    ) {
        let name = self.getter(field);
        let place = format!("\tconst struct inspect_place *place = {};\n", field.place);
        let outside = format!("\tif (index >= {length}(view))\n");
        let parameters = format!("const struct {} *view, uint64_t index", field.view);
        let comment = comment(&name, docs);
        match ty {
            Type::Aggregate(id) => {
                let Some((inner, layouts, size)) = self.inner(*id) else { return };
                let body = format!(
                    "{place}\tuint64_t size = {size};\n\n\
                     \tif (size == 0 || place->stride < size || index >= {length}(view))\n\t\treturn false;\n\
                     \tinner->data = {at};\n\tinner->size = (size_t)place->stride;\n\
                     \tinner->layouts = {layouts};\n\treturn true;\n"
                );
                let signature = format!("bool {name}({parameters},\n\t\tstruct {inner} *inner)");
                self.push(&comment, signature, body, false);
            }
            Type::Text(_) | Type::Bytes(_) | Type::Opaque => {
                let value = if matches!(ty, Type::Text(_)) {
                    format!("\tbytes = inspect_get_text({at}, {stride});\n")
                } else {
                    format!("\tbytes.data = {at};\n\tbytes.size = (size_t){stride};\n")
                };
                let body = format!(
                    "{place}\tstruct inspect_bytes bytes = {{ NULL, 0 }};\n\n{outside}\t\treturn bytes;\n\
                     {value}\treturn bytes;\n"
                );
                self.push(
                    &comment,
                    format!("struct inspect_bytes {name}({parameters})"),
                    body,
                    false,
                );
            }
            ty => {
                let Some(read) = read_number(self.model, ty, "view->layouts->big") else { return };
                let value = read.expression.replace("AT", at).replace("SIZE", "place->stride");
                let body =
                    format!("{place}\n{outside}\t\treturn {};\n\treturn {value};\n", read.absent);
                self.push(
                    &comment,
                    format!("{} {name}({parameters})", read.result),
                    body,
                    read.float,
                );
            }
        }
    }

    /// `#[count]` where everything it needs lies in the struct itself.
    fn count(&mut self, shape: &Shape<'_>, leaf: &Leaf<'_>) {
        let (Some(naming), Some(formula)) = (&leaf.field.naming, &leaf.field.count) else { return };
        let mut prelude = Prelude::default();
        let Some(expression) = self.formula(shape, formula, &mut prelude) else { return };
        let name = self.names.unique(format!("{}_count_{}", shape.prefix, naming.c));
        let mut body = String::from("\tstruct inspect_number number;\n");
        body.push_str(&prelude.declarations);
        body.push_str("\n\t(void)view;\n");
        body.push_str(&prelude.statements);
        let _ = write!(
            body,
            "\tnumber = {expression};\n\t*count = number.value;\n\treturn number.valid;\n"
        );
        let comment = format!(
            "/** {name}() - how many elements of {} are valid; false where that is no number */\n",
            naming.c
        );
        let signature = format!("bool {name}(const struct {} *view, int64_t *count)", shape.view);
        self.push(&comment, signature, body, false);
    }

    fn formula(
        &self,
        shape: &Shape<'_>,
        formula: &Formula,
        prelude: &mut Prelude,
    ) -> Option<String> {
        Some(match formula {
            Formula::Int(value) => {
                let value = i64::try_from(*value).ok()?;
                format!("inspect_number({})", types::integer(i128::from(value), false))
            }
            Formula::Field(path) => self.formula_field(shape, path, prelude)?,
            // Its value is known where the producer was compiled, and in the table's schema
            // section.
            Formula::Constant(_) => return None,
            Formula::Negate(inner) => {
                let inner = self.formula(shape, inner, prelude)?;
                format!("inspect_compute('-', inspect_number(0), {inner})")
            }
            Formula::Not(inner) => {
                let inner = self.formula(shape, inner, prelude)?;
                format!("inspect_compute('^', inspect_number(-1), {inner})")
            }
            Formula::Binary(operator, left, right) => {
                let left = self.formula(shape, left, prelude)?;
                let right = self.formula(shape, right, prelude)?;
                format!("inspect_compute('{}', {left}, {right})", operator_letter(*operator))
            }
        })
    }

    /// A field of the struct itself or of one inside it; `None` for one of a struct around it.
    fn formula_field(
        &self,
        shape: &Shape<'_>,
        path: &FieldPath,
        prelude: &mut Prelude,
    ) -> Option<String> {
        if path.up > 0 {
            return None;
        }
        let mut shape = shape;
        let mut view = "view".to_owned();
        let mut parts = path.text.split('.').peekable();
        while let Some(part) = parts.next() {
            let index = shape.fields.iter().position(|leaf| leaf.field.name() == part)?;
            let leaf = &shape.fields[index];
            let getter = &self.getters[shape.first + index];
            if getter.is_empty() {
                return None;
            }
            if parts.peek().is_none() {
                return self.formula_value(leaf.field, getter, &view);
            }
            let Type::Aggregate(id) = &leaf.field.ty else { return None };
            shape = &self.shapes.all[*self.shapes.index.get(id)?];
            let next = format!("inner{}", prelude.count);
            prelude.count += 1;
            let _ = writeln!(prelude.declarations, "\tstruct {} {next};", shape.view);
            let _ = write!(
                prelude.statements,
                "\tif (!{getter}({view}, &{next}))\n\t\treturn false;\n"
            );
            view = format!("&{next}");
        }
        None
    }

    fn formula_value(&self, field: &Field, getter: &str, view: &str) -> Option<String> {
        if matches!(field.ty, Type::Scalar(Scalar::F32 | Scalar::F64)) {
            return None;
        }
        read_number(self.model, &field.ty, "")?;
        Some(if is_signed(self.model, &field.ty) {
            format!("inspect_number({getter}({view}))")
        } else {
            format!("inspect_number_unsigned((uint64_t){getter}({view}))")
        })
    }

    /// A function that holds the fields to their expected values, where there are any.
    fn expected(&mut self, shape: &Shape<'_>) {
        let mut body = String::new();
        let struct_name = types::string_literal(self.model[shape.id].naming.c.as_bytes());
        for (index, leaf) in shape.fields.iter().enumerate() {
            let (Some(naming), Some(value)) = (&leaf.field.naming, &leaf.field.expected) else {
                continue;
            };
            let field = types::string_literal(naming.c.as_bytes());
            let position = shape.first + index;
            let offset = format!("view->layouts->places[{position}].offset");
            let Some(condition) = self.mismatch(shape, leaf.field, &naming.c, value) else {
                continue;
            };
            let _ = write!(
                body,
                "\tif ({offset} != INSPECT_ABSENT && {condition})\n\
                 \t\treturn inspect_fail(error, INSPECT_BAD_VALUE, {offset}{}, {struct_name}, {field});\n",
                if leaf.field.bits.is_some() { " / 8" } else { "" }
            );
        }
        if body.is_empty() {
            return;
        }
        let name = self.names.unique(format!("{}_check", shape.prefix));
        let comment = format!(
            "/** {name}() - whether the fields have their expected values; 0, or an enum \
             inspect_error_kind */\n"
        );
        let signature =
            format!("int {name}(const struct {} *view, struct inspect_error *error)", shape.view);
        body.push_str("\treturn 0;\n");
        self.push(&comment, signature, body, false);
    }

    fn mismatch(
        &self,
        shape: &Shape<'_>,
        field: &Field,
        name: &str,
        value: &Value,
    ) -> Option<String> {
        let index = shape.fields.iter().position(|leaf| std::ptr::eq(leaf.field, field))?;
        let getter = &self.getters[shape.first + index];
        match value {
            Value::Int(_) if matches!(field.ty, Type::Scalar(Scalar::F32 | Scalar::F64)) => None,
            Value::Int(_) => {
                let expected = structs::expected_name(self.model, shape.id, name);
                Some(format!("{getter}(view) != {expected}"))
            }
            Value::Bytes(bytes) => {
                let place = format!("view->layouts->places[{}]", shape.first + index);
                let literal = types::string_literal(bytes);
                Some(format!(
                    "!inspect_bytes_equal(view->data + {place}.offset, {place}.size, {literal}, {})",
                    bytes.len()
                ))
            }
            Value::Text(_) => None,
        }
    }
}

/// What an accessor is made from.
struct Accessor<'a> {
    name: &'a str,
    view: &'a str,
    prefix: &'a str,
    place: String,
    position: usize,
    optional: bool,
}

#[derive(Default)]
struct Prelude {
    declarations: String,
    statements: String,
    count: usize,
}

fn comment(name: &str, docs: &str) -> String {
    if docs.is_empty() { String::new() } else { docs::titled("", &format!("{name}()"), docs) }
}

fn operator_letter(operator: BinaryOperator) -> char {
    match operator {
        BinaryOperator::Add => '+',
        BinaryOperator::Subtract => '-',
        BinaryOperator::Multiply => '*',
        BinaryOperator::Divide => '/',
        BinaryOperator::Remainder => '%',
        BinaryOperator::ShiftLeft => '<',
        BinaryOperator::ShiftRight => '>',
        BinaryOperator::And => '&',
        BinaryOperator::Or => '|',
        BinaryOperator::Xor => '^',
    }
}

/// The accessors of the schema's own fields of a row.
pub(super) fn row(schema: &Schema, model: &Model, names: &mut Names) -> Vec<Function> {
    let mut out = Vec::with_capacity(schema.entry.fields.len());
    for field in &schema.entry.fields {
        let name = names.unique(format!("{}_get_{}", schema.entry.naming.c, field.naming.c));
        let docs = docs::text(&field.naming.docs, &field.naming.lifetime);
        let comment = comment(&name, &docs);
        out.push(row_field(model, field, &name, comment));
    }
    out
}

fn row_field(model: &Model, field: &EntryField, name: &str, comment: String) -> Function {
    let at = format!("row.data + {}", field.offset);
    let has = format!(
        "inspect_row_has(row, {}, {})",
        field.naming.lifetime.since,
        field.offset + field.size
    );
    let function = |result: &str, parameters: &str, body: String, float: bool| Function {
        head: if float { format!("#ifndef __KERNEL__\n{comment}") } else { comment.clone() },
        signature: format!("{result} {name}(struct inspect_row row{parameters})"),
        body,
        tail: if float { "\n#endif" } else { "" },
    };
    if let Some(read) = read_number(model, &field.ty, "row.table->big") {
        let value = read.expression.replace("AT", &at).replace("SIZE", "row.table->word_size");
        let default = match &field.default {
            Value::Int(number) => default_number(model, &field.ty, *number),
            _ => read.absent.to_owned(),
        };
        let body = format!("\tif (!{has})\n\t\treturn {default};\n\treturn {value};\n");
        return function(&read.result, "", body, read.float);
    }
    match &field.ty {
        Type::String => {
            let default = match &field.default {
                Value::Text(text) => types::string_literal(text.as_bytes()),
                _ => "\"\"".to_owned(),
            };
            let body = format!(
                "\tif (!{has})\n\t\treturn {default};\n\
                 \treturn inspect_table_string(row.table, inspect_get_u32({at}, row.table->big));\n"
            );
            function("const char *", "", body, false)
        }
        Type::Array(inner, Length::Fixed(_)) => {
            row_array(model, field, element(inner), &has, &function)
        }
        _ => function("struct inspect_bytes", "", row_bytes(field, &at, &has), false),
    }
}

fn row_bytes(field: &EntryField, at: &str, has: &str) -> String {
    let mut body = String::new();
    let size = field.size as usize;
    let absent = match &field.default {
        Value::Bytes(bytes) => {
            let list = types::byte_list(bytes, size);
            let _ =
                writeln!(body, "\tstatic const unsigned char absent[{}] = {list};", size.max(1));
            "absent"
        }
        _ => {
            let _ =
                writeln!(body, "\tstatic const unsigned char absent[{}] = {{ 0 }};", size.max(1));
            "absent"
        }
    };
    body.push_str("\tstruct inspect_bytes bytes;\n\n");
    let _ = writeln!(body, "\tbytes.data = {has} ? {at} : {absent};");
    let _ = writeln!(body, "\tbytes.size = {size};");
    if matches!(field.ty, Type::Text(_)) {
        body.push_str("\tbytes = inspect_get_text(bytes.data, bytes.size);\n");
    }
    body.push_str("\treturn bytes;\n");
    body
}

fn row_array(
    model: &Model,
    field: &EntryField,
    inner: &Type,
    has: &str,
    function: &dyn Fn(&str, &str, String, bool) -> Function,
) -> Function {
    let at = format!("row.data + {}", field.offset);
    let Some(read) = read_number(model, inner, "row.table->big") else {
        return function("struct inspect_bytes", "", row_bytes(field, &at, has), false);
    };
    let stride = match inner {
        Type::Enum(id) => repr_bytes(model[*id].repr),
        Type::Flags(id) => repr_bytes(EnumRepr::Scalar(model[*id].repr)),
        Type::Scalar(scalar) | Type::Atomic(scalar) => repr_bytes(EnumRepr::Scalar(*scalar)),
        _ => 1,
    };
    let value = read.expression.replace("AT", &format!("{at} + index * {stride}"));
    let count = u64::from(field.size) / u64::from(stride.max(1));
    let body = format!(
        "\tif (index >= {count} || !{has})\n\t\treturn {};\n\treturn {value};\n",
        read.absent
    );
    function(&read.result, ", uint64_t index", body, read.float)
}

fn repr_bytes(repr: EnumRepr) -> u8 {
    match repr {
        EnumRepr::Scalar(scalar) => match scalar.width() {
            Width::Fixed(bytes) => bytes,
            Width::Word => 8,
        },
        EnumRepr::C(_) => 4,
    }
}

fn default_number(model: &Model, ty: &Type, number: i128) -> String {
    match ty {
        Type::Scalar(_) | Type::Atomic(_) => types::value(ty, &Value::Int(number)),
        other => types::integer(number, !is_signed(model, other)),
    }
}
