//! `inspect-gen import`: a schema from the types of a binary.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::path::{Path, PathBuf};

use object::{ReadCache, ReadRef};

use super::args::{Import, MessageFormat, TypeFormat};
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Status, findings};
use crate::binary::{self, Beside, Binary, Error, Format, Image, Supplement, Wanted};
use crate::build;
use crate::diag::Code;
use crate::import::{self, Existing, Fault, Imported, Note, Options};
use crate::model::Target;
use crate::pack::Finding;
use crate::source::{SourceFile, SourceMap};

/// A file of which only those parts are in memory that somebody has looked at.
struct Parts {
    small: ReadCache<File>,
    file: File,
    /// The first large part, and where it begins: where types are, in BTF all of them.
    large: OnceCell<(u64, Vec<u8>)>,
}

/// Parts from this size on take a processor for a while.
const LARGE: u64 = 1 << 20;

impl<'d> ReadRef<'d> for &'d Parts {
    fn len(self) -> Result<u64, ()> {
        (&self.small).len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'d [u8], ()> {
        if size >= LARGE
            && self.large.get().is_none()
            && let Some(bytes) = read_large(&self.file, offset, size)
        {
            let _ = self.large.set((offset, bytes));
        }
        match self.large.get() {
            Some((start, bytes)) if *start == offset && bytes.len() as u64 == size => Ok(bytes),
            _ => (&self.small).read_bytes_at(offset, size),
        }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'d [u8], ()> {
        (&self.small).read_bytes_at_until(range, delimiter)
    }
}

/// Reads a part by halves, on two processors: memory that is new costs more than the bytes that go there. Nothing where
/// that fails, for whatever reason.
#[cfg(unix)]
fn read_large(file: &File, offset: u64, size: u64) -> Option<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;
    // What is not there gets no memory.
    if offset.checked_add(size)? > file.metadata().ok()?.len() {
        return None;
    }
    let length = usize::try_from(size).ok()?;
    let mut bytes = vec![0; length];
    let (first, second) = bytes.split_at_mut(length / 2);
    let middle = offset + first.len() as u64;
    let read = std::thread::scope(|scope| {
        let other = std::thread::Builder::new();
        let other = other.spawn_scoped(scope, || file.read_exact_at(first, offset));
        file.read_exact_at(second, middle).ok()?;
        other.ok()?.join().ok()?.ok()
    });
    read.map(|()| bytes)
}

#[cfg(not(unix))]
fn read_large(_: &File, _: u64, _: u64) -> Option<Vec<u8>> {
    None
}

pub(super) fn run(arguments: &Import, terminal: Terminal) -> Status {
    let progress = Progress::new(terminal);
    progress.stage("reading types");
    let (result, notes) = match import(arguments) {
        Ok(imported) => {
            let notes = imported.notes.iter().map(noted).collect();
            (Ok(imported), notes)
        }
        Err(found) => (Err(()), found),
    };
    progress.hide();
    let image = arguments.image.display().to_string();
    // Where the schema goes to standard output, everything else does not.
    let beside = (arguments.output.is_none() && arguments.update.is_none())
        || arguments.message_format == MessageFormat::Human;
    let text = findings::text(&image, &notes, arguments.message_format, terminal.color);
    if beside {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    } else if let status @ Status::Failed = output::print(text.as_bytes()) {
        return status;
    }
    match result {
        // The program ends behind it.
        Ok(imported) => write(arguments, &ManuallyDrop::new(imported)),
        Err(()) => Status::Findings,
    }
}

fn write(arguments: &Import, imported: &Imported) -> Status {
    if let (Some(path), true) = (&arguments.update, arguments.check) {
        let same = std::fs::read(path).is_ok_and(|text| text == imported.text.as_bytes());
        if same {
            return Status::Done;
        }
        let line = format!("would change {}\n", path.display());
        return output::print(line.as_bytes()).worse(Status::Findings);
    }
    let Some(path) = arguments.update.as_ref().or(arguments.output.as_ref()) else {
        return output::print(imported.text.as_bytes());
    };
    match build::write_file(path, imported.text.as_bytes()) {
        Ok(_) => Status::Done,
        Err(error) => output::cannot_write(&error),
    }
}

