//! Documentation as C comments in the form that kernel-doc reads.

use std::fmt::Write as _;

use crate::model::{Lifetime, Naming};

/// What a comment says of a named thing: its documentation, since when it exists, what replaces it.
pub(super) fn text(docs: &str, lifetime: &Lifetime) -> String {
    let mut out = sanitize(docs);
    let mut note = |line: String| {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&line);
    };
    if lifetime.since > 1 {
        note(format!("Since version {}.", lifetime.since));
    }
    if let Some((version, instead)) = &lifetime.deprecated {
        note(format!("Deprecated since version {version}: {}.", sanitize(instead)));
    }
    if let Some(version) = lifetime.removed {
        note(format!("Removed in version {version}; its place stays taken."));
    }
    out
}

/// The comment above a definition: `kind name - first line`, then the rest.
pub(super) fn comment(kind: &str, naming: &Naming) -> String {
    titled(kind, &naming.c, &text(&naming.docs, &naming.lifetime))
}

/// The comment above a definition that has a name of its own.
pub(super) fn titled(kind: &str, name: &str, text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("");
    let space = if kind.is_empty() { "" } else { " " };
    if !text.contains('\n') && first.len() + name.len() < 90 {
        let dash = if first.is_empty() { "" } else { " - " };
        return format!("/** {kind}{space}{name}{dash}{first} */\n");
    }
    let mut out = format!("/**\n * {kind}{space}{name}");
    if !first.is_empty() {
        let _ = write!(out, " - {first}");
    }
    out.push('\n');
    for line in lines {
        let _ = writeln!(out, " *{}{line}", if line.is_empty() { "" } else { " " });
    }
    out.push_str(" */\n");
    out
}

/// The comment above a member, `indent` before each line; empty where there is nothing to say.
pub(super) fn member(name: &str, text: &str, indent: &str) -> String {
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return String::new() };
    let mut out = format!("{indent}/** @{name}: {first}");
    let mut many = false;
    for line in lines {
        many = true;
        let _ = write!(out, "\n{indent} *{}{line}", if line.is_empty() { "" } else { " " });
    }
    if many {
        let _ = write!(out, "\n{indent} */\n");
    } else {
        out.push_str(" */\n");
    }
    out
}

/// Text that cannot end the comment it stands in, nor open one inside it (`-Wcomment`), nor join
/// lines.
pub(super) fn sanitize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if !out.is_empty() {
            out.push('\n');
        }
        let line = line.trim_end_matches(|c: char| c.is_whitespace() || c == '\\');
        // `??/` is a backslash where trigraphs are on.
        let line = if line.ends_with("??/") { &line[..line.len() - 1] } else { line };
        let mut previous = ' ';
        for c in line.chars() {
            if matches!((previous, c), ('*', '/') | ('/', '*')) {
                out.push(' ');
            }
            // Compilers refuse marks that change the direction of writing.
            let mark = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            out.push(if c.is_control() || mark { ' ' } else { c });
            previous = c;
        }
    }
    out
}
