//! What kind of source a name stands for: told by its ending, and for addresses without one by what is there.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Access, Answer, Lines, Source, Table, tree::TreeSource};
use crate::{document, error::Result, href::Href, search::Search};

/// A source by its name: a path or address of a catalog, collection or item (also a folder with a `catalog.json`), of an
/// item collection, of lines of items (`.ndjson`, `.jsonl`, `.geojsonl`), of stac-geoparquet (`.parquet`,
/// `.geoparquet`), or of a STAC API. Nothing is read yet.
///
/// # Errors
/// [`Error::BadHref`](crate::Error::BadHref) when the name is neither a path nor an address, and
/// [`Error::NotStac`](crate::Error::NotStac) for a folder without a catalog.
pub fn open(name: &str, access: &Access) -> Result<Arc<dyn Source>> {
    let href = Href::parse(name)?;
    let extension = href.file_name().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    if document::is_lines(&href) {
        return Ok(Arc::new(Lines::new(name, access.clone())?));
    }
    if matches!(extension, Some("parquet" | "geoparquet")) {
        return Ok(Arc::new(Table::new(name, access.clone())?));
    }
    match access.rewrites.apply(&href)? {
        Href::Remote(_) => Ok(Arc::new(Address { name: name.to_owned(), access: access.clone() })),
        Href::File(_) => Ok(Arc::new(TreeSource::new(name, access.clone())?)),
    }
}

/// A JSON document at an address, which may be a static catalog or the landing page of a server.
#[derive(Debug)]
struct Address {
    name: String,
    access: Access,
}

#[async_trait]
impl Source for Address {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, search: Arc<Search>) -> Result<Answer> {
        TreeSource::new(&self.name, self.access.clone())?.ask(search).await
    }
}
