//! A lock as text.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{FORM, Lock};
use crate::model::Target;
use crate::release::{Fact, Facts, Item, ItemKind, Member, ReleasedSchema, Targets, Value};

const HEAD: &str = "# Released layouts of the schemas beside this file: `inspect-gen lock` writes it, reviews read it.\n\
    # docs/compatibility.md tells what it means. `except RULE ITEM \"reason\"` lets one break pass.\n";

/// The text of a lock file.
#[must_use]
pub fn print(lock: &Lock) -> String {
    let mut out = String::from(HEAD);
    let _ = write!(out, "lock {FORM}\ntargets");
    for target in lock.release.targets.iter() {
        let _ = write!(out, " {}", target.name());
    }
    out.push('\n');
    for (name, schema) in &lock.release.schemas {
        let _ = writeln!(out, "\nschema {name} version {}", schema.version);
        head(&mut out, schema);
        for exception in lock.exceptions.iter().filter(|exception| exception.schema == *name) {
            let (rule, subject) = (exception.rule.name, &exception.subject);
            let _ = writeln!(out, "  except {rule} {subject} {}", quoted(&exception.reason));
        }
        for item in &schema.items {
            print_item(&mut out, item, lock.release.targets);
        }
    }
    out.push_str("\nend\n");
    out
}

fn head(out: &mut String, schema: &ReleasedSchema) {
    for (name, version) in &schema.uses {
        let _ = writeln!(out, "  uses {name} version {version}");
    }
    for (index, fingerprint) in schema.fingerprints.iter().enumerate() {
        let _ = writeln!(out, "  fingerprint {} {fingerprint:#018x}", index + 1);
    }
}

fn print_item(out: &mut String, item: &Item, targets: Targets) {
    let _ = write!(out, "  {} {}", item.word(), item.title());
    print_facts(out, &item.facts, targets);
    let mut members: Vec<&Member> = item.members.iter().collect();
    members.sort_by(|a, b| order(item.kind, a, b));
    for member in members {
        let _ = write!(out, "    {}", member.name);
        print_facts(out, &member.facts, targets);
    }
}

/// Fields by place, members by value, flags by bit; then by name.
fn order(kind: ItemKind, a: &Member, b: &Member) -> Ordering {
    let first = Target::all().next();
    let number = |facts: &Facts, fact| facts.get(fact).and_then(|value| value.on(first?));
    let key = |member: &Member| match kind {
        ItemKind::Enum => member.facts.text(Fact::Value).parse().unwrap_or(0),
        ItemKind::Flags | ItemKind::Properties => {
            let mask = member.facts.text(Fact::Mask);
            mask.split("..").next().and_then(|bit| bit.parse().ok()).unwrap_or(0)
        }
        _ => {
            let offset = number(&member.facts, Fact::Offset).map(|offset| i128::from(offset) * 8);
            offset.or_else(|| number(&member.facts, Fact::Bit).map(i128::from)).unwrap_or(0)
        }
    };
    key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
}

fn print_facts(out: &mut String, facts: &Facts, targets: Targets) {
    for (fact, value) in facts.iter() {
        let word = fact.word();
        let _ = match (fact, value) {
            // They stand before the facts.
            (Fact::Form | Fact::Name, _) => Ok(()),
            (_, Value::Yes) => write!(out, " {word}"),
            (_, Value::Number(number)) => write!(out, " {word}={number}"),
            (_, Value::Text(text)) => write!(out, " {word}={}", word_or_quoted(text)),
            (_, Value::PerTarget(_)) => {
                print_per_target(out, word, value, targets);
                Ok(())
            }
        };
    }
    out.push('\n');
}

/// The number of the first target, then those of others that differ from it.
fn print_per_target(out: &mut String, word: &str, value: &Value, targets: Targets) {
    let mut groups: Vec<(u64, Vec<Target>)> = Vec::new();
    for target in targets.iter() {
        let number = value.on(target).unwrap_or(0);
        match groups.iter_mut().find(|(known, _)| *known == number) {
            Some((_, members)) => members.push(target),
            None => groups.push((number, vec![target])),
        }
    }
    for (index, (number, members)) in groups.iter().enumerate() {
        let _ = match index {
            0 => write!(out, " {word}={number}"),
            _ => write!(out, " {word}[{}]={number}", group_words(members, targets)),
        };
    }
}

fn group_words(members: &[Target], targets: Targets) -> String {
    for (word, size) in super::parse::WIDTHS {
        if targets.iter().filter(|it| it.info().word_size == size).eq(members.iter().copied()) {
            return word.to_owned();
        }
    }
    let names: Vec<&str> = members.iter().map(|target| target.name()).collect();
    names.join(",")
}

/// A text that the parser takes for one word stands as it is.
fn word_or_quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            // Marks that turn the direction of writing would mislead whoever reads a diff.
            _ if char == ' ' || char.is_alphanumeric() || char.is_ascii_graphic() => out.push(char),
            _ => out.extend(char.escape_unicode()),
        }
    }
    out.push('"');
    out
}
