//! Dumps of a program in C, asked by gdb and searched for what must not be in them: from the core
//! that the kernel wrote, from gdb's, and from the running program.

mod dump_support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dump_support::{inspect, json};
use inspect_format::elfcore::{Core, PT_LOAD};
use inspect_gen::compile::CORE_SCHEMA;
use inspect_gen::source::SourceMap;
use inspect_gen::{check, emit, pack, syntax};

const LETTERS: &[u8] = b"EBSJERNSFUGYPYPQWUDYVBMD";

struct Workshop {
    folder: tempfile::TempDir,
}

/// The program while it waits.
struct Running {
    child: Child,
    /// Where its note and its diary lie.
    places: [String; 2],
}

impl Workshop {
    /// Builds the program, packed. Nothing where there is no compiler.
    fn new(flags: &str) -> Option<Self> {
        let mut sources = SourceMap::new();
        sources.add("core.inspect", CORE_SCHEMA, true);
        sources.add("till.inspect", include_str!("dump_gdb/till.inspect"), false);
        let (files, _) = syntax::parse(&sources);
        let (model, found) = check::check(&sources, &files, &check::Options::default());
        let model = model.unwrap_or_else(|| panic!("{:#?}", found.into_sorted()));
        let workshop = Self { folder: tempfile::tempdir().unwrap() };
        for (path, bytes) in emit::c::emit(&model) {
            let name = Path::new(&path).file_name().unwrap().to_owned();
            fs::write(workshop.folder.path().join(name), bytes).unwrap();
        }
        fs::write(workshop.path("till.c"), include_str!("dump_gdb/till.c")).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.current_dir(workshop.folder.path());
        gcc.args(["-std=gnu11", "-O1", "-g", "-I.", "-Wall", "-o", "till"]);
        gcc.args(flags.split_whitespace());
        gcc.args(["till.c", "tests_till.inspect.c", "inspect_runtime.c"]);
        let output = tool("gcc", &mut gcc)?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let image = fs::read(workshop.path("till")).unwrap();
        let packed = pack::pack(&image, &pack::Options::default()).unwrap();
        fs::write(workshop.path("till"), packed.image.unwrap()).unwrap();
        Some(workshop)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn start(&self) -> Running {
        let mut till = Command::new(self.path("till"));
        let mut child = till.arg("wait").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Running { child, places: places(&line) }
    }

    /// What gdb writes of a process.
    fn by_gdb(&self, running: &Running) -> Option<String> {
        let core = self.path("by-gdb");
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-batch", "-p", &running.child.id().to_string()]);
        gdb.args(["-ex", &format!("generate-core-file {core}")]);
        tool("gdb", &mut gdb)?;
        assert!(Path::new(&core).exists(), "gdb wrote no core");
        Some(core)
    }

    /// The core that the kernel writes, with where note and diary lie. Nothing where the kernel
    /// gives its cores to a program.
    fn by_kernel(&self) -> Option<(String, [String; 2])> {
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        if pattern.starts_with(['|', '/']) || pattern.contains('%') {
            eprintln!("skipped: cores go to {pattern}");
            return None;
        }
        let place = tempfile::tempdir_in(self.folder.path()).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -c unlimited; exec \"$0\" crash", &self.path("till")]);
        let output = shell.current_dir(&place).output().unwrap();
        let mut entries = fs::read_dir(&place).unwrap();
        let Some(core) = entries.next() else {
            eprintln!("skipped: the kernel wrote no core");
            return None;
        };
        fs::rename(core.unwrap().path(), self.path("by-kernel")).unwrap();
        let line = String::from_utf8(output.stdout).unwrap();
        Some((self.path("by-kernel"), places(&line)))
    }

    fn gdb(&self, core: &str, commands: &[&str]) -> Option<String> {
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-batch", &self.path("till"), core]);
        for command in commands {
            gdb.args(["-ex", command]);
        }
        let output = tool("gdb", &mut gdb)?;
        Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn places(line: &str) -> [String; 2] {
    let mut words = line.split_whitespace().map(str::to_owned);
    [(); 2].map(|()| words.next().expect("an address"))
}

fn tool(name: &str, command: &mut Command) -> Option<std::process::Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "{name}: {error}");
            eprintln!("skipped: there is no {name} ({error})");
            None
        }
    }
}

/// What must not be in a dump.
fn secrets() -> [Vec<u8>; 4] {
    let [diary, password, page] =
        [1, 2, 3].map(|key| LETTERS.iter().map(|byte| byte ^ key).collect::<Vec<u8>>());
    [diary, password, page, 0x5ec4_e7a5_u32.to_le_bytes().to_vec()]
}

fn holds(path: &str, part: &[u8]) -> bool {
    fs::read(path).unwrap().windows(part.len()).any(|window| window == part)
}

/// The memory of a core: addresses and bytes.
fn memory(path: &str) -> Vec<(u64, Vec<u8>)> {
    let bytes = fs::read(path).unwrap();
    let core = Core::parse(&bytes).unwrap();
    let loads = core.segments().filter(|segment| segment.kind == PT_LOAD);
    let bytes = loads.map(|it| (it.address, core.memory(it.address, it.file_size)));
    bytes.map(|(address, bytes)| (address, bytes.unwrap().to_vec())).collect()
}

