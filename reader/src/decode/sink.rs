//! What a decoder says, event by event: [`Sink`] takes it, as JSON, as text or as a tree.
//!
//! Events know nothing of how they are written. Their texts are those of the types section and of
//! memory, as they stand there: whoever writes them escapes them for where they go.

use std::fmt;

/// Takes what a decoder finds, in order.
///
/// A *value* is one of: [`scalar`](Sink::scalar); [`note`](Sink::note); what stands between
/// `begin_struct` and `end_struct` (any number of a field and its value), `begin_array` and
/// `end_array` (any number of values), `begin_flags` and `end_flags`, `begin_at` and `end_at` (one
/// value), `begin_noted` and `end_noted` (one value).
pub trait Sink {
    /// Why nothing more can be taken; it ends the decoding.
    type Error;

    /// A number, a text, an address.
    fn scalar(&mut self, scalar: Scalar<'_>, hints: Hints<'_>) -> Result<(), Self::Error>;
    /// Stands where a value would, and says why there is none.
    fn note(&mut self, note: Note) -> Result<(), Self::Error>;

    /// A struct or union begins.
    fn begin_struct(&mut self, about: StructInfo<'_>) -> Result<(), Self::Error>;
    /// A field of the innermost struct; its value follows.
    fn field(&mut self, name: Name<'_>) -> Result<(), Self::Error>;
    /// Stands where a field would, about the rest of the struct; no value follows.
    fn remark(&mut self, note: Note) -> Result<(), Self::Error>;
    /// The struct ends.
    fn end_struct(&mut self) -> Result<(), Self::Error>;

    /// An array or a list begins; a note among its values says that some are left out.
    fn begin_array(&mut self) -> Result<(), Self::Error>;
    /// It ends.
    fn end_array(&mut self) -> Result<(), Self::Error>;

    /// A set of flags begins, whose value is `value`.
    fn begin_flags(&mut self, value: u64) -> Result<(), Self::Error>;
    /// One that is set; of several bits, their value.
    fn flag(&mut self, name: Name<'_>, value: Option<u64>) -> Result<(), Self::Error>;
    /// The set ends; bits that are set and have no name.
    fn end_flags(&mut self, rest: u64) -> Result<(), Self::Error>;

    /// What lies at an address begins: the target of a pointer, an element of a list.
    fn begin_at(&mut self, address: u64) -> Result<(), Self::Error>;
    /// It ends.
    fn end_at(&mut self) -> Result<(), Self::Error>;

    /// A value begins of which something is to be said.
    fn begin_noted(&mut self, note: Note) -> Result<(), Self::Error>;
    /// It ends.
    fn end_noted(&mut self) -> Result<(), Self::Error>;
}

/// A value without parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// An integer.
    Unsigned(u64),
    /// An integer that may be negative.
    Signed(i64),
    /// An integer of more than 64 bits.
    WideUnsigned(u128),
    /// The same that may be negative.
    WideSigned(i128),
    /// A floating-point number of 32 bits.
    Float(f32),
    /// One of 64 bits.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// A character: a byte of text.
    Char(u8),
    /// Text, in whatever encoding.
    Text(&'a [u8]),
    /// Bytes without a meaning.
    Bytes(&'a [u8]),
    /// A value of an enum, and its name where it has one.
    Enum(i128, Option<Name<'a>>),
    /// A pointer that was not followed: nothing is known of its target, or nothing but pointers.
    Address(u64),
    /// A null pointer.
    Null,
}

/// A name of the types section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// As it stands there.
    pub text: &'a str,
    /// As a key of JSON: escaped, in quotation marks, with the colon. A plan has it ready; it may be
    /// empty, which says nothing.
    pub json_key: &'a str,
}

impl<'a> Name<'a> {
    /// A name that nobody has escaped yet.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, json_key: "" }
    }
}

/// What is known of a struct before its fields come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StructInfo<'a> {
    /// Its C name, empty for an inline one.
    pub name: &'a str,
    /// Characters of its longest field name.
    pub name_width: usize,
}

/// How people like to read a scalar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints<'a> {
    /// In which form.
    pub display: Display,
    /// In which unit; may be empty.
    pub unit: &'a str,
}

/// The forms of the language's attribute `display`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Display {
    /// None is given.
    #[default]
    Plain,
    /// `hex`
    Hex,
    /// `dec`
    Dec,
    /// `char`
    Char,
    /// `address`
    Address,
    /// `code`
    Code,
    /// `duration_ns`
    DurationNs,
    /// `timestamp_ns`
    TimestampNs,
    /// `ipv4`
    Ipv4,
    /// `ipv6`
    Ipv6,
    /// `mac`
    Mac,
    /// `uuid`
    Uuid,
}

