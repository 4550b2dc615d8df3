//! A static catalog: JSON files that link to each other, read into items whose hrefs are absolute.
//!
//! Documents are read and parsed several at a time, ahead of the place where reading is, and handed on in the order of the
//! links, depth first: what comes out does not depend on what was read first.

mod answer;
mod document;
mod fault;
mod walk;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value};

use super::{
    Around, gather,
    http::{Http, HttpOptions},
};
use crate::{
    error::{Error, Result},
    href::{Href, Rewrites},
    item::Item,
    ml_aoi::Split,
    repair::Finding,
    search::Surroundings,
};

pub use answer::TreeSource;
pub(super) use document::absolute_item;

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
    /// Where they say that they are.
    around: OnceLock<Around>,
}

impl Tree {
    fn new(root: Href) -> Self {
        Self {
            root,
            items: Vec::new(),
            collections: HashMap::new(),
            read_from: HashMap::new(),
            findings: Vec::new(),
            places: OnceLock::new(),
            around: OnceLock::new(),
        }
    }

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

    fn take(&mut self, step: walk::Step) {
        match step {
            walk::Step::Collection(id, document) => drop(self.collections.insert(id, document)),
            walk::Step::Item { item, really } => {
                if let Some(really) = really {
                    self.read_from.insert(item.href().clone(), really);
                }
                self.items.push(*item);
            }
            walk::Step::Finding(finding) => self.findings.push(finding),
        }
    }
}

impl Surroundings for Tree {
    /// Whether an item is there, or says so itself: catalogs are copied, and links keep the addresses they had.
    fn holds(&self, href: &str) -> bool {
        self.holds(href) || self.around.get_or_init(|| Around::of(&self.items)).holds(href)
    }

    fn collection_split(&self, collection: &str) -> Option<Split> {
        self.collection_split(collection)
    }
}

/// The split that a collection's summaries give for all its items, when they give exactly one.
fn split_of(collection: &Map<String, Value>) -> Option<Split> {
    let splits = collection.get("summaries")?.get("ml-aoi:split")?.as_array()?;
    match splits.as_slice() {
        [only] => only.as_str().and_then(Split::parse),
        _ => None,
    }
}

/// Reads a static catalog: `root` is a catalog, collection, item or item collection document, or a folder that holds
/// `catalog.json` or `collection.json`. Servers are asked only where `root` itself is at an address; a catalog of this
/// machine is read from this machine alone.
///
/// # Errors
/// [`Error::Read`] when the root cannot be read; when `strictness` is [`Strictness::Strict`], also the first broken or
/// refused link ([`Error::BrokenLink`], [`Error::Refused`]) and the first document that is no STAC.
pub fn read_tree(root: &str, rewrites: &Rewrites, strictness: Strictness) -> Result<Tree> {
    let root = entry(Href::parse(root)?, rewrites)?;
    let is_remote = matches!(rewrites.apply(&root)?, Href::Remote(_));
    let http = if is_remote { Some(Arc::new(Http::new(HttpOptions::default())?)) } else { None };
    gather::run(async {
        let mut tree = Tree::new(root.clone());
        let mut walk = walk::Walk::begin(root, rewrites.clone(), http, strictness).await?;
        while let Some(step) = walk.next().await? {
            tree.take(step);
        }
        Ok(tree)
    })
}

/// What is noted of a fault that is passed over; one that cannot be is an error.
pub(super) fn finding(error: Error, root: &Href) -> Result<Finding> {
    fault::judge(error, root, Strictness::Lenient)
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
