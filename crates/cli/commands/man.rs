//! `swath man`: a manual page for swath and for each of its commands.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};

/// Arguments of `swath man`.
#[derive(Debug, Args)]
#[command(after_help = "Example: swath man ~/.local/share/man/man1 && man swath-finetune")]
pub(crate) struct ManArgs {
    /// The folder to write the pages to; made where it is missing.
    folder: PathBuf,
}

/// Writes `swath.1`, `swath-COMMAND.1` and so on.
pub(crate) fn run(args: &ManArgs) -> Result<()> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let command = crate::args::Args::command();
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
    Ok(())
}
