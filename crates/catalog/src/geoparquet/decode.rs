//! Arrow arrays back into JSON, column by column, whatever library wrote them.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, StructArray,
    cast::AsArray,
    types::{
        ArrowDictionaryKeyType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, Field, TimeUnit};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::{columns, row::GEOMETRIES, wkb};

/// Objects and lists deeper than this are refused; JSON parsers have the same limit.
const DEEPEST: usize = 128;

/// A column's cells; `None` where a row has nothing.
type Cells = Vec<Option<Value>>;

/// The rows of a batch as maps from column to value. `is_geometry` says which binary columns hold WKB.
///
/// # Errors
/// A sentence that names the column and says what is wrong with it.
pub(super) fn rows(batch: &RecordBatch, is_geometry: impl Fn(&str) -> bool) -> Result<Vec<Map<String, Value>>, String> {
    let mut rows = vec![Map::new(); batch.num_rows()];
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let name = field.name();
        let wrong = |reason: String| format!("column `{name}`: {reason}");
        let cells = match field.data_type() {
            DataType::Struct(_) if name == "bbox" => bboxes(array.as_struct()),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                if !(GEOMETRIES.contains(&name.as_str()) || is_geometry(name)) {
                    return Err(wrong("it is binary, and no column of geometries".to_owned()));
                }
                geometries(array).map_err(wrong)?
            }
            _ => cells(field, array, DEEPEST).map_err(wrong)?,
        };
        for (row, cell) in rows.iter_mut().zip(cells) {
            if let Some(value) = cell {
                row.insert(name.clone(), value);
            }
        }
    }
    Ok(rows)
}

fn geometries(array: &ArrayRef) -> Result<Cells, String> {
    let geometry = |bytes: Option<&[u8]>| {
        bytes.map(wkb::to_geojson).transpose().map_err(|reason| format!("a geometry is no WKB: {reason}"))
    };
    match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().iter().map(geometry).collect(),
        DataType::LargeBinary => array.as_binary::<i64>().iter().map(geometry).collect(),
        _ => array.as_binary_view().iter().map(geometry).collect(),
    }
}

/// Bboxes as GeoJSON writes them; one with a number missing is none, one without heights has four numbers.
fn bboxes(array: &StructArray) -> Cells {
    let number = |name: &str, row: usize| {
        let column = array.column_by_name(name)?;
        let number = match column.data_type() {
            DataType::Float64 if column.is_valid(row) => column.as_primitive::<Float64Type>().value(row),
            DataType::Float32 if column.is_valid(row) => f64::from(column.as_primitive::<Float32Type>().value(row)),
            _ => return None,
        };
        number.is_finite().then_some(number)
    };
    let bbox = |row| {
        let all = |names: &[&str]| names.iter().map(|name| number(name, row)).collect::<Option<Vec<f64>>>();
        if array.is_null(row) {
            return None;
        }
        let bbox = all(&["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"]);
        bbox.or_else(|| all(&["xmin", "ymin", "xmax", "ymax"])).map(Value::from)
    };
    (0..array.len()).map(bbox).collect()
}

