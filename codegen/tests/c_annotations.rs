//! The annotation macros of C and C++ in the hands of real compilers: every form becomes the pairs that it should,
//! on every machine; what is wrong does not compile and says why; switched off, nothing is left.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

#[path = "c_annotations/objects.rs"]
mod objects;

#[path = "c_annotations/workshop.rs"]
mod workshop;

use objects::annotations;
use support::{CROSS, STRICT, has};
use workshop::Workshop;

const C_MODES: &[&str] = &["-std=c99", "-std=gnu99", "-std=c11", "-std=gnu17", "-std=c2x"];
const CXX_MODES: &[&str] = &["-std=c++17", "-std=gnu++17", "-std=c++20"];
const NATIVE: [(&str, &str, &[&str]); 4] = [
    ("gcc", "forms.c", C_MODES),
    ("clang", "forms.c", C_MODES),
    ("g++", "forms.cc", CXX_MODES),
    ("clang++", "forms.cc", CXX_MODES),
];

/// What every annotation of `forms.c` has to become. `WORD` is the size of a pointer, `NODE` of a node.
const EXPECTED: &str = r#"
log lines: address=lines length=0x80
log : address=older length=0x40
node node: address=nodes+NODE3 length=NODE instance=0x3 owner=0xffffffff
counter hits: address=hits length=0x8
counter misses: address=misses length=0x8 id=0x7fffffff
level level: address=level length=0x4 properties=0x8000800000000000
room room: address=room length=0x30 space=0xffff type=0xffffffff
room letters: address=letters length=0x3
room numbers: address=numbers length=0x5
title title: address=title length=0x10
matrix matrix: address=matrix length=0xc
outside outside: address=outside length=0x8
hook hook: address=hook length=WORD
list list: address=list length=WORD
mood mood: address=mood length=0x1 mood=0xc8 ok=0x1 letter=0x78
log_range range: address=range length=0x4 delta=0xffffffffffff8000 port=0x1bb small=0xff offset=0xffffffffffffffff
log many: address=many end=many+128
room image: address=__start_image end=__stop_image
room heap: address=heap length=0x1000 extent=0x1
room anything: address=anything length=0x20 extent=0x1
node first: address=list length=NODE extent=0x1
log found: address=found length=0x20 count=found_count/WORD place=0xffffffffffffffff rights=0x8000
room counted: address=anything length=0x1 count=used/2 label="a \"label\"" tag="eight..8"
room start: address=__start_image extent=0x3 note="n" version=0x2 busy=0x1
counter where: address=hits extent=0x3
room registers: address=0xfffff000 length=0x1000
counter local: address=local length=0x8
counter one line: address=line_one length=0x8
counter two: address=line_two length=0x8
"#;

/// Those of C++ alone, and of the atomic types that C has since C11.
const EXPECTED_IN_CXX: &str = "counter shared: address=shared length=0x8
room bytes: address=bytes length=0x4
counter deep: address=deep length=0x8
";
const EXPECTED_SINCE_C11: &str = "counter shared: address=shared length=0x8\n";

/// The expected lines for a machine, with the order of an annotation's pairs left open.
fn expected(word: u64, more: &str) -> Vec<String> {
    let text = format!("{}\n{more}", EXPECTED.trim())
        .replace("NODE3", &(6 * word).to_string())
        .replace("NODE", &format!("{:#x}", 2 * word))
        .replace("/WORD", &format!("/{word}"))
        .replace("WORD", &format!("{word:#x}"));
    let mut lines: Vec<String> = text.lines().map(sorted_pairs).collect();
    lines.sort();
    lines
}

fn sorted_pairs(line: &str) -> String {
    let (head, pairs) = line.split_once(": ").expect("a line of the expected");
    // A space inside a text is none between pairs.
    let pairs = pairs.replace("a \\\"", "a_\\\"");
    let mut pairs: Vec<&str> = pairs.split(' ').collect();
    pairs.sort_unstable();
    format!("{head}: {}", pairs.join(" "))
}

