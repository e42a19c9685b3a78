//! Producers and readers in Rust, made from the models: one module for each version in one program.

use std::fmt::Write as _;

use inspect_gen::model::{
    Aggregate, AggregateId, AggregateKind, Class, Field, Model, Scalar, Type,
};

use super::schema::{
    Datum, ELEMENTS, Language, Leaf, RAW, Step, Version, Written, has_expected, is_optional, named,
    target, when,
};

/// Registers an entry of each class as of one version, and writes three files: the table, the memory of its rows,
/// and a dump of both.
const PRODUCE: &str = r#"
    pub(crate) fn produce(path: &str) {
        use std::os::fd::AsRawFd;
        static TABLE: RuntimeTable<s::Row, 16, 256> = RuntimeTable::new();
        static WORKSPACE: Workspace<64, 65536> = Workspace::new();
        let memory = fill(&TABLE);
        let mut image = vec![0; TABLE.image_size()];
        let size = TABLE.copy_to(&mut image).unwrap();
        std::fs::write(format!("{path}.table"), &image[..size]).unwrap();
        std::fs::write(format!("{path}.memory"), memory).unwrap();
        let dump = std::fs::File::create(format!("{path}.dump")).unwrap();
        let request = Request::new(&s::consumer::ALL);
        request.elf(&WORKSPACE, &mut FileSink::new(dump.as_raw_fd())).unwrap();
    }

    fn leak<T: 'static>(value: T) -> (u64, u64) {
        let value: &'static T = Box::leak(Box::new(value));
        (std::ptr::from_ref(value) as u64, std::mem::size_of::<T>() as u64)
    }

    /// This process's memory, read as whoever writes a dump does: by address and length.
    fn put((address, length): (u64, u64), memory: &mut Vec<u8>) {
        memory.extend(address.to_be_bytes());
        memory.extend(length.to_be_bytes());
        let start = memory.len();
        memory.resize(start + length as usize, 0);
        ThisProcess::new().read(address, &mut memory[start..]).unwrap();
    }
"#;

/// Prints the rows of a table and the memory behind them.
const READ: &str = r#"
    pub(crate) fn read(table: &[u8], memory: &[u8]) {
        let table = s::Table::parse(table).unwrap();
        let layouts = table.bind().unwrap();
        for row in table.rows().filter(|row| row.is_live()) {
            print_row(row);
            print_memory(row, &layouts, crate::lookup(memory, row.address(), row.length()));
        }
    }
"#;

const READ_MAIN: &str = r#"
/// The bytes at an address: rows come in any order.
fn lookup(mut memory: &[u8], address: u64, length: u64) -> &[u8] {
    loop {
        let (head, rest) = memory.split_at(16);
        let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().unwrap());
        let (data, rest) = rest.split_at(number(8) as usize);
        if (number(0), number(8)) == (address, length) {
            return data;
        }
        memory = rest;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() {
    for path in std::env::args().skip(1) {
        let table = std::fs::read(format!("{path}.table")).unwrap();
        let memory = std::fs::read(format!("{path}.memory")).unwrap();
        for (index, read) in VERSIONS.iter().enumerate() {
            println!("@ {path} {}", index + 1);
            read(&table, &memory);
        }
    }
}
"#;

const PRODUCE_MAIN: &str = r#"
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let version: usize = arguments[1].parse().unwrap();
    VERSIONS[version - 1](&arguments[2]);
}
"#;

/// A program with every version, as text of `main.rs`. The generated code of a version is in a folder `v1`.
pub(crate) fn program(versions: &[Version], is_reader: bool) -> String {
    let (verb, rule) = match is_reader {
        true => ("read", "#![forbid(unsafe_code)]\n"),
        false => ("produce", ""),
    };
    let mut out = format!("{rule}#![allow(warnings)]\n\n");
    for version in versions {
        let number = version.number;
        let _ = writeln!(
            out,
            "mod v{number} {{\n    use inspect_runtime::memory::{{Memory, ThisProcess}};"
        );
        out.push_str("    use inspect_runtime::{Be32, Be64, Le16, RuntimeTable, Text};\n");
        out.push_str("    use inspect_runtime::dump::{FileSink, Request, Workspace};\n");
        let _ = writeln!(
            out,
            "    mod schemas {{\n        inspect_runtime::include_schemas!(\"v{number}/rust/inspect.rs\");\n    }}\n\
             \x20   use schemas::tests_evolution as s;"
        );
        out.push_str(&described(&version.model));
        out.push_str(&if is_reader { reader(version) } else { producer(version) });
        out.push_str("}\n\n");
    }
    let signature = if is_reader { "fn(&[u8], &[u8])" } else { "fn(&str)" };
    let _ = writeln!(out, "const VERSIONS: &[{signature}] = &[");
    for version in versions {
        let _ = writeln!(out, "    v{}::{verb},", version.number);
    }
    out.push_str("];\n");
    out + if is_reader { READ_MAIN } else { PRODUCE_MAIN }
}

