//! A program with a table, which loads a plugin with another one, looks at both, and unloads it.

#[allow(dead_code)]
#[path = "support.rs"]
mod support;

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use inspect_runtime::{RuntimeTable, registry};
use support::{Format, entry};

static TABLE: RuntimeTable<Format, 4> = RuntimeTable::new();

unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlclose(handle: *mut c_void) -> c_int;
}

/// How many tables and how many errors are found.
fn count(found: impl Iterator<Item = registry::Found>) -> (usize, usize) {
    found.fold((0, 0), |(tables, errors), found| match found {
        Ok(_) => (tables + 1, errors),
        Err(_) => (tables, errors + 1),
    })
}

fn main() {
    TABLE.register_as("of the program", entry(0x1000, 16)).unwrap();
    println!("alone {:?}", count(registry::tables()));
    let Some(path) = std::env::args().nth(1) else { return };
    let path = CString::new(path).unwrap();
    let symbol: &CStr = c"plugin_register";
    // SAFETY: the plugin's function has this type, and nothing of it is used once it is unloaded.
    unsafe {
        let plugin = dlopen(path.as_ptr(), 2);
        assert!(!plugin.is_null(), "the plugin cannot be loaded");
        println!("loaded {:?}", count(registry::tables()));
        let register = dlsym(plugin, symbol.as_ptr());
        assert!(!register.is_null());
        let register: extern "C" fn() -> usize = std::mem::transmute(register);
        assert_eq!(register(), 1);
        println!("registered {:?}", count(registry::tables()));
        assert_eq!(dlclose(plugin), 0);
    }
    println!("unloaded {:?}", count(registry::known_tables()));
    println!("refreshed {:?}", count(registry::tables()));
}
