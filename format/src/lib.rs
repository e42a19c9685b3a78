//! Every byte of the table format.
