//! The root in what Rust's linkers make: with every profile, link-time optimisation, linker and `strip`, the note
//! is there and leads to the root. A program finds the tables of a shared object that it loads, and survives
//! that it is unloaded.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_format::abi::{NOTE_NAME, Order, Root, note_kind};
use inspect_format::root;

/// A package of a program and a plugin that use this crate.
struct Package {
    folder: PathBuf,
}

const MANIFEST: &str = r#"
[package]
name = "survivor"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "app"
path = "app.rs"

[lib]
name = "plugin"
path = "plugin.rs"
crate-type = ["cdylib"]

[dependencies]
inspect-runtime = { path = "@", features = ["hosted"] }

[workspace]

[profile.thin]
inherits = "release"
lto = "thin"

[profile.fat]
inherits = "release"
lto = "fat"
codegen-units = 1
panic = "abort"
"#;

impl Package {
    fn new() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        // It stays from run to run, so that its dependencies are compiled once.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("survivor");
        std::fs::create_dir_all(&folder).unwrap();
        let manifest = MANIFEST.replace('@', here.to_str().unwrap());
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        let lock = here.parent().unwrap().join("Cargo.lock");
        std::fs::copy(lock, folder.join("Cargo.lock")).unwrap();
        for (from, to) in [
            ("programs/app.rs", "app.rs"),
            ("programs/plugin.rs", "plugin.rs"),
            ("support/mod.rs", "support.rs"),
        ] {
            std::fs::copy(here.join("tests").join(from), folder.join(to)).unwrap();
        }
        Self { folder }
    }

    /// Builds program and plugin, the plugin first.
    fn build(&self, profile: &str, flags: &[&str]) -> [PathBuf; 2] {
        let target = self.folder.join("target");
        for what in [["--lib", "--offline"], ["--bin=app", "--offline"]] {
            let output = Command::new(env!("CARGO"))
                .args(["rustc", "--quiet", "--profile", profile])
                .args(what)
                .arg("--")
                .args(flags)
                .current_dir(&self.folder)
                .env("CARGO_TARGET_DIR", &target)
                .env_remove("RUSTFLAGS")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{profile} {flags:?}: {said}");
        }
        let folder = target.join(if profile == "dev" { "debug" } else { profile });
        [folder.join("libplugin.so"), folder.join("app")]
    }
}

fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        let is_required = std::env::var("INSPECT_REQUIRE_TOOLS").as_deref() == Ok("1");
        assert!(!is_required, "{tool} is missing");
        eprintln!("skipped what needs {tool}");
    }
    found
}

/// The segments of an ELF file of this machine's word size and byte order.
struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn number(&self, at: usize, size: usize) -> u64 {
        let mut bytes = [0; 8];
        let places = if cfg!(target_endian = "little") { 0..size } else { 8 - size..8 };
        bytes[places].copy_from_slice(&self.bytes[at..at + size]);
        u64::from_ne_bytes(bytes)
    }

    /// Offset, address and size in the file of the segments of a type, and whether they can be written to.
    fn segments(&self, wanted: u32) -> impl Iterator<Item = (u64, u64, u64, bool)> {
        let (start, size, count) = (self.number(32, 8), self.number(54, 2), self.number(56, 2));
        (0..count).map(move |index| (start + index * size) as usize).filter_map(move |at| {
            let numbers = [at + 8, at + 16, at + 32].map(|at| self.number(at, 8));
            let is_writable = self.number(at + 4, 4) & u64::from(libc::PF_W) != 0;
            let [offset, address, size] = numbers;
            (self.number(at, 4) == u64::from(wanted)).then_some((
                offset,
                address,
                size,
                is_writable,
            ))
        })
    }

    /// Where the bytes of an address lie in the file, which must be writable in memory.
    fn writable(&self, address: u64) -> Option<usize> {
        let mut loads = self.segments(libc::PT_LOAD);
        let load = loads.find(|(_, start, size, _)| address.wrapping_sub(*start) < *size)?;
        load.3.then_some((load.0 + (address - load.1)) as usize)
    }

    /// The addresses of roots that notes lead to.
    fn roots(&self) -> Vec<u64> {
        let mut roots = Vec::new();
        for (offset, address, size, _) in self.segments(libc::PT_NOTE) {
            let (mut at, end) = (offset as usize, (offset + size) as usize);
            while at + 12 <= end {
                let [name_size, desc_size, kind] =
                    [at, at + 4, at + 8].map(|at| self.number(at, 4) as usize);
                let name = &self.bytes[at + 12..at + 12 + name_size];
                let desc = at + 12 + name_size.next_multiple_of(4);
                if name == NOTE_NAME && kind == note_kind::ROOT as usize {
                    assert_eq!(desc_size, 8);
                    let desc_address = address + (desc as u64 - offset);
                    roots.push(desc_address.wrapping_add(self.number(desc, 8)));
                }
                at = desc + desc_size.next_multiple_of(4);
            }
        }
        roots
    }
}

