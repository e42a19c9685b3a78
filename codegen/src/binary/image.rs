//! The file around type information: an ELF file of any kind, or BTF by itself as the kernel shows it below
//! `/sys/kernel/btf`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gimli::Reader as _;
use object::{
    Architecture, Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, ReadRef,
};

use super::error::{Error, Result};
use crate::model::{ByteOrder, Target};

/// The formats of type information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What debuggers read.
    Dwarf,
    /// What the kernel reads.
    Btf,
}

impl Format {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dwarf => "DWARF",
            Self::Btf => "BTF",
        }
    }

    /// The section that errors are about.
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::Dwarf => ".debug_info",
            Self::Btf => ".BTF",
        }
    }
}

/// The sections of a binary that hold types.
pub struct Image<'d> {
    target: Target,
    format: Format,
    build_id: Option<Vec<u8>>,
    supplement: Option<Supplement>,
    sections: Sections<'d>,
}

/// The file that holds what several binaries have in common, as `dwz -m` makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplement {
    /// Where it is, from the folder of the binary.
    pub path: String,
    /// What identifies its build.
    pub id: Vec<u8>,
    /// Whether it is the image itself that others call theirs.
    is_own: bool,
}

/// Bytes of sections, by their names.
pub(super) struct Sections<'d> {
    endian: gimli::RunTimeEndian,
    bytes: BTreeMap<&'static str, Cow<'d, [u8]>>,
}

/// What types are in. Line numbers, places of variables and code are never looked at.
const DWARF_SECTIONS: [&str; 20] = [
    ".debug_info",
    ".debug_abbrev",
    ".debug_str",
    ".debug_str_offsets",
    ".debug_line_str",
    ".debug_types",
    ".debug_info.dwo",
    ".debug_abbrev.dwo",
    ".debug_str.dwo",
    ".debug_str_offsets.dwo",
    ".debug_types.dwo",
    ".debug_cu_index",
    ".debug_tu_index",
    ".debug_line_str.dwo",
    // The index of a package says where the part of a unit lies in each of these: they have to be there for that.
    ".debug_line.dwo",
    ".debug_loc.dwo",
    ".debug_loclists.dwo",
    ".debug_rnglists.dwo",
    ".debug_macinfo.dwo",
    ".debug_macro.dwo",
];

