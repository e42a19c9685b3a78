//! Images of each generation of the format, made once, read for ever: by the format's own crate, by decoders that are
//! generated in C today from the schema of then, and by `inspect`. Each must say what it said when the image was made.
//!
//! `generations/README.md` says how the images came to be, and what to do for another generation.
#![cfg(target_os = "linux")]

#[path = "matrix/c.rs"]
#[allow(dead_code, reason = "shared with the matrix, which has producers too")]
mod c;
#[path = "matrix/schema.rs"]
#[allow(dead_code, reason = "shared with the matrix")]
mod schema;
mod support;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_format::abi::{self, Order};
use inspect_format::btf::Btf;
use inspect_format::schema::{Schema, short_sha256};
use inspect_format::table::{Table, tables};
use inspect_format::zone::{Layout, Zone};
use inspect_runtime::zone::MappedFile;
use schema::Version;
use serde_json::Value;
use support::tools::{has, inspect, run};

/// Every file, and the first 16 digits that `sha256sum` prints of it. A line that is here stays as it is: the files
/// stand for tables that other people have.
const FILES: &[(&str, &str)] = &[
    ("1/be32.dump", "254f675d0e582745"),
    ("1/be32.dump.json", "145f3a63610b8f79"),
    ("1/be32.memory", "a6979787fd1dc6a1"),
    ("1/be32.table", "4690635e87274346"),
    ("1/be32.table.json", "588c64fee7bfaf5b"),
    ("1/be64.dump", "7ea6eb528f9a522d"),
    ("1/be64.dump.json", "26053a992e4630f4"),
    ("1/be64.memory", "a4297081e5f5a003"),
    ("1/be64.table", "48ba2ff57911e8b0"),
    ("1/be64.table.json", "4dc4b4c78518a75e"),
    ("1/decoded.txt", "7ea728c40c17589f"),
    ("1/dumps.zone", "52c3fc05d568a47c"),
    ("1/dumps.zone.json", "87afc689859cbd87"),
    ("1/format.txt", "dea304be99072366"),
    ("1/le32.dump", "f09b34ac5f87bf91"),
    ("1/le32.dump.json", "2aca3648d808a5e4"),
    ("1/le32.memory", "1341e641ddc7e4c1"),
    ("1/le32.table", "d8e93e8da9945deb"),
    ("1/le32.table.json", "0504332a4315d8e0"),
    ("1/le64.dump", "bf09b1e5e9c6c3e8"),
    ("1/le64.dump.json", "a88f549f808be467"),
    ("1/le64.memory", "d917ddfd5205b568"),
    ("1/le64.table", "09e153e73b6d54e8"),
    ("1/le64.table.json", "a6f4f0d5f3ca1648"),
    ("1/packed.be32.table", "290a1e0d7f89f07a"),
    ("1/packed.be32.table.json", "31a4dfef38675a94"),
    ("1/packed.le64.table", "1014b7fcd90c4339"),
    ("1/packed.le64.table.json", "797c9f63fde4f342"),
    ("1/rust.dump", "6e215dd3f44430f8"),
    ("1/rust.dump.json", "6b3f16f68a0af257"),
    ("1/rust.memory", "ace64fe7dff38d68"),
    ("1/rust.table", "17e621d0dec32f63"),
    ("1/rust.table.json", "ef503792e6d90301"),
    ("1/schema.inspect", "6b6109a6513b559a"),
];

/// The machines that every generation has tables of, made by the runtime in C.
const MACHINES: [(&str, Order, u8); 4] = [
    ("le64", Order::Little, 8),
    ("le32", Order::Little, 4),
    ("be64", Order::Big, 8),
    ("be32", Order::Big, 4),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generations")
}

