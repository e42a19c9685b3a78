//! Counts how much memory there is.

use inspect_runtime::notifier::{Subscriber, Veto};
use inspect_runtime::regions::Range;
use parking_lot::Mutex;

use crate::memory::Change;
use crate::say;

pub(crate) struct Accountant {
    books: Mutex<Books>,
}

struct Books {
    bytes: u64,
    /// What `bytes` becomes if the change happens.
    prepared: Option<u64>,
}

impl Accountant {
    pub(crate) const fn new() -> Self {
        Self { books: Mutex::new(Books { bytes: 0, prepared: None }) }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.books.lock().bytes
    }
}

impl Subscriber<Range> for Accountant {
    fn prepare(&self, change: &Change) -> Result<(), Veto> {
        let mut books = self.books.lock();
        let after = after(books.bytes, change);
        books.prepared = Some(after.ok_or(Veto::because("more would go than there is"))?);
        say("accountant", "prepares");
        Ok(())
    }

    fn commit(&self, change: &Change) {
        let mut books = self.books.lock();
        // Regions that are replayed were not prepared.
        let prepared = books.prepared.take();
        books.bytes = prepared.or_else(|| after(books.bytes, change)).unwrap_or(books.bytes);
        say("accountant", format_args!("counts {} KiB", books.bytes >> 10));
    }

    fn cancel(&self, _: &Change) {
        let mut books = self.books.lock();
        books.prepared = None;
        say("accountant", format_args!("is rolled back to {} KiB", books.bytes >> 10));
    }

    fn name(&self) -> &'static str {
        "the accountant"
    }
}

fn after(bytes: u64, change: &Change) -> Option<u64> {
    let length = u64::try_from(change.region().bytes()).ok()?;
    match change {
        Change::Add(_) => bytes.checked_add(length),
        Change::Remove(_) => bytes.checked_sub(length),
        Change::Properties { .. } => Some(bytes),
    }
}
