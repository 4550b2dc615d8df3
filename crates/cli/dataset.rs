//! From settings to an opened dataset: catalog, pairs, and the recipe completed by what the network asks for.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use swath_catalog::pairing::{Pairing, Rules};
use swath_catalog::{Pair, Rewrites, Strictness, read_tree};
use swath_loader::{BandRef, Dataset, Normalise, Options, Recipe};

use crate::network::Card;
use crate::settings::Settings;

/// Reads a catalog's pairs.
pub(crate) fn read_pairs(catalog: &Path) -> Result<Vec<Pair>> {
    let tree = read_tree(&catalog.to_string_lossy(), &Rewrites::default(), Strictness::Strict)?;
    let pairing = Pairing::of(&tree, &Rules::default())?;
    for orphan in &pairing.orphans {
        tracing::info!(item = %orphan.item, reason = %orphan.reason, "not in any pair");
    }
    Ok(pairing.pairs)
}

/// Opens the dataset of a run for a network: its bands and scaling are the network's unless the recipe sets its own.
pub(crate) fn open(settings: &Settings, card: Option<&Card>, pairs: &[Pair]) -> Result<Dataset> {
    open_with(settings, card, pairs, &Options { workers: settings.training.workers, ..Options::default() })
}

/// As [`open`], read in a way of one's own.
pub(crate) fn open_with(
    settings: &Settings,
    card: Option<&Card>,
    pairs: &[Pair],
    options: &Options,
) -> Result<Dataset> {
    Ok(Dataset::open(pairs, &complete(settings, card)?, options)?)
}

/// The recipe with what it leaves open: bands and scaling from the network's item; without one, mean and deviation of the
/// training part.
fn complete(settings: &Settings, card: Option<&Card>) -> Result<Recipe> {
    let mut recipe = settings.recipe.clone();
    let known = card.filter(|card| !card.bands.is_empty());
    if let (true, Some(card)) = (recipe.bands.is_empty(), known) {
        let names = card.bands.iter().map(|band| band.name.clone().map(BandRef::Name));
        recipe.bands =
            names.collect::<Option<_>>().with_context(|| format!("{}: a band has no name", card.path.display()))?;
    }
    if settings.normalise_is_open {
        let scaling = card.and_then(|card| card.scaling.as_ref());
        recipe.normalise = match scaling.filter(|scaling| scaling.scale.len() == recipe.bands.len()) {
            Some(scaling) => Normalise::Fixed { scale: scaling.scale.clone(), offset: scaling.offset.clone() },
            None => Normalise::MeanStd,
        };
    }
    if recipe.samples.is_none() && settings.training.epochs.is_none() {
        // Steps alone are asked for: one epoch holds them all, so that nothing starts anew between epochs.
        let steps = usize::try_from(settings.training.total_steps(0))?;
        recipe.samples =
            Some(steps.checked_mul(recipe.batch).context("training.steps times recipe.batch is too large")?);
    }
    ensure!(recipe.window_px.is_multiple_of(2), "recipe.window_px must be even, not {}", recipe.window_px);
    Ok(recipe)
}
