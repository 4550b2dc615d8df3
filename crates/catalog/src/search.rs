//! A question about items, validated once, and whether an item answers it.
//!
//! All parts of a question are joined by "and"; the members of a list (`ids`, `collections`, `classes`) by "or". An item
//! that does not say what is asked does not answer it: a label item without counts is not found by `min_count`. A source
//! that can answer a part itself is trusted with it; [`Search::matches_rest`] decides on the others here.

mod bands;
pub mod cql2;
mod fields;
mod geometry;
mod labels;
mod moment;
mod order;
mod parts;

use std::cmp::Ordering;

use serde_json::Value;

use crate::{
    error::{Error, Result},
    item::Item,
    ml_aoi::Split,
    source::tree::Tree,
};

pub use bands::ModelBands;
pub use cql2::Expr;
pub use fields::Fields;
pub use geometry::Shape;
pub use labels::LabelQuestion;
pub use moment::Interval;
pub use order::SortKey;
pub use parts::{Part, Parts};

/// The properties that are moments in time by STAC's core and timestamps extension.
const MOMENTS: [&str; 8] =
    ["datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires", "unpublished"];

/// Whether a property is a moment in time, whoever writes it.
pub(crate) fn is_moment(property: &str) -> bool {
    MOMENTS.contains(&property)
}

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
    /// A condition in CQL2: as text, or as JSON where it begins with `{`.
    pub filter: Option<String>,
    /// Conditions as STAC's older query extension has them: `{"eo:cloud_cover": {"lt": 10}}`. Joined with `filter`.
    pub query: Option<Value>,
    /// What labels the item is to have.
    pub label: LabelQuestion,
    /// Items whose images have all these bands, by own or common name.
    pub bands: Vec<String>,
    /// The coarsest ground sample distance, in metres.
    pub gsd_max_m: Option<f64>,
    /// Items whose images have what a model takes.
    pub model: Option<ModelBands>,
    /// Fields to sort by, `-properties.datetime` for descending; `datetime` and the like stand for `properties.datetime`.
    pub sort_by: Vec<String>,
    /// Fields of the items that are wanted, `-assets` for one that is not; empty for all.
    pub fields: Vec<String>,
    /// The most items wanted.
    pub max_items: Option<usize>,
    /// How many items a server is to give at a time.
    pub page_size: Option<usize>,
}

/// What a source knows beside the item that a question is put to.
pub trait Surroundings {
    /// The split that a collection gives for all its items, when it gives exactly one.
    fn collection_split(&self, collection: &str) -> Option<Split>;
    /// Whether an item of the source is at `href`, an absolute path or address.
    fn holds(&self, href: &str) -> bool;
}

/// A validated question.
#[derive(Clone, Debug)]
pub struct Search {
    query: Query,
    bbox: Option<Shape>,
    intersects: Option<Shape>,
    datetime: Option<Interval>,
    filter: Option<Expr>,
    sort: Vec<SortKey>,
    fields: Fields,
    parts: Parts,
}

impl Search {
    /// Validates a question.
    ///
    /// # Errors
    /// [`Error::Query`] naming the part that makes no sense.
    pub fn new(query: Query) -> Result<Self> {
        let wrong = |part: &'static str| move |reason: String| Error::Query { part, reason };
        if query.bbox.is_some() && query.intersects.is_some() {
            let reason = "it cannot be asked together with intersects: give one of them".to_owned();
            return Err(Error::Query { part: "bbox", reason });
        }
        let bbox = query.bbox.map(Shape::of_bbox).transpose().map_err(wrong("bbox"))?;
        let intersects = query.intersects.as_ref().map(Shape::of_geojson).transpose().map_err(wrong("intersects"))?;
        let datetime = query.datetime.as_deref().map(Interval::parse).transpose().map_err(wrong("datetime"))?;
        if query.gsd_max_m.is_some_and(|gsd| gsd.is_nan() || gsd <= 0.0) {
            return Err(wrong("gsd-max")("it must be a positive number of metres".to_owned()));
        }
        if query.page_size == Some(0) {
            return Err(wrong("page-size")("a page has at least one item".to_owned()));
        }
        let filter = query.filter.as_deref().map(Expr::parse).transpose().map_err(wrong("filter"))?;
        let older = query.query.as_ref().map(Expr::of_query).transpose().map_err(wrong("query"))?;
        let filter = match (filter, older) {
            (Some(a), Some(b)) => Some(a.and(b)),
            (a, b) => a.or(b),
        };
        let sort = query.sort_by.iter().map(|key| SortKey::parse(key)).collect::<std::result::Result<_, _>>();
        let sort = sort.map_err(wrong("sortby"))?;
        let fields = Fields::parse(&query.fields).map_err(wrong("fields"))?;
        let mut search = Self { bbox, intersects, datetime, filter, sort, fields, parts: Parts::NONE, query };
        search.parts = Part::ALL.into_iter().filter(|part| search.asks(*part)).collect();
        Ok(search)
    }

    fn asks(&self, part: Part) -> bool {
        let query = &self.query;
        match part {
            Part::Collections => !query.collections.is_empty(),
            Part::Ids => !query.ids.is_empty(),
            Part::Bbox => self.bbox.is_some(),
            Part::Intersects => self.intersects.is_some(),
            Part::Datetime => self.datetime.is_some(),
            Part::Filter => self.filter.is_some(),
            Part::Labels => query.label.asks(),
            Part::Bands => !query.bands.is_empty(),
            Part::Gsd => query.gsd_max_m.is_some(),
            Part::Model => query.model.is_some(),
            Part::Sort => !self.sort.is_empty(),
            Part::Fields => !self.fields.is_all(),
            Part::MaxItems => query.max_items.is_some(),
        }
    }

