//! The root: where the tables of a loaded object are found, by this program and by others.
