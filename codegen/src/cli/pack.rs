//! `inspect-gen pack`: annotations in images become tables. An image with findings stays as it is.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{MessageFormat, Pack, Types};
use super::import;
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Status, findings};
use crate::binary::{self, Binary, DebugInformation};
use crate::build;
use crate::diag::{Code, render};
use crate::pack::{self, Finding, Options, Packed, SchemaFile, Summary};

pub(super) fn run(arguments: &Pack, terminal: Terminal) -> Status {
    let many = arguments.images.len() > 1;
    if many && (arguments.output.is_some() || arguments.detached.is_some()) {
        output::complain("`-o` and `--detached` name one file: pack one image at a time");
        return Status::Failed;
    }
    if let (Some(table), Some(image)) = (&arguments.detached, arguments.images.first()) {
        let place = arguments.output.as_ref().unwrap_or(image);
        if [image, place].into_iter().any(|it| is_one_file(it, table)) {
            output::complain(
                "`--detached` names the image itself: give the tables a file of their own",
            );
            return Status::Failed;
        }
    }
    let brought = match read_all(&arguments.schemas) {
        Ok(brought) => brought,
        Err((path, finding)) => {
            return report(path, &[finding], arguments.message_format, terminal);
        }
    };
    let schemas: Vec<SchemaFile<'_>> =
        brought.iter().map(|(name, bytes)| SchemaFile { name, bytes }).collect();
    let options = Options {
        schemas: &schemas,
        debug: None,
        without_types: arguments.types == Types::Detached,
        detached: arguments.detached.is_some(),
        remove_annotations: arguments.remove_annotations,
        drop_signature: arguments.drop_signature,
        allow: &arguments.allow,
    };
    let progress = Progress::new(terminal);
    let mut status = Status::Done;
    for image in &arguments.images {
        progress.stage("packing");
        let one = pack_one(image, arguments, &options, terminal, &progress);
        progress.hide();
        status = status.worse(one);
    }
    status
}

fn pack_one(
    path: &Path,
    arguments: &Pack,
    options: &Options<'_>,
    terminal: Terminal,
    progress: &Progress,
) -> Status {
    let format = arguments.message_format;
    let base = arguments.base.as_deref();
    let result = read(path).map_err(Vec::from).and_then(|bytes| {
        let debug = Debug { path: arguments.debug.as_deref().unwrap_or(path), base };
        let packed = pack::pack(&bytes, &Options { debug: Some(&debug), ..*options })?;
        // A copy elsewhere is wanted even where nothing changes.
        let copy = arguments.output.is_some() && packed.image.is_none();
        Ok((packed, copy.then_some(bytes)))
    });
    progress.hide();
    let (packed, copy) = match result {
        Ok(packed) => packed,
        Err(found) => return report(path, &found, format, terminal),
    };
    let place = arguments.output.as_deref().unwrap_or(path);
    let content = packed.image.as_deref().or(copy.as_deref());
    let mut writes = Vec::new();
    // The tables come first, so that they are somewhere when the annotations go. An image without any has
    // perhaps lost them to the file that is there.
    if let (Some(file), Some(table)) = (&arguments.detached, &packed.detached)
        && !packed.tables.is_empty()
    {
        let write = (file.as_path(), build::Anew::Data(path), table.as_slice());
        writes.extend(differs(file, table).then_some(write));
    }
    let content = content.filter(|content| differs(place, content));
    writes.extend(content.map(|content| (place, build::Anew::Copy(path), content)));
    let changes: Vec<&Path> = writes.iter().map(|(place, ..)| *place).collect();
    if !arguments.check {
        for (place, anew, content) in writes {
            if let Err(error) = build::replace_file(place, anew, content) {
                return output::cannot_write(&error);
            }
        }
    }
    let warned = print(path, &packed.warnings, format, terminal);
    match say(path, &packed, &changes, arguments).worse(warned) {
        Status::Done if arguments.check && !changes.is_empty() => Status::Findings,
        status => status,
    }
}

/// Debug information in a file, which is opened only if a field waits for it.
struct Debug<'a> {
    path: &'a Path,
    base: Option<&'a Path>,
}

impl DebugInformation for Debug<'_> {
    fn look(&self, work: &mut dyn FnMut(&Binary<'_>) -> binary::Result<()>) -> Result<(), String> {
        let found = import::Files::open(self.path, self.base).and_then(|files| {
            files.with_binary(None, None, |binary| {
                work(binary).map_err(|error| vec![import::unreadable(&error)])
            })
        });
        found.map_err(|found| {
            found.into_iter().next().map_or_else(String::new, |finding| finding.message)
        })
    }
}

