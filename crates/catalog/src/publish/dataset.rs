//! A labelled dataset as a STAC catalog: one collection of images, one of their labels.
//!
//! ```text
//! OUT/catalog.json
//! OUT/images/collection.json   OUT/images/<id>.json
//! OUT/labels/collection.json   OUT/labels/<id>.json   -> source, derived_from -> images/<id>.json
//! ```

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    parts::{self, STAC_VERSION, link, object, timestamp},
    write::{Staged, write_json_atomically},
};
use crate::{
    bands::Band,
    classification::{Class, Classification},
    error::{Error, Result},
    extension::{Extension, write_fields},
    filter::Filter,
    href::percent_encoded,
    label::{ClassName, Classes, Count, Label, LabelType, Overview},
    ml_aoi::{MlAoi, Role, Split},
    pairing::{BACKGROUND, CLASS, ClassSource, WHERE},
    projection::Projection,
};

/// The key of the image asset.
const IMAGE_KEY: &str = "image";
/// The key of the label asset.
const LABELS_KEY: &str = "labels";

/// A dataset to be described.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The catalog's id.
    pub id: String,
    /// What it is, in prose.
    pub description: String,
    /// An SPDX licence identifier, or `other`.
    pub license: String,
    /// The images, each with its label if it has one.
    pub samples: Vec<Sample>,
}

/// An image, and its label if it has one.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The image.
    pub image: ImageFile,
    /// Its label.
    pub label: Option<LabelFile>,
}

/// What is known of an image file, read from its header.
#[derive(Clone, Debug)]
pub struct ImageFile {
    /// The file.
    pub path: PathBuf,
    /// A GeoJSON geometry in degrees longitude and latitude.
    pub footprint: Value,
    /// West, south, east, north of the footprint, in degrees.
    pub bbox: [f64; 4],
    /// When it was taken.
    pub datetime: DateTime<Utc>,
    /// Its grid.
    pub projection: Projection,
    /// Its bands in the order of the file.
    pub bands: Vec<Band>,
    /// The part of the dataset that it is for, where known.
    pub split: Option<Split>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// Its checksum as a hexadecimal multihash.
    pub checksum: Option<String>,
}

/// What is known of a label file.
#[derive(Clone, Debug)]
pub struct LabelFile {
    /// The file.
    pub path: PathBuf,
    /// Geometries or pixels, and what they mean.
    pub content: LabelContent,
    /// How often each class occurs: features for geometries, pixels for rasters. Empty when not counted.
    pub counts: Vec<Count>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// Its checksum as a hexadecimal multihash.
    pub checksum: Option<String>,
}

/// Geometries or pixels, and what they mean.
#[derive(Clone, Debug)]
pub enum LabelContent {
    /// A GeoJSON file.
    Vector {
        /// Where the class of a feature stands.
        class: ClassSource,
        /// The classes that occur.
        classes: Vec<String>,
        /// Which features count.
        filter: Filter,
        /// The class of pixels that no feature covers, if they have one.
        background: Option<String>,
    },
    /// A raster file.
    Raster {
        /// The meaning of each value.
        values: Vec<Class>,
        /// Its only band.
        band: Band,
        /// Its grid.
        projection: Box<Projection>,
    },
}

/// Writes the catalog into the folder `out` and gives the path of its `catalog.json`. Everything is written beside `out`
/// first and moved into place when complete.
///
/// # Errors
/// [`Error::Exists`] when `out` holds something and `overwrite` is false; [`Error::Describe`] when there is nothing to
/// describe; [`Error::Write`].
pub fn write_dataset(dataset: &Dataset, out: &Path, overwrite: bool) -> Result<PathBuf> {
    if dataset.samples.is_empty() {
        return Err(Error::Describe { what: dataset.id.clone(), reason: "it has no images".to_owned() });
    }
    let staged = Staged::new(out, overwrite)?;
    let images_folder = staged.target().join("images");
    let labels_folder = staged.target().join("labels");
    let mut ids = Ids::default();
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for sample in &dataset.samples {
        let image_id = ids.image(&sample.image.path);
        images.push((image_id.clone(), image_item(&image_id, &sample.image, &images_folder)?));
        if let Some(label) = &sample.label {
            let label_id = ids.label(&label.path);
            labels.push((label_id.clone(), label_item(&label_id, label, &sample.image, &image_id, &labels_folder)?));
        }
    }
    let labelled: Vec<&ImageFile> =
        dataset.samples.iter().filter(|sample| sample.label.is_some()).map(|sample| &sample.image).collect();
    let all: Vec<&ImageFile> = dataset.samples.iter().map(|sample| &sample.image).collect();
    let mut children = vec![];
    for (name, items, files) in [("images", images, all), ("labels", labels, labelled)] {
        if let Some(collection) = collection(dataset, name, &items, &files) {
            write_collection(staged.path(), name, &collection, items)?;
            children.push(link("child", &format!("./{name}/collection.json")));
        }
    }
    let mut links = vec![link("root", "./catalog.json")];
    links.extend(children);
    let catalog = json!({
        "type": "Catalog", "stac_version": STAC_VERSION, "id": dataset.id, "description": dataset.description, "links": links,
    });
    write_json_atomically(&staged.path().join("catalog.json"), &catalog)?;
    Ok(staged.publish()?.join("catalog.json"))
}

