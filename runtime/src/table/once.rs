//! One row for one thing, though several may announce it at the same moment.

use super::sync::{fence, order};

/// How often a row gives way before it stays, whoever else has one.
pub(crate) const MOST_TURNS: usize = 64;

/// Announces a thing unless a live row of it is there. `is_there` looks for one that is not the caller's own,
/// `announce` makes one, `withdraw` takes it back if nobody holds it. Whether a row was made that stays.
///
/// Who finds another row beside its own takes its own back and looks again: of two that announce at once, one at
/// least finds the other. Whoever was the last to take a row back looks after that, and finds a row that nobody
/// takes back any more, or makes one: so one stays.
pub(crate) fn announce_once<H: Copy, E>(
    is_there: impl Fn(Option<H>) -> bool,
    announce: impl Fn() -> Result<H, E>,
    withdraw: impl Fn(H) -> bool,
    turns: usize,
) -> Result<bool, E> {
    for turn in 0.. {
        if is_there(None) {
            return Ok(false);
        }
        let own = announce()?;
        fence(order::LOOK_AROUND);
        // Twice is better than not at all, should all that announce keep meeting each other.
        if turn == turns || !is_there(Some(own)) || !withdraw(own) {
            break;
        }
        // So that of two that take their rows back at once, one at least sees that the other's is gone.
        fence(order::LOOK_AROUND);
    }
    Ok(true)
}
