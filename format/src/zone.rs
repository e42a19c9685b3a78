//! Zones: storage of a fixed size that survives a reset and keeps the last good dump, reader and
//! writer side by side.
//!
//! A zone reaches its bytes through [`Storage`], which is memory, a file or flash somewhere else;
//! nothing here knows which. Dumps take the slots in turn, magic last, with a flush wherever the
//! order matters, so that a write that stops at any store loses the new dump and never an older
//! one. What stands in a slot counts only if two checksums hold.

use core::fmt;

use crate::abi::{self, Order, SLOT_MAGIC, ZONE_MAGIC, ZoneHeader, ZoneSlot, byte_order};
use crate::hash::{CRC32C_START, crc32c, crc32c_finish, crc32c_more};

/// Bytes that can be read and written at offsets.
pub trait Storage {
    /// Why it fails.
    type Error;

    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `out` with the bytes from `offset` on.
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes bytes at `offset`. They may arrive in any order, and only partly if something stops
    /// the machine, until [`Storage::flush`] returns.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Returns when everything that was written will survive.
    fn flush(&mut self) -> Result<(), Self::Error>;
}

/// Why a zone cannot be used, or a dump not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZoneError<E> {
    /// The storage failed.
    Storage(E),
    /// This is no zone.
    Magic,
    /// The byte order is neither of the two.
    ByteOrder(u8),
    /// A generation of zones that this reader does not know.
    Format(u16),
    /// The header's checksum is wrong.
    Checksum,
    /// The sizes in the header contradict each other or the storage.
    Sizes,
    /// The storage is too small for so many slots.
    TooSmall,
    /// The dump is longer than a slot.
    SlotFull {
        /// Bytes of a dump for which there is room.
        room: u64,
    },
    /// The sequence numbers are used up: the zone must be prepared anew.
    Sequence,
}

/// How a zone is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many slots: at least two.
    pub slot_count: u32,
    /// Of everything in the zone but the dumps.
    pub order: Order,
    /// Bytes of a pointer of the producer: 4 or 8.
    pub word_size: u8,
}

/// A zone whose header has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Zone {
    order: Order,
    header_size: u64,
    slot_size: u64,
    slot_count: u32,
}

/// A dump in a zone, whose checksums hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dump {
    /// In which slot.
    pub slot: u32,
    /// Where its first byte stands in the storage.
    pub offset: u64,
    /// The slot's record: sequence, length, kind, nonce and time are good.
    pub record: ZoneSlot,
}

/// What a dump is, said when it is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// A [`payload_kind`](abi::payload_kind).
    pub kind: u32,
    /// The nonce of the root whose producer writes.
    pub nonce: u64,
    /// Nanoseconds since 1970, or 0.
    pub written_at: u64,
}

/// A dump that is being written. It is not there before [`DumpWriter::finish`]; dropping this loses
/// it.
#[derive(Debug)]
pub struct DumpWriter<'s, S> {
    storage: &'s mut S,
    order: Order,
    slot_offset: u64,
    room: u64,
    length: u64,
    register: u32,
    sequence: u64,
    label: Label,
}

const RECORD_SIZE: u64 = ZoneSlot::SIZE as u64;
/// What slots are aligned to.
const SLOT_ALIGN: u64 = 64;
const FORMAT: u16 = 1;

type Outcome<T, S> = Result<T, ZoneError<<S as Storage>::Error>>;