/// Whether a file has to be written. What is no file, such as a pipe, cannot be asked what it holds.
fn differs(path: &Path, content: &[u8]) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
    !is_file || fs::read(path).map_or(true, |old| old != content)
}

/// Whether two paths lead to one file, which need not be there yet.
fn is_one_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| {
        let path = build::behind_links(path).ok()?;
        fs::canonicalize(&path).ok().or_else(|| {
            let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(folder.join(path.file_name()?))
        })
    };
    real(a).is_some_and(|a| Some(a) == real(b))
}

/// Files with their names.
type Files = Vec<(String, Vec<u8>)>;

/// All of the files, or the first that cannot be read.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<Files, (&Path, Finding)> {
    let one = |path: &'_ PathBuf| read(path).map(|bytes| (path.display().to_string(), bytes));
    paths.iter().map(|path| one(path).map_err(|finding| (path.as_path(), finding))).collect()
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Finding> {
    fs::read(path).map_err(|error| {
        let finding = Finding::new(Code::E0001, format!("the file cannot be read: {error}"));
        match error.kind() {
            io::ErrorKind::NotFound => finding.help("check the name, and build it first"),
            _ => finding.help("check what it is, and its permissions"),
        }
    })
}

pub(super) fn report(
    path: &Path,
    found: &[Finding],
    format: MessageFormat,
    terminal: Terminal,
) -> Status {
    print(path, found, format, terminal).worse(Status::Findings)
}

/// Prints findings; the status is that of printing.
fn print(path: &Path, found: &[Finding], format: MessageFormat, terminal: Terminal) -> Status {
    let image = path.display().to_string();
    let text = findings::text(&image, found, format, terminal.color);
    if format == MessageFormat::Human {
        // Nothing can be said about standard error failing.
        let _ = io::stderr().lock().write_all(text.as_bytes());
        return Status::Done;
    }
    output::print(text.as_bytes())
}

#[derive(Serialize)]
struct Json<'a> {
    image: &'a str,
    changed: bool,
    annotations: usize,
    annotation_bytes: u64,
    repeated: usize,
    #[serde(skip_serializing_if = "is_zero")]
    places: usize,
    tables: Vec<JsonTable<'a>>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct JsonTable<'a> {
    schema: &'a str,
    version: u32,
    entries: usize,
    bytes: u64,
    displaced_ids: usize,
}

impl<'a> JsonTable<'a> {
    fn of(summary: &'a Summary) -> Self {
        let Summary { ref schema, version, entries, size: bytes, displaced } = *summary;
        Self { schema, version, entries, bytes, displaced_ids: displaced }
    }
}

/// One line for each table, or one object for the image. `changes` are the files that are written.
fn say(path: &Path, packed: &Packed, changes: &[&Path], arguments: &Pack) -> Status {
    if arguments.quiet {
        return Status::Done;
    }
    let image = path.display().to_string();
    if arguments.message_format == MessageFormat::Json {
        let line = serde_json::to_string(&Json {
            image: &image,
            changed: !changes.is_empty(),
            annotations: packed.annotations,
            annotation_bytes: packed.annotation_bytes,
            repeated: packed.repeated,
            places: packed.places,
            tables: packed.tables.iter().map(JsonTable::of).collect(),
        });
        return output::print((render::json_text(&line.unwrap_or_default()) + "\n").as_bytes());
    }
    let image = render::visible(&image).into_owned();
    let mut text = String::new();
    for Summary { schema, version, entries, size, .. } in &packed.tables {
        let schema = render::visible(schema);
        text.push_str(&format!("{image}: {schema} {version}: {entries} entries in {size} bytes\n"));
    }
    if packed.places > 0 {
        let count = packed.places;
        text.push_str(&format!("{image}: {count} places from debug information\n"));
    }
    if packed.tables.is_empty() {
        text.push_str(&format!("{image}: no annotations\n"));
    }
    if arguments.check {
        for change in changes {
            let what = what_differs(path, change, packed, arguments);
            text.push_str(&format!("{image}: {what}\n"));
        }
    }
    output::print(text.as_bytes())
}

/// What `--check` says about a file that is not as it would be written.
fn what_differs(path: &Path, change: &Path, packed: &Packed, arguments: &Pack) -> String {
    if change != path {
        let file = change.display().to_string();
        return format!("{} would be written", render::visible(&file));
    }
    let why = match packed.annotations {
        0 if packed.tables.is_empty() => "its signature would be taken away".to_owned(),
        0 if packed.places > 0 => format!("{} places of fields are missing", packed.places),
        0 => "its tables would be written anew".to_owned(),
        count if arguments.detached.is_some() => format!("{count} annotations would be removed"),
        count => format!("{count} annotations are not packed"),
    };
    format!("would change, {why}")
}
