//! Runs the program and looks at what it prints.

use std::process::Command;

/// What the program prints each time. What the load managed meanwhile differs and is not in it.
const STORY: &str = include_str!("story.txt");

fn run() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hotplug")).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn memory_comes_and_goes_under_load() {
    let printed = run();
    let (load, story): (Vec<&str>, Vec<&str>) =
        printed.lines().partition(|line| line.starts_with("load:"));
    assert_eq!(story.join("\n"), STORY.trim_end(), "if this is meant, it belongs into story.txt");

    let [load] = load[..] else { panic!("one line about the load: {load:?}") };
    let made = load.split_whitespace().rev().nth(1).and_then(|count| count.parse::<u64>().ok());
    assert!(made.is_some_and(|made| made > 0), "there was no load: {load}");
}

/// What must hold whatever the story is.
#[test]
fn everyone_agrees_and_a_refused_change_is_rolled_back_in_reverse() {
    let printed = run();
    let steps: Vec<&str> = printed.split("  => ").collect();
    let mut refusals = 0;
    for step in steps.windows(2) {
        let (calls, outcome) = (step[0], step[1].lines().next().unwrap_or_default());
        assert!(outcome.contains("all agree on"), "{outcome}");
        if outcome.contains("refused the change") {
            let mut undone = who(calls, "is rolled back");
            undone.reverse();
            assert_eq!(undone, who(calls, " prepares"), "{calls}");
            assert_eq!(who(calls, "is there").len() + who(calls, "is gone").len(), 0, "{calls}");
            refusals += 1;
        }
    }
    assert!(refusals >= 4, "{refusals} refusals: {printed}");
}

#[test]
fn valgrind_finds_nothing() {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", env!("CARGO_BIN_EXE_hotplug")]);
    match valgrind.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) if std::env::var("INSPECT_REQUIRE_TOOLS").is_ok_and(|value| value == "1") => {
            panic!("valgrind: {error}");
        }
        Err(error) => eprintln!("skipped, since valgrind does not run: {error}"),
    }
}

/// Who does something, in the order of the calls.
fn who<'a>(calls: &'a str, what: &str) -> Vec<&'a str> {
    let lines = calls.lines().filter(|line| line.contains(what));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}
