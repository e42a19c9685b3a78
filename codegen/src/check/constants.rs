//! Expressions and constants: 128-bit arithmetic in which every overflow is an error.
//!
//! It knows the declarations of all schemas and nothing of types beyond their value ranges. Constants are
//! evaluated on demand with an explicit stack, so that a chain of any length costs memory, not stack.

use super::scope::{Found, NameSpace};
use super::{Checker, SchemaIndex};
use crate::diag::{Code, Diagnostic};
use crate::model::{ConstantId, ConstantValue, EnumId, Scalar, Type, Value, Width};
use crate::operator::{BinaryOperator, UnaryOperator};
use crate::source::Span;
use crate::syntax::ast;

/// How far the evaluation of a constant has come.
#[derive(Clone, Debug)]
pub(super) enum ConstantState {
    /// Nobody asked yet.
    Unvisited,
    /// On the stack.
    Visiting,
    /// Known; `None` if it is at fault, which has been reported.
    Done(Option<ConstantValue>),
}

/// The integer type that an expression is computed for: it decides what `~` means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width128 {
    bits: u32,
    signed: bool,
}

/// Why an expression has no value here.
pub(super) enum EvalError {
    /// Another constant has to be evaluated first; `Span` is where it is named.
    Needs(ConstantId, Span),
    /// The compiler of the producer knows it: an `extern` constant or member is part of it.
    Captured(Span),
    /// Reported, or about to be.
    Fault(Box<Diagnostic>),
    /// The cause has been reported elsewhere.
    Silent,
}

type Eval<T> = Result<T, EvalError>;

fn fault<T>(diagnostic: Diagnostic) -> Eval<T> {
    Err(EvalError::Fault(Box::new(diagnostic)))
}

/// The values of a type that a constant, an expected value or a default may have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range {
    /// Integers, both ends included.
    Int { low: i128, high: i128, bits: u32, signed: bool },
    /// That many bytes.
    Bytes(u64),
    /// A string.
    Text,
}

impl Range {
    pub(super) fn integer(bits: u32, signed: bool) -> Self {
        let (low, high) = if signed {
            (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
        } else {
            (0, (1i128 << bits) - 1)
        };
        Self::Int { low, high, bits, signed }
    }

    /// The range of a scalar; `None` for floating-point numbers. A word is taken at its widest.
    pub(super) fn of_scalar(scalar: Scalar) -> Option<Self> {
        match scalar {
            Scalar::F32 | Scalar::F64 => None,
            Scalar::Bool => Some(Self::Int { low: 0, high: 1, bits: 1, signed: false }),
            _ => {
                let bytes = match scalar.width() {
                    Width::Fixed(bytes) => u32::from(bytes),
                    Width::Word => 8,
                };
                Some(Self::integer(bytes * 8, scalar.is_signed()))
            }
        }
    }

    fn width(self) -> Option<Width128> {
        match self {
            Self::Int { bits, signed, .. } => Some(Width128 { bits, signed }),
            _ => None,
        }
    }
}

impl<'a> Checker<'a> {
    /// Evaluates every constant of every schema, in order.
    pub(super) fn evaluate_constants(&mut self) {
        for index in 0..self.constants.len() {
            self.constant(ConstantId(index as u32));
        }
    }

    /// The value of a constant; `None` if it is at fault.
    pub(super) fn constant(&mut self, id: ConstantId) -> Option<ConstantValue> {
        let mut stack: Vec<(ConstantId, Option<Span>)> = vec![(id, None)];
        while let Some(&(top, _)) = stack.last() {
            if let ConstantState::Done(_) = self.constants[top.index()].state {
                stack.pop();
                continue;
            }
            self.constants[top.index()].state = ConstantState::Visiting;
            match self.try_constant(top) {
                Ok(value) => {
                    self.constants[top.index()].state = ConstantState::Done(value);
                    stack.pop();
                }
                Err((needed, span)) => {
                    if let ConstantState::Visiting = self.constants[needed.index()].state {
                        self.report_constant_cycle(&stack, needed, span);
                        self.constants[top.index()].state = ConstantState::Done(None);
                    } else {
                        stack.push((needed, Some(span)));
                    }
                }
            }
        }
        match &self.constants[id.index()].state {
            ConstantState::Done(value) => value.clone(),
            _ => None,
        }
    }

