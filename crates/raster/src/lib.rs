#![doc = include_str!("../README.md")]

mod cache;
mod decode;
mod error;
mod fetch;
mod grid;
mod header;
mod memory;
mod pixels;
mod rasterize;
mod resample;
mod warp;
mod window;
mod write;

pub use cache::{BlockCache, CacheStatistics};
pub use error::{BoxError, Error, Result};
pub use fetch::{FailedBlock, FailurePolicy, FetchOptions, FetchStatistics, Fetched, Fetcher, Renew, TokenCommand};
pub use grid::{Affine, Bounds, Crs, Grid, Transformer, Window};
pub use header::{Band, ColorTable, Compression, Header, Level, Limits, Photometric, Raster};
pub use memory::{MemoryBudget, Reserved};
pub use pixels::{DType, Pixels, Sample, Samples};
pub use rasterize::{Shape, rasterize};
pub use resample::{Resampling, resample};
pub use warp::OntoPlan;
pub use window::{Block, Blocks, Piece, ReadPlan, ReadRequest, nodata_test};
pub use write::{WriteOptions, Writer, WriterCompression, write_cog};
