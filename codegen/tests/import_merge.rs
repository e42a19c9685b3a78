//! What a person has written into a schema survives `import --update`: names of their own, versions, attributes.

#[path = "support/binaries.rs"]
mod binaries;
mod support;

use binaries::compiled;

const CONN: &str = "#include <stdint.h>
enum state { STATE_IDLE, STATE_BUSY };
struct conn {
    uint64_t id;
    uint32_t port;
    uint64_t fresh;
    union { uint32_t v4; uint64_t v6; };
    enum state state;
};
struct app_peer { struct conn *conn; int64_t age; };
struct conn conn; struct app_peer peer;
int main(void) { return 0; }
";

/// Fields that have a name of their own in C, and one that the binary has on top.
#[test]
fn renamed_fields_stay() {
    let Some(program) = compiled("gcc", CONN, &[]) else { return };
    let schema = "schema app version 1;

struct conn {
    /// Who.
    #[c_name(\"id\")] ident: u64,
    #[c_name(\"port\")] #[display(dec)] number: u32,
    union {
        #[c_name(\"v4\")] old: u32, // behind it
        v6: u64,
    },
    state: u32,
}
";
    let updated = program.updated(&["conn"], schema);
    let expected = "schema app version 1;

struct conn {
    /// Who.
    #[c_name(\"id\")] ident: u64,
    #[c_name(\"port\")] #[display(dec)] number: u32,
    fresh: u64,
    union {
        #[c_name(\"v4\")] old: u32, // behind it
        v6: u64,
    },
    state: u32,
}
";
    assert_eq!(updated.text, expected);
    assert!(updated.notes.is_empty(), "{:?}", updated.notes);
    program.is_as_in(&updated.text);
}

