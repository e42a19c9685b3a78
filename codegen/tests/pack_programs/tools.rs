//! Packed programs run as before under every loader and tool, and tools that look at files find nothing that
//! they did not find before.

use std::collections::BTreeMap;

use crate::parts;
use crate::process::Listing;
use crate::support::has;
use crate::workshop::Workshop;

/// Compiler and flags, whether all of it is one file, whether valgrind and LD_BIND_NOW tell anything.
const FORMS: &[(&str, bool, bool)] = &[
    ("gcc -pie -fPIE", false, true),
    ("gcc -no-pie -fno-pie", false, true),
    ("gcc -static-pie -fPIE", true, false),
    ("gcc -pie -fPIE -Wl,-z,pack-relative-relocs", false, true),
    ("gcc -pie -fPIE -Wl,--emit-relocs", false, true),
    ("gcc -pie -fPIE -fuse-ld=lld", false, true),
    ("clang -pie -fPIE", false, true),
    ("clang -pie -fPIE -fuse-ld=lld -Wl,-z,now", false, true),
    ("musl-gcc -pie -fPIE", false, true),
    ("musl-gcc -no-pie -fno-pie", false, true),
    ("musl-gcc -static -no-pie -fno-pie", true, false),
    ("musl-gcc -static-pie -fPIE", true, false),
];

#[test]
fn packed_programs_run_and_no_tool_complains() {
    for tool in ["readelf", "objdump", "eu-elflint", "gdb", "valgrind"] {
        has(tool);
    }
    let workshop = Workshop::new();
    for (line, is_static, is_dynamic) in FORMS {
        let (compiler, flags) = line.split_once(' ').expect("flags");
        if !has(compiler) || (line.contains("lld") && !has("ld.lld")) {
            continue;
        }
        parts::build(&workshop, compiler, flags, *is_static);
        let images = if *is_static { &["program"][..] } else { &["program", "libpart.so"] };
        let before: Vec<Opinions> = images.iter().map(|it| Opinions::of(&workshop, it)).collect();
        workshop.pack(&images.join(" "));
        for (image, before) in images.iter().zip(&before) {
            let what = format!("{line}: {image}");
            before.compare(&Opinions::of(&workshop, image), &what);
        }
        let entries = |text: &str| Listing::parse(text).entries.len();
        assert_eq!(entries(&workshop.run("./program")), 11, "{line}");
        if !is_dynamic {
            continue;
        }
        assert_eq!(
            entries(&workshop.run("env LD_BIND_NOW=1 ./program")),
            11,
            "{line}, bound at once"
        );
        if has("valgrind") {
            let text = workshop.run("valgrind -q --error-exitcode=99 ./program");
            assert_eq!(entries(&text), 11, "{line}, under valgrind");
        }
    }
}

/// What tools say about an image.
struct Opinions {
    /// The machine code as text.
    code: String,
    /// By tool: each complaint without its numbers, and how often it was made.
    complaints: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// What the debugger knows of a variable and of a line.
    known: String,
}

impl Opinions {
    fn of(workshop: &Workshop, image: &str) -> Self {
        let mut complaints = BTreeMap::new();
        let looks: [(&str, String, fn(&str) -> bool); 4] = [
            ("readelf", format!("readelf -aW {image}"), is_complaint),
            // What the loader sees, which does not know sections.
            ("readelf ", format!("readelf -rDW {image}"), |line| line.contains("_NONE")),
            ("eu-elflint", format!("eu-elflint --gnu-ld {image}"), |line| line != "No errors"),
            (
                "gdb",
                format!(
                    "gdb -nx -batch -ex info\u{a0}files -ex maint\u{a0}check\u{a0}symtabs \
                     -ex maint\u{a0}check\u{a0}psymtabs {image}"
                ),
                is_complaint,
            ),
        ];
        for (tool, line, is_wanted) in looks {
            if has(tool.trim()) {
                complaints.insert(tool, said(workshop, &line, is_wanted));
            }
        }
        let code = workshop.run(&format!("objdump -d {image}"));
        assert!(code.lines().count() > 50, "{image}: no code");
        let variable = if image == "program" { "third_parts" } else { "part_static" };
        let known = match has("gdb") {
            true => workshop.run(&format!(
                "gdb -nx -batch -ex print/x\u{a0}{variable} -ex info\u{a0}line\u{a0}shared_part {image}"
            )),
            false => String::new(),
        };
        Self { code, complaints, known }
    }

    #[track_caller]
    fn compare(&self, after: &Self, what: &str) {
        assert!(self.code == after.code, "{what}: the code has changed");
        assert_eq!(self.known, after.known, "{what}: what gdb knows");
        if !self.known.is_empty() {
            let wanted = if what.ends_with("program") { "{0x30, 0x31, 0x32}" } else { "= 0x62" };
            assert!(self.known.contains(wanted), "{what}: gdb says {}", self.known);
        }
        for (tool, complaints) in &after.complaints {
            for (complaint, count) in complaints {
                let old = self.complaints[tool].get(complaint).copied().unwrap_or(0);
                assert!(*count <= old, "{what}: {tool} complains anew: {complaint}");
            }
        }
    }
}

/// Lines of what a tool prints, where readelf puts its warnings among the contents.
fn is_complaint(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["warning", "error", "corrupt", "overlap", "invalid", "bad ", "<unknown", "not in", "couldn't"]
        .iter()
        .any(|word| line.contains(word))
}

/// The complaints of a tool. The exit status of some says that there are any.
fn said(workshop: &Workshop, line: &str, is_wanted: fn(&str) -> bool) -> BTreeMap<String, usize> {
    let output = workshop.command(line).output().expect("the tool runs");
    let mut found = BTreeMap::new();
    let (out, errors) = (&output.stdout, &output.stderr);
    let out = String::from_utf8_lossy(out).into_owned();
    let errors = String::from_utf8_lossy(errors).into_owned();
    let lines = out.lines().filter(|it| is_wanted(it)).chain(errors.lines());
    for line in lines.filter(|it| !it.trim().is_empty()) {
        *found.entry(without_numbers(line)).or_default() += 1;
    }
    found
}

/// A line in which every number has become `#`.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in line.chars() {
        let is_number =
            letter.is_ascii_digit() || (inside && (letter.is_ascii_hexdigit() || letter == 'x'));
        if is_number && !inside {
            text.push('#');
        } else if !is_number {
            text.push(letter);
        }
        inside = is_number;
    }
    text
}