fn write_collection(folder: &Path, name: &str, collection: &Value, items: Vec<(String, Value)>) -> Result<()> {
    let folder = folder.join(name);
    fs::create_dir(&folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
    write_json_atomically(&folder.join("collection.json"), collection)?;
    items.into_iter().try_for_each(|(id, item)| write_json_atomically(&folder.join(format!("{id}.json")), &item))
}

/// File stems as ids, each once within its collection.
#[derive(Default)]
struct Ids {
    images: HashSet<String>,
    labels: HashSet<String>,
}

impl Ids {
    fn image(&mut self, path: &Path) -> String {
        unique(&mut self.images, path)
    }

    fn label(&mut self, path: &Path) -> String {
        unique(&mut self.labels, path)
    }
}

fn unique(taken: &mut HashSet<String>, path: &Path) -> String {
    let stem = path.file_stem().map_or_else(|| "item".to_owned(), |stem| stem.to_string_lossy().into_owned());
    // `collection.json` is taken by the collection itself.
    let stem = if stem == "collection" { "collection-item".to_owned() } else { stem };
    let mut id = stem.clone();
    let mut number = 2;
    while !taken.insert(id.clone()) {
        id = format!("{stem}-{number}");
        number += 1;
    }
    id
}

fn collection(dataset: &Dataset, name: &str, items: &[(String, Value)], files: &[&ImageFile]) -> Option<Value> {
    let bboxes: Vec<_> = files.iter().map(|file| file.bbox).collect();
    let moments: Vec<_> = files.iter().map(|file| file.datetime).collect();
    let extent = parts::extent(&bboxes, &moments)?;
    let mut links = vec![link("root", "../catalog.json"), link("parent", "../catalog.json")];
    links.extend(items.iter().map(|(id, _)| parts::item_link("item", &format!("./{}.json", percent_encoded(id)))));
    let mut splits: Vec<Split> = files.iter().filter_map(|file| file.split).collect();
    splits.sort_unstable();
    splits.dedup();
    let mut collection = object(json!({
        "type": "Collection", "stac_version": STAC_VERSION, "id": name,
        "description": format!("{} of {}", if name == "images" { "Images" } else { "Labels" }, dataset.id),
        "license": dataset.license, "extent": extent, "links": links,
    }));
    if !splits.is_empty() {
        collection.insert("stac_extensions".to_owned(), json!([MlAoi::SCHEMA]));
        collection.insert("summaries".to_owned(), json!({"ml-aoi:split": splits}));
    }
    Some(Value::Object(collection))
}

fn image_item(id: &str, file: &ImageFile, folder: &Path) -> Result<Value> {
    let mut asset = object(json!({
        "href": parts::relative(folder, &file.path)?, "type": parts::GEOTIFF, "roles": ["data"], "bands": file.bands,
    }));
    write_fields(&MlAoi { role: Some(Role::Feature), reference_grid: Some(true), ..MlAoi::default() }, id, &mut asset)?;
    parts::file_fields(&mut asset, file.size_bytes, file.checksum.as_deref());
    let mut extensions = vec![Projection::SCHEMA, MlAoi::SCHEMA];
    extensions.extend(band_extensions(&file.bands, file.checksum.is_some() || file.size_bytes.is_some()));
    let mut properties = Map::new();
    write_fields(&file.projection, id, &mut properties)?;
    item(id, "images", file, properties, &extensions, vec![], (IMAGE_KEY, asset))
}

/// The extensions whose fields occur in bands and assets.
fn band_extensions(bands: &[Band], has_file_fields: bool) -> Vec<&'static str> {
    let mut extensions = Vec::new();
    if bands.iter().any(|band| band.common_name.is_some() || band.center_wavelength_um.is_some()) {
        extensions.push(parts::EO);
    }
    if bands.iter().any(|band| band.scale.is_some() || band.offset.is_some()) {
        extensions.push(parts::RASTER);
    }
    if has_file_fields {
        extensions.push(parts::FILE);
    }
    extensions
}

