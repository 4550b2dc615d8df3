//! A model as a STAC item of the MLM extension: what it takes, what it gives, and what it came from.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::parts::{self, STAC_VERSION, link, object, timestamp};
use crate::{
    bands::{Band, DataType},
    classification::Class,
    error::{Error, Result},
    extension::{Extension, write_fields},
    ml_aoi::{MlAoi, Role, Split},
    mlm::{self, Mlm, ModelBand, ModelInput, ModelOutput, Structure, ValueScaling},
};

/// A band that a model takes, and what is done to its values first.
#[derive(Clone, Debug)]
pub struct InputBand {
    /// The band; its name is what an image's band must answer to.
    pub band: Band,
    /// What is done to its pixel values; `None` leaves them as they are.
    pub scaling: Option<ValueScaling>,
}

/// What a model came from.
#[derive(Clone, Debug)]
pub struct ModelRelation {
    /// The item or collection: a path of this machine (written relative to the model's item) or an address.
    pub href: String,
    /// The part of the dataset that it was used as.
    pub split: Option<Split>,
    /// A name for people.
    pub title: Option<String>,
}

/// A file that goes with a model: a report, metrics, a training graph.
#[derive(Clone, Debug)]
pub struct ModelAsset {
    /// Its key in the item.
    pub key: String,
    /// The file.
    pub path: PathBuf,
    /// Its media type.
    pub media_type: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// A name for people.
    pub title: String,
}

/// A semantic-segmentation model in an ONNX file.
#[derive(Clone, Debug)]
pub struct ModelDescription {
    /// The item's id, and `mlm:name`: letters, digits, `_`, `.`, `-` and spaces, beginning with a letter, three at least.
    pub name: String,
    /// What it is, in prose.
    pub description: String,
    /// As the literature calls it: `UNet`.
    pub architecture: String,
    /// Where the item will be written: hrefs are relative to its folder.
    pub item_path: PathBuf,
    /// The id of the collection that it belongs to, with its file.
    pub collection: Option<(String, PathBuf)>,
    /// The ONNX file.
    pub model_path: PathBuf,
    /// The file's size.
    pub size_bytes: Option<u64>,
    /// The file's checksum as a hexadecimal multihash.
    pub checksum: Option<String>,
    /// The graph input's name.
    pub input_name: String,
    /// The bands in the order of the input.
    pub bands: Vec<InputBand>,
    /// Batch, bands, height, width; -1 where free.
    pub input_shape: [i64; 4],
    /// How images are brought to the input's size: `crop`, `interpolation-linear`, …
    pub resize_type: Option<String>,
    /// The graph output's name.
    pub output_name: String,
    /// Batch, classes, height, width; -1 where free.
    pub output_shape: [i64; 4],
    /// The classes by index.
    pub classes: Vec<Class>,
    /// When it was made.
    pub datetime: DateTime<Utc>,
    /// Where it learnt, as a GeoJSON geometry in degrees with its west, south, east, north; `None` for a model of nowhere.
    pub footprint: Option<(Value, [f64; 4])>,
    /// The version of ONNX Runtime that it ran on.
    pub framework_version: Option<String>,
    /// The number of its weights.
    pub total_parameters: Option<u64>,
    /// Bytes of memory to load it.
    pub memory_size_bytes: Option<u64>,
    /// The dataset of the weights that training began from; `None` when it began from random weights.
    pub pretrained_source: Option<String>,
    /// A sensible batch size.
    pub batch_size_suggestion: Option<u32>,
    /// `amd64` or `cuda`: what it was run on.
    pub accelerator: Option<String>,
    /// The device in words.
    pub accelerator_summary: Option<String>,
    /// What it was trained by; keys of letters, digits, `_`, `.`, `-`.
    pub hyperparameters: Map<String, Value>,
    /// The data that it learnt from and was judged by, and the model that it began from.
    pub relations: Vec<ModelRelation>,
    /// Files that go with it.
    pub assets: Vec<ModelAsset>,
    /// Further properties, with their own prefixes: `swath:metrics`.
    pub properties: Map<String, Value>,
}

