//! What a question needs at the least of a row, as far as columns can tell: row groups that their statistics rule out
//! are never read, and of the others only the rows that pass are decoded in full.
//!
//! It lets through at least every item that answers the question: a row without bbox passes any box, and so does one
//! whose west is greater than its east. Statistics cannot tell such boxes over the antimeridian from others, so longitude
//! skips no row group whose easternmost west and westernmost east are more than half the globe apart.

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, RecordBatch,
    cast::AsArray,
    types::{
        Float32Type, Float64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    },
};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use chrono::{DateTime, Utc};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowPredicate, ArrowPredicateFn, RowFilter},
    },
    file::{metadata::RowGroupMetaData, statistics::Statistics},
    schema::types::SchemaDescriptor,
};

use crate::search::Interval;

/// Half the globe, in degrees.
const HALF_DEG: f64 = 180.0;
/// What boxes kept in single precision may be off by, in degrees: half a step of a float near 180.
const SINGLE_DEG: f64 = 1e-5;
const BOX: [&str; 4] = ["bbox.xmin", "bbox.ymin", "bbox.xmax", "bbox.ymax"];
const TIMES: [&str; 3] = ["datetime", "start_datetime", "end_datetime"];

/// What a row must have at the least. The default lets every row through.
#[derive(Clone, Debug, Default)]
pub struct Need {
    /// The row's box meets one of these, each west, south, east, north in degrees with west at most east; empty for any.
    pub boxes: Vec<[f64; 4]>,
    /// The row's time meets this.
    pub interval: Option<Interval>,
    /// Its id is one of these; empty for any.
    pub ids: Vec<String>,
    /// Its collection is one of these; empty for any.
    pub collections: Vec<String>,
}

impl Need {
    /// Whether a row group may hold a row that passes.
    pub(super) fn may_hold(&self, group: &RowGroupMetaData, schema: &Schema) -> bool {
        self.box_may_be_in(group)
            && self.time_may_be_in(group, schema)
            && listed_may_be_in(&self.ids, group, "id")
            && listed_may_be_in(&self.collections, group, "collection")
    }

    fn box_may_be_in(&self, group: &RowGroupMetaData) -> bool {
        let ranges = BOX.map(|name| Some(doubles(statistics(group, name)?)).flatten());
        let [Some(west), Some(south), Some(east), Some(north)] = ranges else { return true };
        let longitude_tells = west.1 - east.0 <= HALF_DEG;
        self.boxes.is_empty()
            || self.boxes.iter().any(|&[w, s, e, n]| {
                let in_longitude = west.0 <= e + SINGLE_DEG && east.1 >= w - SINGLE_DEG;
                south.0 <= n + SINGLE_DEG && north.1 >= s - SINGLE_DEG && (in_longitude || !longitude_tells)
            })
    }