/// What a compiler has made of an object's annotations; each has to know where it stands.
fn found(workshop: &Workshop, object: &str) -> Vec<String> {
    let annotations = annotations(&workshop.path(object));
    let lines = annotations.into_iter().map(|annotation| {
        assert_eq!(annotation.descriptor, "tests_annotations_inspect_v2");
        let value = |key: &str| {
            let prefix = format!("{key}=\"");
            let pair = annotation.pairs.iter().find_map(|pair| pair.strip_prefix(&prefix));
            pair.expect("a pair").trim_end_matches('"').to_owned()
        };
        let (class, name) = (value("class"), value("name"));
        let source = workshop.text(&annotation.file);
        let line = source.lines().nth(annotation.line as usize - 1).expect("a line of the file");
        assert!(line.contains(&format!("\"{name}\"")) || name == "registers", "{name}: {line}");
        let own = |pair: &&String| !pair.starts_with("class=") && !pair.starts_with("name=");
        let pairs: Vec<&str> = annotation.pairs.iter().filter(own).map(String::as_str).collect();
        sorted_pairs(&format!("{class} {name}: {}", pairs.join(" ")))
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// Names what is missing and what is too much.
fn compare(workshop: &Workshop, expected: &[String], what: &str) {
    let found = found(workshop, "object.o");
    let without = |from: &[String], other: &[String]| -> Vec<String> {
        from.iter().filter(|line| !other.contains(line)).cloned().collect()
    };
    let (missing, strange) = (without(expected, &found), without(&found, expected));
    assert!(found == expected, "{what}: expected {missing:#?}, found {strange:#?}");
}

/// The atomic types of C11 take part where the language has them.
fn more(mode: &str) -> &'static str {
    match mode {
        _ if mode.contains("++") => EXPECTED_IN_CXX,
        "-std=c99" | "-std=gnu99" => "",
        _ => EXPECTED_SINCE_C11,
    }
}

#[test]
fn every_form_becomes_its_pairs_in_every_mode() {
    let workshop = Workshop::new();
    let mut failures = Vec::new();
    for (compiler, source, modes) in NATIVE.iter().filter(|(compiler, ..)| has(compiler)) {
        for mode in *modes {
            for [position, level] in [["-fno-pic", "-O0"], ["-fPIC", "-O2"], ["-fPIE", "-O1"]] {
                let flags = [*mode, position, level];
                let what = format!("{compiler} {}", flags.join(" "));
                match workshop.object(compiler, &[&flags[..], STRICT].concat(), source) {
                    Ok(()) => compare(&workshop, &expected(8, more(mode)), &what),
                    Err(error) => failures.push(format!("{what}: {error}")),
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_form_becomes_its_pairs_on_every_machine() {
    let workshop = Workshop::new();
    for cross in CROSS {
        let clang: Vec<&str> = cross.clang.iter().copied().chain(["-ffreestanding"]).collect();
        let gcc: Vec<&str> = cross.flags.iter().copied().chain(["-ffreestanding"]).collect();
        for (compiler, flags) in [(cross.gcc, gcc), ("clang", clang)] {
            if !has(compiler) {
                continue;
            }
            for mode in ["-std=c99", "-std=c11"] {
                let flags = [&[mode, "-O2"], &flags[..], STRICT].concat();
                let what = format!("{compiler} {}", flags.join(" "));
                workshop
                    .object(compiler, &flags, "forms.c")
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                let word = match cross.target {
                    "i686" | "armv7" | "arm-none-eabi" | "riscv32" | "mips" => 4,
                    _ => 8,
                };
                compare(&workshop, &expected(word, more(mode)), &what);
            }
        }
    }
}

/// However a program is linked, it finds its annotations, each where its variable is.
#[test]
fn a_program_finds_what_it_annotates() {
    let workshop = Workshop::new();
    let forms: &[&[&str]] = &[
        &["-O0", "-no-pie", "-fno-pie"],
        &["-O2", "-pie", "-fPIE"],
        &["-O2", "-static", "-fno-pie"],
        &["-O2", "-static-pie", "-fPIE"],
        &["-O2", "-fPIE", "-pie", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"],
        &["-O2", "-flto", "-pie", "-fPIE", "-Wl,--gc-sections"],
    ];
    for (compiler, source, modes) in NATIVE.iter().filter(|(compiler, ..)| has(compiler)) {
        for form in forms {
            let lto = form.contains(&"-flto");
            let clang = compiler.starts_with("clang");
            if lto && clang && !has("ld.lld") {
                continue;
            }
            let mode = modes[2];
            let mut flags = vec![mode, "-DMAIN"];
            flags.extend(*form);
            flags.extend((lto && clang).then_some("-fuse-ld=lld"));
            let told = workshop.program(compiler, &[&flags[..], STRICT].concat(), source);
            let told = told.unwrap_or_else(|error| panic!("{compiler} {form:?}: {error}"));
            let registered = 29 + more(mode).lines().count();
            let right = format!("{registered} registered, 28 where they are\n");
            assert_eq!(told, right, "{compiler} {form:?}");
        }
    }
}

/// Switched off, an annotation leaves no section, no symbol and no warning, and the program still links.
#[test]
fn nothing_is_left_where_annotations_are_switched_off() {
    use object::{Object, ObjectSection, ObjectSymbol};
    let workshop = Workshop::new();
    for (compiler, source, modes) in NATIVE.iter().filter(|(compiler, ..)| has(compiler)) {
        for mode in *modes {
            for level in ["-O0", "-O2"] {
                let flags = [&[*mode, level, "-DINSPECT_OFF"], STRICT].concat();
                workshop.object(compiler, &flags, source).unwrap_or_else(|error| panic!("{error}"));
                let bytes = std::fs::read(workshop.path("object.o")).expect("an object");
                let object = object::File::parse(&*bytes).expect("an object");
                let ours =
                    |name: &str| name.starts_with("inspect_") || name.contains("annotations_in");
                let sections = object.sections().filter_map(|it| it.name().ok().map(str::to_owned));
                let symbols = object.symbols().filter_map(|it| it.name().ok().map(str::to_owned));
                let left: Vec<String> = sections.chain(symbols).filter(|name| ours(name)).collect();
                assert!(left.is_empty(), "{compiler} {mode} {level}: {left:?}");
            }
        }
        // Annotations that are off are still looked at, and a program without them finds none.
        let flags = [modes[2], "-DINSPECT_OFF", "-DMAIN"];
        let told = workshop.program(compiler, &[&flags[..], STRICT].concat(), source);
        assert_eq!(told.as_deref(), Ok("0 registered, 0 where they are\n"), "{compiler}");
    }
}

/// A file says its name where the compiler knows it, its path where it does not, and nothing where that is too
/// long for a pair: never a pointer, and never an error.
#[test]
fn a_file_says_what_it_is_called() {
    let workshop = Workshop::new();
    let text = "#include \"tests_annotations.inspect.h\"
static uint64_t a;
TESTS_ANNOTATIONS_ANNOTATE_COUNTER(a, \"a\");";
    std::fs::create_dir(workshop.path("deeper")).expect("a folder");
    for (compiler, mode, extension) in [
        ("gcc", "-std=c99", "c"),
        ("clang", "-std=c99", "c"),
        ("g++", "-std=c++17", "cc"),
        ("clang++", "-std=c++17", "cc"),
    ] {
        if !has(compiler) {
            continue;
        }
        let short = format!("deeper/it.{extension}");
        let long = format!("{}.{extension}", "n".repeat(72));
        for source in [&short, &long] {
            workshop.write(source, text);
        }
        let told = |source: &str, old: &[&str]| {
            let flags = [&[mode], STRICT, old].concat();
            workshop.object(compiler, &flags, source).unwrap_or_else(|error| panic!("{error}"));
            annotations(&workshop.path("object.o")).remove(0).file
        };
        // GCC before 12 has no such macro.
        let old = ["-U__FILE_NAME__", "-Wno-builtin-macro-redefined"];
        let name = format!("it.{extension}");
        assert_eq!(told(&short, &[]), name, "{compiler}");
        let path = if extension == "c" { short.clone() } else { name };
        assert_eq!(told(&short, &old), path, "{compiler}");
        for old in [&[][..], &old] {
            assert_eq!(told(&long, old), "", "{compiler}");
        }
    }
}

/// The descriptor is one object: from its symbol everything is a constant away, on every machine and where only
/// its name is known. Fields hold 8 bytes at a multiple of 8, on i686 too.
#[test]
fn the_descriptor_is_one_object() {
    use object::{Object, ObjectSection, ObjectSymbol};
    let workshop = Workshop::new();
    for cross in CROSS.iter().filter(|cross| has(cross.gcc)) {
        let flags = [&["-std=c99", "-O2", "-ffreestanding"], cross.flags, STRICT].concat();
        workshop
            .object(cross.gcc, &flags, "tests_annotations.inspect.c")
            .unwrap_or_else(|error| panic!("{error}"));
        let bytes = std::fs::read(workshop.path("object.o")).expect("an object");
        let object = object::File::parse(&*bytes).expect("an object");
        let symbol = object.symbol_by_name("tests_annotations_inspect_v2").expect("the descriptor");
        let section = symbol.section_index().expect("a section");
        let section = object.section_by_index(section).expect("a section");
        assert_eq!(symbol.scope(), object::SymbolScope::Linkage, "{}: hidden", cross.target);
        assert!(section.align() >= 8 && symbol.address() % 8 == 0, "{}", cross.target);
        let start = (symbol.address() - section.address()) as usize;
        let data = &section.data().expect("its bytes")[start..][..symbol.size() as usize];
        let big = object.endianness() == object::Endianness::Big;
        let number = |at: usize| {
            let bytes: [u8; 4] = data[at..at + 4].try_into().expect("four bytes");
            if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let head = number(0) as usize;
        assert_eq!(head, if object.is_64() { 96 } else { 72 }, "{}", cross.target);
        let [cbor_size, types_size, history_size] = [28, 32, 36].map(|at| number(at) as usize);
        let round = |size: usize| size.next_multiple_of(8);
        let types = head + history_size;
        let cbor = types + round(types_size);
        assert_eq!((number(4), history_size), (2, 16), "{}", cross.target);
        // The magic of type information, and a map, with which the description begins.
        let magic = if big { [0xeb, 0x9f] } else { [0x9f, 0xeb] };
        assert_eq!(data[types..types + 2], magic, "{}", cross.target);
        assert_eq!(data[cbor] >> 5, 5, "{}", cross.target);
        assert_eq!(round(cbor + cbor_size), data.len(), "{}", cross.target);
        // Whatever points inside is relative to the object itself.
        let inside = places_of(&object, &section, symbol.address(), head);
        assert_eq!(inside, 3, "{}: cbor, types and history", cross.target);
    }
}

/// How many pointers of the head lead into the object itself.
fn places_of(
    object: &object::File<'_>,
    section: &object::Section<'_, '_>,
    start: u64,
    head: usize,
) -> usize {
    use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
    let inside = section.relocations().filter(|(offset, relocation)| {
        let RelocationTarget::Symbol(symbol) = relocation.target() else { return false };
        let symbol = object.symbol_by_index(symbol).expect("a symbol");
        let offset = offset - (start - section.address());
        symbol.section_index() == Some(section.index()) && offset < head as u64
    });
    inside.count()
}

/// An annotation, and the words that the message has to hold.
const WRONG: &[(&str, &str)] = &[
    ("static uint32_t v; A(COUNTER)(v, \"v\");", "another_type_than_its_class"),
    ("static int64_t v; A(COUNTER)(v, \"v\");", "another_type_than_its_class"),
    ("static double v; A(COUNTER)(v, \"v\");", "another_type_than_its_class"),
    ("static uint64_t v[2]; A(COUNTER)(v, \"v\");", "another_type_than_its_class"),
    (
        "static struct tests_annotations_node v; A(COUNTER)(v, \"v\");",
        "another_type_than_its_class",
    ),
    ("static struct outside v; A(NODE)(v, \"v\");", "another_type_than_its_class"),
    ("static uint64_t v; A(NODE)(v, \"v\");", "another_type_than_its_class"),
    ("static struct outside v[2]; A(LOG)(v, \"v\");", "another_type_than_its_class"),
    ("static uint16_t v[2]; A(ROOM)(v, \"v\");", "another_type_than_its_class"),
    ("static unsigned char v[16]; A(TITLE)(v, \"v\");", "another_type_than_its_class"),
    ("static char v[17]; A(TITLE)(v, \"v\");", "another_type_than_its_class"),
    ("static uint16_t v[2][4]; A(MATRIX)(v, \"v\");", "another_type_than_its_class"),
    ("static uint16_t v[3][3]; A(MATRIX)(v, \"v\");", "another_type_than_its_class"),
    ("static int v; A(HOOK)(v, \"v\");", "another_type_than_its_class"),
    ("static void *v; A(LIST)(v, \"v\");", "another_type_than_its_class"),
    ("static uint64_t v[2]; A(LOG_RANGE_)(&v[0], &v[2], \"v\");", "another_type_than_its_class"),
    ("static uint64_t *v; A(LOG_INDIRECT)(v, 8, \"v\");", "another_type_than_its_class"),
    ("static uint64_t *v; A(LOG_COUNTED)(v, count, \"v\");", "another_type_than_its_class"),
    ("static uint32_t v; A(COUNTER_ADDRESS)(v, \"v\");", "another_type_than_its_class"),
    ("static unsigned char *v; A(ROOM)(v, \"v\");", "pointer_stands_where_an_array"),
    ("static unsigned char v[4]; A(ROOM_INDIRECT)(v, 4, \"v\");", "variable_is_no_pointer"),
    ("static unsigned char *v; A(ROOM_INDIRECT)(v, \"v\");", "invalid operands"),
    ("static struct outside *v; A(OUTSIDE_INDIRECT)(v, \"v\");", "invalid operands"),
    ("static unsigned char *v; A(ROOM_INDIRECT)(v, 8.0, \"v\");", "invalid operands"),
    ("static unsigned char *v; A(ROOM_INDIRECT)(v, count, \"v\");", "constant"),
    ("static unsigned char *v; A(ROOM_INDIRECT)(v, -8, \"v\");", "length_is_not_that"),
    (
        "static struct tests_annotations_node *v; A(NODE_INDIRECT)(v, 8, \"v\");",
        "length_is_not_that",
    ),
    (
        "static struct tests_annotations_node *v; A(NODE_INDIRECT)(v, 3, \"v\");",
        "length_is_not_that",
    ),
    (
        "static struct tests_annotations_node *v; A(NODE_INDIRECT)(v, 4000, \"v\");",
        "length_is_not_that",
    ),
    ("static uint64_t *v; A(COUNTER_INDIRECT)(v, 16, \"v\");", "length_is_not_that"),
    (
        "static struct tests_annotations_record *v; A(LOG_INDIRECT)(v, 40, \"v\");",
        "length_is_not_that",
    ),
    (
        "static struct tests_annotations_tail *v; A(TAIL_INDIRECT)(v, 3, \"v\");",
        "length_is_not_that",
    ),
    ("static char *v; A(TITLE_INDIRECT)(v, 17, \"v\");", "length_is_not_that"),
    ("static unsigned char v[8]; A(ROOM_COUNTED)(v, count, \"v\");", "variable_is_no_pointer"),
    ("static unsigned char *v; static double n; A(ROOM_COUNTED)(v, n, \"v\");", "invalid operands"),
    ("static unsigned char *v; static int n[4]; A(ROOM_COUNTED)(v, n, \"v\");", "invalid operands"),
    ("A(COUNTER)(number, \"v\", WITH(OWNER)(0x100000000ll));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(OWNER)(-1));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(DELTA)(32768));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(DELTA)(-32769));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(PORT)(65536));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(SMALL)(256));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(OK)(2));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(MOOD)(256));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(RIGHTS)(0x10000));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", INSPECT_ID(0x80000000));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", INSPECT_SPACE(65536));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", INSPECT_TYPE(0x100000000ull));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(PLACE)(number));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", INSPECT_INSTANCE(number));", "number_does_not_fit"),
    ("A(COUNTER)(number, \"v\", WITH(TAG)(\"nine....9\"));", "text_is_longer_than_its_field"),
    ("A(COUNTER)(number, TEXT71 \"2\");", "text_is_longer_than_71_bytes"),
    ("A(COUNTER)(number, \"v\", WITH(LABEL)(TEXT71 \"2\"));", "text_is_longer_than_71_bytes"),
    ("A(COUNTER)(number, \"v\", WITH(NOTE)(TEXT71 \"2\"));", "text_is_longer_than_71_bytes"),
    ("static const char *text; A(COUNTER)(number, text);", "expected"),
    ("A(COUNTER)(number, \"v\", WITH(RATIO)(1));", "WITH_RATIO"),
    ("A(COUNTER)(number, \"v\", WITH(COLOUR)(1));", "WITH_COLOUR"),
    ("A(COUNTERS)(number, \"v\");", "expected"),
    (
        "A(COUNTER)(number, \"v\", INSPECT_TEXT(\"a_key_is_at_most_31_bytes_of_text\", \"\"));",
        "key_is_longer",
    ),
    ("extern unsigned char v[]; A(ROOM)(v, \"v\");", "incomplete type"),
    ("static uint64_t *v; A(COUNTER)(*v, \"v\");", "constant"),
    ("static __thread uint64_t v; A(COUNTER)(v, \"v\");", "constant"),
];

/// What is right in the same surroundings: of the longest texts and the largest numbers.
const RIGHT: &str = "A(COUNTER)(number, TEXT71, WITH(LABEL)(TEXT71), WITH(NOTE)(TEXT71), WITH(OWNER)(0xffffffffu),
    WITH(DELTA)(32767), INSPECT_SPACE(65535), INSPECT_TYPE(0xffffffffu), INSPECT_ID(0x7fffffff), WITH(TAG)(\"8.......\"));
static unsigned char *v; A(ROOM_COUNTED)(v, count, \"v\"); A(ROOM_INDIRECT)(v, 4000, \"a\");
static struct tests_annotations_record *l; A(LOG_INDIRECT)(l, 3 * sizeof(*l), \"b\"); A(LOG_INDIRECT)(l, 32, \"c\");
static struct tests_annotations_tail *t; A(TAIL_INDIRECT)(t, sizeof(*t) + 24, \"d\");
static char *c; A(TITLE_INDIRECT)(c, 16, \"e\"); static uint16_t (*m)[3]; A(MATRIX_INDIRECT)(m, 12, \"f\");
static uint64_t *n; A(COUNTER_INDIRECT)(n, 8, \"g\"); static void **h; A(HOOK_INDIRECT)(h, sizeof(void *), \"h\");
static tests_annotations_mood *o; enum { ONE = 1 }; A(MOOD_INDIRECT)(o, ONE, \"i\");";

#[test]
fn what_is_wrong_does_not_compile_and_says_why() {
    let workshop = Workshop::new();
    let text71 = "x".repeat(71);
    let head = format!(
        "#include \"outside.h\"\n#include \"tests_annotations.inspect.h\"
#define A(form) TESTS_ANNOTATIONS_ANNOTATE_##form
#define WITH(field) TESTS_ANNOTATIONS_WITH_##field
#define TEXT71 \"{text71}\"
extern uint64_t number; extern uint32_t count;
"
    );
    for (compiler, modes) in [
        ("gcc", ["-std=c99", "-std=gnu17"]),
        ("clang", ["-std=gnu17", "-std=c99"]),
        ("g++", ["-std=c++17", "-std=c++20"]),
        ("clang++", ["-std=c++20", "-std=c++17"]),
    ] {
        let modes = &modes[..if support::is_long() { 2 } else { 1 }];
        if !has(compiler) {
            continue;
        }
        let source = if compiler.ends_with("++") { "wrong.cc" } else { "wrong.c" };
        for mode in modes {
            workshop.write(source, &format!("{head}{RIGHT}\n"));
            let strict = [&[*mode], STRICT].concat();
            workshop.object(compiler, &strict, source).unwrap_or_else(|error| panic!("{error}"));
            for (wrong, word) in WRONG {
                workshop.write(source, &format!("{head}{wrong}\n"));
                // Without any flag that makes errors of warnings.
                let message = workshop.object(compiler, &[*mode, "-fsyntax-only"], source);
                let message = message.expect_err(&format!("{compiler} {mode} takes {wrong}"));
                let spoken = message.contains(word) || compilers_own(word, &message);
                assert!(spoken, "{compiler} {mode}: {wrong}: {message}");
                // What is switched off is looked at, but for what only a linker or a loader minds.
                if *word != "constant" {
                    let off = workshop.object(
                        compiler,
                        &[*mode, "-fsyntax-only", "-DINSPECT_OFF"],
                        source,
                    );
                    assert!(off.is_err(), "{compiler} {mode} takes {wrong}, switched off");
                }
            }
        }
    }
}

/// Compilers have their own words for what is no business of ours.
fn compilers_own(word: &str, message: &str) -> bool {
    let others: &[&str] = match word {
        "expected" => &[
            "expected",
            "before",
            "not declared",
            "undeclared",
            "does not name a type",
            "requires a type",
        ],
        "constant" => &["constant"],
        "number_does_not_fit" => &["constant", "inspect_number"],
        "invalid operands" => &["invalid operands"],
        _ => &[],
    };
    others.iter().any(|other| message.contains(other))
}

/// The first annotation of `docs/annotations.md`, as a newcomer types it.
#[test]
fn the_first_annotation_of_the_document_works() {
    if !has("gcc") {
        return;
    }
    let path = support::root().join("../docs/annotations.md");
    let text = std::fs::read_to_string(path).expect("the document");
    let block = |name: &str| {
        let (_, behind) = text.split_once(&format!("<!-- {name} -->\n```")).expect("a block");
        let (_, behind) = behind.split_once('\n').expect("a line");
        behind.split_once("\n```").expect("its end").0.to_owned() + "\n"
    };
    let mut sources = inspect_gen::source::SourceMap::new();
    sources.add("shop.inspect", block("shop.inspect"), false);
    let generated = support::generate(&sources);
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in &generated {
        let path = folder.path().join("out").join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    for name in ["till.h", "main.c"] {
        std::fs::write(folder.path().join(name), block(name)).expect("a file");
    }
    let command = block("build").replacen("cc ", "gcc -Wall -Wextra -Werror ", 1);
    support::run(folder.path(), "sh", &["-c", &command]).unwrap_or_else(|error| panic!("{error}"));
    support::run(folder.path(), "./shop", &[]).unwrap_or_else(|error| panic!("{error}"));
    support::run(folder.path(), "gcc", &["-c", "-I.", "-Iout/c", "-o", "main.o", "main.c"])
        .unwrap_or_else(|error| panic!("{error}"));
    let names = annotations(&folder.path().join("main.o"));
    assert_eq!(names.len(), 2, "two tills");
    assert!(names.iter().any(|till| till.pairs.contains(&"owner=0x7".to_owned())));
}
