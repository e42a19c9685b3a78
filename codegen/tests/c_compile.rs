//! The C output in the hands of real compilers: every file alone, in every mode that users have,
//! with every warning as an error, and every layout held against every target's compiler.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

use std::path::Path;

use inspect_gen::emit::Files;
use inspect_gen::model::Target;
use inspect_gen::source::SourceMap;
use support::{CROSS, STRICT, fixtures, generate, has, run};

const C_MODES: &[&str] = &["-std=c99", "-std=gnu99", "-std=c11", "-std=c17", "-std=c2x"];
const CXX_MODES: &[&str] = &["-std=c++17", "-std=gnu++17", "-std=c++20"];

fn names(files: &Files, suffix: &str) -> Vec<String> {
    files
        .keys()
        .filter_map(|path| path.strip_prefix("c/"))
        .filter(|name| name.ends_with(suffix))
        .map(str::to_owned)
        .collect()
}

/// Runs a compiler over a file that includes one header, or over a source file.
fn accepts(
    folder: &Path,
    program: &str,
    modes: &[&str],
    file: &str,
    more: &[&str],
) -> Result<(), String> {
    let include = format!("-I{}", fixtures().display());
    let mut arguments = modes.to_vec();
    arguments.extend(STRICT);
    arguments.extend(["-fsyntax-only", "-I.", &include]);
    arguments.extend(more);
    arguments.push(file);
    run(folder, program, &arguments).map(|_| ())
}

fn include_file(folder: &Path, header: &str, extension: &str) -> String {
    let name = format!("only_{}.{extension}", header.replace('.', "_"));
    std::fs::write(folder.join(&name), format!("#include \"{header}\"\n")).expect("a small file");
    name
}

