//! BTF, the kernel's type format: [`Btf`] reads a blob and believes none of it, [`Builder`] makes
//! one.
//!
//! A blob is what stands in a `.BTF` section: `bpftool btf dump file` and `pahole` read it. What
//! BTF cannot say rides on declaration tags, texts that begin with `inspect:` and hang on a type or
//! on a member:
//!
//! | tag | on | means |
//! |---|---|---|
//! | `inspect:if=CONFIG_X` | member | the macro on which it depends; undefined, its type is [`ABSENT`] |
//! | `inspect:debug=17:3 FILE:LINE` | type, member | its place comes from debug information: see [`Pending`] |
//! | `inspect:count=expr` | member | how many elements are valid: of fields, else of enumerators |
//! | `inspect:tag=field` | member | the field that says which arm of this union is valid |
//! | `inspect:when=1,2` | member | the values of the tag that make this arm valid, or members' names |
//! | `inspect:otherwise` | member | the arm where no other is |
//! | `inspect:list=struct.link` | member | what hangs on this list head, and by which member |
//! | `inspect:ring=field` | member | the field that says where the next element goes, modulo the length |
//! | `inspect:unit=text` | member | |
//! | `inspect:display=hex` | member | |
//! | `inspect:sensitive` | member | |
//! | `inspect:value=5` | member | what a decoder expects: a number, or `x` and bytes in hex |
//! | `inspect:since=2` | type, member | the version that brought it |
//! | `inspect:bytes` | member | bytes without a meaning here |
//! | `inspect:string` | member | an offset into the table's strings |
//! | `inspect:flags=a:0,b:4..7` | typedef | the members of a set of flags, by bits |
//! | `inspect:enum=name` | typedef | the enum whose values this integer holds |
//! | `inspect:members=a,b` | enum | the schema's names of the enumerators |
//! | `inspect:open` | enum | other values may come |
//! | `inspect:captured=header` | type | laid out by a compiler that has not seen it yet |
//! | `inspect:incomplete` | type | members that BTF has no room for are left out |

mod bind;
#[cfg(feature = "alloc")]
mod build;
mod error;
mod pending;
mod read;
mod types;

pub use bind::{BindError, BindErrorKind, Binder, Place};
#[cfg(feature = "alloc")]
pub use build::{
    Blob, Builder, EnumMember, MAX_MEMBERS, Member, Patch, Word, c_integer, magic_word,
};
pub use error::{Error, ErrorKind};
pub use pending::{Found, Pending, PendingMember};
#[cfg(feature = "alloc")]
pub use pending::{member_tag, struct_tag};
pub use read::{Btf, Types};
pub use types::{Array, DeclTag, Enumerator, Head, Int, Members, RawMember, Type};

/// The first two bytes, as a number in the blob's order.
pub const MAGIC: u16 = 0xeb9f;
/// The version behind the magic.
pub const VERSION: u8 = 1;
/// Bytes of the header.
pub const HEADER_SIZE: u32 = 24;
/// The typedef that stands as the type of a member which its compiler did not have.
pub const ABSENT: &str = "inspect_absent";
/// What [`ABSENT`] is a typedef of where the member exists, and its place is still to be found.
pub const PENDING: &str = "inspect_pending";

/// The kinds of types.
pub mod kind {
    /// An integer, with its bits and whether it is signed, a truth value or a character.
    pub const INT: u32 = 1;
    /// A pointer.
    pub const PTR: u32 = 2;
    /// An array.
    pub const ARRAY: u32 = 3;
    /// A struct.
    pub const STRUCT: u32 = 4;
    /// A union.
    pub const UNION: u32 = 5;
    /// An enum of at most 32 bits.
    pub const ENUM: u32 = 6;
    /// A struct or union of which only the name is known.
    pub const FWD: u32 = 7;
    /// Another name.
    pub const TYPEDEF: u32 = 8;
    /// `volatile`
    pub const VOLATILE: u32 = 9;
    /// `const`
    pub const CONST: u32 = 10;
    /// `restrict`
    pub const RESTRICT: u32 = 11;
    /// A function.
    pub const FUNC: u32 = 12;
    /// The type of a function.
    pub const FUNC_PROTO: u32 = 13;
    /// A variable.
    pub const VAR: u32 = 14;
    /// The variables of a section.
    pub const DATASEC: u32 = 15;
    /// A floating-point number.
    pub const FLOAT: u32 = 16;
    /// A text on a type or on a member.
    pub const DECL_TAG: u32 = 17;
    /// A text on a pointer's target.
    pub const TYPE_TAG: u32 = 18;
    /// An enum of 64 bits.
    pub const ENUM64: u32 = 19;
}

/// Encodings of an integer.
pub mod encoding {
    /// It takes negative values.
    pub const SIGNED: u32 = 1;
    /// It is a character.
    pub const CHAR: u32 = 2;
    /// It is a truth value.
    pub const BOOL: u32 = 4;
}
