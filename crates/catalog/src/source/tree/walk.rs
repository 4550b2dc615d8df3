//! The way through a static catalog: depth first in the order of the links, each document once, with documents read ahead.
//!
//! What is read ahead is what the walk will come to next: the links on top of the stack and, where a catalog among them
//! has been read already, the links in it. Reading ahead changes how fast the walk is, and nothing else.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::FutureExt;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use super::{
    Strictness,
    document::{self, Child, Content},
    fault,
};
use crate::{
    error::{Error, Result},
    href::{Href, Rewrites},
    item::Item,
    repair::Finding,
    source::http::Http,
};

/// The most documents that one catalog may link to; ten times the largest static catalogs known.
const MOST_DOCUMENTS: usize = 1_000_000;
/// Documents that are being read at a time. Servers of static files serve a browser's six connections to each of many
/// users, and HTTP/2 has them all on one.
const MOST_AT_ONCE: usize = 32;
/// Documents that are being read or wait for the walk to come to them.
const MOST_AHEAD: usize = 256;

/// What the walk comes to.
pub(super) enum Step {
    /// A catalog or collection, by its id.
    Collection(String, Map<String, Value>),
    /// An item.
    Item {
        item: Box<Item>,
        /// Where it was really read, if elsewhere.
        really: Option<Href>,
    },
    /// Something that was passed over.
    Finding(Finding),
}

/// How documents are read.
pub(super) struct Reading {
    pub(super) rewrites: Rewrites,
    /// `None` where only files of this machine are read.
    pub(super) http: Option<Arc<Http>>,
    pub(super) strictness: Strictness,
    unreachable: Mutex<HashSet<String>>,
    running: AtomicUsize,
}

impl Reading {
    /// Whether a host could not be reached before: each try takes many seconds.
    pub(super) fn is_unreachable(&self, host: &str) -> bool {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    pub(super) fn note_unreachable(&self, host: &str) {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
    }
}

/// A link that the walk will follow.
struct Link {
    document: Arc<Href>,
    child: Child,
}

/// A document read ahead.
enum Ahead {
    Running(JoinHandle<Result<Content>>),
    Done(Result<Content>),
}

/// A walk that has begun.
pub(super) struct Walk {
    reading: Arc<Reading>,
    root: Href,
    root_folder: Option<PathBuf>,
    seen: HashSet<Href>,
    /// The next link is the last.
    stack: Vec<Link>,
    ahead: HashMap<Href, Ahead>,
    steps: VecDeque<Result<Step>>,
    /// Documents read so far.
    pub(super) documents: u64,
}

impl Walk {
    /// Reads the root.
    pub(super) async fn begin(
        root: Href,
        rewrites: Rewrites,
        http: Option<Arc<Http>>,
        strictness: Strictness,
    ) -> Result<Self> {
        let (unreachable, running) = (Mutex::default(), AtomicUsize::new(0));
        let reading = Arc::new(Reading { rewrites, http, strictness, unreachable, running });
        let content = document::read(&reading, root.clone(), None).await?;
        let really = reading.rewrites.apply(&root)?;
        let root_folder = really.as_file().and_then(Path::parent).map(Path::to_path_buf);
        let mut walk = Self {
            reading,
            root_folder,
            seen: HashSet::from([root.clone()]),
            stack: Vec::new(),
            ahead: HashMap::new(),
            steps: VecDeque::new(),
            documents: 1,
            root: root.clone(),
        };
        walk.take(content, root);
        Ok(walk)
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// A fault, where reading is strict; and what says that a server cannot be had.
    pub(super) async fn next(&mut self) -> Result<Option<Step>> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return step.map(Some);
            }
            self.look_ahead();
            let Some(link) = self.stack.pop() else { return Ok(None) };
            match self.follow(&link).await {
                Ok(Some((content, href))) => self.take(content, href),
                Ok(None) => {}
                Err(error) => self.fault(error),
            }
        }
    }

    /// Reads what a link leads to; `None` when it was read before.
    async fn follow(&mut self, link: &Link) -> Result<Option<(Content, Href)>> {
        let href = match &link.child.href {
            Some(href) => href.clone(),
            // Why not, is said by trying.
            None => link.document.join(&link.child.target)?,
        };
        if !self.seen.insert(href.clone()) {
            return Ok(None);
        }
        if self.seen.len() > MOST_DOCUMENTS {
            return Err(Error::TooManyDocuments { root: self.root.clone(), limit: MOST_DOCUMENTS });
        }
        let content = match self.ahead.remove(&href) {
            Some(Ahead::Done(content)) => content,
            Some(Ahead::Running(reading)) => reading.await.unwrap_or(Err(Error::Stopped)),
            None => document::read(&self.reading, href.clone(), Some(&link.document)).await,
        };
        self.documents += 1;
        match content {
            Ok(content) => Ok(Some((content, href))),
            Err(error) if leads_nowhere(&error, &link.document) => {
                let really = self.reading.rewrites.apply(&href)?;
                Err(Error::BrokenLink {
                    document: (*link.document).clone(),
                    what: link.child.what.to_owned(),
                    href: link.child.target.clone(),
                    remedy: fault::remedy(&really, &link.child.target, self.root_folder.as_deref()),
                })
            }
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, content: Content, href: Href) {
        match content {
            Content::Catalog { id, document, children, notes } => {
                self.steps.extend(notes.into_iter().map(|note| Ok(Step::Finding(note))));
                self.steps.push_back(Ok(Step::Collection(id, document)));
                let document = Arc::new(href);
                let link = |child| Link { document: document.clone(), child };
                self.stack.extend(children.iter().rev().cloned().map(link));
            }
            Content::Items(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => {
                            self.steps.extend(entry.notes.into_iter().map(|note| Ok(Step::Finding(note))));
                            entry.faults.into_iter().for_each(|error| self.fault(error));
                            self.steps.push_back(Ok(Step::Item { item: Box::new(entry.item), really: entry.really }));
                        }
                        Err(error) => self.fault(error),
                    }
                }
            }
        }
    }

    fn fault(&mut self, error: Error) {
        self.steps.push_back(fault::judge(error, &self.root, self.reading.strictness).map(Step::Finding));
    }

    /// Begins to read what the walk will come to.
    fn look_ahead(&mut self) {
        if self.reading.running.load(Ordering::Relaxed) > MOST_AT_ONCE / 2 {
            return;
        }
        let mut scout = Scout { reading: &self.reading, seen: &self.seen, ahead: &mut self.ahead, left: MOST_AHEAD };
        for link in self.stack.iter().rev() {
            if !scout.visit(&link.document, &link.child) {
                break;
            }
        }
    }
}

