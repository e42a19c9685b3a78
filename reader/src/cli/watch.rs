//! `inspect watch`: what a running process holds, as it changes.
//!
//! The process is opened anew for each look, since libraries come and go, and with it tables. That it
//! is still the same one is what the first opening tells. On a terminal the values stay in place; in
//! a pipe, and as JSON, only what changed is written.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::time::{Duration, Instant, SystemTime};

use anstyle::{AnsiColor, Style};
use clap::Args;

use super::session::{SelectorArguments, TimeArguments, check, output_width, remark_unmet};
use super::{Failure, ReadingArguments, Session};
use crate::contents::Options;
use crate::decode::Budget;
use crate::escape::Terminal;
use crate::image::Target;
use crate::output::value_json::JsonSink;
use crate::value::Value;
use crate::watch::{Change, Difference, Identity, Leaf, Moment, Watched};

/// Shows the values of a running process as they change.
///
/// On a terminal they stay in place, and what changed is marked. Elsewhere the first look is written
/// whole, and then only what changed: `+` an entry that appeared, `-` one that vanished, `~` one that
/// changed. It ends with the process.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect watch pid:4711 class:cache
  inspect watch pid:4711 name:'user*' --interval 250ms
  inspect watch pid:4711 --count 10 --json | jq 'select(.event == \"changed\")'")]
pub(crate) struct Arguments {
    /// A running process, as pid:123.
    target: Target,
    #[command(flatten)]
    reading: ReadingArguments,
    #[command(flatten)]
    selector: SelectorArguments,
    /// How long to wait between two looks: 2s, 250ms, 0.5s.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// End after so many looks.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// How many pointers are followed one behind another.
    #[arg(long, value_name = "N", default_value_t = 1)]
    depth: u32,
    #[command(flatten)]
    time: TimeArguments,
    /// Print an object for each change, one a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !matches!(arguments.target, Target::Process(_)) {
        let message = "only a running process changes: `pid:123`".to_owned();
        return Err(Failure::Usage { message });
    }
    let first = Session::of(&arguments.target, &arguments.reading)?;
    // Once, and not with each look.
    let catalog = first.catalog()?;
    for table in &catalog.tables {
        let _ = first.contents(table, None);
    }
    let selector = arguments.selector.selector();
    if !catalog.entries().any(|entry| selector.matches(&entry, &first.image)) {
        remark_unmet(&selector, &[(&catalog, &first.image)]);
    }
    let mut view = View::new(arguments.json);
    let mut before = Moment::default();
    let mut looks = 0_u64;
    loop {
        let started = Instant::now();
        let now = match look(arguments) {
            // What was read while it ended may be anything.
            _ if first.image.memory.is_gone() => return view.end(&first.image.name),
            result => result?,
        };
        view.show(&now, &before, looks == 0)?;
        before = now;
        looks += 1;
        if arguments.count.is_some_and(|count| looks >= count) {
            return Ok(());
        }
        std::thread::sleep(arguments.interval.saturating_sub(started.elapsed()));
    }
}

/// Everything that is selected, as it is now.
fn look(arguments: &Arguments) -> Result<Moment, Failure> {
    // For one look at one entry; a list of a million elements is no live value.
    let budget = Budget {
        depth: arguments.depth,
        bytes: 4 << 20,
        values: 1 << 16,
        elements: 256,
        text: 256,
        deadline: arguments.time.deadline(),
    };
    let session = Session::load(&arguments.target, &arguments.reading)?;
    let catalog = session.catalog()?;
    let selector = arguments.selector.selector();
    check(&selector, &[&catalog])?;
    let options = Options { budget, ..Options::default() };
    Ok(Moment::read(&catalog, &selector, &session.image, &options))
}

/// Where the values go.
enum View {
    /// As JSON.
    Json,
    /// As lines that stay.
    Lines { started: Instant },
    /// Lines that are drawn again in place; so many of them stand there.
    Screen { drawn: usize },
}