    /// The parts that are asked.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// Items of any of these collections; empty for all.
    #[must_use]
    pub fn collections(&self) -> &[String] {
        &self.query.collections
    }

    /// Items with any of these ids; empty for all.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.query.ids
    }

    /// West, south, east, north in degrees; west greater than east crosses the antimeridian.
    #[must_use]
    pub fn bbox(&self) -> Option<[f64; 4]> {
        self.query.bbox
    }

    /// The GeoJSON that items are to share a point with, as it was asked: a geometry, feature or feature collection.
    #[must_use]
    pub fn intersects(&self) -> Option<&Value> {
        self.query.intersects.as_ref()
    }

    /// The place that items are to share a point with: of `bbox` or `intersects`.
    #[must_use]
    pub fn place(&self) -> Option<&Shape> {
        self.bbox.as_ref().or(self.intersects.as_ref())
    }

    /// The time that items are to share a moment with.
    #[must_use]
    pub fn datetime(&self) -> Option<Interval> {
        self.datetime
    }

    /// The condition, CQL2 and older query joined.
    #[must_use]
    pub fn filter(&self) -> Option<&Expr> {
        self.filter.as_ref()
    }

    /// What labels the item is to have.
    #[must_use]
    pub fn label(&self) -> &LabelQuestion {
        &self.query.label
    }

    /// The bands that the item's images are to have.
    #[must_use]
    pub fn bands(&self) -> &[String] {
        &self.query.bands
    }

    /// The coarsest ground sample distance, in metres.
    #[must_use]
    pub fn gsd_max_m(&self) -> Option<f64> {
        self.query.gsd_max_m
    }

    /// The bands of the model that is to read the item's images.
    #[must_use]
    pub fn model(&self) -> Option<&ModelBands> {
        self.query.model.as_ref()
    }

    /// What to sort by, most important first.
    #[must_use]
    pub fn sort(&self) -> &[SortKey] {
        &self.sort
    }

    /// The fields that are wanted of each item.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The most items wanted.
    #[must_use]
    pub fn max_items(&self) -> Option<usize> {
        self.query.max_items
    }

    /// How many items a server is to give at a time.
    #[must_use]
    pub fn page_size(&self) -> Option<usize> {
        self.query.page_size
    }

    /// Whether what a source knows beside its items is needed: a source that reads as it answers must have read all first.
    #[must_use]
    pub fn needs_surroundings(&self) -> bool {
        self.query.label.with_image || self.query.label.split.is_some()
    }

    /// Whether an item answers the question. `surroundings` say what the item's source knows of it.
    #[must_use]
    pub fn matches(&self, item: &Item, surroundings: &dyn Surroundings) -> bool {
        self.matches_rest(item, Parts::NONE, surroundings)
    }

    /// Whether an item answers all parts of the question but those that its source has `answered`.
    #[must_use]
    pub fn matches_rest(&self, item: &Item, answered: Parts, surroundings: &dyn Surroundings) -> bool {
        self.parts.without(answered).iter().all(|part| self.matches_part(part, item, surroundings))
    }

    fn matches_part(&self, part: Part, item: &Item, surroundings: &dyn Surroundings) -> bool {
        let query = &self.query;
        let listed = |list: &[String], name: Option<&str>| name.is_some_and(|name| list.iter().any(|own| own == name));
        let meets = |asked: &Option<Shape>| {
            asked.as_ref().is_none_or(|asked| Shape::of_item(item).is_some_and(|own| asked.meets(&own)))
        };
        match part {
            Part::Collections => listed(&query.collections, item.collection()),
            Part::Ids => listed(&query.ids, Some(item.id())),
            Part::Bbox => meets(&self.bbox),
            Part::Intersects => meets(&self.intersects),
            Part::Datetime => {
                self.datetime.as_ref().is_none_or(|asked| item.interval().is_some_and(|own| asked.meets(own)))
            }
            Part::Filter => self.filter.as_ref().is_none_or(|filter| filter.matches(item)),
            Part::Labels => query.label.matches(item, surroundings),
            Part::Bands => bands::has_bands(item, &query.bands),
            Part::Gsd => query.gsd_max_m.is_none_or(|most| bands::gsd_m(item).is_some_and(|own| own <= most)),
            Part::Model => query.model.as_ref().is_none_or(|model| model.can_read(item)),
            Part::Sort | Part::Fields | Part::MaxItems => true,
        }
    }

    /// The items of a tree that answer the question: sorted where asked, else in the tree's order, and no more than asked
    /// for. All their fields are left.
    #[must_use]
    pub fn of<'a>(&self, tree: &'a Tree) -> Vec<&'a Item> {
        let matching = tree.items.iter().filter(|item| self.matches(item, tree));
        let most = self.query.max_items.unwrap_or(usize::MAX);
        if self.sort.is_empty() {
            return matching.take(most).collect();
        }
        let mut found: Vec<_> = matching.collect();
        found.sort_by(|a, b| self.order(a, b));
        found.truncate(most);
        found
    }

    /// Which of two items comes first in the order asked for.
    #[must_use]
    pub fn order(&self, a: &Item, b: &Item) -> Ordering {
        order::order(&self.sort, a, b)
    }
}
