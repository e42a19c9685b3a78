//! Layouts of Rust's own types, captured where they are compiled.
//!
//! A schema declares `extern struct cache in rust`; generated code has a marker for it and a struct with a
//! place for each declared field. [`describe!`](crate::describe) fills in the places beside the type, and
//! type information takes them from [`Described`]: what is not described does not compile.

use core::marker::PhantomData;

/// A marker that generated code made for an `extern struct ... in rust`.
pub trait External {
    /// A struct with a [`Place`] for each declared field.
    type Fields;
}

/// The captured layout of an [`External`].
#[diagnostic::on_unimplemented(
    message = "the layout of `{Self}` was never captured",
    label = "no `inspect_runtime::describe!({Self} as YourType {{ field, another }})` stands in this crate",
    note = "write it, with the fields that the schema declares, beside the type that the schema's `extern struct` stands for"
)]
pub trait Described: External {
    /// Bytes.
    const SIZE: usize;
    /// Where the fields lie.
    const FIELDS: Self::Fields;
}

/// Where a field lies. `T` says what the schema declares: [`Captured`] a width, [`Opaque`] nothing.
#[derive(Debug)]
pub struct Place<T> {
    /// From the start of the struct, in bytes.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
    declared: PhantomData<fn() -> T>,
}

/// A field as wide as a `T`.
#[derive(Debug)]
pub struct Captured<T>(PhantomData<fn() -> T>);

/// A field of any width, shown as bytes or as elements whose number only the compiler knows.
#[derive(Debug)]
pub struct Opaque;

/// What a schema may declare about the width of a field.
pub trait Declared {
    /// Bytes, where the schema says.
    const SIZE: Option<usize>;
}

impl<T> Declared for Captured<T> {
    const SIZE: Option<usize> = Some(size_of::<T>());
}

impl Declared for Opaque {
    const SIZE: Option<usize> = None;
}

impl<T: Declared> Place<T> {
    /// A field of type `A` at `offset` of an `S`.
    #[must_use]
    pub const fn field<S, A>(offset: usize, _: fn(&S) -> *const A) -> Self {
        if let Some(declared) = T::SIZE {
            assert!(
                declared == size_of::<A>(),
                "a described field has another width than its schema declares"
            );
        }
        Self { offset, size: size_of::<A>(), declared: PhantomData }
    }
}
