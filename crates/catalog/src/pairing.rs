//! Which image belongs to which label, and why.
//!
//! Where the user gives a rule ([`Rules::matching`]), that alone decides. Else a label finds its images, in this order, by
//! 1. an item whose `derived_from` links carry `ml-aoi:role` (one label, one or more features: stacked as one input),
//! 2. the label item's `source` links, narrowed by `label:assets`,
//! 3. the item itself, when it carries image and label assets side by side,
//! 4. an image item with the same footprint and date.
//!
//! Every label item and image item that ends up in no pair is reported as an [`Orphan`] with its reason.
//!
//! What STAC has no field for is kept on the label asset under the prefix `swath:`, written by `swath describe` and
//! obeyed by every reader of pairs: [`WHERE`], [`CLASS`], [`BACKGROUND`].

mod files;
mod footprint;
mod images;
mod labels;
pub mod name;
mod rule;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use crate::{
    bands::Band,
    classification::Class,
    error::{Error, Result},
    extension,
    filter::Filter,
    href::Href,
    item::{Item, ItemId},
    label::Count,
    ml_aoi::{MlAoi, Resampling, Role, Split},
    projection::Projection,
    source::tree::Tree,
};

/// Field of a label asset: the [`Filter`] that features must pass, as text.
pub const WHERE: &str = "swath:where";
/// Field of a label asset: the class of every feature that passes, where no property holds it.
pub const CLASS: &str = "swath:class";
/// Field of a label asset: the class of pixels that no feature covers; without it they are unlabelled.
pub const BACKGROUND: &str = "swath:background";

/// An image and what is known of its pixels, and one label for it.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Names the pair, uniquely within its [`Pairing`].
    pub id: String,
    /// The image assets, to be stacked band over band. Never empty.
    pub images: Vec<AssetRef>,
    /// The label.
    pub label: LabelRef,
    /// The part of the dataset, where item or collection says it.
    pub split: Option<Split>,
    /// When the image was taken.
    pub datetime: Option<DateTime<Utc>>,
    /// The image's footprint as a GeoJSON geometry in degrees longitude and latitude; null when the item has none.
    pub footprint: Value,
    /// West, south, east, north of the footprint, in degrees.
    pub bbox: Option<[f64; 4]>,
    /// How image and label found each other.
    pub reason: Reason,
}

/// An image asset.
#[derive(Clone, Debug, Serialize)]
pub struct AssetRef {
    /// The item that it belongs to.
    pub item: ItemId,
    /// Its key in that item.
    pub key: String,
    /// Where it is.
    pub href: Href,
    /// Its bands in the order that the item gives, which the file may contradict; empty when the item says nothing.
    pub bands: Vec<Band>,
    /// The grid that the item gives, which the file decides in the end.
    pub projection: Projection,
    /// Whether all other assets of the pair are to be brought onto this one's grid.
    pub reference_grid: bool,
    /// How to bring it onto another grid, where the item says it.
    pub resampling: Option<Resampling>,
    /// Its checksum as a hexadecimal multihash, `1220` and SHA-256.
    pub checksum: Option<String>,
}

/// A label asset and how to read it.
#[derive(Clone, Debug, Serialize)]
pub struct LabelRef {
    /// The item that it belongs to.
    pub item: ItemId,
    /// Its key in that item.
    pub key: String,
    /// Where it is.
    pub href: Href,
    /// Geometries or pixels, and where their class stands.
    pub kind: LabelKind,
    /// The classes that the item declares, in its order, the background (if any) aside.
    pub classes: Vec<String>,
    /// How often each class occurs, where the item says it: features of vector labels, pixels of raster labels.
    pub counts: Vec<Count>,
    /// The grid that the item gives, for raster labels.
    pub projection: Projection,
    /// Its checksum as a hexadecimal multihash.
    pub checksum: Option<String>,
}

