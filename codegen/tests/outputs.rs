//! JSON, documentation and layouts of a schema that has a bit of everything.

use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit::{doc, json, layout_text::layout_text};
use inspect_gen::model::{Model, Target};
use inspect_gen::source::SourceMap;
use serde_json::{Value, json};

const SCHEMA: &str = "\
//! Of all kinds.
schema test.outputs version 2;

const LIMIT: u64 = 0xffff_ffff_ffff_ffff;

enum kind: u16 { plain, odd = 7, .. }

/// Ä struct | with a bar.
struct mixed {
    kind: kind,
    low: u32 : 3,
    high: u32 : 9,
    union { a: u8, b: u64 },
    place: struct { x: i16, y: i32 },
    #[count(low + 1)] text: [char],
}

class all: mixed { key: node, properties: sensitive }

consumer few { allow: [class all, sensitive], limit: [regions 3] }

entry region { #[since(2)] owner: u32 = 9 }
";

fn compiled() -> (Model, SourceMap) {
    let mut sources = SourceMap::new();
    sources.add("/somewhere/outputs.inspect", SCHEMA, false);
    let (model, found) = compile(&mut sources, &Options::default());
    (model.unwrap_or_else(|| panic!("{found:#?}")), sources)
}

fn target(name: &str) -> Target {
    Target::from_name(name).unwrap()
}

#[test]
fn layouts_flatten_anonymous_members_and_name_inline_ones() {
    let (model, _) = compiled();
    let layouts = json::layout_json(&model, target("s390x"));
    let bits = |name: &str, offset: u64, first: u64, count: u64| json!({"name": name, "offset": offset, "size": 4, "bit_offset": first, "bit_size": count});
    assert_eq!(
        layouts,
        json!({"structs": {
            "mixed": {"size": 24, "align": 8, "fields": [
                {"name": "kind", "offset": 0, "size": 2},
                bits("low", 2, 16, 3),
                bits("high", 2, 19, 9),
                {"name": "a", "offset": 8, "size": 1},
                {"name": "b", "offset": 8, "size": 8},
                {"name": "place", "offset": 16, "size": 8},
                {"name": "text", "offset": 24, "size": 0},
            ]},
            "mixed.place": {"size": 8, "align": 4, "fields": [
                {"name": "x", "offset": 0, "size": 2},
                {"name": "y", "offset": 4, "size": 4},
            ]},
        }})
    );
}

#[test]
fn the_document_holds_the_model_and_every_target() {
    let (model, sources) = compiled();
    let files = json::emit(&model, &sources);
    let document: Value = serde_json::from_slice(&files["json/test_outputs.json"]).unwrap();
    assert_eq!(document["file"], "outputs.inspect");
    assert_eq!(document["constants"][0]["value"], "18446744073709551615");
    assert_eq!(document["types"][0]["members"][1]["value"], 7);
    let mixed = &document["types"][1];
    assert_eq!(mixed["docs"], "Ä struct | with a bar.");
    assert_eq!(mixed["span"], json!({"file": "outputs.inspect", "line": 9, "column": 8}));
    assert_eq!(mixed["fields"][3]["fields"][1]["name"], "b");
    assert_eq!(mixed["fields"][5]["count"], "low + 1");
    assert_eq!(document["classes"][0]["properties"]["names"], json!(["sensitive"]));
    assert_eq!(document["entry"]["fields"][0]["offset"], 64);
    let targets = document["targets"].as_object().unwrap();
    assert_eq!(targets.len(), Target::COUNT);
    for (name, layouts) in targets {
        assert_eq!(*layouts, json::layout_json(&model, target(name)), "{name}");
    }
}

#[test]
fn people_see_holes_once_for_targets_that_agree() {
    let (model, _) = compiled();
    let targets = ["x86_64", "i686", "aarch64"].map(target);
    let text = layout_text(&model, &targets, Some("test.outputs::mixed"));
    let expected = "\
struct test.outputs::mixed on x86_64, aarch64
       0       2  kind         kind
     2:0      3b  low          u32 : 3
     2:3      9b  high         u32 : 9
     3:4      4b  (hole)
       4       4  (hole)
       8       8  (anonymous)  union
       8       1    a          u8
       8       8    b          u64
      16       8  place        struct
      24       0  text         [char]
    size 24, align 8, 4 bytes and 4 bits in holes, 1 cache line
struct test.outputs::mixed on i686
       0       2  kind         kind
     2:0      3b  low          u32 : 3
     2:3      9b  high         u32 : 9
     3:4      4b  (hole)
       4       8  (anonymous)  union
       4       1    a          u8
       4       8    b          u64
      12       8  place        struct
      20       0  text         [char]
    size 20, align 4, 4 bits in holes, 1 cache line
";
    assert_eq!(text, expected);
    assert_eq!(layout_text(&model, &targets, Some("mixd")), "");
}

#[test]
fn the_page_tells_what_a_reader_looks_up() {
    let (model, _) = compiled();
    let page = String::from_utf8(doc::emit(&model)["doc/test_outputs.md"].clone()).unwrap();
    for line in [
        "# Schema `test.outputs`, version 2",
        "| `LIMIT` | `u64` | `18446744073709551615` |  |",
        "### struct `mixed`",
        "On x86_64, aarch64, armv7, arm-none-eabi, riscv64, riscv32, powerpc64, powerpc64le, s390x, mips: \
         24 bytes, aligned to 8, 4 bytes of holes, 1 cache line.",
        "| 8 | 8 | &nbsp;&nbsp;`b` | `u64` |  |",
        "| 24 | 0 | `text` | `[char]` | Count: `low + 1`. |",
        "#### struct `mixed.place`",
        "- allow: class `all`",
        "- at most 3 regions",
        "| 2 | new: entry field `owner` |",
    ] {
        assert!(page.lines().any(|found| found == line), "no line\n{line}\nin\n{page}");
    }
}
