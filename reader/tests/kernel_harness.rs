//! A kernel that nobody here wrote: Debian's boots in an emulator, loads the module of `examples/linux-module`, and
//! what `inspect` finds in dumps of the machine's memory is compared with what the kernel and the module said on the
//! serial console: where symbols are, which rows there are, the values of variables, and the log itself.
//!
//! The machine has its addresses from chance (KASLR), and is dumped once with page tables and once without.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_gen::build::{load, write};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit::{self, Output};
use inspect_gen::model::Target;
use inspect_gen::pack;
use serde_json::Value;
use support::listed::{hexadecimal, list, member};
use support::tools::{has, inspect, is_there, output, run, text};

/// What is annotated, in the module and of the kernel.
const ANNOTATED: [&str; 9] = [
    "book",
    "pulses",
    "keeper",
    "gate",
    "init_task",
    "init_uts_ns",
    "nr_cpu_ids",
    "__per_cpu_offset",
    "jiffies_64",
];

/// What each visitor pays, by `main.c`, and nobody has to know.
const PAID: u64 = 0xdead_beef_cafe_f00d;

#[test]
fn a_dump_of_a_kernel_holds_what_its_console_said() {
    let kernel = repository().join("target/kernel");
    let drgn = repository().join("target/drgn/bin/python");
    let is_fetched = kernel.join("vmlinuz").exists() && kernel.join("kbuild").exists();
    let tools = ["qemu-system-x86_64", "busybox", "cpio", "make", "gdb"];
    let is_complete = tools.map(has).iter().all(|it| *it)
        && is_there(drgn.exists(), "drgn in target/drgn")
        && is_there(is_fetched, "the kernel that `.ci/kernel-types` fetches");
    if !is_complete {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let modules = Modules::build(folder.path(), &kernel.join("headers"));
    let mut harness = Command::new(repository().join("examples/linux-module/run"));
    harness.args(["--boot", "kaslr", "--dump-only", "--kernel"]).arg(&kernel);
    let harness =
        output(harness.arg("--module").arg(&modules.folder).arg("--keep").arg(folder.path()));
    let said = [text(&harness.stdout), text(&harness.stderr)].concat();
    assert!(harness.status.success(), "{}\n{said}", harness.status);
    // That a machine had to be booted twice is worth knowing, and no failure.
    println!("{said}");
    let boot = folder.path().join("kaslr");
    let console = Console::read(&boot.join("console.log"));
    console.says_what_went_wrong();
    has_no_torn_row(&[1, 2, 3].map(|number| boot.join(format!("storm{number}.core"))));
    for kind in ["paging.core", "physical.core"] {
        let dump = Dump::open(&boot.join(kind));
        dump.has_the_addresses_of_the_kernel(&console);
        dump.has_the_rows_of_the_module(&console);
        dump.has_what_came_and_went();
        dump.has_the_log(&console);
        let is_whole = kind == "physical.core";
        dump.has_the_values_of_the_module(&console, is_whole);
        if is_whole {
            dump.follows_lists();
            dump.agrees_with_drgn(&drgn, &modules.folder.join("lookout.ko"), folder.path());
            dump.becomes_one_for_a_report(&drgn, folder.path());
            dump.becomes_one_of_the_log(&console, folder.path());
        }
    }
}

/// Everything in a row of the storm, and where it leads to, follows from its number.
fn has_no_torn_row(dumps: &[PathBuf]) {
    let mut last = 0;
    for dump in dumps {
        let path = dump.display().to_string();
        let mut shown = inspect(&["show", "--json", &path, "schema:lookout"]);
        let shown = run(&mut shown);
        let Value::Array(entries) = serde_json::from_str(&shown).expect("JSON") else {
            panic!("no array: {shown}")
        };
        let (tallies, drops): (Vec<&Value>, Vec<&Value>) =
            entries.iter().partition(|entry| member(entry, "class") == "tally");
        let drops: Vec<&Value> =
            drops.into_iter().filter(|entry| member(entry, "class") == "drop").collect();
        let [tally] = tallies[..] else { panic!("{path}: {tallies:?}") };
        let of_tally = |name: &str| tally["value"][name].as_u64().expect("a number");
        assert_eq!(of_tally("failed"), 0, "{path}: {tally}");
        assert!(of_tally("registered") >= last, "{path}: {tally}");
        last = of_tally("registered");
        // Three writers have eight rows each, and one of them is under way at most.
        assert!((21..=24).contains(&drops.len()), "{path}: {} rows", drops.len());
        let numbers: BTreeSet<u64> = drops.iter().map(|drop| is_not_torn(drop)).collect();
        assert_eq!(numbers.len(), drops.len(), "{path}: one twice");
    }
    assert!(last > 1000, "{last} rows in all");
}

/// The number of a row of the storm.
fn is_not_torn(drop: &Value) -> u64 {
    let number = drop["instance"].as_u64().expect("a number");
    let names = ["drizzle", "rain", "hail", "snow", "sleet"];
    assert_eq!(member(drop, "name"), names[(number % 5) as usize], "{drop}");
    let contexts = ["process", "timer", "nmi"];
    assert_eq!(member(&drop["fields"], "context"), contexts[(number % 3) as usize], "{drop}");
    let elements = drop["value"].as_array().unwrap_or_else(|| panic!("{drop}"));
    assert_eq!(elements.len() as u64, 1 + number % 2, "{drop}");
    for (element, number) in elements.iter().zip(number..) {
        assert_eq!(element["number"], number, "{drop}");
        assert_eq!(element["mirror"], !number, "{drop}");
    }
    number
}

/// What lies in the kernel's image or on the first node. QEMU ends the linear mapping with the first block of the
/// machine's memory when it writes page tables into headers, and nothing in the dump says where the rest is.
const ON_FIRST_NODE: [(&str, &str); 7] = [
    ("book", "0"),
    ("init_task", "0"),
    ("init_uts_ns", "0"),
    ("nr_cpu_ids", "0"),
    ("__per_cpu_offset", "0"),
    ("stores", "0"),
    ("pgdat", "0"),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

/// Modules that the machine loads, or refuses to load.
struct Modules {
    folder: PathBuf,
}

impl Modules {
    /// Builds all of them.
    fn build(folder: &Path, headers: &Path) -> Self {
        let (sources, modules) = (folder.join("module"), Self { folder: folder.join("modules") });
        fs::create_dir(&modules.folder).expect("a folder");
        generate(&sources, &[]);
        for file in ["Kbuild", "lookout.h", "main.c", "module.h", "report.c", "storm.c"] {
            fs::copy(example().join(file), sources.join(file)).expect("a source");
        }
        let mut make = Command::new("make");
        make.arg("-C").arg(headers).arg(format!("M={}", sources.display()));
        run(make.args(["modules", "KCFLAGS=-Werror"]));
        let built = sources.join("lookout.ko");
        modules.packed(&fs::read(&built).expect("a module"));
        fs::copy(&built, modules.folder.join("unpacked.ko")).expect("a module");
        modules.of_two_versions(folder, headers);
        modules
    }

    /// As the module's `Makefile` packs it.
    fn packed(&self, unpacked: &[u8]) {
        let packed = pack::pack(unpacked, &pack::Options::default());
        let packed = packed.unwrap_or_else(|findings| panic!("{findings:#?}"));
        assert_eq!(packed.annotations, ANNOTATED.len());
        let image = packed.image.expect("annotations");
        fs::write(self.folder.join("lookout.ko"), image).expect("a module");
    }

    /// What is linked where a build has missed that the schema has a younger version: its object is new, and
    /// what annotates is old. It cannot be packed.
    fn of_two_versions(&self, folder: &Path, headers: &Path) {
        let (old, new) = (folder.join("module"), folder.join("younger"));
        generate(&new, &[("schema lookout version 1;", "schema lookout version 2;")]);
        fs::copy(old.join("lookout.h"), new.join("lookout.h")).expect("a header");
        // As the kernel's build has compiled it.
        let command = fs::read_to_string(old.join("c/.lookout.inspect.o.cmd")).expect("a command");
        let command = command.lines().next().and_then(|line| line.split_once(" := "));
        let (_, command) = command.expect("a command");
        let in_new = command.replace(&old.display().to_string(), &new.display().to_string());
        run(Command::new("sh").arg("-c").arg(in_new).current_dir(headers));
        let foreign = self.folder.join("foreign.ko");
        let mut link = Command::new("ld");
        link.args(["-r", "-T"]).arg(headers.join("arch/x86/module.lds")).arg("-o").arg(&foreign);
        let rest = ["main.o", "report.o", "storm.o", "lookout.mod.o", "c/inspect_runtime.o"];
        let schemas = ["boot", "mm", "printk", "sched", "time"];
        link.args(rest.map(|name| old.join(name)));
        link.args(schemas.map(|name| old.join(format!("c/linux_{name}.inspect.o"))));
        run(link.arg(new.join("c/lookout.inspect.o")));
        let packed = pack::pack(&fs::read(&foreign).expect("a module"), &pack::Options::default());
        let findings = format!("{:?}", packed.map(|packed| packed.annotations));
        assert!(findings.contains("lookout_inspect_v1"), "{findings}");
    }
}

/// What stands in `same 6 Ada 1 lookout_visit`: an entry, and how many of its values are the same.
fn of_comparison(line: &str) -> (&str, u32) {
    let mut words = line.splitn(3, ' ');
    assert_eq!(words.next(), Some("same"), "{line}");
    let count = words.next().expect("a number").parse().expect("a number");
    let (entry, _type) = words.next().and_then(|it| it.rsplit_once(' ')).expect("an entry");
    (entry, count)
}

fn example() -> PathBuf {
    repository().join("examples/linux-module")
}

/// Writes the generated C of the module's schema, with some of its text replaced, and of the kernel's.
fn generate(folder: &Path, replaced: &[(&str, &str)]) {
    fs::create_dir(folder).expect("a folder");
    let mut schema = fs::read_to_string(example().join("lookout.inspect")).expect("a schema");
    for (from, to) in replaced {
        assert!(schema.contains(from), "{from}");
        schema = schema.replace(from, to);
    }
    let own = folder.join("lookout.inspect");
    fs::write(&own, schema).expect("a schema");
    let mut sources = load(&[own, repository().join("schema/linux")], &[]).sources;
    let options = Options { targets: Target::all().collect(), ..Options::default() };
    let (model, found) = compile(&mut sources, &options);
    let model = model.unwrap_or_else(|| panic!("{found:#?}"));
    let files = emit::emit(&model, &sources, &[Output::C], &emit::Options::default());
    write(folder, [files]).expect("generated files");
}

/// What the serial console printed: the kernel's log, and nothing else. A test that fails prints its end.
struct Console {
    lines: Vec<String>,
}

impl Drop for Console {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let end = self.lines.len().saturating_sub(100);
            eprintln!("the end of the console:\n{}", self.lines[end..].join("\n"));
        }
    }
}

