//! The `.btf` files are what bpftool and pahole take: the C that each prints, compiled by the
//! target's own compiler, has the layout that the model says, down to the bits of bit-fields.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use inspect_gen::emit::btf;
use inspect_gen::model::{AggregateId, ByteOrder, Model, Target, Type, TypeId};
use object::{Object, ObjectSection, ObjectSymbol};
use support::{bpftool, model_of, model_of_repository, run};

mod support;

/// The targets for which Debian has a compiler, and what it is called with.
const COMPILERS: [(&str, &[&str]); 11] = [
    ("x86_64", &["x86_64-linux-gnu-gcc"]),
    ("i686", &["i686-linux-gnu-gcc"]),
    ("aarch64", &["aarch64-linux-gnu-gcc"]),
    ("armv7", &["arm-linux-gnueabihf-gcc"]),
    ("arm-none-eabi", &["arm-none-eabi-gcc"]),
    ("riscv64", &["riscv64-linux-gnu-gcc"]),
    ("riscv32", &["clang", "--target=riscv32-unknown-elf"]),
    ("powerpc64", &["powerpc64-linux-gnu-gcc"]),
    ("powerpc64le", &["powerpc64le-linux-gnu-gcc"]),
    ("s390x", &["s390x-linux-gnu-gcc"]),
    ("mips", &["mips-linux-gnu-gcc"]),
];

/// Structs whose C pahole 1.24 prints wrongly, whoever wrote the type information, and why.
const BEYOND_PAHOLE: [(&str, &str, &str); 6] = [
    ("*", "bits_apart", "a gap before a bit-field becomes a zero-width one of too small a type"),
    ("i686", "bits", "long long is taken to be aligned to 8, and no padding is printed before it"),
    ("i686", "node", "as above"),
    ("i686", "fixed", "as above"),
    ("arm-none-eabi", "signed_enums", "negative enumerators are printed without their sign"),
    ("arm-none-eabi", "holds_signed_enums", "as above"),
];

/// The same for bpftool 7.1.
const BEYOND_BPFTOOL: [(&str, &str, &str); 2] = [
    (
        "arm-none-eabi",
        "signed_enums",
        "an enum of 4 bytes is printed as any, which the compiler shortens",
    ),
    ("arm-none-eabi", "holds_signed_enums", "as above"),
];

/// Whether a tool prints a struct rightly for a target.
fn is_within(beyond: &[(&str, &str, &str)], target: &str, name: &str) -> bool {
    let covers = |listed: &str, this: &str| listed == "*" || listed == this;
    !beyond.iter().any(|(targets, names, _)| covers(targets, target) && covers(names, name))
}

fn shapes() -> Model {
    model_of(include_str!("btf/shapes.inspect"))
}

#[test]
fn bpftool_prints_the_layout() {
    let print = |file: &Path| {
        let mut command = bpftool();
        command.args(["btf", "dump", "file"]).arg(file).args(["format", "c"]);
        command
    };
    every_target(print, str::to_owned, |target, name| is_within(&BEYOND_BPFTOOL, target, name));
}

#[test]
fn pahole_prints_the_layout() {
    let print = |file: &Path| {
        let mut command = Command::new("pahole");
        command.args(["-F", "btf", "--compile"]).arg(file);
        command
    };
    let mend = |text: &str| {
        // pahole 1.24 writes `single float` for a floating-point type of any producer.
        text.replace("single float", "float").replace("single double", "double")
    };
    every_target(print, mend, |target, name| is_within(&BEYOND_PAHOLE, target, name));
}

/// Both tools take every file that the real schemas give, captured structs among them.
#[test]
fn the_files_of_real_schemas_are_taken() {
    let model = model_of_repository();
    let directory = tempfile::tempdir().expect("a directory");
    let files = btf::emit(&model);
    assert_eq!(files.len(), model.emitted().count() * Target::COUNT);
    for (path, bytes) in files {
        let file = directory.path().join("types.btf");
        std::fs::write(&file, bytes).expect("written");
        let mut dump = bpftool();
        dump.args(["btf", "dump", "file"]).arg(&file).args(["format", "c"]);
        let mut pahole = Command::new("pahole");
        pahole.args(["-F", "btf"]).arg(&file);
        for command in [&mut dump, &mut pahole] {
            if let Some(output) = run(command) {
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{path}: {errors}");
                assert!(!output.stdout.is_empty(), "{path}: {errors}");
            }
        }
    }
}

