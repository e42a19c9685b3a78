//! A file of either kind, linked or not, for whoever asks where an entry is.

use std::borrow::Cow;

use inspect_format::abi::extent;

use super::elf::{Place, Section};
use super::entries::Entry;
use super::image::{Image, RootOverview, SECTION, Target};
use super::linked::Linked;
use super::relocatable::Relocatable;

/// A file of either kind.
pub(super) enum File<'a> {
    Object(Relocatable<'a>),
    Linked(Linked<'a>),
}

impl<'a> File<'a> {
    pub(super) fn image(&self) -> &dyn Image<'a> {
        match self {
            Self::Object(image) => image,
            Self::Linked(image) => image,
        }
    }

    /// The sections of annotations and tables.
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section<'a>> {
        let is_ours = |it: &&Section<'_>| it.name == SECTION && it.size > 0;
        self.image().elf().sections.iter().filter(is_ours)
    }

    /// The root of a linked file.
    pub(super) fn root(&self) -> Option<RootOverview> {
        match self {
            Self::Linked(image) => image.root(),
            Self::Object(_) => None,
        }
    }

    /// In place of a section's number: a number that is no place in any file.
    pub(super) const NOWHERE: u32 = u32::MAX;

    /// Where a target is, as far as this file decides: the section's number, 0 in linked files, and the
    /// place in it, which is an address there.
    pub(super) fn place(&self, target: Target) -> Option<(u32, u64)> {
        match (self, target) {
            (_, Target::Number(number)) => Some((Self::NOWHERE, number)),
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

    pub(super) fn location(&self, target: Target) -> Location<'a> {
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

    /// Bytes of an entry's region, if they are known before the program runs.
    pub(super) fn length(&self, entry: &Entry<'_>) -> Option<u64> {
        match entry.extent {
            extent::ADDRESS_ONLY => None,
            extent::RANGE => {
                let (section, start) = self.place(entry.address)?;
                let (other, end) = self.place(entry.bound)?;
                end.checked_sub(start).filter(|_| section == other)
            }
            _ => Some(entry.length),
        }
    }
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
