//! Constant tables that a generated schema holds: who may see what, and the address spaces. What
//! evaluates them stands elsewhere.

/// What may be seen, and by whom: [`inspect_format::consumer`] holds it against entries.
pub type Consumer = inspect_format::consumer::Consumer<'static>;
/// One rule of a [`Consumer`].
pub type Rule = inspect_format::consumer::Rule<'static>;
pub use inspect_format::consumer::Budget;

/// A declared address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// As the schema calls it.
    pub name: &'static str,
    /// Its number in entries.
    pub number: u16,
    /// Bytes of a section.
    pub section_size: u64,
    /// The first address that it hands out.
    pub base: u64,
    /// Whether a live section keeps its address; otherwise addresses are dense and may be renumbered.
    pub stable: bool,
    /// What happens to parts of sections.
    pub partial: Partial,
    /// The most memory regions that the hardware takes.
    pub max_regions: Option<u32>,
}

/// What a [`Space`] does with parts of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// They are an error.
    Reject,
    /// They are left out.
    RoundIn,
    /// They are taken whole.
    RoundOut,
}
