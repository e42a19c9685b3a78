//! Compressed files: the same image as without compression, or an error that says how far it got.

mod live {
    pub(crate) mod support;
}

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use inspect_reader::image::compressed::ErrorKind as Wrong;
use inspect_reader::image::{Error, ErrorKind, Kind, Options, Progress};
use live::support::{Files, bytes, carried, noise, skip, table};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A frame that decoders pass over.
fn skippable(length: u32) -> Vec<u8> {
    let mut frame = vec![0x53, 0x2a, 0x4d, 0x18];
    frame.extend(length.to_le_bytes());
    frame.resize(8 + length as usize, 0xee);
    frame
}

fn wrong(result: Result<inspect_reader::image::Image, Error>) -> Wrong {
    match result.expect_err("an error").kind {
        ErrorKind::Compressed(error) => error.kind,
        other => panic!("{other:?}"),
    }
}

const BOTH: [Compress; 2] = [gzip, zstd];

/// Compresses all of it.
type Compress = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_table_is_the_same_compressed() {
    let files = Files::new();
    let plain = table(0x1000);
    for compress in BOTH {
        let image = files.open(&compress(&plain), &Options::default()).unwrap();
        assert_eq!((image.kind, carried(&image)), (Kind::TableFile, plain.clone()));
        assert!(image.remarks.is_empty() && image.name.ends_with("image"));
    }
}

#[test]
fn members_and_frames_follow_one_another() {
    let files = Files::new();
    let parts = [noise(300_000), vec![0; 1 << 20], Vec::new(), noise(5000)];
    let whole = parts.concat();
    for compress in BOTH {
        let mut together: Vec<u8> = parts.iter().flat_map(|part| compress(part)).collect();
        let image = files.open_raw(&together, 0x4000).unwrap();
        assert!(bytes(&image, 0x4000, whole.len()) == whole);
        assert_eq!(image.memory.runs(0)[0].length, whole.len() as u64);
        assert!(image.remarks.is_empty());
        if compress(b"")[0] == 0x1f {
            together.extend(vec![0; 700_000]);
        } else {
            together = [skippable(0), together, skippable(600_000)].concat();
        }
        let image = files.open_raw(&together, 0x4000).unwrap();
        assert!(bytes(&image, 0x4000, whole.len()) == whole);
        assert!(image.remarks.is_empty());
    }
}

#[test]
fn what_stands_behind_the_stream_is_said() {
    let files = Files::new();
    for compress in BOTH {
        let bytes = [compress(&table(1)), b"behind".to_vec()].concat();
        let image = files.open(&bytes, &Options::default()).unwrap();
        assert_eq!(carried(&image), table(1));
        assert!(image.remarks[0].text.starts_with("6 bytes behind"), "{:?}", image.remarks);
    }
}

#[test]
fn no_part_of_a_stream_is_taken_for_the_whole() {
    let files = Files::new();
    let plain = table(0x1000);
    for compress in BOTH {
        let whole = compress(&plain);
        for end in 4..whole.len() {
            let wrong = wrong(files.open(&whole[..end], &Options::default()));
            assert!(matches!(wrong, Wrong::Truncated), "{end} of {}: {wrong:?}", whole.len());
        }
    }
    let long = noise(1 << 20);
    for compress in BOTH {
        let whole = compress(&long);
        let error = files.open(&whole[..700_000], &Options::default()).expect_err("an error");
        let ErrorKind::Compressed(inner) = &error.kind else { panic!("{error}") };
        assert!((600_000..=700_000).contains(&inner.read), "{error}");
        assert!((390_000..=700_000).contains(&inner.written), "{error}");
        assert!(error.to_string().contains("ends in the middle (after "), "{error}");
        assert!(error.help().is_some());
    }
    let skipped = [skippable(100), zstd(&plain)].concat();
    let wrong = wrong(files.open(&skipped[..50], &Options::default()));
    assert!(matches!(wrong, Wrong::Truncated), "{wrong:?}");
}

#[test]
fn bombs_are_stopped() {
    let files = Files::new();
    let zeros = vec![0; 64 << 20];
    let options = Options { decompressed_limit: Some(1 << 20), ..Options::default() };
    for compress in BOTH {
        let bomb = compress(&zeros);
        assert!(bomb.len() < 100_000);
        let wrong = wrong(files.open(&bomb, &options));
        assert!(matches!(wrong, Wrong::Limit(0x10_0000)), "{wrong:?}");
        // The limit is one of what comes out, not of what is done before it is noticed.
        assert!(files.open(&compress(&table(1)), &options).is_ok());
    }
}

