//! Why a field lies elsewhere: what `verify` says is what somebody has done to the struct.

#[path = "support/binaries.rs"]
mod binaries;
mod support;

use binaries::compiled;

/// A struct of the program, the same as a schema has it, and what is said of each difference.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const CASES: [Case; 18] = [
    (
        "struct it { uint16_t a, b; uint32_t c; };",
        "struct it { a: u32, b: u16, c: u32 }",
        &[
            ("a", "it is `uint16_t` in the binary"),
            ("b", "`a` before it has 2 bytes in the binary, and 4 bytes here"),
            ("c", "it moves with `b` before it"),
        ],
    ),
    (
        "struct it { uint32_t a; uint64_t b; } __attribute__((packed));",
        "struct it { a: u32, b: u64 }",
        &[("b", "the binary's struct is packed: write `#[packed]`")],
    ),
    (
        "struct it { uint8_t a; uint32_t b; uint16_t c; } __attribute__((packed));",
        "struct it { a: u8, b: u32, c: u16 }",
        &[
            ("b", "the binary's struct is packed: write `#[packed]`"),
            ("c", "the binary's struct is packed: write `#[packed]`"),
        ],
    ),
    (
        "#pragma pack(2)\nstruct it { uint8_t a; uint32_t b; uint64_t c; };\n#pragma pack()",
        "struct it { a: u8, b: u32, c: u64 }",
        &[
            ("b", "it was built with `-fpack-struct=2` or `#pragma pack(2)`"),
            ("c", "it was built with `-fpack-struct=2` or `#pragma pack(2)`"),
        ],
    ),
    (
        "struct it { uint64_t c; uint32_t a; uint32_t b; };",
        "struct it { a: u32, b: u32, c: u64 }",
        &[
            ("a", "the binary has them in another order: `c`, `a`, `b`"),
            ("b", "the binary has them in another order: `c`, `a`, `b`"),
            ("c", "the binary has them in another order: `c`, `a`, `b`"),
        ],
    ),
    (
        "struct it { char name[32]; int id; };",
        "struct it { name: text<16>, id: i32 }",
        &[
            ("name", "it is `char[32]` in the binary"),
            ("id", "`name` before it has 32 bytes in the binary, and 16 bytes here"),
        ],
    ),
    (
        "struct it { int a; int b __attribute__((aligned(16))); int c; };",
        "struct it { a: i32, b: i32, c: i32 }",
        &[
            ("b", "it is aligned to 16 bytes in the binary: write `#[align(16)]`"),
            ("c", "it moves with `b` before it"),
        ],
    ),
    (
        "struct it { int a; int unknown; int b; int c; };",
        "struct it { a: i32, b: i32, c: i32 }",
        &[
            ("b", "`unknown` lies before it in the binary, and is not declared here"),
            ("c", "it moves with `b` before it"),
        ],
    ),
    (
        "struct it { int a; int c; };",
        "struct it { a: i32, gone: i32, c: i32 }",
        &[
            ("gone", "another version or another configuration"),
            ("c", "`gone` lies before it here, and the binary does not have it"),
        ],
    ),
    (
        "struct it { int a; int : 32; int b; };",
        "struct it { a: i32, b: i32 }",
        &[("b", "padding lies before it in the binary: write `_: bytes<4>`")],
    ),
    (
        "struct it { int a; } __attribute__((aligned(16)));",
        "struct it { a: i32 }",
        &[("", "it is aligned to 16 bytes in the binary: write `#[align(16)]`")],
    ),
    (
        "struct it { uint32_t a; uint8_t b; } __attribute__((packed));",
        "struct it { a: u32, b: u8 }",
        &[("", "the binary's struct is packed: write `#[packed]`")],
    ),
    (
        "struct it { int a; int last; };",
        "struct it { a: i32 }",
        &[("", "`last` lies behind the others in the binary, and is not declared here")],
    ),
    (
        "struct it { int a; struct { short x; int y; } in; };",
        "struct it { a: i64, in: struct { x: i16, y: i32 } }",
        &[
            ("a", "it is `int` in the binary"),
            ("in", "`a` before it has 4 bytes in the binary, and 8 bytes here"),
            ("in.x", "it moves with `in`"),
            ("in.y", "it moves with `in`"),
        ],
    ),
    (
        "enum __attribute__((packed)) e { A }; struct it { enum e e; char b; };",
        "enum e { A } struct it { e: e, b: char }",
        &[
            ("e", "`-fshort-enums`, or a packed enum"),
            ("b", "`e` before it has 1 byte in the binary, and 4 bytes here"),
        ],
    ),
    (
        "struct it { int *a; int *b; };",
        "struct it { a: u32, b: *int }",
        &[("a", "it is `int *` in the binary")],
    ),
    (
        "struct it { int a; struct { int y; int x; } in; };",
        "struct it { a: i32, in: struct { x: i32, y: i32 } }",
        &[
            ("in.x", "the binary has them in another order: `in.y`, `in.x`"),
            ("in.y", "the binary has them in another order: `in.y`, `in.x`"),
        ],
    ),
    (
        "struct it { uint8_t a; uint32_t b; struct { uint8_t y; uint8_t x; } in; } __attribute__((packed));",
        "struct it { a: u8, b: u32, in: struct { y: u8, x: u8 } }",
        &[
            ("b", "the binary's struct is packed: write `#[packed]`"),
            ("in", "the binary's struct is packed: write `#[packed]`"),
            ("in.y", "the binary's struct is packed: write `#[packed]`"),
            ("in.x", "the binary's struct is packed: write `#[packed]`"),
        ],
    ),
];

