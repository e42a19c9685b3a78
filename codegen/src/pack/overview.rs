//! What an image holds, for people and for builds: its annotations or tables, whether anybody finds them, and
//! what a linker, `strip` or a core would take away.
//!
//! It reads through the same stages as the packer, up to the entries, and changes nothing: what it says of
//! an image with annotations is what packing would make of it.

use std::borrow::Cow;

use inspect_format::abi::{Root, core_properties, extent, space};
use inspect_format::descriptor::Part;
use inspect_format::root::offset_address;
use object::elf;

use super::elf::{Elf, Kind, Place, Section, number};
use super::entries::{Collected, Entry, ids};
use super::finding::{Finding, put_in_order, shown};
use super::image::{FoundBy, Image, RootOverview, Target};
use super::linked::Linked;
use super::relocatable::Relocatable;
use super::schemas::SchemaFile;
use super::tables::{self, Form};
use super::{SourcePlace, identity};
use crate::diag::Code;

/// Everything that is known of an image.
#[derive(Debug)]
pub struct Overview<'a> {
    /// What the file is for.
    pub kind: ImageKind,
    /// The architecture, by the name that schemas use for it.
    pub machine: &'static str,
    /// Whether annotations have become tables.
    pub state: State,
    /// Annotations that are not packed.
    pub annotations: usize,
    /// Bytes that these take.
    pub annotation_bytes: u64,
    /// Annotations that say what another one has said.
    pub repeated: usize,
    /// The sections `inspect_table`.
    pub sections: Vec<SectionOverview>,
    /// Where the root stands; objects have none before they are linked with the runtime.
    pub root: Option<RootOverview>,
    /// The tables, or those that packing would make, by schema and version.
    pub tables: Vec<TableOverview<'a>>,
    /// The entries, by schema, class, instance and name.
    pub entries: Vec<EntryOverview<'a>>,
    /// What is wrong, or will be.
    pub findings: Vec<Finding>,
}

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// What a compiler or `ld -r` wrote.
    Object,
    /// What a kernel loads.
    KernelModule,
    /// A program at a fixed address.
    Executable,
    /// A program that runs anywhere.
    PositionIndependent,
    /// A library.
    SharedObject,
}

/// How far packing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is nothing to pack, and nothing was packed.
    Empty,
    /// Annotations alone.
    Unpacked,
    /// Annotations and tables, as where a packed object was linked with others.
    Partly,
    /// Tables alone.
    Packed,
}

/// A section `inspect_table`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionOverview {
    /// Where it lies in memory; 0 in objects.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// The program may write to it, and a core holds it.
    pub is_writable: bool,
    /// `--gc-sections` keeps it without anybody referring to it.
    pub is_retained: bool,
}

/// A table, or one that packing would make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableOverview<'a> {
    /// The schema's name.
    pub schema: &'a str,
    /// Its version.
    pub version: u32,
    /// Entries.
    pub entries: usize,
    /// Bytes of the table; nothing if it cannot be made.
    pub size: Option<u64>,
    /// Bytes of a row.
    pub entry_size: u32,
    /// Bytes of the type information that the table leads to; 0 is none.
    pub types_size: u64,
    /// Entries whose id another one had already.
    pub displaced: usize,
}

/// An entry.
#[derive(Clone, Debug)]
pub struct EntryOverview<'a> {
    /// The schema's name.
    pub schema: &'a str,
    /// The class.
    pub class: &'a str,
    /// The name.
    pub name: &'a str,
    /// The key within the class.
    pub instance: u64,
    /// The short form of the identity, as it stands in the table.
    pub id: u32,
    /// The BTF id of its type; 0 is none.
    pub type_id: u32,
    /// Where it begins.
    pub address: Location<'a>,
    /// Of a range, where it ends; of a counted region, where its counter is.
    pub bound: Location<'a>,
    /// Bytes, of one element where the region is counted; nothing where only the address is known.
    pub length: Option<u64>,
    /// How address, length and bound make a region: a number of `inspect_format::abi::extent`.
    pub extent: u8,
    /// The address space's number.
    pub space: u16,
    /// Property bits.
    pub properties: u64,
    /// Where the annotation stands; nothing once it is packed.
    pub file: &'a str,
    /// The line; 0 where nobody knows.
    pub line: u64,
}

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location<'a> {
    /// Nowhere.
    None,
    /// At the address that the linker gave it.
    Address(u64),
    /// In a section of an object.
    Section {
        /// The section's name.
        name: Cow<'a, str>,
        /// Bytes from its start.
        offset: u64,
    },
    /// Wherever a symbol will be found when the image is linked or loaded.
    Symbol {
        /// Its name.
        name: Cow<'a, str>,
        /// Bytes behind it.
        offset: i64,
    },
}

