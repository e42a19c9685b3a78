//! What a C compiler makes of the blobs in `<schema>.inspect.c` is, byte for byte, what the model
//! says, and of captured structs what the compiler's own `offsetof` says.

use std::process::Command;

use inspect_format::abi::Order;
use inspect_format::btf::Btf;
use inspect_gen::emit::{blobs, c};
use inspect_gen::model::{Model, Target};
use object::{Object, ObjectSection, ObjectSymbol};
use support::{model_of, run};

mod support;

const COMPILERS: [(&str, &str); 9] = [
    ("x86_64", "x86_64-linux-gnu-gcc"),
    ("i686", "i686-linux-gnu-gcc"),
    ("aarch64", "aarch64-linux-gnu-gcc"),
    ("armv7", "arm-linux-gnueabihf-gcc"),
    ("riscv64", "riscv64-linux-gnu-gcc"),
    ("powerpc64", "powerpc64-linux-gnu-gcc"),
    ("powerpc64le", "powerpc64le-linux-gnu-gcc"),
    ("s390x", "s390x-linux-gnu-gcc"),
    ("mips", "mips-linux-gnu-gcc"),
];

/// Writes the C output beside `extra` files and compiles `source` there; `None` without the
/// compiler.
fn compile(model: &Model, compiler: &str, source: &str, extra: &[(&str, &str)]) -> Option<Vec<u8>> {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, bytes) in c::emit(model) {
        let to = directory.path().join(path);
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        std::fs::write(to, bytes).expect("written");
    }
    for (name, text) in extra {
        std::fs::write(directory.path().join("c").join(name), text).expect("written");
    }
    let mut command = Command::new(compiler);
    command.current_dir(directory.path().join("c"));
    command.args(["-std=gnu11", "-Wall", "-Werror", "-I.", "-c", "-o", "out.o", source]);
    let output = run(&mut command)?;
    assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    Some(std::fs::read(directory.path().join("c/out.o")).expect("an object"))
}

fn symbol(object: &[u8], name: &str) -> Vec<u8> {
    let object = object::File::parse(object).expect("an object");
    let symbol = object.symbols().find(|symbol| symbol.name() == Ok(name)).expect("the symbol");
    let index = symbol.section_index().expect("defined");
    let section = object.section_by_index(index).expect("its section");
    let start = (symbol.address() - section.address()) as usize;
    section.data().expect("bytes")[start..start + symbol.size() as usize].to_vec()
}

/// The blobs behind the head of a descriptor.
struct Carried {
    history: Vec<u8>,
    types: Vec<u8>,
    cbor: Vec<u8>,
}

fn carried(object: &[u8], name: &str, target: Target) -> Carried {
    let bytes = symbol(object, name);
    let number = |at: usize| {
        let word: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
        let number = match blobs::order(target) {
            Order::Little => u32::from_le_bytes(word),
            Order::Big => u32::from_be_bytes(word),
        };
        number as usize
    };
    let [head, cbor, types, history] = [0, 28, 32, 36].map(number);
    let mut rest = &bytes[head..];
    let mut next = |size: usize| {
        let part = rest[..size].to_vec();
        rest = &rest[size.next_multiple_of(8).min(rest.len())..];
        part
    };
    Carried { history: next(history), types: next(types), cbor: next(cbor) }
}

#[test]
fn compilers_make_the_blobs_of_the_model() {
    let model = model_of(include_str!("btf/shapes.inspect"));
    let (schema, _) = model.emitted().next().expect("a schema");
    let types = blobs::types(&model, schema);
    let descriptor = format!("test_shapes_inspect_v{}", model[schema].version);
    for (name, compiler) in COMPILERS {
        let target = Target::from_name(name).expect("a target");
        let Some(object) = compile(&model, compiler, "test_shapes.inspect.c", &[]) else {
            continue;
        };
        let expected = blobs::bytes(&model, &types.blob, target).expect("nothing captured");
        let found = carried(&object, &descriptor, target);
        let first = expected.iter().zip(&found.types).position(|(a, b)| a != b);
        assert_eq!((first, expected.len()), (None, found.types.len()), "{name}: types");
        let cbor = blobs::schema_cbor(&model, schema);
        assert!(found.cbor == cbor, "{name}: description");
        let history = blobs::history(&model, schema);
        let history = inspect_format::history::write(&history, blobs::order(target));
        assert_eq!(found.history, history, "{name}: history");
    }
}

