//! What a survey found, written back into the STAC items: statistics and histograms of bands (raster extension, or STAC 1.1's
//! common metadata), pixels per class of raster labels (`label:overviews`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use swath_catalog::pairing::LabelKind;
use swath_catalog::publish::write_json_atomically;
use swath_catalog::{ItemId, Pair, Tree};
use swath_loader::survey::{SceneBand, SceneSurvey};
use swath_loader::{BandSource, Dataset, Survey};

const RASTER_V1: &str = "https://stac-extensions.github.io/raster/v1.1.0/schema.json";
const RASTER_V2: &str = "https://stac-extensions.github.io/raster/v2.0.0/schema.json";

/// Writes into all items of the pairs that are files; gives how many.
pub(super) fn write(tree: &Tree, pairs: &[Pair], dataset: &Dataset, survey: &Survey) -> Result<usize> {
    let files: BTreeMap<ItemId, PathBuf> =
        tree.items.iter().filter_map(|item| Some((item.item_id(), item.href().as_file()?.to_owned()))).collect();
    let mut documents: BTreeMap<PathBuf, Value> = BTreeMap::new();
    for ((pair, scene), found) in pairs.iter().zip(dataset.scenes()).zip(&survey.scenes) {
        let sources = scene.band_sources();
        for image in &pair.images {
            let Some(path) = files.get(&image.item) else { continue };
            let href = image.href.to_string();
            let own: Vec<(&BandSource, &SceneBand)> =
                sources.iter().zip(&found.bands).filter(|(source, _)| source.href == href).collect();
            describe_bands(document(&mut documents, path)?, &image.key, &own, valid_percent(found));
        }
        if let (LabelKind::Raster { .. }, Some(path)) = (&pair.label.kind, files.get(&pair.label.item)) {
            count_classes(document(&mut documents, path)?, &survey.classes, found);
        }
    }
    for (path, document) in &documents {
        write_json_atomically(path, document)?;
    }
    Ok(documents.len())
}

fn document<'a>(documents: &'a mut BTreeMap<PathBuf, Value>, path: &PathBuf) -> Result<&'a mut Map<String, Value>> {
    if !documents.contains_key(path) {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let document: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        ensure!(
            document["type"] == "Feature",
            "{}: statistics are written into single items, and this is none",
            path.display()
        );
        documents.insert(path.clone(), document);
    }
    documents.get_mut(path).and_then(Value::as_object_mut).with_context(|| format!("{} is no item", path.display()))
}

fn valid_percent(scene: &SceneSurvey) -> f64 {
    100.0 * (scene.pixels - scene.invalid_px) as f64 / scene.pixels.max(1) as f64
}

/// Statistics of an asset's bands, in stored values: the item's scale and offset apply to them as to the pixels.
fn describe_bands(item: &mut Map<String, Value>, key: &str, bands: &[(&BandSource, &SceneBand)], valid_percent: f64) {
    let is_old = item.get("stac_version").and_then(Value::as_str).is_some_and(|version| version.starts_with("1.0"));
    let Some(asset) = item.get_mut("assets").and_then(|assets| assets.get_mut(key)).and_then(Value::as_object_mut)
    else {
        return;
    };
    let is_v1 = asset.contains_key("raster:bands") || is_old;
    let field = if is_v1 { "raster:bands" } else { "bands" };
    let entries = asset.entry(field).or_insert_with(|| json!([]));
    let Some(entries) = entries.as_array_mut() else { return };
    for (source, band) in bands.iter().filter(|(_, band)| band.count > 0) {
        while entries.len() <= source.band {
            entries.push(json!({}));
        }
        let Some(entry) = entries[source.band].as_object_mut() else { continue };
        let stored = |value: f64| if source.scale == 0.0 { value } else { (value - source.offset) / source.scale };
        let (low, high) = (stored(band.min), stored(band.max));
        let statistics = json!({
            "minimum": low.min(high), "maximum": high.max(low), "mean": stored(band.mean),
            "stddev": if source.scale == 0.0 { band.std } else { band.std / source.scale.abs() },
            "valid_percent": valid_percent,
        });
        entry.insert("statistics".to_owned(), statistics);
        if let Some(histogram) = &band.histogram {
            let (low, high) = (stored(histogram.min), stored(histogram.max));
            let mut buckets = histogram.buckets.clone();
            if low > high {
                buckets.reverse();
            }
            let histogram =
                json!({"count": histogram.count, "min": low.min(high), "max": high.max(low), "buckets": buckets});
            entry.insert(if is_v1 { "histogram" } else { "raster:histogram" }.to_owned(), histogram);
        }
    }
    declare(item, if is_v1 { RASTER_V1 } else { RASTER_V2 });
}

/// Names an extension, in any of whose versions the item may use it already.
fn declare(item: &mut Map<String, Value>, uri: &str) {
    let family = |uri: &str| uri.split("/raster/v").next().map(str::to_owned);
    let major = |uri: &str| uri.split("/raster/v").nth(1).and_then(|rest| rest.chars().next());
    let known = item.entry("stac_extensions").or_insert_with(|| json!([]));
    let Some(known) = known.as_array_mut() else { return };
    let same =
        |other: &Value| other.as_str().is_some_and(|other| family(other) == family(uri) && major(other) == major(uri));
    if !known.iter().any(same) {
        known.push(json!(uri));
    }
}

/// Pixels of each class of a raster label.
fn count_classes(item: &mut Map<String, Value>, classes: &[String], scene: &SceneSurvey) {
    let Some(properties) = item.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let counts: Vec<Value> =
        classes.iter().zip(&scene.class_pixels).map(|(name, count)| json!({"name": name, "count": count})).collect();
    let key = properties.get("label:overviews").and_then(|overviews| overviews.get(0)?.get("property_key")).cloned();
    let mut overview = Map::from_iter([("counts".to_owned(), json!(counts))]);
    overview.extend(key.map(|key| ("property_key".to_owned(), key)));
    properties.insert("label:overviews".to_owned(), json!([overview]));
}