/// Structs and enums that have a name of their own, said or derived.
#[test]
fn renamed_types_stay() {
    let Some(program) = compiled("gcc", CONN, &[]) else { return };
    let schema = "schema app version 1;

#[c_name(\"conn\")]
struct connection {
    #[unit(\"a\")] id: u64,
    state: condition,
}

#[c_name(\"state\")]
enum condition {
    #[c_name(\"STATE_IDLE\")] IDLE,
    ..
}

struct peer {
    conn: *connection,
}
";
    let expected = "schema app version 1;

#[c_name(\"conn\")]
struct connection {
    #[unit(\"a\")] id: u64,
    port: u32,
    fresh: u64,
    union {
        v4: u32,
        v6: u64,
    },
    state: condition,
}

#[c_name(\"state\")]
enum condition { #[c_name(\"STATE_IDLE\")] IDLE, STATE_BUSY = 1, .. }

struct peer {
    conn: *connection,
    age: i64,
}
";
    for names in [["conn", "app_peer"], ["connection", "peer"]] {
        let updated = program.updated(&names, schema);
        assert_eq!(updated.text, expected);
        assert!(updated.notes.is_empty(), "{:?}", updated.notes);
        program.is_as_in(&updated.text);
    }
}

/// A typedef that the schema names is the same type.
#[test]
fn types_behind_typedefs_stay() {
    let source = "typedef struct { int x, y; } pair_t; typedef enum { A, B } kind_t;
struct holds { pair_t pair; kind_t kind; }; struct holds h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 1;

struct holds {
    pair: pair,
}

#[c_type(\"pair_t\")]
struct pair {
    x: int,
}

#[c_type(\"kind_t\")]
enum kind {
    A,
}
";
    let updated = program.updated(&["holds"], schema);
    assert!(!updated.text.contains("struct pair_t"), "{}", updated.text);
    assert!(!updated.text.contains("enum kind_t"), "{}", updated.text);
    assert!(updated.text.contains("y: int"), "{}", updated.text);
    assert!(updated.text.contains("B = 1"), "{}", updated.text);
    assert!(updated.text.contains("kind: kind,"), "{}", updated.text);
}

/// What a released struct gets is of the schema's version; what was removed keeps its place.
#[test]
fn versions_are_kept() {
    let source = "#include <stdint.h>
enum kind { OLD, NEW }; enum unused { UNUSED };
struct inner { uint32_t a; };
struct grown { uint64_t id; uint64_t reserved; uint32_t fresh; enum kind kind;
    enum unused number; struct inner inner; };
struct young { uint32_t x, y; };
struct grown g; struct young y; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 3;

struct grown {
    id: u64,
    #[removed(2)] gone: u64,
    number: u32,
}

enum kind {
    OLD,
    ..
}

#[since(3)]
struct young {
    x: u32,
}
";
    let expected = "schema app version 3;

struct grown {
    id: u64,
    #[since(3)] reserved: u64,
    #[since(3)] fresh: u32,
    #[since(3)] kind: kind,
    number: u32,
    #[since(3)] inner: inner,
}

enum kind { OLD, #[since(3)] NEW = 1, .. }

#[since(3)]
struct young {
    x: u32,
    y: u32,
}

/// `struct inner`, 4 bytes.
#[since(3)]
struct inner {
    a: u32,
}
";
    let updated = program.updated(&["grown", "young"], schema);
    assert_eq!(updated.text, expected);
    let notes: Vec<&str> = updated.notes.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(notes, ["grown.gone"], "its bytes are another field's now");
}

/// Bytes that a removed field had are left free by the binary: it stays.
#[test]
fn removed_fields_stay_while_their_bytes_are_free() {
    let source = "#include <stdint.h>
struct padded { uint64_t id; uint32_t : 32; uint32_t after; uint64_t fresh; };
struct aligned { uint32_t id; uint64_t after; uint64_t fresh; };
struct last { uint64_t id, fresh; uint32_t small; };
struct padded p; struct aligned a; struct last l; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 2;

struct padded {
    id: u64,
    /// What was here.
    #[removed(2)] gone: u32,
    after: u32,
}

struct aligned {
    id: u32,
    #[removed(2)] gone: u32,
    after: u64,
}

struct last {
    id: u64,
    small: u32,
    #[removed(2)] gone: u32,
}
";
    let expected = "schema app version 2;

struct padded {
    id: u64,
    /// What was here.
    #[removed(2)] gone: u32,
    after: u32,
    #[since(2)] fresh: u64,
}

struct aligned {
    id: u32,
    #[removed(2)] gone: u32,
    after: u64,
    #[since(2)] fresh: u64,
}

struct last {
    id: u64,
    #[since(2)] fresh: u64,
    small: u32,
    #[removed(2)] gone: u32,
}
";
    let updated = program.updated(&["padded", "aligned", "last"], schema);
    assert_eq!(updated.text, expected);
    assert!(updated.notes.is_empty(), "{:?}", updated.notes);
    program.is_as_in(&updated.text);
}

/// Attributes stay with a field that moves into an anonymous union.
#[test]
fn a_field_may_move_into_an_anonymous_union() {
    let source = "#include <stdint.h>
struct moved { uint64_t a; uint64_t fresh; union { uint64_t b; uint32_t c[2]; }; union { uint32_t d; }; };
struct moved m; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 2;

struct moved {
    a: u64,
    /// Of b.
    #[sensitive] b: u64,
    union {
        #[display(hex)] d: u32,
    },
}
";
    let expected = "schema app version 2;

struct moved {
    a: u64,
    #[since(2)] fresh: u64,
    union {
        /// Of b.
        #[sensitive] b: u64,
        #[since(2)] c: [u32; 2],
    },
    union {
        #[display(hex)] d: u32,
    },
}
";
    let updated = program.updated(&["moved"], schema);
    assert_eq!(updated.text, expected);
    assert!(updated.notes.is_empty(), "{:?}", updated.notes);
}

/// What stands in comments is no comma, and no comment of the other kind.
#[test]
fn comments_are_no_text() {
    let source = "enum kind { A, B, C }; struct noted { int a, b, c, d, fresh; enum kind kind; };
struct noted n; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 1;

struct noted {
    a: i32, /* see http://x/1 */
    b: i32, /* one, two */ c: i32 /* three, four */,
    d: i32, // not /* this
    kind: kind,
}

enum kind {
    A,
    B // one, two
}
";
    let updated = program.updated(&["noted", "kind"], schema);
    for kept in [
        "    a: i32, /* see http://x/1 */\n",
        "    b: i32,\n    /* one, two */\n",
        "    c: i32, /* three, four */\n",
        "    d: i32, // not /* this\n    fresh: int,\n",
        "    B, // one, two\n    C = 2,\n",
    ] {
        assert!(updated.text.contains(kept), "{kept}\n{}", updated.text);
    }
}

/// What is inside of an array's elements is brought in step as what is inside of any field.
#[test]
fn arrays_of_inline_structs_are_brought_in_step() {
    let source =
        "struct holds { struct { int y, x; } same[2]; struct { int a, fresh; } grown[3]; };
struct holds h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 1;

const COUNT: u32 = 2;

struct holds {
    same: [struct {
        /// Across.
        x: i32,
        y: i32,
    }; COUNT],
    grown: [struct {
        #[sensitive] a: i32,
    }; 2],
}
";
    let expected = "schema app version 1;

const COUNT: u32 = 2;

struct holds {
    same: [struct {
        y: i32,
        /// Across.
        x: i32,
    }; COUNT],
    grown: [struct {
        #[sensitive] a: i32,
        fresh: int,
    }; 3],
}
";
    let updated = program.updated(&["holds"], schema);
    assert_eq!(updated.text, expected);
    assert!(updated.notes.is_empty(), "{:?}", updated.notes);
    program.is_as_in(&updated.text);
}

/// An expression stays, and is said where it has another value; a member may be called as in Rust.
#[test]
fn members_that_are_expressions_are_noted() {
    let source =
        "enum kind { LOW = 1, HIGH = 7, NEXT = 8, Named = 20 }; struct holds { enum kind kind; };
struct holds h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 1;

const BASE: u32 = 4;

enum kind {
    LOW = BASE - 3,
    HIGH = BASE + 1,
    NEXT,
    #[rust_name(\"Named\")] OTHER = 19,
}
";
    let expected = "schema app version 1;

const BASE: u32 = 4;

enum kind { LOW = BASE - 3, HIGH = BASE + 1, NEXT = 8, #[rust_name(\"Named\")] OTHER = 20 }
";
    let updated = program.updated(&["kind"], schema);
    assert_eq!(updated.text, expected);
    let notes: Vec<String> =
        updated.notes.iter().map(|note| format!("{}: {}", note.path, note.what)).collect();
    assert_eq!(notes, ["kind.HIGH: it is 7 in the binary: the expression was left"]);
}

/// What is captured anew by every build, and what has no layout in C, is left alone, and said.
#[test]
fn what_c_does_not_lay_out_is_left_alone() {
    let source = "#include <stdint.h>
struct captured { uint16_t a; }; struct fixed { uint16_t a; };
struct captured c; struct fixed f; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 1;

extern struct captured from \"captured.h\" {
    a: u32,
}

record fixed {
    a: u32,
}
";
    let updated = program.updated(&["captured", "fixed"], schema);
    assert_eq!(updated.text, schema);
    let notes: Vec<String> =
        updated.notes.iter().map(|note| format!("{}: {}", note.path, note.what)).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("captured: ") && notes[0].contains("extern"), "{notes:?}");
    assert!(notes[1].starts_with("fixed: ") && notes[1].contains("record"), "{notes:?}");
}
