//! A line on the terminal that says what a long run is doing. It appears after a second and is
//! wiped before anything else is printed.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::output::Terminal;

/// How long a run may be silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Shows the stage of a run; without a terminal it shows nothing.
pub(super) struct Progress {
    shared: Option<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    hidden: Condvar,
}

#[derive(Default)]
struct State {
    stage: &'static str,
    /// The line is on the terminal.
    shown: bool,
    /// The line may be shown again only after another second.
    over: bool,
}

impl Progress {
    pub(super) fn new(terminal: Terminal) -> Self {
        if !terminal.interactive {
            return Self { shared: None };
        }
        let shared = Arc::new(Shared::default());
        let watcher = Arc::clone(&shared);
        // Detached: it sleeps on the condition and ends with the process or with `hide`.
        std::thread::spawn(move || watcher.show_late());
        Self { shared: Some(shared) }
    }

    /// Says what is being done now.
    pub(super) fn stage(&self, stage: &'static str) {
        let Some(shared) = &self.shared else { return };
        let mut state = shared.lock();
        state.stage = stage;
        if state.shown {
            print_line(stage);
        }
    }

    /// Wipes the line, for good: something else is going to be printed.
    pub(super) fn hide(&self) {
        let Some(shared) = &self.shared else { return };
        let mut state = shared.lock();
        state.over = true;
        if std::mem::take(&mut state.shown) {
            print_line("");
        }
        shared.hidden.notify_all();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show_late(&self) {
        let (mut state, _) = self
            .hidden
            .wait_timeout_while(self.lock(), SILENCE, |state| !state.over)
            .unwrap_or_else(PoisonError::into_inner);
        if !state.over {
            state.shown = true;
            print_line(state.stage);
        }
    }
}

/// Replaces the last line of the terminal.
fn print_line(text: &str) {
    let line = if text.is_empty() { String::new() } else { format!("inspect-gen: {text} ...") };
    let mut out = io::stderr().lock();
    let _ = write!(out, "\r\x1b[K{line}").and_then(|()| out.flush());
}
