//! Writing STAC: datasets, models and maps, valid against the extensions' schemas and never half-written.

mod write;

pub use write::{Staged, write_json_atomically};
