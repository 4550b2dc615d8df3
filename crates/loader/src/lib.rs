//! Items to batches: labelled GeoTIFFs, wherever they are, as augmented arrays to train on.
//!
//! A [`Recipe`] says how; [`Dataset::open`] opens the pairs of a catalog by it and divides the ground ([`split`]);
//! [`Dataset::train`] and [`Dataset::evaluate`] give [`Batches`], which are read, decoded and augmented ahead of their
//! consumer. The same seed gives the same bytes, whatever the number of workers or the speed of the source.

pub mod augment;
mod batch;
mod dataset;
mod develop;
mod draw;
mod error;
mod fuse;
mod normalise;
mod plan;
mod prefetch;
mod recipe;
mod sample;
mod scene;
pub mod split;
pub mod statistics;
mod tiling;
mod truth;

pub use augment::Step;
pub use batch::{Batch, ChipId};
pub use dataset::{Dataset, Image, Options, RawChip};
pub use error::{Error, Result};
pub use normalise::Normaliser;
pub use plan::{Chip, Plan};
pub use prefetch::{Batches, Progress};
pub use recipe::{Axis, BandRef, Fractions, IGNORE, Normalise, OnSmall, Recipe, Sampling, Split};
pub use scene::Scene;
pub use split::{Part, Parts};
pub use statistics::Statistics;
pub use tiling::{RowBand, Stitcher, Tile, Tiling};
