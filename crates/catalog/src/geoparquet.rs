//! Items as stac-geoparquet: one row an item, its properties as columns, its geometry as WKB, and a box by which readers
//! skip what they need not read.
//!
//! <https://radiantearth.github.io/stac-geoparquet-spec/>, 1.0; the file is GeoParquet 1.1 as well.
//!
//! An item comes back equal to the one written except for what the form cannot hold: fields that are null are gone
//! (`geometry` and a `datetime` beside `start_datetime` aside), moments are in UTC and whole microseconds, coordinates
//! are doubles, and where one item has an integer and another a fraction in the same field, both are doubles. Fields whose
//! values have no type in common are kept as JSON text under Arrow's extension type `arrow.json`; foreign members, and
//! properties named like a member, in a column `swath:rest`.

mod bytes;
mod columns;
mod decode;
mod encode;
mod need;
mod read;
mod row;
mod wkb;
mod write;

pub use bytes::{LocalFile, Ranges};
pub use columns::Columns;
pub use need::Need;
pub use read::GeoParquet;
pub use write::{GeoParquetWriter, Order, write};
