//! One image and its label, opened: which bands of which files make up the input, and how a window of them is read.
//!
//! Reading has three steps that different threads take: a plan (pure), fetching (async, on the I/O runtime), and decoding
//! (on a worker). All assets of a pair end up on one grid, the reference grid.

mod bands;
mod layer;
mod place;

pub(crate) use layer::{Layer, LayerBytes, LayerPixels, LayerPlan};
pub(crate) use place::{crs_of, placed};

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::{try_join, try_join_all};

use swath_catalog::AssetRef;
use swath_raster::{BlockCache, Fetcher, Grid, Pixels, Raster, ReadPlan, Window};

use crate::dataset::LabelSource;
use crate::error::Error;
use crate::recipe::Recipe;
use crate::sample::Domain;
use crate::truth::Truth;

/// Where a band of the input comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct BandSource {
    /// The file.
    pub href: String,
    /// Band of the file, from 0.
    pub band: usize,
    /// Measured value per stored one.
    pub scale: f64,
    /// Measured value of a stored 0.
    pub offset: f64,
}

/// An opened image with its label.
#[derive(Debug)]
pub struct Scene {
    id: Arc<str>,
    grid: Grid,
    band_names: Vec<String>,
    /// What the item says otherwise than the files, in words.
    pub(crate) contradictions: Vec<String>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) truth: Truth,
    pub(crate) domain: Domain,
}

impl Scene {
    /// The pair's id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The grid that windows refer to.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Names of the bands in the order of the input; `band N` where neither item nor file names them.
    pub fn band_names(&self) -> &[String] {
        &self.band_names
    }

    /// Where each band comes from, in the order of the input.
    pub fn band_sources(&self) -> Vec<BandSource> {
        let mut sources: Vec<(usize, BandSource)> = self.layers.iter().flat_map(Layer::sources).collect();
        sources.sort_by_key(|(output, _)| *output);
        sources.into_iter().map(|(_, source)| source).collect()
    }

    /// The value by which the first file says "nothing here", for outputs that keep it.
    pub fn nodata(&self) -> Option<f64> {
        self.layers.first().and_then(|layer| layer.nodata)
    }

    /// All of its rasters, the label's last.
    pub(crate) fn rasters(&self) -> impl Iterator<Item = &Raster> {
        let label = match &self.truth {
            Truth::Raster { layer, .. } => Some(&**layer),
            _ => None,
        };
        self.layers.iter().chain(label).map(Layer::raster)
    }

    /// Pixels of the label's file, where it is a raster.
    pub(crate) fn label_pixels(&self) -> Option<f64> {
        match &self.truth {
            Truth::Raster { layer, .. } => Some(layer.pixels()),
            _ => None,
        }
    }

    /// Opens the files of an image and its label.
    pub(crate) async fn open(
        id: &str,
        images: &[AssetRef],
        label: LabelSource,
        recipe: &Recipe,
        fetcher: &Fetcher,
    ) -> Result<Scene, Error> {
        let opened = images.iter().map(async |image| {
            let opened = fetcher.open(&image.href.to_string()).await;
            let raster = opened.map_err(|source| Error::Raster { item: id.to_owned(), source })?;
            Ok((image, placed(raster, &image.projection, id)?))
        });
        let files: Vec<(&AssetRef, Arc<Raster>)> = try_join_all(opened).await?;
        let grid = reference(&files).ok_or(Error::NoPairs)?;
        if grid.crs.is_none() {
            return Err(Error::NoCrs { item: id.to_owned(), href: images[0].href.to_string() });
        }
        let chosen = bands::choose(id, &files, &recipe.bands)?;
        let band_names = chosen.iter().map(|band| band.name.clone()).collect();
        let layers = layer::layers(id, &files, &chosen, &grid)?;
        let truth = label.open(recipe, &grid, fetcher).await?;
        let scaled = layers.iter().any(Layer::is_scaled);
        let dtype = files[0].1.header.dtype;
        Ok(Scene {
            id: Arc::from(id),
            grid,
            band_names,
            contradictions: bands::contradictions(id, &files, &chosen),
            layers,
            truth,
            domain: Domain::new(dtype, scaled, recipe.max_value),
        })
    }

