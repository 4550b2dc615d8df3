//! Labels, predictions and probabilities as files, so that anyone can take the measures again with tools of their own.
//!
//! ```text
//! predictions.json          part, classes, and of each scene its files and where they lie in the image
//! blocks.csv                scene, window and block of ground of every sample
//! 0000_ID/label.tif         class values, 255 where no pixel is judged
//! 0000_ID/prediction.tif    class values
//! 0000_ID/probabilities.tif softmax probabilities, a float32 band a class, NaN where no pixel is judged
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array3, ArrayView2, ArrayView3, Axis, s};
use serde_json::{Value, json};
use swath_loader::{Dataset, IGNORE, Part};
use swath_raster::{DType, Grid, Pixels, Samples, Window, WriteOptions, Writer, write_cog};

use super::Origin;
use super::assess::extent;
use super::blocks::Block;
use super::stream::Sample;

/// Writes a folder of predictions, scene after scene.
pub(super) struct Saver<'a> {
    folder: PathBuf,
    dataset: &'a Dataset,
    part: Part,
    names: &'a [String],
    open: Option<Open>,
    scenes: Vec<Value>,
    blocks: String,
}

/// The scene that is being written.
struct Open {
    scene: usize,
    folder: String,
    grid: Grid,
    extent: Window,
    probabilities: Rows,
}

impl<'a> Saver<'a> {
    /// Makes the folder, which must be new or empty.
    pub(super) fn create(folder: &Path, dataset: &'a Dataset, part: Part, names: &'a [String]) -> Result<Self> {
        let holds_something = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        ensure!(!holds_something, "{} is not empty: choose another folder for predictions", folder.display());
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let blocks = "scene,row_px,col_px,height_px,width_px,block\n".to_owned();
        Ok(Self { folder: folder.to_owned(), dataset, part, names, open: None, scenes: Vec::new(), blocks })
    }

