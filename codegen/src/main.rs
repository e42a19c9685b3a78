//! The program `inspect-gen`: a thin shell around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    inspect_gen::cli::run()
}
