//! The one error type of this crate: each variant says what is wrong, where, and what to do about it.

mod kind;

use std::path::PathBuf;

use crate::href::Href;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong when reading, joining or writing STAC.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {href}: check that it exists and that you may read it")]
    Read {
        /// What was to be read.
        href: Href,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}: check that its folder exists, is writable and has room", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A document is not JSON, or nests deeper than is allowed.
    #[error("{href} is not readable JSON")]
    Json {
        /// The document.
        href: Href,
        /// Where and why parsing stopped.
        #[source]
        source: serde_json::Error,
    },
    /// A file is no Parquet file, or a malformed one.
    #[error("{href} is not readable as Parquet")]
    Parquet {
        /// The file.
        href: Href,
        /// Where and why reading stopped.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A row of a Parquet file cannot be an item.
    #[error("{href} is not readable as stac-geoparquet: {reason}")]
    Row {
        /// The file.
        href: Href,
        /// Which column is wrong, and how.
        reason: String,
    },
    /// Items could not be written as Parquet.
    #[error("cannot write {} as Parquet", path.display())]
    ParquetWrite {
        /// The file to be written.
        path: PathBuf,
        /// Why.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A document is larger than any real one.
    #[error("{href} has {size_bytes} bytes, more than the {limit_bytes} allowed for one JSON document")]
    TooLarge {
        /// The document.
        href: Href,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A JSON document is no STAC object of the kind needed.
    #[error("{href} is not a STAC {expected}: {reason}")]
    NotStac {
        /// The document.
        href: Href,
        /// What was expected: `item`, `catalog`.
        expected: &'static str,
        /// What is missing or wrong.
        reason: String,
    },
    /// A field of an item does not have the shape that its extension demands.
    #[error("item {item}: field `{field}` is not valid: {reason}")]
    Field {
        /// The item's id.
        item: String,
        /// The field, with its prefix.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A link or asset names something that is not there.
    #[error("{document}: the {what} `{href}` leads nowhere; {remedy}")]
    BrokenLink {
        /// The document that holds the link.
        document: Href,
        /// What the href is: `child link`, `asset labels`.
        what: String,
        /// The href, as written.
        href: String,
        /// What to do.
        remedy: String,
    },
    /// A document from elsewhere points at a file of this machine, or out of the folder that its address is mapped to.
    #[error("{document}: `{href}` is refused: {reason}")]
    Refused {
        /// The document that holds the href.
        document: Href,
        /// The href, as written.
        href: String,
        /// Why it may not be followed.
        reason: &'static str,
    },
    /// An href is neither a path nor an address.
    #[error("`{href}` is neither a path nor an address")]
    BadHref {
        /// The href, as written.
        href: String,
    },
    /// A `--rewrite` rule is not `PREFIX=TARGET`.
    #[error("`{rule}` is not a rewrite rule: write PREFIX=FOLDER, as in https://example.org/data=/mnt/data")]
    BadRewrite {
        /// The rule as typed.
        rule: String,
    },
    /// A `--where` filter does not parse.
    #[error(
        "cannot read the filter `{text}` at `{at}`: write conditions like `tasks contains segmentation`, \
         `kind = lake`, `kind != river` or `kind in (lake, river)`, joined by `and`"
    )]
    BadFilter {
        /// The filter as typed.
        text: String,
        /// Where reading stopped.
        at: String,
    },
    /// More documents than a catalog may have.
    #[error("{root} links to more than {limit} documents: choose a smaller catalog")]
    TooManyDocuments {
        /// Where reading began.
        root: Href,
        /// The limit.
        limit: usize,
    },
    /// Nothing in a catalog could be paired.
    #[error("no label in {root} belongs to an image: {reason}")]
    NoPairs {
        /// The catalog.
        root: Href,
        /// The most common reason.
        reason: String,
    },
    /// File names could not be joined into images and labels.
    #[error("{0}")]
    Match(#[from] crate::pairing::name::MatchError),
    /// The folder to write exists already.
    #[error("{} exists already: choose another folder, or pass --overwrite to replace it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A checksum that is none, or of a kind that swath cannot compute.
    #[error("{}: its checksum `{checksum}` cannot be compared: {reason}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The checksum as the item gives it.
        checksum: String,
        /// Why not.
        reason: String,
    },
    /// A question makes no sense.
    #[error("{part}: {reason}")]
    Query {
        /// The part of the question.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that swath was asked to publish would not be valid STAC.
    #[error("cannot describe {what}: {reason}")]
    Describe {
        /// The file, model or map to be described.
        what: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A server could not be asked.
    #[error("{href} cannot be reached: check the address and the network")]
    Request {
        /// What was asked for, without its query.
        href: Href,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A server answered, but not what was asked for.
    #[error("{href} gave no usable answer: {reason}")]
    Answer {
        /// What was asked for, without its query.
        href: Href,
        /// What is wrong with the answer.
        reason: String,
    },
    /// A server refused, or failed.
    #[error("{href} answered {status}: {excerpt}")]
    Status {
        /// What was asked for, without its query.
        href: Href,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        excerpt: String,
    },
    /// The time allowed for everything is over.
    #[error("{href} was not read within the {seconds} s allowed for the whole search: allow more, or ask for less")]
    Deadline {
        /// What was asked for, without its query.
        href: Href,
        /// The time allowed.
        seconds: f64,
    },
    /// No token, or no request that carries it, could be made.
    #[error("{what}: {reason}")]
    Credential {
        /// What failed.
        what: &'static str,
        /// How.
        reason: String,
    },
    /// A thread that works for the search is gone.
    #[error("the search was stopped before it was done")]
    Stopped,
}
