//! `inspect-gen link -- cc ARGS...`: runs a linker, or the compiler that calls it, and packs what
//! it has linked.
//!
//! It stands where a build takes a program's name for its linker and has no step behind linking, as
//! Cargo. Whatever is linked on the way passes through it, build scripts and plugins included: an
//! image without annotations stays as it is, and so does every output that is no image.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

use super::args::Link;
use super::output::{self, Terminal};
use super::{Status, pack};

/// How deep response files may name each other.
const MAX_DEPTH: usize = 16;

/// What a linker writes where nobody says `-o`.
const DEFAULT_OUTPUT: &str = "a.out";

pub(super) fn run(arguments: &Link, terminal: Terminal) -> Status {
    let Some((linker, given)) = arguments.command.split_first() else { return Status::Failed };
    let image = output_of(given, &read_file);
    let before = state(&image);
    let status = match std::process::Command::new(linker).args(given).status() {
        Ok(status) => status,
        Err(error) => {
            let linker = linker.to_string_lossy();
            output::complain(&format!(
                "cannot run `{linker}`: {error}\n  `--` stands before a command and its arguments"
            ));
            return Status::Failed;
        }
    };
    if !status.success() {
        // Its caller knows what the linker's statuses mean; `Status` cannot hold all of them.
        std::process::exit(code(status));
    }
    if state(&image) == before || !is_linked(&image) {
        return Status::Done;
    }
    let status = pack::run(&arguments.packing(image.clone()), terminal);
    if status != Status::Done {
        // A build that compares times would take it for finished. It is not there to be told of
        // failing either. A link to it would leave it there under its own name.
        let _ = fs::remove_file(fs::canonicalize(&image).unwrap_or(image));
    }
    status
}

/// What tells whether a file was written.
#[derive(PartialEq, Eq)]
struct State {
    modified: Option<SystemTime>,
    length: u64,
    /// Which file it is, and when anything about it changed last: clocks are coarse, and builds that can be
    /// repeated set the time of writing themselves.
    #[cfg(unix)]
    identity: [i64; 4],
}

/// The state of a file; `None` where there is none.
fn state(path: &Path) -> Option<State> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    #[cfg(unix)]
    use std::os::unix::fs::MetadataExt as _;
    Some(State {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        #[cfg(unix)]
        identity: [
            metadata.dev().cast_signed(),
            metadata.ino().cast_signed(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ],
    })
}

/// The status for the caller: as a shell gives it where a signal ended the linker.
fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(1)
}

/// A program or a shared object: ELF of the types 2 and 3. Object files are packed by whoever wants
/// that.
fn is_linked(path: &Path) -> bool {
    let mut head = [0; 18];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let kind = if head[5] == 2 { [head[17], head[16]] } else { [head[16], head[17]] };
    read.is_ok() && head.starts_with(b"\x7fELF") && matches!(kind, [2 | 3, 0])
}

/// What the arguments name as the output: the last `-o FILE`, `-oFILE`, `--output FILE` or
/// `--output=FILE`, in response files too, as GCC, Clang, GNU ld and lld take it. What the compiler only
/// passes on, by `-Wl,` or `-Xlinker`, comes to the linker behind the compiler's own `-o`.
fn output_of(arguments: &[OsString], read: &dyn Fn(&Path) -> Option<Vec<u8>>) -> PathBuf {
    let mut flat = Vec::new();
    for argument in arguments {
        expand(argument, read, 0, &mut flat);
    }
    let (mut own, mut passed) = (Vec::new(), Vec::new());
    let mut rest = flat.into_iter();
    while let Some(argument) = rest.next() {
        let bytes = argument.as_encoded_bytes();
        if let Some(list) = bytes.strip_prefix(b"-Wl,") {
            passed.extend(list.split(|byte| *byte == b',').map(|it| os_string(it.to_vec())));
        } else if bytes == b"-Xlinker" {
            passed.extend(rest.next());
        } else {
            own.push(argument);
        }
    }
    let output = last_output(passed).or_else(|| last_output(own));
    output.unwrap_or_else(|| DEFAULT_OUTPUT.into()).into()
}

/// The last output that plain arguments name.
fn last_output(arguments: Vec<OsString>) -> Option<OsString> {
    let mut output = None;
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let bytes = argument.as_encoded_bytes();
        let joined = [&b"--output="[..], b"-o"].into_iter().find_map(|it| bytes.strip_prefix(it));
        match (bytes, joined) {
            (b"-o" | b"--output", _) => output = rest.next().or(output),
            (_, Some(name)) => output = Some(os_string(name.to_vec())),
            (_, None) => {}
        }
    }
    output
}

/// An argument, or the arguments in the file that `@FILE` names. One that cannot be read is an
/// argument like others.
fn expand(
    argument: &OsStr,
    read: &dyn Fn(&Path) -> Option<Vec<u8>>,
    depth: usize,
    flat: &mut Vec<OsString>,
) {
    let file = argument.as_encoded_bytes().strip_prefix(b"@").filter(|_| depth < MAX_DEPTH);
    let content = file.and_then(|it| read(Path::new(&os_string(it.to_vec()))));
    let Some(content) = content else {
        flat.push(argument.to_owned());
        return;
    };
    for word in words(&content) {
        expand(&os_string(word), read, depth + 1, flat);
    }
}

/// The arguments in a response file, as GNU programs read it: white space divides, quotes hold
/// together, and a backslash takes the meaning of the next byte away, everywhere.
fn words(content: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', _) => word.get_or_insert_default().extend(bytes.next()),
            (_, Some(open)) if byte == open => quote = None,
            (b'"' | b'\'', None) => {
                word.get_or_insert_default();
                quote = Some(byte);
            }
            (_, None) if byte.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

fn read_file(path: &Path) -> Option<Vec<u8>> {
    let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
    let content: io::Result<Vec<u8>> = fs::read(path);
    content.ok().filter(|_| is_file)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(line: &str) -> PathBuf {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        output_of(&arguments, &|path| match path.to_str() {
            Some("long") => Some(b"-O2 a.o\n\"-o\" 'my \\'app\\''\n".to_vec()),
            Some("nested") => Some(b"@long b.o".to_vec()),
            Some("itself") => Some(b"@itself -o it".to_vec()),
            Some("escaped") => Some(br"-o my\ app".to_vec()),
            _ => None,
        })
    }

    #[test]
    fn the_output_is_found_in_every_form() {
        for (line, expected) in [
            ("a.o b.o", "a.out"),
            ("a.o -o app", "app"),
            ("-oapp a.o", "app"),
            ("--output app a.o", "app"),
            ("--output=app a.o", "app"),
            ("-o first a.o -o second", "second"),
            ("-shared -o libapp.so a.o", "libapp.so"),
            ("-Xlinker -o -Xlinker other a.o", "other"),
            ("-Wl,-o,other a.o -o app", "other"),
            ("-o app -Wl,--as-needed,--output=other a.o", "other"),
            ("-Wl,-soname,-Wl,--as-needed -o app", "app"),
            ("a.o -o", "a.out"),
            ("@long", "my 'app'"),
            ("-o early @nested", "my 'app'"),
            ("@nested -o late", "late"),
            ("@escaped", "my app"),
            ("@itself", "it"),
            ("@missing -o app", "app"),
        ] {
            assert_eq!(output(line), Path::new(expected), "{line}");
        }
    }
}
