//! The fuzz targets on random bytes, so that they are run wherever the tests are.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data;
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub)]
mod targets;

use proptest::prelude::*;

/// Blocks as encoders make them, from test files of one strip or tile each, to be changed here and there.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let names: &[&str] = match name {
        "lzw" => &["i16_tile_lzw.tif"],
        "deflate" => &["i16_tile_deflate.tif"],
        "packbits" => &["i16_strip_packbits.tif"],
        "zstd" => &["i16_tile_zstd.tif"],
        "lzma" => &["i16_tile_lzma.tif"],
        "lerc" => &["i16_tile_lerc.tif", "f32_lerc_maxzerr0.001.tif"],
        "lerc_deflate" => &["i16_tile_lerc_deflate.tif"],
        "lerc_zstd" => &["i16_tile_lerc_zstd.tif"],
        "jpeg" => &["u8_jpeg_ycbcr_q90.tif"],
        "webp" => &["u8_webp_q75.tif"],
        _ => &[],
    };
    let Some(folder) = data::folder("tiff/encodings") else { return Vec::new() };
    names.iter().filter_map(|name| std::fs::read(folder.join(name)).ok()).collect()
}

#[test]
fn header_and_window_targets_hold_on_random_bytes() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 300, ..ProptestConfig::default() });
    let bytes = prop::collection::vec(prop_oneof![any::<u8>(), Just(0u8), 0u8..8], 0..300);
    let held = runner.run(&bytes, |bytes| {
        targets::header(&[b"II\x2a\x00\x08\x00\x00\x00\x0c\x00", &bytes[..]].concat());
        targets::window(&bytes);
        Ok(())
    });
    held.unwrap();
}

#[test]
fn codec_targets_hold_on_random_bytes_and_changed_blocks() {
    for (name, _) in targets::CODECS {
        let seeds = seeds(name);
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 40, ..ProptestConfig::default() });
        let start = prop::sample::select(vec![0usize, 200, 400, 600, 1000]);
        let changes = prop::collection::vec((0.0f64..1.0, any::<u8>()), 0..8);
        let bytes = prop::collection::vec(any::<u8>(), 8..400);
        let held = runner.run(&(bytes, start, changes), |(bytes, start, changes)| {
            targets::codec(name, &bytes);
            for seed in &seeds {
                let mut block = seed[start.min(seed.len())..].to_vec();
                for (at, value) in &changes {
                    let at = ((at * at) * block.len() as f64) as usize;
                    block[at] = *value;
                }
                targets::codec(name, &[&bytes[..8], &block[..]].concat());
            }
            Ok(())
        });
        held.unwrap();
    }
}
