//! `swath read`: a window of a GeoTIFF as the library reads it, as an array or as a GeoTIFF.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::reading::{Reading, ReadingArgs};
use crate::whole_file::write_whole;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use ndarray::Array3;
use ndarray_npy::{WritableElement, WriteNpyError, WriteNpyExt};
use swath_raster::{
    Affine, BlockCache, Bounds, Crs, Fetcher, Grid, OntoPlan, Pixels, Raster, ReadPlan, ReadRequest, Resampling,
    Transformer, Window, WriteOptions, with_samples, write_cog,
};

/// Arguments of `swath read`.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// A GeoTIFF: a path or an http(s), s3, gs or az address.
    file: String,
    /// Pixels to read; may reach beyond the image.
    #[arg(long, value_name = "COL,ROW,WIDTH,HEIGHT", value_parser = parse_window, allow_hyphen_values = true)]
    window: Option<Window>,
    /// Bands, counted from 1, in the order wanted.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    bands: Vec<usize>,
    /// Read onto the grid of this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["crs", "resolution", "window"])]
    like: Option<String>,
    /// Read into this CRS, for example EPSG:32631.
    #[arg(long, value_name = "CRS", conflicts_with = "window")]
    crs: Option<String>,
    /// Size of a pixel in units of the CRS.
    #[arg(long, value_name = "SIZE", conflicts_with = "window")]
    resolution: Option<f64>,
    /// How values come onto another grid.
    #[arg(long, value_enum, default_value = "nearest")]
    resampling: Method,
    /// Array `[band, row, col]` in the file's type (.npy), or GeoTIFF (.tif).
    #[arg(short, long, value_name = "OUT.npy|OUT.tif")]
    output: PathBuf,
    /// Also write which values are measurements, as an array `[band, row, col]` of booleans: inside the image, and not nodata,
    /// masked out or transparent.
    #[arg(long, value_name = "VALID.npy")]
    valid: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// A way of resampling.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    Nearest,
    Bilinear,
    Cubic,
    Average,
    Mode,
}

impl From<Method> for Resampling {
    fn from(method: Method) -> Self {
        match method {
            Method::Nearest => Self::Nearest,
            Method::Bilinear => Self::Bilinear,
            Method::Cubic => Self::Cubic,
            Method::Average => Self::Average,
            Method::Mode => Self::Mode,
        }
    }
}

fn parse_window(text: &str) -> Result<Window, String> {
    let numbers: Option<Vec<i64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[col, row, width, height]) if width > 0 && height > 0 => {
            let size = |length: i64| usize::try_from(length).map_err(|error| error.to_string());
            Ok(Window::new(col, row, size(width)?, size(height)?))
        }
        _ => Err("write column, row, width and height in pixels, as in 0,0,256,256".into()),
    }
}

/// Decoded blocks kept while one window is read: each is needed once.
const CACHE_BYTES: u64 = 64 << 20;

/// Reads and writes.
pub(crate) fn run(args: &ReadArgs) -> Result<()> {
    let kind = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ensure!(matches!(kind, "npy" | "tif" | "tiff"), "{}: name the output .npy or .tif", args.output.display());
    if let Some(valid) = &args.valid {
        let is_npy = valid.extension().is_some_and(|extension| extension == "npy");
        ensure!(is_npy && *valid != args.output, "--valid {}: name another file, ending in .npy", valid.display());
    }
    ensure!(!args.bands.contains(&0), "--bands counts from 1");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let reading = args.reading.over(&Reading::default());
    let (mut fetch, budget) = (reading.fetch_options()?, reading.budget()?);
    let mut cache_bytes = CACHE_BYTES;
    if let Some(budget) = &budget {
        fetch = fetch.within(budget);
        cache_bytes = cache_bytes.min(budget.take(0.25));
    }
    let fetcher = Fetcher::new(fetch)?;
    let (raster, pixels) = runtime.block_on(async {
        let raster = fetcher.open(&args.file).await?;
        let pixels = read(args, &fetcher, &raster, &BlockCache::new(cache_bytes)).await?;
        anyhow::Ok((raster, pixels))
    })?;
    crate::reading::tell_failed(&fetcher.failed_blocks());
    match kind {
        "npy" => with_samples!(&pixels.samples, array => write_npy(&args.output, array))?,
        _ => write_cog(&args.output, &pixels, options(args, &raster))?,
    }
    if let Some((path, valid)) = args.valid.as_deref().zip(pixels.valid.as_ref()) {
        write_npy(path, valid)?;
    }
    let (bands, rows, cols) = pixels.samples.shape();
    println!("{}: {bands} bands, {rows} rows, {cols} columns of {}", args.output.display(), pixels.samples.dtype());
    Ok(())
}

