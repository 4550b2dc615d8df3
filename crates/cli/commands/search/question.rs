//! The parts of a question as arguments.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;
use swath_catalog::{
    Rewrites, Split, Strictness,
    label::LabelType,
    read_tree,
    search::{LabelQuestion, ModelBands, Query},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Question")]
pub(super) struct QuestionArgs {
    /// Items of these collections.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    collections: Vec<String>,
    /// Items with these ids.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    ids: Vec<String>,
    /// Items in this box: west,south,east,north in degrees.
    #[arg(long, value_name = "W,S,E,N", value_delimiter = ',', allow_hyphen_values = true, num_args = 1)]
    bbox: Vec<f64>,
    /// Items that share a point with this GeoJSON: a file, or the text itself.
    #[arg(long, value_name = "FILE|GEOJSON")]
    intersects: Option<String>,
    /// Items of this time: 2020, 2020-02, 2020-02-02, a moment, or START/END with .. for an open end.
    #[arg(long, value_name = "TIME")]
    datetime: Option<String>,
    /// A condition in CQL2, as text or JSON, or a file that holds it.
    #[arg(long, value_name = "CQL2")]
    filter: Option<String>,
    /// Conditions as STAC's older query extension has them, as in {"eo:cloud_cover": {"lt": 10}}, or a file of them.
    #[arg(long, value_name = "JSON")]
    query: Option<String>,
    /// Labels for this task, for example segmentation.
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    label_task: Vec<String>,
    /// Labels that know this class.
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    label_class: Vec<String>,
    /// Labels of this type.
    #[arg(long, value_enum)]
    label_type: Option<LabelTypeArg>,
    /// Items of this part of a dataset: train, validate or test.
    #[arg(long, value_name = "PART")]
    split: Option<String>,
    /// Labels with at least so many features or pixels of a class, as in water=100.
    #[arg(long, value_name = "CLASS=COUNT", value_delimiter = ',')]
    min_count: Vec<String>,
    /// Only label items whose image is in the source too.
    #[arg(long)]
    with_image: bool,
    /// Items whose images have these bands, by own or common name.
    #[arg(long, value_name = "BAND", value_delimiter = ',')]
    bands: Vec<String>,
    /// Coarsest ground sample distance, in metres.
    #[arg(long, value_name = "METRES")]
    gsd_max: Option<f64>,
    /// Items whose images have the bands that this model takes: its STAC item, or the folder of a run.
    #[arg(long, value_name = "MODEL")]
    model_for: Option<String>,
    /// Sort by these fields; -datetime for the newest first.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', allow_hyphen_values = true)]
    sortby: Vec<String>,
    /// Keep these fields of each item alone, as in properties.datetime; -assets leaves one out.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', allow_hyphen_values = true)]
    fields: Vec<String>,
    /// The most items.
    #[arg(long, value_name = "N")]
    max_items: Option<usize>,
}

/// Geometries or pixels.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LabelTypeArg {
    Vector,
    Raster,
}

impl QuestionArgs {
    pub(super) fn query(&self, page_size: Option<usize>) -> Result<Query> {
        let bbox = match self.bbox.as_slice() {
            [] => None,
            [west, south, east, north] => Some([*west, *south, *east, *north]),
            other => bail!("--bbox takes four numbers and got {}", other.len()),
        };
        Ok(Query {
            collections: self.collections.clone(),
            ids: self.ids.clone(),
            bbox,
            intersects: self.intersects.as_deref().map(|text| json("--intersects", text)).transpose()?,
            datetime: self.datetime.clone(),
            filter: self.filter.as_deref().map(|text| text_or_file("--filter", text)).transpose()?,
            query: self.query.as_deref().map(|text| json("--query", text)).transpose()?,
            label: self.labels()?,
            bands: self.bands.clone(),
            gsd_max_m: self.gsd_max,
            model: self.model_for.as_deref().map(model).transpose()?,
            sort_by: self.sortby.clone(),
            fields: self.fields.clone(),
            max_items: self.max_items,
            page_size,
        })
    }

    fn labels(&self) -> Result<LabelQuestion> {
        let split = self.split.as_deref().map(|text| {
            Split::parse(text).with_context(|| format!("--split {text} is none of train, validate and test"))
        });
        let min_counts = self.min_count.iter().map(|text| {
            let parsed = text.rsplit_once('=').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
            parsed.with_context(|| format!("--min-count {text}: write CLASS=COUNT, as in water=100"))
        });
        Ok(LabelQuestion {
            tasks: self.label_task.clone(),
            classes: self.label_class.clone(),
            label_type: self.label_type.map(|label_type| match label_type {
                LabelTypeArg::Vector => LabelType::Vector,
                LabelTypeArg::Raster => LabelType::Raster,
            }),
            split: split.transpose()?,
            min_counts: min_counts.collect::<Result<_>>()?,
            with_image: self.with_image,
        })
    }
}

fn json(flag: &str, text: &str) -> Result<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).with_context(|| format!("{flag} is not readable JSON"));
    }
    let bytes = std::fs::read(text).with_context(|| format!("{flag} {text} cannot be read"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{flag} {text} is not readable JSON"))
}

/// Conditions as typed, unless a file is named so.
fn text_or_file(flag: &str, text: &str) -> Result<String> {
    if Path::new(text).is_file() {
        return std::fs::read_to_string(text).with_context(|| format!("{flag} {text} cannot be read"));
    }
    Ok(text.to_owned())
}

/// The bands of a model by its STAC item, or by a folder that holds one.
fn model(path: &str) -> Result<ModelBands> {
    let inside = Path::new(path).join("item.json");
    let item = if inside.is_file() { inside.to_string_lossy().into_owned() } else { path.to_owned() };
    let tree = read_tree(&item, &Rewrites::default(), Strictness::Strict)
        .with_context(|| format!("--model-for {path} is no STAC item of a model"))?;
    match tree.items.as_slice() {
        [model] => Ok(ModelBands::of(model)?),
        other => bail!("--model-for {path} holds {} items: name the item of one model", other.len()),
    }
}
