//! What a source answers: items as they come, and an account of which parts of the question ran where.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, stream};
use tokio::sync::mpsc;

use crate::{error::Result, item::Item, repair::Finding, search::Parts};

/// Items that are waiting to be taken; as many pages or documents are read ahead at most.
const WAITING: usize = 256;

/// Items as they come. An error is the last thing of it.
pub type ItemStream = Pin<Box<dyn Stream<Item = Result<Item>> + Send>>;

/// The answer of a source.
pub struct Answer {
    /// The items.
    pub items: ItemStream,
    /// What ran where; complete when `items` has ended.
    pub account: Account,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Which parts of a question ran where, and what was noticed.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// The source's name.
    pub source: String,
    /// What kind of source it is, in words: `static catalog`, `STAC API 1.0.0`.
    pub kind: String,
    /// Parts that the source answered itself.
    pub there: Parts,
    /// Parts by which it skipped what it need not read, and which were decided here nevertheless.
    pub narrowed: Parts,
    /// Parts decided here, item by item.
    pub here: Parts,
    /// How many items answer those parts that the source answers itself, where it says so.
    pub matched: Option<u64>,
    /// How many items were looked at here.
    pub seen: u64,
    /// How many items were handed on.
    pub found: u64,
    /// Requests to servers, retries aside; documents of static catalogs included.
    pub requests: u64,
    /// Faults that were passed over.
    pub findings: Vec<Finding>,
}

/// An [`Answered`] in the making, shared by those who write and those who read it.
#[derive(Clone, Debug, Default)]
pub struct Account(Arc<Mutex<Answered>>);

impl Account {
    /// An account for a source. `asked` are the parts of the question, of which the source answers `there` itself.
    #[must_use]
    pub fn new(source: &str, kind: &str, asked: Parts, there: Parts) -> Self {
        let there = asked.and(there);
        let here = asked.without(there);
        let answered =
            Answered { source: source.to_owned(), kind: kind.to_owned(), there, here, ..Answered::default() };
        Self(Arc::new(Mutex::new(answered)))
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut Answered)) {
        change(&mut self.lock());
    }

    /// As it is now.
    #[must_use]
    pub fn get(&self) -> Answered {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Answered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a source puts the items that it finds.
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<Result<Item>>);

impl Sender {
    /// Hands an item or the last error on, waiting while too many are waiting; false when nobody wants more.
    pub async fn send(&self, item: Result<Item>) -> bool {
        self.0.send(item).await.is_ok()
    }

    /// The same from a thread that may block.
    pub fn send_blocking(&self, item: Result<Item>) -> bool {
        self.0.blocking_send(item).is_ok()
    }
}

/// A stream of items, and what feeds it. When the stream is dropped, sending fails.
#[must_use]
pub fn channel() -> (Sender, ItemStream) {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    (Sender(sender), Box::pin(stream::poll_fn(move |context| receiver.poll_recv(context))))
}
