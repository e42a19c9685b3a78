//! Every command on every image has a golden: what it prints, what it says beside, and how it ends.
//!
//! A new command is a line of [`COMMANDS`], a new image a function in [`IMAGES`]. `INSTA_UPDATE=always cargo test -p
//! inspect-reader --test commands` writes the goldens anew; then read the difference.

mod support;

#[path = "images/vmcore.rs"]
mod vmcore;

#[path = "commands/tables.rs"]
mod tables;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use inspect_format::abi::Order;
use inspect_format::elfcore::Class;
use support::cores::by_gdb;
use support::images;
use support::machines::MACHINES;
use support::normal::Normal;
use support::running::Running;
use support::shapes::SHAPES;
use support::shop::{PACKED, SHOP, VARIANTS};
use support::tools::{has, inspect, output, run, text};
use vmcore::{Vmcore, page};

/// A command: its name in goldens, and its arguments. `TARGET` stands for the image, `OTHER` for another image of the
/// same program, `OUT` for a file that it writes, which is listed afterwards.
const COMMANDS: &[(&str, &[&str])] = &[
    ("list", &["list", "TARGET"]),
    ("list-selected", &["list", "TARGET", "prop:dump", "name:*s*"]),
    ("list-json", &["list", "TARGET", "--json"]),
    ("list-consumer", &["list", "TARGET", "--consumer", "report"]),
    ("show", &["show", "TARGET"]),
    ("show-selected", &["show", "TARGET", "class:counter"]),
    ("show-json", &["show", "TARGET", "--json"]),
    ("map", &["map", "TARGET"]),
    ("map-json", &["map", "TARGET", "--json"]),
    ("doctor", &["doctor", "TARGET"]),
    ("doctor-json", &["doctor", "TARGET", "--json"]),
    ("dump", &["dump", "TARGET", "-o", "OUT", "--consumer", "report"]),
    ("dump-json", &["dump", "TARGET", "-o", "OUT", "--consumer", "report", "--json"]),
    ("diff-self", &["diff", "TARGET", "TARGET"]),
    ("diff-other", &["diff", "OTHER", "TARGET"]),
    ("diff-json", &["diff", "OTHER", "TARGET", "--json"]),
    ("export-json", &["export", "TARGET", "--format", "json"]),
    ("export-ndjson", &["export", "TARGET", "--format", "ndjson"]),
    ("export-csv", &["export", "TARGET", "--format", "csv"]),
    ("export-arrow", &["export", "TARGET", "--format", "arrow", "-o", "OUT"]),
    ("export-parquet", &["export", "TARGET", "--format", "parquet", "-o", "OUT"]),
    ("watch", &["watch", "TARGET", "--count", "2", "--interval", "10ms"]),
];

/// The beginning of what the fixture has marked as sensitive, `hunter2`: as text, as numbers, as bytes.
const SECRETS: [&str; 5] =
    ["hunter2", "104, 117, 110", "104,117,110", "68756e74657232", "68 75 6e 74 65"];

/// An image, ready to be read.
struct Image {
    target: String,
    /// Another image of the same program.
    other: String,
    normal: Normal,
    /// What has to live as long.
    _running: Option<Running>,
}

/// An image by its name, and how it is made in a folder; nothing where a tool for it is missing.
type Maker = (&'static str, fn(&Path) -> Option<Image>);

const IMAGES: &[Maker] = &[
    ("program", program),
    ("unpacked", unpacked),
    ("library", library),
    ("object", object_file),
    ("process", process),
    ("core", core),
    ("core-unpacked", core_unpacked),
    ("dump", dump),
    ("shapes", shapes),
    ("shapes-few", shapes_few),
    ("shapes-s390x", shapes_s390x),
    ("shapes-armv7", shapes_armv7),
    ("schema", schema),
    ("detached", detached),
    ("zone", zone),
    ("snapshot", snapshot),
    ("raw", raw),
    ("gzip", gzip),
    ("zstd", zstd),
    ("kernel", kernel),
];

fn utf8(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

fn of_file(path: &Path) -> Image {
    let normal = Normal::default().elf(path);
    Image { target: utf8(path), other: utf8(path), normal, _running: None }
}

fn program(_: &Path) -> Option<Image> {
    Some(Image { other: utf8(&SHOP.program(VARIANTS[0])), ..of_file(&SHOP.program(PACKED)) })
}

fn unpacked(_: &Path) -> Option<Image> {
    Some(Image { other: utf8(&SHOP.program(PACKED)), ..of_file(&SHOP.program(VARIANTS[1])) })
}

fn library(_: &Path) -> Option<Image> {
    Some(Image { other: utf8(&SHOP.program(PACKED)), ..of_file(&SHOP.library(VARIANTS[3])) })
}

fn object_file(folder: &Path) -> Option<Image> {
    let copy = folder.join("second.o");
    fs::copy(SHOP.workshop.path("second.o"), &copy).expect("a copy");
    let target = utf8(&copy);
    Some(Image { other: target.clone(), target, normal: Normal::default(), _running: None })
}

fn process(_: &Path) -> Option<Image> {
    let running = Running::start(&SHOP.program(PACKED), &["wait"]);
    let normal = Normal::default().process(running.id());
    let target = running.target();
    let other = utf8(&shop_dump());
    let normal = normal.around(&shop_dump());
    Some(Image { target, other, normal, _running: Some(running) })
}

/// The core of a process that has ended by now.
fn core_of(program: &Path, folder: &Path) -> Option<Image> {
    if !has("gdb") {
        return None;
    }
    let running = Running::start(program, &["wait"]);
    let core = by_gdb(&running, folder);
    let normal = Normal::default().process(running.id()).around(&shop_dump());
    Some(Image { target: utf8(&core), other: utf8(&shop_dump()), normal, _running: None })
}

fn core(folder: &Path) -> Option<Image> {
    core_of(&SHOP.program(PACKED), folder)
}

fn core_unpacked(folder: &Path) -> Option<Image> {
    core_of(&SHOP.program(VARIANTS[1]), folder)
}

/// What the program wrote about itself.
fn shop_dump() -> PathBuf {
    static DUMP: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let dump = SHOP.workshop.path("shop.dump");
        run(std::process::Command::new(SHOP.program(PACKED)).arg("dump").arg(&dump));
        dump
    });
    DUMP.clone()
}

