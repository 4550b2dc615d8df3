//! The columns that a set of items needs: the type of each field, found by looking at every value.
//!
//! Where two values of a field have no type in common (nodata 0 here and "nan" there), and where objects have too many
//! different keys for columns, the field is kept as JSON text, marked with Arrow's `arrow.json` extension type.

use std::{collections::HashMap, sync::Arc};

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use indexmap::IndexMap;
use serde_json::Value;

use super::row::{GEOMETRIES, MOMENTS, Row, moment_us};

/// Objects and lists deeper than this are kept as text.
const DEEPEST: usize = 12;
/// The most columns of a file, after which the widest members are kept as text: each column costs every row group about
/// a hundred bytes of the file's index.
const MOST_LEAVES: usize = 4000;
/// Arrow's mark of text that is JSON.
const EXTENSION: &str = "ARROW:extension:name";
const JSON: &str = "arrow.json";

/// The type of a field's values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Kind {
    /// Nothing but null so far.
    #[default]
    Nothing,
    Bool,
    Int,
    Float,
    Text,
    Moment,
    List(Box<Kind>),
    Object(IndexMap<String, Kind>),
    /// JSON text.
    Json,
}

impl Kind {
    /// Makes room for one more value.
    fn admit(&mut self, value: &Value, depth: usize) {
        *self = match (std::mem::take(self), value) {
            (known, Value::Null) => known,
            (Self::Nothing | Self::Bool, Value::Bool(_)) => Self::Bool,
            (Self::Nothing | Self::Int, Value::Number(number)) if number.is_i64() => Self::Int,
            (Self::Nothing | Self::Int | Self::Float, Value::Number(number)) if !is_large(number) => Self::Float,
            (Self::Nothing | Self::Text, Value::String(_)) => Self::Text,
            (Self::Nothing, Value::Array(_) | Value::Object(_)) if depth == 0 => Self::Json,
            (known @ (Self::Nothing | Self::List(_)), Value::Array(values)) => {
                let mut inner = if let Self::List(inner) = known { inner } else { Box::default() };
                values.iter().for_each(|value| inner.admit(value, depth - 1));
                Self::List(inner)
            }
            (known @ (Self::Nothing | Self::Object(_)), Value::Object(members)) => {
                let mut fields = if let Self::Object(fields) = known { fields } else { IndexMap::new() };
                for (name, value) in members {
                    match fields.get_mut(name) {
                        Some(kind) => kind.admit(value, depth - 1),
                        None => fields.entry(name.clone()).or_default().admit(value, depth - 1),
                    }
                }
                Self::Object(fields)
            }
            _ => Self::Json,
        };
    }

    /// The type when all values have been seen: Parquet knows neither objects without members nor columns without type.
    fn settle(&mut self) {
        match self {
            Self::Nothing => *self = Self::Text,
            Self::List(inner) => inner.settle(),
            Self::Object(fields) => {
                fields.retain(|_, kind| *kind != Self::Nothing);
                if fields.is_empty() {
                    *self = Self::Json;
                } else {
                    fields.values_mut().for_each(Self::settle);
                }
            }
            _ => {}
        }
    }

    fn leaves(&self) -> usize {
        match self {
            Self::List(inner) => inner.leaves(),
            Self::Object(fields) => fields.values().map(Self::leaves).sum(),
            _ => 1,
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::List(inner) => DataType::List(Arc::new(inner.field("element"))),
            Self::Object(fields) => {
                DataType::Struct(fields.iter().map(|(name, kind)| Arc::new(kind.field(name))).collect::<Fields>())
            }
            Self::Nothing | Self::Text | Self::Json => DataType::Utf8,
        }
    }

    fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        if *self == Self::Json {
            return field.with_metadata(HashMap::from([(EXTENSION.to_owned(), JSON.to_owned())]));
        }
        field
    }
}

/// Whether a column's text is JSON.
pub(super) fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION).is_some_and(|name| name == JSON)
}

