//! Which image a table belongs to, so that a table in a file of its own is found again.

use inspect_format::notes::Note;
use inspect_format::schema::{Identity, Value, encode};
use object::elf;
use sha2::{Digest as _, Sha256};

use super::elf::{Elf, Section};
use super::entries::Collected;

const GENERATOR: &str = concat!("inspect-gen ", env!("CARGO_PKG_VERSION"));

/// The section `identity` of the tables of a linked image.
pub(super) fn of(elf: &Elf<'_>, collected: &Collected<'_>) -> Vec<u8> {
    // Who packs nothing leaves what another version has packed, so that a younger one finds nothing to do.
    let packed_by = collected.generator.filter(|_| collected.annotations == 0);
    let build_id = own_build_id(elf);
    let content = if build_id.is_none() { content(elf).to_vec() } else { Vec::new() };
    encode(&Identity {
        content: (!content.is_empty()).then_some(Value::Bytes(&content)),
        build_id: build_id.map(Value::Bytes),
        producer: None,
        generator: Some(packed_by.unwrap_or(GENERATOR)),
    })
}

/// The build-id of an image.
pub(super) fn own_build_id<'a>(elf: &Elf<'a>) -> Option<&'a [u8]> {
    elf.sections.iter().find_map(|section| build_id(elf, section))
}

/// The note of GNU linkers: type 3 of the owner `GNU`.
fn build_id<'a>(elf: &Elf<'a>, section: &Section<'a>) -> Option<&'a [u8]> {
    if section.name != b".note.gnu.build-id" {
        return None;
    }
    let is_build_id = |it: &Note<'_>| it.name == b"GNU" && it.kind == elf::NT_GNU_BUILD_ID.0;
    elf.notes(section).find(is_build_id).map(|it| it.contents)
}

/// What packing and stripping leave as it is: the machine code.
fn content(elf: &Elf<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for section in &elf.sections {
        if section.flags & elf::SHF_EXECINSTR.0 != 0 {
            hash.update(elf.bytes_of(section));
        }
    }
    hash.finalize().into()
}
