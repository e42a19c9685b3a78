//! The C runtime at work: its invariants under sanitizers, in every language mode and on every machine; threads
//! that write, read and are interrupted; and that it calls nobody.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

use std::fmt::Write as _;
use std::path::PathBuf;

use inspect_format::hash;
use inspect_format::table::{Row, Table};
use support::{CROSS, Cross, STRICT, has, is_long, run};

const SANITIZED: &[&str] =
    &["-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The runtime, the schema of these tests, and a place to build programs of both.
struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let corpus = include_str!("c_runtime/corpus.inspect");
        Self { folder: support::written_with_core(&[("corpus.inspect", corpus)]) }
    }

    fn c(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    /// Builds a program of `c_runtime/` with a runtime, this one or a changed one.
    fn build_with(
        &self,
        compiler: &[&str],
        name: &str,
        runtime: &str,
        link: &[&str],
    ) -> Result<String, String> {
        let sources = support::root().join("tests/c_runtime");
        let include = format!("-I{}", sources.display());
        let program = sources.join(format!("{name}.c")).display().to_string();
        let out = self.c().join(format!("{name}.{}", compiler.join("").replace('/', "_")));
        let out = out.display().to_string();
        let mut arguments = compiler[1..].to_vec();
        arguments.extend(STRICT);
        arguments.extend(["-I.", &include, "-o", &out, &program, "tests_runtime.inspect.c"]);
        arguments.push(runtime);
        arguments.extend(link);
        run(&self.c(), compiler[0], &arguments)?;
        Ok(out)
    }

    fn build(&self, compiler: &[&str], name: &str) -> String {
        self.build_with(compiler, name, "inspect_runtime.c", &["-pthread"])
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(&self.c(), program, arguments).unwrap_or_else(|error| panic!("{error}"))
    }
}

#[test]
fn invariants_hold_under_sanitizers() {
    let workshop = Workshop::new();
    for compiler in ["gcc", "clang"].into_iter().filter(|compiler| has(compiler)) {
        let command = [&[compiler], SANITIZED].concat();
        for name in ["corpus", "adopt"] {
            let program = workshop.build(&command, name);
            workshop.run(&program, &[]);
        }
    }
}

#[test]
fn invariants_hold_in_every_mode() {
    let workshop = Workshop::new();
    for command in [
        &["gcc", "-std=c99", "-O0"][..],
        &["gcc", "-std=c11", "-O3"],
        &["gcc", "-std=c2x", "-Os"],
        &["gcc", "-std=gnu17", "-O2", "-flto"],
        &["clang", "-std=c99", "-O2"],
        &["clang", "-std=c2x", "-O3"],
        &["g++", "-x", "c++", "-std=c++17", "-O2"],
        &["clang++", "-x", "c++", "-std=c++17", "-O1"],
        &["clang++", "-x", "c++", "-std=c++20", "-O3"],
    ] {
        if !has(command[0]) {
            continue;
        }
        for name in ["corpus", "adopt"] {
            let program = workshop.build(command, name);
            workshop.run(&program, &[]);
        }
    }
}

/// Readers find whole rows only, whoever writes, and whenever a writer is interrupted by one.
#[test]
fn threads_see_whole_rows() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    let rows = if is_long() { "10000000" } else { "100000" };
    let fast = workshop.build(&["gcc", "-std=c11", "-O2"], "stress");
    eprint!("{}", workshop.run(&fast, &[rows]));
    let slow = workshop.build(&[&["gcc"], SANITIZED].concat(), "stress");
    eprint!("{}", workshop.run(&slow, &[if is_long() { "1000000" } else { "20000" }]));
}

/// Processors that order memory otherwise, and those that change properties in halves.
#[test]
fn threads_see_whole_rows_on_other_machines() {
    let workshop = Workshop::new();
    for cross in runnable() {
        // The emulator of the first joins no thread that a signal has interrupted; the processor does.
        let emulator = match cross.target {
            "i686" if cfg!(target_arch = "x86_64") => "",
            "armv7" | "mips" | "aarch64" | "s390x" | "powerpc64" => cross.emulator.unwrap_or(""),
            _ => continue,
        };
        let command = [&[cross.gcc, "-std=c99", "-O2", "-static"], cross.flags].concat();
        let program = workshop.build(&command, "stress");
        let rows = if is_long() { "1000000" } else { "10000" };
        let printed = match emulator {
            "" => workshop.run(&program, &[rows]),
            _ => workshop.run(emulator, &[&program, rows]),
        };
        eprint!("{}: {printed}", cross.target);
    }
}

/// Three runtimes with one fault each; a check that accepts one of them would prove nothing.
#[test]
fn faults_are_noticed() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    let path = workshop.c().join("inspect_runtime.c");
    let text = std::fs::read_to_string(path).expect("the runtime");
    for (from, to) in [
        (
            "if (before >> 2 == after >> 2 && (after & 3) >= INSPECT_LIVE) {",
            "if (before >> 2 <= after >> 2) {",
        ),
        ("(handle.generation + 1) << 2 | INSPECT_EMPTY", "handle.generation << 2 | INSPECT_EMPTY"),
        ("if (inspect_is_text(table, at, text, length))", "if (text == NULL || length == 0)"),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(workshop.c().join("broken.c"), text.replace(from, to)).expect("a file");
        let command = ["gcc", "-std=c11", "-O2"];
        let program = workshop.build_with(&command, "stress", "broken.c", &["-pthread"]);
        let program = program.expect("a fault that compiles");
        // A race may be won by the right one a few times.
        let noticed = (0..20).any(|_| run(&workshop.c(), &program, &["1000000"]).is_err());
        assert!(noticed, "nobody notices {to}");
    }
}

