//! The syntax tree: what a file says, before anything is known about what its names mean.
//!
//! `parse` builds it, `fmt` prints it, `check` reads it. It holds every written token that carries meaning,
//! with its place, and nothing that had to be looked up. pest's own types stay in `parse`.

#![allow(missing_docs, reason = "the variants quote the syntax whose parts their fields are")]

use crate::operator::{BinaryOperator, UnaryOperator};
use crate::source::{FileId, Span};

/// A word with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// Documentation lines joined by `\n`, without the marker and without the one space behind it.
pub type Docs = String;

/// One file: one schema.
#[derive(Clone, Debug)]
pub struct File {
    /// Which file.
    pub file: FileId,
    /// `//!` lines.
    pub docs: Docs,
    /// `schema a.b version 3;`: absent when it could not be parsed, which is an error already reported.
    pub header: Option<Header>,
    /// `use` items, in order.
    pub uses: Vec<Use>,
    /// All other items, in order. An item that failed to parse is missing and has been reported.
    pub items: Vec<Item>,
}

/// `schema a.b version 3;`
#[derive(Clone, Debug)]
pub struct Header {
    /// `///` lines above the header; they join the file's documentation.
    pub docs: Docs,
    /// The segments of the name.
    pub name: Vec<Name>,
    /// The version as written.
    pub version: Expr,
    /// The whole item.
    pub span: Span,
}

/// `use a.b::{c, d};` or `use a.b::c;`
#[derive(Clone, Debug)]
pub struct Use {
    /// The schema's segments.
    pub schema: Vec<Name>,
    /// What is brought into scope.
    pub names: Vec<Name>,
    /// The whole item.
    pub span: Span,
}

/// An item with what stands before it.
#[derive(Clone, Debug)]
pub struct Item {
    /// `///` lines.
    pub docs: Docs,
    /// `#[..]`, in order.
    pub attributes: Vec<Attribute>,
    /// Its name; `entry` and `properties` have one too.
    pub name: Name,
    /// What it is.
    pub kind: ItemKind,
    /// From the first keyword to the end.
    pub span: Span,
}

/// The items of the language.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `const N: u32 = 4;`
    Const { ty: Type, value: Expr },
    /// `extern const N: u32 from "h";`
    ExternConst { ty: Type, source: Text },
    /// `properties p { .. }`
    Properties { members: Vec<Member> },
    /// `enum e: u32 { .. }`, `extern enum e { .. } from "h"`
    Enum { repr: Option<Type>, members: Vec<Member>, open: Option<Span>, source: Option<Text> },
    /// `flags f: u32 { .. }`
    Flags { repr: Type, members: Vec<Member> },
    /// `struct s { .. }`
    Struct { fields: Vec<Field> },
    /// `record r { .. }`
    Record { fields: Vec<Field> },
    /// `extern struct s from "h" { .. }` or `in rust`
    ExternStruct { origin: ExternOrigin, fields: Vec<Field> },
    /// `class c: T { .. }`
    Class { target: Type, settings: Vec<Setting> },
    /// `entry e { .. }`
    Entry { fields: Vec<Field> },
    /// `space s = 256 { .. }`
    Space { number: Expr, settings: Vec<Setting> },
    /// `consumer c { .. }`
    Consumer { settings: Vec<Setting> },
}

/// Where the compiler that captures a layout finds it.
#[derive(Clone, Debug)]
pub enum ExternOrigin {
    /// `from "linux/mmzone.h"`
    Header(Text),
    /// `in rust`
    Rust(Span),
}

/// A string literal, its escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The value.
    pub value: String,
    /// The literal with its quotes.
    pub span: Span,
}

/// A member of an enum, of flags or of properties.
#[derive(Clone, Debug)]
pub struct Member {
    /// `///` lines.
    pub docs: Docs,
    /// `#[..]`
    pub attributes: Vec<Attribute>,
    /// Its name.
    pub name: Name,
    /// The number behind `=`; `last` is the end of a bit range, inclusive.
    pub value: Option<MemberValue>,
    /// The whole member.
    pub span: Span,
}

