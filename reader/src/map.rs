//! The memory of all entries in the order of its addresses: what overlaps, what lies between, what
//! lies nowhere, and sums.
//!
//! Pointers are followed and counters read, so that the map is that of the moment of the image.
//! Addresses of different spaces have nothing to do with each other: each space is a map.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use inspect_format::abi::{extent, space};
use inspect_format::walk::SpanError;

use crate::catalog::{Catalog, Entry, State};
use crate::image::Image;

/// The memory of all entries.
#[derive(Debug)]
pub struct Map<'c> {
    /// Ascending by space and address; what encloses others stands before them.
    pub regions: Vec<Region<'c>>,
    /// Ascending too.
    pub holes: Vec<Hole>,
    /// Entries without a place.
    pub nowhere: Vec<Nowhere<'c>>,
}

/// The memory of an entry.
#[derive(Clone, Debug)]
pub struct Region<'c> {
    /// Whose it is.
    pub entry: Entry<'c>,
    /// The first address.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
    /// How many regions enclose it.
    pub depth: usize,
    /// How it lies to the region before it that holds its first address.
    pub relation: Option<Relation>,
}

/// How two regions that share bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The other one's place among the regions.
    pub other: usize,
    /// How.
    pub kind: RelationKind,
}

/// The ways in which regions can share bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// All of it is the other one, and nothing else is.
    Same,
    /// All of it is inside the other one.
    Inside,
    /// Its beginning is in the other one, its end is not.
    Partial,
}

/// Memory between two regions that belongs to no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The place among the regions of the one behind it.
    pub before: usize,
    /// The first address.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
    /// The object that both neighbours lie in; none for other memory that holds both. Escape it.
    pub object: Option<String>,
}

/// An entry without a place.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere<'c> {
    /// Which.
    pub entry: Entry<'c>,
    /// Why.
    pub reason: NowhereReason,
}

/// Why an entry has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NowhereReason {
    /// A writer was at work at it.
    Torn,
    /// Only its address is known.
    NoLength,
    /// What leads to it.
    Span(SpanError),
}

/// Entries under one name, and their memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many entries have a place.
    pub entries: u64,
    /// How many bytes they have, each one by itself.
    pub bytes: u64,
}

impl<'c> Map<'c> {
    /// Finds the memory of all entries for which `wanted` holds.
    #[must_use]
    pub fn new(
        image: &Image,
        catalog: &'c Catalog<'_>,
        wanted: &dyn Fn(&Entry<'c>) -> bool,
    ) -> Self {
        let (mut regions, mut nowhere) = (Vec::new(), Vec::new());
        for entry in catalog.entries().filter(|entry| wanted(entry)) {
            match place(image, &entry) {
                Ok((start, length)) => {
                    regions.push(Region { entry, start, length, depth: 0, relation: None });
                }
                Err(reason) => nowhere.push(Nowhere { entry, reason }),
            }
        }
        regions.sort_by_key(|it| (it.entry.space_key(), it.start, Reverse(it.length)));
        relate(&mut regions);
        let holes = holes(image, &regions);
        Self { regions, holes, nowhere }
    }

    /// Sums by schema and class.
    #[must_use]
    pub fn classes(&self) -> BTreeMap<(String, String), Total> {
        self.totals(|entry| (entry.table.schema_name(), entry.class_text()))
    }

    /// Sums by the object, file or note that has the table.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Total> {
        self.totals(|entry| entry.table.found.place.clone())
    }

    /// How many bytes belong to some entry, those that belong to several counted once.
    #[must_use]
    pub fn covered(&self) -> u64 {
        let (mut sum, mut behind) = (0_u64, ((0, 0), 0));
        for region in &self.regions {
            let space = region.entry.space_key();
            let from = if behind.0 == space { behind.1 } else { 0 };
            let end = region.end();
            sum = sum.saturating_add(end.saturating_sub(region.start.max(from)));
            behind = (space, end.max(from));
        }
        sum
    }

    fn totals<K: Ord>(&self, key: impl Fn(&Entry<'c>) -> K) -> BTreeMap<K, Total> {
        let mut totals = BTreeMap::<K, Total>::new();
        for region in &self.regions {
            let total = totals.entry(key(&region.entry)).or_default();
            total.entries += 1;
            total.bytes = total.bytes.saturating_add(region.length);
        }
        totals
    }
}

impl Region<'_> {
    /// The address behind the last.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

fn place(image: &Image, entry: &Entry<'_>) -> Result<(u64, u64), NowhereReason> {
    if entry.state() == State::Torn {
        return Err(NowhereReason::Torn);
    }
    if entry.extent() == extent::ADDRESS_ONLY {
        return Err(NowhereReason::NoLength);
    }
    let span = entry.span(image).map_err(NowhereReason::Span)?;
    Ok((span.address, span.length))
}

/// Finds which regions share bytes. Of those that enclose the place, a stack is kept, whose ends
/// grow from its top to its bottom; so each region is looked at twice.
fn relate(regions: &mut [Region<'_>]) {
    let mut open: Vec<(usize, u64, u64)> = Vec::new();
    let mut last_space = None;
    for (index, region) in regions.iter_mut().enumerate() {
        let space = Some(region.entry.space_key());
        if space != last_space {
            (last_space, open) = (space, Vec::new());
        }
        let (start, end) = (region.start, region.end());
        while open.pop_if(|(_, _, open_end)| *open_end <= start).is_some() {}
        if region.length == 0 {
            region.depth = open.len();
            continue;
        }
        if let Some((other, other_start, other_end)) = open.last().copied() {
            let kind = match () {
                () if (other_start, other_end) == (start, end) => RelationKind::Same,
                () if end <= other_end => RelationKind::Inside,
                () => RelationKind::Partial,
            };
            region.relation = Some(Relation { other, kind });
        }
        // What ends inside of this one need not be asked any more: this one holds whatever
        // follows in it.
        while open.pop_if(|(_, _, open_end)| *open_end < end).is_some() {}
        region.depth = open.len();
        open.push((index, start, end));
    }
}

/// What lies between neighbours that are in one object, or in memory without a gap.
fn holes(image: &Image, regions: &[Region<'_>]) -> Vec<Hole> {
    let runs = image.memory.runs(space::VIRTUAL);
    let object_of = |address: u64| image.objects.iter().find(|it| it.range.contains(&address));
    let is_one_run = |start: u64, end: u64| {
        let behind = runs.partition_point(|run| run.address <= start);
        let before = behind.checked_sub(1).and_then(|index| runs.get(index));
        before.is_some_and(|run| end <= run.address.saturating_add(run.length))
    };
    let (mut holes, mut reached) = (Vec::new(), None);
    let regions = regions.iter().enumerate();
    for (index, region) in regions.filter(|(_, it)| it.entry.row.space() == space::VIRTUAL) {
        let start = reached.filter(|start| *start < region.start && *start > 0);
        if let Some(start) = start {
            let object = object_of(start - 1).filter(|it| it.range.contains(&region.start));
            if object.is_some() || is_one_run(start - 1, region.start) {
                let (length, object) = (region.start - start, object.map(|it| it.name.clone()));
                holes.push(Hole { before: index, start, length, object });
            }
        }
        reached = Some(reached.unwrap_or(0).max(region.end()));
    }
    holes
}

impl RelationKind {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Inside => "inside",
            Self::Partial => "partial",
        }
    }
}

impl fmt::Display for NowhereReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn => f.write_str("a writer was at work"),
            Self::NoLength => f.write_str("only its address is known"),
            Self::Span(error) => error.fmt(f),
        }
    }
}
