//! The examples of `examples/integration`, each built in a copy by its own build system: that what
//! is built is packed, that nothing is built twice, that a change reaches the table, and that a
//! program which cannot be packed is not left behind.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use support::{has, root};

/// What the programs print of their own tables, sorted.
const PRINTED: &[&str] =
    &["mash: 8 bytes, the first number is 71", "pumps: 16 bytes, the first number is 3"];

/// A second variable under a name that is taken: the packer refuses it, and no compiler does.
const FAULTY: &str = "static struct brewery_tank again;\nBREWERY_ANNOTATE_TANK(again, \"mash\");\n";

/// A copy of an example, and the generator of this build in the path.
struct Copy {
    folder: tempfile::TempDir,
    path: OsString,
}

/// Where the examples stand.
fn example(name: &str) -> PathBuf {
    root().join("../examples/integration").join(name)
}

impl Copy {
    fn of(name: &str) -> Self {
        let this = Self::empty();
        copy(&example(name), &this.file(""));
        this
    }

    /// A folder without files.
    fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("it")).expect("a folder");
        let tools = folder.path().join("bin");
        fs::create_dir(&tools).expect("a folder for tools");
        symlink(env!("CARGO_BIN_EXE_inspect-gen"), tools.join("inspect-gen")).expect("a link");
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(tools).chain(std::env::split_paths(&rest));
        let path = std::env::join_paths(path).expect("a path");
        Self { folder, path }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("it").join(name)
    }

    /// Runs a command line; both of its outputs.
    fn run(&self, line: &[&str]) -> Result<String, String> {
        let output = Command::new(line[0])
            .args(&line[1..])
            .current_dir(self.file(""))
            .env("PATH", &self.path)
            .env("CFLAGS", "-g -O1 -Wall -Wextra -Wpedantic -Werror")
            .env_remove("MAKEFLAGS")
            .output()
            .map_err(|error| format!("{line:?}: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        if output.status.success() { Ok(text) } else { Err(format!("{line:?}\n{text}")) }
    }

    #[track_caller]
    fn succeed(&self, line: &[&str]) -> String {
        self.run(line).unwrap_or_else(|error| panic!("{error}"))
    }

    fn edit(&self, name: &str, edit: impl Fn(&str) -> String) {
        wait();
        let file = self.file(name);
        let text = fs::read_to_string(&file).expect("a source");
        fs::write(file, edit(&text)).expect("a source");
    }

    /// The image is packed, and prints what its table holds.
    #[track_caller]
    fn is_packed(&self, program: &str) {
        let check = ["inspect-gen", "pack", "--check", "--message-format", "json", program];
        let said: serde_json::Value =
            serde_json::from_str(&self.succeed(&check)).expect("one object");
        assert_eq!(said["changed"], false);
        assert_eq!(said["annotations"], 0, "no pair is left");
        assert_eq!(said["tables"][0]["entries"], PRINTED.len());
        self.succeed(&["inspect-gen", "doctor", "--expect", "2", program]);
    }

    #[track_caller]
    fn prints_its_entries(&self, program: &str) {
        let path = self.file(program).display().to_string();
        let printed = self.succeed(&[&path]);
        let mut lines: Vec<&str> = printed.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, PRINTED);
    }

    /// When each object file and the image were written.
    fn times(&self, program: &str) -> BTreeMap<PathBuf, SystemTime> {
        let mut found = BTreeMap::new();
        times(&self.file(""), &mut found);
        let program = self.file(program);
        found.retain(|path, _| *path == program || path.extension().is_some_and(|it| it == "o"));
        assert!(found.contains_key(&program) && found.len() >= 4, "{found:?}");
        found
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match (from.is_dir(), entry.file_name().to_str()) {
            // Somebody may have tried the example where it stands.
            (true, Some("build" | "target")) => {}
            (true, _) => copy(&from, &to),
            (false, _) => drop(fs::copy(&from, &to).expect("a file")),
        }
    }
}

