//! Bit-fields of a program's own structs, and fields that its header hides: what the program says that it has put
//! into them is what the reader shows of its packed image, whatever the machine, the compiler and the form of debug
//! information. What nobody has packed shows none of them, and what cannot be found is not packed.

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use support::machines::{MACHINES, Machine};
use support::tools::{has, inspect, run};
use support::workshop::Workshop;

const SOURCES: &str = "@places.c %fixture_places.inspect.c %inspect_runtime.c";

/// The forms of debug information: where bit-fields lie is said by the bytes of their words before DWARF 4, by bits
/// from the start of the struct since, and in BTF.
const FORMS: [&str; 5] =
    ["-gdwarf-5", "-gdwarf-4", "-gdwarf-3 -gstrict-dwarf", "-gdwarf-2 -gstrict-dwarf", "-gbtf"];

fn build(workshop: &Workshop, compiler: &str, flags: &str, name: &str) {
    workshop.compile(compiler, &format!("{flags} -O1 -static -o {name} {SOURCES}"));
}

/// What the program says of its fields.
fn said(workshop: &Workshop, machine: &Machine, name: &str) -> BTreeMap<String, String> {
    let text = run(&mut machine.command(&workshop.path(name)));
    let lines = text.lines().map(|line| line.split_once(' ').expect("a name and a value"));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What the reader shows, by the same names. Truth values, enums and flags are the numbers that they stand for.
fn shown(workshop: &Workshop, name: &str) -> BTreeMap<String, String> {
    let path = workshop.path(name);
    let text = run(&mut inspect(&["show", "--json", path.to_str().expect("a path")]));
    let entries: Value = serde_json::from_str(&text).expect("JSON");
    let mut found = BTreeMap::new();
    for entry in entries.as_array().expect("entries") {
        flatten(entry["name"].as_str().expect("a name"), &entry["value"], &mut found);
    }
    found
}

fn flatten(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    let number = match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(&format!("{path}.{name}"), value, found);
            }
            return;
        }
        Value::Array(elements) if path.ends_with(".rights") => {
            let bit = |name: &Value| match name.as_str() {
                Some("read") => 1,
                Some("write") => 2,
                Some("execute") => 4,
                _ => panic!("{name} is no right"),
            };
            elements.iter().map(bit).sum::<u32>().to_string()
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                flatten(&format!("{path}.{index}"), element, found);
            }
            return;
        }
        Value::Bool(value) => u8::from(*value).to_string(),
        Value::String(text) => match text.as_str() {
            "calm" => "0".to_owned(),
            "busy" => "2".to_owned(),
            "gone" => "5".to_owned(),
            text => text.to_owned(),
        },
        other => other.to_string(),
    };
    found.insert(path.to_owned(), number);
}

#[track_caller]
fn assert_shown(workshop: &Workshop, machine: &Machine, name: &str, what: &str) {
    let (said, mut shown) = (said(workshop, machine, name), shown(workshop, name));
    let names: Vec<_> = (0..3).map(|it| shown.remove(&format!("vault.names.{it}"))).collect();
    assert_eq!(names, ["one", "two", "six"].map(|it| Some(it.to_owned())), "{what}");
    // The reader follows it, into the struct itself.
    shown.retain(|path, _| !path.starts_with("vault.next"));
    assert_eq!(shown.keys().collect::<Vec<_>>(), said.keys().collect::<Vec<_>>(), "{what}");
    assert_eq!(shown, said, "{what}");
}

#[test]
fn every_machine_shows_what_its_program_says() {
    let workshop = Workshop::new("places");
    let mut count = 0;
    for machine in MACHINES.iter().filter(|machine| machine.is_at_hand()) {
        // Both word sizes and both orders of bytes have all forms, the others the newest and BTF.
        let has_all = ["x86_64", "i686", "s390x"].contains(&machine.name);
        for (index, form) in FORMS.iter().enumerate() {
            if !has_all && index != 0 && index + 1 != FORMS.len() {
                continue;
            }
            let name = format!("{}-{index}", machine.name);
            build(&workshop, machine.compiler(), form, &name);
            assert_eq!(workshop.pack(&name), 5);
            assert_shown(&workshop, machine, &name, &format!("{} {form}", machine.name));
            count += 1;
        }
    }
    assert!(count >= FORMS.len());
}

#[test]
fn another_compiler_shows_the_same() {
    let here = &MACHINES[0];
    if !has("clang") || !here.is_at_hand() || here.name != std::env::consts::ARCH {
        return;
    }
    let workshop = Workshop::new("places");
    for (index, form) in ["-gdwarf-5", "-gdwarf-4", "-gdwarf-2 -gstrict-dwarf"].iter().enumerate() {
        let name = format!("clang-{index}");
        build(&workshop, "clang", form, &name);
        workshop.pack(&name);
        assert_shown(&workshop, here, &name, &format!("clang {form}"));
    }
}

/// What the program carries before somebody has packed it is right as far as it goes: nothing that no compiler could
/// tell is there.
#[test]
fn what_nobody_packed_shows_none_of_them() {
    let workshop = Workshop::new("places");
    for machine in MACHINES.iter().filter(|machine| machine.is_at_hand()) {
        build(&workshop, machine.compiler(), "-g", machine.name);
        let (said, shown) =
            (said(&workshop, machine, machine.name), shown(&workshop, machine.name));
        let names: Vec<_> = shown.keys().map(String::as_str).collect();
        let known =
            ["first.id", "first.inner.whole", "half.shown", "second.id", "second.inner.whole"];
        assert_eq!(names, known, "{}", machine.name);
        for (name, value) in &shown {
            assert_eq!(said.get(name), Some(value), "{} {name}", machine.name);
        }
    }
}