impl<'d> Image<'d> {
    /// Finds the sections: of the wanted format, or of DWARF, which says more, or of BTF. `target` is what the file
    /// was built for where it does not say so itself; an ELF file does.
    ///
    /// # Errors
    /// Where it is no ELF file and no BTF, of a machine that is none of the targets, or without types.
    pub fn parse<R: ReadRef<'d>>(
        data: R,
        wanted: Option<Format>,
        target: Option<Target>,
    ) -> Result<Self> {
        let magic = data.read_bytes_at(0, 2).unwrap_or(&[]);
        if let [0x9f, 0xeb] | [0xeb, 0x9f] = magic {
            return Self::of_btf(data, magic == [0x9f, 0xeb], wanted, target);
        }
        let elf = |error: object::Error| Error::Image(format!("this is no ELF file: {error}"));
        let file = object::File::parse(data).map_err(elf)?;
        if file.format() != object::BinaryFormat::Elf {
            let what = format!("this is a {:?} file; ELF files and BTF are read", file.format());
            return Err(Error::Image(what));
        }
        let order = match file.endianness() {
            Endianness::Little => ByteOrder::Little,
            Endianness::Big => ByteOrder::Big,
        };
        let own = target_of(&file);
        // Of a machine that is no target, a program for BPF for one, whoever names a target knows.
        let word_size = own.is_ok().then(|| if file.is_64() { 8 } else { 4 });
        let target = fits(target.map_or(own, Ok)?, order, word_size)?;
        let endian = match file.endianness() {
            Endianness::Little => gimli::RunTimeEndian::Little,
            Endianness::Big => gimli::RunTimeEndian::Big,
        };
        let has = |name: &str| file.section_by_name(name).is_some_and(|it| it.size() > 0);
        let has_dwarf = has(".debug_info") || has(".debug_info.dwo") || has(".zdebug_info");
        let format = match (wanted, has_dwarf, has(".BTF")) {
            (None | Some(Format::Dwarf), true, _) => Format::Dwarf,
            (None | Some(Format::Btf), _, true) => Format::Btf,
            (Some(wanted @ Format::Dwarf), _, true) | (Some(wanted @ Format::Btf), true, _) => {
                let found = if wanted == Format::Btf { Format::Dwarf } else { Format::Btf };
                let (wanted, found) = (wanted.name(), found.name());
                return Err(Error::OtherTypes { wanted, found });
            }
            (Some(wanted), ..) => {
                return Err(Error::NoTypes(format!("the binary has no {}", wanted.name())));
            }
            (None, false, false) => {
                let what = "the binary has no type information, neither DWARF nor BTF";
                return Err(Error::NoTypes(what.to_owned()));
            }
        };
        let names: &[&'static str] = match format {
            Format::Dwarf => &DWARF_SECTIONS,
            Format::Btf => &[".BTF", ".BTF.base"],
        };
        let mut bytes = BTreeMap::new();
        for name in names {
            if let Some(found) = section(&file, name)? {
                bytes.insert(*name, found);
            }
        }
        let build_id = file.build_id().ok().flatten().map(<[u8]>::to_vec);
        let supplement = match format {
            Format::Dwarf => supplement(&file, endian)?,
            Format::Btf => None,
        };
        let sections = Sections { endian, bytes };
        Ok(Self { target, format, build_id, supplement, sections })
    }

    fn of_btf<R: ReadRef<'d>>(
        data: R,
        is_little: bool,
        wanted: Option<Format>,
        target: Option<Target>,
    ) -> Result<Self> {
        /// More than the offsets in a header can reach.
        const LARGEST: u64 = 16 << 30;
        if wanted == Some(Format::Dwarf) {
            let (wanted, found) = (Format::Dwarf.name(), Format::Btf.name());
            return Err(Error::OtherTypes { wanted, found });
        }
        let (order, endian) = match is_little {
            true => (ByteOrder::Little, gimli::RunTimeEndian::Little),
            false => (ByteOrder::Big, gimli::RunTimeEndian::Big),
        };
        let length = data.len().unwrap_or(0).min(LARGEST);
        let bytes = data.read_bytes_at(0, length);
        let bytes = bytes.map_err(|()| Error::Image("the file cannot be read".to_owned()))?;
        // The kernel's own is that of this machine; another one is told by its byte order alone, and its words are
        // looked at by the reader.
        let target = match target {
            Some(target) => fits(target, order, None)?,
            None => {
                let fits = |target: &Target| target.info().byte_order == order;
                let target = Target::host().filter(fits).or(Target::all().find(fits));
                target.ok_or_else(|| Error::Image("no target has this byte order".to_owned()))?
            }
        };
        let bytes = BTreeMap::from([(".BTF", Cow::Borrowed(bytes))]);
        let sections = Sections { endian, bytes };
        Ok(Self { target, format: Format::Btf, build_id: None, supplement: None, sections })
    }

    /// The target that it was built for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Where its types are.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// What identifies the build, if it has that.
    #[must_use]
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id.as_deref()
    }

    /// The file that a part of its types is in, if there is one.
    #[must_use]
    pub fn supplement(&self) -> Option<&Supplement> {
        self.supplement.as_ref().filter(|it| !it.is_own)
    }

    /// Whether this is the file that another image speaks of.
    #[must_use]
    pub fn is(&self, supplement: &Supplement) -> bool {
        let own = self.supplement.as_ref().filter(|it| it.is_own);
        let id = own.map(|it| it.id.as_slice()).or(self.build_id());
        id == Some(&supplement.id)
    }

    pub(super) fn sections(&self) -> &Sections<'d> {
        &self.sections
    }
}

impl Sections<'_> {
    /// The bytes of a section; none where there is none.
    pub(super) fn get(&self, name: &str) -> &[u8] {
        self.bytes.get(name).map_or(&[], |bytes| bytes)
    }

    pub(super) fn endian(&self) -> gimli::RunTimeEndian {
        self.endian
    }
}

/// What a file says of the one that it shares with others: as DWARF 5 has it, or as GNU had it before.
fn supplement<'d, R: ReadRef<'d>>(
    file: &object::File<'d, R>,
    endian: gimli::RunTimeEndian,
) -> Result<Option<Supplement>> {
    const SECTION: &str = ".debug_sup";
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    if let Some(bytes) = section(file, SECTION)? {
        let damaged = |error: gimli::Error| Error::at(SECTION, 0, error.to_string());
        let mut reader = gimli::EndianSlice::new(&bytes, endian);
        let _version = reader.read_u16().map_err(damaged)?;
        let is_own = reader.read_u8().map_err(damaged)? != 0;
        let path = reader.read_null_terminated_slice().map_err(damaged)?;
        let length = reader.read_uleb128().map_err(damaged)?;
        let id = usize::try_from(length).map_err(|_| gimli::Error::UnsupportedOffset);
        let id = id.and_then(|length| reader.split(length)).map_err(damaged)?;
        return Ok(Some(Supplement { path: text(path.slice()), id: id.to_vec(), is_own }));
    }
    let link = file.gnu_debugaltlink();
    let link = link.map_err(|error| Error::at(".gnu_debugaltlink", 0, error.to_string()))?;
    Ok(link.map(|(path, id)| Supplement { path: text(path), id: id.to_vec(), is_own: false }))
}

