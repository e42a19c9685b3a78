//! Places that no compiler could tell: bit-fields of captured structs, and fields with `#[debug]`. The types that the
//! program carries wait for them; here they come from the image's debug information, are held against all that the
//! compiler did capture, and become bytes to be written over those that wait.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use inspect_format::btf::{self, Btf, Found, Pending, encoding, kind};

use super::elf::Elf;
use super::entries::Collected;
use super::finding::{Finding, Results, SourcePlace, near, shown};
use super::image::{Edits, Image};
use super::{Options, identity};
use crate::binary::place::{self, Place};
use crate::binary::{
    self, Beside, Binary, Composite, DebugInformation, Encoding, Language, Type, Wanted, spelling,
};
use crate::diag::Code;
use crate::model::ByteOrder;
use inspect_format::abi::Order;
use inspect_format::descriptor::Part;

/// More places than any schema waits for.
const MOST_PENDING: usize = 1 << 14;

/// More definitions of one name are copies of one.
const MOST_COMPARED: usize = 64;

/// How many members are looked for in what is anonymous, when a definition is compared.
const MOST_DEEP: usize = 256;

/// How deep inline structs may stand in one another.
const MAX_DEPTH: usize = 64;

/// The image's own debug information.
struct Own<'a>(&'a [u8]);

impl DebugInformation for Own<'_> {
    fn look(
        &self,
        work: &mut dyn FnMut(&Binary<'_>) -> binary::Result<()>,
    ) -> std::result::Result<(), String> {
        let image = binary::Image::parse(self.0, None, None).map_err(|error| error.to_string())?;
        let opened = Binary::open(&image, &Beside::default());
        let binary = opened.map_err(|error| match error {
            binary::Error::Supplement { path, .. } => format!(
                "a part of the types is in `{path}`, which is looked for when `--debug` names the image, too"
            ),
            error => error.to_string(),
        })?;
        work(&binary).map_err(|error| error.to_string())
    }
}

/// Finds every place that the carried types wait for. The new types stand in their schemas; how many places were
/// found is returned.
pub(super) fn settle<'a>(
    image: &dyn Image<'a>,
    collected: &mut Collected<'a>,
    options: &Options<'_>,
) -> Results<usize> {
    let elf = image.elf();
    let mut waiting = Vec::new();
    for (index, schema) in collected.schemas.iter().enumerate() {
        let part = schema.parts[Part::Types as usize];
        // What another object defines is settled where that is, at the latest when all are linked.
        let is_here = image.range_of(&part.target, part.size).is_some();
        let bytes = part.bytes.filter(|_| is_here).unwrap_or_default();
        // Who reads the table says what is wrong with types that cannot be read.
        let mut positions = Vec::new();
        let btf = Btf::parse_seeing(bytes, None, &mut |_, head| positions.push(head.position()));
        let Ok(btf) = btf else { continue };
        let wanted: Vec<Pending<'_>> = btf.pending().take(MOST_PENDING + 1).collect();
        if wanted.len() > MOST_PENDING {
            let what = format!("more than {MOST_PENDING} fields of a schema wait for their places");
            let finding = Finding::new(Code::E0909, what);
            return Err(finding.help("split the schema").into());
        }
        if !wanted.is_empty() {
            waiting.push((index, Waiting::of(bytes, btf, positions, wanted)));
        }
    }
    if waiting.is_empty() {
        return Ok(0);
    }
    let own = Own(elf.bytes);
    let source = options.debug.unwrap_or(&own);
    let (mut findings, mut settled, mut count) = (Vec::new(), Vec::new(), 0);
    let looked = source.look(&mut |binary| {
        if let Some(finding) = stranger(elf, binary) {
            findings.push(finding);
            return Ok(());
        }
        for (index, waiting) in &waiting {
            let mut blob = waiting.bytes.to_vec();
            count += waiting.wanted.len();
            waiting.settle(elf, binary, &mut blob, &mut findings)?;
            settled.push((*index, blob));
        }
        Ok(())
    });
    if let Err(why) = looked {
        findings.extend(waiting.iter().flat_map(|(_, waiting)| waiting.without(&why)));
    }
    if !findings.is_empty() {
        super::finding::put_in_order(&mut findings);
        return Err(findings);
    }
    for (index, blob) in settled {
        collected.schemas[index].settled = Some(blob);
    }
    Ok(count)
}

