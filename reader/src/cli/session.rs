//! What every command begins with: the target, opened, with its tables found and named.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::progress;
use crate::catalog::{Brought, Catalog, NamedTable};
use crate::contents::{Contents, Options};
use crate::decode::Budget;
use crate::discover::{self, Attempt, Discovery, Origin, Scan};
use crate::dump::Captures;
use crate::escape::Terminal;
use crate::file::File;
use crate::image::{self, Image, Kind, Remark, RemarkKind, Target};
use crate::select::{Selector, Term, Unmet};

/// Of many ways that lead nowhere, so many are told.
const FAILURES_SHOWN: usize = 8;

/// The target, and how to read it.
#[derive(Args)]
pub(crate) struct TargetArguments {
    /// A core, a running process (pid:123), a program or library, a table file, a zone, a snapshot
    /// directory, or raw memory (raw:FILE@0xADDRESS). Files may be compressed by gzip or zstd.
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) reading: ReadingArguments,
}

/// How to read a target.
#[derive(Args)]
pub(crate) struct ReadingArguments {
    /// A table file that describes tables which carry no description.
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    /// A program or library that lends the bytes which the target lacks.
    #[arg(long, value_name = "ELF")]
    image: Vec<PathBuf>,
    /// The directory that holds the files which were mapped, in place of /.
    #[arg(long, value_name = "DIRECTORY")]
    sysroot: Option<PathBuf>,
    /// Which dump of a zone, by its slot; the newest if this is left out.
    #[arg(long, value_name = "NUMBER")]
    slot: Option<u32>,
    /// The address of a root; nothing else is tried then.
    #[arg(long, value_name = "0xADDRESS", value_parser = address)]
    root: Vec<u64>,
    /// Search all memory, whatever else answers.
    #[arg(long)]
    scan: bool,
}

impl TargetArguments {
    /// What is to be opened.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }
}

/// Which entries.
#[derive(Args)]
pub(crate) struct SelectorArguments {
    /// Terms that must all hold: class:, name:, id:, prop:, type:, addr:, instance:, schema:,
    /// object:, or a word that is a class or a name.
    #[arg(value_name = "SELECTOR")]
    terms: Vec<Term>,
}

/// How far values are followed, and which of them are shown.
#[derive(Args)]
pub(crate) struct ValueArguments {
    /// How many pointers are followed, one behind another.
    #[arg(long, value_name = "N", default_value_t = Budget::default().depth)]
    pub(crate) depth: u32,
    #[command(flatten)]
    pub(crate) time: TimeArguments,
    /// Use what is sensitive too.
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Read registers of devices too, which has effects.
    #[arg(long)]
    pub(crate) mmio: bool,
}

/// How long decoding may take.
#[derive(Args)]
pub(crate) struct TimeArguments {
    /// How many seconds decoding may take: of all that is shown, of a target that is exported, of
    /// one look at a process. What it does not come to is left out, and said to be.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

impl ValueArguments {
    /// What they ask for, within this budget. The clock starts here.
    pub(crate) fn options(&self, budget: Budget) -> Options {
        let budget = Budget { depth: self.depth, deadline: self.time.deadline(), ..budget };
        Options { budget, reveal: self.reveal, mmio: self.mmio }
    }
}

impl TimeArguments {
    /// When it has to end. The clock starts here.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(Duration::from_secs(self.timeout))
    }
}

/// An open target.
pub(crate) struct Session {
    pub(crate) image: Image,
    pub(crate) discovery: Discovery,
    brought: Vec<Brought>,
    /// Whether all memory was searched because somebody asked for it.
    has_scanned: bool,
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is at fault.
    Input {
        /// What is wrong, escaped.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The input was read, and things are wrong with it, which the output says.
    Findings,
    /// What was asked for cannot be done, whatever the input.
    Usage {
        /// What is wrong, and what to write.
        message: String,
    },
    /// The output cannot be written.
    Output(io::Error),
}

impl Session {
    /// Opens a target. Without a table in it that can be read, this fails.
    pub(crate) fn open(arguments: &TargetArguments) -> Result<Self, Failure> {
        Self::of(&arguments.target, &arguments.reading)
    }

