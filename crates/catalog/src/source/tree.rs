//! A static catalog: JSON files that link to each other, read into items whose hrefs are absolute.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use serde_json::{Map, Value};

use crate::{
    document,
    error::{Error, Result},
    href::{Href, Rewrites},
    item::Item,
    ml_aoi::Split,
    repair::{Finding, FindingKind, Severity},
    search::Surroundings,
};

/// The most documents that one catalog may link to; ten times the largest static catalogs known.
const MOST_DOCUMENTS: usize = 1_000_000;

/// What to do about a catalog's own faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strictness {
    /// The first broken link or unreadable document is an error.
    #[default]
    Strict,
    /// Faults become findings; what can be read is read.
    Lenient,
}

/// A static catalog as read.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The document that reading began at.
    pub root: Href,
    /// The items in the order of their links, depth first. All hrefs in them are absolute, and rewritten where a rewrite
    /// rule applies.
    pub items: Vec<Item>,
    /// The collections and catalogs, by id.
    pub collections: HashMap<String, Map<String, Value>>,
    /// For items reached through a rewritten address: where they were really read.
    pub read_from: HashMap<Href, Href>,
    /// Faults, where reading was lenient.
    pub findings: Vec<Finding>,
    /// Where the items are, made when first asked for.
    places: OnceLock<HashSet<String>>,
}

impl Tree {
    /// Whether an item of the tree is at `href`, an absolute path or address.
    #[must_use]
    pub fn holds(&self, href: &str) -> bool {
        let all = || self.items.iter().map(Item::href).chain(self.read_from.values()).map(Href::to_string).collect();
        self.places.get_or_init(all).contains(href)
    }

    /// The split that a collection's summaries give for all its items, when they give exactly one.
    #[must_use]
    pub fn collection_split(&self, collection: &str) -> Option<Split> {
        split_of(self.collections.get(collection)?)
    }
}

impl Surroundings for Tree {
    fn holds(&self, href: &str) -> bool {
        self.holds(href)
    }

    fn collection_split(&self, collection: &str) -> Option<Split> {
        self.collection_split(collection)
    }
}

/// The split that a collection's summaries give for all its items, when they give exactly one.
pub(crate) fn split_of(collection: &Map<String, Value>) -> Option<Split> {
    let splits = collection.get("summaries")?.get("ml-aoi:split")?.as_array()?;
    match splits.as_slice() {
        [only] => only.as_str().and_then(Split::parse),
        _ => None,
    }
}

/// Reads a static catalog on this machine: `root` is a catalog, collection, item or item collection file, or a folder that
/// holds `catalog.json` or `collection.json`.
///
/// # Errors
/// [`Error::Read`] when the root cannot be read; when `strictness` is [`Strictness::Strict`], also the first broken or
/// refused link ([`Error::BrokenLink`], [`Error::Refused`]) and the first document that is no STAC.
pub fn read_tree(root: &str, rewrites: &Rewrites, strictness: Strictness) -> Result<Tree> {
    let root = entry(Href::parse(root)?, rewrites)?;
    let mut reader = Reader {
        rewrites,
        strictness,
        seen: HashSet::new(),
        tree: Tree {
            root: root.clone(),
            items: Vec::new(),
            collections: HashMap::new(),
            read_from: HashMap::new(),
            findings: Vec::new(),
            places: OnceLock::new(),
        },
    };
    reader.seen.insert(root.clone());
    let document = reader.fetch(&root)?;
    reader.take(document, &root)?;
    Ok(reader.tree)
}

/// The file to begin at: a folder stands for the catalog in it.
fn entry(root: Href, rewrites: &Rewrites) -> Result<Href> {
    let Href::File(path) = rewrites.apply(&root)? else { return Ok(root) };
    if path.is_dir() {
        for name in ["catalog.json", "collection.json"] {
            if path.join(name).is_file() {
                return Ok(Href::File(path.join(name)));
            }
        }
        return Err(Error::NotStac {
            href: root,
            expected: "catalog",
            reason: "the folder holds neither catalog.json nor collection.json".to_owned(),
        });
    }
    Ok(root)
}

struct Reader<'a> {
    rewrites: &'a Rewrites,
    strictness: Strictness,
    seen: HashSet<Href>,
    tree: Tree,
}

