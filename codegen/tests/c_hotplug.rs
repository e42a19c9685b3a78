//! Section maps, the notifier and region sets in C, held against their twins in Rust: a script of operations
//! goes to a C program, and every line that it answers has to be what the Rust one would have said. Under
//! sanitizers, in every language mode, with readers and a writer at once; and nobody is called.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

#[path = "c_hotplug/notifier.rs"]
mod notifier;
#[path = "c_hotplug/regions.rs"]
mod regions;
#[path = "c_hotplug/sections.rs"]
mod sections;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use support::{STRICT, has, is_long, run};

const SANITIZED: &[&str] =
    &["-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const MODES: &[&[&str]] = &[
    &["gcc", "-std=c99", "-O0"],
    &["gcc", "-std=c2x", "-O3"],
    &["clang", "-std=c99", "-O2"],
    &["g++", "-x", "c++", "-std=c++17", "-O2"],
    &["clang++", "-x", "c++", "-std=c++17", "-O1"],
];

/// The runtime, the schema of these tests, and a place to build programs of both.
struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let corpus = include_str!("c_hotplug/corpus.inspect");
        Self { folder: support::written_with_core(&[("corpus.inspect", corpus)]) }
    }

    fn c(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    /// Builds a program of `c_hotplug/` with `inspect_hotplug.c`, or with a changed one.
    fn build_with(&self, compiler: &[&str], name: &str, hotplug: &str) -> Result<String, String> {
        let sources = support::root().join("tests/c_hotplug");
        let include = format!("-I{}", sources.display());
        let program = sources.join(format!("{name}.c")).display().to_string();
        let out = self.c().join(format!("{name}.{}", compiler.join("").replace('/', "_")));
        let out = out.display().to_string();
        let mut arguments = compiler[1..].to_vec();
        arguments.extend(STRICT);
        arguments.extend(["-I.", &include, "-o", &out, &program, hotplug, "-pthread"]);
        run(&self.c(), compiler[0], &arguments)?;
        Ok(out)
    }

    fn build(&self, compiler: &[&str], name: &str) -> String {
        self.build_with(compiler, name, "inspect_hotplug.c")
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A program built with sanitizers, by the first compiler that there is.
    fn sanitized(&self, name: &str) -> Option<String> {
        let compiler = ["gcc", "clang"].into_iter().find(|compiler| has(compiler))?;
        Some(self.build(&[&[compiler], SANITIZED].concat(), name))
    }

    fn changed(&self, from: &str, to: &str) -> &'static str {
        let text = std::fs::read_to_string(self.c().join("inspect_hotplug.c")).expect("a source");
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(self.c().join("broken.c"), text.replace(from, to)).expect("a file");
        "broken.c"
    }
}

/// A script, and what has to be the answer.
#[derive(Clone, Debug, Default)]
struct Dialogue {
    script: String,
    expected: String,
}

/// What a program answers to a script.
fn answer(program: &str, script: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let mut stdin = child.stdin.take().ok_or("no way in")?;
    let script = script.to_owned();
    // A program that answers while it is still asked would wait for somebody who reads.
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let _ = writer.join();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{}\n{}{}", output.status, text(&output.stderr), text(&output.stdout)))
    }
}

/// The first line on which C and Rust are of two minds.
fn compare(program: &str, dialogue: &Dialogue) -> Result<(), String> {
    let found = answer(program, &dialogue.script)?;
    if found == dialogue.expected {
        return Ok(());
    }
    let lines = found.lines().zip(dialogue.expected.lines());
    let (at, (found, expected)) =
        lines.enumerate().find(|(_, (found, expected))| found != expected).unwrap_or((0, ("", "")));
    Err(format!("line {at}: C says {found:?}, Rust {expected:?}\nof\n{}", dialogue.script))
}

/// Holds random dialogues against a program.
fn agree<S: Strategy>(
    program: &str,
    cases: u32,
    cases_long: u32,
    strategy: &S,
    tell: impl Fn(S::Value) -> Dialogue,
) {
    let cases = if is_long() { cases_long } else { cases };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config)
        .run(strategy, |steps| compare(program, &tell(steps)).map_err(TestCaseError::fail));
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn section_maps_do_what_their_twins_do() {
    let workshop = Workshop::new();
    let Some(program) = workshop.sanitized("sections") else { return };
    agree(&program, 150, 5000, &sections::cases(), |case| sections::tell(&case));
}

