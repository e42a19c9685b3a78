//! `dump`: what is in the file and what is not, for images that are built by hand.

mod dump_support;

use std::path::Path;

use dump_support::{DUMP, KEYS, LOG, Row, SENSITIVE, Scene, USER, inspect, json, row, write};
use inspect_format::abi::{Order, extent, note_kind};
use inspect_format::notes::{self, capture::Status};
use inspect_reader::catalog::Catalog;
use inspect_reader::discover::{self, Limit};
use inspect_reader::dump::Plan;
use inspect_reader::{consume, image};

const SECRET: &[u8] = b"correct horse battery staple";

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn scene() -> Scene {
    let mut memory = vec![0; 0x3000];
    for (at, text) in
        [(0x10, &b"hello from ann"[..]), (0x100, SECRET), (0x800, b"a line of the log")]
    {
        memory[at..at + text.len()].copy_from_slice(text);
    }
    let rows = vec![
        row(USER, "ann", 0x1000, 0x40).properties(DUMP),
        row(USER, "root", 0x1100, 0x40).properties(DUMP),
        // It reaches over what is denied.
        row(LOG, "all", 0x1080, 0x2000).properties(DUMP),
        row(KEYS, "door", 0x1100, 0x40).properties(DUMP),
    ];
    let mut scene = Scene::new(rows, vec![(0x1000, memory)]);
    scene.notes = vec![("CORE", 6, vec![0; 16]), ("CORE", 1, vec![0xaa; 336])];
    scene
}

