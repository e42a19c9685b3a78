//! A record of pairs, computed by the compiler: begin, the class, what the annotation says, where it stands,
//! end.

use core::cell::UnsafeCell;

use inspect_format::abi::{self, extent, pair_kind};

use super::{Content, Counter, Edge, Element, Pointer};
use crate::descriptor::{Annotated, Descriptor};
use crate::entry::Class;
use crate::policy::Space;

/// Bytes of a text in one pair, with the NUL behind it.
const TEXT: usize = abi::Pair::SIZE - abi::Pair::TEXT_AT;

/// A pair as it lies in memory.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Pair {
    key: [u8; abi::Pair::KIND_AT],
    kind: u32,
    size: u32,
    integer: u64,
    address: *const (),
    #[cfg(target_pointer_width = "32")]
    padding: u32,
    text: [u8; TEXT],
}

/// A pair, or what a long text leaves for the next one's place.
#[derive(Clone, Copy)]
#[repr(C)]
union Block {
    pair: Pair,
    rest: [u8; abi::Pair::SIZE],
}

const _: () = {
    assert!(size_of::<Block>() == abi::Pair::SIZE);
    assert!(core::mem::offset_of!(Pair, address) == abi::Pair::ADDRESS_AT);
    assert!(core::mem::offset_of!(Pair, text) == abi::Pair::TEXT_AT);
};

/// The pairs of an annotation, in writable memory: as constants they would clash with the pairs of C in
/// position-independent programs.
#[repr(transparent)]
pub struct Pairs<const N: usize>(UnsafeCell<[Block; N]>);

// SAFETY: no method gives access to the pairs. The loader relocates them before the program starts, and from
// then on they are only read, as bytes.
unsafe impl<const N: usize> Sync for Pairs<N> {}

impl<const N: usize> core::fmt::Debug for Pairs<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{N} annotation pairs")
    }
}

/// Where the memory lies that an annotation is about.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    address: *const (),
    /// Of the object, or of what is behind the pointer; bytes.
    length: Option<u64>,
    /// Bytes of which the length is a multiple.
    unit: u64,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Object,
    Range { end: *const () },
    Indirect,
    Counted { counter: *const (), width: u64 },
    Address,
}

impl Extent {
    /// A variable, as long as it is.
    #[must_use]
    pub const fn object<C: Class, T, How>(variable: *const T) -> Self
    where
        T: Content<C::Target, How>,
    {
        let length = Some(size_of::<T>() as u64);
        Self { address: variable.cast(), length, unit: 1, form: Form::Object }
    }

    /// From one variable up to another.
    #[must_use]
    pub const fn range<C: Class, T, U, How, Why>(start: *const T, end: *const U) -> Self
    where
        T: Edge<C::Target, How>,
        U: Edge<C::Target, Why>,
    {
        let form = Form::Range { end: end.cast() };
        Self { address: start.cast(), length: None, unit: 1, form }
    }

    /// What a pointer leads to when it is followed.
    #[must_use]
    pub const fn indirect<C: Class, P: Pointer, How>(pointer: *const P) -> Self
    where
        P::To: Element<C::Target, How>,
    {
        let unit = size_of::<P::To>() as u64;
        let length = match P::To::IS_WHOLE {
            true => Some(unit),
            false => None,
        };
        Self { address: pointer.cast(), length, unit, form: Form::Indirect }
    }

    /// As many elements behind a pointer as a counter says when it is read.
    #[must_use]
    pub const fn counted<C: Class, P: Pointer, N: Counter, How>(
        pointer: *const P,
        counter: *const N,
    ) -> Self
    where
        P::To: Element<C::Target, How>,
    {
        let width = size_of::<N>();
        assert!(matches!(width, 1 | 2 | 4 | 8), "a counter has 1, 2, 4 or 8 bytes");
        let form = Form::Counted { counter: counter.cast(), width: width as u64 };
        let unit = size_of::<P::To>() as u64;
        Self { address: pointer.cast(), length: Some(unit), unit, form }
    }

    /// An address of which nothing else is known.
    #[must_use]
    pub const fn address<T>(variable: *const T) -> Self {
        Self { address: variable.cast(), length: None, unit: 1, form: Form::Address }
    }
}

/// A key and what an annotation says for it.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    key: &'static str,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Text(&'static str),
    Integer(u64),
}

impl Item {
    /// A number; a negative one as its two's complement.
    #[must_use]
    pub const fn integer(key: &'static str, value: u64) -> Self {
        Self { key, value: Value::Integer(value) }
    }

    /// A text.
    ///
    /// # Panics
    /// If there is a NUL in it: in constants, so that it does not compile.
    #[must_use]
    pub const fn text(key: &'static str, value: &'static str) -> Self {
        let bytes = value.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            assert!(bytes[at] != 0, "a text of an annotation holds no NUL");
            at += 1;
        }
        Self { key, value: Value::Text(value) }
    }

    /// A text of at most so many bytes.
    ///
    /// # Panics
    /// If it is longer.
    #[must_use]
    pub const fn short_text(key: &'static str, value: &'static str, limit: usize) -> Self {
        assert!(value.len() <= limit, "the text is longer than its field");
        Self::text(key, value)
    }

    /// An explicit id.
    ///
    /// # Panics
    /// If it has more than 31 bits.
    #[must_use]
    pub const fn id(value: u32) -> Self {
        assert!(value < abi::ID_EXPLICIT, "an explicit id is below 2^31");
        Self::integer("id", value as u64)
    }
}

