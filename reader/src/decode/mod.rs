//! Decodes memory by the types that its table brings: no schema, no debug information.
//!
//! [`Plan`] is the types section, compiled once for a table. [`Decoder`] goes through bytes and memory by it
//! and tells a [`Sink`] what it finds; [`output`](crate::output) has sinks that write, and
//! [`Value`](crate::value::Value) is a tree. It knows of images only that they are
//! [`Memory`](inspect_format::walk::Memory).
//!
//! Neither types nor memory are believed. Whatever they say, decoding does not fail: what is missing, goes in
//! circles, exceeds a [`Budget`] or makes no sense is a [`Note`] among the values. Only the sink can end it.
//!
//! What is decoded how:
//!
//! - A member has the C name that the types section gives it. Members of anonymous structs and unions
//!   belong to the struct around them, as in C. A member that the producer's compiler did not have is not there.
//! - `inspect:count` limits arrays and texts and gives pointers a length; a count that is negative is none, one
//!   that is too large is noted and everything there is shown. Arrays of no declared length take what their
//!   count says, or what is left of the region.
//! - Of a union with a tag the valid arm is shown, of others every arm.
//! - Text is an array of `char`, up to its first NUL, or as many bytes as it counts; `char *` is read up to its
//!   NUL. A pointer to a type of which something is known is followed, as deep as the budget says. Where
//!   the target holds nothing but pointers to its like, as the links of a list do, the address is all there is
//!   to see.
//! - A list is an array of its elements, from the head on, until the links are back at it or null. A ring's
//!   elements come oldest first: its field says where the next one goes, modulo the length, and with a count
//!   the valid ones are those before it.
//! - What is sensitive is shown only where [`Decoder::reveal_sensitive`] says so; a union whose valid arm
//!   nobody knows is as sensitive as its most sensitive arm.

mod compile;
mod follow;
mod formula;
mod plan;
mod region;
mod sink;
mod source;
mod special;
mod tags;
mod walk;

pub use plan::{Plan, PlanError};
pub use sink::{Display, Hints, Limit, Name, Note, Scalar, Sink, StructInfo};
pub use walk::{Budget, Decoder, NoMemory};
