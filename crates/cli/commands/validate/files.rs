//! Files beside their items: what they hold, how they are laid out, and whether they have changed.

use anyhow::Result;
use swath_catalog::{
    Asset, DataType, Href, Item, Tree,
    file::verify,
    repair::{FileFacts, Finding, FindingKind, Severity, against_file},
};
use swath_raster::{FetchOptions, Fetcher, Raster};

/// Opens the images that are on this machine. One that cannot be opened is a finding, as is all that it contradicts and, with
/// `cog`, whatever keeps it from being read in parts.
pub(super) fn compare(tree: &Tree, contents: bool, cog: bool) -> Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetcher = Fetcher::new(FetchOptions::default())?;
    let mut findings = Vec::new();
    for item in &tree.items {
        for asset in item.assets().filter(Asset::is_raster) {
            let Some(Href::File(path)) = asset.href().and_then(|href| Href::parse(href).ok()) else { continue };
            if !path.is_file() {
                continue;
            }
            let field = format!("assets.{}", asset.key);
            let opened = runtime.block_on(fetcher.open(&path.to_string_lossy()));
            match opened.and_then(|raster| raster.check_complete().map(|()| raster)) {
                Ok(raster) => {
                    if contents {
                        findings.extend(against_file(asset, &facts(&raster)));
                    }
                    let faults = if cog { raster.header.cog_faults() } else { Vec::new() };
                    let layout =
                        |message| Finding::of(item, FindingKind::FileLayout, Severity::Warning, &field, message);
                    findings.extend(faults.into_iter().map(layout));
                }
                Err(error) => {
                    findings.push(Finding::of(
                        item,
                        FindingKind::FileMismatch,
                        Severity::Error,
                        field,
                        error.to_string(),
                    ));
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

/// Files on this machine whose checksum is not the one that their item gives, or cannot be compared with it.
pub(super) fn checksums(item: &Item) -> Vec<Finding> {
    let check = |asset: Asset<'_>| {
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
