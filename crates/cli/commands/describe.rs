//! `swath describe`: a STAC catalog for images and labels that someone has as files.

mod files;
mod headers;
mod raster_labels;
mod vector_labels;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use clap::Args;
use regex::Regex;
use swath_catalog::{
    Filter, Split,
    file::checksum,
    item::parse_datetime,
    label::Count,
    pairing::name,
    publish::{Dataset, LabelFile, Sample, write_dataset},
};
use swath_raster::{FetchOptions, Fetcher};

pub(crate) use headers::{image_file, place};

/// Arguments of `swath describe`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swath describe --images 'scenes/*.tif' --labels 'labels/*.geojson' --match '(\\d{4}-\\d{2}-\\d{2})' \\
      --class water --where 'tasks contains segmentation' --out catalog
  swath describe --images 'img/*.tif' --labels 'mask/*.tif' --match '(tile\\d+)' --classes land=0,water=1 --out catalog")]
pub(crate) struct DescribeArgs {
    /// GeoTIFF images: a path with `*`, `?`, `[…]` or `**`, in quotes; may be given again.
    #[arg(long, required = true, value_name = "PATTERN")]
    images: Vec<String>,
    /// Their labels, GeoJSON or GeoTIFF; may be given again. Without labels, images alone are described.
    #[arg(long, value_name = "PATTERN")]
    labels: Vec<String>,
    /// Regular expression whose groups capture what the names of an image and its label have in common.
    #[arg(long = "match", value_name = "REGEX", required_unless_present_all = ["images_only"])]
    pattern: Option<Regex>,
    /// Describe the images without labels.
    #[arg(long, conflicts_with = "labels")]
    images_only: bool,
    /// Class of every label feature.
    #[arg(long, value_name = "NAME", conflicts_with = "class_property")]
    class: Option<String>,
    /// Property of each label feature that holds its class.
    #[arg(long, value_name = "PROPERTY")]
    class_property: Option<String>,
    /// The classes: NAME=VALUE for each value of raster labels; names alone, in order, for the values of --class-property
    /// (default: those that occur, sorted).
    #[arg(long, value_name = "NAME[=VALUE]", value_delimiter = ',')]
    classes: Vec<String>,
    /// Which label features count, for example 'tasks contains segmentation' or 'kind in (lake, river) and sure != no'.
    #[arg(long = "where", value_name = "CONDITION", default_value = "")]
    condition: String,
    /// Class of pixels that no label feature covers; `none` leaves them unlabelled.
    #[arg(long, value_name = "NAME", default_value = "background")]
    background: String,
    /// Names of the image bands in the order of the files (default: what the files say).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    bands: Vec<String>,
    /// Regular expression that captures the date in an image's name (default: the first date that stands in it).
    #[arg(long, value_name = "REGEX", conflicts_with = "datetime")]
    datetime_from: Option<Regex>,
    /// Date of all images, as in 2020-02-02 or 2020-02-02T10:50:00Z.
    #[arg(long, value_name = "DATE")]
    datetime: Option<String>,
    /// Regular expression that captures train, validate or test in an image's path.
    #[arg(long, value_name = "REGEX", conflicts_with = "split")]
    split_from: Option<Regex>,
    /// The part of the dataset that all images are for: train, validate or test.
    #[arg(long, value_name = "PART")]
    split: Option<String>,
    /// Write the SHA-256 checksum of each file, by which a change is noticed later.
    #[arg(long)]
    checksums: bool,
    /// Id of the catalog (default: the name of the --out folder).
    #[arg(long)]
    id: Option<String>,
    /// What the dataset is, in a sentence.
    #[arg(long, default_value = "Images and labels described by swath")]
    description: String,
    /// SPDX identifier of its licence, or `other`.
    #[arg(long, default_value = "other")]
    license: String,
    /// Replace the --out folder if it is there.
    #[arg(long)]
    overwrite: bool,
    /// Folder to write catalog.json and its items to.
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Describes the files, or says in one sentence which of them cannot be described; then nothing is written.
pub(crate) fn run(args: &DescribeArgs) -> Result<()> {
    let meaning = Meaning::of(args)?;
    let images = files::matching("--images", &args.images)?;
    let labels = if args.labels.is_empty() { Vec::new() } else { files::matching("--labels", &args.labels)? };
    let joined = match &args.pattern {
        Some(pattern) => name::join(&images, &labels, pattern)?,
        None => images.into_iter().map(|image| name::Joined { key: String::new(), image, label: None }).collect(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetcher = Fetcher::new(FetchOptions::default())?;
    let samples = runtime.block_on(async {
        let mut samples = Vec::with_capacity(joined.len());
        for files in &joined {
            samples.push(sample(args, &meaning, &fetcher, files).await?);
        }
        anyhow::Ok(samples)
    })?;
    meaning.check_all(&samples)?;
    let id = args.id.clone().or_else(|| Some(args.out.file_name()?.to_string_lossy().into_owned()));
    let dataset = Dataset {
        id: id.unwrap_or_else(|| "catalog".to_owned()),
        description: args.description.clone(),
        license: args.license.clone(),
        samples,
    };
    let written = write_dataset(&dataset, &args.out, args.overwrite)?;
    println!("{}: {}", written.display(), summary(&dataset));
    Ok(())
}

async fn sample(args: &DescribeArgs, meaning: &Meaning, fetcher: &Fetcher, files: &name::Joined) -> Result<Sample> {
    let path = &files.image;
    let raster = fetcher.open(&path.to_string_lossy()).await?;
    raster.check_complete()?;
    let mut image = image_file(path, &raster.header, &args.bands, datetime(args, path)?)?;
    image.split = meaning.split(args, path)?;
    image.size_bytes = Some(raster.file_bytes);
    image.checksum = args.checksums.then(|| checksum(path)).transpose()?;
    let label = match &files.label {
        None => None,
        Some(path) => {
            let (content, counts) = if files::is_tiff(path) {
                raster_labels::read(path, fetcher, &meaning.values).await?
            } else {
                vector_labels::read(path, meaning, &raster.header.grid)?
            };
            let size_bytes = std::fs::metadata(path).ok().map(|metadata| metadata.len());
            let checksum = args.checksums.then(|| checksum(path)).transpose()?;
            Some(LabelFile { path: path.clone(), content, counts, size_bytes, checksum })
        }
    };
    Ok(Sample { image, label })
}

/// What the arguments say about labels.
struct Meaning {
    class: Option<String>,
    class_property: Option<String>,
    /// Names of vector classes, in order; empty when they are to be found out.
    names: Vec<String>,
    /// Values of raster classes.
    values: Vec<(String, i64)>,
    filter: Filter,
    background: Option<String>,
}

impl Meaning {
    fn of(args: &DescribeArgs) -> Result<Self> {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for class in &args.classes {
            match class.rsplit_once('=') {
                Some((name, value)) => {
                    let value =
                        value.parse().with_context(|| format!("--classes {class}: {value} is no whole number"))?;
                    ensure!(
                        !values.iter().any(|(known, other): &(String, i64)| *other == value || known == name),
                        "--classes: {class} says anew what was said before"
                    );
                    values.push((name.to_owned(), value));
                }
                None => names.push(class.clone()),
            }
        }
        ensure!(names.is_empty() || values.is_empty(), "--classes: give every class a value, or none");
        Ok(Self {
            class: args.class.clone(),
            class_property: args.class_property.clone(),
            names,
            values,
            filter: Filter::parse(&args.condition)?,
            background: (args.background != "none").then(|| args.background.clone()),
        })
    }

    fn split(&self, args: &DescribeArgs, image: &Path) -> Result<Option<Split>> {
        let said = match (&args.split, &args.split_from) {
            (Some(split), _) => split.clone(),
            (None, Some(pattern)) => {
                let path = image.to_string_lossy();
                let captures = pattern.captures(&path);
                let captured =
                    captures.and_then(|captures| Some(captures.get(1).or(captures.get(0))?.as_str().to_owned()));
                captured.with_context(|| format!("--split-from {pattern} does not match {path}"))?
            }
            (None, None) => return Ok(None),
        };
        let split = Split::parse(&said);
        ensure!(split.is_some(), "{}: `{said}` is none of train, validate and test", image.display());
        Ok(split)
    }

    /// One label file without a feature may be a scene without water; all of them are a mistake.
    fn check_all(&self, samples: &[Sample]) -> Result<()> {
        let labels: Vec<&LabelFile> = samples.iter().filter_map(|sample| sample.label.as_ref()).collect();
        if !labels.is_empty() && labels.iter().all(|label| label.counts.iter().all(|count| count.count == 0)) {
            let condition = self.filter.as_str();
            let hint = if condition.is_empty() { String::new() } else { format!(" passes --where '{condition}'") };
            bail!(
                "not one feature of the {} label files{hint}{}",
                labels.len(),
                if hint.is_empty() { " counts" } else { "" }
            );
        }
        Ok(())
    }
}

/// The date of an image, from the arguments or from its name.
fn datetime(args: &DescribeArgs, image: &Path) -> Result<DateTime<Utc>> {
    if let Some(text) = &args.datetime {
        return parse_datetime(text).with_context(|| format!("--datetime {text} is no date"));
    }
    let name = image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let remedy = "say where the date stands with --datetime-from REGEX, or give it with --datetime";
    if let Some(pattern) = &args.datetime_from {
        let captured =
            name::capture(image, pattern).with_context(|| format!("{pattern} captures nothing in {name}; {remedy}"))?;
        return compact_datetime(&captured)
            .with_context(|| format!("`{captured}`, captured in {name}, is no date; {remedy}"));
    }
    date_in_name(image).with_context(|| format!("image {name} has no date in its name; {remedy}"))
}

/// The first date that stands in a file's name.
pub(crate) fn date_in_name(path: &Path) -> Option<DateTime<Utc>> {
    let anywhere =
        Regex::new(r"(?:^|\D)((?:19|20)\d{2}-\d{2}-\d{2}|(?:19|20)\d{6}T\d{6}|(?:19|20)\d{6})(?:\D|$)").ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    compact_datetime(anywhere.captures(&name)?.get(1)?.as_str())
}

/// Reads a date with or without dashes, `20200202`, `20200202T105000`, `2020_02_02` included.
fn compact_datetime(text: &str) -> Option<DateTime<Utc>> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range);
    match digits.len() {
        8 => parse_datetime(&format!("{}-{}-{}", part(0..4)?, part(4..6)?, part(6..8)?)),
        14 => {
            let (date, time) = (format!("{}-{}-{}", part(0..4)?, part(4..6)?, part(6..8)?), part(8..14)?);
            parse_datetime(&format!("{date}T{}:{}:{}Z", time.get(0..2)?, time.get(2..4)?, time.get(4..6)?))
        }
        _ => parse_datetime(text),
    }
}

fn summary(dataset: &Dataset) -> String {
    let mut totals: Vec<Count> = Vec::new();
    let labels = dataset.samples.iter().filter_map(|sample| sample.label.as_ref());
    let labelled = labels.clone().count();
    for count in labels.flat_map(|label| &label.counts) {
        match totals.iter_mut().find(|total| total.name == count.name) {
            Some(total) => total.count = total.count.saturating_add(count.count),
            None => totals.push(count.clone()),
        }
    }
    let classes: Vec<String> = totals.iter().map(|total| format!("{} {}", total.name, total.count)).collect();
    let classes = if classes.is_empty() { String::new() } else { format!(" ({})", classes.join(", ")) };
    format!("{} images, {labelled} of them labelled{classes}", dataset.samples.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_and_without_dashes() {
        for text in ["2020-02-02", "20200202", "2020_02_02", "2020-02-02T00:00:00Z", "20200202T000000"] {
            assert_eq!(compact_datetime(text), parse_datetime("2020-02-02T00:00:00Z"), "{text}");
        }
        assert_eq!(compact_datetime("20201402"), None);
        assert_eq!(compact_datetime("tile12345678"), None);
    }
}
