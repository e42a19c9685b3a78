//! The macros of the crate.

/// Brings in the modules that `inspect_gen::Build` generated for this crate's build script.
///
/// ```ignore
/// mod schemas {
///     inspect_runtime::include_schemas!();
/// }
/// ```
///
/// A path in quotes names another `inspect.rs`.
#[macro_export]
macro_rules! include_schemas {
    () => {
        include!(concat!(env!("OUT_DIR"), "/inspect/rust/inspect.rs"));
    };
    ($path:expr) => {
        include!($path);
    };
}

/// Captures the layout of a Rust type for a schema's `extern struct ... in rust`, beside the type, in its
/// own crate: private fields and any representation will do.
///
/// ```ignore
/// inspect_runtime::describe!(schemas::daemon::external::Cache as Cache {
///     hits,
///     misses = inner.misses,
///     shards,
/// });
/// ```
///
/// Fields are matched by the schema's names. A missing field, an unknown one and a wrong width do not
/// compile.
#[macro_export]
macro_rules! describe {
    ($marker:path as $ty:ty { $($field:ident $(= $($path:ident).+)?),* $(,)? }) => {
        const _: () = {
            type Marked = $ty;
            type Fields = <$marker as $crate::__private::External>::Fields;

            impl $crate::__private::Described for $marker {
                const SIZE: usize = ::core::mem::size_of::<Marked>();
                const FIELDS: Fields = Fields {
                    $($field: $crate::__describe_field!(Marked, $field $(= $($path).+)?)),*
                };
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __describe_field {
    ($ty:ty, $field:ident) => {
        $crate::__describe_field!($ty, $field = $field)
    };
    ($ty:ty, $field:ident = $($path:ident).+) => {
        $crate::__private::Place::field(
            ::core::mem::offset_of!($ty, $($path).+),
            |it: &$ty| ::core::ptr::addr_of!(it.$($path).+),
        )
    };
}
