//! What the tests of the C output share: schemas to files, compilers to verdicts.

use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_gen::compile::CORE_SCHEMA;
use inspect_gen::emit::{self, Files};
use inspect_gen::source::SourceMap;
use inspect_gen::{build, check, syntax};

/// Every warning that users of the output are likely to have on, as an error.
pub(crate) const STRICT: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The generated files of some schemas.
pub(crate) fn generate(sources: &SourceMap) -> Files {
    let (files, syntax) = syntax::parse(sources);
    let (model, found) = check::check(sources, &files, &check::Options::default());
    let messages: Vec<String> = syntax
        .into_sorted()
        .into_iter()
        .chain(found.into_sorted())
        .map(|diagnostic| format!("{} {}", diagnostic.code.name(), diagnostic.message))
        .collect();
    emit::c::emit(&model.unwrap_or_else(|| panic!("the schemas are at fault: {messages:#?}")))
}

/// The schemas of the repository and those of these tests, as one compilation.
pub(crate) fn all_schemas() -> SourceMap {
    let mut sources = SourceMap::new();
    for folder in [root().join("../schema"), root().join("tests/c/schemas")] {
        add_folder(&mut sources, &folder);
    }
    sources
}

fn add_folder(sources: &mut SourceMap, folder: &Path) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            add_folder(sources, &path);
        } else if path.extension().is_some_and(|extension| extension == build::EXTENSION) {
            let text = std::fs::read_to_string(&path).expect("a schema is text");
            sources.add(path.display().to_string(), text, false);
        }
    }
}

/// The folder of this crate.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Headers that stand for those of a kernel and of a program.
pub(crate) fn fixtures() -> PathBuf {
    root().join("tests/c/include")
}

/// The generated files of all schemas in a folder of their own; the files are in `c` below it.
pub(crate) fn written(files: &Files) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for generated files");
    for (path, bytes) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file stands in a folder"))
            .expect("a folder");
        std::fs::write(path, bytes).expect("a generated file");
    }
    folder
}

/// The generated files of the core and of more schemas, each with the name of its file.
pub(crate) fn written_with_core(schemas: &[(&str, &str)]) -> tempfile::TempDir {
    let mut sources = SourceMap::new();
    sources.add("core.inspect", CORE_SCHEMA, true);
    for (name, schema) in schemas {
        sources.add(*name, *schema, false);
    }
    written(&generate(&sources))
}

/// Whether the long forms are asked for.
pub(crate) fn is_long() -> bool {
    std::env::var("INSPECT_LONG").is_ok_and(|text| text == "1")
}

/// What a source of the runtime calls when each compiler has translated it on each level, but for what `is_own`
/// says of a name and of whether the compiler is this machine's. There, `native` are flags besides; elsewhere
/// nobody is below.
pub(crate) fn calls(
    folder: &Path,
    source: &str,
    native: &[&str],
    is_own: impl Fn(&str, bool) -> bool,
) -> Vec<String> {
    use object::{Object, ObjectSymbol};
    let here = [("gcc", &[][..], native), ("clang", &[], native), ("g++", &["-x", "c++"], native)];
    let cross = CROSS.iter().map(|cross| (cross.gcc, cross.flags, &["-ffreestanding"][..]));
    let mut calls = Vec::new();
    for (index, (compiler, flags, besides)) in here.into_iter().chain(cross).enumerate() {
        if !has(compiler) {
            continue;
        }
        for level in ["-O0", "-Os", "-O2", "-O3"] {
            let mut arguments = vec![level, "-c", "-o", "calls.o"];
            match compiler {
                // Debian's compiler for bare metal is for a processor without compare-and-swap.
                "arm-none-eabi-gcc" => arguments.push("-mcpu=cortex-m4"),
                "aarch64-linux-gnu-gcc" => arguments.push("-mno-outline-atomics"),
                _ => {}
            }
            for more in [flags, STRICT, besides, &["-fno-stack-protector", "-fno-pic", source]] {
                arguments.extend(more);
            }
            run(folder, compiler, &arguments).unwrap_or_else(|error| panic!("{error}"));
            let bytes = std::fs::read(folder.join("calls.o")).expect("an object");
            let file = object::File::parse(&*bytes).expect("an object");
            let undefined = file.symbols().filter(object::ObjectSymbol::is_undefined);
            let names = undefined.map(|symbol| symbol.name().expect("a name").to_owned());
            let foreign =
                names.filter(|name| !name.is_empty() && !is_own(name, index < here.len()));
            calls.extend(foreign.map(|name| format!("{compiler} {level} calls {name}")));
        }
    }
    calls
}