impl Display {
    /// By its word in the language; [`Display::Plain`] for one that is not known.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "hex" => Self::Hex,
            "dec" => Self::Dec,
            "char" => Self::Char,
            "address" => Self::Address,
            "code" => Self::Code,
            "duration_ns" => Self::DurationNs,
            "timestamp_ns" => Self::TimestampNs,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "mac" => Self::Mac,
            "uuid" => Self::Uuid,
            _ => Self::Plain,
        }
    }
}

/// Why a value is missing, or what is to be said of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The memory at this address cannot be read.
    Fault(u64),
    /// What lies at this address is being shown already, further out or earlier in the list.
    Cycle(u64),
    /// A budget has been used up.
    Budget(Limit),
    /// It is sensitive, and nobody asked for such things.
    Sensitive,
    /// The bytes of the region end before it does.
    Short,
    /// So many bytes follow in the region that are no whole value.
    Trailing(u64),
    /// No arm of a union is for this value of its tag.
    NoArm(i128),
    /// The tag of a union cannot be read, or says nothing: every arm is shown.
    NoTag,
    /// The number of elements cannot be computed.
    NoCount,
    /// There are fewer elements than this number, which the count says.
    Overcount(u64),
    /// A number other than this one is there.
    Expected(i128),
    /// Other bytes are there than those that the schema demands.
    ExpectedBytes,
    /// The type says nothing that could be decoded.
    Type(&'static str),
    /// Members are left out for which the types section had no room.
    Incomplete,
    /// An offset in the strings section that leads to no text.
    NoString(u64),
    /// The links of a list cannot be followed.
    NoList(&'static str),
    /// The row was being written when its producer stopped.
    Torn,
    /// The memory was not captured, and why.
    NotCaptured(&'static str),
    /// The entry has no memory that could be shown.
    NoMemory(&'static str),
}

/// The budgets of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Pointers followed, one behind another.
    Depth,
    /// Bytes read from memory.
    Bytes,
    /// Values, all together.
    Values,
    /// Elements of one array or list.
    Elements,
    /// Bytes of one text.
    Text,
    /// Time.
    Time,
    /// Structs and arrays inside one another.
    Nesting,
}

impl Limit {
    /// A word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Bytes => "bytes",
            Self::Values => "values",
            Self::Elements => "elements",
            Self::Text => "text",
            Self::Time => "time",
            Self::Nesting => "nesting",
        }
    }
}

impl Note {
    /// A word for its kind.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fault(_) => "fault",
            Self::Cycle(_) => "cycle",
            Self::Budget(_) => "budget",
            Self::Sensitive => "sensitive",
            Self::Short => "short",
            Self::Trailing(_) => "trailing",
            Self::NoArm(_) => "no arm",
            Self::NoTag => "no tag",
            Self::NoCount => "no count",
            Self::Overcount(_) => "overcount",
            Self::Expected(_) | Self::ExpectedBytes => "unexpected",
            Self::Type(_) => "type",
            Self::Incomplete => "incomplete",
            Self::NoString(_) => "no string",
            Self::NoList(_) => "no list",
            Self::Torn => "torn",
            Self::NotCaptured(_) => "not captured",
            Self::NoMemory(_) => "no memory",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fault(address) => write!(f, "fault at {address:#x}"),
            Self::Cycle(address) => write!(f, "cycle to {address:#x}"),
            Self::Budget(limit) => write!(f, "budget of {} used up", limit.word()),
            Self::Sensitive => f.write_str("sensitive"),
            Self::Short => f.write_str("the region ends here"),
            Self::Trailing(bytes) => write!(f, "{bytes} more bytes"),
            Self::NoArm(tag) => write!(f, "no arm for tag {tag}"),
            Self::NoTag => f.write_str("no tag: all arms are shown"),
            Self::NoCount => f.write_str("count cannot be computed"),
            Self::Overcount(count) => write!(f, "count says {count}"),
            Self::Expected(value) => write!(f, "expected {value}"),
            Self::ExpectedBytes => f.write_str("other bytes were expected"),
            Self::Type(why) | Self::NoMemory(why) => f.write_str(why),
            Self::Incomplete => f.write_str("the types section leaves out the rest"),
            Self::NoString(offset) => write!(f, "no string at {offset:#x}"),
            Self::NoList(why) => f.write_str(why),
            Self::Torn => f.write_str("torn: a writer was at work"),
            Self::NotCaptured(why) => write!(f, "not captured: {why}"),
        }
    }
}