#[test]
fn what_is_compressed_twice_is_an_error() {
    let files = Files::new();
    for outer in BOTH {
        for inner in BOTH {
            let wrong = wrong(files.open(&outer(&inner(&table(1))), &Options::default()));
            assert!(matches!(wrong, Wrong::Twice), "{wrong:?}");
        }
    }
}

#[test]
fn much_memory_is_not_taken_because_a_frame_says_so() {
    let files = Files::new();
    // A window of 2^41 bytes, and a block that is not there.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0];
    let wrong = wrong(files.open(&frame, &Options::default()));
    assert!(matches!(wrong, Wrong::Window(window) if window >= 1 << 40), "{wrong:?}");
}

#[test]
fn an_empty_stream_is_an_empty_file() {
    let files = Files::new();
    for compress in BOTH {
        let error = files.open(&compress(b""), &Options::default()).expect_err("an error");
        assert!(matches!(error.kind, ErrorKind::Empty), "{error}");
        let error = files.open(&compress(b"something"), &Options::default()).expect_err("an error");
        assert!(matches!(error.kind, ErrorKind::Unknown) && error.help().is_some(), "{error}");
    }
}

#[test]
fn raw_memory_that_begins_like_a_stream_stays_as_it_is() {
    let files = Files::new();
    let memory = [gzip(b"an initial disk"), noise(100)].concat();
    let image = files.open_raw(&memory, 0x8000_0000).unwrap();
    assert!(bytes(&image, 0x8000_0000, memory.len()) == memory);
    let cut = &gzip(&noise(1000))[..900];
    let image = files.open_raw(cut, 0).unwrap();
    assert!(bytes(&image, 0, 900) == cut);
    assert!(image.remarks[0].text.contains("ends in the middle"), "{:?}", image.remarks);
}

#[test]
fn progress_is_told_and_ends_at_the_end() {
    let files = Files::new();
    let whole = noise(3 << 20);
    for compress in BOTH {
        let (done, total, steps) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let state = Arc::new((done, total, steps));
        let told = state.clone();
        let progress = Progress::new(move |step| {
            assert!(step.done >= told.0.swap(step.done, Ordering::Relaxed));
            told.1.store(step.total, Ordering::Relaxed);
            told.2.fetch_add(1, Ordering::Relaxed);
        });
        let options = Options { progress: Some(progress), ..Options::default() };
        let compressed = compress(&whole);
        let error = files.open(&compressed, &options).expect_err("noise is nothing");
        assert!(matches!(error.kind, ErrorKind::Unknown), "{error}");
        assert_eq!(state.1.load(Ordering::Relaxed), compressed.len() as u64);
        assert!(state.0.load(Ordering::Relaxed) >= compressed.len() as u64 - 16);
        assert!(state.2.load(Ordering::Relaxed) > 5);
    }
}

/// Both programs, at their fastest and their best, through a pipe: what they know of a length when
/// they begin is nothing.
#[test]
fn what_the_tools_write_is_read() {
    let files = Files::new();
    let mut whole = [vec![0; 100_000], noise(50_000), table(5).repeat(900)].concat();
    whole[99_999] = 1;
    let tools: [(&str, &[&str]); 6] = [
        ("gzip", &["-1"]),
        ("gzip", &["-9"]),
        ("zstd", &["-1"]),
        ("zstd", &["-19"]),
        ("zstd", &["--no-check", "-3"]),
        ("zstd", &["--long=27", "-5"]),
    ];
    for (tool, arguments) in tools {
        let child = Command::new(tool)
            .args(arguments)
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            skip(tool);
            continue;
        };
        let mut input = child.stdin.take().unwrap();
        let copy = whole.clone();
        let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success());
        let image = files.open_raw(&output.stdout, 0x1000).unwrap();
        assert!(bytes(&image, 0x1000, whole.len()) == whole, "{tool} {arguments:?}");
    }
}

proptest! {
    /// Whatever is changed: there is an error, or what changed was a comment.
    #[test]
    fn a_damaged_stream_never_gives_other_bytes(
        is_gzip: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let files = Files::new();
        let plain = [table(0x1000), vec![0; 3000], noise(200), table(7)].concat();
        let mut stream = BOTH[usize::from(is_gzip)](&plain);
        for (index, change) in changes {
            let place = index.index(stream.len());
            stream[place] ^= change;
        }
        if let Ok(image) = files.open(&stream, &Options::default()) {
            prop_assert_eq!(carried(&image), plain);
        }
    }
}
