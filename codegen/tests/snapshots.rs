//! The outputs of the schemas in `schema/`, one folder of goldens a schema in `snapshots/`: the model, Rust, the
//! C header, the C decoder, and what the compiler says about the schema. A new schema is a new file.
//!
//! Goldens hold no path of a machine, no time and no version of the generator.

use std::path::{Path, PathBuf};

use inspect_gen::check::Options;
use inspect_gen::diag::render;
use inspect_gen::emit::{self, Files};
use inspect_gen::model::{Model, Target};
use inspect_gen::source::SourceMap;
use inspect_gen::{build, compile};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every schema of the repository, under the name that a user at its root sees.
fn sources() -> SourceMap {
    let folder = root().join("schema");
    let loaded = build::load(std::slice::from_ref(&folder), &[]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics.into_sorted());
    let mut sources = SourceMap::new();
    for (path, (_, file)) in loaded.paths.iter().zip(loaded.sources.files()) {
        let name = path.strip_prefix(&folder).expect("a file of the folder");
        let name = format!("schema/{}", name.to_string_lossy().replace('\\', "/"));
        sources.add(name, file.text.clone(), false);
    }
    sources
}

/// The machine that runs the test must not show: all outputs speak about these targets.
fn options() -> Options {
    let targets = ["x86_64", "armv7", "powerpc64"];
    Options {
        targets: targets.iter().filter_map(|name| Target::from_name(name)).collect(),
        ..Options::default()
    }
}

fn compiled() -> (SourceMap, Model, String) {
    let mut sources = sources();
    let (model, diagnostics) = compile::compile(&mut sources, &options());
    let said = render::human(&sources, &diagnostics, false);
    (sources, model.unwrap_or_else(|| panic!("{said}")), said)
}

fn golden(schema: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../snapshots/{schema}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The file of an output that belongs to a schema.
fn output(files: &Files, path: &str) -> String {
    let bytes = files.get(path).unwrap_or_else(|| panic!("{path} is not among the outputs"));
    String::from_utf8(bytes.clone()).unwrap_or_else(|_| panic!("{path} is no text"))
}

#[test]
fn outputs_are_those_that_were_reviewed() {
    let (sources, model, said) = compiled();
    let json = emit::json::emit(&model, &sources);
    let (rust, c) = (emit::rust::emit(&model), emit::c::emit(&model));
    for (_, schema) in model.emitted() {
        let word = schema.name.replace('.', "_");
        golden(&word, "model", &output(&json, &format!("json/{word}.json")));
        golden(&word, "rust", &output(&rust, &format!("rust/{word}.rs")));
        golden(&word, "header", &output(&c, &format!("c/{word}.inspect.h")));
        golden(&word, "decoder", &output(&c, &format!("c/{word}.decode.h")));
        let file = sources.file(schema.origin.file).name.as_str();
        let about: Vec<&str> =
            said.split("\n\n").filter(|diagnostic| diagnostic.contains(file)).collect();
        golden(&word, "diagnostics", &about.join("\n\n"));
    }
}

/// Two runs, the files in another order: the same bytes.
#[test]
fn outputs_do_not_depend_on_the_order_of_files() {
    let (sources, model, _) = compiled();
    let mut backwards = SourceMap::new();
    let mut files: Vec<_> = sources.files().collect();
    files.reverse();
    for (_, file) in files {
        backwards.add(file.name.clone(), file.text.clone(), false);
    }
    let (again, diagnostics) = compile::compile(&mut backwards, &options());
    let again = again.unwrap_or_else(|| panic!("{diagnostics:?}"));
    assert_eq!(emit::rust::emit(&model), emit::rust::emit(&again));
    assert_eq!(emit::c::emit(&model), emit::c::emit(&again));
    assert_eq!(emit::json::emit(&model, &sources), emit::json::emit(&again, &backwards));
}