impl ImageKind {
    /// Its addresses are known.
    #[must_use]
    pub fn is_linked(self) -> bool {
        !matches!(self, Self::Object | Self::KernelModule)
    }
}

impl EntryOverview<'_> {
    /// The form of its extent, as the format calls it.
    #[must_use]
    pub fn extent_name(&self) -> &'static str {
        match self.extent {
            extent::DIRECT => "direct",
            extent::INDIRECT => "indirect",
            extent::COUNTED => "counted",
            extent::ADDRESS_ONLY => "address_only",
            extent::RANGE => "range",
            _ => "unknown",
        }
    }
}

/// How many findings of one kind are spelled out.
const SPELLED_OUT: usize = 8;

/// Looks at an image. The error is one that leaves nothing to say about it.
pub fn overview<'a>(
    image: &'a [u8],
    schemas: &[SchemaFile<'a>],
) -> std::result::Result<Overview<'a>, Finding> {
    let bytes = super::signed_part(image)?.unwrap_or(image);
    let elf = Elf::parse(bytes)?;
    let (kind, image) = if elf.kind == Kind::Relocatable {
        let is_module = elf.sections.iter().any(|it| it.name == b".gnu.linkonce.this_module");
        let kind = if is_module { ImageKind::KernelModule } else { ImageKind::Object };
        (kind, File::Object(Relocatable::read(elf)?))
    } else {
        (linked_kind(&elf)?, File::Linked(Linked::read(elf)?))
    };
    let mut collected = super::collect_all(image.image(), schemas)?;
    let mut findings = std::mem::take(&mut collected.findings);
    if matches!(&image, File::Object(object) if object.is_in_group()) {
        findings.push(super::in_group());
    }
    let mut doctor = Doctor { kind, image: &image, collected: &collected, findings };
    let tables = doctor.tables();
    let entries = doctor.entries();
    doctor.is_packed();
    doctor.is_kept();
    let root = doctor.root(&tables);
    doctor.is_in_core();
    doctor.is_inside();
    doctor.overlaps();
    let mut findings = doctor.findings;
    put_in_order(&mut findings);
    Ok(Overview {
        kind,
        machine: image.image().elf().machine.name,
        state: state(&collected),
        annotations: collected.annotations,
        annotation_bytes: collected.annotation_bytes,
        repeated: collected.repeated,
        sections: image.sections().map(section).collect(),
        root,
        tables,
        entries,
        findings,
    })
}

/// The number of entries is not the one that a build expects.
#[must_use]
pub fn unexpected(overview: &Overview<'_>, expected: usize) -> Option<Finding> {
    let found = overview.entries.len();
    if found == expected {
        return None;
    }
    let what = format!("there are {found} entries, and {expected} are expected");
    let finding = Finding::new(Code::E0913, what);
    Some(if found < expected {
        finding
            .help(
                "a member of an archive that nobody refers to is not linked, and neither is a \
                 crate that nobody names: link it whole (`-Wl,--whole-archive`), or refer to it",
            )
            .help("`--list` shows which entries are there")
    } else {
        finding.help("if they belong there, expect them: `--list` shows which there are")
    })
}

