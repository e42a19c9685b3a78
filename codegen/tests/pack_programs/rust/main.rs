//! A program of two crates and a library in C: it shows what Rust finds, then what C finds.
use inspect_runtime::registry;
use std::ops::ControlFlow;

unsafe extern "C" {
    safe fn list_entries() -> i32;
    safe fn garden_place(which: i32) -> usize;
}

fn main() {
    let [misses, tree] = two::places();
    let [garden_tree, garden_visits] = [garden_place(0), garden_place(1)];
    println!("say one_hits {:x}\nsay two_misses {misses:x}", &raw const one::HITS as usize);
    println!("say two_tree {tree:x}\nsay garden_tree {garden_tree:x}");
    println!("say garden_visits {garden_visits:x}");
    registry::refresh().expect("the objects of the process");
    for table in registry::tables() {
        let table = table.expect("a table");
        assert!(!table.is_run_time());
        let mut buffer = vec![0; table.buffer_size(2)];
        let visited = table.entries(&mut buffer, &mut |entry| {
            let mut name = [0; 32];
            let name = table.text(entry.core.name, &mut name).expect("a name");
            assert!(entry.core.extent == 0, "an object");
            let schema = table.header().schema;
            println!("rust {schema:016x} {:x} {} {name}", entry.core.address, entry.core.length);
            ControlFlow::Continue(())
        });
        visited.expect("its rows");
    }
    std::process::exit(list_entries());
}
