//! A plan's blocks once fetched, and their decoding.

use super::{FailurePolicy, Record};
use crate::cache::{BlockKey, Found};
use crate::window::{Block, Blocks, ReadPlan};
use crate::{BlockCache, Error, Result, decode};
use std::sync::Arc;

/// A plan's blocks, compressed or already decoded by the cache. Decoding needs no reader.
#[derive(Debug)]
pub struct Fetched {
    pub(super) plan: ReadPlan,
    /// In the order of [`ReadPlan::keys`].
    pub(super) found: Vec<Found>,
    pub(super) cache: BlockCache,
    pub(super) policy: FailurePolicy,
    pub(super) record: Arc<Record>,
}

impl Fetched {
    /// Decodes what is still compressed, on the calling thread, and leaves it in the cache. A block that another thread is
    /// decoding is waited for.
    ///
    /// # Errors
    /// [`Error::Decode`] where a block's bytes are not what its header says and the policy is not [`FailurePolicy::Mask`].
    pub fn decode(self) -> Result<Blocks> {
        let keys = self.plan.keys();
        let mut decoded = Vec::with_capacity(keys.len());
        for (key, found) in keys.iter().zip(&self.found) {
            decoded.push(match found {
                Found::Held(block) => Some(block.clone()),
                Found::UnderWay(slot) => {
                    let result = slot.block(|bytes| self.decode_one(*key, bytes));
                    self.settle(*key, result)?
                }
            });
        }
        let mut decoded = decoded.into_iter();
        let mut next = |count: usize| decoded.by_ref().take(count).collect::<Vec<_>>();
        let (blocks, mask_blocks) = (next(self.plan.blocks.len()), next(self.plan.mask_blocks.len()));
        let alpha_blocks = next(self.plan.alpha_blocks.len());
        Ok(Blocks { plan: self.plan, blocks, mask_blocks, alpha_blocks })
    }

    fn decode_one(&self, key: BlockKey, bytes: &[u8]) -> std::result::Result<Block, String> {
        match self.plan.level_of(key) {
            Some(level) => {
                let spare = self.cache.spare(decode::value_count(level, key.block));
                decode::decode(level, key.block, bytes, spare)
            }
            None => Err("there is no such level".to_owned()),
        }
    }

    fn settle(&self, key: BlockKey, result: std::result::Result<Arc<Block>, Arc<str>>) -> Result<Option<Arc<Block>>> {
        match result {
            Ok(block) => {
                self.cache.keep(key, &block);
                Ok(Some(block))
            }
            Err(reason) => {
                let href = &self.plan.raster().href;
                self.record.add(href, key, &reason);
                if self.policy == FailurePolicy::Mask {
                    return Ok(None);
                }
                let codec = self.plan.level_of(key).map_or("unknown", |level| level.compression.name());
                let (level, block) = (key.level, key.block);
                Err(Error::Decode { href: href.clone(), level, block, codec, reason: reason.to_string() })
            }
        }
    }
}
