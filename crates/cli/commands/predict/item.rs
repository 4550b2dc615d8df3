//! The STAC item beside a map: all its files, and what they were made from.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use swath_catalog::Band;
use swath_catalog::publish::{MapDescription, map_item, write_json_atomically};
use swath_loader::IGNORE;
use swath_raster::Grid;

use super::outputs::Paths;
use super::scene::Scene;
use super::{PredictArgs, Probabilities, decide};
use crate::network::{Card, sha256_file};

/// The property that says of what, by what and how a map was made.
const FINGERPRINT: &str = "swath:fingerprint";

const RASTER: &str = "https://stac-extensions.github.io/raster/v2.0.0/schema.json";

/// Whether the map that is there was made of the same by the same, and is complete.
pub(super) fn is_of(paths: &Paths, fingerprint: &str) -> bool {
    let item = std::fs::read(&paths.item).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let made = item.as_ref().and_then(|item| item.pointer("/properties")?.get(FINGERPRINT)?.as_str());
    made == Some(fingerprint) && paths.all().all(Path::exists)
}

/// Writes the item, where the scene's date and CRS are known.
pub(super) fn write(
    args: &PredictArgs,
    card: &Card,
    scene: &Scene,
    grid: &Grid,
    paths: &Paths,
    fingerprint: &str,
) -> Result<()> {
    let datetime = match &scene.item {
        Some(item) => item.datetime(),
        None => crate::commands::describe::date_in_name(Path::new(&scene.source)),
    };
    let Some(datetime) = datetime.filter(|_| grid.crs.is_some()) else {
        tracing::warn!(
            "{}: no item is written beside the map: the scene's date or CRS is not known",
            paths.map.display()
        );
        return Ok(());
    };
    let map_path = std::path::absolute(&paths.map).with_context(|| format!("{} is no path", paths.map.display()))?;
    let item_path = map_path.with_extension("json");
    let place = crate::commands::describe::place(&map_path, grid)?;
    let source = if scene.source.contains("://") { scene.source.clone() } else { absolute(&scene.source)? };
    let mut properties = Map::new();
    properties.insert(FINGERPRINT.to_owned(), fingerprint.into());
    let mut item = map_item(&MapDescription {
        id: paths.map.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        description: format!("Classes of {} by {}", scene.image.id, card.mlm.name),
        item_path: item_path.clone(),
        size_bytes: std::fs::metadata(&map_path).ok().map(|metadata| metadata.len()),
        checksum: Some(format!("1220{}", sha256_file(&map_path)?)),
        map_path,
        datetime,
        footprint: place.footprint,
        bbox: place.bbox,
        projection: place.projection,
        bands: vec![Band { nodata: Some(f64::from(IGNORE)), ..Band::named("class") }],
        classes: card.classes.clone(),
        model: (card.path.to_string_lossy().into_owned(), card.mlm.name.clone()),
        sources: vec![source],
        software: Some(("swath".to_owned(), env!("CARGO_PKG_VERSION").to_owned())),
        properties,
    })?;
    add_assets(args, card, paths, &mut item)?;
    write_json_atomically(&item_path, &item)?;
    Ok(())
}

fn absolute(path: &str) -> Result<String> {
    Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
}

/// The files beside the map of classes.
fn add_assets(args: &PredictArgs, card: &Card, paths: &Paths, item: &mut Value) -> Result<()> {
    const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";
    let float = |name: &str| json!({"name": name, "data_type": "float32", "nodata": "nan"});
    if let (Some(path), Some(kind)) = (&paths.probabilities, args.probabilities) {
        let band = |name: &String| match kind {
            Probabilities::Float32 => float(name),
            Probabilities::Uint8 => json!({
                "name": name, "data_type": "uint8", "nodata": IGNORE, "raster:scale": 1.0 / f64::from(decide::STEPS),
            }),
        };
        let bands: Vec<Value> = card.class_names().iter().map(band).collect();
        add_asset(item, "probabilities", path, &paths.item, COG, bands)?;
        if let (Probabilities::Uint8, Some(schemas)) = (kind, item["stac_extensions"].as_array_mut()) {
            schemas.push(RASTER.into());
        }
    }
    if let Some(path) = &paths.entropy {
        add_asset(item, "entropy", path, &paths.item, COG, vec![float("entropy")])?;
    }
    if let Some(path) = &paths.polygons {
        add_asset(item, "polygons", path, &paths.item, "application/geo+json", Vec::new())?;
    }
    Ok(())
}

fn add_asset(item: &mut Value, key: &str, path: &Path, item_path: &Path, kind: &str, bands: Vec<Value>) -> Result<()> {
    let folder = |path: &Path| std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let href = if folder(path) == folder(item_path) { format!("./{name}") } else { absolute(&path.to_string_lossy())? };
    let mut asset = json!({
        "href": href, "type": kind, "roles": ["data"],
        "file:size": std::fs::metadata(path).with_context(|| format!("{}", path.display()))?.len(),
        "file:checksum": format!("1220{}", sha256_file(path)?),
    });
    if !bands.is_empty() {
        asset["bands"] = bands.into();
    }
    item["assets"][key] = asset;
    Ok(())
}
