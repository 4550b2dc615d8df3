//! From settings to an opened dataset: catalog, pairs, and the recipe completed by what the network asks for.

use anyhow::{Context, Result, ensure};
use swath_catalog::pairing::Pairing;
use swath_catalog::{Pair, Rewrites, Strictness, Tree, read_tree};
use swath_loader::{BandRef, Dataset, Normalise, Options, Recipe};

use crate::network::Card;
use crate::settings::Settings;

/// Reads the pairs of a run's catalog.
pub(crate) fn read_pairs(settings: &Settings) -> Result<Vec<Pair>> {
    pairs_of(settings, &read_catalog(settings)?)
}

/// Reads a run's catalog.
pub(crate) fn read_catalog(settings: &Settings) -> Result<Tree> {
    let rewrites = Rewrites::parse(&settings.rewrite)?;
    Ok(read_tree(&settings.catalog.to_string_lossy(), &rewrites, Strictness::Strict)?)
}

/// The pairs of a run's catalog, by the settings' rules.
pub(crate) fn pairs_of(settings: &Settings, tree: &Tree) -> Result<Vec<Pair>> {
    let pairing = Pairing::of(tree, &settings.labels.rules()?)?;
    for orphan in &pairing.orphans {
        tracing::info!(item = %orphan.item, reason = %orphan.reason, "not in any pair");
    }
    Ok(pairing.pairs)
}

/// Opens the dataset of a run for a network: its bands and scaling are the network's unless the recipe sets its own.
pub(crate) fn open(settings: &Settings, card: Option<&Card>, pairs: &[Pair]) -> Result<Dataset> {
    open_with(settings, card, pairs, options(settings)?)
}

/// How the settings say that a dataset is read.
pub(crate) fn options(settings: &Settings) -> Result<Options> {
    let (fetch, memory) = (settings.reading.fetch_options()?, settings.reading.budget()?);
    Ok(Options { fetch, memory, workers: settings.training.workers, ..Options::default() })
}

/// As [`open`], read in a way of one's own.
pub(crate) fn open_with(settings: &Settings, card: Option<&Card>, pairs: &[Pair], options: Options) -> Result<Dataset> {
    let dataset = Dataset::open(pairs, &complete(settings, card)?, &options)?;
    for contradiction in dataset.contradictions() {
        tracing::warn!("{contradiction}");
    }
    Ok(dataset)
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
        let scaling = card.and_then(|card| scaling_of(card, &recipe.bands));
        recipe.normalise = scaling.unwrap_or(Normalise::MeanStd);
    }
    if recipe.samples.is_none() && settings.training.epochs.is_none() {
        // Steps alone are asked for: one epoch holds them all, so that nothing starts anew between epochs.
        let steps = usize::try_from(settings.training.total_steps(0))?;
        let samples =
            steps.checked_mul(settings.training.accumulate).and_then(|batches| batches.checked_mul(recipe.batch));
        let samples = samples.context("training.steps times training.accumulate times recipe.batch is too large")?;
        recipe.samples = Some(samples);
    }
    ensure!(recipe.window_px.is_multiple_of(2), "recipe.window_px must be even, not {}", recipe.window_px);
    Ok(recipe)
}

/// The network's scaling of the recipe's bands, by their names; `None` where it does not know one of them.
fn scaling_of(card: &Card, bands: &[BandRef]) -> Option<Normalise> {
    let scaling = card.scaling.as_ref()?;
    let position = |band: &BandRef| match band {
        BandRef::Name(name) => card.bands.iter().position(|known| known.answers_to(name)),
        BandRef::Index(_) => None,
    };
    let positions: Vec<usize> = bands.iter().map(position).collect::<Option<_>>()?;
    let pick = |values: &[f64]| positions.iter().map(|&at| values.get(at).copied()).collect::<Option<Vec<f64>>>();
    Some(Normalise::Fixed { scale: pick(&scaling.scale)?, offset: pick(&scaling.offset)? })
        .filter(|_| !positions.is_empty())
}
