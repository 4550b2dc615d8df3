//! How a labelled dataset becomes samples, as a person writes it down: every setting of the loader, its default and its unit.
//!
//! A recipe is plain data. It is read from a `[recipe]` table of `swath.toml`, kept with the run's record, and holds all that
//! decides a batch: the same recipe on the same data gives the same bytes. What it asks for is checked by [`Recipe::check`]
//! before any pixel is read.

use serde::{Deserialize, Serialize};

use crate::augment::Step;
use crate::error::Error;
use crate::mix::Mix;
use crate::sampling::Sampling;

/// Target value of a pixel without a truth: nodata, outside the image, outside the part, not labelled.
pub const IGNORE: u8 = 255;

/// A band, by its name in the catalog (`"B04"`) or by its 1-based position in the file (`4`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BandRef {
    /// 1-based position in the file, as GDAL counts.
    Index(usize),
    /// Name as in the item's `bands` or `eo:bands`.
    Name(String),
}

/// What happens to an image, or the part of it being sampled, that is smaller than the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSmall {
    /// It lies at the upper left of the window; the rest is invalid (image 0 after normalisation, target [`IGNORE`]).
    #[default]
    Pad,
    /// It gives no sample; how many were skipped is counted.
    Skip,
}

/// The direction along which [`Split::Halves`] cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Train in the west, then validate, then test in the east.
    #[default]
    WestEast,
    /// Train in the north, then validate, then test in the south.
    NorthSouth,
}

/// Shares of the ground given to the three parts; they add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fractions {
    /// Share that is trained on.
    pub train: f64,
    /// Share looked at while training.
    #[serde(default)]
    pub validate: f64,
    /// Share that only the final judgement sees.
    #[serde(default)]
    pub test: f64,
}

impl Default for Fractions {
    fn default() -> Self {
        Self { train: 0.5, validate: 0.0, test: 0.5 }
    }
}

fn default_block_px() -> usize {
    512
}

/// Which ground is trained on and which is held out. The split is by position on the ground, never by item: the same
/// place on several dates is always on the same side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Split {
    /// Each connected area of overlapping images is cut into two or three strips along one axis.
    Halves {
        /// Direction of the cut.
        #[serde(default)]
        axis: Axis,
        /// Widths of the strips, in the order train, validate, test from west (or north).
        #[serde(default)]
        fractions: Fractions,
    },
    /// The ground is divided into square blocks that are dealt out at random.
    Blocks {
        /// Shares of the blocks.
        #[serde(default)]
        fractions: Fractions,
        /// Side of a block in pixels of the first image of its area.
        #[serde(default = "default_block_px")]
        block_px: usize,
        /// Seed of the deal; independent of the recipe's own seed so that runs can share one split.
        #[serde(default)]
        seed: u64,
    },
    /// Each item is wholly in the part that its `ml-aoi:split` names.
    MlAoi,
    /// Everything belongs to every part. Scores on it say nothing about unseen ground.
    None,
}

impl Default for Split {
    fn default() -> Self {
        Self::Halves { axis: Axis::default(), fractions: Fractions::default() }
    }
}

/// How pixel values become network inputs; computed in f32, band by band.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Normalise {
    /// `value`.
    #[default]
    None,
    /// `value * scale[band] + offset[band]`; one entry serves all bands.
    Fixed {
        /// Factor per band, or one for all.
        scale: Vec<f64>,
        /// Addend per band, or one for all.
        offset: Vec<f64>,
    },
    /// `(value - mean) / std` of the training part; a band that does not vary is only centred.
    MeanStd,
    /// `(value - min) / (max - min)` of the training part, not clipped outside of it.
    MinMax,
    /// As `min-max` between two percentiles of the training part.
    Percentile {
        /// Percentile that becomes 0, in 0..100.
        #[serde(default = "two")]
        low: f64,
        /// Percentile that becomes 1, in 0..100.
        #[serde(default = "ninety_eight")]
        high: f64,
    },
}

fn two() -> f64 {
    2.0
}

fn ninety_eight() -> f64 {
    98.0
}

