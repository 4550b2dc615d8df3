//! What is fuzzed: bytes go in, and pixels or a typed error come out, within limits. Anything else is a panic.
//!
//! The crate's tests run the same functions on random bytes.

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, PutOptions, PutPayload};
use std::sync::Arc;
use swath_raster::{
    Affine, BlockCache, FetchOptions, Fetcher, Grid, Limits, OntoPlan, Pixels, Raster, ReadPlan, ReadRequest,
    Resampling, Result, Window,
};

/// Bytes of pixels of one window; far less than the fuzzer's own limit of memory.
const MAX_WINDOW_BYTES: u64 = 4 << 20;

/// Codecs by the name of their target, and their number in a TIFF.
pub const CODECS: [(&str, u32); 11] = [
    ("none", 1),
    ("lzw", 5),
    ("deflate", 8),
    ("packbits", 32773),
    ("zstd", 50000),
    ("lzma", 34925),
    ("lerc", 34887),
    ("lerc_deflate", 34887),
    ("lerc_zstd", 34887),
    ("jpeg", 7),
    ("webp", 50001),
];

fn limits() -> Limits {
    Limits { header_bytes: 1 << 20, block_bytes: 1 << 20, window_bytes: MAX_WINDOW_BYTES, ..Limits::default() }
}

/// Opens `file` from memory and hands it on.
fn with_raster<T>(file: &[u8], then: impl AsyncFnOnce(&Fetcher, Arc<Raster>) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let store = InMemory::new();
        let payload = PutPayload::from(file.to_vec());
        store.put_opts(&Path::from("a.tif"), payload, PutOptions::default()).await.expect("memory takes it");
        let fetcher = Fetcher::new(FetchOptions { limits: limits(), retries: 0, ..FetchOptions::default() })?;
        fetcher.register("memory://", Arc::new(store));
        let raster = fetcher.open("memory://a.tif").await?;
        then(&fetcher, raster).await
    })
}

async fn read(fetcher: &Fetcher, raster: &Arc<Raster>, request: ReadRequest) -> Result<Pixels> {
    let (window, bands) = (request.window, request.bands.as_ref().map_or(raster.header.bands.len(), Vec::len));
    let plan = ReadPlan::new(raster, request)?;
    let pixels = fetcher.fetch(plan, &BlockCache::new(0)).await?.decode()?.to_pixels()?;
    assert_eq!(pixels.samples.shape(), (bands, window.height_px, window.width_px));
    Ok(pixels)
}

/// Any bytes as a file: its header, and its first pixels.
pub fn header(data: &[u8]) {
    let _ = with_raster(data, async |fetcher, raster| {
        for level in 0..raster.header.levels.len() {
            assert!(raster.header.level_grid(level).is_some());
        }
        let request = ReadRequest { with_validity: true, ..ReadRequest::window(Window::new(0, 0, 16, 16)) };
        read(fetcher, &raster, request).await
    });
}

/// Any bytes as the only block of an image; the first eight say what the image is like.
pub fn codec(name: &str, data: &[u8]) {
    let Some((_, number)) = CODECS.iter().find(|(codec, _)| *codec == name) else { return };
    let Some((shape, block)) = data.split_first_chunk::<8>() else { return };
    let pick = |index: usize, values: &[u32]| values[usize::from(shape[index]) % values.len()];
    let (width, height) = (u32::from(shape[0]) % 80 + 1, u32::from(shape[1]) % 80 + 1);
    let bands = pick(2, &[1, 3, 4, 2]);
    let (bits, format) = match shape[3] % 10 {
        0..=3 => (8, 1),
        4 => (16, 2),
        5 => (16, 1),
        6 => (32, 3),
        7 => (64, 3),
        8 => (32, 1),
        _ => (u32::from(shape[3]) % 16 + 1, 1),
    };
    let additional = match name {
        "lerc_deflate" => 1,
        "lerc_zstd" => 2,
        _ => 0,
    };
    let fields = [
        (256, vec![width]),
        (257, vec![height]),
        (258, vec![bits; bands as usize]),
        (259, vec![*number]),
        (262, vec![pick(4, &[1, 6, 2])]),
        (277, vec![bands]),
        (278, vec![height]),
        (284, vec![1]),
        (317, vec![pick(5, &[1, 2, 3])]),
        (339, vec![format; bands as usize]),
        (50674, vec![4, additional]),
    ];
    let file = tiff(&fields, (273, 279), &[block]);
    let _ = with_raster(&file, async |fetcher, raster| {
        read(fetcher, &raster, ReadRequest::window(raster.header.grid.window())).await
    });
}

