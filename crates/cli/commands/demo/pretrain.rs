//! How the shipped network was made: random weights, trained on many scenes of region A, described by an honest MLM item.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{describe, scenes, settings};
use crate::commands::finetune::{Existing, finetune};
use crate::landscape::{BANDS, CLASSES, Region};
use crate::settings::Settings;
use scenes::Ground;

/// Trains into `out/unet-small` and leaves `out/shipped/{model.onnx,item.json}`, which belong into `models/unet-small`.
pub(super) fn run(out: &Path, seed: u64, steps: u64) -> Result<()> {
    // Another seed than the demo's, so that not even the noise of the two landscapes agrees.
    let seed = seed.wrapping_add(1_000);
    scenes::write(&out.join("data"), seed, &Ground::of_pretraining(Region::A))?;
    describe(out)?;
    swath_autodiff::build::small_unet(BANDS.len(), CLASSES.len(), seed)?.save(out.join("fresh.onnx"))?;
    let config = out.join("unet-small.toml");
    crate::whole_file::write_text(&config, &settings("unet-small", "fresh.onnx", seed, steps, 3e-3))?;
    let finished = finetune(&Settings::read(&config, &[])?, Existing::Overwrite)?;
    println!("{}", finished.scores.table());

    let shipped = out.join("shipped");
    fs::create_dir_all(&shipped).with_context(|| format!("cannot make the folder {}", shipped.display()))?;
    fs::copy(finished.folder.model(), shipped.join("model.onnx"))?;
    let item: Value = crate::run_folder::read_json(&finished.folder.item())?;
    let item = honest(item, seed, steps, finished.scores.mean_iou)?;
    swath_catalog::publish::write_json_atomically(&shipped.join("item.json"), &item)?;
    println!("{}", shipped.display());
    Ok(())
}

/// The run's item as it stands in the collection: no files and data that are not shipped, and what it is worth in words.
fn honest(mut item: Value, seed: u64, steps: u64, mean_iou: Option<f64>) -> Result<Value> {
    let item_object = item.as_object_mut().context("an item is an object")?;
    let miou = mean_iou.map_or("unknown".to_owned(), |miou| format!("{miou:.3}"));
    let description = format!(
        "A small UNet for demonstrations, trained by swath from random weights on 40 made-up scenes of the made-up region A \
         (swath demo --pretrain --steps {steps}, landscape seed {seed}); mean IoU {miou} on 8 held-out scenes of that region. \
         It has never seen a real image and is of no use on one."
    );
    let collection = json!({"rel": "collection", "href": "../collection.json", "type": "application/json"});
    let parent = json!({"rel": "parent", "href": "../collection.json", "type": "application/json"});
    item_object.insert("links".to_owned(), json!([collection, parent]));
    item_object.insert("collection".to_owned(), "swath-models".into());
    item_object.insert("geometry".to_owned(), Value::Null);
    item_object.remove("bbox");
    if let Some(properties) = item_object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("description".to_owned(), description.into());
        properties.insert("mlm:architecture".to_owned(), "UNet".into());
        properties.insert("mlm:pretrained".to_owned(), false.into());
        properties.insert("mlm:pretrained_source".to_owned(), Value::Null);
    }
    if let Some(assets) = item_object.get_mut("assets").and_then(Value::as_object_mut) {
        let mut model: Map<String, Value> =
            assets.get("model").and_then(Value::as_object).cloned().context("a model asset")?;
        model.insert("href".to_owned(), "./model.onnx".into());
        *assets = Map::from_iter([("model".to_owned(), Value::Object(model))]);
    }
    Ok(item)
}
