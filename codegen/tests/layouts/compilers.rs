//! The C compilers that decide, and what their objects say.

use std::path::Path;
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};

use crate::print::{self, Asked};
use crate::shape::Program;

/// A C compiler for a target.
pub(crate) struct Compiler {
    /// The name of the target in the language.
    pub(crate) target: &'static str,
    pub(crate) program: &'static str,
    arguments: &'static [&'static str],
}

/// GCC and Clang for each target. The hosted ones are asked for freestanding headers, so that none needs a C library.
pub(crate) const COMPILERS: &[Compiler] = &[
    gcc("x86_64", "x86_64-linux-gnu-gcc", &[]),
    gcc("i686", "i686-linux-gnu-gcc", &[]),
    gcc("aarch64", "aarch64-linux-gnu-gcc", &[]),
    gcc("armv7", "arm-linux-gnueabihf-gcc", &[]),
    gcc("arm-none-eabi", "arm-none-eabi-gcc", &[]),
    gcc("riscv64", "riscv64-linux-gnu-gcc", &[]),
    gcc("riscv32", "riscv64-linux-gnu-gcc", &["-march=rv32imac", "-mabi=ilp32"]),
    gcc("powerpc64", "powerpc64-linux-gnu-gcc", &[]),
    gcc("powerpc64le", "powerpc64le-linux-gnu-gcc", &[]),
    gcc("s390x", "s390x-linux-gnu-gcc", &[]),
    gcc("mips", "mips-linux-gnu-gcc", &[]),
    clang("x86_64", &["--target=x86_64-linux-gnu"]),
    clang("i686", &["--target=i686-linux-gnu"]),
    clang("aarch64", &["--target=aarch64-linux-gnu"]),
    clang("armv7", &["--target=arm-linux-gnueabihf"]),
    // GCC for bare metal makes enums short unasked.
    clang("arm-none-eabi", &["--target=arm-none-eabi", "-fshort-enums"]),
    clang("riscv64", &["--target=riscv64-linux-gnu"]),
    clang("riscv32", &["--target=riscv32-unknown-elf"]),
    clang("powerpc64", &["--target=powerpc64-linux-gnu"]),
    clang("powerpc64le", &["--target=powerpc64le-linux-gnu"]),
    clang("s390x", &["--target=s390x-linux-gnu"]),
    clang("mips", &["--target=mips-linux-gnu"]),
];

const fn gcc(
    target: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
) -> Compiler {
    Compiler { target, program, arguments }
}

const fn clang(target: &'static str, arguments: &'static [&'static str]) -> Compiler {
    Compiler { target, program: "clang", arguments }
}

/// The layout of one aggregate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) align: u64,
    pub(crate) fields: Vec<FoundField>,
}

/// The place of one field: bytes, or for a bit-field its first bit and its width.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FoundField {
    pub(crate) name: String,
    pub(crate) place: Place,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Bytes { offset: u64, size: u64 },
    Bits { first: u64, width: u64 },
}

impl Compiler {
    /// Whether it is installed.
    pub(crate) fn is_present(&self) -> bool {
        Command::new(self.program).arg("--version").output().is_ok_and(|run| run.status.success())
    }

    /// Compiles the program in `folder` and reads the facts back; the error is the compiler's own.
    pub(crate) fn layouts(&self, program: &Program, folder: &Path) -> Result<Vec<Found>, String> {
        let source = folder.join(format!("{}.c", self.target));
        let object = folder.join(format!("{}.o", self.target));
        std::fs::write(&source, print::c(program)).map_err(|error| error.to_string())?;
        let run = Command::new(self.program)
            .args(["-std=gnu11", "-ffreestanding", "-w", "-O0", "-c", "-o"])
            .arg(&object)
            .args(self.arguments)
            .arg(&source)
            .output()
            .map_err(|error| error.to_string())?;
        if !run.status.success() {
            let stderr = String::from_utf8_lossy(&run.stderr);
            return Err(format!("{} refuses the C file:\n{stderr}", self.program));
        }
        let bytes = std::fs::read(&object).map_err(|error| error.to_string())?;
        read(program, &bytes).ok_or_else(|| "the object lacks a fact".to_owned())
    }
}

fn read(program: &Program, bytes: &[u8]) -> Option<Vec<Found>> {
    let object = object::File::parse(bytes).ok()?;
    let mut out = Vec::new();
    for definition in &program.structs {
        let number = definition.number;
        let facts = variable(&object, &format!("facts_{number}"))?;
        let mut facts = facts.chunks_exact(8).map(|word| {
            let word: [u8; 8] = word.try_into().unwrap_or_default();
            if object.is_little_endian() {
                u64::from_le_bytes(word)
            } else {
                u64::from_be_bytes(word)
            }
        });
        let mut bit_fields = 0;
        for aggregate in print::asked(definition) {
            let mut next_bits = || {
                let name = format!("bits_{number}_{bit_fields}");
                bit_fields += 1;
                variable(&object, &name).and_then(|bytes| ones(bytes, object.is_little_endian()))
            };
            out.push(read_aggregate(aggregate, &mut facts, &mut next_bits)?);
        }
    }
    Some(out)
}

fn read_aggregate(
    asked: Asked,
    facts: &mut impl Iterator<Item = u64>,
    next_bits: &mut impl FnMut() -> Option<(u64, u64)>,
) -> Option<Found> {
    let (size, align, start) = (facts.next()?, facts.next()?, facts.next()?);
    let mut fields = Vec::new();
    for field in asked.fields {
        let place = if field.bits.is_some() {
            let (first, width) = next_bits()?;
            Place::Bits { first: first - start * 8, width }
        } else {
            Place::Bytes { offset: facts.next()? - start, size: facts.next()? }
        };
        fields.push(FoundField { name: field.name, place });
    }
    Some(Found { path: asked.path, size, align, fields })
}

/// The bytes of a variable, up to the end of its section where the object states no size.
fn variable<'data>(object: &object::File<'data>, name: &str) -> Option<&'data [u8]> {
    let symbol = object.symbols().find(|symbol| symbol.name() == Ok(name))?;
    let section = object.section_by_index(symbol.section_index()?).ok()?;
    let data = section.data().ok()?;
    let start = usize::try_from(symbol.address().checked_sub(section.address())?).ok()?;
    data.get(start..start.checked_add(usize::try_from(symbol.size()).ok()?)?)
}

/// The first of the ones and how many there are, counted as DWARF counts: in memory order, and in a byte from
/// the least significant bit on little-endian targets, from the most significant one on others. `None` where
/// they are not in one piece.
fn ones(bytes: &[u8], little_endian: bool) -> Option<(u64, u64)> {
    let bit = |at: usize| {
        let within = if little_endian { at % 8 } else { 7 - at % 8 };
        bytes[at / 8] >> within & 1 == 1
    };
    let set: Vec<usize> = (0..bytes.len() * 8).filter(|at| bit(*at)).collect();
    let (first, last) = (*set.first()?, *set.last()?);
    (last - first + 1 == set.len()).then_some((first as u64, set.len() as u64))
}
