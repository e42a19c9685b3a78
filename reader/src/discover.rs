//! Tables of an image: found, checked, and copied as they were at one moment.
//!
//! An object's note leads to its root, or its symbol does; the root leads to the tables of the
//! image and to those that the program made. Without a root, the section of the image's tables is
//! walked as it stands. Where nothing leads anywhere, all memory is searched, if that is wished.
//! Every way that was tried is in the answer. What is found is frozen: from here on a table is a
//! block of bytes with absolute addresses, wherever it came from. The [`catalog`](crate::catalog)
//! reads them.

mod scan;
mod unpacked;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use inspect_format::abi::table_flags;
use inspect_format::root::RootError;
use inspect_format::table::{self, tables};
use inspect_format::walk::{FreezeError, LiveTable, Summary, Tables, WalkError, WalkErrorKind};

use crate::image::{Clue, FoundBy, Image, Kind, Machine, NEWER};
use crate::memory::AddressSpace;

/// How tables are searched for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Roots whose addresses are known. With any, nothing else is tried.
    pub roots: Vec<u64>,
    /// Whether all memory is searched.
    pub scan: Scan,
    /// How many bytes all tables together may have.
    pub limit: Limit,
}

/// When all memory is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scan {
    /// Where nothing else answers, and the image is raw memory or the core of a kernel.
    #[default]
    IfNeeded,
    /// Always, beside all else.
    Always,
    /// Never.
    Never,
}

/// A bound for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(
    /// Bytes.
    pub u64,
);

/// What was found, and how.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// Tables: objects in the order of the image, those of the image before those of the program.
    pub tables: Vec<Found>,
    /// Everything that was tried, with what came of it.
    pub attempts: Vec<Attempt>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Found {
    /// The block: a table file.
    pub bytes: Vec<u8>,
    /// Where its header lay in memory; nothing for a table that the image carries.
    pub address: Option<u64>,
    /// In which of the image's objects.
    pub object: Option<usize>,
    /// Where it comes from, as a person would say it. Escape it.
    pub place: String,
    /// What led to it.
    pub found_by: FoundBy,
    /// Whose it is.
    pub origin: Origin,
    /// What was found among its rows.
    pub summary: Summary,
    /// Its position among the tables that the image carries, which its own description counts too.
    pub carried: Option<usize>,
}

/// Whose a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Packed into the image.
    CompileTime,
    /// Made by the program while it ran.
    RunTime,
    /// Annotations that nobody has packed.
    Unpacked,
}

/// A way that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where: an object or the image. Escape it.
    pub place: String,
    /// By what.
    pub found_by: FoundBy,
    /// How many tables it led to.
    pub tables: usize,
    /// Why it led to nothing, or to less than it could.
    pub failure: Option<Failure>,
}

/// Why a way led to nothing, or to less than it could.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing is there that it could begin with.
    Nothing,
    /// The memory, or what stands in it.
    Walk(WalkError),
    /// A block.
    Table(table::Error),
    /// All tables together are larger than the limit.
    Limit {
        /// Bytes.
        limit: u64,
    },
    /// More places look like roots and tables than are tried.
    Hits {
        /// How many are.
        most: u64,
    },
    /// Annotations stand there that nobody has packed and that cannot be read either.
    Unpacked(String),
}

impl Failure {
    /// Whether there is more, and nobody has looked at it.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self, Self::Limit { .. } | Self::Hits { .. })
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        let table = |kind: &table::ErrorKind| matches!(kind, table::ErrorKind::Format(_));
        let is_newer = match self {
            Self::Table(error) => table(&error.kind),
            Self::Walk(error) => match &error.kind {
                WalkErrorKind::Table(kind) => table(kind),
                WalkErrorKind::Root(error) => matches!(error, RootError::Format(_)),
                _ => false,
            },
            _ => false,
        };
        is_newer.then_some(NEWER)
    }
}

/// Finds all tables of an image.
#[must_use]
pub fn tables_of(image: &Image, options: &Options) -> Discovery {
    let Limit(limit) = options.limit;
    let found = Discovery::default();
    let mut search = Search { image, limit, left: limit, seen: BTreeSet::new(), found };
    if options.roots.is_empty() {
        search.carried();
        search.objects();
    }
    for root in &options.roots {
        let clue = Clue { address: *root, found_by: FoundBy::Given };
        search.clue(search.object_at(*root), clue);
    }
    let is_last_resort = matches!(image.kind, Kind::Raw | Kind::KernelCore);
    let is_needed = search.found.tables.is_empty() && is_last_resort && options.roots.is_empty();
    if options.scan == Scan::Always || options.scan == Scan::IfNeeded && is_needed {
        search.scan();
    }
    search.found
}

