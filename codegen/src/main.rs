//! The program `inspect-gen`: a thin shell around the library.

fn main() {}
