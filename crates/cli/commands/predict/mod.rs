//! `swath predict`: whole scenes as georeferenced maps of classes, and the STAC items that say how they were made.

mod decide;
mod flow;
mod item;
mod journal;
mod orientation;
mod outputs;
mod polygons;
mod recipe;
mod scene;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use swath_train::{Device, InferenceSession, SessionOptions};

use crate::interrupt::{self, Interrupted};
use crate::network::{Card, Network};
use crate::reading::ReadingArgs;

pub(crate) use flow::Tally;
use outputs::Paths;
use scene::Scene;

/// Arguments of `swath predict`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Interrupted by Ctrl-C, a failure or a power cut, the same command goes on where it stopped.")]
pub(crate) struct PredictArgs {
    /// The model: a run's folder or a model's STAC item. Bands, scaling and classes are those it was trained with.
    model: PathBuf,
    /// The scenes: GeoTIFFs, STAC items with image assets, or catalogs, of which every item with an image is mapped.
    #[arg(required = true, value_name = "SOURCE|FILE|ITEM")]
    scenes: Vec<String>,
    /// Where to write: the map of one scene, a tiled GeoTIFF, or a folder for the maps of many.
    #[arg(short, long, value_name = "MAP.tif|FOLDER")]
    output: PathBuf,
    /// Also write the probability of each class as MAP.probabilities.tif: uint8 in steps of 1/254, or float32.
    #[arg(long, value_enum, value_name = "TYPE")]
    probabilities: Option<Probabilities>,
    /// Also write how undecided the network is as MAP.entropy.tif: 0 is certain, 1 all classes alike.
    #[arg(long)]
    entropy: bool,
    /// Also write the regions of each class as polygons, in degrees longitude and latitude; of one scene only.
    #[arg(long, value_name = "OUT.geojson")]
    polygons: Option<PathBuf>,
    /// Leave out regions, and fill holes, below this area.
    #[arg(long, value_name = "M2", default_value_t = 0.0, requires = "polygons")]
    min_area: f64,
    /// Leave out vertices whose absence moves a boundary by less than this.
    #[arg(long, value_name = "M", default_value_t = 0.0, requires = "polygons")]
    simplify: f64,
    /// Forget what an interrupted run left behind and start again; maps that are there are made anew.
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    pub(crate) tiles: TileArgs,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// How a scene is cut, and what runs the network.
#[derive(Debug, Clone, Args)]
pub(crate) struct TileArgs {
    /// Names of the scene's bands in the order of the file, where neither file nor item names them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    bands: Vec<String>,
    /// Look for addresses that begin with PREFIX in a folder instead; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    /// Side of a tile in pixels, a multiple of what the network halves (32 for most).
    #[arg(long, value_name = "PX", default_value_t = 256)]
    tile: usize,
    /// Pixels that neighbouring tiles share at least; their outer quarter is not used.
    #[arg(long, value_name = "PX", default_value_t = 64)]
    overlap: usize,
    /// Tiles run at once: one is fastest on the processor, more on a GPU.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Run each tile several times, differently oriented, and take the mean of the probabilities.
    #[arg(long, value_enum, value_name = "GROUP")]
    augment: Option<Augment>,
    /// cpu, cuda or cuda:INDEX.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Threads of ONNX Runtime.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
}

/// The type in which probabilities are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Probabilities {
    /// Steps of 1/254; 255 where there is nothing.
    Uint8,
    /// As computed; NaN where there is nothing.
    Float32,
}

/// A group of orientations over which predictions are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Augment {
    /// The eight of the square: four quarter turns, each also mirrored.
    D4,
}

/// Maps the scenes, one after the other.
pub(crate) fn run(args: &PredictArgs) -> Result<()> {
    let network = Network::open(&args.model)?;
    let card = network.card.as_ref().with_context(|| {
        format!(
            "{} says neither bands nor scaling nor classes: give a run's folder or a model's STAC item",
            args.model.display()
        )
    })?;
    recipe::check(card, network.inspection.classes)?;
    let scenes = Scene::find(&args.scenes, &args.tiles.bands, &args.tiles.rewrite)?;
    let places = places(args, &scenes)?;
    for (scene, paths) in scenes.iter().zip(&places) {
        refuse_to_overwrite(paths, &network, scene)?;
    }
    interrupt::watch("batch")?;
    let mut session = open_session(&network, &args.tiles)?;
    for (scene, paths) in scenes.iter().zip(&places) {
        let mapped = map(args, &network, card, scene, paths, &mut session);
        // Of one scene, the message says what it is about by itself.
        if scenes.len() > 1 {
            mapped.with_context(|| scene.source.clone())?
        } else {
            mapped?
        }
        println!("{}", paths.map.display());
    }
    Ok(())
}

