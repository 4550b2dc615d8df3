//! The `swath` binary: parses what was typed, runs one command, and turns a failure into one sentence and an exit code.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod commands;
mod compute;
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
            // One sentence, whatever a library's message looks like.
            let message = format!("{error:#}");
            eprintln!("error: {}", message.split_whitespace().collect::<Vec<_>>().join(" "));
            if error.is::<commands::finetune::Interrupted>() { ExitCode::from(INTERRUPTED) } else { ExitCode::from(2) }
        }
    }
}

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
