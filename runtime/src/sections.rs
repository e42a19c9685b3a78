//! Sparse addresses mapped to a dense hardware address space, section by section.