impl Zone {
    /// Prepares storage: whatever stood there is gone afterwards. The slots share all there is.
    pub fn init<S: Storage>(storage: &mut S, layout: Layout) -> Outcome<Self, S> {
        let header_size = ZoneHeader::SIZE as u64;
        let count = u64::from(layout.slot_count);
        let room = storage.size().checked_sub(header_size).ok_or(ZoneError::TooSmall)?;
        let slot_size = room.checked_div(count).ok_or(ZoneError::Sizes)? & !(SLOT_ALIGN - 1);
        if slot_size <= RECORD_SIZE {
            return Err(ZoneError::TooSmall);
        }
        let header = ZoneHeader {
            magic: ZONE_MAGIC,
            byte_order: match layout.order {
                Order::Little => byte_order::LITTLE,
                Order::Big => byte_order::BIG,
            },
            word_size: layout.word_size,
            format: FORMAT,
            header_size: header_size as u32,
            total_size: header_size + slot_size * count,
            slot_size,
            slot_count: layout.slot_count,
            checksum: 0,
        };
        let zone = Self::check(&header, storage.size()).ok_or(ZoneError::Sizes)?;
        let mut bytes = [0; ZoneHeader::SIZE];
        header.write(&mut bytes, layout.order);
        let header = ZoneHeader { checksum: crc32c(&bytes), ..header };
        header.write(&mut bytes, layout.order);
        // Until the last store there is no zone, old or new.
        put(storage, 0, &[0; 8])?;
        flush(storage)?;
        for slot in 0..layout.slot_count {
            put(storage, zone.slot_offset(slot), &[0; 8])?;
        }
        put(storage, 8, &bytes[8..])?;
        flush(storage)?;
        put(storage, 0, &bytes[..8])?;
        flush(storage)?;
        Ok(zone)
    }

    /// Reads and checks the header.
    pub fn open<S: Storage>(storage: &S) -> Outcome<Self, S> {
        let mut bytes = [0; ZoneHeader::SIZE];
        if storage.size() < bytes.len() as u64 {
            return Err(ZoneError::Magic);
        }
        get(storage, 0, &mut bytes)?;
        if bytes[..8] != ZONE_MAGIC {
            return Err(ZoneError::Magic);
        }
        let order = match bytes[ZoneHeader::BYTE_ORDER_AT] {
            byte_order::LITTLE => Order::Little,
            byte_order::BIG => Order::Big,
            other => return Err(ZoneError::ByteOrder(other)),
        };
        let header = ZoneHeader::read(&bytes, order);
        if header.format != FORMAT {
            return Err(ZoneError::Format(header.format));
        }
        let at = ZoneHeader::CHECKSUM_AT;
        bytes[at..at + 4].fill(0);
        if crc32c(&bytes) != header.checksum {
            return Err(ZoneError::Checksum);
        }
        Self::check(&header, storage.size()).ok_or(ZoneError::Sizes)
    }

