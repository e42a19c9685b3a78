//! The command line as data: help texts, completions and man pages are made from the same
//! definitions.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::diag::{Code, Severity};
use crate::emit::Output;
use crate::model::Target;

/// Compiles `.inspect` schemas: Rust and C producers, decoders, JSON, BTF, tables and
/// documentation.
#[derive(Debug, Parser)]
#[command(
    name = "inspect-gen",
    version,
    about,
    override_usage = "inspect-gen SCHEMA... -o OUT [OPTIONS]\n       inspect-gen <COMMAND> [ARGS]",
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Without a command, `generate` is meant.\n\n\
        Examples:\n  \
        inspect-gen schema/ -o out                Rust and C of every schema below schema/\n  \
        inspect-gen schema/ -o out --check        is out/ up to date? writes nothing\n  \
        inspect-gen layout schema/ --type zone    where the fields lie, and the holes\n  \
        inspect-gen explain E0305                 what an error means\n\n\
        Exit status: 0 done; 1 the input is at fault, or --check found a difference;\n\
        2 usage, or an output that cannot be written."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    /// When to colour messages.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the first files of a build with annotations.
    Init(Init),
    /// Generate code and data from schemas [the default command].
    Generate(Generate),
    /// Report everything that is wrong with schemas; write nothing.
    Check(Check),
    /// Rewrite schemas in the canonical layout; comments stay.
    Fmt(Fmt),
    /// Show offsets, sizes, holes and cache lines.
    Layout(Layout),
    /// Write down what is released: layouts, numbers, fingerprints.
    Lock(Lock),
    /// Report every break against a lock, a directory or a git revision.
    Compat(Compat),
    /// Turn the annotations of images into tables.
    Pack(Pack),
    /// Run a linker and pack what it has linked.
    Link(Link),
    /// Tell what images hold, whether anybody finds it, and what would be lost.
    Doctor(Doctor),
    /// Write a schema from the types of a binary: DWARF or BTF.
    Import(Import),
    /// Compare the structs of schemas with those of binaries: DWARF or BTF.
    Verify(Verify),
    /// Explain a diagnostic; without a code, list all of them.
    Explain(Explain),
    /// Print completions for a shell.
    Completions(Completions),
    /// Print the man page, or write all of them.
    Man(Man),
}

impl Command {
    /// The words that are commands.
    pub(super) const NAMES: [&'static str; 15] = [
        "init",
        "generate",
        "check",
        "fmt",
        "layout",
        "lock",
        "compat",
        "pack",
        "link",
        "doctor",
        "import",
        "verify",
        "explain",
        "completions",
        "man",
    ];
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("build").multiple(false), after_help = "Examples:\n  \
    inspect-gen init --make hello             a program that can be built, in an empty directory\n  \
    inspect-gen init                          for the build in this directory\n\n\
    A file that is there is not changed: what belongs into one is printed.")]
pub(super) struct Init {
    /// Where to write.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) directory: PathBuf,
    /// For Make.
    #[arg(long, group = "build")]
    make: bool,
    /// For CMake.
    #[arg(long, group = "build")]
    cmake: bool,
    /// For Meson.
    #[arg(long, group = "build")]
    meson: bool,
    /// For Cargo.
    #[arg(long, group = "build")]
    cargo: bool,
    /// For a kernel module outside the kernel's tree.
    #[arg(long, group = "build")]
    kbuild: bool,
}

impl Init {
    /// The build that is asked for.
    pub(super) fn kind(&self) -> Option<&'static str> {
        let Self { make, cmake, meson, cargo, kbuild, .. } = *self;
        let all = [make, cmake, meson, cargo, kbuild];
        let words = ["make", "cmake", "meson", "cargo", "kbuild"];
        words.into_iter().zip(all).find_map(|(word, is_asked)| is_asked.then_some(word))
    }
}

