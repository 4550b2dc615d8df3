//! The same work on many items, on as many threads as there are workers, its results in the order of the items.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Applies `work` to each item. A panic of `work` is passed on.
pub(crate) fn map<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let take = || {
            let mut own = Vec::new();
            while let Some((at, item)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
            {
                own.push((at, work(item)));
            }
            own
        };
        let handles: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(take)).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| match handle.join() {
            Ok(own) => own,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        handles.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
