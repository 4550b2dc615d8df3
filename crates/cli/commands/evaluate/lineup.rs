//! Which networks are judged, and by whose settings.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::network::Network;
use crate::run_folder::RunFolder;
use crate::settings::Settings;

/// Networks, and the settings that say what they are judged on.
#[derive(Debug)]
pub(super) struct Lineup {
    pub(super) settings: Settings,
    pub(super) entrants: Vec<Entrant>,
    /// What a reader should know before comparing them.
    pub(super) remarks: Vec<String>,
}

/// A network that takes part.
#[derive(Debug)]
pub(super) struct Entrant {
    /// What it is called; no two have one name.
    pub(super) name: String,
    pub(super) network: Network,
    /// The run that it came from.
    pub(super) run: Option<RunFolder>,
    /// The file whose settings it is judged by.
    pub(super) settings_path: PathBuf,
}

impl Lineup {
    /// The networks of runs, or the `models` that are named in their place, with the settings of the first run or of a config.
    pub(super) fn new(runs: &[PathBuf], models: &[PathBuf]) -> Result<Self> {
        let first = runs.first().context("no run was named")?;
        let settings_path = settings_of(first);
        let settings = Settings::read(&settings_path, &[])?;
        ensure!(
            models.is_empty() || runs.len() == 1,
            "--model with several runs: name the networks either as runs or with --model"
        );
        if let Some(config) = runs.iter().skip(1).find(|path| path.is_file()) {
            let first = first.display();
            anyhow::bail!("{} is no run's folder: what is judged on is said by {first}", config.display());
        }
        let paths: Vec<&Path> = match (models, first.is_file()) {
            ([], true) => vec![&settings.model],
            ([], false) => runs.iter().map(PathBuf::as_path).collect(),
            (models, _) => models.iter().map(PathBuf::as_path).collect(),
        };
        let names = names(&paths);
        let mut remarks = Vec::new();
        let mut entrants = Vec::new();
        for (path, name) in paths.into_iter().zip(names) {
            let run = path.is_dir().then(|| RunFolder::new(path));
            if let Some(own) =
                run.as_ref().map(RunFolder::settings).filter(|own| own.is_file() && *own != settings_path)
            {
                remarks.extend(other_ground(&settings, &Settings::read(&own, &[])?, &name));
            }
            let network = Network::open(path)?;
            entrants.push(Entrant { name, network, run, settings_path: settings_path.clone() });
        }
        for remark in &remarks {
            eprintln!("warning: {remark}");
        }
        Ok(Self { settings, entrants, remarks })
    }
}

fn settings_of(path: &Path) -> PathBuf {
    if path.is_file() { path.to_owned() } else { RunFolder::new(path).settings() }
}

/// Warns of a run that may have been trained on the ground that it is judged on.
fn other_ground(settings: &Settings, own: &Settings, name: &str) -> Option<String> {
    let other = if place(&settings.catalog) != place(&own.catalog) {
        "another catalog"
    } else if settings.recipe.split != own.recipe.split || settings.labels != own.labels {
        "another split or other labels"
    } else {
        return None;
    };
    Some(format!("{name} was trained with {other}: some of the ground that is judged may have been in its training."))
}

/// Where a path leads, whatever way round; an address as it is.
pub(super) fn place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The last part of each path that tells them apart.
fn names(paths: &[&Path]) -> Vec<String> {
    let short = |path: &&Path| {
        let last = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let last = last.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // The item of a model's folder is named after the folder.
        let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        match (last.as_str(), folder) {
            ("item" | "model", Some(folder)) => folder,
            ("" | "." | "..", _) => path.display().to_string(),
            _ => last,
        }
    };
    let all: Vec<String> = paths.iter().map(short).collect();
    let is_shared = |name: &String| all.iter().filter(|other| *other == name).count() > 1;
    let longer = all
        .iter()
        .zip(paths)
        .map(|(name, path)| if is_shared(name) { path.display().to_string() } else { name.clone() });
    let mut unique: Vec<String> = Vec::new();
    for name in longer {
        let count = unique.iter().filter(|other| **other == name || other.starts_with(&format!("{name} ("))).count();
        unique.push(if count == 0 { name } else { format!("{name} ({})", count + 1) });
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_called_by_what_tells_them_apart() {
        let paths = ["runs/a/item.json", "runs/b/item.json", "nets/small.onnx", "x/b/item.json", "nets/small.onnx"];
        let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
        assert_eq!(names(&paths), ["a", "runs/b/item.json", "nets/small.onnx", "x/b/item.json", "nets/small.onnx (2)"]);
    }
}
