//! Adding an item, with its files, to a collection on this machine.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{
    parts::{self, STAC_VERSION, link, object},
    write::{Staged, write_json_atomically},
};
use crate::{
    document,
    error::{Error, Result},
    file,
    href::{Href, percent_encoded},
    item::Item,
};

/// What is to be published, and where.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The item's file.
    pub item: PathBuf,
    /// The collection's folder; made if it is not there.
    pub into: PathBuf,
    /// The collection's id, when it is made.
    pub collection_id: String,
    /// What the collection is, when it is made.
    pub description: String,
    /// Its licence, when it is made.
    pub license: String,
    /// Whether files of this machine are copied beside the item; else it links to where they are.
    pub copy_files: bool,
    /// Whether an item of the same id is replaced.
    pub overwrite: bool,
}

/// Publishes an item as `INTO/<id>/<id>.json`, links it in `INTO/collection.json`, and gives its path. The item's folder
/// stands complete before the collection links to it.
///
/// # Errors
/// [`Error::Read`] or [`Error::NotStac`] when the item cannot be read, [`Error::Exists`] when it is there already and
/// `overwrite` is false, [`Error::BrokenLink`] when one of its files is missing, [`Error::Write`].
pub fn publish(publication: &Publication) -> Result<PathBuf> {
    let source = Href::parse(&publication.item.to_string_lossy())?;
    let mut item = Item::new(document::read_file(&publication.item)?, source)?;
    let id = item.id().to_owned();
    let folder_name = folder_name(&id)?;
    let collection_path = publication.into.join("collection.json");
    let mut collection = match collection_path.is_file() {
        true => object(document::read_file(&collection_path)?),
        false => object(json!({
            "type": "Collection", "stac_version": STAC_VERSION, "id": publication.collection_id,
            "description": publication.description, "license": publication.license,
            "links": [link("root", "./collection.json")],
        })),
    };
    let staged = Staged::new(&publication.into.join(&folder_name), publication.overwrite)?;
    assets(&mut item, &staged, publication.copy_files)?;
    let collection_id = collection.get("id").cloned().unwrap_or(Value::Null);
    links(&mut item, staged.target(), collection_id)?;
    let name = format!("{folder_name}.json");
    write_json_atomically(&staged.path().join(&name), item.document())?;
    let path = staged.publish()?.join(&name);
    let href = format!("./{0}/{0}.json", percent_encoded(&folder_name));
    enter(&mut collection, &item, &href);
    write_json_atomically(&collection_path, &collection)?;
    Ok(path)
}

/// The id as the name of a folder: an id may hold what a path may not.
fn folder_name(id: &str) -> Result<String> {
    let name: String = id.chars().map(|c| if matches!(c, '/' | '\\' | '\0') { '_' } else { c }).collect();
    if name == "." || name == ".." {
        return Err(Error::Describe {
            what: format!("item {id}"),
            reason: "its id is no name for a folder".to_owned(),
        });
    }
    Ok(name)
}

/// Copies the assets' files beside the item, or links to where they are.
fn assets(item: &mut Item, staged: &Staged, copy: bool) -> Result<()> {
    let document = item.href().clone();
    let mut taken = HashSet::new();
    let mut has_file_fields = false;
    let Some(Value::Object(assets)) = item.document_mut().get_mut("assets") else { return Ok(()) };
    for (key, asset) in assets.iter_mut() {
        let Some(fields) = asset.as_object_mut() else { continue };
        let written = fields.get("href").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Href::File(path) = document.join(&written)? else { continue };
        if !path.is_file() {
            let remedy = "put the file there, or take the asset out of the item".to_owned();
            return Err(Error::BrokenLink {
                document: document.clone(),
                what: format!("asset {key}"),
                href: written,
                remedy,
            });
        }
        let href = if copy {
            let name = free_name(&path, key, &mut taken);
            let failed = |source| Error::Write { path: staged.target().join(&name), source };
            let size_bytes = fs::copy(&path, staged.path().join(&name)).map_err(failed)?;
            parts::file_fields(fields, Some(size_bytes), Some(&file::checksum(&path)?));
            has_file_fields = true;
            format!("./{}", percent_encoded(&name))
        } else {
            parts::relative(staged.target(), &path)?
        };
        fields.insert("href".to_owned(), href.into());
    }
    if has_file_fields && !item.extensions().any(|schema| schema.starts_with("https://stac-extensions.github.io/file/"))
    {
        let extensions = item.document_mut().entry("stac_extensions").or_insert_with(|| json!([]));
        if let Some(extensions) = extensions.as_array_mut() {
            extensions.push(parts::FILE.into());
        }
    }
    Ok(())
}

/// The file's own name, with the asset's key before it where two files have one name.
fn free_name(path: &Path, key: &str, taken: &mut HashSet<String>) -> String {
    let own = path.file_name().map_or_else(|| key.to_owned(), |name| name.to_string_lossy().into_owned());
    let name = if taken.contains(&own) { format!("{key}-{own}").replace(['/', '\\'], "_") } else { own };
    taken.insert(name.clone());
    name
}

