//! The `swath` binary: parses what was typed, runs one command, and turns a failure into one sentence and an exit code.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod commands;
mod dataset;
mod judge;
mod landscape;
mod network;
mod progress;
mod report;
mod run_folder;
mod scores;
mod settings;
mod summary;
mod unet;

fn main() -> ExitCode {
    let args = args::Args::parse();
    args::init_logging(&args);
    match args.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