/// No section of tables is larger. Where a program that nobody has loaded claims one, there may be
/// zeros without end.
const SECTION_MAX: u64 = 256 << 20;

/// A search, and what it has found so far.
#[derive(Debug)]
struct Search<'i> {
    image: &'i Image,
    limit: u64,
    /// Bytes of it that are left.
    left: u64,
    /// Addresses of roots and of tables that are known already.
    seen: BTreeSet<u64>,
    found: Discovery,
}

impl Search<'_> {
    /// The tables that the image carries as a file does.
    fn carried(&mut self) {
        // What an image says about its tables counts through all blocks.
        let mut position = 0;
        for carried in &self.image.carried {
            let (mut count, mut failure) = (0, None);
            for table in tables(&carried.bytes) {
                match table {
                    Err(error) => failure = Some(Failure::Table(error)),
                    Ok((at, table)) => {
                        let start = at as usize;
                        let bytes =
                            carried.bytes[start..start + table.total_size() as usize].to_vec();
                        if self.spend(bytes.len() as u64).is_err() {
                            failure = Some(self.too_large());
                            break;
                        }
                        let live = table.rows().filter(|row| row.is_live()).count() as u64;
                        let torn = table.rows().filter(|row| row.phase() == table::Phase::Torn);
                        let summary = Summary { live, torn: torn.count() as u64, busy: 0 };
                        let origin = self.origin_of_carried(&table);
                        self.found.tables.push(Found {
                            bytes,
                            address: None,
                            object: None,
                            place: carried.place.clone(),
                            found_by: FoundBy::Carried,
                            origin,
                            summary,
                            carried: Some(position),
                        });
                        count += 1;
                        position += 1;
                    }
                }
            }
            self.attempt(carried.place.clone(), FoundBy::Carried, count, failure);
        }
    }

    /// Whose a table is that the image carries. A copy has lost the flag of tables that the program
    /// makes; those that a packer made are sorted, and theirs are not.
    fn origin_of_carried(&self, table: &table::Table<'_>) -> Origin {
        let is_sorted = table.header().flags & table_flags::SORTED != 0;
        let is_copy = self.image.kind != Kind::TableFile;
        match table.is_runtime() || is_copy && !is_sorted {
            true => Origin::RunTime,
            false => Origin::CompileTime,
        }
    }

    /// The tables of each object, by the first of its clues that leads to any.
    fn objects(&mut self) {
        for (index, object) in self.image.objects.iter().enumerate() {
            if object.roots.is_empty() && object.section.is_none() {
                self.attempt(object.name.clone(), FoundBy::Note, 0, Some(Failure::Nothing));
            }
            let mut clues = object.roots.iter();
            let is_rooted = clues.any(|clue| self.clue(Some(index), *clue));
            if let Some(section) = object.section.as_ref().filter(|_| !is_rooted) {
                self.section(index, section);
            }
        }
    }

    /// Whether a root leads to tables, or was known before.
    fn clue(&mut self, object: Option<usize>, clue: Clue) -> bool {
        if self.seen.contains(&clue.address) {
            return true;
        }
        let memory = AddressSpace::virtual_of(self.image.memory.as_ref());
        match Tables::of_root(&memory, clue.address) {
            Ok(walk) => {
                self.seen.insert(clue.address);
                self.walk(object, clue.found_by, &memory, walk);
                true
            }
            Err(error) => {
                let failure = Some(Failure::Walk(error));
                self.attempt(self.place(object), clue.found_by, 0, failure);
                false
            }
        }
    }

    /// The tables in the section of an object to which no root leads. Those of its program hang on
    /// the root, and are not found.
    fn section(&mut self, object: usize, section: &Range<u64>) {
        let Some(Machine { order, word_size, .. }) = self.image.machine else { return };
        let memory = AddressSpace::virtual_of(self.image.memory.as_ref());
        let size = section.end - section.start;
        let walk = Tables::of_section(&memory, section.start, size, order, word_size);
        self.walk(Some(object), FoundBy::Section, &memory, walk);
    }

    /// Takes everything that a root or a section leads to.
    fn walk(
        &mut self,
        object: Option<usize>,
        found_by: FoundBy,
        memory: &AddressSpace<'_>,
        mut walk: Tables<'_, AddressSpace<'_>>,
    ) {
        if walk.section().is_some_and(|(_, size)| size > SECTION_MAX) {
            let failure = Some(Failure::Limit { limit: SECTION_MAX });
            return self.attempt(self.place(object), found_by, 0, failure);
        }
        let (mut count, mut failure) = (0, None::<Failure>);
        for table in walk.by_ref() {
            match table.map_err(Failure::Walk).and_then(|it| self.freeze(object, found_by, &it)) {
                Ok(()) => count += 1,
                // That a bound was met is told whatever else is wrong: who dumps has to know it.
                Err(error) => match &failure {
                    Some(known) if known.is_bound() || !error.is_bound() => {}
                    _ => failure = Some(error),
                },
            }
        }
        if walk.is_unpacked() {
            count += self.unpacked(object, found_by, memory, &walk);
        }
        self.attempt(self.place(object), found_by, count, failure);
    }

    /// The tables of annotations that nobody has packed, and how many there are.
    fn unpacked(
        &mut self,
        object: Option<usize>,
        found_by: FoundBy,
        memory: &AddressSpace<'_>,
        walk: &Tables<'_, AddressSpace<'_>>,
    ) -> usize {
        let read = unpacked::read(memory, walk, self.left);
        let (mut count, mut is_too_large) = (0, read.is_too_large);
        for (bytes, live) in read.tables {
            if self.spend(bytes.len() as u64).is_err() {
                is_too_large = true;
                break;
            }
            count += 1;
            self.found.tables.push(Found {
                bytes,
                address: None,
                object,
                place: self.place(object),
                found_by,
                origin: Origin::Unpacked,
                summary: Summary { live, torn: 0, busy: 0 },
                carried: None,
            });
        }
        let too_large = is_too_large.then(|| self.too_large());
        for failure in read.failures.into_iter().map(Failure::Unpacked).chain(too_large) {
            self.attempt(self.place(object), found_by, 0, Some(failure));
        }
        count
    }

    /// Copies a table as it is now.
    fn freeze(
        &mut self,
        object: Option<usize>,
        found_by: FoundBy,
        table: &LiveTable<'_, AddressSpace<'_>>,
    ) -> Result<(), Failure> {
        if !self.seen.insert(table.address()) {
            return Ok(());
        }
        // Of the rows of a process, many are asked for at a time.
        let at_a_time = usize::try_from(table.row_count()).unwrap_or(usize::MAX).min(1024);
        let size = table.frozen_size().saturating_add(table.buffer_size(at_a_time));
        self.spend(size as u64)?;
        let mut bytes = vec![0; size];
        let frozen = table.freeze(&mut bytes).map_err(|error| match error {
            FreezeError::Walk(error) => Failure::Walk(error),
            FreezeError::Full { .. } => self.too_large(),
        })?;
        bytes.truncate(frozen.size);
        bytes.shrink_to_fit();
        // The checksum is of these very bytes.
        table::Table::parse_again(&bytes).map_err(Failure::Table)?;
        self.left += (size - bytes.len()) as u64;
        let origin = if table.is_run_time() { Origin::RunTime } else { Origin::CompileTime };
        self.found.tables.push(Found {
            bytes,
            address: Some(table.address()),
            object,
            place: self.place(object),
            found_by,
            origin,
            summary: frozen.summary,
            carried: None,
        });
        Ok(())
    }

    /// Takes from what tables may have. Small ones count as a page: their number is bounded too.
    fn spend(&mut self, size: u64) -> Result<(), Failure> {
        self.left = self.left.checked_sub(size.max(4096)).ok_or(self.too_large())?;
        Ok(())
    }

    fn too_large(&self) -> Failure {
        Failure::Limit { limit: self.limit }
    }

    fn attempt(
        &mut self,
        place: String,
        found_by: FoundBy,
        tables: usize,
        failure: Option<Failure>,
    ) {
        self.found.attempts.push(Attempt { place, found_by, tables, failure });
    }

    fn place(&self, object: Option<usize>) -> String {
        let object = object.and_then(|index| self.image.objects.get(index));
        object.map_or_else(|| self.image.name.clone(), |object| object.name.clone())
    }

    /// The object in whose memory an address lies.
    fn object_at(&self, address: u64) -> Option<usize> {
        self.image.objects.iter().position(|object| object.range.contains(&address))
    }
}

impl Default for Limit {
    /// Enough for three million entries.
    fn default() -> Self {
        Self(256 << 20)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no note, no symbol, no section"),
            Self::Walk(error) => error.fmt(f),
            Self::Table(error) => error.fmt(f),
            Self::Limit { limit } => {
                write!(f, "all tables together would need more than {limit} bytes")
            }
            Self::Hits { most } => write!(
                f,
                "memory looks like more than {most} roots and tables: no further one was tried"
            ),
            Self::Unpacked(why) => write!(f, "unpacked annotations that cannot be read: {why}"),
        }
    }
}