/// What stands behind a member's `=`.
#[derive(Clone, Debug)]
pub struct MemberValue {
    /// `4`
    pub first: Expr,
    /// `7` of `4..7`
    pub last: Option<Expr>,
}

/// A field. Without a name it is an anonymous `struct` or `union`; `_` is padding.
#[derive(Clone, Debug)]
pub struct Field {
    /// `///` lines.
    pub docs: Docs,
    /// `#[..]`
    pub attributes: Vec<Attribute>,
    /// `None` for an anonymous aggregate; `_` stands here as a name.
    pub name: Option<Name>,
    /// Its type.
    pub ty: Type,
    /// The width of a bit-field.
    pub bits: Option<Expr>,
    /// `= 5`: default, expected value, depending on where.
    pub value: Option<Expr>,
    /// The whole field.
    pub span: Span,
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The forms of a type. Built-in words (`u32`, `opaque`, `string`) are paths here: whether a word is
/// built in is a question of meaning.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `u32`, `list_head`, `linux.types::list_head`, `opaque`, `void`, `fn` (the last two behind `*` only)
    Path(Path),
    /// `atomic<u32>`, `text<N>`, `bytes<N>`: a word with one argument (a type word, a literal, a path or a group).
    Generic { word: Name, argument: Expr },
    /// `*T`
    Pointer(Box<Type>),
    /// `[T; N]`, `[T; _]`, `[T]`
    Array { element: Box<Type>, length: ArrayLength },
    /// `struct { .. }`, `union { .. }`
    Aggregate { union: bool, fields: Vec<Field> },
}

/// How long an array is.
#[derive(Clone, Debug)]
pub enum ArrayLength {
    /// `[T; N]`
    Expr(Expr),
    /// `[T; _]`: captured by the compiler.
    Captured,
    /// `[T]`
    Flexible,
}

/// `a.b`, `a::b`, `a.b::c::d`: dots first, then `::`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The part joined by `.`; at least one name.
    pub dotted: Vec<Name>,
    /// The names after each `::`.
    pub members: Vec<Name>,
    /// The whole path.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number with its size suffix applied. A literal above `i128::MAX` has been reported by the parser.
    Int(i128),
    /// `b"\x89INS"`
    Bytes(Vec<u8>),
    /// `"text"`
    Text(String),
    /// A constant, an enum member, a field, or a word that an attribute gives a meaning.
    Path(Path),
    /// `-x`, `~x`
    Unary(UnaryOperator, Box<Expr>),
    /// `a + b`
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    /// `(x)`: kept, so that a file prints as it was written.
    Group(Box<Expr>),
}

/// `#[name]` or `#[name(arguments)]`.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The word.
    pub name: Name,
    /// What stands in the parentheses.
    pub arguments: Vec<AttributeArgument>,
    /// From `#` to `]`.
    pub span: Span,
}

/// One argument of an attribute: `5`, `"text"`, `a.b`, `next = head`.
#[derive(Clone, Debug)]
pub struct AttributeArgument {
    /// `next` of `next = head`.
    pub key: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// `key: value` in the braces of a class, a space or a consumer.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The word before the colon.
    pub key: Name,
    /// What stands behind it.
    pub value: SettingValue,
    /// The whole setting.
    pub span: Span,
}

/// What a setting holds.
#[derive(Clone, Debug)]
pub enum SettingValue {
    /// `node`, `16MiB`, `dump | persist`: an expression over numbers and words.
    Expr(Expr),
    /// `[class pgdat, entry banner("x"), regions 197, sensitive]`
    List(Vec<ListElement>),
}

/// One element of a setting's list.
#[derive(Clone, Debug)]
pub struct ListElement {
    /// What it says.
    pub kind: ListElementKind,
    /// Where.
    pub span: Span,
}

/// The forms of a list element.
#[derive(Clone, Debug)]
pub enum ListElementKind {
    /// `class pgdat`
    Class(Path),
    /// `entry banner("linux_banner")`, `entry pgdat[1]`, or both.
    Entry { class: Path, name: Option<Text>, instance: Option<Expr> },
    /// `regions 197`
    Limit { word: Name, value: Expr },
    /// `dump`: a property.
    Word(Path),
}
