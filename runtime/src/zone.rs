//! Storage that survives a reset and keeps the last good dump.
