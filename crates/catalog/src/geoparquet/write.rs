//! Writing a stac-geoparquet file: items in an order that keeps near ones together, so that readers can skip row groups;
//! the same items give the same bytes.

use std::{fs::File, io::BufWriter, path::Path, sync::Arc};

use arrow_schema::{ArrowError, SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties},
};
use serde_json::{Value, json};

use super::{
    columns::{Columns, flat},
    encode,
    row::Row,
};
use crate::{
    error::{Error, Result},
    item::Item,
};

/// Rows in a group: few enough that a question about a small place reads little, enough that a column compresses well.
const GROUP_ROWS: usize = 32_768;

/// A file in the making. It takes its name when it is finished; until then, and if it never is, nothing is there.
#[derive(Debug)]
pub struct GeoParquetWriter {
    path: std::path::PathBuf,
    temporary: tempfile::TempPath,
    columns: Columns,
    schema: SchemaRef,
    writer: ArrowWriter<BufWriter<File>>,
    pending: Vec<Row>,
    rows: u64,
}

impl GeoParquetWriter {
    /// Begins a file with columns that have seen every item to come. `notes` are kept in the footer, as keys and texts.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::ParquetWrite`].
    pub fn create(path: &Path, mut columns: Columns, notes: &[(&str, String)]) -> Result<Self> {
        columns.settle();
        let failed = |source| Error::Write { path: path.to_path_buf(), source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let folder = absolute.parent().unwrap_or(&absolute);
        let (file, temporary) =
            tempfile::Builder::new().prefix(".swath-").tempfile_in(folder).map_err(failed)?.into_parts();
        let mut metadata = vec![
            KeyValue::new("geo".to_owned(), geo(&columns).to_string()),
            KeyValue::new("stac-geoparquet".to_owned(), json!({"version": "1.0.0"}).to_string()),
        ];
        metadata.extend(notes.iter().map(|(key, text)| KeyValue::new((*key).to_owned(), text.clone())));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("swath ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_key_value_metadata(Some(metadata))
            .build();
        let schema: SchemaRef = Arc::new(columns.schema());
        let writer = ArrowWriter::try_new(BufWriter::new(file), schema.clone(), Some(properties))
            .map_err(|source| Error::ParquetWrite { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), temporary, columns, schema, writer, pending: Vec::new(), rows: 0 })
    }

    /// Adds an item.
    ///
    /// # Errors
    /// [`Error::ParquetWrite`].
    pub fn push(&mut self, item: &Item) -> Result<()> {
        self.push_row(Row::of(item))
    }

    fn push_row(&mut self, row: Row) -> Result<()> {
        self.pending.push(row);
        if self.pending.len() == GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let written = encode::batch(&self.columns, &self.schema, &self.pending)
            .map_err(ParquetError::from)
            .and_then(|batch| self.writer.write(&batch))
            .and_then(|()| self.writer.flush());
        self.rows += self.pending.len() as u64;
        self.pending.clear();
        written.map_err(|source| Error::ParquetWrite { path: self.path.clone(), source })
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::ParquetWrite`], also when an item was not shown to the columns before.
    pub fn finish(mut self) -> Result<()> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        let failed = |source| Error::ParquetWrite { path: self.path.clone(), source };
        if self.rows != self.columns.rows {
            let reason =
                format!("{} items were written and the columns were made for {}", self.rows, self.columns.rows);
            return Err(failed(ParquetError::ArrowError(ArrowError::InvalidArgumentError(reason).to_string())));
        }
        let file = self.writer.into_inner().map_err(failed)?;
        let unwritten = |source| Error::Write { path: self.path.clone(), source };
        let file = file.into_inner().map_err(|error| unwritten(error.into_error()))?;
        file.sync_all().map_err(unwritten)?;
        self.temporary.persist(&self.path).map_err(|error| unwritten(error.error))
    }
}

/// In which order rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Near in place and time, near in the file.
    #[default]
    Near,
    /// As given.
    Given,
}

/// Writes items as one file.
///
/// # Errors
/// [`Error::Write`], [`Error::ParquetWrite`].
pub fn write(path: &Path, items: &[Item], order: Order, notes: &[(&str, String)]) -> Result<()> {
    let mut rows: Vec<(Row, i64)> = Vec::with_capacity(items.len());
    let mut columns = Columns::default();
    for item in items {
        let row = Row::of(item);
        columns.observe_row(&row);
        rows.push((row, item.datetime().map_or(0, |moment| moment.timestamp())));
    }
    if order == Order::Near {
        let times = rows.iter().map(|(_, time)| *time);
        let span = times.clone().min().zip(times.max()).unwrap_or_default();
        let bounds = columns.bounds.unwrap_or([-180.0, -90.0, 180.0, 90.0]);
        rows.sort_by_cached_key(|(row, time)| place(row, *time, bounds, span));
    }
    let mut writer = GeoParquetWriter::create(path, columns, notes)?;
    rows.into_iter().try_for_each(|(row, _)| writer.push_row(row))?;
    writer.finish()
}

/// Where a row lies on a curve that fills space and time: the bits of longitude, latitude and time in turn, 16 of each.
fn place(row: &Row, time: i64, [west, south, east, north]: [f64; 4], (first, last): (i64, i64)) -> u64 {
    let share = |at: f64, least: f64, most: f64| {
        let share = if most > least { (at - least) / (most - least) } else { 0.0 };
        (share.clamp(0.0, 1.0) * f64::from(u16::MAX)) as u64
    };
    let [w, s, e, n] = row.bbox.as_deref().and_then(flat).unwrap_or_default();
    let coordinates = [
        share(f64::midpoint(w, e), west, east),
        share(f64::midpoint(s, n), south, north),
        share((time - first) as f64, 0.0, (last - first) as f64),
    ];
    (0..16).rev().flat_map(|bit| coordinates.map(|own| own >> bit & 1)).fold(0, |key, bit| key << 1 | bit)
}

/// The note that makes a Parquet file GeoParquet 1.1.
fn geo(columns: &Columns) -> Value {
    let covering = |name: &str| json!(["bbox", name]);
    let mut geometry = json!({
        "encoding": "WKB", "geometry_types": [], "edges": "planar",
        "covering": {"bbox": {
            "xmin": covering("xmin"), "ymin": covering("ymin"), "xmax": covering("xmax"), "ymax": covering("ymax"),
        }},
    });
    if let Some(bounds) = columns.bounds {
        geometry["bbox"] = json!(bounds);
    }
    let mut all = json!({"geometry": geometry});
    if columns.has_projected {
        // Each row has its own reference system, which only null says; without it, longitude and latitude are meant.
        all["proj:geometry"] = json!({"encoding": "WKB", "geometry_types": [], "crs": null});
    }
    json!({"version": "1.1.0", "primary_column": "geometry", "columns": all})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_keeps_quarters_together() {
        let row = |x: f64, y: f64| Row { bbox: Some(vec![x, y, x, y]), ..Row::default() };
        let key = |x, y| place(&row(x, y), 0, [0.0, 0.0, 8.0, 8.0], (0, 1));
        let southwest = [(0.0, 0.0), (3.0, 0.0), (0.0, 3.0), (3.9, 3.9)].map(|(x, y)| key(x, y));
        let others = [(5.0, 0.0), (0.0, 5.0), (8.0, 8.0)].map(|(x, y)| key(x, y));
        assert!(southwest.iter().max() < others.iter().min());
    }
}
