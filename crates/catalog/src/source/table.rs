//! A stac-geoparquet file as a source: row groups and rows that cannot answer are skipped by their columns, the rest is
//! decided on here.

mod remote;

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{Access, Account, Answer, Around, Sender, Source, channel, tree};
use crate::{
    error::{Error, Result},
    geoparquet::{GeoParquet, LocalFile, Need, Ranges},
    href::{Href, Rewrites},
    item::Item,
    search::{Part, Parts, Search},
};
use remote::RemoteFile;

/// The parts by which rows are skipped before they are items.
const NARROWING: [Part; 5] = [Part::Collections, Part::Ids, Part::Bbox, Part::Intersects, Part::Datetime];

/// A stac-geoparquet file.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    href: Href,
    access: Access,
}

impl Table {
    /// A file of this machine or at an address.
    ///
    /// # Errors
    /// [`Error::BadHref`] when the name is no path or address.
    pub fn new(name: &str, access: Access) -> Result<Self> {
        Ok(Self { name: name.to_owned(), href: Href::parse(name)?, access })
    }

    /// Where the bytes are, as a file that can be read in ranges.
    async fn ranges(&self) -> Result<Arc<dyn Ranges>> {
        match self.access.rewrites.apply(&self.href)? {
            Href::File(path) => Ok(Arc::new(LocalFile::open(&path)?)),
            Href::Remote(url) => Ok(Arc::new(RemoteFile::open(*url, self.access.http.clone()).await?)),
        }
    }
}

#[async_trait]
impl Source for Table {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, search: Arc<Search>) -> Result<Answer> {
        let ranges = self.ranges().await?;
        let account = Account::new(&self.name, "stac-geoparquet", search.parts(), Parts::NONE);
        let narrowed = search.parts().and(NARROWING.into_iter().collect());
        let (sender, items) = channel();
        let (opened, is_open) = oneshot::channel();
        let reader = Reader { href: self.href.clone(), rewrites: self.access.rewrites.clone(), search, sender };
        let telling = account.clone();
        // Decoding is work of seconds, and waits for those who take its items: a thread of its own, and not the pool's.
        std::thread::spawn(move || match GeoParquet::open(ranges) {
            Ok(file) => {
                let rows = file.rows();
                telling.update(|answered| {
                    answered.kind = format!("stac-geoparquet of {rows} items");
                    answered.narrowed = narrowed;
                });
                if opened.send(Ok(())).is_ok() {
                    reader.tell(&file, &telling);
                }
            }
            // When nobody waits for it any more, nobody needs to know.
            Err(error) => drop(opened.send(Err(error))),
        });
        is_open.await.unwrap_or(Err(Error::Stopped))?;
        Ok(Answer { items, account })
    }
}

struct Reader {
    href: Href,
    rewrites: Rewrites,
    search: Arc<Search>,
    sender: Sender,
}

impl Reader {
    fn tell(&self, file: &GeoParquet, account: &Account) {
        if let Err(error) = self.read(file, account) {
            self.sender.send_blocking(Err(error));
        }
    }

    fn read(&self, file: &GeoParquet, account: &Account) -> Result<()> {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let around = if self.search.label().with_image { self.around(file, workers)? } else { Around::default() };
        let seen = AtomicU64::new(0);
        let keep = |item: &Item| {
            seen.fetch_add(1, Ordering::Relaxed);
            // Links to images are compared when they are absolute.
            let labels = [Part::Labels].into_iter().filter(|_| self.search.label().with_image).collect();
            self.search.matches_rest(item, labels, &around)
        };
        let mut failed = None;
        file.read(&need(&self.search), workers, keep, |item| match self.absolute(item, account) {
            Ok(item) if !self.search.label().with_image || self.search.matches(&item, &around) => {
                if self.sender.send_blocking(Ok(item)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        account.update(|answered| answered.seen = seen.load(Ordering::Relaxed));
        failed.map_or(Ok(()), Err)
    }

    /// An item with its hrefs absolute; hrefs that are refused are noted.
    fn absolute(&self, item: Item, account: &Account) -> Result<Item> {
        let (item, faults) = tree::absolute_item(item.into_value(), &self.href, &self.href, &self.rewrites)?;
        for error in faults {
            let finding = tree::finding(error, &self.href)?;
            account.update(|answered| answered.findings.push(finding));
        }
        Ok(item)
    }

    /// Where all items of the file are, in one pass over it.
    fn around(&self, file: &GeoParquet, workers: usize) -> Result<Around> {
        let mut around = Around::default();
        file.read(
            &Need::default(),
            workers,
            |_| true,
            |item| {
                around.add(&item);
                ControlFlow::Continue(())
            },
        )?;
        Ok(around)
    }
}

/// What a row must have at the least to answer a question.
fn need(search: &Search) -> Need {
    Need {
        boxes: search.place().and_then(crate::search::Shape::boxes).unwrap_or_default(),
        interval: search.datetime(),
        ids: search.ids().to_vec(),
        collections: search.collections().to_vec(),
    }
}