const CAPTURED: &str = r#"
schema test.captured version 1;

extern const SHARDS: u32 from "h.h";
extern enum mode { off, on } from "h.h"

extern struct cache from "h.h" {
    #[if("CONFIG_LOCK")] lock: opaque,
    count: ulong,
    #[count(count * SHARDS)] shards: *u32,
    table: [[u16; _]; _],
    mode: mode,
    #[if("CONFIG_NUMA")] node: int,
    union { word: u32, byte: u8 },
    inner: struct { low: u8, high: u32 },
}
class cache: cache;
"#;

const HEADER: &str = "
#define CONFIG_LOCK 1
#define SHARDS 48
#include <stddef.h>
enum mode { off = 3, on = 9 };
struct cache {
    double before;
    char lock[11];
    unsigned long count;
    unsigned int *shards;
    unsigned short table[5][7];
    char gap[3];
    enum mode mode;
    union { unsigned int word; unsigned char byte; };
    struct { char hidden[6]; unsigned char low; unsigned int high; } inner;
};
";

/// The compiler's own numbers, in the order in which [`FIELDS`] asks.
const ASKED: &str = "
#include \"h.h\"
#define AT(f) offsetof(struct cache, f)
unsigned int asked[] = { sizeof(struct cache), AT(lock), AT(count), AT(shards), AT(table), AT(mode),
    AT(word), AT(byte), AT(inner), AT(inner.high) };
";

const FIELDS: [&str; 9] =
    ["lock", "count", "shards", "table", "mode", "word", "byte", "inner", "inner.high"];

#[test]
fn captured_layouts_are_those_of_the_compiler() {
    let model = model_of(CAPTURED);
    for (name, compiler) in COMPILERS {
        let target = Target::from_name(name).expect("a target");
        let extra = [("h.h", HEADER), ("asked.c", ASKED)];
        let Some(object) = compile(&model, compiler, "test_captured.inspect.c", &extra) else {
            continue;
        };
        let Some(asked) = compile(&model, compiler, "asked.c", &extra) else {
            continue;
        };
        let little = blobs::order(target) == Order::Little;
        let asked: Vec<u32> = symbol(&asked, "asked")
            .chunks_exact(4)
            .map(|word| {
                let word = word.try_into().expect("four bytes");
                if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) }
            })
            .collect();
        let blob = carried(&object, "test_captured_inspect_v1", target).types;
        check_captured(name, &blob, &asked, target.info().word_size);
    }
}

fn check_captured(name: &str, blob: &[u8], asked: &[u32], word_size: u8) {
    let btf = Btf::parse(blob).expect("a blob");
    let cache = btf.bind("Cache", "cache", word_size).expect("the struct");
    assert_eq!(cache.size(), asked[0], "{name}");
    for (field, offset) in FIELDS.into_iter().zip(&asked[1..]) {
        let place = cache.bytes(field, field).expect(field);
        assert_eq!(place.offset() as u32, *offset, "{name}: {field}");
    }
    let size = |field: &'static str| cache.bytes(field, field).expect(field).size();
    assert_eq!((size("lock"), size("table")), (11, 5 * 7 * 2), "{name}");
    assert_eq!(size("count"), usize::from(word_size), "{name}");
    assert_eq!(cache.has("node", "node"), Ok(false), "{name}: not configured");
    let values: Vec<(&str, i128)> = btf
        .types()
        .flat_map(|ty| ty.enumerators())
        .map(|enumerator| (enumerator.name, enumerator.value))
        .collect();
    assert_eq!(values, [("off", 3), ("on", 9), ("SHARDS", 48)], "{name}");
}
