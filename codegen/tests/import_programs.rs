//! Types of C programs that nobody here wrote, from their DWARF, beside what `pahole` prints of them.
//!
//! `.ci/debug-programs` builds sqlite3 and redis-server from Debian's source packages; they are compared with
//! `INSPECT_LONG=1`.

#[path = "import_kernel/layout.rs"]
mod layout;
#[path = "import_kernel/pahole.rs"]
mod pahole;
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use inspect_gen::binary::{Beside, Binary, Format, Image, Wanted};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::import;
use inspect_gen::model::Target;
use inspect_gen::source::SourceMap;

#[test]
fn structs_of_programs_lie_where_pahole_says() {
    if std::env::var_os("INSPECT_LONG").is_none() {
        eprintln!("skipped: INSPECT_LONG=1 compares the types of whole programs");
        return;
    }
    for (name, at_least) in [("sqlite3", 150), ("redis-server", 200)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/programs").join(name);
        assert!(path.exists(), ".ci/debug-programs builds {name}");
        compare(&path, at_least);
    }
}

fn compare(path: &Path, at_least: usize) {
    let mut command = Command::new("pahole");
    let Some(listed) = support::run(command.args(["-F", "dwarf", "--sizes"]).arg(path)) else {
        return;
    };
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let all: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let bytes = std::fs::read(path).unwrap();
    let image = Image::parse(bytes.as_slice(), Some(Format::Dwarf), None).unwrap();
    let binary = Binary::open(&image, &Beside::default()).unwrap();
    let options = import::Options {
        schema: "program".to_owned(),
        image: "program".to_owned(),
        header: None,
        depth: 0,
    };
    // Names that mean several types are asked about elsewhere.
    let names: BTreeSet<&str> = all.into_iter().collect();
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| import::import(&binary, &[Wanted::parse(name)], &options).is_ok())
        .map(str::to_owned)
        .collect();
    let wanted: Vec<Wanted> = names.iter().map(|name| Wanted::parse(name)).collect();
    let imported = import::import(&binary, &wanted, &options).unwrap();
    let mut sources = SourceMap::new();
    sources.add("program.inspect", imported.text, false);
    let options = Options { targets: Target::all().collect(), as_of: Vec::new() };
    let model = compile(&mut sources, &options).0.unwrap();
    let Some(printed) = pahole::print("dwarf", path, &names) else { return };
    let found = layout::compare(&model, "program", &names, &printed);
    let layout::Comparison { compared, members, bit_fields, different } = found;
    println!("{}: {compared} structs, {members} members, {bit_fields} bit-fields", path.display());
    let count = different.lines().count();
    let shown: Vec<&str> = different.lines().take(40).collect();
    assert!(count == 0, "{count} differences:\n{}", shown.join("\n"));
    assert!(compared >= at_least, "only {compared} structs were compared");
}
