//! Decoded blocks, shared between readers, bounded in bytes; a block wanted by several is fetched and decoded once.
//!
//! One lock guards the table. It is held for a few hash look-ups per window, microseconds against the milliseconds that a
//! block takes to decode; and one table rather than shards keeps the whole bound usable for blocks of megabytes.

mod slot;

pub(crate) use slot::{Claim, Slot};

use crate::window::{Block, Blocks, ReadPlan};
use crate::{Samples, with_samples};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Which block of which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BlockKey {
    pub(crate) raster: u64,
    pub(crate) level: usize,
    pub(crate) is_mask: bool,
    pub(crate) block: usize,
}

/// Bounded store of decoded blocks. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct BlockCache {
    table: Arc<Mutex<Table>>,
}

/// What a cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatistics {
    /// Blocks found.
    pub hits: u64,
    /// Blocks not found.
    pub misses: u64,
    /// Bytes held now.
    pub held_bytes: u64,
}

#[derive(Debug)]
struct Table {
    max_bytes: u64,
    statistics: CacheStatistics,
    held: HashMap<BlockKey, Entry>,
    /// Keys in the order in which they are considered for removal.
    clock: VecDeque<BlockKey>,
    /// Blocks that are being fetched or decoded.
    under_way: HashMap<BlockKey, Weak<Slot>>,
    /// Dropped blocks, whose memory the next ones are decoded into: fresh megabytes cost page faults on every block.
    spare: Vec<Samples>,
}

/// Dropped blocks that are kept, at most; enough for a block and its label on each of a few threads.
const SPARE: usize = 8;

#[derive(Debug)]
struct Entry {
    block: Arc<Block>,
    was_used: bool,
}

/// A block as the cache has it.
#[derive(Debug)]
pub(crate) enum Found {
    Held(Arc<Block>),
    UnderWay(Arc<Slot>),
}

impl BlockCache {
    /// A cache of at most `max_bytes` of decoded pixels; 0 keeps nothing.
    pub fn new(max_bytes: u64) -> Self {
        let table = Table {
            max_bytes,
            statistics: CacheStatistics::default(),
            held: HashMap::new(),
            clock: VecDeque::new(),
            under_way: HashMap::new(),
            spare: Vec::new(),
        };
        BlockCache { table: Arc::new(Mutex::new(table)) }
    }

    /// The plan's blocks, if all of them are held: the fast way, without async and without copying.
    pub fn lookup(&self, plan: &ReadPlan) -> Option<Blocks> {
        let mut table = self.lock();
        let mut all = |is_mask: bool, blocks: &[usize]| {
            let held = blocks.iter().map(|block| table.get(&plan.key(is_mask, *block)).map(Some));
            held.collect::<Option<Vec<_>>>()
        };
        let blocks = all(false, &plan.blocks)?;
        let mask_blocks = all(true, &plan.mask_blocks)?;
        let alpha_blocks = all(false, &plan.alpha_blocks)?;
        table.statistics.hits += plan.block_count() as u64;
        Some(Blocks { plan: plan.clone(), blocks, mask_blocks, alpha_blocks })
    }

