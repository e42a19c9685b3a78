//! Dependency files as Make and Ninja read them: what a run wrote, and what it depends on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The content of a dependency file. Each dependency is a target of its own, too, so that a build
/// goes on when a schema has been removed.
#[must_use]
pub fn depfile(outputs: &[PathBuf], dependencies: &BTreeSet<PathBuf>) -> Vec<u8> {
    let mut text = Vec::new();
    let mut separator: &[u8] = b"";
    for output in outputs {
        text.extend_from_slice(separator);
        escape(&mut text, output);
        separator = b" \\\n  ";
    }
    text.push(b':');
    for dependency in dependencies {
        text.extend_from_slice(b" \\\n  ");
        escape(&mut text, dependency);
    }
    text.push(b'\n');
    for dependency in dependencies {
        text.push(b'\n');
        escape(&mut text, dependency);
        text.extend_from_slice(b":\n");
    }
    text
}

/// Spaces, `#` and `:` take a backslash, backslashes before them are doubled, and `$` is doubled. A
/// newline cannot be written in a rule; it becomes `?`, which Make matches against any character.
fn escape(text: &mut Vec<u8>, path: &Path) {
    let mut backslashes = 0;
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b' ' | b'\t' | b'#' | b':' => {
                text.extend(std::iter::repeat_n(b'\\', backslashes + 1));
                text.push(byte);
            }
            b'$' => text.extend_from_slice(b"$$"),
            b'\n' => text.push(b'?'),
            _ => text.push(byte),
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let dependencies = [PathBuf::from("a b.inspect"), PathBuf::from("c$#.inspect")].into();
        let text = depfile(&["out/x.rs".into(), "out/y:.h".into()], &dependencies);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "out/x.rs \\\n  out/y\\:.h: \\\n  a\\ b.inspect \\\n  c$$\\#.inspect\n\
             \na\\ b.inspect:\n\nc$$\\#.inspect:\n"
        );
    }
}
