//! The machinery under generated decoders: where the fields of a schema's structs lie ([`Layouts`]), and
//! structs read in place ([`View`]).
//!
//! A generated decoder knows the *shape* of its structs: names, kinds, widths. Offsets come once for a whole
//! table: from its types section ([`Layouts::bind`]), or from the numbers of a known target
//! ([`Layouts::of`]). Every field has a slot, by position; a struct is its first slot, and one for each
//! field behind it. Nothing here allocates, and no bytes make it panic.

mod array;
mod bind;
mod view;

pub use array::{Array, ArrayIter, Element, Str, Wrapper, coded, coded_stride};
pub use bind::{BindError, BindErrorKind};
pub use inspect_format::abi::Order;
pub use view::{Coded, Count, Mismatch, View, ViewError};

use inspect_format::btf::Place;

/// The machines whose layouts generated decoders know by heart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named as in schemas")]
pub enum Target {
    X86_64,
    I686,
    Aarch64,
    Armv7,
    ArmNoneEabi,
    Riscv64,
    Riscv32,
    Powerpc64,
    Powerpc64le,
    S390x,
    Mips,
}

impl Target {
    /// The order of the bytes in its numbers.
    #[must_use]
    pub const fn order(self) -> Order {
        match self {
            Self::Powerpc64 | Self::S390x | Self::Mips => Order::Big,
            _ => Order::Little,
        }
    }
}

/// What a generated decoder knows about a struct without any table.
#[derive(Debug)]
pub struct Shape {
    /// As the schema calls it.
    pub name: &'static str,
    /// Its name in type information; for an inline aggregate what follows from `parent`.
    pub c_name: &'static str,
    /// For an inline aggregate: the first slot of the aggregate around it, and the slot of its field.
    pub parent: Option<(u32, u32)>,
    /// A table may lack it: it is younger than version 1, or nobody but the producer's compiler knows its layout.
    pub optional: bool,
    /// In the order of their slots.
    pub fields: &'static [Field],
    /// The layouts that occur; none for a struct that only a compiler can lay out.
    pub layouts: &'static [Known],
    /// Which target has which; empty where all have the same.
    pub by_target: &'static [u8],
}

/// What a generated decoder knows about a field.
#[derive(Debug)]
pub struct Field {
    /// As type information calls it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// A table may lack it.
    pub optional: bool,
}

impl Field {
    /// A field that every table has.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, optional: false }
    }

    /// A field that some tables lack.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, optional: true }
    }
}

/// The layout of a struct on some targets: bytes, then first bit and bits of every field.
#[derive(Debug)]
pub struct Known(pub u32, pub &'static [(u32, u32)]);

/// What a field must be to be read.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An integer, a truth value, an enum or a set of flags of so many bytes; 0: of 1, 2, 4 or 8.
    Int(u32),
    /// A floating-point number of so many bytes.
    Float(u32),
    /// A bit-field of so many bits.
    Bits(u32),
    /// A pointer.
    Pointer,
    /// So many bytes, whatever they mean; 0: any number.
    Bytes(u32),
    /// A struct or union, by its first slot.
    Struct(u32),
    /// An array of so many elements; 0: a flexible array, or one whose length only the table knows.
    Array(&'static Kind, u32),
}

/// Where a field lies, and what it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    place: Place,
    /// A struct: its first slot. An array: that of the elements, or the bytes of one. For the first slot of
    /// a struct: its type's id while binding.
    sub: u32,
}

impl Slot {
    /// Of a field that is not there.
    const ABSENT: Self = Self { place: Place { bit_offset: u32::MAX, bit_size: 0 }, sub: 0 };

    fn is_absent(self) -> bool {
        self.place.bit_offset == u32::MAX
    }
}

/// Where every field of every struct of a schema lies: in one table, or on one target.
#[derive(Clone, Copy, Debug)]
pub struct Layouts<S: ?Sized = [Slot]> {
    order: Order,
    slots: S,
}

impl<const N: usize> Layouts<[Slot; N]> {
    /// The layouts on `target`. Structs that only a compiler can lay out are absent.
    #[must_use]
    pub fn of(target: Target, shapes: &[&Shape]) -> Self {
        let mut layouts = Self { order: target.order(), slots: [Slot::ABSENT; N] };
        let mut base = 0;
        for shape in shapes {
            let index = shape.by_target.get(target as usize).copied().unwrap_or(0);
            if let Some(known) = shape.layouts.get(usize::from(index)) {
                layouts.put_known(base, shape, known);
            }
            base += 1 + shape.fields.len();
        }
        layouts
    }

    fn put_known(&mut self, base: usize, shape: &Shape, known: &Known) {
        let &Known(size, places) = known;
        self.put(base, Slot { place: Place::of_bytes(0, size), sub: 0 });
        for (index, (field, &(bit_offset, bit_size))) in shape.fields.iter().zip(places).enumerate()
        {
            let sub = field.kind.sub(bit_size / 8);
            self.put(base + 1 + index, Slot { place: Place { bit_offset, bit_size }, sub });
        }
    }

    fn put(&mut self, index: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(index) {
            *place = slot;
        }
    }
}

impl Kind {
    /// [`Slot::sub`], for a field of so many bytes. The elements of a flexible array of words are left to the
    /// table: on a known target the bytes of one follow from the length, which is not 0 then.
    fn sub(&self, size: u32) -> u32 {
        match *self {
            Self::Struct(base) => base,
            Self::Array(element, length) => element.sub(size.checked_div(length).unwrap_or(0)),
            Self::Int(0) | Self::Pointer => size,
            Self::Int(size) | Self::Float(size) | Self::Bytes(size) => size,
            Self::Bits(_) => 0,
        }
    }
}

/// The position of the target that this was compiled for, or of the one that is most like it.
#[must_use]
pub const fn native_target() -> Target {
    let wide = size_of::<usize>() == 8;
    if cfg!(target_arch = "x86") {
        Target::I686
    } else if cfg!(all(target_arch = "arm", target_endian = "little", target_os = "none")) {
        Target::ArmNoneEabi
    } else if cfg!(all(target_endian = "little", any(target_arch = "arm", target_arch = "aarch64")))
    {
        if wide { Target::Aarch64 } else { Target::Armv7 }
    } else if cfg!(target_endian = "big") {
        if wide { Target::S390x } else { Target::Mips }
    } else if wide {
        Target::X86_64
    } else {
        Target::Riscv32
    }
}
