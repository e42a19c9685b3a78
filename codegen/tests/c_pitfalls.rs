//! What goes wrong when annotations are put into a section by hand, each reproduced with a compiler or linker that
//! shows it, and that the macros of a schema do not have it, or that it is refused where nothing helps.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

#[path = "c_annotations/objects.rs"]
#[allow(dead_code, reason = "shared with the tests of every form")]
mod objects;

#[path = "c_annotations/workshop.rs"]
#[allow(dead_code, reason = "shared with the tests of every form")]
mod workshop;

use inspect_format::abi::Order;
use inspect_format::pairs::Records;
use object::{Object, ObjectSection, ObjectSymbol};
use objects::annotations;
use support::{STRICT, has};
use workshop::Workshop;

/// A record as people write it by hand, and where they put it.
const NAIVE: &str = "
#include <stdint.h>
#define NAIVE __attribute__((section(\"naive\"), used))
struct naive { const char *name; const volatile void *address; uint64_t length, more[2]; };
";

/// The same with the macros of a schema.
const OURS: &str = "
#include \"tests_annotations.inspect.h\"
#define COUNTER(variable, name) TESTS_ANNOTATIONS_ANNOTATE_COUNTER(variable, name)
";

const COMPILERS: [&str; 2] = ["gcc", "clang"];
const CXX_COMPILERS: [&str; 2] = ["g++", "clang++"];
const LINKERS: [(&str, &str); 3] = [("bfd", "ld.bfd"), ("gold", "ld.gold"), ("lld", "ld.lld")];

fn installed(programs: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    programs.iter().copied().filter(|program| has(program))
}

/// Compiles a source and gives its bytes.
fn compiled(workshop: &Workshop, compiler: &str, flags: &[&str], text: &str) -> Vec<u8> {
    let source = if compiler.ends_with("++") { "pitfall.cc" } else { "pitfall.c" };
    workshop.write(source, text);
    workshop.object(compiler, flags, source).unwrap_or_else(|error| panic!("{compiler}: {error}"));
    std::fs::read(workshop.path("object.o")).expect("an object")
}

fn refused(workshop: &Workshop, compiler: &str, flags: &[&str], text: &str) -> String {
    let source = if compiler.ends_with("++") { "pitfall.cc" } else { "pitfall.c" };
    workshop.write(source, text);
    let compiled = workshop.object(compiler, flags, source);
    compiled.expect_err("the compiler has to refuse it")
}

/// The bytes of all sections of a name.
fn section(bytes: &[u8], name: &str) -> Vec<u8> {
    let object = object::File::parse(bytes).expect("an object");
    let sections = object.sections().filter(|section| section.name() == Ok(name));
    sections.flat_map(|section| section.data().expect("its bytes").to_vec()).collect()
}

/// The offsets of symbols in a section, by their names.
fn symbols(bytes: &[u8], prefix: &str) -> Vec<(String, String)> {
    let object = object::File::parse(bytes).expect("an object");
    let section_of = |symbol: &object::Symbol<'_, '_>| {
        let section = symbol.section_index().and_then(|at| object.section_by_index(at).ok())?;
        Some(section.name().ok()?.to_owned())
    };
    let named = object.symbols().filter_map(|symbol| {
        let name = symbol.name().ok().filter(|name| name.contains(prefix))?;
        Some((name.to_owned(), section_of(&symbol).unwrap_or_default()))
    });
    named.collect()
}

fn names(workshop: &Workshop) -> Vec<String> {
    let name = |annotation: objects::Annotation| {
        let pair = annotation.pairs.into_iter().find_map(|pair| {
            pair.strip_prefix("name=\"").map(|name| name.trim_end_matches('"').to_owned())
        });
        pair.expect("a name")
    };
    let mut names: Vec<String> =
        annotations(&workshop.path("object.o")).into_iter().map(name).collect();
    names.sort();
    names
}

