//! What is written reads back the same: pixels, place, nodata, names, colours; in the order of a COG.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use ndarray::Array3;
use std::path::Path;
use std::sync::Arc;
use swath_raster::{
    Affine, BlockCache, ColorTable, Crs, DType, Error, FetchOptions, Fetcher, Grid, Limits, OntoPlan, Pixels, Raster,
    ReadPlan, ReadRequest, Resampling, Sample, Samples, WriteOptions, Writer, WriterCompression, with_dtype, write_cog,
};

fn grid(width_px: usize, height_px: usize) -> Grid {
    let transform = Affine::north_up(483_000.0, 4_690_000.0, 10.0, 10.0);
    Grid { crs: Some(Crs::from_epsg(32631).unwrap()), transform, width_px, height_px }
}

/// Smooth in one direction and rough in the other, so that predictors have something to do and nothing is constant.
fn pixels(dtype: DType, bands: usize, width_px: usize, height_px: usize) -> Pixels {
    let value = |(band, row, col): (usize, usize, usize)| ((band * 50 + row * 7) % 120 + (col * col) % 5) as f64;
    let samples = with_dtype!(dtype, T => {
        <T as Sample>::wrap(Array3::from_shape_fn((bands, height_px, width_px), |at| <T as Sample>::from_f64(value(at))))
    });
    Pixels { samples, valid: None, grid: grid(width_px, height_px) }
}

fn read(path: &Path, level: usize) -> (Arc<Raster>, Pixels) {
    data::block_on(async {
        let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
        let raster = fetcher.open(path.to_str().unwrap()).await.unwrap();
        let window = raster.header.level_grid(level).unwrap().window();
        let request = ReadRequest { level, ..ReadRequest::window(window) };
        let pixels = fetcher.read(ReadPlan::new(&raster, request).unwrap(), &BlockCache::new(0)).await.unwrap();
        (raster, pixels)
    })
}

#[test]
fn every_type_and_compression_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    let compressions = [
        WriterCompression::None,
        WriterCompression::Deflate { level: 6 },
        WriterCompression::Lzw,
        WriterCompression::Zstd { level: 3 },
    ];
    for dtype in DType::ALL {
        for compression in compressions {
            for predictor in [false, true] {
                let written = pixels(dtype, 3, 75, 41);
                let options = WriteOptions { tile_px: 32, compression, predictor, ..WriteOptions::default() };
                write_cog(&path, &written, options).unwrap();
                assert_eq!(read(&path, 0).1, written, "{dtype} {compression:?} {predictor}");
            }
        }
    }
}

#[test]
fn what_a_file_says_about_itself_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("classes.tif");
    let written = pixels(DType::U8, 1, 100, 90);
    let colors: Vec<[u16; 3]> = (0..256).map(|i| [i * 257, 0, 65535 - i * 257]).collect();
    let options = WriteOptions {
        tile_px: 64,
        nodata: Some(255.0),
        descriptions: vec!["land <cover> & more".to_owned()],
        color_table: Some(ColorTable(colors.clone())),
        metadata: vec![("MODEL".to_owned(), "unet".to_owned())],
        overviews: Some(Resampling::Mode),
        ..WriteOptions::default()
    };
    write_cog(&path, &written, options).unwrap();
    let (raster, pixels) = read(&path, 0);
    assert_eq!(pixels, written);
    assert_eq!(raster.header.nodata, Some(255.0));
    assert_eq!(raster.header.bands[0].description.as_deref(), Some("land <cover> & more"));
    assert_eq!(raster.header.color_table, Some(ColorTable(colors)));
    assert_eq!(raster.header.metadata["MODEL"], "unet");
    assert_eq!(
        raster.header.levels.iter().map(|level| (level.width_px, level.height_px)).collect::<Vec<_>>(),
        [(100, 90), (50, 45)]
    );
}