impl Console {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("a console");
        let text = String::from_utf8_lossy(&bytes).replace('\r', "");
        // What stands before it comes from the firmware, which ends no line.
        let start = text.find("[    0.000000] Linux version").expect("the first line of a log");
        Self { lines: text[start..].lines().map(str::to_owned).collect() }
    }

    /// What somebody said, without the time: `lookout: row `, for instance.
    fn said<'c>(&'c self, beginning: &'c str) -> impl Iterator<Item = &'c str> {
        let texts = self.lines.iter().filter_map(|line| line.split_once("] "));
        texts.filter_map(move |(_, text)| text.strip_prefix(beginning))
    }

    /// What goes wrong is said, and breaks nothing.
    fn says_what_went_wrong(&self) {
        for line in &self.lines {
            let words = line.split(|letter: char| !letter.is_alphanumeric());
            let complaint = ["BUG", "WARNING", "Oops"];
            assert!(words.clone().all(|word| !complaint.contains(&word)), "{line}");
        }
        let only = |beginning: &str, expected: &str| {
            // Who loads a module may try it in two ways.
            let found: BTreeSet<&str> = self.said(beginning).collect();
            let is_told = found.len() == 1 && found.iter().all(|it| it.contains(expected));
            assert!(is_told, "{beginning}{found:?}");
        };
        only("init: a reader of an unloaded module: ", "error");
        only("init: loaded twice: ", "File exists");
        only("lookout: not packed", "inspect-gen pack lookout.ko");
        only("lookout: Unknown symbol ", "lookout_inspect_v1");
        only("init: of another version: ", "nknown symbol");
        assert_eq!(self.said("lookout: gone").count(), 2, "once packed, and once not");
    }
}

