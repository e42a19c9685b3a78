//! The manifest of a snapshot directory.
