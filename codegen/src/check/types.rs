//! Types: from what is written to [`Type`], checked against the place where it stands; inline aggregates
//! included, whose fields `fields` resolves.

use super::attributes::{Place, find};
use super::constants::{EvalError, ungroup};
use super::scope::{Found, NameSpace};
use super::{AggregateDecl, Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Aggregate, AggregateId, AggregateKind, ConstantId, EnumId, Length, Naming, Pointee, Scalar,
    SchemaId, Type, names,
};
use crate::source::Span;
use crate::syntax::ast;

/// Where a type stands: it decides what may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Struct,
    Record,
    Extern,
    Entry,
    Class,
    Constant,
}

impl Where {
    /// Every byte the same on every target.
    pub(super) fn is_fixed(self) -> bool {
        matches!(self, Self::Record | Self::Entry)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Struct => "a struct",
            Self::Record => "a record",
            Self::Extern => "an extern struct",
            Self::Entry => "an entry",
            Self::Class => "a class",
            Self::Constant => "a constant",
        }
    }

    pub(super) fn field_place(self) -> Place {
        match self {
            Self::Record => Place::RECORD_FIELD,
            Self::Extern => Place::EXTERN_FIELD,
            Self::Entry => Place::ENTRY_FIELD,
            _ => Place::STRUCT_FIELD,
        }
    }
}

/// The aggregate that holds the field being resolved, for inline aggregates and their names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder<'a> {
    pub(super) id: AggregateId,
    /// The position that the field will have.
    pub(super) field: usize,
    /// The field's name; an inline type is named after it.
    pub(super) name: Option<&'a str>,
}

impl<'a> Checker<'a> {
    /// Resolves the fields of every named aggregate; inline ones follow as they are met.
    pub(super) fn resolve_aggregates(&mut self) {
        let named = self.aggregates.len();
        for index in 0..named {
            let aggregate = self.aggregate_head(index);
            self.built.push(aggregate);
        }
        for index in 0..named {
            let item = self.aggregates[index].item;
            let (place, context, fields) = match &item.kind {
                ast::ItemKind::Struct { fields } => (Place::STRUCT, Where::Struct, fields),
                ast::ItemKind::Record { fields } => (Place::RECORD, Where::Record, fields),
                ast::ItemKind::ExternStruct { fields, .. } => {
                    (Place::EXTERN_STRUCT, Where::Extern, fields)
                }
                _ => unreachable!("only these are declared as aggregates"),
            };
            self.check_attributes(&item.attributes, place);
            self.resolve_fields(AggregateId(index as u32), context, fields, item.name.span);
        }
    }

    fn aggregate_head(&mut self, index: usize) -> Aggregate {
        let AggregateDecl { schema, item, .. } = self.aggregates[index];
        let kind = match &item.kind {
            ast::ItemKind::Record { .. } => AggregateKind::Record,
            ast::ItemKind::ExternStruct { origin, .. } => match origin {
                ast::ExternOrigin::Header(text) => {
                    AggregateKind::ExternC { header: text.value.clone() }
                }
                ast::ExternOrigin::Rust(_) => AggregateKind::ExternRust,
            },
            _ => AggregateKind::Struct,
        };
        let is_extern = matches!(kind, AggregateKind::ExternC { .. } | AggregateKind::ExternRust);
        Aggregate {
            schema: SchemaId(schema as u32),
            naming: self.type_naming(schema, item, is_extern),
            kind,
            union: false,
            parent: None,
            packed: find(&item.attributes, "packed").is_some(),
            align: self.align_attribute(schema, &item.attributes),
            c_typedef: find(&item.attributes, "c_type").is_some(),
            fields: Vec::new(),
            debug: find(&item.attributes, "debug").map(|_| self.written_at(item.name.span)),
            layouts: None,
            target_dependent: false,
            flexible: false,
        }
    }

    /// The names of a type: an `extern` one keeps its own in C.
    pub(super) fn type_naming(
        &mut self,
        schema: SchemaIndex,
        item: &'a ast::Item,
        is_extern: bool,
    ) -> Naming {
        let c = if is_extern {
            item.name.text.clone()
        } else {
            let prefix = names::schema_word(&self.schemas[schema].name);
            names::c_identifier(&format!("{prefix}_{}", item.name.text))
        };
        let rust = names::rust_type(&item.name.text);
        let mut naming = self.naming(schema, &item.name, &item.docs, &item.attributes, (c, rust));
        if let Some(typedef) = self.name_attribute(&item.attributes, "c_type") {
            naming.c = typedef;
        }
        naming
    }

