//! The root as the assembler lays it down, with the section's bounds and the ELF note.
//!
//! The difference of two symbols is something that an assembler can express and Rust cannot. The label that
//! it counts from is local, since a weak symbol may turn out to lie elsewhere; then this copy is not used, and
//! its address of itself gives it away. Eight zeros in the section, which no collection of garbage takes, make
//! its bounds exist.

use inspect_format::abi::{FORMAT, Root, note_kind};

/// Eight bytes that hold a word of the machine where a number of its byte order would.
#[cfg(target_pointer_width = "64")]
macro_rules! word {
    ($value:literal) => {
        concat!(".8byte ", $value, "\n")
    };
}
#[cfg(all(target_pointer_width = "32", target_endian = "little"))]
macro_rules! word {
    ($value:literal) => {
        concat!(".4byte ", $value, "\n.4byte 0\n")
    };
}
#[cfg(all(target_pointer_width = "32", target_endian = "big"))]
macro_rules! word {
    ($value:literal) => {
        concat!(".4byte 0\n.4byte ", $value, "\n")
    };
}

core::arch::global_asm!(
    r#"
    .pushsection inspect_table,"awR",%progbits
    .balign 8
    .8byte 0
    .popsection
    .hidden __start_inspect_table
    .hidden __stop_inspect_table

    .pushsection .data.inspect_root,"aw",%progbits
    .balign 8
    .weak inspect_root_here
    .hidden inspect_root_here
    .type inspect_root_here, %object
    .weak inspect_root
    .type inspect_root, %object
inspect_root_here:
.Linspect_root_base:
    .ascii "\211INSPRT\n"
    .byte {order}, {word_size}
    .2byte {format}
    .4byte {size}
    "#,
    word!("__start_inspect_table - .Linspect_root_base"),
    word!("__stop_inspect_table - .Linspect_root_base"),
    r#"
    .8byte 0
    .8byte 0
    "#,
    word!("inspect_root_here"),
    r#"
    .8byte 0
    .size inspect_root_here, 64
    .set inspect_root, inspect_root_here
    .size inspect_root, 64
    .popsection

    .pushsection .note.inspect,"a",%note
    .balign 4
    .4byte 8
    .4byte 8
    .4byte {note}
    .ascii "INSPECT\0"
.Linspect_root_note:
    "#,
    word!("inspect_root_here - .Linspect_root_note"),
    r#"
    .popsection
    "#,
    order = const if cfg!(target_endian = "little") { 1 } else { 2 },
    word_size = const size_of::<usize>(),
    format = const FORMAT,
    size = const Root::SIZE,
    note = const note_kind::ROOT,
);