/// The folder of each generation, by its number.
fn generations() -> Vec<(u16, PathBuf)> {
    let entries =
        fs::read_dir(folder()).expect("the folder").map(|it| it.expect("an entry").path());
    let folders = entries.filter(|path| path.is_dir());
    let number = |path: &Path| path.file_name()?.to_str()?.parse().ok();
    let mut found: Vec<(u16, PathBuf)> =
        folders.map(|path| (number(&path).expect("a number"), path)).collect();
    found.sort();
    found
}

/// The files of a generation with this end to their names, without it.
fn named(folder: &Path, end: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder").map(|it| it.expect("an entry"));
    let names = entries.map(|it| it.file_name().into_string().expect("a name"));
    let mut found: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(end)?.to_owned())).collect();
    found.sort();
    found
}

#[test]
fn no_file_has_changed() {
    let mut found = Vec::new();
    for (number, folder) in generations() {
        for name in named(&folder, "") {
            let bytes = fs::read(folder.join(&name)).expect("a file");
            found.push((format!("{number}/{name}"), format!("{:016x}", short_sha256(&bytes))));
        }
    }
    let known: Vec<(String, String)> =
        FILES.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect();
    assert_eq!(
        found, known,
        "files that are there are never changed, and new ones are written down"
    );
}

/// A new generation of tables or of zones brings its images.
#[test]
fn the_generation_of_today_has_images() {
    let all = generations();
    let (number, folder) = all.last().expect("a generation");
    assert_eq!(*number, abi::FORMAT, "generations/README.md says how a generation gets its images");
    for (name, order, word_size) in MACHINES {
        let bytes = fs::read(folder.join(format!("{name}.table"))).expect("a table");
        let table = Table::parse(&bytes).expect("a table");
        assert_eq!((table.order(), table.word_size()), (order, word_size), "{name}");
        assert_eq!(table.header().format, abi::FORMAT, "{name}");
    }
    let temporary = tempfile::tempdir().expect("a folder");
    let path = temporary.path().join("zone");
    let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
    let mut storage = MappedFile::open(&name, 4096).expect("a file");
    let layout = Layout { slot_count: 2, order: Order::Little, word_size: 8 };
    Zone::init(&mut storage, layout).expect("a zone");
    let format = |path: &Path| {
        let bytes = fs::read(path).expect("a zone");
        [bytes[abi::ZoneHeader::FORMAT_AT], bytes[abi::ZoneHeader::FORMAT_AT + 1]]
    };
    let today = format(&path);
    let has = all.iter().any(|(_, folder)| format(&folder.join("dumps.zone")) == today);
    assert!(has, "no image of a zone of generation {}", u16::from_le_bytes(today));
}

#[test]
fn images_of_each_generation_read_as_they_did() {
    for (number, folder) in generations() {
        let text: String = named(&folder, ".table")
            .iter()
            .map(|name| {
                let bytes = fs::read(folder.join(format!("{name}.table"))).expect("a table");
                format!("{name}\n{}", described(&bytes))
            })
            .collect();
        same_text(&folder.join("format.txt"), &text);
        if has("gcc") {
            same_text(&folder.join("decoded.txt"), &decoded(&folder));
        }
        for (command, end) in [("list", "table"), ("show", "dump"), ("show", "zone")] {
            for name in named(&folder, &format!(".{end}")) {
                let file = format!("{name}.{end}");
                let mut inspect = inspect(&[command, "--json", &file]);
                let printed = run(inspect.current_dir(&folder));
                let expected = was(&folder.join(format!("{file}.json")), &printed);
                let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
                holds(
                    &value(&printed),
                    &value(&expected),
                    &format!("{command} of {number}/{file}"),
                );
            }
        }
    }
}