    pub(super) fn constant_names(
        &self,
        schema: SchemaIndex,
        name: &str,
        captured: bool,
    ) -> (String, String) {
        let rust = names::rust_identifier(&names::upper_case(name));
        if captured {
            return (name.to_owned(), rust);
        }
        let prefix = names::upper_case(&names::schema_word(&self.schemas[schema].name));
        (names::c_identifier(&format!("{prefix}_{}", names::upper_case(name))), rust)
    }

    /// The type that is written, checked against the place where it stands.
    pub(super) fn resolve_type(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        ty: &'a ast::Type,
        holder: Option<Holder<'a>>,
    ) -> Option<Type> {
        match &ty.kind {
            ast::TypeKind::Path(path) => self.resolve_path(schema, context, path),
            ast::TypeKind::Generic { word, argument } => {
                self.resolve_generic(schema, context, word, argument, ty.span)
            }
            ast::TypeKind::Pointer(pointee) => {
                if context.is_fixed() || context == Where::Constant {
                    self.not_fixed(ty.span, context, "a pointer has the target's width");
                    return None;
                }
                Some(Type::Pointer(Box::new(self.resolve_pointee(schema, pointee)?)))
            }
            ast::TypeKind::Array { element, length } => {
                self.resolve_array(schema, context, element, length, holder)
            }
            ast::TypeKind::Aggregate { union, fields } => {
                let Some(holder) = holder.filter(|_| context != Where::Entry) else {
                    let message = format!("{} cannot hold an inline type", context.word());
                    self.push(
                        Diagnostic::new(Code::E0302, ty.span, message)
                            .help("give the type a name: `struct name { .. }`"),
                    );
                    return None;
                };
                Some(Type::Aggregate(
                    self.resolve_inline(schema, context, ty, *union, fields, holder),
                ))
            }
        }
    }

    fn not_fixed(&mut self, span: Span, context: Where, why: &str) {
        let message = format!("{} holds fixed-size types only", context.word());
        self.push(Diagnostic::new(Code::E0304, span, message).label(why).help(
            "u8 to u64, i8 to i64, f32, f64, bool, char, be16 to le64, text<N>, bytes<N>, \
                       records, flags and enums with a type are the same everywhere",
        ));
    }

    fn resolve_path(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        path: &'a ast::Path,
    ) -> Option<Type> {
        if let ([word], []) = (path.dotted.as_slice(), path.members.as_slice()) {
            if let Some(scalar) = Scalar::ALL.into_iter().find(|s| s.word() == word.text) {
                return self.check_scalar(context, scalar, path.span);
            }
            match word.text.as_str() {
                "string" if context == Where::Entry => return Some(Type::String),
                "opaque" if context == Where::Extern => return Some(Type::Opaque),
                "string" => {
                    return self.misplaced(
                        path.span,
                        "string",
                        "entries; here write `text<N>` or `*char`",
                    );
                }
                "opaque" => {
                    return self.misplaced(
                        path.span,
                        "opaque",
                        "`extern struct`; here write `bytes<N>`",
                    );
                }
                "void" | "fn" => {
                    return self.misplaced(path.span, &word.text, "a pointer: `*void`, `*fn`");
                }
                "text" | "bytes" | "atomic" => {
                    let argument = if word.text == "atomic" { "u32" } else { "16" };
                    let message = format!("`{}` needs an argument", word.text);
                    self.push(
                        Diagnostic::new(Code::E0307, path.span, message)
                            .help(format!("write for example `{}<{argument}>`", word.text)),
                    );
                    return None;
                }
                _ => {}
            }
        }
        match self.find(schema, NameSpace::Type, path) {
            Ok(found) => self.check_named(schema, context, found, path.span),
            Err(diagnostic) => {
                self.push(*diagnostic);
                None
            }
        }
    }

    fn misplaced(&mut self, span: Span, word: &str, belongs: &str) -> Option<Type> {
        self.push(
            Diagnostic::new(Code::E0302, span, format!("`{word}` cannot stand here"))
                .help(format!("it belongs in {belongs}")),
        );
        None
    }

    fn check_scalar(&mut self, context: Where, scalar: Scalar, span: Span) -> Option<Type> {
        use Scalar::*;
        let c_type = matches!(
            scalar,
            Short
                | Ushort
                | Int
                | Uint
                | Long
                | Ulong
                | Longlong
                | Ulonglong
                | Size
                | Ssize
                | Uintptr
        );
        if c_type && context.is_fixed() {
            self.not_fixed(span, context, "as wide as the target's C compiler makes it");
            return None;
        }
        if context == Where::Constant && matches!(scalar, F32 | F64) {
            return self.misplaced(
                span,
                scalar.word(),
                "fields; a constant is an integer or bytes",
            );
        }
        Some(Type::Scalar(scalar))
    }