/// The item that describes a model.
///
/// # Errors
/// [`Error::Describe`] when what is described cannot be a valid MLM item: a name, band or hyperparameter that the schema
/// refuses, or shapes that contradict the bands and classes.
pub fn model_item(model: &ModelDescription) -> Result<Value> {
    check(model)?;
    let folder = model.item_path.parent().map(PathBuf::from).unwrap_or_default();
    let bands: Vec<&Band> = model.bands.iter().map(|input| &input.band).collect();
    let mut extensions = vec![Mlm::SCHEMA, MlAoi::SCHEMA];
    if bands.iter().any(|band| band.common_name.is_some() || band.center_wavelength_um.is_some()) {
        extensions.push(parts::EO);
    }
    let mut properties = Map::new();
    properties.insert("datetime".to_owned(), timestamp(model.datetime).into());
    properties.insert("description".to_owned(), model.description.as_str().into());
    write_fields(&fields(model), &model.name, &mut properties)?;
    properties.extend(model.properties.clone());

    let mut assets = Map::new();
    let mut asset = object(json!({
        "href": parts::relative(&folder, &model.model_path)?, "type": "application/octet-stream; application=onnx",
        "title": format!("{} as ONNX", model.name), "roles": [mlm::MODEL_ROLE, "mlm:weights"],
        mlm::ARTIFACT_TYPE: mlm::ONNX,
    }));
    // MLM looks for bands in the properties, where the core schema allows them only if an asset has them too.
    if !bands.is_empty() {
        properties.insert("bands".to_owned(), json!(bands));
        asset.insert("bands".to_owned(), json!(bands));
    }
    parts::file_fields(&mut asset, model.size_bytes, model.checksum.as_deref());
    if model.size_bytes.is_some() || model.checksum.is_some() {
        extensions.push(parts::FILE);
    }
    assets.insert("model".to_owned(), Value::Object(asset));
    for other in &model.assets {
        let asset = json!({
            "href": parts::relative(&folder, &other.path)?, "type": other.media_type, "roles": other.roles,
            "title": other.title,
        });
        assets.insert(other.key.clone(), asset);
    }
    let (geometry, bbox) = match &model.footprint {
        Some((geometry, bbox)) => (geometry.clone(), Some(bbox)),
        None => (Value::Null, None),
    };
    let mut item = object(json!({
        "type": "Feature", "stac_version": STAC_VERSION, "stac_extensions": extensions, "id": model.name,
        "geometry": geometry, "properties": properties, "links": links(model, &folder)?, "assets": assets,
    }));
    if let Some(bbox) = bbox {
        item.insert("bbox".to_owned(), json!(bbox));
    }
    if let Some((collection, _)) = &model.collection {
        item.insert("collection".to_owned(), collection.as_str().into());
    }
    Ok(Value::Object(item))
}

fn links(model: &ModelDescription, folder: &std::path::Path) -> Result<Vec<Value>> {
    let mut links = Vec::new();
    if let Some((_, collection)) = &model.collection {
        let href = parts::relative(folder, collection)?;
        links.extend([link("parent", &href), link("collection", &href)]);
    }
    for relation in &model.relations {
        let href = match crate::href::Href::parse(&relation.href)? {
            crate::href::Href::File(path) => parts::relative(folder, &path)?,
            crate::href::Href::Remote(url) => url.to_string(),
        };
        let mut derived = object(link("derived_from", &href));
        let role = relation.split.is_some().then_some(Role::Feature);
        write_fields(&MlAoi { split: relation.split, role, ..MlAoi::default() }, &model.name, &mut derived)?;
        if let Some(title) = &relation.title {
            derived.insert("title".to_owned(), title.as_str().into());
        }
        links.push(Value::Object(derived));
    }
    Ok(links)
}

