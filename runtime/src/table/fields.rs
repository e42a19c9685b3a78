//! The schema's own fields of a row that is being made.

use core::fmt;

use super::RegisterError;

/// Puts the fields of an entry into its row.
pub struct FieldWriter<'a> {
    /// The row without its first 8 bytes.
    pub(super) words: &'a mut [u64],
    pub(super) keep: &'a dyn Fn(&str) -> Result<u32, RegisterError>,
}

impl FieldWriter<'_> {
    /// Puts bytes, in the machine's order, at an offset of the row. What lies outside the row is dropped.
    #[inline]
    pub fn put<const B: usize>(&mut self, offset: usize, bytes: [u8; B]) {
        for (index, byte) in bytes.into_iter().enumerate() {
            let at = offset + index;
            // The first 8 bytes are not among the words.
            if let Some(word) = (at / 8).checked_sub(1).and_then(|word| self.words.get_mut(word)) {
                let mut value = word.to_ne_bytes();
                value[at % 8] = byte;
                *word = u64::from_ne_bytes(value);
            }
        }
    }

    /// Puts a reference to a text that the table keeps.
    pub fn put_text(&mut self, offset: usize, text: &str) -> Result<(), RegisterError> {
        if text.as_bytes().contains(&0) {
            return Err(RegisterError::Name);
        }
        let at = (self.keep)(text)?;
        self.put(offset, at.to_ne_bytes());
        Ok(())
    }
}

impl fmt::Debug for FieldWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldWriter of {} bytes", self.words.len() * 8)
    }
}