    /// What to read for a window of the image, and of its label where that is a raster.
    pub(crate) fn plan(&self, window: Window, with_validity: bool) -> Result<ScenePlan, Error> {
        let layers = self
            .layers
            .iter()
            .map(|layer| layer.plan(&self.grid, window, with_validity))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ScenePlan { layers, ..self.plan_label(window)? })
    }

    /// What to read for a window of an overview's grid, and of its label where that is a raster.
    pub(crate) fn plan_overview(&self, overview: &Grid, window: Window) -> Result<ScenePlan, Error> {
        let target = overview.of_window(&window);
        let layers = self.layers.iter().map(|layer| layer.plan_coarse(&target, false)).collect::<Result<_, _>>()?;
        let label = match &self.truth {
            Truth::Raster { layer, .. } => Some(layer.plan_coarse(&target, true)?),
            _ => None,
        };
        Ok(ScenePlan { window, layers, label })
    }

    /// What to read for a window of the label alone.
    pub(crate) fn plan_label(&self, window: Window) -> Result<ScenePlan, Error> {
        let label = match &self.truth {
            Truth::Raster { layer, .. } => Some(layer.plan(&self.grid, window, false)?),
            _ => None,
        };
        Ok(ScenePlan { window, layers: Vec::new(), label })
    }
}

/// The grid of the asset marked as reference, else of the one with the smallest pixels.
fn reference(files: &[(&AssetRef, Arc<Raster>)]) -> Option<Grid> {
    let area = |raster: &Raster| {
        let (width, height) = raster.header.grid.pixel_size();
        width * height
    };
    let marked = files.iter().find(|(asset, _)| asset.reference_grid);
    let finest = || files.iter().min_by(|a, b| area(&a.1).total_cmp(&area(&b.1)));
    marked.or_else(finest).map(|(_, raster)| raster.header.grid.clone())
}

/// All reads of one window.
#[derive(Debug)]
pub(crate) struct ScenePlan {
    window: Window,
    layers: Vec<LayerPlan>,
    label: Option<LayerPlan>,
}

impl ScenePlan {
    /// What is to be read of each file.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &ReadPlan> {
        self.layers.iter().chain(&self.label).filter_map(LayerPlan::read)
    }

    /// Brings the blocks, of all layers at once; those that the cache holds cost nothing.
    pub(crate) async fn fetch(self, scene: &Scene, fetcher: &Fetcher, cache: &BlockCache) -> Result<SceneBytes, Error> {
        let window = self.window;
        let bring = async |plan: LayerPlan, layer: &Layer| {
            plan.fetch(fetcher, cache).await.map_err(|source| layer.failed(window, source))
        };
        let layers = try_join_all(self.layers.into_iter().zip(&scene.layers).map(|(plan, layer)| bring(plan, layer)));
        let label = async {
            match (self.label, &scene.truth) {
                (Some(plan), Truth::Raster { layer, .. }) => bring(plan, layer).await.map(Some),
                _ => Ok(None),
            }
        };
        let (layers, label) = try_join(layers, label).await?;
        Ok(SceneBytes { window, layers, label })
    }
}

/// The blocks of one window, as they were fetched.
#[derive(Debug)]
pub(crate) struct SceneBytes {
    window: Window,
    layers: Vec<LayerBytes>,
    label: Option<LayerBytes>,
}

impl SceneBytes {
    /// Decodes them on the calling thread.
    pub(crate) fn decode(self, scene: &Scene) -> Result<ScenePixels, Error> {
        let decode =
            |bytes: LayerBytes, layer: &Layer| bytes.decode().map_err(|source| layer.failed(self.window, source));
        let layers = self.layers.into_iter().zip(&scene.layers).map(|(bytes, layer)| decode(bytes, layer));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let label = match (self.label, &scene.truth) {
            (Some(bytes), Truth::Raster { layer, .. }) => Some(decode(bytes, layer)?),
            _ => None,
        };
        Ok(ScenePixels { window: self.window, layers, label })
    }
}

/// The decoded pixels of one window.
#[derive(Debug)]
pub(crate) struct ScenePixels {
    pub(crate) window: Window,
    pub(crate) layers: Vec<LayerPixels>,
    pub(crate) label: Option<LayerPixels>,
}

impl ScenePixels {
    /// Each layer as one array `[band, row, col]`.
    pub(crate) fn arrays(&self, scene: &Scene) -> Result<Vec<Cow<'_, Pixels>>, Error> {
        let mut arrays = Vec::with_capacity(self.layers.len());
        for (layer, pixels) in scene.layers.iter().zip(&self.layers) {
            arrays.push(match pixels {
                LayerPixels::Pixels(pixels) => Cow::Borrowed(pixels),
                LayerPixels::Blocks(blocks) => {
                    Cow::Owned(blocks.to_pixels().map_err(|source| layer.failed(self.window, source))?)
                }
            });
        }
        Ok(arrays)
    }
}
