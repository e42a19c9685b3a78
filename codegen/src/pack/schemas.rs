//! The schemas that the annotations of an image belong to: what their classes and fields are, and where the
//! program carries what describes them.
//!
//! An annotation refers to its schema's descriptor. In a linked file that is an address; in an object file a
//! symbol, which another object may define: then a file that the user brings says what the schema is.

use inspect_format::abi::{Header, Order};
use inspect_format::annotation::Rules;
use inspect_format::consumer::{Fields, Sensitive};
use inspect_format::descriptor::{self, Descriptor, Part};
use inspect_format::hash;
use inspect_format::table::Table;

use super::elf::{Elf, Kind, Place};
use super::finding::{Finding, Result, near, shown};
use super::image::{Image, Target};
use super::relocatable::Relocatable;
use crate::diag::Code;

/// A schema, as entries are checked against it.
#[derive(Clone, Debug)]
pub(super) struct Schema<'a> {
    pub(super) rules: Rules<'a>,
    /// By [`Part`].
    pub(super) parts: [Carried<'a>; 3],
    /// Its types once all places in them are known, where the program's own wait for some.
    pub(super) settled: Option<Vec<u8>>,
}

/// Bytes that describe a schema, and where the program has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    pub(super) target: Target,
    pub(super) size: u64,
    /// The bytes, where the file holds them.
    pub(super) bytes: Option<&'a [u8]>,
}

/// A schema that the user brought, for annotations whose descriptor is defined elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct SchemaFile<'a> {
    /// For messages.
    pub name: &'a str,
    /// A table file, or the object file that defines the descriptor.
    pub bytes: &'a [u8],
}

/// A schema that was found. Who has it already, or has no room for it, need not read it.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    /// Its description stands in the image.
    Here(Described<'a>),
    /// It comes from a file that the user brought, which had to be read to find it.
    Brought(Schema<'a>),
}

/// What tells one schema from another, and the description that is still to be read.
#[derive(Clone, Debug)]
pub(super) struct Described<'a> {
    numbers: Descriptor,
    /// By [`Part`].
    parts: [Carried<'a>; 3],
}

impl<'a> Found<'a> {
    /// The schema whose descriptor an annotation refers to.
    pub(super) fn of(
        image: &dyn Image<'a>,
        target: &Target,
        brought: &[SchemaFile<'a>],
    ) -> Result<Self> {
        match target {
            Target::Symbol { symbol, .. } => {
                let name = image.symbol_name(*symbol);
                brought_for(image.elf(), &name, brought, *target).map(Self::Brought)
            }
            _ => carried(image, target).map(Self::Here),
        }
    }

    /// The schema of a table that was packed before.
    pub(super) fn packed(
        image: &dyn Image<'a>,
        header: &Header,
        parts: [Carried<'a>; 3],
        brought: &[SchemaFile<'a>],
    ) -> Result<Self> {
        let elf = image.elf();
        let described = parts[Part::Schema as usize];
        if let (None, Target::Symbol { symbol, .. }) = (described.bytes, described.target) {
            let name = image.symbol_name(symbol);
            let descriptor = Target::Symbol { symbol, addend: 0 };
            return brought_for(elf, &name, brought, descriptor).map(Self::Brought);
        }
        let numbers = numbers_of(header, &parts);
        Ok(Self::Here(Described { numbers, parts }))
    }

    /// Whether its entries and those of a schema that was read belong into one table.
    pub(super) fn is(&self, schema: &Schema<'a>) -> bool {
        match self {
            Self::Here(described) => described.is(schema),
            Self::Brought(brought) => brought.is(schema),
        }
    }

    /// Bytes of all that describes it.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Here(described) => size_of_parts(&described.parts),
            Self::Brought(brought) => brought.size(),
        }
    }

    pub(super) fn read(self, order: Order) -> Result<Schema<'a>> {
        match self {
            Self::Here(described) => described.read(order),
            Self::Brought(brought) => Ok(brought),
        }
    }
}

impl<'a> Described<'a> {
    /// The name is in the description: where that is the same, so is the name.
    fn is(&self, schema: &Schema<'a>) -> bool {
        let (numbers, rules) = (&self.numbers, &schema.rules);
        (numbers.schema, numbers.version, numbers.fingerprint, numbers.entry_size)
            == (hash::schema_number(rules.name), rules.version, rules.fingerprint, rules.entry_size)
            && are_same(&self.parts, &schema.parts)
    }

    fn read(self, order: Order) -> Result<Schema<'a>> {
        let bytes = self.parts[Part::Schema as usize].bytes.unwrap_or_default();
        Schema::new(order, &self.numbers, self.parts, bytes)
    }
}