    /// Bytes of a dump for which each slot has room.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.slot_size - RECORD_SIZE
    }

    /// How many slots there are.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.slot_count
    }

    /// Where a slot begins, with its record, for one of the zone's slots.
    #[must_use]
    pub fn slot_offset(&self, slot: u32) -> u64 {
        // Of a slot that exists, the product was checked when the header was.
        self.header_size.saturating_add(u64::from(slot).saturating_mul(self.slot_size))
    }

    /// The newest dump whose checksums hold; `None` in a zone without one. A slot that cannot be
    /// read does not hide others; if nothing else is there, its error is the answer.
    pub fn newest<S: Storage>(&self, storage: &S) -> Outcome<Option<Dump>, S> {
        let mut newest: Option<Dump> = None;
        let mut failure = None;
        for slot in 0..self.slot_count {
            match self.dump(storage, slot) {
                Ok(Some(dump)) => {
                    if newest.is_none_or(|best| dump.record.sequence > best.record.sequence) {
                        newest = Some(dump);
                    }
                }
                Ok(None) => {}
                Err(error) => failure = Some(error),
            }
        }
        match (newest, failure) {
            (None, Some(error)) => Err(error),
            _ => Ok(newest),
        }
    }

    /// The dump in a slot, if its checksums hold.
    pub fn dump<S: Storage>(&self, storage: &S, slot: u32) -> Outcome<Option<Dump>, S> {
        if slot >= self.slot_count {
            return Ok(None);
        }
        let start = self.slot_offset(slot);
        let mut bytes = [0; ZoneSlot::SIZE];
        get(storage, start, &mut bytes)?;
        let record = ZoneSlot::read(&bytes, self.order);
        let at = ZoneSlot::SLOT_CHECKSUM_AT;
        bytes[at..at + 4].fill(0);
        let is_whole = record.magic == SLOT_MAGIC
            && record.sequence != 0
            && record.length <= self.room()
            && crc32c(&bytes) == record.slot_checksum;
        if !is_whole {
            return Ok(None);
        }
        let offset = start + RECORD_SIZE;
        let checksum = checksum(storage, offset, record.length)?;
        Ok((checksum == record.checksum).then_some(Dump { slot, offset, record }))
    }

    /// Begins a dump: in a slot without a valid one, else in place of the oldest. All dumps of the
    /// zone are checked for that, so that one whose bytes have decayed is never kept in place of a
    /// good one.
    pub fn begin<'s, S: Storage>(
        &self,
        storage: &'s mut S,
        label: Label,
    ) -> Outcome<DumpWriter<'s, S>, S> {
        let (slot, sequence) = self.choose(storage)?;
        let slot_offset = self.slot_offset(slot);
        put(storage, slot_offset, &[0; SLOT_MAGIC.len()])?;
        flush(storage)?;
        Ok(DumpWriter {
            storage,
            order: self.order,
            slot_offset,
            room: self.room(),
            length: 0,
            register: CRC32C_START,
            sequence,
            label,
        })
    }

    /// The slot for the next dump, and its sequence number.
    fn choose<S: Storage>(&self, storage: &S) -> Outcome<(u32, u64), S> {
        let mut free = None;
        let mut unreadable = None;
        let mut oldest: Option<Dump> = None;
        let mut highest = 0;
        for slot in 0..self.slot_count {
            match self.dump(storage, slot) {
                Ok(Some(dump)) => {
                    highest = highest.max(dump.record.sequence);
                    // Of two with the same number, the reader takes the first: it is the newer one.
                    if oldest.is_none_or(|best| dump.record.sequence <= best.record.sequence) {
                        oldest = Some(dump);
                    }
                }
                Ok(None) => free = free.or(Some(slot)),
                Err(_) => unreadable = unreadable.or(Some(slot)),
            }
        }
        let sequence = highest.checked_add(1).ok_or(ZoneError::Sequence)?;
        // A slot that cannot be read is the last resort, and still better than the only good dump.
        let oldest = oldest.filter(|dump| dump.record.sequence < highest || unreadable.is_none());
        let slot = free.or(oldest.map(|dump| dump.slot)).or(unreadable);
        Ok((slot.ok_or(ZoneError::Sizes)?, sequence))
    }

    fn check(header: &ZoneHeader, storage_size: u64) -> Option<Self> {
        let header_size = u64::from(header.header_size);
        let slots = header.slot_size.checked_mul(header.slot_count.into())?;
        let end = slots.checked_add(header_size)?;
        let holds = matches!(header.word_size, 4 | 8)
            && header_size >= ZoneHeader::SIZE as u64
            && header.slot_size > RECORD_SIZE
            && header.slot_size % SLOT_ALIGN == 0
            && header.slot_count >= 2
            && end <= header.total_size
            && header.total_size <= storage_size;
        holds.then_some(Self {
            order: if header.byte_order == byte_order::BIG { Order::Big } else { Order::Little },
            header_size,
            slot_size: header.slot_size,
            slot_count: header.slot_count,
        })
    }
}