    fn check_named(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        found: Found,
        span: Span,
    ) -> Option<Type> {
        self.note_use(schema, found);
        match found {
            // Constants are evaluated before aggregates are built.
            Found::Aggregate(_) if context == Where::Constant => {
                self.misplaced(span, "a struct", "fields and classes")
            }
            Found::Aggregate(id) => self.check_aggregate_use(context, id, span),
            Found::Enum(id) => self.check_enum_use(context, id, span),
            Found::Flags(id) => {
                if context == Where::Constant {
                    self.flag_bits(id);
                }
                Some(Type::Flags(id))
            }
            _ => None,
        }
    }

    fn check_aggregate_use(&mut self, context: Where, id: AggregateId, span: Span) -> Option<Type> {
        match (context, &self.built[id.index()].kind) {
            (Where::Extern | Where::Class, _)
            | (Where::Struct, AggregateKind::Struct | AggregateKind::Record)
            | (Where::Record | Where::Entry, AggregateKind::Record) => Some(Type::Aggregate(id)),
            (Where::Record | Where::Entry, _) => {
                self.not_fixed(span, context, "a struct is laid out by the target's compiler");
                None
            }
            (Where::Struct | Where::Constant, _) => {
                self.captured_by_value(span, self.aggregates[id.index()].item)
            }
        }
    }

    fn check_enum_use(&mut self, context: Where, id: EnumId, span: Span) -> Option<Type> {
        let declaration = &self.enums[id.index()];
        let typed = matches!(&declaration.item.kind, ast::ItemKind::Enum { repr: Some(_), .. });
        if declaration.is_extern() && !matches!(context, Where::Extern | Where::Class) {
            return self.captured_by_value(span, declaration.item);
        }
        if context.is_fixed() && !typed {
            self.not_fixed(
                span,
                context,
                "an enum without a type has the size of the target's C enum",
            );
            return None;
        }
        Some(Type::Enum(id))
    }

    fn captured_by_value(&mut self, span: Span, item: &ast::Item) -> Option<Type> {
        let message = format!("`{}` is captured: its size is not known here", item.name.text);
        self.push(
            Diagnostic::new(Code::E0308, span, message)
                .also(item.name.span, "declared `extern` here")
                .help("point at it (`*T`), or declare the struct around it `extern` too"),
        );
        None
    }

    fn resolve_generic(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        word: &'a ast::Name,
        argument: &'a ast::Expr,
        span: Span,
    ) -> Option<Type> {
        match word.text.as_str() {
            "text" | "bytes" => {
                let what = format!("the length of `{}`", word.text);
                let length = self.integer(schema, argument, 1, u64::MAX.into(), &what)?;
                let length = u64::try_from(length).ok()?;
                Some(if word.text == "text" { Type::Text(length) } else { Type::Bytes(length) })
            }
            "atomic" => {
                if context == Where::Constant {
                    return self.misplaced(span, "atomic", "fields");
                }
                let scalar = match &ungroup(argument).kind {
                    ast::ExprKind::Path(path) if path.members.is_empty() => {
                        Scalar::ALL.into_iter().find(|s| s.word() == path.dotted[0].text)
                    }
                    _ => None,
                };
                match scalar
                    .filter(|s| (s.is_integer() && s.fixed_order().is_none()) || *s == Scalar::Bool)
                {
                    Some(scalar) => {
                        self.check_scalar(context, scalar, argument.span)?;
                        Some(Type::Atomic(scalar))
                    }
                    None => {
                        self.push(
                            Diagnostic::new(
                                Code::E0302,
                                argument.span,
                                "an atomic is an integer or a truth value",
                            )
                            .help("write `atomic<u32>`, `atomic<u64>`, `atomic<bool>`, .."),
                        );
                        None
                    }
                }
            }
            _ => {
                let known = ["text", "bytes", "atomic"];
                let message = format!("`{}` takes no argument", word.text);
                let mut diagnostic = Diagnostic::new(Code::E0307, span, message);
                if let Some(near) = crate::diag::nearest(&word.text, known) {
                    diagnostic = diagnostic.suggest(format!("write `{near}`"), word.span, near);
                }
                self.push(diagnostic);
                None
            }
        }
    }

    fn resolve_pointee(&mut self, schema: SchemaIndex, ty: &'a ast::Type) -> Option<Pointee> {
        if let ast::TypeKind::Path(path) = &ty.kind
            && let ([word], []) = (path.dotted.as_slice(), path.members.as_slice())
        {
            match word.text.as_str() {
                "void" => return Some(Pointee::Void),
                "fn" => return Some(Pointee::Function),
                "char" => return Some(Pointee::Text),
                _ => {}
            }
        }
        // A pointer may lead to a captured type, which a class may name too.
        match self.resolve_type(schema, Where::Class, ty, None)? {
            Type::Flexible(_) => {
                self.push(
                    Diagnostic::new(Code::E0302, ty.span, "a pointer does not lead to `[T]`")
                        .help("write `#[count(n)] name: *T`"),
                );
                None
            }
            pointee => Some(Pointee::Type(pointee)),
        }
    }

