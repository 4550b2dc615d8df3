//! The files of a map: which there are, how each is written, and the rows that go into all of them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ndarray::{Array3, ArrayView2, ArrayView3, Axis, s};
use swath_loader::IGNORE;
use swath_raster::{ColorTable, DType, Grid, Resampling, Samples, WriteOptions, Writer, WriterCompression};

use super::polygons::Polygons;
use super::{PredictArgs, Probabilities, decide};
use crate::network::Card;
use crate::summary::parse_colour;

/// Where the files of a map lie.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) map: PathBuf,
    pub(super) item: PathBuf,
    pub(super) probabilities: Option<PathBuf>,
    pub(super) entropy: Option<PathBuf>,
    pub(super) polygons: Option<PathBuf>,
}

impl Paths {
    pub(super) fn new(args: &PredictArgs, map: PathBuf) -> Self {
        Self {
            item: map.with_extension("json"),
            probabilities: args.probabilities.map(|_| map.with_extension("probabilities.tif")),
            entropy: args.entropy.then(|| map.with_extension("entropy.tif")),
            polygons: args.polygons.clone(),
            map,
        }
    }

    /// All that are written.
    pub(super) fn all(&self) -> impl Iterator<Item = &Path> {
        let further = [&self.probabilities, &self.entropy, &self.polygons].into_iter().flatten();
        [&self.map, &self.item].into_iter().chain(further).map(PathBuf::as_path)
    }
}

/// What is computed of each pixel beside its class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Products {
    probabilities: Option<Probabilities>,
    entropy: bool,
}

/// Finished rows over the whole width: the class, then the other products in their order.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) row_px: usize,
    pub(super) arrays: Vec<Samples>,
}

impl Products {
    /// Rows to be filled.
    pub(super) fn band(self, row_px: usize, rows: usize, width: usize, classes: usize) -> Band {
        let mut arrays = vec![Samples::U8(Array3::zeros((1, rows, width)))];
        match self.probabilities {
            Some(Probabilities::Uint8) => arrays.push(Samples::U8(Array3::zeros((classes, rows, width)))),
            Some(Probabilities::Float32) => arrays.push(Samples::F32(Array3::zeros((classes, rows, width)))),
            None => {}
        }
        if self.entropy {
            arrays.push(Samples::F32(Array3::zeros((1, rows, width))));
        }
        Band { row_px, arrays }
    }
}

impl Band {
    /// Rows of the band.
    pub(super) fn rows(&self) -> usize {
        self.arrays.first().map_or(0, |array| array.shape().1)
    }

    /// Fills the columns from `col_px` on with what blended scores `[class, row, col]` say.
    pub(super) fn fill(
        &mut self,
        col_px: usize,
        scores: ArrayView3<'_, f32>,
        valid: ArrayView2<'_, u8>,
        values: &[u8],
    ) {
        let cols = col_px..col_px + scores.len_of(Axis(2));
        for (index, array) in self.arrays.iter_mut().enumerate() {
            match array {
                Samples::U8(array) if index == 0 => {
                    decide::classes(scores, valid, values, array.slice_mut(s![0, .., cols.clone()]));
                }
                Samples::U8(array) => decide::steps(scores, valid, array.slice_mut(s![.., .., cols.clone()])),
                // Two classes and more have as many layers of probabilities; entropy is one.
                Samples::F32(array) if array.len_of(Axis(0)) == 1 => {
                    decide::entropy(scores, valid, array.slice_mut(s![0, .., cols.clone()]));
                }
                Samples::F32(array) => decide::floats(scores, valid, array.slice_mut(s![.., .., cols.clone()])),
                _ => {}
            }
        }
    }
}

/// The open files of a map. Nothing lies under a final name before [`Outputs::finish`].
#[derive(Debug)]
pub(super) struct Outputs {
    products: Products,
    writers: Vec<Writer>,
    polygons: Option<Polygons>,
    rows: usize,
}