impl Reader<'_> {
    /// Reads the document at `href`, or at what stands for it.
    fn fetch(&self, href: &Href) -> Result<Value> {
        let really = self.rewrites.apply(href)?;
        match really.as_file() {
            Some(path) => document::read_file(path),
            None => Err(Error::Read {
                href: really,
                source: std::io::Error::other(
                    "only files of this machine can be read here; map the address with --rewrite",
                ),
            }),
        }
    }

    /// Takes a document for what its `type` says, and follows its links. Depth first, by a stack of our own: a chain of
    /// a million catalogs must not end in a stack overflow.
    fn take(&mut self, document: Value, href: &Href) -> Result<()> {
        let mut pending = vec![(document, href.clone())];
        while let Some((document, href)) = pending.pop() {
            match document.get("type").and_then(Value::as_str) {
                Some("Feature") => self.item(document, &href)?,
                Some("FeatureCollection") => {
                    for feature in features(document) {
                        self.item(feature, &href)?;
                    }
                }
                // Versions before 1.0 have catalogs without a type.
                Some("Catalog" | "Collection") | None if document.get("links").is_some_and(Value::is_array) => {
                    let children = self.catalog(document, &href)?;
                    pending.extend(children.into_iter().rev());
                }
                other => {
                    let reason = format!("its `type` is {}", other.unwrap_or("missing"));
                    self.fault(Error::NotStac { href, expected: "catalog, collection or item", reason })?;
                }
            }
        }
        Ok(())
    }

    /// Keeps a catalog or collection, and reads the documents it links to.
    fn catalog(&mut self, document: Value, href: &Href) -> Result<Vec<(Value, Href)>> {
        let Value::Object(document) = document else { return Ok(Vec::new()) };
        let mut children = Vec::new();
        for link in document.get("links").and_then(Value::as_array).into_iter().flatten() {
            let rel = link.get("rel").and_then(Value::as_str).unwrap_or_default();
            let Some(target) = link.get("href").and_then(Value::as_str) else { continue };
            let what = match rel {
                "child" => "child link",
                "item" => "item link",
                _ => {
                    self.check_upward(href, rel, target);
                    continue;
                }
            };
            match self.follow(href, what, target) {
                Ok(Some(child)) => children.push(child),
                Ok(None) => {}
                Err(error) => self.fault(error)?,
            }
        }
        let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.tree.collections.insert(id, document);
        Ok(children)
    }

    /// Reads what a link leads to; `None` when it was read before.
    fn follow(&mut self, document: &Href, what: &str, target: &str) -> Result<Option<(Value, Href)>> {
        let href = document.join(target)?;
        if !self.seen.insert(href.clone()) {
            return Ok(None);
        }
        if self.seen.len() > MOST_DOCUMENTS {
            return Err(Error::TooManyDocuments { root: self.tree.root.clone(), limit: MOST_DOCUMENTS });
        }
        let really = self.rewrites.apply(&href)?;
        let broken = |remedy| Error::BrokenLink {
            document: document.clone(),
            what: what.to_owned(),
            href: target.to_owned(),
            remedy,
        };
        match really.as_file() {
            Some(path) if path.is_file() => {}
            _ => return Err(broken(self.remedy(&really, target))),
        }
        self.fetch(&href).map(|value| Some((value, href)))
    }

    /// How a link that leads nowhere may be mended: by mapping its prefix to where the rest of it is found.
    fn remedy(&self, really: &Href, target: &str) -> String {
        let root_folder = self.rewrites.apply(&self.tree.root).ok();
        let root_folder = root_folder.as_ref().and_then(Href::as_file).and_then(std::path::Path::parent);
        let text = really.to_string();
        if let Some(folder) = root_folder {
            for (at, _) in text.match_indices('/').skip(1) {
                let (prefix, rest) = text.split_at(at);
                let rest = rest.trim_start_matches('/');
                if !rest.is_empty() && !prefix.ends_with('/') && folder.join(rest).is_file() {
                    return format!("the catalog seems to have moved: pass --rewrite {prefix}={}", folder.display());
                }
            }
        }
        if matches!(really, Href::Remote(_)) {
            return format!("map its prefix to a folder of this machine with --rewrite PREFIX=FOLDER (it is {text})");
        }
        if target.starts_with('/') || target.contains("://") {
            return "map its prefix to where the files are with --rewrite PREFIX=FOLDER".to_owned();
        }
        format!("there is no file {text}: complete the catalog or take the link out")
    }

    /// Links to root, parent and self are never followed; dead ones are worth a note.
    fn check_upward(&mut self, document: &Href, rel: &str, target: &str) {
        if self.strictness == Strictness::Strict || !matches!(rel, "root" | "parent" | "collection") {
            return;
        }
        let really = document.join(target).and_then(|href| self.rewrites.apply(&href));
        if really.is_ok_and(|href| href.as_file().is_some_and(|path| !path.exists())) {
            self.tree.findings.push(Finding {
                kind: FindingKind::BrokenLink,
                severity: Severity::Note,
                item: None,
                document: document.clone(),
                field: format!("links[rel={rel}]"),
                message: format!("leads nowhere ({target}); not needed, so ignored"),
            });
        }
    }

    /// Keeps an item, its hrefs made absolute.
    fn item(&mut self, document: Value, href: &Href) -> Result<()> {
        let mut item = match Item::new(document, href.clone()) {
            Ok(item) => item,
            Err(error) => return self.fault(error),
        };
        let mut faults = Vec::new();
        let document = item.document_mut();
        if let Some(Value::Object(assets)) = document.get_mut("assets") {
            for (key, asset) in assets.iter_mut() {
                self.absolute(href, &format!("assets.{key}.href"), asset, &mut faults);
            }
        }
        let mut upward = Vec::new();
        if let Some(Value::Array(links)) = document.get_mut("links") {
            for (at, link) in links.iter_mut().enumerate() {
                let rel = link.get("rel").and_then(Value::as_str).unwrap_or_default().to_owned();
                let target = link.get("href").and_then(Value::as_str).unwrap_or_default().to_owned();
                upward.push((rel, target));
                self.absolute(href, &format!("links.{at}.href"), link, &mut faults);
            }
        }
        for (rel, target) in upward {
            self.check_upward(href, &rel, &target);
        }
        for error in faults {
            self.fault(error)?;
        }
        let really = self.rewrites.apply(href)?;
        if really != *href {
            self.tree.read_from.insert(href.clone(), really);
        }
        self.tree.items.push(item);
        Ok(())
    }

    /// Replaces an object's `href` by what it means; one that is refused is taken out.
    fn absolute(&self, document: &Href, field: &str, object: &mut Value, faults: &mut Vec<Error>) {
        let Some(Value::String(href)) = object.get_mut("href") else { return };
        match document.join(href).and_then(|joined| self.rewrites.apply(&joined)) {
            Ok(absolute) => *href = absolute.to_string(),
            Err(error) => {
                faults.push(named(error, document, field));
                href.clear();
            }
        }
    }

    /// A fault is the end when strict, a finding when lenient.
    fn fault(&mut self, error: Error) -> Result<()> {
        if self.strictness == Strictness::Strict || matches!(error, Error::TooManyDocuments { .. }) {
            return Err(error);
        }
        let (kind, document) = match &error {
            Error::BrokenLink { document, .. } => (FindingKind::BrokenLink, document.clone()),
            Error::Refused { document, .. } => (FindingKind::RefusedLink, document.clone()),
            Error::NotStac { href, .. } | Error::Json { href, .. } | Error::Read { href, .. } => {
                (FindingKind::Unreadable, href.clone())
            }
            _ => (FindingKind::Unreadable, self.tree.root.clone()),
        };
        let (field, message) = match &error {
            Error::BrokenLink { what, href, remedy, .. } => (what.clone(), format!("`{href}` leads nowhere; {remedy}")),
            Error::Refused { href, reason, .. } => (String::new(), format!("`{href}` is refused: {reason}")),
            other => (String::new(), other.to_string()),
        };
        self.tree.findings.push(Finding { kind, severity: Severity::Error, item: None, document, field, message });
        Ok(())
    }
}

/// Says in which field of which document a bad href stands.
fn named(error: Error, document: &Href, field: &str) -> Error {
    match error {
        Error::BadHref { href } => Error::BrokenLink {
            document: document.clone(),
            what: field.to_owned(),
            href,
            remedy: "write a path or an address".to_owned(),
        },
        other => other,
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