/// Writes the new types over those that wait, where the image holds them.
pub(super) fn write<'a>(image: &dyn Image<'a>, collected: &Collected<'a>, edits: &mut Edits) {
    for schema in &collected.schemas {
        let part = schema.parts[Part::Types as usize];
        let (Some(new), Some(old)) = (&schema.settled, part.bytes) else { continue };
        let Some(range) = image.range_of(&part.target, part.size) else { continue };
        // The words that changed, so that the copies of one blob may be found by more than one schema.
        let words = old.chunks(4).zip(new.chunks(4)).enumerate();
        let changed = words.filter(|(_, (old, new))| old != new);
        edits.writes.extend(changed.map(|(at, (_, new))| (range.start + at * 4, new.to_vec())));
    }
}

/// Debug information of another build, or of another machine.
fn stranger(elf: &Elf<'_>, binary: &Binary<'_>) -> Option<Finding> {
    let target = binary.target().info();
    let finding = |what| Finding::new(Code::E0916, what).help("bring that of this very build");
    let is_little = target.byte_order == ByteOrder::Little;
    if (is_little, target.word_size) != (elf.order == Order::Little, elf.word_size) {
        let what = format!("the debug information is that of a program for {}", target.name);
        return Some(finding(what));
    }
    match (identity::own_build_id(elf), binary.build_id()) {
        (Some(own), Some(other)) if own != other => {
            let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let (own, other) = (hex(own), hex(other));
            Some(finding(format!(
                "the debug information is that of another build: {other}, and this one is {own}"
            )))
        }
        _ => None,
    }
}

/// The types of a schema that wait for places.
struct Waiting<'a> {
    bytes: &'a [u8],
    btf: Btf<'a>,
    wanted: Vec<Pending<'a>>,
    /// Where the record of each type begins, by its id.
    positions: Vec<u32>,
    /// For a struct without a name: the type and the member that it is written in, or its typedef.
    around: HashMap<u32, Around<'a>>,
}