/// Every setting of the loader. See each field for its meaning, unit and default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Bands in the order in which the network sees them; empty: all bands of the file, in its order.
    pub bands: Vec<BandRef>,
    /// Class names; the position of a name is its value in the target. At most 255.
    pub classes: Vec<String>,
    /// Class of ground that no label polygon covers; absent: such ground is ignored in training and scores.
    pub background: Option<String>,
    /// Label classes whose ground is ignored ([`IGNORE`]) in training and scores.
    pub ignore: Vec<String>,
    /// Side of the square window that is read, in pixels of the image (default 256).
    pub window_px: usize,
    /// Side of the square sample after augmentation, in pixels; absent: whatever the augmentations leave of the window.
    /// Where it differs from what they leave, image (bilinear) and target (nearest) are resized.
    pub output_px: Option<usize>,
    /// Which ground is trained on and which is held out.
    pub split: Split,
    /// How training windows are drawn.
    #[serde(deserialize_with = "crate::sampling::name_or_table")]
    pub sampling: Sampling,
    /// Windows per epoch; absent: as many as the training part's area holds without overlap, rounded up.
    pub samples: Option<usize>,
    /// Augmentations of training samples in order, named as in albumentations; what `A.to_dict` gives is read as well.
    #[serde(deserialize_with = "crate::augment::deserialize")]
    pub augment: Vec<Step>,
    /// Mixing of the samples of a training batch, after normalisation.
    pub mix: Vec<Mix>,
    /// The value that photometric augmentations take as full scale; absent: 255 for uint8, 1 for floating point,
    /// 10000 (reflectance 1) for other integers.
    pub max_value: Option<f32>,
    /// How pixel values become network inputs.
    pub normalise: Normalise,
    /// Samples per batch (default 8).
    pub batch: usize,
    /// Whether the last, smaller batch of an epoch is left out (default false). Evaluation always keeps it.
    pub drop_last: bool,
    /// Seed of sampling and augmentation.
    pub seed: u64,
    /// What happens to images smaller than the window.
    pub on_small: OnSmall,
    /// Training windows with a smaller share of valid, labelled pixels are drawn again (default 0: all are kept).
    pub min_valid: f64,
    /// Training windows with a larger share of nodata pixels are drawn again (default 1: all are kept).
    pub max_nodata: f64,
    /// Whether the geometry of an item says where its image has data (default true): ground outside of it is in no part.
    pub footprints: bool,
    /// An epoch larger than this many samples (default 128) is read in runs of so many, each shuffled; images are swept from one
    /// side to the other meanwhile. A smaller horizon needs less cache, a larger one mixes better.
    pub horizon: usize,
    /// Places that are swept in turn (default 4): other images, or other parts of one where there are fewer images. More mix
    /// better and need more cache.
    pub interleave: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            bands: Vec::new(),
            classes: Vec::new(),
            background: None,
            ignore: Vec::new(),
            window_px: 256,
            output_px: None,
            split: Split::default(),
            sampling: Sampling::default(),
            samples: None,
            augment: Vec::new(),
            mix: Vec::new(),
            max_value: None,
            normalise: Normalise::default(),
            batch: 8,
            drop_last: false,
            seed: 0,
            on_small: OnSmall::default(),
            min_valid: 0.0,
            max_nodata: 1.0,
            footprints: true,
            horizon: 128,
            interleave: 4,
        }
    }
}

/// Longest side of a window or sample: 16 384 px, a 1 GiB f32 sample of 4 bands. Larger is a slip of the pen.
const MAX_SIDE_PX: usize = 16_384;

/// Most samples in a batch, for the same reason.
const MAX_BATCH: usize = 65_536;

impl Recipe {
    /// The target value of a class, or `None` where the recipe does not name it.
    pub fn class_index(&self, name: &str) -> Option<u8> {
        self.classes.iter().position(|class| class == name).and_then(|index| u8::try_from(index).ok())
    }

