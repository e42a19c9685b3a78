//! Which variables an annotation takes: those that hold, lead to or count what the class is about.
//!
//! The second parameter of [`Content`] is never written down: it says how the variable holds its content, so
//! that one trait can be implemented for a type and for cells of it without ambiguity.

use core::cell::{Cell, UnsafeCell};
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;
use core::sync::atomic;

use crate::value::Ptr;

/// A variable in whose bytes a `Target` lies, from the first on: a `T` holds a `T`, an array `[T; N]` holds
/// `[T]`, and cells, `MaybeUninit` and atomics hold what they are made for.
///
/// Whoever implements it says that the type is as large as its content and lays it out alike, which
/// `#[repr(transparent)]` ensures; `How` is [`Own`] then.
#[diagnostic::on_unimplemented(
    message = "a variable of type `{Self}` does not hold what the class is about",
    label = "the class is about `{Target}`",
    note = "an array is of the class's type where the schema says `class name: [type]`",
    note = "a transparent cell of your own holds it once you \
            `impl<T> inspect_runtime::annotate::Content<T, inspect_runtime::annotate::Own> for YourCell<T> {{}}`"
)]
pub trait Content<Target: ?Sized, How> {}

/// How a type outside this crate holds its content.
#[derive(Debug)]
pub struct Own(());

/// It is the content.
#[derive(Debug)]
pub struct Same(());

/// It is an array of elements that hold theirs so.
#[derive(Debug)]
pub struct Elements<How>(How);

/// It is a cell of something that holds it so.
#[derive(Debug)]
pub struct Inside<How>(How);

/// Its layout is described by `describe!`.
#[derive(Debug)]
pub struct Described(());

impl<T> Content<T, Same> for T {}
impl<T, U: Content<T, How>, How, const N: usize> Content<[T], Elements<How>> for [U; N] {}
impl<T: ?Sized, U: Content<T, How>, How> Content<T, Inside<How>> for UnsafeCell<U> {}
impl<T: ?Sized, U: Content<T, How>, How> Content<T, Inside<How>> for Cell<U> {}
impl<T: ?Sized, U: Content<T, How>, How> Content<T, Inside<How>> for MaybeUninit<U> {}
impl<T: ?Sized, U: Content<T, How>, How> Content<T, Inside<How>> for ManuallyDrop<U> {}

/// A variable in which a thin pointer stands.
#[diagnostic::on_unimplemented(
    message = "a variable of type `{Self}` is no pointer that an annotation can follow",
    label = "this is to hold a pointer to a sized type",
    note = "pointers are `*const T`, `*mut T`, `NonNull<T>`, `Ptr<T>`, `AtomicPtr<T>`, `&'static T`, an \
            `Option` of those that are never null, and cells of them; a reference to a slice is two words in \
            an order that Rust does not promise"
)]
pub trait Pointer {
    /// What it points at.
    type To;
}

/// A variable that counts the elements behind a pointer, read when a dump is made: an integer of 1, 2, 4 or
/// 8 bytes in the machine's byte order.
#[diagnostic::on_unimplemented(
    message = "a variable of type `{Self}` is no counter",
    label = "this is to hold an integer",
    note = "counters are the integers up to 64 bits, their atomics, and cells of them"
)]
pub trait Counter {}

/// What a pointer may lead to: the class's type, or one of its elements where it is about `[T]`. A type of the
/// program's own has this from `describe!`.
#[diagnostic::on_unimplemented(
    message = "the pointer leads to `{Self}`, which is not what the class is about",
    label = "the class is about `{Target}`",
    note = "a type of your own stands for an `extern struct` once `inspect_runtime::describe!` says so beside it"
)]
pub trait Element<Target: ?Sized, How> {
    /// Whether there is exactly one of them.
    const IS_WHOLE: bool;
}

impl<T> Element<T, Same> for T {
    const IS_WHOLE: bool = true;
}

impl<T> Element<[T], Elements<Same>> for T {
    const IS_WHOLE: bool = false;
}

/// A variable where a range may start or end: it holds what the class is about, or one element of that.
#[diagnostic::on_unimplemented(
    message = "a range of the class does not start or end at a `{Self}`",
    label = "the class is about `{Target}`",
    note = "declare the symbols of a linker script as variables of the class's type, or as an empty array"
)]
pub trait Edge<Target: ?Sized, How> {}

impl<T: ?Sized, V: Content<T, How>, How> Edge<T, Inside<How>> for V {}
impl<T, V: Content<T, How>, How> Edge<[T], Elements<How>> for V {}

macro_rules! pointers {
    ($($ty:ty),*) => { $(impl<T> Pointer for $ty { type To = T; })* };
}
pointers! {
    *const T, *mut T, NonNull<T>, Option<NonNull<T>>, &'static T, Option<&'static T>, &'static mut T,
    Option<&'static mut T>, Ptr<T>
}
#[cfg(target_has_atomic = "ptr")]
pointers!(atomic::AtomicPtr<T>);

macro_rules! cells {
    ($($cell:ident)*) => { $(
        impl<P: Pointer> Pointer for $cell<P> { type To = P::To; }
        impl<C: Counter> Counter for $cell<C> {}
    )* };
}
cells!(UnsafeCell Cell MaybeUninit ManuallyDrop);

macro_rules! integers {
    ($($ty:ty)*) => { $(impl Counter for $ty {})* };
}
integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

macro_rules! atomics {
    ($($width:literal $($atomic:ident $plain:ty),*;)*) => { $($(
        #[cfg(target_has_atomic = $width)]
        impl Counter for atomic::$atomic {}
        #[cfg(target_has_atomic = $width)]
        impl Content<$plain, Inside<Same>> for atomic::$atomic {}
    )*)* };
}
atomics! {
    "8" AtomicU8 u8, AtomicI8 i8;
    "16" AtomicU16 u16, AtomicI16 i16;
    "32" AtomicU32 u32, AtomicI32 i32;
    "64" AtomicU64 u64, AtomicI64 i64;
    "ptr" AtomicUsize usize, AtomicIsize isize;
}
#[cfg(target_has_atomic = "8")]
impl Content<bool, Inside<Same>> for atomic::AtomicBool {}
#[cfg(target_has_atomic = "ptr")]
impl<T> Content<Ptr<T>, Inside<Same>> for atomic::AtomicPtr<T> {}
