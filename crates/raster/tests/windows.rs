//! Any window of any file is the same part of the whole image.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use ndarray::Array3;
use proptest::prelude::*;
use swath_raster::{BlockCache, Error, FetchOptions, Fetcher, Limits, Pixels, ReadPlan, ReadRequest, Window};

const FILES: [&str; 6] = [
    "i16_tile_deflate.tif",
    "i16_strip_lzw.tif",
    "i16_planar_separate_tile.tif",
    "i16_planar_separate_strip_rps1.tif",
    "i16_bigtiff_tile_zstd_pred2.tif",
    "i16_strip_none.tif",
];

async fn read(fetcher: &Fetcher, cache: &BlockCache, path: &str, request: ReadRequest) -> Pixels {
    let raster = fetcher.open(path).await.unwrap();
    fetcher.read(ReadPlan::new(&raster, request).unwrap(), cache).await.unwrap()
}

fn values(pixels: &Pixels) -> &Array3<i16> {
    pixels.samples.as_array::<i16>().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_window_is_a_part_of_the_whole(
        file in 0usize..6, col in -140i64..140, row in -140i64..140, width in 1usize..200, height in 1usize..200,
        bands in prop::collection::vec(0usize..4, 1..5), cached_blocks in 0u64..20,
    ) {
        let Some(folder) = data::folder("tiff/encodings") else { return Ok(()) };
        let path = folder.join(FILES[file]);
        let path = path.to_str().unwrap();
        let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
        let cache = BlockCache::new(cached_blocks * 8192);
        let request = ReadRequest {
            bands: Some(bands.clone()),
            with_validity: true,
            ..ReadRequest::window(Window::new(col, row, width, height))
        };
        let (whole, part) = data::block_on(async {
            let whole = read(&fetcher, &cache, path, ReadRequest::window(Window::new(0, 0, 105, 97))).await;
            (whole, read(&fetcher, &cache, path, request).await)
        });
        prop_assert!(cache.statistics().held_bytes <= cached_blocks * 8192);
        let valid = part.valid.as_ref().unwrap();
        prop_assert_eq!(part.samples.shape(), (bands.len(), height, width));
        for ((band, r, c), value) in values(&part).indexed_iter() {
            let (x, y) = (col + c as i64, row + r as i64);
            let is_inside = (0..105).contains(&x) && (0..97).contains(&y);
            prop_assert_eq!(valid[(band, r, c)], is_inside);
            let expected = if is_inside { values(&whole)[(bands[band], y as usize, x as usize)] } else { 0 };
            prop_assert_eq!(*value, expected);
        }
    }

    #[test]
    fn no_window_overflows(col in any::<i64>(), row in any::<i64>(), width in any::<usize>(), height in any::<usize>()) {
        let Some(folder) = data::folder("tiff/encodings") else { return Ok(()) };
        let limits = Limits { window_bytes: 1 << 20, ..Limits::default() };
        let fetcher = Fetcher::new(FetchOptions { limits, ..FetchOptions::default() }).unwrap();
        let raster = data::block_on(fetcher.open(folder.join(FILES[0]).to_str().unwrap())).unwrap();
        match ReadPlan::new(&raster, ReadRequest::window(Window::new(col, row, width, height))) {
            Ok(plan) => prop_assert!(plan.block_count() <= 16),
            Err(Error::WindowTooLarge { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn bands_and_levels_that_are_not_there_are_named() {
    let Some(folder) = data::folder("tiff/encodings") else { return };
    let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
    let raster = data::block_on(fetcher.open(folder.join(FILES[0]).to_str().unwrap())).unwrap();
    let whole = ReadRequest::window(Window::new(0, 0, 8, 8));
    let band = ReadPlan::new(&raster, ReadRequest { bands: Some(vec![0, 4]), ..whole.clone() }).unwrap_err();
    assert!(band.to_string().contains("no band 4"), "{band}");
    let level = ReadPlan::new(&raster, ReadRequest { level: 1, ..whole }).unwrap_err();
    assert!(level.to_string().contains("no level 1"), "{level}");
}
