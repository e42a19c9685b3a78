//! ELF notes of this format: the root, frozen tables, and what was captured.