/// The status of every entry, by name.
fn statuses(core: &str) -> Vec<(String, String)> {
    let found = json(&["list", core, "--json"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let all = found.as_array().unwrap().iter();
    all.map(|it| (text(&it["name"]), text(&it["capture"]["status"]))).collect()
}

/// `crash` asks for the memory of a kernel by physical address, drgn by either.
#[test]
fn a_dump_of_a_machine_says_where_its_memory_lies_in_physical_memory() {
    let directory = tempfile::tempdir().unwrap();
    for (order, word_size) in
        [(Order::Little, 8), (Order::Big, 8), (Order::Little, 4), (Order::Big, 4)]
    {
        let pages = |count: usize, byte: u8| vec![byte; count * 0x1000];
        let memory = vec![
            (0x1000, pages(1, 1)),
            // They go on both ways, then only one way.
            (0x2000, pages(2, 2)),
            (0x4000, pages(1, 3)),
            // The same memory again, as a kernel has all of it in a second place.
            (0x10_0000, pages(3, 2)),
        ];
        let rows = vec![
            row(USER, "ann", 0x2010, 0x40),
            row(LOG, "all", 0x1080, 0x3f00),
            row(LOG, "twice", 0x10_0800, 0x1000),
        ];
        let rows = rows.into_iter().map(|it| it.properties(DUMP)).collect();
        let kernel = ("VMCOREINFO", 0, b"OSRELEASE=6.1.0\n".to_vec());
        let physical = vec![0x9000, 0xa000, 0x3000, 0x9000];
        let scene =
            Scene { order, word_size, physical, notes: vec![kernel], ..Scene::new(rows, memory) };
        let core = write(directory.path(), "core", &scene.core());
        let small = directory.path().join("small");
        let small = small.to_str().unwrap();
        json(&["dump", &core, "-o", small, "--consumer", "report", "--json"]);
        let bytes = std::fs::read(small).unwrap();
        let read = inspect_format::elfcore::Core::parse(&bytes).unwrap();
        let loads = read.segments().filter(|it| it.kind == 1);
        let found: Vec<_> = loads.map(|it| (it.address, it.physical, it.file_size)).collect();
        let expected =
            [(0x1080, 0x9080, 0x2f80), (0x4000, 0x3000, 0xf80), (0x10_0800, 0x9800, 0x1000)];
        assert_eq!(found, expected, "{order:?} {word_size}");
        assert_eq!(read.memory(0x4000, 2), Some(&[3, 3][..]));
        // A dump of this dump says the same.
        let again = directory.path().join("again");
        let again = again.to_str().unwrap();
        json(&["dump", small, "-o", again, "--consumer", "report", "--json"]);
        let bytes = std::fs::read(again).unwrap();
        let read = inspect_format::elfcore::Core::parse(&bytes).unwrap();
        let loads = read.segments().filter(|it| it.kind == 1);
        let found: Vec<_> = loads.map(|it| (it.address, it.physical, it.file_size)).collect();
        assert_eq!(found, expected, "{order:?} {word_size}");
    }
}

#[test]
fn what_is_denied_is_not_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for (order, word_size) in
        [(Order::Little, 8), (Order::Big, 8), (Order::Little, 4), (Order::Big, 4)]
    {
        let core = Scene { order, word_size, ..scene() }.core();
        assert!(holds(&core, SECRET), "the test would prove nothing");
        let core = write(directory.path(), "core", &core);
        let small = directory.path().join("small");
        let small = small.to_str().unwrap();
        let report = json(&["dump", &core, "-o", small, "--consumer", "report", "--json"]);
        assert_eq!((&report["captured"], &report["denied"]), (&1.into(), &2.into()));
        let bytes = std::fs::read(small).unwrap();
        assert!(!holds(&bytes, SECRET), "{order:?} {word_size}");
        assert!(holds(&bytes, b"hello from ann") && holds(&bytes, b"a line of the log"));
        assert!(!holds(&bytes, &[0xaa; 120]), "no registers");
        assert_eq!(report["size"], bytes.len());
        let found = statuses(small);
        let expected =
            [("ann", "captured"), ("root", "denied"), ("all", "truncated"), ("door", "denied")];
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
        // Memory that is left out has no segment.
        let read = inspect_format::elfcore::Core::parse(&bytes).unwrap();
        assert_eq!((read.header().order, read.memory(0x1100, 1)), (order, None));
        assert_eq!(read.memory(0x1010, 5), Some(&b"hello"[..]));
        assert!(read.segments().all(|it| it.kind == 4 || it.file_size == it.memory_size));
        assert!(read.segments().all(|it| it.physical == 0), "a process has no such addresses");
        // The rest of the log, behind the hole.
        assert_eq!(read.memory(0x1800, 6), Some(&b"a line"[..]));
    }
}

/// A pool that may be seen, and in it something that may not, of which a pointer, a counter or an end
/// is broken: its bytes are not in the file, whatever is lost with them.
#[test]
fn what_cannot_be_found_as_a_whole_does_not_leak() {
    const POOL: u64 = 0x1000;
    let directory = tempfile::tempdir().unwrap();
    let small = directory.path().join("small");
    let small = small.to_str().unwrap();
    let slots = |extent, pointer: u64, count: u64| {
        let mut memory = vec![0; 0x1000];
        memory[0x10..][..9].copy_from_slice(b"before it");
        memory[0x100..][..SECRET.len()].copy_from_slice(SECRET);
        memory[0x800..][..8].copy_from_slice(&pointer.to_le_bytes());
        memory[0x808..][..8].copy_from_slice(&count.to_le_bytes());
        let mut key = row(KEYS, "key", POOL + 0x800, 1).extent(extent).properties(SENSITIVE);
        (key.core.bound, key.core.bound_size) = (POOL + 0x808, 8);
        let pool = row(LOG, "pool", POOL, 0x1000).properties(DUMP);
        Scene::new(vec![pool, key], vec![(POOL, memory)])
    };
    let with = |mut scene: Scene, change: fn(&mut Row)| {
        change(&mut scene.rows[1]);
        scene
    };
    let (counted, key) = (extent::COUNTED, POOL + 0x100);
    let nowhere = with(slots(extent::INDIRECT, key, 0), |row| row.core.address = 0x9000);
    let cases = [
        // Where everything is in order, what stands before the key and behind it is there.
        ("whole", slots(counted, key, SECRET.len() as u64), Some(true)),
        ("endless", slots(counted, key, u64::MAX), Some(true)),
        ("overflow", with(slots(counted, key, u64::MAX), |row| row.core.length = 9), Some(true)),
        ("no counter", with(slots(counted, key, 1), |row| row.core.bound = 0x9000), Some(true)),
        ("odd counter", with(slots(counted, key, 1), |row| row.core.bound_size = 3), Some(true)),
        ("wraps", with(slots(extent::INDIRECT, key, 0), |row| row.core.length = !0), Some(true)),
        (
            "backwards",
            with(slots(extent::RANGE, key, 0), |row| {
                (row.core.address, row.core.bound) = (0x1100, 0x10ff);
            }),
            Some(true),
        ),
        ("no pointer", nowhere, Some(false)),
        ("unknown", with(slots(9, key, 0), |row| row.core.address = POOL), Some(false)),
        // Nothing is there that could be cut, and nobody wants it to be.
        ("null", slots(counted, 0, 5), None),
    ];
    for (what, scene, is_beginning_there) in cases {
        let core = write(directory.path(), "core", &scene.core());
        let words = ["dump", &core, "-o", small, "--consumer", "report"];
        let (code, _, error) = inspect(&words);
        assert_eq!(code, Some(0), "{what}: {error}");
        let bytes = std::fs::read(small).unwrap();
        assert_eq!(holds(&bytes, SECRET), is_beginning_there.is_none(), "{what}");
        let expected = is_beginning_there.unwrap_or(true);
        assert_eq!(holds(&bytes, b"before it"), expected, "{what}");
        assert_eq!(error.contains("may lie anywhere"), !expected, "{what}: {error}");
    }
}

/// The pointer to what was denied is not in a dump, and costs a dump of it nothing.
#[test]
fn what_a_dump_has_cut_out_is_not_looked_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = scene();
    scene.memory.push((0x9000, 0x1100_u64.to_le_bytes().to_vec()));
    scene.rows.push(row(KEYS, "led to", 0x9000, 8).extent(extent::INDIRECT).properties(SENSITIVE));
    let core = write(directory.path(), "core", &scene.core());
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (first, second, third) = (path("first"), path("second"), path("third"));
    json(&["dump", &core, "-o", &first, "--consumer", "report", "--json"]);
    json(&["dump", &first, "-o", &second, "--consumer", "report", "--json"]);
    assert_eq!(statuses(&first), statuses(&second));
    assert!(holds(&std::fs::read(&second).unwrap(), b"hello from ann"));
    // Nor is what was permitted once and is not any more.
    json(&["dump", &core, "-o", &first, "--consumer", "everything", "--json"]);
    assert!(holds(&std::fs::read(&first).unwrap(), SECRET));
    json(&["dump", &first, "-o", &third, "--consumer", "report", "--json"]);
    let bytes = std::fs::read(&third).unwrap();
    assert!(holds(&bytes, b"hello from ann") && !holds(&bytes, SECRET));
}