/// The network on ONNX Runtime: what it is folded and packed to is ONNX Runtime's full optimisation.
pub(crate) fn open_session(network: &Network, args: &TileArgs) -> Result<InferenceSession> {
    let options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
    Ok(InferenceSession::from_bytes(&network.model.to_bytes()?, &options)?)
}

/// Where the map of each scene goes.
fn places(args: &PredictArgs, scenes: &[Scene]) -> Result<Vec<Paths>> {
    let kind = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_map = matches!(kind, "tif" | "tiff");
    ensure!(
        is_map || kind.is_empty() || args.output.is_dir(),
        "{}: a map is a GeoTIFF; name it .tif, or give a folder",
        args.output.display()
    );
    if args.polygons.is_some() || is_map {
        let option = if is_map { "--output" } else { "--polygons" };
        ensure!(
            scenes.len() == 1,
            "{option} names one file and {} scenes are to be mapped: give a folder as --output, and no --polygons",
            scenes.len()
        );
    }
    if is_map {
        return Ok(vec![Paths::new(args, args.output.clone())]);
    }
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make the folder {}", args.output.display()))?;
    let mut taken = std::collections::HashSet::new();
    let place = |scene: &Scene| {
        let name = format!("{}.tif", scene.file_name());
        if !taken.insert(name.clone()) {
            bail!("two scenes are named {}: map them into two folders", scene.file_name());
        }
        Ok(Paths::new(args, args.output.join(name)))
    };
    scenes.iter().map(place).collect()
}

/// Neither the map nor its item may take the place of what they are made from.
fn refuse_to_overwrite(paths: &Paths, network: &Network, scene: &Scene) -> Result<()> {
    let mut sources = scene.files();
    sources.push(network.path.clone());
    sources.extend(network.card.as_ref().map(|card| card.path.clone()));
    let real = |path: &Path| path.canonicalize().ok();
    for written in paths.all() {
        let taken =
            real(written).is_some_and(|written| sources.iter().any(|source| real(source).as_ref() == Some(&written)));
        ensure!(!taken, "{} is what the map is made from: choose another --output", written.display());
    }
    Ok(())
}

/// Maps one scene, or goes on with it; a map that is there already, made of the same by the same, is left as it is.
fn map(
    args: &PredictArgs,
    network: &Network,
    card: &Card,
    scene: &Scene,
    paths: &Paths,
    session: &mut InferenceSession,
) -> Result<()> {
    let dataset = recipe::open(&args.tiles, &args.reading, Some(card), scene)?;
    let grid = dataset.scenes().first().map(|scene| scene.grid().clone()).context("no scene was opened")?;
    let fingerprint = journal::fingerprint(args, network, card, scene, &dataset)?;
    if !args.restart && item::is_of(paths, &fingerprint) {
        return Ok(());
    }
    let classes = recipe::class_values(card, network.inspection.classes)?;
    let mut outputs = outputs::Outputs::create(args, card, &grid, &classes, paths)?;
    let mut journal = journal::Journal::open(&paths.map, &fingerprint, args.restart)?;
    journal.replay(&mut outputs)?;
    let job = flow::Job { dataset: &dataset, tiles: &args.tiles, products: outputs.products(), classes: &classes };
    flow::run(&job, session, &mut outputs, Some(&mut journal))?;
    if outputs.rows() < grid.height_px {
        let (rows, height) = (outputs.rows(), grid.height_px);
        let told = format!("stopped after {rows} of {height} rows; the same command goes on from there");
        return Err(Interrupted(told).into());
    }
    outputs.finish()?;
    crate::reading::tell_failed(&dataset.failed_blocks());
    item::write(args, card, scene, &grid, paths, &fingerprint)?;
    journal.remove();
    Ok(())
}

/// Maps a scene into a folder that is thrown away, and tells where the time went.
pub(crate) fn measure(network: &Network, scene: &str, tiles: &TileArgs, folder: &Path) -> Result<(usize, Tally)> {
    let [scene] = Scene::find(&[scene.to_owned()], &tiles.bands, &tiles.rewrite)?
        .try_into()
        .map_err(|_| anyhow::anyhow!("{scene} is more than one scene: give one"))?;
    let mut session = open_session(network, tiles)?;
    let started = std::time::Instant::now();
    let dataset = recipe::open(tiles, &ReadingArgs::default(), network.card.as_ref(), &scene)?;
    let grid = dataset.scenes().first().map(|scene| scene.grid().clone()).context("no scene was opened")?;
    let classes: Vec<u8> = (0..=u8::MAX).take(network.inspection.classes).collect();
    let mut outputs = outputs::Outputs::class_map(network.card.as_ref(), &grid, folder.join("map.tif"))?;
    let job = flow::Job { dataset: &dataset, tiles, products: outputs.products(), classes: &classes };
    let mut tally = flow::run(&job, &mut session, &mut outputs, None)?;
    outputs.finish()?;
    tally.total_s = started.elapsed().as_secs_f64();
    Ok((grid.width_px * grid.height_px, tally))
}