/// Dumps for `report` and checks what is in the file.
fn dump(workshop: &Workshop, target: &str) -> String {
    let small = workshop.path("small");
    let report = json(&["dump", target, "-o", &small, "--consumer", "report", "--json"]);
    assert_eq!(report["denied"], 4, "{report}");
    for (index, secret) in secrets().iter().enumerate() {
        assert!(!holds(&small, secret), "{target}: secret {index} is in the file");
    }
    assert!(holds(&small, b"banner at run time"), "{target}");
    small
}

/// What gdb says of a dump.
fn ask(workshop: &Workshop, small: &str, [note, diary]: &[String; 2]) {
    let commands = [
        "print ann.balance",
        "print ann.pin",
        "print banner",
        &format!("x/4cb {note}"),
        &format!("x/4cb {diary}"),
        "x/1cb banner + 2001",
    ];
    let Some(said) = workshop.gdb(small, &commands) else { return };
    assert!(said.contains("$1 = 123456789"), "{said}");
    assert!(!said.contains(&0x5ec4_e7a5_u32.to_string()), "{said}");
    assert!(said.contains("110 'n'"), "{said}");
    assert!(said.contains(&format!("Cannot access memory at address {diary}")), "{said}");
}

#[test]
fn gdb_shows_what_is_allowed_and_nothing_else() {
    for flags in ["", "-no-pie"] {
        let Some(workshop) = Workshop::new(flags) else { return };
        let running = workshop.start();
        let small = dump(&workshop, &format!("pid:{}", running.child.id()));
        ask(&workshop, &small, &running.places);
        if let Some(core) = workshop.by_gdb(&running) {
            assert!(secrets().iter().all(|secret| holds(&core, secret)), "all are in the core");
            let small = dump(&workshop, &core);
            ask(&workshop, &small, &running.places);
            let again = workshop.path("again");
            let (code, _, error) = inspect(&["dump", &small, "-o", &again, "--consumer", "report"]);
            assert_eq!(code, Some(0), "{error}");
            assert_eq!(memory(&again), memory(&small), "a dump of a dump has all that is there");
            assert!(secrets().iter().all(|secret| !holds(&again, secret)));
        }
        if let Some((core, places)) = workshop.by_kernel() {
            assert!(secrets().iter().all(|secret| holds(&core, secret)), "all are in the core");
            let small = dump(&workshop, &core);
            ask(&workshop, &small, &places);
        }
    }
}

/// gdb falls back to the bytes with which the program's file begins such a variable; `inspect` says
/// that it is denied.
#[test]
fn a_denied_static_is_said_to_be_denied() {
    let Some(workshop) = Workshop::new("") else { return };
    let running = workshop.start();
    let small = dump(&workshop, &format!("pid:{}", running.child.id()));
    let found = json(&["list", &small, "--json"]);
    let status = |name: &str| {
        let found = found.as_array().unwrap().iter().find(|it| it["name"] == name);
        found.unwrap()["capture"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("password"), "denied");
    assert_eq!(status("diary"), "denied");
    assert_eq!(status("banner"), "truncated");
    assert_eq!(status("note"), "truncated");
    let Some(said) = workshop.gdb(&small, &["print password"]) else { return };
    assert!(said.contains("initial password"), "{said}");
    let (code, out, _) = inspect(&["doctor", &small]);
    assert_eq!((code, out.contains("nothing is wrong")), (Some(0), true), "{out}");
}

/// Asks for texts; which of them drgn has, and which it cannot read.
const DRGN: &str = r#"
import sys

import drgn

program = drgn.Program()
program.set_core_dump(sys.argv[2])
# Nothing in the dump says which files were mapped.
module = program.main_module(sys.argv[1], create=True)
module.try_file(sys.argv[1], force=True)
for name in sys.argv[3:]:
    try:
        print(name, program[name].string_().decode())
    except drgn.FaultError:
        print(name, "is refused")
"#;

/// drgn takes the bytes of a core and nothing in their place.
#[test]
fn drgn_refuses_a_denied_static() {
    let Some(workshop) = Workshop::new("-no-pie") else { return };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("drgn/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "no drgn in target/drgn");
        eprintln!("skipped: there is no drgn in target/drgn");
        return;
    }
    let running = workshop.start();
    let small = dump(&workshop, &format!("pid:{}", running.child.id()));
    let mut drgn = Command::new(python);
    drgn.args(["-c", DRGN, &workshop.path("till"), &small, "banner", "password"]);
    let output = drgn.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "banner banner at run time\npassword is refused\n", "{errors}");
}

/// A program that ends while it is dumped, or has ended before.
#[test]
fn a_program_that_is_gone_is_an_error() {
    let Some(workshop) = Workshop::new("") else { return };
    let mut running = workshop.start();
    let target = format!("pid:{}", running.child.id());
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let small: PathBuf = workshop.path("small").into();
    let arguments = ["dump", &target, "-o", small.to_str().unwrap(), "--consumer", "report"];
    let (code, _, error) = inspect(&arguments);
    assert_eq!(code, Some(1), "{error}");
    assert!(!small.exists());
}