/// Whether a program can be started. One that cannot is named, and in CI that is a failure.
pub(crate) fn has(program: &str) -> bool {
    let there =
        Command::new(program).arg("--version").output().is_ok_and(|run| run.status.success());
    if !there {
        assert!(
            std::env::var("INSPECT_REQUIRE_TOOLS").map_or(true, |value| value != "1"),
            "{program} is not installed"
        );
        eprintln!("skipped: {program} is not installed");
    }
    there
}

/// Runs a program in a folder; the error is what it printed.
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        let start: String = text(&output.stderr).chars().take(3000).collect();
        Err(format!(
            "{program} {}: {}\n{start}{}",
            arguments.join(" "),
            output.status,
            text(&output.stdout)
        ))
    }
}

/// A cross compiler, and how the machine at hand runs what it makes.
pub(crate) struct Cross {
    /// The target in the language.
    pub(crate) target: &'static str,
    /// The compiler.
    pub(crate) gcc: &'static str,
    /// What it needs to know.
    pub(crate) flags: &'static [&'static str],
    /// The triple for Clang, with flags.
    pub(crate) clang: &'static [&'static str],
    /// The emulator of its programs; none for bare metal, the empty name for this machine.
    pub(crate) emulator: Option<&'static str>,
}

/// Every target.
pub(crate) const CROSS: &[Cross] = &[
    cross("x86_64", "x86_64-linux-gnu-gcc", &[], &["--target=x86_64-linux-gnu"], Some("")),
    cross("i686", "i686-linux-gnu-gcc", &[], &["--target=i686-linux-gnu"], Some("qemu-i386")),
    cross(
        "aarch64",
        "aarch64-linux-gnu-gcc",
        &[],
        &["--target=aarch64-linux-gnu"],
        Some("qemu-aarch64"),
    ),
    cross(
        "armv7",
        "arm-linux-gnueabihf-gcc",
        &[],
        &["--target=armv7-linux-gnueabihf"],
        Some("qemu-arm"),
    ),
    cross(
        "arm-none-eabi",
        "arm-none-eabi-gcc",
        &[],
        &["--target=arm-none-eabi", "-fshort-enums"],
        None,
    ),
    cross(
        "riscv64",
        "riscv64-linux-gnu-gcc",
        &[],
        &["--target=riscv64-linux-gnu"],
        Some("qemu-riscv64"),
    ),
    cross(
        "riscv32",
        "riscv64-linux-gnu-gcc",
        &["-march=rv32imac", "-mabi=ilp32"],
        &["--target=riscv32-unknown-elf"],
        None,
    ),
    cross(
        "powerpc64",
        "powerpc64-linux-gnu-gcc",
        &[],
        &["--target=powerpc64-linux-gnu"],
        Some("qemu-ppc64"),
    ),
    cross(
        "powerpc64le",
        "powerpc64le-linux-gnu-gcc",
        &[],
        &["--target=powerpc64le-linux-gnu"],
        Some("qemu-ppc64le"),
    ),
    cross("s390x", "s390x-linux-gnu-gcc", &[], &["--target=s390x-linux-gnu"], Some("qemu-s390x")),
    cross("mips", "mips-linux-gnu-gcc", &[], &["--target=mips-linux-gnu"], Some("qemu-mips")),
];

const fn cross(
    target: &'static str,
    gcc: &'static str,
    flags: &'static [&'static str],
    clang: &'static [&'static str],
    emulator: Option<&'static str>,
) -> Cross {
    Cross { target, gcc, flags, clang, emulator }
}
