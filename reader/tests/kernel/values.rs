//! Rows and values of a dump: those that the module printed, and those that drgn finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::console::Console;
use crate::dump::{Dump, names};
use crate::machine::{Machine, drgn};
use crate::modules::example;
use crate::support::listed::{hexadecimal, member};
use crate::support::tools::{output, text};

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

impl Dump {
    /// What was packed is where the loader put it, and what the kernel exports is where the kernel is: the kernel
    /// says so, as far as it names variables, and so does C.
    pub(crate) fn has_the_addresses_of_the_kernel(&self, machine: &Machine, console: &Console) {
        let annotated = machine.annotated();
        let in_c = self.has_addresses(console.said("lookout: address "));
        assert_eq!(in_c, annotated);
        let named = self.has_addresses(console.said("init: symbol "));
        let expected = match machine.names_variables {
            true => &annotated | &BTreeSet::from(["prb", "log_buf"]),
            false => BTreeSet::from(["prb", "init_uts_ns"]),
        };
        assert_eq!(named, expected);
    }

    /// The names of entries that are at the addresses that somebody said.
    fn has_addresses<'c>(&self, said: impl Iterator<Item = &'c str>) -> BTreeSet<&'c str> {
        let of_line = |line: &'c str| {
            let (name, address) = line.split_once(' ').expect("a name and an address");
            let address = u64::from_str_radix(address, 16).expect("an address");
            assert_eq!(hexadecimal(self.entry(name), "address"), address, "{}: {name}", self.path);
            name
        };
        said.map(of_line).collect()
    }

    /// Every row that the module saw in its tables, and no other.
    pub(crate) fn has_the_rows_of_the_module(&self, console: &Console) {
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
    pub(crate) fn has_what_came_and_went(&self, machine: &Machine) {
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
        let alarms = [row("alarm 0", false, "nmi")];
        assert_eq!(of_class("alarm"), if machine.has_alarm { &alarms[..] } else { &[] });
        assert_eq!(of_class("node_store").len(), machine.nodes, "one for each node");
        assert_eq!(of_class("pgdat").len(), machine.nodes);
    }

    /// Field by field what the compiler of the module read.
    pub(crate) fn has_the_values_of_the_module(&self, console: &Console, is_whole: bool) {
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
    pub(crate) fn follows_lists(&self) {
        assert_eq!(names(&self.value("book", 0)["visits"], "name"), ["Ada", "Bob"]);
        assert_eq!(self.value("Ada", 1)["paid"]["@note"], "sensitive");
        assert_eq!(member(&self.value("book", 0)["last"]["@value"], "name"), "Bob");
        let children = names(&self.value("init_task", 0)["children"], "comm");
        assert_eq!(children, ["init", "kthreadd"], "{}", self.path);
    }

    /// A debugger that nobody here wrote has the same values, for entries of the module and of the kernel,
    /// behind pointers and along lists. It would have noticed another one.
    pub(crate) fn agrees_with_drgn(&self, machine: &Machine, module: &Path, folder: &Path) {
        let compare = |shown: &[Value]| {
            let file = folder.join("shown.json");
            fs::write(&file, Value::from(shown).to_string()).expect("what was shown");
            let mut drgn = Command::new(drgn());
            drgn.arg(example().join("against_drgn.py")).arg(&self.path).arg(module).arg(file);
            output(&mut drgn)
        };
        let compared = compare(&self.shown);
        let said = text(&compared.stdout);
        assert!(compared.status.success(), "{said}{}", text(&compared.stderr));
        let same: BTreeMap<&str, u32> = said.lines().map(of_comparison).collect();
        let entries = ["book 0", "pulses 0", "keeper 0", "init_task 0", "init_uts_ns 0", "Ada 1"];
        let others =
            ["cpu_counts 0", "cpu_counts 1", "nr_cpu_ids 0", "__per_cpu_offset 0", "prb 0"];
        let of_node = |node| [format!("stores {node}"), format!("pgdat {node}")];
        let named = entries.into_iter().chain(others).map(str::to_owned);
        for entry in named.chain((0..machine.nodes).flat_map(of_node)) {
            assert!(same.get(&*entry).is_some_and(|it| *it > 0), "{entry}: {said}");
        }
        assert!(same["init_task 0"] > 100, "the threads in its list among them: {said}");
        assert!(same["prb 0"] > 100_000, "the records and the text of the log: {said}");

        let mut changed = self.shown.clone();
        changed.retain(|entry| member(entry, "name") == "Bob");
        changed[0]["value"]["looks"] = 2.into();
        let compared = compare(&changed);
        let said = text(&compared.stdout);
        assert!(!compared.status.success());
        assert!(said.contains("different Bob 2.looks: inspect says 2, drgn 1"), "{said}");
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
