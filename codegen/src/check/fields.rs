//! Fields: attributes, names, bit-fields, expected values.
//!
//! What a field says of other fields (counts, tags, lists) is left to `references`, since those may lie
//! anywhere; where a field lies is left to `layout`.

use super::attributes::{Place, find};
use super::types::{Holder, Where};
use super::{Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic};
use crate::model::{
    AggregateId, AggregateKind, EnumRepr, Field, Length, Lifetime, Naming, Scalar, Type, Value,
    Width, names,
};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Checker<'a> {
    pub(super) fn resolve_fields(
        &mut self,
        id: AggregateId,
        context: Where,
        fields: &'a [ast::Field],
        owner: Span,
    ) {
        let schema = self.aggregates[id.index()].schema;
        let union = self.built[id.index()].union;
        let place = context.field_place();
        for (position, field) in fields.iter().enumerate() {
            self.check_field_attributes(field, place, union);
            if !self.exists(schema, &field.attributes) {
                continue;
            }
            let name = field.name.as_ref().map(|name| name.text.as_str());
            let holder = Holder { id, field: self.built[id.index()].fields.len(), name };
            let last = position + 1 == fields.len();
            match self.resolve_field(schema, context, holder, field, last && !union) {
                Some(resolved) => {
                    self.built[id.index()].fields.push(resolved);
                    self.aggregates[id.index()].syntax.push(Some(field));
                }
                None => self.aggregates[id.index()].broken = true,
            }
        }
        if fields.is_empty() {
            self.error(Code::E0309, owner, "a struct or union needs at least one field");
            self.aggregates[id.index()].broken = true;
        }
        let built = &self.built[id.index()];
        if let [only] = built.fields.as_slice()
            && matches!(only.ty, Type::Flexible(_))
            && context != Where::Extern
        {
            let span = only.origin;
            self.push(
                Diagnostic::new(Code::E0303, span, "a flexible array needs a field before it")
                    .help("a class may be an array by itself: `class log: [log_record];`"),
            );
        }
        self.check_field_order(schema, id, context);
    }

    /// Arms of unions take the attributes of fields and two of their own.
    fn check_field_attributes(&mut self, field: &'a ast::Field, place: Place, union: bool) {
        if !union {
            self.check_attributes(&field.attributes, place);
            return;
        }
        let arm = |attribute: &&ast::Attribute| {
            matches!(attribute.name.text.as_str(), "when" | "otherwise")
        };
        if field.attributes.iter().any(|attribute| arm(&attribute)) {
            // Both kinds of places allow their own words, so each attribute is checked against its own.
            for attribute in &field.attributes {
                let place = if arm(&attribute) { Place::ARM } else { place };
                self.check_attributes(std::slice::from_ref(attribute), place);
            }
        } else {
            self.check_attributes(&field.attributes, place);
        }
    }

    /// Fields of a record, like those of an entry, appear in the order of their versions.
    fn check_field_order(&mut self, schema: SchemaIndex, id: AggregateId, context: Where) {
        if context != Where::Record || self.built[id.index()].union {
            return;
        }
        let mut latest = (1, None);
        let syntax = self.aggregates[id.index()].syntax.clone();
        for field in syntax.into_iter().flatten() {
            let since = self.lifetime(schema, &field.attributes).since;
            if since < latest.0 {
                let mut diagnostic = Diagnostic::new(
                    Code::E0601,
                    field.span,
                    format!("a field of version {since} behind one of version {}", latest.0),
                )
                .help("records grow at the end");
                if let Some(span) = latest.1 {
                    diagnostic = diagnostic.also(span, "the younger one");
                }
                self.push(diagnostic);
            } else {
                latest = (since, Some(field.span));
            }
        }
    }

    fn resolve_field(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        holder: Holder<'a>,
        field: &'a ast::Field,
        may_be_flexible: bool,
    ) -> Option<Field> {
        let ty = self.resolve_type(schema, context, &field.ty, Some(holder))?;
        let ty = self.check_flexible(field, ty, context, may_be_flexible)?;
        let bits = match &field.bits {
            None => None,
            Some(width) => Some(self.resolve_bits(schema, context, field, width, &ty)?),
        };
        let naming = self.field_naming(schema, field, &ty, bits)?;
        let debug = match context {
            Where::Extern => self.debug_place(holder, field, bits, &ty)?,
            _ => None,
        };
        let mut resolved = Field {
            naming,
            origin: field.span,
            bits,
            align: self.align_attribute(schema, &field.attributes),
            packed: find(&field.attributes, "packed").is_some(),
            expected: None,
            count: None,
            tag: None,
            arm: None,
            list: None,
            ring: None,
            unit: self.text_attribute(&field.attributes, "unit").map(|(text, _)| text),
            display: self.display_attribute(&field.attributes),
            condition: self.condition(field),
            debug,
            sensitive: find(&field.attributes, "sensitive").is_some(),
            ty,
        };
        if let (None, Type::Aggregate(inner)) = (&resolved.naming, &resolved.ty) {
            // C has no declarator here that could bear an attribute: behind the brace it belongs to the type.
            let inner = &mut self.built[inner.index()];
            inner.packed = std::mem::take(&mut resolved.packed);
            inner.align = resolved.align.take();
        }
        if let Some(value) = &field.value {
            resolved.expected = Some(self.field_value(schema, &resolved.ty, value)?);
        }
        Some(resolved)
    }

    /// The value that a field is expected to have, or the default of an entry's field.
    pub(super) fn field_value(
        &mut self,
        schema: SchemaIndex,
        ty: &Type,
        value: &'a ast::Expr,
    ) -> Option<Value> {
        let Some(range) = self.range_of(ty) else {
            let message = "a value of this type cannot be written";
            self.push(
                Diagnostic::new(Code::E0405, value.span, message)
                    .help("integers, truth values, enums, flags, text and bytes have values"),
            );
            return None;
        };
        self.value(schema, value, range, "the value of a field")
    }

    fn condition(&mut self, field: &'a ast::Field) -> Option<String> {
        let (text, span) = self.text_attribute(&field.attributes, "if")?;
        let good = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            let message = "a condition is the name of one macro";
            self.push(
                Diagnostic::new(Code::E0704, span, message).help("write `#[if(\"CONFIG_SMP\")]`"),
            );
            return None;
        }
        Some(text)
    }

    fn field_naming(
        &mut self,
        schema: SchemaIndex,
        field: &'a ast::Field,
        ty: &Type,
        bits: Option<u32>,
    ) -> Option<Option<Naming>> {
        let Some(name) = &field.name else {
            let Type::Aggregate(inner) = ty else {
                self.error(Code::E0310, field.span, "a field needs a name");
                return None;
            };
            let lifetime = self.lifetime(schema, &field.attributes);
            self.inherit(*inner, &lifetime);
            return Some(None);
        };
        if name.text == "_" {
            if matches!(ty, Type::Aggregate(_) | Type::Flexible(_)) {
                self.push(
                    Diagnostic::new(Code::E0310, field.span, "padding is made of plain types")
                        .help("write `bytes<N>`, or leave the name out for an anonymous member"),
                );
                return None;
            }
            self.lifetime(schema, &field.attributes);
            return Some(None);
        }
        if bits == Some(0) {
            self.push(
                Diagnostic::new(Code::E0306, field.span, "a bit-field of width 0 has no name")
                    .suggest("write `_`", name.span, "_"),
            );
            return None;
        }
        let derived = (
            names::c_identifier(&name.text),
            names::rust_identifier(&names::snake_case(&name.text)),
        );
        Some(Some(self.naming(schema, name, &field.docs, &field.attributes, derived)))
    }

    /// What is said of the age of an anonymous aggregate holds for its members: readers know them alone.
    fn inherit(&mut self, id: AggregateId, lifetime: &Lifetime) {
        let mut rest = vec![id];
        while let Some(id) = rest.pop() {
            for field in &mut self.built[id.index()].fields {
                match (&mut field.naming, &field.ty) {
                    (Some(naming), _) => inherited(&mut naming.lifetime, lifetime),
                    (None, Type::Aggregate(inner)) => rest.push(*inner),
                    (None, _) => {}
                }
            }
        }
    }

    fn check_flexible(
        &mut self,
        field: &ast::Field,
        ty: Type,
        context: Where,
        may_be_flexible: bool,
    ) -> Option<Type> {
        let fixed_place = may_be_flexible && context != Where::Entry;
        if matches!(ty, Type::Flexible(_)) && !fixed_place {
            self.push(
                Diagnostic::new(Code::E0303, field.span, "a flexible array is the last field")
                    .help("move it to the end of its struct, or give it a length: `[T; N]`"),
            );
            return None;
        }
        Some(ty)
    }

    /// Where a field of an `extern` struct is written whose place only debug information tells; `None` within
    /// where the compiler tells it, and outside where nothing could.
    fn debug_place(
        &mut self,
        holder: Holder<'a>,
        field: &'a ast::Field,
        bits: Option<u32>,
        ty: &Type,
    ) -> Option<Option<String>> {
        let mut root = holder.id;
        while let Some((around, _)) = self.built[root.index()].parent {
            root = around;
        }
        let (kind, whole) = (&self.built[root.index()].kind, &self.built[root.index()].debug);
        let attribute = find(&field.attributes, "debug");
        if bits.is_none() && attribute.is_none() && whole.is_none() {
            return Some(None);
        }
        let span = field.span;
        let refused = if bits.is_some() && *kind == AggregateKind::ExternRust {
            Diagnostic::new(Code::E0306, span, "Rust has no bit-fields")
                .help("name the integer that holds the bits, with `flags` for what they mean")
        } else if self.aggregates[holder.id.index()].is_anonymous {
            let message = "debug information tells the place of no field of an anonymous member";
            Diagnostic::new(Code::E0302, span, message).help(
                "declare the field in the struct around: what is anonymous is that struct's own",
            )
        } else if self.is_inline(ty) {
            let message = "debug information tells the place of no type without a name";
            Diagnostic::new(Code::E0302, field.ty.span, message)
                .help("give the type a name: `extern struct name from \"header.h\" { .. }`")
        } else if is_measured(ty) {
            let message = "debug information tells where a field lies, and not how long it is";
            Diagnostic::new(Code::E0302, field.ty.span, message)
                .help("write the length, `[T; N]` or `bytes<N>`, or a struct with a name")
        } else if let Some(sensitive) = find(&field.attributes, "sensitive") {
            let message = "until the image is packed nobody knows where a sensitive field lies";
            Diagnostic::new(Code::E0702, sensitive.span, message)
                .help("mark the whole entry: `properties: sensitive` in its class")
        } else {
            return Some(Some(self.written_at(span)));
        };
        self.push(refused);
        None
    }

    fn is_inline(&self, ty: &Type) -> bool {
        match ty {
            Type::Array(element, _) | Type::Flexible(element) => self.is_inline(element),
            Type::Aggregate(id) => self.built[id.index()].parent.is_some(),
            _ => false,
        }
    }

    /// The file and the line of a place, as they are carried into images: without the folders, which differ from
    /// one machine to the next.
    pub(super) fn written_at(&self, span: Span) -> String {
        let name = &self.sources.file(span.file).name;
        let name = name.rsplit('/').next().unwrap_or(name);
        format!("{name}:{}", self.sources.line_column(span).0)
    }

    fn resolve_bits(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        field: &'a ast::Field,
        width: &'a ast::Expr,
        ty: &Type,
    ) -> Option<u32> {
        if !matches!(context, Where::Struct | Where::Extern) {
            let help = "name whole bytes, and the bits in them with `flags`: their order varies";
            let message = format!("a bit-field cannot stand in {}", context.word());
            self.push(Diagnostic::new(Code::E0306, field.span, message).help(help));
            return None;
        }
        let widest = self.bit_width(ty);
        let Some(widest) = widest else {
            self.push(
                Diagnostic::new(Code::E0306, field.ty.span, "a bit-field needs an integer type")
                    .help("integers, `bool`, enums and flags have bit-fields"),
            );
            return None;
        };
        let width_value = self.integer(schema, width, i128::MIN, i128::MAX, "a width")?;
        let named = field.name.as_ref().is_some_and(|name| name.text != "_");
        if context == Where::Extern && !named {
            let message = "an extern struct has no bit-fields without a name";
            self.push(
                Diagnostic::new(Code::E0306, field.span, message).help(
                    "leave it out: fields stand in any order, and what is not named is skipped",
                ),
            );
            return None;
        }
        let lowest = i128::from(named);
        if width_value < lowest || width_value > i128::from(widest) {
            let message = format!("a width of {width_value} is not among {lowest} to {widest}");
            self.error(Code::E0306, width.span, message);
            return None;
        }
        u32::try_from(width_value).ok()
    }

    /// The widest bit-field of a type that every target takes.
    fn bit_width(&mut self, ty: &Type) -> Option<u32> {
        match ty {
            Type::Scalar(Scalar::Bool) => Some(1),
            Type::Scalar(scalar) if scalar.is_integer() && scalar.fixed_order().is_none() => {
                Some(match scalar.width() {
                    Width::Fixed(bytes) => u32::from(bytes) * 8,
                    Width::Word => 32,
                })
            }
            Type::Enum(id) => match self.decide_enum(*id) {
                EnumRepr::Scalar(scalar) => self.bit_width(&Type::Scalar(scalar)),
                EnumRepr::C(sizes) => sizes.iter().map(|(bytes, _)| u32::from(*bytes) * 8).min(),
            },
            Type::Flags(id) => {
                let repr = self.flags[id.index()].repr?;
                self.bit_width(&Type::Scalar(repr))
            }
            _ => None,
        }
    }
}

/// The lifetime of a member of what has a lifetime itself: it came no earlier, and went no later.
fn inherited(own: &mut Lifetime, outer: &Lifetime) {
    own.since = own.since.max(outer.since);
    own.removed = own.removed.into_iter().chain(outer.removed).min();
    if own.deprecated.is_none() {
        own.deprecated.clone_from(&outer.deprecated);
    }
}

/// Whether a compiler has to say how many bytes a type has.
fn is_measured(ty: &Type) -> bool {
    match ty {
        Type::Opaque | Type::Array(_, Length::Captured) => true,
        Type::Array(element, _) | Type::Flexible(element) => is_measured(element),
        _ => false,
    }
}
