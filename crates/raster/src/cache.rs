//! Decoded blocks, shared between readers, bounded in bytes; a block wanted by several is fetched and decoded once.

use crate::window::{Blocks, ReadPlan};

/// Bounded store of decoded blocks. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct BlockCache {}

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

impl BlockCache {
    /// A cache of at most `max_bytes` of decoded pixels; 0 keeps nothing.
    pub fn new(max_bytes: u64) -> Self {
        unimplemented!("{max_bytes}")
    }

    /// The plan's blocks, if all of them are held: the fast way, without async and without copying.
    pub fn lookup(&self, plan: &ReadPlan) -> Option<Blocks> {
        unimplemented!("{plan:?}")
    }

    /// Hits, misses and bytes so far.
    pub fn statistics(&self) -> CacheStatistics {
        unimplemented!()
    }
}
