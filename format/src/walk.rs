//! Tables where they lie in an address space: found, checked, and read while their producer runs.

/// The bytes of an address space: this process's, another one's, a core file's.
///
/// A producer may write while somebody reads. What is read may be torn; the protocol of tables
/// finds out, so that an implementation only has to return bytes that were there.
pub trait Memory {
    /// Fills `out` with the bytes from `address` on, all of them or none that count.
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault>;
}

/// Memory that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first address that was asked for, or the first that is missing, where that is known.
    pub address: u64,
}