/// Whether an error says that there is nothing at the end of a link.
fn leads_nowhere(error: &Error, document: &Href) -> bool {
    match error {
        Error::Read { source, .. } => {
            matches!(
                source.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::Other | std::io::ErrorKind::IsADirectory
            )
        }
        Error::Status { status, .. } => matches!(status, 404 | 410),
        // A catalog of this machine may name addresses that are nowhere; one from a server that is gone is cut off.
        Error::Request { .. } => document.as_file().is_some(),
        _ => false,
    }
}

/// Goes ahead of the walk.
struct Scout<'a> {
    reading: &'a Arc<Reading>,
    seen: &'a HashSet<Href>,
    ahead: &'a mut HashMap<Href, Ahead>,
    /// Documents that it may still come across.
    left: usize,
}

impl Scout<'_> {
    /// Sees to a link and all that is known to lie behind it; false when it is far enough. Catalogs that link in circles are
    /// gone round until as many documents as may be ahead have been passed.
    fn visit(&mut self, document: &Href, child: &Child) -> bool {
        let Some(href) = child.href.as_ref().filter(|href| !self.seen.contains(href)) else { return true };
        if self.left == 0 || !self.look_at(href, document) {
            return false;
        }
        self.left -= 1;
        let children = match self.ahead.get(href) {
            Some(Ahead::Done(Ok(Content::Catalog { children, .. }))) => children.clone(),
            _ => return true,
        };
        children.iter().all(|child| self.visit(href, child))
    }

    /// Begins to read a document, or takes note that it has been read; false when enough are being read.
    fn look_at(&mut self, href: &Href, document: &Href) -> bool {
        match self.ahead.get_mut(href) {
            None => {
                if self.reading.running.fetch_add(1, Ordering::Relaxed) >= MOST_AT_ONCE {
                    self.reading.running.fetch_sub(1, Ordering::Relaxed);
                    return false;
                }
                let (reading, target, from) = (self.reading.clone(), href.clone(), document.clone());
                let running = tokio::spawn(async move {
                    let content = document::read(&reading, target, Some(&from)).await;
                    reading.running.fetch_sub(1, Ordering::Relaxed);
                    content
                });
                self.ahead.insert(href.clone(), Ahead::Running(running));
            }
            Some(running @ Ahead::Running(_)) => {
                if let Ahead::Running(handle) = running
                    && handle.is_finished()
                    && let Some(content) = handle.now_or_never()
                {
                    *running = Ahead::Done(content.unwrap_or(Err(Error::Stopped)));
                }
            }
            Some(Ahead::Done(_)) => {}
        }
        true
    }
}