impl View {
    fn new(is_json: bool) -> Self {
        // A terminal that understands nothing says so.
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        match (is_json, io::stdout().is_terminal() && !is_dumb) {
            (true, _) => Self::Json,
            (false, true) => Self::Screen { drawn: 0 },
            (false, false) => Self::Lines { started: Instant::now() },
        }
    }

    fn show(&mut self, now: &Moment, before: &Moment, is_first: bool) -> Result<(), Failure> {
        let changes = now.changes(before);
        let mut out = BufWriter::new(anstream::stdout().lock());
        match self {
            Self::Json => {
                for change in &changes {
                    json(&mut out, change)?;
                }
            }
            Self::Lines { started } => lines(&mut out, &changes, started.elapsed())?,
            Self::Screen { drawn } => {
                let size = terminal_size::terminal_size();
                let height = size.map_or(24, |(_, height)| usize::from(height.0));
                let size = (output_width().unwrap_or(80), height);
                // Of the first look everything is new, and nothing is marked.
                let changes = if is_first { &[] } else { &changes[..] };
                *drawn = screen(&mut out, now, changes, size, *drawn)?;
            }
        }
        Ok(out.flush()?)
    }

    /// The process has ended.
    fn end(&self, name: &str) -> Result<(), Failure> {
        if let Self::Json = self {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{{\"event\":\"ended\",\"time\":{}}}", time())?;
            out.flush()?;
        }
        super::session::warn(&format!("{name}: the process has ended"));
        Ok(())
    }
}

/// Seconds since 1970, in milliseconds.
fn time() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", now.as_secs(), now.subsec_millis())
}

fn json(out: &mut dyn Write, change: &Change<'_>) -> io::Result<()> {
    let (event, entry) = match change {
        Change::Appeared(entry) => ("appeared", entry),
        Change::Vanished(entry) => ("vanished", entry),
        Change::Changed(entry, _) => ("changed", entry),
    };
    let Identity { table, object, class, name, instance, id, .. } = &entry.identity;
    let mut sink = JsonSink::new(Vec::new());
    sink.raw(&format!("{{\"event\":\"{event}\",\"time\":{}", time()))?;
    for (key, text) in [("table", table), ("object", object), ("class", class), ("name", name)] {
        sink.raw(&format!(",\"{key}\":"))?;
        sink.text(text)?;
    }
    sink.raw(&format!(",\"instance\":{instance},\"id\":{id}"))?;
    match change {
        Change::Vanished(_) => {}
        Change::Appeared(entry) => {
            sink.raw(",\"values\":{")?;
            for (index, leaf) in entry.leaves.iter().enumerate() {
                sink.raw(if index > 0 { "," } else { "" })?;
                sink.text(&leaf.path)?;
                sink.raw(":")?;
                leaf.value.emit(&mut sink)?;
            }
            sink.raw("}")?;
        }
        Change::Changed(_, differences) => {
            sink.raw(",\"changes\":[")?;
            for (index, difference) in differences.iter().enumerate() {
                sink.raw(if index > 0 { ",{\"path\":" } else { "{\"path\":" })?;
                sink.text(difference.path)?;
                for (key, leaf) in [("before", difference.before), ("after", difference.after)] {
                    sink.raw(&format!(",\"{key}\":"))?;
                    leaf.map_or(&Value::Null, |leaf| &leaf.value).emit(&mut sink)?;
                }
                sink.raw("}")?;
            }
            sink.raw("]")?;
        }
    }
    sink.raw("}\n")?;
    out.write_all(&sink.finish()?)
}

const ENTRY: Style = Style::new().bold();
const CHANGED: Style = AnsiColor::Yellow.on_default();

