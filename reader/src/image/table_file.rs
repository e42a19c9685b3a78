//! Table files: blocks that stand one behind another, and no memory.

use inspect_format::table::tables;

use super::{Carried, ErrorKind, Image, Kind, Machine};
use crate::file::File;
use crate::memory::Nothing;

pub(super) fn open(file: &File) -> Result<Image, ErrorKind> {
    let bytes = file.whole().map_err(ErrorKind::Io)?;
    let machine = machine(&bytes)?;
    let name = file.path().display().to_string();
    Ok(Image {
        kind: Kind::TableFile,
        name: name.clone(),
        machine,
        memory: Box::new(Nothing),
        objects: Vec::new(),
        carried: vec![Carried { bytes, place: name }],
        capture: None,
        notes: Vec::new(),
        remarks: Vec::new(),
    })
}

/// The machine that tables come from, which the first of them tells; all of them are checked.
pub(super) fn machine(bytes: &[u8]) -> Result<Option<Machine>, ErrorKind> {
    let mut machine = None;
    for table in tables(bytes) {
        let (_, table) = table.map_err(ErrorKind::Table)?;
        let found =
            Machine { order: table.order(), word_size: table.word_size(), number: 0, flags: 0 };
        machine.get_or_insert(found);
    }
    Ok(machine)
}