#[test]
fn a_dump_of_a_dump_says_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (path("first"), path("second"));
    json(&["dump", &core, "-o", &first, "--consumer", "report", "--json"]);
    json(&["dump", &first, "-o", &second, "--consumer", "report", "--json"]);
    assert_eq!(statuses(&first), statuses(&second));
    let bytes = std::fs::read(&second).unwrap();
    assert!(holds(&bytes, b"a line of the log"), "what lies behind a hole");
    // Nobody gets back what is not there.
    let third = path("third");
    json(&["dump", &first, "-o", &third, "--consumer", "everything", "--json"]);
    let bytes = std::fs::read(&third).unwrap();
    assert!(!holds(&bytes, SECRET));
    assert_eq!(statuses(&third)[1], ("root".to_owned(), "faulted".to_owned()));
}

/// What a pointer led to is in a dump, and the pointer itself is not: the dump says where that was.
#[test]
fn a_dump_of_a_dump_finds_what_pointers_led_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let mut scene = scene();
    scene.rows = vec![
        row(LOG, "text", 0x6000, 14).properties(DUMP).extent(extent::INDIRECT),
        row(USER, "root", 0x6008, 0x40).properties(DUMP).extent(extent::INDIRECT),
        row(LOG, "all", 0x1080, 0x2000).properties(DUMP),
    ];
    let pointers = [0x7000_u64, 0x1100].map(u64::to_le_bytes).concat();
    scene.memory.extend([(0x6000, pointers), (0x7000, b"at the pointer".to_vec())]);
    let core = write(directory.path(), "core", &scene.core());
    let (first, second, third) = (path("first"), path("second"), path("third"));
    json(&["dump", &core, "-o", &first, "--consumer", "everything", "--json"]);
    assert!(holds(&std::fs::read(&first).unwrap(), SECRET), "the test would prove nothing");
    json(&["dump", &first, "-o", &second, "--consumer", "everything", "--json"]);
    assert!(statuses(&second).iter().all(|(_, status)| status == "captured"));
    let bytes = std::fs::read(&second).unwrap();
    let read = inspect_format::elfcore::Core::parse(&bytes).unwrap();
    assert_eq!((read.memory(0x6000, 8), read.memory(0x7000, 2)), (None, Some(&b"at"[..])));
    // All commands go by what the dump says.
    let map = json(&["map", &second, "--json"]);
    assert_eq!(map["nowhere"].as_array().map(Vec::len), Some(0), "{map}");
    let named = json(&["list", &second, "addr:0x7004", "--json"]);
    assert_eq!((&named[0]["name"], named.as_array().map(Vec::len)), (&"text".into(), Some(1)));
    let (code, found, _) = inspect(&["doctor", &second]);
    assert_eq!(code, Some(0), "{found}");
    // Whoever may not see it does not see it as a part of something else.
    json(&["dump", &second, "-o", &third, "--consumer", "report", "--json"]);
    assert!(!holds(&std::fs::read(&third).unwrap(), SECRET));
    let expected = [("text", "captured"), ("root", "denied"), ("all", "truncated")];
    let found = statuses(&third);
    let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(found, expected);
}

