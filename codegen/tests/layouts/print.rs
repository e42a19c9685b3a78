//! The same structs as a schema and as C, and the list of facts that both are asked for.

use std::fmt::Write;

use crate::shape::{Enum, Field, Program, Struct, Type};

/// The program as a schema.
pub(crate) fn schema(program: &Program) -> String {
    let mut out = String::from("schema random version 1;\n");
    for (index, definition) in program.enums.iter().enumerate() {
        let repr = definition.repr.map_or(String::new(), |repr| format!(": {}", repr.word));
        let _ = writeln!(
            out,
            "enum e{index}{repr} {{ {} }}",
            members(definition, &format!("m{index}"))
        );
    }
    for definition in &program.structs {
        if definition.packed {
            out.push_str("#[packed]\n");
        }
        if let Some(align) = definition.align {
            let _ = writeln!(out, "#[align({align})]");
        }
        let _ = writeln!(out, "struct s{} {{", definition.number);
        schema_fields(&definition.fields, 1, &mut out);
        out.push_str("}\n");
    }
    out
}

fn members(definition: &Enum, prefix: &str) -> String {
    let members = definition.values.iter().enumerate();
    members.map(|(i, value)| format!("{prefix}_{i} = {value}")).collect::<Vec<_>>().join(", ")
}

fn schema_fields(fields: &[Field], depth: usize, out: &mut String) {
    for field in fields {
        let indent = "    ".repeat(depth);
        let packed = if field.packed { "#[packed] " } else { "" };
        let align = field.align.map_or(String::new(), |align| format!("#[align({align})] "));
        let name = match &field.name {
            Some(name) => format!("{name}: "),
            None if is_inline(field) => String::new(),
            None => "_: ".to_owned(),
        };
        let bits = field.bits.map_or(String::new(), |bits| format!(" : {bits}"));
        let ty = schema_type(&field.ty, depth);
        let _ = writeln!(out, "{indent}{packed}{align}{name}{ty}{bits},");
    }
}

fn schema_type(ty: &Type, depth: usize) -> String {
    match ty {
        Type::Scalar(scalar) => scalar.word.to_owned(),
        Type::Atomic(scalar) => format!("atomic<{}>", scalar.word),
        Type::Pointer(word, _) => (*word).to_owned(),
        Type::Text(size) => format!("text<{size}>"),
        Type::Bytes(size) => format!("bytes<{size}>"),
        Type::Struct(number) => format!("s{number}"),
        Type::Enum(index) => format!("e{index}"),
        Type::Array(element, count) => format!("[{}; {count}]", schema_type(element, depth)),
        Type::Flexible(element) => format!("[{}]", schema_type(element, depth)),
        Type::Inline { union, fields } => {
            let mut text = String::from(if *union { "union {\n" } else { "struct {\n" });
            schema_fields(fields, depth + 1, &mut text);
            text + &"    ".repeat(depth) + "}"
        }
    }
}

fn is_inline(field: &Field) -> bool {
    matches!(field.ty, Type::Inline { .. })
}

/// The program as C, with an array of facts for each struct and an object for each bit-field.
pub(crate) fn c(program: &Program) -> String {
    let mut out =
        String::from("#include <stddef.h>\n#include <stdint.h>\ntypedef void (*function)(void);\n");
    for (index, definition) in program.enums.iter().enumerate() {
        match definition.repr {
            Some(repr) => {
                let _ = writeln!(out, "typedef {} e{index};", repr.c);
            }
            None => {
                let members = members(definition, &format!("c{index}"));
                let _ = writeln!(out, "typedef enum {{ {members} }} e{index};");
            }
        }
    }
    for definition in &program.structs {
        let _ = writeln!(out, "struct s{} {{", definition.number);
        c_fields(&definition.fields, definition.packed, &mut 0, &mut out);
        let attributes = c_attributes(definition.packed, definition.align);
        let _ = writeln!(out, "}}{attributes};");
    }
    for definition in &program.structs {
        c_facts(definition, &mut out);
    }
    out
}

fn c_attributes(packed: bool, align: Option<u32>) -> String {
    let mut out = String::new();
    if packed {
        out.push_str(" __attribute__((packed))");
    }
    if let Some(align) = align {
        let _ = write!(out, " __attribute__((aligned({align})))");
    }
    out
}

fn c_fields(fields: &[Field], packed: bool, pads: &mut usize, out: &mut String) {
    for field in fields {
        let name = match &field.name {
            Some(name) => name.clone(),
            None if is_inline(field) || field.bits.is_some() => String::new(),
            None => {
                *pads += 1;
                format!("pad{pads}")
            }
        };
        let bits = field.bits.map_or(String::new(), |bits| format!(" : {bits}"));
        // An atomic access needs the natural alignment, which i686 does not give to eight bytes.
        let atomic = (!packed && !field.packed && is_wide_atomic(&field.ty)).then_some(8);
        let attributes = c_attributes(field.packed, field.align.max(atomic));
        // Behind the brace of an anonymous member an attribute belongs to the type.
        let packs = field.packed && name.is_empty();
        let declaration = c_declaration(&field.ty, &name, packs, pads);
        let _ = writeln!(out, "  {declaration}{bits}{attributes};");
    }
}

