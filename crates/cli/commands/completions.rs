//! `swath completions`: the script by which a shell completes swath's commands and options.

use std::io::Write;

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

/// Arguments of `swath completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: swath completions bash > ~/.local/share/bash-completion/completions/swath")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script to standard output.
pub(crate) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut crate::args::Args::command(), "swath", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}
