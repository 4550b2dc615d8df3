//! What an item says of its data and labels, from which may follow that no window of its image can be used.
//!
//! Only what is certain counts: a total is a bound for every window.

use swath_catalog::Pair;
use swath_catalog::pairing::LabelKind;

use crate::recipe::Recipe;
use crate::scene::Scene;

/// Whether the item's own figures rule out that any window has as much data and as many labels as the recipe asks for.
pub(crate) fn is_hopeless(pair: &Pair, scene: &Scene, recipe: &Recipe) -> bool {
    let pixels = scene.grid().width_px as f64 * scene.grid().height_px as f64;
    let window = (recipe.window_px as f64).powi(2);
    let valid = valid_share(pair).map_or(pixels, |share| share * pixels);
    let labelled = labelled_share(pair, scene, recipe).map_or(pixels, |share| share * pixels);
    valid < (1.0 - recipe.max_nodata) * window || valid.min(labelled) < recipe.min_valid * window
}

/// Largest share of valid pixels that the statistics of any band give.
fn valid_share(pair: &Pair) -> Option<f64> {
    let bands: Vec<Option<f64>> =
        pair.images.iter().flat_map(|image| &image.bands).map(|band| band.valid_percent).collect();
    let shares: Vec<f64> = bands.into_iter().collect::<Option<_>>()?;
    shares.into_iter().filter(|percent| (0.0..=100.0).contains(percent)).reduce(f64::max).map(|percent| percent / 100.0)
}

/// Largest share of pixels that have a target, by the item's counts.
fn labelled_share(pair: &Pair, scene: &Scene, recipe: &Recipe) -> Option<f64> {
    let counts = &pair.label.counts;
    if counts.is_empty() {
        return None;
    }
    let counted = counts.iter().filter(|count| recipe.class_index(&count.name).is_some());
    let total = counted.map(|count| count.count as f64).sum::<f64>();
    match &pair.label.kind {
        // Features say nothing of their area, but where there is none and no background, nothing is labelled.
        LabelKind::Vector { background, .. } => {
            let has_background = recipe.background.is_some() || background.is_some();
            (total == 0.0 && !has_background).then_some(0.0)
        }
        LabelKind::Raster { .. } => scene.label_pixels().map(|pixels| (total / pixels).min(1.0)),
    }
}