/// A dump, and what `inspect` says of it.
struct Dump {
    path: String,
    entries: Vec<Value>,
    shown: Vec<Value>,
}

impl Dump {
    fn open(path: &Path) -> Self {
        let path = path.display().to_string();
        let entries = list(&[&path]);
        let mut show = inspect(&["show", "--json", &path, "schema:*", "--depth", "4"]);
        let shown = run(show.args(["--elements", "200000", "--values", "4000000"]));
        let Value::Array(shown) = serde_json::from_str(&shown).expect("JSON") else {
            panic!("no array: {shown}")
        };
        assert_eq!(shown.len(), entries.len());
        Self { path, entries, shown }
    }

    #[track_caller]
    fn entry(&self, name: &str) -> &Value {
        let mut found = self.entries.iter().filter(|entry| member(entry, "name") == name);
        let entry = found.next().unwrap_or_else(|| panic!("{}: no {name}", self.path));
        assert!(found.next().is_none(), "{}: two of {name}", self.path);
        entry
    }

    /// The value of an entry.
    #[track_caller]
    fn value(&self, name: &str, instance: u64) -> &Value {
        let mut entries = self.shown.iter();
        let entry = entries.find(|it| member(it, "name") == name && it["instance"] == instance);
        &entry.unwrap_or_else(|| panic!("{}: no {name} {instance}", self.path))["value"]
    }

