//! Snapshots and raw memory: what the manifest and the address say, or an error that names the file.

mod live {
    pub(crate) mod support;
}

use std::path::{Path, PathBuf};

use inspect_format::notes::capture::{CaptureWriter, Head};
use inspect_format::snapshot::{ManifestWriter, Run};
use inspect_reader::image::snapshot::Error as Wrong;
use inspect_reader::image::{ErrorKind, Image, Kind, Options};
use inspect_reader::memory::{Missing, Reason};
use live::support::{Files, bytes, carried, noise, open, table};
use proptest::prelude::*;

const RUNS: [Run; 3] = [
    Run { address: 0x1000, length: 64 },
    // The next one touches it.
    Run { address: 0x1040, length: 100 },
    Run { address: u64::MAX - 7, length: 8 },
];

fn capture() -> Vec<u8> {
    let head = Head { tool: "test 1", missing: 0, consumer: "all", producer: None };
    CaptureWriter::new(Vec::new(), head, 0).unwrap().finish().unwrap()
}

/// A snapshot of three runs; each byte of a run is its number.
fn snapshot(files: &Files) -> PathBuf {
    let directory = files.path("snapshot");
    std::fs::create_dir(&directory).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(directory.join(name), bytes).unwrap();
    let (tables, capture) = (table(0x1000), capture());
    put("tables", &tables);
    put("capture", &capture);
    let (tables, capture) = (tables.len() as u64, capture.len() as u64);
    let mut manifest = ManifestWriter::new(String::new(), tables, capture).unwrap();
    for (run, number) in RUNS.iter().zip(1..) {
        put(run.file_name().as_str(), &vec![number; run.length as usize]);
        manifest.run(*run).unwrap();
    }
    put("manifest", manifest.finish().unwrap().as_bytes());
    directory
}

fn opened(path: &Path) -> Result<Image, (String, ErrorKind)> {
    let opened = open(path.to_owned(), &Options::default());
    opened.map_err(|error| {
        let name = Path::new(&error.name).file_name().unwrap();
        (name.to_str().unwrap().to_owned(), error.kind)
    })
}

