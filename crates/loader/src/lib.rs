#![doc = include_str!("../README.md")]

pub mod augment;
mod balance;
mod batch;
mod claims;
mod dataset;
mod develop;
mod draw;
mod error;
mod fuse;
mod mix;
mod normalise;
mod parallel;
mod plan;
mod prefetch;
mod recipe;
mod sample;
mod sampling;
mod scene;
pub mod split;
pub mod statistics;
mod tiling;
mod truth;

pub use augment::Step;
pub use batch::{Batch, ChipId};
pub use dataset::{Dataset, Image, Options, RawChip};
pub use error::{Error, Result};
pub use mix::Mix;
pub use normalise::Normaliser;
pub use plan::{Chip, Plan, Windows};
pub use prefetch::{Batches, Progress};
pub use recipe::{Axis, BandRef, Fractions, IGNORE, Normalise, OnSmall, Recipe, Split};
pub use sampling::Sampling;
pub use scene::Scene;
pub use split::{Part, Parts};
pub use statistics::Statistics;
pub use tiling::{RowBand, Stitcher, Tile, Tiling};
