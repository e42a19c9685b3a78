//! A dump of the machine, as `inspect` reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::support::listed::{list, member};
use crate::support::tools::{inspect, run};

/// A dump, and what `inspect` says of it.
pub(crate) struct Dump {
    pub(crate) path: String,
    pub(crate) entries: Vec<Value>,
    pub(crate) shown: Vec<Value>,
}

impl Dump {
    pub(crate) fn open(path: &Path) -> Self {
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
    pub(crate) fn entry(&self, name: &str) -> &Value {
        let mut found = self.entries.iter().filter(|entry| member(entry, "name") == name);
        let entry = found.next().unwrap_or_else(|| panic!("{}: no {name}", self.path));
        assert!(found.next().is_none(), "{}: two of {name}", self.path);
        entry
    }

    /// The value of an entry.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, instance: u64) -> &Value {
        let mut entries = self.shown.iter();
        let entry = entries.find(|it| member(it, "name") == name && it["instance"] == instance);
        &entry.unwrap_or_else(|| panic!("{}: no {name} {instance}", self.path))["value"]
    }

    /// How far the kernel is from where it was linked, in its own words, which stand before all memory.
    pub(crate) fn kernel_offset(&self) -> u64 {
        let mut start = vec![0; 1 << 16];
        let file = File::open(&self.path).and_then(|mut file| file.read_exact(&mut start));
        file.expect("a dump");
        let text = String::from_utf8_lossy(&start);
        let line = text.lines().find_map(|line| line.strip_prefix("KERNELOFFSET="));
        u64::from_str_radix(line.expect("an offset"), 16).expect("an offset")
    }

    /// Blocks of memory, as they are told apart, and what the adapter sees of them.
    pub(crate) fn memory(&self) -> (BTreeMap<u64, &Value>, &Value) {
        let blocks = self.shown.iter().filter(|entry| member(entry, "class") == "block");
        let about = |entry: &'static str| self.value(entry, 0);
        let number = |entry: &Value| entry["instance"].as_u64().expect("a number");
        (blocks.map(|entry| (number(entry), &entry["value"])).collect(), about("adapter"))
    }
}

/// A member of each element of a list.
pub(crate) fn names(list: &Value, name: &str) -> Vec<String> {
    let elements = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    elements.iter().map(|it| member(&it["@value"], name).to_owned()).collect()
}