fn fields(model: &ModelDescription) -> Mlm {
    let tasks = vec![mlm::SEMANTIC_SEGMENTATION.to_owned()];
    let structure = |shape: [i64; 4], second: &str| Structure {
        shape: shape.to_vec(),
        dim_order: ["batch", second, "height", "width"].map(str::to_owned).to_vec(),
        data_type: DataType::Float32,
    };
    let names = model.bands.iter().filter_map(|input| input.band.name.clone());
    let scalings: Option<Vec<ValueScaling>> = model.bands.iter().map(|input| input.scaling.clone()).collect();
    let input = ModelInput {
        name: model.input_name.clone(),
        bands: names.map(ModelBand::Name).collect(),
        input: structure(model.input_shape, "bands"),
        value_scaling: scalings.filter(|scalings| !scalings.is_empty()),
        resize_type: model.resize_type.clone(),
        other: Map::new(),
    };
    let output = ModelOutput {
        name: model.output_name.clone(),
        tasks: tasks.clone(),
        result: structure(model.output_shape, "class"),
        classes: model.classes.clone(),
        other: Map::new(),
    };
    Mlm {
        name: model.name.clone(),
        architecture: model.architecture.clone(),
        tasks,
        framework: Some("ONNX".to_owned()),
        framework_version: model.framework_version.clone(),
        memory_size_bytes: model.memory_size_bytes,
        total_parameters: model.total_parameters,
        pretrained: Some(model.pretrained_source.is_some()),
        pretrained_source: Some(model.pretrained_source.clone()),
        batch_size_suggestion: model.batch_size_suggestion,
        accelerator: model.accelerator.clone(),
        accelerator_constrained: model.accelerator.is_some().then_some(false),
        accelerator_summary: model.accelerator_summary.clone(),
        input: vec![input],
        output: vec![output],
        hyperparameters: model.hyperparameters.clone(),
        other: Map::new(),
    }
}

/// What the schema would refuse, said before anything is written.
fn check(model: &ModelDescription) -> Result<()> {
    let wrong = |reason: String| Err(Error::Describe { what: format!("model {}", model.name), reason });
    let name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ');
    let ends_well = model.name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if model.name.len() < 3
        || !model.name.starts_with(|c: char| c.is_ascii_alphabetic())
        || !ends_well
        || !model.name.chars().all(name_char)
    {
        return wrong("its name must begin with a letter, end with a letter or digit, and hold nothing but letters, digits, `_`, `.`, `-` and spaces".to_owned());
    }
    if model.bands.iter().any(|input| input.band.name.as_deref().is_none_or(str::is_empty)) {
        return wrong("each of its bands needs a name".to_owned());
    }
    let scaled = model.bands.iter().filter(|input| input.scaling.is_some()).count();
    if scaled != 0 && scaled != model.bands.len() {
        return wrong(format!(
            "{scaled} of its {} bands have a scaling: give all of them one, or none",
            model.bands.len()
        ));
    }
    let disagrees = |declared: i64, counted: usize| declared >= 0 && i64::try_from(counted) != Ok(declared);
    if !model.bands.is_empty() && disagrees(model.input_shape[1], model.bands.len()) {
        return wrong(format!(
            "its input takes {} bands and {} are described",
            model.input_shape[1],
            model.bands.len()
        ));
    }
    if !model.classes.is_empty() && disagrees(model.output_shape[1], model.classes.len()) {
        return wrong(format!(
            "its output has {} classes and {} are described",
            model.output_shape[1],
            model.classes.len()
        ));
    }
    let key_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match model.hyperparameters.keys().find(|key| key.is_empty() || !key.chars().all(key_char)) {
        Some(key) => wrong(format!("hyperparameter `{key}`: names hold letters, digits, `_`, `.` and `-` only")),
        None => Ok(()),
    }
}

/// A collection of models. `items` are their hrefs as seen from the collection's folder, with their documents.
///
/// # Errors
/// [`Error::Describe`] when there are no models.
pub fn model_collection(id: &str, description: &str, license: &str, items: &[(String, Value)]) -> Result<Value> {
    let read = |(href, item): &(String, Value)| crate::item::Item::new(item.clone(), crate::href::Href::parse(href)?);
    let parsed = items.iter().map(read).collect::<Result<Vec<_>>>()?;
    // A model of nowhere may be used anywhere.
    let bboxes: Vec<_> = parsed.iter().map(|item| item.bbox().unwrap_or([-180.0, -90.0, 180.0, 90.0])).collect();
    let moments: Vec<_> = parsed.iter().filter_map(crate::item::Item::datetime).collect();
    let extent = parts::extent(&bboxes, &moments)
        .ok_or_else(|| Error::Describe { what: format!("collection {id}"), reason: "it has no models".to_owned() })?;
    let links: Vec<_> = std::iter::once(link("root", "./collection.json"))
        .chain(items.iter().map(|(href, _)| parts::item_link("item", href)))
        .collect();
    Ok(json!({
        "type": "Collection", "stac_version": STAC_VERSION, "id": id, "description": description, "license": license,
        "extent": extent, "links": links,
    }))
}
