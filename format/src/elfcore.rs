//! ELF core files: headers and notes, written piece by piece.