fn times(folder: &Path, found: &mut BTreeMap<PathBuf, SystemTime>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let metadata = fs::metadata(&path).expect("an entry");
        if metadata.is_dir() {
            times(&path, found);
        } else {
            found.insert(path, metadata.modified().expect("a time"));
        }
    }
}

/// Until a file that is written now is younger than one that was written before.
fn wait() {
    std::thread::sleep(std::time::Duration::from_millis(30));
}

/// An example by its commands.
struct Example {
    name: &'static str,
    /// Before the first build.
    configure: &'static [&'static str],
    build: &'static [&'static str],
    program: &'static str,
    schema: &'static str,
    runs: bool,
}

const MAKE: Example = Example {
    name: "make",
    configure: &[],
    build: &["make"],
    program: "build/brewery",
    schema: "brewery.inspect",
    runs: true,
};

const CMAKE: Example = Example {
    name: "cmake",
    configure: &["cmake", "-G", "Ninja", "-S", ".", "-B", "build"],
    build: &["cmake", "--build", "build"],
    ..MAKE
};

const MESON: Example = Example {
    name: "meson",
    configure: &["meson", "setup", "build"],
    build: &["ninja", "-C", "build"],
    schema: "inspect/brewery.inspect",
    ..MAKE
};

impl Example {
    fn check(&self) -> Copy {
        let copy = Copy::of(self.name);
        if !self.configure.is_empty() {
            copy.succeed(self.configure);
        }
        copy.succeed(self.build);
        self.is_right(&copy);
        self.builds_nothing_twice(&copy);
        self.follows_its_schema(&copy);
        self.leaves_nothing_half(&copy);
        copy
    }

    #[track_caller]
    fn is_right(&self, copy: &Copy) {
        copy.is_packed(self.program);
        if self.runs {
            copy.prints_its_entries(self.program);
        }
    }

    /// Neither where nothing has changed nor where the schema was only touched.
    fn builds_nothing_twice(&self, copy: &Copy) {
        let before = copy.times(self.program);
        copy.succeed(self.build);
        assert_eq!(copy.times(self.program), before);
        copy.edit(self.schema, str::to_owned);
        let said = copy.succeed(self.build);
        let ran = ["--emit c", "Generating"].iter().any(|word| said.contains(word));
        assert!(ran, "the generator was not called: {said}");
        let said = copy.succeed(self.build);
        assert!(!said.contains("--emit c") && !said.contains("Generating inspect"), "{said}");
        assert_eq!(copy.times(self.program), before);
        self.is_right(copy);
    }

    fn follows_its_schema(&self, copy: &Copy) {
        let before = copy.times(self.program);
        copy.edit(self.schema, |text| format!("{text}\n/// A spare one.\nclass spare: tank;\n"));
        copy.succeed(self.build);
        let after = copy.times(self.program);
        let user =
            |path: &Path| path.file_name().is_some_and(|it| it.to_string_lossy().contains("main"));
        let main = before.iter().find(|(path, _)| user(path)).expect("its object");
        assert_ne!(after[main.0], *main.1, "what includes the header is compiled again");
        assert_ne!(after[&copy.file(self.program)], before[&copy.file(self.program)]);
        self.is_right(copy);
    }

    fn leaves_nothing_half(&self, copy: &Copy) {
        let right = fs::read_to_string(copy.file("main.c")).expect("a source");
        copy.edit("main.c", |text| format!("{text}{FAULTY}"));
        for _ in 0..2 {
            let said = copy.run(self.build).expect_err("a name is there twice");
            assert!(said.contains("error[E09") && said.contains("main.c:"), "{said}");
            let is_there = copy.file(self.program).exists();
            assert!(!is_there || self.name == "meson", "{said}");
        }
        copy.edit("main.c", |_| right.clone());
        copy.succeed(self.build);
        self.is_right(copy);
    }
}

#[test]
fn make() {
    if !has("make") || !has("cc") {
        return;
    }
    let copy = MAKE.check();
    copy.succeed(&["make", "clean"]);
    assert!(!copy.file("build").exists());
}

#[test]
fn cmake_with_ninja() {
    if has("cmake") && has("ninja") && has("cc") {
        CMAKE.check();
    }
}