fn label_item(id: &str, file: &LabelFile, image: &ImageFile, image_id: &str, folder: &Path) -> Result<Value> {
    let mut extensions = vec![Label::SCHEMA, MlAoi::SCHEMA];
    let mut asset = object(json!({"href": parts::relative(folder, &file.path)?}));
    let mut properties = Map::new();
    write_fields(&label_fields(file), id, &mut properties)?;
    match &file.content {
        LabelContent::Vector { class, filter, background, .. } => {
            asset.insert("type".to_owned(), parts::GEOJSON.into());
            asset.insert("roles".to_owned(), json!(["labels", "labels-vector"]));
            if let ClassSource::Constant(class) = class {
                asset.insert(CLASS.to_owned(), class.as_str().into());
            }
            if !filter.is_empty() {
                asset.insert(WHERE.to_owned(), filter.as_str().into());
            }
            if let Some(background) = background {
                asset.insert(BACKGROUND.to_owned(), background.as_str().into());
            }
        }
        LabelContent::Raster { values, band, projection } => {
            asset.insert("type".to_owned(), parts::GEOTIFF.into());
            asset.insert("roles".to_owned(), json!(["labels", "labels-raster"]));
            asset.insert("bands".to_owned(), json!([band]));
            let classes = Classification { classes: values.clone(), ..Classification::default() };
            write_fields(&classes, id, &mut asset)?;
            write_fields(projection.as_ref(), id, &mut properties)?;
            extensions.extend([Projection::SCHEMA, Classification::SCHEMA]);
        }
    }
    write_fields(&MlAoi { role: Some(Role::Label), ..MlAoi::default() }, id, &mut asset)?;
    parts::file_fields(&mut asset, file.size_bytes, file.checksum.as_deref());
    if file.size_bytes.is_some() || file.checksum.is_some() {
        extensions.push(parts::FILE);
    }
    let image_href = format!("../images/{}.json", percent_encoded(image_id));
    let mut source = object(parts::item_link("source", &image_href));
    source.insert("label:assets".to_owned(), json!([IMAGE_KEY]));
    let mut derived = object(parts::item_link("derived_from", &image_href));
    write_fields(&MlAoi { role: Some(Role::Feature), ..MlAoi::default() }, id, &mut derived)?;
    let links = vec![Value::Object(source), Value::Object(derived)];
    item(id, "labels", image, properties, &extensions, links, (LABELS_KEY, asset))
}

fn label_fields(file: &LabelFile) -> Label {
    let names = |names: &[String]| names.iter().cloned().map(ClassName::Name).collect::<Vec<_>>();
    let (label_type, properties, classes) = match &file.content {
        LabelContent::Vector { class: ClassSource::Property(property), classes, .. } => {
            let entry = Classes { name: Some(property.clone()), classes: names(classes) };
            (LabelType::Vector, Some(vec![property.clone()]), entry)
        }
        // No property holds the class: the schema wants a name for the entry all the same.
        LabelContent::Vector { classes, .. } => {
            (LabelType::Vector, None, Classes { name: Some("class".to_owned()), classes: names(classes) })
        }
        LabelContent::Raster { values, .. } => {
            let listed = values.iter().filter(|class| !class.nodata).map(|class| class.full_name().to_owned());
            (LabelType::Raster, None, Classes { name: None, classes: names(&listed.collect::<Vec<_>>()) })
        }
    };
    let key = properties.as_ref().and_then(|properties| properties.first().cloned());
    let overview = Overview { property_key: key, counts: file.counts.clone(), ..Overview::default() };
    Label {
        properties,
        description: format!(
            "Labels: {}",
            classes.classes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
        classes: vec![classes],
        label_type,
        tasks: vec!["segmentation".to_owned()],
        methods: Vec::new(),
        overviews: if file.counts.is_empty() { Vec::new() } else { vec![overview] },
        other: Map::new(),
    }
}

/// What image and label items have in common.
fn item(
    id: &str,
    collection: &str,
    image: &ImageFile,
    mut properties: Map<String, Value>,
    extensions: &[&str],
    more_links: Vec<Value>,
    (key, asset): (&str, Map<String, Value>),
) -> Result<Value> {
    properties.insert("datetime".to_owned(), timestamp(image.datetime).into());
    write_fields(&MlAoi { split: image.split, ..MlAoi::default() }, id, &mut properties)?;
    let mut links = vec![
        link("root", "../catalog.json"),
        link("parent", "./collection.json"),
        link("collection", "./collection.json"),
    ];
    links.extend(more_links);
    Ok(json!({
        "type": "Feature", "stac_version": STAC_VERSION, "stac_extensions": extensions, "id": id, "collection": collection,
        "geometry": image.footprint, "bbox": image.bbox, "properties": properties, "links": links,
        "assets": {key: asset},
    }))
}
