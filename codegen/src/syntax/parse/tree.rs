//! From the pairs of one item to its syntax tree, with places in the whole file.
//!
//! Documentation is not in the grammar: each item, field and member takes the `///` lines that stand
//! between its predecessor and itself. Lines that nobody takes are reported.

use pest::iterators::{Pair, Pairs};

use super::{Piece, Rule, literal};
use crate::diag::{Code, Diagnostic};
use crate::operator::{BinaryOperator, UnaryOperator};
use crate::source::{FileId, Span};
use crate::syntax::ast;
use crate::syntax::scan::{Comment, CommentKind};

/// How deep one expression or one type may go: later stages follow trees by recursion.
const DEPTH_LIMIT: usize = 512;

/// What `grammar.pest` promises to the code below.
const PROMISE: &str = "the grammar puts a pair here";

pub(super) struct Builder<'a> {
    file: FileId,
    text: &'a str,
    /// Where the parsed text begins in the file.
    base: usize,
    /// The comments not yet passed.
    comments: &'a [Comment],
    type_depth: usize,
    too_deep: bool,
    pub(super) findings: Vec<Diagnostic>,
}

/// The pairs below one rule; keywords and punctuation are passed over.
struct Cursor<'a> {
    pairs: Pairs<'a, Rule>,
    peeked: Option<Pair<'a, Rule>>,
}

impl<'a> Cursor<'a> {
    fn new(pair: Pair<'a, Rule>) -> Self {
        Self { pairs: pair.into_inner(), peeked: None }
    }

    fn next(&mut self) -> Option<Pair<'a, Rule>> {
        self.peeked.take().or_else(|| self.pairs.find(|pair| carries_meaning(pair.as_rule())))
    }

    fn must(&mut self) -> Pair<'a, Rule> {
        self.next().expect(PROMISE)
    }

    fn peek(&mut self) -> Option<Rule> {
        if self.peeked.is_none() {
            self.peeked = self.next();
        }
        self.peeked.as_ref().map(Pair::as_rule)
    }

    fn next_if(&mut self, rule: Rule) -> Option<Pair<'a, Rule>> {
        if self.peek() == Some(rule) { self.next() } else { None }
    }
}

fn carries_meaning(rule: Rule) -> bool {
    !matches!(
        rule,
        Rule::comma
            | Rule::colon
            | Rule::semicolon
            | Rule::equals
            | Rule::open_brace
            | Rule::close_brace
            | Rule::open_bracket
            | Rule::close_bracket
            | Rule::open_paren
            | Rule::close_paren
            | Rule::less
            | Rule::greater
            | Rule::double_colon
            | Rule::range
            | Rule::hash
            | Rule::star
            | Rule::kw_class
            | Rule::kw_const
            | Rule::kw_consumer
            | Rule::kw_entry
            | Rule::kw_enum
            | Rule::kw_extern
            | Rule::kw_flags
            | Rule::kw_from
            | Rule::kw_in
            | Rule::kw_properties
            | Rule::kw_record
            | Rule::kw_schema
            | Rule::kw_space
            | Rule::kw_struct
            | Rule::kw_use
            | Rule::kw_version
            | Rule::EOI
    )
}

impl<'a> Builder<'a> {
    /// For pairs whose text begins at `base` in `text`.
    pub(super) fn new(file: FileId, text: &'a str, base: usize, comments: &'a [Comment]) -> Self {
        Self { file, text, base, comments, type_depth: 0, too_deep: false, findings: Vec::new() }
    }

