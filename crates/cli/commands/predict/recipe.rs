//! How scenes are read for a model: its bands, its scaling, its classes, as its item says.

use anyhow::{Context, Result, bail, ensure};
use swath_loader::{BandRef, Dataset, IGNORE, Normalise, Options, Recipe};
use swath_raster::MemoryBudget;

use super::TileArgs;
use super::scene::Scene;
use crate::network::Card;
use crate::reading::{Reading, ReadingArgs};

/// Memory of reading where none was asked for: two rows of blocks of a Sentinel-2 scene's thirteen bands, and what is under way.
const READING_BYTES: u64 = 320 << 20;

/// Whether the item and the network agree on the classes, and a map can hold them.
pub(super) fn check(card: &Card, classes: usize) -> Result<()> {
    let path = card.path.display();
    ensure!(
        classes > 1,
        "{path}: the network gives one layer of scores; two classes or more are needed, each with its layer"
    );
    ensure!(classes <= usize::from(IGNORE), "{path}: a map holds {IGNORE} classes at most, not {classes}");
    ensure!(
        card.classes.is_empty() || card.classes.len() == classes,
        "{path} names {} classes and the network gives {classes}: the item does not belong to the file",
        card.classes.len()
    );
    class_values(card, classes).map(|_| ())
}

/// The map's value for each of the network's classes.
pub(super) fn class_values(card: &Card, classes: usize) -> Result<Vec<u8>> {
    if card.classes.is_empty() {
        return Ok((0..IGNORE).take(classes).collect());
    }
    let value = |class: &swath_catalog::classification::Class| {
        let value = u8::try_from(class.value).ok().filter(|value| *value != IGNORE);
        value.with_context(|| {
            format!(
                "{}: class {} has the value {}, and a map holds 0 to 254",
                card.path.display(),
                class.full_name(),
                class.value
            )
        })
    };
    card.classes.iter().map(value).collect()
}

/// Opens a scene as the model wants it; without a card, all its bands as they are.
pub(super) fn open(args: &TileArgs, reading: &ReadingArgs, card: Option<&Card>, scene: &Scene) -> Result<Dataset> {
    let (bands, normalise) = match card {
        None => (Vec::new(), Normalise::None),
        Some(card) => (band_names(card)?, scaling(card)?),
    };
    let recipe = Recipe { bands, window_px: args.tile, batch: usize::from(args.batch), normalise, ..Recipe::default() };
    let reading = reading.over(&Reading::default());
    let memory = reading.budget()?.unwrap_or_else(|| MemoryBudget::new(READING_BYTES));
    let options = Options { fetch: reading.fetch_options()?, memory: Some(memory), prefetch: 2, ..Options::default() };
    let dataset = Dataset::open_images(std::slice::from_ref(&scene.image), &recipe, &options)?;
    for contradiction in dataset.contradictions() {
        tracing::warn!("{contradiction}");
    }
    Ok(dataset)
}

fn band_names(card: &Card) -> Result<Vec<BandRef>> {
    let names = card.bands.iter().map(|band| band.name.clone().map(BandRef::Name));
    names.collect::<Option<Vec<_>>>().with_context(|| format!("{}: a band has no name", card.path.display()))
}

fn scaling(card: &Card) -> Result<Normalise> {
    let Some(scaling) = &card.scaling else {
        bail!(
            "{} does not say how pixel values are scaled (mlm:input value_scaling); add it, the map would be wrong without",
            card.path.display()
        )
    };
    Ok(Normalise::Fixed { scale: scaling.scale.clone(), offset: scaling.offset.clone() })
}