/// Geometries or pixels, and where their class stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelKind {
    /// A GeoJSON file.
    Vector {
        /// Where the class of a feature stands.
        class: ClassSource,
        /// Which features count; the others are not burned.
        #[serde(serialize_with = "filter_text")]
        filter: Filter,
        /// The class of pixels that no feature covers; `None` leaves them unlabelled.
        background: Option<String>,
    },
    /// A raster file whose first band holds class values.
    Raster {
        /// The meaning of each value; values not listed are no class that the item declares. Empty when the item gives
        /// none: then values are the indices of `classes`.
        values: Vec<Class>,
        /// The value that means "not labelled", where the item says it.
        nodata: Option<f64>,
    },
}

/// Where the class of a feature stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassSource {
    /// In this property of each feature.
    Property(String),
    /// Every feature has this class.
    Constant(String),
}

impl std::fmt::Display for ClassSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Property(property) => write!(f, "class in `{property}`"),
            Self::Constant(class) => write!(f, "class {class}"),
        }
    }
}

fn filter_text<S: serde::Serializer>(filter: &Filter, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(filter.as_str())
}

/// How an image and a label found each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `derived_from` links of one item name both, with `ml-aoi:role`.
    DerivedFrom,
    /// A `source` link of the label item.
    SourceLink,
    /// One item carries both.
    SameItem,
    /// Same footprint and same date.
    Footprint,
    /// The user's rule captures the same in both ids.
    Rule,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DerivedFrom => "derived_from links with ml-aoi:role",
            Self::SourceLink => "source link of the label item",
            Self::SameItem => "image and label assets of one item",
            Self::Footprint => "same footprint and date",
            Self::Rule => "rule over their ids",
        })
    }
}

/// An item that is in no pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// The item.
    pub item: ItemId,
    /// Whether it holds labels; else images.
    pub is_label: bool,
    /// Why nothing belongs to it.
    pub reason: String,
}

impl AssetRef {
    /// An image file that no item describes; `bands` in the order of the file, empty where only the file knows them.
    #[must_use]
    pub fn file(item: ItemId, href: Href, bands: Vec<Band>) -> Self {
        let (key, projection) = ("image".to_owned(), Projection::default());
        Self { item, key, href, bands, projection, reference_grid: true, resampling: None, checksum: None }
    }
}

/// The image assets of an item: those with `ml-aoi:role` feature, else those with role `data`, else all rasters.
///
/// # Errors
/// [`Error::BadHref`] where an asset's href is neither a path nor an address.
pub fn image_assets(item: &Item) -> Result<Vec<AssetRef>> {
    images::of_item(item, None)
}

/// What a user says about labels that the catalog does not, or says wrongly.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The class of every feature.
    pub class: Option<String>,
    /// The property that holds each feature's class.
    pub class_property: Option<String>,
    /// Which features count, in place of the catalog's filter.
    pub filter: Option<Filter>,
    /// The class of pixels that no feature covers.
    pub background: Option<String>,
    /// Never pair by footprint and date alone.
    pub links_only: bool,
    /// A label belongs to the images in whose ids this captures the same, whatever the links say.
    pub matching: Option<Regex>,
}

/// All pairs of a catalog, and what was left over.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Pairing {
    /// The pairs, in the order of the label items.
    pub pairs: Vec<Pair>,
    /// Items in no pair, labels first.
    pub orphans: Vec<Orphan>,
}

impl Pairing {
    /// Pairs the items of a tree; `rules` overrides what its label assets say.
    ///
    /// # Errors
    /// [`Error::NoPairs`] when not one label belongs to an image, [`Error::BadFilter`] when a stored filter does not
    /// parse, [`Error::Field`] when a label item's fields cannot be read.
    pub fn of(tree: &Tree, rules: &Rules) -> Result<Self> {
        let index = Index::new(tree);
        let mut found = Found::default();
        if rules.matching.is_none() {
            for item in &tree.items {
                found.derived(&index, item, rules)?;
            }
        }
        for item in &tree.items {
            found.labelled(&index, item, rules)?;
        }
        let pairing = found.finish(&index);
        if pairing.pairs.is_empty() {
            let reason = pairing.orphans.iter().find(|orphan| orphan.is_label).map_or_else(
                || "it has no item with labels; `swath describe` makes one from image and label files".to_owned(),
                |orphan| format!("item {}: {}", orphan.item, orphan.reason),
            );
            return Err(Error::NoPairs { root: tree.root.clone(), reason });
        }
        Ok(pairing)
    }