#[derive(Clone, Copy)]
enum Around<'a> {
    Member(u32, &'a str),
    Typedef(&'a str),
}

/// Where a struct is found: the name of the one around all, and the members that lead into it.
type Path<'a> = (&'a str, Vec<&'a str>);

impl<'a> Waiting<'a> {
    fn of(bytes: &'a [u8], btf: Btf<'a>, positions: Vec<u32>, wanted: Vec<Pending<'a>>) -> Self {
        let around = HashMap::new();
        let mut waiting = Self { bytes, btf, wanted, positions, around };
        let mut around = HashMap::new();
        for ty in btf.types() {
            if ty.kind() == kind::TYPEDEF
                && waiting.ty(ty.target()).is_some_and(|it| it.is_composite())
            {
                around.insert(ty.target(), Around::Typedef(ty.name()));
            }
            for member in ty.members() {
                if let Some(inner) = waiting.inline(member.type_id) {
                    around.entry(inner).or_insert(Around::Member(ty.id(), member.name));
                }
            }
        }
        waiting.around = around;
        waiting
    }

    fn ty(&self, id: u32) -> Option<btf::Type<'a>> {
        let index = id.checked_sub(self.btf.first_id())? as usize;
        self.btf.type_at(*self.positions.get(index)?, id)
    }

    /// The struct without a name that a member is made of, behind arrays and pointers.
    fn inline(&self, id: u32) -> Option<u32> {
        let mut id = id;
        for _ in 0..MAX_DEPTH {
            let ty = self.ty(id)?;
            match ty.kind() {
                kind::ARRAY => id = ty.array()?.element,
                kind::PTR => id = ty.target(),
                kind::STRUCT | kind::UNION if ty.name().is_empty() => return Some(id),
                _ => return None,
            }
        }
        None
    }

    /// What leads to a struct; nothing where that goes in circles.
    fn path(&self, holder: u32) -> Option<Path<'a>> {
        let (mut id, mut members) = (holder, Vec::new());
        for _ in 0..MAX_DEPTH {
            let ty = self.ty(id)?;
            if !ty.name().is_empty() {
                members.reverse();
                return Some((ty.name(), members));
            }
            match self.around.get(&id)? {
                Around::Typedef(name) => {
                    members.reverse();
                    return Some((name, members));
                }
                Around::Member(outer, name) => {
                    members.extend(Some(*name).filter(|name| !name.is_empty()));
                    id = *outer;
                }
            }
        }
        None
    }

    /// What waits, by the struct that holds it.
    fn by_holder(&self) -> BTreeMap<u32, Vec<&Pending<'a>>> {
        let mut all: BTreeMap<u32, Vec<&Pending<'_>>> = BTreeMap::new();
        for pending in &self.wanted {
            all.entry(pending.holder).or_default().push(pending);
        }
        all
    }

    /// `conn.flags.level`
    fn name(&self, pending: &Pending<'a>) -> String {
        let (root, members) = self.path(pending.holder).unwrap_or(("", Vec::new()));
        let own = pending.member.and_then(|member| {
            self.ty(pending.holder)?.members().nth(member.index as usize).map(|it| it.name)
        });
        let mut name = shown(root);
        for part in members.into_iter().chain(own) {
            name.push('.');
            name.push_str(&shown(part));
        }
        name
    }

    /// All that waits, where there is no debug information.
    fn without(&self, why: &str) -> Vec<Finding> {
        let finding = |pending: &[&Pending<'a>]| {
            let what = format!("nobody knows the place of {}: {why}", self.names(pending));
            first(pending, Code::E0915, what)
                .help("compile with `-g`, and pack before `strip`")
                .help("or bring what was stripped: `--debug FILE`")
                .help("or leave the field out of the schema")
        };
        let holders = self.by_holder();
        holders.values().take(super::finding::MOST_FINDINGS).map(|it| finding(it)).collect()
    }

    /// Those that wait, the first few by their names.
    fn names(&self, pending: &[&Pending<'a>]) -> String {
        /// How many are named.
        const NAMED: usize = 4;
        let members = pending.iter().filter(|it| it.member.is_some());
        let all = members.clone().map(|it| format!("`{}`", self.name(it)));
        let mut names: Vec<String> = all.take(NAMED).collect();
        match members.count().saturating_sub(NAMED) {
            0 => {}
            more => names.push(format!("{more} more")),
        }
        names.join(", ")
    }

    fn settle(
        &self,
        elf: &Elf<'_>,
        binary: &Binary<'_>,
        blob: &mut [u8],
        findings: &mut Vec<Finding>,
    ) -> binary::Result<()> {
        let mut wanted = Vec::new();
        let mut holders = Vec::new();
        for (holder, pending) in self.by_holder() {
            let Some((root, members)) = self.path(holder) else { continue };
            let range = wanted.len();
            let spellings = spelling::of_struct(root, binary.language());
            wanted.extend(spellings.iter().map(|it| Wanted::parse(it)));
            holders.push((holder, pending, (root, members), range..wanted.len()));
        }
        let found = binary.find(&wanted)?;
        for (holder, pending, path, range) in holders {
            let candidates = found.get(range).unwrap_or(&[]).iter().flatten();
            let mut composites = Vec::new();
            for candidate in candidates.filter(|it| !it.is_declaration).take(MOST_COMPARED) {
                let (_, ty, _) = binary.behind_typedefs(candidate.key)?;
                if let Some(inner) = inside(binary, ty, &path.1)? {
                    composites.push(inner);
                }
            }
            let holder = Holder { waiting: self, elf, binary, holder, pending };
            if let Err(found) = holder.settle(&composites, blob)? {
                findings.extend(found);
            }
        }
        Ok(())
    }
}

/// The composite to which members lead.
fn inside(binary: &Binary<'_>, ty: Rc<Type>, members: &[&str]) -> binary::Result<Option<Rc<Type>>> {
    let mut ty = ty;
    for member in members {
        let Type::Composite(composite) = &*ty else { return Ok(None) };
        let Some(found) = place::look_up(binary, composite, member)? else { return Ok(None) };
        let Some(inner) = place::behind(binary, found.ty)? else { return Ok(None) };
        ty = inner;
    }
    Ok(match &*ty {
        Type::Composite(composite) if !composite.is_declaration => Some(ty),
        _ => None,
    })
}

/// Where a field is declared that waits for its place.
fn declared(pending: &Pending<'_>) -> SourcePlace {
    let (file, line) = pending.declared.rsplit_once(':').unwrap_or((pending.declared, ""));
    SourcePlace { file: shown(file), line: line.parse().unwrap_or(0) }
}

/// A finding about all that waits in a struct, at the place of the first.
fn first(pending: &[&Pending<'_>], code: Code, what: String) -> Finding {
    let finding = Finding::new(code, what);
    match pending.first() {
        Some(pending) => finding.at(declared(pending)),
        None => finding,
    }
}

/// One struct whose members, or whose size, wait.
struct Holder<'w, 'a, 'b> {
    waiting: &'w Waiting<'a>,
    elf: &'w Elf<'w>,
    binary: &'w Binary<'b>,
    holder: u32,
    pending: Vec<&'w Pending<'a>>,
}

/// What a definition says of each thing that waits.
type Answers = Vec<(Option<Found>, u64)>;

