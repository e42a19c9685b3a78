//! What became of a change, or why nothing did: values, and their texts.

use core::fmt;

use super::table::GROUP;
use crate::regions::{Address, Range};

/// What [`add`](super::Edit::add) or [`remove`](super::Edit::remove) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Sections that were added, or removed.
    pub changed: u64,
    /// Sections that were there already, or that were not there to be removed.
    pub unchanged: u64,
    /// What was asked for and not done, since it is no whole section.
    pub left_out: Parts,
    /// What was done beyond what was asked for, since it belongs to the same section.
    pub taken_too: Parts,
}

/// What is at the ends of a range and does not make a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// At the beginning; also all of a range that begins and ends within one section.
    pub head: Option<Range>,
    /// At the end.
    pub tail: Option<Range>,
}

impl Parts {
    /// Whether the range is made of whole sections.
    pub fn is_empty(&self) -> bool {
        *self == Parts::default()
    }
}

/// What a change made live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The epoch that holds from now on.
    pub epoch: u64,
    /// How many regions the hardware needs: runs of sections that are consecutive in both spaces.
    pub regions: u32,
}

/// Why a change was refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The range is not made of whole sections, which the space asks for.
    Partial {
        /// What was asked for.
        range: Range,
        /// Bytes of a section.
        section_size: u64,
    },
    /// More groups of 8 sections would be mapped than there is room for.
    Full {
        /// How many there would be.
        groups: u64,
        /// How many there is room for.
        capacity: u64,
    },
    /// There is no memory for so many groups of 8 sections.
    OutOfMemory {
        /// How many there would be.
        groups: u64,
    },
    /// The hardware would need more regions than it takes.
    Budget {
        /// How many it would need.
        regions: u32,
        /// How many it takes.
        max_regions: u32,
    },
    /// The sections would not fit between the base of the hardware's space and its last address.
    HardwareSpace {
        /// How many sections there would be.
        sections: u64,
        /// How many fit.
        most: u64,
    },
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeError::Partial { range, section_size } => write!(
                f,
                "{range} is not made of whole sections of {section_size:#x} bytes: give whole ones, or \
                 declare the space with `partial: round_in` or `round_out`"
            ),
            ChangeError::Full { groups, capacity } => write!(
                f,
                "{groups} groups of {GROUP} sections would be mapped, and there is room for {capacity}: \
                 remove some, or give the map more lines"
            ),
            ChangeError::OutOfMemory { groups } => write!(
                f,
                "no memory for {groups} groups of {GROUP} sections: free some, or map fewer sections"
            ),
            ChangeError::Budget { regions, max_regions } => write!(
                f,
                "the hardware would need {regions} regions and takes {max_regions}: map whole \
                 stretches with fewer holes, or larger sections"
            ),
            ChangeError::HardwareSpace { sections, most } => write!(
                f,
                "{sections} sections would be mapped, and {most} fit between the base and the end of the \
                 hardware's space: remove some, or choose a lower base"
            ),
        }
    }
}

impl core::error::Error for ChangeError {}

/// Why there is no map of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceError {
    /// The size of a section is no power of two.
    SectionSize(u64),
    /// The base is no multiple of the size of a section.
    Base {
        /// The base.
        base: Address,
        /// Bytes of a section.
        section_size: u64,
    },
}

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpaceError::SectionSize(size) => {
                write!(f, "a section of {size} bytes: the size has to be a power of two")
            }
            SpaceError::Base { base, section_size } => write!(
                f,
                "the base {base} is no multiple of the section size {section_size:#x}: align it"
            ),
        }
    }
}

impl core::error::Error for SpaceError {}

/// Somebody else is changing the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody else is changing the map: try again, or put writers behind a lock")
    }
}

impl core::error::Error for Busy {}
