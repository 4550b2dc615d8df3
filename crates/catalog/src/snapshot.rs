//! A dataset pinned: its items and the checksums of the files that they name, so that a later run can tell whether it
//! sees the same data.
//!
//! A snapshot is one JSON document. Files of this machine are read once to be pinned; what lies at an address is pinned by
//! the checksum that its item gives, or not at all.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    document,
    error::{Error, Result},
    file::{self, Checksum},
    href::Href,
    item::Item,
    publish::write_json_atomically,
};

/// The version of the document's form.
const VERSION: u32 = 1;

/// Items and what they were when they were pinned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of this form.
    pub version: u32,
    /// The items, in the order given.
    pub items: Vec<PinnedItem>,
}

/// An item as it was, with its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PinnedItem {
    /// The whole item, its hrefs absolute.
    pub item: Map<String, Value>,
    /// Its files.
    pub files: Vec<PinnedFile>,
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedFile {
    /// The asset's key.
    pub key: String,
    /// Where it is.
    pub href: String,
    /// Its checksum as a hexadecimal multihash; `None` for what lies at an address and has none.
    pub checksum: Option<String>,
}

/// A file that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The item's id.
    pub item: String,
    /// The asset's key.
    pub key: String,
    /// What happened to it.
    pub reason: String,
}

impl Snapshot {
    /// Pins items, reading each of their files that are on this machine.
    ///
    /// # Errors
    /// [`Error::Read`] when a file of this machine cannot be read.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Result<Self> {
        let items = items.into_iter().map(pin).collect::<Result<_>>()?;
        Ok(Self { version: VERSION, items })
    }

    /// Writes the snapshot, all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_json_atomically(path, self)
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Json`], and [`Error::NotStac`] when the document is no snapshot of this version.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong =
            |reason: String| Error::NotStac { href: Href::File(path.to_path_buf()), expected: "snapshot", reason };
        let snapshot: Self =
            serde_json::from_value(document::read_file(path)?).map_err(|error| wrong(error.to_string()))?;
        if snapshot.version == VERSION {
            return Ok(snapshot);
        }
        Err(wrong(format!("it has version {} and this swath reads version {VERSION}", snapshot.version)))
    }

    /// What has changed since: files of this machine that are gone or hold other bytes.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for pinned in &self.items {
            let id = pinned.item.get("id").and_then(Value::as_str).unwrap_or_default();
            for file in &pinned.files {
                if let Some(reason) = change(file) {
                    changes.push(Change { item: id.to_owned(), key: file.key.clone(), reason });
                }
            }
        }
        changes
    }
}

fn pin(item: &Item) -> Result<PinnedItem> {
    let mut files = Vec::new();
    for asset in item.assets() {
        let Some(href) = asset.href() else { continue };
        let given =
            asset.fields.get("file:checksum").and_then(Value::as_str).filter(|given| Checksum::is_comparable(given));
        let checksum = match Href::parse(href)? {
            Href::File(path) => Some(file::checksum(&path)?),
            Href::Remote(_) => given.map(str::to_ascii_lowercase),
        };
        files.push(PinnedFile { key: asset.key.to_owned(), href: href.to_owned(), checksum });
    }
    Ok(PinnedItem { item: item.document().clone(), files })
}

fn change(file: &PinnedFile) -> Option<String> {
    let (Ok(Href::File(path)), Some(checksum)) = (Href::parse(&file.href), &file.checksum) else { return None };
    match file::verify(&path, checksum) {
        Ok(true) => None,
        Ok(false) => Some(format!("{} holds other bytes than when it was pinned", path.display())),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_and_a_missing_file_are_noticed() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["a", "b"] {
            std::fs::write(path(name), name).unwrap();
        }
        let assets = json!({"a": {"href": path("a")}, "b": {"href": path("b")}, "far": {"href": "https://h.org/x"}});
        let document = json!({"type": "Feature", "id": "item", "properties": {}, "assets": assets});
        let item = Item::new(document, Href::File(path("item.json"))).unwrap();
        Snapshot::of([&item]).unwrap().write(&path("pinned.json")).unwrap();

        let snapshot = Snapshot::read(&path("pinned.json")).unwrap();
        assert_eq!(snapshot.items[0].files[2].checksum, None);
        assert_eq!(snapshot.changes(), []);
        std::fs::write(path("a"), "other").unwrap();
        std::fs::remove_file(path("b")).unwrap();
        let keys: Vec<_> = snapshot.changes().into_iter().map(|change| change.key).collect();
        assert_eq!(keys, ["a", "b"]);
    }
}