async fn read(args: &ReadArgs, fetcher: &Fetcher, raster: &Arc<Raster>, cache: &BlockCache) -> Result<Pixels> {
    let (count, image) = (raster.header.bands.len(), raster.header.grid.window());
    if let Some(band) = args.bands.iter().find(|band| **band > count) {
        bail!("{}: there is no band {band}; its bands are 1 to {count}", args.file);
    }
    let bands = (!args.bands.is_empty()).then(|| args.bands.iter().map(|band| band - 1).collect::<Vec<_>>());
    let target = match (&args.like, &args.crs, args.resolution) {
        (None, None, None) => {
            let window = args.window.unwrap_or(image);
            ensure!(
                window.intersection(&image).is_some(),
                "{}: --window {window} lies wholly outside the image, which has {image}",
                args.file
            );
            let request = ReadRequest { bands, with_validity: true, ..ReadRequest::window(window) };
            let plan = ReadPlan::new(raster, request)?;
            return Ok(fetcher.read(plan, cache).await?);
        }
        (Some(like), ..) => fetcher.open(like).await?.header.grid.clone(),
        (None, crs, resolution) => target(&args.file, &raster.header.grid, crs.as_deref(), resolution)?,
    };
    let plan = OntoPlan::new(raster, bands, &target, args.resampling.into(), None)?;
    let Some(window) = plan.read() else {
        bail!(
            "{} lies wholly outside {}: give a grid that meets the image",
            args.file,
            args.like.as_deref().unwrap_or("the grid")
        );
    };
    Ok(plan.apply(Some(fetcher.read(window.clone(), cache).await?))?)
}

/// The north-up grid in `crs` that just holds `source`. Without a resolution, pixels keep their number across the diagonal.
fn target(file: &str, source: &Grid, crs: Option<&str>, resolution: Option<f64>) -> Result<Grid> {
    let own =
        source.crs.clone().with_context(|| format!("{file} has no coordinate reference system to project from"))?;
    let crs = crs.map_or(Ok(own.clone()), Crs::from_text)?;
    let transformer = Transformer::new(&own, &crs)?;
    let edge = edge(source).map(|(x, y)| transformer.apply(x, y));
    let mut edge = edge.collect::<swath_raster::Result<Vec<_>>>()?;
    if let Some(&(first, _)) = edge.first().filter(|_| crs.is_geographic()) {
        // An image across the antimeridian goes on beyond 180°.
        edge.iter_mut().for_each(|(x, _)| *x -= 360.0 * ((*x - first) / 360.0).round());
    }
    let bounds =
        Bounds::of_points(edge).with_context(|| format!("{file} does not lie where its CRS can be projected from"))?;
    let (width, height) = (bounds.max_x - bounds.min_x, bounds.max_y - bounds.min_y);
    let diagonal = (source.width_px as f64).hypot(source.height_px as f64);
    let size = resolution.unwrap_or_else(|| width.hypot(height) / diagonal);
    if !(size > 0.0 && size.is_finite()) {
        bail!("--resolution must be above 0, not {size}");
    }
    let pixels = |length: f64| (length / size).round().max(1.0) as usize;
    let transform = Affine::north_up(bounds.min_x, bounds.max_y, size, size);
    Ok(Grid { crs: Some(crs), transform, width_px: pixels(width), height_px: pixels(height) })
}

