//! The packer: annotations in an image become the tables that everybody reads.
//!
//! Data goes one way: bytes -> `elf` (one shape for every ELF file) -> `linked` or `relocatable` (where the
//! annotations stand, what their pointers point at) -> `entries` (checked against `schemas`) -> `tables`
//! (bytes) -> edits of the image. Everything is decided before a byte changes: an image with findings stays as
//! it is. Nothing here reads or writes a file.

mod checkup;
mod dynamic;
mod elf;
mod entries;
mod file;
mod finding;
mod identity;
mod ids;
mod image;
mod linked;
mod machine;
mod overview;
mod places;
mod relocatable;
mod schemas;
mod tables;

pub use file::Location;
pub use finding::{Finding, SourcePlace};
pub use image::{FoundBy, RootOverview};
pub use overview::{
    EntryOverview, ImageKind, Overview, SectionOverview, State, TableOverview, overview, unexpected,
};
pub use schemas::SchemaFile;
pub use tables::Summary;

use crate::binary::DebugInformation;
use crate::diag::Code;
use elf::{Elf, Kind, Place};
use entries::Collected;
use finding::{MOST_FINDINGS, Result, Results, shown};
use image::{Image, Target};
use linked::Linked;
use relocatable::Relocatable;
use tables::{Contents, Form, Tables};

/// What is wanted of the packer.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Schemas of annotations whose descriptor is defined in another file.
    pub schemas: &'a [SchemaFile<'a>],
    /// Where the places come from that no compiler could tell; the image itself without it.
    pub debug: Option<&'a dyn DebugInformation>,
    /// Leave type information out of the tables.
    pub without_types: bool,
    /// Put the tables into a file of their own, and leave the image as it is.
    pub detached: bool,
    /// With `detached`: remove the annotations from the image.
    pub remove_annotations: bool,
    /// Take the signature of a kernel module away, which would no longer hold.
    pub drop_signature: bool,
    /// Warnings that are known and wanted.
    pub allow: &'a [Code],
}

/// An image after packing.
#[derive(Debug)]
pub struct Packed {
    /// The new bytes; `None` where they are those that were given.
    pub image: Option<Vec<u8>>,
    /// The tables for a file of their own, if that was wanted.
    pub detached: Option<Vec<u8>>,
    /// The tables, in order.
    pub tables: Vec<Summary>,
    /// Annotations that were found.
    pub annotations: usize,
    /// Bytes that these took.
    pub annotation_bytes: u64,
    /// Annotations that repeated another one.
    pub repeated: usize,
    /// Places of fields that were found by debug information.
    pub places: usize,
    /// What keeps readers from finding the tables.
    pub warnings: Vec<Finding>,
}

/// Packs an image. It is refused whole where anything is wrong with it.
pub fn pack(image: &[u8], options: &Options<'_>) -> std::result::Result<Packed, Vec<Finding>> {
    let bytes = without_signature(image, options)?;
    let elf = Elf::parse(bytes)?;
    if elf.sections.is_empty() {
        // Its annotations may be there all the same, where only section headers would lead to them.
        let what = "it has no section headers, which the packer needs";
        let finding = Finding::new(Code::E0902, what);
        return Err(finding.help("pack before the section headers are removed").into());
    }
    let mut packed = if elf.kind == Kind::Relocatable {
        let image = Relocatable::read(elf)?;
        pack_relocatable(&image, options)
    } else {
        let image = Linked::read(elf)?;
        pack_linked(&image, options)
    }?;
    if packed.image.is_none() && bytes.len() != image.len() {
        packed.image = Some(bytes.to_vec());
    }
    Ok(packed)
}

