//! What is imported agrees with the binary that it comes from: `verify` finds all of it the same, and `--update`
//! changes nothing.

#[path = "support/binaries.rs"]
mod binaries;
mod support;

use binaries::compiled;

#[test]
fn of_c() {
    let source = "#include <stdint.h>
struct under { int _; int b; };
struct text { int i32; };
union number { int i; float f; };
typedef struct { int x; } pair_t;
enum { LOOSE, OTHER }; 
struct holds {
    union number number; pair_t pair; struct text text; struct under under;
    enum { ONE = 1, TWO } kind; enum { RED = 1, GREEN } color; long double wide;
    struct { int a; struct { char c; }; } inside[2]; unsigned bits : 3; int : 4; unsigned more : 9;
    struct under (*array)[3]; void (*call)(int);
};
struct lsb { uint8_t a : 4, b : 4; } __attribute__((packed));
enum __attribute__((packed)) small { SMALL = 200 };
enum negative { MINUS = -5, PLUS = 5 };
struct enums { enum small small; enum negative negative; };
struct holds h; struct lsb l; struct enums e; int main(void) { return 0; }
";
    for compiler in ["gcc", "clang"] {
        let Some(program) = compiled(compiler, source, &[]) else { continue };
        program.stands(&["holds", "lsb", "enums", "number", "pair_t"]);
    }
}

#[test]
fn of_cpp() {
    let source = "
struct Base { long a; int b; };
struct D1 : Base { char c; };
struct Tail { Tail() {} long a; int b; };
struct D2 : Tail { int c; };
struct V { virtual ~V() {} int x; };
struct DV : V { int y; };
struct Empty {};
struct D3 : Empty { int x; };
struct D4 : Empty { Empty e; int x; };
struct Two : Base, Empty { struct { int own; }; };
template <class T> struct Box { T value; int count; };
template <class A, class B> struct Pair { A first; B second; };
namespace deep { struct Inner { int x; }; enum class Kind : unsigned char { A, B = 9 }; }
struct Holds {
    Box<int> ints; Box<deep::Inner> inner; Pair<Box<long>, deep::Inner *> pair; deep::Kind kind;
    int Holds::*member; int &reference; class Hidden { int z; } hidden;
};
D1 d1; D2 d2; V v; DV dv; D3 d3; D4 d4; Two two; Holds *holds; Box<int> box;
int main() { return sizeof(Holds); }
";
    for compiler in ["g++", "clang++"] {
        let Some(program) = compiled(compiler, source, &[]) else { continue };
        let names = ["D1", "D2", "V", "DV", "D3", "D4", "Two", "Holds"];
        program.stands(&names);
        for name in names {
            program.stands(&[name]);
        }
    }
}

/// Types of one name in several namespaces: each is found again.
#[test]
fn of_several_namespaces() {
    let source = "namespace a { struct conn { int x; }; struct in_a { conn c; }; }
namespace b { struct conn { long y; }; struct in_b { conn c; }; }
a::in_a a1; b::in_b b1; int main() { return 0; }";
    let Some(program) = compiled("g++", source, &[]) else { return };
    program.stands(&["in_a", "in_b"]);
    program.stands(&["a::conn"]);
}

#[test]
fn of_rust() {
    let source = "#![allow(dead_code)]
#[repr(C, u8)] pub enum Tagged { None, Number(u32), Pair(u8, u64) }
#[repr(u8)] #[derive(Clone, Copy)] pub enum Plain { A = 1, B = 7 }
pub struct Tuple(u32, pub u64);
pub struct Generic<T> { value: T, next: Option<Box<T>> }
mod deep { pub struct Inner { pub r#type: u8, pub x: Option<u32> } }
#[repr(C)] pub struct Holds {
    tagged: Tagged, plain: Plain, tuple: Tuple, generic: Generic<u16>, other: Generic<deep::Inner>,
    words: Vec<u8>, text: String, slice: &'static [u32], call: fn(u8) -> u8, unit: (), pair: (u8, u32),
}
fn main() {
    fn id(x: u8) -> u8 { x }
    let inner = deep::Inner { r#type: 1, x: None };
    let holds = Holds { tagged: Tagged::Pair(1, 2), plain: Plain::B, tuple: Tuple(1, 2),
        generic: Generic { value: 1, next: None }, other: Generic { value: inner, next: None },
        words: vec![], text: String::new(), slice: &[], call: id, unit: (), pair: (1, 2) };
    std::hint::black_box(&holds);
}
";
    let Some(program) = compiled("rustc", source, &[]) else { return };
    program.stands(&["Holds"]);
    program.stands(&["Tagged", "Plain", "Tuple"]);
}

/// What somebody knows better than the binary says stays, as long as the size is right.
#[test]
fn bytes_may_be_replaced_by_hand() {
    let source = "#![allow(dead_code)]
#[repr(C, u8)] pub enum Tagged { None, Number(u32), Pair(u8, u64) }
#[repr(C)] pub struct Holds { wide: Tagged, small: u8 }
fn main() { std::hint::black_box(&Holds { wide: Tagged::Number(4), small: 1 }); }
";
    let Some(program) = compiled("rustc", source, &[]) else { return };
    let text = program.stands(&["Holds"]).text;
    assert!(text.contains("#[align(8)] bytes: bytes<24>,"), "{text}");
    let known = text.replace(
        "#[align(8)] bytes: bytes<24>,",
        "kind: u8,\n    value: union {\n        number: u32,\n        pair: struct {\n            first: u8,\n            second: u64,\n        },\n    },",
    );
    program.is_as_in(&known);
    assert_eq!(program.updated(&["Holds"], &known).text, known);
    let short = text.replace("bytes<24>", "bytes<16>");
    let updated = program.updated(&["Holds"], &short);
    assert_eq!(updated.text, text);
}
