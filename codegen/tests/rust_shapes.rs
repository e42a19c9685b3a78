//! Structs that `repr(C)` does not lay out by itself, and decoders of everything that the language has: what
//! a C compiler wrote by the generated header, generated Rust reads, and the other way round.

mod rust_support;

use std::path::Path;
use std::process::Command;

use rust_support::{model, run, succeed, write};

const SCHEMA: &str = r#"
schema shapes version 3;

const WIDTH: u32 = 3;
const TAG: bytes<4> = b"SHAP";

enum kind: u8 { first = 1, second = 2, third = 3 }
enum state { idle, run = 5, .. }
enum depth { below = -1, above }
flags modes: u16 { read = 0, write = 1, level = 4..7 }

/// Bit-fields in one unit.
struct bits { a: u32 : 3, b: i32 : 5, c: u32 : 24, d: u8 }
/// A bit-field behind a member, in the member's unit.
struct shared { tag: u8, a: u32 : 4, b: u32 : 20, on: bool : 1, mode: modes : 2, tail: u16 }
/// Bits, a pause, bits.
struct paused { a: u16 : 9, _: u16 : 0, b: u16 : 2, c: u64 : 40 }
#[packed] struct tight { a: u8, b: u32, c: u64, d: be16 }
#[packed] #[align(4)] struct both { a: u8, b: u32, c: u16 }
#[packed] struct tight_bits { a: u8, b: u32 : 7, c: u32 : 20, d: u16 }
#[align(16)] struct wide { a: u32, b: atomic<u32> }
struct holes { a: u8, #[offset(12)] b: u32, #[align(8)] c: u16 }
struct loose { a: u16, #[packed] b: u32, c: words, d: state, e: depth, f: text<4> }
struct words { a: long, b: ulong, c: size, d: *words, e: *fn, f: *char, g: short }

struct inner { x: u16, y: i64, z: [i16; WIDTH] }

struct all {
    magic: bytes<4> = b"SHAP",
    kind: kind,
    #[tag(kind)] body: union {
        #[when(kind::first)] one: inner,
        #[when(kind::second, kind::third)] two: struct { p: be32, q: le16 },
        #[otherwise] raw: bytes<8>,
    },
    state: state,
    depth: depth,
    modes: modes,
    union { plain: u32, parts: struct { low: u16, high: u16 } },
    number: union { whole: u64, halves: [u32; 2], real: f64 },
    grid: [[u8; 3]; 2],
    cells: [[u16; 2]; 3],
    many: [inner; 2],
    spots: [struct { u: u8, v: u32 : 12 }; 2],
    name: text<8>,
    ratio: f32,
    exact: f64,
    flag: bool,
    count: u16,
    #[count(count - 1)] slots: [u32; 4],
    #[since(2)] late: u8,
    words: words,
    bits: bits,
    shared: shared,
    tight: tight,
    both: both,
}

struct growing { length: u16, #[count(length)] text: [char] }
struct growing_words { n: u8, items: [inner] }

class all: all;
class growing: growing;
"#;

const WRITER: &str = r#"
#include <stdio.h>
#include <string.h>
#include "c/shapes.inspect.h"

int main(int argc, char **argv)
{
    static struct shapes_all it;
    FILE *file = fopen(argv[1], "wb");
    (void)argc;
    memcpy(it.magic, "SHAP", 4);
    it.kind = SHAPES_KIND_SECOND;
    memcpy(&it.body.two.p, "\1\2\3\4", 4);
    memcpy(&it.body.two.q, "\6\5", 2);
    it.state = SHAPES_STATE_RUN;
    it.depth = SHAPES_DEPTH_BELOW;
    it.modes = 0x52;
    it.plain = 0x00070006u;
    it.number.whole = 0x1122334455667788ull;
    it.grid[1][2] = 9;
    it.cells[2][1] = 77;
    it.many[1].y = -9;
    it.many[1].z[2] = -3;
    it.spots[1].u = 4;
    it.spots[1].v = 0xabc;
    memcpy(it.name, "eight888", 8);
    it.ratio = 1.5f;
    it.exact = -2.25;
    it.flag = 1;
    it.count = 3;
    it.slots[0] = 10; it.slots[1] = 11; it.slots[2] = 12;
    it.late = 8;
    it.words.a = -4; it.words.b = 5; it.words.c = 6;
    it.words.f = "x"; it.words.g = -7;
    it.bits.a = 5; it.bits.b = -3; it.bits.c = 0xabcdef; it.bits.d = 1;
    it.shared.tag = 1; it.shared.a = 9; it.shared.b = 0x54321; it.shared.on = 1;
    it.shared.mode = 2; it.shared.tail = 0xbeef;
    it.tight.b = 0xdeadbeefu; it.tight.c = 1; memcpy(&it.tight.d, "\x12\x34", 2);
    it.both.b = 3; it.both.c = 4;
    fwrite(&it, sizeof it, 1, file);
    return fclose(file);
}
"#;

const READER: &str = r##"
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use inspect_runtime::{RuntimeTable, Target};
use schemas::shapes as s;

static TABLE: RuntimeTable<s::Entry, 1> = RuntimeTable::new();

fn check(all: s::AllView<'_>, big: bool) {
    let (first, second) = if big { (7, 6) } else { (6, 7) };
    let half = if big { 0x1122_3344 } else { 0x5566_7788 };
    all.check().unwrap();
    assert_eq!(all.kind(), s::Kind::Second);
    match all.body_arm() {
        s::AllBodyArm::Two(two) => assert_eq!((two.p(), two.q()), (0x0102_0304, 0x0506)),
        other => panic!("{other:?}"),
    }
    assert_eq!(all.state(), s::State::Run);
    assert_eq!(all.depth(), s::Depth::Below);
    assert!(all.modes().contains(s::Modes::WRITE));
    assert_eq!(all.modes().get(s::Modes::LEVEL), 5);
    assert_eq!((all.plain(), all.parts().low(), all.parts().high()), (0x0007_0006, first, second));
    assert_eq!(all.number().whole(), 0x1122_3344_5566_7788);
    assert_eq!(all.number().halves().get(0), Some(half));
    assert_eq!(all.grid().get(1), Some([0, 0, 9]));
    assert_eq!(all.cells().iter().last(), Some([0, 77]));
    assert_eq!(all.many().len(), 2);
    let second = all.many().get(1).unwrap();
    assert_eq!((second.y(), second.z().get(2)), (-9, Some(-3)));
    let spot = all.spots().get(1).unwrap();
    assert_eq!((spot.u(), spot.v()), (4, 0xabc));
    assert_eq!(all.name().to_str(), Ok("eight888"));
    assert_eq!((all.ratio(), all.exact(), all.flag()), (1.5, -2.25, true));
    assert_eq!(all.slots_count(), 2);
    assert_eq!(all.slots().iter().collect::<Vec<_>>(), [10, 11]);
    assert_eq!(all.late(), Some(8));
    let words = all.words();
    assert_eq!((words.a(), words.b(), words.c(), words.d(), words.g()), (-4, 5, 6, 0, -7));
    assert_ne!(words.f(), 0);
    let bits = all.bits();
    assert_eq!((bits.a(), bits.b(), bits.c(), bits.d()), (5, -3, 0xab_cdef, 1));
    let shared = all.shared();
    assert_eq!((shared.tag(), shared.a(), shared.b(), shared.on()), (1, 9, 0x5_4321, true));
    assert_eq!((shared.mode().0, shared.tail()), (2, 0xbeef));
    assert_eq!((all.tight().b(), all.tight().c(), all.tight().d()), (0xdead_beef, 1, 0x1234));
    assert_eq!((all.both().b(), all.both().c()), (3, 4));
}

fn main() {
    const TARGETS: [(&str, Target); 9] = [
        ("i686", Target::I686),
        ("aarch64", Target::Aarch64),
        ("armv7", Target::Armv7),
        ("riscv64", Target::Riscv64),
        ("powerpc64", Target::Powerpc64),
        ("powerpc64le", Target::Powerpc64le),
        ("s390x", Target::S390x),
        ("mips", Target::Mips),
        ("x86_64", Target::X86_64),
    ];
    let folder = std::env::args().nth(1).unwrap();
    for (name, target) in TARGETS {
        let Ok(bytes) = std::fs::read(format!("{folder}/{name}")) else { continue };
        let big = matches!(target, Target::Powerpc64 | Target::S390x | Target::Mips);
        check(s::Layouts::of(target).all(&bytes).unwrap(), big);
        print!("{name} ");
    }
    let bytes = std::fs::read(format!("{folder}/x86_64")).unwrap();
    let layouts = s::Layouts::of(Target::X86_64);

    // The same through the type information that this program carries itself.
    let mut image = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut image).unwrap();
    let bound = s::Table::parse(&image[..size]).unwrap().bind().unwrap();
    check(bound.all(&bytes).unwrap(), false);