/// Points along the edge of a grid, in its CRS; between two of them a projected edge is straight to a fraction of a pixel.
fn edge(grid: &Grid) -> impl Iterator<Item = (f64, f64)> {
    const POINTS: usize = 64;
    let (width, height, transform) = (grid.width_px as f64, grid.height_px as f64, grid.transform);
    (0..=POINTS).flat_map(move |point| {
        let share = point as f64 / POINTS as f64;
        let (x, y) = (width * share, height * share);
        [(x, 0.0), (x, height), (0.0, y), (width, y)].map(|(col, row)| transform.apply(col, row))
    })
}

fn write_npy<T: WritableElement>(path: &Path, array: &Array3<T>) -> Result<()> {
    write_whole(path, |file| {
        array.write_npy(file).map_err(|error| match error {
            // Its own message repeats the system's.
            WriteNpyError::Io(source) => source.into(),
            other => anyhow::Error::from(other),
        })
    })
}

fn options(args: &ReadArgs, raster: &Raster) -> WriteOptions {
    let header = &raster.header;
    let chosen = |band: &usize| header.bands.get(*band).and_then(|band| band.description.clone());
    let all: Vec<usize> = (0..header.bands.len()).collect();
    let bands = if args.bands.is_empty() { all } else { args.bands.iter().map(|band| band - 1).collect() };
    let names: Option<Vec<String>> = bands.iter().map(chosen).collect();
    WriteOptions {
        nodata: header.nodata,
        descriptions: names.unwrap_or_default(),
        color_table: header.color_table.clone().filter(|_| bands.len() == 1),
        ..WriteOptions::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use swath_raster::Samples;

    fn image(folder: &Path) -> PathBuf {
        let transform = Affine::north_up(500_000.0, 4_700_000.0, 10.0, 10.0);
        let grid = Grid { crs: Some(Crs::from_epsg(32631).unwrap()), transform, width_px: 20, height_px: 10 };
        let pixels = Pixels { samples: Samples::U8(Array3::ones((2, 10, 20))), valid: None, grid };
        let path = folder.join("image.tif");
        write_cog(&path, &pixels, WriteOptions::default()).unwrap();
        path
    }

    fn args(file: &Path, output: &str) -> ReadArgs {
        ReadArgs {
            file: file.display().to_string(),
            window: None,
            bands: Vec::new(),
            like: None,
            crs: None,
            resolution: None,
            resampling: Method::Nearest,
            output: file.with_file_name(output),
            valid: None,
            reading: ReadingArgs::default(),
        }
    }

    #[test]
    fn what_is_not_in_the_image_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = image(folder.path());
        let valid = Some(file.with_file_name("e.tif"));
        let cases: [(ReadArgs, &str); 5] = [
            (ReadArgs { valid, ..args(&file, "e.npy") }, "ending in .npy"),
            (ReadArgs { bands: vec![3], ..args(&file, "a.npy") }, "there is no band 3; its bands are 1 to 2"),
            (
                ReadArgs { window: Some(Window::new(20, 0, 5, 5)), ..args(&file, "b.npy") },
                "columns 20 to 25, rows 0 to 5",
            ),
            (ReadArgs { resolution: Some(1e-12), ..args(&file, "c.npy") }, "over the limit"),
            (args(&file, "nowhere/d.npy"), "make it first"),
        ];
        for (args, words) in cases {
            let error = format!("{:#}", run(&args).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_measurement_is_told_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let file = image(folder.path());
        let valid = folder.path().join("valid.npy");
        // Two columns beyond the image's right edge.
        let window = Some(Window::new(18, 0, 4, 3));
        run(&ReadArgs { window, valid: Some(valid.clone()), ..args(&file, "a.npy") }).unwrap();
        let valid: Array3<bool> = ndarray_npy::read_npy(valid).unwrap();
        assert_eq!(valid, Array3::from_shape_fn((2, 3, 4), |(_, _, col)| col < 2));
    }

    #[cfg(unix)]
    #[test]
    fn an_array_may_be_read_by_whom_a_plain_file_may() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        let args = args(&image(folder.path()), "a.npy");
        run(&args).unwrap();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        assert_eq!(mode(&args.output), mode(&folder.path().join("plain")));
    }
}
