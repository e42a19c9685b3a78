//! Dumps that go into a zone: in memory, in a mapped file, and when the machine stops in the
//! middle.
#![cfg(target_os = "linux")]

mod dump {
    #[allow(dead_code)]
    pub(crate) mod support;
}

use std::cell::RefCell;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use dump::support::{CONSUMER, address_of, entry, table};
use inspect_format::abi::{Order, payload_kind};
use inspect_format::elfcore::Core;
use inspect_format::zone::{Label, Layout, Storage, Zone};
use inspect_runtime::dump::{Error, Request, SinkError, Workspace};
use inspect_runtime::zone::{MapError, MappedFile, ReservedMemory, ZoneSink};

const LABEL: Label = Label { kind: payload_kind::ELF, nonce: 1, written_at: 2 };
const LAYOUT: Layout = Layout { slot_count: 2, order: Order::NATIVE, word_size: 8 };

fn write<S: Storage>(storage: &mut S, tables: &[u64]) -> Result<u64, Error>
where
    S::Error: std::fmt::Debug,
{
    let workspace: Workspace<8, 4096> = Workspace::new();
    let mut sink = ZoneSink::begin(storage, LABEL).expect("a slot");
    Request::new(&CONSUMER).tables(tables).elf(&workspace, &mut sink)?;
    Ok(sink.finish().expect("the last store"))
}

/// The newest dump's memory at an address.
fn newest(bytes: &[u8], address: u64, length: u64) -> Option<Vec<u8>> {
    let zone = Zone::open(&bytes).expect("a zone");
    let dump = zone.newest(&bytes).expect("it can be read")?;
    let start = dump.offset as usize;
    let core = Core::parse(&bytes[start..start + dump.record.length as usize]).expect("a core");
    core.memory(address, length).map(<[u8]>::to_vec)
}

#[test]
fn a_dump_goes_into_reserved_memory_and_comes_back() {
    let mut value = 1_u64.to_ne_bytes();
    let at = address_of(&value);
    let tables = [table(&[("value", entry(1, at, 8))])];
    let mut memory = vec![0; 20_000];
    Zone::init(&mut ReservedMemory::lent(&mut memory), LAYOUT).expect("a zone");
    assert_eq!(newest(&memory, at, 8), None);
    for sequence in 1..5_u64 {
        value = (sequence * 11).to_ne_bytes();
        let mut storage = ReservedMemory::lent(&mut memory);
        assert_eq!(write(&mut storage, &tables), Ok(sequence));
        assert_eq!(newest(&memory, at, 8), Some(value.to_vec()));
    }
    // A dump that does not fit is an error, and the last one stays.
    let large = vec![1_u8; 12_000];
    let tables = [table(&[("large", entry(1, address_of(&large[..]), 12_000))])];
    let result = write(&mut ReservedMemory::lent(&mut memory), &tables);
    assert!(matches!(result, Err(Error::Sink { error: SinkError::Full, .. })), "{result:?}");
    assert_eq!(newest(&memory, at, 8), Some(value.to_vec()));
}

/// A copy of the whole zone is taken at each point where the order of stores matters, and before:
/// whichever of them is what a reset leaves, there is a dump in it.
#[test]
fn at_every_flush_there_is_a_good_dump() {
    thread_local! {
        static SEEN: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    fn keep(start: *const u8, size: usize) {
        // SAFETY: the storage calls this with its own memory, which nobody writes to meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(start, size) };
        SEEN.with_borrow_mut(|seen| seen.push(bytes.to_vec()));
    }
    let mut value = 7_u64.to_ne_bytes();
    let at = address_of(&value);
    let tables = [table(&[("value", entry(1, at, 8))])];
    let mut memory = vec![0; 20_000];
    Zone::init(&mut ReservedMemory::lent(&mut memory), LAYOUT).expect("a zone");
    write(&mut ReservedMemory::lent(&mut memory), &tables).expect("the old dump");
    value = 8_u64.to_ne_bytes();
    write(&mut ReservedMemory::lent(&mut memory).clean_with(keep), &tables).expect("a new one");
    let seen = SEEN.take();
    assert_eq!(seen.len(), 3, "the magic cleared, the dump, the magic");
    let found: Vec<_> = seen.iter().map(|bytes| newest(bytes, at, 8)).collect();
    let (old, new) = (Some(7_u64.to_ne_bytes().to_vec()), Some(value.to_vec()));
    assert_eq!(found, [old.clone(), old, new]);
}

#[test]
fn a_mapped_file_keeps_a_dump() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("zone");
    let c_path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let value = 42_u64;
    let tables = [table(&[("value", entry(1, address_of(&value), 8))])];
    let mut file = MappedFile::open(&c_path, 20_000).expect("it is mapped");
    Zone::init(&mut file, LAYOUT).expect("a zone");
    assert_eq!(write(&mut file, &tables), Ok(1));
    let bytes = std::fs::read(&path).expect("it is there");
    let expected = Some(value.to_ne_bytes().to_vec());
    assert_eq!(newest(&bytes, address_of(&value), 8), expected);
    drop(file);
    // The next start maps it again and goes on.
    let mut file = MappedFile::open(&c_path, 20_000).expect("it is mapped");
    assert_eq!(write(&mut file, &tables), Ok(2));
    assert_eq!(file.read(19_999, &mut [0; 2]), Err(MapError::OutOfBounds));
    let missing = MappedFile::open(c"/nonexistent/zone", 100).map(|_| ());
    assert_eq!(missing, Err(MapError::Os(libc::ENOENT)));
}