#[test]
fn causes_are_true() {
    for (source, schema, expected) in CASES {
        let program = format!(
            "#include <stdint.h>\n{source}\nstruct it it; int main(void) {{ return 0; }}\n"
        );
        let Some(program) = compiled("gcc", &program, &[]) else { return };
        let found = program.verdicts(&format!("schema app version 1;\n{schema}\n"));
        let (_, said) = found.into_iter().find(|(name, _)| name == "app::it").unwrap();
        let said: Vec<&str> = said.lines().collect();
        let whole = said.iter().filter(|line| line.starts_with(':')).count();
        for (field, cause) in expected {
            let start = format!("{field}: ");
            let line = said.iter().find(|line| line.starts_with(&start));
            assert!(line.is_some_and(|line| line.contains(cause)), "{schema}: {field}: {said:#?}");
        }
        let expects_whole = usize::from(expected.iter().any(|(field, _)| field.is_empty()));
        // A size that follows from the fields has no cause of its own.
        assert_eq!(said.len() - whole, expected.len() - expects_whole, "{schema}: {said:#?}");
    }
}

/// A name that `import` would not have written is another type's, and that one is not compared.
#[test]
fn names_that_look_alike_are_others() {
    let source = "struct conn { int a; }; typedef struct hdr { int a; } hdr;
struct conn conn; hdr h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let verdict = |name: &str, schema: &str| {
        let found = program.verdicts(&format!("schema app version 1;\n{schema}\n"));
        found.into_iter().find(|(it, _)| it == &format!("app::{name}")).unwrap().1
    };
    assert_eq!(verdict("conn_", "struct conn_ { b: i64 }"), "absent");
    assert_eq!(verdict("hdr_2", "struct hdr { a: i32 } struct hdr_2 { b: i64 }"), "absent");
    let both = "struct text { int a; }; struct text t; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", both, &[]) else { return };
    program.is_as_in("schema app version 1; struct text_ { a: i32 }");
}

/// One field of bytes is a field as any other where the binary has it, or where nothing says how long the whole is.
#[test]
fn a_single_field_of_bytes_is_compared() {
    let source = "struct key { int version; char data[16]; }; struct whole { int a, b; };
struct key key; struct whole whole; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let verdict =
        |schema: &str| program.verdicts(&format!("schema app version 1;\n{schema}\n")).remove(0).1;
    assert_eq!(
        verdict("extern struct key from \"key.h\" { data: bytes<8> }"),
        "data: it has 16 bytes in the binary, and 8 bytes here: it is `char[16]` in the binary"
    );
    assert_eq!(verdict("extern struct key from \"key.h\" { data: bytes<16> }"), "same");
    assert_eq!(
        verdict("extern struct whole from \"key.h\" { gone: bytes<8> }"),
        "gone: the binary does not have this field: another version or another configuration: `#[if(\"MACRO\")]` says \
         that a field of an `extern struct` depends on one"
    );
    let moved = verdict("struct key { data: bytes<16> }");
    assert!(moved.starts_with("data: it lies at 4 in the binary, and at 0 here: "), "{moved}");
    // What could not be told is as long as the binary's.
    assert_eq!(verdict("struct whole { bytes: bytes<8> }"), "same");
}
