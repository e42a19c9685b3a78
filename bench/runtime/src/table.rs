//! Run-time tables: registering and taking back, by one thread and by two, and a walk over a million entries.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use inspect_format::abi::CoreEntry;
use inspect_runtime::__private::{FieldWriter, Word};
use inspect_runtime::{
    Class, ClassInfo, EntryFormat, FieldInfo, GrowingTable, Region, RegisterError, RuntimeTable,
    Sections,
};

use crate::measure::{Bar, Contestant, race};

/// An entry of the core's 64 bytes.
#[derive(Clone, Copy)]
struct Format(Region);

impl EntryFormat for Format {
    const SCHEMA: &'static str = "bench.table";
    const VERSION: u32 = 1;
    const SIZE: u32 = 64;
    const HISTORY: &'static [u64] = &[1];
    const CLASSES: &'static [ClassInfo] = &[];
    const FIELDS: &'static [FieldInfo] = &[];
    type Words = [Word; 7];

    fn region(&self) -> &Region {
        &self.0
    }

    fn write_fields(&self, _: &mut FieldWriter<'_>) -> Result<(), RegisterError> {
        Ok(())
    }

    fn sections() -> Sections {
        Sections { schema: &[], types: &[], history: &[1] }
    }
}

struct Log;

impl Class for Log {
    type Format = Format;
    type Target = u64;
    const NAME: &'static str = "log";
    const NUMBER: u32 = 77;
    const PROPERTIES: u64 = 1;
    const TYPE_ID: u32 = 0;
}

/// A compare-and-swap and a store of 64 bytes: nothing that publishes a row does less.
#[repr(align(64))]
struct Line([AtomicU64; 8]);

static LINES: [Line; 2] = [const { Line([const { AtomicU64::new(0) }; 8]) }; 2];
static TABLE: RuntimeTable<Format, 1024> = RuntimeTable::new();
static MILLION: GrowingTable<Format> = GrowingTable::new();

const PAIRS: u64 = 200_000;

fn bare(line: &Line) -> u64 {
    let [state, fields @ ..] = &line.0;
    for turn in 0..PAIRS {
        let turn = black_box(turn);
        let seen = state.load(Ordering::Relaxed);
        let _ = state.compare_exchange(seen, seen | 1, Ordering::Acquire, Ordering::Relaxed);
        fields.iter().for_each(|field| field.store(turn, Ordering::Relaxed));
        state.store((seen | 1) + 1, Ordering::Release);
    }
    PAIRS
}

#[inline(never)]
fn unnamed() -> u64 {
    for turn in 0..PAIRS {
        let entry = Format(Region::new::<Log>(black_box(turn) << 6, 64).instance(3));
        let handle = TABLE.register(entry).unwrap();
        black_box(TABLE.unregister(handle)).unwrap();
    }
    PAIRS
}

#[inline(never)]
fn named() -> u64 {
    for turn in 0..PAIRS {
        let entry = Format(Region::new::<Log>(black_box(turn) << 6, 64).name("listener"));
        let handle = TABLE.register(entry).unwrap();
        black_box(TABLE.unregister(handle)).unwrap();
    }
    PAIRS
}

type Row = [u64; 8];

fn slab_in_mutex(slab: &parking_lot::Mutex<slab::Slab<Row>>) -> u64 {
    for turn in 0..PAIRS {
        let row = black_box([turn; 8]);
        let key = slab.lock().insert(row);
        black_box(slab.lock().remove(key));
    }
    PAIRS
}

fn sharded_slab(slab: &sharded_slab::Slab<Row>) -> u64 {
    for turn in 0..PAIRS {
        let key = slab.insert(black_box([turn; 8])).unwrap();
        black_box(slab.remove(key));
    }
    PAIRS
}

/// Two threads do the same at once.
fn twice(work: impl Fn(usize) -> u64 + Sync) -> u64 {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(1));
        work(0) + other.join().unwrap()
    })
}

pub fn run() -> bool {
    let registered = register();
    let twice = register_twice();
    registered & twice & iterate()
}

fn register() -> bool {
    let locked = parking_lot::Mutex::new(slab::Slab::new());
    let sharded = sharded_slab::Slab::new();
    race(
        "register + unregister, one thread",
        PAIRS,
        31,
        &mut [
            Contestant::new("RuntimeTable", Bar::None, unnamed),
            Contestant::new("the same with a name", Bar::None, named),
            Contestant::new("CAS and 64 bytes", Bar::Within(4.0), || bare(&LINES[0])),
            Contestant::new("slab in a mutex", Bar::Faster(1.0), || slab_in_mutex(&locked)),
            Contestant::new("sharded-slab", Bar::Faster(1.0), || sharded_slab(&sharded)),
        ],
    )
}

fn register_twice() -> bool {
    let locked = parking_lot::Mutex::new(slab::Slab::new());
    let sharded = sharded_slab::Slab::new();
    race(
        "register + unregister, two threads, each as often as one alone",
        PAIRS,
        31,
        &mut [
            Contestant::new("RuntimeTable", Bar::None, || twice(|_| unnamed())),
            Contestant::new("RuntimeTable, one thread", Bar::Within(2.0), unnamed),
            Contestant::new("CAS and 64 bytes", Bar::None, || twice(|index| bare(&LINES[index]))),
            Contestant::new("slab in a mutex", Bar::Faster(1.0), || {
                twice(|_| slab_in_mutex(&locked))
            }),
            Contestant::new("sharded-slab", Bar::Faster(1.0), || twice(|_| sharded_slab(&sharded))),
        ],
    )
}

fn iterate() -> bool {
    const ENTRIES: u64 = 1_000_000;
    for index in MILLION.iter().count() as u64..ENTRIES {
        MILLION.register(Format(Region::new::<Log>(index << 6, 64))).unwrap();
    }
    let array: Vec<CoreEntry> = MILLION.iter().map(|entry| entry.core).collect();
    let look = |sum: u64, core: &CoreEntry| match core.class {
        5 => sum + 1,
        _ => sum.wrapping_add(core.address ^ core.length ^ core.properties),
    };
    race(
        "walk over a million live entries",
        ENTRIES,
        31,
        &mut [
            Contestant::new("GrowingTable", Bar::None, || {
                let chunks = MILLION.chunks().flat_map(|chunk| chunk.iter());
                chunks.fold(0, |sum, entry| look(sum, &entry.core))
            }),
            Contestant::new("array of the same structs", Bar::Within(1.25), || {
                black_box(&array).iter().fold(0, look)
            }),
        ],
    )
}