    /// How many pairs were found in each way.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<Reason, usize> {
        let mut counts = BTreeMap::new();
        for pair in &self.pairs {
            *counts.entry(pair.reason).or_insert(0) += 1;
        }
        counts
    }
}

/// Items of a tree by where they and their assets are.
struct Index<'a> {
    tree: &'a Tree,
    items: HashMap<String, &'a Item>,
    assets: HashMap<&'a str, (&'a Item, &'a str)>,
}

impl<'a> Index<'a> {
    fn new(tree: &'a Tree) -> Self {
        let mut items = HashMap::new();
        let mut assets = HashMap::new();
        for item in &tree.items {
            items.insert(item.href().to_string(), item);
            // An item reached through a rewritten address is linked to by that address and by its file.
            if let Some(href) = tree.read_from.get(item.href()) {
                items.insert(href.to_string(), item);
            }
            for asset in item.assets() {
                if let Some(href) = asset.href() {
                    assets.entry(href).or_insert((item, asset.key));
                }
            }
        }
        Self { tree, items, assets }
    }

    /// The items that links of `rel` lead to, with the link's fields.
    fn linked(
        &self,
        item: &'a Item,
        rel: &'static str,
    ) -> impl Iterator<Item = (crate::item::Link<'a>, Option<&'a Item>)> {
        item.links().filter(move |link| link.rel() == rel).map(|link| {
            let target = link.href().and_then(|href| self.items.get(href).copied());
            (link, target)
        })
    }

    fn split(&self, item: &Item) -> Option<Split> {
        let own = extension::read::<MlAoi>(item).ok().flatten().and_then(|fields| fields.split);
        // EOTDL's catalogs say the same under a prefix of their own.
        let eotdl = || item.property("ml-dataset:split").and_then(Value::as_str).and_then(Split::parse);
        own.or_else(eotdl).or_else(|| self.tree.collection_split(item.collection()?))
    }
}

/// What tells an item from all others of its tree.
fn place(item: &Item) -> (Href, String) {
    (item.href().clone(), item.id().to_owned())
}

/// Pairs and orphans as they are found.
#[derive(Default)]
struct Found {
    pairs: Vec<Pair>,
    ids: HashSet<String>,
    label_orphans: Vec<Orphan>,
    /// Items that are in a pair, by document and id (one document may hold many): reasons to call no orphan.
    paired: HashSet<(Href, String)>,
}

impl Found {
    /// Pairs that an item describes by `derived_from` links with `ml-aoi:role`.
    fn derived(&mut self, index: &Index<'_>, item: &Item, rules: &Rules) -> Result<()> {
        let mut labels = Vec::new();
        let mut features = Vec::new();
        for (link, target) in index.linked(item, "derived_from") {
            let role = extension::read_fields::<MlAoi>(item.id(), link.fields)?.and_then(|fields| fields.role);
            match (role, target) {
                (Some(Role::Label), Some(target)) => labels.push(target),
                (Some(Role::Feature), Some(target)) => features.push(target),
                _ => {}
            }
        }
        // A label item may itself name the features it was drawn on; a source link says more, and is read instead.
        let has_source = || item.links().any(|link| link.rel() == crate::label::SOURCE_REL);
        if labels.is_empty() && !features.is_empty() && labels::is_label_item(item) && !has_source() {
            labels.push(item);
        }
        let mut images = Vec::new();
        for feature in &features {
            images.extend(images::of_item(feature, None)?);
        }
        if images.is_empty() {
            return Ok(());
        }
        for label_item in labels {
            let assets = labels::of_item(label_item, rules)?;
            for label in assets {
                self.push(index, item, &features, images.clone(), label, Reason::DerivedFrom);
                self.paired.insert(place(label_item));
                self.paired.insert(place(item));
            }
        }
        Ok(())
    }

