//! Files below directories `build_id=../date=..`, one open for each.
//!
//! The name of a file comes from what stands in it: a second run over the same targets replaces its
//! files, a run over others, or another shard, adds to them. Several runs may write at once.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use inspect_format::hash::fnv1a_64;

use super::files::OutputFile;
use crate::cli::session::warn;
use crate::export::{Date, Row, Sink};
use crate::output::arrow::ParquetRows;

/// Files that may be open at once.
const OPEN_FILES: usize = 128;
/// Bytes that all of them together may hold in memory, about.
const MEMORY: usize = 256 << 20;
/// Rows after which the memory is looked at again.
const ROWS: u32 = 4096;
/// What Hive, and everybody since, calls the directory of no value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// What directories of build-ids begin with.
const COLUMN: &str = "build_id=";
/// Bytes that the name of a directory has at most, on Linux and elsewhere.
const NAME_MAX: usize = 255;

/// The files that are open.
pub(super) struct Partitions {
    directory: PathBuf,
    open: BTreeMap<String, Part>,
    /// How many files of a partition are finished.
    finished: BTreeMap<String, u64>,
    /// Rows until the memory is looked at.
    rows_left: u32,
    /// The target whose build-id was the last that is no name.
    refused: String,
}

/// A file of a partition.
struct Part {
    rows: Box<ParquetRows<BufWriter<std::fs::File>>>,
    file: OutputFile,
    /// Changes with every target that has rows in it.
    identity: u64,
    last_target: String,
}

impl Partitions {
    pub(super) fn new(directory: PathBuf) -> Self {
        let (open, finished, refused) = (BTreeMap::new(), BTreeMap::new(), String::new());
        Self { directory, open, finished, rows_left: ROWS, refused }
    }

    /// Adds a row to its partition.
    pub(super) fn row(&mut self, row: &Row, date: Date) -> io::Result<()> {
        let build_id = self.build_id(row);
        let key = format!("{COLUMN}{build_id}/date={date}");
        self.rows_left = self.rows_left.saturating_sub(1);
        if self.rows_left == 0 {
            self.rows_left = ROWS;
            self.shrink(OPEN_FILES)?;
        }
        if !self.open.contains_key(&key) {
            self.shrink(OPEN_FILES - 1)?;
            let part = Part::create(self.directory.join(&key))?;
            self.open.insert(key.clone(), part);
        }
        if let Some(part) = self.open.get_mut(&key) {
            part.row(row)?;
        }
        Ok(())
    }

    /// What the directory of a row is called. A build-id may be of any length, and one that makes no
    /// name of a directory counts as none: it must not keep the rows of others from being written.
    fn build_id<'r>(&mut self, row: &'r Row) -> &'r str {
        let Some(build_id) = row.build_id.as_deref() else { return NO_VALUE };
        if !build_id.is_empty() && COLUMN.len() + build_id.len() <= NAME_MAX {
            return build_id;
        }
        if self.refused != row.target {
            self.refused.clone_from(&row.target);
            warn(&format!(
                "{}: a build-id of {} bytes is no name of a directory: its rows are in {COLUMN}{NO_VALUE}",
                row.target,
                build_id.len() / 2
            ));
        }
        NO_VALUE
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        while let Some((key, part)) = self.open.pop_first() {
            self.close(&key, part)?;
        }
        Ok(())
    }

    /// Finishes files until no more than `most` are open and memory is left: those that hold most
    /// first.
    fn shrink(&mut self, most: usize) -> io::Result<()> {
        loop {
            let memory: usize = self.open.values().map(|part| part.rows.memory()).sum();
            if self.open.len() <= most && memory < MEMORY {
                return Ok(());
            }
            let largest = self.open.iter().max_by_key(|(_, part)| part.rows.memory());
            let Some(key) = largest.map(|(key, _)| key.clone()) else { return Ok(()) };
            if let Some(part) = self.open.remove(&key) {
                self.close(&key, part)?;
            }
        }
    }

    fn close(&mut self, key: &str, part: Part) -> io::Result<()> {
        let count = self.finished.entry(key.to_owned()).or_default();
        let name = format!("part-{:016x}-{count}.parquet", part.identity);
        *count += 1;
        part.rows.finish()?;
        part.file.publish_as(&name)
    }
}

impl Part {
    fn create(directory: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        let file = OutputFile::create(&directory.join("part"))?;
        let rows = ParquetRows::new(BufWriter::new(file.writer()?), &["build_id"])?;
        Ok(Self { rows: Box::new(rows), file, identity: 0, last_target: String::new() })
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        if row.target != self.last_target {
            self.last_target.clone_from(&row.target);
            let mut bytes = self.identity.to_le_bytes().to_vec();
            bytes.extend_from_slice(row.target.as_bytes());
            self.identity = fnv1a_64(&bytes);
        }
        self.rows.row(row)
    }
}