    fn try_constant(
        &mut self,
        id: ConstantId,
    ) -> Result<Option<ConstantValue>, (ConstantId, Span)> {
        let declaration = &self.constants[id.index()];
        let (schema, item) = (declaration.schema, declaration.item);
        match &item.kind {
            ast::ItemKind::ExternConst { source, .. } => {
                Ok(Some(ConstantValue::Captured(source.value.clone())))
            }
            ast::ItemKind::Const { ty, value } => {
                let Some(model_type) = self.constant_type(schema, ty)? else { return Ok(None) };
                let Some(range) = self.range_of(&model_type) else { return Ok(None) };
                self.constants[id.index()].ty = Some(model_type);
                match self.try_value(schema, value, range) {
                    Ok(value) => Ok(Some(ConstantValue::Known(value))),
                    Err(EvalError::Needs(id, span)) => Err((id, span)),
                    Err(other) => {
                        self.report_eval(other, "a constant");
                        Ok(None)
                    }
                }
            }
            _ => unreachable!("only constants are in the list of constants"),
        }
    }

    fn report_constant_cycle(
        &mut self,
        stack: &[(ConstantId, Option<Span>)],
        needed: ConstantId,
        span: Span,
    ) {
        let start = stack.iter().position(|(id, _)| *id == needed).unwrap_or(0);
        let name = self.constants[needed.index()].item.name.clone();
        let mut diagnostic =
            Diagnostic::new(Code::E0403, name.span, format!("`{}` depends on itself", name.text));
        for (id, place) in stack[start + 1..].iter().take(8) {
            if let Some(place) = place {
                let text = format!("which needs `{}`", self.constants[id.index()].item.name.text);
                diagnostic = diagnostic.also(*place, text);
            }
        }
        self.push(diagnostic.also(span, format!("which needs `{}` again", name.text)));
    }

