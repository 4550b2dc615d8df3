//! A pair of files that no catalog describes.

use std::path::Path;

use serde_json::Value;

use super::{AssetRef, LabelKind, LabelRef, Pair, Reason};
use crate::error::Result;
use crate::href::Href;
use crate::item::ItemId;
use crate::projection::Projection;

impl Pair {
    /// An image and a raster of class values for it. Bands are what the file says; class values are positions in the list of
    /// classes that the reader of the pair has.
    ///
    /// # Errors
    /// [`Error::BadHref`](crate::Error::BadHref) where a path is none that can be written as text.
    pub fn of_files(id: &str, image: &Path, label: &Path) -> Result<Pair> {
        let href = |path: &Path| Href::parse(&path.to_string_lossy());
        let item = ItemId { collection: None, id: id.to_owned() };
        let label = LabelRef {
            item: item.clone(),
            key: "labels".to_owned(),
            href: href(label)?,
            kind: LabelKind::Raster { values: Vec::new(), nodata: None },
            classes: Vec::new(),
            counts: Vec::new(),
            projection: Projection::default(),
            checksum: None,
        };
        Ok(Pair {
            id: id.to_owned(),
            images: vec![AssetRef::file(item, href(image)?, Vec::new())],
            label,
            split: None,
            datetime: None,
            footprint: Value::Null,
            bbox: None,
            reason: Reason::SameItem,
        })
    }
}