#[test]
fn every_header_stands_alone_in_every_mode() {
    let files = generate(&support::all_schemas());
    let folder = support::written(&files);
    let folder = folder.path().join("c");
    let mut failures = Vec::new();
    for (program, extension, modes) in [
        ("gcc", "c", C_MODES),
        ("clang", "c", C_MODES),
        ("g++", "cc", CXX_MODES),
        ("clang++", "cc", CXX_MODES),
    ] {
        if !has(program) {
            continue;
        }
        for header in names(&files, ".h") {
            let file = include_file(&folder, &header, extension);
            for mode in modes {
                failures.extend(accepts(&folder, program, &[mode], &file, &[]).err());
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn sources_compile_with_the_headers_they_name() {
    let files = generate(&support::all_schemas());
    let folder = support::written(&files);
    let folder = folder.path().join("c");
    let mut failures = Vec::new();
    for program in ["gcc", "clang"].into_iter().filter(|program| has(program)) {
        for source in names(&files, ".c") {
            for mode in C_MODES {
                failures.extend(accepts(&folder, program, &[mode], &source, &[]).err());
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The layouts are the compiler's own: the assertions hold on every target, with GCC and with
/// Clang.
#[test]
fn every_target_agrees_on_every_layout() {
    let files = generate(&support::all_schemas());
    let folder = support::written(&files);
    let folder = folder.path().join("c");
    let all: String =
        names(&files, ".h").iter().map(|name| format!("#include \"{name}\"\n")).collect();
    std::fs::write(folder.join("all.c"), all).expect("a small file");
    let mut failures = Vec::new();
    for cross in CROSS {
        let check = format!(
            "#include \"inspect.h\"\nINSPECT_ASSERT(INSPECT_TARGET == {}, \"another target\");\n",
            Target::from_name(cross.target).expect("a target").index()
        );
        std::fs::write(folder.join("target.c"), check).expect("a small file");
        let mut more = vec!["-ffreestanding"];
        more.extend(cross.flags);
        if has(cross.gcc) {
            for file in ["all.c", "target.c"] {
                failures.extend(accepts(&folder, cross.gcc, &["-std=c99"], file, &more).err());
            }
        }
        if has("clang") {
            let mut more = vec!["-ffreestanding"];
            more.extend(cross.clang);
            for file in ["all.c", "target.c"] {
                failures.extend(accepts(&folder, "clang", &["-std=c11"], file, &more).err());
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A kernel has headers of its own, no floating-point registers and a style that it warns about.
#[test]
fn a_kernel_takes_every_file() {
    let files = generate(&support::all_schemas());
    let folder = support::written(&files);
    let folder = folder.path().join("c");
    let kernel = [
        "-D__KERNEL__",
        "-nostdinc",
        "-ffreestanding",
        "-O2",
        "-Wdeclaration-after-statement",
        "-Wvla",
        "-Wmissing-prototypes",
        "-Wstrict-prototypes",
    ];
    let mut failures = Vec::new();
    for (program, registers) in [
        ("gcc", "-mno-sse"),
        ("clang", "-mno-sse"),
        ("aarch64-linux-gnu-gcc", "-mgeneral-regs-only"),
    ] {
        if !has(program) {
            continue;
        }
        let mut sources = names(&files, ".c");
        sources.extend(names(&files, ".h").iter().map(|header| include_file(&folder, header, "c")));
        for source in sources {
            failures.extend(compile_kernel(&folder, program, &kernel, registers, &source).err());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn compile_kernel(
    folder: &Path,
    program: &str,
    kernel: &[&str],
    registers: &str,
    source: &str,
) -> Result<(), String> {
    let include = format!("-I{}", fixtures().display());
    let mut arguments = vec!["-std=gnu11", registers, "-I.", &include, "-S", "-o", "/dev/null"];
    arguments.extend(STRICT);
    arguments.extend(kernel);
    arguments.push(source);
    run(folder, program, &arguments).map(|_| ())
}

/// Assertions that could not fail would prove nothing.
#[test]
fn a_wrong_layout_does_not_compile() {
    if !has("gcc") {
        return;
    }
    let mut sources = SourceMap::new();
    sources.add("s.inspect", "schema s version 1; struct t { a: u8, b: u32 }", false);
    let mut files = generate(&sources);
    let header = files.get_mut("c/s.inspect.h").expect("the header of the schema");
    let text = String::from_utf8(header.clone()).expect("text");
    let right = support::written(&files);
    assert_eq!(accepts(&right.path().join("c"), "gcc", &["-std=c99"], "s.inspect.c", &[]), Ok(()));
    for (from, to, says) in [
        ("b, 4)", "b, 2)", "struct s_t.b is not at 2"),
        ("s_t, 8, 4)", "s_t, 6, 4)", "struct s_t is not 6 bytes"),
        ("\tuint8_t a;", "\tuint64_t a;", "struct s_t.b is not at 4"),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        let mut files = files.clone();
        files.insert("c/s.inspect.h".to_owned(), text.replace(from, to).into_bytes());
        let folder = support::written(&files);
        // In C99 glibc's headers turn static assertions into something without a message.
        let folder = folder.path().join("c");
        assert!(accepts(&folder, "gcc", &["-std=c99"], "s.inspect.c", &[]).is_err());
        let error = accepts(&folder, "gcc", &["-std=c11"], "s.inspect.c", &[]);
        let error = error.expect_err("a wrong layout has to be refused");
        assert!(error.contains(says), "{error}");
    }
}

/// `inspect.h` is not generated, and knows the targets too.
#[test]
fn the_fixed_header_knows_the_targets() {
    let header = std::fs::read_to_string(support::root().join("c/inspect.h")).expect("inspect.h");
    for target in Target::all() {
        let lines = format!(
            "if {}\n#define INSPECT_TARGET {}\n",
            target.info().c_condition,
            target.index()
        );
        assert!(header.contains(&lines), "{} is missing: {lines}", target.name());
    }
}

#[test]
fn the_same_schemas_give_the_same_bytes() {
    let mut sources = SourceMap::new();
    let all = support::all_schemas();
    let mut list: Vec<_> = all.files().collect();
    list.reverse();
    for (_, file) in list {
        sources.add(file.name.clone(), file.text.clone(), false);
    }
    assert!(generate(&sources) == generate(&all), "the order of the arguments shows");
}

/// Types of Rust have names of their own module, and decoders in C no module: whoever reads both schemas has them
/// all in one source.
#[test]
fn structs_of_rust_that_are_called_alike_do_not_meet() {
    let schema = |name: &str| {
        format!(
            "schema {name} version 1;\nextern struct cache in rust {{ hits: u64 }}\nclass cache: cache;"
        )
    };
    let folder = support::written_with_core(&[
        ("one.inspect", &schema("one")),
        ("two.inspect", &schema("two")),
    ]);
    let folder = folder.path().join("c");
    let source =
        "#include \"one.decode.h\"\n#include \"two.decode.h\"\nint main(void) { return 0; }\n";
    std::fs::write(folder.join("both.c"), source).expect("a source");
    for compiler in ["gcc", "clang"].into_iter().filter(|compiler| has(compiler)) {
        let mut arguments = vec!["-std=c99", "-I.", "-c", "-o", "both.o"];
        arguments.extend(STRICT);
        arguments.push("both.c");
        run(&folder, compiler, &arguments).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Six records of begin, class, name, address, length, file, line and end, 128 bytes each, in a
/// writable section; none where annotations are switched off; none of a variable of another type.
#[test]
fn annotations_compile_in_every_mode() {
    let files = generate(&support::all_schemas());
    let folder = support::written(&files);
    let folder = folder.path().join("c");
    let source = support::root().join("tests/c/annotate.c");
    std::fs::copy(&source, folder.join("annotate.c")).expect("a copy");
    std::fs::copy(&source, folder.join("annotate.cc")).expect("a copy");
    let compilers: [(&str, &str, &[&str]); 4] = [
        ("gcc", "annotate.c", C_MODES),
        ("clang", "annotate.c", C_MODES),
        ("g++", "annotate.cc", CXX_MODES),
        ("clang++", "annotate.cc", CXX_MODES),
    ];
    for (program, source, modes) in compilers {
        if !has(program) {
            continue;
        }
        for mode in modes {
            for position in ["-fno-pic", "-fPIC"] {
                let compile = |more: &str| {
                    let mut arguments = vec![*mode, position, more, "-I.", "-O2", "-c"];
                    arguments.extend(["-o", "annotate.o"]);
                    arguments.extend(STRICT);
                    arguments.push(source);
                    run(&folder, program, &arguments)
                };
                compile("-UWRONG").expect("the annotations compile");
                assert_eq!(pair_bytes(&folder.join("annotate.o")), 6 * 8 * 128, "{program} {mode}");
                compile("-DINSPECT_OFF").expect("the annotations compile out");
                assert_eq!(pair_bytes(&folder.join("annotate.o")), 0, "{program} {mode}");
                compile("-DWRONG").expect_err("a variable of another type");
            }
        }
    }
}

fn pair_bytes(path: &Path) -> u64 {
    use object::{Object, ObjectSection};
    let bytes = std::fs::read(path).expect("an object");
    let object = object::File::parse(&*bytes).expect("an object");
    let sections = object.sections().filter(|section| section.name() == Ok("inspect_table"));
    let size = |section: object::Section<'_, '_>| {
        assert_eq!(section.kind(), object::SectionKind::Data, "the pairs are writable");
        section.size()
    };
    sections.map(size).sum()
}