    /// The same, for commands that have several targets.
    pub(crate) fn of(target: &Target, arguments: &ReadingArguments) -> Result<Self, Failure> {
        let session = Self::load(target, arguments)?;
        session.remark();
        Ok(session)
    }

    /// The same without a word.
    pub(crate) fn load(target: &Target, arguments: &ReadingArguments) -> Result<Self, Failure> {
        let session = Self::examine(target, arguments)?;
        if session.discovery.tables.is_empty() {
            return Err(session.nothing());
        }
        Ok(session)
    }

    /// Opens a target, whether there are tables in it or not.
    pub(crate) fn examine(target: &Target, arguments: &ReadingArguments) -> Result<Self, Failure> {
        let options = image::Options {
            lenders: arguments.image.clone(),
            sysroot: arguments.sysroot.clone(),
            dump: arguments.slot,
            progress: progress::line("decompressing"),
            ..image::Options::default()
        };
        let image = image::open(target, &options)?;
        let scan = if arguments.scan { Scan::Always } else { Scan::IfNeeded };
        let roots = arguments.root.clone();
        let options = discover::Options { roots, scan, ..discover::Options::default() };
        let discovery = discover::tables_of(&image, &options);
        if image.memory.is_gone() {
            return Err(gone(&image));
        }
        let brought = arguments.schema.iter().map(|path| brought(path));
        let brought = brought.collect::<Result<_, _>>()?;
        Ok(Self { image, discovery, brought, has_scanned: arguments.scan })
    }

    /// Ends a command that has read all that it wanted, if it could.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        if self.image.memory.is_cut_short() { Err(gone(&self.image)) } else { Ok(()) }
    }

    /// The table files that describe what carries no description.
    pub(crate) fn brought(&self) -> &[Brought] {
        &self.brought
    }

