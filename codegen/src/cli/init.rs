//! `inspect-gen init`: the first files of a build with annotations, which are those of
//! `examples/integration`, and words about what is left to do. No file is ever changed: where a
//! build is already, it gets the schema and what it takes as files of their own, and the rest is
//! printed for somebody to put in its place.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::Status;
use super::args::Init;
use super::output;

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../../examples/integration/", $name))
    };
}

/// A path below the directory, and what to write there.
type Template = (&'static str, &'static str);

/// What a build system gets.
struct Kit {
    /// The option, and the file by which such a build is recognised.
    word: &'static str,
    build_file: &'static str,
    /// What every build of the kind can take.
    own: &'static [Template],
    /// What makes a program of it where there is none.
    program: &'static [Template],
    /// What to add to a build that is there.
    lines: &'static str,
    annotation: &'static str,
    next: &'static str,
}

const SCHEMA: Template = ("brewery.inspect", example!("make/brewery.inspect"));
const MAIN: Template = ("main.c", example!("make/main.c"));
const PUMP: Template = ("pump.c", example!("make/pump.c"));

const IN_C: &str = "\
#include \"brewery.inspect.h\"

static struct brewery_tank mash = { 71, 65 };
BREWERY_ANNOTATE_TANK(mash, \"mash\");";

const KITS: [Kit; 5] = [
    Kit {
        word: "cargo",
        build_file: "Cargo.toml",
        own: &[
            SCHEMA,
            ("build.rs", example!("cargo/build.rs")),
            (".cargo/config.toml", example!("cargo/.cargo/config.toml")),
            (".cargo/inspect-cc", example!("cargo/.cargo/inspect-cc")),
        ],
        program: &[],
        lines: "\
[dependencies]
inspect-runtime = { path = \"../inspect/runtime\", features = [\"hosted\"] }

[build-dependencies]
inspect-gen = { path = \"../inspect/codegen\", default-features = false }",
        annotation: "\
mod schemas { inspect_runtime::include_schemas!(); }
use schemas::brewery as s;

static MASH: s::Tank = s::Tank { level: 71, temperature: 65 };
inspect_runtime::annotate!(s::class::Tank: MASH, name = \"mash\");",
        next: "cargo build && inspect-gen pack --check target/debug/PROGRAM",
    },
    Kit {
        word: "cmake",
        build_file: "CMakeLists.txt",
        own: &[SCHEMA, ("Inspect.cmake", example!("cmake/Inspect.cmake"))],
        program: &[MAIN, PUMP, ("CMakeLists.txt", example!("cmake/CMakeLists.txt"))],
        lines: "\
include(Inspect.cmake)
inspect_schema(TARGET brewery.inspect)
inspect_pack(TARGET)",
        annotation: IN_C,
        next: "cmake -S . -B build && cmake --build build && inspect-gen pack --check build/brewery",
    },
    Kit {
        word: "meson",
        build_file: "meson.build",
        own: &[
            ("inspect/brewery.inspect", SCHEMA.1),
            ("inspect/c/meson.build", example!("meson/inspect/c/meson.build")),
        ],
        program: &[MAIN, PUMP, ("meson.build", example!("meson/meson.build"))],
        lines: "\
inspect_gen = find_program('inspect-gen')
subdir('inspect/c')

# `linked` is the executable, under another name and with `dependencies: inspect`.
packed = custom_target(
  input: linked,
  output: 'PROGRAM',
  command: [inspect_gen, 'pack', '--quiet', '@INPUT@', '-o', '@OUTPUT@'],
  build_by_default: true,
  install: true,
  install_dir: get_option('bindir'),
)",
        annotation: IN_C,
        next: "meson setup build && ninja -C build && inspect-gen pack --check build/brewery",
    },
    Kit {
        word: "kbuild",
        build_file: "Kbuild",
        own: &[SCHEMA],
        program: &[
            ("main.c", example!("kbuild/main.c")),
            ("pump.c", example!("kbuild/pump.c")),
            ("Kbuild", example!("kbuild/Kbuild")),
            ("Makefile", example!("kbuild/Makefile")),
        ],
        lines: "\
# Kbuild: two objects more, and where the headers are
MODULE-y += c/brewery.inspect.o c/inspect_runtime.o
ccflags-y += -I$(src)/c

# Makefile: before `modules`, and behind it
\tinspect-gen brewery.inspect --emit c -o .
\tinspect-gen pack MODULE.ko || { rm -f MODULE.ko; false; }",
        annotation: IN_C,
        next: "make && inspect-gen pack --check brewery.ko",
    },
    Kit {
        word: "make",
        build_file: "Makefile",
        own: &[SCHEMA],
        program: &[MAIN, PUMP, ("Makefile", example!("make/Makefile"))],
        lines: "\
INSPECT_GEN ?= inspect-gen
GENERATED := c/brewery.inspect.c c/inspect_runtime.c

# Instead of the rule that links; or add these objects and the last line to yours.
PROGRAM: main.o $(GENERATED:.c=.o)
\t$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
\t$(INSPECT_GEN) pack $@

# Headers come first, and are followed: main.o stands for each object that includes one.
CPPFLAGS += -Ic -MMD -MP
main.o: | $(GENERATED)
-include main.d $(GENERATED:.c=.d)

$(GENERATED): c/generated ;
c/generated: brewery.inspect
\t$(INSPECT_GEN) brewery.inspect --emit c -o . && touch $@

.DELETE_ON_ERROR:",
        annotation: IN_C,
        next: "make && inspect-gen pack --check build/brewery",
    },
];

pub(super) fn run(arguments: &Init) -> Status {
    let directory = &arguments.directory;
    let found: Vec<&Kit> = match arguments.kind() {
        Some(word) => KITS.iter().filter(|kit| kit.word == word).collect(),
        None => KITS.iter().filter(|kit| directory.join(kit.build_file).exists()).collect(),
    };
    let kit = match found[..] {
        [kit] => kit,
        // Kbuild's own Makefile is no second build.
        [kit, _] if kit.word == "kbuild" => kit,
        _ => {
            output::complain(
                "say which build is meant: `--make`, `--cmake`, `--meson`, `--cargo` or `--kbuild`",
            );
            return Status::Failed;
        }
    };
    let is_there = directory.join(kit.build_file).exists();
    if kit.program.is_empty() && !is_there {
        output::complain("there is no Cargo.toml\n  `cargo init` makes one; then come again");
        return Status::Failed;
    }
    // A program of somebody's own is there: nothing is put among its files that it might take for
    // its own.
    let has_program = is_there || kit.program.iter().any(|(path, _)| directory.join(path).exists());
    let mut text = String::new();
    let program = if has_program { &[] } else { kit.program };
    let mut needed = String::new();
    for (path, content) in kit.own.iter().chain(program) {
        match write_new(&directory.join(path), content) {
            Ok(()) => text.push_str(&format!("wrote {path}\n")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                text.push_str(&format!("kept  {path}, which is there\n"));
                if lacks(&directory.join(path), content) {
                    needed.push_str(&format!(
                        "\n{path} needs these lines:\n\n{}\n",
                        indented(content)
                    ));
                }
            }
            Err(error) => {
                output::complain(&format!("cannot write `{path}`: {error}"));
                return Status::Failed;
            }
        }
    }
    text.push_str(&needed);
    if has_program {
        let file = kit.build_file;
        text.push_str(&format!("\nAdd to {file}:\n\n{}\n", indented(kit.lines)));
        text.push_str(&format!("\nBeside a variable:\n\n{}\n", indented(kit.annotation)));
    }
    // The program of a build that is there has its own name.
    let next =
        if has_program { kit.next.replace("build/brewery", "PROGRAM") } else { kit.next.into() };
    text.push_str(&format!("\nThen:\n\n{}\n", indented(&next)));
    output::print(text.as_bytes())
}

/// Whether a kept file lacks what the build needs of it. A schema is whatever its owner describes.
fn lacks(path: &Path, content: &str) -> bool {
    let is_schema = path.extension().is_some_and(|it| it == "inspect");
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let kept = lines(&String::from_utf8_lossy(&fs::read(path).unwrap_or_default()));
    // Comments may have gone, and other lines may have come.
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with('#');
    !is_schema && lines(content).iter().any(|line| !is_comment(line) && !kept.contains(line))
}

/// Writes a file that is not there yet; one that is, is an error. A script may be executed.
fn write_new(path: &Path, content: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content.as_bytes())?;
    #[cfg(unix)]
    if content.starts_with("#!") {
        let mode = file.metadata()?.permissions();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode);
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode | 0o111))?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("    {line}\n"),
    });
    lines.collect::<String>().trim_end_matches('\n').to_owned()
}