    /// One item; its documentation begins at `doc_start` or behind it.
    pub(super) fn piece(&mut self, pairs: Pairs<'_, Rule>, doc_start: usize) -> Piece {
        let mut cursor = Cursor { pairs, peeked: None };
        let attributes = self.attributes(&mut cursor);
        let pair = cursor.must();
        let span = self.span(&pair);
        let docs = self.docs(doc_start, span.start as usize, &attributes);
        match pair.as_rule() {
            Rule::header => {
                self.refuse_attributes(&attributes, "a schema header");
                Piece::Header(self.header(pair, docs, span))
            }
            Rule::use_item => {
                self.refuse_attributes(&attributes, "`use`");
                if !docs.is_empty() {
                    let message = "`use` carries no documentation";
                    self.findings.push(Diagnostic::new(Code::E0108, span, message));
                }
                Piece::Use(self.use_item(pair, span))
            }
            Rule::extern_item => {
                let mut inner = Cursor::new(pair);
                let inner = inner.must();
                let (name, kind) = self.item(inner);
                Piece::Item(ast::Item { docs, attributes, name, kind, span })
            }
            _ => {
                let (name, kind) = self.item(pair);
                Piece::Item(ast::Item { docs, attributes, name, kind, span })
            }
        }
    }

    /// Reports the documentation up to `end` that nothing has taken.
    pub(super) fn finish(&mut self, end: usize) {
        let _ = self.docs(end, end, &[]);
    }

    fn refuse_attributes(&mut self, attributes: &[ast::Attribute], what: &str) {
        if let Some(attribute) = attributes.first() {
            let message = format!("{what} carries no attributes");
            self.findings.push(Diagnostic::new(Code::E0702, attribute.span, message));
        }
    }

    fn header(&mut self, pair: Pair<'_, Rule>, docs: ast::Docs, span: Span) -> ast::Header {
        let mut inner = Cursor::new(pair);
        let name = self.path(&inner.must()).dotted;
        let version = self.expr(inner.must());
        ast::Header { docs, name, version, span }
    }

    fn use_item(&mut self, pair: Pair<'_, Rule>, span: Span) -> ast::Use {
        let mut inner = Cursor::new(pair);
        let schema = self.path(&inner.must()).dotted;
        let last = inner.must();
        let mut names = Vec::new();
        if last.as_rule() == Rule::ident {
            names.push(self.name(&last));
        } else {
            let mut list = Cursor::new(last);
            while let Some(name) = list.next() {
                names.push(self.name(&name));
            }
        }
        ast::Use { schema, names, span }
    }

    fn item(&mut self, pair: Pair<'_, Rule>) -> (ast::Name, ast::ItemKind) {
        let rule = pair.as_rule();
        let mut inner = Cursor::new(pair);
        let name = self.name(&inner.must());
        let kind = match rule {
            Rule::const_item => {
                let ty = self.ty(&mut inner);
                ast::ItemKind::Const { ty, value: self.expr(inner.must()) }
            }
            Rule::extern_const => {
                let ty = self.ty(&mut inner);
                ast::ItemKind::ExternConst { ty, source: self.text(&inner.must()) }
            }
            Rule::properties_item => {
                ast::ItemKind::Properties { members: self.members(inner.must()).0 }
            }
            Rule::enum_item | Rule::extern_enum => {
                let repr = self.repr(&mut inner);
                let (members, open) = self.members(inner.must());
                let source = inner.next_if(Rule::text).map(|text| self.text(&text));
                ast::ItemKind::Enum { repr, members, open, source }
            }
            Rule::flags_item => {
                let repr = self.repr(&mut inner).expect(PROMISE);
                ast::ItemKind::Flags { repr, members: self.members(inner.must()).0 }
            }
            Rule::struct_item => ast::ItemKind::Struct { fields: self.fields(inner.must()) },
            Rule::record_item => ast::ItemKind::Record { fields: self.fields(inner.must()) },
            Rule::entry_item => ast::ItemKind::Entry { fields: self.fields(inner.must()) },
            Rule::extern_struct => {
                let origin = inner.must();
                let origin = match origin.as_rule() {
                    Rule::text => ast::ExternOrigin::Header(self.text(&origin)),
                    _ => ast::ExternOrigin::Rust(self.span(&origin)),
                };
                ast::ItemKind::ExternStruct { origin, fields: self.fields(inner.must()) }
            }
            Rule::class_item => {
                let target = self.ty(&mut inner);
                ast::ItemKind::Class { target, settings: self.settings(inner.next()) }
            }
            Rule::space_item => {
                let number = self.expr(inner.must());
                ast::ItemKind::Space { number, settings: self.settings(inner.next()) }
            }
            Rule::consumer_item => {
                ast::ItemKind::Consumer { settings: self.settings(inner.next()) }
            }
            _ => unreachable!("`item` in the grammar lists no other rule"),
        };
        (name, kind)
    }

