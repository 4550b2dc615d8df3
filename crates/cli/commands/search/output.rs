//! How items are written: as they come where the form allows it.

use std::{
    fs::File,
    io::{BufWriter, IsTerminal, Write, copy, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use swath_catalog::{Item, geoparquet, label::read_leniently};

use crate::whole_file::WholeFile;

#[derive(Debug, Args)]
#[command(next_help_heading = "Answer")]
pub(super) struct OutputArgs {
    /// How to write items (default: as the ending of --out says, else a table on a terminal and ndjson otherwise).
    #[arg(short, long, value_enum)]
    output: Option<Form>,
    /// Write them to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One item collection.
    Json,
    /// One item a line.
    Ndjson,
    /// stac-geoparquet.
    Geoparquet,
    /// One line of text an item.
    Table,
}

/// Writes items.
pub(super) struct Writer {
    form: Form,
    path: Option<PathBuf>,
    out: Box<dyn Write + Send>,
    /// The file that `out` writes to, which gets its name when it is complete.
    whole: Option<WholeFile>,
    /// Items of forms that need all of them.
    kept: Vec<Item>,
    is_sorted: bool,
}

impl Writer {
    pub(super) fn new(args: &OutputArgs, is_sorted: bool) -> Result<Self> {
        let on_terminal = args.out.is_none() && stdout().is_terminal();
        let form = args.output.or_else(|| by_ending(args.out.as_deref()?)).unwrap_or(if on_terminal {
            Form::Table
        } else {
            Form::Ndjson
        });
        if form == Form::Geoparquet && on_terminal {
            bail!("stac-geoparquet is no text for a terminal: name a file with --out, or pipe it");
        }
        // A table writes its file itself, as whole.
        let named = args.out.as_deref().filter(|_| form != Form::Geoparquet);
        let whole = named.map(WholeFile::create).transpose()?;
        let out: Box<dyn Write + Send> = match &whole {
            Some(whole) => Box::new(BufWriter::new(whole.file().try_clone()?)),
            None => Box::new(BufWriter::new(stdout())),
        };
        Ok(Self { form, path: args.out.clone(), out, whole, kept: Vec::new(), is_sorted })
    }

    pub(super) fn push(&mut self, item: Item) -> Result<()> {
        match self.form {
            Form::Json | Form::Geoparquet => self.kept.push(item),
            Form::Ndjson => {
                serde_json::to_writer(&mut self.out, item.document())?;
                writeln!(self.out)?;
            }
            Form::Table => writeln!(self.out, "{}", row(&item))?,
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        match self.form {
            Form::Ndjson | Form::Table => {}
            Form::Json => {
                let features: Vec<_> = self.kept.iter().map(Item::document).collect();
                let collection = json!({"type": "FeatureCollection", "features": features});
                serde_json::to_writer_pretty(&mut self.out, &collection)?;
                writeln!(self.out)?;
            }
            Form::Geoparquet => self.table()?,
        }
        self.out.flush()?;
        self.whole.map_or(Ok(()), WholeFile::finish)
    }

    /// The order asked for is kept; else items that are near each other are written together.
    fn table(&mut self) -> Result<()> {
        let order = if self.is_sorted { geoparquet::Order::Given } else { geoparquet::Order::Near };
        if let Some(path) = &self.path {
            return Ok(geoparquet::write(path, &self.kept, order, &[])?);
        }
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let path = folder.path().join("items.parquet");
        geoparquet::write(&path, &self.kept, order, &[])?;
        copy(&mut File::open(&path)?, &mut self.out)?;
        Ok(())
    }
}

fn by_ending(path: &Path) -> Option<Form> {
    match path.extension()?.to_str()? {
        "parquet" | "geoparquet" => Some(Form::Geoparquet),
        "json" | "geojson" => Some(Form::Json),
        "ndjson" | "jsonl" | "geojsonl" => Some(Form::Ndjson),
        _ => None,
    }
}

/// Date, collection and id, assets, classes.
fn row(item: &Item) -> String {
    let date = item.datetime().map_or_else(|| "-".to_owned(), |moment| moment.date_naive().to_string());
    let assets: Vec<&str> = item.assets().map(|asset| asset.key).collect();
    let classes = read_leniently(item).map(|(label, _)| label.class_names().join(" ")).unwrap_or_default();
    let row = format!("{date:<10}  {:<48}  {:<24}  {classes}", item.item_id().to_string(), assets.join(" "));
    row.trim_end().to_owned()
}