#[test]
fn notifiers_do_what_their_twins_do() {
    let workshop = Workshop::new();
    let Some(program) = workshop.sanitized("notifier") else { return };
    agree(&program, 150, 5000, &notifier::cases(), |case| notifier::tell(&case));
}

#[test]
fn region_sets_do_what_their_twins_do() {
    let workshop = Workshop::new();
    let Some(program) = workshop.sanitized("regions") else { return };
    agree(&program, 150, 5000, &regions::cases(), |steps| regions::tell(&steps));
}

/// Whether random dialogues with a faulty runtime find a difference; a check that accepts it would prove nothing.
fn is_noticed<S: Strategy>(
    workshop: &Workshop,
    name: &str,
    fault: (&str, &str),
    strategy: &S,
    tell: impl Fn(S::Value) -> Dialogue,
) -> bool {
    let broken = workshop.changed(fault.0, fault.1);
    let program = workshop.build_with(&["gcc", "-std=c99"], name, broken);
    let program = program.unwrap_or_else(|error| panic!("{error}"));
    let mut runner = TestRunner::deterministic();
    (0..200).any(|_| {
        let case = strategy.new_tree(&mut runner).expect("a case");
        compare(&program, &tell(case.current())).is_err()
    })
}

#[test]
fn faults_of_section_maps_are_noticed() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    for fault in [
        // The stray cancel that counts twice; what was left half done; the hole that changes something.
        (
            "= sections.last - sections.first + 1 - present;",
            "= sections.last - sections.first + 1;",
        ),
        ("if (edit->groups + (uint64_t)*fresh > capacity)", "if (false)"),
        ("edit->invalidated |= removed > 0;", "edit->invalidated = true;"),
        // A tail that is dropped in silence.
        (
            "inspect_set_tail(&change->left_out, range->last & ~mask, range->last);",
            "change->left_out.has_tail = false;",
        ),
        ("if (map->space->max_regions != 0 && ", "if (false && "),
        ("begins += at == 0 || !inspect_goes_on(line, at - 1, line, at);", "begins += at == 0;"),
    ] {
        let tell = |case| sections::tell(&case);
        let noticed = is_noticed(&workshop, "sections", fault, &sections::cases(), tell);
        assert!(noticed, "nobody notices {}", fault.1);
    }
}

#[test]
fn faults_of_notifiers_are_noticed() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    for fault in [
        // The stray cancel, to one that refused; cancels in the wrong order; nobody who hears of one.
        (
            "\t\t\trefusal->subscriber = subscriber;\n",
            "refusal->subscriber = *prepared = subscriber;\n",
        ),
        ("subscriber = subscriber->before)", "subscriber = subscriber->after)"),
        (
            "inspect_roll_back(notifier, prepared, change);",
            "inspect_roll_back(notifier, NULL, change);",
        ),
        ("after->priority >= subscriber->priority", "after->priority > subscriber->priority"),
        ("(void)__atomic_add_fetch(&notifier->epoch, 1, __ATOMIC_ACQ_REL);", ";"),
        (
            "== thread)\n\t\t\treturn INSPECT_E_REENTRANT;",
            "== thread)\n\t\t\treturn INSPECT_E_CROWDED;",
        ),
    ] {
        let tell = |case| notifier::tell(&case);
        let noticed = is_noticed(&workshop, "notifier", fault, &notifier::cases(), tell);
        assert!(noticed, "nobody notices {}", fault.1);
    }
}

#[test]
fn faults_of_region_sets_are_noticed() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    for fault in [
        ("set->regions[index].range.first <= range.last) {", "false) {"),
        ("if (is_cut_below && is_cut_above && end - begin == 1) {", "if (false) {"),
        ("holes->more = hole->above->range.last < holes->rest.last;", "holes->more = false;"),
        ("if (here->last >= range.last)", "if (here->last > range.last)"),
        ("return bytes < than_bytes ||", "return bytes > than_bytes ||"),
        ("inspect_sift_ranges(ranges, holes, i - 1, inspect_is_above);", ";"),
    ] {
        let tell = |steps: Vec<_>| regions::tell(&steps);
        let noticed = is_noticed(&workshop, "regions", fault, &regions::cases(), tell);
        assert!(noticed, "nobody notices {}", fault.1);
    }
}

