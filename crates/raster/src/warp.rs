//! Onto any grid, in any CRS: which level and window of a file a target grid needs, and the target's pixels from these.

use crate::resample::{self, Exact, Mapping};
use crate::{
    Bounds, Crs, Error, Grid, Pixels, Raster, ReadPlan, ReadRequest, Resampling, Result, Samples, Transformer, Window,
};
use ndarray::Array3;
use std::sync::Arc;

/// Points along each side of the target at which the needed part of the source is looked for.
const PROBES: usize = 21;

/// How a file's pixels come onto a target grid: what to read, then what to make of it.
///
/// The coarsest overview that is still as fine as the target is read, except for labels (nearest and mode), whose overviews
/// may have been averaged.
#[derive(Clone, Debug)]
pub struct OntoPlan {
    read: Option<ReadPlan>,
    raster: Arc<Raster>,
    bands: usize,
    target: Grid,
    method: Resampling,
    nodata: Option<f64>,
}

impl OntoPlan {
    /// Plans the reading of `bands` (from 0; `None` for all) onto `target`. Both CRS may be the same or different.
    /// `nodata` is used instead of the file's.
    ///
    /// # Errors
    /// [`Error::WindowTooLarge`] where the target would take more memory than the file's limits allow;
    /// [`Error::NoCrs`] where one side has a CRS and the other none; as [`Transformer::new`] and [`ReadPlan::new`].
    pub fn new(
        raster: &Arc<Raster>,
        bands: Option<Vec<usize>>,
        target: &Grid,
        method: Resampling,
        nodata: Option<f64>,
    ) -> Result<OntoPlan> {
        let header = &raster.header;
        check_size(raster, bands.as_ref().map_or(header.bands.len(), Vec::len), target)?;
        let exact = exact(&header.grid, target, &raster.href)?;
        let ratio = exact.scale(target.width_px, target.height_px);
        let fits = if method.keeps_values() { 0 } else { header.level_for(ratio.0.min(ratio.1)) };
        // An overview without the mask that the full resolution has would pass masked pixels off as valid.
        let is_unmasked = |level: usize| header.masks[0].is_some() && header.masks[level].is_none();
        let level = if is_unmasked(fits) { 0 } else { fits };
        let grid = header.level_grid(level).unwrap_or_else(|| header.grid.clone());
        let shrink = header.grid.width_px as f64 / grid.width_px as f64;
        let needed = needed(&grid, target, method, (ratio.0.max(ratio.1)) / shrink, &raster.href)?;
        let request = |window| ReadRequest { window, bands: bands.clone(), level, with_validity: true, nodata };
        let read = needed.map(|window| ReadPlan::new(raster, request(window))).transpose()?;
        let bands = bands.as_ref().map_or(header.bands.len(), Vec::len);
        let nodata = nodata.or(header.nodata);
        Ok(OntoPlan { read, raster: raster.clone(), bands, target: target.clone(), method, nodata })
    }

    /// What is to be read; `None` where the target lies wholly outside the file.
    pub fn read(&self) -> Option<&ReadPlan> {
        self.read.as_ref()
    }

    /// The target's pixels, validity included, from what was read: all nodata (or 0) and invalid where nothing was.
    ///
    /// # Errors
    /// [`Error::UnknownCrs`] and [`Error::SingularTransform`], both met already when the plan was made.
    pub fn apply(&self, source: Option<Pixels>) -> Result<Pixels> {
        let target = &self.target;
        let Some(source) = source else {
            let shape = (self.bands, target.height_px, target.width_px);
            let samples = Samples::filled(self.raster.header.dtype, shape, self.nodata.unwrap_or(0.0));
            return Ok(Pixels { samples, valid: Some(Array3::from_elem(shape, false)), grid: target.clone() });
        };
        let exact = exact(&source.grid, target, &self.raster.href)?;
        let mapping = match exact.affine(target.width_px, target.height_px) {
            Some(affine) => Mapping::affine(affine),
            None => Mapping::projected(exact, target.width_px, target.height_px),
        };
        Ok(resample::apply(&source, target, &mapping, self.method, self.nodata))
    }
}

/// The target's pixels have the limit of a window that is read as it lies.
fn check_size(raster: &Raster, bands: usize, target: &Grid) -> Result<()> {
    let limit_bytes = raster.limits.window_bytes;
    let sizes = [target.width_px, target.height_px, bands, raster.header.dtype.size_bytes()];
    // A side of 0 does not make up for one that no array can have.
    let bytes = sizes.iter().fold(1_u64, |bytes, &size| bytes.saturating_mul(size.max(1) as u64));
    if bytes > limit_bytes {
        let window = target.window();
        return Err(Error::WindowTooLarge { href: raster.href.clone(), window, bytes, limit_bytes });
    }
    Ok(())
}

/// The exact way from target to source pixels.
fn exact(source: &Grid, target: &Grid, href: &str) -> Result<Exact> {
    let missing = |what: &str| Error::NoCrs { what: what.to_owned() };
    let project = match (&target.crs, &source.crs) {
        (Some(from), Some(to)) => Transformer::new(from, to)?,
        // Without any CRS both are taken to be in the same plane.
        (None, None) => Transformer::new(&Crs::wgs84(), &Crs::wgs84())?,
        (Some(_), None) => return Err(missing(href)),
        (None, Some(_)) => return Err(missing("the target grid")),
    };
    let (middle, _) = source.transform.apply(source.width_px as f64 / 2.0, source.height_px as f64 / 2.0);
    let middle_deg = source.crs.as_ref().filter(|crs| crs.is_geographic()).map(|_| middle);
    Ok(Exact { to_crs: target.transform, project, middle_deg, to_px: source.crs_to_px()? })
}

/// The window of `source` that `target` needs; `None` where they do not meet.
fn needed(source: &Grid, target: &Grid, method: Resampling, ratio: f64, href: &str) -> Result<Option<Window>> {
    let exact = exact(source, target, href)?;
    let at = |i: usize, size: usize| size as f64 * i as f64 / (PROBES - 1) as f64;
    let probes =
        (0..PROBES * PROBES).map(|i| exact.at(at(i % PROBES, target.width_px), at(i / PROBES, target.height_px)));
    let Some(px) = Bounds::of_points(probes) else { return Ok(None) };
    // Between probes a curved edge bulges by less than a tenth of the probes' distance.
    let slack_x = (px.max_x - px.min_x) / (PROBES - 1) as f64 * 0.1;
    let slack_y = (px.max_y - px.min_y) / (PROBES - 1) as f64 * 0.1;
    let reach = method.reach_px(ratio);
    let clamp = |value: f64, size: usize| value.clamp(0.0, size as f64);
    let left = clamp((px.min_x - reach - slack_x).floor(), source.width_px);
    let top = clamp((px.min_y - reach - slack_y).floor(), source.height_px);
    let right = clamp((px.max_x + reach + slack_x).ceil(), source.width_px);
    let bottom = clamp((px.max_y + reach + slack_y).ceil(), source.height_px);
    let window = Window::new(left as i64, top as i64, (right - left) as usize, (bottom - top) as usize);
    Ok((!window.is_empty()).then_some(window))
}
