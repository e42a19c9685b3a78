//! Files that were compressed by gzip or zstd: any other kind of file is inside.
//!
//! They are decompressed once, into a [`spool`](super::spool), since tables and memory are read at
//! positions. Streams are checked as far as their formats allow: to the end, with their checksums
//! and lengths. Nothing is taken from a stream that breaks off, as its end may be what matters.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::spool::{self, Spool};
use super::{Options, Remark, Step};
use crate::file::File;

/// What compressed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Why a file was not decompressed.
#[derive(Debug)]
pub struct Error {
    /// What compressed it.
    pub format: Format,
    /// How many bytes of the file were read.
    pub read: u64,
    /// How many bytes came out of them.
    pub written: u64,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with a compressed file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It ends in the middle.
    Truncated,
    /// It is damaged, in the decoder's words.
    Corrupt(String),
    /// Decompressed, its checksum or its length is another one.
    Checksum,
    /// A dictionary is needed.
    Dictionary,
    /// It asks for so much memory to be decompressed.
    Window(u64),
    /// What was decompressed is compressed again.
    Twice,
    /// It holds more bytes than this.
    Limit(u64),
    /// The disk of temporary files has room for so many bytes.
    Room(u64),
    /// The file cannot be read, or the temporary file not be written.
    Io(io::Error),
}

/// A file that was decompressed.
#[derive(Debug)]
pub(super) struct Expanded {
    pub(super) file: File,
    pub(super) remark: Option<Remark>,
}

/// What comes out of a decoder at once.
const PIECE: usize = 256 << 10;

/// What compressed the file that begins so.
pub(super) fn format(start: &[u8]) -> Option<Format> {
    match *start {
        // The third byte is the method: there is one, and it keeps many other files out.
        [0x1f, 0x8b, 8, ..] => Some(Format::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
        // A frame to be skipped, which some tools begin their files with.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Format::Zstd),
        _ => None,
    }
}

/// Decompresses a file.
pub(super) fn expand(file: &File, format: Format, options: &Options) -> Result<Expanded, Error> {
    let limit = options.decompressed_limit.unwrap_or(spool::LIMIT);
    let mut source = Source { file, buffer: Vec::new(), at: 0, position: 0 };
    let (result, written) = match Spool::new(limit) {
        Ok(spool) => {
            let mut work = Work { source: &mut source, spool, options };
            let result = match format {
                Format::Gzip => work.gzip(),
                Format::Zstd => work.zstd(),
            };
            let written = work.spool.length();
            (result.and_then(|()| Ok(work.spool.finish(file.path())?)), written)
        }
        Err(error) => (Err(error.into()), 0),
    };
    let fail = |kind| Error { format, read: source.position(), written, kind };
    let expanded = result.map_err(fail)?;
    let left = file.length().saturating_sub(source.position());
    let remark = (left > 0).then(|| {
        Remark::note(format!("{left} bytes behind the end of the {format} stream are ignored"))
    });
    let mut start = [0; 4];
    let size = expanded.length().min(4) as usize;
    let place = start.get_mut(..size).unwrap_or_default();
    expanded.read(0, place).map_err(|error| fail(ErrorKind::Io(error)))?;
    match self::format(place) {
        Some(_) => Err(fail(ErrorKind::Twice)),
        None => Ok(Expanded { file: expanded, remark }),
    }
}

struct Work<'w, 'f> {
    source: &'w mut Source<'f>,
    spool: Spool,
    options: &'w Options,
}

impl Work<'_, '_> {
    /// The members of a gzip file, one behind another. Zeros behind them are the padding of tapes.
    fn gzip(&mut self) -> Result<(), ErrorKind> {
        let mut buffer = vec![0; PIECE];
        loop {
            let mut decoder = GzDecoder::new(&mut *self.source);
            loop {
                let count = decoder.read(&mut buffer).map_err(ErrorKind::of_gzip)?;
                if count == 0 {
                    break;
                }
                self.spool.write(buffer.get(..count).unwrap_or_default())?;
                decoder.get_ref().report(self.options);
            }
            drop(decoder);
            self.source.skip_zeros()?;
            if format(self.source.peek()?) != Some(Format::Gzip) {
                return Ok(());
            }
        }
    }

    /// The frames of a zstd file, one behind another.
    fn zstd(&mut self) -> Result<(), ErrorKind> {
        let mut decoder = FrameDecoder::new();
        while format(self.source.peek()?) == Some(Format::Zstd) {
            match decoder.reset(&mut *self.source) {
                Ok(()) => self.frame(&mut decoder)?,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.source.skip(length.into())?,
                Err(error) => return Err(self.of_zstd(&error)),
            }
        }
        Ok(())
    }

    fn frame(&mut self, decoder: &mut FrameDecoder) -> Result<(), ErrorKind> {
        let start = self.spool.length();
        let promised = decoder.content_size();
        while !decoder.is_finished() {
            let strategy = BlockDecodingStrategy::UptoBytes(PIECE);
            let decoded = decoder.decode_blocks(&mut *self.source, strategy);
            decoded.map_err(|error| self.of_zstd(&error))?;
            self.collect(decoder)?;
            self.source.report(self.options);
        }
        self.collect(decoder)?;
        let found = self.spool.length() - start;
        let sums = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
        let is_whole = match sums {
            (Some(promised), found) => Some(promised) == found,
            (None, _) => true,
        };
        // A frame whose header does not tell the length says 0.
        if !is_whole || promised != 0 && promised != found {
            return Err(ErrorKind::Checksum);
        }
        Ok(())
    }

    fn collect(&mut self, decoder: &mut FrameDecoder) -> Result<(), ErrorKind> {
        let mut sink = Sink { spool: &mut self.spool, error: None };
        let collected = decoder.collect_to_writer(&mut sink);
        match (sink.error, collected) {
            (Some(error), _) => Err(error.into()),
            (None, Err(error)) => Err(ErrorKind::Io(error)),
            (None, Ok(_)) => Ok(()),
        }
    }

    fn of_zstd(&self, error: &FrameDecoderError) -> ErrorKind {
        match error {
            FrameDecoderError::WindowSizeTooBig { requested, .. } => ErrorKind::Window(*requested),
            FrameDecoderError::DictNotProvided { .. } => ErrorKind::Dictionary,
            _ if self.source.is_at_end() => ErrorKind::Truncated,
            _ => ErrorKind::Corrupt(error.to_string()),
        }
    }
}

/// Takes what a decoder hands out, and keeps the reason why it could not.
struct Sink<'s> {
    spool: &'s mut Spool,
    error: Option<spool::Error>,
}

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.spool.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.error = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is read from its start to its end, and knows how far.
struct Source<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    /// What of the buffer has been taken.
    at: usize,
    /// Where in the file the buffer ends.
    position: u64,
}

