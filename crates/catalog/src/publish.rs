//! Writing STAC: datasets, models and maps, valid against the extensions' schemas and never half-written.
//!
//! All documents are STAC 1.1.0 with relative hrefs, so that a folder can be moved together with the files it describes.

mod collection;
mod dataset;
mod footprint;
mod map;
mod model;
mod parts;
mod write;

pub use collection::{Publication, publish};
pub use dataset::{Dataset, ImageFile, LabelContent, LabelFile, Sample, write_dataset};
pub use footprint::footprint;
pub use map::{MapDescription, map_item};
pub use model::{InputBand, ModelAsset, ModelDescription, ModelRelation, model_collection, model_item};
pub use write::{Staged, write_json_atomically};
