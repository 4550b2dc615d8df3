//! `swath explain`: which label belongs to which image, why, and what is doubtful about a catalog.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Args;
use serde_json::json;
use swath_catalog::{
    Pairing, Rewrites, Strictness, Tree,
    pairing::{LabelKind, Pair},
    read_tree,
    repair::{Finding, Severity, examine},
};

use swath_loader::Windows;

use super::validate::Output;
use crate::failure::Findings;
use crate::settings::{Labels, Settings};
use crate::summary::left_out;

/// Arguments of `swath explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The catalog: a catalog.json, a collection.json, or the folder that holds one.
    catalog: PathBuf,
    /// Read what is below PREFIX from FOLDER instead, as in https://example.org/data=/mnt/data; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    /// Class of every label feature, in place of what the catalog says.
    #[arg(long, value_name = "NAME", conflicts_with = "class_property")]
    class: Option<String>,
    /// Property that holds the class of a label feature, in place of what the catalog says.
    #[arg(long, value_name = "PROPERTY")]
    class_property: Option<String>,
    /// Which label features count, in place of what the catalog says.
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// Pair a label with the images in whose ids this regular expression captures the same, whatever the links say.
    #[arg(long = "match", value_name = "REGEX")]
    pattern: Option<String>,
    /// Class of pixels that no label feature covers, in place of what the catalog says.
    #[arg(long, value_name = "NAME")]
    background: Option<String>,
    /// Pair by links only, never by footprint and date.
    #[arg(long)]
    links_only: bool,
    /// Also plan an epoch by the recipe of this swath.toml and tell how many windows it has and how many are refused; opens the
    /// files of the pairs.
    #[arg(long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// End with an error when anything had to be assumed that may matter.
    #[arg(long)]
    strict: bool,
    /// How to write them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Prints pairs, orphans and findings.
pub(crate) fn run(args: &ExplainArgs) -> Result<()> {
    let labels = Labels {
        class: args.class.clone(),
        class_property: args.class_property.clone(),
        condition: args.condition.clone(),
        background: args.background.clone(),
        links_only: args.links_only,
        pattern: args.pattern.clone(),
    };
    let rules = labels.rules()?;
    let tree = read_tree(&args.catalog.to_string_lossy(), &Rewrites::parse(&args.rewrite)?, Strictness::Lenient)?;
    let findings = examine(&tree);
    let pairing = Pairing::of(&tree, &rules);
    let epoch = match (&args.config, &pairing) {
        (Some(config), Ok(pairing)) => Some(plan(config, &pairing.pairs)?),
        _ => None,
    };
    let mut out = std::io::stdout().lock();
    if args.output == Output::Json {
        let pairing = pairing.as_ref().ok();
        let mut told = json!({"pairing": pairing, "findings": findings});
        if let Some((windows, refused)) = epoch {
            told["epoch"] = json!({"windows": windows, "refused": refused});
        }
        serde_json::to_writer_pretty(&mut out, &told)?;
        writeln!(out)?;
    } else {
        if let Ok(pairing) = &pairing {
            write_pairs(&mut out, &tree, pairing)?;
        }
        if let Some((windows, refused)) = epoch {
            let left_out = left_out(&windows, &[(refused, "windows refused unread and drawn again")]);
            writeln!(out, "an epoch has {} windows of {} images{left_out}", windows.samples, windows.images)?;
        }
        write_findings(&mut out, &findings)?;
    }
    pairing?;
    let doubtful: Vec<&Finding> = findings.iter().filter(|finding| finding.severity >= Severity::Warning).collect();
    if !args.strict || doubtful.is_empty() {
        return Ok(());
    }
    let what = if doubtful.len() == 1 { "finding" } else { "findings" };
    let message = format!("{} {what} may matter: mend the catalog, or leave --strict out", doubtful.len());
    Err(Findings { classes: Finding::classes(doubtful), message }.into())
}

/// The first epoch of a recipe on these pairs, and how many windows it refuses before they are read.
fn plan(config: &Path, pairs: &[Pair]) -> Result<(Windows, u64)> {
    let settings = Settings::read(config, &[])?;
    let dataset = crate::dataset::open(&settings, None, pairs)?;
    Ok((dataset.plan()?.windows(), dataset.refused(0)?))
}

fn write_pairs(out: &mut impl Write, tree: &Tree, pairing: &Pairing) -> Result<()> {
    writeln!(
        out,
        "{}: {} items, {} pairs, {} orphans",
        tree.root,
        tree.items.len(),
        pairing.pairs.len(),
        pairing.orphans.len()
    )?;
    for (reason, count) in pairing.reasons() {
        writeln!(out, "  {count} by {reason}")?;
    }
    for pair in &pairing.pairs {
        write_pair(out, pair)?;
    }
    for orphan in &pairing.orphans {
        let kind = if orphan.is_label { "label" } else { "image" };
        writeln!(out, "{kind} {} is in no pair: {}", orphan.item, orphan.reason)?;
    }
    Ok(())
}

fn write_pair(out: &mut impl Write, pair: &Pair) -> Result<()> {
    let split = pair.split.map_or_else(String::new, |split| format!(" [{split}]"));
    writeln!(out, "{}{split}", pair.id)?;
    for image in &pair.images {
        let names: Vec<&str> = image.bands.iter().filter_map(|band| band.name.as_deref()).collect();
        writeln!(out, "  image {} ({} bands: {})", image.href, image.bands.len(), names.join(" "))?;
    }
    let meaning = match &pair.label.kind {
        LabelKind::Vector { class, filter, background } => {
            let condition = if filter.is_empty() { String::new() } else { format!(" where {}", filter.as_str()) };
            let rest = background.as_ref().map_or_else(|| "unlabelled".to_owned(), Clone::clone);
            format!("vector, {class}{condition}, the rest is {rest}")
        }
        LabelKind::Raster { values, .. } => {
            let values: Vec<String> =
                values.iter().map(|class| format!("{}={}", class.full_name(), class.value)).collect();
            format!("raster, {}", values.join(" "))
        }
    };
    writeln!(out, "  label {} ({meaning})", pair.label.href)?;
    Ok(())
}

/// At most this many of one kind are shown one by one; the rest are counted.
const SHOWN: usize = 3;

/// Findings by kind, the gravest first.
pub(super) fn write_findings(out: &mut impl Write, findings: &[Finding]) -> Result<()> {
    let mut kinds: Vec<_> =
        findings.iter().map(|finding| (std::cmp::Reverse(finding.severity), finding.kind)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (severity, kind) in kinds {
        let alike: Vec<&Finding> =
            findings.iter().filter(|finding| finding.kind == kind && finding.severity == severity.0).collect();
        for finding in alike.iter().take(SHOWN) {
            writeln!(out, "{finding}")?;
        }
        if alike.len() > SHOWN {
            writeln!(out, "  … and {} more like this", alike.len() - SHOWN)?;
        }
    }
    Ok(())
}