    fn time_may_be_in(&self, group: &RowGroupMetaData, schema: &Schema) -> bool {
        let Some(interval) = &self.interval else { return true };
        let mut span: Option<(i128, i128)> = None;
        for name in TIMES {
            let Ok(field) = schema.field_with_name(name) else { continue };
            let DataType::Timestamp(unit, _) = field.data_type() else { return true };
            match statistics(group, name) {
                Some(Statistics::Int64(values)) => {
                    if let (Some(&first), Some(&last)) = (values.min_opt(), values.max_opt()) {
                        let (first, last) = (nanoseconds(first, *unit), nanoseconds(last, *unit));
                        span = Some(span.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
                    } else if values.null_count_opt() != Some(group.num_rows().unsigned_abs()) {
                        return true;
                    }
                }
                _ => return true,
            }
        }
        span.is_none_or(|span| meets(interval, span))
    }

    /// The predicates on rows, cheapest first; `None` when every row passes.
    pub(super) fn row_filter(&self, schema: &Schema, parquet: &SchemaDescriptor) -> Option<RowFilter> {
        let mut predicates: Vec<Box<dyn ArrowPredicate>> = Vec::new();
        for (name, wanted) in [("id", &self.ids), ("collection", &self.collections)] {
            let is_text = schema.field_with_name(name).is_ok_and(|field| *field.data_type() == DataType::Utf8);
            if !wanted.is_empty() && is_text {
                let wanted = wanted.clone();
                predicates.push(predicate(parquet, &[name], move |batch| among(batch, &wanted)));
            }
        }
        if !self.boxes.is_empty() && has_box(schema) {
            let boxes = self.boxes.clone();
            predicates.push(predicate(parquet, &BOX, move |batch| Ok(in_boxes(batch, &boxes))));
        }
        if let Some(interval) = self.interval {
            let is_time = |name: &&str| {
                schema.field_with_name(name).is_ok_and(|field| matches!(field.data_type(), DataType::Timestamp(..)))
            };
            let present = TIMES.iter().filter(|name| schema.field_with_name(name).is_ok()).copied();
            let times: Vec<&str> = present.collect();
            if !times.is_empty() && times.iter().all(is_time) {
                predicates.push(predicate(parquet, &times, move |batch| Ok(in_interval(batch, &interval))));
            }
        }
        (!predicates.is_empty()).then(|| RowFilter::new(predicates))
    }
}

fn predicate(
    parquet: &SchemaDescriptor,
    names: &[&str],
    keep: impl Fn(&RecordBatch) -> Result<BooleanArray, ArrowError> + Send + 'static,
) -> Box<dyn ArrowPredicate> {
    let leaves = parquet.columns().iter().enumerate();
    let leaves = leaves.filter(|(_, column)| names.contains(&column.path().string().as_str())).map(|(at, _)| at);
    let mask = ProjectionMask::leaves(parquet, leaves);
    Box::new(ArrowPredicateFn::new(mask, move |batch| keep(&batch)))
}

fn statistics<'a>(group: &'a RowGroupMetaData, name: &str) -> Option<&'a Statistics> {
    group.columns().iter().find(|column| column.column_path().string() == name)?.statistics()
}

/// Smallest and greatest number; `None` where they are not known or a row has none.
fn doubles(statistics: &Statistics) -> Option<(f64, f64)> {
    let known = |nulls: Option<u64>, range: (f64, f64)| (nulls == Some(0) && range.0 <= range.1).then_some(range);
    match statistics {
        Statistics::Double(values) => known(values.null_count_opt(), (*values.min_opt()?, *values.max_opt()?)),
        Statistics::Float(values) => {
            known(values.null_count_opt(), (f64::from(*values.min_opt()?), f64::from(*values.max_opt()?)))
        }
        _ => None,
    }
}

fn listed_may_be_in(wanted: &[String], group: &RowGroupMetaData, name: &str) -> bool {
    let Some(Statistics::ByteArray(values)) = statistics(group, name) else { return true };
    let (Some(least), Some(most)) = (values.min_opt(), values.max_opt()) else { return true };
    // Shortened bounds are below the least and above the greatest text, so comparing with them stays right.
    wanted.is_empty() || wanted.iter().any(|text| (least.data()..=most.data()).contains(&text.as_bytes()))
}

fn nanoseconds(count: i64, unit: TimeUnit) -> i128 {
    let per_unit = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    };
    i128::from(count) * per_unit
}

fn meets(interval: &Interval, (first, last): (i128, i128)) -> bool {
    let at = |moment: DateTime<Utc>| {
        i128::from(moment.timestamp()) * 1_000_000_000 + i128::from(moment.timestamp_subsec_nanos())
    };
    interval.start.is_none_or(|start| last >= at(start)) && interval.end.is_none_or(|end| first <= at(end))
}