impl Outputs {
    /// Opens all files that were asked for.
    pub(super) fn create(args: &PredictArgs, card: &Card, grid: &Grid, values: &[u8], paths: &Paths) -> Result<Self> {
        let mut outputs = Self::class_map(Some(card), grid, paths.map.clone())?;
        outputs.products = Products { probabilities: args.probabilities, entropy: args.entropy };
        let names = card.class_names();
        let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| format!("class {}", values[index]));
        let names: Vec<String> = (0..values.len()).map(name).collect();
        if let (Some(path), Some(kind)) = (&paths.probabilities, args.probabilities) {
            let (dtype, options) = probability_options(kind, grid, &names);
            outputs.writers.push(Writer::create(path, grid, names.len(), dtype, options)?);
        }
        if let Some(path) = &paths.entropy {
            outputs.writers.push(Writer::create(
                path,
                grid,
                1,
                DType::F32,
                float_options(grid, vec!["entropy".into()]),
            )?);
        }
        if let Some(path) = &paths.polygons {
            let named = values.iter().copied().zip(names).collect();
            outputs.polygons = Some(Polygons::create(path, grid, named, args.min_area, args.simplify)?);
        }
        Ok(outputs)
    }

    /// Opens the class map alone.
    pub(super) fn class_map(card: Option<&Card>, grid: &Grid, map: PathBuf) -> Result<Self> {
        let writers = vec![Writer::create(&map, grid, 1, DType::U8, class_options(card))?];
        Ok(Self { products: Products { probabilities: None, entropy: false }, writers, polygons: None, rows: 0 })
    }

    pub(super) fn products(&self) -> Products {
        self.products
    }

    /// Rows written so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the next rows to every file.
    pub(super) fn write(&mut self, band: &Band) -> Result<()> {
        for (writer, array) in self.writers.iter_mut().zip(&band.arrays) {
            writer.write_rows(array)?;
        }
        if let (Some(polygons), Some(Samples::U8(classes))) = (&mut self.polygons, band.arrays.first()) {
            classes.index_axis(Axis(0), 0).outer_iter().try_for_each(|row| polygons.push(row))?;
        }
        self.rows += band.rows();
        Ok(())
    }

    /// Completes all files and gives them their names, the map last.
    pub(super) fn finish(mut self) -> Result<()> {
        if let Some(polygons) = self.polygons.take() {
            polygons.finish()?;
        }
        while let Some(writer) = self.writers.pop() {
            writer.finish()?;
        }
        Ok(())
    }
}

fn class_options(card: Option<&Card>) -> WriteOptions {
    let mut colours = vec![[0_u16; 3]; 256];
    for class in card.map_or(&[][..], |card| &card.classes) {
        let colour = class.color_hint.as_deref().and_then(parse_colour);
        let entry = usize::try_from(class.value).ok().and_then(|value| colours.get_mut(value));
        if let (Some(entry), Some(colour)) = (entry, colour) {
            // TIFF colours have 16 bits a channel.
            *entry = colour.map(|channel| u16::from(channel) * 257);
        }
    }
    WriteOptions {
        compression: WriterCompression::Deflate { level: 6 },
        predictor: false,
        nodata: Some(f64::from(IGNORE)),
        color_table: card.map(|_| ColorTable(colours)),
        descriptions: vec!["class".to_owned()],
        overviews: Some(Resampling::Mode),
        ..WriteOptions::default()
    }
}

fn probability_options(kind: Probabilities, grid: &Grid, names: &[String]) -> (DType, WriteOptions) {
    match kind {
        Probabilities::Float32 => (DType::F32, float_options(grid, names.to_vec())),
        Probabilities::Uint8 => (
            DType::U8,
            WriteOptions {
                predictor: false,
                nodata: Some(f64::from(IGNORE)),
                scale: Some(1.0 / f64::from(decide::STEPS)),
                tile_px: tile_px(grid, names.len()),
                ..float_options(grid, names.to_vec())
            },
        ),
    }
}

fn float_options(grid: &Grid, descriptions: Vec<String>) -> WriteOptions {
    WriteOptions {
        tile_px: tile_px(grid, descriptions.len() * DType::F32.size_bytes()),
        compression: WriterCompression::Deflate { level: 6 },
        predictor: true,
        nodata: Some(f64::NAN),
        descriptions,
        overviews: Some(Resampling::Average),
        ..WriteOptions::default()
    }
}

/// The largest usual tile of which a row, and as much again for the overviews, takes no more than [`ROW_BYTES`].
fn tile_px(grid: &Grid, bytes_per_pixel: usize) -> usize {
    let row = |px: usize| px.saturating_mul(2 * bytes_per_pixel).saturating_mul(grid.width_px);
    [512, 256].into_iter().find(|px| row(*px) <= ROW_BYTES).unwrap_or(128)
}

/// What a writer may hold.
const ROW_BYTES: usize = 160 << 20;
