//! Text in columns for people: aligned, and no wider than the terminal.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Lines of cells under headings.
#[derive(Clone, Debug)]
pub struct Columns {
    headings: Vec<Heading>,
    rows: Vec<Vec<Cell>>,
}

/// What stands above a column.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// In capitals.
    pub text: &'static str,
    /// Whether cells end at the same place, as numbers do.
    pub is_right: bool,
}

/// A cell. The text is harmless: what came from outside was escaped.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it looks on a terminal.
    pub style: Style,
}

/// Between two columns.
const GAP: usize = 2;

impl Columns {
    /// No rows yet.
    #[must_use]
    pub fn new(headings: Vec<Heading>) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are headings.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Writes all rows, `indent` columns from the left. Columns without a text are left out; lines
    /// longer than `width` lose the end of their last column.
    pub fn write(
        &self,
        out: &mut dyn Write,
        indent: usize,
        width: Option<usize>,
    ) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.headings.len()).map(|index| self.width(index)).collect();
        let heading = Style::new().dimmed();
        let headings =
            self.headings.iter().map(|it| Cell { text: it.text.to_owned(), style: heading });
        let headings: Vec<Cell> = headings.collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            self.line(out, row, &widths, indent, width)?;
        }
        Ok(())
    }

    /// Of the cells of a column; 0 if all of them are empty.
    fn width(&self, index: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(index));
        let width = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
        let heading = self.headings.get(index).map_or(0, |it| it.text.width());
        if width == 0 { 0 } else { width.max(heading) }
    }

    fn line(
        &self,
        out: &mut dyn Write,
        row: &[Cell],
        widths: &[usize],
        indent: usize,
        limit: Option<usize>,
    ) -> io::Result<()> {
        let last =
            widths.iter().zip(row).rposition(|(width, cell)| *width > 0 && !cell.text.is_empty());
        let Some(last) = last else { return writeln!(out) };
        write!(out, "{:indent$}", "")?;
        let mut at = indent;
        let present = row.iter().zip(widths).zip(&self.headings).take(last + 1);
        for (index, ((cell, width), heading)) in present.enumerate() {
            if *width == 0 {
                continue;
            }
            let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(at));
            let text = shortened(&cell.text, room);
            let used = text.width();
            let padding = width.saturating_sub(used).min(room.saturating_sub(used));
            let (style, reset) = (cell.style.render(), cell.style.render_reset());
            let (before, after) = if heading.is_right { (padding, 0) } else { (0, padding) };
            write!(out, "{:before$}{style}{text}{reset}", "")?;
            if index < last {
                write!(out, "{:1$}", "", after + GAP)?;
            }
            at += used + padding + GAP;
        }
        writeln!(out)
    }
}

/// As much of a text as has room, with a mark where something is missing.
pub(crate) fn shortened(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| match left.checked_sub(c.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let mut short: String = text.chars().take_while(fits).collect();
    if room > 0 {
        short.push('…');
    }
    short
}

/// Bytes with a unit: three digits and what they count.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let unit = bytes.ilog2() / 10;
    let scaled = bytes as f64 / (1_u64 << (10 * unit)) as f64;
    let name = UNITS.get(unit as usize).unwrap_or(&"");
    if scaled.fract() == 0.0 || scaled >= 100.0 {
        format!("{scaled:.0} {name}")
    } else {
        format!("{scaled:.1} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell {
        Cell { text: text.to_owned(), style: Style::new() }
    }

    fn table() -> Columns {
        let heading = |text, is_right| Heading { text, is_right };
        let mut columns = Columns::new(vec![
            heading("NAME", false),
            heading("NOTE", false),
            heading("SIZE", true),
        ]);
        columns.row(vec![cell("a"), cell(""), cell("12 B")]);
        columns.row(vec![cell("größer"), cell(""), cell("1.5 KiB")]);
        columns
    }

    #[test]
    fn cells_stand_below_one_another_and_empty_columns_are_left_out() {
        let mut out = Vec::new();
        table().write(&mut out, 2, None).unwrap();
        let plain = anstream::adapter::strip_bytes(&out).into_vec();
        let expected = "  NAME       SIZE\n  a          12 B\n  größer  1.5 KiB\n";
        assert_eq!(String::from_utf8(plain).unwrap(), expected);
    }

    #[test]
    fn lines_end_where_the_terminal_does() {
        let mut out = Vec::new();
        table().write(&mut out, 0, Some(10)).unwrap();
        let plain = String::from_utf8(anstream::adapter::strip_bytes(&out).into_vec()).unwrap();
        assert!(plain.lines().all(|line| line.width() <= 10), "{plain}");
        assert!(plain.contains('…'), "{plain}");
    }

    #[test]
    fn sizes_have_units() {
        let sizes = [0, 1023, 1024, 1536, 102_400, 5 << 20, u64::MAX];
        let texts = ["0 B", "1023 B", "1 KiB", "1.5 KiB", "100 KiB", "5 MiB", "16 EiB"];
        assert_eq!(sizes.map(size), texts);
    }
}
