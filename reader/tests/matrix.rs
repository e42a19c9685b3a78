//! The matrix: a schema with five versions; its producers as of each of them, in C and in Rust, on machines of both
//! word sizes and both orders of bytes; and its readers as of each, in C, in Rust, and the program `inspect`. Each
//! reads what each wrote, and every value is compared with the one that follows from the models: nothing here was
//! printed once and is expected since.
//!
//! A thinned form runs always: all producers in C, those in Rust on two machines, readers on this machine. With
//! `INSPECT_LONG=1` it is the whole, whose counts are in `docs/compatibility.md`; `UPDATE_DOCUMENTS=1` writes them.
#![cfg(target_os = "linux")]

#[path = "matrix/c.rs"]
mod c;
#[path = "matrix/generic.rs"]
mod generic;
#[path = "matrix/rust.rs"]
mod rust;
#[path = "../../codegen/tests/rust_support/mod.rs"]
mod rust_support;
#[path = "matrix/schema.rs"]
mod schema;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread::scope;

use inspect_gen::check::Options;
use inspect_gen::compile::{compile_kept, releases};
use inspect_gen::diag::Diagnostics;
use inspect_gen::model::Target;
use inspect_gen::release::{self, Release};
use inspect_gen::source::SourceMap;
use rust_support::machines::{MACHINES as RUST_MACHINES, Machine as RustMachine, Rust};
use rust_support::{build, succeed, write};
use schema::{Language, Version, Written};
use serde_json::Value;
use support::machines::{MACHINES, Machine};
use support::tools::{inspect, run, text};

/// Where this test runs.
const HERE: &str = "x86_64";

/// Machines whose Rust producers are in the thinned form.
const THIN: [&str; 2] = [HERE, "s390x"];

/// Whoever writes or reads: a language and a machine. Each does it as of every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Party {
    language: Language,
    machine: &'static str,
}

/// A program of a party.
struct Program {
    party: Party,
    path: PathBuf,
    runner: Runner,
}

enum Runner {
    C(&'static Machine),
    Rust(&'static RustMachine),
    /// This machine, and the compiler that builds this test.
    Here,
}

impl Program {
    fn run(&self, arguments: &[&OsStr]) -> String {
        match &self.runner {
            Runner::C(machine) => run(machine.command(&self.path).args(arguments)),
            Runner::Here => run(std::process::Command::new(&self.path).args(arguments)),
            Runner::Rust(machine) => {
                let output = machine.run(&self.path, arguments);
                succeed(&output, machine.triple);
                text(&output.stdout)
            }
        }
    }
}

/// The name of a Rust machine in schemas.
fn target_of(machine: &RustMachine) -> &'static str {
    let name = machine.triple.split('-').next().expect("a triple");
    Target::from_name(name).map_or_else(|| panic!("{name}"), Target::name)
}

fn is_long() -> bool {
    std::env::var("INSPECT_LONG").is_ok_and(|value| value == "1")
}

/// Every party of the whole matrix.
fn parties() -> Vec<Party> {
    let c = MACHINES.iter().map(|it| Party { language: Language::C, machine: it.name });
    let rust = RUST_MACHINES.iter();
    let rust = rust.map(|it| Party { language: Language::Rust, machine: target_of(it) });
    c.chain(rust).collect()
}

/// The parties of today's run, as producers or as readers.
fn planned(is_reader: bool) -> Vec<Party> {
    let thin = |party: &Party| match (party.language, is_reader) {
        (Language::C, false) => true,
        (Language::Rust, false) => THIN.contains(&party.machine),
        (_, true) => party.machine == HERE,
    };
    parties().into_iter().filter(|party| is_long() || thin(party)).collect()
}

/// Where everything is generated and built.
struct Workshop {
    versions: Vec<Version>,
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let workshop =
            Self { versions: Version::all(), folder: tempfile::tempdir().expect("a folder") };
        for role in ["producer", "reader"] {
            let folder = workshop.path(role);
            for version in &workshop.versions {
                write(&folder.join(format!("v{}", version.number)), &version.files());
            }
            workshop.write_c(&folder, role == "reader");
        }
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_c(&self, folder: &Path, is_reader: bool) {
        let put = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).expect("a source");
        };
        put("foreign.h", include_str!("matrix/foreign.h"));
        put("main.c", &c::program(&self.versions, is_reader));
        for version in &self.versions {
            let number = version.number;
            if is_reader {
                put(&format!("read_v{number}.c"), &c::reader(version));
                continue;
            }
            let written = self.written(version, Party { language: Language::C, machine: HERE });
            put(&format!("produce_v{number}.c"), &c::producer(written));
            put(&format!("captured_v{number}.c"), &c::captured(version));
        }
    }

    fn written<'v>(&self, version: &'v Version, party: Party) -> Written<'v> {
        let target = Target::from_name(party.machine).expect("a target");
        Written { version, language: party.language, target }
    }

    /// The program of a party, or nothing where its tools are missing, which was said then.
    fn program(&self, party: Party, is_reader: bool, rust: Option<&Rust>) -> Option<Program> {
        let role = if is_reader { "reader" } else { "producer" };
        let folder = self.path(role);
        if party.language == Language::C {
            let machine = MACHINES.iter().find(|it| it.name == party.machine).expect("a machine");
            if !machine.is_at_hand() {
                return None;
            }
            let path = folder.join(party.machine);
            self.compile(machine, &folder, &path, is_reader);
            return Some(Program { party, path, runner: Runner::C(machine) });
        }
        if party.machine == HERE {
            let path = build(&folder, &rust::program(&self.versions, is_reader));
            return Some(Program { party, path, runner: Runner::Here });
        }
        let machine = RUST_MACHINES.iter().find(|it| target_of(it) == party.machine);
        let machine = machine.expect("a machine");
        let path = rust?.build(machine, &folder)?;
        Some(Program { party, path, runner: Runner::Rust(machine) })
    }

    fn compile(&self, machine: &Machine, folder: &Path, out: &Path, is_reader: bool) {
        let mut sources = vec!["main.c".to_owned()];
        for version in &self.versions {
            let number = version.number;
            if is_reader {
                sources.push(format!("read_v{number}.c"));
            } else {
                sources.push(format!("produce_v{number}.c"));
                sources.push(format!("captured_v{number}.c"));
            }
        }
        if !is_reader {
            let last = self.versions.len();
            sources.extend(["runtime", "dump"].map(|it| format!("v{last}/c/inspect_{it}.c")));
        }
        let mut gcc = std::process::Command::new(machine.compiler());
        gcc.current_dir(folder).args(["-std=c11", "-O1", "-static", "-I."]);
        gcc.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(out).args(sources);
        run(&mut gcc);
    }
}

