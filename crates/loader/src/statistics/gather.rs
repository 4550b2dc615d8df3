//! Reading the training part once, on all workers, for its statistics.

use std::borrow::Cow;

use ndarray::Array2;
use swath_raster::{Pixels, Window, with_samples};

use super::{Statistics, Tally};
use crate::dataset::Inner;
use crate::develop::label_window;
use crate::error::Error;
use crate::parallel;
use crate::recipe::IGNORE;
use crate::scene::Scene;
use crate::split::Part;
use crate::tiling::Tiling;

/// Side of the windows that are read: a block or a few of most files, 2 MiB a band of uint16.
const WINDOW_PX: usize = 1024;

/// What some windows add up to.
pub(crate) struct Share {
    pub(crate) bands: Vec<Tally>,
    /// Pixels of each target value; those invalid in every band count as [`IGNORE`].
    pub(crate) targets: [u64; 256],
    pub(crate) invalid_px: u64,
}

impl Share {
    pub(crate) fn new(bands: usize) -> Share {
        Share { bands: vec![Tally::default(); bands], targets: [0; 256], invalid_px: 0 }
    }

    pub(crate) fn merge(&mut self, other: &Share) {
        self.bands.iter_mut().zip(&other.bands).for_each(|(own, other)| own.merge(other));
        self.targets.iter_mut().zip(other.targets).for_each(|(own, other)| *own += other);
        self.invalid_px += other.invalid_px;
    }

    /// Counts one window: the arrays of its layers and its targets `[row, col]`.
    pub(crate) fn add(&mut self, scene: &Scene, layers: &[Cow<'_, Pixels>], targets: &Array2<u8>) {
        let mut missing = vec![0u16; targets.len()];
        for (layer, pixels) in scene.layers.iter().zip(layers) {
            with_samples!(&pixels.samples, array => {
                for (band, values) in array.outer_iter().enumerate() {
                    let tally = &mut self.bands[layer.outputs[band]];
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
        let bands = usize::from(u16::try_from(scene.band_names().len()).unwrap_or(u16::MAX));
        for (&target, &missing) in targets.iter().zip(&missing) {
            let invalid = usize::from(missing) >= bands;
            self.invalid_px += u64::from(invalid);
            self.targets[usize::from(if invalid { IGNORE } else { target })] += 1;
        }
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
    share.add(scene, &pixels.arrays(scene)?, &label_window(scene, &pixels)?);
    Ok(())
}
