//! `swath predict`: a whole scene as a georeferenced map of classes, and the STAC item that says how it was made.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use ndarray::{Array3, ArrayView3, Axis, Ix4, s};
use serde_json::Map;
use swath_catalog::publish::{MapDescription, map_item, write_json_atomically};
use swath_catalog::{AssetRef, Band, Href, Item, ItemId};
use swath_loader::{BandRef, Dataset, IGNORE, Image, Normalise, Options, Recipe, RowBand, Stitcher};
use swath_raster::{ColorTable, DType, Grid, Resampling, Samples, WriteOptions, Writer, WriterCompression};
use swath_train::{Device, InferenceSession, SessionOptions};

use crate::network::{Card, Network, sha256_file};
use crate::progress::Progress;
use crate::reading::{Reading, ReadingArgs};
use crate::summary::parse_colour;

/// Arguments of `swath predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// The model: a run's folder or a model's STAC item. Bands, scaling and classes are those it was trained with.
    model: PathBuf,
    /// The scene: a GeoTIFF, or a STAC item with image assets.
    scene: PathBuf,
    /// Where to write the map, a tiled GeoTIFF.
    #[arg(short, long, value_name = "MAP.tif")]
    output: PathBuf,
    /// Names of the scene's bands in the order of the file, where neither file nor item names them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    bands: Vec<String>,
    /// Look for addresses that begin with PREFIX in a folder instead; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    /// Side of a tile in pixels, a multiple of what the network halves (32 for most).
    #[arg(long, value_name = "PX", default_value_t = 256)]
    tile: usize,
    /// Pixels that neighbouring tiles share.
    #[arg(long, value_name = "PX", default_value_t = 64)]
    overlap: usize,
    /// Tiles run at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batch: usize,
    /// cpu, cuda or cuda:INDEX.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Threads of ONNX Runtime.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// Maps the scene.
pub(crate) fn run(args: &PredictArgs) -> Result<()> {
    let network = Network::open(&args.model)?;
    let card = network.card.as_ref().with_context(|| {
        format!(
            "{} says neither bands nor scaling nor classes: give a run's folder or a model's STAC item",
            args.model.display()
        )
    })?;
    let scene = Scene::open(&args.scene, &args.bands, &args.rewrite)?;
    refuse_to_overwrite(args, &network, &scene)?;
    let dataset = open(args, card, &scene)?;
    let options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
    let mut session = InferenceSession::from_bytes(&network.model.to_bytes()?, &options)?;
    let grid = dataset.scenes().first().map(|scene| scene.grid().clone()).context("no scene was opened")?;
    map(args, card, &dataset, &grid, network.inspection.classes, &mut session)?;
    crate::reading::tell_failed(&dataset.failed_blocks());
    describe(args, card, &scene, &grid)?;
    println!("{}", args.output.display());
    Ok(())
}

/// Neither the map nor its item may take the place of what they are made from.
fn refuse_to_overwrite(args: &PredictArgs, network: &Network, scene: &Scene) -> Result<()> {
    let kind = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ensure!(matches!(kind, "tif" | "tiff"), "{}: a map is a GeoTIFF; name it .tif", args.output.display());
    let mut sources = vec![args.scene.clone(), network.path.clone()];
    sources.extend(network.card.as_ref().map(|card| card.path.clone()));
    sources.extend(scene.image.assets.iter().filter_map(|asset| asset.href.as_file().map(Path::to_path_buf)));
    let real = |path: &Path| path.canonicalize().ok();
    for written in [args.output.clone(), args.output.with_extension("json")] {
        let taken =
            real(&written).is_some_and(|written| sources.iter().any(|source| real(source).as_ref() == Some(&written)));
        ensure!(!taken, "{} is what the map is made from: choose another --output", written.display());
    }
    Ok(())
}

/// What is to be mapped.
struct Scene {
    image: Image,
    /// Its item, where one was given.
    item: Option<Item>,
}

impl Scene {
    fn open(path: &Path, names: &[String], rewrite: &[String]) -> Result<Self> {
        let href = Href::parse(&path.to_string_lossy())?;
        if path.extension().is_some_and(|extension| extension == "json" || extension == "geojson") {
            let tree = swath_catalog::read_tree(
                &path.to_string_lossy(),
                &swath_catalog::Rewrites::parse(rewrite)?,
                swath_catalog::Strictness::Lenient,
            )?;
            let item = tree.items.into_iter().next().with_context(|| format!("{} is no STAC item", path.display()))?;
            let assets = swath_catalog::pairing::image_assets(&item)?;
            ensure!(!assets.is_empty(), "item {} has no image asset", path.display());
            return Ok(Self { image: Image { id: item.id().to_owned(), assets }, item: Some(item) });
        }
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bands = names.iter().map(|name| Band::named(name)).collect();
        let asset = AssetRef::file(ItemId { collection: None, id: id.clone() }, href, bands);
        Ok(Self { image: Image { id, assets: vec![asset] }, item: None })
    }
}

fn open(args: &PredictArgs, card: &Card, scene: &Scene) -> Result<Dataset> {
    let names = card.bands.iter().map(|band| band.name.clone().map(BandRef::Name));
    let scaling = card.scaling.as_ref().with_context(|| {
        format!("{} does not say how pixel values are scaled (mlm:input value_scaling); add it, the map would be wrong without", card.path.display())
    })?;
    let recipe = Recipe {
        bands: names
            .collect::<Option<Vec<_>>>()
            .with_context(|| format!("{}: a band has no name", card.path.display()))?,
        window_px: args.tile,
        batch: args.batch,
        normalise: Normalise::Fixed { scale: scaling.scale.clone(), offset: scaling.offset.clone() },
        ..Recipe::default()
    };
    let reading = args.reading.over(&Reading::default());
    let options = Options { fetch: reading.fetch_options()?, memory: reading.budget()?, ..Options::default() };
    let dataset = Dataset::open_images(std::slice::from_ref(&scene.image), &recipe, &options)?;
    for contradiction in dataset.contradictions() {
        tracing::warn!("{contradiction}");
    }
    Ok(dataset)
}