/// `cache user[3]`
fn title(entry: &Watched) -> String {
    let Identity { class, name, instance, .. } = &entry.identity;
    let class = Terminal(class);
    match (name.is_empty(), *instance) {
        (true, 0) => format!("{class}"),
        (true, instance) => format!("{class}[{instance}]"),
        (false, 0) => format!("{class} {}", Terminal(name)),
        (false, instance) => format!("{class}[{instance}] {}", Terminal(name)),
    }
}

/// What a leaf is called.
fn label(path: &str) -> String {
    if path.is_empty() { "value".to_owned() } else { Terminal(path).to_string() }
}

fn lines(out: &mut dyn Write, changes: &[Change<'_>], elapsed: Duration) -> io::Result<()> {
    if !changes.is_empty() {
        writeln!(out, "after {}.{:03} s", elapsed.as_secs(), elapsed.subsec_millis())?;
    }
    for change in changes {
        match change {
            Change::Appeared(entry) => {
                writeln!(out, "+ {ENTRY}{}{ENTRY:#}", title(entry))?;
                for leaf in &entry.leaves {
                    writeln!(out, "    {} = {}", label(&leaf.path), leaf.text)?;
                }
            }
            Change::Vanished(entry) => writeln!(out, "- {ENTRY}{}{ENTRY:#}", title(entry))?,
            Change::Changed(entry, differences) => {
                writeln!(out, "~ {ENTRY}{}{ENTRY:#}", title(entry))?;
                for Difference { path, before, after } in differences {
                    let text = |leaf: &Option<&Leaf>| {
                        leaf.map_or_else(|| "nothing".to_owned(), |leaf| leaf.text.clone())
                    };
                    let (path, before, after) = (label(path), text(before), text(after));
                    writeln!(out, "    {path}: {before} -> {CHANGED}{after}{CHANGED:#}")?;
                }
            }
        }
    }
    Ok(())
}

/// Draws over the `drawn` lines that stand above the cursor; returns how many there are now. Every
/// text has been escaped: the only sequences that move a cursor are the ones here.
fn screen(
    out: &mut dyn Write,
    now: &Moment,
    changes: &[Change<'_>],
    (width, height): (usize, usize),
    drawn: usize,
) -> io::Result<usize> {
    const CLEAR_TO_END_OF_LINE: &str = "\x1b[K";
    const CLEAR_BELOW: &str = "\x1b[J";
    let rows = rows(now, changes);
    // The cursor stands on a line of its own below, and the last one may count what has no room.
    let room = height.saturating_sub(2).max(1);
    if drawn > 0 {
        write!(out, "\x1b[{drawn}A\r")?;
    }
    let shown = rows.len().min(room);
    for (style, text) in rows.iter().take(shown) {
        let text = crate::output::columns::shortened(text, width);
        writeln!(out, "{style}{text}{style:#}{CLEAR_TO_END_OF_LINE}")?;
    }
    let hidden = rows.len() - shown;
    if hidden > 0 {
        let text = format!("{hidden} more lines have no room: select fewer entries");
        let text = crate::output::columns::shortened(&text, width);
        writeln!(out, "{text}{CLEAR_TO_END_OF_LINE}")?;
    }
    write!(out, "{CLEAR_BELOW}")?;
    Ok(shown + usize::from(hidden > 0))
}

/// The lines of a screen, each with its style.
fn rows(now: &Moment, changes: &[Change<'_>]) -> Vec<(Style, String)> {
    let changed = |entry: &Watched| {
        changes.iter().find_map(|change| match change {
            Change::Appeared(it) if std::ptr::eq(*it, entry) => Some(&[][..]),
            Change::Changed(it, differences) if std::ptr::eq(*it, entry) => Some(&differences[..]),
            _ => None,
        })
    };
    let mut rows = Vec::new();
    for entry in &now.entries {
        let differences = changed(entry);
        let style = if differences.is_some() { CHANGED.bold() } else { ENTRY };
        rows.push((style, title(entry)));
        let is_marked = |leaf: &Leaf| {
            differences.is_some_and(|all| all.iter().any(|one| one.path == leaf.path))
        };
        let width = entry.values().map(|leaf| label(&leaf.path).chars().count()).max();
        let width = width.unwrap_or(0).min(40);
        for leaf in entry.leaves.iter().filter(|leaf| !leaf.is_own() || is_marked(leaf)) {
            let style = if is_marked(leaf) { CHANGED } else { Style::new() };
            rows.push((style, format!("  {:width$} = {}", label(&leaf.path), leaf.text)));
        }
    }
    if rows.is_empty() {
        rows.push((Style::new(), "no entry is selected".to_owned()));
    }
    rows
}

/// `2s`, `250ms`, `0.5s`, or seconds without a unit.
fn interval(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(10);
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    let seconds = digits.parse::<f64>().ok().filter(|_| is_plain);
    let wrong = || format!("`{text}` is no time; write 2s or 250ms");
    let seconds = seconds.ok_or_else(wrong)? * unit;
    let interval = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if interval < SHORTEST {
        return Err("the shortest interval is 10ms".to_owned());
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Form;

    fn watched(name: &str, value: u64) -> Watched {
        let value = Value::Unsigned(value, Form::default());
        let identity = Identity {
            table: "t".to_owned(),
            object: "o".to_owned(),
            class: "cache".to_owned(),
            name: name.to_owned(),
            instance: 3,
            id: 1,
            ordinal: 0,
        };
        let leaf = |path: &str| Leaf {
            path: path.to_owned(),
            text: crate::output::value_text::one_line(&value),
            value: value.clone(),
        };
        Watched { identity, leaves: vec![leaf("@address"), leaf("stats\x1b[2J.hits")] }
    }

    fn moment(values: &[(&str, u64)]) -> Moment {
        Moment { entries: values.iter().map(|(name, value)| watched(name, *value)).collect() }
    }

    #[test]
    fn a_screen_is_drawn_again_where_it_was() {
        let before = moment(&[("user", 5)]);
        let mut out = Vec::new();
        let drawn = screen(&mut out, &before, &[], (60, 24), 0).unwrap();
        let first = String::from_utf8(out).unwrap();
        assert_eq!(drawn, 2);
        assert!(!first.contains('A') && first.contains("cache[3] user"), "{first:?}");
        let now = moment(&[("user", 6)]);
        let mut out = Vec::new();
        let drawn = screen(&mut out, &now, &now.changes(&before), (60, 24), 2).unwrap();
        let second = String::from_utf8(out).unwrap();
        assert!(second.starts_with("\x1b[2A\r"), "{second:?}");
        // The address changed as well, and what changed is shown.
        assert_eq!(drawn, 3);
        assert!(second.contains(&format!("{CHANGED}  @address")), "{second:?}");
    }

    #[test]
    fn a_screen_is_never_left_by_a_name_or_a_length() {
        let hostile = "\x1b[99;99H\r\n".repeat(20);
        let values: Vec<_> = (0..50).map(|value| (&hostile[..], value)).collect();
        let now = moment(&values);
        let mut out = Vec::new();
        let drawn = screen(&mut out, &now, &now.changes(&Moment::default()), (40, 10), 0).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!((drawn, text.matches('\n').count()), (9, 9));
        assert!(!text.contains("\x1b[99") && !text.contains('\r'), "{text:?}");
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.lines().all(|line| line.chars().count() <= 40), "{plain}");
        assert!(plain.contains("more lines have no room"), "{plain}");
    }

    #[test]
    fn times_have_units() {
        let time = |text| interval(text).map(|time| time.as_millis());
        assert_eq!(time("2s"), Ok(2000));
        assert_eq!(time("250ms"), Ok(250));
        assert_eq!(time("0.5"), Ok(500));
        for wrong in ["", "s", "-1s", "1h", "1e9", "nan", "inf", "9ms", "99999999999999999999s"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