    fn repr(&mut self, cursor: &mut Cursor<'_>) -> Option<ast::Type> {
        let repr = cursor.next_if(Rule::repr)?;
        Some(self.ty(&mut Cursor::new(repr)))
    }

    fn members(&mut self, pair: Pair<'_, Rule>) -> (Vec<ast::Member>, Option<Span>) {
        let mut doc_start = self.span(&pair).start as usize;
        let end = self.span(&pair).end as usize;
        let mut inner = Cursor::new(pair);
        let mut members = Vec::new();
        let mut open = None;
        while let Some(pair) = inner.next() {
            let span = self.span(&pair);
            if let Some(open) = open {
                let message = "`..` comes last";
                self.findings.push(Diagnostic::new(Code::E0105, open, message));
            }
            if pair.as_rule() == Rule::rest {
                open = Some(span);
            } else {
                members.push(self.member(pair, span, doc_start));
            }
            doc_start = span.end as usize;
        }
        self.finish(end);
        (members, open)
    }

    fn member(&mut self, pair: Pair<'_, Rule>, span: Span, doc_start: usize) -> ast::Member {
        let mut inner = Cursor::new(pair);
        let attributes = self.attributes(&mut inner);
        let name = self.name(&inner.must());
        let docs = self.docs(doc_start, name.span.start as usize, &attributes);
        let value = inner.next().map(|first| ast::MemberValue {
            first: self.expr(first),
            last: inner.next().map(|last| self.expr(last)),
        });
        ast::Member { docs, attributes, name, value, span }
    }

    fn fields(&mut self, pair: Pair<'_, Rule>) -> Vec<ast::Field> {
        let mut doc_start = self.span(&pair).start as usize;
        let end = self.span(&pair).end as usize;
        let mut inner = Cursor::new(pair);
        let mut fields = Vec::new();
        while let Some(pair) = inner.next() {
            let span = self.span(&pair);
            fields.push(self.field(pair, span, doc_start));
            doc_start = span.end as usize;
        }
        self.finish(end);
        fields
    }

    fn field(&mut self, pair: Pair<'_, Rule>, span: Span, doc_start: usize) -> ast::Field {
        let mut inner = Cursor::new(pair);
        let attributes = self.attributes(&mut inner);
        let name = inner.next_if(Rule::field_name).map(|name| self.name(&name));
        let first_token = match &name {
            Some(name) => name.span.start as usize,
            None => inner.peeked.as_ref().map_or(self.base, |pair| self.span(pair).start as usize),
        };
        let docs = self.docs(doc_start, first_token, &attributes);
        let ty = self.ty(&mut inner);
        let bits = inner.next_if(Rule::bits).map(|bits| self.expr(Cursor::new(bits).must()));
        let value = inner.next_if(Rule::value).map(|value| self.expr(Cursor::new(value).must()));
        ast::Field { docs, attributes, name, ty, bits, value, span }
    }

    fn attributes(&mut self, cursor: &mut Cursor<'_>) -> Vec<ast::Attribute> {
        let mut attributes = Vec::new();
        while let Some(pair) = cursor.next_if(Rule::attribute) {
            let span = self.span(&pair);
            let mut inner = Cursor::new(pair);
            let name = self.name(&inner.must());
            let mut arguments = Vec::new();
            if let Some(list) = inner.next() {
                let mut list = Cursor::new(list);
                while let Some(argument) = list.next() {
                    let mut argument = Cursor::new(argument);
                    let key = argument.next_if(Rule::key).map(|key| self.name(&key));
                    let value = self.expr(argument.must());
                    arguments.push(ast::AttributeArgument { key, value });
                }
            }
            attributes.push(ast::Attribute { name, arguments, span });
        }
        attributes
    }