/// An integer that no double holds exactly.
fn is_large(number: &serde_json::Number) -> bool {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    let size = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
    size.is_some_and(|size| size > EXACT)
}

/// The columns of a file to be written: first every item is shown, then each is written.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    pub(super) fields: IndexMap<String, Kind>,
    pub(super) has_height: bool,
    pub(super) has_projected: bool,
    pub(super) bounds: Option<[f64; 4]>,
    pub(super) rows: u64,
    settled: bool,
}

impl Columns {
    /// Makes room for an item.
    pub fn observe(&mut self, item: &crate::Item) {
        self.observe_row(&Row::of(item));
    }

    pub(super) fn observe_row(&mut self, row: &Row) {
        for (name, value) in &row.cells {
            if name == super::row::REST {
                self.fields.insert(name.clone(), Kind::Json);
                continue;
            }
            let kind = self.fields.entry(name.clone()).or_default();
            let is_moment = MOMENTS.contains(&name.as_str()) && moment_us(value).is_some();
            match kind {
                Kind::Nothing | Kind::Moment if is_moment => *kind = Kind::Moment,
                Kind::Moment if value.is_null() => {}
                // One unreadable moment makes texts of all: nothing is lost, but nothing can be skipped by time either.
                Kind::Moment => {
                    *kind = Kind::Text;
                    kind.admit(value, DEEPEST);
                }
                _ => kind.admit(value, DEEPEST),
            }
        }
        self.has_height |= row.bbox.as_ref().is_some_and(|bbox| bbox.len() == 6);
        self.has_projected |= row.geometries[1].is_some();
        if let Some([west, south, east, north]) = row.bbox.as_deref().and_then(flat) {
            let [w, s, e, n] = self.bounds.unwrap_or([west, south, east, north]);
            self.bounds = Some([w.min(west), s.min(south), e.max(east), n.max(north)]);
        }
        self.rows += 1;
    }

    /// Decides what was left open. Idempotent.
    pub(super) fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.fields.retain(|_, kind| *kind != Kind::Nothing);
        self.fields.values_mut().for_each(Kind::settle);
        while self.fields.values().map(Kind::leaves).sum::<usize>() > MOST_LEAVES {
            let widest = self.fields.values_mut().max_by_key(|kind| kind.leaves());
            match widest {
                Some(kind) if kind.leaves() > 1 => *kind = Kind::Json,
                _ => break,
            }
        }
    }

    /// The names of bbox's numbers, in the order of a bbox.
    pub(super) fn bbox_names(&self) -> &'static [&'static str] {
        if self.has_height {
            &["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"]
        } else {
            &["xmin", "ymin", "xmax", "ymax"]
        }
    }

    pub(super) fn geometries(&self) -> &'static [&'static str] {
        if self.has_projected { &GEOMETRIES } else { &GEOMETRIES[..1] }
    }

    /// The schema: geometries and bbox, then the fields in the order in which they were met.
    pub(super) fn schema(&self) -> Schema {
        let binary = self.geometries().iter().map(|name| {
            let geoarrow = HashMap::from([(EXTENSION.to_owned(), "geoarrow.wkb".to_owned())]);
            Field::new(*name, DataType::Binary, true).with_metadata(geoarrow)
        });
        let numbers = self.bbox_names().iter().map(|name| Field::new(*name, DataType::Float64, true));
        let bbox = Field::new("bbox", DataType::Struct(numbers.collect()), true);
        let fields = self.fields.iter().map(|(name, kind)| kind.field(name));
        Schema::new(binary.chain([bbox]).chain(fields).collect::<Vec<_>>())
    }
}

/// West, south, east, north of a bbox of four or six numbers.
pub(super) fn flat(bbox: &[f64]) -> Option<[f64; 4]> {
    match *bbox {
        [west, south, east, north] | [west, south, _, east, north, _] => Some([west, south, east, north]),
        _ => None,
    }
}
