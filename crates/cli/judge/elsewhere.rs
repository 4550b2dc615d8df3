//! What copying the label of another date would score: the answer that needs no network, where ground has been labelled before.
//!
//! Of each judged pixel the label of the image nearest in time is taken that covers the same ground, has another date and has
//! a label there; of two that are as near, the one named first. Pixels that no other date has labelled are left out, and what
//! the network scores on the rest is counted beside it.

use anyhow::Result;
use ndarray::Array2;
use swath_loader::{Dataset, IGNORE};
use swath_raster::{Affine, Bounds, Window};
use swath_train::metrics::Confusion;

use super::Origin;

/// Both answers on the pixels that another date has labelled.
#[derive(Debug, Clone)]
pub(crate) struct Copied {
    /// The other date's label against the truth.
    pub(crate) copy: Confusion,
    /// The network's prediction against the truth.
    pub(crate) network: Confusion,
    /// Judged images of which some pixel has been labelled on another date, and all of them.
    pub(crate) images: [usize; 2],
    /// Whether samples were resized, so that their pixels are not those of a label.
    pub(crate) is_resized: bool,
}

/// Finds labels of other dates.
#[derive(Debug)]
pub(super) struct Elsewhere<'a> {
    dataset: &'a Dataset,
    origins: &'a [Origin],
    bounds: Vec<Bounds>,
}

impl<'a> Elsewhere<'a> {
    pub(super) fn new(dataset: &'a Dataset, origins: &'a [Origin]) -> Self {
        Self { dataset, origins, bounds: dataset.scenes().iter().map(|scene| scene.grid().bounds()).collect() }
    }

    /// Scenes of the same ground with another date, the nearest in time first.
    pub(super) fn others(&self, scene: usize) -> Vec<usize> {
        let scenes = self.dataset.scenes();
        let crs = &scenes[scene].grid().crs;
        let same_ground = |other: usize| {
            self.bounds[scene].intersection(&self.bounds[other]).is_some() && scenes[other].grid().crs == *crs
        };
        let mut others: Vec<usize> =
            (0..scenes.len()).filter(|&other| self.is_another_date(scene, other) && same_ground(other)).collect();
        others.sort_by_key(|&other| self.days_apart(scene, other));
        others
    }

    fn is_another_date(&self, scene: usize, other: usize) -> bool {
        let (Some(a), Some(b)) = (self.origins.get(scene), self.origins.get(other)) else { return false };
        match (a.datetime, b.datetime) {
            (Some(a), Some(b)) => a != b,
            _ => a.image != b.image,
        }
    }

    fn days_apart(&self, scene: usize, other: usize) -> u64 {
        let at = |scene: usize| self.origins.get(scene).and_then(|origin| origin.datetime);
        let apart = at(scene).zip(at(other)).map(|(a, b)| (a - b).num_seconds().unsigned_abs());
        apart.unwrap_or(u64::MAX)
    }

    /// Labels of other dates on a window of a scene, `[row, col]`; [`IGNORE`] where none has one.
    pub(super) fn labels(&self, scene: usize, others: &[usize], window: &Window) -> Result<Array2<u8>> {
        let mut labels = Array2::from_elem((window.height_px, window.width_px), IGNORE);
        let grid = self.dataset.scenes()[scene].grid();
        for &other in others {
            let other_grid = self.dataset.scenes()[other].grid();
            let to_other = other_grid.crs_to_px()?.compose(&grid.of_window(window).transform);
            let Some(there) = covered(&to_other, window, &other_grid.window()) else { continue };
            let values = self.dataset.label(other, there)?;
            for ((row, col), label) in labels.indexed_iter_mut().filter(|(_, label)| **label == IGNORE) {
                let (x, y) = to_other.apply(col as f64 + 0.5, row as f64 + 0.5);
                let at = |place: f64, first: i64| usize::try_from(place.floor() as i64 - first).ok();
                if let Some(value) = at(y, there.row_px).zip(at(x, there.col_px)).and_then(|at| values.get(at)) {
                    *label = *value;
                }
            }
            if labels.iter().all(|label| *label != IGNORE) {
                break;
            }
        }
        Ok(labels)
    }
}

/// The pixels of another image under a window, whose pixels `to_other` takes there; `None` where there are none.
fn covered(to_other: &Affine, window: &Window, image: &Window) -> Option<Window> {
    let (width, height) = (window.width_px as f64, window.height_px as f64);
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
    let [left, top, right, bottom] = Bounds::of_points(corners.map(|(col, row)| to_other.apply(col, row)))?.to_array();
    let image_end = (image.width_px as f64, image.height_px as f64);
    let (left, right) = (left.floor().max(0.0), right.ceil().min(image_end.0));
    let (top, bottom) = (top.floor().max(0.0), bottom.ceil().min(image_end.1));
    let size = |from: f64, to: f64| (to > from).then_some((to - from) as usize);
    Some(Window::new(left as i64, top as i64, size(left, right)?, size(top, bottom)?))
}
