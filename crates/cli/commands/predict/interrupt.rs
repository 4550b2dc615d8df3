//! Ctrl-C: the first one ends mapping after the batch in work, finished rows kept; the second one ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Ended by Ctrl-C, the finished rows kept.
#[derive(Debug)]
pub(crate) struct Interrupted {
    pub(super) rows: usize,
    pub(super) height: usize,
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stopped after {} of {} rows; the same command goes on from there", self.rows, self.height)
    }
}

impl std::error::Error for Interrupted {}

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether mapping is to end.
pub(super) fn is_asked() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Watches for Ctrl-C from now on; a command that trained before watches already, in its own way.
pub(super) fn watch() -> Result<()> {
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("stopping after this batch; press Ctrl-C again to end at once");
    };
    match ctrlc::set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(error).context("cannot watch for Ctrl-C"),
    }
}
