//! The cells: what is built for each, and what it has to do once it is packed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::look;
use crate::support::has;
use crate::toolchain::{LINKERS, MACHINES, Machine, Workshop, call, has_plugin, is_there};

/// What a program prints once it is packed; the number of its tables stands apart.
const PROGRAM: &str = include_str!("program.txt");
/// What is added where it has a shared object.
const LIBRARY: &str = include_str!("library.txt");

/// How sources are compiled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mode {
    name: &'static str,
    flags: &'static [&'static str],
}

const FIXED: Mode = Mode { name: "fixed", flags: &["-fno-pie", "-fno-pic"] };
const PIE: Mode = Mode { name: "pie", flags: &["-fPIE"] };
const PIC: Mode = Mode { name: "pic", flags: &["-fPIC"] };
const SECTIONS: Mode =
    Mode { name: "sections", flags: &["-fPIE", "-ffunction-sections", "-fdata-sections"] };
const LTO: Mode = Mode { name: "lto", flags: &["-fPIE", "-flto", "-DMATRIX_LTO"] };
const LTO_PIC: Mode = Mode { name: "lto-pic", flags: &["-fPIC", "-flto", "-DMATRIX_LTO"] };

const MANY: Mode = Mode { name: "many", flags: &["-fPIE", "-DMATRIX_MANY"] };

/// A kind of image.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    mode: Mode,
    /// Flags of the linker.
    link: &'static [&'static str],
    /// How its shared object is compiled, if it has one.
    library: Option<Mode>,
    form: Form,
    /// Whether it is tried on every machine by default.
    pub(crate) is_short: bool,
}

/// What is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The program, and its shared object.
    Linked,
    /// The output of `ld -r`, which is then linked, and packed again.
    Joined,
    /// Each object, with the schemas from objects or from files of their own. Then they are linked, and packed
    /// again.
    Each(Schemas),
    /// Each object, and what `ld -r` makes of all of them.
    EachJoined,
}

/// Where the schemas of an object come from that does not define their descriptors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Schemas {
    Objects,
    Tables,
}

const fn linked(name: &'static str, mode: Mode, link: &'static [&'static str]) -> Kind {
    Kind { name, mode, link, library: None, form: Form::Linked, is_short: false }
}

const fn shared(
    name: &'static str,
    mode: Mode,
    library: Mode,
    link: &'static [&'static str],
) -> Kind {
    Kind { library: Some(library), ..linked(name, mode, link) }
}

const fn short(kind: Kind) -> Kind {
    Kind { is_short: true, ..kind }
}

const fn of(form: Form, kind: Kind) -> Kind {
    Kind { form, ..kind }
}

const GC: &str = "-Wl,--gc-sections";
const RELR: &str = "-Wl,-z,pack-relative-relocs";

/// Every kind.
pub(crate) const KINDS: &[Kind] = &[
    linked("exec", FIXED, &["-no-pie"]),
    short(linked("pie", PIE, &["-pie"])),
    linked("static", FIXED, &["-static", "-no-pie"]),
    linked("static-pie", PIE, &["-static-pie"]),
    short(shared("shared", FIXED, PIC, &["-no-pie"])),
    shared("shared-pie", PIE, PIC, &["-pie"]),
    linked("relr", PIE, &["-pie", RELR]),
    shared("relr-shared", PIE, PIC, &["-pie", RELR]),
    linked("relr-static-pie", PIE, &["-static-pie", RELR]),
    linked("lto", LTO, &["-pie", "-flto"]),
    shared("lto-shared", LTO, LTO_PIC, &["-pie", "-flto"]),
    linked("gc-sections", SECTIONS, &["-pie", GC]),
    shared("emit-relocs", PIE, PIC, &["-pie", "-Wl,--emit-relocs"]),
    linked("emit-relocs-exec", FIXED, &["-no-pie", "-Wl,--emit-relocs"]),
    shared("nocombreloc", PIE, PIC, &["-pie", "-Wl,-z,nocombreloc"]),
    shared("now", PIE, PIC, &["-pie", "-Wl,-z,relro,-z,now"]),
    short(of(Form::Joined, linked("joined", PIE, &["-pie"]))),
    of(Form::Joined, linked("joined-exec", FIXED, &["-no-pie"])),
    of(Form::Joined, linked("joined-static", FIXED, &["-static", "-no-pie"])),
    of(Form::Joined, linked("joined-sections", SECTIONS, &["-pie", GC])),
    of(Form::Joined, linked("joined-relr", PIE, &["-pie", RELR])),
    of(Form::Joined, shared("joined-shared", FIXED, PIC, &["-no-pie"])),
    short(of(Form::Each(Schemas::Objects), linked("each", PIE, &["-pie"]))),
    of(Form::Each(Schemas::Tables), linked("each-table", PIE, &["-pie"])),
    of(Form::Each(Schemas::Objects), linked("each-exec", FIXED, &["-no-pie"])),
    of(Form::Each(Schemas::Tables), linked("each-static", FIXED, &["-static", "-no-pie"])),
    of(Form::Each(Schemas::Objects), linked("each-sections", SECTIONS, &["-pie", GC])),
    of(Form::Each(Schemas::Objects), shared("each-shared", FIXED, PIC, &["-no-pie"])),
    of(Form::Each(Schemas::Objects), linked("many-sections", MANY, &["-pie"])),
    of(Form::Joined, linked("many-joined", MANY, &["-pie"])),
    of(Form::EachJoined, shared("each-joined", PIE, PIC, &["-pie"])),
];

