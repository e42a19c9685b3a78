//! Whether the structs of schemas lie in a binary where their schemas say.
//!
//! `binary::place` looks a field up, `cause` guesses why one lies elsewhere; here every declared struct
//! is compared, field by field, on the binary's target. What a schema leaves out is no difference: padding may hold
//! anything, and an `extern struct` names what its readers need.

mod cause;

use crate::binary::place::{self as found, Place};
use crate::binary::{self, Binary, Candidate, Composite, Language, Type, Wanted};
use crate::check::trial::extent_of;
use crate::diag::{Code, Diagnostic};
use crate::model::{
    self, Aggregate, AggregateId, AggregateKind, EnumRepr, Length, Model, Target, TypeId,
};
use crate::source::Span;

/// What became of each declared struct.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of the schemas.
    pub structs: Vec<Compared>,
}

/// One declared struct.
#[derive(Clone, Debug)]
pub struct Compared {
    /// `linux.mm::zone`
    pub name: String,
    /// Where it is declared.
    pub origin: Span,
    /// What was found.
    pub verdict: Verdict,
}

/// What was found of a declared struct.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything that is declared lies where the schema says.
    Same,
    /// Something lies elsewhere.
    Differs(Vec<Difference>),
    /// The binary does not have it.
    Absent,
}

/// One thing that the binary has elsewhere.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The field, by its path; empty for the whole struct.
    pub field: String,
    /// Where it is declared.
    pub origin: Span,
    /// What differs, in one sentence.
    pub what: String,
    /// Its type has another width, or it is not there at all: not only its place differs.
    pub is_other_type: bool,
    /// Why, most likely.
    pub cause: Option<String>,
}

/// Compares every struct that outputs would be written for.
///
/// # Errors
/// Where the binary's type information is damaged.
pub fn verify(model: &Model, binary: &Binary<'_>) -> binary::Result<Report> {
    let mut names = Vec::new();
    let mut declared = Vec::new();
    for (_, schema) in model.emitted() {
        for id in &schema.types {
            let TypeId::Aggregate(id) = id else { continue };
            let spellings = spellings(&model[*id], binary.language());
            let range = names.len()..names.len() + spellings.len();
            names.extend(spellings.iter().map(|name| Wanted::parse(name)));
            declared.push((*id, format!("{}::{}", schema.name, model[*id].naming.name), range));
        }
    }
    let found = binary.find(&names)?;
    let mut report = Report::default();
    for (id, name, range) in declared {
        let candidates = found.get(range).unwrap_or(&[]).iter().flatten();
        let verdict = compare_all(model, id, binary, candidates)?;
        report.structs.push(Compared { name, origin: model[id].naming.origin, verdict });
    }
    Ok(report)
}

/// How a binary may call a struct: as generated code does, and as the schema does.
fn spellings(aggregate: &Aggregate, language: Language) -> Vec<String> {
    let naming = &aggregate.naming;
    let mut spellings = match (&aggregate.kind, language) {
        (AggregateKind::ExternC { .. }, _) => vec![naming.c.clone()],
        (AggregateKind::ExternRust, _) => vec![naming.rust.clone(), naming.name.clone()],
        (_, Language::Rust) => vec![naming.rust.clone(), naming.c.clone(), naming.name.clone()],
        _ => vec![naming.c.clone(), naming.name.clone()],
    };
    spellings.dedup();
    spellings
}

/// Compares with every definition of the name: one that agrees is enough, since files of one program may each have
/// a struct of this name.
fn compare_all<'c>(
    model: &Model,
    id: AggregateId,
    binary: &Binary<'_>,
    candidates: impl Iterator<Item = &'c Candidate>,
) -> binary::Result<Verdict> {
    /// More definitions than that are copies of one.
    const MOST_COMPARED: usize = 64;
    let mut differences: Option<Vec<Difference>> = None;
    for candidate in candidates.filter(|it| !it.is_declaration).take(MOST_COMPARED) {
        let (_, ty, _) = binary.behind_typedefs(candidate.key)?;
        let Type::Composite(composite) = &*ty else { continue };
        if composite.is_declaration {
            continue;
        }
        let found = compare(model, id, binary, composite)?;
        if found.is_empty() {
            return Ok(Verdict::Same);
        }
        if differences.as_ref().is_none_or(|known| found.len() < known.len()) {
            differences = Some(found);
        }
    }
    Ok(differences.map_or(Verdict::Absent, Verdict::Differs))
}

