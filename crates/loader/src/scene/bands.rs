//! Which band of which file each band of the recipe is.

use std::sync::Arc;

use swath_catalog::AssetRef;
use swath_raster::Raster;

use crate::error::Error;
use crate::recipe::BandRef;

/// One band of the input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    /// Position of the file in the pair.
    pub(crate) file: usize,
    /// Band of the file, from 0.
    pub(crate) band: usize,
    pub(crate) name: String,
    /// Measured value = stored value * scale + offset.
    pub(crate) scaling: (f64, f64),
    pub(crate) nodata: Option<f64>,
}

/// Finds the bands that a recipe asks for; an empty list means all, in file order.
pub(crate) fn choose(id: &str, files: &[(&AssetRef, Arc<Raster>)], asked: &[BandRef]) -> Result<Vec<Chosen>, Error> {
    let all: Vec<(usize, usize)> = files
        .iter()
        .enumerate()
        .flat_map(|(file, (_, raster))| (0..raster.header.bands.len()).map(move |b| (file, b)))
        .collect();
    if asked.is_empty() {
        return Ok(all.into_iter().map(|(file, band)| chosen(files, file, band, None)).collect());
    }
    asked
        .iter()
        .map(|reference| match reference {
            BandRef::Index(index) => match index.checked_sub(1).and_then(|at| all.get(at)) {
                Some(&(file, band)) => Ok(chosen(files, file, band, None)),
                None => Err(missing(id, files, &format!("there is no band {index}; the image has {}", all.len()))),
            },
            BandRef::Name(name) => match find(files, &all, name) {
                Some((file, band)) => Ok(chosen(files, file, band, Some(name))),
                None => Err(missing(id, files, &no_name(files, &all, name))),
            },
        })
        .collect()
}

/// A file's own description of its bands is nearer to the pixels than the item's, and wins.
fn find(files: &[(&AssetRef, Arc<Raster>)], all: &[(usize, usize)], name: &str) -> Option<(usize, usize)> {
    let described = |&&(file, band): &&(usize, usize)| {
        let own = files[file].1.header.bands[band].description.as_deref();
        own.is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    let listed = |&&(file, band): &&(usize, usize)| {
        let (asset, raster) = &files[file];
        asset.bands.len() == raster.header.bands.len() && asset.bands[band].answers_to(name)
    };
    let by_key = |&&(file, _): &&(usize, usize)| {
        files[file].1.header.bands.len() == 1 && files[file].0.key.eq_ignore_ascii_case(name)
    };
    all.iter().find(described).or_else(|| all.iter().find(listed)).or_else(|| all.iter().find(by_key)).copied()
}

/// What the item says of the bands otherwise than their files; the item's word is the one taken.
pub(super) fn contradictions(id: &str, files: &[(&AssetRef, Arc<Raster>)], chosen: &[Chosen]) -> Vec<String> {
    let mut found = Vec::new();
    for band in chosen {
        let (asset, raster) = &files[band.file];
        let stored = &raster.header.bands[band.band];
        let Some(said) = said(asset, raster, band.band) else { continue };
        let pairs = [
            ("nodata", said.nodata, raster.header.nodata),
            ("a scale of", said.scale, stored.scale),
            ("an offset of", said.offset, stored.offset),
        ];
        for (what, item, file) in pairs {
            if let (Some(item), Some(file)) = (item, file)
                && item != file
                && !(item.is_nan() && file.is_nan())
            {
                let (name, href) = (&band.name, &asset.href);
                found.push(format!(
                    "item {id}: band {name} of {href}: the item says {what} {item} and the file {file}; the item's is used"
                ));
            }
        }
    }
    found
}

/// What the item says of one band of a file.
fn said<'a>(asset: &'a AssetRef, raster: &Raster, band: usize) -> Option<&'a swath_catalog::Band> {
    Some(&asset.bands).filter(|bands| bands.len() == raster.header.bands.len()).map(|bands| &bands[band])
}

fn chosen(files: &[(&AssetRef, Arc<Raster>)], file: usize, band: usize, name: Option<&str>) -> Chosen {
    let (asset, raster) = &files[file];
    let stored = &raster.header.bands[band];
    let said = said(asset, raster, band);
    let listed = || said.and_then(|band| band.name.clone());
    let name = name.map(str::to_owned).or_else(|| stored.description.clone()).or_else(listed);
    Chosen {
        file,
        band,
        name: name.unwrap_or_else(|| format!("band {}", band + 1)),
        scaling: (
            said.and_then(|band| band.scale).or(stored.scale).unwrap_or(1.0),
            said.and_then(|band| band.offset).or(stored.offset).unwrap_or(0.0),
        ),
        // A mask in the file decides alone, unless the item gives a nodata value besides.
        nodata: said.and_then(|band| band.nodata).or(raster.header.nodata.filter(|_| raster.header.masks[0].is_none())),
    }
}

fn no_name(files: &[(&AssetRef, Arc<Raster>)], all: &[(usize, usize)], name: &str) -> String {
    let names: Vec<String> = all.iter().map(|&(file, band)| chosen(files, file, band, None).name).collect();
    let contradicted =
        files.iter().find(|(asset, raster)| !asset.bands.is_empty() && asset.bands.len() != raster.header.bands.len());
    match contradicted {
        Some((asset, raster)) => format!(
            "band '{name}' cannot be found: {} bands are named and the file has {}; name every band, in the order of the file",
            asset.bands.len(),
            raster.header.bands.len()
        ),
        None if is_nameless(files) => format!(
            "there is no band '{name}': its {} bands have no names; name the bands with --bands in the order of the file",
            all.len()
        ),
        None => format!(
            "there is no band '{name}'; there are {}: ask for these, or name the bands with --bands in the order of the file",
            names.join(", ")
        ),
    }
}

/// One file, whose bands neither it nor an item names.
fn is_nameless(files: &[(&AssetRef, Arc<Raster>)]) -> bool {
    let [(asset, raster)] = files else { return false };
    asset.bands.is_empty() && raster.header.bands.iter().all(|band| band.description.is_none())
}

fn missing(id: &str, files: &[(&AssetRef, Arc<Raster>)], reason: &str) -> Error {
    let hrefs: Vec<String> = files.iter().map(|(asset, _)| asset.href.to_string()).collect();
    Error::Bands { item: id.to_owned(), href: hrefs.join(", "), reason: reason.to_owned() }
}
