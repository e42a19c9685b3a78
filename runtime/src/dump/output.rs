//! A sink with a buffer before it, so that headers and descriptions, which come in small pieces, do
//! not take a call of the system each. Memory goes past the buffer.

use inspect_format::abi::Order;
use inspect_format::notes::{self, capture};

use super::{Error, Run, Sink, SinkError};

/// The larger one of two buffers, as much of it as stays in a cache.
pub(crate) fn buffer<'b>(spare: &'b mut [u8], small: &'b mut Small) -> &'b mut [u8] {
    const MOST: usize = 1 << 16;
    let larger = if spare.len() > small.len() { spare } else { small };
    let size = larger.len().min(MOST);
    &mut larger[..size]
}

/// What is always there for a buffer, on the stack.
pub(crate) type Small = [u8; 512];

/// The sink with a buffer before it, and how far it is.
pub(crate) struct Output<'s> {
    sink: &'s mut dyn Sink,
    buffer: &'s mut [u8],
    used: usize,
    position: u64,
    failure: Option<Error>,
}

impl<'s> Output<'s> {
    pub(crate) fn new(sink: &'s mut dyn Sink, buffer: &'s mut [u8]) -> Self {
        Self { sink, buffer, used: 0, position: 0, failure: None }
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

    /// Appends memory, run behind run.
    pub(crate) fn memory(&mut self, mut runs: &[Run]) -> Result<(), Error> {
        self.flush()?;
        // Bytes of the first run that the sink has already.
        let mut done = 0;
        while let Some((first, others)) = runs.split_first() {
            if done >= first.length() {
                done -= first.length();
                runs = others;
                continue;
            }
            let written = match done {
                0 => self.sink.write_memory(runs),
                _ => self.sink.write_memory(&[Run { start: first.start + done, ..*first }]),
            };
            // A sink that takes nothing would be asked for ever.
            let written =
                written.and_then(|taken| if taken == 0 { Err(SinkError::Full) } else { Ok(taken) });
            let taken = written.map_err(|error| self.failed(error))?;
            self.position += taken;
            done += taken;
        }
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
