//! Types from DWARF, with the compilers as judges: what is imported from a program that one of them has compiled is
//! handed back to it, as assertions about `offsetof`, `sizeof` and the bits that a bit-field sets.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_gen::binary::{self, Beside, Binary, Image, Wanted};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::import::{self, Fault, Imported};
use inspect_gen::model::{AggregateId, Model, Target, Type, TypeId};
use inspect_gen::source::SourceMap;

/// The structs of `types.h`.
const STRUCTS: [&str; 10] = [
    "all",
    "packed_one",
    "packed_aligned",
    "member_packed",
    "aligned_member",
    "holds",
    "flexible",
    "flexible_text",
    "crossing",
    "node",
];

#[test]
fn c_compilers_agree_with_what_is_imported() {
    let forms: [&[&str]; 8] = [
        &["-gdwarf-4"],
        &["-gdwarf-5"],
        &["-gdwarf-5", "-gsplit-dwarf"],
        &["-gdwarf-4", "-gsplit-dwarf"],
        &["-gdwarf-5", "-gz"],
        &["-gdwarf-3", "-gstrict-dwarf"],
        &["-gdwarf-4", "-fdebug-types-section"],
        &["-gdwarf-5", "-c"],
    ];
    for compiler in ["gcc", "clang"] {
        for form in forms {
            let folder = tempfile::tempdir().unwrap();
            let Some(program) = build(compiler, form, folder.path()) else { continue };
            let imported = imported(&program, &STRUCTS).unwrap();
            let name = format!("{compiler} {}", form.join(" "));
            assert!(imported.notes.is_empty(), "{name}: {:?}", imported.notes);
            judge(compiler, &name, &imported, folder.path());
        }
    }
}

/// All files that were split off, in one beside the image: `.dwp`.
#[test]
fn packages_of_split_files_are_read() {
    let mut packages = 0;
    for (form, tool) in [("-gdwarf-4", "dwp"), ("-gdwarf-4", "llvm-dwp"), ("-gdwarf-5", "llvm-dwp")]
    {
        let folder = tempfile::tempdir().unwrap();
        let Some(program) = build("gcc", &[form, "-gsplit-dwarf"], folder.path()) else { continue };
        let expected = imported(&program, &STRUCTS).unwrap().text;
        let mut command = Command::new(tool);
        command.args(["-e", "program", "-o", "program.dwp"]).current_dir(folder.path());
        let Some(output) = support::run(&mut command) else { continue };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = std::fs::read(&program).unwrap();
        let package = std::fs::read(folder.path().join("program.dwp")).unwrap();
        let image = Image::parse(bytes.as_slice(), None, None).unwrap();
        let package = Image::parse(package.as_slice(), None, None).unwrap();
        let beside = Beside { package: Some(&package), ..Beside::default() };
        let binary = Binary::open(&image, &beside).unwrap();
        let wanted: Vec<Wanted> = STRUCTS.iter().map(|name| Wanted::parse(name)).collect();
        let options = import::Options {
            schema: "sample".to_owned(),
            image: "program".to_owned(),
            header: None,
            depth: 0,
        };
        let found = import::import(&binary, &wanted, &options);
        let found = found.unwrap_or_else(|faults| panic!("{form} {tool}: {faults:?}"));
        assert_eq!(found.text, expected, "{form} {tool}");
        packages += 1;
    }
    println!("{packages} packages");
}

/// What two programs have in common, in a file of its own: as GNU had it first, and as DWARF 5 has it.
#[test]
fn what_programs_share_is_read_from_its_file() {
    for form in [&[][..], &["--dwarf-5"]] {
        let folder = tempfile::tempdir().unwrap();
        let Some(program) = build("gcc", &["-gdwarf-5"], folder.path()) else { return };
        let expected = imported(&program, &STRUCTS).unwrap().text;
        let inspect = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_inspect-gen"));
            let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat()
        };
        let types = |program: &str| {
            inspect(&[&["import", program, "--schema", "sample"], &STRUCTS[..]].concat())
        };
        std::fs::copy(&program, folder.path().join("other")).unwrap();
        let mut command = Command::new("dwz");
        command.args(form).args(["-m", "shared.debug", "program", "other"]);
        let Some(output) = support::run(command.current_dir(folder.path())) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(types("program"), expected, "{form:?}");
        // The file is looked for where the program is, whoever asks from wherever.
        let linked = folder.path().join("elsewhere/linked");
        std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(&program, &linked).unwrap();
        assert_eq!(types("elsewhere/linked").replace("`linked`", "`program`"), expected);
        let without = |what: &str| {
            let said = types("program");
            let expected = format!(
                "error[E1001]: the binary has a part of its types in `shared.debug`, which {what}\n"
            );
            assert!(said.starts_with(&expected), "{said}");
            assert!(said.contains(" help: "), "{said}");
        };
        std::fs::copy(&program, folder.path().join("shared.debug")).unwrap();
        without("is of another build");
        std::fs::remove_file(folder.path().join("shared.debug")).unwrap();
        without("is not there");
    }
}

