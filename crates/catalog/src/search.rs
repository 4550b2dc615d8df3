//! A question about items, validated once, and whether an item answers it.
//!
//! All parts of a question are joined by "and"; the members of a list (`ids`, `collections`, `classes`) by "or". An item
//! that does not say what is asked does not answer it: a label item without counts is not found by `min_count`.

mod geometry;
mod labels;
mod moment;

use std::cmp::Ordering;

use serde_json::Value;

use crate::{
    error::{Error, Result},
    item::Item,
    source::tree::Tree,
};

pub use geometry::Shape;
pub use labels::LabelQuestion;
pub use moment::Interval;

/// A question as it is asked; [`Search::new`] validates it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Items of any of these collections; empty for all.
    pub collections: Vec<String>,
    /// Items with any of these ids; empty for all.
    pub ids: Vec<String>,
    /// West, south, east, north in degrees; west greater than east crosses the antimeridian.
    pub bbox: Option<[f64; 4]>,
    /// Items that share a point with this GeoJSON geometry, feature or feature collection.
    pub intersects: Option<Value>,
    /// An RFC 3339 moment, a date, or an interval `START/END` with `..` for an open end.
    pub datetime: Option<String>,
    /// What labels the item is to have.
    pub label: LabelQuestion,
    /// Items with an image asset that has all these bands, by own or common name.
    pub bands: Vec<String>,
    /// The coarsest ground sample distance, in metres.
    pub gsd_max_m: Option<f64>,
    /// Fields to sort by, `-properties.datetime` for descending; `datetime` and the like stand for `properties.datetime`.
    pub sort_by: Vec<String>,
    /// The most items wanted.
    pub max_items: Option<usize>,
}

/// A validated question.
#[derive(Clone, Debug)]
pub struct Search {
    query: Query,
    bbox: Option<Shape>,
    intersects: Option<Shape>,
    datetime: Option<Interval>,
    sort_by: Vec<(String, bool)>,
}

impl Search {
    /// Validates a question.
    ///
    /// # Errors
    /// [`Error::Query`] naming the part that makes no sense.
    pub fn new(query: Query) -> Result<Self> {
        let wrong = |part: &'static str, reason: &str| Error::Query { part, reason: reason.to_owned() };
        if query.bbox.is_some() && query.intersects.is_some() {
            return Err(wrong("bbox", "it cannot be asked together with intersects: give one of them"));
        }
        let bbox = query.bbox.map(Shape::of_bbox).transpose().map_err(|reason| wrong("bbox", &reason))?;
        let intersects = query
            .intersects
            .as_ref()
            .map(Shape::of_geojson)
            .transpose()
            .map_err(|reason| wrong("intersects", &reason))?;
        let datetime =
            query.datetime.as_deref().map(Interval::parse).transpose().map_err(|reason| wrong("datetime", &reason))?;
        if query.gsd_max_m.is_some_and(|gsd| gsd.is_nan() || gsd <= 0.0) {
            return Err(wrong("gsd-max", "it must be a positive number of metres"));
        }
        let sort_by = query.sort_by.iter().map(|key| sort_key(key)).collect();
        Ok(Self { bbox, intersects, datetime, sort_by, query })
    }

    /// Whether an item answers the question. `tree` is asked for what the item's collection says of it.
    #[must_use]
    pub fn matches(&self, item: &Item, tree: &Tree) -> bool {
        let query = &self.query;
        let listed = |list: &[String], name: Option<&str>| {
            list.is_empty() || name.is_some_and(|name| list.iter().any(|own| own == name))
        };
        listed(&query.collections, item.collection())
            && listed(&query.ids, Some(item.id()))
            && self.datetime.as_ref().is_none_or(|asked| item.interval().is_some_and(|own| asked.meets(own)))
            && [&self.bbox, &self.intersects]
                .into_iter()
                .flatten()
                .all(|asked| Shape::of_item(item).is_some_and(|own| asked.meets(&own)))
            && has_bands(item, &query.bands)
            && query.gsd_max_m.is_none_or(|most| gsd_m(item).is_some_and(|own| own <= most))
            && query.label.matches(item, tree)
    }

    /// The items of a tree that answer the question: sorted where asked, else in the tree's order, and no more than asked
    /// for.
    #[must_use]
    pub fn of<'a>(&self, tree: &'a Tree) -> Vec<&'a Item> {
        let matching = tree.items.iter().filter(|item| self.matches(item, tree));
        if self.sort_by.is_empty() {
            return matching.take(self.query.max_items.unwrap_or(usize::MAX)).collect();
        }
        let mut found: Vec<_> = matching.collect();
        found.sort_by(|a, b| self.order(a, b));
        found.truncate(self.query.max_items.unwrap_or(usize::MAX));
        found
    }

    /// Puts what several sources answered into one order, and keeps no more than asked for.
    pub fn arrange(&self, found: &mut Vec<Item>) {
        found.sort_by(|a, b| self.order(a, b));
        found.truncate(self.query.max_items.unwrap_or(usize::MAX));
    }

    fn order(&self, a: &Item, b: &Item) -> Ordering {
        self.sort_by.iter().fold(Ordering::Equal, |order, (field, descending)| {
            let next = || {
                let order = compare(field_of(a, field), field_of(b, field));
                if *descending { order.reverse() } else { order }
            };
            order.then_with(next)
        })
    }
}

/// `-field` and `+field`; what is no field of an item is one of its properties.
fn sort_key(key: &str) -> (String, bool) {
    let (name, descending) = match key.strip_prefix('-') {
        Some(name) => (name, true),
        None => (key.strip_prefix('+').unwrap_or(key), false),
    };
    (name.strip_prefix("properties.").unwrap_or(name).to_owned(), descending)
}

fn field_of<'a>(item: &'a Item, field: &str) -> Option<&'a Value> {
    if matches!(field, "id" | "collection") { item.document().get(field) } else { item.property(field) }
}

/// Numbers before texts, anything before what is missing.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => match (a.as_f64(), b.as_f64(), a.as_str(), b.as_str()) {
            (Some(a), Some(b), ..) => a.total_cmp(&b),
            (Some(_), None, ..) => Ordering::Less,
            (None, Some(_), ..) => Ordering::Greater,
            (.., Some(a), Some(b)) => a.cmp(b),
            _ => a.to_string().cmp(&b.to_string()),
        },
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn has_bands(item: &Item, wanted: &[String]) -> bool {
    let has_all = |asset: crate::item::Asset<'_>| {
        let bands = asset.bands();
        wanted.iter().all(|name| bands.iter().any(|band| band.answers_to(name)))
    };
    wanted.is_empty() || item.assets().filter(|asset| asset.is_raster()).any(has_all)
}

/// The finest ground sample distance that the item gives for itself or for a band.
fn gsd_m(item: &Item) -> Option<f64> {
    let own = item.property("gsd").and_then(Value::as_f64);
    let of_bands = item.assets().flat_map(|asset| asset.bands()).filter_map(|band| band.gsd_m);
    own.or_else(|| of_bands.min_by(f64::total_cmp))
}
