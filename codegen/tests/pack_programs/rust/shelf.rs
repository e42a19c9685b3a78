//! A crate that is linked as a shared object of Rust, which exports its statics and those of the runtime.
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use inspect_runtime::registry;
use schemas::tests_shop as s;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

pub static SHOWN: AtomicU64 = AtomicU64::new(0xc1);
static HIDDEN: AtomicU64 = AtomicU64::new(0xc2);
inspect_runtime::annotate!(s::class::Counter: SHOWN, name = "shelf shown", owner = 3, label = "of Rust");
inspect_runtime::annotate!(s::class::Counter: HIDDEN, name = "shelf hidden");

/// Where they are, and every entry of the process.
pub fn list() {
    println!("say shown {:x}\nsay hidden {:x}", &raw const SHOWN as usize, &raw const HIDDEN as usize);
    registry::refresh().expect("the objects of the process");
    for table in registry::tables() {
        let table = table.expect("a table");
        let mut buffer = vec![0; table.buffer_size(2)];
        let visited = table.entries(&mut buffer, &mut |entry| {
            let mut name = [0; 32];
            let name = table.text(entry.core.name, &mut name).expect("a name");
            let schema = table.header().schema;
            let mut address = entry.core.address;
            if entry.core.extent & 128 != 0 {
                // SAFETY: it is a slot of the table, which the loader has filled in.
                address = unsafe { *(address as *const u64) };
            }
            println!("rust {schema:016x} {address:x} {} {name}", entry.core.length);
            ControlFlow::Continue(())
        });
        visited.expect("its rows");
    }
    for line in std::fs::read_to_string("/proc/self/maps").expect("the map").lines() {
        println!("map {line}");
    }
}
