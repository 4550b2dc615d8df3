//! `swath validate`: what is wrong with a catalog, by itself and against its files.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;
use swath_catalog::{
    DataType, Href, Item, Rewrites, Strictness, Tree,
    file::verify,
    read_tree,
    repair::{FileFacts, Finding, FindingKind, Severity, against_file, examine},
};
use swath_raster::{FetchOptions, Fetcher, Raster};

use super::explain::write_findings;

/// Arguments of `swath validate`.
#[derive(Debug, Args)]
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
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
    /// Write JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Prints the findings; an error when one of them is grave.
pub(crate) fn run(args: &ValidateArgs) -> Result<()> {
    let tree = read_tree(&args.catalog.to_string_lossy(), &Rewrites::parse(&args.rewrite)?, Strictness::Lenient)?;
    let mut findings = examine(&tree);
    if args.files {
        findings.extend(compare_files(&tree)?);
    }
    if args.checksums {
        findings.extend(tree.items.iter().flat_map(checksum_findings));
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let mut out = std::io::stdout().lock();
    if args.json {
        let report = json!({
            "root": tree.root, "items": tree.items.len(), "errors": errors, "warnings": warnings, "notes": notes,
            "findings": findings,
        });
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write_findings(&mut out, &findings)?;
        let counts = [(tree.items.len(), "item"), (errors, "error"), (warnings, "warning"), (notes, "note")];
        let unopened = if args.files { "" } else { "; files not opened, add --files" };
        writeln!(out, "{}: {}{unopened}", tree.root, counts.map(counted).join(", "))?;
    }
    let grave = if args.strict { errors + warnings } else { errors };
    ensure!(grave == 0, "{} is not valid: {}", tree.root, counted((grave, "finding")));
    Ok(())
}

fn counted((count, what): (usize, &str)) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Opens the images that are on this machine. One that cannot be opened is a finding, as is all that it contradicts.
fn compare_files(tree: &Tree) -> Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetcher = Fetcher::new(FetchOptions::default())?;
    let mut findings = Vec::new();
    for item in &tree.items {
        for asset in item.assets().filter(swath_catalog::Asset::is_raster) {
            let Some(Href::File(path)) = asset.href().and_then(|href| Href::parse(href).ok()) else { continue };
            if !path.is_file() {
                continue;
            }
            let opened = runtime.block_on(fetcher.open(&path.to_string_lossy()));
            match opened.and_then(|raster| raster.check_complete().map(|()| raster)) {
                Ok(raster) => findings.extend(against_file(asset, &facts(&raster))),
                Err(error) => {
                    let (kind, field) = (FindingKind::FileMismatch, format!("assets.{}", asset.key));
                    findings.push(Finding::of(item, kind, Severity::Error, field, error.to_string()));
                }
            }
        }
    }
    Ok(findings)
}

fn facts(raster: &Raster) -> FileFacts {
    let header = &raster.header;
    FileFacts {
        band_names: header.bands.iter().map(|band| band.description.clone()).collect(),
        data_type: DataType::from_name(header.dtype.name()),
        nodata: header.nodata,
        shape: [header.grid.height_px as u64, header.grid.width_px as u64],
        code: header.grid.crs.as_ref().and_then(swath_raster::Crs::code),
    }
}

fn checksum_findings(item: &Item) -> Vec<Finding> {
    let check = |asset: swath_catalog::Asset<'_>| {
        let expected = asset.fields.get("file:checksum")?.as_str()?;
        let Ok(Href::File(path)) = Href::parse(asset.href()?) else { return None };
        let message = match verify(&path, expected) {
            Ok(true) => return None,
            Ok(false) => format!("{} has changed: its checksum is not {expected}", path.display()),
            Err(error) => error.to_string(),
        };
        let field = format!("assets.{}.file:checksum", asset.key);
        Some(Finding::of(item, FindingKind::Checksum, Severity::Error, field, message))
    };
    item.assets().filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted((count, "error"))), ["0 errors", "1 error", "2 errors"]);
    }
}