/// What a Rust compiler captures, which generated code asks every program for.
fn described(model: &Model) -> String {
    let shard = model.aggregates.iter().find(|it| it.kind == AggregateKind::ExternRust);
    let fields = shard.expect("a struct of Rust").fields.iter().map(Field::name);
    format!(
        "    #[repr(C)]\n    #[derive(Default)]\n    struct Shard {{ misses: u32, more: u32, hits: u64 }}\n\
         \x20   inspect_runtime::describe!(schemas::tests_evolution::external::Shard as Shard {{ {} }});\n",
        fields.collect::<Vec<_>>().join(", ")
    )
}

fn producer(version: &Version) -> String {
    // What is written is the same on every machine.
    let target = inspect_gen::model::Target::all().next().expect("a target");
    let written = Written { version, language: Language::Rust, target };
    let model = &version.model;
    let mut fill = String::new();
    let mut out = String::new();
    for class in written.classes() {
        let (ty, count) = self::target(class);
        let name = &class.naming.name;
        let (word, zero) = match ty {
            Type::Aggregate(id) if model[*id].kind == AggregateKind::ExternRust => {
                ("Shard".to_owned(), "Shard::default()".to_owned())
            }
            Type::Aggregate(id) => {
                let word = format!("s::{}", model[*id].naming.rust);
                (word.clone(), format!("{word}::ZERO"))
            }
            Type::Scalar(Scalar::U64) => ("u64".to_owned(), "0_u64".to_owned()),
            other => panic!("no class points at {other:?}"),
        };
        let (word, zero) = match count {
            Some(count) => (format!("[{word}; {count}]"), format!("[{zero}; {count}]")),
            None => (word, zero),
        };
        let _ = writeln!(fill, "        let mut it: {word} = {zero};");
        for leaf in written.memory(class) {
            fill.push_str(&set(model, &leaf));
        }
        let _ = write!(
            fill,
            "        let place = leak(it);\n        put(place, &mut memory);\n\
             \x20       let row = s::Row::new::<s::class::{}>(place.0, place.1).name(\"{name}\").instance({})\n\
             \x20           .properties(s::Facts::{})",
            class.naming.rust,
            written.instance(class),
            written.extra().naming.rust
        );
        for (index, datum) in written.row(class) {
            let field = &version.entry().fields[index];
            let _ = write!(fill, ".{}({})", field.naming.rust, value(model, &field.ty, &datum));
        }
        fill.push_str(";\n        table.register(row).unwrap();\n");
    }
    let _ = writeln!(
        out,
        "    fn fill(table: &'static RuntimeTable<s::Row, 16, 256>) -> Vec<u8> {{\n\
         \x20       let mut memory = Vec::new();\n{fill}        memory\n    }}"
    );
    out + PRODUCE
}

/// An assignment to a part of `it`.
fn set(model: &Model, leaf: &Leaf) -> String {
    let mut place = "it".to_owned();
    let mut last = String::new();
    for step in &leaf.steps {
        match step {
            Step::Field(id, index) => {
                if !last.is_empty() {
                    let _ = write!(place, ".{last}");
                }
                let fields = &model[*id].fields;
                last = match &fields[*index].naming {
                    Some(naming) => naming.rust.clone(),
                    None => {
                        let before = fields[..*index].iter();
                        let before = before.filter(|it| it.naming.is_none() && !it.is_padding());
                        format!("anonymous{}", before.count())
                    }
                };
            }
            Step::Index(index) => {
                if !last.is_empty() {
                    let _ = write!(place, ".{last}");
                }
                last.clear();
                let _ = write!(place, "[{index}]");
            }
        }
    }
    let value = value(model, &leaf.ty, &leaf.datum);
    let set = match (leaf.is_bits, last.as_str()) {
        (true, _) => format!("{place}.set_{last}({value});"),
        (false, "") => format!("{place} = {value};"),
        (false, _) => format!("{place}.{last} = {value};"),
    };
    // An element of an array in an arm is reached by reading the arm, whose bytes are all zero or set.
    let mut steps = leaf.steps.iter();
    steps.by_ref().find(|it| matches!(it, Step::Field(id, _) if model[*id].union));
    let is_inside = steps.any(|it| matches!(it, Step::Index(_)));
    if is_inside { format!("        unsafe {{ {set} }}\n") } else { format!("        {set}\n") }
}

