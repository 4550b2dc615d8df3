//! Onto any grid, in any CRS: which level and window of a file a target grid needs, and the target's pixels from these.

use crate::{Grid, Pixels, Raster, ReadPlan, Resampling, Result};
use std::sync::Arc;

/// How a file's pixels come onto a target grid: what to read, then what to make of it.
///
/// The coarsest overview that is still as fine as the target is read.
#[derive(Clone, Debug)]
pub struct OntoPlan {
    read: Option<ReadPlan>,
    target: Grid,
}

impl OntoPlan {
    /// Plans the reading of `bands` (from 0; `None` for all) onto `target`. Both CRS may be the same or different.
    ///
    /// # Errors
    /// [`Error::NoCrs`](crate::Error::NoCrs) where one side has a CRS and the other none; as
    /// [`Transformer::new`](crate::Transformer::new) and [`ReadPlan::new`].
    pub fn new(
        raster: &Arc<Raster>,
        bands: Option<Vec<usize>>,
        target: &Grid,
        method: Resampling,
        nodata: Option<f64>,
    ) -> Result<OntoPlan> {
        unimplemented!("{raster:?} {bands:?} {target:?} {method:?} {nodata:?}")
    }

    /// What is to be read; `None` where the target lies wholly outside the file.
    pub fn read(&self) -> Option<&ReadPlan> {
        self.read.as_ref()
    }

    /// The target's pixels, validity included, from what was read.
    ///
    /// # Errors
    /// [`Error::Projection`](crate::Error::Projection) where the CRS cannot be computed.
    pub fn apply(&self, source: Option<Pixels>) -> Result<Pixels> {
        unimplemented!("{source:?} {:?}", self.target)
    }
}
