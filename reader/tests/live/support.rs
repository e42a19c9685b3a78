//! Tables and files for tests of images.

#![allow(dead_code)]

use std::path::PathBuf;

use inspect_format::abi::{CoreEntry, Order, phase};
use inspect_format::schema::fingerprint;
use inspect_format::table::TableWriter;
use inspect_reader::image::{self, Error, Image, Options, Target};
use tempfile::TempDir;

/// A frozen table of one row, which speaks of 64 bytes at `address`.
pub(crate) fn table(address: u64) -> Vec<u8> {
    let history = [fingerprint("test.live", 1, &[])];
    let mut writer = TableWriter::new(Order::Little, 8, "test.live", 1, 64, &history).unwrap();
    let row = CoreEntry { state: phase::LIVE, class: 7, address, length: 64, ..CoreEntry::ZERO };
    writer.row(&row, &[]).unwrap();
    writer.finish()
}

/// Bytes that do not compress.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| step(&mut state)).collect()
}

/// A directory for the files of a test.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Opens bytes as a file.
    pub(crate) fn open(&self, bytes: &[u8], options: &Options) -> Result<Image, Error> {
        open(self.write("image", bytes), options)
    }

    /// Opens bytes as raw memory.
    pub(crate) fn open_raw(&self, bytes: &[u8], address: u64) -> Result<Image, Error> {
        let path = self.write("raw", bytes);
        image::open(&Target::Raw { path, address }, &Options::default())
    }
}

pub(crate) fn open(path: PathBuf, options: &Options) -> Result<Image, Error> {
    image::open(&Target::Path(path), options)
}

/// What an image carries, all blocks together.
pub(crate) fn carried(image: &Image) -> Vec<u8> {
    image.carried.iter().flat_map(|carried| carried.bytes.clone()).collect()
}

/// Bytes of the virtual memory of an image.
pub(crate) fn bytes(image: &Image, address: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    image.memory.read(0, address, &mut out).unwrap();
    out
}

/// Whether a test may be left out because a tool is missing.
pub(crate) fn skip(what: &str) {
    let is_required = std::env::var("INSPECT_REQUIRE_TOOLS").as_deref() == Ok("1");
    assert!(!is_required, "missing: {what}");
    eprintln!("skipped: {what}");
}
