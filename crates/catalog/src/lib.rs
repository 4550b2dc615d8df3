#![doc = include_str!("../README.md")]

pub mod bands;
pub mod classification;
mod document;
pub mod eo;
pub mod error;
pub mod extension;
pub mod file;
pub mod filter;
pub mod geoparquet;
pub mod href;
pub mod item;
pub mod label;
pub mod ml_aoi;
pub mod mlm;
pub mod pairing;
pub mod projection;
pub mod publish;
pub mod raster;
pub mod repair;
pub mod schema;
pub mod search;
pub mod snapshot;
pub mod source;

pub use bands::{Band, DataType};
pub use error::{Error, Result};
pub use filter::Filter;
pub use href::{Href, Rewrites};
pub use item::{Asset, Item, ItemId, Link};
pub use ml_aoi::Split;
pub use pairing::{AssetRef, LabelRef, Pair, Pairing};
pub use source::tree::{Strictness, Tree, read_tree};
