//! The demo's landscape as files: one COG per scene and one for its label, in folders by part of the dataset.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result};
use ndarray::Axis;
use swath_raster::{
    Affine, BlockCache, ColorTable, Crs, FetchOptions, Fetcher, Grid, Pixels, ReadPlan, ReadRequest, Resampling,
    Samples, WriteOptions, WriterCompression, write_cog,
};

use crate::landscape::{BANDS, CLASSES, IGNORE, NODATA, Region, Scene, SceneSpec, scene};
use crate::progress::Progress;
use crate::report::{Picture, Sample};

/// Which scenes of which ground.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    region: Region,
    /// Side of a scene in pixels.
    side_px: usize,
    /// Part of the dataset, place, visit.
    scenes: Vec<(&'static str, u32, u32)>,
}

impl Ground {
    /// A few labels, as a user has them: two places on two days each to learn from, another place on three days to judge by.
    pub(super) fn of_demo(region: Region) -> Self {
        let train = [(0, 0), (0, 2), (1, 1), (1, 0)].map(|(place, visit)| ("train", place, visit));
        let test = [(2, 0), (2, 1), (3, 2)].map(|(place, visit)| ("test", place, visit));
        Self { region, side_px: 384, scenes: train.into_iter().chain(test).collect() }
    }

    /// Many labels: ten places in all seasons, two more to judge by.
    pub(super) fn of_pretraining(region: Region) -> Self {
        let train = (0..10).flat_map(|place| (0..4).map(move |visit| ("train", place, visit)));
        let test = (10..12).flat_map(|place| (0..4).map(move |visit| ("test", place, visit)));
        Self { region, side_px: 512, scenes: train.chain(test).collect() }
    }
}

/// Writes `folder/{images,labels}/{train,test}/<scene>.tif`.
pub(super) fn write(folder: &Path, seed: u64, ground: &Ground) -> Result<()> {
    for part in ["images/train", "images/test", "labels/train", "labels/test"] {
        let path = folder.join(part);
        fs::create_dir_all(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
    }
    let total = ground.scenes.len();
    let bar = Mutex::new((Progress::new("draw", total as u64, "scenes"), 0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(total.max(1));
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let (scenes, bar) = (&ground.scenes, &bar);
                scope.spawn(move || {
                    for &(part, place, visit) in scenes.iter().skip(first).step_by(threads) {
                        let spec = SceneSpec {
                            seed,
                            region: ground.region,
                            place,
                            visit,
                            rows: ground.side_px,
                            cols: ground.side_px,
                        };
                        write_scene(folder, part, place, &scene(&spec))?;
                        if let Ok(mut bar) = bar.lock() {
                            bar.1 += 1;
                            let done = bar.1;
                            bar.0.at(done, String::new);
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.map(|result| result.unwrap_or_else(|_| anyhow::bail!("a scene could not be drawn"))).collect()
    });
    results.into_iter().collect()
}

fn write_scene(folder: &Path, part: &str, place: u32, scene: &Scene) -> Result<()> {
    let (_, rows, cols) = scene.image.dim();
    let [x, y] = scene.origin_m;
    let transform = Affine::north_up(x, y, scene.pixel_m, scene.pixel_m);
    let grid = Grid { crs: Some(Crs::from_epsg(scene.epsg)?), transform, width_px: cols, height_px: rows };
    let date = scene.datetime.get(..10).context("a scene without a date")?;
    let name = format!("place{place}_{date}.tif");
    let image = Pixels { samples: Samples::U16(scene.image.clone()), valid: None, grid: grid.clone() };
    let options = WriteOptions {
        tile_px: 256,
        nodata: Some(f64::from(NODATA)),
        descriptions: BANDS.iter().map(|band| band.name.to_owned()).collect(),
        overviews: Some(Resampling::Average),
        ..WriteOptions::default()
    };
    write_cog(&folder.join("images").join(part).join(&name), &image, options)?;
    let label = Pixels { samples: Samples::U8(scene.label.clone().insert_axis(Axis(0))), valid: None, grid };
    let mut colours = vec![[0; 3]; 256];
    for (entry, class) in colours.iter_mut().zip(&CLASSES) {
        *entry = class.colour.map(|channel| u16::from(channel) * 257);
    }
    let options = WriteOptions {
        tile_px: 256,
        compression: WriterCompression::Deflate { level: 6 },
        predictor: false,
        nodata: Some(f64::from(IGNORE)),
        color_table: Some(ColorTable(colours)),
        overviews: Some(Resampling::Mode),
        ..WriteOptions::default()
    };
    write_cog(&folder.join("labels").join(part).join(&name), &label, options)?;
    Ok(())
}

/// The scene that the demo maps: the first of those held out.
pub(super) fn mapped(folder: &Path) -> Result<PathBuf> {
    let folder = folder.join("images/test");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    paths.min().with_context(|| format!("{} holds no scene", folder.display()))
}

/// A whole scene beside the map that was made of it, for the report.
pub(super) fn map_sample(scene: &Path, map: &Path) -> Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetcher = Fetcher::new(FetchOptions::default())?;
    let cache = BlockCache::new(1 << 26);
    let read = async |path: &Path| {
        let raster = fetcher.open(&path.to_string_lossy()).await?;
        let plan = ReadPlan::new(&raster, ReadRequest::window(raster.header.grid.window()))?;
        fetcher.read(plan, &cache).await
    };
    let (image, classes) = runtime.block_on(async { anyhow::Ok((read(scene).await?, read(map).await?)) })?;
    let image = image.samples.to_f32();
    let natural = ["B04", "B03", "B02"].map(|name| BANDS.iter().position(|band| band.name == name).unwrap_or(0));
    let classes = classes.samples.as_array::<u8>().context("a map holds uint8")?;
    let name = scene.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Sample {
        caption: format!("the whole of {name}, as mapped into map.tif"),
        image: Picture::stretched(natural.map(|band| image.index_axis(Axis(0), band)))?,
        truth: None,
        predictions: vec![("pre-trained".to_owned(), classes.index_axis(Axis(0), 0).to_owned())],
    })
}