/// The names of the records of something linked; the numbers in it are not looked at.
fn linked_names(bytes: &[u8]) -> Vec<String> {
    let data = section(bytes, "inspect_table");
    let records = Records::new(&data, Order::Little, 8);
    let mut names: Vec<String> = records
        .map(|record| record.expect("a record").text("name").expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

/// GCC aligns an object of 40 bytes to 32 and begins with the last one: whoever steps through them by their
/// size, or takes the first for the first, reads something else. Clang hides it.
#[test]
fn records_are_padded_and_turned_round() {
    let workshop = Workshop::new();
    let naive = format!(
        "{NAIVE}static int a, b, c;
#define ENTRY(v) static struct naive entry_##v NAIVE = {{ #v, &v, sizeof(v), {{ 0, 0 }} }}
ENTRY(a); ENTRY(b); ENTRY(c);"
    );
    if has("gcc") {
        let bytes = compiled(&workshop, "gcc", &["-O2", "-m64"], &naive);
        assert_eq!(section(&bytes, "naive").len(), 168, "three of 40 bytes");
        let object = object::File::parse(&*bytes).expect("an object");
        let place = |name| object.symbol_by_name(name).expect("a symbol").address();
        assert!(place("entry_a") > place("entry_c"), "the last one comes first");
    }
    for compiler in installed(&COMPILERS) {
        for level in ["-O0", "-O2"] {
            let ours = format!(
                "{OURS}static uint64_t a, b, c;\nCOUNTER(a, \"a\");\nCOUNTER(b, \"b\");\nCOUNTER(c, \"c\");"
            );
            let bytes = compiled(&workshop, compiler, &[level], &ours);
            assert_eq!(section(&bytes, "inspect_table").len(), 3 * 8 * 128, "no byte between them");
            assert_eq!(names(&workshop), ["a", "b", "c"], "{compiler}");
        }
    }
}

/// A text that a record points at stays in the program when the records are dropped.
#[test]
fn texts_stay_behind() {
    let workshop = Workshop::new();
    let holds = |bytes: &[u8], inside: &str| {
        let object = object::File::parse(bytes).expect("an object");
        object.sections().any(|section| {
            let data = section.data().expect("its bytes");
            section.name().expect("a name").starts_with(inside)
                && data.windows(10).any(|window| window == b"lives long")
        })
    };
    for compiler in installed(&COMPILERS) {
        let naive = format!(
            "{NAIVE}static int a;\nstatic struct naive x NAIVE = {{ \"lives long\", &a, 4, {{ 0, 0 }} }};"
        );
        let bytes = compiled(&workshop, compiler, &["-O2"], &naive);
        assert!(holds(&bytes, ".rodata"), "{compiler}: the pitfall is gone");
        let ours = format!("{OURS}static uint64_t a;\nCOUNTER(a, \"lives long\");");
        for level in ["-O0", "-O2"] {
            let bytes = compiled(&workshop, compiler, &[level], &ours);
            assert!(!holds(&bytes, ".rodata") && holds(&bytes, "inspect_table"), "{compiler}");
        }
    }
    for compiler in installed(&CXX_COMPILERS) {
        let ours = format!("{OURS}static uint64_t a;\nCOUNTER(a, \"lives long\");");
        let bytes = compiled(&workshop, compiler, &["-std=c++17", "-O0"], &ours);
        assert!(!holds(&bytes, ".rodata") && holds(&bytes, "inspect_table"), "{compiler}");
    }
}

/// `used` means nothing to a linker that drops sections: without a reference to the section's bounds it goes,
/// and where `-z start-stop-gc` is the rule, as in lld, in spite of one.
#[test]
fn linkers_drop_what_only_the_compiler_keeps() {
    let workshop = Workshop::new();
    let main = "int main(void) { return 0; }";
    let bounds =
        "extern char __start_naive[] __attribute__((weak)), __stop_naive[] __attribute__((weak));
int main(void) { return (int)(__stop_naive - __start_naive); }";
    let record = "static int a;\nstatic struct naive x NAIVE = { \"x\", &a, 4, { 0, 0 } };\n";
    workshop.write("alone.c", &format!("{NAIVE}{record}{main}"));
    workshop.write("bounds.c", &format!("{NAIVE}{record}{bounds}"));
    workshop.write("ours.c", &format!("{OURS}static uint64_t a;\nCOUNTER(a, \"kept\");\n{main}"));
    let link = |compiler: &str, linker: &str, more: &[&str], sources: &[&str]| {
        let uses = format!("-fuse-ld={linker}");
        let flags = ["-O2", "-I.", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"];
        let arguments = [&flags[..], &[&uses, "-o", "program"], more, sources].concat();
        workshop.run(compiler, &arguments).unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(workshop.path("program")).expect("a program")
    };
    for compiler in installed(&COMPILERS) {
        for (linker, _) in LINKERS.iter().filter(|(_, program)| has(program)) {
            let what = format!("{compiler} with {linker}");
            let stop_gc: &[&str] = if *linker == "gold" { &[] } else { &["-Wl,-z,start-stop-gc"] };
            let dropped = |bytes: &[u8]| section(bytes, "naive").is_empty();
            assert!(dropped(&link(compiler, linker, &[], &["alone.c"])), "{what}: alone");
            let bounds = link(compiler, linker, stop_gc, &["bounds.c"]);
            assert_eq!(dropped(&bounds), *linker != "gold", "{what}: with bounds");
            for more in [&[][..], stop_gc] {
                let ours = link(compiler, linker, more, &["ours.c", "tests_annotations.inspect.c"]);
                assert_eq!(linked_names(&ours), ["kept"], "{what} {more:?}");
            }
        }
    }
    // The default of lld is the strict one.
    if has("gcc") && has("ld.lld") {
        assert!(section(&link("gcc", "lld", &[], &["bounds.c"]), "naive").is_empty(), "lld");
    }
}

/// Where one says `retain` and another does not, some records are there and nobody notices.
#[test]
fn half_a_table_is_left_where_some_are_retained() {
    let workshop = Workshop::new();
    if !has("gcc") {
        return;
    }
    workshop.write("one.c", &format!("{NAIVE}static struct naive x NAIVE = {{ \"1\", 0, 0, {{ 0, 0 }} }};\nint main(void) {{ return 0; }}"));
    workshop.write("two.c", &format!("{NAIVE}static struct naive x NAIVE __attribute__((retain)) = {{ \"2\", 0, 0, {{ 0, 0 }} }};"));
    let arguments = ["-O2", "-Wl,--gc-sections", "-o", "program", "one.c", "two.c"];
    workshop.run("gcc", &arguments).unwrap_or_else(|error| panic!("{error}"));
    let bytes = std::fs::read(workshop.path("program")).expect("a program");
    assert_eq!(section(&bytes, "naive").len(), 40, "one of two");
}

/// GCC for bare metal does not know `retain`, and says so in a warning; there a linker script has to keep them.
#[test]
fn bare_metal_knows_no_retain() {
    let workshop = Workshop::new();
    if !has("arm-none-eabi-gcc") {
        return;
    }
    let naive = "static int x __attribute__((section(\"naive\"), used, retain)) = 1;";
    let message = refused(&workshop, "arm-none-eabi-gcc", &["-Werror"], naive);
    assert!(message.contains("retain"), "{message}");
    let ours = format!("{OURS}static uint64_t a;\nCOUNTER(a, \"kept\");");
    compiled(&workshop, "arm-none-eabi-gcc", STRICT, &ours);
    assert_eq!(names(&workshop), ["kept"]);
}

/// An address in a section that is not written gives DT_TEXTREL, or the linker refuses it.
#[test]
fn constant_records_are_relocated_in_read_only_pages() {
    let workshop = Workshop::new();
    let main = "int main(void) { return 0; }";
    let naive = "static int a __attribute__((used));\n__asm__(\".pushsection naive,\\\"a\\\"\\n.quad a\\n.popsection\");\n";
    workshop.write("naive.c", &format!("{naive}{main}"));
    workshop.write("ours.c", &format!("{OURS}uint64_t a;\nCOUNTER(a, \"a\");\n{main}"));
    let link = |compiler: &str, linker: &str, sources: &[&str]| {
        let uses = format!("-fuse-ld={linker}");
        let arguments =
            [&["-O2", "-I.", "-fPIE", "-pie", &uses, "-o", "program"], sources].concat();
        workshop.run(compiler, &arguments)?;
        let bytes = std::fs::read(workshop.path("program")).expect("a program");
        Ok::<bool, String>(has_text_relocations(&bytes))
    };
    for compiler in installed(&COMPILERS) {
        for (linker, _) in LINKERS.iter().filter(|(_, program)| has(program)) {
            let naive = link(compiler, linker, &["naive.c"]);
            match *linker {
                "lld" => assert!(naive.is_err(), "{compiler}: lld takes it"),
                _ => assert_eq!(naive, Ok(true), "{compiler} with {linker}"),
            }
            let ours = link(compiler, linker, &["ours.c", "tests_annotations.inspect.c"]);
            assert_eq!(ours, Ok(false), "{compiler} with {linker}");
        }
    }
}

fn has_text_relocations(bytes: &[u8]) -> bool {
    let dynamic = section(bytes, ".dynamic");
    let words: Vec<u64> = dynamic
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
        .collect();
    // DT_TEXTREL, and DF_TEXTREL among DT_FLAGS.
    words.chunks_exact(2).any(|entry| entry[0] == 22 || (entry[0] == 30 && entry[1] & 4 != 0))
}

/// A section is constant or it is not: a file that puts both into it does not compile.
#[test]
fn constant_and_other_records_do_not_meet() {
    let workshop = Workshop::new();
    for compiler in installed(&COMPILERS) {
        let naive = "static int a; static const int b = 1;
static const volatile void *const x __attribute__((section(\"naive\"), used)) = &a;
static const volatile void *y __attribute__((section(\"naive\"), used)) = &b;";
        let message = refused(&workshop, compiler, &["-fno-pic"], naive);
        assert!(message.contains("section type conflict"), "{compiler}: {message}");
        let ours = format!(
            "{OURS}static uint64_t a; static const uint64_t b = 1;\nCOUNTER(a, \"a\"); COUNTER(b, \"b\");"
        );
        for position in ["-fno-pic", "-fPIC"] {
            compiled(&workshop, compiler, &[&[position], STRICT].concat(), &ours);
            assert_eq!(names(&workshop), ["a", "b"], "{compiler} {position}");
        }
    }
}

/// C++ may fill a record when the program starts: until then it is empty, and whoever has packed it is overwritten.
#[test]
fn records_are_not_filled_at_start() {
    let workshop = Workshop::new();
    for compiler in installed(&CXX_COMPILERS) {
        let naive = format!(
            "{NAIVE}static int a;\nuint64_t f();\nstatic naive x NAIVE = {{ \"x\", &a, f(), {{ 0, 0 }} }};"
        );
        let bytes = compiled(&workshop, compiler, &["-std=c++17", "-O2"], &naive);
        assert!(!section(&bytes, ".init_array").is_empty(), "{compiler}: nothing happens at start");
        assert!(section(&bytes, "naive").iter().all(|byte| *byte == 0), "{compiler}");
        // The macros of fields check constants anyway; a pair of one's own is caught by the declaration.
        let ours = format!(
            "{OURS}static uint64_t a;\nuint64_t f();\nINSPECT_RECORD(TESTS_ANNOTATIONS_DESCRIPTOR,
INSPECT_TEXT(\"class\", \"counter\"), INSPECT_ADDRESS(\"address\", &a), INSPECT_INTEGER(\"length\", f()));"
        );
        let message = refused(&workshop, compiler, &["-std=c++17", "-O2"], &ours);
        assert!(message.contains("constant") || message.contains("constinit"), "{message}");
        let right = format!("{OURS}static uint64_t a;\nCOUNTER(a, \"a\");");
        for level in ["-O0", "-O2"] {
            let bytes = compiled(&workshop, compiler, &["-std=c++17", level], &right);
            assert!(section(&bytes, ".init_array").is_empty(), "{compiler} {level}");
            assert_eq!(names(&workshop), ["a"], "{compiler} {level}");
        }
    }
}

/// What nothing helps against: g++ refuses a record in an inline function beside an ordinary one, and puts one of
/// a template elsewhere, where its name gives it away.
#[test]
fn inline_functions_and_templates_are_no_place_for_a_record() {
    let workshop = Workshop::new();
    if !has("g++") {
        return;
    }
    let inline = format!(
        "{OURS}static uint64_t a;\nCOUNTER(a, \"a\");
inline uint64_t *f() {{ static uint64_t v; COUNTER(v, \"v\"); return &v; }}
uint64_t *g(); uint64_t *g() {{ return f(); }}"
    );
    let message = refused(&workshop, "g++", &["-std=c++17"], &inline);
    assert!(message.contains("section type conflict"), "{message}");
    let template = format!(
        "{OURS}template <class T> T *f() {{ static T v; COUNTER(v, \"v\"); return &v; }}
uint64_t *g(); uint64_t *g() {{ return f<uint64_t>(); }}"
    );
    let bytes = compiled(&workshop, "g++", &["-std=c++17"], &template);
    assert!(section(&bytes, "inspect_table").is_empty(), "g++ has learnt it");
    let astray = symbols(&bytes, "inspect_pairs_");
    assert!(astray.len() == 1 && astray[0].1 != "inspect_table", "{astray:?}");
    // An ordinary function is one.
    let ordinary = format!(
        "{OURS}static uint64_t a;\nCOUNTER(a, \"a\");
uint64_t *f(); uint64_t *f() {{ static uint64_t v; COUNTER(v, \"v\"); return &v; }}"
    );
    compiled(&workshop, "g++", &[&["-std=c++17"], STRICT].concat(), &ordinary);
    assert_eq!(names(&workshop), ["a", "v"]);
}

/// Two statics of one name: after LTO they have others, after `ld -r -x` none. The names of annotations stay.
#[test]
fn names_are_not_those_of_symbols() {
    let workshop = Workshop::new();
    if !has("gcc") {
        return;
    }
    let one = "static uint64_t state;\nCOUNTER(state, \"one\");\nuint64_t *get(void);\n";
    workshop.write("one.c", &format!("{OURS}{one}uint64_t *get(void) {{ return &state; }}"));
    let two = "static uint64_t state;\nCOUNTER(state, \"two\");\nuint64_t *get(void);\n";
    workshop.write(
        "two.c",
        &format!(
            "{OURS}{two}int main(void) {{ return (int)(*get() + *(volatile uint64_t *)&state); }}"
        ),
    );
    let sources = ["one.c", "two.c", "tests_annotations.inspect.c"];
    let flags = ["-O2", "-flto", "-I.", "-Wl,--gc-sections", "-o", "program"];
    workshop.run("gcc", &[&flags, STRICT, &sources].concat()).unwrap_or_else(|e| panic!("{e}"));
    let bytes = std::fs::read(workshop.path("program")).expect("a program");
    let renamed = symbols(&bytes, "state.lto_priv");
    assert!(!renamed.is_empty(), "the linker has kept the names of statics");
    assert_eq!(linked_names(&bytes), ["one", "two"]);

    for source in ["one", "two"] {
        let file = format!("{source}.c");
        let object = format!("{source}.o");
        workshop.run("gcc", &["-O2", "-I.", "-c", "-o", &object, &file]).expect("an object");
    }
    workshop.run("ld", &["-r", "-x", "-o", "object.o", "one.o", "two.o"]).expect("an object");
    let bytes = std::fs::read(workshop.path("object.o")).expect("an object");
    assert!(symbols(&bytes, "state").is_empty(), "the symbols are still there");
    let records = Records::new(&section(&bytes, "inspect_table"), Order::Little, 8).count();
    assert_eq!((records, linked_names(&bytes)), (2, vec!["one".to_owned(), "two".to_owned()]));
}

/// An archive's member that nobody needs is not linked, and its annotations are not there; the schema's own object
/// is needed by every annotation and comes by itself.
#[test]
fn archives_give_what_is_asked_for() {
    let workshop = Workshop::new();
    if !has("gcc") || !has("ar") {
        return;
    }
    let main = format!(
        "{OURS}static uint64_t a;\nCOUNTER(a, \"main\");\nint needed(void);\nint main(void) {{ return needed(); }}"
    );
    workshop.write("main.c", &main);
    for (name, function) in [("needed", "needed"), ("unneeded", "somebody_elses")] {
        let text = format!(
            "{OURS}static uint64_t a;\nCOUNTER(a, \"{name}\");\nint {function}(void);\nint {function}(void) {{ return 0; }}"
        );
        workshop.write(&format!("{name}.c"), &text);
    }
    let flags = ["-O2", "-I.", "-c", "needed.c", "unneeded.c", "tests_annotations.inspect.c"];
    workshop.run("gcc", &flags).unwrap_or_else(|error| panic!("{error}"));
    let members = ["needed.o", "unneeded.o", "tests_annotations.inspect.o"];
    workshop.run("ar", &[&["rcs", "library.a"], &members[..]].concat()).expect("an archive");
    let link = |more: &[&str]| {
        let arguments = [&["-O2", "-I.", "-o", "program", "main.c"], more].concat();
        workshop.run("gcc", &arguments).unwrap_or_else(|error| panic!("{error}"));
        linked_names(&std::fs::read(workshop.path("program")).expect("a program"))
    };
    assert_eq!(link(&["library.a"]), ["main", "needed"]);
    let whole = ["-Wl,--whole-archive", "library.a", "-Wl,--no-whole-archive"];
    assert_eq!(link(&whole), ["main", "needed", "unneeded"]);
}
