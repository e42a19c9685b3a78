//! A shared object with a table of its own.

#[allow(dead_code)]
#[path = "support.rs"]
mod support;

use inspect_runtime::RuntimeTable;
use support::{Format, entry};

static TABLE: RuntimeTable<Format, 4> = RuntimeTable::new();

/// Registers an entry, and returns how many there are.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_register() -> usize {
    let _ = TABLE.register_as("of the plugin", entry(0x2000, 16));
    TABLE.iter().count()
}
