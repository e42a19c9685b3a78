//! `inspect`: reads tables and the memory that they describe, and prints what they say.

use std::process::ExitCode;

fn main() -> ExitCode {
    inspect_reader::cli::main()
}
