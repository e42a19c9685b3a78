//! Tables and structs written in C on every machine, read in C on this one and in Rust; and damaged
//! ones.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use inspect_format::btf::Btf;
use inspect_format::table::Table;
use inspect_gen::model::Target;
use support::{CROSS, Cross, STRICT, fixtures, generate, has, run};

struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let files = generate(&support::all_schemas());
        Self { folder: support::written(&files) }
    }

    fn c(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    /// Builds a program of these tests from its source and some generated ones.
    fn build(
        &self,
        compiler: &str,
        flags: &[&str],
        name: &str,
        sources: &[&str],
    ) -> Result<String, String> {
        let include = format!("-I{}", fixtures().display());
        let source = support::root().join(format!("tests/c/{name}.c")).display().to_string();
        let out = format!("{name}.{compiler}");
        let mut arguments = flags.to_vec();
        arguments.extend(STRICT);
        arguments.extend(["-I.", &include, "-o", &out, &source]);
        arguments.extend(sources);
        run(&self.c(), compiler, &arguments)?;
        Ok(self.c().join(out).display().to_string())
    }

    /// Runs the producer of a target; returns the paths of the table and of the structs.
    fn produce(&self, cross: &Cross) -> Result<(String, String), String> {
        let sources = ["tests_forms.inspect.c", "inspect_runtime.c"];
        let mut flags = vec!["-std=c99", "-O2", "-static"];
        flags.extend(cross.flags);
        let program = self.build(cross.gcc, &flags, "produce", &sources)?;
        let table = self.c().join(format!("{}.table", cross.target)).display().to_string();
        let bytes = self.c().join(format!("{}.bytes", cross.target)).display().to_string();
        match cross.emulator {
            Some("") | None => run(&self.c(), &program, &[&table, &bytes])?,
            Some(emulator) => run(&self.c(), emulator, &[&program, &table, &bytes])?,
        };
        Ok((table, bytes))
    }
}

fn runnable() -> impl Iterator<Item = &'static Cross> {
    CROSS.iter().filter(|cross| {
        let Some(emulator) = cross.emulator else { return false };
        let native = emulator.is_empty();
        (!native || cfg!(target_arch = "x86_64")) && has(cross.gcc) && (native || has(emulator))
    })
}

const EXPECTED: &str = include_str!("c/consumed.txt");

#[test]
fn what_any_machine_writes_is_read_alike() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    let sanitized = ["-std=c11", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let consume = workshop.build("gcc", &sanitized, "consume", &[]).expect("the consumer compiles");
    // Without type information there is nothing to say of what a compiler captured.
    let structs: String = {
        let start = EXPECTED.find("part 0").expect("the structs come behind the rows");
        let end = EXPECTED.find("part 7").expect("the captured struct comes last");
        format!("{}part 7\n", &EXPECTED[start..end])
    };
    for cross in runnable() {
        let (table, bytes) = workshop.produce(cross).expect("the producer runs");
        let bound = run(&workshop.c(), &consume, &[&table, &bytes]).expect("the consumer runs");
        assert_eq!(bound, EXPECTED, "{}", cross.target);
        let index = Target::from_name(cross.target).expect("a target").index().to_string();
        let known =
            run(&workshop.c(), &consume, &[&table, &bytes, &index]).expect("the consumer runs");
        assert_eq!(known, structs, "{} without type information", cross.target);
        read_in_rust(Path::new(&table), cross.target);
    }
}

#[test]
fn the_consumer_is_valid_cxx() {
    if !has("g++") {
        return;
    }
    let workshop = Workshop::new();
    let source = support::root().join("tests/c/consume.c");
    std::fs::copy(source, workshop.c().join("consume.cc")).expect("a copy");
    let mut arguments = vec!["-std=c++17", "-I.", "-o", "consume.cxx", "consume.cc"];
    arguments.extend(STRICT);
    run(&workshop.c(), "g++", &arguments).expect("the consumer compiles");
}

fn read_in_rust(path: &Path, target: &str) {
    let bytes = std::fs::read(path).expect("the table");
    let table = Table::parse(&bytes).unwrap_or_else(|error| panic!("{target}: {error}"));
    assert_eq!(table.version(), 3, "{target}");
    let rows: Vec<(String, u64)> =
        table.rows().map(|row| (row.name().expect("a name").to_owned(), row.instance())).collect();
    let expected = ["scalars", "outer", "message"].map(|name| (name.to_owned(), 1));
    assert_eq!(rows, expected, "{target}");
    let own = table.history().iter().collect::<Vec<_>>();
    let schema = inspect_format::hash::schema_number("tests.forms");
    table.check_reader(schema, 3, &own).unwrap_or_else(|error| panic!("{target}: {error}"));
    let types = Btf::parse(table.sections().types);
    let types = types.unwrap_or_else(|error| panic!("{target}: {error}"));
    let foreign = types.bind("Foreign", "foreign", table.word_size()).expect("a captured struct");
    let inner = foreign.number("inner", "inner").expect("its field");
    assert_eq!((foreign.size(), inner.bit_offset), (20, 32), "{target}");
    assert_eq!(foreign.has("extra", "extra"), Ok(false), "{target}");
}

