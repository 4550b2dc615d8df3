//! From header bytes to [`Header`].

use super::bytes::{HeaderBytes, Stop};
use super::directory::{Directory, directories, tag};
use super::{Band, ColorTable, Header, Level, Limits, Photometric, blocks, metadata, place};
use crate::Grid;
use std::collections::BTreeMap;

/// Reduced resolution, in NewSubfileType.
const IS_REDUCED: u64 = 1;
/// Mask of another image, in NewSubfileType.
const IS_MASK: u64 = 4;

/// Parses what has been read so far, or says what is needed next.
pub(crate) fn parse(bytes: &HeaderBytes, limits: &Limits) -> Result<Header, Stop> {
    let directories = directories(bytes, limits)?;
    let first = directories.first().ok_or_else(|| bytes.malformed("it has no image"))?;
    let full = blocks::level(first, limits)?;
    let dtype = blocks::dtype(&full).ok_or_else(|| bytes.malformed("its pixels have no type"))?;
    let (mut overviews, mut masks) = (Vec::new(), Vec::new());
    for directory in &directories[1..] {
        let kind = directory.uint(tag::NEW_SUBFILE_TYPE)?.unwrap_or(0);
        if kind & IS_MASK != 0 {
            masks.push(blocks::level(directory, limits)?);
        } else if kind & IS_REDUCED != 0 {
            let level = blocks::level(directory, limits)?;
            // Thumbnails in another encoding are no resolution of this image.
            if level.bands == full.bands && blocks::dtype(&level) == Some(dtype) {
                overviews.push(level);
            }
        }
    }
    overviews.sort_by_key(|level| std::cmp::Reverse(level.width_px as u128 * level.height_px as u128));
    let mut levels = vec![full];
    levels.extend(overviews);
    let masks = levels.iter().map(|level| take_mask(&mut masks, level)).collect();
    let place = place::place(first)?;
    let mut bands = vec![Band::default(); levels[0].bands];
    let xml = first.text(tag::GDAL_METADATA)?;
    let metadata = xml.map_or_else(BTreeMap::new, |xml| metadata::read(&xml, &mut bands));
    let grid = Grid {
        crs: place.crs,
        transform: place.transform,
        width_px: levels[0].width_px,
        height_px: levels[0].height_px,
    };
    Ok(Header {
        grid,
        dtype,
        nodata: first.text(tag::GDAL_NODATA)?.and_then(|text| nodata(&text)),
        bands,
        photometric: photometric(first)?,
        color_table: color_table(first, levels[0].bits)?,
        alpha_band: alpha_band(first, levels[0].bands)?,
        ground_control_points: place.ground_control_points,
        metadata,
        levels,
        masks,
    })
}

fn take_mask(masks: &mut Vec<Level>, level: &Level) -> Option<Level> {
    let same = |mask: &Level| (mask.width_px, mask.height_px) == (level.width_px, level.height_px);
    let index = masks.iter().position(same)?;
    Some(masks.swap_remove(index))
}

fn nodata(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "nan" | "-nan" => Some(f64::NAN),
        "inf" | "+inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

fn photometric(directory: &Directory<'_>) -> Result<Photometric, Stop> {
    Ok(match directory.uint(tag::PHOTOMETRIC)?.unwrap_or(1) {
        0 => Photometric::MinIsWhite,
        1 => Photometric::MinIsBlack,
        2 => Photometric::Rgb,
        3 => Photometric::Palette,
        6 => Photometric::YCbCr,
        other => Photometric::Other(u16::try_from(other).unwrap_or(u16::MAX)),
    })
}

fn color_table(directory: &Directory<'_>, bits: u16) -> Result<Option<ColorTable>, Stop> {
    let values = directory.uints(tag::COLOR_MAP)?;
    if values.is_empty() || bits > 16 {
        return Ok(None);
    }
    let entries = values.len() / 3;
    let color = |i: usize| [0, 1, 2].map(|channel| values[channel * entries + i] as u16);
    Ok(Some(ColorTable((0..entries).map(color).collect())))
}

fn alpha_band(directory: &Directory<'_>, bands: usize) -> Result<Option<usize>, Stop> {
    let extra = directory.uints(tag::EXTRA_SAMPLES)?;
    let first = bands.saturating_sub(extra.len());
    Ok(extra.iter().position(|kind| matches!(kind, 1 | 2)).map(|index| first + index))
}
