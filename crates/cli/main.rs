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
mod reading;
mod report;
mod run_folder;
mod scores;
mod settings;
mod summary;
mod unet;
mod whole_file;

fn main() -> ExitCode {
    let args = args::Args::parse();
    args::init_logging(&args);
    match args.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", on_one_line(&format!("{error:#}")));
            if error.is::<commands::finetune::Interrupted>() { ExitCode::from(INTERRUPTED) } else { ExitCode::from(2) }
        }
    }
}

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Longest message shown, in characters; names out of a file may be of any length.
const LONGEST_MESSAGE: usize = 2000;

/// A message as one line, whatever a library made of it: a name out of a file must not move the terminal's cursor.
fn on_one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::new();
    for character in line.chars().take(LONGEST_MESSAGE) {
        if character.is_control() { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    if line.chars().nth(LONGEST_MESSAGE).is_some() { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_line_without_control_characters() {
        assert_eq!(on_one_line("node 'a\n\u{1b}[31m':  no"), "node 'a \\u{1b}[31m': no");
        let long = on_one_line(&"a".repeat(3000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST_MESSAGE + 1, true));
    }
}
