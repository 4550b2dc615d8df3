//! What a whole dataset looks like before anything is trained on it: every part and every image by itself, how bands go
//! together, and pixels picked for scatter plots. One pass in the order of the images, in memory that grows with their number
//! (some 10 KiB each) and not with their size.
//!
//! [`crate::Statistics`] is of the training part alone, and what a network is normalised by; a survey is for people.

mod gather;
mod moments;
mod points;

use moments::Group;
use serde::{Deserialize, Serialize};

use crate::Dataset;
use crate::error::Error;
use crate::split::Part;
use crate::statistics::{BandStatistics, Histogram, Statistics};

/// How closely a survey looks.
#[derive(Debug, Clone, Copy)]
pub struct SurveyOptions {
    /// Images are looked at in an overview whose longer side has about so many pixels; `None` reads every pixel. An overview
    /// holds averages, so that spreads come out smaller than they are.
    pub overview_px: Option<usize>,
    /// Labelled pixels picked per class for scatter plots (default 400), the same ones whatever the number of workers.
    pub points_per_class: usize,
}

impl Default for SurveyOptions {
    fn default() -> Self {
        Self { overview_px: None, points_per_class: 400 }
    }
}

/// What a dataset looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Names of the bands, in the order of the input.
    pub bands: Vec<String>,
    /// Names of the classes, in the order of their values.
    pub classes: Vec<String>,
    /// Each part that has ground. One alone, for training, where the recipe does not divide the ground.
    pub parts: Vec<PartSurvey>,
    /// Each image, in the order of [`Dataset::scenes`].
    pub scenes: Vec<SceneSurvey>,
    /// Pearson's correlation of bands `[band, band]` over pixels valid in all of them; `None` where a band has one value only.
    pub correlation: Vec<Vec<Option<f64>>>,
    /// Picked pixels, class after class.
    pub points: Vec<Point>,
}

/// One part of the ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartSurvey {
    /// Which part.
    pub part: Part,
    /// Images that have ground in it.
    pub scenes: usize,
    /// Its bands and classes.
    pub statistics: Statistics,
}

/// One image, all its parts together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneSurvey {
    /// The pair's id.
    pub id: String,
    /// Parts that it has ground in.
    pub parts: Vec<Part>,
    /// Pixels looked at.
    pub pixels: u64,
    /// Of these, nodata or masked in every band.
    pub invalid_px: u64,
    /// Valid pixels of each class, in the order of the classes.
    pub class_pixels: Vec<u64>,
    /// Valid pixels without a class.
    pub unlabelled_px: u64,
    /// Each band.
    pub bands: Vec<SceneBand>,
}

/// One band of one image, in measured values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneBand {
    /// Valid pixels.
    pub count: u64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation (divided by the number of pixels).
    pub std: f64,
    /// Values at each twentieth, from the smallest to the largest: 21 of them.
    pub twentieths: Vec<f64>,
    /// How often values lie in each stretch; not written with the rest.
    #[serde(skip)]
    pub histogram: Option<Histogram>,
}

/// A pixel picked for scatter plots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its class, an index into [`Survey::classes`].
    pub class: usize,
    /// Its measured values, one a band.
    pub values: Vec<f32>,
}

impl From<BandStatistics> for SceneBand {
    fn from(band: BandStatistics) -> Self {
        let twentieths = (0..=20).map(|i| band.percentile(5.0 * f64::from(i))).collect();
        Self {
            count: band.count,
            min: band.min,
            max: band.max,
            mean: band.mean,
            std: band.std,
            twentieths,
            histogram: Some(band.histogram),
        }
    }
}

impl Survey {
    /// For each image, how far each band's mean lies from that of all other images, in standard deviations of these; `None`
    /// where there are no others, or they have one value only. Positive where the image is brighter.
    pub fn shifts(&self) -> Vec<Vec<Option<f64>>> {
        let mut shifts = vec![Vec::with_capacity(self.bands.len()); self.scenes.len()];
        for band in 0..self.bands.len() {
            let of_scene = |scene: &SceneSurvey| {
                scene.bands.get(band).map_or_else(Group::default, |band| Group::new(band.count, band.mean, band.std))
            };
            let own: Vec<Group> = self.scenes.iter().map(of_scene).collect();
            // All images behind each one, and, going on, all before it: what is neither is the image itself.
            let mut behind = vec![Group::default(); own.len() + 1];
            for at in (0..own.len()).rev() {
                behind[at] = behind[at + 1].and(own[at]);
            }
            let mut before = Group::default();
            for (at, own) in own.into_iter().enumerate() {
                shifts[at].push(own.shift_from(before.and(behind[at + 1])));
                before = before.and(own);
            }
        }
        shifts
    }
}

impl Dataset {
    /// Looks at every image once, all parts of it.
    ///
    /// # Errors
    /// [`Error::EmptyPart`] where no image has ground in any part; whatever reading can fail with.
    pub fn survey(&self, options: &SurveyOptions) -> Result<Survey, Error> {
        gather::gather(&self.inner, options)
    }
}