    /// The tables with their names. What cannot be named is reported and left out.
    pub(crate) fn catalog(&self) -> Result<Catalog<'_>, Failure> {
        let (catalog, errors) = Catalog::new(&self.discovery, &self.brought);
        for (found, error) in &errors {
            warn(&format!("{}: {error}", found.place));
        }
        match errors.first() {
            Some((found, error)) if catalog.tables.is_empty() => {
                let message = format!("{}: {error}", found.place);
                return Err(Failure::input(Terminal(&message).to_string(), None));
            }
            _ => {}
        }
        // A fleet has targets of many schemas, and the files for all of them are brought to each.
        // One that describes nothing is an error where something lacks a description.
        let lacks = |it: &NamedTable<'_>| it.names.schema().is_none();
        for unused in &catalog.unused {
            let message = format!("{} describes no table of {}", unused.name, self.image.name);
            if catalog.tables.iter().any(lacks) {
                return Err(Failure::input(Terminal(&message).to_string(), None));
            }
            warn(&message);
        }
        Ok(catalog)
    }

    /// What the target says about itself, if it is a dump. What cannot be read of that is reported.
    pub(crate) fn captures(&self) -> Option<Captures> {
        let read = Captures::read(self.image.capture.as_ref()?.bytes());
        let fault = match &read {
            Ok(captures) => captures.fault,
            Err(error) => Some(*error),
        };
        if let Some(error) = fault {
            warn(&format!(
                "{}: what the dump says about itself cannot be read: {error}",
                self.image.name
            ));
        }
        read.ok()
    }

    /// The types of a table, ready to decode with. What cannot be read of them is reported.
    pub(crate) fn contents<'c>(
        &self,
        table: &'c NamedTable<'c>,
        captures: Option<&'c Captures>,
    ) -> Contents<'c> {
        let contents = Contents::new(table).captures(captures);
        if let Some(error) = &contents.error {
            let place = &table.found.place;
            warn(&format!("{place}: its types cannot be read, bytes are shown: {error}"));
        }
        contents
    }

    /// What whoever reads the result should know.
    fn remark(&self) {
        for text in remarks(&self.image.remarks) {
            warn(&text);
        }
        self.failures();
        let unpacked = self.discovery.tables.iter().find(|it| it.origin == Origin::Unpacked);
        if let Some(found) = unpacked {
            warn(&format!(
                "{}: its annotations are not packed; they were read as the compiler wrote them",
                found.place
            ));
        }
    }

    /// Ways that led to less than they could. One that leads nowhere matters only where no other
    /// leads to the tables of the same object; where memory or its bounds are at fault, it always does.
    fn failures(&self) {
        let attempts = &self.discovery.attempts;
        let led = attempts.iter().filter(|it| it.tables > 0).map(|it| it.place.as_str());
        let led: BTreeSet<&str> = led.collect();
        let matters = |it: &&Attempt| match &it.failure {
            None | Some(discover::Failure::Nothing) => false,
            Some(discover::Failure::Walk(_) | discover::Failure::Table(_)) => {
                it.tables > 0 || !led.contains(it.place.as_str())
            }
            // What is missing then is missing from tables that can be read.
            Some(_) => true,
        };
        let count = attempts.iter().filter(matters).count();
        for attempt in attempts.iter().filter(matters).take(FAILURES_SHOWN) {
            if let Some(failure) = &attempt.failure {
                warn(&format!("{}: {failure}", attempt.place));
            }
        }
        if let Some(more) = count.checked_sub(FAILURES_SHOWN).filter(|more| *more > 0) {
            warn(&format!(
                "{more} more places have tables that cannot be read: see `inspect doctor`"
            ));
        }
    }

    /// There are no tables: what was tried.
    fn nothing(&self) -> Failure {
        let mut message = format!("{}: no table found", Terminal(&self.image.name));
        let attempts = &self.discovery.attempts;
        for attempt in attempts.iter().take(FAILURES_SHOWN) {
            let (place, by) = (Terminal(&attempt.place), attempt.found_by);
            // Writing into a text does not fail.
            let _ = write!(message, "\n  {by} of {place}: ");
            let _ = match &attempt.failure {
                Some(failure) => write!(message, "{failure}"),
                None => write!(message, "nothing"),
            };
        }
        if attempts.len() > FAILURES_SHOWN {
            let _ = write!(message, "\n  and {} more", attempts.len() - FAILURES_SHOWN);
        }
        for text in remarks(&self.image.remarks) {
            let _ = write!(message, "\n  {}", Terminal(&text));
        }
        Failure::input(message, Some(self.way_out().to_owned()))
    }

    /// What to do where there are no tables.
    fn way_out(&self) -> &'static str {
        let attempts = &self.discovery.attempts;
        let mut known = attempts.iter().filter_map(|it| it.failure.as_ref()?.help());
        match self.image.kind {
            Kind::Relocatable => {
                "list the program that it is linked into, or the core of the kernel that has \
                 loaded it; `inspect-gen doctor` reads the file itself"
            }
            _ => known.next().unwrap_or(match self.has_scanned {
                false => "search all memory with `--scan`, or give the root's address with `--root`",
                true => {
                    "all memory was searched: either the program has no tables, or the target lacks \
                     the memory that holds them; `inspect doctor` shows what it has"
                }
            }),
        }
    }
}

/// What is said about an image. A program has dozens of libraries: that their files lend what the core
/// lacks is one line, and of those that cannot only the first are named.
fn remarks(remarks: &[Remark]) -> Vec<String> {
    const UNLENT_SHOWN: usize = 3;
    let (mut lent, mut unlent) = ((0_usize, 0_u64), (0_usize, 0_u64));
    let mut said = Vec::new();
    for remark in remarks {
        match remark.kind {
            RemarkKind::Lent(bytes) => lent = (lent.0 + 1, lent.1.saturating_add(bytes)),
            RemarkKind::Unlent(bytes) if unlent.0 >= UNLENT_SHOWN => {
                unlent = (unlent.0 + 1, unlent.1.saturating_add(bytes));
            }
            RemarkKind::Unlent(_) => {
                unlent.0 += 1;
                said.push(remark.text.clone());
            }
            RemarkKind::Note | RemarkKind::Damage => said.push(remark.text.clone()),
        }
    }
    if lent.0 > 0 {
        let (count, bytes) = (lent.0, lent.1);
        let files = if count == 1 { "file that was" } else { "files that were" };
        said.push(format!(
            "{bytes} bytes come from the {count} {files} mapped; `inspect doctor` names them"
        ));
    }
    if let Some(more) = unlent.0.checked_sub(UNLENT_SHOWN).filter(|more| *more > 0) {
        let files = if more == 1 { "file" } else { "files" };
        said.push(format!(
            "{} bytes of {more} more {files} are not in the core; `inspect doctor` names them, `--sysroot` says \
             where the files of another machine are",
            unlent.1
        ));
    }
    said
}

