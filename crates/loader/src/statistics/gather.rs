//! Reading the training part once, on all workers, for its statistics.

use swath_raster::{Window, with_samples};

use super::{Statistics, Tally};
use crate::dataset::Inner;
use crate::develop::label_window;
use crate::error::Error;
use crate::parallel;
use crate::recipe::IGNORE;
use crate::scene::{LayerPixels, ScenePixels};
use crate::split::Part;
use crate::tiling::Tiling;

/// Side of the windows that are read: a block or a few of most files, 2 MiB a band of uint16.
const WINDOW_PX: usize = 1024;

/// What one window adds.
struct Share {
    bands: Vec<Tally>,
    targets: [u64; 256],
    invalid_px: u64,
}

impl Share {
    fn new(bands: usize) -> Share {
        Share { bands: vec![Tally::default(); bands], targets: [0; 256], invalid_px: 0 }
    }

    fn merge(&mut self, other: &Share) {
        self.bands.iter_mut().zip(&other.bands).for_each(|(own, other)| own.merge(other));
        self.targets.iter_mut().zip(other.targets).for_each(|(own, other)| *own += other);
        self.invalid_px += other.invalid_px;
    }
}

/// Reads every pixel of the training part once.
pub(crate) fn gather(dataset: &Inner) -> Result<Statistics, Error> {
    let windows = windows(dataset)?;
    let bands = dataset.scenes.first().map_or(&[][..], |scene| scene.band_names());
    // Each thread sums up runs of windows, so that there are few sums to add.
    let runs: Vec<&[(usize, Window)]> = windows.chunks(RUN).collect();
    let shares = parallel::map(dataset.options.threads(), &runs, |windows| {
        let mut share = Share::new(bands.len());
        windows.iter().try_for_each(|&(scene, window)| add(dataset, scene, window, &mut share)).map(|()| share)
    });
    let mut total = Share::new(bands.len());
    for share in shares {
        total.merge(&share?);
    }
    let named = bands.iter().cloned().zip(total.bands).collect();
    Ok(Statistics::from_tallies(named, &dataset.recipe.classes, &total.targets, total.invalid_px))
}

/// Windows that one thread sums up in one go.
const RUN: usize = 8;

fn windows(dataset: &Inner) -> Result<Vec<(usize, Window)>, Error> {
    let mut windows = Vec::new();
    for (scene, parts) in dataset.parts.iter().enumerate() {
        for rectangle in parts.rectangles(Part::Train) {
            windows.extend(Tiling::new(rectangle, WINDOW_PX, 0)?.tiles().map(|tile| (scene, tile.core)));
        }
    }
    match windows.is_empty() {
        true => Err(Error::EmptyPart { part: Part::Train, window_px: 1, reason: "no ground is in it".to_owned() }),
        false => Ok(windows),
    }
}

fn add(dataset: &Inner, scene: usize, window: Window, share: &mut Share) -> Result<(), Error> {
    let scene = &dataset.scenes[scene];
    let pixels = dataset.io.read(scene, window, true)?;
    let size = window.width_px * window.height_px;
    let mut missing = vec![0u16; size];
    for (layer, from) in scene.layers.iter().zip(&pixels.layers) {
        let held;
        let pixels = match from {
            LayerPixels::Pixels(pixels) => pixels,
            LayerPixels::Blocks(blocks) => {
                held = blocks.to_pixels().map_err(|source| layer.failed(window, source))?;
                &held
            }
        };
        with_samples!(&pixels.samples, array => {
            for (band, values) in array.outer_iter().enumerate() {
                let tally = &mut share.bands[layer.outputs[band]];
                match pixels.valid.as_ref().map(|valid| valid.index_axis(ndarray::Axis(0), band)) {
                    None => tally.add(values.iter().copied(), layer.scaling[band]),
                    Some(valid) => {
                        let pairs = values.iter().copied().zip(valid.iter());
                        tally.add(pairs.filter(|(_, valid)| **valid).map(|(value, _)| value), layer.scaling[band]);
                        missing.iter_mut().zip(valid).filter(|(_, valid)| !**valid).for_each(|(count, _)| *count += 1);
                    }
                }
            }
        });
    }
    count_targets(dataset, &pixels, scene, &missing, share)
}

fn count_targets(
    dataset: &Inner,
    pixels: &ScenePixels,
    scene: &crate::Scene,
    missing: &[u16],
    share: &mut Share,
) -> Result<(), Error> {
    let bands = usize::from(u16::try_from(scene.band_names().len()).unwrap_or(u16::MAX));
    debug_assert_eq!(dataset.recipe.classes.len().min(255), dataset.recipe.classes.len());
    for (&target, &missing) in label_window(scene, pixels)?.iter().zip(missing) {
        let invalid = usize::from(missing) >= bands;
        share.invalid_px += u64::from(invalid);
        share.targets[usize::from(if invalid { IGNORE } else { target })] += 1;
    }
    Ok(())
}
