//! Constant tables that a generated schema holds: who may see what, and the address spaces. A leaf; what
//! evaluates them stands elsewhere.

/// What may be seen, and by whom. Everything not allowed is refused, and `deny` beats `allow`.
#[derive(Clone, Copy, Debug)]
pub struct Consumer {
    /// As the schema calls it.
    pub name: &'static str,
    /// The number of the schema that declares it: bits below
    /// [`PROPERTY_CORE_FIRST`](inspect_format::abi::PROPERTY_CORE_FIRST) mean something in its entries only.
    pub schema: u64,
    /// Any of them lets an entry pass.
    pub allow: &'static [Rule],
    /// Any of them refuses it.
    pub deny: &'static [Rule],
    /// Property bits that an entry must have.
    pub require: u64,
    /// Core property bits that would refuse it, permitted by name.
    pub permit: u64,
    /// Who comes first when a budget is short.
    pub order: &'static [Rule],
    /// What a dump may hold.
    pub budget: Budget,
}

/// One rule of a [`Consumer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every entry of a class.
    Class {
        /// The number of the class's schema.
        schema: u64,
        /// The number of the class.
        class: u32,
    },
    /// Entries of a class by name, by instance, or by both.
    Entry {
        /// The number of the class's schema.
        schema: u64,
        /// The number of the class.
        class: u32,
        /// The name, exactly.
        name: Option<&'static str>,
        /// The instance.
        instance: Option<u64>,
    },
    /// Every entry with one of these property bits.
    Properties(u64),
}

/// Limits of a [`Consumer`]; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How many regions.
    pub regions: Option<u64>,
    /// How many bytes of name.
    pub name: Option<u64>,
    /// How many bytes of memory.
    pub bytes: Option<u64>,
}

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