/// Builds the programs of some parties, two at a time.
fn built(workshop: &Workshop, wanted: &[(Party, bool)]) -> Vec<(Program, bool)> {
    // Rust's come first: they take longest.
    let mut wanted = wanted.to_vec();
    wanted.sort_by_key(|(party, _)| (party.language == Language::C, party.machine != HERE));
    let is_cross = |party: &Party| party.language == Language::Rust && party.machine != HERE;
    // Found once, so that what is missing is said once.
    let rust = OnceLock::new();
    let rust = || rust.get_or_init(Rust::found).as_ref();
    let (send, receive) = channel();
    let next = std::sync::Mutex::new(wanted.into_iter());
    scope(|threads| {
        for _ in 0..2 {
            let (send, next, rust) = (send.clone(), &next, &rust);
            threads.spawn(move || {
                loop {
                    let one = next.lock().expect("no thread panics with it").next();
                    let Some((party, is_reader)) = one else { return };
                    let rust = is_cross(&party).then(rust).flatten();
                    if let Some(program) = workshop.program(party, is_reader, rust) {
                        send.send((program, is_reader)).expect("somebody collects");
                    }
                }
            });
        }
    });
    drop(send);
    let mut programs: Vec<_> = receive.into_iter().collect();
    programs.sort_by_key(|(program, is_reader)| (program.party, *is_reader));
    programs
}

/// What a reader printed: of each table, as of each version.
type Printed = BTreeMap<(String, u32), BTreeMap<String, String>>;

fn parsed(text: &str) -> Printed {
    let mut printed = Printed::new();
    let mut last = None;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("@ ") {
            let (path, version) = head.rsplit_once(' ').expect("a version");
            let key = (path.to_owned(), version.parse().expect("a version"));
            last = Some(key.clone());
            assert!(printed.insert(key, BTreeMap::new()).is_none(), "{head} is read twice");
            continue;
        }
        let (path, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        let of = printed.get_mut(last.as_ref().expect("a table")).expect("a table");
        let before = of.insert(path.to_owned(), value.to_owned());
        assert!(before.is_none(), "{path} is printed twice");
    }
    printed
}

/// What was compared: pairs of a producer and a reader, each as of a version, and values.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Count {
    producers: usize,
    readers: usize,
    pairs: usize,
    values: usize,
}

/// By the language of the producer and what reads.
type Counts = BTreeMap<(Language, &'static str), Count>;

fn word(language: Language) -> &'static str {
    match language {
        Language::C => "C",
        Language::Rust => "Rust",
    }
}

