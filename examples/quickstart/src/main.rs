//! Announces two regions in a run-time table, one by a call and one by an annotation, writes the table to a
//! file, and decodes the file.
//!
//! A crash handler would do the first half; the second half is what a reader of the file does, on any
//! machine, with the generated decoder alone.

mod schemas {
    inspect_runtime::include_schemas!();
}

use std::error::Error;

use inspect_runtime::{RuntimeTable, registry};
use schemas::greenhouse as s;

/// The readings of two beds. What a struct does not mention is zero.
static TOMATOES: [s::Reading; 2] = [
    s::Reading { at_ns: 1_000_000_000, temperature: 21.5, humidity: 60, ..s::Reading::ZERO },
    s::Reading {
        at_ns: 2_000_000_000,
        temperature: 22.0,
        humidity: 48,
        state: s::State::Watering,
        ..s::Reading::ZERO
    }
    .with_valve(700)
    .with_pump(1),
];
static BASIL: [s::Reading; 1] = [s::Reading { temperature: 24.0, ..s::Reading::ZERO }];
// One line beside a variable announces it: a packer makes a table of it, or the program adopts it.
inspect_runtime::annotate!(s::class::Readings: BASIL, name = "basil", instance = 2);

static TABLE: RuntimeTable<s::Region, 16> = RuntimeTable::new();

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: quickstart FILE")?;
    announce()?;
    write(&path)?;
    read(&path)
}

/// Says which memory matters. A wrong type behind a class does not compile.
fn announce() -> Result<(), Box<dyn Error>> {
    let tomatoes = s::Region::of::<s::class::Readings>(&TOMATOES).name("tomatoes").instance(1);
    TABLE.register(tomatoes.owner(7)).map_err(|error| format!("{error:?}"))?;
    registry::adopt_unpacked(&TABLE)?;
    Ok(())
}

fn write(path: &str) -> Result<(), Box<dyn Error>> {
    let mut bytes = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut bytes).map_err(|error| format!("{error:?}"))?;
    std::fs::write(path, &bytes[..size])?;
    Ok(())
}

fn read(path: &str) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let table = s::Table::parse(&bytes).map_err(|error| error.to_string())?;
    // Offsets come from the types in the file, so that a table of another machine decodes as well.
    let layouts = table.bind().map_err(|error| error.to_string())?;
    for row in table.rows().filter(|row| row.class() == s::class::READINGS && row.is_live()) {
        let (name, bed, owner) = (row.name(), row.instance(), row.owner());
        println!("{name}: bed {bed}, {} bytes, owner {owner:#x}", row.length());
        for reading in memory(row.address()).chunks(size_of::<s::Reading>()) {
            let reading = layouts.reading(reading).map_err(|error| error.to_string())?;
            println!(
                "  {} ns: {} C, {} %, {:?}, valve {}, pump {}",
                reading.at_ns(),
                reading.temperature(),
                reading.humidity(),
                reading.state(),
                reading.valve(),
                reading.pump(),
            );
        }
    }
    Ok(())
}

/// The memory behind an address. A reader takes it from a core file; this program still has it.
fn memory(address: u64) -> &'static [u8] {
    let readings = [&TOMATOES[..], &BASIL[..]];
    let Some(found) = readings.into_iter().find(|found| found.as_ptr() as u64 == address) else {
        return &[];
    };
    // SAFETY: the memory of a static lives for ever and does not change, and a reading has no byte that is
    // not initialised: its fields fill it.
    unsafe { std::slice::from_raw_parts(found.as_ptr().cast(), size_of_val(found)) }
}