/// A table that is not read may deny what another allows.
#[test]
fn what_tables_deny_that_are_too_many_is_not_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = scene();
    scene.notes.push((notes::NAME, note_kind::TABLES, scene.table()));
    let core = write(directory.path(), "core", &scene.core());
    let target = image::Target::Path(core.into());
    let image = image::open(&target, &image::Options::default()).unwrap();
    let bytes = |limit| {
        let options = discover::Options { limit: Limit(limit), ..Default::default() };
        let discovery = discover::tables_of(&image, &options);
        let (catalog, _) = Catalog::new(&discovery, &[]);
        let policy = consume::find(&catalog, "everything").unwrap();
        let plan = Plan::new(&image, &discovery, &catalog, &policy.consumer(), &[]);
        let read = (plan.report.tables, plan.report.unread);
        assert!(
            plan.outcomes
                .iter()
                .flatten()
                .all(|it| it.status != Status::Captured || limit > 1 << 20)
        );
        (read, plan.report.bytes > 0)
    };
    assert_eq!(bytes(1 << 30), ((2, 0), true));
    assert_eq!(bytes(6000), ((1, 1), false));
}

/// What a reader or a debugger has to know of the machine goes with its memory.
#[test]
fn a_dump_says_of_the_machine_what_its_source_says() {
    let directory = tempfile::tempdir().unwrap();
    let about = b"OSRELEASE=6.1.0\nSYMBOL(inspect_root)=40000000\n".to_vec();
    let mut scene = Scene { word_size: 4, machine: 40, flags: 0x0500_0400, ..scene() };
    scene.notes = vec![("VMCOREINFO", 0, about.clone())];
    let core = write(directory.path(), "core", &scene.core());
    let small = directory.path().join("small").to_str().unwrap().to_owned();
    json(&["dump", &core, "-o", &small, "--consumer", "report", "--json"]);
    let bytes = std::fs::read(&small).unwrap();
    let read = inspect_format::elfcore::Core::parse(&bytes).unwrap();
    assert_eq!((read.header().machine, read.header().flags), (40, 0x0500_0400));
    assert!(holds(&bytes, &about));
    // It is still a dump, whose tables are in its notes.
    assert_eq!(statuses(&small)[0], ("ann".to_owned(), "captured".to_owned()));
    let (code, out, error) = inspect(&["doctor", &small]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("core of a kernel"), "{out}");
}

#[test]
fn registers_come_only_if_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let small = directory.path().join("small");
    let arguments = ["dump", &core, "-o", small.to_str().unwrap(), "--consumer", "report"];
    assert_eq!(inspect(&[&arguments[..], &["--registers"]].concat()).0, Some(0));
    assert!(holds(&std::fs::read(&small).unwrap(), &[0xaa; 200]));
    assert_eq!(inspect(&arguments).0, Some(0));
    let bytes = std::fs::read(&small).unwrap();
    let core = inspect_format::elfcore::Core::parse(&bytes).unwrap();
    let kinds: Vec<u32> = core.notes().map(|note| note.unwrap().kind).collect();
    assert_eq!(kinds, [6, 1, 2, 3]);
}

#[test]
fn sensitive_entries_are_shown_to_whom_they_are_permitted() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = scene();
    scene.rows.push(row(KEYS, "safe", 0x1100, 0x40).properties(SENSITIVE));
    let core = write(directory.path(), "core", &scene.core());
    let small = directory.path().join("small");
    let small = small.to_str().unwrap();
    json(&["dump", &core, "-o", small, "--consumer", "everything", "--json"]);
    assert!(holds(&std::fs::read(small).unwrap(), SECRET));
}