fn value(model: &Model, ty: &Type, datum: &Datum) -> String {
    match (ty, datum) {
        (Type::Scalar(Scalar::Bool), Datum::Int(value)) => (*value != 0).to_string(),
        (Type::Scalar(scalar), Datum::Int(value)) if scalar.fixed_order().is_some() => {
            let word = scalar.word();
            format!("{}{}::new({value})", word[..1].to_uppercase(), &word[1..])
        }
        (Type::Enum(id), Datum::Int(value)) => format!("s::{}({value})", model[*id].naming.rust),
        (Type::Flags(id), Datum::Int(value)) => format!("s::{}({value})", model[*id].naming.rust),
        (Type::Text(_), Datum::Text(text)) => format!("Text::new(\"{text}\")"),
        (_, Datum::Text(text)) => format!("\"{text}\""),
        (_, Datum::Bytes(bytes)) => format!("{bytes:?}"),
        (_, Datum::Float(value)) => format!("{value:?}"),
        (_, Datum::Int(value)) => value.to_string(),
    }
}

fn reader(version: &Version) -> String {
    let model = &version.model;
    let mut out = String::new();
    let mut aggregates: Vec<AggregateId> = Vec::new();
    let mut cases = String::new();
    for class in version.classes() {
        if let Type::Aggregate(id) = target(class).0 {
            collect(model, *id, &mut aggregates);
            cases.push_str(&print_class(model, class, *id));
        }
    }
    for id in &aggregates {
        let aggregate = &model[*id];
        let mut body = String::new();
        if has_expected(aggregate) {
            body.push_str("        println!(\"{path}.check={}\", u8::from(it.check().is_ok()));\n");
        }
        for (_, field) in named(model, *id) {
            body.push_str(&print_field(model, field));
        }
        let word = &aggregate.naming.rust;
        let _ = writeln!(
            out,
            "\n    fn print_{}(path: &str, it: s::{word}View<'_>) {{\n{body}    }}",
            function(aggregate)
        );
    }
    let mut row = String::new();
    let properties = version.schema().properties.as_ref().expect("properties");
    for member in &properties.members {
        let _ = writeln!(
            row,
            "        println!(\"{{path}}.properties.{}={{}}\", u8::from(it.properties() & s::Facts::{}.0 != 0));",
            member.naming.name, member.naming.rust
        );
    }
    for field in &version.entry().fields {
        let get = format!("it.{}()", field.naming.rust);
        row.push_str(&print_value(model, &field.naming.name, &field.ty, &get));
    }
    let _ = writeln!(
        out,
        "\n    fn print_row(it: s::Row_<'_>) {{\n        let path = format!(\"{{}}.row\", it.name());\n\
         \x20       println!(\"{{path}}.class={{}}\", it.class());\n\
         \x20       println!(\"{{path}}.instance={{}}\", it.instance());\n\
         \x20       println!(\"{{path}}.length={{}}\", it.length());\n\
         \x20       println!(\"{{path}}.properties={{}}\", it.properties());\n{row}    }}\n\n\
         \x20   fn print_memory(row: s::Row_<'_>, layouts: &s::Layouts, data: &[u8]) {{\n\
         \x20       let path = row.name();\n        match row.class() {{\n{cases}            _ => {{}}\n        }}\n    }}"
    );
    out + READ
}

fn collect(model: &Model, id: AggregateId, out: &mut Vec<AggregateId>) {
    for (_, field) in named(model, id) {
        let ty = match &field.ty {
            Type::Array(element, _) => element,
            ty => ty,
        };
        if let Type::Aggregate(inner) = ty {
            collect(model, *inner, out);
        }
    }
    if !model[id].union && !out.contains(&id) {
        out.push(id);
    }
}

fn function(aggregate: &Aggregate) -> String {
    aggregate.naming.rust.to_lowercase()
}