/// What was said once. With `INSPECT_NEW_GENERATION=1`, a text that is not there is written.
fn was(path: &Path, today: &str) -> String {
    let is_asked = std::env::var("INSPECT_NEW_GENERATION").is_ok_and(|it| it == "1");
    if is_asked && !path.exists() {
        fs::write(path, today).expect("a text");
    }
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn same_text(path: &Path, found: &str) {
    let expected = was(path, found);
    let mut lines = found.lines().zip(expected.lines()).enumerate();
    let differs = lines.find(|(_, (found, expected))| found != expected);
    assert_eq!(differs, None, "{}", path.display());
    assert_eq!(found.lines().count(), expected.lines().count(), "{}", path.display());
}

/// Today's reader may say more than it said, and nothing else.
fn holds(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (key, value) in expected {
                let own = found.get(key).unwrap_or_else(|| panic!("{place}.{key} is gone"));
                holds(own, value, &format!("{place}.{key}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                holds(found, expected, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

/// What the format's own crate says of tables, one behind another.
fn described(bytes: &[u8]) -> String {
    let mut out = String::new();
    for found in tables(bytes) {
        let (offset, table) = found.expect("a table");
        let header = table.header();
        let order = if table.order() == Order::Big { "big" } else { "little" };
        let _ = writeln!(
            out,
            "  table at {offset}: format {} {order} {} bytes flags {:#x} version {} rows of {} fingerprint {:016x} \
             schema {:016x}",
            header.format,
            table.word_size(),
            header.flags,
            table.version(),
            header.entry_size,
            header.fingerprint,
            header.schema
        );
        for (index, fingerprint) in table.history().iter().enumerate() {
            let _ = writeln!(out, "  version {}: {fingerprint:016x}", index + 1);
        }
        describe_schema(&table, &mut out);
        for row in table.rows() {
            let core = row.core();
            let name = row.name().expect("a name");
            let rest: String = row.bytes()[64..].iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(
                out,
                "  row {name:?} state {} id {:#x} class {:#x} type {} properties {:#x} address {:#x} length {} \
                 instance {} space {} extent {} bound {} {:#x} fields {rest}",
                core.state,
                core.id,
                core.class,
                core.type_,
                core.properties,
                core.address,
                core.length,
                core.instance,
                core.space,
                core.extent,
                core.bound_size,
                core.bound
            );
        }
    }
    out
}

fn describe_schema(table: &Table<'_>, out: &mut String) {
    let schema = Schema::parse(table.sections().schema).expect("a description");
    let _ = writeln!(out, "  schema {} version {}", schema.name, schema.version);
    for field in schema.entry.fields.iter() {
        let field = field.expect("a field");
        let (name, ty, offset) = (field.name, field.type_name, field.offset);
        let _ = writeln!(out, "  field {name}: {ty} at {offset} since {}", field.since);
    }
    for class in schema.classes.iter() {
        let class = class.expect("a class");
        let _ = writeln!(out, "  class {} {:#x}: {}", class.name, class.number, class.target);
    }
    let types = Btf::parse(table.sections().types).expect("types");
    let tags: BTreeSet<&str> = types.decl_tags().map(|tag| tag.text).collect();
    let tags: Vec<&str> = tags.into_iter().collect();
    let _ = writeln!(out, "  tags {}", tags.join(" "));
}

/// What decoders that are generated today say, as of each version of the schema of then.
fn decoded(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("schema.inspect")).expect("a schema");
    let versions = Version::all_of(&text);
    let temporary = tempfile::tempdir().expect("a folder");
    let root = temporary.path();
    let mut sources = vec!["main.c".to_owned()];
    fs::write(root.join("main.c"), c::program(&versions, true)).expect("a source");
    for version in &versions {
        let number = version.number;
        for (path, bytes) in version.files() {
            let path = root.join(format!("v{number}")).join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        }
        let name = format!("read_v{number}.c");
        fs::write(root.join(&name), c::reader(version)).expect("a source");
        sources.push(name);
    }
    let program = root.join("read");
    let mut gcc = Command::new("gcc");
    gcc.current_dir(root).args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]);
    run(gcc.arg(&program).args(sources));
    let names = named(folder, ".memory");
    assert!(names.len() > MACHINES.len(), "{names:?}");
    run(Command::new(&program).args(names).current_dir(folder))
}