/// A hundred thousand damaged tables, or a few thousand on a desk that is in a hurry.
#[test]
fn damaged_tables_are_refused_or_read_inside() {
    if !has("gcc") {
        return;
    }
    let workshop = Workshop::new();
    let long = support::is_long();
    let rounds = if long { "1000000" } else { "20000" };
    let header = std::fs::read_to_string(workshop.c().join("tests_forms.decode.h")).expect("text");
    let kinds = std::fs::read_to_string(workshop.c().join("tests_kinds.decode.h")).expect("text");
    let touch = touch(&[&kinds, &header]);
    std::fs::write(workshop.c().join("touch.h"), touch).expect("a small file");
    let sanitized =
        ["-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let mutate = workshop.build("gcc", &sanitized, "mutate", &[]).expect("the program compiles");
    for cross in
        runnable().filter(|cross| ["x86_64", "i686", "s390x", "mips"].contains(&cross.target))
    {
        let (table, _) = workshop.produce(cross).expect("the producer runs");
        let printed =
            run(&workshop.c(), &mutate, &[&table, rounds]).expect("nothing is read outside");
        eprintln!("{}: {}", cross.target, printed.trim());
    }
}

/// A function of a decoder, as its header declares it.
struct Declared {
    result: String,
    name: String,
    parameters: Vec<String>,
}

fn declared(header: &str) -> Vec<Declared> {
    let mut out = Vec::new();
    for chunk in header.split("\nINSPECT_INLINE ").skip(1) {
        let signature =
            chunk.split("\n{").next().expect("a function has a body").replace('\n', " ");
        let (head, rest) = signature.split_once('(').expect("a function has parameters");
        let (result, name) = head.rsplit_once([' ', '*']).expect("a function has a result");
        let parameters = rest.trim_end_matches(')').split(',');
        out.push(Declared {
            result: result.trim().to_owned(),
            name: name.to_owned(),
            parameters: parameters.map(|text| text.trim().to_owned()).collect(),
        });
    }
    out
}

/// C that calls every function of some decoders: those of a view from `touch_<view>`.
fn touch(headers: &[&str]) -> String {
    let functions: Vec<Declared> = headers.iter().flat_map(|header| declared(header)).collect();
    let mut out = String::new();
    let views: Vec<&str> = headers
        .iter()
        .flat_map(|header| header.split("\nstruct ").skip(1))
        .filter_map(|chunk| chunk.split_once(" {").map(|(name, _)| name))
        .filter(|name| name.trim_end_matches('_').ends_with("_view"))
        .collect();
    for view in &views {
        let _ = writeln!(out, "static void touch_{view}(const struct {view} *view);");
    }
    for view in &views {
        let own = format!("const struct {view} *view");
        let _ = writeln!(out, "static void touch_{view}({own})\n{{\n\t(void)view;");
        for function in functions.iter().filter(|function| function.parameters[0] == own) {
            out.push_str(&call(function));
        }
        out.push_str("}\n");
    }
    out.push_str("static void touch_row(struct inspect_row row)\n{\n");
    for function in functions.iter().filter(|f| f.parameters[0] == "struct inspect_row row") {
        for index in ["", ", 0", ", 3"] {
            if function.parameters.len() == 1 + usize::from(!index.is_empty()) {
                let _ = writeln!(
                    out,
                    "\t{}",
                    sink(function, &format!("{}(row{index})", function.name))
                );
            }
        }
    }
    out.push_str("}\nstatic void touch_structs(const struct tests_forms_layouts *layouts, ");
    out.push_str("const unsigned char *data, size_t size)\n{\n");
    for function in functions.iter().filter(|function| function.name.ends_with("_open")) {
        let view = function.parameters[0].trim_start_matches("struct ").trim_end_matches(" *view");
        let layouts = if function.parameters[1].contains("tests_kinds") {
            "&layouts->of_tests_kinds"
        } else {
            "layouts"
        };
        let _ = writeln!(
            out,
            "\t{{\n\t\tstruct {view} view;\n\t\tif ({}(&view, {layouts}, data, size, NULL) == 0)\n\t\t\ttouch_{view}(&view);\n\t}}",
            function.name
        );
    }
    out.push_str("}\n");
    out
}

fn sink(function: &Declared, call: &str) -> String {
    match function.result.as_str() {
        "struct inspect_bytes" => format!("touch_bytes({call});"),
        "const char" => format!("touch_text({call});"),
        _ => format!("sink += (uint64_t)({call} != 0);"),
    }
}

fn call(function: &Declared) -> String {
    let name = &function.name;
    let rest: Vec<&str> = function.parameters[1..].iter().map(String::as_str).collect();
    let inner =
        |text: &str| text.trim_start_matches("struct ").trim_end_matches(" *inner").to_owned();
    match rest.as_slice() {
        [] => format!("\t{}\n", sink(function, &format!("{name}(view)"))),
        ["uint64_t index"] => ["0", "2", "next_random()"]
            .map(|index| format!("\t{}\n", sink(function, &format!("{name}(view, {index})"))))
            .concat(),
        ["int64_t *count"] => {
            format!("\t{{\n\t\tint64_t count;\n\t\tsink += {name}(view, &count);\n\t}}\n")
        }
        ["struct inspect_error *error"] => format!("\tsink += (uint64_t){name}(view, NULL);\n"),
        [one] if one.ends_with("*inner") => {
            let inner = inner(one);
            format!(
                "\t{{\n\t\tstruct {inner} inner;\n\t\tif ({name}(view, &inner))\n\t\t\ttouch_{inner}(&inner);\n\t}}\n"
            )
        }
        ["uint64_t index", one] if one.ends_with("*inner") => {
            let inner = inner(one);
            format!(
                "\t{{\n\t\tstruct {inner} inner;\n\t\tif ({name}(view, next_random() % 4, &inner))\n\t\t\ttouch_{inner}(&inner);\n\t}}\n"
            )
        }
        other => panic!("{name} takes {other:?}"),
    }
}