/// What some parties come to, by the models alone.
fn counted(workshop: &Workshop, producers: &[Party], readers: &[Party]) -> Counts {
    let mut counts = Counts::new();
    let versions = workshop.versions.len();
    for producer in producers {
        for version in &workshop.versions {
            let written = workshop.written(version, *producer);
            for language in [Language::C, Language::Rust] {
                let parties = readers.iter().filter(|it| it.language == language).count();
                let count = counts.entry((producer.language, word(language))).or_default();
                count.producers += 1;
                count.readers = parties * versions;
                count.pairs += parties * versions;
                let values = workshop.versions.iter();
                let values = values.map(|it| written.expected(it, language).found.len());
                count.values += values.sum::<usize>() * parties;
            }
            let count = counts.entry((producer.language, "`inspect`")).or_default();
            let entries = Value::Object(generic::expected(written));
            *count = Count {
                producers: count.producers + 1,
                readers: 1,
                pairs: count.pairs + 1,
                values: count.values + generic::leaves(&entries),
            };
        }
    }
    counts
}

fn table(counts: &Counts) -> String {
    let mut out = "| tables by | read by | producers | readers | pairs | values |\n".to_owned();
    out.push_str("|---|---|--:|--:|--:|--:|\n");
    let mut all = Count::default();
    for ((producer, reader), count) in counts {
        let Count { producers, readers, pairs, values } = count;
        let producer = word(*producer);
        let _ = writeln!(
            out,
            "| {producer} | {reader} | {producers} | {readers} | {pairs} | {values} |"
        );
        all.pairs += pairs;
        all.values += values;
    }
    let _ = writeln!(out, "| | all | | | {} | {} |", all.pairs, all.values);
    out
}

/// Compares what was printed with what follows from the models, and says all that differs.
fn compare(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>, what: &str) {
    let paths: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let mut faults = String::new();
    for path in paths {
        let (found, expected) = (found.get(path), expected.get(path));
        if found != expected {
            let _ = writeln!(faults, "{path}: {found:?}, and not {expected:?}");
        }
    }
    assert!(faults.is_empty(), "{what}:\n{faults}");
}

#[test]
fn every_reader_reads_what_every_producer_wrote() {
    let workshop = Workshop::new();
    let (producers, readers) = (planned(false), planned(true));
    let wanted: Vec<(Party, bool)> = producers
        .iter()
        .map(|it| (*it, false))
        .chain(readers.iter().map(|it| (*it, true)))
        .collect();
    let programs = built(&workshop, &wanted);
    for (party, is_reader) in &wanted {
        if !programs.iter().any(|(program, it)| (program.party, *it) == (*party, *is_reader)) {
            let role = if *is_reader { "readers" } else { "producers" };
            eprintln!(
                "skipped: the {role} in {} of {}, whose tools are not there",
                word(party.language),
                party.machine
            );
        }
    }
    let producers: Vec<&Program> = programs.iter().filter(|it| !it.1).map(|it| &it.0).collect();
    let readers: Vec<&Program> = programs.iter().filter(|it| it.1).map(|it| &it.0).collect();

    let mut tables: Vec<(String, Party, &Version)> = Vec::new();
    for program in &producers {
        for version in &workshop.versions {
            let Party { language, machine } = program.party;
            let path = workshop.path(&format!("{}.{machine}.{}", word(language), version.number));
            let number = version.number.to_string();
            program.run(&[number.as_ref(), path.as_ref()]);
            tables.push((path.display().to_string(), program.party, version));
        }
    }

    let paths: Vec<&OsStr> = tables.iter().map(|(path, ..)| path.as_ref()).collect();
    let mut counts = Counts::new();
    for program in &readers {
        let printed = parsed(&program.run(&paths));
        assert_eq!(printed.len(), tables.len() * workshop.versions.len());
        let Party { language, machine } = program.party;
        for (path, party, version) in &tables {
            let written = workshop.written(version, *party);
            let count = counts.entry((party.language, word(language))).or_default();
            for reader in &workshop.versions {
                let found = &printed[&(path.clone(), reader.number)];
                let expected = written.expected(reader, language).found;
                let what = format!(
                    "version {} in {} on {machine} of version {} in {} on {}",
                    reader.number,
                    word(language),
                    version.number,
                    word(party.language),
                    party.machine
                );
                compare(found, &expected, &what);
                count.pairs += 1;
                count.values += expected.len();
            }
        }
    }
    for (path, party, version) in &tables {
        let written = workshop.written(version, *party);
        let count = counts.entry((party.language, "`inspect`")).or_default();
        count.pairs += 1;
        count.values += read_generically(path, written);
    }
    let (producers, readers): (Vec<Party>, Vec<Party>) = (
        producers.iter().map(|it| it.party).collect(),
        readers.iter().map(|it| it.party).collect(),
    );
    for (key, planned) in counted(&workshop, &producers, &readers) {
        let done = counts.get_mut(&key).expect("each was read");
        assert_eq!((done.pairs, done.values), (planned.pairs, planned.values), "{key:?}");
        *done = planned;
    }
    eprintln!("{}", table(&counts));
}

