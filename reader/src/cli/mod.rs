//! The program `inspect`: one module for each command, and what they share.
//!
//! Exit status: 0 done; 1 the input is at fault; 2 usage, or the output cannot be written.

mod list;
mod session;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use session::{Failure, Session, TargetArguments};

/// Reads inspect tables and the memory that they describe: which memory matters, what is in it, who may see it.
#[derive(Parser)]
#[command(name = "inspect", version, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Color {
    /// On a terminal.
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    List(list::Arguments),
    Watch(watch::Arguments),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let choice = match arguments.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    let result = match &arguments.command {
        Command::List(arguments) => list::run(arguments),
        Command::Watch(arguments) => watch::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output may have seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            session::report(&failure);
            ExitCode::from(if matches!(failure, Failure::Output(_)) { 2 } else { 1 })
        }
    }
}
