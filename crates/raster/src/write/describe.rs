//! What a written file says about itself: the tags of each level.

use super::tags::{Tags, Values};
use super::{WriteOptions, WriterCompression};
use crate::grid::GeoKeys;
use crate::header::tag;
use crate::{DType, Grid};

/// Tags of one level without its tiles' places.
pub(super) fn level_tags(
    size: (usize, usize),
    bands: usize,
    dtype: DType,
    options: &WriteOptions,
    is_overview: bool,
) -> Tags {
    let mut tags = Tags::new();
    let long = |value: usize| Values::Long(vec![value as u32]);
    let short = |value: u16| Values::Short(vec![value]);
    if is_overview {
        tags.insert(tag::NEW_SUBFILE_TYPE, long(1));
    }
    tags.insert(tag::IMAGE_WIDTH, long(size.0));
    tags.insert(tag::IMAGE_LENGTH, long(size.1));
    tags.insert(tag::BITS_PER_SAMPLE, Values::Short(vec![dtype.size_bytes() as u16 * 8; bands]));
    tags.insert(tag::COMPRESSION, short(number_of(options.compression)));
    let (photometric, colors) = match (&options.color_table, options.is_rgb) {
        (Some(_), _) => (3, 1),
        (None, true) => (2, 3),
        (None, false) => (1, 1),
    };
    tags.insert(tag::PHOTOMETRIC, short(photometric));
    tags.insert(tag::SAMPLES_PER_PIXEL, short(bands as u16));
    tags.insert(tag::PLANAR_CONFIGURATION, short(1));
    if options.predictor && options.compression != WriterCompression::None {
        tags.insert(tag::PREDICTOR, short(if dtype.is_float() { 3 } else { 2 }));
    }
    if let Some(table) = &options.color_table {
        let entries = 1usize << (8 * dtype.size_bytes());
        let channel = |c: usize| (0..entries).map(move |i| table.0.get(i).map_or(0, |color| color[c]));
        tags.insert(tag::COLOR_MAP, Values::Short((0..3).flat_map(channel).collect()));
    }
    tags.insert(tag::TILE_WIDTH, long(options.tile_px));
    tags.insert(tag::TILE_LENGTH, long(options.tile_px));
    if bands > colors {
        tags.insert(tag::EXTRA_SAMPLES, Values::Short(vec![0; bands - colors]));
    }
    let format = match dtype {
        DType::F32 | DType::F64 => 3,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 2,
        _ => 1,
    };
    tags.insert(tag::SAMPLE_FORMAT, Values::Short(vec![format; bands]));
    if let Some(nodata) = options.nodata {
        tags.insert(
            tag::GDAL_NODATA,
            Values::Ascii(if nodata.is_nan() { "nan".to_owned() } else { nodata.to_string() }),
        );
    }
    tags
}

fn number_of(compression: WriterCompression) -> u16 {
    match compression {
        WriterCompression::None => 1,
        WriterCompression::Lzw => 5,
        WriterCompression::Deflate { .. } => 8,
        WriterCompression::Zstd { .. } => 50000,
    }
}

/// Adds where the image lies. Fails with a reason where the CRS cannot be said in GeoKeys.
pub(super) fn add_place(tags: &mut Tags, grid: &Grid) -> Result<(), String> {
    let t = &grid.transform;
    if t.is_axis_aligned() && t.e < 0.0 && t.a > 0.0 {
        tags.insert(tag::MODEL_PIXEL_SCALE, Values::Double(vec![t.a, -t.e, 0.0]));
        tags.insert(tag::MODEL_TIEPOINT, Values::Double(vec![0.0, 0.0, 0.0, t.c, t.f, 0.0]));
    } else if grid.crs.is_some() || *t != crate::Affine::IDENTITY {
        let matrix = [t.a, t.b, 0.0, t.c, t.d, t.e, 0.0, t.f, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        tags.insert(tag::MODEL_TRANSFORMATION, Values::Double(matrix.to_vec()));
    }
    let Some(crs) = &grid.crs else { return Ok(()) };
    let keys = match (crs.geo_keys(), crs.epsg().and_then(|code| u16::try_from(code).ok())) {
        (Some(keys), _) => keys.clone().with_pixel_is_area(),
        (None, Some(code)) => GeoKeys::of_epsg(code, crs.is_geographic()),
        (None, None) => return Err(format!("the CRS `{crs}` has no EPSG code; give it by one, such as EPSG:3035")),
    };
    tags.insert(tag::GEO_KEY_DIRECTORY, Values::Short(keys.directory));
    if !keys.doubles.is_empty() {
        tags.insert(tag::GEO_DOUBLE_PARAMS, Values::Double(keys.doubles));
    }
    if !keys.ascii.is_empty() {
        tags.insert(tag::GEO_ASCII_PARAMS, Values::Ascii(keys.ascii));
    }
    Ok(())
}

/// Adds names and metadata items as GDAL's XML.
pub(super) fn add_metadata(tags: &mut Tags, options: &WriteOptions, bands: usize) {
    let items =
        options.metadata.iter().map(|(name, value)| format!("  <Item name=\"{}\">{}</Item>\n", xml(name), xml(value)));
    let names = options.descriptions.iter().enumerate().map(|(band, name)| {
        format!("  <Item name=\"DESCRIPTION\" sample=\"{band}\" role=\"description\">{}</Item>\n", xml(name))
    });
    let scales = options.scale.into_iter().flat_map(|scale| {
        (0..bands).map(move |band| format!("  <Item name=\"SCALE\" sample=\"{band}\" role=\"scale\">{scale}</Item>\n"))
    });
    let body: String = items.chain(names).chain(scales).collect();
    if !body.is_empty() {
        tags.insert(tag::GDAL_METADATA, Values::Ascii(format!("<GDALMetadata>\n{body}</GDALMetadata>\n")));
    }
}

fn xml(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
