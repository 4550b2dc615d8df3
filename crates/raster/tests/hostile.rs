//! Files that lie: whatever the bytes, reading ends in pixels or a typed error, never in a panic or in memory without bound.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;

use proptest::prelude::*;
use swath_raster::{BlockCache, Error, FetchOptions, Fetcher, Limits, ReadPlan, ReadRequest};

/// Limits so low that going over them by much would show.
fn options() -> FetchOptions {
    let limits = Limits { header_bytes: 1 << 20, block_bytes: 1 << 20, window_bytes: 4 << 20, ..Limits::default() };
    FetchOptions { limits, ..FetchOptions::default() }
}

fn read(bytes: &[u8]) -> Result<(), Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    data::block_on(async {
        let fetcher = Fetcher::new(options())?;
        let raster = fetcher.open(file.path().to_str().unwrap()).await?;
        let request = ReadRequest { with_validity: true, ..ReadRequest::window(raster.header.grid.window()) };
        fetcher.read(ReadPlan::new(&raster, request)?, &BlockCache::new(0)).await.map(|_| ())
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let Some(folder) = data::folder("tiff/encodings") else { return Vec::new() };
    let names = [
        "i16_tile_lzw.tif",
        "u8_jpeg_ycbcr_q90.tif",
        "i16_tile_lerc.tif",
        "i16_bigtiff_tile_zstd_pred2.tif",
        "u8_webp_q75.tif",
        "i16_strip_packbits.tif",
        "u8_internal_mask.tif",
        "i16_strip_lzma.tif",
        "f32_tile_deflate_pred3_bigendian.tif",
        "f32_lerc_maxzerr0.001.tif",
        "geo_userdefined_laea.tif",
        "u8_nbits4.tif",
    ];
    names.iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_whole() {
    for seed in seeds() {
        for part in 0..40 {
            let cut = seed.len() * part / 40;
            let error = read(&seed[..cut]).expect_err("a part of a file is no file");
            assert!(!error.to_string().is_empty());
        }
        read(&seed).expect("the whole file is one");
    }
}

#[test]
fn what_is_no_tiff_is_called_so() {
    for bytes in [&b""[..], b"II", b"<!DOCTYPE html><html>", b"\x89PNG\r\n\x1a\n0000", b"II\x2a\x00\x00\x00\x00\x00"] {
        let error = read(bytes).expect_err("this is no image");
        assert!(matches!(error, Error::NotTiff { .. } | Error::Malformed { .. }), "{error}");
    }
}

#[test]
fn directories_in_a_loop_end() {
    // One directory of one entry whose next directory is itself.
    let mut bytes = b"II\x2a\x00\x08\x00\x00\x00\x01\x00".to_vec();
    bytes.extend([0x00, 0x01, 0x03, 0x00, 1, 0, 0, 0, 5, 0, 0, 0]);
    bytes.extend([8, 0, 0, 0]);
    let error = read(&bytes).expect_err("a loop has no end");
    assert!(error.to_string().contains("loop"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(which in 0usize..12, changes in prop::collection::vec((0.0f64..1.0, any::<u8>()), 1..12)) {
        let seeds = seeds();
        if let Some(seed) = seeds.get(which) {
            let mut bytes = seed.clone();
            for (at, value) in &changes {
                // Squared, so that headers, which come first in many of these, are hit more often than pixels.
                let at = ((at * at) * bytes.len() as f64) as usize;
                bytes[at] = *value;
            }
            let _ = read(&bytes);
        }
    }
}