    // Producers: what the accessors write is where C reads it.
    let mut bits = s::Bits::ZERO.with_a(5).with_b(-3).with_c(0xab_cdef);
    bits.d = 1;
    assert_eq!((bits.a(), bits.b(), bits.c()), (5, -3, 0xab_cdef));
    const SHARED: s::Shared = s::Shared { tag: 1, ..s::Shared::ZERO }
        .with_a(9)
        .with_b(0x5_4321)
        .with_on(true)
        .with_mode(s::Modes(2));
    assert_eq!(SHARED.mode(), s::Modes(2));
    assert_eq!((SHARED.a(), SHARED.b(), SHARED.on()), (9, 0x5_4321, true));
    const BOTH: s::Both = s::Both::ZERO.with_b(3).with_c(4);
    assert_eq!((layouts.both(&BOTH.bytes).unwrap().b(), BOTH.c()), (3, 4));
    let loose = s::Loose::ZERO.with_a(1).with_b(0xdead_beef).with_e(s::Depth::Below);
    let loose = loose.with_f(inspect_runtime::Text::new("abc"));
    assert_eq!((loose.b(), loose.e()), (0xdead_beef, s::Depth::Below));
    let view = layouts.loose(&loose.bytes).unwrap();
    assert_eq!((view.a(), view.b(), view.e()), (1, 0xdead_beef, s::Depth::Below));
    assert_eq!(view.f().to_str(), Ok("abc"));
    let paused = s::Paused::ZERO.with_a(300).with_b(2).with_c(0xff_0000_0001);
    assert_eq!((paused.a(), paused.b(), paused.c()), (300, 2, 0xff_0000_0001));
    assert_eq!(core::mem::offset_of!(s::Holes, b), 12);
    let number = s::AllNumber { halves: [1, 2] };
    let _ = s::All { number, body: s::AllBody::ZERO, ..s::All::ZERO };
    let grown = s::Growing::<[u8; 5]> { length: 5, text: *b"hello" };
    let unsized_: &s::Growing<[u8]> = &grown;
    assert_eq!(unsized_.text.len(), 5);
    let mut memory = vec![3, 0];
    memory.extend_from_slice(b"hello");
    let growing = layouts.growing(&memory).unwrap();
    assert_eq!((growing.text().to_str(), growing.text_count()), (Ok("hel"), 3));
    assert_eq!(s::State(9).name(), None);
    println!("{:?} {:?} {}", s::State::Run, s::State(9), s::TAG.len());
}
"##;

/// The targets whose C compilers may be here: name, compiler, emulator.
const COMPILERS: [(&str, &str, &str); 9] = [
    ("i686", "i686-linux-gnu-gcc", "qemu-i386"),
    ("aarch64", "aarch64-linux-gnu-gcc", "qemu-aarch64"),
    ("armv7", "arm-linux-gnueabihf-gcc", "qemu-arm"),
    ("riscv64", "riscv64-linux-gnu-gcc", "qemu-riscv64"),
    ("powerpc64", "powerpc64-linux-gnu-gcc", "qemu-ppc64"),
    ("powerpc64le", "powerpc64le-linux-gnu-gcc", "qemu-ppc64le"),
    ("s390x", "s390x-linux-gnu-gcc", "qemu-s390x"),
    ("mips", "mips-linux-gnu-gcc", "qemu-mips"),
    ("x86_64", "x86_64-linux-gnu-gcc", "env"),
];

#[test]
fn c_writes_and_rust_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(&[SCHEMA]);
    write(folder.path(), &inspect_gen::emit::rust::emit(&model));
    write(folder.path(), &inspect_gen::emit::c::emit(&model));
    let bytes = folder.path().join("bytes");
    std::fs::create_dir(&bytes).expect("a folder");
    let mut expected = String::new();
    for (target, compiler, emulator) in COMPILERS {
        if is_present(compiler) && is_present(emulator) {
            c_program(folder.path(), compiler, emulator, &bytes.join(target));
            expected += &format!("{target} ");
        } else {
            let demanded = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some_and(|it| it == "1");
            assert!(!demanded, "{compiler} and {emulator} are missing");
            eprintln!("skipped: {target}, since {compiler} or {emulator} is missing");
        }
    }
    let printed = run(folder.path(), READER, &[bytes.to_str().expect("a path")]);
    assert_eq!(printed, format!("{expected}run 9 4\n"));
}

fn is_present(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn c_program(folder: &Path, compiler: &str, emulator: &str, bytes: &Path) {
    let source = folder.join("writer.c");
    std::fs::write(&source, WRITER).expect("a program");
    let binary = folder.join("writer");
    let output = Command::new(compiler)
        .args(["-std=gnu11", "-Wall", "-Wextra", "-static", "-I"])
        .arg(folder)
        .arg("-I")
        .arg(folder.join("c"))
        .arg("-o")
        .arg(&binary)
        .arg(&source)
        .output();
    succeed(&output.expect("the compiler runs"), compiler);
    let output = Command::new(emulator).arg(&binary).arg(bytes).output().expect("it runs");
    succeed(&output, "the writer");
}