    fn settings(&mut self, pair: Option<Pair<'_, Rule>>) -> Vec<ast::Setting> {
        let mut settings = Vec::new();
        let Some(pair) = pair else { return settings };
        let mut inner = Cursor::new(pair);
        while let Some(pair) = inner.next() {
            let span = self.span(&pair);
            let mut inner = Cursor::new(pair);
            let key = self.name(&inner.must());
            let value = inner.must();
            let value = if value.as_rule() == Rule::list {
                let mut list = Cursor::new(value);
                let mut elements = Vec::new();
                while let Some(element) = list.next() {
                    elements.push(self.element(element));
                }
                ast::SettingValue::List(elements)
            } else {
                ast::SettingValue::Expr(self.expr(value))
            };
            settings.push(ast::Setting { key, value, span });
        }
        settings
    }

    fn element(&mut self, pair: Pair<'_, Rule>) -> ast::ListElement {
        let span = self.span(&pair);
        let element = Cursor::new(pair).must();
        let rule = element.as_rule();
        let mut inner = Cursor::new(element);
        let path = self.path(&inner.must());
        let kind = match rule {
            Rule::class_element => ast::ListElementKind::Class(path),
            Rule::entry_element => {
                let name = inner.next_if(Rule::text).map(|text| self.text(&text));
                let instance = inner.next_if(Rule::instance);
                let instance = instance.map(|pair| self.expr(Cursor::new(pair).must()));
                ast::ListElementKind::Entry { class: path, name, instance }
            }
            _ => match inner.next() {
                Some(value) => {
                    let value = self.expr(value);
                    let word = self.single_name(path, "a limit");
                    ast::ListElementKind::Limit { word, value }
                }
                None => ast::ListElementKind::Word(path),
            },
        };
        ast::ListElement { kind, span }
    }

    /// The type at the cursor.
    fn ty(&mut self, cursor: &mut Cursor<'_>) -> ast::Type {
        let pair = cursor.must();
        let mut span = self.span(&pair);
        self.type_depth += 1;
        let too_deep = self.type_depth > DEPTH_LIMIT;
        let kind = match pair.as_rule() {
            Rule::pointer | Rule::bare_pointer | Rule::array if too_deep => {
                self.report_depth(span);
                let void = ast::Name { text: "void".to_owned(), span };
                ast::TypeKind::Path(ast::Path { dotted: vec![void], members: Vec::new(), span })
            }
            Rule::pointer | Rule::bare_pointer => {
                ast::TypeKind::Pointer(Box::new(self.ty(&mut Cursor::new(pair))))
            }
            Rule::array => {
                let mut inner = Cursor::new(pair);
                let element = Box::new(self.ty(&mut inner));
                let length = match inner.next() {
                    None => ast::ArrayLength::Flexible,
                    Some(pair) if pair.as_rule() == Rule::captured => ast::ArrayLength::Captured,
                    Some(pair) => ast::ArrayLength::Expr(self.expr(pair)),
                };
                ast::TypeKind::Array { element, length }
            }
            Rule::aggregate => {
                let mut inner = Cursor::new(pair);
                let union = inner.must().as_str() == "union";
                ast::TypeKind::Aggregate { union, fields: self.fields(inner.must()) }
            }
            _ => {
                let path = self.path(&pair);
                match cursor.next_if(Rule::generic) {
                    Some(generic) => {
                        span = span.to(self.span(&generic));
                        let argument = self.primary(Cursor::new(generic).must()).0;
                        let word = self.single_name(path, "a type with an argument");
                        ast::TypeKind::Generic { word, argument }
                    }
                    None => ast::TypeKind::Path(path),
                }
            }
        };
        self.type_depth -= 1;
        ast::Type { kind, span }
    }

    /// The one name of a path that must not have more.
    fn single_name(&mut self, path: ast::Path, what: &str) -> ast::Name {
        if path.dotted.len() + path.members.len() > 1 {
            let message = format!("{what} is a single word");
            self.findings.push(Diagnostic::new(Code::E0105, path.span, message));
        }
        path.dotted.into_iter().next().expect(PROMISE)
    }

