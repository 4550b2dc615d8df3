//! One bound for the memory that reading takes: parts of it are given away for good, the rest is reserved and returned.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reservations are counted in units of 4 KiB, since a semaphore's permits are 32-bit.
const UNIT_BYTES: u64 = 4096;

/// Bytes that all readers of a process may hold between them. Cheap to clone; clones share the bound.
///
/// Caches take their part when they are made ([`MemoryBudget::take`]); whoever works ahead reserves what the work will hold
/// ([`MemoryBudget::reserve`]) and waits while others hold too much.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    free: Arc<Semaphore>,
    bytes: u64,
}

/// Bytes reserved; dropping it returns them.
#[derive(Debug)]
pub struct Reserved {
    _permit: Option<OwnedSemaphorePermit>,
}

impl MemoryBudget {
    /// A budget of `bytes`, rounded down to 4 KiB; at most 1 TiB.
    pub fn new(bytes: u64) -> Self {
        let units = (bytes / UNIT_BYTES).clamp(1, 1 << 28);
        MemoryBudget { free: Arc::new(Semaphore::new(units as usize)), bytes: units * UNIT_BYTES }
    }

    /// All of it, what was taken included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is neither taken nor reserved now.
    pub fn free_bytes(&self) -> u64 {
        self.free.available_permits() as u64 * UNIT_BYTES
    }

    /// Takes a share of the whole for good, and says how many bytes that is; less where others hold the rest.
    pub fn take(&self, share: f64) -> u64 {
        let units = (self.bytes as f64 * share.clamp(0.0, 1.0)) as usize / UNIT_BYTES as usize;
        self.free.forget_permits(units) as u64 * UNIT_BYTES
    }

    /// Waits until `bytes` are free and reserves them. What is more than `most` waits for no more than that: work that is
    /// larger than the budget is done alone rather than never.
    pub async fn reserve(&self, bytes: u64, most: u64) -> Reserved {
        let units = (bytes.min(most) / UNIT_BYTES).clamp(1, 1 << 28) as u32;
        // The semaphore lives as long as this budget and is never closed.
        Reserved { _permit: self.free.clone().acquire_many_owned(units).await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_stays_and_what_is_reserved_returns() {
        let budget = MemoryBudget::new(1 << 20);
        assert_eq!(budget.take(0.5), 1 << 19);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let first = budget.reserve(300 << 10, 1 << 19).await;
            assert_eq!(budget.free_bytes(), (512 - 300) << 10);
            // The second fits only once the first is returned.
            let second = budget.reserve(400 << 10, 1 << 19);
            tokio::pin!(second);
            assert!(futures::poll!(second.as_mut()).is_pending());
            drop(first);
            let second = second.await;
            assert_eq!(budget.free_bytes(), (512 - 400) << 10);
            drop(second);
            let _larger_than_all = budget.reserve(u64::MAX, 1 << 19).await;
            assert_eq!(budget.free_bytes(), 0);
        });
    }
}