fn c_declaration(ty: &Type, name: &str, packed: bool, pads: &mut usize) -> String {
    match ty {
        Type::Scalar(scalar) => format!("{} {name}", scalar.c),
        Type::Atomic(scalar) => format!("{} {name}", scalar.c),
        Type::Pointer(_, c) => format!("{c}{name}"),
        Type::Text(size) | Type::Bytes(size) => format!("char {name}[{size}]"),
        Type::Struct(number) => format!("struct s{number} {name}"),
        Type::Enum(index) => format!("e{index} {name}"),
        Type::Array(element, count) => {
            c_declaration(element, &format!("{name}[{count}]"), packed, pads)
        }
        Type::Flexible(element) => match &**element {
            // An array of arrays is declared from the outside in: the open length comes first.
            Type::Text(size) | Type::Bytes(size) => format!("char {name}[][{size}]"),
            element => c_declaration(element, &format!("{name}[]"), packed, pads),
        },
        Type::Inline { union, fields } => {
            let mut body = String::new();
            c_fields(fields, packed, pads, &mut body);
            let keyword = if *union { "union" } else { "struct" };
            format!("{keyword} {{\n{body}}} {name}")
        }
    }
}

fn is_wide_atomic(ty: &Type) -> bool {
    match ty {
        Type::Atomic(scalar) => scalar.bits == 64,
        Type::Array(element, _) | Type::Flexible(element) => is_wide_atomic(element),
        _ => false,
    }
}

/// What is asked about one aggregate: a struct, or an inline one in it that has a field's name.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Its name in the JSON: `s3.f1`.
    pub(crate) path: String,
    /// How C reaches it from the struct: `f1[0]`; empty for the struct itself.
    access: String,
    pub(crate) fields: Vec<AskedField>,
}

#[derive(Debug)]
pub(crate) struct AskedField {
    pub(crate) name: String,
    pub(crate) access: String,
    pub(crate) bits: Option<u32>,
    pub(crate) flexible: bool,
    bool: bool,
}

/// The aggregates of a struct, itself first. The members of anonymous ones belong to the one around them.
pub(crate) fn asked(definition: &Struct) -> Vec<Asked> {
    let path = format!("s{}", definition.number);
    let mut out = Vec::new();
    ask(path, String::new(), &definition.fields, &mut out);
    out
}

fn ask(path: String, access: String, fields: &[Field], out: &mut Vec<Asked>) {
    let index = out.len();
    out.push(Asked { path: path.clone(), access: access.clone(), fields: Vec::new() });
    let mut list = Vec::new();
    collect(&path, &access, fields, &mut list, out);
    out[index].fields = list;
}

fn collect(
    path: &str,
    access: &str,
    fields: &[Field],
    list: &mut Vec<AskedField>,
    out: &mut Vec<Asked>,
) {
    for field in fields {
        match (&field.name, &field.ty) {
            (Some(name), ty) => {
                let dot = if access.is_empty() { "" } else { "." };
                let reach = format!("{access}{dot}{name}");
                list.push(AskedField {
                    name: name.clone(),
                    access: reach.clone(),
                    bits: field.bits,
                    flexible: matches!(ty, Type::Flexible(_)),
                    bool: matches!(ty, Type::Scalar(scalar) if scalar.word == "bool"),
                });
                let (mut inner, mut reach) = (ty, reach);
                while let Type::Array(element, _) = inner {
                    inner = element;
                    reach.push_str("[0]");
                }
                if let Type::Inline { fields, .. } = inner {
                    ask(format!("{path}.{name}"), reach, fields, out);
                }
            }
            (None, Type::Inline { fields, .. }) => collect(path, access, fields, list, out),
            (None, _) => {}
        }
    }
}

/// The facts of a struct in the order in which `read` takes them: of each aggregate its size, alignment and
/// offset, then of each member its offset and size. Bit-fields have an object each instead.
fn c_facts(definition: &Struct, out: &mut String) {
    let number = definition.number;
    let ty = format!("struct s{number}");
    let _ = write!(out, "const unsigned long long facts_{number}[] = {{ ");
    for aggregate in asked(definition) {
        if aggregate.access.is_empty() {
            let _ = write!(out, "sizeof({ty}), _Alignof({ty}), 0, ");
        } else {
            let place = format!("(({ty} *)0)->{}", aggregate.access);
            let _ = write!(out, "sizeof({place}), _Alignof(__typeof__({place})), ");
            let _ = write!(out, "offsetof({ty}, {}), ", aggregate.access);
        }
        for field in aggregate.fields.iter().filter(|field| field.bits.is_none()) {
            let access = &field.access;
            let _ = write!(out, "offsetof({ty}, {access}), ");
            if field.flexible {
                out.push_str("0, ");
            } else {
                let _ = write!(out, "sizeof((({ty} *)0)->{access}), ");
            }
        }
    }
    out.push_str("};\n");
    let aggregates = asked(definition);
    let fields = aggregates.iter().flat_map(|aggregate| &aggregate.fields);
    for (index, field) in fields.filter(|field| field.bits.is_some()).enumerate() {
        let ones = if field.bool { 1 } else { -1 };
        let _ =
            writeln!(out, "const {ty} bits_{number}_{index} = {{ .{} = {ones} }};", field.access);
    }
}