/// What a descriptor would say of the schema of a table.
fn numbers_of(header: &Header, parts: &[Carried<'_>; 3]) -> Descriptor {
    Descriptor {
        size: 0,
        version: header.schema_version,
        schema: header.schema,
        fingerprint: header.fingerprint,
        entry_size: header.entry_size,
        sizes: parts.map(|part| part.size as u32),
    }
}

fn are_same(some: &[Carried<'_>; 3], others: &[Carried<'_>; 3]) -> bool {
    some.iter().zip(others).all(|(a, b)| a.bytes == b.bytes)
}

fn size_of_parts(parts: &[Carried<'_>; 3]) -> u64 {
    parts.iter().fold(0, |sum, it| sum.saturating_add(it.size))
}

impl<'a> Schema<'a> {
    /// Whether entries of both belong into one table.
    fn is(&self, other: &Self) -> bool {
        let numbers = |it: &Rules<'a>| (it.name, it.version, it.fingerprint, it.entry_size);
        numbers(&self.rules) == numbers(&other.rules) && are_same(&self.parts, &other.parts)
    }

    /// Its types, for a table that holds them itself.
    pub(super) fn types(&self) -> &[u8] {
        let carried = self.parts[Part::Types as usize].bytes.unwrap_or_default();
        self.settled.as_deref().unwrap_or(carried)
    }

    /// Bytes of all that describes it.
    pub(super) fn size(&self) -> u64 {
        size_of_parts(&self.parts)
    }

    /// Why its types may not be left out: nobody else knows which members are sensitive.
    pub(super) fn needs_types(&self, word_size: u8) -> Option<Finding> {
        let types = self.parts[Part::Types as usize].bytes.unwrap_or_default();
        let fields = Fields::new(types, &[], word_size)?;
        let named = |it: Sensitive<'_>| match it.member {
            Some(member) => format!("`{}` of `{}`", shown(member), shown(it.type_name)),
            None => format!("`{}`", shown(it.type_name)),
        };
        let mut members = fields.members();
        let mut what: Vec<String> = members.by_ref().take(NAMED).map(named).collect();
        match members.count() {
            0 => {}
            more => what.push(format!("{more} more")),
        }
        let schema = shown(self.rules.name);
        let what = match what.as_slice() {
            [] => format!(
                "the types of schema `{schema}` cannot be read, and may hold sensitive members"
            ),
            what => format!(
                "without the types of schema `{schema}` nobody knows what is sensitive: {}",
                what.join(", ")
            ),
        };
        let finding = Finding::new(Code::E0914, what);
        Some(finding.help("pack with the types: leave `--types detached` out").help(
            "or make it an entry of its own, of a class with the property `sensitive`, which the \
             rows hold",
        ))
    }

    /// What its description says.
    fn new(
        order: Order,
        descriptor: &Descriptor,
        parts: [Carried<'a>; 3],
        bytes: &'a [u8],
    ) -> Result<Self> {
        let rules = Rules::read(descriptor, bytes, order).map_err(broken)?;
        Ok(Self { rules, parts, settled: None })
    }
}

/// The schema of a descriptor that stands in the file.
fn carried<'a>(image: &dyn Image<'a>, target: &Target) -> Result<Described<'a>> {
    let elf = image.elf();
    let numbers = image.read(target, Descriptor::NUMBERS as u64);
    let numbers = numbers.and_then(<[u8]>::first_chunk).ok_or_else(|| {
        broken("its descriptor lies outside the file, or where the file holds no bytes")
    })?;
    let numbers = Descriptor::read(numbers, elf.order);
    if !numbers.is_possible(elf.word_size) {
        return Err(broken("what the annotation refers to is no descriptor"));
    }
    let mut parts = [Carried { target: Target::Null, size: 0, bytes: None }; 3];
    for part in Part::ALL {
        let at = target.plus(descriptor::pointer_at(part, elf.word_size));
        let target = image.pointer(&at)?;
        let size = u64::from(numbers.part_size(part));
        let bytes = image.read(&target, size);
        if bytes.is_none() && size > 0 {
            return Err(broken("what its descriptor points at lies outside the file"));
        }
        parts[part as usize] = Carried { target, size, bytes };
    }
    Ok(Described { numbers, parts })
}