/// Runs tile after tile and writes rows as they are finished.
fn map(
    args: &PredictArgs,
    card: &Card,
    dataset: &Dataset,
    grid: &Grid,
    classes: usize,
    session: &mut InferenceSession,
) -> Result<()> {
    let (tiling, batches) = dataset.tiles(0, args.overlap)?;
    let mut writer = Writer::create(&args.output, grid, 1, DType::U8, write_options(card))?;
    // One more layer than there are classes carries which pixels are valid.
    let mut stitcher = Stitcher::new(tiling, classes + 1);
    let mut progress = Progress::new("predict", batches.total(), "batches");
    for batch in batches {
        let batch = batch?;
        let logits = session.run(batch.image.view()).with_context(|| {
            format!("tiles of {} px do not suit the network; choose --tile as a multiple of 32", args.tile)
        })?;
        let logits = logits.into_dimensionality::<Ix4>()?;
        ensure!(
            logits.len_of(Axis(1)) == classes,
            "the network gave {} classes, not {classes}",
            logits.len_of(Axis(1))
        );
        for (logits, target) in logits.outer_iter().zip(batch.target.outer_iter()) {
            let mut scores = Array3::zeros((classes + 1, logits.dim().1, logits.dim().2));
            softmax(logits, &mut scores);
            scores.index_axis_mut(Axis(0), classes).assign(&target.mapv(|value| f32::from(value != IGNORE)));
            if let Some(band) = stitcher.add(scores.view())? {
                writer.write_rows(&decide(&band, classes))?;
            }
        }
        progress.at(batch.index + 1, String::new);
    }
    progress.end();
    writer.finish()?;
    Ok(())
}

/// Probabilities over the first axis of `logits` `[class, row, col]`, into the leading layers of `scores`.
fn softmax(logits: ArrayView3<'_, f32>, scores: &mut Array3<f32>) {
    let highest = logits.fold_axis(Axis(0), f32::NEG_INFINITY, |&a, &b| a.max(b));
    let mut total = ndarray::Array2::<f32>::zeros(highest.dim());
    for (logit, mut score) in logits.outer_iter().zip(scores.outer_iter_mut()) {
        ndarray::Zip::from(&mut score).and(&mut total).and(&logit).and(&highest).for_each(
            |score, total, &logit, &highest| {
                *score = (logit - highest).exp();
                *total += *score;
            },
        );
    }
    let classes = logits.len_of(Axis(0));
    for mut score in scores.slice_mut(s![..classes, .., ..]).outer_iter_mut() {
        score /= &total;
    }
}

/// The likeliest class of each pixel, [`IGNORE`] where the scene has nothing.
fn decide(band: &RowBand, classes: usize) -> Samples {
    let (_, rows, cols) = band.scores.dim();
    let scores = &band.scores;
    let class = |row: usize, col: usize| {
        if scores[[classes, row, col]] < 0.5 {
            return IGNORE;
        }
        let likelier =
            |best: usize, class: usize| if scores[[class, row, col]] > scores[[best, row, col]] { class } else { best };
        (1..classes).fold(0, likelier).try_into().unwrap_or(IGNORE)
    };
    Samples::U8(Array3::from_shape_fn((1, rows, cols), |(_, row, col)| class(row, col)))
}

fn write_options(card: &Card) -> WriteOptions {
    let mut colours = vec![[0_u16; 3]; 256];
    for class in &card.classes {
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
        color_table: Some(ColorTable(colours)),
        descriptions: vec!["class".to_owned()],
        overviews: Some(Resampling::Mode),
        ..WriteOptions::default()
    }
}

/// Writes the map's STAC item beside it, where the scene's date is known.
fn describe(args: &PredictArgs, card: &Card, scene: &Scene, grid: &Grid) -> Result<()> {
    let datetime = match &scene.item {
        Some(item) => item.datetime(),
        None => crate::commands::describe::date_in_name(&args.scene),
    };
    let Some(datetime) = datetime.filter(|_| grid.crs.is_some()) else {
        tracing::warn!(
            "{}: no item is written beside the map: the scene's date or CRS is not known",
            args.output.display()
        );
        return Ok(());
    };
    let map_path =
        std::path::absolute(&args.output).with_context(|| format!("{} is no path", args.output.display()))?;
    let item_path = map_path.with_extension("json");
    let id = args.output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let place = crate::commands::describe::place(&map_path, grid)?;
    let item = map_item(&MapDescription {
        id,
        description: format!("Classes of {} by {}", scene.image.id, card.mlm.name),
        item_path: item_path.clone(),
        map_path: map_path.clone(),
        size_bytes: std::fs::metadata(&map_path).ok().map(|metadata| metadata.len()),
        checksum: Some(format!("1220{}", sha256_file(&map_path)?)),
        datetime,
        footprint: place.footprint,
        bbox: place.bbox,
        projection: place.projection,
        bands: vec![Band { nodata: Some(f64::from(IGNORE)), ..Band::named("class") }],
        classes: card.classes.clone(),
        model: (card.path.to_string_lossy().into_owned(), card.mlm.name.clone()),
        sources: vec![std::path::absolute(&args.scene)?.to_string_lossy().into_owned()],
        software: Some(("swath".to_owned(), env!("CARGO_PKG_VERSION").to_owned())),
        properties: Map::new(),
    })?;
    write_json_atomically(&item_path, &item)?;
    Ok(())
}