    /// Evaluates to a value of `range`, and reports what is wrong.
    pub(super) fn value(
        &mut self,
        schema: SchemaIndex,
        expr: &'a ast::Expr,
        range: Range,
        what: &str,
    ) -> Option<Value> {
        let result = self.settle(|checker| checker.try_value(schema, expr, range));
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.report_eval(error, what);
                None
            }
        }
    }

    /// Evaluates to an integer of `low..=high`, and reports what is wrong.
    pub(super) fn integer(
        &mut self,
        schema: SchemaIndex,
        expr: &'a ast::Expr,
        low: i128,
        high: i128,
        what: &str,
    ) -> Option<i128> {
        let range = Range::Int { low, high, bits: 127, signed: true };
        match self.value(schema, expr, range, what)? {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Runs an evaluation until no constant is missing.
    pub(super) fn settle<T>(&mut self, mut run: impl FnMut(&mut Self) -> Eval<T>) -> Eval<T> {
        loop {
            match run(self) {
                Err(EvalError::Needs(id, _)) => {
                    if self.constant(id).is_none() {
                        return Err(EvalError::Silent);
                    }
                }
                other => return other,
            }
        }
    }

    pub(super) fn report_eval(&mut self, error: EvalError, what: &str) {
        match error {
            EvalError::Fault(diagnostic) => self.push(*diagnostic),
            EvalError::Captured(span) => self.push(
                Diagnostic::new(Code::E0308, span, format!("{what} must be known here"))
                    .label("captured when the producer compiles")
                    .help(
                        "captured values may stand in `#[count]` and as lengths in `extern struct`",
                    ),
            ),
            EvalError::Needs(..) | EvalError::Silent => {}
        }
    }

    fn try_value(&mut self, schema: SchemaIndex, expr: &'a ast::Expr, range: Range) -> Eval<Value> {
        match range {
            Range::Bytes(length) => self.try_bytes(expr, schema, length),
            Range::Text => match &ungroup(expr).kind {
                ast::ExprKind::Text(text) => Ok(Value::Text(text.clone())),
                _ => fault(wrong_kind(expr, "a string such as \"name\"")),
            },
            Range::Int { low, high, .. } => {
                let value = self.try_integer(schema, expr, range.width())?;
                if value < low || value > high {
                    let message = format!("{value} does not fit: {low} to {high} does");
                    return fault(Diagnostic::new(Code::E0402, expr.span, message));
                }
                Ok(Value::Int(value))
            }
        }
    }

    fn try_bytes(&mut self, expr: &'a ast::Expr, schema: SchemaIndex, length: u64) -> Eval<Value> {
        let bytes = match &ungroup(expr).kind {
            ast::ExprKind::Bytes(bytes) => bytes.clone(),
            ast::ExprKind::Text(text) => text.clone().into_bytes(),
            ast::ExprKind::Path(path) => match self.try_path(schema, path)? {
                Value::Bytes(bytes) => bytes,
                _ => return fault(wrong_kind(expr, "bytes such as b\"\\x89INS\"")),
            },
            _ => return fault(wrong_kind(expr, "bytes such as b\"\\x89INS\"")),
        };
        if bytes.len() as u64 > length {
            let message = format!("{} bytes do not fit into {length}", bytes.len());
            return fault(Diagnostic::new(Code::E0402, expr.span, message));
        }
        if length > MAX_LITERAL {
            let message = format!("a value of {length} bytes is longer than {MAX_LITERAL}");
            return fault(Diagnostic::new(Code::E0402, expr.span, message));
        }
        let mut bytes = bytes;
        bytes.resize(length as usize, 0);
        Ok(Value::Bytes(bytes))
    }

    /// Evaluates an integer expression.
    pub(super) fn try_integer(
        &mut self,
        schema: SchemaIndex,
        expr: &'a ast::Expr,
        width: Option<Width128>,
    ) -> Eval<i128> {
        match &expr.kind {
            ast::ExprKind::Int(value) => Ok(*value),
            ast::ExprKind::Group(inner) => self.try_integer(schema, inner, width),
            ast::ExprKind::Path(path) => match self.try_path(schema, path)? {
                Value::Int(value) => Ok(value),
                _ => fault(wrong_kind(expr, "a number")),
            },
            ast::ExprKind::Unary(operator, operand) => {
                let operand = self.try_integer(schema, operand, width)?;
                unary(*operator, operand, width, expr.span)
            }
            ast::ExprKind::Binary(operator, left, right) => {
                let left = self.try_integer(schema, left, width)?;
                let right = self.try_integer(schema, right, width)?;
                binary(*operator, left, right, expr.span)
            }
            ast::ExprKind::Bytes(_) | ast::ExprKind::Text(_) => fault(wrong_kind(expr, "a number")),
        }
    }

    /// The value that a path names: a constant, a member, `true` or `false`.
    pub(super) fn try_path(&mut self, schema: SchemaIndex, path: &'a ast::Path) -> Eval<Value> {
        if let ([word], []) = (path.dotted.as_slice(), path.members.as_slice()) {
            match word.text.as_str() {
                "true" => return Ok(Value::Int(1)),
                "false" => return Ok(Value::Int(0)),
                _ => {}
            }
        }
        if let Some((enumeration, member)) = self.member_path(schema, path)? {
            return self.try_member(enumeration, member, path.span);
        }
        match self.find(schema, NameSpace::Constant, path) {
            Ok(Found::Constant(id)) => match &self.constants[id.index()].state {
                ConstantState::Done(Some(ConstantValue::Known(value))) => Ok(value.clone()),
                ConstantState::Done(Some(ConstantValue::Captured(_))) => {
                    Err(EvalError::Captured(path.span))
                }
                ConstantState::Done(None) => Err(EvalError::Silent),
                _ => Err(EvalError::Needs(id, path.span)),
            },
            Ok(_) => Err(EvalError::Silent),
            Err(diagnostic) => Err(EvalError::Fault(diagnostic)),
        }
    }

    /// The constant that a path names, if it names one; nothing is reported.
    pub(super) fn constant_path(
        &mut self,
        schema: SchemaIndex,
        path: &'a ast::Path,
    ) -> Option<ConstantId> {
        match self.find(schema, NameSpace::Constant, path) {
            Ok(Found::Constant(id)) => Some(id),
            _ => None,
        }
    }

    /// `zone_type::dma`, `linux.mm::zone_type::dma`: the enum or flags and the member, where the path has
    /// such a form and its head names one.
    fn member_path(
        &mut self,
        schema: SchemaIndex,
        path: &'a ast::Path,
    ) -> Eval<Option<(Found, usize)>> {
        let Some((member, head)) = path.members.split_last() else { return Ok(None) };
        let head =
            ast::Path { dotted: path.dotted.clone(), members: head.to_vec(), span: path.span };
        let owner = match self.find(schema, NameSpace::Type, &head) {
            Ok(found @ (Found::Enum(_) | Found::Flags(_))) => found,
            _ => return Ok(None),
        };
        let members = self.members_of(owner);
        if let Some(position) =
            members.iter().position(|candidate| candidate.name.text == member.text)
        {
            return Ok(Some((owner, position)));
        }
        let known: Vec<&str> = members.iter().map(|m| m.name.text.as_str()).collect();
        fault(super::unknown_name("member", member, &known))
    }

    pub(super) fn members_of(&self, owner: Found) -> &'a [ast::Member] {
        let item = match owner {
            Found::Enum(id) => self.enums[id.index()].item,
            Found::Flags(id) => self.flags[id.index()].item,
            _ => return &[],
        };
        match &item.kind {
            ast::ItemKind::Enum { members, .. } | ast::ItemKind::Flags { members, .. } => members,
            _ => &[],
        }
    }

    fn try_member(&mut self, owner: Found, member: usize, span: Span) -> Eval<Value> {
        match owner {
            Found::Enum(id) => match self.enum_values(id) {
                Some(values) => match values.get(member).copied().flatten() {
                    Some(value) => Ok(Value::Int(value)),
                    None if self.enums[id.index()].is_extern() => Err(EvalError::Captured(span)),
                    None => Err(EvalError::Silent),
                },
                None => fault(
                    Diagnostic::new(Code::E0403, span, "the enum's values depend on this one")
                        .label("named while its own enum is being computed"),
                ),
            },
            Found::Flags(id) => match self.flag_bits(id).and_then(|bits| bits[member]) {
                Some((first, last)) => {
                    let width = u32::from(last - first) + 1;
                    Ok(Value::Int((((1u128 << width) - 1) << first) as i128))
                }
                None => Err(EvalError::Silent),
            },
            _ => Err(EvalError::Silent),
        }
    }

    /// The position of an `extern` enum's member, where `path` names one.
    pub(super) fn captured_member(
        &mut self,
        schema: SchemaIndex,
        path: &'a ast::Path,
    ) -> Option<(EnumId, usize)> {
        match self.member_path(schema, path) {
            Ok(Some((Found::Enum(id), member))) if self.enums[id.index()].is_extern() => {
                Some((id, member))
            }
            _ => None,
        }
    }

    /// The range of values of a type; `None` where it has none that can be written.
    pub(super) fn range_of(&mut self, ty: &Type) -> Option<Range> {
        match ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => Range::of_scalar(*scalar),
            Type::Text(length) | Type::Bytes(length) => Some(Range::Bytes(*length)),
            Type::Array(element, crate::model::Length::Fixed(length))
                if matches!(**element, Type::Scalar(Scalar::U8 | Scalar::Char)) =>
            {
                Some(Range::Bytes(*length))
            }
            Type::String => Some(Range::Text),
            Type::Flags(id) => self.flags[id.index()].repr.and_then(Range::of_scalar),
            Type::Enum(id) => match self.enums[id.index()].repr {
                Some(scalar) => Range::of_scalar(scalar),
                None => Some(Range::integer(32, true)),
            },
            _ => None,
        }
    }
}

