//! Prints what the program's own table says, which is there only if the program was packed.

mod pump;

mod schemas {
    inspect_runtime::include_schemas!();
}

use std::ops::ControlFlow;

use inspect_runtime::registry;
use schemas::brewery as s;

static MASH: s::Tank = s::Tank { level: 71, temperature: 65 };
inspect_runtime::annotate!(s::class::Tank: MASH, name = "mash");

fn main() {
    for table in registry::tables().flatten() {
        let mut buffer = vec![0; table.buffer_size(16)];
        let visited = table.entries(&mut buffer, &mut |entry| {
            let mut name = [0; 64];
            let name = table.text(entry.core.name, &mut name).unwrap_or("(damaged)");
            let first = first_number(entry.core.address);
            println!("{name}: {} bytes, the first number is {first}", entry.core.length);
            ControlFlow::Continue(())
        });
        if let Err(error) = visited {
            eprintln!("{error}");
        }
    }
}

/// What stands at the address of one of the variables.
fn first_number(address: u64) -> u64 {
    match address {
        it if it == (&raw const MASH).addr() as u64 => MASH.level.into(),
        it if it == (&raw const pump::STARTS).addr() as u64 => pump::STARTS[0],
        _ => u64::MAX,
    }
}
