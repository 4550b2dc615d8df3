//! Going on with a run: from its last checkpoint, with the settings that it was begun with.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use swath_train::checkpoint::{Checkpoint, CheckpointStore, Mark};

use super::trainer::Saved;
use crate::run_folder::RunFolder;

/// The last checkpoint of a run that was begun with the settings `now`.
pub(super) fn last_checkpoint(folder: &RunFolder, now: &str) -> Result<Checkpoint<Saved>> {
    let saved = CheckpointStore::new(folder.checkpoint()).load::<Saved>(Mark::Last)?;
    let saved = saved.with_context(|| {
        format!("{} has no checkpoint to go on from: start without --resume", folder.root().display())
    })?;
    same_settings(folder, &saved.state.settings, now)?;
    Ok(saved)
}

/// Settings that may differ between the parts of one run: they change how it runs, not what comes out.
const FREE: &[&str] = &[
    "training.until",
    "training.device",
    "training.nhwc",
    "training.threads",
    "training.workers",
    "training.checkpoint_every",
];

/// A run goes on with the settings that it was begun with.
fn same_settings(folder: &RunFolder, begun: &str, now: &str) -> Result<()> {
    let (begun, now) = (flat(begun)?, flat(now)?);
    let keys: BTreeSet<&String> = begun.keys().chain(now.keys()).collect();
    let is_free = |key: &str| FREE.contains(&key) || key.starts_with("reading.");
    for key in keys.into_iter().filter(|key| !is_free(key)) {
        let (then, here) = (begun.get(key), now.get(key));
        let said = |value: Option<&toml::Value>| value.map_or("nothing".to_owned(), toml::Value::to_string);
        ensure!(
            then == here,
            "{} was begun with {key} = {} and is now given {}: go on with the same settings, or start anew with --overwrite",
            folder.root().display(),
            said(then),
            said(here)
        );
    }
    Ok(())
}

/// Settings by dotted key.
fn flat(text: &str) -> Result<BTreeMap<String, toml::Value>> {
    let mut open: Vec<(String, toml::Value)> = text.parse::<toml::Table>()?.into_iter().collect();
    let mut flat = BTreeMap::new();
    while let Some((key, value)) = open.pop() {
        match value {
            toml::Value::Table(table) => {
                open.extend(table.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)))
            }
            value => drop(flat.insert(key, value)),
        }
    }
    Ok(flat)
}
