//! Boundary IoU (Cheng, Girshick, Dollár, Berg, Kirillov: Boundary IoU, CVPR 2021): how well outlines agree, which IoU hardly
//! feels where regions are large.
//!
//! The boundary region of a class in a map is the part of the class within `distance_px` of a counted pixel of another
//! class, in the chessboard metric (a step goes to any of the eight neighbours, as repeated erosion by 3 x 3 does). With
//! `T` and `P` these regions in truth and prediction, boundary IoU is `|T ∩ P| / |T ∪ P|`. The edge of a map and pixels that
//! are not counted are no boundary: they are where knowledge ends, not where a class does.

use ndarray::{Array2, ArrayView2, ArrayViewMut1, Axis, Zip};
use serde::{Deserialize, Serialize};

use super::{UNCOUNTED, mean};
use crate::error::{Result, TrainError};

/// Pixels of boundary regions by class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    classes: Vec<Counts>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    shared: u64,
    truth: u64,
    prediction: u64,
}

/// What follows from the counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoundaryMetrics {
    /// Boundary IoU by class; `None` where neither truth nor prediction has a boundary of it.
    pub classes: Vec<Option<f64>>,
    /// Mean over the classes that have one.
    pub mean_iou: Option<f64>,
}

impl Boundary {
    /// Nothing counted yet of classes `0..classes`.
    pub fn new(classes: usize) -> Self {
        Self { classes: vec![Counts::default(); classes] }
    }

    /// Counts class maps `[row, col]` whose boundary regions [`near_edges`] has found. [`UNCOUNTED`] pixels of the truth are
    /// left out, and so are values that are no class.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn add(
        &mut self,
        (truth, truth_edges): (ArrayView2<'_, u8>, ArrayView2<'_, bool>),
        (prediction, prediction_edges): (ArrayView2<'_, u8>, ArrayView2<'_, bool>),
    ) -> Result<()> {
        for shape in [truth_edges.shape(), prediction.shape(), prediction_edges.shape()] {
            if shape != truth.shape() {
                let expected = format!("{:?}", truth.shape());
                return Err(TrainError::Shape { name: "a map of edges".into(), expected, got: shape.to_vec() });
            }
        }
        let classes = &mut self.classes;
        Zip::from(&truth).and(&truth_edges).and(&prediction).and(&prediction_edges).for_each(
            |&truth, &at_truth, &prediction, &at_prediction| {
                if truth == UNCOUNTED {
                    return;
                }
                if let Some(counts) = classes.get_mut(usize::from(truth)).filter(|_| at_truth) {
                    counts.truth += 1;
                    counts.shared += u64::from(at_prediction && truth == prediction);
                }
                if let Some(counts) = classes.get_mut(usize::from(prediction)).filter(|_| at_prediction) {
                    counts.prediction += 1;
                }
            },
        );
        Ok(())
    }

    /// Adds what another has counted, so many times.
    pub fn merge_times(&mut self, other: &Self, times: u64) {
        for (own, other) in self.classes.iter_mut().zip(&other.classes) {
            own.shared += other.shared * times;
            own.truth += other.truth * times;
            own.prediction += other.prediction * times;
        }
    }

    /// What follows from the counts so far.
    pub fn metrics(&self) -> BoundaryMetrics {
        let iou = |counts: &Counts| {
            let union = counts.truth + counts.prediction - counts.shared;
            (union > 0).then(|| counts.shared as f64 / union as f64)
        };
        let classes: Vec<Option<f64>> = self.classes.iter().map(iou).collect();
        BoundaryMetrics { mean_iou: mean(classes.iter().flatten().copied()), classes }
    }
}

/// Where a counted pixel of another class lies within `distance_px` of a pixel, in the chessboard metric: `[row, col]` of a
/// class map `[row, col]`. False for [`UNCOUNTED`] pixels.
pub fn near_edges(map: ArrayView2<'_, u8>, distance_px: usize) -> Array2<bool> {
    // A window that holds two classes has another smallest than largest value. UNCOUNTED is the largest value there is, and
    // counts as 0 towards the largest, so that it decides neither: the pixel itself is counted.
    let mut smallest = map.to_owned();
    let mut largest = map.mapv(|value| if value == UNCOUNTED { 0 } else { value });
    for axis in [Axis(1), Axis(0)] {
        let mut scratch = Scratch::default();
        smallest.lanes_mut(axis).into_iter().for_each(|lane| scratch.windowed(lane, distance_px, UNCOUNTED, u8::min));
        largest.lanes_mut(axis).into_iter().for_each(|lane| scratch.windowed(lane, distance_px, 0, u8::max));
    }
    let mut edges = Array2::default(map.dim());
    Zip::from(&mut edges).and(&map).and(&smallest).and(&largest).for_each(|edge, &value, smallest, largest| {
        *edge = value != UNCOUNTED && smallest != largest;
    });
    edges
}

/// Buffers of [`Scratch::windowed`].
#[derive(Default)]
struct Scratch {
    from_left: Vec<u8>,
    from_right: Vec<u8>,
}

impl Scratch {
    /// Replaces each value by that of `pick` over all values within `radius` of it, in a time that does not depend on the
    /// radius (van Herk 1992, Gil and Werman 1993): every window is a stretch up to the next multiple of its length and one
    /// from there on.
    fn windowed(&mut self, mut lane: ArrayViewMut1<'_, u8>, radius: usize, neutral: u8, pick: fn(u8, u8) -> u8) {
        let length = lane.len();
        let radius = radius.min(length);
        let window = 2 * radius + 1;
        let padded = (length + 2 * radius).next_multiple_of(window);
        self.from_left.clear();
        self.from_left.resize(padded, neutral);
        self.from_left[radius..radius + length].iter_mut().zip(&lane).for_each(|(slot, value)| *slot = *value);
        self.from_right.clear();
        self.from_right.extend_from_slice(&self.from_left);
        for stretch in self.from_left.chunks_exact_mut(window) {
            for at in 1..window {
                stretch[at] = pick(stretch[at - 1], stretch[at]);
            }
        }
        for stretch in self.from_right.chunks_exact_mut(window) {
            for at in (1..window).rev() {
                stretch[at - 1] = pick(stretch[at], stretch[at - 1]);
            }
        }
        for (at, value) in lane.iter_mut().enumerate() {
            *value = pick(self.from_right[at], self.from_left[at + window - 1]);
        }
    }
}
