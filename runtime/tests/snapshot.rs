//! Snapshots of this process: whole under their name, or not there at all.
#![cfg(target_os = "linux")]

mod dump {
    #[allow(dead_code)]
    pub(crate) mod support;
}

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use dump::support::{CONSUMER, address_of, entry, table};
use inspect_format::notes::capture::{Capture, Status};
use inspect_format::snapshot::{CAPTURE, MANIFEST, Manifest, TABLES};
use inspect_format::table::tables;
use inspect_runtime::dump::{Report, Request, Workspace};
use inspect_runtime::snapshot::SnapshotError;

fn take(parent: &Path, name: &CStr, tables: &[u64]) -> Result<Report, SnapshotError> {
    let workspace: Workspace<8, 4096> = Workspace::new();
    let parent = File::open(parent).expect("a directory");
    Request::new(&CONSUMER).tables(tables).snapshot(&workspace, parent.as_raw_fd(), name)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().expect("a directory");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_holds_what_the_consumer_may_see() {
    let directory = tempfile::tempdir().unwrap();
    let values = [[1_u8; 40], [2; 40], [3; 40]];
    let at = address_of(&values);
    let entries =
        [("a", entry(1, at, 40)), ("b", entry(4, at + 40, 40)), ("c", entry(2, at + 80, 40))];
    let own = [table(&entries)];
    let report = take(directory.path(), c"first", &own).expect("a snapshot");
    assert_eq!((report.captured, report.denied, report.tables), (2, 1, 1));
    assert_eq!(names(directory.path()), ["first"]);
    let first = directory.path().join("first");
    let file = |name: &str| std::fs::read(first.join(name)).expect("a file");
    let text = String::from_utf8(file(MANIFEST)).unwrap();
    let manifest = Manifest::parse(&text).expect("a manifest");
    let runs: Vec<_> = manifest.runs().map(|run| (run.address, run.length)).collect();
    assert_eq!(runs, [(at, 40), (at + 80, 40)]);
    let contents: Vec<_> = manifest.runs().map(|run| file(run.file_name().as_str())).collect();
    assert_eq!(contents, [vec![1; 40], vec![3; 40]]);
    let frozen = file(TABLES);
    assert_eq!(frozen.len() as u64, manifest.tables);
    assert_eq!(tables(&frozen).next().unwrap().unwrap().1.row_count(), 3);
    let described = file(CAPTURE);
    assert_eq!(described.len() as u64, manifest.capture);
    let table = Capture::parse(&described).unwrap().tables().next().unwrap().unwrap();
    let statuses: Vec<_> = table.rows().map(|row| row.unwrap().status).collect();
    assert_eq!(statuses, [Status::Captured, Status::Denied, Status::Captured]);
    let sum: usize = names(&first).iter().map(|name| file(name).len()).sum();
    assert_eq!(report.written, sum as u64);
}

#[test]
fn a_name_that_is_taken_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let value = 5_u64;
    let own = [table(&[("a", entry(1, address_of(&value), 8))])];
    take(directory.path(), c"one", &[]).expect("a snapshot");
    let before = names(&directory.path().join("one"));
    let again = take(directory.path(), c"one", &own);
    assert!(matches!(again, Err(SnapshotError::Os(libc::ENOTEMPTY | libc::EEXIST))), "{again:?}");
    assert_eq!(names(directory.path()), ["one"], "nothing is left beside it");
    assert_eq!(names(&directory.path().join("one")), before);
}

#[test]
fn bad_names_and_places_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let long = std::ffi::CString::new(vec![b'x'; 254]).unwrap();
    for name in [c"", c"..", c".", c"a/b", &long] {
        assert_eq!(take(directory.path(), name, &[]), Err(SnapshotError::Name));
    }
    let workspace: Workspace<8, 4096> = Workspace::new();
    let closed = Request::new(&CONSUMER).tables(&[]).snapshot(&workspace, -1, c"x");
    assert_eq!(closed, Err(SnapshotError::Os(libc::EBADF)));
    assert_eq!(names(directory.path()), [""; 0]);
}

/// A disk that is full in the middle of a file: the limit on the size of files stands for it.
#[test]
fn what_fails_in_the_middle_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let large = vec![1_u8; 100_000];
    let small = 1_u64;
    let entries = [
        ("small", entry(1, address_of(&small), 8)),
        ("large", entry(1, address_of(&large[..]), 100_000)),
    ];
    let own = [table(&entries)];
    let workspace: Workspace<8, 4096> = Workspace::new();
    let parent = File::open(directory.path()).expect("a directory");
    let request = Request::new(&CONSUMER).tables(&own);
    // The limit is one of the whole process: a child has its own.
    // SAFETY: the child makes calls of the system and this crate's, which do not allocate, and then
    // ends. What it uses was made before.
    let status = unsafe {
        match libc::fork() {
            0 => {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                let limit = libc::rlimit { rlim_cur: 50_000, rlim_max: 50_000 };
                libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
                let result = request.snapshot(&workspace, parent.as_raw_fd(), c"x");
                libc::_exit(match result {
                    Err(SnapshotError::Dump(_)) => 7,
                    _ => 8,
                })
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                status
            }
        }
    };
    assert_eq!(libc::WEXITSTATUS(status), 7, "{status:#x}");
    assert_eq!(names(directory.path()), [""; 0], "nothing is left");
}
