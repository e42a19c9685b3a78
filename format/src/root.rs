//! The root of a loaded object: its tables, compile-time and run-time.