/// The longest `bytes<N>` or `text<N>` that may have a value: literals are copied into every output.
const MAX_LITERAL: u64 = 64 * 1024;

/// The expression without the parentheses around it.
pub(super) fn ungroup(expr: &ast::Expr) -> &ast::Expr {
    let mut expr = expr;
    while let ast::ExprKind::Group(inner) = &expr.kind {
        expr = inner;
    }
    expr
}

fn wrong_kind(expr: &ast::Expr, wanted: &str) -> Diagnostic {
    let what = match &ungroup(expr).kind {
        ast::ExprKind::Bytes(_) => "bytes",
        ast::ExprKind::Text(_) => "a string",
        _ => "a number",
    };
    Diagnostic::new(Code::E0405, expr.span, format!("{wanted} is expected, this is {what}"))
}

fn overflow(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0401, span, "the expression overflows 128 bits")
}

fn unary(
    operator: UnaryOperator,
    operand: i128,
    width: Option<Width128>,
    span: Span,
) -> Eval<i128> {
    match operator {
        UnaryOperator::Negate => operand.checked_neg().map_or_else(|| fault(overflow(span)), Ok),
        UnaryOperator::Not => Ok(match width {
            Some(Width128 { bits, signed: false }) if bits < 127 => operand ^ ((1 << bits) - 1),
            _ => !operand,
        }),
    }
}

/// One operation on 128-bit signed integers. Shared with nothing: readers have their own evaluator of
/// formulas, which saturates instead of reporting.
fn binary(operator: BinaryOperator, left: i128, right: i128, span: Span) -> Eval<i128> {
    let result = match operator {
        BinaryOperator::Add => left.checked_add(right),
        BinaryOperator::Subtract => left.checked_sub(right),
        BinaryOperator::Multiply => left.checked_mul(right),
        BinaryOperator::Divide | BinaryOperator::Remainder if right == 0 => {
            return fault(Diagnostic::new(Code::E0401, span, "the expression divides by zero"));
        }
        BinaryOperator::Divide => left.checked_div(right),
        BinaryOperator::Remainder => left.checked_rem(right),
        BinaryOperator::And => Some(left & right),
        BinaryOperator::Or => Some(left | right),
        BinaryOperator::Xor => Some(left ^ right),
        BinaryOperator::ShiftLeft | BinaryOperator::ShiftRight if !(0..=127).contains(&right) => {
            let message = format!("the expression shifts by {right} bits");
            return fault(Diagnostic::new(Code::E0401, span, message).help("shift by 0 to 127"));
        }
        BinaryOperator::ShiftRight => Some(left >> right),
        BinaryOperator::ShiftLeft => {
            let shifted = left << right;
            (shifted >> right == left).then_some(shifted)
        }
    };
    result.map_or_else(|| fault(overflow(span)), Ok)
}