/// Fails where a selector asks for a property that no table knows.
pub(crate) fn check(selector: &Selector, catalogs: &[&Catalog<'_>]) -> Result<(), Failure> {
    match selector.unknown_property(catalogs) {
        None => Ok(()),
        Some((name, meant)) => {
            let message = format!("no table knows a property `{}`", Terminal(name));
            let help = match meant {
                Some(meant) => format!("did you mean `{}`?", Terminal(&meant)),
                None => "`inspect list` shows the properties of each entry".to_owned(),
            };
            Err(Failure::input(message, Some(help)))
        }
    }
}

/// Why a selector means no entry, for whoever has found that it means none. Nothing for one without
/// terms.
pub(crate) fn unmet(selector: &Selector, sides: &[(&Catalog<'_>, &Image)]) -> Option<Failure> {
    let unmet = selector.unmet(sides)?;
    let message = Terminal(&unmet.to_string()).to_string();
    let file = selector.words().find(|word| Path::new(word).exists());
    let help = match (&unmet, file) {
        (Unmet::Term { meant: Some(meant), .. }, _) => {
            format!("did you mean `{}`?", Terminal(meant))
        }
        (_, Some(file)) => format!(
            "`{}` is a file too: this command reads one target, `export` reads many",
            Terminal(file)
        ),
        (Unmet::Term { .. }, None) => "`inspect list` shows what there is".to_owned(),
        (Unmet::Together, None) => "leave out a term".to_owned(),
    };
    Some(Failure::input(message, Some(help)))
}

/// The same as a remark, for commands of which an empty list is a result.
pub(crate) fn remark_unmet(selector: &Selector, sides: &[(&Catalog<'_>, &Image)]) {
    if let Some(failure) = unmet(selector, sides) {
        report(&failure);
    }
}

/// A table file that the user brought.
fn brought(path: &Path) -> Result<Brought, Failure> {
    let name = path.display().to_string();
    let fail = |error: &dyn std::fmt::Display| {
        Failure::input(Terminal(&format!("{name}: {error}")).to_string(), None)
    };
    let bytes = File::open(path).and_then(|file| file.whole()).map_err(|error| fail(&error))?;
    Brought::new(name.clone(), bytes).map_err(|error| fail(&error))
}

/// Of a process that has ended, what was read so far is not all.
fn gone(image: &Image) -> Failure {
    let message = format!(
        "{}: the process ended, or became another program, while it was read",
        Terminal(&image.name)
    );
    Failure::input(message, Some("if it left a core, read that".to_owned()))
}

impl SelectorArguments {
    pub(crate) fn selector(&self) -> Selector {
        Selector::new(self.terms.clone())
    }
}

impl Failure {
    /// The input is at fault.
    pub(crate) fn input(message: impl Into<String>, help: Option<String>) -> Self {
        Self::Input { message: message.into(), help }
    }
}

impl From<image::Error> for Failure {
    fn from(error: image::Error) -> Self {
        let help = error.help().map(str::to_owned);
        Self::input(Terminal(&error.to_string()).to_string(), help)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Says why nothing came of it.
pub(crate) fn report(failure: &Failure) {
    let mut out = anstream::stderr().lock();
    // There is nowhere to report that reporting failed.
    let _ = match failure {
        Failure::Input { message, help: None } => writeln!(out, "inspect: {message}"),
        Failure::Input { message, help: Some(help) } => {
            writeln!(out, "inspect: {message}\n  help: {help}")
        }
        Failure::Findings => Ok(()),
        Failure::Usage { message } => writeln!(out, "inspect: {message}"),
        Failure::Output(error) => writeln!(out, "inspect: the output cannot be written: {error}"),
    };
}

/// Says something beside the result. The text is escaped here.
pub(crate) fn warn(text: &str) {
    // There is nowhere to report that reporting failed.
    let _ = writeln!(anstream::stderr().lock(), "inspect: {}", Terminal(text));
}

/// How wide the terminal is that the output goes to; nothing for a file.
pub(crate) fn output_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

fn address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").ok_or("an address begins with `0x`")?;
    u64::from_str_radix(digits, 16).map_err(|error| error.to_string())
}
