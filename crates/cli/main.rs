//! The `swath` binary: parses what was typed, runs one command, and turns a failure into one sentence and an exit code.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod commands;
mod compute;
mod dataset;
mod failure;
mod interrupt;
mod judge;
mod landscape;
mod network;
mod progress;
mod reading;
mod report;
mod run_folder;
mod scores;
mod settings;
mod summary;
mod whole_file;

/// Blocks of megabytes are made on one thread and freed on another. glibc's allocator keeps what was freed so; this one gives it
/// back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    end_quietly_without_reader();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() && args::wants_json(std::env::args_os()) => {
            return ExitCode::from(failure::tell_usage(&error));
        }
        Err(error) => error.exit(),
    };
    args::init_logging(&args);
    match args.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(failure::tell(&error, args.error_format)),
    }
}

/// `println!` panics where its reader has gone, as in `swath … | head -1`; that is no fault to be told.
fn end_quietly_without_reader() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout") {
            std::process::exit(failure::BROKEN_PIPE.into());
        }
        told(info);
    }));
}