fn wrong(path: &Path) -> (String, Wrong) {
    match opened(path).expect_err("an error") {
        (name, ErrorKind::Snapshot(wrong)) => (name, wrong),
        (name, other) => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_snapshot_is_its_files() {
    let files = Files::new();
    let image = opened(&snapshot(&files)).unwrap();
    assert_eq!((image.kind, carried(&image)), (Kind::Snapshot, table(0x1000)));
    assert_eq!(image.capture.as_ref().map(|it| it.bytes()), Some(&capture()[..]));
    assert_eq!(image.machine.unwrap().word_size, 8);
    assert_eq!(bytes(&image, 0x103e, 4), [1, 1, 2, 2]);
    assert_eq!(bytes(&image, u64::MAX - 7, 8), [3; 8]);
    let runs: Vec<_> = image.memory.runs(0).iter().map(|run| (run.address, run.length)).collect();
    assert_eq!(runs, RUNS.map(|run| (run.address, run.length)));
    let read = |space, address, length: usize| {
        let missing = image.memory.read(space, address, &mut vec![0; length]).unwrap_err();
        assert_eq!((missing.space, missing.reason), (space, Reason::Absent));
        missing.address
    };
    assert_eq!(read(0, 0x1090, 100), 0x10a4);
    assert_eq!(read(0, 0xfff, 10), 0xfff);
    assert_eq!(read(1, 0x1000, 1), 0x1000);
    assert_eq!(read(0, u64::MAX - 7, 9), u64::MAX);
    assert!(image.memory.runs(1).is_empty());
}

#[test]
fn each_file_that_is_wrong_is_named() {
    let files = Files::new();
    let directory = snapshot(&files);
    let second = "0000000000001040";
    let change = |name: &str, change: &dyn Fn(&Path)| {
        let path = directory.join(name);
        let before = std::fs::read(&path).unwrap();
        change(&path);
        let found = wrong(&directory);
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir(&path);
        std::fs::write(path, before).unwrap();
        found
    };
    let remove = |path: &Path| std::fs::remove_file(path).unwrap();
    let write = |bytes: &'static [u8]| move |path: &Path| std::fs::write(path, bytes).unwrap();
    assert_eq!(change("manifest", &remove), ("snapshot".to_owned(), Wrong::NoManifest));
    assert_eq!(change("manifest", &write(b"\xff")), ("manifest".to_owned(), Wrong::Encoding));
    let (name, found) = change("manifest", &write(b"inspect snapshot 1\ntables x\n"));
    assert!(name == "manifest" && matches!(found, Wrong::Manifest(error) if error.line == 2));
    assert_eq!(change("capture", &remove), ("capture".to_owned(), Wrong::NoFile));
    assert_eq!(change(second, &remove), (second.to_owned(), Wrong::NoFile));
    let length = Wrong::Length { promised: 100, found: 3 };
    assert_eq!(change(second, &write(b"abc")), (second.to_owned(), length));
    let promised = table(0x1000).len() as u64;
    let length = Wrong::Length { promised, found: 1 };
    assert_eq!(change("tables", &write(b"x")), ("tables".to_owned(), length));
    let link = |path: &Path| {
        std::fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
    };
    assert_eq!(change(second, &link), (second.to_owned(), Wrong::NotAFile));
    let make_directory = |path: &Path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    };
    assert_eq!(change("tables", &make_directory), ("tables".to_owned(), Wrong::NotAFile));
    assert!(opened(&directory).is_ok(), "everything is as it was");
    // A table that is damaged is an error of the tables.
    let mut tables = table(0x1000);
    tables[100] ^= 1;
    std::fs::write(directory.join("tables"), tables).unwrap();
    let (name, kind) = opened(&directory).expect_err("an error");
    assert!(name == "tables" && matches!(kind, ErrorKind::Table(_)), "{kind:?}");
}

#[test]
fn a_file_that_shrinks_later_is_a_value() {
    let files = Files::new();
    let directory = snapshot(&files);
    let image = opened(&directory).unwrap();
    std::fs::write(directory.join("0000000000001040"), b"abc").unwrap();
    let missing = image.memory.read(0, 0x1030, &mut [0; 100]).unwrap_err();
    assert_eq!(missing, Missing { space: 0, address: 0x1040, reason: Reason::Truncated });
    std::fs::remove_file(directory.join("0000000000001000")).unwrap();
    assert_eq!(bytes(&image, 0x1000, 64), [1; 64], "it is open");
}

#[test]
fn more_runs_than_files_may_be_open() {
    let files = Files::new();
    let directory = files.path("many");
    std::fs::create_dir(&directory).unwrap();
    let mut manifest = ManifestWriter::new(String::new(), 0, 0).unwrap();
    for name in ["tables", "capture"] {
        std::fs::write(directory.join(name), b"").unwrap();
    }
    for index in 0..3000_u64 {
        let run = Run { address: index * 16, length: 8 };
        std::fs::write(directory.join(run.file_name().as_str()), index.to_le_bytes()).unwrap();
        manifest.run(run).unwrap();
    }
    std::fs::write(directory.join("manifest"), manifest.finish().unwrap()).unwrap();
    let image = opened(&directory).unwrap();
    for round in 0..2 {
        for index in (round..3000_u64).step_by(7) {
            assert_eq!(bytes(&image, index * 16, 8), index.to_le_bytes());
        }
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let files = Files::new();
    let pipe = files.path("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let (_, kind) = opened(&pipe).expect_err("an error");
    assert!(kind_of(&kind) == std::io::ErrorKind::NotSeekable, "{kind:?}");
    let (_, kind) = opened(Path::new("/dev/null")).expect_err("an error");
    assert!(matches!(kind, ErrorKind::Empty), "{kind:?}");
    let (_, kind) = opened(&files.path("nothing")).expect_err("an error");
    assert!(kind_of(&kind) == std::io::ErrorKind::NotFound, "{kind:?}");
}

fn kind_of(kind: &ErrorKind) -> std::io::ErrorKind {
    match kind {
        ErrorKind::Io(error) => error.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn raw_memory_lies_where_it_is_said_to() {
    let files = Files::new();
    let memory = noise(10_000);
    let image = files.open_raw(&memory, 0x2000_0000).unwrap();
    assert_eq!((image.kind, image.machine, image.objects.len()), (Kind::Raw, None, 0));
    assert!(image.name.ends_with("raw@0x20000000"), "{}", image.name);
    assert!(bytes(&image, 0x2000_0000, 10_000) == memory);
    assert_eq!(bytes(&image, 0x2000_1000, 5), memory[0x1000..][..5]);
    let read = |space, address, length: usize| {
        image.memory.read(space, address, &mut vec![0; length]).unwrap_err().address
    };
    assert_eq!(read(0, 0x2000_0000, 10_001), 0x2000_0000 + 10_000);
    assert_eq!(read(0, 0x1fff_ffff, 2), 0x1fff_ffff);
    assert_eq!(read(1, 0x2000_0000, 2), 0x2000_0000);
    let span = image.memory.in_file(0, 0x2000_0100).unwrap();
    assert_eq!((span.offset, span.length), (0x100, 10_000 - 0x100));
    assert!(image.memory.in_file(0, 0x2000_0000 + 10_000).is_none());
    // It may reach the last address, and no further.
    let image = files.open_raw(&memory[..16], u64::MAX - 15).unwrap();
    assert_eq!(bytes(&image, u64::MAX, 1), memory[15..16]);
    let error = files.open_raw(&memory[..17], u64::MAX - 15).expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Address { length: 17, .. }), "{error}");
    let error = files.open_raw(b"", 0).expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Empty), "{error}");
}

proptest! {
    /// Whatever stands in a manifest: there is an error, or every byte that is promised is there.
    #[test]
    fn a_manifest_that_is_believed_holds(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let files = Files::new();
        let directory = snapshot(&files);
        let mut manifest = std::fs::read(directory.join("manifest")).unwrap();
        for (index, byte) in changes {
            let place = index.index(manifest.len());
            manifest[place] = byte;
        }
        std::fs::write(directory.join("manifest"), manifest).unwrap();
        if let Ok(image) = opened(&directory) {
            for run in image.memory.runs(0) {
                let mut out = vec![0; run.length as usize];
                prop_assert_eq!(image.memory.read(0, run.address, &mut out), Ok(()));
            }
        }
    }
}
