//! A cache that serves `get KEY`, `put KEY VALUE` and `crash` from its standard input, and that
//! leaves a core, a zone and a snapshot behind when it crashes: `daemon DIRECTORY`.
//!
//! What matters is registered where it comes into being. Who may see what of it is said once, in
//! the schema: the report that leaves the machine has the numbers and the log, and never a user's
//! data.

mod cache;
mod crash;
mod poison;

mod schemas {
    inspect_runtime::include_schemas!();
}

use std::error::Error;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use inspect_runtime::RuntimeTable;
use schemas::cached_state as s;

#[global_allocator]
static ALLOCATOR: poison::Allocator = poison::Allocator;

/// What the daemon announces.
static TABLE: RuntimeTable<s::Region, 64> = RuntimeTable::new();

static STATS: s::Stats = s::Stats::ZERO;

/// Two clients. The schema says that a token is sensitive: where connections are dumped, it is not.
static CONNS: [s::Conn; 2] = [
    s::Conn { id: 1001, fd: 4, token: *b"token of the first client, 32 by", ..s::Conn::ZERO },
    s::Conn { id: 1002, fd: 5, token: *b"token of the second client, 32 b", ..s::Conn::ZERO },
];

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: daemon DIRECTORY")?);
    let mut log = Log::announced("main")?;
    let stats = s::Region::of::<s::class::Stats>(&STATS).name("cache").instance(0);
    TABLE.register(stats)?;
    TABLE.register(s::Region::of::<s::class::Conns>(&CONNS).name("clients"))?;
    crash::prepare(&directory)?;
    let mut cache = cache::Cache::new(&TABLE);
    log.line("ready");
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        log.line(&line);
        serve(&mut cache, &line)?;
    }
    Ok(())
}

fn serve(cache: &mut cache::Cache, request: &str) -> Result<(), Box<dyn Error>> {
    let words: Vec<&str> = request.splitn(3, ' ').collect();
    match words[..] {
        ["get", key] => match cache.get(key) {
            Some(value) => {
                STATS.hits.fetch_add(1, Ordering::Relaxed);
                println!("{value}");
            }
            None => {
                STATS.misses.fetch_add(1, Ordering::Relaxed);
                println!("nothing");
            }
        },
        ["put", key, value] => {
            cache.put(key, value)?;
            STATS.bytes.fetch_add(value.len() as u64, Ordering::Relaxed);
            println!("stored");
        }
        ["crash"] => crash::provoke(),
        _ => println!("get KEY, put KEY VALUE, crash"),
    }
    Ok(())
}

/// The last lines of the log, in turns. They lie on the heap and stay there.
struct Log {
    records: &'static mut [s::LogRecord],
    next: usize,
}

impl Log {
    fn announced(name: &'static str) -> Result<Self, Box<dyn Error>> {
        let records = vec![s::LogRecord::ZERO; 8].leak();
        let address = records.as_ptr().expose_provenance() as u64;
        let length = size_of_val(records) as u64;
        TABLE.register(s::Region::new::<s::class::Log>(address, length).name(name))?;
        Ok(Self { records, next: 0 })
    }

    fn line(&mut self, text: &str) {
        let mut record = s::LogRecord { level: 3, ..s::LogRecord::ZERO };
        let length = text.len().min(record.text.len());
        record.text[..length].copy_from_slice(&text.as_bytes()[..length]);
        record.text_len = length as u16;
        let place = self.next % self.records.len();
        self.records[place] = record;
        self.next += 1;
    }
}
