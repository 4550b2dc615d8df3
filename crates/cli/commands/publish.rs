//! `swath publish`: a model or map, with its files, as an item of a collection that others can read.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use swath_catalog::publish::{Publication, publish};

/// Arguments of `swath publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The item: what `swath finetune` and `swath predict` write beside a model or map.
    item: PathBuf,
    /// Folder of the collection; made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// Id of the collection, when it is made (default: the folder's name).
    #[arg(long)]
    id: Option<String>,
    /// What the collection is, when it is made.
    #[arg(long, default_value = "Models and maps published by swath")]
    description: String,
    /// SPDX identifier of its licence, when it is made, or `other`.
    #[arg(long, default_value = "other")]
    license: String,
    /// Leave the files where they are and link to them.
    #[arg(long)]
    link: bool,
    /// Replace the item if it is in the collection.
    #[arg(long)]
    overwrite: bool,
}

/// Copies the item and its files into the collection, with a checksum for each, and links it there.
pub(crate) fn run(args: &PublishArgs) -> Result<()> {
    let name = args.into.file_name().map(|name| name.to_string_lossy().into_owned());
    let publication = Publication {
        item: args.item.clone(),
        into: args.into.clone(),
        collection_id: args.id.clone().or(name).unwrap_or_else(|| "published".to_owned()),
        description: args.description.clone(),
        license: args.license.clone(),
        copy_files: !args.link,
        overwrite: args.overwrite,
    };
    let written = publish(&publication)?;
    println!("{}", written.display());
    Ok(())
}
