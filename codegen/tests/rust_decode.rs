//! Generated decoders against other versions of their schema, and against bytes that nobody wrote.

mod rust_support;

use inspect_gen::check::Options;
use inspect_gen::model::Model;
use rust_support::{model_with, run, write};

const SCHEMA: &str = r#"
schema test.grown version 3;

struct stats { hits: u64, #[since(2)] misses: u64, #[since(3)] late: u32 }
class stats: stats;
entry region {
    owner: u32 = 7,
    #[since(2)] node: i16 = -1,
    #[since(3)] note: string = "none",
    #[since(3)] wide: u64 = 9,
}
"#;

const WRITER: &str = r##"
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use inspect_runtime::RuntimeTable;
use schemas::test_grown as s;
static STATS: s::Stats = s::Stats::ZERO;
static TABLE: RuntimeTable<s::Region, 4> = RuntimeTable::new();
fn main() {
    TABLE.register(s::Region::of::<s::class::Stats>(&STATS).name("one").owner(40)).unwrap();
    let mut bytes = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut bytes).unwrap();
    assert!(TABLE.copy_to(&mut bytes[..size - 1]).is_err());
    std::fs::write(std::env::args().nth(1).unwrap(), &bytes[..size]).unwrap();
}
"##;

const READER: &str = r##"
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use schemas::test_grown as s;

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(path).unwrap();
        let table = s::Table::parse(&bytes).unwrap();
        let row = table.rows().next().unwrap();
        let layouts = table.bind().unwrap();
        let memory = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
        let stats = layouts.stats(&memory).unwrap();
        READ
        println!();
        hostile(&bytes);
    }
}

/// Every byte changed, and every length: an error or a value, never a panic.
fn hostile(bytes: &[u8]) {
    let look = |bytes: &[u8]| {
        let Ok(table) = s::Table::parse(bytes) else { return };
        for row in table.rows() {
            let _ = (row.name(), row.owner(), row.address(), row.is_live());
        }
        if let Ok(layouts) = table.bind() {
            let _ = layouts.stats(&[0; 64]).map(|stats| (stats.hits(), stats.bytes_of()));
        }
    };
    let mut copy = bytes.to_vec();
    for at in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            copy[at] ^= change;
            look(&copy);
            copy[at] ^= change;
        }
        look(&bytes[..at]);
    }
}

trait Bytes { fn bytes_of(&self) -> usize; }
impl Bytes for s::StatsView<'_> { fn bytes_of(&self) -> usize { format!("{self:?}").len() } }
"##;

/// What a reader of each version prints of a row.
const READS: [&str; 3] = [
    r#"print!("{} {}", row.owner(), stats.hits());"#,
    r#"print!("{} {} {} {:?}", row.owner(), row.node(), stats.hits(), stats.misses());"#,
    r#"print!("{} {} {} {} {} {:?} {:?}", row.owner(), row.node(), row.note(), row.wide(),
        stats.hits(), stats.misses(), stats.late());"#,
];

/// By reader, then by producer.
const EXPECTED: [[&str; 3]; 3] = [
    ["40 1", "40 1", "40 1"],
    ["40 -1 1 None", "40 -1 1 Some(2)", "40 -1 1 Some(2)"],
    ["40 -1 none 9 1 None None", "40 -1 none 9 1 Some(2) None", "40 -1 none 9 1 Some(2) Some(3)"],
];

#[test]
fn every_version_reads_every_version() {
    let folders = [1, 2, 3].map(|version| {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &inspect_gen::emit::rust::emit(&as_of(version)));
        let table = folder.path().join("table");
        run(folder.path(), WRITER, &[table.to_str().expect("a path")]);
        folder
    });
    let tables: Vec<String> =
        folders.iter().map(|it| it.path().join("table").display().to_string()).collect();
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    for ((folder, read), expected) in folders.iter().zip(READS).zip(EXPECTED) {
        let printed = run(folder.path(), &READER.replace("READ\n", read), &tables);
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    }
}

fn as_of(version: u32) -> Model {
    let as_of = vec![(None, version)];
    model_with(&[SCHEMA], &Options { as_of, ..Options::default() })
}
