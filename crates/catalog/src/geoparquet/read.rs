//! Reading a stac-geoparquet file: its footer, the row groups that a question needs, and of those the rows that pass.
//!
//! The Parquet decoder does no input of its own: it says which ranges it wants and is handed them, so that a local file
//! and a remote one are read by the same code. What the file claims about sizes is held against its length and against
//! limits before it is believed, and should the decoder panic on a malformed file, that is an error like any other.

use std::{
    collections::HashSet,
    ops::{ControlFlow, Range},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parquet::{
    DecodeResult,
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        push_decoder::ParquetPushDecoderBuilder,
    },
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder, RowGroupMetaData},
};
use serde_json::Value;

use super::{bytes::Ranges, decode, need::Need, row};
use crate::{
    error::{Error, Result},
    href::Href,
    item::Item,
};

/// The largest column chunk, decompressed: a writer's row group of 100,000 items has some MiB in each.
const MOST_CHUNK_BYTES: i64 = 1 << 30;
/// The largest single range, footers included.
const MOST_RANGE_BYTES: u64 = 1 << 30;
/// The most rows in one group.
const MOST_GROUP_ROWS: i64 = 1 << 27;
/// Rows decoded at a time.
const BATCH_ROWS: usize = 4096;

/// An open stac-geoparquet file.
pub struct GeoParquet {
    ranges: Arc<dyn Ranges>,
    metadata: ArrowReaderMetadata,
    geometries: HashSet<String>,
}

impl std::fmt::Debug for GeoParquet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeoParquet").field("href", self.href()).field("rows", &self.rows()).finish_non_exhaustive()
    }
}