/// What other programs have in the shared file is none of a program's own types.
#[test]
fn what_other_programs_share_is_not_read() {
    const OF_TWO: &str =
        "struct conf { int number; char name[24]; struct conf *next; long more[4]; };";
    const OF_ONE: &str = "struct conf { long number; };";
    const OF_ALL: &str =
        "struct common { int number; char name[24]; struct common *next; long more[4]; };";
    let folder = tempfile::tempdir().unwrap();
    for (name, own) in [("a", OF_TWO), ("b", OF_TWO), ("c", OF_ONE), ("d", "struct conf;")] {
        let uses = "struct common common; struct conf *conf; int main(void) { return 0; }";
        let uses = if own == OF_TWO { format!("{uses} struct conf one;") } else { uses.to_owned() };
        let source = format!("{OF_ALL} {own} {uses}\n");
        std::fs::write(folder.path().join("program.c"), source).unwrap();
        let mut command = Command::new("gcc");
        command.args(["-g", "-o", name, "program.c"]).current_dir(folder.path());
        let Some(output) = support::run(&mut command) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut command = Command::new("dwz");
    command.args(["-m", "shared.debug", "a", "b", "c", "d"]).current_dir(folder.path());
    let Some(output) = support::run(&mut command) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let import = |program: &str, name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inspect-gen"));
        command.args(["import", program, name]).current_dir(folder.path());
        let output = command.output().unwrap();
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat()
    };
    for program in ["a", "b", "c", "d"] {
        assert!(import(program, "common").contains("next: *common,"), "{program}");
    }
    assert!(import("a", "conf").contains("number: int,"));
    assert!(import("c", "conf").contains("number: long,"), "{}", import("c", "conf"));
    let nowhere = import("d", "conf");
    assert!(nowhere.starts_with("error[E1002]: "), "{nowhere}");
}

/// A program of structs whose addresses somebody takes, so that no compiler leaves one out.
fn build(compiler: &str, form: &[&str], folder: &Path) -> Option<PathBuf> {
    let mut source = format!("#include \"{}\"\n", sample("types.h").display());
    for name in STRUCTS {
        let _ = writeln!(source, "struct {name} *use_{name};");
    }
    source.push_str("int main(void) { return 0; }\n");
    std::fs::write(folder.join("program.c"), source).unwrap();
    let mut command = Command::new(compiler);
    command.arg("-g").args(form).args(["-o", "program", "program.c"]).current_dir(folder);
    let output = support::run(&mut command)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder.join("program"))
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import_dwarf").join(name)
}

fn imported(program: &Path, names: &[&str]) -> Result<Imported, Vec<Fault>> {
    imported_deep(program, names, 0)
}

fn imported_deep(program: &Path, names: &[&str], depth: u32) -> Result<Imported, Vec<Fault>> {
    let bytes = std::fs::read(program).unwrap();
    let image = Image::parse(bytes.as_slice(), None, None).unwrap();
    let files: Vec<Vec<u8>> = binary::split_names(&image)
        .unwrap()
        .iter()
        .map(|name| std::fs::read(program.parent().unwrap().join(name)).unwrap())
        .collect();
    let split: Vec<Image<'_>> =
        files.iter().map(|bytes| Image::parse(bytes.as_slice(), None, None).unwrap()).collect();
    let beside = Beside { split: split.iter().collect(), ..Beside::default() };
    let binary = Binary::open(&image, &beside).unwrap();
    let wanted: Vec<Wanted> = names.iter().map(|name| Wanted::parse(name)).collect();
    let options = import::Options {
        schema: "sample".to_owned(),
        image: "program".to_owned(),
        header: None,
        depth,
    };
    import::import(&binary, &wanted, &options)
}

fn model_of(text: &str) -> Model {
    let mut sources = SourceMap::new();
    sources.add("sample.inspect", text, false);
    let options = Options { targets: Target::all().collect(), as_of: Vec::new() };
    let (model, found) = compile(&mut sources, &options);
    model.unwrap_or_else(|| panic!("{found:#?}\n{text}"))
}

/// A field with a name: where it is, and the width of a bit-field.
struct Field {
    path: String,
    bit_offset: u64,
    size: u64,
    bits: Option<u32>,
    is_flexible: bool,
}

