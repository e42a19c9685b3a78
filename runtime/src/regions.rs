//! Sets of address ranges: what is there, and where the holes are.