    /// Takes over the probabilities of a sample.
    pub(super) fn add(&mut self, sample: &Sample<'_>) -> Result<()> {
        ensure!(
            sample.on_grid,
            "{}: training changes the scale of its samples, so that predictions do not lie on the image's pixels and cannot be \
             saved",
            sample.item
        );
        let scene = sample.chip.scene;
        if self.open.as_ref().is_none_or(|open| open.scene != scene) {
            self.open = Some(self.begin(scene, sample.item)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.probabilities.add(&sample.chip.scored, &open.extent, softmax(sample.logits).view(), sample.truth)
    }

    fn begin(&self, scene: usize, item: &str) -> Result<Open> {
        let folder = format!("{:04}_{}", self.scenes.len(), as_file_name(item));
        let path = self.folder.join(&folder);
        fs::create_dir(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        let extent = extent(self.dataset, scene, self.part);
        let grid = self.dataset.scenes()[scene].grid().of_window(&extent);
        let options = WriteOptions { nodata: Some(f64::NAN), descriptions: self.names.to_vec(), ..plain() };
        let writer = Writer::create(&path.join("probabilities.tif"), &grid, self.names.len(), DType::F32, options)?;
        Ok(Open { scene, folder, grid, extent, probabilities: Rows::new(writer, self.names.len(), &extent) })
    }

    /// Notes the block that a sample of the open scene counts for.
    pub(super) fn note_block(&mut self, window: &Window, block: Block) {
        let scene = self.scenes.len();
        let Window { row_px, col_px, height_px, width_px } = window;
        let Block { system, row, col } = block;
        let _ = writeln!(self.blocks, "{scene},{row_px},{col_px},{height_px},{width_px},{system}:{row}:{col}");
    }

    /// Completes the files of the open scene, maps `[row, col]` of its extent.
    pub(super) fn finish_scene(
        &mut self,
        truth: ArrayView2<'_, u8>,
        prediction: ArrayView2<'_, u8>,
        origin: Option<&Origin>,
    ) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        open.probabilities.finish()?;
        for (name, map) in [("label.tif", truth), ("prediction.tif", prediction)] {
            let samples = Samples::U8(map.to_owned().insert_axis(Axis(0)));
            let pixels = Pixels { samples, valid: None, grid: open.grid.clone() };
            let options = WriteOptions { nodata: Some(f64::from(IGNORE)), ..plain() };
            write_cog(&self.folder.join(&open.folder).join(name), &pixels, options)?;
        }
        let Window { row_px, col_px, height_px, width_px } = open.extent;
        self.scenes.push(json!({
            "id": origin.map(|origin| &origin.id),
            "collection": origin.and_then(|origin| origin.collection.as_ref()),
            "datetime": origin.and_then(|origin| origin.datetime),
            "label": format!("{}/label.tif", open.folder),
            "prediction": format!("{}/prediction.tif", open.folder),
            "probabilities": format!("{}/probabilities.tif", open.folder),
            "window": { "row_px": row_px, "col_px": col_px, "height_px": height_px, "width_px": width_px },
        }));
        Ok(())
    }

    /// Writes the index.
    pub(super) fn finish(self) -> Result<()> {
        crate::whole_file::write_text(&self.folder.join("blocks.csv"), &self.blocks)?;
        let index = json!({
            "part": self.part.to_string(),
            "classes": self.names,
            "not_judged": IGNORE,
            "scenes": self.scenes,
        });
        Ok(swath_catalog::publish::write_json_atomically(&self.folder.join("predictions.json"), &index)?)
    }
}

/// A name as a part of a file's name, on any system.
pub(crate) fn as_file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

/// Neither of these kinds of raster gains by differences of neighbours.
fn plain() -> WriteOptions {
    WriteOptions { predictor: false, ..WriteOptions::default() }
}

/// Rows of a raster as they fill up: samples come row after row of the tiling.
struct Rows {
    writer: Writer,
    /// Class, row, column; NaN where nothing has come yet.
    strip: Array3<f32>,
    /// First row of the strip, from that of the extent.
    first: usize,
    /// Rows of the extent.
    height: usize,
}

impl Rows {
    fn new(writer: Writer, bands: usize, extent: &Window) -> Self {
        Self { writer, strip: Array3::zeros((bands, 0, extent.width_px)), first: 0, height: extent.height_px }
    }

    fn add(
        &mut self,
        window: &Window,
        extent: &Window,
        values: ArrayView3<'_, f32>,
        truth: ArrayView2<'_, u8>,
    ) -> Result<()> {
        let Some(shared) = window.intersection(extent) else { return Ok(()) };
        let from = |a: i64, b: i64| usize::try_from(a - b).unwrap_or(0);
        let (top, left) = (from(shared.row_px, extent.row_px), from(shared.col_px, extent.col_px));
        if top < self.first {
            bail!("a sample of row {top} came after those of row {}", self.first);
        }
        if top > self.first || self.strip.len_of(Axis(1)) == 0 {
            self.flush()?;
            self.blank(top - self.first)?;
            let (bands, _, width) = self.strip.dim();
            self.strip = Array3::from_elem((bands, shared.height_px, width), f32::NAN);
        }
        let (row, col) = (from(shared.row_px, window.row_px), from(shared.col_px, window.col_px));
        let own = s![.., row..row + shared.height_px, col..col + shared.width_px];
        let truth = truth.slice(s![row..row + shared.height_px, col..col + shared.width_px]);
        let mut target = self.strip.slice_mut(s![.., ..shared.height_px, left..left + shared.width_px]);
        target.assign(&values.slice(own));
        for mut plane in target.outer_iter_mut() {
            plane.zip_mut_with(&truth, |value, &truth| *value = if truth == IGNORE { f32::NAN } else { *value });
        }
        Ok(())
    }

    /// Writes the strip.
    fn flush(&mut self) -> Result<()> {
        let (bands, rows, width) = self.strip.dim();
        let strip = std::mem::replace(&mut self.strip, Array3::zeros((bands, 0, width)));
        self.first += rows;
        if rows > 0 {
            self.writer.write_rows(&Samples::F32(strip))?;
        }
        Ok(())
    }

    /// Writes rows in which nothing is judged.
    fn blank(&mut self, rows: usize) -> Result<()> {
        self.strip = Array3::from_elem((self.strip.len_of(Axis(0)), rows, self.strip.len_of(Axis(2))), f32::NAN);
        self.flush()
    }

    fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.blank(self.height - self.first)?;
        Ok(self.writer.finish()?)
    }
}

/// Probabilities `[class, row, col]`; of a single logit, those of the two classes it tells apart.
fn softmax(logits: ArrayView3<'_, f32>) -> Array3<f32> {
    let (classes, rows, cols) = logits.dim();
    if classes == 1 {
        let second = logits.mapv(|logit| 1.0 / (1.0 + (-logit).exp()));
        let mut both = Array3::zeros((2, rows, cols));
        both.slice_mut(s![1.., .., ..]).assign(&second);
        both.slice_mut(s![..1, .., ..]).assign(&second.mapv(|second| 1.0 - second));
        return both;
    }
    let mut scores = logits.to_owned();
    for mut pixel in scores.lanes_mut(Axis(0)) {
        let largest = pixel.fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
        pixel.mapv_inplace(|logit| (logit - largest).exp());
        let sum = pixel.sum();
        pixel.mapv_inplace(|term| term / sum);
    }
    scores
}