/// The schema of a descriptor that is defined elsewhere, from a file that the user brought.
fn brought_for<'a>(
    elf: &Elf<'_>,
    symbol: &str,
    brought: &[SchemaFile<'a>],
    target: Target,
) -> Result<Schema<'a>> {
    let mut names = Vec::new();
    for file in brought {
        let found = if file.bytes.starts_with(b"\x7fELF") {
            from_object(elf, file)?
        } else {
            vec![from_table(elf, file)?]
        };
        for (name, mut schema) in found {
            if name != symbol {
                names.push((name, schema.rules.name, schema.rules.version));
                continue;
            }
            // The parts lie behind the descriptor, wherever that will be.
            let sizes = schema.parts.map(|part| part.size as u32);
            for part in Part::ALL {
                let at = descriptor::part_at(part, sizes, elf.word_size);
                schema.parts[part as usize].target = target.plus(at);
            }
            return Ok(schema);
        }
    }
    Err(missing(symbol, &names))
}

/// How many sensitive members a finding names.
const NAMED: usize = 8;

/// The tag of a struct that a file made without a compiler can only name.
const CAPTURED: &[u8] = b"inspect:captured";

/// The name of the symbol that a schema's descriptor has.
fn symbol_of(schema: &str, version: u32) -> String {
    format!("{}_inspect_v{version}", schema.replace('.', "_"))
}

fn from_table<'a>(elf: &Elf<'_>, file: &SchemaFile<'a>) -> Result<(String, Schema<'a>)> {
    let table = Table::parse(file.bytes).map_err(|error| {
        Finding::new(Code::E0908, format!("`{}` is no schema: {error}", file.name.escape_debug()))
            .help(
                "bring a file of `inspect-gen SCHEMA -o OUT --emit table`, or the object file \
                   that was compiled from `<schema>.inspect.c`",
            )
    })?;
    if table.order() != elf.order || table.word_size() != elf.word_size {
        let what = format!("`{}` was made for another target", file.name.escape_debug());
        return Err(Finding::new(Code::E0909, what).help(format!(
            "make it with `inspect-gen SCHEMA -o OUT --emit table --target {}`",
            elf.machine.name
        )));
    }
    let (header, sections) = (table.header(), table.sections());
    if sections.types.windows(CAPTURED.len()).any(|it| it == CAPTURED) {
        let what = format!(
            "`{}` has types that only the program's compiler knows",
            file.name.escape_debug()
        );
        return Err(Finding::new(Code::E0909, what)
            .help("bring the object file that was compiled from `<schema>.inspect.c` instead"));
    }
    let blobs = [sections.history, sections.types, sections.schema];
    let parts = blobs.map(|bytes| Carried {
        target: Target::Null,
        size: bytes.len() as u64,
        bytes: Some(bytes),
    });
    let numbers = numbers_of(header, &parts);
    let schema = Schema::new(elf.order, &numbers, parts, sections.schema)?;
    Ok((symbol_of(schema.rules.name, schema.rules.version), schema))
}

