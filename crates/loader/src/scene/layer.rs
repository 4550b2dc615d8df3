//! One file of a scene: the bands that are read from it, and the way of a window from plan to pixels.

use std::sync::Arc;

use swath_catalog::AssetRef;
use swath_catalog::ml_aoi;
use swath_raster::{
    BlockCache, Blocks, Fetched, Fetcher, Grid, OntoPlan, Pixels, Raster, ReadPlan, ReadRequest, Resampling, Window,
};

use super::BandSource;
use super::bands::Chosen;
use crate::error::Error;

/// Longer side of the overview that tells where a file has data.
const OVERVIEW_PX: usize = 256;

/// Bands of one file.
#[derive(Debug)]
pub(crate) struct Layer {
    item: String,
    raster: Arc<Raster>,
    /// Bands of the file, from 0, in the order in which they are read.
    bands: Vec<usize>,
    /// Position of each in the input.
    pub(crate) outputs: Vec<usize>,
    /// Stored to measured value of each.
    pub(crate) scaling: Vec<(f64, f64)>,
    pub(crate) nodata: Option<f64>,
    /// Whether validity has to be asked for: there is a mask or an alpha band.
    pub(crate) has_mask: bool,
    /// How it comes onto the scene's grid, where its own is another one.
    onto: Option<Resampling>,
}

/// Sorts the bands of the input by file.
pub(super) fn layers(
    id: &str,
    files: &[(&AssetRef, Arc<Raster>)],
    chosen: &[Chosen],
    grid: &Grid,
) -> Result<Vec<Layer>, Error> {
    let mut layers = Vec::new();
    for (file, (asset, raster)) in files.iter().enumerate() {
        let mut own: Vec<(usize, &Chosen)> = chosen.iter().enumerate().filter(|(_, band)| band.file == file).collect();
        // An item may give each band a nodata value of its own.
        while let Some((_, first)) = own.first() {
            let nodata = first.nodata;
            let is_like = |(_, band): &(usize, &Chosen)| band.nodata.map(f64::to_bits) == nodata.map(f64::to_bits);
            let (these, others): (Vec<_>, Vec<_>) = own.into_iter().partition(is_like);
            own = others;
            let onto = if raster.header.grid.is_same_as(grid) { None } else { Some(resampling(id, asset)?) };
            layers.push(Layer {
                item: id.to_owned(),
                raster: raster.clone(),
                bands: these.iter().map(|(_, band)| band.band).collect(),
                outputs: these.iter().map(|(output, _)| *output).collect(),
                scaling: these.iter().map(|(_, band)| band.scaling).collect(),
                nodata,
                has_mask: has_mask(raster),
                onto,
            });
        }
    }
    Ok(layers)
}

fn has_mask(raster: &Raster) -> bool {
    raster.header.alpha_band.is_some() || raster.header.masks.iter().any(Option::is_some)
}

/// The method that the item names, else bilinear.
fn resampling(id: &str, asset: &AssetRef) -> Result<Resampling, Error> {
    match asset.resampling {
        None | Some(ml_aoi::Resampling::Bilinear) => Ok(Resampling::Bilinear),
        Some(ml_aoi::Resampling::Near) => Ok(Resampling::Nearest),
        Some(ml_aoi::Resampling::Cubic) => Ok(Resampling::Cubic),
        Some(ml_aoi::Resampling::Average) => Ok(Resampling::Average),
        Some(ml_aoi::Resampling::Mode) => Ok(Resampling::Mode),
        Some(other) => Err(Error::Bands {
            item: id.to_owned(),
            href: asset.href.to_string(),
            reason: format!("resampling by {other:?} is not supported; use near, bilinear, cubic, average or mode"),
        }),
    }
}

impl Layer {
    /// The first band of a raster label, nearest neighbour where its grid is another one.
    pub(crate) fn label(item: &str, raster: Arc<Raster>, grid: &Grid) -> Result<Layer, Error> {
        if raster.header.dtype.is_float() {
            let reason =
                format!("class values are whole numbers, and its pixels are {}; convert it", raster.header.dtype);
            return Err(Error::Label { href: raster.href.clone(), reason });
        }
        let onto = if raster.header.grid.is_same_as(grid) { None } else { Some(Resampling::Nearest) };
        Ok(Layer {
            item: item.to_owned(),
            bands: vec![0],
            outputs: vec![0],
            scaling: vec![(1.0, 0.0)],
            // The value map knows nodata; a mask is not obeyed for labels.
            nodata: None,
            has_mask: false,
            onto,
            raster,
        })
    }

    pub(crate) fn raster(&self) -> &Raster {
        &self.raster
    }

    /// Pixels of the file.
    pub(crate) fn pixels(&self) -> f64 {
        self.raster.header.grid.width_px as f64 * self.raster.header.grid.height_px as f64
    }

    pub(crate) fn is_scaled(&self) -> bool {
        self.scaling.iter().any(|scaling| *scaling != (1.0, 0.0))
    }

