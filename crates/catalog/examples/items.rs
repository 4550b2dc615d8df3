//! Makes items to measure searches by: a tree of files, or one stac-geoparquet file.
//!
//! ```text
//! cargo run --release -p swath-catalog --example items -- tree FOLDER 10000
//! cargo run --release -p swath-catalog --example items -- table FILE 1000000
//! ```
//! Items are as a Sentinel-2 archive has them: a footprint of 1.2 degrees, a moment between 2017 and 2024, cloud cover, five
//! images with their bands. The table is in the order of an archive that is written place by place: a thousand items of
//! one place after each other, ordered by time.

use std::{error::Error, fs, path::Path};

use serde_json::{Value, json};
use swath_catalog::{
    Href, Item,
    geoparquet::{Columns, GeoParquetWriter},
};

/// Items of one place that follow each other.
const OF_A_PLACE: u64 = 1000;
const BANDS: [(&str, &str, f64); 5] = [
    ("B02", "blue", 0.4927),
    ("B03", "green", 0.5598),
    ("B04", "red", 0.6646),
    ("B08", "nir", 0.8328),
    ("B11", "swir16", 1.6137),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [kind, folder, count] if kind == "tree" => tree(Path::new(folder), count.parse()?),
        [kind, file, count] if kind == "table" => table(Path::new(file), count.parse()?),
        _ => Err("write: items tree FOLDER COUNT, or items table FILE COUNT".into()),
    }
}

/// Ten collections below one catalog, an item a file.
fn tree(folder: &Path, count: u64) -> Result<(), Box<dyn Error>> {
    let mut children = Vec::new();
    for part in 0..10 {
        let name = format!("part-{part}");
        fs::create_dir_all(folder.join(&name))?;
        let mut links = Vec::new();
        for at in (part..count).step_by(10) {
            let file = format!("{}.json", id(at));
            fs::write(folder.join(&name).join(&file), item(at, count, &name).to_string())?;
            links.push(json!({"rel": "item", "href": format!("./{file}"), "type": "application/geo+json"}));
        }
        write(&folder.join(&name).join("collection.json"), "Collection", &name, links)?;
        children.push(json!({"rel": "child", "href": format!("./{name}/collection.json")}));
    }
    write(&folder.join("catalog.json"), "Catalog", "archive", children)
}

fn write(path: &Path, kind: &str, id: &str, links: Vec<Value>) -> Result<(), Box<dyn Error>> {
    let document = json!({"type": kind, "stac_version": "1.1.0", "id": id, "description": "Made up.", "links": links});
    Ok(fs::write(path, document.to_string())?)
}

fn table(path: &Path, count: u64) -> Result<(), Box<dyn Error>> {
    let href = Href::parse("/items.parquet")?;
    let make = |at| Item::new(item(at, count, "archive"), href.clone());
    let mut columns = Columns::default();
    for at in 0..count {
        columns.observe(&make(at)?);
    }
    let mut writer = GeoParquetWriter::create(path, columns, &[])?;
    for at in 0..count {
        writer.push(&make(at)?)?;
    }
    Ok(writer.finish()?)
}

fn id(at: u64) -> String {
    format!("S2B_MSIL2A_{at:07}")
}

fn item(at: u64, count: u64, collection: &str) -> Value {
    let (place, within) = (at / OF_A_PLACE, at % OF_A_PLACE);
    let places = count.div_ceil(OF_A_PLACE);
    // Places lie along a band around the globe, a step of the golden ratio apart from south to north.
    let west = -179.0 + 357.0 * place as f64 / places as f64;
    let south = -60.0 + 130.0 * (place as f64 * 0.618_034).fract();
    let (east, north) = (west + 1.2, south + 1.2);
    let day = within * 2557 / OF_A_PLACE;
    let moment =
        chrono::DateTime::from_timestamp(1_483_228_800 + i64::try_from(day * 86_400 + at % 86_400).unwrap_or(0), 0);
    let moment = moment.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let asset = |(name, common, wavelength): (&str, &str, f64)| {
        let fields = json!({
            "href": format!("https://example.org/archive/{}/{name}.tif", id(at)), "title": format!("Band {name}"),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"],
            "eo:bands": [{"name": name, "common_name": common, "center_wavelength": wavelength}],
            "raster:bands": [{"nodata": 0, "data_type": "uint16", "spatial_resolution": 10, "scale": 0.0001, "offset": -0.1}]
        });
        (name.to_owned(), fields)
    };
    let assets: serde_json::Map<String, Value> = BANDS.into_iter().map(asset).collect();
    json!({
        "type": "Feature", "stac_version": "1.1.0", "id": id(at), "collection": collection,
        "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json",
                            "https://stac-extensions.github.io/raster/v1.1.0/schema.json"],
        "geometry": {"type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]},
        "bbox": [west, south, east, north],
        "properties": {
            "datetime": moment, "created": "2024-06-01T00:00:00Z", "platform": "sentinel-2b", "constellation": "sentinel-2",
            "instruments": ["msi"], "gsd": 10, "eo:cloud_cover": (at.wrapping_mul(2_654_435_761) % 10_000) as f64 / 100.0,
            "proj:epsg": 32_601 + place % 60, "s2:mgrs_tile": format!("T{:02}ABC", place % 60)
        },
        "links": [{"rel": "collection", "href": "./collection.json"}, {"rel": "root", "href": "../catalog.json"}],
        "assets": assets
    })
}