fn import(arguments: &Import) -> Result<Imported, Vec<Finding>> {
    let files = Files::open(&arguments.image, arguments.base.as_deref())?;
    let wanted: Vec<Wanted> = arguments.types.iter().map(|text| Wanted::parse(text)).collect();
    let name = arguments.image.file_name().unwrap_or(arguments.image.as_os_str());
    let options = Options {
        schema: arguments.schema.clone(),
        image: name.to_string_lossy().into_owned(),
        header: arguments.header.clone(),
        depth: arguments.depth,
    };
    files.with_binary(arguments.from, arguments.target, |binary| {
        let result = match &arguments.update {
            None => import::import(binary, &wanted, &options),
            Some(path) => {
                let (sources, schema) = existing(path, &arguments.imports)?;
                let options = Options { schema, ..options };
                import::update(&Existing { sources: &sources }, binary, &wanted, &options)
            }
        };
        result.map_err(|faults| faults.iter().map(finding).collect())
    })
}

/// The schema to be brought in step, first among those that it uses, and its name.
fn existing(path: &Path, imports: &[PathBuf]) -> Result<(SourceMap, String), Vec<Finding>> {
    let failed = |message: String| vec![Finding::new(Code::E1004, message)];
    let loaded = build::load(std::slice::from_ref(&path.to_owned()), imports);
    if let Some(found) = loaded.diagnostics.into_sorted().into_iter().next() {
        return Err(failed(found.message));
    }
    let is_own = |file: &SourceFile| !file.imported;
    let mut sources = SourceMap::new();
    let (own, others): (Vec<_>, Vec<_>) =
        loaded.sources.files().map(|(_, file)| file).partition(|file| is_own(file));
    let [own] = own.as_slice() else {
        return Err(failed(format!("`{}` is not one schema", path.display())));
    };
    sources.add(own.name.clone(), own.text.clone(), false);
    for file in others {
        sources.add(file.name.clone(), file.text.clone(), true);
    }
    let (files, _) = crate::syntax::parse(&sources);
    let header = files.into_iter().next().and_then(|file| file.header);
    let name = header.map(|header| {
        let words: Vec<String> = header.name.into_iter().map(|it| it.text).collect();
        words.join(".")
    });
    let name = name.ok_or_else(|| failed(format!("`{}` has no header", path.display())))?;
    Ok((sources, name))
}

/// The files of a binary.
pub(super) struct Files {
    path: PathBuf,
    image: Parts,
    base: Option<Parts>,
    package: Option<Parts>,
}

impl Files {
    /// Opens a binary, and the package of split DWARF beside it.
    pub(super) fn open(path: &Path, base: Option<&Path>) -> Result<Self, Vec<Finding>> {
        let image = open(path)?;
        let base = base.map(open).transpose()?;
        let mut name = path.as_os_str().to_owned();
        name.push(".dwp");
        let package = Path::new(&name);
        let package = if package.is_file() { Some(open(package)?) } else { None };
        Ok(Self { path: path.to_owned(), image, base, package })
    }