fn runnable() -> impl Iterator<Item = &'static Cross> {
    CROSS.iter().filter(|cross| {
        let Some(emulator) = cross.emulator else { return false };
        let native = emulator.is_empty();
        (!native || cfg!(target_arch = "x86_64")) && has(cross.gcc) && (native || has(emulator))
    })
}

/// What every machine's table says, whatever its order and the width of its words.
const LEFT: &str = "\
counter zero[0] 0 properties 0x1 length 8
counter all[18446744073709551615] 0 properties 0x1 length 8
block bl\u{f6}ck[10000000000] 0 properties 0x8000800000000000 length 48
  owner 0x1020304 label a label port 443 delta -5 mark 0xcafef00d tag tag mood 200 raw 3 \
place 0x1122334455667788 check 9
block a label[10000000000] 12 properties 0x4000800000000000 length 48
  owner 0x1020304 label a label port 443 delta -5 mark 0xcafef00d tag tag mood 200 raw 3 \
place 0x1122334455667788 check 9
";

#[test]
fn every_machine_leaves_the_same_table() {
    let workshop = Workshop::new();
    for cross in runnable() {
        let mut command = vec![cross.gcc, "-std=c99", "-O2", "-static"];
        command.extend(cross.flags);
        let table = workshop.c().join(format!("{}.table", cross.target)).display().to_string();
        for (name, argument) in [("corpus", Some(table.as_str())), ("adopt", None)] {
            let program = workshop.build(&command, name);
            let mut arguments: Vec<&str> = argument.into_iter().collect();
            match cross.emulator {
                Some("") | None => workshop.run(&program, &arguments),
                Some(emulator) => {
                    arguments.insert(0, &program);
                    workshop.run(emulator, &arguments)
                }
            };
        }
        let bytes = std::fs::read(&table).expect("the table");
        assert_eq!(told(&bytes, cross.target), LEFT, "{}", cross.target);
    }
}

/// A table in words, but for addresses.
fn told(bytes: &[u8], target: &str) -> String {
    let table = Table::parse(bytes).unwrap_or_else(|error| panic!("{target}: {error}"));
    let types: u32 = table.rows().map(|row| u32::from(row.core().type_ == 0)).sum();
    assert_eq!((table.version(), types, table.is_runtime()), (2, 0, false), "{target}");
    let own: Vec<u64> = table.history().iter().collect();
    let schema = hash::schema_number("tests.runtime");
    table.check_reader(schema, 2, &own).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut out = String::new();
    for row in table.rows() {
        tell(&mut out, &row);
    }
    out
}

fn tell(out: &mut String, row: &Row<'_>) {
    let core = row.core();
    let name = row.name().expect("a name");
    let class = ["counter", "secret", "block"]
        .into_iter()
        .find(|class| hash::class_number("tests.runtime", class) == core.class)
        .expect("a class of the schema");
    assert!(row.is_live() && row.generation() == 0);
    // An id that was not given is the hash of the four names.
    let id = match core.id & inspect_format::abi::ID_EXPLICIT {
        0 => {
            assert_eq!(core.id, hash::entry_id("tests.runtime", class, name, core.instance));
            0
        }
        _ => core.id & !inspect_format::abi::ID_EXPLICIT,
    };
    let _ = writeln!(
        out,
        "{class} {name}[{}] {id} properties {:#x} length {}",
        core.instance, core.properties, core.length
    );
    if class == "block" {
        let bytes = row.bytes();
        let tag = std::str::from_utf8(&bytes[80..83]).expect("text");
        let port = u16::from_be_bytes([bytes[72], bytes[73]]);
        let mark = u32::from_le_bytes([bytes[76], bytes[77], bytes[78], bytes[79]]);
        let label = row.string_field(68, 1).expect("a field").expect("a text");
        let _ = writeln!(
            out,
            "  owner {:#x} label {label} port {port} delta {} mark {mark:#x} tag {tag} mood {} raw {} \
             place {:#x} check {}",
            row.u32_field(64, 1).expect("a field"),
            row.u16_field(74, 1).expect("a field") as i16,
            bytes[88],
            bytes[91],
            row.u64_field(96, 2).expect("a field"),
            row.u64_field(104, 2).expect("a field"),
        );
    }
}

/// Nothing but what the compiler itself needs for arithmetic, and what the linker defines.
#[test]
fn nobody_is_called() {
    let workshop = Workshop::new();
    let calls = support::calls(&workshop.c(), "inspect_runtime.c", &[], |name, hosted| {
        let linker = ["__start_inspect_table", "__stop_inspect_table"].contains(&name);
        let loader = hosted && name == "dl_iterate_phdr";
        // A division of 32 bits; registers that are saved in common code; tables of addresses.
        let compiler_own = ["__aeabi_uidiv", "_savegpr0_", "_restgpr0_", ".TOC.", "_GLOBAL_"];
        linker || loader || compiler_own.iter().any(|prefix| name.starts_with(prefix))
    });
    assert!(calls.is_empty(), "{calls:#?}");
}
