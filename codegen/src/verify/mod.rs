//! Whether the types of schemas lie in a binary as their schemas say.
//!
//! `candidates` finds what the binary has under a declared name, `fields` compares a struct field by field on the
//! binary's target (`binary::place` looks each up, `cause` guesses why one lies elsewhere), `enums` compares values. What
//! a schema leaves out is no difference: padding may hold anything, and an `extern struct` names what its readers
//! need.

mod candidates;
mod carried;
mod cause;
mod enums;
mod fields;

pub use carried::{Carried, carried};
pub(crate) use enums::called;

use std::collections::{BTreeSet, HashMap};

use crate::binary::{self, Binary, Key, Type};
use crate::diag::{Code, Diagnostic};
use crate::model::{EnumId, Model, Naming, Target, TypeId};
use crate::source::Span;

/// More definitions of one name are copies of one.
const MOST_COMPARED: usize = 64;

/// What became of each declared type.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of the schemas: every struct, and the enums that the binary has.
    pub structs: Vec<Compared>,
}

/// One declared struct or enum.
#[derive(Clone, Debug)]
pub struct Compared {
    /// `linux.mm::zone`
    pub name: String,
    /// Where it is declared.
    pub origin: Span,
    /// What was found.
    pub verdict: Verdict,
}

/// What was found of a declared type.
#[derive(Clone, Debug)]
pub enum Verdict<D = Difference> {
    /// Everything that is declared lies where the schema says.
    Same,
    /// Something lies elsewhere.
    Differs(Vec<D>),
    /// The binary does not have it.
    Absent,
}

impl<D> Verdict<D> {
    /// The verdict after another definition of the name: one that agrees is enough, since files of one program may
    /// each have a type of this name, and of others the one that differs least is told.
    fn or_better(self, differences: Vec<D>) -> Self {
        match self {
            Self::Same => Self::Same,
            _ if differences.is_empty() => Self::Same,
            Self::Differs(known) if known.len() <= differences.len() => Self::Differs(known),
            Self::Differs(_) | Self::Absent => Self::Differs(differences),
        }
    }
}

/// One thing that the binary has elsewhere.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The field by its path, or the member; empty for the whole.
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

/// Compares every struct and enum that outputs would be written for.
///
/// # Errors
/// Where the binary's type information is damaged.
pub fn verify(model: &Model, binary: &Binary<'_>) -> binary::Result<Report> {
    let mut declared = Vec::new();
    for (_, schema) in model.emitted() {
        let is_compared = |id: &&TypeId| !matches!(id, TypeId::Flags(_));
        declared.extend(schema.types.iter().filter(is_compared).map(|id| (*id, schema)));
    }
    let namings: Vec<(TypeId, &Naming)> =
        declared.iter().map(|(id, _)| (*id, model.type_naming(*id))).collect();
    let candidates = candidates::find(model, &namings, binary)?;
    let mut context = Context { model, binary, enums: HashMap::new() };
    let mut verdicts = vec![Verdict::Absent; declared.len()];
    for ((verdict, (id, _)), candidates) in verdicts.iter_mut().zip(&namings).zip(&candidates) {
        if let TypeId::Aggregate(id) = id {
            *verdict = compare_all(binary, candidates, &mut |ty| context.aggregate(*id, ty))?;
        }
    }
    // Enums without a name of their own are known by the fields that hold them, which have been met now.
    for ((verdict, (id, _)), candidates) in verdicts.iter_mut().zip(&namings).zip(&candidates) {
        let TypeId::Enum(id) = id else { continue };
        let compare = |keys: &[Key], width: Option<Target>| {
            compare_all(binary, keys, &mut |ty| {
                Ok(match ty {
                    Type::Enum(it) if !it.is_declaration => {
                        Some(enums::differences(&model[*id], it, width))
                    }
                    _ => None,
                })
            })
        };
        // What a field holds is meant, and not what else has the name.
        let held: Vec<Key> = context.enums.remove(id).into_iter().flatten().collect();
        *verdict = match compare(&held, Some(binary.target()))? {
            Verdict::Absent => compare(candidates, None)?,
            found => found,
        };
    }
    let named = declared.iter().zip(namings).zip(verdicts);
    // Many a schema gives names to what the binary has as plain numbers: such an enum is not missed there.
    let is_missed = |id: TypeId| matches!(id, TypeId::Aggregate(_));
    let structs = named
        .filter(|((_, (id, _)), verdict)| is_missed(*id) || !matches!(verdict, Verdict::Absent))
        .map(|(((_, schema), (_, naming)), verdict)| Compared {
            name: format!("{}::{}", schema.name, naming.name),
            origin: naming.origin,
            verdict,
        });
    Ok(Report { structs: structs.collect() })
}

/// What is compared.
struct Context<'a, 'd> {
    model: &'a Model,
    binary: &'a Binary<'d>,
    /// What fields of an enum hold in the binary.
    enums: HashMap<EnumId, BTreeSet<Key>>,
}

/// Compares with every definition of the name.
fn compare_all(
    binary: &Binary<'_>,
    candidates: &[Key],
    compare: &mut dyn FnMut(&Type) -> binary::Result<Option<Vec<Difference>>>,
) -> binary::Result<Verdict> {
    let mut verdict = Verdict::Absent;
    for candidate in candidates.iter().take(MOST_COMPARED) {
        let (_, ty, _) = binary.behind_typedefs(*candidate)?;
        let Some(found) = compare(&ty)? else { continue };
        verdict = verdict.or_better(found);
        if matches!(verdict, Verdict::Same) {
            break;
        }
    }
    Ok(verdict)
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
