//! The memory of this process, as a [`Memory`](inspect_format::walk::Memory) that tables are read from.
