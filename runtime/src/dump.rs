//! Dumps of the memory that a consumer may see, written without allocation.