    /// What was packed is where the loader put it, and what the kernel exports is where the kernel is.
    fn has_the_addresses_of_the_kernel(&self, console: &Console) {
        let mut names = BTreeSet::new();
        for line in console.said("init: symbol ") {
            let (name, address) = line.split_once(' ').expect("a name and an address");
            let address = u64::from_str_radix(address, 16).expect("an address");
            assert_eq!(hexadecimal(self.entry(name), "address"), address, "{}: {name}", self.path);
            names.insert(name);
        }
        assert!(names.contains("prb") && ANNOTATED.iter().all(|name| names.contains(name)));
    }

    /// Every row that the module saw in its tables, and no other.
    fn has_the_rows_of_the_module(&self, console: &Console) {
        let expected: BTreeSet<String> = console.said("lookout: row ").map(str::to_owned).collect();
        let row = |entry: &Value| {
            let length = entry.get("length").and_then(Value::as_u64).unwrap_or(0);
            let (name, address) = (member(entry, "name"), member(entry, "address"));
            format!("{name} {} {address} {length}", entry["instance"])
        };
        let found: BTreeSet<String> = self.entries.iter().map(row).collect();
        assert_eq!(found, expected, "{}", self.path);
        assert_eq!(found.len(), self.entries.len());
        assert!(found.len() > 20, "{found:?}");
    }