/// The same with Make, and the module found as a package that somebody has installed.
#[test]
fn cmake_with_make_and_a_package() {
    if !has("cmake") || !has("make") || !has("cc") {
        return;
    }
    let copy = Copy::of("cmake");
    let package = copy.file("prefix/lib/cmake/Inspect");
    fs::create_dir_all(&package).expect("a folder");
    fs::rename(copy.file("Inspect.cmake"), package.join("InspectConfig.cmake")).expect("a module");
    copy.edit("CMakeLists.txt", |text| {
        let found = text.replace("include(Inspect.cmake)", "find_package(Inspect REQUIRED)");
        assert_ne!(found, text);
        found
    });
    let prefix = format!("-DCMAKE_PREFIX_PATH={}", copy.file("prefix").display());
    copy.succeed(&["cmake", "-G", "Unix Makefiles", "-S", ".", "-B", "build", &prefix]);
    copy.succeed(CMAKE.build);
    CMAKE.is_right(&copy);
    CMAKE.leaves_nothing_half(&copy);
    CMAKE.follows_its_schema(&copy);
    copy.succeed(&["cmake", "--build", "build", "--target", "clean"]);
    assert!(!copy.file("build/brewery").exists());
}

/// The runtime and the schema in a static library, and a program that calls neither.
#[test]
fn cmake_with_a_library() {
    if !has("cmake") || !has("make") || !has("cc") {
        return;
    }
    let copy = Copy::of("cmake");
    let lists = "cmake_minimum_required(VERSION 3.20)\nproject(brewery C)\ninclude(Inspect.cmake)\n\
        add_library(core STATIC pump.c)\ninspect_schema(core brewery.inspect)\n\
        add_executable(brewery quiet.c)\ntarget_link_libraries(brewery core)\n\
        inspect_pack(brewery)\n";
    let quiet = "#include \"brewery.inspect.h\"\n\nstatic struct brewery_tank mash;\n\
        BREWERY_ANNOTATE_TANK(mash, \"mash\");\n\nint main(void)\n{\n\treturn 0;\n}\n";
    fs::write(copy.file("quiet.c"), quiet).expect("a source");
    let doctor =
        |count: &str| copy.run(&["inspect-gen", "doctor", "--expect", count, "build/brewery"]);
    copy.edit("CMakeLists.txt", |_| lists.to_owned());
    for generator in ["Ninja", "Unix Makefiles"] {
        let _ = fs::remove_dir_all(copy.file("build"));
        copy.succeed(&["cmake", "-G", generator, "-S", ".", "-B", "build"]);
        copy.succeed(CMAKE.build);
        let said = doctor("1").unwrap_or_else(|error| panic!("{error}"));
        assert!(said.contains("found by its note"), "{said}");
    }
    // A member that nobody refers to is not linked, unless its objects are.
    copy.edit("CMakeLists.txt", |text| text.replace("STATIC", "OBJECT"));
    copy.succeed(CMAKE.build);
    doctor("2").unwrap_or_else(|error| panic!("{error}"));
    // A schema of the program's own that imports the library's.
    let own = "schema cellar version 1;\nuse brewery::tank;\nstruct row { tanks: [tank; 2] }\n\
        class rows: row;\nentry place {}\n";
    fs::create_dir(copy.file("own")).expect("a folder");
    fs::write(copy.file("own/cellar.inspect"), own).expect("a schema");
    copy.edit("CMakeLists.txt", |text| {
        text.replace("OBJECT", "STATIC")
            + "inspect_schema(brewery own/cellar.inspect IMPORT brewery.inspect)\n"
    });
    let rows = "#include \"cellar.inspect.h\"\nstatic struct cellar_row rows;\n\
        CELLAR_ANNOTATE_ROWS(rows, \"rows\");\n";
    copy.edit("quiet.c", |text| format!("{rows}{text}"));
    copy.succeed(CMAKE.build);
    doctor("2").unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn meson() {
    if !has("meson") || !has("ninja") || !has("cc") {
        return;
    }
    let copy = MESON.check();
    let there = copy.file("installed").display().to_string();
    copy.succeed(&["meson", "install", "-C", "build", "--destdir", &there]);
    copy.is_packed("installed/usr/local/bin/brewery");
    copy.prints_its_entries("installed/usr/local/bin/brewery");
}

/// `codegen/tests/c_kernel.rs` compiles all schemas in a module; here it is the steps around it.
#[test]
fn kbuild() {
    let headers = fs::read_dir("/usr/src").into_iter().flatten().flatten().map(|it| it.path());
    let Some(headers) = headers.filter(|path| path.join("Module.symvers").exists()).max() else {
        let required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some();
        assert!(!required, "kernel headers are required: Debian's linux-headers-amd64");
        eprintln!("skipped: no kernel headers below /usr/src");
        return;
    };
    let kdir: &str = Box::leak(format!("KDIR={}", headers.display()).into_boxed_str());
    let build: &[&str] = Box::leak(Box::new(["make", kdir]));
    let example = Example { name: "kbuild", build, program: "brewery.ko", runs: false, ..MAKE };
    let copy = example.check();
    copy.succeed(&["make", kdir, "clean"]);
    let mut left: Vec<_> = fs::read_dir(copy.file(""))
        .expect("the folder")
        .flatten()
        .map(|it| it.file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["Kbuild", "Makefile", "README.md", "brewery.inspect", "main.c", "pump.c"]);
}

/// A crate with the linker of its `.cargo/config.toml`. What it depends on is built once and kept
/// between runs.
#[test]
fn cargo() {
    if !has("cc") {
        return;
    }
    let copy = Copy::of("cargo");
    let absolute = format!("{}/../", root().display());
    copy.edit("Cargo.toml", |text| text.replace("../../../", &absolute));
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("integration");
    settle(&copy, &kept.join("brewery"));
    let target = format!("--target-dir={}", kept.join("target").display());
    let program = kept.join("target/debug/brewery").display().to_string();
    let build = ["cargo", "build", "--offline", "--quiet", &target];
    let is_right = || {
        copy.is_packed(&program);
        copy.prints_its_entries(&program);
    };
    let written = || fs::metadata(&program).expect("the program").modified().expect("a time");

    copy.succeed(&build);
    is_right();
    let before = written();
    copy.succeed(&build);
    assert_eq!(written(), before, "nothing has changed");
    copy.edit("brewery.inspect", |text| format!("{text}\n/// A spare one.\nclass spare: tank;\n"));
    copy.succeed(&build);
    assert_ne!(written(), before, "the schema has changed");
    is_right();

    let right = fs::read_to_string(copy.file("src/pump.rs")).expect("a source");
    let again = "static AGAIN: [u64; 1] = [1];\n\
        inspect_runtime::annotate!(s::class::Starts: AGAIN, name = \"pumps\");\n";
    copy.edit("src/pump.rs", |text| format!("{text}{again}"));
    let said = copy.run(&build).expect_err("a name is there twice");
    assert!(said.contains("error[E0907]") && said.contains("src/pump.rs:"), "{said}");
    copy.edit("src/pump.rs", |_| right.replace("= [3, 5]", "= [3, 5, 8]"));
    let said = copy.run(&build).expect_err("three are not two");
    assert!(said.contains("error[E0308]"), "the compiler's errors are its own: {said}");

    // The linker that GCC takes by itself, and the one that comes with Rust. A `cc` in the path does
    // it: the variable `CC` would make Cargo build everything anew that compiles C.
    let linker = copy.folder.path().join("bin/cc");
    let path = std::env::var("PATH").expect("a path");
    let script = format!("#!/bin/sh\nPATH='{path}' exec cc \"$@\" -fuse-ld=bfd\n");
    fs::write(&linker, script).expect("a script");
    copy.succeed(&["chmod", "+x", &linker.display().to_string()]);
    copy.edit("src/pump.rs", |_| right.clone());
    copy.succeed(&build);
    is_right();
    crate_of_the_page(&kept, &absolute);
    if std::env::var_os("INSPECT_LONG").is_some() {
        let config = ["--config", "profile.dev.lto='fat'", "--config", "profile.dev.strip=true"];
        copy.succeed(&[&build[..], &config].concat());
        is_right();
    }
}

/// Moves a copy to a place of its own. To Cargo a package at another path is another package, which
/// it would build beside those of all earlier runs.
fn settle(copy: &Copy, place: &Path) {
    let _ = fs::remove_dir_all(place);
    self::copy(&copy.file(""), place);
    fs::remove_dir_all(copy.file("")).expect("the folder");
    symlink(place, copy.folder.path().join("it")).expect("a link");
}

/// A crate as `cargo init` makes it, with what the page adds.
fn crate_of_the_page(kept: &Path, absolute: &str) {
    let copy = Copy::empty();
    follow_the_page(&copy, &["all", "cargo"]);
    let package = "[package]\nname = \"page\"\nedition = \"2021\"\n\n[workspace]\n\n";
    copy.edit("Cargo.toml", |text| package.to_owned() + &text.replace("../inspect/", absolute));
    copy.edit("src/main.rs", |text| format!("{text}\nfn main() {{}}\n"));
    fs::copy(example("cargo/Cargo.lock"), copy.file("Cargo.lock")).expect("the lock file");
    copy.succeed(&["chmod", "+x", ".cargo/inspect-cc"]);
    settle(&copy, &kept.join("page"));
    let target = kept.join("target");
    let directory = format!("--target-dir={}", target.display());
    copy.succeed(&["cargo", "build", "--offline", "--quiet", &directory]);
    has_one_entry(&copy, &target.join("debug/page").display().to_string());
}

#[test]
fn firmware() {
    if !has("make") || !has("arm-none-eabi-gcc") {
        return;
    }
    let copy = Copy::of("firmware");
    let build = ["make"];
    copy.succeed(&build);
    copy.is_packed("build/brewery.elf");
    let before = copy.times("build/brewery.bin");
    copy.succeed(&build);
    assert_eq!(copy.times("build/brewery.bin"), before);
    // What is flashed holds the table, which the startup code copies.
    let image = fs::read(copy.file("build/brewery.bin")).expect("the image");
    let magic = b"\x89INSPCT\n";
    let is_there = |image: &[u8]| image.windows(magic.len()).any(|window| window == magic);
    assert!(is_there(&image));
    // The reason for `KEEP`.
    copy.edit("firmware.ld", |text| text.replace("KEEP(*(inspect_table))", "*(inspect_table)"));
    let said = copy.succeed(&build);
    assert!(said.contains("no annotations"), "{said}");
    let doctor = ["inspect-gen", "doctor", "--expect", "2", "build/brewery.elf"];
    let said = copy.run(&doctor).expect_err("nothing is there");
    assert!(said.contains("error["), "{said}");
    copy.succeed(&["make", "clean"]);
    assert!(!copy.file("build").exists());
}

/// What packing has to survive in a build: it comes first, and whatever strips comes later, or the
/// other way round.
#[test]
fn strip_and_split_debug_leave_the_table() {
    if !has("make") || !has("cc") || !has("strip") || !has("objcopy") {
        return;
    }
    let copy = Copy::of("make");
    copy.succeed(&["make"]);
    let program = "build/brewery";
    copy.succeed(&["objcopy", "--only-keep-debug", program, "build/brewery.debug"]);
    copy.succeed(&[
        "objcopy",
        "--strip-debug",
        "--add-gnu-debuglink=build/brewery.debug",
        program,
        "build/split",
    ]);
    copy.is_packed("build/split");
    copy.prints_its_entries("build/split");
    copy.succeed(&["strip", "-s", "--remove-section=.comment", "--remove-section=.note", program]);
    copy.is_packed(program);
    copy.prints_its_entries(program);
    // As a compiler whose linker packs: the rule's own step finds nothing left to do.
    copy.succeed(&["make", "clean"]);
    copy.succeed(&["make", "CC=inspect-gen link -- cc", "LDFLAGS=-s"]);
    copy.is_packed(program);
    copy.prints_its_entries(program);
}

/// The blocks of the page that stand behind `<!-- KIND: FILE -->`, written into a copy's folder.
fn follow_the_page(copy: &Copy, kinds: &[&str]) {
    let page = fs::read_to_string(root().join("../docs/integration.md")).expect("the page");
    let mut written = 0;
    for marked in page.split("\n<!-- ").skip(1) {
        let (mark, rest) = marked.split_once(" -->\n").expect("the end of a mark");
        let (kind, name) = mark.split_once(": ").expect("a kind and a file");
        let block = rest.strip_prefix("```").and_then(|rest| rest.split_once('\n'));
        let (_, block) = block.expect("a block of code");
        let (block, _) = block.split_once("\n```").expect("its end");
        if kinds.contains(&kind) {
            let file = copy.file(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, format!("{block}\n")).expect("a file");
            written += 1;
        }
    }
    assert!(written >= kinds.len(), "the page lost its marks: {kinds:?}");
}

/// One entry, packed.
#[track_caller]
fn has_one_entry(copy: &Copy, program: &str) {
    let said = copy.succeed(&["inspect-gen", "pack", "--check", program]);
    assert!(said.contains("brewery 1: 1 entries in "), "{said}");
}

#[test]
fn the_page_can_be_followed() {
    if !has("make") || !has("cmake") || !has("meson") || !has("ninja") || !has("cc") {
        return;
    }
    let main = "int main(void)\n{\n\treturn (int)mash.level - 71;\n}\n";
    let helper = |copy: &Copy, name: &str| {
        let from = example(name);
        let to = copy.file(name.split_once('/').expect("an example and a file").1);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, to).expect("a helper");
    };
    for (kind, steps, program) in [
        ("make", &[&["make"][..]][..], "brewery"),
        ("cmake", &[&["cmake", "-S", ".", "-B", "build"], CMAKE.build], "build/brewery"),
        ("meson", &[MESON.configure, MESON.build], "build/brewery"),
    ] {
        let copy = Copy::empty();
        follow_the_page(&copy, &["all", "c", kind]);
        copy.edit("main.c", |text| format!("{text}\n{main}"));
        helper(&copy, "cmake/Inspect.cmake");
        helper(&copy, "meson/inspect/c/meson.build");
        fs::copy(copy.file("brewery.inspect"), copy.file("inspect/brewery.inspect")).expect("it");
        for step in steps {
            copy.succeed(step);
        }
        has_one_entry(&copy, program);
        copy.succeed(&[&copy.file(program).display().to_string()]);
    }
}

