//! The program `inspect`: one module for each command, and what they share.
//!
//! Exit status: 0 done; 1 the input is at fault, or there are findings; 2 usage, or the output
//! cannot be written.

mod consumers;
mod diff;
mod doctor;
mod dump;
mod export;
mod list;
mod map;
mod progress;
mod session;
mod show;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use session::{Failure, ReadingArguments, Session, TargetArguments};

/// Reads inspect tables and the memory that they describe: which memory matters, what is in it, who may see it.
#[derive(Parser)]
#[command(
    name = "inspect",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "A target is a core, a running process (`pid:4711`), a program or library, a table file, a zone, a \
        snapshot or raw memory (`raw:FILE@0xADDRESS`).\n\n\
        Examples:\n  \
        inspect list core                                         which memory matters\n  \
        inspect show core class:log                               what is in it\n  \
        inspect watch pid:4711                                    how it changes\n  \
        inspect dump pid:4711 --consumer report -o small          what a consumer may see\n\n\
        Exit status: 0 done; 1 the input is at fault, or there are findings; 2 usage, or an output that cannot be \
        written."
)]
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
    Show(show::Arguments),
    Map(map::Arguments),
    Dump(dump::Arguments),
    Diff(diff::Arguments),
    Export(export::Arguments),
    Watch(watch::Arguments),
    Doctor(doctor::Arguments),
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
        Command::Diff(arguments) => diff::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Dump(arguments) => dump::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::List(arguments) => list::run(arguments),
        Command::Map(arguments) => map::run(arguments),
        Command::Show(arguments) => show::run(arguments),
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
            let is_usage = matches!(failure, Failure::Usage { .. } | Failure::Output(_));
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}
