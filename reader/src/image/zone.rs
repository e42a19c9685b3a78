//! Zones: storage that survives a reset and keeps the last dumps of a producer.
//!
//! The dump is copied before it is opened, and its checksum is that of the copy: the producer may
//! run again and write into the zone while somebody reads. What a dump is, an ELF core or tables,
//! is the business of the module of that kind. What the other slots hold is said in remarks.

use std::cell::RefCell;
use std::fmt;
use std::io;

use inspect_format::abi::{SLOT_MAGIC, ZoneSlot, payload_kind};
use inspect_format::hash::{CRC32C_START, crc32c_finish, crc32c_more};
use inspect_format::zone::{Dump, Storage, Zone, ZoneError};

use super::spool::{self, Spool};
use super::{ErrorKind, Image, Kind, Options, Remark};
use crate::digits::date;
use crate::file::File;

/// Why there is no dump.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The zone itself is at fault.
    Zone(ZoneError<io::Error>),
    /// No slot holds a dump whose checksums hold; there are so many slots.
    NoDump(u32),
    /// The slot that was asked for holds none.
    NoDumpIn(u32),
    /// The zone has only so many slots.
    NoSlot(u32),
    /// Its producer wrote into it meanwhile.
    Changed(u32),
    /// The dump is a text.
    Text(u32),
    /// The dump is of a kind that is not known.
    Payload(u32),
    /// The copy of the dump cannot be written.
    Copy(io::Error),
}

/// Remarks about slots beyond these are counted only.
const REMARKS_MAX: usize = 16;

/// Opens the dump that the options ask for, or the newest.
pub(super) fn open(file: &File, options: &Options) -> Result<Image, ErrorKind> {
    let (dump, remarks) = choose(file, options).map_err(ErrorKind::Zone)?;
    let kind = dump.record.kind;
    if kind == payload_kind::TEXT {
        return Err(ErrorKind::Zone(Error::Text(dump.slot)));
    }
    if kind != payload_kind::ELF && kind != payload_kind::TABLES {
        return Err(ErrorKind::Zone(Error::Payload(kind)));
    }
    let copied = copy(file, &dump).map_err(ErrorKind::Zone)?;
    let mut image = super::open_plain(copied, options)?;
    image.kind = Kind::Zone;
    image.remarks.splice(0..0, remarks);
    Ok(image)
}

fn choose(file: &File, options: &Options) -> Result<(Dump, Vec<Remark>), Error> {
    let storage = Stored { file, window: RefCell::default() };
    let zone = Zone::open(&storage).map_err(Error::Zone)?;
    let count = zone.slot_count();
    if options.dump.is_some_and(|slot| slot >= count) {
        return Err(Error::NoSlot(count));
    }
    let mut slots = Slots::default();
    for slot in 0..count {
        slots.look(&zone, &storage, slot);
    }
    let chosen = match options.dump {
        Some(slot) => {
            zone.dump(&storage, slot).map_err(Error::Zone)?.ok_or(Error::NoDumpIn(slot))?
        }
        None => match (slots.newest, slots.failure.take()) {
            (Some(newest), _) => newest,
            (None, Some(failure)) => return Err(Error::Zone(failure)),
            (None, None) => return Err(Error::NoDump(count)),
        },
    };
    Ok((chosen, slots.remarks(&chosen)))
}

/// What was found in the slots.
#[derive(Default)]
struct Slots {
    newest: Option<Dump>,
    failure: Option<ZoneError<io::Error>>,
    /// Slots, and what is to be said of them.
    said: Vec<(u32, String)>,
    unsaid: u64,
}

impl Slots {
    fn look(&mut self, zone: &Zone, storage: &Stored<'_>, slot: u32) {
        match zone.dump(storage, slot) {
            Ok(Some(dump)) => {
                let newest = self.newest.as_ref();
                if newest.is_none_or(|best| dump.record.sequence > best.record.sequence) {
                    self.newest = Some(dump);
                }
                self.say(slot, || {
                    let record = &dump.record;
                    let time = Time(record.written_at);
                    format!("dump {} of {} bytes{time}", record.sequence, record.length)
                });
            }
            Ok(None) => {
                if let Some(found) = storage.remains(zone, slot) {
                    self.say(slot, || found.to_owned());
                }
            }
            Err(error) => {
                self.say(slot, || error.to_string());
                self.failure = Some(error);
            }
        }
    }

    fn say(&mut self, slot: u32, what: impl FnOnce() -> String) {
        if self.said.len() < REMARKS_MAX {
            self.said.push((slot, what()));
        } else {
            self.unsaid += 1;
        }
    }

    fn remarks(self, chosen: &Dump) -> Vec<Remark> {
        let say = |(slot, what): (u32, String)| {
            let mark = if slot == chosen.slot { ", which is the one that is shown" } else { "" };
            Remark::note(format!("slot {slot}: {what}{mark}"))
        };
        let mut remarks: Vec<Remark> = self.said.into_iter().map(say).collect();
        if self.unsaid > 0 {
            remarks.push(Remark::note(format!("{} more slots are in use", self.unsaid)));
        }
        remarks
    }
}

