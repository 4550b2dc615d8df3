//! What can go wrong with a raster, each with the file, the place and what to do.

use crate::{DType, Window};
use std::path::PathBuf;

/// The cause below this crate: of the operating system or of a store.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that reading, projecting, burning and writing rasters can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    #[error("{href}: cannot be opened; check that it exists and may be read")]
    Open {
        href: String,
        #[source]
        source: BoxError,
    },
    #[error("{href} is no address: {reason}; give a path or a file, http(s), s3, gs or az URL")]
    Address { href: String, reason: String },
    #[error("{href}: reading bytes {start}..{end} failed")]
    Fetch {
        href: String,
        start: u64,
        end: u64,
        #[source]
        source: BoxError,
    },
    #[error(
        "{href}: asked for bytes {start}..{end} and got {got_bytes}; the file is truncated or the server answers wrongly"
    )]
    ShortBody { href: String, start: u64, end: u64, got_bytes: u64 },
    #[error(
        "{href}: asked for bytes {start}..{end}, the server answered {status}; check the address and who may read it"
    )]
    Refused { href: String, start: u64, end: u64, status: String },
    #[error("{href}: the answer to a request for bytes {start}..{end} is not these: {reason}; check the server")]
    Answer { href: String, start: u64, end: u64, reason: String },
    #[error("{href}: changed while it was being read (another size or ETag); open it again")]
    Changed { href: String },
    #[error("{href}: {what} failed, so that there is no credential to read it with")]
    Credential {
        href: String,
        what: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("{href}: there are no keys for {store}; set {remedy}, or read it anonymously")]
    NoKeys {
        href: String,
        store: &'static str,
        remedy: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("{href}: bytes {start}..{end} did not come within {timeout_s} s; raise the time-out or check the server")]
    TimedOut { href: String, start: u64, end: u64, timeout_s: f64 },
    #[error("{href}: not a TIFF file (it begins with {begins})")]
    NotTiff { href: String, begins: String },
    #[error(
        "{href}: truncated: {what} should lie at bytes {start}..{end} of a file of {file_bytes}; fetch the file again"
    )]
    Truncated { href: String, what: &'static str, start: u64, end: u64, file_bytes: u64 },
    #[error("{href}: malformed TIFF: {reason}")]
    Malformed { href: String, reason: String },
    #[error("{href}: {what} is {value}, over the limit of {limit}; raise the limit if the file is to be trusted")]
    Limit { href: String, what: &'static str, value: u64, limit: u64 },
    #[error("{href}: {feature} is not supported; convert the file, for instance with `gdal_translate -of COG`")]
    Unsupported { href: String, feature: String },
    #[error("{href}: block {block} of level {level} ({codec}) does not decode: {reason}")]
    Decode { href: String, level: usize, block: usize, codec: &'static str, reason: String },
    #[error("{href}: there is no band {band}: the file has {bands} (counted from 0)")]
    NoBand { href: String, band: usize, bands: usize },
    #[error("{href}: there is no level {level}: the file has {levels} (0 is full resolution)")]
    NoLevel { href: String, level: usize, levels: usize },
    #[error("{href}: {window} would need {bytes} bytes of pixels, over the limit of {limit_bytes}; read it in parts")]
    WindowTooLarge { href: String, window: Window, bytes: u64, limit_bytes: u64 },
    #[error("{href}: pixels are {actual}, not {asked}")]
    WrongType { href: String, actual: DType, asked: DType },
    #[error("{what} has no coordinate reference system; assign one, for instance with `gdal_edit.py -a_srs`")]
    NoCrs { what: String },
    #[error("the coordinate reference system {crs} is not known: {reason}")]
    UnknownCrs { crs: String, reason: String },
    #[error("cannot project from {from} to {to}: {reason}")]
    Projection { from: String, to: String, reason: String },
    #[error("the grid's transform {transform:?} is singular, so that CRS coordinates have no pixel")]
    SingularTransform { transform: [f64; 6] },
    #[error("geometry {index} cannot be burned: {reason}")]
    Geometry { index: usize, reason: String },
    #[error("{path}: cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}: {reason}")]
    WriteInput { path: PathBuf, reason: String },
    #[error("the background task that decodes was stopped")]
    Stopped,
}
