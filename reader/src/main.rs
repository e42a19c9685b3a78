//! `inspect`: reads tables and prints what they say.
//!
//! Exit status: 0 done; 1 the input is at fault; 2 usage, or the output cannot be written.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use inspect_reader::escape::Terminal;
use inspect_reader::list;

/// Reads inspect tables: which memory matters, what is in it, who may see it.
#[derive(Parser)]
#[command(name = "inspect", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the entries of a table file.
    #[command(after_help = "Example:\n  inspect list daemon.table")]
    List {
        /// A file that holds one table, or several one behind another.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let Command::List { file } = Arguments::parse().command;
    let text = match read(&file) {
        Ok(text) => text,
        Err(message) => {
            let name = file.display().to_string();
            // There is nowhere to report that reporting failed.
            let _ = writeln!(io::stderr(), "inspect: {}: {message}", Terminal(&name));
            return ExitCode::from(1);
        }
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let lines = list::list(&bytes).map_err(|error| error.to_string())?;
    Ok(list::render(&lines))
}