/// A declared field: where the schema puts it.
struct Declared {
    path: String,
    /// In C, where it has a name of its own there.
    c_path: String,
    origin: Span,
    /// From the start of the struct; nothing where a compiler decides.
    bit_offset: Option<u64>,
    /// Nothing where a compiler decides.
    bits: Option<u64>,
    align: u64,
    is_enum: bool,
    is_pointer: bool,
    /// `#[if("CONFIG_X")]`, or removed.
    may_be_absent: bool,
}

fn compare(
    model: &Model,
    id: AggregateId,
    binary: &Binary<'_>,
    composite: &Composite,
) -> binary::Result<Vec<Difference>> {
    let target = binary.target();
    let aggregate = &model[id];
    let mut declared = Vec::new();
    fields(model, id, target, Some(0), ("", ""), &mut declared);
    let mut differences = Vec::new();
    for field in &declared {
        let place = match found::look_up(binary, composite, &field.c_path)? {
            None => found::look_up(binary, composite, &field.path)?,
            found => found,
        };
        let Some(place) = place else {
            if !field.may_be_absent {
                differences.push(Difference {
                    field: field.path.clone(),
                    origin: field.origin,
                    what: "the binary does not have this field".to_owned(),
                    is_other_type: true,
                    cause: Some(cause::of_absence(composite, &field.path)),
                });
            }
            continue;
        };
        if let Some(what) = differs(field, place) {
            let cause = cause::of_place(field, place, composite, &declared);
            let (path, origin) = (field.path.clone(), field.origin);
            let is_other_type = field.bits.is_some_and(|bits| bits != place.bits);
            differences.push(Difference { field: path, origin, what, is_other_type, cause });
        }
    }
    let size = aggregate.layouts.as_ref().map(|layouts| layouts.on(target).size);
    if let Some(size) = size.filter(|size| *size != composite.size) {
        differences.push(Difference {
            field: String::new(),
            origin: aggregate.naming.origin,
            what: format!("it has {} bytes in the binary, and {size} here", composite.size),
            is_other_type: false,
            cause: differences.is_empty().then(|| cause::of_size(size, composite)),
        });
    }
    Ok(differences)
}

fn differs(field: &Declared, place: Place) -> Option<String> {
    let offset = field.bit_offset.filter(|offset| *offset != place.bit_offset);
    // A flexible array has no bytes in either.
    let bits = field.bits.filter(|bits| *bits != place.bits && *bits > 0 && place.bits > 0);
    match (offset, bits) {
        (None, None) => None,
        (Some(offset), _) => Some(format!(
            "it lies at {} in the binary, and at {} here",
            found::shown(place.bit_offset),
            found::shown(offset)
        )),
        (None, Some(bits)) => Some(format!(
            "it has {} in the binary, and {} here",
            found::width(place.bits),
            found::width(bits)
        )),
    }
}