/// A value whose type decides what it means: Rust has no conversion traits in constants.
#[derive(Debug)]
pub struct Given<T>(pub T);

impl Given<u16> {
    /// The number of an address space.
    #[must_use]
    pub const fn space(self) -> u64 {
        self.0 as u64
    }
}

impl Given<Space> {
    /// The number of an address space that the schema declares.
    #[must_use]
    pub const fn space(self) -> u64 {
        self.0.number as u64
    }
}

/// An annotation.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    descriptor: *const Descriptor,
    class: &'static str,
    extent: Extent,
    items: &'static [Item],
    file: &'static str,
    line: u32,
}

impl Record {
    /// Of a class's entry.
    ///
    /// # Panics
    /// If a key is given twice, or the length says something else than the extent: in constants, so that it
    /// does not compile.
    #[must_use]
    pub const fn new<C: Class>(
        extent: Extent,
        items: &'static [Item],
        file: &'static str,
        line: u32,
    ) -> Self
    where
        C::Format: Annotated,
    {
        let descriptor = <C::Format as Annotated>::DESCRIPTOR;
        let file = short_path(file);
        let record = Self { descriptor, class: C::NAME, extent, items, file, line };
        record.check();
        record
    }

    const fn check(&self) {
        let mut at = 0;
        while at < self.items.len() {
            let mut other = at + 1;
            while other < self.items.len() {
                let is_same = equal(self.items[at].key, self.items[other].key);
                assert!(!is_same, "an annotation says the same key twice");
                other += 1;
            }
            at += 1;
        }
        let given = self.given_length();
        match self.extent.form {
            Form::Indirect => {
                assert!(
                    given.is_some() || self.extent.length.is_some(),
                    "how many elements are behind the pointer? Say `length = BYTES`, or \
                     `counted POINTER by COUNTER`"
                );
                if let Some(length) = given {
                    let unit = self.extent.unit;
                    let is_whole = unit == 0 || length % unit == 0;
                    assert!(is_whole, "the length is no multiple of an element's");
                }
            }
            _ => assert!(given.is_none(), "`length` goes with `indirect` only"),
        }
    }

    const fn given_length(&self) -> Option<u64> {
        let mut at = 0;
        while at < self.items.len() {
            if let Value::Integer(value) = self.items[at].value {
                if equal(self.items[at].key, "length") {
                    return Some(value);
                }
            }
            at += 1;
        }
        None
    }

    /// How many pairs it takes.
    #[must_use]
    pub const fn count(&self) -> usize {
        // The size does not matter to the count.
        let mut count = Writer { blocks: [EMPTY; 0], at: 0 };
        self.write(&mut count);
        count.at
    }

    /// Its pairs, [`Record::count`] of them.
    #[must_use]
    pub const fn pairs<const N: usize>(&self) -> Pairs<N> {
        let mut writer = Writer { blocks: [EMPTY; N], at: 0 };
        self.write(&mut writer);
        assert!(writer.at == N);
        Pairs(UnsafeCell::new(writer.blocks))
    }

    const fn write<const N: usize>(&self, out: &mut Writer<N>) {
        out.pair("inspect:begin", pair_kind::BEGIN, 0, self.descriptor.cast());
        out.text("class", self.class);
        let mut at = 0;
        while at < self.items.len() {
            let Item { key, value } = self.items[at];
            match value {
                Value::Text(text) => out.text(key, text),
                Value::Integer(value) => out.integer(key, value),
            }
            at += 1;
        }
        out.address("address", self.extent.address, 0);
        if let (None, Some(length)) = (self.given_length(), self.extent.length) {
            out.integer("length", length);
        }
        match self.extent.form {
            Form::Object => {}
            Form::Range { end } => out.address("end", end, 0),
            Form::Indirect => out.integer("extent", extent::INDIRECT as u64),
            Form::Counted { counter, width } => out.address("count", counter, width),
            Form::Address => out.integer("extent", extent::ADDRESS_ONLY as u64),
        }
        out.text("file", self.file);
        out.integer("line", self.line as u64);
        out.pair("inspect:end", pair_kind::END, 0, core::ptr::null());
    }
}

/// Puts pairs one behind the other. What has no room is counted and left out.
struct Writer<const N: usize> {
    blocks: [Block; N],
    at: usize,
}

const EMPTY: Block = Block { rest: [0; abi::Pair::SIZE] };

impl<const N: usize> Writer<N> {
    const fn integer(&mut self, key: &str, value: u64) {
        self.pair(key, pair_kind::INTEGER, value, core::ptr::null());
    }

    const fn address(&mut self, key: &str, address: *const (), beside: u64) {
        self.pair(key, pair_kind::ADDRESS, beside, address);
    }