/// A number from the front of `data`, which it is taken off.
fn number(data: &mut &[u8]) -> i64 {
    let Some((bytes, rest)) = data.split_first_chunk::<8>() else { return 0 };
    *data = rest;
    let value = i64::from_le_bytes(*bytes);
    // The lowest bits say how large the rest is, so that small numbers are as frequent as large ones.
    value >> (4 * (value & 15))
}

/// Any window, bands and target grid of an image whose layout is in `data` too, and whose blocks are left out.
pub fn window(mut data: &[u8]) {
    let data = &mut data;
    let size = |data: &mut &[u8], most: i64| (number(data).rem_euclid(most) + 1) as u32;
    let (width, height) = (size(data, 5000), size(data, 5000));
    let (tile_width, tile_height) = (size(data, 400), size(data, 400));
    let (bands, is_planar) = (size(data, 6), number(data) & 1 == 1);
    let blocks = width.div_ceil(tile_width) * height.div_ceil(tile_height) * if is_planar { bands } else { 1 };
    if blocks > 4096 {
        return;
    }
    let fields = [
        (256, vec![width]),
        (257, vec![height]),
        (258, vec![8; bands as usize]),
        (259, vec![1]),
        (262, vec![1]),
        (277, vec![bands]),
        (284, vec![if is_planar { 2 } else { 1 }]),
        (322, vec![tile_width]),
        (323, vec![tile_height]),
    ];
    let file = tiff(&fields, (324, 325), &vec![&[][..]; blocks as usize]);
    let mut next = || number(data);
    let window = Window::new(next(), next(), next().unsigned_abs() as usize, next().unsigned_abs() as usize);
    let wanted = (0..next() & 7).map(|_| next().rem_euclid(8) as usize).collect();
    let [a, b, c, d, e, f] = [(); 6].map(|()| next() as f64 / 16.0);
    let target = Grid {
        crs: None,
        transform: Affine { a, b, c, d, e, f },
        width_px: next().rem_euclid(200) as usize,
        height_px: next().rem_euclid(200) as usize,
    };
    let _ = with_raster(&file, async |fetcher, raster| {
        let request = ReadRequest { bands: Some(wanted), with_validity: true, ..ReadRequest::window(window) };
        if let Ok(plan) = ReadPlan::new(&raster, request.clone()) {
            assert!(plan.block_count() <= blocks as usize);
            read(fetcher, &raster, request).await?;
        }
        let plan = OntoPlan::new(&raster, None, &target, Resampling::Bilinear, None)?;
        let source = match plan.read() {
            Some(read) => Some(fetcher.fetch(read.clone(), &BlockCache::new(0)).await?.decode()?.to_pixels()?),
            None => None,
        };
        plan.apply(source)
    });
}

/// A little-endian TIFF of one directory, with `blocks` under the tags for their offsets and lengths; an empty block is left out.
fn tiff(fields: &[(u16, Vec<u32>)], (offsets, lengths): (u16, u16), blocks: &[&[u8]]) -> Vec<u8> {
    let mut fields = fields.to_vec();
    fields.push((offsets, vec![0; blocks.len()]));
    fields.push((lengths, blocks.iter().map(|block| block.len() as u32).collect()));
    fields.sort_by_key(|(tag, _)| *tag);
    let arrays_at = 8 + 2 + 12 * fields.len() + 4;
    let arrays: usize = fields.iter().map(|(_, values)| if values.len() > 1 { 4 * values.len() } else { 0 }).sum();
    let mut at = (arrays_at + arrays) as u32;
    for (tag, values) in &mut fields {
        if *tag == offsets {
            for (value, block) in values.iter_mut().zip(blocks) {
                *value = if block.is_empty() { 0 } else { at };
                at += block.len() as u32;
            }
        }
    }
    let mut file = b"II\x2a\x00\x08\x00\x00\x00".to_vec();
    file.extend((fields.len() as u16).to_le_bytes());
    let mut tail: Vec<u8> = Vec::new();
    for (tag, values) in &fields {
        file.extend(tag.to_le_bytes());
        file.extend(4u16.to_le_bytes());
        file.extend((values.len() as u32).to_le_bytes());
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if values.len() == 1 {
            file.extend(bytes);
        } else {
            file.extend(((arrays_at + tail.len()) as u32).to_le_bytes());
            tail.extend(bytes);
        }
    }
    file.extend([0; 4]);
    file.extend(tail);
    blocks.iter().for_each(|block| file.extend_from_slice(block));
    file
}