    /// What was registered appears, what was changed appears changed, and what was removed does not.
    fn has_what_came_and_went(&self) {
        let of_class = |class: &str| -> Vec<(String, bool, String)> {
            let entries = self.entries.iter().filter(|it| member(it, "class") == class);
            let is_marked = |entry: &Value| {
                let properties = entry["properties"].as_array().expect("properties");
                properties.iter().any(|it| it == "marked")
            };
            let about = |entry: &Value| {
                let name = format!("{} {}", member(entry, "name"), entry["instance"]);
                (name, is_marked(entry), member(&entry["fields"], "context").to_owned())
            };
            entries.map(about).collect()
        };
        let row =
            |name: &str, is_marked, context: &str| (name.to_owned(), is_marked, context.into());
        let visits = [row("Ada 1", false, "process"), row("Bob 2", true, "process")];
        assert_eq!(of_class("visit"), visits, "neither Cyd, who left, nor Eve of the first load");
        let pulses = [row("pulse 10", true, "timer"), row("pulse 11", false, "timer")];
        assert_eq!(of_class("pulse"), pulses);
        assert_eq!(of_class("alarm"), [row("alarm 0", false, "nmi")]);
        assert_eq!(of_class("node_store").len(), 2, "one for each node");
        assert_eq!(of_class("pgdat").len(), 2);
    }

