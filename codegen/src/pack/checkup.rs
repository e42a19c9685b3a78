//! What is wrong with an image, or will be: each question that `doctor` asks, and the warning that answers it.

use inspect_format::abi::{Root, core_properties, extent, space};
use inspect_format::bits;
use inspect_format::descriptor::Part;
use inspect_format::root::offset_address;
use object::elf;

use super::elf::{Elf, Section};
use super::entries::{Collected, Entry};
use super::file::File;
use super::finding::{Finding, SourcePlace, shown};
use super::image::{FoundBy, Image as _, Target};
use super::linked::Linked;
use super::overview::{ImageKind, State, TableOverview, state};
use crate::diag::Code;

/// How many findings of one kind are spelled out.
const SPELLED_OUT: usize = 8;

/// Asks all questions.
pub(super) fn checkup<'a>(
    kind: ImageKind,
    image: &File<'a>,
    collected: &Collected<'a>,
    tables: &[TableOverview<'_>],
) -> Vec<Finding> {
    let mut checkup = Checkup { kind, image, collected, findings: Vec::new() };
    checkup.is_packed();
    checkup.is_kept();
    checkup.is_found(tables);
    checkup.is_in_core();
    checkup.is_inside();
    checkup.overlaps();
    checkup.findings
}

struct Checkup<'i, 'a> {
    kind: ImageKind,
    image: &'i File<'a>,
    collected: &'i Collected<'a>,
    findings: Vec<Finding>,
}

impl Checkup<'_, '_> {
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
        if self.image.sections().next().is_some() && elf.has_intermediate_code() {
            let what = "a linker with link-time optimisation takes the other form of this object, \
                        with its annotations as they were compiled";
            self.findings
                .push(Finding::new(Code::W0906, what).help(
                    "pack the program after it was linked, whatever was done to its objects",
                ));
        }
    }

    /// Whether anybody finds the tables of a linked image.
    fn is_found(&mut self, tables: &[TableOverview<'_>]) {
        let File::Linked(image) = self.image else { return };
        if self.collected.entries.is_empty() {
            return;
        }
        self.findings.extend(hard_to_find(image));
        let size = tables.iter().try_fold(0, |sum, table| Some(sum + table.size?));
        let packed = (state(self.collected) == State::Packed).then_some(());
        if let (Some(root), Some(section), Some(size), Some(())) =
            (image.root(), image.addresses(), size, packed)
            && root_leads_to(image.elf(), root.address)
                != Some((section.start, section.start.wrapping_add(size)))
        {
            let what = "the root does not lead to the tables";
            self.findings
                .push(Finding::new(Code::W0903, what).help("pack it again: `inspect-gen pack`"));
        }
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
                what.push(format!("the description of schema `{}`", shown(schema.rules.name)));
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
            if section == File::NOWHERE {
                continue;
            }
            let length = match entry.extent {
                extent::INDIRECT | extent::COUNTED => u64::from(self.image.image().elf().word_size),
                _ => self.image.length(entry).unwrap_or(0),
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
            let length = self.image.length(entry).unwrap_or(0);
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

/// What keeps readers from finding the tables of an image.
pub(super) fn hard_to_find(image: &Linked<'_>) -> Option<Finding> {
    let note = "keep the note section `.note.inspect`, in the linker script and in what `objcopy` \
                makes of it";
    let (what, help) = match image.root().map(|root| root.found_by) {
        Some(FoundBy::Note) => return None,
        Some(FoundBy::Symbol) => (
            "only a symbol leads to the root: `strip` takes it away, and a core does not hold it",
            note,
        ),
        Some(FoundBy::DynamicSymbol) => {
            ("only a symbol leads to the root: a core does not hold it", note)
        }
        None => (
            "it has no root: its tables are found in this file, by their section, and neither in a \
             process nor in a core",
            "link it with the runtime: `out/c/inspect_runtime.c`, which `--emit c` writes, or the \
             crate `inspect-runtime`; out of an archive with `-Wl,-u,inspect_root_here`",
        ),
    };
    Some(Finding::new(Code::W0903, what).help(help))
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

/// The bounds that a root in the file leads to.
fn root_leads_to(elf: &Elf<'_>, root: u64) -> Option<(u64, u64)> {
    let bytes = elf.at(root, Root::SIZE as u64)?;
    let field = |at: usize| {
        let distance = bits::read(bytes, at as u64 * 8, 64, elf.order)?;
        Some(offset_address(root, distance, elf.word_size))
    };
    Some((field(Root::COMPILE_TABLE_AT)?, field(Root::COMPILE_END_AT)?))
}

fn called(entry: &Entry<'_>) -> String {
    format!("`{}` {} of class `{}`", shown(entry.name), entry.instance, shown(entry.class))
}

/// Where an entry was annotated; nothing for one that is packed.
fn place(entry: &Entry<'_>) -> Option<SourcePlace> {
    (!entry.file.is_empty() || entry.line > 0).then(|| super::entries::place(entry))
}

fn count(number: usize, one: &str, many: &str) -> String {
    count_u64(number as u64, one, many)
}

fn count_u64(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