    /// Position in the input and source of each band.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, BandSource)> {
        let each = self.outputs.iter().zip(&self.bands).zip(&self.scaling);
        each.map(|((&output, &band), &(scale, offset))| {
            (output, BandSource { href: self.raster.href.clone(), band, scale, offset })
        })
    }

    pub(crate) fn failed(&self, window: Window, source: swath_raster::Error) -> Error {
        Error::Window { item: self.item.clone(), href: self.raster.href.clone(), window, source }
    }

    /// What to read for all of the file at the coarsest level that still tells windows apart; `None` where the file has no
    /// such overview, or another grid than the scene.
    pub(crate) fn overview(&self) -> Result<Option<ReadPlan>, Error> {
        let header = &self.raster.header;
        let side = |level: usize| header.level_grid(level).map_or(0, |grid| grid.width_px.max(grid.height_px));
        let level = (1..header.levels.len()).rev().find(|&level| side(level) >= OVERVIEW_PX);
        let level = level.or_else(|| (header.levels.len() > 1).then_some(1));
        let grid = level.and_then(|level| header.level_grid(level)).filter(|_| self.onto.is_none());
        let (Some(grid), Some(level)) = (grid, level) else { return Ok(None) };
        let request = ReadRequest {
            bands: Some(self.bands.clone()),
            level,
            with_validity: true,
            nodata: self.nodata,
            ..ReadRequest::window(grid.window())
        };
        ReadPlan::new(&self.raster, request).map(Some).map_err(|source| self.failed(grid.window(), source))
    }

    /// What to read for a coarser grid: bands from the overview that fits, labels as their pixels are.
    pub(crate) fn plan_coarse(&self, target: &Grid, is_label: bool) -> Result<LayerPlan, Error> {
        let method = if is_label { Resampling::Nearest } else { Resampling::Average };
        let plan = OntoPlan::new(&self.raster, Some(self.bands.clone()), target, method, self.nodata);
        plan.map(LayerPlan::Onto).map_err(|source| self.failed(target.window(), source))
    }

    /// What to read for a window of the scene's grid; `with_validity` where it has to be known value by value.
    pub(crate) fn plan(&self, grid: &Grid, window: Window, with_validity: bool) -> Result<LayerPlan, Error> {
        let bands = Some(self.bands.clone());
        match self.onto {
            None => {
                let request = ReadRequest {
                    bands,
                    with_validity: with_validity || self.has_mask,
                    nodata: self.nodata,
                    ..ReadRequest::window(window)
                };
                let plan = ReadPlan::new(&self.raster, request).map_err(|source| self.failed(window, source))?;
                Ok(LayerPlan::Direct(plan))
            }
            Some(method) => {
                let plan = OntoPlan::new(&self.raster, bands, &grid.of_window(&window), method, self.nodata);
                Ok(LayerPlan::Onto(plan.map_err(|source| self.failed(window, source))?))
            }
        }
    }
}

/// A planned read.
#[derive(Debug)]
pub(crate) enum LayerPlan {
    /// The file's own pixels.
    Direct(ReadPlan),
    /// Resampled or warped onto the scene's grid.
    Onto(OntoPlan),
}

impl LayerPlan {
    /// What is to be read; `None` where the window lies wholly outside the file.
    pub(crate) fn read(&self) -> Option<&ReadPlan> {
        match self {
            LayerPlan::Direct(plan) => Some(plan),
            LayerPlan::Onto(plan) => plan.read(),
        }
    }

    pub(crate) async fn fetch(self, fetcher: &Fetcher, cache: &BlockCache) -> swath_raster::Result<LayerBytes> {
        match self {
            LayerPlan::Direct(plan) => Ok(match cache.lookup(&plan) {
                Some(blocks) => LayerBytes::Held(blocks),
                None => LayerBytes::Fetched(fetcher.fetch(plan, cache).await?),
            }),
            LayerPlan::Onto(plan) => {
                let fetched = match plan.read() {
                    Some(read) => Some(Box::new(fetcher.fetch(read.clone(), cache).await?)),
                    None => None,
                };
                Ok(LayerBytes::Onto(Box::new(plan), fetched))
            }
        }
    }
}

/// What was fetched for a layer.
#[derive(Debug)]
pub(crate) enum LayerBytes {
    Held(Blocks),
    Fetched(Fetched),
    Onto(Box<OntoPlan>, Option<Box<Fetched>>),
}

impl LayerBytes {
    pub(crate) fn decode(self) -> swath_raster::Result<LayerPixels> {
        Ok(match self {
            LayerBytes::Held(blocks) => LayerPixels::Blocks(blocks),
            LayerBytes::Fetched(fetched) => LayerPixels::Blocks(fetched.decode()?),
            LayerBytes::Onto(plan, fetched) => {
                let source = fetched.map(|fetched| fetched.decode()?.to_pixels()).transpose()?;
                LayerPixels::Pixels(plan.apply(source)?)
            }
        })
    }
}

/// The pixels of a layer, on the scene's grid.
#[derive(Debug)]
pub(crate) enum LayerPixels {
    /// Still in their blocks.
    Blocks(Blocks),
    /// As an array.
    Pixels(Pixels),
}
