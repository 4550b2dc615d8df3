//! `swath search`: the items of one or more catalogs that answer a question, labels included.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use swath_catalog::{
    Item, Rewrites, Split, Strictness,
    label::{LabelType, read_leniently},
    read_tree,
    search::{LabelQuestion, Query, Search},
};

/// Arguments of `swath search`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: swath search catalog --label-class water --split train --bands red,nir --output ndjson"
)]
pub(crate) struct SearchArgs {
    /// Where to look: catalog, collection, item or item-collection files, or folders that hold a catalog.json.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// Read what is below PREFIX from FOLDER instead, as in https://example.org/data=/mnt/data; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
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
    /// Only label items whose image is in the catalog too.
    #[arg(long)]
    with_image: bool,
    /// Items with an image that has these bands, by own or common name.
    #[arg(long, value_name = "BAND", value_delimiter = ',')]
    bands: Vec<String>,
    /// Coarsest ground sample distance, in metres.
    #[arg(long, value_name = "METRES")]
    gsd_max: Option<f64>,
    /// Sort by these fields; -datetime for the newest first.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', allow_hyphen_values = true)]
    sortby: Vec<String>,
    /// The most items.
    #[arg(long, value_name = "N")]
    max_items: Option<usize>,
    /// How to write them (default: table on a terminal, ndjson otherwise).
    #[arg(short, long, value_enum)]
    output: Option<Output>,
}

/// Geometries or pixels.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LabelTypeArg {
    Vector,
    Raster,
}

/// How items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// One item collection.
    Json,
    /// One item a line.
    Ndjson,
    /// One line of text an item.
    Table,
}

/// Searches the sources in turn; of items with one id and collection, the first is kept.
pub(crate) fn run(args: &SearchArgs) -> Result<()> {
    let search = Search::new(query(args)?)?;
    let rewrites = Rewrites::parse(&args.rewrite)?;
    let mut found: Vec<Item> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for source in &args.sources {
        let tree = read_tree(source, &rewrites, Strictness::Lenient)?;
        for finding in &tree.findings {
            tracing::warn!("{finding}");
        }
        found.extend(search.of(&tree).into_iter().filter(|item| seen.insert(item.item_id())).cloned());
    }
    found.sort_by(|a, b| search.order(a, b));
    found.truncate(search.max_items().unwrap_or(usize::MAX));
    write(args.output, &found)
}

fn query(args: &SearchArgs) -> Result<Query> {
    let bbox = match args.bbox.as_slice() {
        [] => None,
        four => Some(
            <[f64; 4]>::try_from(four)
                .ok()
                .with_context(|| format!("--bbox takes four numbers and got {}", four.len()))?,
        ),
    };
    let split = args
        .split
        .as_deref()
        .map(|text| Split::parse(text).with_context(|| format!("--split {text} is none of train, validate and test")));
    let min_counts = args.min_count.iter().map(|text| {
        let parsed = text.rsplit_once('=').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
        parsed.with_context(|| format!("--min-count {text}: write CLASS=COUNT, as in water=100"))
    });
    Ok(Query {
        collections: args.collections.clone(),
        ids: args.ids.clone(),
        bbox,
        intersects: args.intersects.as_deref().map(geojson).transpose()?,
        datetime: args.datetime.clone(),
        label: LabelQuestion {
            tasks: args.label_task.clone(),
            classes: args.label_class.clone(),
            label_type: args.label_type.map(|label_type| match label_type {
                LabelTypeArg::Vector => LabelType::Vector,
                LabelTypeArg::Raster => LabelType::Raster,
            }),
            split: split.transpose()?,
            min_counts: min_counts.collect::<Result<_>>()?,
            with_image: args.with_image,
        },
        bands: args.bands.clone(),
        gsd_max_m: args.gsd_max,
        sort_by: args.sortby.clone(),
        max_items: args.max_items,
        ..Query::default()
    })
}

fn geojson(text: &str) -> Result<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).context("--intersects is not readable JSON");
    }
    let bytes = std::fs::read(text).with_context(|| format!("--intersects {text} cannot be read"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("--intersects {text} is not readable JSON"))
}

fn write(output: Option<Output>, items: &[Item]) -> Result<()> {
    let stdout = std::io::stdout();
    let output = output.unwrap_or(if stdout.is_terminal() { Output::Table } else { Output::Ndjson });
    let mut out = std::io::BufWriter::new(stdout.lock());
    match output {
        Output::Json => {
            let features: Vec<_> = items.iter().map(Item::document).collect();
            serde_json::to_writer_pretty(&mut out, &json!({"type": "FeatureCollection", "features": features}))?;
            writeln!(out)?;
        }
        Output::Ndjson => {
            for item in items {
                serde_json::to_writer(&mut out, item.document())?;
                writeln!(out)?;
            }
        }
        Output::Table => {
            for item in items {
                writeln!(out, "{}", row(item))?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Date, collection and id, assets, classes.
fn row(item: &Item) -> String {
    let date = item.datetime().map_or_else(|| "-".to_owned(), |moment| moment.date_naive().to_string());
    let assets: Vec<&str> = item.assets().map(|asset| asset.key).collect();
    let classes = read_leniently(item).map(|(label, _)| label.class_names().join(" ")).unwrap_or_default();
    format!("{date:<10}  {:<48}  {:<24}  {classes}", item.item_id().to_string(), assets.join(" "))
}