    fn expr(&mut self, pair: Pair<'_, Rule>) -> ast::Expr {
        self.expr_with_depth(pair).0
    }

    /// An expression and how deep its tree is. Operators wait on a stack until one that binds less comes.
    fn expr_with_depth(&mut self, pair: Pair<'_, Rule>) -> (ast::Expr, usize) {
        let mut operands: Vec<(ast::Expr, usize)> = Vec::new();
        let mut operators: Vec<BinaryOperator> = Vec::new();
        let mut prefixes: Vec<(UnaryOperator, Span)> = Vec::new();
        for pair in pair.into_inner() {
            match pair.as_rule() {
                Rule::prefix => {
                    let operator = match pair.as_str() {
                        "-" => UnaryOperator::Negate,
                        _ => UnaryOperator::Not,
                    };
                    prefixes.push((operator, self.span(&pair)));
                }
                Rule::operator => {
                    let operator = binary_operator(pair.as_str());
                    while operators.last().is_some_and(|on| binds(*on) >= binds(operator)) {
                        self.reduce(&mut operands, &mut operators);
                    }
                    operators.push(operator);
                }
                _ => {
                    let mut operand = self.primary(pair);
                    while let Some((operator, span)) = prefixes.pop() {
                        let span = span.to(operand.0.span);
                        let kind = ast::ExprKind::Unary(operator, Box::new(operand.0));
                        operand = self.bounded(ast::Expr { kind, span }, operand.1 + 1);
                    }
                    operands.push(operand);
                }
            }
        }
        while !operators.is_empty() {
            self.reduce(&mut operands, &mut operators);
        }
        operands.pop().expect(PROMISE)
    }

    fn reduce(
        &mut self,
        operands: &mut Vec<(ast::Expr, usize)>,
        operators: &mut Vec<BinaryOperator>,
    ) {
        let operator = operators.pop().expect(PROMISE);
        let (right, right_depth) = operands.pop().expect(PROMISE);
        let (left, left_depth) = operands.pop().expect(PROMISE);
        let span = left.span.to(right.span);
        let kind = ast::ExprKind::Binary(operator, Box::new(left), Box::new(right));
        let bounded = self.bounded(ast::Expr { kind, span }, left_depth.max(right_depth) + 1);
        operands.push(bounded);
    }

    /// Replaces an expression that has become too deep by a number, after saying so.
    fn bounded(&mut self, expr: ast::Expr, depth: usize) -> (ast::Expr, usize) {
        if depth <= DEPTH_LIMIT {
            return (expr, depth);
        }
        self.report_depth(expr.span);
        (ast::Expr { kind: ast::ExprKind::Int(0), span: expr.span }, 1)
    }

    fn report_depth(&mut self, span: Span) {
        if !std::mem::replace(&mut self.too_deep, true) {
            let message = format!("this goes more than {DEPTH_LIMIT} levels deep");
            self.findings.push(Diagnostic::new(Code::E0102, span, message));
        }
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> (ast::Expr, usize) {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => {
                ast::ExprKind::Int(self.or_report(literal::number(pair.as_str()), span))
            }
            Rule::bytes => {
                ast::ExprKind::Bytes(self.or_report(literal::bytes(pair.as_str()), span))
            }
            Rule::text => ast::ExprKind::Text(self.text(&pair).value),
            Rule::group => {
                let (inner, depth) = self.expr_with_depth(Cursor::new(pair).must());
                let kind = ast::ExprKind::Group(Box::new(inner));
                return self.bounded(ast::Expr { kind, span }, depth + 1);
            }
            _ => ast::ExprKind::Path(self.path(&pair)),
        };
        (ast::Expr { kind, span }, 1)
    }

    fn text(&mut self, pair: &Pair<'_, Rule>) -> ast::Text {
        let span = self.span(pair);
        ast::Text { value: self.or_report(literal::text(pair.as_str()), span), span }
    }

