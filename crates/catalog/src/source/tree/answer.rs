//! A static catalog as a source: items are handed on while documents are still being read.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::{Strictness, Tree, entry, walk::Step, walk::Walk};
use crate::{
    error::Result,
    href::Href,
    search::{Parts, Search},
    source::{Access, Account, Answer, Sender, Source, channel},
};

/// A static catalog.
#[derive(Clone, Debug)]
pub struct TreeSource {
    name: String,
    root: Href,
    access: Access,
}

impl TreeSource {
    /// A catalog, collection, item or item collection document, or a folder that holds `catalog.json` or `collection.json`.
    ///
    /// # Errors
    /// [`Error::BadHref`](crate::Error::BadHref) and [`Error::NotStac`](crate::Error::NotStac) when there is no such thing.
    pub fn new(name: &str, access: Access) -> Result<Self> {
        let root = entry(Href::parse(name)?, &access.rewrites)?;
        Ok(Self { name: name.to_owned(), root, access })
    }
}

#[async_trait]
impl Source for TreeSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, search: Arc<Search>) -> Result<Answer> {
        let Access { rewrites, http, .. } = self.access.clone();
        let walk = Walk::begin(self.root.clone(), rewrites, Some(http), Strictness::Lenient).await?;
        let account = Account::new(&self.name, "static catalog", search.parts(), Parts::NONE);
        let (sender, items) = channel();
        let tree = Tree::new(self.root.clone());
        let telling = account.clone();
        let runtime = Handle::current();
        // Deciding on items is work for a thread of its own; the runtime's wait for servers.
        std::thread::spawn(move || {
            runtime.block_on(async {
                if let Err(error) = tell(walk, tree, &search, &telling, &sender).await {
                    sender.send(Err(error)).await;
                }
            });
        });
        Ok(Answer { items, account })
    }
}

/// Hands on what answers, as the walk comes to it; where the question asks for what lies around an item, when all is read.
async fn tell(mut walk: Walk, mut tree: Tree, search: &Search, account: &Account, sender: &Sender) -> Result<()> {
    while let Some(step) = walk.next().await? {
        match step {
            Step::Item { item, .. } if !search.needs_surroundings() => {
                account.update(|answered| answered.seen += 1);
                if search.matches(&item, &tree) && !sender.send(Ok(*item)).await {
                    break;
                }
            }
            // The documents of collections are of use only to those who ask for what lies around.
            Step::Collection(..) if !search.needs_surroundings() => {}
            step => tree.take(step),
        }
    }
    account.update(|answered| {
        answered.requests = walk.documents;
        answered.findings.append(&mut tree.findings);
        answered.seen += tree.items.len() as u64;
    });
    let matching: Vec<bool> = tree.items.iter().map(|item| search.matches(item, &tree)).collect();
    for (item, _) in std::mem::take(&mut tree.items).into_iter().zip(matching).filter(|(_, matches)| *matches) {
        if !sender.send(Ok(item)).await {
            break;
        }
    }
    Ok(())
}