#[test]
fn rows_may_come_in_any_portions_and_overviews_are_means() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    let whole = pixels(DType::U16, 2, 101, 67);
    let options = WriteOptions { tile_px: 16, overviews: Some(Resampling::Average), ..WriteOptions::default() };
    let mut writer = Writer::create(&path, &whole.grid, 2, DType::U16, options).unwrap();
    let array = whole.samples.as_array::<u16>().unwrap();
    for rows in [0..1, 1..30, 30..31, 31..67] {
        let part = array.slice(ndarray::s![.., rows, ..]).to_owned();
        writer.write_rows(&Samples::U16(part)).unwrap();
    }
    assert!(!path.exists());
    writer.finish().unwrap();
    assert_eq!(read(&path, 0).1, whole);
    let overview = read(&path, 1).1;
    assert_eq!(overview.samples.shape(), (2, 34, 51));
    let half = overview.samples.as_array::<u16>().unwrap();
    for (band, row, col) in [(0, 0, 0), (1, 20, 33)] {
        let four = array.slice(ndarray::s![band, 2 * row..2 * row + 2, 2 * col..2 * col + 2]);
        let mean = four.iter().map(|v| f64::from(*v)).sum::<f64>() / 4.0;
        assert_eq!(half[(band, row, col)], mean.round() as u16);
    }
}

#[test]
fn an_unfinished_writer_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    let part = pixels(DType::U8, 1, 50, 20);
    let mut writer = Writer::create(&path, &grid(50, 40), 1, DType::U8, WriteOptions::default()).unwrap();
    writer.write_rows(&part.samples).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.to_string().contains("20 of 40 rows"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn input_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    let mut writer = Writer::create(&path, &grid(50, 40), 1, DType::U8, WriteOptions::default()).unwrap();
    for wrong in [
        pixels(DType::U16, 1, 50, 10),
        pixels(DType::U8, 2, 50, 10),
        pixels(DType::U8, 1, 49, 10),
        pixels(DType::U8, 1, 50, 41),
    ] {
        assert!(matches!(writer.write_rows(&wrong.samples), Err(Error::WriteInput { .. })));
    }
    let options = WriteOptions { tile_px: 100, ..WriteOptions::default() };
    assert!(matches!(Writer::create(&path, &grid(50, 40), 1, DType::U8, options), Err(Error::WriteInput { .. })));
    assert!(matches!(
        Writer::create(
            &folder.path().join("no/such/folder/image.tif"),
            &grid(50, 40),
            1,
            DType::U8,
            WriteOptions::default()
        ),
        Err(Error::Write { .. })
    ));
}

/// COG readers expect directories before pixels, and coarse pixels before fine ones.
#[test]
fn the_layout_is_that_of_a_cog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    let written = pixels(DType::U8, 1, 300, 200);
    let options = WriteOptions { tile_px: 64, overviews: Some(Resampling::Average), ..WriteOptions::default() };
    write_cog(&path, &written, options).unwrap();
    // One request of the first 4 KiB is enough for the whole header.
    let fetcher = Fetcher::new(FetchOptions { header_read_bytes: 4096, ..FetchOptions::default() }).unwrap();
    let raster = data::block_on(fetcher.open(path.to_str().unwrap())).unwrap();
    assert_eq!(fetcher.statistics().requests, 1);
    assert_eq!(raster.header.levels.len(), 4);
}

#[test]
fn a_folder_that_is_not_there_is_named_and_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nope/map.tif");
    let error = write_cog(&path, &pixels(DType::U8, 1, 8, 8), WriteOptions::default()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, format!("there is no folder {}; make it first", folder.path().join("nope").display()));
}

#[test]
fn a_target_grid_beyond_the_limit_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    write_cog(&path, &pixels(DType::I16, 2, 40, 30), WriteOptions::default()).unwrap();
    let (raster, _) = read(&path, 0);
    let plan = |side_px: usize| {
        let target = grid(40, 30).with_size(side_px, side_px);
        OntoPlan::new(&raster, None, &target, Resampling::Nearest, None)
    };
    // Two bands of two bytes: the limit is met just before it is passed, and sizes whose product overflows pass it.
    let largest = (Limits::default().window_bytes / 4).isqrt() as usize;
    assert!(plan(largest).is_ok());
    for side_px in [largest + 1, usize::MAX] {
        let error = plan(side_px).unwrap_err();
        assert!(matches!(error, Error::WindowTooLarge { .. }), "{error}");
    }
    let error = plan(largest + 1).unwrap_err().to_string();
    let window = format!("columns 0 to {0}, rows 0 to {0}", largest + 1);
    assert!(error.contains(&window), "{error}");
}
