//! Callbacks that were written for the memory notifier of Linux.
//!
//! A driver's callback ports as it is: [`Ported`] makes a [`Subscriber`] of it, and the constants keep
//! their names. What it hears differs by the notifier that it is subscribed to:
//!
//! | a change that fails | [`Notifier::new`] | [`Notifier::like_linux`] |
//! |---|---|---|
//! | `CANCEL_*` goes to | those that accepted `GOING_*` | everyone, the one that refused too |
//! | in the order | last to first | first to last |
//!
//! A driver that takes memory away at `GOING_OFFLINE` and gives it back at `CANCEL_OFFLINE` counts it twice
//! under Linux when a subscriber before it refuses: it hears a cancel of what it never did. Here it is right
//! as it stands on the first kind of notifier. The second is for a callback that relies on the stray cancel,
//! or for a test that shows that a driver survives it.
//!
//! One thing is not mimicked. Under Linux `NOTIFY_BAD` and `NOTIFY_STOP` end the chain whatever the action,
//! so that later subscribers never hear that memory came. Here only a refused `GOING_*` ends it, of which
//! everyone who prepared hears the cancel.
//!
//! [`Notifier::new`]: super::Notifier::new
//! [`Notifier::like_linux`]: super::Notifier::like_linux

use core::fmt;

use super::{Change, Subscriber, Veto};

/// What a callback hears, with the numbers of `<linux/memory.h>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Action {
    /// Memory has come.
    Online = 1 << 0,
    /// Memory will go, unless someone refuses.
    GoingOffline = 1 << 1,
    /// Memory has gone.
    Offline = 1 << 2,
    /// Memory will come, unless someone refuses.
    GoingOnline = 1 << 3,
    /// Memory does not come.
    CancelOnline = 1 << 4,
    /// Memory does not go.
    CancelOffline = 1 << 5,
}

/// What a callback answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// It does not care.
    Done,
    /// It has done what it had to.
    Ok,
    /// It refuses. After the fact this says nothing: only `GOING_*` can be refused.
    Bad,
}

impl Reply {
    /// The meaning of a number that a callback in C returned. What asks Linux to stop without an error,
    /// `NOTIFY_STOP`, is `Ok`: it hides nothing from those that come later.
    #[must_use]
    pub const fn from_raw(value: i32) -> Self {
        match value & !STOP_MASK {
            0 => Self::Done,
            1 => Self::Ok,
            _ => Self::Bad,
        }
    }
}

const STOP_MASK: i32 = 0x8000;

/// [`Action::Online`].
pub const MEM_ONLINE: Action = Action::Online;
/// [`Action::GoingOffline`].
pub const MEM_GOING_OFFLINE: Action = Action::GoingOffline;
/// [`Action::Offline`].
pub const MEM_OFFLINE: Action = Action::Offline;
/// [`Action::GoingOnline`].
pub const MEM_GOING_ONLINE: Action = Action::GoingOnline;
/// [`Action::CancelOnline`].
pub const MEM_CANCEL_ONLINE: Action = Action::CancelOnline;
/// [`Action::CancelOffline`].
pub const MEM_CANCEL_OFFLINE: Action = Action::CancelOffline;
/// [`Reply::Done`].
pub const NOTIFY_DONE: Reply = Reply::Done;
/// [`Reply::Ok`].
pub const NOTIFY_OK: Reply = Reply::Ok;
/// [`Reply::Bad`].
pub const NOTIFY_BAD: Reply = Reply::Bad;

/// A callback of Linux as a subscriber.
///
/// Additions are `GOING_ONLINE` and `ONLINE` or `CANCEL_ONLINE`, removals likewise; a replayed region is
/// `ONLINE` alone. Linux has no word for a change of properties, so the callback does not hear of it.
pub struct Ported<C> {
    name: &'static str,
    callback: C,
}

impl<C> Ported<C> {
    /// Makes a subscriber of a `Fn(Action, &T) -> Reply`. Errors call it by this name.
    pub const fn new(name: &'static str, callback: C) -> Self {
        Self { name, callback }
    }
}

impl<T, C: Fn(Action, &T) -> Reply> Subscriber<T> for Ported<C> {
    fn prepare(&self, change: &Change<T>) -> Result<(), Veto> {
        let reply = match change {
            Change::Add(region) => (self.callback)(MEM_GOING_ONLINE, region),
            Change::Remove(region) => (self.callback)(MEM_GOING_OFFLINE, region),
            Change::Properties { .. } => NOTIFY_DONE,
        };
        match reply {
            Reply::Bad => Err(Veto::because("its callback returned NOTIFY_BAD")),
            Reply::Done | Reply::Ok => Ok(()),
        }
    }

    fn commit(&self, change: &Change<T>) {
        self.tell(change, MEM_ONLINE, MEM_OFFLINE);
    }

    fn cancel(&self, change: &Change<T>) {
        self.tell(change, MEM_CANCEL_ONLINE, MEM_CANCEL_OFFLINE);
    }

    fn name(&self) -> &'static str {
        self.name
    }
}

impl<C> Ported<C> {
    /// Tells what cannot be refused any more.
    fn tell<T>(&self, change: &Change<T>, added: Action, removed: Action)
    where
        C: Fn(Action, &T) -> Reply,
    {
        let _ = match change {
            Change::Add(region) => (self.callback)(added, region),
            Change::Remove(region) => (self.callback)(removed, region),
            Change::Properties { .. } => NOTIFY_DONE,
        };
    }
}

impl<C> fmt::Debug for Ported<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ported").field("name", &self.name).finish_non_exhaustive()
    }
}
