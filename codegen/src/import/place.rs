//! The attributes and the padding that bring every member to its place, found by trying with the compiler's own
//! arithmetic: first as C would do it, then packed. What neither can express is left to the caller.

use super::plan::{Field, FieldType, Struct};
use super::spell::Shape;
use crate::binary::Composite;
use crate::check::trial::{Part, Trial};
use crate::model::Target;

/// The largest alignment that is guessed: cache lines and pages.
const MAX_GUESSED_ALIGN: u64 = 4096;

/// The largest alignment that the language takes.
const MAX_ALIGN: u64 = 65536;

/// A member with what is known of its type.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Nothing for an anonymous aggregate.
    pub(super) name: Option<String>,
    /// Where Rust would spell another member alike.
    pub(super) rust_name: Option<String>,
    /// As the binary counts it.
    pub(super) bit_offset: u64,
    /// The width of a bit-field.
    pub(super) bits: Option<u64>,
    /// Bytes, where the compiler says so.
    pub(super) align: Option<u64>,
    /// Its type.
    pub(super) shape: Shape,
}

/// The fields of a composite, each at the place that it has in the binary; nothing where that cannot be had.
pub(super) fn place(
    target: Target,
    composite: &Composite,
    members: &[Member],
    inline: bool,
    flexible: bool,
) -> Option<Struct> {
    [false, true].into_iter().find_map(|packed| {
        let trial = Trial::new(target, composite.union, packed && !inline);
        let mut placer =
            Placer { trial, composite, packed, inline, fields: Vec::new(), required_align: 1 };
        placer.members(members, flexible)?;
        placer.finish()
    })
}

/// What is left of a composite whose members cannot be told: its bytes.
pub(super) fn bytes(composite: &Composite) -> Struct {
    let size = composite.size;
    let align = composite.align.unwrap_or(1).clamp(1, MAX_ALIGN);
    let field = Field {
        name: Some("bytes".to_owned()),
        rust_name: None,
        packed: false,
        align: (align > 1).then_some(align),
        ty: FieldType::Text(format!("bytes<{size}>")),
        bits: None,
        comment: None,
        bit_offset: 0,
        size,
    };
    let fields = if size == 0 { Vec::new() } else { vec![field] };
    Struct { packed: false, align_attribute: None, fields, size, align }
}

struct Placer<'a> {
    trial: Trial,
    composite: &'a Composite,
    packed: bool,
    inline: bool,
    fields: Vec<Field>,
    /// What members without bytes ask for.
    required_align: u64,
}