impl<S: Storage> DumpWriter<'_, S> {
    /// Appends bytes to the dump: all of them, or an error.
    pub fn write(&mut self, bytes: &[u8]) -> Outcome<(), S> {
        let room = self.room;
        let length = self.length.checked_add(bytes.len() as u64);
        let length = length.filter(|length| *length <= room).ok_or(ZoneError::SlotFull { room })?;
        put(self.storage, self.slot_offset + RECORD_SIZE + self.length, bytes)?;
        self.register = crc32c_more(self.register, bytes);
        self.length = length;
        Ok(())
    }

    /// How many bytes the dump has so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes the dump the newest one of the zone; returns its sequence number.
    pub fn finish(self) -> Outcome<u64, S> {
        let record = ZoneSlot {
            magic: SLOT_MAGIC,
            sequence: self.sequence,
            length: self.length,
            checksum: crc32c_finish(self.register),
            slot_checksum: 0,
            kind: self.label.kind,
            nonce: self.label.nonce,
            written_at: self.label.written_at,
        };
        let mut bytes = [0; ZoneSlot::SIZE];
        record.write(&mut bytes, self.order);
        let record = ZoneSlot { slot_checksum: crc32c(&bytes), ..record };
        record.write(&mut bytes, self.order);
        let magic = SLOT_MAGIC.len();
        put(self.storage, self.slot_offset + magic as u64, &bytes[magic..])?;
        flush(self.storage)?;
        put(self.storage, self.slot_offset, &bytes[..magic])?;
        flush(self.storage)?;
        Ok(self.sequence)
    }
}

/// CRC-32C of a dump, read in small pieces: readers run in firmware, too.
fn checksum<S: Storage>(storage: &S, offset: u64, length: u64) -> Outcome<u32, S> {
    let mut register = CRC32C_START;
    let mut buffer = [0; 1024];
    let mut done = 0;
    while done < length {
        let step = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
        get(storage, offset + done, &mut buffer[..step])?;
        register = crc32c_more(register, &buffer[..step]);
        done += step as u64;
    }
    Ok(crc32c_finish(register))
}

fn get<S: Storage>(storage: &S, offset: u64, out: &mut [u8]) -> Outcome<(), S> {
    storage.read(offset, out).map_err(ZoneError::Storage)
}

fn put<S: Storage>(storage: &mut S, offset: u64, bytes: &[u8]) -> Outcome<(), S> {
    storage.write(offset, bytes).map_err(ZoneError::Storage)
}

fn flush<S: Storage>(storage: &mut S) -> Outcome<(), S> {
    storage.flush().map_err(ZoneError::Storage)
}

const _: () = assert!(abi::SLOT_MAGIC.len() == 8 && ZoneSlot::MAGIC_AT == 0);

/// Bytes outside a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds;

/// The bytes of a zone at hand, to be read.
impl Storage for &[u8] {
    type Error = OutOfBounds;

    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), OutOfBounds> {
        let start = usize::try_from(offset).map_err(|_| OutOfBounds)?;
        let bytes = self.get(start..).and_then(|rest| rest.get(..out.len())).ok_or(OutOfBounds)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self, _: u64, _: &[u8]) -> Result<(), OutOfBounds> {
        Err(OutOfBounds)
    }

    fn flush(&mut self) -> Result<(), OutOfBounds> {
        Ok(())
    }
}

impl core::error::Error for OutOfBounds {}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes lie outside the buffer, or it is only there to be read")
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ZoneError<E> {}

impl<E: fmt::Display> fmt::Display for ZoneError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "the storage failed: {error}"),
            Self::Magic => f.write_str("this is no zone; it has to be prepared first"),
            Self::ByteOrder(found) => write!(f, "byte order {found} is neither 1 nor 2"),
            Self::Format(found) => write!(f, "zones of generation {found} are not known"),
            Self::Checksum => f.write_str("the checksum of the zone's header is wrong"),
            Self::Sizes => f.write_str("the sizes in the zone's header contradict each other"),
            Self::TooSmall => f.write_str("the storage is too small for so many slots"),
            Self::SlotFull { room } => write!(f, "the dump is longer than a slot, {room} bytes"),
            Self::Sequence => f.write_str("the zone is used up and has to be prepared anew"),
        }
    }
}
