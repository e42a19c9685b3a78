//! The file around type information: an ELF file of any kind, or BTF by itself as the kernel shows it below
//! `/sys/kernel/btf`.

use std::borrow::Cow;

use object::{Architecture, Endianness, Object as _, ObjectSection as _, ReadRef};

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
    build_id: Option<Vec<u8>>,
    btf: Option<Cow<'d, [u8]>>,
    btf_base: Option<Cow<'d, [u8]>>,
}

impl<'d> Image<'d> {
    /// Finds the sections. `target` is what the file was built for where it does not say so itself; an ELF file
    /// does.
    ///
    /// # Errors
    /// Where it is no ELF file and no BTF, or of a machine that is none of the targets.
    pub fn parse<R: ReadRef<'d>>(data: R, target: Option<Target>) -> Result<Self> {
        let magic = data.read_bytes_at(0, 2).unwrap_or(&[]);
        if let [0x9f, 0xeb] | [0xeb, 0x9f] = magic {
            return Self::of_btf(data, magic == [0x9f, 0xeb], target);
        }
        let elf = |error: object::Error| Error::Image(format!("this is no ELF file: {error}"));
        let file = object::File::parse(data).map_err(elf)?;
        if file.format() != object::BinaryFormat::Elf {
            let what = format!("this is a {:?} file; ELF files and BTF are read", file.format());
            return Err(Error::Image(what));
        }
        let target = match target {
            Some(target) => target,
            None => target_of(&file)?,
        };
        let btf = section(&file, ".BTF")?;
        let btf_base = section(&file, ".BTF.base")?;
        let build_id = file.build_id().ok().flatten().map(<[u8]>::to_vec);
        Ok(Self { target, build_id, btf, btf_base })
    }

    fn of_btf<R: ReadRef<'d>>(data: R, is_little: bool, target: Option<Target>) -> Result<Self> {
        /// More than the offsets in a header can reach.
        const LARGEST: u64 = 16 << 30;
        let order = if is_little { ByteOrder::Little } else { ByteOrder::Big };
        let length = data.len().unwrap_or(0).min(LARGEST);
        let bytes = data.read_bytes_at(0, length);
        let bytes = bytes.map_err(|()| Error::Image("the file cannot be read".to_owned()))?;
        // The kernel's own is that of this machine; another one is told by its byte order alone.
        let fits = |target: &Target| target.info().byte_order == order;
        let target = target.or(Target::host().filter(fits)).or(Target::all().find(fits));
        let target =
            target.ok_or_else(|| Error::Image("no target has this byte order".to_owned()))?;
        Ok(Self { target, build_id: None, btf: Some(Cow::Borrowed(bytes)), btf_base: None })
    }

    /// The target that it was built for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// What identifies the build, if it has that.
    #[must_use]
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id.as_deref()
    }

    /// The format to read: the wanted one, else DWARF, which says more.
    pub(super) fn choose(&self, wanted: Option<Format>) -> Result<Format> {
        let format = match wanted {
            Some(wanted) => wanted,
            None => Format::Btf,
        };
        match format {
            Format::Btf => self.btf().map(|_| format),
            Format::Dwarf => Err(Error::NoTypes("the binary has no DWARF".to_owned())),
        }
    }

    pub(super) fn btf(&self) -> Result<&[u8]> {
        self.btf.as_deref().ok_or_else(|| Error::NoTypes("the binary has no BTF".to_owned()))
    }

    pub(super) fn btf_base(&self) -> Option<&[u8]> {
        self.btf_base.as_deref()
    }
}

/// The bytes of a section, decompressed.
fn section<'d, R: ReadRef<'d>>(
    file: &object::File<'d, R>,
    name: &str,
) -> Result<Option<Cow<'d, [u8]>>> {
    let Some(section) = file.section_by_name(name) else { return Ok(None) };
    match section.uncompressed_data() {
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => Err(Error::Image(format!("section `{name}` cannot be read: {error}"))),
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