#[test]
fn large_memory_is_copied_whole_and_holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let mut memory = vec![0; 8 << 20];
    for (index, page) in memory.chunks_mut(4096).enumerate() {
        if index % 512 < 200 {
            page.fill(index as u8 | 1);
        }
    }
    let rows = vec![row(LOG, "much", 0x10_0123, (8 << 20) - 0x200).properties(DUMP)];
    let core = Scene::new(rows, vec![(0x10_0000, memory.clone())]).core();
    let core = write_sparse(&directory.path().join("core"), &core);
    let small = directory.path().join("small");
    let arguments = ["dump", &core, "-o", small.to_str().unwrap(), "--consumer", "report"];
    assert_eq!(inspect(&arguments).0, Some(0));
    let bytes = std::fs::read(&small).unwrap();
    let read = inspect_format::elfcore::Core::parse(&bytes).unwrap();
    let length = (8 << 20) - 0x200;
    let found = read.memory(0x10_0123, length as u64).unwrap();
    assert!(found == &memory[0x123..0x123 + length], "bytes differ");
    let stored = |path: &Path| path.metadata().unwrap().blocks() * 512;
    if stored(Path::new(&core)) >= length as u64 {
        eprintln!("skipped: files have no holes here");
        return;
    }
    // Four times 200 pages are data; the rest is holes in the core, and here.
    let size = stored(&small);
    assert!((3 << 20..5 << 20).contains(&size), "{size} bytes are stored");
}

/// Writes a file with holes where pages are zero.
fn write_sparse(path: &Path, bytes: &[u8]) -> String {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (index, page) in bytes.chunks(4096).enumerate() {
        if page.iter().any(|byte| *byte != 0) {
            file.write_all_at(page, index as u64 * 4096).unwrap();
        }
    }
    path.to_str().unwrap().to_owned()
}

#[test]
fn nothing_is_left_of_a_dump_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let rows = vec![row(LOG, "much", 0x1000, 4 << 20).properties(DUMP)];
    let core = Scene::new(rows, vec![(0x1000, vec![7; 4 << 20])]).core();
    let core = write(directory.path(), "core", &core);
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("small"), "older").unwrap();
    let small = place.path().join("small");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "ulimit -f 100; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_inspect"), "dump"]);
    shell.args([&core, "-o", small.to_str().unwrap(), "--consumer", "report"]);
    let output = shell.output().unwrap();
    assert!(!output.status.success());
    let names: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["small"]);
    assert_eq!(std::fs::read(&small).unwrap(), b"older");
}

#[test]
fn outputs_that_make_no_sense_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let core = write(directory.path(), "core", &scene().core());
    let before = std::fs::read(&core).unwrap();
    let dump = |output: &str| inspect(&["dump", &core, "-o", output, "--consumer", "report"]);
    let (code, _, error) = dump(&core);
    assert_eq!(code, Some(2), "{error}");
    assert_eq!(std::fs::read(&core).unwrap(), before);
    for output in ["/dev/null", "/nowhere/at/all", directory.path().to_str().unwrap()] {
        let (code, _, error) = dump(output);
        assert_eq!(code, Some(2), "{output}: {error}");
        assert!(error.contains(output), "{error}");
    }
}

/// Cores whose tables point anywhere, with lengths of any size.
#[test]
fn hostile_entries_end_in_a_dump_or_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let numbers = [0, 1, 0xfff, 0x1000, 0x1fff, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX];
    let mut rows: Vec<Row> = Vec::new();
    for class in [USER, LOG, KEYS] {
        for address in numbers {
            for length in numbers {
                for kind in
                    [extent::DIRECT, extent::INDIRECT, extent::COUNTED, extent::RANGE, 4, 5, 0xff]
                {
                    let mut row = row(class, "root", address, length).extent(kind);
                    row.core.properties = DUMP;
                    row.core.bound = length;
                    row.core.bound_size = 8;
                    rows.push(row);
                }
            }
        }
    }
    let core = Scene::new(rows, vec![(0x1000, vec![0xff; 0x1000])]).core();
    let small = directory.path().join("small");
    let small = small.to_str().unwrap();
    for (index, consumer) in ["report", "everything"].iter().enumerate() {
        let core = write(directory.path(), "core", &core);
        let (code, _, error) = inspect(&["dump", &core, "-o", small, "--consumer", consumer]);
        assert_eq!(code, Some(0), "{error}");
        let size = std::fs::metadata(small).unwrap().len();
        assert!(size < 4 << 20, "{index}: {size}");
        for command in ["map", "doctor", "list"] {
            let (code, ..) = inspect(&[command, &core, "--json"]);
            assert!(matches!(code, Some(0 | 1)), "{command}");
        }
    }
}
