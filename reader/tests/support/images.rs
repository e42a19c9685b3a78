//! Images that are made of a program's own dump: a zone, a snapshot, raw memory, compressed files.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use inspect_format::abi::note_kind;
use inspect_format::elfcore::{Core, PF_W, PT_LOAD};
use inspect_format::snapshot::{CAPTURE, MANIFEST, ManifestWriter, Run, TABLES};
use inspect_format::zone::{Label, Layout, Storage, Zone};

use super::tools::command;

/// The kind of payload that is an ELF core.
const ELF: u32 = 1;

/// A zone in a file that keeps one dump.
#[track_caller]
pub(crate) fn zone(dump: &Path, zone: &Path) {
    let payload = fs::read(dump).expect("a dump");
    let order = Core::parse(&payload).expect("a core").header().order;
    let mut storage = Bytes(vec![0xa5; 4 * payload.len()]);
    let layout = Layout { slot_count: 2, order, word_size: 8 };
    let made = Zone::init(&mut storage, layout).expect("a zone");
    let label = Label { kind: ELF, nonce: 1, written_at: 1_700_000_000_000_000_000 };
    let mut writer = made.begin(&mut storage, label).expect("a slot");
    writer.write(&payload).expect("it fits");
    writer.finish().expect("it is stored");
    fs::write(zone, storage.0).expect("a zone");
}

/// A directory as the runtime writes it.
#[track_caller]
pub(crate) fn snapshot(dump: &Path, directory: &Path) {
    let bytes = fs::read(dump).expect("a dump");
    let core = Core::parse(&bytes).expect("a core");
    let note = |kind| {
        let mut notes = core.notes().map(|note| note.expect("a note"));
        notes.find(|note| note.is(kind)).expect("a note of the kind").contents
    };
    let (tables, capture) = (note(note_kind::TABLES), note(note_kind::CAPTURE));
    fs::create_dir_all(directory).expect("a directory");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(directory.join(name), bytes).expect("a file");
    };
    let sizes = (tables.len() as u64, capture.len() as u64);
    let mut manifest = ManifestWriter::new(String::new(), sizes.0, sizes.1).expect("a text");
    let mut segments: Vec<_> = core.segments().filter(|it| it.kind == PT_LOAD).collect();
    segments.sort_by_key(|segment| segment.address);
    for segment in segments {
        let run = Run { address: segment.address, length: segment.file_size };
        manifest.run(run).expect("a line");
        write(run.file_name().as_str(), core.data(&segment).expect("its bytes"));
    }
    write(TABLES, tables);
    write(CAPTURE, capture);
    write(MANIFEST, manifest.finish().expect("a text").as_bytes());
}

/// The longest piece of writable memory without holes in a core, in a file; the address of its first byte, and how
/// many there are. The data of a static program is that.
#[track_caller]
pub(crate) fn raw(core: &Path, file: &Path) -> (u64, u64) {
    let bytes = fs::read(core).expect("a core");
    let core = Core::parse(&bytes).expect("a core");
    let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
    let segments = core.segments().filter(|it| it.kind == PT_LOAD && it.flags & PF_W != 0);
    for segment in segments {
        let data = core.data(&segment).expect("its bytes");
        match pieces.last_mut() {
            Some((start, piece)) if *start + piece.len() as u64 == segment.address => {
                piece.extend(data);
            }
            _ => pieces.push((segment.address, data.to_vec())),
        }
    }
    // What lies lowest is the program's own.
    let (start, piece) = pieces.into_iter().min().expect("writable memory");
    let length = piece.len() as u64;
    fs::write(file, piece).expect("a file");
    (start, length)
}

/// A file compressed by `gzip` or `zstd`.
#[track_caller]
pub(crate) fn compressed(by: &str, file: &Path, to: &Path) {
    let out = fs::File::create(to).expect("a file");
    let mut compressor = command(Path::new("/"), by);
    compressor.arg("-c").arg(file).stdin(Stdio::null()).stdout(out);
    assert!(compressor.status().expect("it runs").success(), "{by}");
}

struct Bytes(Vec<u8>);

impl Storage for Bytes {
    type Error = &'static str;

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Self::Error> {
        let from = self.0.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or("outside")?);
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        let to = self.0.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        to.ok_or("outside")?.copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