fn every_target(
    print: impl Fn(&Path) -> Command,
    mend: impl Fn(&str) -> String,
    applies: impl Fn(&str, &str) -> bool,
) {
    let model = shapes();
    let files = btf::emit(&model);
    assert_eq!(files.len(), Target::COUNT, "a file for each target");
    let directory = tempfile::tempdir().expect("a directory");
    let mut faults = String::new();
    for (name, compiler) in COMPILERS {
        let target = Target::from_name(name).expect("a target");
        let file = directory.path().join(format!("{name}.btf"));
        std::fs::write(&file, &files[&format!("btf/test_shapes.{name}.btf")]).expect("written");
        let Some(output) = run(&mut print(&file)) else {
            continue;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = mend(&String::from_utf8_lossy(&output.stdout));
        let probes = Probes::new(&model, target, |struct_name| applies(name, struct_name));
        let source = format!("{printed}\n{}", probes.source);
        faults.push_str(&probes.compile(name, compiler, &source, directory.path()));
    }
    assert_eq!(faults, "");
}

/// What a compiler is asked about every struct of a model.
struct Probes {
    source: String,
    /// A symbol that has all bits of one bit-field set, and which those should be.
    bits: Vec<(String, Vec<u8>)>,
}

impl Probes {
    fn new(model: &Model, target: Target, applies: impl Fn(&str) -> bool) -> Self {
        let mut probes = Self { source: String::new(), bits: Vec::new() };
        let (_, schema) = model.emitted().next().expect("a schema");
        for ty in &schema.types {
            if let TypeId::Aggregate(id) = ty {
                if !applies(&model[*id].naming.name) {
                    continue;
                }
                let tag = &model[*id].naming.c;
                let layout = model[*id].layouts.as_ref().expect("no captured structs").on(target);
                let size = layout.size;
                probes.claim(&format!("sizeof(struct {tag})"), size);
                probes.fields(model, target, *id, (tag, size), (0, ""));
            }
        }
        probes
    }

    fn fields(
        &mut self,
        model: &Model,
        target: Target,
        id: AggregateId,
        (tag, size): (&str, u64),
        (base, path): (u64, &str),
    ) {
        let layout = model[id].layouts.as_ref().expect("no captured structs").on(target);
        for (field, place) in model[id].fields.iter().zip(&layout.fields) {
            let name = field.naming.as_ref().map_or("", |naming| &naming.c);
            let full = format!("{path}{name}");
            if !name.is_empty() {
                match (field.bits, place.bit_offset) {
                    (Some(bits), Some(first)) => {
                        let first = base * 8 + first;
                        self.bit_field(target, (tag, size), &full, first..first + u64::from(bits));
                    }
                    _ => self.claim(
                        &format!("__builtin_offsetof(struct {tag}, {full})"),
                        base + place.offset,
                    ),
                }
            }
            if let Type::Aggregate(inner) = field.ty {
                let inside = if name.is_empty() { path.to_owned() } else { format!("{full}.") };
                self.fields(model, target, inner, (tag, size), (base + place.offset, &inside));
            }
        }
    }

    fn claim(&mut self, expression: &str, value: u64) {
        let text = expression.replace('"', "");
        let _ =
            writeln!(self.source, "_Static_assert({expression} == {value}, \"{text} {value}\");");
    }

    fn bit_field(
        &mut self,
        target: Target,
        (tag, size): (&str, u64),
        field: &str,
        bits: std::ops::Range<u64>,
    ) {
        let symbol = format!("probe_{}", self.bits.len());
        let _ = writeln!(self.source, "const struct {tag} {symbol} = {{ .{field} = -1 }};");
        let big = target.info().byte_order == ByteOrder::Big;
        let mut bytes = vec![0_u8; size as usize];
        for bit in bits {
            let within = if big { 7 - bit % 8 } else { bit % 8 };
            bytes[bit as usize / 8] |= 1 << within;
        }
        self.bits.push((format!("{symbol} {tag}.{field}"), bytes));
    }

    /// What does not hold; empty where all does.
    fn compile(&self, name: &str, compiler: &[&str], source: &str, directory: &Path) -> String {
        let input = directory.join(format!("{name}.c"));
        let output = directory.join(format!("{name}.o"));
        std::fs::write(&input, source).expect("written");
        let mut command = Command::new(compiler[0]);
        command
            .args(&compiler[1..])
            .args(["-std=gnu11", "-w", "-c", "-o"])
            .arg(&output)
            .arg(&input);
        let Some(result) = run(&mut command) else {
            return String::new();
        };
        if !result.status.success() {
            let text = String::from_utf8_lossy(&result.stderr).into_owned();
            return text
                .lines()
                .filter(|line| line.contains("error"))
                .collect::<Vec<_>>()
                .join("\n");
        }
        let bytes = std::fs::read(&output).expect("an object");
        let object = object::File::parse(bytes.as_slice()).expect("an object");
        let mut faults = String::new();
        for (probe, expected) in &self.bits {
            let symbol = probe.split(' ').next().expect("a symbol");
            let found = symbol_bytes(&object, symbol, expected.len());
            if found != *expected {
                let _ = writeln!(faults, "{name}: {probe}: {found:02x?}, not {expected:02x?}");
            }
        }
        faults
    }
}

fn symbol_bytes(object: &object::File<'_>, name: &str, size: usize) -> Vec<u8> {
    let symbol = object.symbol_by_name(name).expect("the probe");
    let section = object.section_by_index(symbol.section_index().expect("defined")).expect("there");
    let start = (symbol.address() - section.address()) as usize;
    section.data().expect("bytes")[start..start + size].to_vec()
}
