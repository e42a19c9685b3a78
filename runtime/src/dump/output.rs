//! A sink with a small buffer before it, so that headers and descriptions, which come in small
//! pieces, do not take a call of the system each. Memory goes past the buffer.

use inspect_format::abi::Order;
use inspect_format::notes::{self, capture};

use super::{Error, Sink, SinkError};

/// The sink with a small buffer before it, and how far it is.
pub(crate) struct Output<'s> {
    sink: &'s mut dyn Sink,
    buffer: [u8; 512],
    used: usize,
    position: u64,
    failure: Option<Error>,
}

impl<'s> Output<'s> {
    pub(crate) fn new(sink: &'s mut dyn Sink) -> Self {
        Self { sink, buffer: [0; 512], used: 0, position: 0, failure: None }
    }

    /// Bytes so far, those in the buffer included.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Why the last text was not written.
    #[cfg(feature = "hosted")]
    pub(crate) fn error(&self) -> Error {
        self.failure.unwrap_or(Error::TooLarge)
    }
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > self.buffer.len() - self.used {
            self.flush()?;
        }
        match self.buffer[self.used..].get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.used += bytes.len();
            }
            None => self.sink.write(bytes).map_err(|error| self.failed(error))?,
        }
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// A note whose contents `fill` writes, `size` bytes of them.
    pub(crate) fn note(
        &mut self,
        name: &str,
        kind: u32,
        size: u32,
        fill: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.put(&notes::heading(name, kind, size, Order::NATIVE).unwrap_or_default())?;
        let end = self.position + u64::from(size);
        fill(self)?;
        if self.position != end {
            return Err(Error::TooLarge);
        }
        self.zeros(u64::from(size).wrapping_neg() % 4)
    }

    pub(crate) fn zeros(&mut self, mut count: u64) -> Result<(), Error> {
        while count > 0 {
            let step = count.min(64);
            self.put(&[0; 64][..step as usize])?;
            count -= step;
        }
        Ok(())
    }

    pub(crate) fn memory(&mut self, address: u64, length: u64) -> Result<(), Error> {
        self.flush()?;
        let written = self.sink.write_memory(address, length);
        written.map_err(|error| self.failed(error))?;
        self.position += length;
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let used = core::mem::take(&mut self.used);
        if used == 0 {
            return Ok(());
        }
        let position = self.position - used as u64;
        let written = self.sink.write(&self.buffer[..used]);
        written.map_err(|error| Error::Sink { position, error })
    }

    fn failed(&self, error: SinkError) -> Error {
        Error::Sink { position: self.position, error }
    }
}

impl capture::Write for Output<'_> {
    type Error = Error;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put(bytes)
    }
}

/// Texts may be formatted into it; the error that a formatter cannot carry is kept.
impl core::fmt::Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.put(text.as_bytes()).map_err(|error| {
            self.failure = Some(error);
            core::fmt::Error
        })
    }
}