    /// Checks what can be checked without data; [`crate::Dataset::open`] does it first.
    ///
    /// # Errors
    /// [`Error::Recipe`] names the field and what it must be.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |field: &str, reason: String| Err(Error::Recipe { field: field.into(), reason });
        if self.classes.is_empty() || self.classes.len() > usize::from(IGNORE) {
            return wrong("classes", format!("name 1 to 255 classes, not {}", self.classes.len()));
        }
        if let Some(twice) = self.classes.iter().enumerate().find(|(i, c)| self.classes[..*i].contains(c)) {
            return wrong("classes", format!("'{}' is named twice", twice.1));
        }
        if let Some(name) = self.background.as_ref().filter(|name| self.class_index(name).is_none()) {
            return wrong("background", format!("'{name}' is none of the classes {:?}", self.classes));
        }
        if let Some(name) = self.ignore.iter().find(|name| self.class_index(name).is_some()) {
            return wrong("ignore", format!("'{name}' is also one of the classes; name it in one of the two"));
        }
        if self.bands.contains(&BandRef::Index(0)) {
            return wrong("bands", "band positions start at 1".into());
        }
        for (field, side) in [("window_px", Some(self.window_px)), ("output_px", self.output_px)] {
            if side.is_some_and(|px| px == 0 || px > MAX_SIDE_PX) {
                return wrong(field, format!("must be 1 to {MAX_SIDE_PX} pixels"));
            }
        }
        if self.batch == 0 || self.batch > MAX_BATCH {
            return wrong("batch", format!("must be 1 to {MAX_BATCH} samples, not {}", self.batch));
        }
        if self.samples == Some(0) {
            return wrong("samples", "must be at least 1".into());
        }
        if self.horizon == 0 {
            return wrong("horizon", "must be at least 1 sample".into());
        }
        if self.interleave == 0 {
            return wrong("interleave", "must be at least 1".into());
        }
        if !(0.0..=1.0).contains(&self.min_valid) {
            return wrong("min_valid", format!("is a share in 0..1, not {}", self.min_valid));
        }
        if !(0.0..=1.0).contains(&self.max_nodata) {
            return wrong("max_nodata", format!("is a share in 0..1, not {}", self.max_nodata));
        }
        self.sampling.check(self)?;
        self.mix.iter().try_for_each(Mix::check)?;
        self.split.check()?;
        self.normalise.check()
    }
}

impl Split {
    fn check(&self) -> Result<(), Error> {
        let wrong = |field: &str, reason: String| Err(Error::Recipe { field: field.into(), reason });
        let fractions = match self {
            Self::Blocks { block_px: 0, .. } => return wrong("split.block_px", "must be at least 1 pixel".into()),
            Self::Blocks { fractions, .. } | Self::Halves { fractions, .. } => fractions,
            Self::MlAoi | Self::None => return Ok(()),
        };
        let shares = [fractions.train, fractions.validate, fractions.test];
        let sum: f64 = shares.iter().sum();
        // Decimal shares such as 0.7 + 0.2 + 0.1 miss 1 by a few units in the last place, never by a millionth.
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) || (sum - 1.0).abs() > 1e-6 {
            return wrong("split.fractions", format!("must be shares that add up to 1, not {shares:?}"));
        }
        Ok(())
    }
}

impl Normalise {
    /// Whether this needs statistics of the training part.
    pub fn needs_statistics(&self) -> bool {
        matches!(self, Self::MeanStd | Self::MinMax | Self::Percentile { .. })
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |field: &str, reason: String| Err(Error::Recipe { field: field.into(), reason });
        match self {
            Self::Percentile { low, high } if !(0.0 <= *low && low < high && *high <= 100.0) => {
                wrong("normalise", format!("percentiles must be 0 <= low < high <= 100, not {low} and {high}"))
            }
            Self::Fixed { scale, offset } if scale.is_empty() || offset.is_empty() => {
                wrong("normalise", "scale and offset need one value, or one per band".into())
            }
            Self::Fixed { scale, offset } if scale.iter().chain(offset).any(|value| !value.is_finite()) => {
                wrong("normalise", "scale and offset must be finite numbers".into())
            }
            _ => Ok(()),
        }
    }
}
