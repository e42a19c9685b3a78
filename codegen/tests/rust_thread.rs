//! The thread through everything: a schema, generated Rust that registers rows in a run-time table, the table
//! in a file, the generated decoder, and `inspect list`.

mod rust_support;

use std::path::Path;
use std::process::Command;

use rust_support::{model, root, run, succeed, write};

const SCHEMA: &str = r#"
schema test.thread version 2;

properties facts { dump = 0, persist = 1 }

struct record {
    stamp: u64,
    level: u16 : 3,
    facility: u16 : 13,
    port: be16,
    next: *record,
    total: long,
    text: text<12>,
}

class log: [record] { key: cpu, properties: dump }

entry region {
    owner: u32 = 0xffff_ffff,
    note: string,
    #[since(2)] node: i16 = -1,
    #[since(2)] ratio: f32,
}
"#;

const PROGRAM: &str = r##"
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use inspect_runtime::{Be16, Change, Ptr, RegisterError, RuntimeTable, Text};
use schemas::test_thread as s;

static LOG: [s::Record; 2] = [
    s::Record {
        stamp: 17,
        port: Be16::new(8080),
        next: Ptr::to(&LOG[1]),
        total: -5,
        text: Text::new("hello"),
        ..s::Record::ZERO
    }
    .with_level(5)
    .with_facility(4097),
    s::Record::ZERO,
];
static TABLE: RuntimeTable<s::Region, 3, 64> = RuntimeTable::new();

fn main() {
    let region = s::Region::of::<s::class::Log>(&LOG).name("main").instance(3).owner(7).node(-2);
    let first = TABLE.register(region.properties(s::Facts::PERSIST).note("why")).unwrap();
    let gone = TABLE.register(region).unwrap();
    TABLE.register_as(&format!("dyn{}", 1), region).unwrap();
    assert_eq!(TABLE.register(region), Err(RegisterError::Full));
    TABLE.unregister(gone).unwrap();
    assert_eq!(TABLE.unregister(gone), Err(Change::Stale));
    assert_eq!(TABLE.iter().count(), 2);
    assert_eq!(TABLE.iter().next().unwrap().handle, first);

    let mut bytes = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut bytes).unwrap();
    bytes.truncate(size);
    std::fs::write(std::env::args().nth(1).unwrap(), &bytes).unwrap();

    let table = s::Table::parse(&bytes).unwrap();
    let layouts = table.bind().unwrap();
    for row in table.rows() {
        assert_eq!(row.class(), s::class::LOG);
        assert!(row.is_live());
        assert_eq!(row.address(), &raw const LOG as u64);
        assert_eq!(row.ratio(), 0.0);
        println!("{} {} {} {} {:?} {}", row.name(), row.length(), row.owner(), row.node(), row.note(), row.properties());
    }
    // SAFETY: a static lives for ever, and its bytes are initialised but for padding, of which it has none.
    let memory = unsafe { std::slice::from_raw_parts((&raw const LOG).cast::<u8>(), size_of_val(&LOG)) };
    let record = layouts.record(memory).unwrap();
    println!("{} {} {} {} {} {}", record.stamp(), record.level(), record.facility(), record.port(), record.total(), record.text());
    assert_eq!(record.next(), &raw const LOG[1] as u64);
    assert_eq!(s::Layouts::of(inspect_runtime::Target::X86_64).record(memory).unwrap().total(), -5);
    assert_eq!((LOG[0].level(), LOG[0].facility()), (5, 4097));
    println!("{}", layouts.record(&memory[..8]).unwrap_err());
}
"##;

#[test]
fn a_row_goes_all_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &inspect_gen::emit::rust::emit(&model(&[SCHEMA])));
    let table = folder.path().join("table");
    let printed = run(folder.path(), PROGRAM, &[table.to_str().expect("a path")]);
    assert_eq!(
        printed,
        "main 96 7 -2 \"why\" 3\ndyn1 96 7 -2 \"\" 1\n17 5 4097 8080 -5 hello\n\
         struct record takes 48 bytes, there are 8\n"
    );
    let listed = list(&table);
    for word in ["main", "dyn1", "log[cpu=3]", "96 B", "dump|persist"] {
        assert!(listed.contains(word), "{word} is in\n{listed}");
    }
}

/// What `inspect list` prints.
fn list(table: &Path) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "-p", "inspect-reader", "--target-dir"])
        .arg(&target)
        // Without the crates that only exports need.
        .args(["--no-default-features", "--features", "cli"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    succeed(&built, "the reader builds");
    let output = Command::new(target.join("debug/inspect")).arg("list").arg(table).output();
    let output = output.expect("inspect runs");
    succeed(&output, "inspect list");
    String::from_utf8(output.stdout).expect("text")
}