/// Every declared field with a name, those inside of inline aggregates too.
fn fields(
    model: &Model,
    id: AggregateId,
    target: Target,
    base: Option<u64>,
    (path, c_path): (&str, &str),
    found: &mut Vec<Declared>,
) {
    let aggregate = &model[id];
    let layout = aggregate.layouts.as_ref().map(|layouts| layouts.on(target));
    for (index, field) in aggregate.fields.iter().enumerate() {
        let placement = layout.and_then(|layout| layout.fields.get(index));
        let own = placement.map(|it| it.bit_offset.unwrap_or(it.offset.saturating_mul(8)));
        let bit_offset = base.zip(own).map(|(base, own)| base.saturating_add(own));
        let inline = match &field.ty {
            model::Type::Aggregate(inner) if model[*inner].parent.is_some() => Some(*inner),
            _ => None,
        };
        let Some(naming) = &field.naming else {
            if let Some(inner) = inline {
                fields(model, inner, target, bit_offset, (path, c_path), found);
            }
            continue;
        };
        let (path, c_path) = (format!("{path}{}", naming.name), format!("{c_path}{}", naming.c));
        let bytes = placement.map(|it| it.size).or_else(|| size_of(model, &field.ty, target));
        let bits = match field.bits {
            Some(bits) => Some(u64::from(bits)),
            None => bytes.and_then(|bytes| bytes.checked_mul(8)),
        };
        found.push(Declared {
            path: path.clone(),
            c_path: c_path.clone(),
            origin: field.origin,
            bit_offset,
            bits,
            align: if field.bits.is_some() { 1 } else { natural(model, &field.ty, target) },
            is_enum: matches!(field.ty, model::Type::Enum(_)),
            is_pointer: matches!(field.ty, model::Type::Pointer(_)),
            may_be_absent: field.condition.is_some() || naming.lifetime.removed.is_some(),
        });
        if let Some(inner) = inline {
            let inside = (format!("{path}."), format!("{c_path}."));
            fields(model, inner, target, bit_offset, (&inside.0, &inside.1), found);
        }
    }
}

/// Bytes of a type, where no compiler has to be asked.
fn size_of(model: &Model, ty: &model::Type, target: Target) -> Option<u64> {
    Some(match ty {
        model::Type::Scalar(scalar) | model::Type::Atomic(scalar) => extent_of(*scalar, target).0,
        model::Type::Pointer(_) => u64::from(target.info().word_size),
        model::Type::Array(element, Length::Fixed(length)) => {
            size_of(model, element, target)?.checked_mul(*length)?
        }
        model::Type::Text(size) | model::Type::Bytes(size) => *size,
        model::Type::Aggregate(id) => model[*id].layouts.as_ref()?.on(target).size,
        model::Type::Enum(id) => match (&model[*id].repr, &model[*id].header) {
            (EnumRepr::Scalar(scalar), _) => extent_of(*scalar, target).0,
            (EnumRepr::C(sizes), None) => u64::from(sizes.get(target.index())?.0),
            (EnumRepr::C(_), Some(_)) => return None,
        },
        model::Type::Flags(id) => extent_of(model[*id].repr, target).0,
        _ => return None,
    })
}

fn natural(model: &Model, ty: &model::Type, target: Target) -> u64 {
    match ty {
        model::Type::Scalar(scalar) => extent_of(*scalar, target).1,
        model::Type::Array(element, _) => natural(model, element, target),
        model::Type::Aggregate(id) => {
            model[*id].layouts.as_ref().map_or(1, |it| u64::from(it.on(target).align))
        }
        model::Type::Text(_) | model::Type::Bytes(_) => 1,
        ty => size_of(model, ty, target).filter(|size| size.is_power_of_two()).unwrap_or(1),
    }
}

impl Report {
    /// The differences as findings about the schemas; `image` is what the binary is called.
    #[must_use]
    pub fn diagnostics(&self, image: &str, require_all: bool) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for compared in &self.structs {
            match &compared.verdict {
                Verdict::Same => {}
                Verdict::Absent if require_all => {
                    let message = format!("`{}` is not in {image}", compared.name);
                    found.push(
                        Diagnostic::new(Code::E1006, compared.origin, message)
                            .help("a compiler leaves out types that nothing uses"),
                    );
                }
                Verdict::Absent => {}
                Verdict::Differs(differences) => {
                    found.extend(differences.iter().map(|it| diagnostic(compared, it, image)))
                }
            }
        }
        found
    }
}

fn diagnostic(compared: &Compared, difference: &Difference, image: &str) -> Diagnostic {
    let name = match difference.field.as_str() {
        "" => compared.name.clone(),
        field => format!("{}.{field}", compared.name),
    };
    let message = format!("`{name}` is not as in {image}: {}", difference.what);
    let diagnostic = Diagnostic::new(Code::E1005, difference.origin, message);
    match &difference.cause {
        Some(cause) => diagnostic.help(cause.clone()),
        None => diagnostic,
    }
}
