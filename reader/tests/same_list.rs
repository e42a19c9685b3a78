//! A program annotated in three objects, two static libraries and a shared object shows the same entries in its
//! file, in the running process and in its cores, packed or not, stripped or not.

mod support;

use std::path::Path;

use serde_json::Value;
use support::cores::{by_gdb, by_kernel};
use support::listed::{Symbols, hexadecimal, list, member, object, placed, sort};
use support::running::Running;
use support::shop::{SHOP, VARIANTS, Variant};
use support::tools::{has, is_there};

/// Object, class, name, symbol and how far behind it. The compiler and `nm` say the rest.
type Expected = (&'static str, &'static str, &'static str, &'static str);

const PROGRAM: &str = "shop";
const LIBRARY: &str = "libpart.so";

const EXPECTED: [Expected; 21] = [
    (PROGRAM, "block", "main block", "main_block"),
    (PROGRAM, "block", "second indirect", "second_bytes"),
    (PROGRAM, "block", "second place", "second_room"),
    (PROGRAM, "block", "second range", "second_room+8"),
    (PROGRAM, "block", "third device", "0x10000000"),
    (PROGRAM, "counter", "main exported", "main_exported"),
    (PROGRAM, "counter", "main static", "main_static"),
    (PROGRAM, "counter", "one exported", "one_exported"),
    (PROGRAM, "counter", "second hidden", "second_hidden"),
    (PROGRAM, "counter", "second static", "second_static"),
    (PROGRAM, "counter", "third part", "third_parts+16"),
    (PROGRAM, "counter", "third zero", "third_zero"),
    (PROGRAM, "secret", "password", "password"),
    (PROGRAM, "till", "second till", "second_tills"),
    (PROGRAM, "till", "second till", "second_tills+32"),
    (PROGRAM, "tills", "second counted", "second_list"),
    (PROGRAM, "tree", "third tree", "third_trees+8"),
    (PROGRAM, "tree", "two tree", "two_tree"),
    (LIBRARY, "counter", "part exported", "part_exported"),
    (LIBRARY, "counter", "part static", "part_static"),
    (LIBRARY, "tree", "part tree", "part_tree"),
];

/// What the program registers when it runs.
const REGISTERED: [(&str, &str); 4] =
    [("till", ""), ("counter", "late counter"), ("till", "late till"), ("tree", "late tree")];

/// The symbols of both files, which stripping takes away and packing leaves where they are.
struct Both {
    program: Symbols,
    library: Symbols,
}

impl Both {
    fn new() -> Self {
        let unpacked = VARIANTS[0];
        Self {
            program: Symbols::of(&SHOP.program(unpacked)),
            library: Symbols::of(&SHOP.library(unpacked)),
        }
    }

    /// The entries that were annotated, with places for addresses; and what was registered.
    #[track_caller]
    fn split(&self, entries: &[Value]) -> (Vec<Value>, Vec<Value>) {
        let is_registered =
            |entry: &&Value| REGISTERED.contains(&(member(entry, "class"), member(entry, "name")));
        let (late, annotated): (Vec<&Value>, Vec<&Value>) = entries.iter().partition(is_registered);
        let of = |name: &str| {
            let own = annotated.iter().filter(|entry| object(entry) == name);
            own.map(|entry| (*entry).clone()).collect::<Vec<_>>()
        };
        let (program, library) = (of(PROGRAM), of(LIBRARY));
        assert_eq!(program.len() + library.len(), annotated.len(), "{entries:#?}");
        let mut all = Vec::new();
        if !program.is_empty() {
            all.extend(placed(&program, &self.program, ("main exported", "main_exported")));
        }
        if !library.is_empty() {
            all.extend(placed(&library, &self.library, ("part exported", "part_exported")));
        }
        sort(&mut all);
        let mut late: Vec<Value> = late.into_iter().cloned().collect();
        late.iter_mut().for_each(|entry| entry["object"] = object(entry).into());
        sort(&mut late);
        (all, late)
    }
}

/// What the annotations say, by another path than the reader's.
#[track_caller]
fn check(entries: &[Value], what: &str) {
    let mut found: Vec<_> = entries
        .iter()
        .map(|entry| {
            let (class, name) = (member(entry, "class"), member(entry, "name"));
            (object(entry), class, name, member(entry, "address"))
        })
        .collect();
    found.sort_unstable();
    let mut expected = EXPECTED.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{what}");
}

#[track_caller]
fn listed(path: &Path) -> Vec<Value> {
    list(&[path.to_str().expect("a path")])
}

/// The entries of the program's file and of its library's.
#[track_caller]
fn in_files(both: &Both, variant: Variant) -> Vec<Value> {
    let mut entries = listed(&SHOP.program(variant));
    entries.extend(listed(&SHOP.library(variant)));
    let (annotated, registered) = both.split(&entries);
    assert!(registered.is_empty(), "a file knows nothing of what runs: {registered:#?}");
    annotated
}

#[test]
fn file_process_and_core_show_the_same() {
    if !has("gcc") || !has("nm") {
        return;
    }
    let both = Both::new();
    let mut all = Vec::new();
    for variant in VARIANTS {
        let name = variant.name();
        let files = in_files(&both, variant);
        check(&files, name);
        let running = Running::start(&SHOP.program(variant), &["wait"]);
        let live = list(&[&running.target()]);
        let (annotated, registered) = both.split(&live);
        assert_eq!(annotated, files, "{name}: the process and the files");
        let found: Vec<_> = registered
            .iter()
            .map(|entry| (member(entry, "class"), member(entry, "name")))
            .collect();
        let mut expected = REGISTERED;
        expected.sort_unstable();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{name}: what was registered");
        let folder = SHOP.folder(variant);
        let mut cores = 0;
        if has("gdb") {
            let mut core = listed(&by_gdb(&running, &folder));
            let mut live = live;
            sort(&mut core);
            sort(&mut live);
            assert_eq!(core, live, "{name}: gdb's core of the process");
            cores += 1;
        }
        if let Some(core) = by_kernel(&SHOP.program(variant), &folder) {
            let (in_core, registered_there) = both.split(&listed(&core));
            assert_eq!(in_core, files, "{name}: the kernel's core and the files");
            let names = |entries: &[Value]| entries.iter().map(without_address).collect::<Vec<_>>();
            assert_eq!(names(&registered_there), names(&registered), "{name}: what was registered");
            cores += 1;
        }
        is_there(cores > 0, "anybody who writes cores");
        all.push((name, files));
    }
    for (name, files) in &all {
        assert_eq!(*files, all[0].1, "{name} and {}", all[0].0);
    }
}

/// Another process has what it registers elsewhere.
#[track_caller]
fn without_address(entry: &Value) -> Value {
    let mut entry = entry.clone();
    assert_ne!(hexadecimal(&entry, "address"), 0, "{entry}");
    entry["address"] = "somewhere".into();
    entry
}