fn pack_relocatable(image: &Relocatable<'_>, options: &Options<'_>) -> Results<Packed> {
    if options.detached {
        let what = "an object file has no addresses yet that a table of its own could hold";
        let finding = Finding::new(Code::E0902, what);
        return Err(finding.help("pack the linked program with `--detached`").into());
    }
    if image.is_in_group() {
        return Err(in_group().into());
    }
    let collected = collect(image, options)?;
    if collected.annotations == 0 && collected.tables == 0 {
        // What a runtime keeps in the section, so that it exists, stays.
        return Ok(Packed::new(None, None, Vec::new(), &collected));
    }
    let contents = tables::contents(&collected);
    let tables = tables::build(image.elf(), &contents, Form::Relocatable, !options.without_types)?;
    let summaries = tables.summaries.clone();
    let mut edits = image.write(tables)?;
    places::write(image, &collected, &mut edits);
    let bytes = edits.apply(image.elf().bytes)?;
    Ok(Packed::new(bytes, None, summaries, &collected))
}

fn pack_linked<'a>(image: &Linked<'a>, options: &Options<'a>) -> Results<Packed> {
    let mut collected = collect(image, options)?;
    let identity = identity::of(image.elf(), &collected);
    let with_types = !options.without_types;
    if !options.detached {
        let tables = linked_tables(image, &tables::contents(&collected), &identity, with_types)?;
        let summaries = tables.summaries.clone();
        let warning = if summaries.is_empty() { None } else { checkup::hard_to_find(image) };
        let warning = warning.filter(|it| !options.allow.contains(&it.code));
        // What was packed for its cores could not be read in any, and nobody would know before one is there.
        if let (Some(warning), None) = (&warning, image.root()) {
            return Err(warning.clone().denied().into());
        }
        let mut edits = image.write(tables)?;
        places::write(image, &collected, &mut edits);
        let bytes = edits.apply(image.elf().bytes)?;
        let packed = Packed::new(bytes, None, summaries, &collected);
        return Ok(Packed { warnings: warning.into_iter().collect(), ..packed });
    }
    with_addresses(image, &mut collected)?;
    let form = Form::Detached { identity: &identity };
    let Tables { bytes: detached, summaries, .. } =
        tables::build(image.elf(), &tables::contents(&collected), form, with_types)?;
    let bytes = match options.remove_annotations {
        true => image.write(Tables::default())?.apply(image.elf().bytes)?,
        false => None,
    };
    Ok(Packed::new(bytes, Some(detached), summaries, &collected))
}

/// The tables that take the place of the annotations.
fn linked_tables(
    image: &Linked<'_>,
    contents: &[Contents<'_, '_>],
    identity: &[u8],
    with_types: bool,
) -> Results<Tables> {
    let addresses = image.addresses().unwrap_or_default();
    let room = addresses.end - addresses.start;
    let rows = Contents::rows_size(contents);
    if rows > room {
        return Err(linked::no_room(rows, room).into());
    }
    let build = |identity| {
        let form = Form::Linked { address: addresses.start, identity };
        tables::build(image.elf(), contents, form, with_types)
    };
    let tables = build(identity)?;
    // What was linked from packed objects has no room to spare; its build-id stands in a note too.
    let fits = tables.bytes.len() as u64 <= room;
    if fits { Ok(tables) } else { build(&[]) }
}

/// Reads the annotations and stops if anything is wrong with them.
fn collect<'a>(image: &dyn Image<'a>, options: &Options<'a>) -> Results<Collected<'a>> {
    let mut collected = collect_all(image, options.schemas)?;
    if options.without_types {
        let secretive = collected.schemas.iter();
        let secretive = secretive.filter_map(|it| it.needs_types(image.elf().word_size));
        collected.findings.extend(secretive);
    }
    if collected.findings.is_empty() {
        if !options.without_types {
            collected.places = places::settle(image, &mut collected, options)?;
        }
        return Ok(collected);
    }
    let mut findings = std::mem::take(&mut collected.findings);
    finding::put_in_order(&mut findings);
    Err(findings)
}