/// Builds a program in every language mode and runs it; it checks itself.
fn run_in_every_mode(name: &str) {
    let workshop = Workshop::new();
    let sanitized = [&["gcc"], SANITIZED].concat();
    for command in MODES.iter().chain([&&*sanitized]).filter(|command| has(command[0])) {
        let program = workshop.build(command, name);
        run(&workshop.c(), &program, &[]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn spaces_are_what_the_schema_says() {
    run_in_every_mode("spaces");
}

/// A stray cancel, half an addition, the removal of a hole, half a section: what once went wrong in a driver.
#[test]
fn a_ported_driver_counts_nothing_twice() {
    run_in_every_mode("driver");
}

/// Runs a program of threads as it is, and under each sanitizer.
fn run_threads(name: &str, fast: &str, slow: &str) {
    let workshop = Workshop::new();
    let mut programs = Vec::new();
    for compiler in ["gcc", "clang"].into_iter().filter(|compiler| has(compiler)) {
        programs.push((workshop.build(&[compiler, "-std=c11", "-O2"], name), fast));
        programs.push((workshop.build(&[&[compiler], SANITIZED].concat(), name), slow));
    }
    // It does not know fences, and needs none to see an access that is not atomic.
    if has("clang") {
        let command = ["clang", "-std=c11", "-O1", "-g", "-fsanitize=thread"];
        programs.push((workshop.build(&command, name), slow));
    }
    for (program, count) in programs {
        let said = run(&workshop.c(), &program, &[count]);
        eprint!("{}", said.unwrap_or_else(|error| panic!("{error}")));
    }
}

/// Whoever looks while the map is rebuilt sees the state before or the state after.
#[test]
fn readers_during_a_rebuild_see_no_half_of_it() {
    let (fast, slow) = if is_long() { ("100000", "20000") } else { ("1000", "100") };
    run_threads("readers", fast, slow);
}

#[test]
fn a_crowd_of_threads_hears_one_change_after_the_other() {
    let (fast, slow) = if is_long() { ("1000000", "100000") } else { ("10000", "2000") };
    run_threads("crowd", fast, slow);
}

/// What the readers' checks are worth: each of these shows them half a state.
#[test]
fn torn_looks_are_noticed() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    for (from, to) in [
        (
            "return __atomic_load_n(&map->generation, __ATOMIC_RELAXED) != generation;",
            "return __atomic_load_n(&map->generation, __ATOMIC_RELAXED) < generation;",
        ),
        (
            "edit->side = &map->sides[live == map->sides];",
            "edit->side = (struct inspect_section_side *)live;",
        ),
    ] {
        let broken = workshop.changed(from, to);
        let program = workshop.build_with(&["gcc", "-std=c11", "-O1"], "readers", broken);
        let program = program.unwrap_or_else(|error| panic!("{error}"));
        let noticed = (0..20).any(|_| run(&workshop.c(), &program, &["3000"]).is_err());
        assert!(noticed, "nobody notices {to}");
    }
}

/// Nothing but what the compiler itself needs for arithmetic of 64 bits.
#[test]
fn nobody_is_called() {
    let workshop = Workshop::new();
    let compiler_own = [
        "__aeabi_uidiv",
        "__ashldi3",
        "__lshrdi3",
        "__aeabi_llsl",
        "__aeabi_llsr",
        "_savegpr0_",
        "_restgpr0_",
        ".TOC.",
        "_GLOBAL_",
        "_gp_disp",
        "__gnu_local_gp",
    ];
    let is_own = |name: &str, _| compiler_own.iter().any(|own| name.starts_with(own));
    let calls = support::calls(&workshop.c(), "inspect_hotplug.c", &["-ffreestanding"], is_own);
    assert!(calls.is_empty(), "{calls:#?}");
}