    /// Pairs of one label item by source links, own assets or footprint.
    fn labelled<'a>(&mut self, index: &Index<'a>, item: &'a Item, rules: &Rules) -> Result<()> {
        if !labels::is_label_item(item) || self.paired.contains(&place(item)) {
            return Ok(());
        }
        let labels = labels::of_item(item, rules)?;
        if labels.is_empty() {
            self.orphan(item, "it has no label asset (a GeoJSON or GeoTIFF with role `labels`)".to_owned());
            return Ok(());
        }
        let Some(candidates) = self.candidates(index, item, &labels, rules)? else { return Ok(()) };
        if candidates.is_empty() {
            self.orphan(item, "no source link names its image".to_owned());
        }
        for ((image_item, images), reason) in candidates {
            for label in &labels {
                self.push(index, item, &[image_item], images.clone(), label.clone(), reason);
            }
            self.paired.insert(place(item));
        }
        Ok(())
    }

    /// The images of a label item, one entry for each image item; `None` where it was noted as an orphan.
    #[allow(clippy::type_complexity)] // image items with their assets and how they were found
    fn candidates<'a>(
        &mut self,
        index: &Index<'a>,
        item: &'a Item,
        labels: &[LabelRef],
        rules: &Rules,
    ) -> Result<Option<Vec<((&'a Item, Vec<AssetRef>), Reason)>>> {
        if let Some(pattern) = &rules.matching {
            return Ok(match rule::same(index.tree, item, pattern)? {
                Ok(found) => Some(found.into_iter().map(|found| (found, Reason::Rule)).collect()),
                Err(reason) => {
                    self.orphan(item, reason);
                    None
                }
            });
        }
        let candidates = match images::by_source(index, item)? {
            images::Sources::Found(found) => found.into_iter().map(|found| (found, Reason::SourceLink)).collect(),
            images::Sources::Broken(reason) => {
                self.orphan(item, reason);
                return Ok(None);
            }
            images::Sources::None => match images::beside_labels(item, labels)? {
                Some(images) => vec![((item, images), Reason::SameItem)],
                None if rules.links_only => Vec::new(),
                None => match footprint::same(index.tree, item)? {
                    Ok((found, images)) => vec![((found, images), Reason::Footprint)],
                    Err(reason) => {
                        self.orphan(item, reason);
                        return Ok(None);
                    }
                },
            },
        };
        Ok(Some(candidates))
    }

    fn push(
        &mut self,
        index: &Index<'_>,
        describing: &Item,
        image_items: &[&Item],
        images: Vec<AssetRef>,
        label: LabelRef,
        reason: Reason,
    ) {
        let Some(first) = image_items.first() else { return };
        for item in image_items {
            self.paired.insert(place(item));
        }
        let split = index.split(describing).or_else(|| index.split(first));
        let mut id = describing.id().to_owned();
        if !self.ids.insert(id.clone()) {
            id = format!("{} {} {}", describing.item_id(), first.id(), label.key);
            self.ids.insert(id.clone());
        }
        self.pairs.push(Pair {
            id,
            images,
            label,
            split,
            datetime: first.datetime().or_else(|| describing.datetime()),
            footprint: first.geometry().cloned().unwrap_or(Value::Null),
            bbox: first.bbox(),
            reason,
        });
    }

    fn orphan(&mut self, item: &Item, reason: String) {
        self.label_orphans.push(Orphan { item: item.item_id(), is_label: true, reason });
    }

    fn finish(self, index: &Index<'_>) -> Pairing {
        let mut orphans = self.label_orphans;
        for item in &index.tree.items {
            let is_image = images::of_item(item, None).is_ok_and(|images| !images.is_empty());
            if is_image && !labels::is_label_item(item) && !self.paired.contains(&place(item)) {
                let reason = "no label names it".to_owned();
                orphans.push(Orphan { item: item.item_id(), is_label: false, reason });
            }
        }
        Pairing { pairs: self.pairs, orphans }
    }
}
