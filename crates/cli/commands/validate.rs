//! `swath validate`: what is wrong with a catalog, by itself and against its files.

mod files;

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;
use swath_catalog::{
    Pairing, Rewrites, Strictness, Tree,
    pairing::Rules,
    read_tree,
    repair::{Class, Finding, Severity, conformance, examine, labels_outside},
};

use super::explain::write_findings;
use crate::failure::Findings;

/// Arguments of `swath validate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when nothing grave was found, else with 64 and, added to it, 1 for documents, 2 for links, \
    4 for files, 8 for checksums, 16 for geometry."
)]
pub(crate) struct ValidateArgs {
    /// The catalog: a catalog.json, a collection.json, an item, or the folder that holds one.
    catalog: PathBuf,
    /// Read what is below PREFIX from FOLDER instead, as in https://example.org/data=/mnt/data; may be given again.
    #[arg(long, value_name = "PREFIX=FOLDER")]
    rewrite: Vec<String>,
    /// Compare each image on this machine with what its item says of it: bands, type, nodata, size and CRS.
    #[arg(long)]
    files: bool,
    /// Compare each file on this machine with its checksum.
    #[arg(long)]
    checksums: bool,
    /// Look whether each GeoTIFF on this machine is laid out as a Cloud Optimized GeoTIFF.
    #[arg(long)]
    cog: bool,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
    /// How to write the findings.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// Lines, the gravest first, like ones counted.
    #[default]
    Human,
    /// One JSON object with every finding.
    Json,
}

/// Prints the findings; an error when one of them is grave.
pub(crate) fn run(args: &ValidateArgs) -> Result<()> {
    let tree = read_tree(&args.catalog.to_string_lossy(), &Rewrites::parse(&args.rewrite)?, Strictness::Lenient)?;
    let findings = findings(args, &tree)?;
    let mut out = std::io::stdout().lock();
    match args.output {
        Output::Json => write_json(&mut out, &tree, &findings)?,
        Output::Human => write_text(&mut out, args, &tree, &findings)?,
    }
    let threshold = if args.strict { Severity::Warning } else { Severity::Error };
    let grave: Vec<&Finding> = findings.iter().filter(|finding| finding.severity >= threshold).collect();
    if grave.is_empty() {
        return Ok(());
    }
    let classes = Finding::classes(grave.iter().copied());
    let message = format!("{} is not valid: {}", tree.root, counted((grave.len(), "finding")));
    Err(Findings { classes, message }.into())
}

/// All that was found, in the order of the checks.
fn findings(args: &ValidateArgs, tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = examine(tree);
    findings.extend(conformance(tree));
    // A catalog without pairs, of models or of maps, is none the worse for it.
    if let Ok(pairing) = Pairing::of(tree, &Rules::default()) {
        findings.extend(labels_outside(tree, &pairing));
    }
    if args.files || args.cog {
        findings.extend(files::compare(tree, args.files, args.cog)?);
    }
    if args.checksums {
        findings.extend(tree.items.iter().flat_map(files::checksums));
    }
    Ok(findings)
}

fn write_json(out: &mut impl Write, tree: &Tree, findings: &[Finding]) -> Result<()> {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let of_class = |class: Class| findings.iter().filter(|finding| finding.kind.class() == class).count();
    let classes: serde_json::Map<_, _> = Class::ALL
        .into_iter()
        .filter_map(|class| Some((serde_json::to_value(class).ok()?.as_str()?.to_owned(), of_class(class).into())))
        .collect();
    let report = json!({
        "root": tree.root, "items": tree.items.len(),
        "errors": count(Severity::Error), "warnings": count(Severity::Warning), "notes": count(Severity::Note),
        "classes": classes, "findings": findings,
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)?;
    Ok(())
}

fn write_text(out: &mut impl Write, args: &ValidateArgs, tree: &Tree, findings: &[Finding]) -> Result<()> {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    write_findings(out, findings)?;
    let counts = [(tree.items.len(), "item"), (errors, "error"), (warnings, "warning"), (notes, "note")];
    let unopened = if args.files { "" } else { "; files not opened, add --files" };
    writeln!(out, "{}: {}{unopened}", tree.root, counts.map(counted).join(", "))?;
    Ok(())
}

fn counted((count, what): (usize, &str)) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted((count, "error"))), ["0 errors", "1 error", "2 errors"]);
    }
}