/// A cell of the matrix.
pub(crate) struct Cell {
    pub(crate) machine: &'static Machine,
    pub(crate) compiler: &'static str,
    pub(crate) linker: &'static str,
    pub(crate) kind: &'static Kind,
}

/// What became of a cell.
pub(crate) enum Outcome {
    Done,
    Skipped(&'static str),
    Failed(String),
}

/// The cells of one machine and one compiler, which share objects.
pub(crate) struct Unit {
    pub(crate) machine: &'static Machine,
    pub(crate) compiler: &'static str,
}

/// The place of a cell in the table of results.
type Key = (usize, &'static str, &'static str, usize);

impl Unit {
    pub(crate) fn cells(
        &self,
        workshop: &Workshop,
        wanted: impl Fn(&Cell) -> bool,
    ) -> Vec<(Key, Outcome)> {
        let machine = MACHINES.iter().position(|it| it.name == self.machine.name).unwrap_or(0);
        let mut results = Vec::new();
        let mut objects = Objects { workshop, unit: self, known: BTreeMap::new() };
        for linker in LINKERS {
            for (index, kind) in KINDS.iter().enumerate() {
                let cell = Cell { machine: self.machine, compiler: self.compiler, linker, kind };
                if !wanted(&cell) {
                    continue;
                }
                let outcome = match cell.absent() {
                    Some(why) => Outcome::Skipped(why),
                    None => match cell.try_out(workshop, &mut objects) {
                        Ok(()) => Outcome::Done,
                        Err(why) => Outcome::Failed(why),
                    },
                };
                results.push(((machine, self.compiler, linker, index), outcome));
            }
        }
        results
    }
}

/// What is compiled, each file once.
struct Objects<'a> {
    workshop: &'a Workshop,
    unit: &'a Unit,
    known: BTreeMap<(&'static str, &'static str), PathBuf>,
}

const IN_PROGRAM: [&str; 6] =
    ["one", "two", "three", "tests_matrix.inspect", "tests_second.inspect", "inspect_runtime"];
const IN_LIBRARY: [&str; 4] =
    ["library", "tests_matrix.inspect", "tests_second.inspect", "inspect_runtime"];

