//! One block on its way: unclaimed, being fetched, compressed, being decoded, done. Whoever claims a step does it for all.

use super::BlockKey;
use crate::window::Block;
use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A block that is being fetched or decoded.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: BlockKey,
    state: Mutex<State>,
    /// Wakes who waits for a fetch.
    fetched: tokio::sync::Notify,
    /// Wakes who waits for a decode.
    decoded: Condvar,
}

#[derive(Clone, Debug)]
enum State {
    Unclaimed,
    Fetching,
    Compressed(Bytes),
    Decoding,
    Done(Arc<Block>),
    /// Could not be had, or does not decode: the reason.
    Lost(Arc<str>),
}

/// A claim to fetch a block. Dropped before [`Claim::fulfil`], it lets another claim it.
#[derive(Debug)]
pub(crate) struct Claim {
    slot: Arc<Slot>,
    is_fulfilled: bool,
}

impl Slot {
    pub(super) fn new(key: BlockKey) -> Self {
        let (fetched, decoded) = (tokio::sync::Notify::new(), Condvar::new());
        Slot { key, state: Mutex::new(State::Unclaimed), fetched, decoded }
    }

    /// The right to fetch, if nobody has it or had it.
    pub(crate) fn claim(self: &Arc<Self>) -> Option<Claim> {
        let mut state = self.lock();
        matches!(*state, State::Unclaimed).then(|| {
            *state = State::Fetching;
            Claim { slot: self.clone(), is_fulfilled: false }
        })
    }

    /// Waits for whoever fetches; gives the claim where that one gave up.
    pub(crate) async fn wait_or_claim(self: &Arc<Self>) -> Option<Claim> {
        loop {
            let notified = self.fetched.notified();
            tokio::pin!(notified);
            // Registered before the state is looked at, so that no wake-up is missed in between.
            notified.as_mut().enable();
            if let Some(claim) = self.claim() {
                return Some(claim);
            }
            if !matches!(*self.lock(), State::Fetching) {
                return None;
            }
            notified.await;
        }
    }

    /// The decoded block, decoded by `decode` if nobody did it yet; the reason where it is lost.
    pub(crate) fn block(&self, decode: impl FnOnce(&[u8]) -> Result<Block, String>) -> Result<Arc<Block>, Arc<str>> {
        let mut state = self.lock();
        let compressed = loop {
            match &*state {
                State::Done(block) => return Ok(block.clone()),
                State::Lost(reason) => return Err(reason.clone()),
                State::Compressed(bytes) => break bytes.clone(),
                State::Decoding => state = self.decoded.wait(state).unwrap_or_else(PoisonError::into_inner),
                State::Unclaimed | State::Fetching => return Err("it was not fetched".into()),
            }
        };
        *state = State::Decoding;
        drop(state);
        // Were `decode` to panic, whoever waits would wait for ever.
        let mut outcome = Outcome { slot: self, state: Some(State::Lost("decoding it was interrupted".into())) };
        let (result, state) = match decode(&compressed).map(Arc::new) {
            Ok(block) => (Ok(block.clone()), State::Done(block)),
            Err(reason) => {
                let reason: Arc<str> = reason.into();
                (Err(reason.clone()), State::Lost(reason))
            }
        };
        outcome.state = Some(state);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets a slot's last state and wakes who waits for it, whatever happens.
struct Outcome<'a> {
    slot: &'a Slot,
    state: Option<State>,
}

impl Drop for Outcome<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            *self.slot.lock() = state;
        }
        self.slot.decoded.notify_all();
    }
}

impl Claim {
    pub(crate) fn key(&self) -> BlockKey {
        self.slot.key
    }

    /// Hands over the compressed bytes, or the reason why there are none.
    pub(crate) fn fulfil(mut self, outcome: Result<Bytes, Arc<str>>) {
        *self.slot.lock() = match outcome {
            Ok(bytes) => State::Compressed(bytes),
            Err(reason) => State::Lost(reason),
        };
        self.is_fulfilled = true;
    }

    /// Hands over a block that needs no bytes, such as one that the file leaves out.
    pub(crate) fn fulfil_with(mut self, block: Arc<Block>) {
        *self.slot.lock() = State::Done(block);
        self.is_fulfilled = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_fulfilled {
            *self.slot.lock() = State::Unclaimed;
        }
        self.slot.fetched.notify_waiters();
    }
}
