//! Programs compiled on the spot, and what `import` and `verify` say of them.

#![allow(dead_code, reason = "each test uses its own part")]

use std::process::Command;

use object::{Object as _, ObjectSection as _};

use inspect_gen::binary::{Beside, Binary, Image, Wanted};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::import::{self, Existing, Fault, Imported};
use inspect_gen::model::Model;
use inspect_gen::source::SourceMap;
use inspect_gen::verify::{self, Difference, Verdict};

/// A compiled program.
pub(crate) struct Program(Vec<u8>);

/// Compiles a source as its compiler takes it; nothing where a desk lacks the compiler.
pub(crate) fn compiled(compiler: &str, source: &str, more: &[&str]) -> Option<Program> {
    let folder = tempfile::tempdir().unwrap();
    let name = match compiler {
        "g++" | "clang++" => "program.cpp",
        "rustc" => "program.rs",
        _ => "program.c",
    };
    std::fs::write(folder.path().join(name), source).unwrap();
    let mut command = Command::new(compiler);
    command.args(["-g", "-o", "program", name]).args(more).current_dir(folder.path());
    let output = crate::support::run(&mut command)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(Program(std::fs::read(folder.path().join("program")).unwrap()))
}

/// An object file for BPF, the machine for which Clang writes BTF; nothing where a desk lacks the compiler.
pub(crate) fn bpf_object(source: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program.c"), source).unwrap();
    let mut command = Command::new("clang");
    command.args(["--target=bpf", "-g", "-c", "-o", "program.o", "program.c"]);
    let output = crate::support::run(command.current_dir(folder.path()))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(std::fs::read(folder.path().join("program.o")).unwrap())
}

/// The BTF in an object file.
pub(crate) fn btf_of(object: &[u8]) -> Vec<u8> {
    let file = object::File::parse(object).unwrap();
    file.section_by_name(".BTF").unwrap().data().unwrap().to_vec()
}

impl Program {
    /// The options of an import.
    fn options(schema: &str) -> import::Options {
        import::Options {
            schema: schema.to_owned(),
            image: "program".to_owned(),
            header: None,
            depth: 0,
        }
    }

    fn with_binary<T>(&self, work: impl FnOnce(&Binary<'_>) -> T) -> T {
        let image = Image::parse(self.0.as_slice(), None, None).unwrap();
        work(&Binary::open(&image, &Beside::default()).unwrap())
    }

    /// A schema of types.
    pub(crate) fn import(&self, names: &[&str]) -> Result<Imported, Vec<Fault>> {
        self.with_binary(|binary| import::import(binary, &wanted(names), &Self::options("app")))
    }

    /// The same, declared by a header.
    pub(crate) fn import_extern(&self, names: &[&str], header: &str) -> Imported {
        let options = import::Options { header: Some(header.to_owned()), ..Self::options("app") };
        self.with_binary(|binary| import::import(binary, &wanted(names), &options)).unwrap()
    }

    /// The schema `app` brought in step.
    pub(crate) fn update(&self, names: &[&str], schema: &str) -> Result<Imported, Vec<Fault>> {
        let sources = sources(schema);
        let existing = Existing { sources: &sources };
        self.with_binary(|binary| {
            import::update(&existing, binary, &wanted(names), &Self::options("app"))
        })
    }

    /// The schema `app` brought in step, which changes nothing any more when it is done again.
    pub(crate) fn updated(&self, names: &[&str], schema: &str) -> Imported {
        let first = self.update(names, schema).unwrap();
        let second = self.update(names, &first.text).unwrap();
        assert_eq!(second.text, first.text, "a second run changes nothing");
        first
    }

    /// What became of each type of a schema: its name, and `same`, `absent` or the differences.
    pub(crate) fn verdicts(&self, schema: &str) -> Vec<(String, String)> {
        let report = self.with_binary(|binary| verify::verify(&model(schema), binary)).unwrap();
        let verdict = |verdict: &Verdict| match verdict {
            Verdict::Same => "same".to_owned(),
            Verdict::Absent => "absent".to_owned(),
            Verdict::Differs(them) => them.iter().map(described).collect::<Vec<_>>().join("\n"),
        };
        report.structs.iter().map(|it| (it.name.clone(), verdict(&it.verdict))).collect()
    }

    /// Asserts that everything in the schema is the same in the binary.
    pub(crate) fn is_as_in(&self, schema: &str) {
        for (name, verdict) in self.verdicts(schema) {
            assert_eq!(verdict, "same", "{name} of\n{schema}");
        }
    }

    /// Asserts that a schema written from the binary agrees with it, and that nothing has to be brought in step.
    pub(crate) fn stands(&self, names: &[&str]) -> Imported {
        let imported = self.import(names).unwrap();
        self.is_as_in(&imported.text);
        let again = self.update(names, &imported.text).unwrap();
        assert_eq!(again.text, imported.text);
        imported
    }
}

fn described(difference: &Difference) -> String {
    let cause = difference.cause.as_deref().unwrap_or("");
    format!("{}: {}: {cause}", difference.field, difference.what)
}

fn wanted(names: &[&str]) -> Vec<Wanted> {
    names.iter().map(|name| Wanted::parse(name)).collect()
}

fn sources(schema: &str) -> SourceMap {
    let mut sources = SourceMap::new();
    sources.add("app.inspect", schema, false);
    sources
}

fn model(schema: &str) -> Model {
    let options = Options { targets: Vec::new(), as_of: Vec::new() };
    let (model, found) = compile(&mut sources(schema), &options);
    model.unwrap_or_else(|| panic!("{:#?}", found.into_iter().collect::<Vec<_>>()))
}