impl Placer<'_> {
    fn members(&mut self, members: &[Member], flexible: bool) -> Option<()> {
        for (index, member) in members.iter().enumerate() {
            match &member.shape {
                Shape::Nothing { align, what, element } => {
                    let may_be_flexible = flexible
                        && index + 1 == members.len()
                        && !self.inline
                        && !self.composite.union
                        && !self.fields.is_empty();
                    match element.as_ref().filter(|_| may_be_flexible) {
                        Some(element) => self.flexible(member, element, *align)?,
                        None => self.left_out(member, *align, what),
                    }
                }
                Shape::Field { ty, size, align, comment } => {
                    let field = Field {
                        name: member.name.clone(),
                        rust_name: member.rust_name.clone(),
                        packed: false,
                        align: None,
                        ty: ty.clone(),
                        bits: member.bits,
                        comment: comment.clone(),
                        bit_offset: member.bit_offset,
                        size: *size,
                    };
                    self.field(field, *align, member.align)?;
                }
            }
        }
        Some(())
    }

    /// A member without bytes is said in a comment; its alignment stays.
    fn left_out(&mut self, member: &Member, align: u64, what: &str) {
        if !self.packed {
            self.required_align = self.required_align.max(align);
        }
        let name = member.name.as_deref().unwrap_or("_");
        let remark = format!("`{name}: {what}` at {}", member.bit_offset / 8);
        if let Some(last) = self.fields.last_mut() {
            let comment = last.comment.take().map(|it| format!("{it}; ")).unwrap_or_default();
            last.comment = Some(format!("{comment}then {remark}"));
        }
    }

    fn flexible(&mut self, member: &Member, element: &str, align: u64) -> Option<()> {
        let field = Field {
            name: member.name.clone(),
            rust_name: member.rust_name.clone(),
            packed: false,
            align: None,
            ty: FieldType::Text(format!("[{element}]")),
            bits: None,
            comment: None,
            bit_offset: member.bit_offset,
            size: 0,
        };
        self.field(field, align, None)
    }

    /// Puts a field where the binary has it.
    fn field(&mut self, mut field: Field, type_align: u64, said: Option<u64>) -> Option<()> {
        let wanted = field.bit_offset;
        let is_bytes = matches!(&field.ty, FieldType::Text(text)
            if text.trim_start_matches('[').starts_with("bytes<"));
        let mut part = Part {
            size: field.size,
            align: if is_bytes { 1 } else { type_align },
            bits: field.bits.map(u32::try_from).transpose().ok()?,
            own_align: None,
            packed: self.packed && self.inline,
            named: true,
        };
        let said = said.filter(|it| it.is_power_of_two() && (2..=MAX_ALIGN).contains(it));
        let asked = said
            .filter(|it| *it > part.align)
            .or((is_bytes && !self.packed).then_some(type_align).filter(|it| *it > 1));
        if let Some(align) = asked
            && self.align_fits(&field, align)
            && self.at(Part { own_align: Some(align as u32), ..part }) == Some(wanted)
        {
            part.own_align = Some(align as u32);
        }
        let anonymous = field.name.is_none();
        if self.at(part) != Some(wanted) {
            let aligned = self.aligned(&field, part, wanted);
            part = aligned.or_else(|| self.padded(part, wanted, anonymous))?;
        }
        if part.packed && anonymous {
            return None;
        }
        self.trial.place(part)?;
        if let (true, Some(align), FieldType::Inline { inner, .. }) =
            (anonymous, part.own_align, &mut field.ty)
        {
            inner.align = inner.align.max(u64::from(align));
        }
        field.align = part.own_align.map(u64::from);
        field.packed = part.packed;
        self.fields.push(field);
        Some(())
    }

    fn at(&self, part: Part) -> Option<u64> {
        self.trial.peek(part)
    }

    /// Whether an attribute on the field leaves the sizes alone: behind a brace it belongs to the type.
    fn align_fits(&self, field: &Field, align: u64) -> bool {
        let anonymous = field.name.is_none();
        self.composite.size.is_multiple_of(align)
            && (!anonymous || field.size.is_multiple_of(align))
            && !(anonymous && self.inline && self.packed)
    }

    /// With an alignment of its own.
    fn aligned(&self, field: &Field, part: Part, wanted: u64) -> Option<Part> {
        if part.bits.is_some() || self.composite.union || self.packed {
            return None;
        }
        let first = part.align.max(1).checked_mul(2)?;
        let mut aligns = std::iter::successors(Some(first), |align| align.checked_mul(2))
            .take_while(|align| *align <= MAX_GUESSED_ALIGN);
        aligns.find_map(|align| {
            let part = Part { own_align: Some(u32::try_from(align).ok()?), ..part };
            (self.align_fits(field, align) && self.at(part) == Some(wanted)).then_some(part)
        })
    }

    /// Behind padding that is written out, or packed. Behind the brace of an anonymous member `packed` would
    /// belong to its type.
    fn padded(&mut self, part: Part, wanted: u64, anonymous: bool) -> Option<Part> {
        if self.composite.union {
            return None;
        }
        let packed = Part { packed: true, ..part };
        let may_pack = !part.packed && !anonymous;
        if may_pack && self.at(packed) == Some(wanted) {
            return Some(packed);
        }
        self.fill(wanted)?;
        let ways = [Some(part), may_pack.then_some(packed)];
        ways.into_iter().flatten().find(|part| self.at(*part) == Some(wanted))
    }

    /// Padding up to a bit.
    fn fill(&mut self, wanted: u64) -> Option<()> {
        let mut gap = wanted.checked_sub(self.trial.next_bit())?;
        let within = self.trial.next_bit() % 8;
        if within != 0 {
            let bits = gap.min(8 - within);
            self.pad("u8".to_owned(), 1, Some(bits))?;
            gap -= bits;
        }
        if gap / 8 > 0 {
            self.pad(format!("bytes<{}>", gap / 8), gap / 8, None)?;
        }
        if gap % 8 > 0 {
            self.pad("u8".to_owned(), 1, Some(gap % 8))?;
        }
        (self.trial.next_bit() == wanted).then_some(())
    }

    fn pad(&mut self, text: String, size: u64, bits: Option<u64>) -> Option<()> {
        if bits == Some(0) {
            return Some(());
        }
        let part = Part {
            size,
            align: 1,
            bits: bits.map(|bits| bits as u32),
            own_align: None,
            packed: false,
            named: false,
        };
        let bit_offset = self.trial.place(part)?;
        self.fields.push(Field {
            name: Some("_".to_owned()),
            rust_name: None,
            packed: false,
            align: None,
            ty: FieldType::Text(text),
            bits,
            comment: None,
            bit_offset,
            size,
        });
        Some(())
    }

    /// The end: an alignment or padding that gives the whole its size.
    fn finish(mut self) -> Option<Struct> {
        let size = self.composite.size;
        if size == 0 {
            let align = self.required_align.max(self.trial.align());
            return Some(Struct { size, align, ..bytes(self.composite) });
        }
        if self.fields.is_empty() {
            let whole = Struct { align: self.required_align, ..bytes(self.composite) };
            return Some(self.raised(whole));
        }
        let own = self.trial.align();
        let said = self.composite.align.filter(|it| it.is_power_of_two() && *it <= MAX_ALIGN);
        let least = said.unwrap_or(1).max(self.required_align).max(own);
        let mut align = own;
        if self.trial.end() > size || !size.is_multiple_of(own) {
            return None;
        }
        if least > own && size.is_multiple_of(least) && self.raise(least) {
            align = least;
        }
        if self.trial.end().checked_next_multiple_of(align)? != size {
            let guessed = std::iter::successors(align.checked_mul(2), |it| it.checked_mul(2))
                .take_while(|it| *it <= MAX_GUESSED_ALIGN && !self.packed && said.is_none())
                .find(|it| self.trial.end().checked_next_multiple_of(*it) == Some(size));
            match guessed {
                Some(guessed) if self.raise(guessed) => align = guessed,
                _ if self.composite.union => {
                    self.pad(format!("bytes<{size}>"), size, None)?;
                }
                _ => self.fill(size.checked_mul(8)?)?,
            }
        }
        let end = self.trial.end().checked_next_multiple_of(align)?;
        let align_attribute = (align > own && !self.inline).then_some(align);
        let packed = self.packed && !self.inline;
        (end == size).then_some(Struct {
            packed,
            align_attribute,
            fields: self.fields,
            size,
            align,
        })
    }

    /// Raises the alignment of the whole. An inline aggregate takes no attribute: its first field does.
    fn raise(&mut self, align: u64) -> bool {
        if !self.inline {
            return true;
        }
        match self.fields.first_mut() {
            Some(first) if first.name.is_some() && first.align.is_none_or(|own| own < align) => {
                first.align = Some(align);
                true
            }
            _ => false,
        }
    }

    fn raised(&self, mut whole: Struct) -> Struct {
        if let Some(first) = whole.fields.first_mut()
            && whole.align > 1
        {
            first.align = Some(whole.align);
        }
        whole
    }
}
