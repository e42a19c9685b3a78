//! Stands in for `partition` where Parquet is not compiled in. Nobody gets here then: whoever asks for partitions has
//! to ask for Parquet, which is no format.

use std::io;
use std::path::PathBuf;

use crate::export::{Date, Row};

/// No files.
pub(super) struct Partitions;

impl Partitions {
    pub(super) fn new(_: PathBuf) -> Self {
        Self
    }

    pub(super) fn row(&mut self, _: &Row, _: Date) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
