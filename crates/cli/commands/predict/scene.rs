//! What is to be mapped: files, items, and the items of catalogs that have an image.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use swath_catalog::{AssetRef, Band, Href, Item, ItemId, Rewrites, Strictness, pairing, read_tree};
use swath_loader::Image;

/// A scene, and its item where it has one.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) image: Image,
    pub(super) item: Option<Item>,
    /// Where it was found: the file, or the item.
    pub(super) source: String,
}

impl Scene {
    /// All scenes of the places named.
    pub(super) fn find(places: &[String], names: &[String], rewrite: &[String]) -> Result<Vec<Self>> {
        let rewrites = Rewrites::parse(rewrite)?;
        let mut scenes = Vec::new();
        for place in places {
            let is_tree = Path::new(place).is_dir() || place.ends_with(".json") || place.ends_with(".geojson");
            if is_tree {
                scenes.extend(Self::of_tree(place, &rewrites)?)
            } else {
                scenes.push(Self::of_file(place, names)?)
            }
        }
        Ok(scenes)
    }

    fn of_file(place: &str, names: &[String]) -> Result<Self> {
        let id = Path::new(place).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bands = names.iter().map(|name| Band::named(name)).collect();
        let asset = AssetRef::file(ItemId { collection: None, id: id.clone() }, Href::parse(place)?, bands);
        Ok(Self { image: Image { id, assets: vec![asset] }, item: None, source: place.to_owned() })
    }

    /// Labels and models of a catalog are no scenes.
    fn of_tree(place: &str, rewrites: &Rewrites) -> Result<Vec<Self>> {
        let tree = read_tree(place, rewrites, Strictness::Lenient)?;
        ensure!(!tree.items.is_empty(), "{place} holds no STAC item");
        let is_image =
            |item: &Item| !item.extensions().any(|schema| schema.contains("/label/") || schema.contains("/mlm/"));
        let mut scenes = Vec::new();
        for item in tree.items.into_iter().filter(is_image) {
            let assets = pairing::image_assets(&item)?;
            if !assets.is_empty() {
                let (id, source) = (item.id().to_owned(), item.href().to_string());
                scenes.push(Self { image: Image { id, assets }, item: Some(item), source });
            }
        }
        ensure!(!scenes.is_empty(), "{place} has no item with an image asset");
        Ok(scenes)
    }

    /// The id as the name of a file.
    pub(super) fn file_name(&self) -> String {
        self.image.id.chars().map(|c| if matches!(c, '/' | '\\' | ':' | '\0') { '_' } else { c }).collect()
    }

    /// Files of this machine that it is made of.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let item = self.item.as_ref().and_then(|item| item.href().as_file());
        let assets = self.image.assets.iter().filter_map(|asset| asset.href.as_file());
        item.into_iter().chain(assets).map(Path::to_path_buf).collect()
    }
}