/// Reads the annotations and the tables of an image, and what is wrong with them.
fn collect_all<'a>(image: &dyn Image<'a>, schemas: &[SchemaFile<'a>]) -> Result<Collected<'a>> {
    let strays = strays(image.elf())?;
    let mut collected = entries::collect(image, image.chunks(), schemas);
    collected.findings.extend(strays);
    entries::without_repetitions(&mut collected);
    Ok(collected)
}

fn in_group() -> Finding {
    let what = "annotations stand in a group that the linker may drop";
    Finding::new(Code::E0912, what)
        .help("annotate variables of one object, outside inline functions and templates")
}

/// Annotations that a compiler put elsewhere, as g++ does with those in templates.
fn strays(elf: &Elf<'_>) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for (index, table) in elf.sections.iter().enumerate() {
        if table.kind != object::elf::SHT_SYMTAB {
            continue;
        }
        for symbol in elf.symbols(index)? {
            let Place::Section(section) = symbol.place else { continue };
            let Some(section) = elf.sections.get(section as usize) else { continue };
            let is_variable = symbol.kind == object::elf::STT_OBJECT;
            if !is_variable || section.name == image::SECTION || !is_pairs(symbol.name) {
                continue;
            }
            let what = format!(
                "the annotation `{}` stands in section `{}`, where nobody looks for it",
                shown(&String::from_utf8_lossy(symbol.name)),
                shown(&String::from_utf8_lossy(section.name))
            );
            if found.len() == MOST_FINDINGS {
                return Ok(found);
            }
            found.push(Finding::new(Code::E0912, what).help(
                "move it out of the inline function or the template: g++ ignores its section there",
            ));
        }
    }
    Ok(found)
}

/// Whether a symbol is a variable of annotations, whose name stands at the end of one that C++ has mangled.
fn is_pairs(name: &[u8]) -> bool {
    let end = &name[name.len().saturating_sub(256)..];
    end.windows(PAIRS.len()).any(|it| it == PAIRS)
}

/// What the names of the generated macros begin with.
const PAIRS: &[u8] = b"inspect_pairs_";

/// A table in a file of its own cannot say "whatever the symbol turns out to be".
fn with_addresses(image: &Linked<'_>, collected: &mut Collected<'_>) -> Results<()> {
    let mut findings = Vec::new();
    for (_, entry) in &mut collected.entries {
        let place = entries::place(entry);
        for target in [&mut entry.address, &mut entry.bound] {
            if let Some(found) = image.defined_here(*target) {
                *target = found;
                continue;
            }
            let Target::Symbol { symbol, .. } = *target else { continue };
            let what = format!("`{}` is not defined here", shown(&image.symbol_name(symbol)));
            findings.push(
                Finding::new(Code::E0911, what).at(place.clone()).help(
                    "pack without `--detached`, or annotate it in the object that defines it",
                ),
            );
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// What a kernel module has behind its end when it is signed.
const SIGNATURE_END: &[u8] = b"~Module signature appended~\n";

/// The image without the signature of a kernel module, if it may be taken away.
fn without_signature<'a>(image: &'a [u8], options: &Options<'_>) -> Result<&'a [u8]> {
    let Some(signed) = signed_part(image)? else { return Ok(image) };
    if !options.drop_signature {
        return Err(Finding::new(Code::E0902, "this kernel module is signed")
            .help("pack it before it is signed; `--drop-signature` takes the signature away"));
    }
    Ok(signed)
}

/// What the signature of a kernel module stands behind; nothing if there is none.
fn signed_part(image: &[u8]) -> Result<Option<&[u8]>> {
    let Some(signed) = image.strip_suffix(SIGNATURE_END) else { return Ok(None) };
    // The signature's length stands at the end of a record of 12 bytes.
    let length = signed.last_chunk::<4>().map(|it| u32::from_be_bytes(*it) as usize);
    let rest = length.and_then(|length| signed.len().checked_sub(length + 12));
    let rest = rest.ok_or_else(|| elf::broken("its signature is longer than the file"))?;
    Ok(Some(&signed[..rest]))
}

impl Packed {
    fn new(
        image: Option<Vec<u8>>,
        detached: Option<Vec<u8>>,
        tables: Vec<Summary>,
        collected: &Collected<'_>,
    ) -> Self {
        Self {
            image,
            detached,
            tables,
            annotations: collected.annotations,
            annotation_bytes: collected.annotation_bytes,
            repeated: collected.repeated,
            places: collected.places,
            warnings: Vec::new(),
        }
    }
}
