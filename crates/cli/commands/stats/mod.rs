//! `swath stats`: what a labelled dataset looks like before anything is trained on it.

mod into_stac;
mod tables;
mod warnings;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use swath_loader::{Dataset, Survey, SurveyOptions};

use crate::network::Network;
use crate::reading::ReadingArgs;
use crate::report::{DatasetReport, Footprint, write_dataset_html};
use crate::settings::Settings;
use crate::whole_file::write_text;
use warnings::Warning;

/// Arguments of `swath stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// The run's settings: catalog, classes, bands and split are those of swath.toml.
    #[arg(default_value = "swath.toml")]
    config: PathBuf,
    /// Folder for report.html, stats.json and tables as CSV; created where it is missing.
    #[arg(short, long, value_name = "FOLDER", default_value = "stats")]
    out: PathBuf,
    /// Look at overviews of about 1,024 pixels a side in place of every pixel: quick, spreads somewhat too small.
    #[arg(long)]
    quick: bool,
    /// The two bands of the scatter plot, in place of those that tell the classes apart best.
    #[arg(long, value_name = "BAND,BAND", value_delimiter = ',')]
    scatter: Vec<String>,
    /// Put statistics and histograms of bands, and pixels per class, into the STAC items of the catalog.
    #[arg(long, conflicts_with = "quick")]
    write_stac: bool,
    /// Another value for a setting, as in recipe.bands='["B04","B08"]'; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print stats.json in place of a summary.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// Longer side of the overviews of `--quick`.
const QUICK_PX: usize = 1024;

/// Decoded pixels kept: each is looked at once, but windows next to each other may share a block.
const CACHE_BYTES: u64 = 128 << 20;

/// What `stats.json` holds.
#[derive(Debug, Serialize)]
struct Stats<'a> {
    /// When it was made, RFC 3339.
    made_at: &'a str,
    /// Whether overviews were looked at.
    quick: bool,
    warnings: &'a [Warning],
    #[serde(flatten)]
    survey: &'a Survey,
    /// For each image, in order: how far each band's mean lies from the other images' in their standard deviations.
    shifts: &'a [Vec<Option<f64>>],
}

/// Surveys the dataset and writes what it found.
pub(crate) fn run(args: &StatsArgs) -> Result<()> {
    let mut settings = Settings::read(&args.config, &args.overrides)?;
    settings.reading = args.reading.over(&settings.reading);
    let tree = crate::dataset::read_catalog(&settings)?;
    let pairs = crate::dataset::pairs_of(&settings, &tree)?;
    // Where the bands are left to the network, its item names them; a dataset can be looked at before there is one.
    let network = if settings.recipe.bands.is_empty() { Network::open(&settings.model).ok() } else { None };
    let card = network.as_ref().and_then(|network| network.card.as_ref());
    let reading = swath_loader::Options { cache_bytes: CACHE_BYTES, ..crate::dataset::options(&settings)? };
    let dataset = crate::dataset::open_with(&settings, card, &pairs, reading)?;
    let options = SurveyOptions { overview_px: args.quick.then_some(QUICK_PX), ..SurveyOptions::default() };
    let survey = dataset.survey(&options)?;
    crate::reading::tell_failed(&dataset.failed_blocks());

    let shifts = survey.shifts();
    let footprints = footprints(&dataset, &survey)?;
    let warnings = warnings::of(&survey, &shifts, &footprints);
    let made_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let axes = axes(&args.scatter, &survey)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}: choose another with --out", args.out.display()))?;
    let stats = Stats { made_at: &made_at, quick: args.quick, warnings: &warnings, survey: &survey, shifts: &shifts };
    let json = serde_json::to_string_pretty(&stats)?;
    write_text(&args.out.join("stats.json"), &json)?;
    tables::write(&args.out, &survey, &shifts)?;
    let page = DatasetReport {
        title: format!("{}: what the data looks like", name_of(&args.config)),
        made_at: made_at.clone(),
        quick: args.quick,
        classes: crate::summary::classes(&settings),
        warnings: warnings.iter().map(|warning| warning.text.clone()).collect(),
        survey: &survey,
        shifts: &shifts,
        footprints,
        scatter: axes,
    };
    write_dataset_html(&page, &args.out.join("report.html"))?;
    if args.write_stac {
        let items = into_stac::write(&tree, &pairs, &dataset, &survey)?;
        tracing::info!("{items} items now hold statistics");
    }
    if args.json {
        println!("{json}");
    } else {
        println!("{}", tables::summary(&survey, &warnings));
        println!("{}", args.out.join("report.html").display());
    }
    Ok(())
}

fn name_of(config: &Path) -> String {
    let absolute = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    match (absolute.file_stem().and_then(|stem| stem.to_str()), absolute.parent().and_then(Path::file_name)) {
        (Some("swath"), Some(folder)) => folder.to_string_lossy().into_owned(),
        (Some(stem), _) => stem.to_owned(),
        _ => "dataset".to_owned(),
    }
}

/// Where each image lies, for the map.
fn footprints(dataset: &Dataset, survey: &Survey) -> Result<Vec<Footprint>> {
    let of_scene = |(scene, found): (&swath_loader::Scene, &swath_loader::survey::SceneSurvey)| {
        let outline = scene.grid().footprint_lon_lat(4)?;
        Ok(Footprint { id: found.id.clone(), parts: found.parts.clone(), outline })
    };
    dataset.scenes().iter().zip(&survey.scenes).map(of_scene).collect()
}

/// Indices of the two bands to plot: those asked for, else those whose class means lie furthest apart for their spread.
fn axes(asked: &[String], survey: &Survey) -> Result<Option<[usize; 2]>> {
    if asked.is_empty() {
        return Ok(tables::telling_bands(survey));
    }
    ensure!(asked.len() == 2, "--scatter takes two bands, as in --scatter B04,B08, not {}", asked.len());
    let index = |name: &String| {
        let found = survey.bands.iter().position(|band| band.eq_ignore_ascii_case(name));
        found.with_context(|| format!("--scatter: there is no band '{name}'; there are {}", survey.bands.join(", ")))
    };
    Ok(Some([index(&asked[0])?, index(&asked[1])?]))
}
