//! Rows into Arrow arrays, by the columns found for them.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields, SchemaRef};
use serde_json::Value;

use super::{
    columns::{Columns, Kind},
    row::{Row, moment_us},
};

/// The rows as one batch of the columns' schema.
pub(super) fn batch(columns: &Columns, schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for at in 0..columns.geometries().len() {
        let cells = rows.iter().map(|row| row.geometries.get(at).and_then(Option::as_deref));
        arrays.push(Arc::new(cells.collect::<BinaryArray>()));
    }
    arrays.push(Arc::new(bboxes(columns, rows)?));
    for (name, kind) in &columns.fields {
        let cells: Vec<Option<&Value>> = rows.iter().map(|row| present(row.cells.get(name))).collect();
        arrays.push(array(kind, &cells)?);
    }
    RecordBatch::try_new(schema.clone(), arrays)
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn bboxes(columns: &Columns, rows: &[Row]) -> Result<StructArray, ArrowError> {
    let names = columns.bbox_names();
    let number = |row: &Row, name: &str| {
        let bbox = row.bbox.as_deref()?;
        let own: &[&str] = if bbox.len() == 6 {
            &["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"]
        } else {
            &["xmin", "ymin", "xmax", "ymax"]
        };
        bbox.get(own.iter().position(|known| *known == name)?).copied()
    };
    let arrays = names.iter().map(|name| {
        let numbers: Float64Array = rows.iter().map(|row| number(row, name)).collect();
        Arc::new(numbers) as ArrayRef
    });
    let fields: Fields = names.iter().map(|name| arrow_schema::Field::new(*name, DataType::Float64, true)).collect();
    let valid: NullBuffer = rows.iter().map(|row| row.bbox.is_some()).collect();
    StructArray::try_new(fields, arrays.collect(), Some(valid))
}

/// Cells of one type; `None` where a row has nothing.
fn array(kind: &Kind, cells: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    Ok(match kind {
        Kind::Bool => Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_bool)).collect::<BooleanArray>()),
        Kind::Int => Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_i64)).collect::<Int64Array>()),
        Kind::Float => Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_f64)).collect::<Float64Array>()),
        Kind::Nothing | Kind::Text => {
            Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_str)).collect::<StringArray>())
        }
        Kind::Moment => {
            let moments: TimestampMicrosecondArray = cells.iter().map(|cell| cell.and_then(moment_us)).collect();
            Arc::new(moments.with_timezone("UTC"))
        }
        Kind::Json => Arc::new(cells.iter().map(|cell| cell.map(ToString::to_string)).collect::<StringArray>()),
        Kind::List(inner) => list(kind, inner, cells)?,
        Kind::Object(members) => {
            let DataType::Struct(fields) = kind.data_type() else { return Err(mismatch()) };
            let column = |(name, kind): (&String, &Kind)| {
                let cells: Vec<_> = cells.iter().map(|cell| present(cell.and_then(|cell| cell.get(name)))).collect();
                array(kind, &cells)
            };
            let arrays = members.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new(fields, arrays, Some(validity(cells)))?)
        }
    })
}

fn list(kind: &Kind, inner: &Kind, cells: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    let DataType::List(field): DataType = kind.data_type() else { return Err(mismatch()) };
    let field: FieldRef = field;
    let lists = || cells.iter().map(|cell| cell.and_then(Value::as_array));
    let elements: Vec<_> = lists().flatten().flatten().map(|value| present(Some(value))).collect();
    let offsets = OffsetBuffer::from_lengths(lists().map(|list| list.map_or(0, Vec::len)));
    Ok(Arc::new(ListArray::try_new(field, offsets, array(inner, &elements)?, Some(validity(cells)))?))
}

fn validity(cells: &[Option<&Value>]) -> NullBuffer {
    cells.iter().map(Option::is_some).collect()
}

fn mismatch() -> ArrowError {
    ArrowError::SchemaError("a column's type is not its kind's".to_owned())
}
