//! The cache: values on the heap, each of them announced for as long as it is there.

use std::collections::BTreeMap;

use inspect_runtime::{Handle, RegisterError, RuntimeTable};

use crate::s;

pub(crate) struct Cache {
    table: &'static RuntimeTable<s::Region, 64>,
    values: BTreeMap<String, (Box<str>, Handle)>,
}

impl Cache {
    pub(crate) fn new(table: &'static RuntimeTable<s::Region, 64>) -> Self {
        Self { table, values: BTreeMap::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| &**value)
    }

    /// Stores a value. The class says that it is a user's: every consumer that does not ask for
    /// that passes it by.
    pub(crate) fn put(&mut self, key: &str, value: &str) -> Result<(), RegisterError> {
        let value: Box<str> = value.into();
        let address = value.as_ptr().expose_provenance() as u64;
        let region = s::Region::new::<s::class::Blob>(address, value.len() as u64);
        let handle = self.table.register_as("value", region)?;
        if let Some((_, old)) = self.values.insert(key.to_owned(), (value, handle)) {
            // It was registered by this cache and withdrawn by nobody else.
            let _ = self.table.unregister(old);
        }
        Ok(())
    }
}
