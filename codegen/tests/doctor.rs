//! `inspect-gen doctor`: what it says of healthy images, what it warns of, and its exit statuses. The words are in
//! `snapshots/pack`.

mod pack_cases;

use pack_cases::{Workshop, golden};
use serde_json::Value;

/// Runs it, and takes what was printed on both streams.
#[track_caller]
fn doctor(workshop: &Workshop, status: i32, arguments: &[&str]) -> String {
    let output = workshop.generator(&[&["doctor"], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    said
}

/// The findings alone, which do not tell addresses.
#[track_caller]
fn warned(workshop: &Workshop, name: &str, arguments: &[&str]) {
    let output = workshop.generator(&[&["doctor"], arguments].concat());
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{name}: {said}");
    assert!(said.contains(&name[..5]), "{name}: {said}");
    let codes = said.matches("warning[").count() + said.matches("error[").count();
    assert_eq!(codes, 1, "{name}: {said}");
    golden(name, &said);
    if name.starts_with('W') {
        let allowed = [arguments, &["--allow", &name[..5]]].concat();
        let output = workshop.generator(&[&["doctor"], allowed.as_slice()].concat());
        assert_eq!(output.status.code(), Some(0), "{name} is not allowed");
    }
}

#[test]
fn what_will_be_lost_is_said_before() {
    let Some(workshop) = Workshop::new() else { return };
    let program = workshop.program("unpacked", "", &[]);
    warned(&workshop, "W0901-not-packed", &[&program]);

    let object = workshop.object("not-retained", "", &["-U__linux__"]);
    let schema = ["--schema", "demo_app.inspect.o"];
    warned(&workshop, "W0902-not-retained", &[&[object.as_str()][..], &schema].concat());
    let object = workshop.object("retained", "", &[]);
    doctor(&workshop, 0, &[&[object.as_str()][..], &schema].concat());

    let object = workshop.object("fat", "", &["-flto", "-ffat-lto-objects"]);
    warned(&workshop, "W0906-two-forms", &[&[object.as_str()][..], &schema].concat());

    workshop.object("rootless", "int main(void) { return 0; }", &[]);
    workshop.gcc(&["rootless.o", "demo_app.inspect.o", "-o", "rootless"]);
    let before = workshop.read("rootless");
    for arguments in [&["pack", "rootless", "--check"][..], &["pack", "-q", "rootless"]] {
        let output = workshop.generator(arguments);
        let said = String::from_utf8(output.stderr).expect("text");
        golden("W0903-not-packed", &said);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(workshop.read("rootless") == before, "it was packed");
    }
    let refused = ["pack", "rootless", "--allow", "E0901"];
    assert_eq!(workshop.generator(&refused).status.code(), Some(2));
    let output = workshop.generator(&["pack", "-q", "rootless", "--allow", "w0903"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    warned(&workshop, "W0903-no-root", &["rootless"]);

    let program = workshop.program("noteless", "", &[]);
    pack(&workshop, &program);
    workshop.run("objcopy", &["--remove-section", ".note.inspect", &program]);
    warned(&workshop, "W0903-no-note", &[&program]);
}

#[test]
fn entries_that_cannot_be_meant_are_shown() {
    let Some(workshop) = Workshop::new() else { return };
    let far = "R(CLASS, NAME(\"far\"), INSPECT_ADDRESS(\"address\", &good), \
               INSPECT_INTEGER(\"length\", 1ull << 40));";
    // Offsets in an object do not change with compilers, as addresses in a program do.
    let object = workshop.object("far", far, &[]);
    let schema = ["--schema", "demo_app.inspect.o"];
    warned(
        &workshop,
        "W0904-outside",
        &[&[object.as_str(), "--allow", "W0905"][..], &schema].concat(),
    );
    let twice = "R(CLASS, NAME(\"again\"), AT(good));";
    let object = workshop.object("twice", twice, &[]);
    warned(&workshop, "W0905-shared", &[&[object.as_str()][..], &schema].concat());
    let program = workshop.program("linked", twice, &[]);
    pack(&workshop, &program);
    assert!(doctor(&workshop, 1, &[&program]).contains("W0905"));
}

#[test]
fn what_a_core_will_lack_is_said() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "#include \"demo_app.inspect.h\"\nstatic uint64_t it;\n\
        __attribute__((section(\"inspect_table\"), aligned(8), used))\n\
        static const struct inspect_pair pairs[] = { INSPECT_BEGIN(&demo_app_inspect_v2),\n\
        INSPECT_TEXT(\"class\", \"counter\"), INSPECT_TEXT(\"name\", \"it\"),\n\
        INSPECT_ADDRESS(\"address\", &it), INSPECT_INTEGER(\"length\", 8), INSPECT_END() };\n\
        int main(void) { return 0; }\n";
    workshop.write("constant.c", source);
    workshop.gcc(&["-fno-pie", "-c", "constant.c", "-o", "constant.o"]);
    workshop.gcc(&["-no-pie", "constant.o", "demo_app.inspect.o", "-o", "constant"]);
    let packed = workshop.generator(&["pack", "constant", "--allow", "W0903"]);
    assert!(packed.status.success(), "{packed:?}");
    warned(&workshop, "W0907-read-only", &["constant", "--allow", "W0903"]);
}

#[test]
fn builds_prove_how_many_entries_there_are() {
    let Some(workshop) = Workshop::new() else { return };
    // The second object is in an archive, and nobody refers to it.
    workshop.object("main", "int main(void) { return 0; }", &[]);
    let second = "static uint64_t it; R(CLASS, NAME(\"second\"), AT(it));";
    workshop.write("second.c", format!("{}{second}\n", pack_cases::GOOD.replace("good", "other")));
    workshop.gcc(&["-fPIC", "-c", "second.c", "-o", "second.o"]);
    workshop.run("ar", &["rcs", "libsecond.a", "second.o"]);
    let common = ["main.o", "demo_app.inspect.o", "inspect_runtime.o"];
    workshop.gcc(&[&common[..], &["libsecond.a", "-o", "without"]].concat());
    let whole = ["-Wl,--whole-archive", "libsecond.a", "-Wl,--no-whole-archive", "-o", "with"];
    workshop.gcc(&[&common[..], &whole].concat());
    for program in ["without", "with"] {
        pack(&workshop, program);
    }
    doctor(&workshop, 0, &["with", "--expect", "3"]);
    doctor(&workshop, 0, &["without", "--expect", "1"]);
    warned(&workshop, "E0913-fewer", &["without", "--expect", "3"]);
    warned(&workshop, "E0913-more", &["with", "--expect", "2"]);

    workshop.write("empty.c", "int main(void) { return 0; }\n");
    workshop.gcc(&["empty.c", "-o", "empty"]);
    warned(&workshop, "W0908-empty", &["empty"]);
    doctor(&workshop, 0, &["empty", "--expect", "0"]);
}

#[test]
fn a_report_is_read_by_people() {
    let Some(workshop) = Workshop::new() else { return };
    let object = workshop.object(
        "report",
        "static char big[3000]; R(CLASS, NAME(\"big\"), \
        INSPECT_INTEGER(\"instance\", 4), INSPECT_ADDRESS(\"address\", big), \
        INSPECT_INTEGER(\"length\", 3000));\nvoid *keep(void) { return big; }",
        &[],
    );
    let schema = ["--schema", "demo_app.inspect.o", "--list"];
    let said = doctor(&workshop, 0, &[&[object.as_str()][..], &schema].concat());
    golden("doctor-object", &said);
    let coloured = doctor(&workshop, 0, &[&["--color", "always", &object][..], &schema].concat());
    assert!(coloured.contains("\x1b[1m"), "{coloured:?}");
    assert!(!said.contains('\x1b'));
}

/// In a program, the same entries before and after packing, and after `strip -s`; addresses are those of `nm`.
#[test]
fn entries_are_the_same_whatever_was_done() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "uint64_t second[3]; R(CLASS, NAME(\"second\"), AT(second[2]));";
    for (name, flags) in [
        ("pie", &["-pie"][..]),
        ("fixed", &["-no-pie"]),
        ("shared", &["-shared"]),
        ("static", &["-static"]),
    ] {
        let program = workshop.program(name, source, flags);
        let before = json(&workshop, 1, &[&program]);
        assert_eq!(before["state"], "unpacked");
        pack(&workshop, &program);
        let packed = json(&workshop, 0, &[&program]);
        assert_eq!(packed["state"], "packed", "{name}");
        assert_eq!(packed["annotations"], 0);
        workshop.run("cp", &[&program, "stripped"]);
        workshop.run("strip", &["-s", "stripped"]);
        let stripped = json(&workshop, 0, &["stripped"]);
        assert_eq!(stripped["root"], packed["root"], "{name}");
        assert_eq!(stripped["root"]["found_by"], "note", "{name}");
        let without = |entry: &Value| {
            let mut entry = entry.clone();
            entry["file"] = Value::Null;
            entry["line"] = Value::Null;
            entry
        };
        let entries = |value: &Value| -> Vec<Value> {
            value["entries"].as_array().expect("entries").iter().map(without).collect()
        };
        assert_eq!(entries(&before), entries(&packed), "{name}");
        assert_eq!(entries(&stripped), entries(&packed), "{name}");
        assert_eq!(before["entries"][0]["file"], format!("{name}.c"));
        let nm = pack_cases::support::run(workshop.folder(), "nm", &[&program]).expect("nm");
        let symbol = |name: &str| {
            let line = nm.lines().find(|it| it.ends_with(&format!(" {name}"))).expect("a symbol");
            u64::from_str_radix(line.split(' ').next().unwrap_or_default(), 16).expect("hex")
        };
        for (entry, symbol) in entries(&packed).iter().zip([symbol("good"), symbol("second") + 16])
        {
            // What another object may bring its own copy of is named, not numbered.
            match entry["address"].as_str() {
                Some(address) => assert_eq!(address, format!("{symbol:#x}"), "{name}"),
                None => assert!(entry["symbol"].is_string(), "{name}: {entry}"),
            }
        }
    }
}

/// By class, name, instance, in whatever order they were annotated.
#[test]
fn entries_are_listed_in_order() {
    let Some(workshop) = Workshop::new() else { return };
    let keys = [("b", 1), ("a", 2), ("b", 0), ("a", 1)];
    let one = |(index, (name, instance)): (usize, (&str, u64))| {
        let key = format!("INSPECT_INTEGER(\"instance\", {instance})");
        format!("uint64_t v{index};\nR(CLASS, NAME(\"{name}\"), {key}, AT(v{index}));\n")
    };
    let source: String = keys.into_iter().enumerate().map(one).collect();
    let program = workshop.program("ordered", &source, &[]);
    for status in [1, 0] {
        let value = json(&workshop, status, &[&program]);
        let entries = value["entries"].as_array().expect("entries");
        let keys: Vec<_> = entries
            .iter()
            .map(|it| (it["name"].as_str().unwrap_or_default(), it["instance"].as_u64()))
            .collect();
        let expected =
            [("a", 1), ("a", 2), ("b", 0), ("b", 1), ("good", 0)].map(|(a, b)| (a, Some(b)));
        assert_eq!(keys, expected);
        pack(&workshop, &program);
    }
}

fn json(workshop: &Workshop, status: i32, arguments: &[&str]) -> Value {
    let output = workshop.generator(&[&["doctor", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[track_caller]
fn pack(workshop: &Workshop, image: &str) {
    let output = workshop.generator(&["pack", image]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn usage_is_two_and_an_unreadable_image_one() {
    let Some(workshop) = Workshop::new() else { return };
    doctor(&workshop, 2, &[]);
    doctor(&workshop, 2, &["x", "--allow", "E0901"]);
    doctor(&workshop, 2, &["x", "--allow", "W9999"]);
    doctor(&workshop, 2, &["x", "--json", "--list"]);
    assert!(doctor(&workshop, 1, &["nowhere"]).contains("E0001"));
    let value = json(&workshop, 1, &["nowhere"]);
    assert_eq!(value["findings"][0]["code"], "E0001");
}

/// A kernel loads its modules whole: nothing is dropped, and what is not packed stays so.
#[test]
fn a_kernel_module_is_no_object_that_will_be_linked() {
    let Some(workshop) = Workshop::new() else { return };
    let module = "__asm__(\".section .gnu.linkonce.this_module,\\\"aw\\\"\\n.zero 8\\n.text\");";
    workshop.object("module", module, &["-U__linux__"]);
    workshop.gcc(&["-r", "-nostdlib", "module.o", "demo_app.inspect.o", "-o", "module.ko"]);
    warned(&workshop, "W0901-kernel-module", &["module.ko"]);
    pack(&workshop, "module.ko");
    let value = json(&workshop, 0, &["module.ko"]);
    assert_eq!((&value["kind"], &value["state"]), (&"kernel_module".into(), &"packed".into()));
}

/// The other word size and the other byte order.
#[test]
fn entries_are_the_same_on_other_targets() {
    let Some(workshop) = Workshop::new() else { return };
    let sources = ["other.c", "c/demo_app.inspect.c", "c/inspect_runtime.c"];
    workshop.write("other.c", format!("{}int *keep(void);", pack_cases::GOOD));
    for (compiler, machine) in [("i686-linux-gnu-gcc", "i686"), ("mips-linux-gnu-gcc", "mips")] {
        if !pack_cases::support::has(compiler) {
            continue;
        }
        let flags = ["-shared", "-fPIC", "-nostdlib", "-Ic", "-O1", "-w", "-o", machine];
        workshop.run(compiler, &[&flags[..], &sources].concat());
        let before = json(&workshop, 1, &[machine]);
        pack(&workshop, machine);
        let after = json(&workshop, 0, &[machine]);
        assert_eq!(after["machine"], machine);
        let entries = after["entries"].as_array().expect("entries");
        assert_eq!(entries.len(), 1);
        for key in ["schema", "class", "name", "id", "address", "symbol", "length", "properties"] {
            assert_eq!(entries[0][key], before["entries"][0][key], "{machine}: {key}");
        }
        assert_eq!(entries[0]["length"], 8);
    }
}

/// The document names every member, and no other.
#[test]
fn the_shape_of_json_is_documented() {
    let Some(workshop) = Workshop::new() else { return };
    let program = workshop.program(
        "shape",
        "R(CLASS, NAME(\"again\"), AT(good), \
        INSPECT_ADDRESS(\"end\", &good + 1));",
        &[],
    );
    let mut objects = vec![json(&workshop, 1, &[&program])];
    let object = workshop.object("shape", "", &[]);
    objects.push(json(&workshop, 0, &[&object, "--schema", "demo_app.inspect.o"]));
    let mut members = std::collections::BTreeSet::new();
    while let Some(value) = objects.pop() {
        match value {
            Value::Object(map) => {
                members.extend(map.keys().cloned());
                objects.extend(map.into_iter().map(|(_, value)| value));
            }
            Value::Array(values) => objects.extend(values),
            _ => {}
        }
    }
    let path = pack_cases::support::root().join("../docs/doctor.md");
    let document = std::fs::read_to_string(path).expect("the document");
    let (_, document) = document.split_once("## `--json`").expect("its part");
    for member in &members {
        let named = [format!("`{member}`"), format!("`{member}[]`")];
        assert!(named.iter().any(|it| document.contains(it)), "`{member}` is not documented");
    }
    assert!(members.len() > 30, "{members:?}");
}