    /// The value of a literal, or an empty one after saying what is wrong with it.
    fn or_report<T: Default>(&mut self, value: Result<T, literal::Malformed>, span: Span) -> T {
        value.unwrap_or_else(|fault| {
            let start = span.start as usize;
            let place = Span::new(self.file, start + fault.start, start + fault.end);
            let mut finding = Diagnostic::new(Code::E0107, place, fault.message);
            if let Some(suggestion) = fault.suggestion {
                let text = match suggestion.as_str() {
                    "" => "leave it out".to_owned(),
                    suggestion => format!("write `{suggestion}`"),
                };
                finding = finding.suggest(text, place, suggestion);
            }
            self.findings.push(finding);
            T::default()
        })
    }

    fn name(&self, pair: &Pair<'_, Rule>) -> ast::Name {
        ast::Name { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    /// `a.b::c`, blanks allowed between the parts.
    fn path(&self, pair: &Pair<'_, Rule>) -> ast::Path {
        let span = self.span(pair);
        let text = pair.as_str();
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.bytes().all(is_word) {
            let name = ast::Name { text: text.to_owned(), span };
            return ast::Path { dotted: vec![name], members: Vec::new(), span };
        }
        let mut path = ast::Path { dotted: Vec::new(), members: Vec::new(), span };
        let (mut position, mut in_members) = (0, false);
        let bytes = text.as_bytes();
        while position < bytes.len() {
            if !is_word(bytes[position]) {
                in_members |= bytes[position] == b':';
                position += 1;
                continue;
            }
            let length = bytes[position..].iter().take_while(|byte| is_word(**byte)).count();
            let start = span.start as usize + position;
            let name = ast::Name {
                text: text[position..position + length].to_owned(),
                span: Span::new(self.file, start, start + length),
            };
            if in_members {
                path.members.push(name)
            } else {
                path.dotted.push(name)
            }
            position += length;
        }
        path
    }

    /// The documentation between `start` and `end`; what stands before `start` belongs to nothing.
    fn docs(&mut self, start: usize, end: usize, attributes: &[ast::Attribute]) -> ast::Docs {
        let mut docs = String::new();
        let mut lines = 0;
        while let Some((comment, rest)) = self.comments.split_first() {
            let at = comment.start as usize;
            if at >= end {
                break;
            }
            self.comments = rest;
            if comment.kind != CommentKind::Doc {
                continue;
            }
            let inside = |attribute: &ast::Attribute| {
                (attribute.span.start as usize..attribute.span.end as usize).contains(&at)
            };
            if at < start || attributes.iter().any(inside) {
                let span = Span::new(self.file, at, comment.end as usize);
                let message = "no item, field or member follows this documentation";
                let finding = Diagnostic::new(Code::E0108, span, message);
                self.findings.push(finding.help("write it above what it is about, or as `//`"));
                continue;
            }
            add_doc_line(&mut docs, lines, self.text, comment);
            lines += 1;
        }
        docs
    }

    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        Span::new(self.file, self.base + span.start(), self.base + span.end())
    }
}

/// Adds a documentation comment to the lines before it, without its marker and the blank behind that.
pub(super) fn add_doc_line(docs: &mut String, line: usize, text: &str, comment: &Comment) {
    let written = &text[comment.start as usize + 3..comment.end as usize];
    if line > 0 {
        docs.push('\n');
    }
    docs.push_str(written.strip_prefix(' ').unwrap_or(written).trim_end());
}

fn binary_operator(symbol: &str) -> BinaryOperator {
    match symbol {
        "+" => BinaryOperator::Add,
        "-" => BinaryOperator::Subtract,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Remainder,
        "<<" => BinaryOperator::ShiftLeft,
        ">>" => BinaryOperator::ShiftRight,
        "&" => BinaryOperator::And,
        "^" => BinaryOperator::Xor,
        _ => BinaryOperator::Or,
    }
}

/// How tightly an operator binds: as in Rust.
fn binds(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Remainder => 6,
        BinaryOperator::Add | BinaryOperator::Subtract => 5,
        BinaryOperator::ShiftLeft | BinaryOperator::ShiftRight => 4,
        BinaryOperator::And => 3,
        BinaryOperator::Xor => 2,
        BinaryOperator::Or => 1,
    }
}
