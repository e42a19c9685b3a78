//! A driver that was written for the memory notifier of Linux, and ported as it was.
//!
//! It has a fault. It counts memory off when it is going and on again when that is cancelled, and Linux
//! cancels at everyone: when somebody before it refuses, it adds what it never took away. Here a cancel comes
//! to those who prepared, and its count is right.

use std::sync::atomic::{AtomicU64, Ordering};

use inspect_runtime::notifier::linux::{
    Action, MEM_CANCEL_OFFLINE, MEM_GOING_OFFLINE, MEM_ONLINE, NOTIFY_OK, Ported, Reply,
};
use inspect_runtime::regions::Range;

use crate::say;

type Callback = fn(Action, &Range) -> Reply;

pub(crate) static DRIVER: Ported<Callback> = Ported::new("the old driver", notify);
static BYTES: AtomicU64 = AtomicU64::new(0);

pub(crate) fn bytes() -> u64 {
    BYTES.load(Ordering::Relaxed)
}

fn notify(action: Action, range: &Range) -> Reply {
    let length = range.bytes() as u64;
    match action {
        MEM_CANCEL_OFFLINE | MEM_ONLINE => _ = BYTES.fetch_add(length, Ordering::Relaxed),
        MEM_GOING_OFFLINE => _ = BYTES.fetch_sub(length, Ordering::Relaxed),
        _ => {}
    }
    say("old driver", format_args!("hears {action:?}, counts {} KiB", bytes() >> 10));
    NOTIFY_OK
}
