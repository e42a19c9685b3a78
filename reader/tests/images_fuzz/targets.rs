//! What the fuzz target of ELF images does with its input. The target in `fuzz/` and the replay of its finds,
//! `images_kernels`, both include this file, so that a find fails in both places or in neither.

use std::path::PathBuf;

use inspect_format::abi::space;
use inspect_reader::discover::{self, tables_of};
use inspect_reader::image::{Image, Options, Target, open};

/// Opens anything as an ELF file, and reads what a reader would: runs, the files behind them, objects and tables.
pub(crate) fn elf_core(bytes: &[u8]) {
    let path = file();
    std::fs::write(&path, bytes).expect("a file in memory");
    // No file of this machine is looked at, whatever names the input holds.
    let options = Options { sysroot: Some("/nonexistent".into()), ..Options::default() };
    if let Ok(image) = open(&Target::Path(path), &options) {
        look(&image);
    }
}

/// A file of this thread.
fn file() -> PathBuf {
    thread_local! {
        static FILE: PathBuf = {
            let folder = ["/dev/shm", "/tmp"].into_iter().find(|it| PathBuf::from(it).is_dir());
            let thread = format!("{:?}", std::thread::current().id());
            let number: String = thread.chars().filter(char::is_ascii_digit).collect();
            let name = format!("inspect-fuzz-{}-{number}", std::process::id());
            PathBuf::from(folder.expect("a folder")).join(name)
        };
    }
    FILE.with(PathBuf::clone)
}

fn look(image: &Image) {
    for space in [space::VIRTUAL, space::PHYSICAL, space::BUS] {
        let runs = image.memory.runs(space);
        assert!(runs.iter().all(|run| run.length > 0));
        assert!(runs.windows(2).all(|it| it[0].address + it[0].length <= it[1].address));
        for run in runs.iter().take(64) {
            let mut bytes = vec![0; run.length.min(5000) as usize];
            let _ = image.memory.read(space, run.address, &mut bytes);
            if let Some(span) = image.memory.in_file(space, run.address) {
                let mut byte = [0];
                assert!(span.length > 0 && span.length <= run.length);
                span.file.read(span.offset + span.length - 1, &mut byte).expect("it stands there");
            }
        }
    }
    for object in &image.objects {
        assert!(object.range.start <= object.range.end);
    }
    for remark in &image.remarks {
        assert!(!remark.text.is_empty() && !remark.text.ends_with('.'));
    }
    let options = discover::Options {
        scan: discover::Scan::Always,
        limit: discover::Limit(1 << 20),
        ..discover::Options::default()
    };
    let _ = tables_of(image, &options);
}
