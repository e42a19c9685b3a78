//! A variable that a library exports and annotates, and that the program takes over by a COPY relocation:
//! everybody uses the program's copy, and the entry has to lead there, in the process and in its core.

use std::fs;

use inspect_format::elfcore::Core;

use crate::image::{CoreMemory, Found, Loaded, entries};
use crate::process::Listing;
use crate::support::{CROSS, has};
use crate::workshop::Workshop;

/// Builds `taker` and `libtaken.so` and packs both. Whether there is a COPY relocation.
#[track_caller]
fn build(workshop: &Workshop, compiler: &str, flags: &str) -> bool {
    let runtime = "inspect_runtime.c tests_shop.inspect.c";
    workshop.compile(&format!("{compiler} -shared -fPIC -o libtaken.so taken.c {runtime}"));
    workshop.compile(&format!(
        "{compiler} {flags} -o taker taker.c list.c {runtime} -L. -ltaken -Wl,-rpath,$ORIGIN"
    ));
    workshop.pack("taker libtaken.so");
    workshop.run("readelf -rW taker").contains("_COPY")
}

/// Whether the process saw its own copy through every entry.
#[track_caller]
fn look(listing: &Listing, what: &str) {
    let place = |key: &str| listing.said[key];
    let address = |name: &str| {
        let found = listing.entries.iter().find(|it| it.name == name);
        found.unwrap_or_else(|| panic!("{what}: no entry {name}")).address
    };
    assert_eq!(place("place"), place("place_in_library"), "{what}: all of them mean one variable");
    assert_eq!(address("taken"), place("place"), "{what}: the library's entry");
    assert_eq!(address("taken by the program"), place("place"), "{what}: the program's entry");
    assert_eq!(address("taken part"), place("part"), "{what}: a part of an array");
    let region = |name: &str| {
        let found = listing.entries.iter().find(|it| it.name == name).expect("an entry");
        (found.address, found.length)
    };
    assert_eq!(region("taken list"), (place("parts") + 8, 16), "{what}: pointer and counter");
    assert_eq!(region("taken range"), (place("parts"), 32), "{what}: start and end");
    let values = ["taken", "taken by the program", "taken part", "kept", "own"];
    let values = values.map(|name| listing.values[name]);
    assert_eq!(values, [0x77, 0x77, 0x78, 6, 0x99], "{what}");
    assert_eq!(listing.entries.len(), 7, "{what}");
}

/// Whether compilers for the machine copy variables into position-independent programs too.
const COPIES_IN_PIE: &[&str] = &["x86_64"];

#[test]
fn an_entry_leads_to_the_live_copy_on_every_machine() {
    let mut copied = Vec::new();
    for cross in CROSS {
        let Some(emulator) = cross.emulator else { continue };
        if !has(cross.gcc) || (!emulator.is_empty() && !has(emulator)) {
            continue;
        }
        let workshop = Workshop::new();
        let compiler = [&[cross.gcc], cross.flags].concat().join(" ");
        // Where a C library of its own is needed, the emulator looks for it there.
        let triple = cross.gcc.trim_end_matches("-gcc");
        let run = match emulator {
            "" => "./taker".to_owned(),
            _ => format!("{emulator} -L /usr/{triple} taker"),
        };
        for (form, flags) in [("fixed", "-no-pie -fno-pie"), ("pie", "-pie -fPIE")] {
            let what = format!("{} {form}", cross.target);
            // MIPS programs ask for addresses as libraries do, unless they are told otherwise.
            let flags = match (cross.target, form) {
                ("mips", "fixed") => "-no-pie -fno-pie -mno-shared -mplt",
                _ => flags,
            };
            let has_copy = build(&workshop, &compiler, flags);
            let wanted = form == "fixed" || COPIES_IN_PIE.contains(&cross.target);
            assert!(has_copy || !wanted, "{what}: no COPY relocation, nothing is tested");
            copied.extend(has_copy.then(|| what.clone()));
            look(&Listing::parse(&workshop.run(&run)), &what);
        }
    }
    eprintln!("with COPY relocations: {}", copied.join(", "));
}

#[test]
fn a_core_leads_to_the_live_copy() {
    for compiler in ["gcc", "clang"].into_iter().filter(|it| has(it)) {
        for flags in ["-no-pie -fno-pie", "-pie -fPIE"] {
            let workshop = Workshop::new();
            let has_copy = build(&workshop, compiler, flags);
            assert!(has_copy || compiler != "gcc", "{flags}: no COPY relocation");
            let mut count = 0;
            if let Some((listing, core)) = core_of_gdb(&workshop) {
                look_into(&workshop, &listing, &core, &format!("{compiler} {flags}, gdb"));
                count += 1;
            }
            if let Some((listing, core)) = core_of_kernel(&workshop) {
                look_into(&workshop, &listing, &core, &format!("{compiler} {flags}, kernel"));
                count += 1;
            }
            eprintln!("{compiler} {flags}: {count} cores");
        }
    }
}

/// The entries of both objects in the core are those that the process saw.
#[track_caller]
fn look_into(workshop: &Workshop, listing: &Listing, core: &[u8], what: &str) {
    look(listing, what);
    let memory = CoreMemory(Core::parse(core).expect("a core"));
    let mut found: Vec<Found> = Vec::new();
    for image in ["taker", "libtaken.so"] {
        let bytes = workshop.read(image);
        let is_fixed = u16::from_le_bytes([bytes[16], bytes[17]]) == object::elf::ET_EXEC.0;
        let base = if is_fixed { 0 } else { listing.base(image) };
        found.extend(entries(&memory, base + Loaded::new(&bytes).root()));
    }
    found.sort();
    assert_eq!(found, listing.entries, "{what}");
    for entry in &found {
        let bytes = memory.0.memory(entry.address, 8).expect("its memory is in the core");
        let value = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        assert_eq!(value, listing.values[&entry.name], "{what}: {}", entry.name);
    }
}

/// A debugger stops the program where it aborts, and writes its core.
fn core_of_gdb(workshop: &Workshop) -> Option<(Listing, Vec<u8>)> {
    if !has("gdb") {
        return None;
    }
    let line = "gdb -nx -batch -ex set\u{a0}debuginfod\u{a0}enabled\u{a0}off -ex run \
                -ex generate-core-file\u{a0}core.gdb taker";
    let output = workshop.command(line).env("LIST_ABORT", "1").output().expect("gdb runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(workshop.path("core.gdb").exists(), "no core: {text}\n{errors}");
    Some((Listing::parse(&text), workshop.read("core.gdb")))
}

/// The kernel writes a core where the machine is set up to write it into the working directory.
fn core_of_kernel(workshop: &Workshop) -> Option<(Listing, Vec<u8>)> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.starts_with(['|', '/']) || pattern.trim().is_empty() {
        eprintln!("skipped: the kernel does not write cores beside programs: {pattern}");
        return None;
    }
    let place = workshop.path("crash");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir(&place).expect("a folder");
    let script = "ulimit\u{a0}-c\u{a0}unlimited\u{a0}&&\u{a0}exec\u{a0}../taker";
    let mut command = workshop.command(&format!("sh -c {script}"));
    let output = command.env("LIST_ABORT", "1").current_dir(&place).output().expect("it runs");
    let cores: Vec<_> = fs::read_dir(&place).expect("the folder").flatten().collect();
    let [core] = cores.as_slice() else {
        eprintln!("skipped: the kernel wrote no core (limits, or a read-only folder)");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Some((Listing::parse(&text), fs::read(core.path()).expect("the core")))
}