/// A version has what is no younger than it, and nothing else: what is expected of readers does not hang on what
/// the compiler makes of `--as-of` alone.
#[test]
fn a_version_has_what_is_as_old_as_it() {
    let versions = Version::all();
    let all = versions.last().expect("a version").ages();
    assert!(all.len() > 80, "{} things", all.len());
    for version in &versions {
        let expected = all.iter().filter(|(_, since)| **since <= version.number);
        let expected: BTreeMap<String, u32> =
            expected.map(|(name, since)| (name.clone(), *since)).collect();
        assert_eq!(version.ages(), expected, "version {}", version.number);
        let young = expected.values().filter(|since| **since == version.number);
        assert!(young.count() > 0, "version {} brings nothing", version.number);
    }
}

/// The steps of the schema are legal, so that the matrix speaks of what is promised.
#[test]
fn no_version_breaks_an_older_one() {
    let latest = schema::TEXT;
    for old in Version::all() {
        let release = Release::of(&old.model);
        let mut sources = SourceMap::new();
        sources.add("evolution.inspect", latest, false);
        let options = Options { targets: Target::all().collect(), ..Options::default() };
        let (model, _, files) = compile_kept(&mut sources, Diagnostics::new(), &options);
        let model = model.expect("a schema");
        let releases = releases(&sources, &files, &model, &options, &release).expect("a release");
        let verdict = release::judge(&release, releases.then(), &releases.now, true);
        let breaks = verdict.differences.iter().filter(|difference| difference.is_break());
        let breaks: BTreeSet<&str> = breaks.map(|difference| difference.rule.name).collect();
        // A field before an anonymous struct moves the names that Rust gives to that; no table knows them.
        let of_rust = if old.number < 3 { &["field-rust-path-changed"][..] } else { &[] };
        let of_rust: BTreeSet<&str> = of_rust.iter().copied().collect();
        assert_eq!(breaks, of_rust, "version {}", old.number);
    }
}

/// `docs/compatibility.md` has what the whole comes to. `UPDATE_DOCUMENTS=1` writes it.
#[test]
fn the_document_has_the_counts() {
    const MARK: &str = "<!-- matrix -->\n";
    let workshop = Workshop::new();
    let path = rust_support::root().join("docs/compatibility.md");
    let text = std::fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(MARK).expect("a mark before the table");
    let end = rest.find("\n\n").map_or(rest.len(), |at| at + 1);
    let expected = table(&counted(&workshop, &parties(), &parties()));
    if std::env::var("UPDATE_DOCUMENTS").is_ok_and(|it| it == "1") {
        std::fs::write(&path, format!("{before}{MARK}{expected}{}", &rest[end..]))
            .expect("the document");
        return;
    }
    assert_eq!(&rest[..end], expected, "UPDATE_DOCUMENTS=1 writes it");
}

/// What `inspect` lists and shows of a dump, and lists of a table in a file; says how many values there were.
fn read_generically(path: &str, written: Written<'_>) -> usize {
    let entries = |command: &[&str], end: &str| {
        let printed = run(inspect(command).arg(format!("{path}.{end}")));
        let value: Value = serde_json::from_str(&printed).expect("JSON");
        let Value::Array(entries) = value else { panic!("no array: {printed}") };
        let named = entries.into_iter().map(|mut entry| {
            let members = entry.as_object_mut().expect("an object");
            // Where it lies, and what follows from the name.
            for key in ["address", "id", "object", "capture"] {
                members.remove(key);
            }
            (entry["name"].as_str().expect("a name").to_owned(), entry)
        });
        Value::Object(named.collect())
    };
    let expected = Value::Object(generic::expected(written));
    let same = |found: &Value, expected: &Value, what: &str| {
        let text = |value| serde_json::to_string_pretty(value).expect("text");
        let found_lines: Vec<String> = text(found).lines().map(str::to_owned).collect();
        let expected_lines: Vec<String> = text(expected).lines().map(str::to_owned).collect();
        let fault =
            found_lines.iter().zip(&expected_lines).find(|(found, expected)| found != expected);
        assert!(found == expected, "{what} of {path}: {fault:?}\n{}", text(found));
    };
    same(&entries(&["show", "--json"], "dump"), &expected, "show");
    let mut without = expected.clone();
    for entry in without.as_object_mut().expect("entries").values_mut() {
        entry.as_object_mut().expect("an entry").remove("value");
    }
    same(&entries(&["list", "--json"], "dump"), &without, "list");
    same(&entries(&["list", "--json"], "table"), &without, "list of a table");
    generic::leaves(&expected)
}
