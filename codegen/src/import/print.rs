//! The text of a planned schema; `fmt` gives it its form.

use std::fmt::Write as _;

use super::external::CName;
use super::plan::{Body, Field, FieldType, Item};

/// The text of a schema.
pub(super) fn schema(name: &str, docs: &[String], items: &[Item]) -> String {
    let mut out = String::new();
    for line in docs {
        let _ = writeln!(out, "//! {}", one_line(line));
    }
    let _ = writeln!(out, "schema {name} version 1;");
    for item in items {
        out.push('\n');
        self::item(&mut out, item);
    }
    out
}

/// The text of one item.
pub(super) fn item(out: &mut String, item: &Item) {
    for line in &item.docs {
        let _ = writeln!(out, "/// {}", one_line(line));
    }
    if let Some(rust_name) = &item.rust_name {
        let _ = writeln!(out, "#[rust_name({})]", quoted(rust_name));
    }
    match &item.body {
        Body::Struct(planned) => {
            if planned.packed {
                out.push_str("#[packed]\n");
            }
            if let Some(align) = planned.align_attribute {
                let _ = writeln!(out, "#[align({align})]");
            }
            let _ = writeln!(out, "struct {} {{", item.name);
            fields(out, &planned.fields);
            out.push_str("}\n");
        }
        Body::Extern { header, fields: them } => {
            c_name(out, item);
            let _ = writeln!(out, "extern struct {} from {} {{", item.name, quoted(header));
            fields(out, them);
            out.push_str("}\n");
        }
        Body::ExternEnum { header, members } => {
            c_name(out, item);
            let _ = writeln!(out, "extern enum {} {{", item.name);
            for (name, ..) in members {
                let _ = writeln!(out, "{name},");
            }
            let _ = writeln!(out, "..\n}} from {}", quoted(header));
        }
        Body::Enum { repr, members, open } => {
            let repr = repr.map(|repr| format!(": {repr}")).unwrap_or_default();
            let _ = writeln!(out, "enum {}{repr} {{", item.name);
            for (name, value, others) in members {
                let _ = write!(out, "{name} = {value},");
                if others.is_empty() {
                    out.push('\n');
                } else {
                    let _ = writeln!(out, " // and {}", one_line(&others.join(", ")));
                }
            }
            out.push_str(if *open { "..\n}\n" } else { "}\n" });
        }
    }
}

/// What C calls it, where that is not its name here.
fn c_name(out: &mut String, item: &Item) {
    match &item.c_name {
        CName::Tag(tag) if *tag != item.name => {
            let _ = writeln!(out, "#[c_name({})]", quoted(tag));
        }
        CName::Typedef(typedef) => {
            let _ = writeln!(out, "#[c_type({})]", quoted(typedef));
        }
        CName::Tag(_) | CName::None => {}
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn fields(out: &mut String, fields: &[Field]) {
    for field in fields {
        self::field(out, field);
    }
}

fn field(out: &mut String, field: &Field) {
    if let Some(rust_name) = &field.rust_name {
        let _ = write!(out, "#[rust_name({})] ", quoted(rust_name));
    }
    if field.packed {
        out.push_str("#[packed] ");
    }
    if let Some(align) = field.align {
        let _ = write!(out, "#[align({align})] ");
    }
    if let Some(name) = &field.name {
        let _ = write!(out, "{name}: ");
    }
    match &field.ty {
        FieldType::Text(text) => out.push_str(text),
        FieldType::Inline { union, inner, lengths } => {
            out.push_str(&"[".repeat(lengths.len()));
            out.push_str(if *union { "union {\n" } else { "struct {\n" });
            fields(out, &inner.fields);
            out.push('}');
            for length in lengths.iter().rev() {
                let _ = write!(out, "; {length}]");
            }
        }
    }
    if let Some(bits) = field.bits {
        let _ = write!(out, " : {bits}");
    }
    match &field.comment {
        Some(comment) => {
            let _ = writeln!(out, ", // {}", one_line(comment));
        }
        None => out.push_str(",\n"),
    }
}

/// Names come from a file: a line of a comment stays one.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