/// The bytes of a section, decompressed, and in an object file with its relocations applied.
fn section<'d, R: ReadRef<'d>>(
    file: &object::File<'d, R>,
    name: &str,
) -> Result<Option<Cow<'d, [u8]>>> {
    let Some(section) = file.section_by_name(name) else { return Ok(None) };
    let failed =
        |error: object::Error| Error::Image(format!("section `{name}` cannot be read: {error}"));
    let bytes = section.uncompressed_data().map_err(failed)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if file.kind() != object::ObjectKind::Relocatable {
        return Ok(Some(bytes));
    }
    // Before they are linked, types that several files share stand in sections of their own, all of one name.
    let mut all = Vec::new();
    for section in file.sections().filter(|it| it.name() == Ok(name)) {
        let bytes = section.uncompressed_data().map_err(failed)?;
        all.extend(relocated(file, &section, bytes.into_owned()));
    }
    Ok(Some(Cow::Owned(all)))
}

/// In an object file, offsets into other sections wait for the linker. What they are relative to begins at 0.
fn relocated<'d, R: ReadRef<'d>>(
    file: &object::File<'d, R>,
    section: &object::Section<'d, '_, R>,
    mut bytes: Vec<u8>,
) -> Vec<u8> {
    let is_little = file.endianness() == Endianness::Little;
    for (offset, relocation) in section.relocations() {
        let size = usize::from(relocation.size() / 8);
        let is_plain = matches!(
            relocation.kind(),
            object::RelocationKind::Absolute | object::RelocationKind::SectionOffset
        );
        let object::RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
        let Ok(symbol) = file.symbol_by_index(symbol) else { continue };
        let range = usize::try_from(offset).ok().and_then(|at| Some(at..at.checked_add(size)?));
        let place = range.and_then(|range| bytes.get_mut(range));
        let (Some(place), true, 1..=8) = (place, is_plain, size) else { continue };
        let mut word = [0; 8];
        if relocation.has_implicit_addend() {
            for (index, byte) in place.iter().enumerate() {
                let at = if is_little { index } else { size - 1 - index };
                if let Some(to) = word.get_mut(at) {
                    *to = *byte;
                }
            }
        }
        let value = u64::from_le_bytes(word)
            .wrapping_add(symbol.address())
            .wrapping_add_signed(relocation.addend());
        let value = value.to_le_bytes();
        for (index, byte) in place.iter_mut().enumerate() {
            let at = if is_little { index } else { size - 1 - index };
            *byte = value.get(at).copied().unwrap_or(0);
        }
    }
    bytes
}

/// The target, if the binary can be of it.
fn fits(target: Target, order: ByteOrder, word_size: Option<u8>) -> Result<Target> {
    let info = target.info();
    let name = target.name();
    if info.byte_order != order {
        return Err(Error::Image(format!("the binary has another byte order than {name}")));
    }
    match word_size.filter(|size| *size != info.word_size) {
        None => Ok(target),
        Some(size) => {
            let (there, here) = (u32::from(size) * 8, u32::from(info.word_size) * 8);
            let what = format!("the binary is of a machine of {there} bits, and {name} has {here}");
            Err(Error::Image(what))
        }
    }
}

fn target_of<'d, R: ReadRef<'d>>(file: &object::File<'d, R>) -> Result<Target> {
    let is_little = file.endianness() == Endianness::Little;
    let name = match (file.architecture(), is_little) {
        (Architecture::X86_64, true) => "x86_64",
        (Architecture::I386, true) => "i686",
        (Architecture::Aarch64, true) => "aarch64",
        (Architecture::Arm, true) => "armv7",
        (Architecture::Riscv64, true) => "riscv64",
        (Architecture::Riscv32, true) => "riscv32",
        (Architecture::PowerPc64, false) => "powerpc64",
        (Architecture::PowerPc64, true) => "powerpc64le",
        (Architecture::S390x, false) => "s390x",
        (Architecture::Mips, false) => "mips",
        (other, _) => {
            let what = format!("the binary was built for {other:?}, which is none of the targets");
            return Err(Error::Image(what));
        }
    };
    Target::from_name(name).ok_or_else(|| Error::Image(format!("`{name}` is no target")))
}
