//! How far long work is, on a terminal only and only if it takes longer than a second.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::image::{Progress, Step};

/// When the line was written last.
#[derive(Debug)]
struct Line {
    begun: Instant,
    written: Option<Instant>,
}

/// Writes a line that says what is done, over and over. Nothing where nobody watches.
pub(crate) fn line(what: &'static str) -> Option<Progress> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let line = Mutex::new(Line { begun: Instant::now(), written: None });
    Some(Progress::new(move |step| {
        if let Ok(mut line) = line.lock() {
            line.step(what, step);
        }
    }))
}

impl Line {
    fn step(&mut self, what: &str, Step { done, total }: Step) {
        const BEFORE: Duration = Duration::from_secs(1);
        const BETWEEN: Duration = Duration::from_millis(100);
        let is_due = match self.written {
            None => self.begun.elapsed() >= BEFORE,
            Some(written) => written.elapsed() >= BETWEEN,
        };
        let is_done = done >= total;
        let is_last = is_done && self.written.is_some();
        if !is_due && !is_last {
            return;
        }
        self.written = Some(Instant::now());
        let share = done.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
        let mut out = std::io::stderr().lock();
        // A line that cannot be written is missed by nobody; what is done is erased.
        let _ = match is_done {
            true => write!(out, "\r\x1b[K"),
            false => write!(out, "\r{what}: {share} %\x1b[K"),
        };
        let _ = out.flush();
    }
}