fn has_box(schema: &Schema) -> bool {
    let Ok(field) = schema.field_with_name("bbox") else { return false };
    let DataType::Struct(numbers) = field.data_type() else { return false };
    let is_number = |name: &str| {
        numbers
            .iter()
            .any(|field| field.name() == name && matches!(field.data_type(), DataType::Float32 | DataType::Float64))
    };
    BOX.iter().filter_map(|name| name.strip_prefix("bbox.")).all(is_number)
}

fn in_boxes(batch: &RecordBatch, boxes: &[[f64; 4]]) -> BooleanArray {
    let every = || BooleanArray::from(vec![true; batch.num_rows()]);
    let Some(bbox) = batch.column_by_name("bbox").and_then(|column| column.as_struct_opt()) else { return every() };
    let column = |name: &str| bbox.column_by_name(name).and_then(as_doubles);
    let numbers = (column("xmin"), column("ymin"), column("xmax"), column("ymax"));
    let (Some(west), Some(south), Some(east), Some(north)) = numbers else { return every() };
    let keep = |row: usize| {
        let number = |column: &Float64Array| if column.is_valid(row) { column.value(row) } else { f64::NAN };
        let own = [number(&west), number(&south), number(&east), number(&north)];
        let [w, s, e, n] = own;
        bbox.is_null(row)
            || own.iter().any(|number| number.is_nan())
            || boxes.iter().any(|asked| {
                let in_longitude = w > e || (w <= asked[2] + SINGLE_DEG && e >= asked[0] - SINGLE_DEG);
                in_longitude && s <= asked[3] + SINGLE_DEG && n >= asked[1] - SINGLE_DEG
            })
    };
    (0..batch.num_rows()).map(|row| Some(keep(row))).collect()
}

fn as_doubles(column: &ArrayRef) -> Option<Float64Array> {
    match column.data_type() {
        DataType::Float64 => Some(column.as_primitive::<Float64Type>().clone()),
        DataType::Float32 => Some(column.as_primitive::<Float32Type>().unary(f64::from)),
        _ => None,
    }
}

/// The same first and last moment as [`crate::Item::interval`] reads.
fn in_interval(batch: &RecordBatch, interval: &Interval) -> BooleanArray {
    let [moment, start, end] = TIMES.map(|name| batch.column_by_name(name).map(as_nanoseconds));
    let at = |column: &Option<Vec<Option<i128>>>, row: usize| column.as_ref().and_then(|column| *column.get(row)?);
    let keep = |row: usize| {
        let moment = at(&moment, row);
        at(&start, row).or(moment).is_some_and(|first| {
            let last = at(&end, row).or(moment).unwrap_or(first);
            meets(interval, (first, last))
        })
    };
    (0..batch.num_rows()).map(|row| Some(keep(row))).collect()
}

fn as_nanoseconds(column: &ArrayRef) -> Vec<Option<i128>> {
    let DataType::Timestamp(unit, _) = *column.data_type() else { return vec![None; column.len()] };
    let to = |count: Option<i64>| count.map(|count| nanoseconds(count, unit));
    match unit {
        TimeUnit::Second => column.as_primitive::<TimestampSecondType>().iter().map(to).collect(),
        TimeUnit::Millisecond => column.as_primitive::<TimestampMillisecondType>().iter().map(to).collect(),
        TimeUnit::Microsecond => column.as_primitive::<TimestampMicrosecondType>().iter().map(to).collect(),
        TimeUnit::Nanosecond => column.as_primitive::<TimestampNanosecondType>().iter().map(to).collect(),
    }
}

fn among(batch: &RecordBatch, wanted: &[String]) -> Result<BooleanArray, ArrowError> {
    let texts = batch.columns().first().and_then(|column| column.as_string_opt::<i32>());
    let texts = texts.ok_or_else(|| ArrowError::SchemaError("a column of names is no text".to_owned()))?;
    Ok(texts.iter().map(|text| Some(text.is_some_and(|text| wanted.iter().any(|own| own == text)))).collect())
}