impl GeoParquet {
    /// Reads a file's footer.
    ///
    /// # Errors
    /// [`Error::Parquet`] when it is no Parquet file or a malformed one, [`Error::NotStac`] when it has no column `id`,
    /// and what reading its bytes may end in.
    pub fn open(ranges: Arc<dyn Ranges>) -> Result<Self> {
        let href = ranges.href().clone();
        let footer = footer(ranges.as_ref())?;
        let geometries = geometry_columns(&footer);
        let metadata = guarded(&href, || ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new()))?;
        if metadata.schema().field_with_name("id").is_err() {
            let reason = "its columns have no `id`: one row is to be one item".to_owned();
            return Err(Error::NotStac { href, expected: "stac-geoparquet file", reason });
        }
        Ok(Self { ranges, metadata, geometries })
    }

    /// Where the file is.
    #[must_use]
    pub fn href(&self) -> &Href {
        self.ranges.href()
    }

    /// How many items it has, by its footer.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    /// The text that the footer keeps under a key.
    #[must_use]
    pub fn note(&self, key: &str) -> Option<&str> {
        let notes = self.metadata.metadata().file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.as_deref()
    }

    /// The row groups that may hold an item that passes, in the file's order.
    #[must_use]
    pub fn groups(&self, need: &Need) -> Vec<usize> {
        let groups = self.metadata.metadata().row_groups().iter().enumerate();
        groups.filter(|(_, group)| need.may_hold(group, self.metadata.schema())).map(|(at, _)| at).collect()
    }

    /// Hands `take` every item that passes `need` and `keep`, in the file's order, until it breaks off. Row groups are
    /// decoded `workers` at a time, and as many groups' items are in memory at most.
    ///
    /// # Errors
    /// [`Error::Parquet`] and [`Error::Row`] for malformed contents, and what reading its bytes may end in.
    pub fn read(
        &self,
        need: &Need,
        workers: usize,
        keep: impl Fn(&Item) -> bool + Sync,
        mut take: impl FnMut(Item) -> ControlFlow<()>,
    ) -> Result<()> {
        let keep = &keep;
        for wave in self.groups(need).chunks(workers.max(1)) {
            let done: Vec<Result<Vec<Item>>> = std::thread::scope(|scope| {
                let started: Vec<_> = wave.iter().map(|&at| scope.spawn(move || self.group(at, need, keep))).collect();
                let crashed = || Err(self.malformed("a row group could not be decoded"));
                started.into_iter().map(|thread| thread.join().unwrap_or_else(|_| crashed())).collect()
            });
            for items in done {
                for item in items? {
                    if take(item).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn malformed(&self, reason: &str) -> Error {
        Error::Parquet { href: self.href().clone(), source: ParquetError::General(reason.to_owned()) }
    }

    fn group(&self, at: usize, need: &Need, keep: &(impl Fn(&Item) -> bool + Sync)) -> Result<Vec<Item>> {
        let group = self.metadata.metadata().row_group(at);
        check_group(group).map_err(|reason| self.malformed(&format!("row group {at}: {reason}")))?;
        let filter = need.row_filter(self.metadata.schema(), group.schema_descr());
        let mut decoder = guarded(self.href(), || {
            let builder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone())
                .with_row_groups(vec![at])
                .with_batch_size(BATCH_ROWS);
            filter.into_iter().fold(builder, ParquetPushDecoderBuilder::with_row_filter).build()
        })?;
        let mut items = Vec::new();
        loop {
            match guarded(self.href(), || decoder.try_decode())? {
                DecodeResult::NeedsData(wanted) => {
                    let bytes = fetch(self.ranges.as_ref(), &wanted)?;
                    guarded(self.href(), || decoder.push_ranges(wanted, bytes))?;
                }
                DecodeResult::Data(batch) => {
                    let wrong = |reason| Error::Row { href: self.href().clone(), reason };
                    let rows = decode::rows(&batch, |name| self.geometries.contains(name)).map_err(wrong)?;
                    for cells in rows {
                        let item = row::item(cells, self.href().clone())?;
                        if keep(&item) {
                            items.push(item);
                        }
                    }
                }
                DecodeResult::Finished => return Ok(items),
            }
        }
    }
}

/// The footer, and where pages begin.
fn footer(ranges: &dyn Ranges) -> Result<ParquetMetaData> {
    let href = ranges.href();
    let mut decoder = guarded(href, || ParquetMetaDataPushDecoder::try_new(ranges.len_bytes()))?
        .with_column_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(PageIndexPolicy::Optional);
    loop {
        match guarded(href, || decoder.try_decode())? {
            DecodeResult::Data(metadata) => return Ok(metadata),
            DecodeResult::NeedsData(wanted) => {
                let bytes = fetch(ranges, &wanted)?;
                guarded(href, || decoder.push_ranges(wanted, bytes))?;
            }
            DecodeResult::Finished => {
                let source = ParquetError::General("its footer cannot be read".to_owned());
                return Err(Error::Parquet { href: href.clone(), source });
            }
        }
    }
}

/// Reads ranges that the decoder asks for, once they are plausible.
fn fetch(ranges: &dyn Ranges, wanted: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
    for range in wanted {
        let is_inside = range.start <= range.end && range.end <= ranges.len_bytes();
        if !is_inside || range.end - range.start > MOST_RANGE_BYTES {
            let reason = format!(
                "it names bytes {} to {} of its {}, which is not allowed; at most {MOST_RANGE_BYTES} are read at once",
                range.start,
                range.end,
                ranges.len_bytes()
            );
            return Err(Error::Parquet { href: ranges.href().clone(), source: ParquetError::General(reason) });
        }
    }
    ranges.read(wanted)
}

fn check_group(group: &RowGroupMetaData) -> std::result::Result<(), String> {
    if !(0..=MOST_GROUP_ROWS).contains(&group.num_rows()) {
        return Err(format!("it claims {} rows, of at most {MOST_GROUP_ROWS}", group.num_rows()));
    }
    for column in group.columns() {
        let claimed = column.uncompressed_size();
        if !(0..=MOST_CHUNK_BYTES).contains(&claimed) {
            let name = column.column_path().string();
            return Err(format!("column `{name}` claims {claimed} bytes, of at most {MOST_CHUNK_BYTES}"));
        }
    }
    Ok(())
}

/// The columns that the file's `geo` note calls geometries in WKB.
fn geometry_columns(footer: &ParquetMetaData) -> HashSet<String> {
    let notes = footer.file_metadata().key_value_metadata().into_iter().flatten();
    let geo = notes.filter(|note| note.key == "geo").find_map(|note| note.value.as_deref());
    let geo: Value = geo.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let columns = geo.get("columns").and_then(Value::as_object).into_iter().flatten();
    columns.filter(|(_, column)| column["encoding"] == "WKB").map(|(name, _)| name.clone()).collect()
}

/// Runs the decoder; a panic in it is a malformed file.
fn guarded<T>(href: &Href, decode: impl FnOnce() -> std::result::Result<T, ParquetError>) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason");
        Err(ParquetError::General(format!("the decoder gave up: {said}")))
    });
    outcome.map_err(|source| Error::Parquet { href: href.clone(), source })
}
