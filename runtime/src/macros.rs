//! The macros of the crate.

/// Announces a variable when the program is built, in one line beside it: an entry of a class, in the table
/// that a packer leaves in the image. Nothing runs, and nothing is called.
///
/// ```ignore
/// static LOG: [s::LogRecord; 4] = [s::LogRecord::ZERO; 4];
/// inspect_runtime::annotate!(s::class::Log: LOG, name = "main", instance = 3, owner = 7);
/// ```
///
/// A class, a variable, and what is said about it:
///
/// | | |
/// |---|---|
/// | `Class: LOG` | the variable; `module::LOG`, `NODES[3]` and `STATE.log` too |
/// | `Class: START..END` | from one variable up to another, which a linker script may define |
/// | `Class: indirect POINTER` | what the pointer leads to; `length = BYTES` where that is several elements |
/// | `Class: counted POINTER by COUNT` | as many elements as the counter says when a dump is made |
/// | `Class: address VARIABLE` | the address alone, of a variable of any type |
///
/// Keys are `name`, `instance`, `id`, `properties`, `space`, `type`, and the fields of the schema's entry by
/// their names. What stands behind them are constants.
///
/// A variable of another type, a field that the entry lacks, a value that does not fit and a text that is too
/// long do not compile. It stands wherever an item may, in functions too, and wherever the variable can be
/// named. A `static mut` is taken as a whole, since nothing is read; elements and fields of one are not.
///
/// With the feature `off` it is checked and leaves nothing.
#[macro_export]
macro_rules! annotate {
    ($class:ty: indirect $pointer:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__annotate!(
            $class,
            $crate::__private::Extent::indirect::<__InspectClass, _, _>(::core::ptr::addr_of!($pointer)),
            $($key = $value),*
        );
    };
    (
        $class:ty: counted $($pointer:ident)::+ $([$($index:tt)+])* $(. $member:tt)* by $counter:expr
        $(, $key:ident = $value:expr)* $(,)?
    ) => {
        $crate::__annotate!(
            $class,
            $crate::__private::Extent::counted::<__InspectClass, _, _, _>(
                ::core::ptr::addr_of!($($pointer)::+ $([$($index)+])* $(. $member)*),
                ::core::ptr::addr_of!($counter)
            ),
            $($key = $value),*
        );
    };
    ($class:ty: address $variable:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__annotate!(
            $class,
            $crate::__private::Extent::address(::core::ptr::addr_of!($variable)),
            $($key = $value),*
        );
    };
    (
        $class:ty: $($start:ident)::+ $([$($index:tt)+])* .. $end:expr
        $(, $key:ident = $value:expr)* $(,)?
    ) => {
        $crate::__annotate!(
            $class,
            $crate::__private::Extent::range::<__InspectClass, _, _, _, _>(
                ::core::ptr::addr_of!($($start)::+ $([$($index)+])*),
                ::core::ptr::addr_of!($end)
            ),
            $($key = $value),*
        );
    };
    ($class:ty: $variable:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__annotate!(
            $class,
            $crate::__private::Extent::object::<__InspectClass, _, _>(::core::ptr::addr_of!($variable)),
            $($key = $value),*
        );
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "an annotation is `annotate!(Class: VARIABLE, key = value, ...)`; the variable may be \
             `START..END`, `indirect POINTER`, `counted POINTER by COUNT` or `address VARIABLE`"
        );
    };
}

/// The names are odd since items in macros are not hygienic: those of the program stay visible.
#[doc(hidden)]
#[macro_export]
macro_rules! __annotate {
    ($class:ty, $extent:expr, $($key:ident = $value:expr),*) => {
        const _: () = {
            type __InspectClass = $class;
            type __InspectFields = <
                <__InspectClass as $crate::__private::Class>::Format as $crate::__private::Annotated
            >::Fields;
            const __INSPECT_ITEMS: &[$crate::__private::Item] =
                &[$($crate::__annotate_item!(__InspectFields, $key = $value)),*];
            const __INSPECT_RECORD: $crate::__private::Record = $crate::__private::Record::new::<
                __InspectClass,
            >($extent, __INSPECT_ITEMS, ::core::file!(), ::core::line!());
            $crate::__annotate_pairs!(__INSPECT_RECORD);
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __annotate_item {
    ($fields:ident, name = $value:expr) => {
        $crate::__private::Item::text("name", $value)
    };
    ($fields:ident, instance = $value:expr) => {
        $crate::__private::Item::integer("instance", $value)
    };
    ($fields:ident, id = $value:expr) => {
        $crate::__private::Item::id($value)
    };
    ($fields:ident, type = $value:expr) => {
        $crate::__private::Item::integer("type", {
            let id: u32 = $value;
            id as u64
        })
    };
    ($fields:ident, space = $value:expr) => {
        $crate::__private::Item::integer("space", $crate::__private::Given($value).space())
    };
    ($fields:ident, length = $value:expr) => {
        $crate::__private::Item::integer("length", {
            let bytes: usize = $value;
            bytes as u64
        })
    };
    ($fields:ident, $key:ident = $value:expr) => {
        $fields::$key($value)
    };
}

/// Lays the pairs down. Every crate that is built against this one does what this one's feature says.
#[cfg(not(feature = "off"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __annotate_pairs {
    ($record:ident) => {
        #[used]
        #[unsafe(link_section = "inspect_table")]
        static __INSPECT_PAIRS: $crate::__private::Pairs<{ $record.count() }> = $record.pairs();
        $crate::__annotate_keep!(__INSPECT_PAIRS);
    };
}

/// Where `used` means something to the linker, that is all.
#[cfg(not(any(feature = "off", inspect_keeps_by_assembly)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __annotate_keep {
    ($pairs:ident) => {};
}

/// Elsewhere a section that the linker keeps, and that stays out of the program, refers to the pairs, by a
/// relocation that changes nothing. The assembler takes it inside a function only; that goes with the garbage.
#[cfg(all(not(feature = "off"), inspect_keeps_by_assembly))]
#[doc(hidden)]
#[macro_export]
macro_rules! __annotate_keep {
    ($pairs:ident) => {
        #[used]
        static __INSPECT_KEEP: fn() = __inspect_keep;
        fn __inspect_keep() {
            // SAFETY: no instruction is emitted.
            unsafe {
                ::core::arch::asm!(
                    ".pushsection .inspect_keep,\"R\",%progbits",
                    ".reloc ., BFD_RELOC_NONE, {pairs}",
                    ".popsection",
                    pairs = sym $pairs,
                    options(nomem, nostack, preserves_flags),
                );
            }
        }
    };
}

#[cfg(feature = "off")]
#[doc(hidden)]
#[macro_export]
macro_rules! __annotate_pairs {
    ($record:ident) => {
        const _: $crate::__private::Record = $record;
    };
}

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

            impl $crate::annotate::Content<$marker, $crate::__private::ByDescription> for Marked {}

            impl $crate::__private::BehindPointer<$marker, $crate::__private::ByDescription>
                for Marked
            {
                const IS_WHOLE: bool = true;
            }

            impl
                $crate::__private::BehindPointer<
                    [$marker],
                    $crate::__private::Elements<$crate::__private::ByDescription>,
                > for Marked
            {
                const IS_WHOLE: bool = false;
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