impl Source<'_> {
    /// Where the next byte stands in the file.
    fn position(&self) -> u64 {
        self.position - self.left().len() as u64
    }

    fn left(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    fn is_at_end(&self) -> bool {
        self.position() >= self.file.length()
    }

    /// The next four bytes, or as many as there are.
    fn peek(&mut self) -> Result<&[u8], ErrorKind> {
        if self.left().len() < 4 && self.position < self.file.length() {
            self.position = self.position();
            self.buffer.clear();
            self.at = 0;
            self.fill_buf().map_err(ErrorKind::Io)?;
        }
        Ok(self.left().get(..4).unwrap_or(self.left()))
    }

    fn skip(&mut self, mut count: u64) -> Result<(), ErrorKind> {
        while count > 0 {
            let left = self.fill_buf().map_err(ErrorKind::Io)?.len();
            if left == 0 {
                return Err(ErrorKind::Truncated);
            }
            let step = usize::try_from(count).unwrap_or(left).min(left);
            self.consume(step);
            count -= step as u64;
        }
        Ok(())
    }

    fn skip_zeros(&mut self) -> Result<(), ErrorKind> {
        loop {
            let left = self.fill_buf().map_err(ErrorKind::Io)?;
            let zeros = left.iter().take_while(|byte| **byte == 0).count();
            let is_end = zeros < left.len() || left.is_empty();
            self.consume(zeros);
            if is_end {
                return Ok(());
            }
        }
    }

    fn report(&self, options: &Options) {
        if let Some(progress) = &options.progress {
            progress.report(Step { done: self.position(), total: self.file.length() });
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut left = self.fill_buf()?;
        let count = left.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left().is_empty() {
            let size = self.file.length().saturating_sub(self.position).min(PIECE as u64);
            self.buffer = self.file.bytes(self.position, size)?;
            self.position += size;
            self.at = 0;
        }
        Ok(self.left())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.buffer.len());
    }
}

impl ErrorKind {
    /// The decoder of gzip tells by the kind of its errors.
    fn of_gzip(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Io(error),
        }
    }
}

impl From<spool::Error> for ErrorKind {
    fn from(error: spool::Error) -> Self {
        match error {
            spool::Error::Limit(limit) => Self::Limit(limit),
            spool::Error::Room(room) => Self::Room(room),
            spool::Error::Io(error) => Self::Io(error),
        }
    }
}

impl Error {
    /// Whether it is the bytes of the file that are at fault, and not what surrounds them.
    pub(super) fn is_about_contents(&self) -> bool {
        matches!(self.kind, ErrorKind::Truncated | ErrorKind::Corrupt(_) | ErrorKind::Checksum)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::Truncated => Some("copy the file again, and compare the lengths"),
            ErrorKind::Corrupt(_) | ErrorKind::Checksum => {
                Some("copy the file again, and compare it with the original")
            }
            ErrorKind::Dictionary => Some("decompress it with `zstd -d -D DICTIONARY` first"),
            ErrorKind::Window(_) => Some("decompress it with `zstd -d --long=31` first"),
            ErrorKind::Twice => Some("decompress it once before"),
            ErrorKind::Limit(_) => {
                Some("if it is not a decompression bomb, decompress it to a file first")
            }
            ErrorKind::Room(_) => Some("set TMPDIR to a directory on a disk with more room"),
            ErrorKind::Io(_) => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, read, written, kind } = self;
        match kind {
            ErrorKind::Truncated => write!(f, "the {format} stream ends in the middle")?,
            ErrorKind::Corrupt(why) => write!(f, "the {format} stream is damaged: {why}")?,
            ErrorKind::Checksum => {
                write!(f, "the checksum or the length in the {format} stream is another one")?;
            }
            ErrorKind::Dictionary => write!(f, "the {format} stream needs a dictionary")?,
            ErrorKind::Window(size) => {
                write!(f, "the {format} stream needs {size} bytes of memory to be decompressed")?;
            }
            ErrorKind::Twice => {
                return write!(f, "what the {format} stream holds is compressed again");
            }
            ErrorKind::Limit(limit) => {
                write!(f, "the {format} stream holds more than the limit of {limit} bytes")?;
            }
            ErrorKind::Room(room) => {
                let place = std::env::temp_dir();
                let place = place.display();
                write!(f, "{place} has room for {room} bytes, and the {format} stream holds more")?;
            }
            ErrorKind::Io(error) => write!(f, "decompressing {format}: {error}")?,
        }
        write!(f, " (after {read} bytes of the file, which gave {written})")
    }
}