fn cells(field: &Field, array: &ArrayRef, depth: usize) -> Result<Cells, String> {
    let Some(depth) = depth.checked_sub(1) else { return Err("it nests too deep".to_owned()) };
    Ok(match array.data_type() {
        DataType::Null => vec![None; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(|cell| cell.map(Value::from)).collect(),
        DataType::Int8 => numbers::<Int8Type>(array),
        DataType::Int16 => numbers::<Int16Type>(array),
        DataType::Int32 => numbers::<Int32Type>(array),
        DataType::Int64 => numbers::<Int64Type>(array),
        DataType::UInt8 => numbers::<UInt8Type>(array),
        DataType::UInt16 => numbers::<UInt16Type>(array),
        DataType::UInt32 => numbers::<UInt32Type>(array),
        DataType::UInt64 => numbers::<UInt64Type>(array),
        DataType::Float16 => floats::<Float16Type>(array, f64::from),
        DataType::Float32 => floats::<Float32Type>(array, shortest),
        DataType::Float64 => floats::<Float64Type>(array, |number| number),
        DataType::Utf8 => texts(field, array.as_string::<i32>().iter())?,
        DataType::LargeUtf8 => texts(field, array.as_string::<i64>().iter())?,
        DataType::Utf8View => texts(field, array.as_string_view().iter())?,
        DataType::Timestamp(TimeUnit::Second, _) => moments::<TimestampSecondType>(array, 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => moments::<TimestampMillisecondType>(array, 1_000_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => moments::<TimestampMicrosecondType>(array, 1000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => moments::<TimestampNanosecondType>(array, 1),
        DataType::Date32 => days(array.as_primitive::<Date32Type>(), |day| i64::from(day) * 86_400_000),
        DataType::Date64 => days(array.as_primitive::<Date64Type>(), |milliseconds| milliseconds),
        DataType::Struct(_) => objects(array.as_struct(), depth)?,
        DataType::List(inner) => {
            let list = array.as_list::<i32>();
            let lengths =
                (0..list.len()).map(|row| (list.is_valid(row), list.value_length(row).unsigned_abs() as usize));
            let values = span(list.values(), list.value_offsets().iter().map(|offset| i64::from(*offset)));
            lists(lengths, cells(inner, &values, depth)?)
        }
        DataType::LargeList(inner) => {
            let list = array.as_list::<i64>();
            let length = |row| usize::try_from(list.value_length(row)).unwrap_or_default();
            let lengths = (0..list.len()).map(|row| (list.is_valid(row), length(row)));
            let values = span(list.values(), list.value_offsets().iter().copied());
            lists(lengths, cells(inner, &values, depth)?)
        }
        DataType::FixedSizeList(inner, length) => {
            let list = array.as_fixed_size_list();
            let length = usize::try_from(*length).unwrap_or_default();
            let lengths = (0..list.len()).map(|row| (list.is_valid(row), length));
            lists(lengths, cells(inner, list.values(), depth)?)
        }
        DataType::Map(entries, _) => {
            let map = array.as_map();
            let lengths = (0..map.len()).map(|row| (map.is_valid(row), map.value_length(row).unsigned_abs() as usize));
            let all: ArrayRef = Arc::new(map.entries().clone());
            let values = span(&all, map.value_offsets().iter().map(|offset| i64::from(*offset)));
            lists(lengths, cells(entries, &values, depth)?).into_iter().map(|cell| cell.map(pairs_to_object)).collect()
        }
        DataType::Dictionary(key, _) => match key.as_ref() {
            DataType::Int8 => dictionary::<Int8Type>(field, array, depth)?,
            DataType::Int16 => dictionary::<Int16Type>(field, array, depth)?,
            DataType::Int32 => dictionary::<Int32Type>(field, array, depth)?,
            DataType::Int64 => dictionary::<Int64Type>(field, array, depth)?,
            other => return Err(format!("a dictionary by {other} has no form in JSON")),
        },
        other => return Err(format!("type {other} has no form in JSON")),
    })
}

fn numbers<T: ArrowPrimitiveType<Native: Into<Value>>>(array: &ArrayRef) -> Cells {
    array.as_primitive::<T>().iter().map(|cell| cell.map(Into::into)).collect()
}

/// Numbers that JSON has no digits for become the words that STAC 1.1 has for them.
fn floats<T: ArrowPrimitiveType>(array: &ArrayRef, widen: impl Fn(T::Native) -> f64) -> Cells {
    let value = |number: f64| match number {
        number if number.is_nan() => Value::from("nan"),
        f64::INFINITY => Value::from("inf"),
        f64::NEG_INFINITY => Value::from("-inf"),
        number => Value::from(number),
    };
    array.as_primitive::<T>().iter().map(|cell| cell.map(|number| value(widen(number)))).collect()
}

/// The double with the digits that the single was written with: 0.1 and not 0.10000000149.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

fn texts<'a>(field: &Field, texts: impl Iterator<Item = Option<&'a str>>) -> Result<Cells, String> {
    if !columns::is_json(field) {
        return Ok(texts.map(|text| text.map(Value::from)).collect());
    }
    let parse = |text: &str| serde_json::from_str(text).map_err(|error| format!("its text is no JSON: {error}"));
    texts.map(|text| text.map(parse).transpose()).collect()
}

fn moments<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, nanoseconds: i128) -> Cells {
    let value = |count: i64| {
        let nanoseconds = i128::from(count) * nanoseconds;
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
        let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
        let moment: DateTime<Utc> = DateTime::from_timestamp(seconds, rest)?;
        Some(Value::from(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
    };
    array.as_primitive::<T>().iter().map(|cell| value(cell?)).collect()
}

fn days<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, milliseconds: impl Fn(T::Native) -> i64) -> Cells {
    let value = |count| {
        let day = DateTime::from_timestamp_millis(milliseconds(count))?;
        Some(Value::from(day.date_naive().to_string()))
    };
    array.iter().map(|cell| value(cell?)).collect()
}

fn objects(array: &StructArray, depth: usize) -> Result<Cells, String> {
    let mut objects: Vec<Option<Map<String, Value>>> =
        (0..array.len()).map(|row| array.is_valid(row).then(Map::new)).collect();
    for (field, column) in array.fields().iter().zip(array.columns()) {
        let members = cells(field, column, depth).map_err(|reason| format!("`{}`: {reason}", field.name()))?;
        for (object, cell) in objects.iter_mut().zip(members) {
            if let (Some(object), Some(value)) = (object, cell) {
                object.insert(field.name().clone(), value);
            }
        }
    }
    Ok(objects.into_iter().map(|object| object.map(Value::Object)).collect())
}

/// The part of a list's values that its rows use: a slice of a list keeps the values of the whole.
fn span(values: &ArrayRef, mut offsets: impl DoubleEndedIterator<Item = i64>) -> ArrayRef {
    let first = offsets.next().and_then(|first| usize::try_from(first).ok()).unwrap_or_default();
    let last = offsets.next_back().and_then(|last| usize::try_from(last).ok()).unwrap_or(first);
    values.slice(first, last - first)
}

/// Values dealt out to rows, each either null or a list of so many.
fn lists(lengths: impl Iterator<Item = (bool, usize)>, values: Cells) -> Cells {
    let mut values = values.into_iter();
    let deal = |(is_valid, length): (bool, usize)| {
        let list: Vec<Value> = values.by_ref().take(length).map(Option::unwrap_or_default).collect();
        is_valid.then_some(Value::Array(list))
    };
    lengths.map(deal).collect()
}

/// A map's entries, each an object of a key and a value, as one object.
fn pairs_to_object(entries: Value) -> Value {
    let Value::Array(entries) = entries else { return entries };
    let pair = |entry: Value| {
        let Value::Object(entry) = entry else { return None };
        let mut members = entry.into_iter().map(|(_, value)| value);
        let key = members.next()?;
        let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        Some((key, members.next()?))
    };
    Value::Object(entries.into_iter().filter_map(pair).collect())
}

fn dictionary<K: ArrowDictionaryKeyType>(field: &Field, array: &ArrayRef, depth: usize) -> Result<Cells, String> {
    let array = array.as_dictionary::<K>();
    let values = cells(field, array.values(), depth)?;
    let cell = |row: usize| array.key(row).and_then(|key| values.get(key).cloned().flatten());
    Ok((0..array.len()).map(cell).collect())
}