/// In an empty folder it writes the example; what is there already it leaves alone.
#[test]
fn init_writes_what_is_missing_and_changes_nothing() {
    for (word, build_file) in
        [("make", "Makefile"), ("cmake", "CMakeLists.txt"), ("meson", "meson.build")]
    {
        let option = format!("--{word}");
        let copy = Copy::empty();
        let said = copy.succeed(&["inspect-gen", "init", &option]);
        assert!(said.contains(&format!("wrote {build_file}\n")), "{said}");
        let mut expected = BTreeMap::new();
        contents(&Copy::of(word).file(""), Path::new(""), &mut expected);
        expected.remove(Path::new("README.md"));
        let mut found = BTreeMap::new();
        contents(&copy.file(""), Path::new(""), &mut found);
        assert_eq!(found, expected, "{word}");
        // Again: nothing is written, and the lines for an existing build are printed.
        let said = copy.succeed(&["inspect-gen", "init"]);
        assert!(!said.contains("wrote") && said.contains("kept"), "{said}");
        assert!(said.contains(&format!("Add to {build_file}")), "{said}");

        let copy = Copy::empty();
        fs::write(copy.file(build_file), "mine").expect("a file");
        copy.succeed(&["inspect-gen", "init"]);
        assert_eq!(fs::read(copy.file(build_file)).expect("the file"), b"mine");
        assert!(
            !copy.file("main.c").exists()
                && copy.file("brewery.inspect").exists() != (word == "meson")
        );
    }
    let copy = Copy::empty();
    let said = copy.run(&["inspect-gen", "init"]).expect_err("nothing tells which build");
    assert!(said.contains("--cmake"), "{said}");
    copy.run(&["inspect-gen", "init", "--make", "--cmake"]).expect_err("one at a time");
    let said = copy.run(&["inspect-gen", "init", "--cargo"]).expect_err("no crate");
    assert!(said.contains("cargo init"), "{said}");
    fs::write(copy.file("Cargo.toml"), "").expect("a file");
    let said = copy.succeed(&["inspect-gen", "init"]);
    assert!(said.contains("[build-dependencies]"), "{said}");
    for file in ["build.rs", ".cargo/config.toml", ".cargo/inspect-cc", "brewery.inspect"] {
        let expected = fs::read(example("cargo").join(file)).expect("a file");
        assert_eq!(fs::read(copy.file(file)).expect("a file"), expected, "{file}");
    }
    copy.succeed(&["test", "-x", ".cargo/inspect-cc"]);
    // What is kept is told what it needs, unless it has that.
    fs::write(copy.file("build.rs"), "fn main() {}\n").expect("a file");
    let said = copy.succeed(&["inspect-gen", "init"]);
    assert!(said.contains("build.rs needs these lines:\n"), "{said}");
    assert!(said.contains("inspect_gen::Build::new(\"brewery.inspect\")"), "{said}");
    assert!(!said.contains("config.toml needs"), "{said}");
}

