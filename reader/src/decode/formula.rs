//! The expressions of `inspect:count`, compiled into steps for a small stack machine: no recursion, neither
//! when they are read nor when they are computed.
//!
//! What a name stands for is the plan's business: it is asked once, when the text is read.

use super::plan::Place;

/// More steps than any count has; a longer text is not believed.
const STEPS_MAX: usize = 256;

/// A compiled expression, in postfix order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formula(Box<[Step]>);

/// What a name in an expression stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// An enumerator, or a number itself.
    Number(i128),
    /// A field.
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Push(Operand),
    Negate,
    Not,
    Binary(Operator),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    Xor,
    And,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What waits on the stack for its right operand.
#[derive(Clone, Copy)]
enum Waiting {
    Open,
    Prefix(Step),
    Binary(Operator),
}

impl Formula {
    /// Reads an expression of the language, by the precedence of Rust. `None` where it is none, or where
    /// `resolve` does not know a name.
    pub(super) fn parse(
        text: &str,
        mut resolve: impl FnMut(&str) -> Option<Operand>,
    ) -> Option<Self> {
        let mut steps = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut rest = text.trim_start();
        let mut wants_operand = true;
        while let Some(first) = rest.chars().next() {
            if steps.len() + waiting.len() >= STEPS_MAX {
                return None;
            }
            let length;
            if wants_operand {
                length = operand_length(rest, first)?;
                let token = rest.get(..length)?;
                match first {
                    '(' => waiting.push(Waiting::Open),
                    '-' => waiting.push(Waiting::Prefix(Step::Negate)),
                    '~' => waiting.push(Waiting::Prefix(Step::Not)),
                    '0'..='9' => {
                        steps.push(Step::Push(Operand::Number(token.parse().ok()?)));
                        wants_operand = false;
                    }
                    _ => {
                        steps.push(Step::Push(resolve(token)?));
                        wants_operand = false;
                    }
                }
            } else if first == ')' {
                length = 1;
                while !matches!(waiting.last()?, Waiting::Open) {
                    steps.push(waiting.pop()?.step()?);
                }
                waiting.pop();
            } else {
                let operator;
                (operator, length) = Operator::read(rest)?;
                while waiting.last().is_some_and(|before| before.binds(operator)) {
                    steps.push(waiting.pop()?.step()?);
                }
                waiting.push(Waiting::Binary(operator));
                wants_operand = true;
            }
            rest = rest.get(length..)?.trim_start();
        }
        if wants_operand {
            return None;
        }
        while let Some(last) = waiting.pop() {
            steps.push(last.step()?);
        }
        Some(Self(steps.into()))
    }

    /// The value; `None` where a field cannot be read, or where the language calls it an error.
    pub(super) fn compute(&self, mut read: impl FnMut(&Place) -> Option<i128>) -> Option<i128> {
        // Nearly every count is a field.
        if let [Step::Push(Operand::Place(place))] = &*self.0 {
            return read(place);
        }
        let mut stack = [0_i128; STEPS_MAX];
        let mut height = 0_usize;
        for step in &self.0 {
            let value = match *step {
                Step::Push(Operand::Number(number)) => number,
                Step::Push(Operand::Place(place)) => read(&place)?,
                Step::Negate => {
                    height = height.checked_sub(1)?;
                    stack.get(height)?.checked_neg()?
                }
                Step::Not => {
                    height = height.checked_sub(1)?;
                    !*stack.get(height)?
                }
                Step::Binary(operator) => {
                    height = height.checked_sub(2)?;
                    operator.apply(*stack.get(height)?, *stack.get(height + 1)?)?
                }
            };
            *stack.get_mut(height)? = value;
            height += 1;
        }
        (height == 1).then_some(stack[0])
    }
}

/// Bytes of the operand or prefix at the beginning of `text`.
fn operand_length(text: &str, first: char) -> Option<usize> {
    match first {
        '(' | '-' | '~' => Some(1),
        _ => {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            let length = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
            (length > 0).then_some(length)
        }
    }
}

impl Waiting {
    fn step(self) -> Option<Step> {
        match self {
            // A bracket that nobody closes.
            Self::Open => None,
            Self::Prefix(step) => Some(step),
            Self::Binary(operator) => Some(Step::Binary(operator)),
        }
    }

    /// Whether this comes before an operator that stands behind its right operand.
    fn binds(self, next: Operator) -> bool {
        match self {
            Self::Open => false,
            Self::Prefix(_) => true,
            Self::Binary(operator) => operator.strength() >= next.strength(),
        }
    }
}

impl Operator {
    fn read(text: &str) -> Option<(Self, usize)> {
        let words = [("<<", Self::ShiftLeft), (">>", Self::ShiftRight)];
        if let Some((word, operator)) = words.iter().find(|(word, _)| text.starts_with(word)) {
            return Some((*operator, word.len()));
        }
        let operator = match text.as_bytes().first()? {
            b'|' => Self::Or,
            b'^' => Self::Xor,
            b'&' => Self::And,
            b'+' => Self::Add,
            b'-' => Self::Subtract,
            b'*' => Self::Multiply,
            b'/' => Self::Divide,
            b'%' => Self::Remainder,
            _ => return None,
        };
        Some((operator, 1))
    }

    fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::Xor => 2,
            Self::And => 3,
            Self::ShiftLeft | Self::ShiftRight => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide | Self::Remainder => 6,
        }
    }

    fn apply(self, left: i128, right: i128) -> Option<i128> {
        match self {
            Self::Or => Some(left | right),
            Self::Xor => Some(left ^ right),
            Self::And => Some(left & right),
            Self::ShiftLeft => {
                let shifted = left.checked_shl(u32::try_from(right).ok()?)?;
                // Bits that are lost are an error in the language.
                (shifted >> right == left).then_some(shifted)
            }
            Self::ShiftRight => left.checked_shr(u32::try_from(right).ok()?),
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<i128> {
        let resolve = |name: &str| match name {
            "a" => Some(Operand::Number(7)),
            "b.c" => Some(Operand::Number(-3)),
            _ => None,
        };
        Formula::parse(text, resolve)?.compute(|_| None)
    }

    #[test]
    fn operators_bind_as_in_rust() {
        let cases: [(&str, i128); 14] = [
            ("1 + 2 * 3", 7),
            ("(1 + 2) * 3", 9),
            ("1 << 2 + 1", 8),
            ("10 - 4 - 3", 3),
            ("-a + 10", 3),
            ("~0 & 255", 255),
            ("-(2 - 5) * 2", 6),
            ("1 | 6 ^ 2 & 3", 1 | 6 ^ 2 & 3),
            ("b.c - -b.c", -6),
            ("-7 / 2", -3),
            ("-7 % 4", -3),
            ("~-1", 0),
            ("a * (a - (1 + 1))", 35),
            ("170141183460469231731687303715884105727", i128::MAX),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_no_value() {
        let overflow = "170141183460469231731687303715884105727 + 1";
        let wrong = ["", "1 +", "(1", "1)", "1 2", "x", "1 / 0", "1 << 128", "1 << -1", "3 << 127"];
        for text in wrong.into_iter().chain([overflow, "1 = 2", "()", "é", "0x", "99q"]) {
            assert_eq!(value(text), None, "{text}");
        }
        assert_eq!(value(&"(".repeat(100_000)), None);
        assert_eq!(value(&"1 + ".repeat(100_000)), None);
    }
}