/// Keeps what the item was made from, seen from its new place, and makes the collection its parent.
fn links(item: &mut Item, folder: &Path, collection_id: Value) -> Result<()> {
    let mut links = vec![
        link("root", "../collection.json"),
        link("parent", "../collection.json"),
        link("collection", "../collection.json"),
    ];
    for old in item.links().filter(|old| !matches!(old.rel(), "root" | "parent" | "collection" | "self")) {
        let mut fields: Map<String, Value> = old.fields.clone();
        if let Some(href) = old.href() {
            let seen_from_here = match item.href().join(href)? {
                Href::File(path) => parts::relative(folder, &path)?,
                Href::Remote(url) => url.to_string(),
            };
            fields.insert("href".to_owned(), seen_from_here.into());
        }
        links.push(Value::Object(fields));
    }
    let document = item.document_mut();
    document.insert("links".to_owned(), Value::Array(links));
    document.insert("collection".to_owned(), collection_id);
    Ok(())
}

/// Links the item in the collection and widens the collection's extent by it.
fn enter(collection: &mut Map<String, Value>, item: &Item, href: &str) {
    let links = collection.entry("links").or_insert_with(|| json!([]));
    if let Some(links) = links.as_array_mut()
        && !links.iter().any(|link| link.get("href").and_then(Value::as_str) == Some(href))
    {
        links.push(parts::item_link("item", href));
    }
    let old = collection.get("extent");
    let numbers = |value: &Value| {
        <[f64; 4]>::try_from(value.as_array()?.iter().filter_map(Value::as_f64).collect::<Vec<_>>()).ok()
    };
    let mut bboxes: Vec<_> = old.and_then(|extent| numbers(extent.pointer("/spatial/bbox/0")?)).into_iter().collect();
    bboxes.push(item.bbox().unwrap_or([-180.0, -90.0, 180.0, 90.0]));
    let interval =
        old.and_then(|extent| extent.pointer("/temporal/interval/0")?.as_array().cloned()).unwrap_or_default();
    let mut moments: Vec<_> = interval.iter().filter_map(|end| crate::item::parse_datetime(end.as_str()?)).collect();
    moments.extend(item.datetime());
    if let Some(extent) = parts::extent(&bboxes, &moments) {
        collection.insert("extent".to_owned(), extent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rewrites, Strictness, read_tree};

    #[test]
    fn a_published_item_is_read_back_with_its_files_unchanged() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        fs::create_dir_all(run.join("sub")).unwrap();
        fs::write(run.join("a.bin"), "one").unwrap();
        fs::write(run.join("sub/a.bin"), "two").unwrap();
        let item = json!({
            "type": "Feature", "stac_version": "1.1.0", "id": "map", "geometry": null,
            "properties": {"datetime": "2020-02-02T00:00:00Z"},
            "links": [{"rel": "derived_from", "href": "./a.bin"}, {"rel": "self", "href": "/gone.json"}],
            "assets": {"one": {"href": "a.bin"}, "two": {"href": "./sub/a.bin"}, "far": {"href": "https://h.org/x"}},
        });
        write_json_atomically(&run.join("item.json"), &item).unwrap();
        let publication = Publication {
            item: run.join("item.json"),
            into: place.path().join("published"),
            collection_id: "maps".to_owned(),
            description: "Maps".to_owned(),
            license: "other".to_owned(),
            copy_files: true,
            overwrite: false,
        };
        publish(&publication).unwrap();
        assert!(matches!(publish(&publication), Err(Error::Exists { .. })));
        publish(&Publication { overwrite: true, ..publication.clone() }).unwrap();

        let root = publication.into.to_str().unwrap();
        let tree = read_tree(root, &Rewrites::default(), Strictness::Strict).unwrap();
        assert_eq!(tree.items.len(), 1);
        assert_eq!(tree.items[0].collection(), Some("maps"));
        for (key, content) in [("one", "one"), ("two", "two")] {
            let asset = tree.items[0].asset(key).unwrap();
            let path = Path::new(asset.href().unwrap());
            assert!(path.starts_with(publication.into.canonicalize().unwrap()) || path.starts_with(&publication.into));
            assert_eq!(fs::read_to_string(path).unwrap(), content);
            assert!(file::verify(path, asset.fields["file:checksum"].as_str().unwrap()).unwrap());
        }
        let source = tree.items[0].links().find(|link| link.rel() == "derived_from").unwrap();
        assert_eq!(fs::read_to_string(source.href().unwrap()).unwrap(), "one");
        fs::remove_file(run.join("a.bin")).unwrap();
        let missing = publish(&Publication { overwrite: true, ..publication }).unwrap_err();
        assert!(missing.to_string().contains("asset one"), "{missing}");
    }
}