fn print_class(model: &Model, class: &Class, id: AggregateId) -> String {
    let (function, open) = (function(&model[id]), &model[id].naming.name);
    let print = match target(class).1 {
        None => format!("print_{function}(path, layouts.{open}(data).unwrap())"),
        Some(_) => format!(
            "for (index, part) in data.chunks(data.len() / {ELEMENTS}).enumerate() {{\n\
             \x20               print_{function}(&format!(\"{{path}}.{{index}}\"), layouts.{open}(part).unwrap());\n\
             \x20           }}"
        ),
    };
    format!("            s::class::{} => {{ {print} }}\n", class.rust_constant)
}

fn print_field(model: &Model, field: &Field) -> String {
    let naming = field.naming.as_ref().expect("a name");
    let name = &naming.name;
    let get = format!("it.{}()", naming.rust);
    if !is_optional(field) {
        return print_some(model, field, &get);
    }
    format!(
        "        match {get} {{\n            None => println!(\"{{path}}.{name}=absent\"),\n\
         \x20           Some(some) => {{\n{}            }}\n        }}\n",
        print_some(model, field, "some")
    )
}

fn print_some(model: &Model, field: &Field, get: &str) -> String {
    let naming = field.naming.as_ref().expect("a name");
    let name = &naming.name;
    match &field.ty {
        Type::Aggregate(id) if field.tag.is_some() => {
            print_union(model, name, &format!("it.{}_arm()", naming.rust), &model[*id])
        }
        Type::Aggregate(id) => print_inner(&model[*id], name, get),
        Type::Array(element, _) => {
            let print = match &**element {
                Type::Aggregate(id) => format!(
                    "print_{}(&format!(\"{{path}}.{name}.{{index}}\"), element)",
                    function(&model[*id])
                ),
                ty => {
                    let text = print_value(model, &format!("{name}.{{index}}"), ty, "element");
                    format!("{{ {text} }}")
                }
            };
            format!(
                "        println!(\"{{path}}.{name}.length={{}}\", {get}.len());\n\
                 \x20       for (index, element) in {get}.iter().enumerate() {{ {print}; }}\n"
            )
        }
        ty => print_value(model, name, ty, get),
    }
}

fn print_inner(inner: &Aggregate, name: &str, get: &str) -> String {
    format!("        print_{}(&format!(\"{{path}}.{name}\"), {get});\n", function(inner))
}

fn print_union(model: &Model, name: &str, get: &str, union: &Aggregate) -> String {
    let mut out = format!("        match {get} {{\n");
    let word = &union.naming.rust;
    for arm in &union.fields {
        let arm_name = arm.name();
        let variant = format!("{}{}", arm_name[..1].to_uppercase(), &arm_name[1..]);
        let path = format!("{name}.{arm_name}");
        let print = match &arm.ty {
            Type::Bytes(_) => {
                assert_eq!(when(arm), None);
                format!("        println!(\"{{path}}.{path}={{}}\", crate::hex(&arm[..{RAW}]));\n")
            }
            Type::Aggregate(id) => print_inner(&model[*id], &path, "arm"),
            ty => print_value(model, &path, ty, "arm"),
        };
        let _ =
            writeln!(out, "            s::{word}Arm::{variant}(arm) => {{\n{print}            }}");
    }
    let _ = writeln!(
        out,
        "            s::{word}Arm::Unknown(_) => println!(\"{{path}}.{name}=unknown\"),\n        }}"
    );
    out
}

/// A value that has no fields.
fn print_value(model: &Model, name: &str, ty: &Type, get: &str) -> String {
    match ty {
        Type::Scalar(Scalar::Bool) => {
            format!("        println!(\"{{path}}.{name}={{}}\", u8::from({get}));\n")
        }
        Type::Scalar(_) | Type::Text(_) | Type::String => {
            format!("        println!(\"{{path}}.{name}={{}}\", {get});\n")
        }
        Type::Enum(_) => format!(
            "        println!(\"{{path}}.{name}={{}}\", {get}.0);\n\
             \x20       println!(\"{{path}}.{name}.name={{}}\", {get}.name().unwrap_or(\"-\"));\n"
        ),
        Type::Flags(id) => {
            let mut out = format!("        println!(\"{{path}}.{name}={{}}\", {get}.0);\n");
            let word = &model[*id].naming.rust;
            for member in &model[*id].members {
                let _ = writeln!(
                    out,
                    "        println!(\"{{path}}.{name}.{}={{}}\", {get}.get(s::{word}::{}));",
                    member.naming.name, member.naming.rust
                );
            }
            out
        }
        Type::Bytes(_) => {
            format!("        println!(\"{{path}}.{name}={{}}\", crate::hex({get}));\n")
        }
        other => panic!("{name}: nobody prints {other:?}"),
    }
}