enum File<'a> {
    Object(Relocatable<'a>),
    Linked(Linked<'a>),
}

impl<'a> File<'a> {
    fn image(&self) -> &dyn Image<'a> {
        match self {
            Self::Object(image) => image,
            Self::Linked(image) => image,
        }
    }

    /// The sections of annotations and tables.
    fn sections(&self) -> impl Iterator<Item = &Section<'a>> {
        let is_ours = |it: &&Section<'_>| it.name == super::image::SECTION && it.size > 0;
        self.image().elf().sections.iter().filter(is_ours)
    }

    /// Where a target is, as far as this file decides: the section's number, 0 in linked files, and the
    /// place in it, which is an address there.
    fn place(&self, target: Target) -> Option<(u32, u64)> {
        match (self, target) {
            (Self::Linked(image), _) => match image.defined_here(target) {
                Some(Target::Address(address)) => Some((0, address)),
                _ => None,
            },
            (_, Target::Here { section, offset, .. }) => Some((section, offset)),
            (Self::Object(image), Target::Symbol { symbol, addend }) => {
                let symbol = image.symbols().get(symbol as usize)?;
                let Place::Section(section) = symbol.place else { return None };
                Some((section, symbol.value.wrapping_add_signed(addend)))
            }
            _ => None,
        }
    }

    fn location(&self, target: Target) -> Location<'a> {
        match target {
            Target::Null => Location::None,
            Target::Address(address) | Target::Number(address) => Location::Address(address),
            Target::Here { section, offset, .. } => {
                let section = self.image().elf().sections.get(section as usize);
                let name = section.map(|it| it.name).unwrap_or_default();
                Location::Section { name: String::from_utf8_lossy(name), offset }
            }
            Target::Symbol { symbol, addend } => {
                Location::Symbol { name: self.image().symbol_name(symbol), offset: addend }
            }
        }
    }
}

struct Doctor<'i, 'a> {
    kind: ImageKind,
    image: &'i File<'a>,
    collected: &'i Collected<'a>,
    findings: Vec<Finding>,
}