    /// Field by field what the compiler of the module read.
    fn has_the_values_of_the_module(&self, console: &Console, is_whole: bool) {
        let is_there =
            |name: &str, instance: &str| is_whole || ON_FIRST_NODE.contains(&(name, instance));
        let mut instances = BTreeSet::new();
        for line in console.said("lookout: number ") {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, instance, path, number] = words[..] else { panic!("{line}") };
            if !is_there(name, instance) {
                continue;
            }
            let found = self.field(name, instance, path);
            let number: i64 = number.parse().expect("a number");
            // Both are the 64 bits of the field, whatever its sign.
            let found = found.as_i64().or(found.as_u64().map(u64::cast_signed));
            assert_eq!(found, Some(number), "{}: {line}", self.path);
            instances.insert((name.to_owned(), instance.to_owned()));
        }
        for line in console.said("lookout: text ") {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [name, instance, path, text] = words[..] else { panic!("{line}") };
            if !is_there(name, instance) {
                continue;
            }
            assert_eq!(self.field(name, instance, path), text, "{}: {line}", self.path);
        }
        // Of the names of the system there are texts alone.
        let least = if is_whole { 10 } else { ON_FIRST_NODE.len() - 1 };
        assert!(instances.len() >= least, "{instances:?}");
    }

    #[track_caller]
    fn field(&self, name: &str, instance: &str, path: &str) -> &Value {
        let mut value = self.value(name, instance.parse().expect("an instance"));
        for step in path.split('.').filter(|step| !step.is_empty()) {
            value = match step.parse::<usize>() {
                Ok(index) => &value[index],
                Err(_) => &value[step],
            };
            // What a pointer leads to.
            value = value.get("@value").unwrap_or(value);
        }
        value
    }

    /// From the head through the links of each element.
    fn follows_lists(&self) {
        let names = |list: &Value, name: &str| -> Vec<String> {
            let elements = list.as_array().unwrap_or_else(|| panic!("{}: {list}", self.path));
            elements.iter().map(|it| member(&it["@value"], name).to_owned()).collect()
        };
        assert_eq!(names(&self.value("book", 0)["visits"], "name"), ["Ada", "Bob"]);
        assert_eq!(self.value("Ada", 1)["paid"]["@note"], "sensitive");
        assert_eq!(member(&self.value("book", 0)["last"]["@value"], "name"), "Bob");
        let children = names(&self.value("init_task", 0)["children"], "comm");
        assert_eq!(children, ["init", "kthreadd"], "{}", self.path);
    }

    /// A debugger that nobody here wrote has the same values, for entries of the module and of the kernel,
    /// behind pointers and along lists. It would have noticed another one.
    fn agrees_with_drgn(&self, python: &Path, module: &Path, folder: &Path) {
        let compare = |shown: &[Value]| {
            let file = folder.join("shown.json");
            fs::write(&file, Value::from(shown).to_string()).expect("what was shown");
            let mut drgn = Command::new(python);
            drgn.arg(example().join("against_drgn.py")).arg(&self.path).arg(module).arg(file);
            output(&mut drgn)
        };
        let compared = compare(&self.shown);
        let said = text(&compared.stdout);
        assert!(compared.status.success(), "{said}{}", text(&compared.stderr));
        let same: BTreeMap<&str, u32> = said.lines().map(of_comparison).collect();
        let entries = ["book 0", "pulses 0", "keeper 0", "init_task 0", "init_uts_ns 0", "Ada 1"];
        let instances = ["cpu_counts 0", "cpu_counts 1", "stores 0", "stores 1"];
        let of_kernel = ["pgdat 0", "pgdat 1", "nr_cpu_ids 0", "__per_cpu_offset 0", "prb 0"];
        for entry in entries.iter().chain(&instances).chain(&of_kernel) {
            assert!(same.get(entry).is_some_and(|it| *it > 0), "{entry}: {said}");
        }
        assert!(same["init_task 0"] > 100, "the threads in its list among them: {said}");
        assert!(same["prb 0"] > 100_000, "the records and the text of the log: {said}");

        let mut changed = self.shown.clone();
        let looks = changed.iter_mut().find(|entry| member(entry, "name") == "Bob");
        looks.expect("Bob")["value"]["looks"] = 2.into();
        let compared = compare(&changed);
        let said = text(&compared.stdout);
        assert!(!compared.status.success());
        assert!(said.contains("different Bob 2.looks: inspect says 2, drgn 1"), "{said}");
    }

    /// What is left for a consumer. It is so many times smaller, at least.
    fn reduced(&self, consumer: &str, folder: &Path, factor: u64) -> PathBuf {
        let path = folder.join(format!("{}.core", consumer.replace(':', ".")));
        let mut dump = inspect(&["dump", &self.path, "--consumer", consumer, "--output"]);
        run(dump.arg(&path));
        let size = |path: &Path| fs::metadata(path).expect("a dump").len();
        let (before, after) = (size(Path::new(&self.path)), size(&path));
        println!("{before} bytes, and {after} for {consumer}: a factor of {}", before / after);
        assert!(before / after >= factor, "{before} and {after} for {consumer}");
        path
    }

    /// A dump for a consumer holds what he may see, the visitors among it, and not what they paid. Debuggers
    /// open it, and find neither more nor less.
    fn becomes_one_for_a_report(&self, drgn: &Path, folder: &Path) {
        let is_in = |bytes: &[u8]| bytes.windows(8).any(|it| it == PAID.to_le_bytes());
        assert!(is_in(&fs::read(&self.path).expect("a dump")), "it is there to be left out");
        let report = self.reduced("lookout:report", folder, 1000);
        assert!(!is_in(&fs::read(&report).expect("a dump")));
        let shown = run(inspect(&["show", "--json"]).arg(&report).arg("class:book"));
        for name in ["Ada", "Bob"] {
            assert!(shown.contains(&format!("\"name\":\"{name}\"")), "{shown}");
        }
        let (visit, task) = (
            hexadecimal(self.entry("Bob"), "address"),
            hexadecimal(self.entry("init_task"), "address"),
        );
        // Where the name stands, and behind it what was paid.
        let (name, paid) = (visit + 32, visit + 48);
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-batch", "-core"]).arg(&report);
        gdb.args(["-ex", &format!("x/s {name:#x}")]);
        gdb.args([paid, task].map(|address| format!("--eval-command=x/xg {address:#x}")));
        let found = output(&mut gdb);
        let found = [text(&found.stdout), text(&found.stderr)].concat();
        assert!(found.contains("\"Bob\""), "{found}");
        for address in [paid, task] {
            let refusal = format!("Cannot access memory at address {address:#x}");
            assert!(found.contains(&refusal), "{found}");
        }
        let script = "import drgn, sys
program = drgn.Program()
program.set_core_dump(sys.argv[1])
for address in sys.argv[2:]:
    try:
        print(program.read(int(address), 3))
    except drgn.FaultError:
        print('nothing')";
        let mut drgn = Command::new(drgn);
        drgn.args(["-c", script]).arg(&report);
        let found = run(drgn.args([name, paid, task].map(|address| address.to_string())));
        assert_eq!(found, "b'Bob'\nnothing\nnothing\n");
    }

    /// The log alone, for who wants nothing else: through the pointers and the count of its text.
    fn becomes_one_of_the_log(&self, console: &Console, folder: &Path) {
        let dump = Dump::open(&self.reduced("lookout:dmesg", folder, 100));
        dump.has_the_log(console);
        let captured = |entry: &&Value| member(&entry["capture"], "status") == "captured";
        let captured: BTreeSet<&str> =
            dump.entries.iter().filter(captured).map(|entry| member(entry, "name")).collect();
        assert_eq!(captured, BTreeSet::from(["descs", "infos", "log_buf", "log_ring", "prb"]));
    }

    /// The log, record by record, up to the last line that the console waited for.
    fn has_the_log(&self, console: &Console) {
        let found = self.log();
        let end = |lines: &[String]| {
            let ready = lines.iter().position(|line| line.ends_with("init: marker ready"));
            ready.unwrap_or_else(|| panic!("{}: no end in {} lines", self.path, lines.len()))
        };
        let (found, expected) = (&found[..=end(&found)], &console.lines[..=end(&console.lines)]);
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "{}", self.path);
        }
        assert_eq!(found.len(), expected.len());
        assert!(found.len() > 300, "{} lines", found.len());
    }

    /// The lines of the kernel's ring of records, as the kernel prints them.
    fn log(&self) -> Vec<String> {
        let ring = &self.value("prb", 0)["@value"];
        let array = |value: &Value| value["@value"].as_array().expect("an array").clone();
        let number = |value: &Value| {
            let found = value.as_u64().or(value.as_i64().map(i64::cast_unsigned));
            found.unwrap_or_else(|| panic!("{}: {value}", self.path))
        };
        let descriptors = &ring["desc_ring"];
        let (descs, infos) = (array(&descriptors["descs"]), array(&descriptors["infos"]));
        let data: Vec<u8> = array(&ring["text_data_ring"]["data"])
            .iter()
            .map(|byte| u8::try_from(number(byte)).expect("a byte"))
            .collect();
        let size = data.len() as u64;
        assert_eq!(size, 1 << number(&ring["text_data_ring"]["size_bits"]));
        let mut lines = Vec::new();
        for id in number(&descriptors["tail_id"])..=number(&descriptors["head_id"]) {
            let index = id as usize % descs.len();
            let state = number(&descs[index]["state_var"]);
            // Only what is complete and has not been given to somebody else.
            if state != id | 2 << 62 {
                continue;
            }
            let place = &descs[index]["text_blk_lpos"];
            let (begin, next) = (number(&place["begin"]), number(&place["next"]));
            // A text that would reach around the end stands at the beginning; odd places are none.
            let start = if begin / size == next / size { begin % size } else { 0 };
            let info = &infos[index];
            let length = if begin % 2 == 1 { 0 } else { number(&info["text_len"]) as usize };
            // The identity of its descriptor stands before it.
            let text = &data[start as usize + 8..][..length];
            let microseconds = number(&info["ts_nsec"]) / 1000;
            let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
            for line in String::from_utf8_lossy(text).split('\n') {
                lines.push(format!("[{seconds:5}.{rest:06}] {line}"));
            }
        }
        lines
    }
}