/// An image with the addresses of the program's own dump.
fn like_dump(target: String) -> Image {
    let normal = Normal::default().around(&shop_dump());
    Image { target, other: utf8(&shop_dump()), normal, _running: None }
}

fn dump(_: &Path) -> Option<Image> {
    Some(Image { other: utf8(&SHOP.program(PACKED)), ..like_dump(utf8(&shop_dump())) })
}

fn shapes_of(machine: &str, consumer: &str) -> Option<Image> {
    let machine = MACHINES.iter().find(|it| it.name == machine).expect("a machine");
    if !machine.is_at_hand() {
        return None;
    }
    let dump = SHAPES.dump(machine, consumer);
    let other = SHAPES.dump(machine, "all");
    let normal = Normal::default().elf(&dump).elf(&other).elf(&SHAPES.program(machine));
    Some(Image { target: utf8(&dump), other: utf8(&other), normal, _running: None })
}

fn shapes(_: &Path) -> Option<Image> {
    shapes_of("x86_64", "all")
}

fn shapes_few(_: &Path) -> Option<Image> {
    shapes_of("x86_64", "few")
}

fn shapes_s390x(_: &Path) -> Option<Image> {
    shapes_of("s390x", "all")
}

fn shapes_armv7(_: &Path) -> Option<Image> {
    shapes_of("armv7", "all")
}

fn schema(_: &Path) -> Option<Image> {
    let target = utf8(&SHAPES.workshop.path("table/shapes.x86_64.table"));
    Some(Image { other: target.clone(), target, normal: Normal::default(), _running: None })
}

fn detached(folder: &Path) -> Option<Image> {
    SHOP.workshop.pack_detached("unpacked/shop", "shop.table");
    let table = folder.join("shop.table");
    fs::copy(SHOP.workshop.path("shop.table"), &table).expect("a copy");
    let other = utf8(&SHOP.program(PACKED));
    let normal = Normal::default().elf(&SHOP.program(PACKED));
    Some(Image { target: utf8(&table), other, normal, _running: None })
}

fn zone(folder: &Path) -> Option<Image> {
    let zone = folder.join("zone");
    images::zone(&shop_dump(), &zone);
    Some(like_dump(utf8(&zone)))
}

fn snapshot(folder: &Path) -> Option<Image> {
    let directory = folder.join("snapshot");
    images::snapshot(&shop_dump(), &directory);
    Some(like_dump(utf8(&directory)))
}

fn raw(folder: &Path) -> Option<Image> {
    if !has("gdb") {
        return None;
    }
    let running = Running::start(&SHAPES.program(&MACHINES[0]), &["wait"]);
    let core = by_gdb(&running, folder);
    let file = folder.join("raw");
    let (start, length) = images::raw(&core, &file);
    let normal = Normal::default().range(start..start + length).elf(&SHAPES.program(&MACHINES[0]));
    let target = format!("raw:{}@{start:#x}", utf8(&file));
    Some(Image { other: utf8(&core), target, normal, _running: None })
}

fn compressed(by: &str, folder: &Path) -> Option<Image> {
    if !has(by) {
        return None;
    }
    let file = folder.join(format!("dump.{by}"));
    images::compressed(by, &shop_dump(), &file);
    Some(like_dump(utf8(&file)))
}

fn gzip(folder: &Path) -> Option<Image> {
    compressed("gzip", folder)
}

fn zstd(folder: &Path) -> Option<Image> {
    compressed("zstd", folder)
}