    /// Memory that reading the plans will take besides the cache: blocks that it does not hold, each once, compressed and
    /// decoded.
    pub fn missing_bytes<'a>(&self, plans: impl IntoIterator<Item = &'a ReadPlan>) -> u64 {
        let table = self.lock();
        let mut seen = HashSet::new();
        let mut bytes = 0_u64;
        for plan in plans {
            for key in plan.keys() {
                if !table.held.contains_key(&key) && seen.insert(key) {
                    bytes = bytes.saturating_add(plan.block_bytes(key));
                }
            }
        }
        bytes
    }

    /// Hits, misses and bytes so far.
    pub fn statistics(&self) -> CacheStatistics {
        self.lock().statistics
    }

    /// Each block, held or under way; one that is neither becomes under way with an unclaimed slot.
    pub(crate) fn find(&self, keys: &[BlockKey]) -> Vec<Found> {
        let mut table = self.lock();
        keys.iter().map(|key| table.find(*key)).collect()
    }

    /// Keeps a decoded block, and drops others if it must.
    pub(crate) fn keep(&self, key: BlockKey, block: &Arc<Block>) {
        self.lock().keep(key, block);
    }

    /// A dropped block of as many values, to be written over.
    pub(crate) fn spare(&self, values: usize) -> Option<Samples> {
        let spare = &mut self.lock().spare;
        let at = spare.iter().position(|samples| with_samples!(samples, array => array.len()) == values)?;
        Some(spare.swap_remove(at))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // The table is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn get(&mut self, key: &BlockKey) -> Option<Arc<Block>> {
        let entry = self.held.get_mut(key)?;
        entry.was_used = true;
        Some(entry.block.clone())
    }

    fn find(&mut self, key: BlockKey) -> Found {
        if let Some(block) = self.get(&key) {
            self.statistics.hits += 1;
            return Found::Held(block);
        }
        self.statistics.misses += 1;
        if let Some(slot) = self.under_way.get(&key).and_then(Weak::upgrade) {
            return Found::UnderWay(slot);
        }
        // Slots that nobody waits for any more leave dead entries behind.
        if self.under_way.len() >= 4096 {
            self.under_way.retain(|_, slot| slot.strong_count() > 0);
        }
        let slot = Arc::new(Slot::new(key));
        self.under_way.insert(key, Arc::downgrade(&slot));
        Found::UnderWay(slot)
    }

    fn keep(&mut self, key: BlockKey, block: &Arc<Block>) {
        self.under_way.remove(&key);
        let bytes = block.samples.size_bytes() as u64;
        if bytes > self.max_bytes || self.held.contains_key(&key) {
            return;
        }
        // Twice round: the first may only clear marks.
        let mut looks = 2 * self.clock.len();
        while self.statistics.held_bytes.saturating_add(bytes) > self.max_bytes {
            if looks == 0 {
                return;
            }
            looks -= 1;
            let Some(candidate) = self.clock.pop_front() else { return };
            let Some(entry) = self.held.get_mut(&candidate) else { continue };
            // A block used since it was last considered gets another round. One that is in use now would free no memory.
            if std::mem::take(&mut entry.was_used) || Arc::strong_count(&entry.block) > 1 {
                self.clock.push_back(candidate);
            } else if let Some(entry) = self.held.remove(&candidate) {
                self.statistics.held_bytes -= entry.block.samples.size_bytes() as u64;
                if let Ok(block) = Arc::try_unwrap(entry.block) {
                    // The oldest gives way: sizes that nobody asks for do not stay.
                    if self.spare.len() == SPARE {
                        self.spare.remove(0);
                    }
                    self.spare.push(block.samples);
                }
            }
        }
        self.statistics.held_bytes += bytes;
        self.held.insert(key, Entry { block: block.clone(), was_used: false });
        self.clock.push_back(key);
    }
}

impl ReadPlan {
    pub(crate) fn key(&self, is_mask: bool, block: usize) -> BlockKey {
        BlockKey { raster: self.raster.id, level: self.request.level, is_mask, block }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn key(block: usize) -> BlockKey {
        BlockKey { raster: 1, level: 0, is_mask: false, block }
    }

    fn block() -> Arc<Block> {
        Arc::new(Block { samples: Samples::filled(DType::U8, (1, 10, 10), 0.0) })
    }

    #[test]
    fn bytes_stay_within_the_bound_and_used_blocks_stay() {
        let cache = BlockCache::new(300);
        for i in 0..3 {
            cache.keep(key(i), &block());
        }
        assert!(matches!(cache.find(&[key(0)])[0], Found::Held(_)));
        cache.keep(key(3), &block());
        assert_eq!(cache.statistics().held_bytes, 300);
        assert!(matches!(cache.find(&[key(0)])[0], Found::Held(_)));
        assert!(matches!(cache.find(&[key(1)])[0], Found::UnderWay(_)));
    }

    #[test]
    fn a_block_in_use_stays_and_none_is_kept_beyond_the_bound() {
        let cache = BlockCache::new(200);
        let used: Vec<_> = (0..2).map(|_| block()).collect();
        for (i, block) in used.iter().enumerate() {
            cache.keep(key(i), block);
        }
        cache.keep(key(2), &block());
        assert!(matches!(cache.find(&[key(2)])[0], Found::UnderWay(_)));
        assert_eq!(cache.statistics().held_bytes, 200);
        drop(used);
        cache.keep(key(3), &block());
        assert!(matches!(cache.find(&[key(3)])[0], Found::Held(_)));
        assert_eq!(cache.statistics().held_bytes, 200);
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let cache = BlockCache::new(0);
        cache.keep(key(0), &block());
        assert_eq!(cache.statistics().held_bytes, 0);
    }

    #[test]
    fn two_who_want_the_same_block_get_the_same_slot() {
        let cache = BlockCache::new(0);
        let (Found::UnderWay(a), Found::UnderWay(b)) =
            (cache.find(&[key(0)]).remove(0), cache.find(&[key(0)]).remove(0))
        else {
            unreachable!("nothing is held")
        };
        assert!(Arc::ptr_eq(&a, &b));
    }
}