    fn resolve_array(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        element: &'a ast::Type,
        length: &'a ast::ArrayLength,
        holder: Option<Holder<'a>>,
    ) -> Option<Type> {
        let resolved = self.resolve_type(schema, context, element, holder);
        let length = match length {
            ast::ArrayLength::Flexible => None,
            ast::ArrayLength::Captured if context == Where::Extern => Some(Length::Captured),
            ast::ArrayLength::Captured => {
                self.push(
                    Diagnostic::new(
                        Code::E0308,
                        element.span,
                        "a captured length stands in `extern struct`",
                    )
                    .help("write the length: `[T; N]`"),
                );
                return None;
            }
            ast::ArrayLength::Expr(expr) => Some(self.resolve_length(schema, context, expr)?),
        };
        let element_type = resolved?;
        if matches!(element_type, Type::Flexible(_) | Type::Opaque | Type::String) {
            self.error(Code::E0302, element.span, "an array cannot hold this");
            return None;
        }
        Some(match length {
            None => Type::Flexible(Box::new(element_type)),
            Some(length) => Type::Array(Box::new(element_type), length),
        })
    }

    fn resolve_length(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        expr: &'a ast::Expr,
    ) -> Option<Length> {
        let result = self.settle(|checker| checker.try_integer(schema, expr, None));
        match result {
            Ok(length) if length >= 1 && u64::try_from(length).is_ok() => {
                Some(Length::Fixed(length as u64))
            }
            Ok(length) => {
                let message = format!("an array has 1 to 2^64-1 elements, not {length}");
                self.error(Code::E0402, expr.span, message);
                None
            }
            Err(EvalError::Captured(_)) if context == Where::Extern => Some(Length::Captured),
            Err(error) => {
                self.report_eval(error, "the length of an array");
                None
            }
        }
    }

    fn resolve_inline(
        &mut self,
        schema: SchemaIndex,
        context: Where,
        ty: &'a ast::Type,
        union: bool,
        fields: &'a [ast::Field],
        holder: Holder<'a>,
    ) -> AggregateId {
        let id = AggregateId(self.built.len() as u32);
        let parent = &self.built[holder.id.index()];
        let kind = parent.kind.clone();
        let field_name = match holder.name {
            Some(name) if name != "_" => name.to_owned(),
            _ => format!("anonymous{}", holder.field),
        };
        let naming = Naming {
            name: format!("{}.{field_name}", parent.naming.name),
            c: format!("{}_{field_name}", parent.naming.c),
            rust: format!("{}{}", parent.naming.rust, names::camel_case(&field_name)),
            docs: String::new(),
            origin: ty.span,
            lifetime: super::forever(),
        };
        let item = self.aggregates[holder.id.index()].item;
        self.built.push(Aggregate {
            schema: SchemaId(schema as u32),
            naming,
            kind,
            union,
            parent: Some((holder.id, holder.field)),
            packed: false,
            align: None,
            c_typedef: false,
            fields: Vec::new(),
            debug: None,
            layouts: None,
            target_dependent: false,
            flexible: false,
        });
        let is_anonymous = holder.name.is_none();
        let broken = false;
        self.aggregates.push(AggregateDecl {
            schema,
            item,
            syntax: Vec::new(),
            broken,
            is_anonymous,
        });
        self.resolve_fields(id, context, fields, ty.span);
        id
    }

    /// The type of a constant; an error names the constant that has to be known first.
    pub(super) fn constant_type(
        &mut self,
        schema: SchemaIndex,
        ty: &'a ast::Type,
    ) -> Result<Option<Type>, (ConstantId, Span)> {
        if let ast::TypeKind::Generic { argument, .. } = &ty.kind
            && let Err(EvalError::Needs(id, span)) = self.try_integer(schema, argument, None)
        {
            return Err((id, span));
        }
        let resolved = self.resolve_type(schema, Where::Constant, ty, None);
        Ok(match resolved {
            Some(Type::Array(..) | Type::Flexible(_)) => {
                self.misplaced(ty.span, "an array", "fields; for a constant write `bytes<N>`")
            }
            other => other,
        })
    }

    /// The type of a captured constant: a scalar.
    pub(super) fn extern_constant_type(
        &mut self,
        schema: SchemaIndex,
        ty: &'a ast::Type,
    ) -> Option<Type> {
        match self.resolve_type(schema, Where::Constant, ty, None)? {
            Type::Scalar(scalar) => Some(Type::Scalar(scalar)),
            _ => self.misplaced(ty.span, "this type", "fields; a captured constant is a scalar"),
        }
    }
}