impl Holder<'_, '_, '_> {
    /// Writes what all definitions agree about that could be this struct.
    fn settle(&self, composites: &[Rc<Type>], blob: &mut [u8]) -> binary::Result<Results<()>> {
        let (mut answers, mut refused): (Option<Answers>, Option<Vec<Finding>>) = (None, None);
        let mut is_other = false;
        for composite in composites {
            let Type::Composite(composite) = &**composite else { continue };
            if !self.agrees(composite)? {
                is_other = true;
                continue;
            }
            match self.answers(composite)? {
                Ok(found) => match &answers {
                    Some(known) if *known != found => return Ok(Err(self.ambiguous().into())),
                    _ => answers = Some(found),
                },
                Err(found) => refused = refused.or(Some(found)),
            }
        }
        Ok(match (answers, refused) {
            (Some(answers), _) => self.write(&answers, blob),
            (None, Some(refused)) => Err(refused),
            (None, None) => Err(self.absent(is_other)?),
        })
    }

    /// Whether a definition is as the compiler of the carried types saw it: its size, and the members that it knew.
    fn agrees(&self, composite: &Composite) -> binary::Result<bool> {
        let Some(ty) = self.waiting.ty(self.holder) else { return Ok(false) };
        let size = u64::from(ty.size());
        if size != 0 && size != composite.size {
            return Ok(false);
        }
        let direct: HashMap<&str, u64> =
            composite.members.iter().map(|it| (it.name.as_str(), it.bit_offset)).collect();
        let (mut left, mut fields) = (MOST_DEEP, place::Fields::new(self.binary, composite));
        for member in ty.members() {
            if member.name.is_empty() || self.waiting.btf.is_absent(member.type_id) {
                continue;
            }
            let mut found = direct.get(member.name).copied();
            if found.is_none() && left > 0 {
                left -= 1;
                let deep = fields.look_up(member.name)?;
                found = deep.map(|deep| deep.bit_offset);
            }
            // In Rust a field may be called otherwise than in the schema.
            if found.is_some_and(|found| found != u64::from(member.bit_offset)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn answers(&self, composite: &Composite) -> binary::Result<Results<Answers>> {
        let (mut answers, mut findings) = (Vec::new(), Vec::new());
        let mut fields = place::Fields::new(self.binary, composite);
        for pending in &self.pending {
            let Some(member) = pending.member else {
                answers.push((None, composite.size));
                continue;
            };
            let name = self
                .waiting
                .ty(self.holder)
                .and_then(|ty| Some(ty.members().nth(member.index as usize)?.name));
            let found = fields.look_up(name.unwrap_or_default())?;
            let Some(found) = found else {
                findings.push(self.missing(pending, composite, name.unwrap_or_default()));
                continue;
            };
            if let Some(what) = self.differs(member.type_id, member.bits, found)? {
                let what = format!("`{}` is another one: {what}", self.waiting.name(pending));
                findings.push(
                    Finding::new(Code::E0916, what)
                        .at(declared(pending))
                        .help("declare it as the program does"),
                );
                continue;
            }
            if found.bit_offset.saturating_add(found.bits) > composite.size.saturating_mul(8) {
                let what = format!("`{}` reaches beyond its struct", self.waiting.name(pending));
                findings.push(Finding::new(Code::E0916, what).at(declared(pending)));
                continue;
            }
            let answer = Found { bit_offset: found.bit_offset, bits: member.bits };
            answers.push((Some(answer), 0));
        }
        Ok(if findings.is_empty() { Ok(answers) } else { Err(findings) })
    }

    /// How a field is another one than the schema says.
    fn differs(
        &self,
        type_id: u32,
        bits: Option<u32>,
        found: Place,
    ) -> binary::Result<Option<String>> {
        let here = match bits {
            Some(bits) => u64::from(bits),
            None => {
                let size = self.waiting.btf.size_of(type_id, self.elf.word_size);
                size.ok().flatten().unwrap_or(0).saturating_mul(8)
            }
        };
        let width = |bits: u64, is_bit_field: bool| match (is_bit_field, bits) {
            (true, 1) => "a bit-field of 1 bit".to_owned(),
            (true, bits) => format!("a bit-field of {bits} bits"),
            (false, bits) => place::width(bits),
        };
        // Clang says of a bit-field that fills its bytes only what it says of any other field.
        let is_whole = found.bit_offset.is_multiple_of(8) && found.bits.is_multiple_of(8);
        if here != found.bits || !(is_whole || bits.is_some() == found.is_bit_field) {
            let there = width(found.bits, found.is_bit_field);
            let here = width(here, bits.is_some());
            return Ok(Some(format!("{there} in the debug information, and {here} here")));
        }
        let own = self.waiting.btf.resolve(type_id).ok().flatten();
        let own = own.map_or("", |ty| match (ty.kind(), ty.int()) {
            (kind::INT, Some(int)) if int.encoding & encoding::SIGNED != 0 => SIGNED,
            // A byte of text is a number in most languages.
            (kind::INT, Some(int)) if int.encoding & encoding::CHAR != 0 => "",
            (kind::INT, Some(_)) => UNSIGNED,
            (kind::PTR, _) => POINTER,
            (kind::FLOAT, _) => FLOAT,
            (kind::STRUCT | kind::UNION, _) => COMPOSITE,
            _ => "",
        });
        let there = match &*self.binary.behind_typedefs(found.ty)?.1 {
            Type::Scalar(scalar) => match scalar.encoding {
                Encoding::Signed => SIGNED,
                Encoding::Unsigned | Encoding::Boolean => UNSIGNED,
                Encoding::Float => FLOAT,
                Encoding::Character | Encoding::Other => "",
            },
            Type::Pointer(_) => POINTER,
            Type::Composite(_) => COMPOSITE,
            _ => "",
        };
        // Wrappers such as `Cell` are structs of one number; other languages write flags as enums.
        let is_other = !own.is_empty() && !there.is_empty() && own != there;
        let is_wrapped = there == COMPOSITE && self.binary.language() == Language::Rust;
        let is_other = is_other && !is_wrapped;
        Ok(is_other.then(|| format!("{there} in the debug information, and {own} here")))
    }

    fn write(&self, answers: &Answers, blob: &mut [u8]) -> Results<()> {
        let btf = &self.waiting.btf;
        for (pending, (found, size)) in self.pending.iter().zip(answers) {
            let done = match (pending.member, found) {
                (Some(member), Some(found)) => btf.settle(blob, self.holder, &member, found),
                _ => btf.settle_size(blob, self.holder, *size),
            };
            if done.is_err() {
                let name = self.waiting.name(pending);
                let what = format!("`{name}` lies too far from the start of its struct");
                let finding = Finding::new(Code::E0916, what).at(declared(pending));
                return Err(finding
                    .help("type information has room for structs with bit-fields of up to 2 MiB")
                    .into());
            }
        }
        Ok(())
    }

    /// The first thing that waits, for a finding about all.
    fn first(&self, code: Code, what: String) -> Finding {
        first(&self.pending, code, what)
    }

    fn names(&self) -> String {
        self.waiting.names(&self.pending)
    }

    fn ambiguous(&self) -> Finding {
        let what = format!(
            "several structs of this name are in the debug information, and have {} in different places",
            self.names()
        );
        self.first(Code::E0916, what).help("give one of the structs another name")
    }

    fn absent(&self, is_other: bool) -> binary::Result<Vec<Finding>> {
        let (root, _) = self.waiting.path(self.holder).unwrap_or_default();
        if is_other {
            let what = format!(
                "the debug information has a `{}` that is laid out otherwise than the compiler said: \
                 nobody knows the place of {}",
                shown(root),
                self.names()
            );
            let finding = self.first(Code::E0916, what);
            return Ok(vec![finding.help("compile all of the program with the same options")]);
        }
        let what = format!(
            "nobody knows the place of {}: the debug information has no `{}`",
            self.names(),
            shown(root)
        );
        let finding = self.first(Code::E0915, what);
        let close = self.binary.near(root)?;
        let finding = match close.first() {
            Some(close) => finding.help(format!("there is a `{}`", shown(close))),
            None => finding,
        };
        Ok(vec![
            finding
                .help("compile with `-g` the file that has the variable: compilers leave out types that nothing uses"),
        ])
    }

    fn missing(&self, pending: &Pending<'_>, composite: &Composite, name: &str) -> Finding {
        let own = self.waiting.name(pending);
        let what =
            format!("nobody knows the place of `{own}`: the program's struct has no such field");
        let finding = Finding::new(Code::E0915, what).at(declared(pending));
        let names = composite.members.iter().map(|it| it.name.as_str());
        match near(name, names) {
            Some(name) => finding.help(format!("is it `{}`?", shown(name))),
            None => finding.help(
                "leave it out of the schema, or say `#[if(\"MACRO\")]` if it depends on a configuration",
            ),
        }
    }
}

const SIGNED: &str = "a signed number";
const UNSIGNED: &str = "an unsigned number";
const POINTER: &str = "a pointer";
const FLOAT: &str = "a floating-point number";
const COMPOSITE: &str = "a struct";
