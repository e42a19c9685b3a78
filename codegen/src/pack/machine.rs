//! The relocations of each architecture that the packer reads and writes.
//!
//! A pair holds pointers, and a table holds distances from its own header: one kind of relocation for each
//! of them is all that there is to know. Numbers are those of the processor supplements to the ELF
//! specification, by the names that the crate `object` gives them.

use object::Endianness;
use object::elf::*;

use super::finding::{Finding, Result};
use crate::diag::Code;

/// The distance from the place, which GNU binutils have added to the numbers of MIPS.
const R_MIPS_PC32: u32 = 248;

/// An architecture with its word size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) name: &'static str,
    /// A pointer, in objects and symbolic ones in linked files.
    pub(super) pointer: u32,
    /// Another number under which a pointer stands.
    pub(super) pointer_too: u32,
    /// A pointer into the loaded object itself.
    pub(super) relative: u32,
    /// The distance from the place to a symbol.
    pub(super) distance: Distance,
    /// Objects and linked files keep addends beside the relocation.
    pub(super) has_addends: bool,
    /// The linker may move code after its distances were computed.
    pub(super) relaxes_code: bool,
}

/// How the distance to a symbol is expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distance {
    /// One relocation relative to its place.
    OfPlace(u32),
    /// The symbol is added and another symbol subtracted.
    AddAndSubtract(u32, u32),
}

impl Machine {
    /// The architecture of a file.
    pub(super) fn new(machine: u16, word_size: u8, endian: Endianness) -> Result<Self> {
        let with_addends = |name, pointer, relative, distance: u32| Self {
            name,
            pointer,
            pointer_too: pointer,
            relative,
            distance: Distance::OfPlace(distance),
            has_addends: true,
            relaxes_code: false,
        };
        let in_place = |name, pointer, relative, distance| Self {
            has_addends: false,
            ..with_addends(name, pointer, relative, distance)
        };
        let is_big = endian == Endianness::Big;
        Ok(match (Id(machine), word_size) {
            (Id::X86_64, 8) => {
                with_addends("x86_64", R_X86_64_64.0, R_X86_64_RELATIVE.0, R_X86_64_PC64.0)
            }
            (Id::I386, 4) => in_place("i686", R_386_32.0, R_386_RELATIVE.0, R_386_PC32.0),
            (Id::AARCH64, 8) => {
                with_addends("aarch64", R_AARCH64_ABS64.0, R_AARCH64_RELATIVE.0, R_AARCH64_PREL64.0)
            }
            (Id::ARM, 4) => in_place("arm", R_ARM_ABS32.0, R_ARM_RELATIVE.0, R_ARM_REL32.0),
            (Id::RISCV, 8) => Self {
                distance: Distance::AddAndSubtract(R_RISCV_ADD64.0, R_RISCV_SUB64.0),
                relaxes_code: true,
                ..with_addends("riscv64", R_RISCV_64.0, R_RISCV_RELATIVE.0, 0)
            },
            (Id::PPC64, 8) => Self {
                pointer_too: R_PPC64_UADDR64.0,
                ..with_addends(
                    if is_big { "powerpc64" } else { "powerpc64le" },
                    R_PPC64_ADDR64.0,
                    R_PPC64_RELATIVE.0,
                    R_PPC64_REL64.0,
                )
            },
            (Id::S390, 8) => with_addends("s390x", R_390_64.0, R_390_RELATIVE.0, R_390_PC64.0),
            // A pointer into the object itself is one without a symbol.
            (Id::MIPS, 4) => Self {
                pointer_too: R_MIPS_REL32.0,
                ..in_place("mips", R_MIPS_32.0, R_MIPS_REL32.0, R_MIPS_PC32)
            },
            _ => {
                let what = format!(
                    "ELF machine {machine} with {word_size}-byte words is none that the packer \
                     knows"
                );
                return Err(Finding::new(Code::E0902, what).help(
                    "it knows x86_64, i686, aarch64, arm, riscv64, powerpc64, powerpc64le, s390x \
                     and mips; elsewhere the run-time registers annotations as they are: \
                     `adopt_unpacked`",
                ));
            }
        })
    }

    /// Whether a relocation makes a pointer to a symbol.
    pub(super) fn is_pointer(&self, kind: u32) -> bool {
        kind == self.pointer || kind == self.pointer_too
    }
}

/// The number of an architecture in the header of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Id(u16);

impl Id {
    const X86_64: Self = Self(EM_X86_64.0);
    const I386: Self = Self(EM_386.0);
    const AARCH64: Self = Self(EM_AARCH64.0);
    const ARM: Self = Self(EM_ARM.0);
    const RISCV: Self = Self(EM_RISCV.0);
    const PPC64: Self = Self(EM_PPC64.0);
    const S390: Self = Self(EM_S390.0);
    const MIPS: Self = Self(EM_MIPS.0);
}
