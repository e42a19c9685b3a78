//! What the program prints. Only the thread that makes changes does.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

static QUIET: AtomicBool = AtomicBool::new(false);

/// What is tried next.
pub(crate) fn title(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        println!("{text}");
    }
}

/// What somebody does.
pub(crate) fn say(who: &str, what: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        println!("    {who:<10}  {what}");
    }
}

/// What became of it.
pub(crate) fn outcome(what: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        println!("  => {what}");
    }
}

/// Does something without printing.
pub(crate) fn quietly(work: impl FnOnce()) {
    QUIET.store(true, Ordering::Relaxed);
    work();
    QUIET.store(false, Ordering::Relaxed);
}