/// A core of a kernel, with a root that the kernel names, and memory that the one entry there lies in.
fn kernel(folder: &Path) -> Option<Image> {
    const ROOT: u64 = 0xffff_ffff_8100_0000;
    let core = |name: &str, byte: u8| {
        let mut core = Vmcore::new(Class::Elf64, Order::Little);
        let note = format!("OSRELEASE=6.1.0\nSYMBOL(inspect_root)={ROOT:x}\n");
        core.note("VMCOREINFO", note.as_bytes()).load(
            ROOT,
            0x100_0000,
            &page(Order::Little, 8, ROOT),
        );
        core.load(0x1234_5000, 0x5000, &[byte; 4096]);
        let file = folder.join(name);
        fs::write(&file, core.finish()).expect("a core");
        utf8(&file)
    };
    let (target, other) = (core("vmcore", 3), core("vmcore.old", 2));
    Some(Image { target, other, normal: Normal::default(), _running: None })
}

/// What a command did with an image.
struct Outcome {
    code: Option<i32>,
    text: String,
}

fn outcome(image: &Image, folder: &Path, arguments: &[&str]) -> Outcome {
    let out = folder.join("out");
    let word = |word: &&str| match *word {
        "TARGET" => image.target.clone(),
        "OTHER" => image.other.clone(),
        "OUT" => utf8(&out),
        word => word.to_owned(),
    };
    let words: Vec<String> = arguments.iter().map(word).collect();
    let done = output(&mut inspect(&words));
    let mut found = format!("exit code {:?}\n", done.status.code());
    let mut part = |title: &str, part: &str| {
        if !part.is_empty() {
            let _ = write!(found, "---- {title}\n{part}");
        }
    };
    part("output", &text(&done.stdout));
    part("messages", &text(&done.stderr));
    if arguments.contains(&"export") && out.exists() {
        part("table that was written", &tables::described(&out));
        fs::remove_file(&out).expect("it can go");
    }
    if arguments.contains(&"OUT") && out.exists() {
        let listed = output(inspect(&["list"]).arg(&out));
        part("list of what was written", &text(&listed.stdout));
        part("messages about it", &text(&listed.stderr));
        fs::remove_file(out).expect("it can go");
    }
    let mut normal = image.normal.clone().padded();
    for (path, name) in [
        (folder, "[folder]"),
        (SHOP.workshop.folder(), "[shop]"),
        (SHAPES.workshop.folder(), "[shapes]"),
    ] {
        normal = normal.folder(path, name);
    }
    Outcome { code: done.status.code(), text: without_system(&normal.apply(&found)) }
}

/// The text without what follows from the machine's own libraries, and from the pages of which the kernel or gdb
/// have written more or fewer.
fn without_system(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let is_system =
            ["/usr/lib", "/lib/", "[vdso]", "ld-linux"].iter().any(|it| line.contains(it));
        // A look takes as long as it takes.
        let is_time = line.starts_with("after ") && line.ends_with(" s");
        let line = if is_time { "after # s" } else { line };
        if is_system {
            continue;
        }
        // How many bytes and files come from libraries, the machine decides.
        if line.contains(" come from ") {
            let is_digits =
                |it: &str| !it.is_empty() && it.bytes().all(|digit| digit.is_ascii_digit());
            let is_number = |it: &str| is_digits(it.trim_start_matches('"'));
            let word = |it| if is_number(it) { "#" } else { it };
            out.push_str(&line.split(' ').map(word).collect::<Vec<_>>().join(" "));
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

#[test]
fn every_command_on_every_image() {
    if !has("gcc") {
        return;
    }
    let mut wrong = Vec::new();
    for (image_name, make) in IMAGES {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(image) = make(folder.path()) else {
            eprintln!("skipped: {image_name}");
            continue;
        };
        for (command_name, arguments) in COMMANDS {
            let outcome = outcome(&image, folder.path(), arguments);
            if outcome.text.contains("panicked") || outcome.code.is_none() {
                wrong.push(format!("{command_name} of {image_name}: {}", outcome.text));
            }
            if SECRETS.iter().any(|secret| outcome.text.contains(secret)) {
                wrong.push(format!("{command_name} of {image_name} tells a secret"));
            }
            insta::with_settings!({
                snapshot_path => "snapshots/commands",
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                insta::assert_snapshot!(format!("{image_name}__{command_name}"), outcome.text);
            });
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// No golden is left of an image or a command that is gone.
#[test]
fn every_golden_belongs_to_a_cell() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/commands");
    for entry in fs::read_dir(folder).expect("goldens") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let Some(cell) = name.strip_suffix(".snap") else { continue };
        let (image, command) = cell.split_once("__").expect("a cell");
        assert!(IMAGES.iter().any(|(it, _)| *it == image), "{name} is of no image");
        assert!(COMMANDS.iter().any(|(it, _)| *it == command), "{name} is of no command");
    }
}
