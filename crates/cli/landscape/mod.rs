//! A made-up piece of Earth for `swath demo`: seeded, labelled, seen by a made-up Sentinel-2.
//!
//! [`scene`] is a pure function of its [`SceneSpec`]. Two regions differ in relief, soils, crops, woods and haze; a
//! *place* is a piece of ground within a region; a *visit* is one day on which it was seen. Ground and labels depend on
//! region and place alone; season, sun, clouds and haze on the visit too. The same spec gives the same bytes on every
//! machine (see [`noise`] for why).
//!
//! Labels are what an annotator who knows the ground would draw: fields stay `cropland` when ploughed or harvested,
//! gardens and yards within a town are `built-up`, and what thin haze or a cloud's shadow covers keeps its class. Under
//! cloud that hides the ground nothing is claimed: those pixels carry [`IGNORE`].

mod climate;
mod cover;
mod noise;
mod parcels;
mod season;
mod sensor;
mod settlement;
mod sky;
mod spectra;
mod terrain;

use ndarray::{Array2, Array3, Zip, s};

use climate::Climate;
use noise::Noise;
use season::Season;
use sensor::MARGIN;
use sky::{Sky, VISITS};
pub(crate) use spectra::{BANDS, CLASSES, IGNORE};
use terrain::{PIXEL_M, Terrain, point};

/// Reflectance of one count, as STAC `raster:scale`.
pub(crate) const SCALE: f64 = 1e-4;
/// Reflectance of count zero, as STAC `raster:offset`: the `BOA_ADD_OFFSET` of -1000 counts that products since
/// processing baseline 04.00 carry.
pub(crate) const OFFSET: f64 = -0.1;
/// The count that means "not measured". Scenes carry none.
pub(crate) const NODATA: u16 = 0;

/// One of the two made-up regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// Humid lowland, UTM zone 31 N.
    A,
    /// Dry upland, UTM zone 33 N.
    B,
}

/// Which scene to draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SceneSpec {
    /// Changes everything.
    pub(crate) seed: u64,
    pub(crate) region: Region,
    /// Which piece of ground of the region; two places never overlap as long as scenes are below 2,000 pixels.
    pub(crate) place: u32,
    /// Which pass over it: 0 summer, 1 spring, 2 autumn, 3 winter, 4 next summer, and so on.
    pub(crate) visit: u32,
    /// Height in pixels of 10 m, even.
    pub(crate) rows: usize,
    /// Width in pixels of 10 m, even.
    pub(crate) cols: usize,
}

/// A scene as drawn.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// Counts `[band, row, col]`, bands as in [`BANDS`]; reflectance is `count * SCALE + OFFSET`.
    pub(crate) image: Array3<u16>,
    /// Class values `[row, col]`, an index into [`CLASSES`], or [`IGNORE`] where cloud hides the ground.
    pub(crate) label: Array2<u8>,
    /// Acquisition, RFC 3339 in UTC.
    pub(crate) datetime: String,
    /// EPSG code of the grid's UTM zone.
    pub(crate) epsg: u32,
    /// Easting and northing in metres of the upper left corner of the upper left pixel.
    pub(crate) origin_m: [f64; 2],
    /// Edge of a pixel in metres.
    pub(crate) pixel_m: f64,
}

/// Places lie this far apart on the region's plane, in pixels.
const PLACE_PX: u32 = 2_048;
/// Places in one row.
const PLACES: u32 = 8;
/// Upper left corner of place 0 within its UTM zone, in metres. The ground there is another than the one drawn.
const ORIGIN_M: [f64; 2] = [400_020.0, 4_999_980.0];
/// Cloud this opaque hides the ground from an annotator.
const HIDDEN: f64 = 0.5;

/// Draws a scene. A size of zero is drawn as an empty image.
pub(crate) fn scene(spec: &SceneSpec) -> Scene {
    let climate = Climate::of(spec.region);
    let land = Noise::new(spec.seed).fork(1 + spec.region as u64);
    let day = land.fork(1_000 + u64::from(spec.visit)).fork(u64::from(spec.place));
    let visit = VISITS[spec.visit as usize % VISITS.len()];
    let year = FIRST_YEAR + spec.visit / VISITS.len() as u32;

    // Everything is drawn with a margin, which the sensor's blur uses up.
    let (rows, cols) = (spec.rows + 2 * MARGIN, spec.cols + 2 * MARGIN);
    let (east_px, south_px) = (PLACE_PX * (spec.place % PLACES), PLACE_PX * (spec.place / PLACES));
    let origin = [i64::from(east_px), i64::from(south_px)];
    let terrain = Terrain::shape(land, &climate, origin, rows, cols);
    let sites = cover::survey(land, &climate, &terrain, origin);

    let sky = Sky { noise: day.fork(1), visit, haze: climate.haze };
    let season = Season { climate: &climate, year_share: visit.year_share, year: u64::from(year) };
    let cloud = Array2::from_shape_fn((rows, cols), |(row, col)| sky.cloud(point(origin, row, col)));
    let light = Array2::from_shape_fn((rows, cols), |(row, col)| {
        let ground = season.reflectance(&sites[[row, col]]);
        sky.through_air(&ground, point(origin, row, col), sky.light(terrain.gradient[[row, col]]), cloud[[row, col]])
    });

    let inner = s![MARGIN..rows - MARGIN, MARGIN..cols - MARGIN];
    let hidden = cloud.slice(inner).mapv(|cloud| cloud > HIDDEN);
    let label = Zip::from(sites.slice(inner)).and(&hidden).map_collect(|site, &hidden| match hidden {
        true => IGNORE,
        false => site.surface.class(),
    });
    Scene {
        image: sensor::counts(&light, day.fork(2)),
        label,
        datetime: format!("{year}-{}", visit.day),
        epsg: match spec.region {
            Region::A => 32631,
            Region::B => 32633,
        },
        origin_m: [ORIGIN_M[0] + PIXEL_M * f64::from(east_px), ORIGIN_M[1] - PIXEL_M * f64::from(south_px)],
        pixel_m: PIXEL_M,
    }
}

/// The year of the first four visits.
const FIRST_YEAR: u32 = 2025;

#[cfg(test)]
mod tests;