/// Every schema that an object file defines.
fn from_object<'a>(elf: &Elf<'_>, file: &SchemaFile<'a>) -> Result<Vec<(String, Schema<'a>)>> {
    let found = Elf::parse(file.bytes)?;
    if found.kind != Kind::Relocatable || found.machine != elf.machine || found.order != elf.order {
        let what = format!("`{}` is no object file of this target", file.name.escape_debug());
        return Err(Finding::new(Code::E0909, what)
            .help("bring what was compiled from `<schema>.inspect.c` for this program"));
    }
    let image = Relocatable::read(found)?;
    let mut all = Vec::new();
    for (index, symbol) in image.symbols().iter().enumerate() {
        let name = String::from_utf8_lossy(symbol.name);
        let Some((_, version)) = name.rsplit_once("_inspect_v") else { continue };
        if !version.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Place::Section(section) = symbol.place else { continue };
        let symbol =
            Target::Here { section, offset: symbol.value, symbol: index as u32, addend: 0 };
        let schema = carried(&image, &symbol)?.read(elf.order)?;
        all.push((name.into_owned(), schema));
    }
    Ok(all)
}

/// Nobody defines the descriptor, or somebody one of another version.
fn missing(symbol: &str, names: &[(String, &str, u32)]) -> Finding {
    let wanted = symbol.rsplit_once("_inspect_v");
    let same = names
        .iter()
        .find(|(name, ..)| name.rsplit_once("_inspect_v").map(|it| it.0) == wanted.map(|it| it.0));
    if let (Some((_, schema, version)), Some((_, other))) = (same, wanted) {
        let what = format!(
            "the annotation was compiled with version {} of schema `{}`, and version {version} \
             was brought",
            shown(other),
            shown(schema),
        );
        return Finding::new(Code::E0909, what)
            .help("compile the object again, or bring the schema that it was compiled with");
    }
    let what = format!("the descriptor `{}` is not defined here", shown(symbol));
    let finding = Finding::new(Code::E0908, what);
    match near(symbol, names.iter().map(|(name, ..)| name.as_str())) {
        Some(name) => finding.help(format!("`{}` was brought", name.escape_debug())),
        None => finding.help(
            "say what the schema is: `--schema` with the object file of `<schema>.inspect.c`, or \
             with a file of `--emit table`; or pack the program after it was linked",
        ),
    }
}

fn broken(what: impl std::fmt::Display) -> Finding {
    Finding::new(Code::E0909, format!("the schema of an annotation cannot be read: {what}"))
        .help("compile the program with what one run of `inspect-gen` has generated")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description that is no description: whoever compares it does not read it.
    #[test]
    fn what_is_known_is_found_again_unread() {
        let part = |bytes: &'static [u8]| Carried {
            target: Target::Null,
            size: bytes.len() as u64,
            bytes: Some(bytes),
        };
        let numbers = Descriptor {
            size: 0,
            version: 2,
            schema: hash::schema_number("test.schemas"),
            fingerprint: 3,
            entry_size: 64,
            sizes: [1, 2, 6],
        };
        let parts = [part(b"h"), part(b"ty"), part(b"schema")];
        let rules = Rules {
            name: "test.schemas",
            version: 2,
            entry_size: 64,
            fingerprint: 3,
            ..Rules::default()
        };
        let known = Schema { rules, parts, settled: None };
        let with = |change: fn(&mut Rules<'static>)| {
            let mut other = known.clone();
            change(&mut other.rules);
            other
        };
        let found = Found::Here(Described { numbers, parts });
        assert!(found.is(&known));
        assert_eq!((found.size(), known.size()), (9, 9));
        assert!(!found.is(&with(|it| it.name = "test.other")));
        assert!(!found.is(&with(|it| it.version = 3)));
        assert!(!found.is(&with(|it| it.fingerprint = 4)));
        assert!(!found.is(&with(|it| it.entry_size = 72)));
        let parts = [part(b"h"), part(b"ty"), part(b"other")];
        assert!(!found.is(&Schema { parts, ..known }));
        assert!(found.read(Order::Little).is_err());
    }
}