/// What every command that compiles takes.
#[derive(Args, Debug)]
pub(super) struct Inputs {
    /// Schema files, or directories that are searched for `*.inspect` files.
    #[arg(required = true, value_name = "SCHEMA")]
    pub(super) schemas: Vec<PathBuf>,
    /// Files or directories of schemas that are used and not generated; may repeat.
    #[arg(long = "import", value_name = "DIR")]
    pub(super) imports: Vec<PathBuf>,
    /// Take a schema as it was in version N; the name may be left out where there is one schema.
    #[arg(long, value_name = "[SCHEMA=]N", value_parser = parse_as_of)]
    pub(super) as_of: Vec<(Option<String>, u32)>,
    /// The form of diagnostics: `human` on standard error, `json` and `github` on standard output.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen schema/ -o out\n  \
    inspect-gen schema/mm.inspect --import vendor/schemas -o out --emit c,doc\n  \
    inspect-gen schema/ -o out --emit btf --target aarch64 --target armv7\n  \
    inspect-gen schema/ -o out --as-of linux.mm=2\n  \
    inspect-gen schema/ -o out --check        in CI: exit 1 if out/ is out of date\n\n\
    Nothing is written if anything is wrong. A file whose content would not change is not touched,\n\
    and no file is ever deleted: remove OUT to begin afresh.")]
pub(super) struct Generate {
    #[command(flatten)]
    pub(super) inputs: Inputs,
    /// The directory to write into; it is made if it does not exist.
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: PathBuf,
    /// What to write.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = parse_output)]
    #[arg(default_value = "rust,c", help = "What to write: rust, c, json, btf, table, doc")]
    pub(super) emit: Vec<Output>,
    #[command(flatten)]
    pub(super) targets: Targets,
    /// Write nothing; list what would change, and exit with 1 if there is anything.
    #[arg(long)]
    pub(super) check: bool,
    /// Write a dependency file for Make or Ninja.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(super) depfile: Option<PathBuf>,
    #[command(flatten)]
    pub(super) held: Held,
}

/// What the schemas are held against.
#[derive(Args, Debug)]
pub(super) struct Held {
    /// Hold the schemas against this lock. Without it, against each `inspect.lock` beside them.
    #[arg(long, value_name = "FILE")]
    pub(super) lock: Option<PathBuf>,
    /// Hold them against no lock.
    #[arg(long, conflicts_with = "lock")]
    pub(super) no_lock: bool,
}

#[derive(Args, Debug)]
pub(super) struct Targets {
    /// A target, by its name or its triple; may repeat. Without one, this machine.
    #[arg(long = "target", value_name = "TARGET", value_parser = parse_target)]
    pub(super) targets: Vec<Target>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen check schema/\n  \
    inspect-gen check schema/ --message-format github    annotations on a pull request\n  \
    inspect-gen check schema/ --message-format json | jq .code")]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) inputs: Inputs,
    #[command(flatten)]
    pub(super) held: Held,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen fmt schema/\n  \
    inspect-gen fmt --check schema/           in CI: exit 1 if a file would change\n  \
    inspect-gen fmt - < old > new             standard input to standard output")]
pub(super) struct Fmt {
    /// Schema files, or directories that are searched for `*.inspect` files; `-` is standard input.
    #[arg(required = true, value_name = "SCHEMA")]
    pub(super) schemas: Vec<PathBuf>,
    /// Write nothing; list the files that would change, and exit with 1 if there is any.
    #[arg(long)]
    pub(super) check: bool,
    /// The form of diagnostics: `human` on standard error, `json` and `github` on standard output.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen layout schema/mm.inspect\n  \
    inspect-gen layout schema/ --type zone --target x86_64 --target i686\n  \
    inspect-gen layout schema/ --json --target s390x")]
pub(super) struct Layout {
    #[command(flatten)]
    pub(super) inputs: Inputs,
    /// Only the type of this name: `zone`, `linux.mm::zone`, `zone.lock` for an inline struct.
    #[arg(long = "type", value_name = "NAME")]
    pub(super) type_name: Option<String>,
    #[command(flatten)]
    pub(super) targets: Targets,
    /// Print JSON, for one target: `{"structs": {NAME: {"size", "align", "fields"}}}`.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen lock schema/                  writes schema/inspect.lock; commit it\n  \
    inspect-gen lock schema/ --check          in CI: exit 1 if the lock is not up to date\n\n\
    A released version that the schemas contradict is not overwritten: what breaks is shown, and nothing is\n\
    written unless the lock excepts it or --replace is given.")]
pub(super) struct Lock {
    /// Schema files, or directories that are searched for `*.inspect` files.
    #[arg(required = true, value_name = "SCHEMA")]
    pub(super) schemas: Vec<PathBuf>,
    /// Files or directories of schemas that are used and released elsewhere; may repeat.
    #[arg(long = "import", value_name = "DIR")]
    pub(super) imports: Vec<PathBuf>,
    /// The lock file. Without it, `inspect.lock` beside the schemas.
    #[arg(long, value_name = "FILE")]
    pub(super) lock: Option<PathBuf>,
    /// Write nothing; exit with 1 if the lock would change.
    #[arg(long)]
    pub(super) check: bool,
    /// Write the lock whatever was released, or where the old one cannot be read.
    #[arg(long)]
    pub(super) replace: bool,
    /// The form of diagnostics: `human` on standard error, `json` and `github` on standard output.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen compat schema/ --against schema/inspect.lock\n  \
    inspect-gen compat schema/ --against git:v1.2     the same paths, as they were in v1.2\n  \
    inspect-gen compat schema/ --against ../release/schema\n  \
    inspect-gen compat schema/ --against git:origin/main --message-format github\n  \
    inspect-gen compat --list-rules\n\n\
    A break that is meant stands in the lock, with the reason:\n  \
    except field-moved struct log_record.level \"nobody reads it\"\n\n\
    Exit status: 0 nothing breaks; 1 something does, or an exception does not apply; 2 usage.")]
pub(super) struct Compat {
    /// Schema files, or directories that are searched for `*.inspect` files.
    #[arg(required_unless_present = "list_rules", value_name = "SCHEMA")]
    pub(super) schemas: Vec<PathBuf>,
    /// What was released: a lock, a directory or file of schemas, or `git:REVISION`.
    #[arg(long, required_unless_present = "list_rules", value_name = "LOCK|DIR|git:REV")]
    pub(super) against: Option<OsString>,
    /// Files or directories of schemas that are used and released elsewhere; may repeat.
    #[arg(long = "import", value_name = "DIR")]
    pub(super) imports: Vec<PathBuf>,
    /// The lock whose exceptions count with a directory or revision. Without it, those beside the schemas.
    #[arg(long, value_name = "FILE")]
    pub(super) lock: Option<PathBuf>,
    /// Exit with 1 for notes, too.
    #[arg(long)]
    pub(super) deny_notes: bool,
    /// Print every rule, and what it comes to.
    #[arg(long)]
    pub(super) list_rules: bool,
    /// The form of the report, on standard output: `human`, `json`, `github`.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen pack build/daemon             a program or a shared object, after linking\n  \
    inspect-gen pack mod.ko                   a kernel module, before it is signed\n  \
    inspect-gen pack log.o --schema out/table/cached_state.x86_64.table\n  \
    inspect-gen pack daemon -o daemon.packed\n  \
    inspect-gen pack daemon --detached daemon.table --remove-annotations\n  \
    inspect-gen pack daemon --check           in CI: exit 1 if it is not packed\n\n\
    An image is written beside its place and renamed, and one with findings stays as it is. What is\n\
    packed already stays as it is too.")]
pub(super) struct Pack {
    /// Object files, kernel modules, programs, shared objects: ELF.
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    /// Write the packed image here, and leave the given one as it is.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The schema of annotations whose image does not define it: a table file, or the object file of
    /// `<schema>.inspect.c`; may repeat.
    #[arg(long = "schema", value_name = "FILE")]
    pub(super) schemas: Vec<PathBuf>,
    /// The image with debug information, where that was stripped off: for the places of bit-fields and of fields
    /// with `#[debug]`.
    #[arg(long, value_name = "FILE")]
    pub(super) debug: Option<PathBuf>,
    /// The kernel's image, whose type information that of a module goes on from.
    #[arg(long, value_name = "FILE")]
    pub(super) base: Option<PathBuf>,
    /// Where type information goes: into the tables, or nowhere, for readers with a schema of their own.
    #[arg(long, value_name = "WHERE", default_value = "embedded")]
    pub(super) types: Types,
    /// Write the tables into a file of their own, and leave the image as it is.
    #[arg(long, value_name = "FILE")]
    pub(super) detached: Option<PathBuf>,
    /// With `--detached`: remove the annotations from the image.
    #[arg(long, requires = "detached")]
    pub(super) remove_annotations: bool,
    /// Take the signature of a kernel module away, which would not hold any longer.
    #[arg(long)]
    pub(super) drop_signature: bool,
    /// Do not report warnings of this code, and pack what it keeps from being packed; may repeat.
    #[arg(long, value_name = "CODE", value_parser = parse_warning)]
    pub(super) allow: Vec<Code>,
    /// Write nothing; exit with 1 if the image would change.
    #[arg(long)]
    pub(super) check: bool,
    /// Say nothing if all is well.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// The form of findings and results: `human`, `json`, `github`.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen link -- cc -o daemon main.o log.o\n  \
    inspect-gen link -- ld.lld @arguments\n\n\
    For builds that take a program as their linker and have no step behind it. Cargo does: let a script\n\
    `exec inspect-gen link -- cc \"$@\"` and name it in .cargo/config.toml.\n\n\
    The linker's messages and exit status are passed on. What has no annotations stays as it is, and so\n\
    does every output that is neither a program nor a shared object. An image with findings is removed.")]
pub(super) struct Link {
    /// The schema of annotations whose image does not define it, as `pack` takes it; may repeat.
    #[arg(long = "schema", value_name = "FILE")]
    pub(super) schemas: Vec<PathBuf>,
    /// Where type information goes: into the tables, or nowhere.
    #[arg(long, value_name = "WHERE", default_value = "embedded")]
    pub(super) types: Types,
    /// Do not report warnings of this code, and pack what it keeps from being packed; may repeat.
    #[arg(long, value_name = "CODE", value_parser = parse_warning)]
    pub(super) allow: Vec<Code>,
    /// The linker, or the compiler that calls it, with its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

impl Link {
    /// How the output is packed: in place, without a word if all is well.
    pub(super) fn packing(&self, image: PathBuf) -> Pack {
        Pack {
            images: vec![image],
            output: None,
            schemas: self.schemas.clone(),
            debug: None,
            base: None,
            types: self.types,
            detached: None,
            remove_annotations: false,
            drop_signature: false,
            allow: self.allow.clone(),
            check: false,
            quiet: true,
            message_format: MessageFormat::Human,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen doctor build/daemon\n  \
    inspect-gen doctor build/daemon --list    every entry, with its address\n  \
    inspect-gen doctor daemon --expect 12     in a build: exit 1 unless there are 12 entries\n  \
    inspect-gen doctor build/*.o              what will a linker drop?\n  \
    inspect-gen doctor daemon --json | jq '.entries[] | [.name, .address]'\n\n\
    Findings go to standard error, and everything else to standard output. `inspect-gen explain W0902`\n\
    says more about one.\n\n\
    Exit status: 0 healthy; 1 there are findings; 2 usage.")]
pub(super) struct Doctor {
    /// Object files, kernel modules, programs, shared objects: ELF, packed or not.
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    /// The schema of annotations whose image does not define it: a table file, or the object file of
    /// `<schema>.inspect.c`; may repeat.
    #[arg(long = "schema", value_name = "FILE")]
    pub(super) schemas: Vec<PathBuf>,
    /// Fail unless each image has exactly this many entries: annotations in members of archives and in
    /// crates that nobody refers to are not linked, and nothing else says so.
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
    /// Do not report warnings of this code; may repeat.
    #[arg(long, value_name = "CODE", value_parser = parse_warning)]
    pub(super) allow: Vec<Code>,
    /// List the entries.
    #[arg(long)]
    pub(super) list: bool,
    /// Print JSON, one object a line for each image, findings included.
    #[arg(long, conflicts_with = "list")]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen import /sys/kernel/btf/vmlinux pglist_data zone -o mm.inspect\n  \
    inspect-gen import daemon 'struct conn' --depth 1     and the structs that it points at\n  \
    inspect-gen import daemon state@net.c                 of the structs `state`, the one of this file\n  \
    inspect-gen import mod.ko ext4_inode_info --base /sys/kernel/btf/vmlinux\n  \
    inspect-gen import server app::Cache --schema app.cache\n  \
    inspect-gen import vmlinux zone --update mm.inspect   bring a schema in step\n\n\
    The schema holds the types that are asked for and those that they hold by value. The layout that the\n\
    compiler gives each of them is compared with the binary's before anything is written. A pointer to any\n\
    other type is `*void`, with the type's name in a comment.\n\n\
    Exit status: 0 done; 1 a type is not there, or the binary is at fault; 2 usage, or a file that\n\
    cannot be written.")]
pub(super) struct Import {
    /// A binary with type information: an ELF file, or BTF as below /sys/kernel/btf.
    #[arg(value_name = "IMAGE")]
    pub(super) image: PathBuf,
    /// The types: `page`, `struct page`, `app::Cache`; of several with one name, `state@FILE` or
    /// `state@NUMBER`.
    #[arg(required = true, value_name = "TYPE")]
    pub(super) types: Vec<String>,
    /// The type information to read; without it DWARF, or BTF where there is no DWARF.
    #[arg(long, value_name = "FORM")]
    pub(super) from: Option<TypeFormat>,
    /// The binary whose BTF that of the image continues: the kernel of a module.
    #[arg(long, value_name = "FILE")]
    pub(super) base: Option<PathBuf>,
    /// How many pointers to follow: the types behind them become part of the schema.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) depth: u32,
    /// The header that declares the types, as `#include` names it: they become `extern`, and their layouts
    /// are captured in every build.
    #[arg(long, value_name = "HEADER", conflicts_with = "update")]
    pub(super) header: Option<String>,
    /// The name of the schema.
    #[arg(long, value_name = "NAME", default_value = "imported", value_parser = parse_schema)]
    pub(super) schema: String,
    /// The file to write; without it, standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Bring this schema in step: structs that differ get the binary's fields, and keep names, comments,
    /// documentation, attributes and versions; types that it lacks are added. The file is written.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "schema"])]
    pub(super) update: Option<PathBuf>,
    /// With `--update`: files or directories of schemas that it uses; may repeat.
    #[arg(long = "import", value_name = "DIR", requires = "update")]
    pub(super) imports: Vec<PathBuf>,
    /// With `--update`: write nothing, and exit with 1 if the file would change.
    #[arg(long, requires = "update")]
    pub(super) check: bool,
    /// The target of a BTF file that does not say it; this machine where nothing else is said.
    #[arg(long, value_name = "TARGET", value_parser = parse_target)]
    pub(super) target: Option<Target>,
    /// The form of findings: `human`, `json`, `github`.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen verify build/daemon --schema schema/\n  \
    inspect-gen verify build/daemon          what its own tables describe, whatever the schemas say now\n  \
    inspect-gen verify /sys/kernel/btf/vmlinux --schema schema/linux --list\n  \
    inspect-gen verify daemon.x86 daemon.arm --schema schema/      each for its own target\n  \
    inspect-gen verify daemon --schema schema/ --message-format github\n\n\
    A struct is looked for under the name that generated C gives it, and under its own. What the schema\n\
    leaves out is no difference.\n\n\
    Exit status: 0 everything that is in both agrees; 1 something differs, or nothing was found; 2 usage.")]
pub(super) struct Verify {
    /// Binaries with type information: ELF files, or BTF as below /sys/kernel/btf.
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    /// Schema files, or directories that are searched for `*.inspect` files; may repeat. Without one, what the
    /// annotations or tables of the image describe.
    #[arg(long = "schema", value_name = "SCHEMA")]
    pub(super) schemas: Vec<PathBuf>,
    /// Files or directories of schemas that are used and not compared; may repeat.
    #[arg(long = "import", value_name = "DIR", requires = "schemas")]
    pub(super) imports: Vec<PathBuf>,
    /// The type information to read; without it DWARF, or BTF where there is no DWARF.
    #[arg(long, value_name = "FORM")]
    pub(super) from: Option<TypeFormat>,
    /// The binary whose BTF that of the image continues: the kernel of a module.
    #[arg(long, value_name = "FILE")]
    pub(super) base: Option<PathBuf>,
    /// The target of a BTF file that does not say it; this machine where nothing else is said.
    #[arg(long, value_name = "TARGET", value_parser = parse_target)]
    pub(super) target: Option<Target>,
    /// A struct that is not in the binary is an error.
    #[arg(long)]
    pub(super) require_all: bool,
    /// Print what became of each struct.
    #[arg(long)]
    pub(super) list: bool,
    /// The form of diagnostics: `human` on standard error, `json` and `github` on standard output.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub(super) message_format: MessageFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TypeFormat {
    /// What debuggers read.
    Dwarf,
    /// What the kernel reads.
    Btf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Types {
    /// In the tables.
    Embedded,
    /// Not in the tables.
    Detached,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  inspect-gen explain E0305")]
pub(super) struct Explain {
    /// The code of a diagnostic, such as `E0305`.
    #[arg(value_name = "CODE")]
    pub(super) code: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  \
    inspect-gen completions bash > ~/.local/share/bash-completion/completions/inspect-gen")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    inspect-gen man | man -l -\n  \
    inspect-gen man -o /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Write one page for each command into this directory.
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// If the messages go to a terminal and `NO_COLOR` is not set.
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum MessageFormat {
    /// With the source text and marks under it.
    Human,
    /// One object a line.
    Json,
    /// Annotations of GitHub Actions.
    Github,
}

fn parse_as_of(text: &str) -> Result<(Option<String>, u32), String> {
    let (schema, version) = match text.split_once('=') {
        Some((schema, version)) => (Some(schema.to_owned()), version),
        None => (None, text),
    };
    match version.parse() {
        Ok(version) if version > 0 => Ok((schema, version)),
        _ => Err(format!("`{version}` is not a version; versions count from 1")),
    }
}

fn parse_output(text: &str) -> Result<Output, String> {
    Output::from_name(text).ok_or_else(|| {
        let names = Output::ALL.map(Output::name);
        match crate::diag::nearest(text, names) {
            Some(meant) => format!("there is no such output; did you mean `{meant}`?"),
            None => format!("there is no such output; there are {}", names.join(", ")),
        }
    })
}

fn parse_warning(text: &str) -> Result<Code, String> {
    match Code::from_name(text) {
        Some(code) if code.severity() == Severity::Warning => Ok(code),
        Some(_) => Err("an error cannot be allowed".to_owned()),
        None => Err("there is no such warning; `inspect-gen explain` lists all codes".to_owned()),
    }
}

fn parse_schema(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if text.split('.').all(is_word) {
        return Ok(text.to_owned());
    }
    Err("the name of a schema is made of words with points between them: `linux.mm`".to_owned())
}

fn parse_target(text: &str) -> Result<Target, String> {
    Target::from_name(text).ok_or_else(|| crate::build::unknown_target(text).message)
}