    /// Reads its types.
    pub(super) fn with_binary<T>(
        &self,
        from: Option<TypeFormat>,
        target: Option<Target>,
        work: impl FnOnce(&Binary<'_>) -> Result<T, Vec<Finding>>,
    ) -> Result<T, Vec<Finding>> {
        let format = from.map(|from| match from {
            TypeFormat::Dwarf => Format::Dwarf,
            TypeFormat::Btf => Format::Btf,
        });
        let fault = |error: Error| vec![unreadable(&error)];
        let image = Image::parse(&self.image, format, target).map_err(fault)?;
        let parse = |parts, format| Image::parse(parts, Some(format), target).map_err(fault);
        let base = self.base.as_ref().map(|parts| parse(parts, Format::Btf)).transpose()?;
        let package = self.package.as_ref().map(|parts| parse(parts, Format::Dwarf)).transpose()?;
        let mut split = Vec::new();
        if package.is_none() {
            for name in binary::split_names(&image).map_err(fault)? {
                split.extend(self.open_split(&name));
            }
        }
        let split: Vec<Image<'_>> =
            split.iter().map(|parts| parse(parts, Format::Dwarf)).collect::<Result<_, _>>()?;
        let wanted = image.supplement();
        let supplements = wanted.map_or_else(Vec::new, |it| self.open_supplements(it));
        let mut supplement = None;
        for found in &supplements {
            let found = parse(found, Format::Dwarf)?;
            let is_meant = wanted.is_some_and(|it| found.is(it));
            if is_meant || supplement.is_none() {
                supplement = Some(found);
            }
            if is_meant {
                break;
            }
        }
        let beside = Beside {
            base: base.as_ref(),
            split: split.iter().collect(),
            package: package.as_ref(),
            supplement: supplement.as_ref(),
        };
        // The program ends soon, and thousands of types take long to free one by one.
        let binary = ManuallyDrop::new(Binary::open(&image, &beside).map_err(fault)?);
        work(&binary)
    }

    /// Where the compiler has put it, or beside the image: a build may have moved. One that is nowhere holds
    /// types that will not be found.
    fn open_split(&self, name: &str) -> Option<Parts> {
        let compiled = Path::new(name);
        let beside = self.path.parent().unwrap_or(Path::new("")).join(compiled.file_name()?);
        let mut files = [compiled, &beside].into_iter().filter(|path| path.is_file());
        files.find_map(|path| open(path).ok())
    }

    /// Where the binary says, from its folder on; beside it; and where Debian and others install what they know by its
    /// build. What is there may be of another build.
    fn open_supplements(&self, supplement: &Supplement) -> Vec<Parts> {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new(""));
        let said = Path::new(&supplement.path);
        let beside = said.file_name().map(|name| folder.join(name));
        let id: String = supplement.id.iter().map(|byte| format!("{byte:02x}")).collect();
        let installed = id.split_at_checked(2).map(|(first, rest)| {
            PathBuf::from(format!("/usr/lib/debug/.build-id/{first}/{rest}.debug"))
        });
        let places = [Some(folder.join(said)), beside, installed];
        // A name from a file may lead to what never ends.
        let files = places.into_iter().flatten().filter(|path| path.is_file());
        files.filter_map(|path| open(&path).ok()).collect()
    }
}

/// Opens a binary.
fn open(path: &Path) -> Result<Parts, Vec<Finding>> {
    let failed = |error: io::Error| {
        let message = format!("`{}` cannot be read: {error}", path.display());
        vec![Finding::new(Code::E1001, message)]
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        let message = format!("`{}` is a directory", path.display());
        return Err(vec![Finding::new(Code::E1001, message)]);
    }
    let small = ReadCache::new(file.try_clone().map_err(failed)?);
    Ok(Parts { small, file, large: OnceCell::new() })
}

/// Type information that is not there, or wrong.
pub(super) fn unreadable(error: &Error) -> Finding {
    let finding = Finding::new(Code::E1001, error.to_string());
    match error {
        Error::NoTypes(_) => finding.help("compile it with `-g`, and look at it before `strip`"),
        Error::OtherTypes { wanted, found } => finding.help(format!(
            "`--from {}`, or nothing, reads these; for {wanted} {}",
            found.to_ascii_lowercase(),
            match *wanted {
                "BTF" => "run `pahole --btf_encode`, or compile with `-gbtf`",
                _ => "compile with `-g`",
            }
        )),
        Error::Supplement { .. } => {
            finding.help("`dwz -m` has made it, with the binary: have it where the binary says, or beside the binary")
        }
        Error::Image(_) | Error::Damaged { .. } => finding,
    }
}

fn finding(fault: &Fault) -> Finding {
    let code = match fault {
        Fault::Binary(error) => return unreadable(error),
        Fault::Absent(..) | Fault::Elsewhere(..) | Fault::OnlyDeclared(_) => Code::E1002,
        Fault::Ambiguous(..) => Code::E1003,
        _ => Code::E1004,
    };
    let finding = Finding::new(code, fault.to_string());
    fault.help().into_iter().fold(finding, Finding::help)
}

fn noted(note: &Note) -> Finding {
    Finding::new(Code::W1001, format!("`{}`: {}", note.path, note.what))
}