/// The note is there, once, and leads to a root whose section lies in writable memory.
fn look(path: &Path) {
    let image = Image { bytes: std::fs::read(path).unwrap() };
    let roots = image.roots();
    let name = path.display();
    assert_eq!(roots.len(), 1, "{name}: {roots:x?}");
    let at = image.writable(roots[0]).unwrap_or_else(|| panic!("{name}: no memory"));
    let bytes: &[u8; Root::SIZE] = image.bytes[at..].first_chunk().unwrap();
    // Nobody has loaded it, so that it does not know where it lies.
    let checked = root::check(bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
    let record = checked.record;
    assert_eq!((checked.order, record.word_size, record.size), (Order::NATIVE, 8, 64), "{name}");
    assert_eq!((record.runtime_table, record.nonce), (0, 0), "{name}");
    let size = record.compile_end.wrapping_sub(record.compile_table);
    assert!((8..4096).contains(&size), "{name}: {record:?}");
    let first = roots[0].wrapping_add(record.compile_table);
    assert!(image.writable(first).is_some(), "{name}: {record:?}");
    assert!(image.writable(first + size - 1).is_some(), "{name}: {record:?}");
}

/// A program that loads and unloads the plugin.
fn run(plugin: &Path, app: &Path) {
    let output = Command::new(app).arg(plugin).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}{complaint}", app.display());
    let expected =
        "alone (1, 0)\nloaded (1, 0)\nregistered (2, 0)\nunloaded (1, 1)\nrefreshed (1, 0)\n";
    assert_eq!(said, expected, "{}", app.display());
}

#[test]
fn the_root_survives_every_linker() {
    let package = Package::new();
    let mut linkers: Vec<&[&str]> = vec![&[]];
    if has("ld.bfd") {
        linkers.push(&["-Clink-arg=-fuse-ld=bfd"]);
    }
    if has("ld.lld") {
        linkers.push(&["-Clink-arg=-fuse-ld=lld"]);
    }
    let can_strip = has("strip");
    for profile in ["dev", "release", "thin", "fat"] {
        // The linkers differ in what they keep, and the optimiser in what it gives them: the ends of the row do.
        let linkers = if ["dev", "fat"].contains(&profile) { &linkers[..] } else { &linkers[..1] };
        for linker in linkers {
            let mut flags = linker.to_vec();
            flags.push("-Clink-arg=-Wl,--gc-sections");
            let files = package.build(profile, &flags);
            files.iter().for_each(|file| look(file));
            let [plugin, app] = &files;
            run(plugin, app);
            if can_strip {
                let stripped = files.clone().map(|file| file.with_extension("stripped"));
                for (file, stripped) in files.iter().zip(&stripped) {
                    let status = Command::new("strip")
                        .args([
                            "-s".as_ref(),
                            "-o".as_ref(),
                            stripped.as_os_str(),
                            file.as_os_str(),
                        ])
                        .status();
                    assert!(status.unwrap().success());
                    look(stripped);
                }
                let [plugin, app] = &stripped;
                run(plugin, app);
            }
        }
    }
}