/// What is printed for an existing Makefile is rules that make follows, as they stand there.
#[test]
fn init_prints_rules_that_make_follows() {
    let copy = Copy::empty();
    fs::write(copy.file("Makefile"), "PROGRAM: main.o\n").expect("a file");
    fs::write(copy.file("main.c"), "int main(void) { return 0; }\n").expect("a file");
    let said = copy.succeed(&["inspect-gen", "init"]);
    let lines = said.split_once("Add to Makefile:\n").expect("lines for the Makefile").1;
    let (lines, rest) = lines.split_once("\nBeside a variable:\n").expect("an annotation");
    let unindented = |text: &str| -> String {
        text.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(""))).collect()
    };
    let annotation = unindented(rest.split_once("\nThen:\n").expect("what comes then").0);
    assert!(rest.contains("inspect-gen pack --check PROGRAM"), "{rest}");
    copy.edit("Makefile", |text| format!("{text}{}", unindented(lines)));
    copy.edit("main.c", |text| format!("{annotation}{text}"));
    copy.succeed(&["make", "PROGRAM"]);
    copy.succeed(&["inspect-gen", "doctor", "--expect", "1", "PROGRAM"]);
    assert!(copy.succeed(&["make", "PROGRAM"]).contains("up to date"));
    // What includes the header is compiled again when the schema changes.
    copy.edit("brewery.inspect", |text| text.replace("level: u32", "height: u32"));
    assert!(copy.succeed(&["make", "PROGRAM"]).contains("main.o"));
    copy.succeed(&["inspect-gen", "pack", "--check", "PROGRAM"]);
}

/// Every file below a folder, by its path from there.
fn contents(folder: &Path, from: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = from.join(entry.file_name());
        match entry.path() {
            path if path.is_dir() => contents(&path, &name, found),
            path => drop(found.insert(name, fs::read_to_string(path).expect("a text"))),
        }
    }
}

/// They are one program in several builds; `inspect-gen init` writes it too.
#[test]
fn the_examples_have_the_same_sources() {
    let folder = root().join("../examples/integration");
    let read =
        |name: &str| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for name in ["main.c", "pump.c", "brewery.inspect"] {
        let first = read(&format!("make/{name}"));
        assert_eq!(read(&format!("cmake/{name}")), first, "{name}");
    }
    for name in ["main.c", "pump.c"] {
        assert_eq!(read(&format!("meson/{name}")), read(&format!("make/{name}")), "{name}");
    }
    for name in ["meson/inspect", "kbuild", "cargo", "firmware"] {
        let schema = format!("{name}/brewery.inspect");
        assert_eq!(read(&schema), read("make/brewery.inspect"), "{schema}");
    }
    assert_eq!(read("firmware/pump.c"), read("make/pump.c"));
}