impl Objects<'_> {
    fn object(&mut self, source: &'static str, mode: Mode) -> Result<PathBuf, String> {
        if let Some(found) = self.known.get(&(source, mode.name)) {
            return Ok(found.clone());
        }
        let Unit { machine, compiler } = *self.unit;
        let place = self.workshop.place(&format!("{}-{compiler}-{}", machine.name, mode.name));
        let mut command = machine.driver(compiler);
        command.extend(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"].map(str::to_owned));
        command.extend(mode.flags.iter().map(|it| (*it).to_owned()));
        let (sources, generated) = (self.workshop.sources(), self.workshop.generated());
        command.push(format!("-I{}", sources.display()));
        command.push(format!("-I{}", generated.display()));
        let (file, defines) = match source {
            "main-library" => ("main", vec!["-DWITH_LIBRARY".to_owned()]),
            source => (source, Vec::new()),
        };
        command.extend(defines);
        let here = sources.join(format!("{file}.c"));
        let file = if here.exists() { here } else { generated.join(format!("{file}.c")) };
        let object = place.join(format!("{source}.o"));
        command.extend(["-c".to_owned(), file.display().to_string()]);
        command.extend(["-o".to_owned(), object.display().to_string()]);
        call(&place, &command)?;
        self.known.insert((source, mode.name), object.clone());
        Ok(object)
    }

    fn all(&mut self, sources: &[&'static str], mode: Mode) -> Result<Vec<PathBuf>, String> {
        sources.iter().map(|source| self.object(source, mode)).collect()
    }
}

impl Cell {
    /// Why there can be no such cell, or not here.
    fn absent(&self) -> Option<&'static str> {
        let Self { machine, compiler, linker, kind } = *self;
        let is_lld = linker == "lld";
        let is_lto = kind.mode.name.starts_with("lto");
        let is_relr = kind.link.contains(&RELR);
        let is_static_pie = kind.link.contains(&"-static-pie");
        let is_pie = kind.link.contains(&"-pie");
        let name = machine.name;
        if is_lld && matches!(name, "s390x" | "powerpc64" | "riscv64") {
            return Some("lld 14 does not link for this machine");
        }
        if is_lld && name == "mips" && is_pie {
            return Some("lld 14 does not link PIE for MIPS");
        }
        if is_static_pie && !matches!(name, "x86_64" | "i686" | "aarch64") {
            return Some("the C library has no static PIE for this machine");
        }
        if is_lld && name == "i686" && is_static_pie {
            return Some("what lld 14 links as static PIE for i686 does not start");
        }
        if is_lto && compiler == "clang" && name == "riscv64" {
            return Some("Clang 14 forgets the floating-point convention of intermediate code");
        }
        if is_lto && compiler == "clang" && name == "armv7" && !is_lld {
            return Some("GNU ld 2.40 does not read the intermediate code of Clang 14 for ARM");
        }
        if is_lto && compiler == "gcc" && is_lld {
            return Some("lld does not read the intermediate code of GCC");
        }
        if is_relr && is_lld && !is_static_pie {
            return Some("glibc does not load the RELR of lld 14");
        }
        let has_relr = ["x86_64", "i686", "powerpc64", "powerpc64le"].contains(&name);
        if is_relr && !is_lld && !has_relr {
            return Some("GNU ld 2.40 has no RELR for this machine");
        }
        if !(is_there(&machine.tool("gcc")) && (compiler == "gcc" || has("clang"))) {
            return Some("its compiler is not installed");
        }
        if !machine.emulator.is_empty() && !has(machine.emulator) {
            return Some("its emulator is not installed");
        }
        if is_lto && compiler == "clang" && !is_lld && !has_plugin() {
            return Some("the plugin for the intermediate code of Clang is not installed");
        }
        if is_lld && !is_there("ld.lld") {
            return Some("lld is not installed");
        }
        None
    }

    /// Builds, packs, looks and runs.
    fn try_out(&self, workshop: &Workshop, objects: &mut Objects<'_>) -> Result<(), String> {
        let Self { machine, compiler, linker, kind } = self;
        let name = format!("{}-{compiler}-{linker}-{}", machine.name, kind.name);
        let place = workshop.place(&name);
        let result = self.try_in(&place, workshop, objects);
        if result.is_ok() || std::env::var_os("MATRIX_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&place);
        }
        result.map_err(|why| format!("{why}\n  in {}", place.display()))
    }

    fn try_in(
        &self,
        place: &Path,
        workshop: &Workshop,
        objects: &mut Objects<'_>,
    ) -> Result<(), String> {
        let mut images = Vec::new();
        let mut parts = Vec::new();
        let schemas = self.schemas(workshop, objects)?;
        if let Some(mode) = self.kind.library {
            let members = objects.all(&IN_LIBRARY, mode)?;
            let members = self.prepared(place, "library", members, &schemas)?;
            let library = place.join("libmatrix.so");
            let flags = ["-shared", "-Wl,-soname,libmatrix.so"];
            self.link(workshop, mode, &members, &flags, &library)?;
            images.push(library.clone());
            parts.push(library);
        }
        let main = if self.kind.library.is_some() { "main-library" } else { "main" };
        let mut members = vec![objects.object(main, self.kind.mode)?];
        members.extend(objects.all(&IN_PROGRAM, self.kind.mode)?);
        let members = self.prepared(place, "program", members, &schemas)?;
        let program = place.join("program");
        let members = [members, parts].concat();
        // A static PIE with a search path does not start.
        let path = ["-Wl,-rpath,$ORIGIN"];
        let path = if self.kind.library.is_some() { &path[..] } else { &[] };
        self.link(workshop, self.kind.mode, &members, path, &program)?;
        images.push(program.clone());
        self.packed(place, &program, &images)
    }

    /// What was linked from packed objects works as it is; everything works once it is packed, and once it is
    /// stripped.
    fn packed(&self, place: &Path, program: &Path, images: &[PathBuf]) -> Result<(), String> {
        let parts = match self.kind.form {
            Form::Linked => None,
            Form::Joined | Form::EachJoined => Some((2, 2)),
            Form::Each(_) => Some((4, 2)),
        };
        if let Some((of_program, of_library)) = parts {
            let count = of_program + if self.kind.library.is_some() { of_library } else { 0 };
            self.run(program, &[], count).map_err(|why| format!("linked: {why}"))?;
        }
        for image in images {
            self.pack_linked(image)?;
        }
        let count = 2 * images.len();
        self.run(program, &[], count)?;
        if !self.kind.link.contains(&"-static") && !self.kind.link.contains(&"-static-pie") {
            self.run(program, &["LD_BIND_NOW=1"], count)?;
        }
        for image in images {
            let strip = [self.machine.tool("strip"), "-s".to_owned(), image.display().to_string()];
            call(place, &strip)?;
        }
        self.run(program, &[], count).map_err(|why| format!("stripped: {why}"))
    }

    /// What the packer has to be told about the schemas of objects.
    fn schemas(
        &self,
        workshop: &Workshop,
        objects: &mut Objects<'_>,
    ) -> Result<Vec<PathBuf>, String> {
        match self.kind.form {
            Form::Linked | Form::Joined => Ok(Vec::new()),
            Form::Each(Schemas::Tables) => Ok(["tests_matrix", "tests_second"]
                .map(|schema| workshop.table(schema, self.machine))
                .to_vec()),
            Form::Each(Schemas::Objects) | Form::EachJoined => {
                let sources = ["tests_matrix.inspect", "tests_second.inspect"];
                objects.all(&sources, self.kind.mode)
            }
        }
    }

    /// The objects as they are to be linked.
    fn prepared(
        &self,
        place: &Path,
        name: &str,
        members: Vec<PathBuf>,
        schemas: &[PathBuf],
    ) -> Result<Vec<PathBuf>, String> {
        let joined = place.join(format!("{name}.o"));
        let packed = |members: &[PathBuf]| -> Result<Vec<PathBuf>, String> {
            let mut packed = Vec::new();
            for member in members {
                let file = member.file_name().unwrap_or_default().to_string_lossy();
                let copy = place.join(format!("{name}-{file}"));
                std::fs::copy(member, &copy).map_err(|error| error.to_string())?;
                if self.kind.mode.name == MANY.name && file == "one.o" {
                    look::many_sections(&copy)?;
                }
                pack_object(&copy, schemas)?;
                packed.push(copy);
            }
            Ok(packed)
        };
        match self.kind.form {
            Form::Linked => return Ok(members),
            Form::Each(_) => return packed(&members),
            Form::Joined => self.join(place, &members, &joined)?,
            Form::EachJoined => self.join(place, &packed(&members)?, &joined)?,
        }
        pack_object(&joined, &[])?;
        Ok(vec![joined])
    }

    /// `ld -r`.
    fn join(&self, place: &Path, members: &[PathBuf], joined: &Path) -> Result<(), String> {
        let linker = match (self.linker, self.machine.name) {
            ("lld", "mips") => vec!["ld.lld".to_owned(), "-melf32btsmip".to_owned()],
            ("lld", _) => vec!["ld.lld".to_owned()],
            _ => vec![self.machine.tool("ld")],
        };
        let mut command = linker;
        command.extend(["-r".to_owned(), "-o".to_owned(), joined.display().to_string()]);
        command.extend(members.iter().map(|it| it.display().to_string()));
        call(place, &command).map(drop)
    }

    fn link(
        &self,
        workshop: &Workshop,
        mode: Mode,
        members: &[PathBuf],
        flags: &[&str],
        out: &Path,
    ) -> Result<(), String> {
        let is_lto = mode.name.starts_with("lto");
        // Each compiler's intermediate code needs its own driver; otherwise one will do.
        let driver = if is_lto { self.compiler } else { "gcc" };
        let mut command = self.machine.driver(driver);
        command.extend(workshop.uses(self.linker));
        let is_shared = flags.contains(&"-shared");
        let of_kind = |it: &&&str| !is_shared || !matches!(**it, "-pie" | "-no-pie");
        command.extend(self.kind.link.iter().filter(of_kind).map(|it| (*it).to_owned()));
        command.extend(flags.iter().map(|it| (*it).to_owned()));
        if is_lto {
            command.extend(["-O1", "-w"].map(str::to_owned));
            command.extend(mode.flags.iter().map(|it| (*it).to_owned()));
        }
        command.extend(members.iter().map(|it| it.display().to_string()));
        command.extend(["-o".to_owned(), out.display().to_string()]);
        call(out.parent().unwrap_or(Path::new(".")), &command).map(drop)
    }

    /// Packs a linked image, and looks at what has changed.
    fn pack_linked(&self, image: &Path) -> Result<(), String> {
        let before = std::fs::read(image).map_err(|error| error.to_string())?;
        let text = readelf(image);
        pack(image, &[])?;
        let after = std::fs::read(image).map_err(|error| error.to_string())?;
        look::linked(&before, &after).map_err(|why| format!("{}: {why}", image.display()))?;
        no_new_complaints(&text, &readelf(image))
    }

    fn run(&self, program: &Path, environment: &[&str], tables: usize) -> Result<(), String> {
        let found = self.machine.start(program, environment)?;
        let mut expected: Vec<&str> = PROGRAM.lines().collect();
        if self.kind.library.is_some() {
            expected.extend(LIBRARY.lines());
        }
        let tables = format!("{tables} tables");
        expected.push(&tables);
        expected.sort_unstable();
        // An entry that two objects annotate stands in the tables of both.
        let mut lines: Vec<&str> = found.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        if lines == expected {
            return Ok(());
        }
        let missing = expected.iter().filter(|it| !lines.contains(it)).map(|it| format!("- {it}"));
        let more = lines.iter().filter(|it| !expected.contains(it)).map(|it| format!("+ {it}"));
        let differences: Vec<String> = missing.chain(more).collect();
        Err(format!("the program found other entries:\n{}", differences.join("\n")))
    }
}

