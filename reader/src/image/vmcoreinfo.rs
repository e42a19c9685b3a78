//! What a kernel says about itself in the note `VMCOREINFO` of its cores: lines of a key and a value.
//!
//! Symbols, offsets and constants that `crash` and `makedumpfile` ask for. Where the kernel lies and
//! what it is called is asked by `kernel_core`, where its page tables are by `page_tables`.

/// The lines of the note.
pub(super) struct Information<'a>(&'a str);

impl<'a> Information<'a> {
    /// What stands in the note, if there is one; what is no text says nothing.
    pub(super) fn of(contents: Option<&'a [u8]>) -> Self {
        Self(std::str::from_utf8(contents.unwrap_or_default()).unwrap_or_default())
    }

    /// What stands behind a key.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    /// What is hexadecimal without a sign of it, as symbols and the offset of the kernel are.
    pub(super) fn hexadecimal(&self, key: &str) -> Option<u64> {
        let text = self.get(key)?.trim();
        u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    }

    /// What is decimal, as everything called `NUMBER(...)` is.
    pub(super) fn decimal(&self, key: &str) -> Option<i64> {
        self.get(key)?.trim().parse().ok()
    }
}
