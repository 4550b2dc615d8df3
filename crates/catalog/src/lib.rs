//! STAC in and out: where labelled Earth-observation data is, what it says about itself, and how results are published.
//!
//! This crate knows no pixels. A catalog is read by [`source`], its items are joined into image-and-label pairs by
//! [`pairing`], and what swath makes (datasets, models, maps) is described by [`publish`]. Each STAC extension that
//! swath understands is one small struct in a module of its own ([`label`], [`ml_aoi`], [`mlm`], [`classification`],
//! [`projection`]): strict when written, lenient when read, and unknown fields pass through untouched.
//!
//! Items are kept as the JSON documents that they are, with typed views over them: an item that swath does not fully
//! understand is still an item, and is written back as it came.

pub mod bands;
pub mod classification;
mod document;
pub mod error;
pub mod extension;
pub mod file;
pub mod filter;
pub mod href;
pub mod item;
pub mod label;
pub mod ml_aoi;
pub mod mlm;
pub mod pairing;
pub mod projection;
pub mod publish;
pub mod repair;
pub mod search;
pub mod source;

pub use bands::{Band, DataType};
pub use error::{Error, Result};
pub use filter::Filter;
pub use href::{Href, Rewrites};
pub use item::{Asset, Item, ItemId, Link};
pub use ml_aoi::Split;
pub use pairing::{AssetRef, LabelRef, Pair, Pairing};
pub use source::tree::{Strictness, Tree, read_tree};
