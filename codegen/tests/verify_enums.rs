//! The values of enums beside those of a binary.

#[path = "support/binaries.rs"]
mod binaries;
mod support;

use binaries::{Program, compiled};

const SOURCE: &str = "
enum zone_type { ZONE_DMA, ZONE_NORMAL, ZONE_MOVABLE = 5 };
enum app_level { APP_LEVEL_LOW = -1, APP_LEVEL_HIGH = 1 };
enum __attribute__((packed)) small { SMALL = 200 };
struct holds { enum zone_type z; enum app_level l; enum small s; enum { RED = 3, BLUE } color; };
struct holds h; int main(void) { return 0; }
";

fn verdict(program: &Program, item: &str) -> String {
    let schema = format!("schema app version 2;\n{item}\n");
    program.verdicts(&schema).remove(0).1
}

#[test]
fn values_are_compared() {
    let Some(program) = compiled("gcc", SOURCE, &[]) else { return };
    for same in [
        "enum zone_type { ZONE_DMA, ZONE_NORMAL, .. }",
        "enum zone_type { dma = 0, movable = 5, .. }",
        "enum zone_type { #[c_name(\"ZONE_MOVABLE\")] last = 5 }",
        "enum zone_type { ZONE_DMA, #[removed(2)] GONE }",
        "enum level { low = -1, high = 1 }",
        "enum small: u8 { SMALL = 200 }",
        "extern enum zone_type { ZONE_DMA, ZONE_MOVABLE, .. } from \"zone.h\"",
    ] {
        assert_eq!(verdict(&program, same), "same", "{same}");
    }
    for (differs, said) in [
        ("enum zone_type { ZONE_NORMAL }", "ZONE_NORMAL: it is 1 in the binary, and 0 here: "),
        (
            "enum zone_type { ZONE_DMB = 9 }",
            "ZONE_DMB: the binary does not have this member: is it `ZONE_DMA` now?",
        ),
        (
            "enum zone_type { first }",
            "first: the binary does not have this member: 0 is `ZONE_DMA` there: if that is another name for it: \
             `#[c_name(\"ZONE_DMA\")]`",
        ),
        (
            "extern enum zone_type { GONE } from \"zone.h\"",
            "GONE: the binary does not have this member: ",
        ),
    ] {
        assert_eq!(verdict(&program, differs), said, "{differs}");
    }
    // The width counts where a field has the type: a schema may use the names elsewhere.
    let small = "enum small { SMALL = 200 }";
    assert_eq!(verdict(&program, small), "same");
    let held =
        program.verdicts(&format!("schema app version 1; {small} struct holds {{ s: small }}"));
    let said = &held.iter().find(|(name, _)| name == "app::small").unwrap().1;
    assert_eq!(
        said,
        ": it has 1 byte in the binary, and 4 bytes here: `-fshort-enums`, a packed enum, or one with a type: give it \
         that, `enum name: u8`"
    );
    // A schema may give names to what is a number for the binary.
    assert_eq!(program.verdicts("schema app version 1; enum nowhere { A }"), []);
}

/// What does not fit the binary's type is no value of it.
#[test]
fn values_that_do_not_fit_differ() {
    let source = "enum __attribute__((packed)) tiny { A = 0, B = 255 };
enum neg { M = -1 }; struct holds { enum tiny t; enum neg n; };
struct holds h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    for (differs, said) in [
        ("enum tiny { A = 256 }", "A: it is 0 in the binary, and 256 here: "),
        (
            "enum tiny { other = 256 }",
            "other: the binary does not have this member: another version: `#[removed(n)]` says that there is none any \
             more",
        ),
    ] {
        assert_eq!(verdict(&program, differs), said, "{differs}");
    }
    assert_eq!(verdict(&program, "enum tiny { B = -1 }"), "same");
    assert_eq!(verdict(&program, "enum neg: u32 { M = 0xffffffff }"), "same");
}

/// A field says which enum is meant, whatever else has its name.
#[test]
fn what_a_field_holds_comes_first() {
    let source = "enum app_mode { ON = 1 }; enum other { mode_unused };
enum __attribute__((packed)) kept { ON_KEPT = 7 };
struct holds { enum kept m; enum app_mode *p; enum app_mode u; }; struct holds h;
int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let verdict = |item: &str| {
        let schema = format!("schema app version 1;\nstruct holds {{ m: mode }}\n{item}\n");
        let found = program.verdicts(&schema);
        found.into_iter().find(|(name, _)| name == "app::mode").unwrap().1
    };
    assert_eq!(
        verdict("enum mode: u8 { ON = 1 }"),
        "ON: the binary does not have this member: is it `ON_KEPT` now?"
    );
    assert_eq!(verdict("enum mode: u8 { ON_KEPT = 7 }"), "same");
}

/// An enum without a name is known by what holds it.
#[test]
fn enums_without_a_name_are_compared() {
    let Some(program) = compiled("gcc", SOURCE, &[]) else { return };
    let verdicts = |blue: u32| {
        let schema = format!(
            "schema app version 1;\nstruct holds {{ z: i32, l: i32, s: u8, color: paint }}
            enum paint {{ RED = 3, BLUE = {blue} }}\n"
        );
        let found = program.verdicts(&schema);
        found.into_iter().find(|(name, _)| name == "app::paint").unwrap().1
    };
    assert_eq!(verdicts(4), "same");
    assert_eq!(verdicts(5), "BLUE: it is 4 in the binary, and 5 here: ");
}

#[test]
fn enums_are_brought_in_step() {
    let Some(program) = compiled("gcc", SOURCE, &[]) else { return };
    let schema = "schema app version 1;

enum zone_type { dma, NORMAL = 1, OTHER = 9, .. }

struct holds {
    s: small,
}

enum small { SMALL = 100 }

enum level { low = -2, high = 1 }
";
    let updated = program.updated(&["zone_type", "small", "level", "holds"], schema);
    let expected = "schema app version 1;

enum zone_type { dma, NORMAL = 1, OTHER = 9, ZONE_MOVABLE = 5, .. }

struct holds {
    z: zone_type,
    l: level,
    s: small,
    color: holds_color,
}

enum small: u8 { SMALL = 200 }

enum level { low = -1, high = 1 }

/// The enum of `holds.color`.
enum holds_color { RED = 3, BLUE = 4, .. }
";
    assert_eq!(updated.text, expected);
    let notes: Vec<&str> = updated.notes.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(notes, ["zone_type.OTHER"]);
}

/// What `verify` takes for the binary's value stays as it was written.
#[test]
fn values_of_the_same_bytes_stay() {
    let source = "enum __attribute__((packed)) tiny { A = 0, B = 255 };
enum neg { M = -1, N = 3 }; struct holds { enum tiny t; enum neg n; };
struct holds h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    let schema = "schema app version 1;

enum tiny: i8 { B = -1, A = 0 }

enum neg: u32 { M = 0xffffffff, N = 2 }
";
    let updated = program.updated(&["tiny", "neg"], schema);
    assert_eq!(updated.text, schema.replace("N = 2", "N = 3"));
}