impl<'a> Doctor<'_, 'a> {
    fn tables(&mut self) -> Vec<TableOverview<'a>> {
        let collected = self.collected;
        let mut tables = Vec::new();
        for (schema, entries) in tables::by_schema(collected) {
            let of = &collected.schemas[schema];
            let displaced = ids(of, &entries).map_or(0, |(_, displaced)| displaced);
            tables.push(TableOverview {
                schema: of.name,
                version: of.version,
                entries: entries.len(),
                size: None,
                entry_size: of.entry_size,
                types_size: of.parts[Part::Types as usize].size,
                displaced,
            });
        }
        let elf = self.image.image().elf();
        let identity = identity::of(elf);
        let form = match self.image {
            File::Object(_) => Form::Relocatable,
            File::Linked(image) => {
                let address = image.addresses().map_or(0, |it| it.start);
                Form::Linked { address, identity: &identity }
            }
        };
        match tables::build(elf, collected, form, true) {
            Ok(built) => {
                for (table, summary) in tables.iter_mut().zip(built.summaries) {
                    table.size = Some(summary.size);
                }
            }
            Err(findings) => self.findings.extend(findings),
        }
        tables
    }

    fn entries(&self) -> Vec<EntryOverview<'a>> {
        let mut entries = Vec::with_capacity(self.collected.entries.len());
        for (schema, all) in tables::by_schema(self.collected) {
            let of = &self.collected.schemas[schema];
            let ids = ids(of, &all).map(|(ids, _)| ids).unwrap_or_default();
            for (index, entry) in all.into_iter().enumerate() {
                entries.push(EntryOverview {
                    schema: of.name,
                    class: entry.class,
                    name: entry.name,
                    instance: entry.instance,
                    id: ids.get(index).copied().unwrap_or_default(),
                    type_id: entry.type_id,
                    address: self.image.location(entry.address),
                    bound: self.image.location(entry.bound),
                    length: self.length(entry),
                    extent: entry.extent,
                    space: entry.space,
                    properties: entry.properties,
                    file: entry.file,
                    line: entry.line,
                });
            }
        }
        entries
    }

    fn length(&self, entry: &Entry<'_>) -> Option<u64> {
        match entry.extent {
            extent::ADDRESS_ONLY => None,
            extent::RANGE => {
                let (section, start) = self.image.place(entry.address)?;
                let (other, end) = self.image.place(entry.bound)?;
                end.checked_sub(start).filter(|_| section == other)
            }
            _ => Some(entry.length),
        }
    }

    /// Linked images and kernel modules are packed, or their annotations are of no use to a dump.
    fn is_packed(&mut self) {
        let Collected { annotations, tables, .. } = *self.collected;
        if annotations == 0 && tables == 0 {
            let what = "there are no annotations, and no tables";
            let finding = Finding::new(Code::W0908, what).help(
                "if there should be: does the linker take the objects that hold them, and keep \
                 section `inspect_table`?",
            );
            self.findings.push(finding.help("if not: `--expect 0` says so"));
        }
        if annotations == 0 || self.kind == ImageKind::Object {
            return;
        }
        let what = match tables {
            0 => format!("its {annotations} annotations are not packed"),
            _ => format!("{annotations} annotations are not packed beside those that are"),
        };
        self.findings.push(Finding::new(Code::W0901, what).help("`inspect-gen pack` packs them"));
    }

    /// What a linker may do to an object.
    fn is_kept(&mut self) {
        if self.kind != ImageKind::Object {
            return;
        }
        let is_kept = |it: &Section<'_>| it.flags & elf::SHF_GNU_RETAIN.0 != 0;
        let dropped = self.image.sections().filter(|it| !is_kept(it)).count();
        if dropped > 0 {
            let what = format!(
                "{} may be dropped by `--gc-sections`: it is not marked to be retained",
                count(dropped, "section `inspect_table`", "sections `inspect_table`")
            );
            self.findings.push(
                Finding::new(Code::W0902, what)
                    .help("compile it with GCC 11, Clang 13 or later, and binutils 2.36 or later")
                    .help(
                        "or keep it in the linker script: `KEEP(*(inspect_table))` in an output \
                         section that is loaded",
                    ),
            );
        }
        let elf = self.image.image().elf();
        let is_code = |name: &[u8]| name.starts_with(b".gnu.lto_") || name == b".llvm.lto";
        if self.image.sections().next().is_some() && elf.sections.iter().any(|it| is_code(it.name))
        {
            let what = "a linker with link-time optimisation takes the other form of this object, \
                        with its annotations as they were compiled";
            self.findings
                .push(Finding::new(Code::W0906, what).help(
                    "pack the program after it was linked, whatever was done to its objects",
                ));
        }
    }

    /// Whether anybody finds the tables of a linked image.
    fn root(&mut self, tables: &[TableOverview<'_>]) -> Option<RootOverview> {
        let File::Linked(image) = self.image else { return None };
        let root = image.root();
        if self.collected.entries.is_empty() {
            return root;
        }
        let finding = match root {
            Some(RootOverview { found_by: FoundBy::Note, .. }) => None,
            Some(RootOverview { found_by, .. }) => {
                let lost = match found_by {
                    FoundBy::Symbol => "`strip` takes it away, and a core does not hold it",
                    _ => "a core does not hold it",
                };
                Some(format!("only a symbol leads to the root: {lost}"))
            }
            None => Some(
                "it has no root: a reader of the file finds the tables by their section, and \
                 nobody finds them in a process or a core"
                    .to_owned(),
            ),
        };
        self.findings.extend(finding.map(|what| {
            Finding::new(Code::W0903, what).help(
                "link it with the runtime, `inspect_runtime.c` or the crate, and keep the note \
                 section `.note.inspect` in the linker script",
            )
        }));
        let size = tables.iter().try_fold(0, |sum, table| Some(sum + table.size?));
        let packed = (state(self.collected) == State::Packed).then_some(());
        if let (Some(root), Some(section), Some(size), Some(())) =
            (root, image.addresses(), size, packed)
            && root_leads_to(image.elf(), root.address)
                != Some((section.start, section.start.wrapping_add(size)))
        {
            let what = "the root does not lead to the tables";
            self.findings
                .push(Finding::new(Code::W0903, what).help("pack it again: `inspect-gen pack`"));
        }
        root
    }

    /// A core leaves out pages of the file that the program cannot write to.
    fn is_in_core(&mut self) {
        let File::Linked(image) = self.image else { return };
        if image.elf().sections.is_empty() {
            return;
        }
        let is_writable = |it: &Section<'_>| it.flags & elf::SHF_WRITE.0 != 0;
        let mut what = Vec::new();
        if self.image.sections().any(|it| !is_writable(it)) {
            what.push("section `inspect_table`".to_owned());
        }
        for schema in &self.collected.schemas {
            let described = schema.parts[Part::Schema as usize].target;
            let Target::Address(address) = described else { continue };
            let holder = image.elf().sections.iter().find(|it| holds(it, address));
            if holder.is_some_and(|it| !is_writable(it)) {
                what.push(format!("the description of schema `{}`", shown(schema.name)));
            }
        }
        if what.is_empty() {
            return;
        }
        let what = format!("a core will not hold {}, which cannot be written", what.join(" and "));
        self.findings.push(Finding::new(Code::W0907, what).help(
            "define annotations and schemas as the generated code does, without `const`, and keep \
             them out of read-only output sections",
        ));
    }

    /// Entries lie in what the image brings into memory.
    fn is_inside(&mut self) {
        let sections = Sections::new(self.image);
        let is_memory = |it: &Entry<'_>| {
            it.space == space::VIRTUAL && it.properties & core_properties::MMIO == 0
        };
        let mut found = Few::default();
        for (_, entry) in self.collected.entries.iter().filter(|(_, it)| is_memory(it)) {
            let Some((section, start)) = self.image.place(entry.address) else { continue };
            let length = match entry.extent {
                extent::INDIRECT | extent::COUNTED => u64::from(self.image.image().elf().word_size),
                _ => self.length(entry).unwrap_or(0),
            };
            if sections.hold(section, start, length) {
                continue;
            }
            found.add(|| {
                let what = format!(
                    "{} lies outside the image: {length} bytes at {start:#x}",
                    called(entry)
                );
                Finding::new(Code::W0904, what).at_if(place(entry)).help(
                    "is the length right? a device's registers are of a space of their own, or \
                     have the property `mmio`",
                )
            });
        }
        self.findings.extend(found.finish(|more| {
            let what = format!("{more} more entries lie outside the image");
            Finding::new(Code::W0904, what).help("`--list` shows where each lies")
        }));
    }

    /// Entries that share bytes: what one may show, the other may not.
    fn overlaps(&mut self) {
        let mut regions: Vec<(u16, u32, u64, u64, &Entry<'_>)> = Vec::new();
        for (_, entry) in &self.collected.entries {
            let is_region = matches!(entry.extent, extent::DIRECT | extent::RANGE);
            let length = self.length(entry).unwrap_or(0);
            if let (true, Some((section, start)), 1..) =
                (is_region, self.image.place(entry.address), length)
            {
                let end = start.saturating_add(length);
                regions.push((entry.space, section, start, end, entry));
            }
        }
        regions.sort_by_key(|(space, section, start, end, _)| (*space, *section, *start, *end));
        let mut found = Few::default();
        let mut widest: Option<(u16, u32, u64, u64, &Entry<'_>)> = None;
        for region in regions {
            let (space, section, start, end, entry) = region;
            if let Some((in_space, in_section, _, until, first)) = widest
                && (in_space, in_section) == (space, section)
                && start < until
            {
                found.add(|| {
                    let shared = end.min(until) - start;
                    let bytes = count_u64(shared, "byte", "bytes");
                    let what = format!(
                        "{} and {} share {bytes} at {start:#x}",
                        called(first),
                        called(entry)
                    );
                    let finding = Finding::new(Code::W0905, what).at_if(place(entry));
                    finding.help(
                        "annotate each byte once: a consumer that may not see one of them would \
                         get it through the other",
                    )
                });
                if until >= end {
                    continue;
                }
            }
            widest = Some(region);
        }
        self.findings.extend(found.finish(|more| {
            let what = format!("{more} more entries share memory with another one");
            Finding::new(Code::W0905, what).help("`--list` shows where each lies")
        }));
    }
}

/// The first findings of a kind; those behind them are counted.
#[derive(Default)]
struct Few {
    findings: Vec<Finding>,
    more: usize,
}

impl Few {
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        if self.findings.len() < SPELLED_OUT {
            self.findings.push(finding());
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self, rest: impl FnOnce(usize) -> Finding) -> Vec<Finding> {
        if self.more > 0 {
            self.findings.push(rest(self.more));
        }
        self.findings
    }
}

/// What an image brings into memory.
struct Sections {
    /// In linked files: from, to, in order.
    addresses: Vec<(u64, u64)>,
    /// In objects, by section.
    sizes: Option<Vec<u64>>,
}

impl Sections {
    fn new(image: &File<'_>) -> Self {
        let sections = &image.image().elf().sections;
        let is_loaded = |it: &Section<'_>| it.is_allocated() && it.flags & elf::SHF_TLS.0 == 0;
        let size = |it: &Section<'_>| if is_loaded(it) { it.size } else { 0 };
        let all = || sections.iter().filter(|it| is_loaded(it) && it.size > 0);
        let mut addresses: Vec<(u64, u64)> =
            all().map(|it| (it.address, it.address.saturating_add(it.size))).collect();
        addresses.sort_unstable();
        let is_object = matches!(image, File::Object(_));
        Self { addresses, sizes: is_object.then(|| sections.iter().map(size).collect()) }
    }

    fn hold(&self, section: u32, start: u64, length: u64) -> bool {
        let Some(end) = start.checked_add(length) else { return false };
        if let Some(sizes) = &self.sizes {
            return sizes.get(section as usize).is_some_and(|size| end <= *size);
        }
        // The end of a section belongs to it: that is where labels of an end stand.
        let until = self.addresses.partition_point(|(from, _)| *from <= start);
        let near = &self.addresses[until.saturating_sub(2)..until];
        near.iter().any(|(_, to)| end <= *to)
    }
}

fn holds(section: &Section<'_>, address: u64) -> bool {
    section.is_allocated()
        && address.checked_sub(section.address).is_some_and(|offset| offset < section.size)
}

fn section(section: &Section<'_>) -> SectionOverview {
    SectionOverview {
        address: section.address,
        size: section.size,
        is_writable: section.flags & elf::SHF_WRITE.0 != 0,
        is_retained: section.flags & elf::SHF_GNU_RETAIN.0 != 0,
    }
}

fn state(collected: &Collected<'_>) -> State {
    match (collected.annotations, collected.tables) {
        (0, 0) => State::Empty,
        (_, 0) => State::Unpacked,
        (0, _) => State::Packed,
        _ => State::Partly,
    }
}

fn linked_kind(elf: &Elf<'_>) -> super::finding::Result<ImageKind> {
    if elf.kind == Kind::Executable {
        return Ok(ImageKind::Executable);
    }
    let is_program = elf.segments.iter().any(|it| it.kind == elf::PT_INTERP)
        || elf.dynamic()?.iter().any(|(tag, value, _)| {
            *tag == elf::DT_FLAGS_1.0 && value & u64::from(elf::DF_1_PIE.0) != 0
        });
    Ok(if is_program { ImageKind::PositionIndependent } else { ImageKind::SharedObject })
}

/// The bounds that a root in the file leads to.
fn root_leads_to(elf: &Elf<'_>, root: u64) -> Option<(u64, u64)> {
    let bytes = elf.at(root, Root::SIZE as u64)?;
    let field = |at: usize| {
        let distance = number(bytes.get(at..)?.first_chunk::<8>()?, elf.order);
        Some(offset_address(root, distance, elf.word_size))
    };
    Some((field(Root::COMPILE_TABLE_AT)?, field(Root::COMPILE_END_AT)?))
}

fn called(entry: &Entry<'_>) -> String {
    format!("`{}` {} of class `{}`", shown(entry.name), entry.instance, shown(entry.class))
}

/// Where an entry was annotated; nothing for one that is packed.
fn place(entry: &Entry<'_>) -> Option<SourcePlace> {
    (!entry.file.is_empty() || entry.line > 0).then(|| entry.place())
}

fn count(number: usize, one: &str, many: &str) -> String {
    count_u64(number as u64, one, many)
}

fn count_u64(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
