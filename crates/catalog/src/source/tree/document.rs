//! One document of a static catalog: read, parsed, and its hrefs made absolute. All of it runs beside the walk, several
//! documents at a time.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Strictness, fault, walk::Reading};
use crate::{
    document,
    error::{Error, Result},
    href::{Href, Rewrites},
    item::Item,
    repair::Finding,
    source::http::Request,
};

/// What a document holds.
pub(super) enum Content {
    /// A catalog or collection, with what it links to.
    Catalog { id: String, document: Map<String, Value>, children: Arc<[Child]>, notes: Vec<Finding> },
    /// An item, or the features of an item collection, each of which may be none.
    Items(Vec<Result<Entry>>),
}

/// An item as it will be handed on.
pub(super) struct Entry {
    pub(super) item: Item,
    /// Hrefs in it that are refused or malformed; they were taken out.
    pub(super) faults: Vec<Error>,
    pub(super) notes: Vec<Finding>,
    /// Where it was really read, if elsewhere.
    pub(super) really: Option<Href>,
}

/// A link to a document below.
#[derive(Clone, Debug)]
pub(super) struct Child {
    /// `child link` or `item link`.
    pub(super) what: &'static str,
    /// As written.
    pub(super) target: String,
    /// What it means; `None` where that is nothing that may be read.
    pub(super) href: Option<Href>,
}

/// Reads the document at `href`, which the document at `from` named.
pub(super) async fn read(reading: &Reading, href: Href, from: Option<&Href>) -> Result<Content> {
    let really = reading.rewrites.apply(&href)?;
    let (strictness, rewrites) = (reading.strictness, reading.rewrites.clone());
    let is_rewritten = really != href;
    let (bytes, path) = match &really {
        Href::File(path) => (None, Some(path.clone())),
        Href::Remote(url) => {
            let http = reading.http.as_ref().ok_or_else(|| only_files(&really))?;
            let host = url.host_str().unwrap_or_default();
            if reading.is_unreachable(host) {
                return Err(only_files(&really));
            }
            // An address that a rewrite rule gives was given by the user.
            let from = from.filter(|_| !is_rewritten).and_then(|from| match from {
                Href::Remote(url) => Some((**url).clone()),
                Href::File(path) => url::Url::from_file_path(path).ok(),
            });
            let answer = http.ask(&Request::get((**url).clone(), from.as_ref())).await;
            if let Err(Error::Request { .. }) = &answer {
                reading.note_unreachable(host);
            }
            let answer = answer?;
            if answer.media_type.starts_with("text/html") {
                let reason = "it is a page for people (text/html)".to_owned();
                return Err(Error::Answer { href: really, reason });
            }
            (Some(answer.body), None)
        }
    };
    let parse = move || {
        let value = match (bytes, path) {
            (Some(bytes), _) => document::parse_as_named(&bytes, &really)?,
            (None, Some(path)) => document::read_file(&path)?,
            (None, None) => Value::Null,
        };
        content(value, &href, &really, &rewrites, strictness)
    };
    tokio::task::spawn_blocking(parse).await.unwrap_or(Err(Error::Stopped))
}

fn only_files(really: &Href) -> Error {
    Error::Read {
        href: really.clone(),
        source: std::io::Error::other("only files of this machine can be read here; map the address with --rewrite"),
    }
}

/// Takes a document for what its `type` says.
fn content(value: Value, href: &Href, really: &Href, rewrites: &Rewrites, strictness: Strictness) -> Result<Content> {
    let entry = |value: Value| entry(value, href, really, rewrites, strictness);
    match value.get("type").and_then(Value::as_str) {
        Some("Feature") => Ok(Content::Items(vec![entry(value)])),
        Some("FeatureCollection") => Ok(Content::Items(features(value).into_iter().map(entry).collect())),
        // Versions before 1.0 have catalogs without a type.
        Some("Catalog" | "Collection") | None if value.get("links").is_some_and(Value::is_array) => {
            let Value::Object(document) = value else { return Ok(Content::Items(Vec::new())) };
            Ok(catalog(document, href, rewrites, strictness))
        }
        other => {
            let reason = format!("its `type` is {}", other.unwrap_or("missing"));
            Err(Error::NotStac { href: href.clone(), expected: "catalog, collection or item", reason })
        }
    }
}

fn features(document: Value) -> Vec<Value> {
    match document {
        Value::Object(mut document) => match document.remove("features") {
            Some(Value::Array(features)) => features,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn catalog(document: Map<String, Value>, href: &Href, rewrites: &Rewrites, strictness: Strictness) -> Content {
    let (mut children, mut notes) = (Vec::new(), Vec::new());
    for link in document.get("links").and_then(Value::as_array).into_iter().flatten() {
        let rel = link.get("rel").and_then(Value::as_str).unwrap_or_default();
        let Some(target) = link.get("href").and_then(Value::as_str) else { continue };
        let mut child = |what| children.push(Child { what, target: target.to_owned(), href: href.join(target).ok() });
        match rel {
            "child" => child("child link"),
            "item" => child("item link"),
            _ => notes.extend(fault::upward(href, rel, target, rewrites, strictness)),
        }
    }
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    Content::Catalog { id, document, children: children.into(), notes }
}

/// An item that was read elsewhere than in a catalog, its hrefs made absolute; and those of them that were taken out.
pub(in crate::source) fn absolute_item(
    value: Value,
    href: &Href,
    really: &Href,
    rewrites: &Rewrites,
) -> Result<(Item, Vec<Error>)> {
    entry(value, href, really, rewrites, Strictness::Strict).map(|entry| (entry.item, entry.faults))
}

/// An item, its hrefs made absolute.
fn entry(value: Value, href: &Href, really: &Href, rewrites: &Rewrites, strictness: Strictness) -> Result<Entry> {
    let mut item = Item::new(value, href.clone())?;
    let (mut faults, mut notes) = (Vec::new(), Vec::new());
    let document = item.document_mut();
    if let Some(Value::Object(assets)) = document.get_mut("assets") {
        for (key, asset) in assets.iter_mut() {
            absolute(href, || format!("assets.{key}.href"), asset, rewrites, &mut faults);
        }
    }
    if let Some(Value::Array(links)) = document.get_mut("links") {
        for (at, link) in links.iter_mut().enumerate() {
            if strictness == Strictness::Lenient {
                let text = |name: &str| link.get(name).and_then(Value::as_str).unwrap_or_default();
                notes.extend(fault::upward(href, text("rel"), text("href"), rewrites, strictness));
            }
            absolute(href, || format!("links.{at}.href"), link, rewrites, &mut faults);
        }
    }
    let really = (really != href).then(|| really.clone());
    Ok(Entry { item, faults, notes, really })
}

/// Replaces an object's `href` by what it means; one that is refused is taken out.
fn absolute(
    document: &Href,
    field: impl Fn() -> String,
    object: &mut Value,
    rewrites: &Rewrites,
    faults: &mut Vec<Error>,
) {
    let Some(Value::String(href)) = object.get_mut("href") else { return };
    match document.join(href).and_then(|joined| rewrites.apply(&joined)) {
        Ok(absolute) => *href = absolute.to_string(),
        Err(error) => {
            faults.push(fault::named(error, document, &field()));
            href.clear();
        }
    }
}