/// Copies a dump, and compares the copy with the checksum.
fn copy(file: &File, dump: &Dump) -> Result<File, Error> {
    const STEP: u64 = 256 << 10;
    let failed = |error| match error {
        spool::Error::Io(error) => Error::Copy(error),
        spool::Error::Limit(_) | spool::Error::Room(_) => {
            Error::Copy(io::ErrorKind::StorageFull.into())
        }
    };
    let mut spool = Spool::new(u64::MAX).map_err(failed)?;
    let mut register = CRC32C_START;
    while spool.length() < dump.record.length {
        let size = (dump.record.length - spool.length()).min(STEP);
        let bytes = file.bytes(dump.offset.saturating_add(spool.length()), size);
        let bytes = bytes.map_err(|error| Error::Zone(ZoneError::Storage(error)))?;
        register = crc32c_more(register, &bytes);
        spool.write(&bytes).map_err(failed)?;
    }
    if crc32c_finish(register) != dump.record.checksum {
        return Err(Error::Changed(dump.slot));
    }
    spool.finish(file.path()).map_err(failed)
}

/// A file as the storage of a zone, to be read: a window of it is kept, as checksums are made in
/// small steps.
struct Stored<'f> {
    file: &'f File,
    window: RefCell<Window>,
}

#[derive(Default)]
struct Window {
    offset: u64,
    bytes: Vec<u8>,
}

impl Stored<'_> {
    /// What stands in a slot without a dump, if anything does.
    fn remains(&self, zone: &Zone, slot: u32) -> Option<&'static str> {
        let mut start = [0; 2 * ZoneSlot::SIZE];
        self.read(zone.slot_offset(slot), &mut start).ok()?;
        let (record, _) = start.split_at(ZoneSlot::SIZE);
        if record.starts_with(&SLOT_MAGIC) {
            return Some("a damaged dump, whose checksums do not hold");
        }
        let is_empty =
            start.iter().all(|byte| *byte == 0) || start.iter().all(|byte| *byte == 0xff);
        (!is_empty).then_some("no dump, or one that was not finished")
    }
}

impl Storage for Stored<'_> {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.file.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        const WINDOW: u64 = 256 << 10;
        let mut window = self.window.borrow_mut();
        let bytes = offset
            .checked_sub(window.offset)
            .and_then(|start| window.bytes.get(usize::try_from(start).ok()?..)?.get(..out.len()));
        if let Some(bytes) = bytes {
            out.copy_from_slice(bytes);
            return Ok(());
        }
        let size = self.size().saturating_sub(offset).min(WINDOW).max(out.len() as u64);
        let bytes = self.file.bytes(offset, size)?;
        out.copy_from_slice(bytes.get(..out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        *window = Window { offset, bytes };
        Ok(())
    }

    fn write(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When a dump was written, in nanoseconds since 1970; nothing for 0.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return Ok(());
        }
        let seconds = self.0 / 1_000_000_000;
        let (day, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, date) = date(day.into());
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, ", written {year:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoDumpIn(_) | Self::NoSlot(_) => {
                Some("without a slot given, the newest dump is taken")
            }
            Self::Changed(_) => Some("its producer runs: copy the zone, or try again"),
            Self::Text(_) => Some("another slot may hold memory: ask for it by its number"),
            Self::Copy(_) => Some("set TMPDIR to a directory on a disk with more room"),
            _ => None,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone(error) => write!(f, "zone: {error}"),
            Self::NoDump(count) => write!(f, "none of the zone's {count} slots holds a whole dump"),
            Self::NoDumpIn(slot) => write!(f, "slot {slot} of the zone holds no whole dump"),
            Self::NoSlot(count) => write!(f, "the zone has {count} slots, counted from 0"),
            Self::Changed(slot) => write!(f, "slot {slot} was overwritten while it was read"),
            Self::Text(slot) => write!(f, "the dump in slot {slot} is a text, not memory"),
            Self::Payload(kind) => write!(f, "a dump of kind {kind} is not known"),
            Self::Copy(error) => write!(f, "the dump cannot be copied: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn times_are_those_of_the_calendar() {
        let second = 1_000_000_000;
        assert_eq!(Time(0).to_string(), "");
        assert_eq!(Time(1).to_string(), ", written 1970-01-01 00:00:00 UTC");
        assert_eq!(Time(951_827_696 * second).to_string(), ", written 2000-02-29 12:34:56 UTC");
        assert_eq!(Time(1_709_251_199 * second).to_string(), ", written 2024-02-29 23:59:59 UTC");
        assert_eq!(Time(1_709_251_200 * second).to_string(), ", written 2024-03-01 00:00:00 UTC");
        assert_eq!(Time(u64::MAX).to_string(), ", written 2554-07-21 23:34:33 UTC");
    }
}
