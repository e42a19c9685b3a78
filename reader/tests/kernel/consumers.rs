//! What is left of a dump for a consumer: by `inspect` on the host, and by the module in the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::memmem;
use serde_json::Value;

use crate::console::Console;
use crate::dump::{Dump, names};
use crate::machine::{Machine, drgn};
use crate::support::listed::{hexadecimal, member};
use crate::support::tools::{inspect, output, run, text};

/// What each visitor pays, by `main.c`, and nobody has to know.
const PAID: u64 = 0xdead_beef_cafe_f00d;

impl Dump {
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
    pub(crate) fn becomes_one_for_a_report(&self, machine: &Machine, folder: &Path) -> Self {
        assert!(is_paid_in(&self.path), "it is there to be left out");
        let report = self.reduced("lookout:report", folder, 1000);
        let dump = Self::open(&report);
        dump.shows_the_visitors_and_not_what_they_paid();
        // What is called `dump` in another schema is another property.
        let listed = run(inspect(&["list"]).arg(&report).arg("class:pgdat"));
        assert_eq!(listed.matches("denied by `require dump`").count(), machine.nodes, "{listed}");
        let (visit, task) = (
            hexadecimal(self.entry("Bob"), "address"),
            hexadecimal(self.entry("init_task"), "address"),
        );
        // Where the name stands, and behind it what was paid.
        let (name, paid) = (visit + 32, visit + 48);
        let mut gdb = Command::new("gdb-multiarch");
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
        let mut drgn = Command::new(drgn());
        drgn.args(["-c", script]).arg(&report);
        let found = run(drgn.args([name, paid, task].map(|address| address.to_string())));
        assert_eq!(found, "b'Bob'\nnothing\nnothing\n");
        dump
    }

    pub(crate) fn shows_the_visitors_and_not_what_they_paid(&self) {
        assert!(!is_paid_in(&self.path), "{}", self.path);
        assert_eq!(names(&self.value("book", 0)["visits"], "name"), ["Ada", "Bob"]);
    }

    /// What became of each entry of the module.
    pub(crate) fn verdicts(&self) -> BTreeSet<String> {
        let about = |entry: &Value| {
            let name = [member(entry, "name"), member(entry, "class")].join(" ");
            let capture = &entry["capture"];
            format!("{name} {}: {} {}", entry["instance"], capture["status"], capture["reason"])
        };
        let found: BTreeSet<String> = self.entries.iter().map(about).collect();
        assert_eq!(found.len(), self.entries.len());
        found
    }

    /// The log alone, for who wants nothing else: through the pointers and the count of its text.
    pub(crate) fn becomes_one_of_the_log(
        &self,
        machine: &Machine,
        console: &Console,
        folder: &Path,
    ) {
        let dump = Dump::open(&self.reduced("lookout:dmesg", folder, 100));
        dump.has_the_log(machine, console);
        let captured = |entry: &&Value| member(&entry["capture"], "status") == "captured";
        let captured: BTreeSet<&str> =
            dump.entries.iter().filter(captured).map(|entry| member(entry, "name")).collect();
        let log = ["descs", "infos", "log_buf", "log_ring", "prb"];
        assert_eq!(captured, log.iter().chain(machine.bases).copied().collect());
    }
}

fn is_paid_in(path: &str) -> bool {
    let bytes = fs::read(path).expect("a dump");
    [PAID.to_le_bytes(), PAID.to_be_bytes()].iter().any(|it| memmem::find(&bytes, it).is_some())
}
