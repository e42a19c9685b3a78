//! Consumers for a C program that is held against this crate.

use std::fmt::Write as _;

use inspect_runtime::{Consumer, Rule};

/// The consumers as constants of C, in an array `consumers`.
pub(crate) fn consumers_in_c(consumers: &[Consumer]) -> String {
    let mut out = String::new();
    for Consumer { name, allow, deny, order, .. } in consumers {
        for (list, rules) in [("allow", allow), ("deny", deny), ("order", order)] {
            let _ = writeln!(out, "static const struct inspect_rule {name}_{list}[] = {{");
            rules.iter().for_each(|rule| out.push_str(&initializer(rule)));
            // C has no empty arrays.
            out.push_str("\t{ 0, 0, 0, NULL, 0, true, 0 }\n};\n");
        }
    }
    out.push_str("static const struct inspect_consumer consumers[] = {\n");
    for Consumer { name, schema, allow, deny, order, require, permit, budget } in consumers {
        let (allow, deny, order) = (allow.len(), deny.len(), order.len());
        let [regions, name_bytes, bytes] =
            [budget.regions, budget.name, budget.bytes].map(|limit| limit.unwrap_or(u64::MAX));
        let _ = writeln!(
            out,
            "\t{{ \"{name}\", {schema}ull, {name}_allow, {allow}, {name}_deny, {deny}, {name}_order, \
             {order}, {require}ull, {permit}ull, {regions}ull, {name_bytes}ull, {bytes}ull }},"
        );
    }
    out.push_str("};\n");
    out
}

fn initializer(rule: &Rule) -> String {
    match *rule {
        Rule::Class { schema, class } => {
            format!("\t{{ INSPECT_RULE_CLASS, {class}, {schema}ull, NULL, 0, true, 0 }},\n")
        }
        Rule::Entry { schema, class, name, instance } => {
            let name = name.map_or("NULL".to_owned(), |name| format!("\"{name}\""));
            let (any, instance) = (instance.is_none(), instance.unwrap_or(0));
            format!(
                "\t{{ INSPECT_RULE_ENTRY, {class}, {schema}ull, {name}, {instance}, {any}, 0 }},\n"
            )
        }
        Rule::Properties(bits) => {
            format!("\t{{ INSPECT_RULE_PROPERTIES, 0, 0, NULL, 0, true, {bits}ull }},\n")
        }
    }
}
