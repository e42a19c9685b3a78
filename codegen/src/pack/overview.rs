//! What an image holds, for people and for builds: its annotations or tables, whether anybody finds them, and
//! what a linker, `strip` or a core would take away.
//!
//! It reads through the same stages as the packer, up to the entries, and changes nothing: what it says of
//! an image with annotations is what packing would make of it.

use inspect_format::abi::extent;
use inspect_format::descriptor::Part;
use object::elf;

use super::checkup::checkup;
use super::elf::{Elf, Kind, Section};
use super::entries::Collected;
use super::file::{File, Location};
use super::finding::{Finding, put_in_order};
use super::image::RootOverview;
use super::linked::Linked;
use super::relocatable::Relocatable;
use super::schemas::SchemaFile;
use super::tables::{self, Contents, Form};
use super::{identity, linked_tables};
use crate::diag::{Code, Severity};

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
    /// The entries, by schema, number of the class, name and instance.
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
    /// The type information, where the image itself has it.
    pub types: Option<&'a [u8]>,
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

/// Looks at an image. The error is one that leaves nothing to say about it.
pub fn overview<'a>(
    image: &'a [u8],
    schemas: &[SchemaFile<'a>],
) -> std::result::Result<Overview<'a>, Finding> {
    let bytes = super::signed_part(image)?.unwrap_or(image);
    let elf = Elf::parse(bytes)?;
    let (kind, image) = if elf.kind == Kind::Relocatable {
        let kind = if elf.is_module() { ImageKind::KernelModule } else { ImageKind::Object };
        (kind, File::Object(Relocatable::read(elf)?))
    } else {
        (linked_kind(&elf)?, File::Linked(Linked::read(elf)?))
    };
    let mut collected = super::collect_all(image.image(), schemas)?;
    let mut findings = std::mem::take(&mut collected.findings);
    if matches!(&image, File::Object(object) if object.is_in_group()) {
        findings.push(super::in_group());
    }
    let contents = tables::contents(&collected);
    let identity = identity::of(image.image().elf(), &collected);
    let tables = tables(&image, &contents, &identity, &mut findings);
    findings.extend(checkup(kind, &image, &collected, &tables));
    // What cannot be read is no sign that nothing is there.
    if findings.iter().any(|it| it.severity() == Severity::Error) {
        findings.retain(|it| it.code != Code::W0908);
    }
    put_in_order(&mut findings);
    Ok(Overview {
        kind,
        machine: image.image().elf().machine.name,
        state: state(&collected),
        annotations: collected.annotations,
        annotation_bytes: collected.annotation_bytes,
        repeated: collected.repeated,
        sections: image.sections().map(section).collect(),
        root: image.root(),
        tables,
        entries: entries(&image, &contents),
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

/// The tables, or what packing would make. What it would refuse is added to the findings.
fn tables<'a>(
    image: &File<'a>,
    contents: &[Contents<'_, 'a>],
    identity: &[u8],
    findings: &mut Vec<Finding>,
) -> Vec<TableOverview<'a>> {
    let mut tables = Vec::new();
    for Contents { schema, entries, ids } in contents {
        tables.push(TableOverview {
            schema: schema.rules.name,
            version: schema.rules.version,
            entries: entries.len(),
            size: None,
            entry_size: schema.rules.entry_size,
            types_size: schema.parts[Part::Types as usize].size,
            types: schema.parts[Part::Types as usize].bytes,
            displaced: ids.as_ref().map_or(0, |(_, displaced)| *displaced),
        });
    }
    let elf = image.image().elf();
    let built = match image {
        File::Object(_) => tables::build(elf, contents, Form::Relocatable, true),
        File::Linked(image) => linked_tables(image, contents, identity, true),
    };
    match built {
        Ok(built) => {
            for (table, summary) in tables.iter_mut().zip(built.summaries) {
                table.size = Some(summary.size);
            }
        }
        Err(found) => findings.extend(found),
    }
    tables
}

fn entries<'a>(image: &File<'a>, contents: &[Contents<'_, 'a>]) -> Vec<EntryOverview<'a>> {
    let mut entries = Vec::new();
    for Contents { schema, entries: all, ids } in contents {
        let ids = ids.as_ref().map_or(&[][..], |(ids, _)| ids);
        for (index, entry) in all.iter().enumerate() {
            entries.push(EntryOverview {
                schema: schema.rules.name,
                class: entry.class,
                name: entry.name,
                instance: entry.instance,
                id: ids.get(index).copied().unwrap_or_default(),
                type_id: entry.type_id,
                address: image.location(entry.address),
                bound: image.location(entry.bound),
                length: image.length(entry),
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

fn section(section: &Section<'_>) -> SectionOverview {
    SectionOverview {
        address: section.address,
        size: section.size,
        is_writable: section.flags & elf::SHF_WRITE.0 != 0,
        is_retained: section.flags & elf::SHF_GNU_RETAIN.0 != 0,
    }
}

pub(super) fn state(collected: &Collected<'_>) -> State {
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
        || elf
            .dynamic()?
            .iter()
            .any(|(tag, value, _)| *tag == elf::DT_FLAGS_1.0 && value & elf::DF_1_PIE.0 != 0);
    Ok(if is_program { ImageKind::PositionIndependent } else { ImageKind::SharedObject })
}