/// Runs the packer; packed once more, nothing changes.
fn pack(image: &Path, schemas: &[PathBuf]) -> Result<(), String> {
    let mut command = vec![env!("CARGO_BIN_EXE_inspect-gen").to_owned(), "pack".to_owned()];
    for schema in schemas {
        command.extend(["--schema".to_owned(), schema.display().to_string()]);
    }
    command.push(image.display().to_string());
    let folder = image.parent().unwrap_or(Path::new("."));
    call(folder, &command)?;
    command.push("--check".to_owned());
    call(folder, &command).map_err(|why| format!("packing again would change it: {why}"))?;
    Ok(())
}

/// Packs an object, and looks at it.
fn pack_object(object: &Path, schemas: &[PathBuf]) -> Result<(), String> {
    let text = readelf(object);
    let before = std::fs::read(object).map_err(|error| error.to_string())?;
    pack(object, schemas)?;
    let bytes = std::fs::read(object).map_err(|error| error.to_string())?;
    look::object(&before, &bytes).map_err(|why| format!("{}: {why}", object.display()))?;
    no_new_complaints(&text, &readelf(object))
}

/// What `readelf` complains of.
fn readelf(image: &Path) -> Vec<String> {
    let output = std::process::Command::new("readelf").args(["-aW"]).arg(image).output();
    let Ok(output) = output else { return Vec::new() };
    let all = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&all).into_owned();
    let complaints = text.lines().filter(|line| {
        let line = line.to_lowercase();
        line.contains("warning:") || line.contains("error:") || line.contains("unrecognized")
    });
    complaints.map(str::to_owned).collect()
}

fn no_new_complaints(before: &[String], after: &[String]) -> Result<(), String> {
    let new: Vec<&str> =
        after.iter().filter(|it| !before.contains(it)).map(String::as_str).collect();
    if new.is_empty() { Ok(()) } else { Err(format!("readelf complains: {}", new.join("; "))) }
}