fn fields(model: &Model, id: AggregateId, base: u64, prefix: &str, found: &mut Vec<Field>) {
    let aggregate = &model[id];
    let layout = aggregate.layouts.as_ref().unwrap().on(Target::host().unwrap());
    for (field, placement) in aggregate.fields.iter().zip(&layout.fields) {
        let bit_offset = base + placement.bit_offset.unwrap_or(placement.offset * 8);
        let inline = match &field.ty {
            Type::Aggregate(inner) if model[*inner].parent.is_some() => Some(*inner),
            _ => None,
        };
        let path = format!("{prefix}{}", field.name());
        match (&field.naming, inline) {
            (None, Some(inner)) => fields(model, inner, bit_offset, prefix, found),
            (None, None) => continue,
            (Some(_), Some(inner)) => {
                fields(model, inner, bit_offset, &format!("{path}."), found);
            }
            (Some(_), None) => {}
        }
        if field.naming.is_some() {
            let is_flexible = matches!(field.ty, Type::Flexible(_));
            let (size, bits) = (placement.size, field.bits);
            found.push(Field { path, bit_offset, size, bits, is_flexible });
        }
    }
}

fn struct_of(model: &Model, name: &str) -> AggregateId {
    let schema = model.schema("sample").unwrap();
    let found = model[schema].types.iter().find_map(|id| match id {
        TypeId::Aggregate(id) if model[*id].naming.name == name => Some(*id),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no struct {name}"))
}

/// Compiles and runs a program that compares every place.
fn judge(compiler: &str, name: &str, imported: &Imported, folder: &Path) {
    let model = model_of(&imported.text);
    let mut source = format!("#include \"{}\"\n#include <string.h>\n", sample("types.h").display());
    source.push_str(
        "static int bits(const void *s, size_t n, unsigned first, unsigned width) {\n\
         const unsigned char *p = s;\n\
         for (size_t i = 0; i < n * 8; i++)\n\
         if ((p[i / 8] >> i % 8 & 1) != (i >= first && i < first + width)) return 1;\n\
         return 0;\n}\nint main(void) {\nint wrong = 0;\n",
    );
    let mut count = 0;
    for name in STRUCTS {
        let id = struct_of(&model, name);
        let size = model[id].layouts.as_ref().unwrap().on(Target::host().unwrap()).size;
        let _ = writeln!(source, "_Static_assert(sizeof(struct {name}) == {size}, \"{name}\");");
        let mut found = Vec::new();
        fields(&model, id, 0, "", &mut found);
        for Field { path, bit_offset, size, bits, is_flexible } in found {
            count += 1;
            let offset = bit_offset / 8;
            match bits {
                Some(bits) => {
                    let _ = writeln!(
                        source,
                        "{{ struct {name} s; memset(&s, 0, sizeof s); s.{path} = ~0ull; \
                         wrong += bits(&s, sizeof s, {bit_offset}, {bits}); }}"
                    );
                }
                None => {
                    let _ = writeln!(
                        source,
                        "_Static_assert(offsetof(struct {name}, {path}) == {offset}, \"{path}\");"
                    );
                    if !is_flexible {
                        let _ = writeln!(
                            source,
                            "_Static_assert(sizeof ((struct {name} *)0)->{path} == {size}, \"{path}\");"
                        );
                    }
                }
            }
        }
    }
    source.push_str("return wrong;\n}\n");
    assert!(count > 60, "{name}: only {count} fields");
    std::fs::write(folder.join("judge.c"), source).unwrap();
    let mut command = Command::new(compiler);
    command.args(["-w", "-o", "judge", "judge.c"]).current_dir(folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let status = Command::new(folder.join("judge")).status().unwrap();
    assert_eq!(status.code(), Some(0), "{name}: bit-fields lie elsewhere\n{}", imported.text);
}

#[test]
fn rustc_agrees_with_what_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let source = std::fs::read_to_string(sample("sample.rs")).unwrap();
    let main = "\nfn main() { std::hint::black_box(&CACHE); }\n";
    std::fs::write(folder.path().join("program.rs"), format!("{source}{main}")).unwrap();
    if !rustc("program", folder.path()) {
        return;
    }
    let imported = imported(&folder.path().join("program"), &["app::Cache"]).unwrap();
    // Enums whose variants have fields are bytes, and that is said.
    assert_eq!(imported.notes.len(), 2, "{:?}", imported.notes);
    let model = model_of(&imported.text);
    let mut source = source;
    source.push_str("\nuse std::mem::{offset_of, size_of};\nfn main() {\n");
    let mut count = 0;
    for (name, path) in [("Cache", "app::Cache"), ("Key", "app::Key"), ("Line", "app::Line")] {
        if name == "Key" {
            // Only a pointer leads to it.
            assert!(!imported.text.contains("struct Key {"), "{}", imported.text);
            continue;
        }
        let id = struct_of(&model, name);
        let size = model[id].layouts.as_ref().unwrap().on(Target::host().unwrap()).size;
        let _ = writeln!(source, "assert_eq!(size_of::<{path}>(), {size});");
        let mut found = Vec::new();
        fields(&model, id, 0, "", &mut found);
        for Field { path: field, bit_offset, .. } in found {
            let offset = bit_offset / 8;
            let _ = writeln!(source, "assert_eq!(offset_of!({path}, {field}), {offset});");
            count += 1;
        }
    }
    assert!(count > 12, "only {count} fields");
    source.push_str("std::hint::black_box(&CACHE);\n}\n");
    std::fs::write(folder.path().join("judge.rs"), source).unwrap();
    assert!(rustc("judge", folder.path()));
    assert!(Command::new(folder.path().join("judge")).status().unwrap().success());
}

fn rustc(name: &str, folder: &Path) -> bool {
    let mut command = Command::new("rustc");
    command.args(["--edition=2021", "-g", "-A", "warnings", &format!("{name}.rs")]);
    let Some(output) = support::run(command.current_dir(folder)) else { return false };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// What a file says that lies in several units, in C++, and nowhere.
#[test]
fn names_are_found_or_explained() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "one.c",
        "struct state { int a; }; struct same { long x; }; struct state s; struct same t; struct first { struct same s; } f;\n\
                    struct hidden *h; int main(void) { return 0; }\n",
    );
    write(
        "two.c",
        "struct state { long a, b; }; struct same { long x; }; struct state u; struct same v; struct second { struct same s; } g;\n",
    );
    let mut command = Command::new("gcc");
    command.args(["-g", "-o", "program", "one.c", "two.c"]).current_dir(folder.path());
    let Some(output) = support::run(&mut command) else { return };
    assert!(output.status.success());
    let program = folder.path().join("program");
    let fault = |name: &str| match imported(&program, &[name]) {
        Err(faults) => (faults[0].to_string(), faults[0].help().join("\n")),
        Ok(imported) => panic!("{}", imported.text),
    };
    let (said, help) = fault("state");
    assert!(said.starts_with("2 different types are called `state`"), "{said}");
    assert!(said.contains("one.c") && said.contains("two.c"), "{said}");
    assert!(help.contains("write `state@one.c`"), "{help}");
    let (said, help) = fault("staet");
    assert_eq!(said, "no type is called `staet`");
    assert!(help.contains("`state`"), "{help}");
    assert!(fault("hidden").0.contains("declared, and defined nowhere"));
    // Each unit has a copy of a type that both use.
    let both = imported(&program, &["state@one.c", "first", "second"]).unwrap().text;
    assert_eq!(both.matches("struct same").count(), 2, "{both}");
    assert!(imported(&program, &["same"]).unwrap().text.contains("x: long"));
    assert!(imported(&program, &["state@two.c"]).unwrap().text.contains("b: long"));
}

/// What a pointer leads to may be declared here and defined in another unit.
#[test]
fn pointers_are_followed_as_far_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "one.c",
        "struct far; struct near { struct far *far; struct near *self; }; struct near n;\n\
                    int main(void) { return 0; }\n",
    );
    write(
        "two.c",
        "struct last { int l; }; struct far { struct last *last; }; struct far f; struct last l;\n",
    );
    let mut command = Command::new("gcc");
    command.args(["-g", "-o", "program", "one.c", "two.c"]).current_dir(folder.path());
    let Some(output) = support::run(&mut command) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = folder.path().join("program");
    let text = |depth| imported_deep(&program, &["near"], depth).unwrap().text;
    assert!(text(0).contains("far: *void, // struct far\n    self: *near,"), "{}", text(0));
    assert!(text(1).contains("far: *far,") && text(1).contains("last: *void, // struct last"));
    assert!(text(2).contains("last: *last,") && text(2).contains("l: int,"), "{}", text(2));
}

#[test]
fn a_virtual_base_is_refused_and_other_classes_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let source = "struct A { int a; virtual ~A() {} };\n\
                  struct V : virtual A { int v; };\n\
                  struct Empty {};\n\
                  struct C : A { char c; static int s; };\n\
                  struct D : Empty { int d; };\n\
                  V v; C c; D d; int main() {}\n";
    std::fs::write(folder.path().join("program.cc"), source).unwrap();
    let mut command = Command::new("g++");
    command.args(["-g", "-o", "program", "program.cc"]).current_dir(folder.path());
    let Some(output) = support::run(&mut command) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = folder.path().join("program");
    let refused = imported(&program, &["V"]).unwrap_err();
    assert!(refused[0].to_string().contains("virtual base `A`"), "{refused:?}");
    let found = imported(&program, &["C", "D"]).unwrap();
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    // `c` lies in the tail padding of its base, so that the members of the base stand beside it.
    assert!(found.text.contains("a: int,\n    c: char,\n}"), "{}", found.text);
    assert!(found.text.contains("struct D {\n    d: int,\n}"), "{}", found.text);
}