    const fn pair(&mut self, key: &str, kind: u32, integer: u64, address: *const ()) {
        let pair = Self::filled(key, kind, 1, integer, address, "");
        self.push(Block { pair });
    }

    const fn text(&mut self, key: &str, text: &str) {
        // A NUL always follows the text.
        let blocks = 1 + (text.len() + 1).saturating_sub(TEXT).div_ceil(abi::Pair::SIZE);
        let pair = Self::filled(key, pair_kind::TEXT, blocks, 0, core::ptr::null(), text);
        self.push(Block { pair });
        let mut from = TEXT;
        while from < text.len() + 1 {
            let mut rest = [0; abi::Pair::SIZE];
            copy(&mut rest, text, from);
            self.push(Block { rest });
            from += abi::Pair::SIZE;
        }
    }

    const fn filled(
        key: &str,
        kind: u32,
        blocks: usize,
        integer: u64,
        address: *const (),
        text: &str,
    ) -> Pair {
        let mut pair = Pair {
            key: [0; abi::Pair::KIND_AT],
            kind,
            size: (blocks * abi::Pair::SIZE) as u32,
            integer,
            address,
            #[cfg(target_pointer_width = "32")]
            padding: 0,
            text: [0; TEXT],
        };
        assert!(key.len() <= pair.key.len(), "an annotation cannot say so long a name of a field");
        copy(&mut pair.key, key, 0);
        copy(&mut pair.text, text, 0);
        pair
    }

    const fn push(&mut self, block: Block) {
        if self.at < N {
            self.blocks[self.at] = block;
        }
        self.at += 1;
    }
}

/// As much of a text as fits, from a byte on.
const fn copy(out: &mut [u8], text: &str, from: usize) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < out.len() && from + at < bytes.len() {
        out[at] = bytes[from + at];
        at += 1;
    }
}

const fn equal(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The last components of a path, as many as fit one pair; the end of the last one where even that does not.
const fn short_path(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    if bytes.len() < TEXT {
        return path;
    }
    let least = bytes.len() - (TEXT - 1);
    let mut start = least;
    while start < bytes.len() {
        if matches!(bytes[start - 1], b'/' | b'\\') {
            break;
        }
        start += 1;
    }
    if start == bytes.len() {
        start = least;
        // Not in the middle of a character.
        while start < bytes.len() && bytes[start] & 0xc0 == 0x80 {
            start += 1;
        }
    }
    match core::str::from_utf8(bytes.split_at(start).1) {
        Ok(short) => short,
        Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    /// The key, the size and the text of each pair that a text becomes.
    fn text<const N: usize>(text: &str) -> (u32, String) {
        let mut writer = Writer { blocks: [EMPTY; N], at: 0 };
        writer.text("name", text);
        assert_eq!(writer.at, N, "of {} bytes", text.len());
        let mut bytes = Vec::new();
        for block in writer.blocks {
            // SAFETY: every byte of a block was written as bytes or as a pair, which has no padding but after
            // a pointer of 32 bits, and that is a field.
            bytes.extend(unsafe { block.rest });
        }
        let size = u32::from_ne_bytes(*bytes[36..].first_chunk().unwrap());
        let end = bytes[56..].iter().position(|byte| *byte == 0).unwrap();
        (size, String::from_utf8(bytes[56..56 + end].to_vec()).unwrap())
    }

    #[test]
    fn a_long_text_takes_as_many_pairs_as_it_needs() {
        for (length, found) in [
            (0, text::<1>("")),
            (71, text::<1>(&"x".repeat(71))),
            (72, text::<2>(&"x".repeat(72))),
            (199, text::<2>(&"x".repeat(199))),
            (200, text::<3>(&"x".repeat(200))),
        ] {
            assert_eq!(found.1.len(), length);
            let pairs = if length < 72 { 1 } else { 1 + (length + 1 - 72).div_ceil(128) };
            assert_eq!(found.0 as usize, 128 * pairs, "{length}");
        }
    }

    #[test]
    fn a_path_is_shortened_to_whole_components() {
        assert_eq!(short_path("src/main.rs"), "src/main.rs");
        // 71 bytes fit, with the NUL behind them.
        const PART: &str = "/123456789/123456789/123456789/123456789/123456789/123456789/123456.rs";
        const JUST: &str =
            concat!("x", "/123456789/123456789/123456789/123456789/123456789/123456789/123456.rs");
        const MORE: &str =
            concat!("xy", "/123456789/123456789/123456789/123456789/123456789/123456789/123456.rs");
        assert_eq!((JUST.len(), JUST), (71, short_path(JUST)));
        assert_eq!(short_path(MORE), &PART[1..]);
        const WAY: &str = concat!(
            "a/way/",
            "/123456789/123456789/123456789/123456789/123456789/123456789/123456.rs"
        );
        assert_eq!(short_path(WAY), PART);
        const NAME: &str = "name/äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü.rs";
        let short = short_path(NAME);
        assert!(NAME.ends_with(short) && (70..=71).contains(&short.len()), "{short}");
    }
}
