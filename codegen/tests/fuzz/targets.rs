//! What the fuzz targets do with their input. The targets in `fuzz/` and the replay of their finds, `fuzz_replay`,
//! both include this file, so that a find fails in both places or in neither.

use std::sync::OnceLock;

use inspect_gen::binary::{self, Beside, Binary, Format, Image, Wanted};
use inspect_gen::check::Options;
use inspect_gen::diag::{Code, render};
use inspect_gen::model::{Model, Target};
use inspect_gen::source::{FileId, SourceMap};
use inspect_gen::{compile, import, pack, release, syntax, verify};

/// Parses anything, and prints what was found: no panic, no hang.
pub(crate) fn parse(text: &str) {
    let mut sources = SourceMap::new();
    sources.add("fuzz.inspect", text, false);
    let (_, diagnostics) = syntax::parse(&sources);
    let list = diagnostics.into_sorted();
    for rendered in [
        render::human(&sources, &list, false),
        render::json(&sources, &list),
        render::github(&sources, &list),
    ] {
        assert!(
            rendered.chars().all(|c| c == '\n' || !c.is_control()),
            "a control character would reach the terminal"
        );
    }
}

/// What parses can be printed, says the same then, and prints the same again.
pub(crate) fn parse_print_parse(text: &str) {
    let Ok(printed) = syntax::fmt::format(text) else { return };
    assert_eq!(tree(&printed), tree(text), "printing changes what is said");
    let again = syntax::fmt::format(&printed).expect("what was printed parses");
    assert_eq!(again, printed, "printing again changes something");
}

/// Checks anything that parses. A model comes without errors, and no model comes with one at least.
pub(crate) fn check(text: &str) {
    let mut sources = SourceMap::new();
    sources.add("fuzz.inspect", text, false);
    let (model, list) = compile::compile(&mut sources, &Options::default());
    let errors = list.iter().any(|found| found.code.name().starts_with('E'));
    assert_eq!(model.is_none(), errors, "a model if, and only if, there is no error");
}

/// Packs and looks at anything, and at what came of it: no panic, no hang.
pub(crate) fn pack(image: &[u8]) {
    let _ = pack::overview(image, &[]);
    let allow = &[Code::W0903];
    let options = pack::Options { drop_signature: true, allow, ..pack::Options::default() };
    let detached = pack::Options { detached: true, remove_annotations: true, ..options };
    let _ = pack::pack(image, &detached);
    let Ok(packed) = pack::pack(image, &options) else { return };
    let Some(packed) = packed.image else { return };
    let _ = pack::overview(&packed, &[]);
    // Where parts of a damaged file overlay one another, what is written to one changes the other.
    if let Ok(again) = pack::pack(&packed, &options)
        && let Some(again) = again.image
    {
        let _ = pack::pack(&again, &options);
    }
}

/// Reads the types of anything: each way ends in a schema, a report or an error, and a schema that is made of them is
/// one that the compiler takes.
pub(crate) fn dwarf(image: &[u8]) {
    for format in [Format::Dwarf, Format::Btf] {
        let Ok(image) = Image::parse(image, Some(format), Target::from_name("x86_64")) else {
            continue;
        };
        let _ = binary::split_names(&image);
        let Ok(binary) = Binary::open(&image, &Beside::default()) else { continue };
        let mut names: Vec<String> = ["outer", "pair_t", "conn"].map(str::to_owned).to_vec();
        names.extend(binary.near("outer").unwrap_or_default());
        let wanted: Vec<Wanted> = names.iter().map(|name| Wanted::parse(name)).collect();
        for header in [None, Some("outer.h".to_owned())] {
            let (schema, image) = ("fuzz".to_owned(), "image".to_owned());
            let options = import::Options { schema, image, header, depth: 1 };
            let _ = import::import(&binary, &wanted, &options);
        }
        let _ = verify::verify(declared(), &binary);
    }
}

/// Structs that images are compared with.
fn declared() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let mut sources = SourceMap::new();
        sources.add("fuzz.inspect", DECLARED, false);
        compile::compile(&mut sources, &Options::default()).0.expect("a good schema")
    })
}

const DECLARED: &str = "schema fuzz version 1;
struct inner { c: char, l: [long; 3] }
#[c_name(\"outer\")]
struct outer { next: *outer, struct { a: int, b: u32 : 5 }, f: *fn, n: [char] }
extern struct conn from \"conn.h\" { id: u32, level: uint : 3, flags: struct { open: uint : 1 } }
";

/// Reads any lock: what is understood is printed as it was meant, and what is not is said in print.
pub(crate) fn lock(text: &str) {
    match release::parse(text, FileId(0)) {
        Ok(lock) => {
            let printed = release::print(&lock);
            let again = release::parse(&printed, FileId(0)).expect("what was printed is a lock");
            assert_eq!(release::print(&again), printed, "printing again changes something");
        }
        Err(error) => {
            let mut sources = SourceMap::new();
            sources.add("inspect.lock", text, true);
            let shown = render::human(&sources, &[release::unreadable(&error)], false);
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}

/// The trees of a text without their places; findings instead, where there are any.
fn tree(text: &str) -> String {
    let mut sources = SourceMap::new();
    sources.add("fuzz.inspect", text, false);
    let (files, diagnostics) = syntax::parse(&sources);
    if !diagnostics.is_empty() {
        return format!("{:?}", diagnostics.into_sorted());
    }
    let dump = format!("{files:?}");
    let mut parts = dump.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tree, part| tree + "_" + part.split_once('}').map_or("", |(_, rest)| rest))
}
