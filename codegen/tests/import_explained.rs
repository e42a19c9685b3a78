//! What `import` cannot say is said: names that mean several types, machines that a binary is not of, members that no
//! header tells.

#[path = "support/binaries.rs"]
mod binaries;
mod support;

use binaries::{bpf_object, btf_of, compiled};
use inspect_gen::binary::{Beside, Binary, Format, Image, Wanted};
use inspect_gen::import;
use inspect_gen::model::Target;

/// Advice that is followed leads to the type that it names.
#[test]
fn advice_for_names_leads_somewhere() {
    let source = "namespace a { struct conn { int x; }; } namespace b { struct conn { long y; }; }
struct it { int z; }; namespace c { struct it { long z; }; enum which { ONE }; union which2 { int i; }; }
namespace d { struct which { int i; }; }
a::conn ac; b::conn bc; it i; c::it ci; c::which w; d::which dw;
int main() { return 0; }";
    let Some(program) = compiled("g++", source, &[]) else { return };
    let faults = program.import(&["conn"]).unwrap_err();
    let said = faults[0].to_string();
    assert!(said.contains("struct a::conn, ") && said.contains("struct b::conn, "), "{said}");
    assert_eq!(faults[0].help(), ["write `a::conn`", "write `b::conn`"]);
    for (advice, field) in [("a::conn", "x: int"), ("b::conn", "y: long")] {
        let text = program.import(&[advice]).unwrap().text;
        assert!(text.contains(field), "{advice}: {text}");
    }
    // The outer one has the whole name.
    assert!(program.import(&["it"]).unwrap().text.contains("z: int"));
    for (wrong, said, advice) in [
        ("it@wrong.c", "there is no `it@wrong.c`, and struct it, program.cpp", "write `it`"),
        ("union a::conn", "there is no `union a::conn`, and struct a::conn, ", "write `a::conn`"),
    ] {
        let faults = program.import(&[wrong]).unwrap_err();
        assert!(faults[0].to_string().starts_with(said), "{}", faults[0]);
        assert_eq!(faults[0].help()[0], advice);
    }
}

/// BTF by itself does not say what machine it is of; that it is another one is seen.
#[test]
fn btf_of_another_machine_is_refused() {
    let Some(bytes) = bpf_object("struct s { struct s *next; long l; }; struct s s;\n") else {
        return;
    };
    let blob = btf_of(&bytes);
    let attempt = |target: &str| -> Result<String, String> {
        let image = Image::parse(blob.as_slice(), None, Target::from_name(target));
        let image = image.map_err(|error| error.to_string())?;
        let binary = Binary::open(&image, &Beside::default()).map_err(|error| error.to_string())?;
        let options = import::Options {
            schema: "app".to_owned(),
            image: "program".to_owned(),
            header: None,
            depth: 0,
        };
        let imported = import::import(&binary, &[Wanted::parse("s")], &options);
        Ok(imported.map_err(|faults| faults[0].to_string())?.text)
    };
    assert!(attempt("x86_64").unwrap().contains("l: long"));
    assert_eq!(
        attempt("i686").unwrap_err(),
        "this BTF is of a machine of 64 bits, and not of 32: name the target with --target"
    );
    assert_eq!(attempt("s390x").unwrap_err(), "the binary has another byte order than s390x");
    let image = Image::parse(bytes.as_slice(), Some(Format::Btf), Target::from_name("armv7"));
    assert!(Binary::open(&image.unwrap(), &Beside::default()).is_err());
}

/// A target that an ELF file is not of would give other offsets without a word.
#[test]
fn an_elf_file_is_of_its_own_machine() {
    let own = std::fs::read(env!("CARGO_BIN_EXE_inspect-gen")).unwrap();
    let parse = |name| Image::parse(own.as_slice(), None, Target::from_name(name)).err();
    for target in ["i686", "s390x"] {
        let said = parse(target).map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(target), "{said}");
    }
}

/// Types that a header cannot tell are left out, and said.
#[test]
fn what_a_header_does_not_tell_is_said() {
    let source = "struct bits { int a : 3, b : 4; }; union both { int i; float f; };
struct holds { int x; struct bits bits; union both both; }; struct holds h; int main(void) { return 0; }";
    let Some(program) = compiled("gcc", source, &[]) else { return };
    for header in ["linux/a.h", "<linux/a.h>", "\"linux/a.h\""] {
        let imported = program.import_extern(&["holds"], header);
        assert!(
            imported.text.contains("extern struct holds from \"linux/a.h\" {"),
            "{}",
            imported.text
        );
        assert!(imported.text.contains("bits: opaque"), "{}", imported.text);
        let notes: Vec<&str> = imported.notes.iter().map(|note| note.path.as_str()).collect();
        assert_eq!(notes, ["bits", "both"], "{:?}", imported.notes);
    }
}

/// A vector is one thing to a compiler, which aligns it as a whole.
#[test]
fn vectors_are_bytes_of_their_alignment() {
    let source = "typedef int v4 __attribute__((vector_size(16)));
struct holds { int a; v4 first; char c; v4 both[2]; }; struct alone { v4 v; int x; };
struct holds h; struct alone l; int main(void) { return 0; }";
    for compiler in ["gcc", "clang"] {
        let Some(program) = compiled(compiler, source, &[]) else { continue };
        let text = program.stands(&["holds", "alone"]).text;
        assert!(
            text.contains("#[align(16)] first: bytes<16>, // a vector of 4 int"),
            "{compiler}: {text}"
        );
        assert!(text.contains("#[align(16)] both: [bytes<16>; 2]"), "{compiler}: {text}");
        assert!(text.contains("#[align(16)] v: bytes<16>"), "{compiler}: {text}");
    }
}
