//! Several sources asked at once, and their answers made one: in order, without duplicates, no more than asked for.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{Arc, OnceLock},
};

use futures::{StreamExt, future::join_all};
use tokio::runtime::{Builder, Runtime};

use super::{Account, Answer, Answered, Source};
use crate::{
    error::{Error, Result},
    item::Item,
    search::{Part, Search},
};

/// Threads that wait for servers and pass items on; parsing and deciding run on the blocking pool beside them.
const IO_THREADS: usize = 2;

/// Asks all sources at once and hands `take` every item that answers, until it breaks off: in the order asked for, else
/// source by source in the sources' own order. Of items with one collection and id the first is kept. `watch` is called
/// with the accounts as soon as all sources have begun to answer.
///
/// # Errors
/// The first error of any source, in the order of the sources; [`Error::Stopped`] when no thread can be had.
pub fn gather(
    sources: &[Arc<dyn Source>],
    search: &Search,
    watch: impl FnOnce(&[Account]) + Send,
    mut take: impl FnMut(Item) -> ControlFlow<()> + Send,
) -> Result<Vec<Answered>> {
    let search = Arc::new(search.clone());
    run(async {
        let answers = join_all(sources.iter().map(|source| source.ask(search.clone()))).await;
        let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
        let accounts: Vec<Account> = answers.iter().map(|answer| answer.account.clone()).collect();
        watch(&accounts);
        if search.sort().is_empty() {
            in_turn(answers, &search, &mut take).await?;
        } else {
            sorted(answers, &search, &mut take).await?;
        }
        Ok(accounts.iter().map(Account::get).collect())
    })
}

/// Runs a future to its end, wherever this is called from. What it computes itself runs on a thread of its own; the threads
/// that wait for servers are there once for all, so that connections outlive a search.
pub(crate) fn run<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(IO_THREADS).enable_all().build();
    let runtime = RUNTIME.get_or_init(build).as_ref().map_err(|_| Error::Stopped)?;
    std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join().unwrap_or(Err(Error::Stopped)))
}

/// Hands items on once each, and no more than are wanted.
struct Counter<'a, F> {
    search: &'a Search,
    seen: HashSet<(Option<String>, String)>,
    taken: usize,
    take: &'a mut F,
}

impl<'a, F: FnMut(Item) -> ControlFlow<()>> Counter<'a, F> {
    fn new(search: &'a Search, take: &'a mut F) -> Self {
        Self { search, seen: HashSet::new(), taken: 0, take }
    }

    fn is_full(&self) -> bool {
        self.search.max_items().is_some_and(|most| self.taken >= most)
    }

    fn is_new(&mut self, item: &Item) -> bool {
        self.seen.insert((item.collection().map(str::to_owned), item.id().to_owned()))
    }

    fn hand_on(&mut self, mut item: Item, account: &Account) -> ControlFlow<()> {
        self.taken += 1;
        account.update(|answered| answered.found += 1);
        self.search.fields().apply(&mut item);
        (self.take)(item)?;
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

async fn in_turn(answers: Vec<Answer>, search: &Search, take: &mut impl FnMut(Item) -> ControlFlow<()>) -> Result<()> {
    let mut counter = Counter::new(search, take);
    if counter.is_full() {
        return Ok(());
    }
    for mut answer in answers {
        while let Some(item) = answer.items.next().await {
            let item = item?;
            if counter.is_new(&item) && counter.hand_on(item, &answer.account).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn sorted(answers: Vec<Answer>, search: &Search, take: &mut impl FnMut(Item) -> ControlFlow<()>) -> Result<()> {
    let accounts: Vec<Account> = answers.iter().map(|answer| answer.account.clone()).collect();
    let most = search.max_items().unwrap_or(usize::MAX);
    let all = join_all(answers.into_iter().map(|mut answer| async move {
        let is_sorted = answer.account.get().there.contains(Part::Sort);
        let mut items = Vec::new();
        while let Some(item) = answer.items.next().await {
            items.push(item?);
            // Duplicates among them make up for no more than are beside them: at worst the source repeats every item.
            if is_sorted && items.len() >= most.saturating_mul(2) {
                break;
            }
        }
        Ok::<_, Error>(items)
    }));
    let mut counter = Counter::new(search, take);
    let mut found = Vec::new();
    for (items, account) in all.await.into_iter().zip(&accounts) {
        found.extend(items?.into_iter().filter(|item| counter.is_new(item)).map(|item| (item, account)));
    }
    found.sort_by(|(a, _), (b, _)| search.order(a, b));
    for (item, account) in found {
        if counter.is_full() || counter.hand_on(item, account).is_break() {
            break;
        }
    }
    Ok(())
}
