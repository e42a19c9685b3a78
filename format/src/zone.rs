//! Zones: storage of a fixed size that keeps the last good dump.
