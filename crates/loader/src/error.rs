//! What can go wrong between a catalog and a batch, each with the file or item, the place and what to do.

use swath_raster::Window;

use crate::split::Part;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that loading can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    #[error("recipe: {field}: {reason}")]
    Recipe { field: String, reason: String },
    #[error("augmentation '{name}' is not known; {suggestion}")]
    UnknownAugmentation { name: String, suggestion: String },
    #[error("augmentations cannot be read from {path}; check the path")]
    ReadAugmentations {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is no list of augmentations; save it with albumentations' `A.save(pipeline, path)`")]
    ParseAugmentations {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("augmentation {name}: {reason}")]
    Augmentation { name: String, reason: String },
    #[error("item {item} has no `ml-aoi:split`; add it, or set split.method to \"blocks\" or \"halves\"")]
    Undeclared { item: String },
    #[error("item {item}")]
    Raster {
        item: String,
        #[source]
        source: swath_raster::Error,
    },
    #[error(
        "item {item}: {href} has no coordinate reference system and its item gives none; give the item a `proj:code`, or the file a system, for instance with `gdal_edit.py -a_srs`"
    )]
    NoCrs { item: String, href: String },
    #[error("item {item}: {window} cannot be read")]
    Window {
        item: String,
        href: String,
        window: Window,
        #[source]
        source: swath_raster::Error,
    },
    #[error("item {item}: {href}: {reason}")]
    Bands { item: String, href: String, reason: String },
    #[error("label {href}: class '{class}' is not in the recipe; add it to `classes`, or to `ignore`")]
    UnknownClass { href: String, class: String },
    #[error("label {href}: {reason}")]
    Label { href: String, reason: String },
    #[error("label {href} cannot be read; check the href in its item")]
    ReadLabel {
        href: String,
        #[source]
        source: std::io::Error,
    },
    #[error("label {href} is no GeoJSON")]
    ParseLabel {
        href: String,
        #[source]
        source: Box<geojson::Error>,
    },
    #[error(
        "item {item}: its geometry does not meet its image; correct the item, or set footprints = false to take all of the image"
    )]
    Footprint { item: String },
    #[error("no image with a label was given; check the catalog and the pairing's filter")]
    NoPairs,
    #[error("the {part} part holds no window of {window_px} px: {reason}")]
    EmptyPart { part: Part, window_px: usize, reason: String },
    #[error("tiles of {tile_px} px with an overlap of {overlap_px} px: the tile must be larger than the overlap")]
    Tiling { tile_px: usize, overlap_px: usize },
    #[error("scores of tile {tile} of {tiles}: expected {expected:?}, got {got:?}")]
    Scores { tile: usize, tiles: usize, expected: [usize; 3], got: Vec<usize> },
    #[error("normalisation by {method} needs statistics of the training part, and there are none")]
    NoStatistics { method: &'static str },
    #[error("statistics are of {statistics} bands, the recipe asks for {recipe}; compute them anew")]
    StatisticsBands { statistics: usize, recipe: usize },
    #[error(
        "samples of one batch differ in size: {first:?} and {other:?} (rows, columns); set output_px, or end the augmentations with a Resize or crop"
    )]
    Uneven { first: (usize, usize), other: (usize, usize) },
    #[error("the thread pool of the loader could not be started")]
    Start {
        #[source]
        source: std::io::Error,
    },
    #[error("a worker of the loader stopped while it made batch {batch}; this is a bug in swath")]
    Worker { batch: u64 },
}
