//! Ctrl-C: the first one ends a long command after the piece in work, what is done kept; the second one ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::failure::INTERRUPTED;

/// Ended by Ctrl-C: how far it came, and how to go on.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Raised by the first Ctrl-C.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the command is to end.
pub(crate) fn is_asked() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Watches for Ctrl-C from now on and says what is done before the end, as in "step"; a command of several long parts watches
/// already.
pub(crate) fn watch(piece: &'static str) -> Result<()> {
    let handler = move || {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("stopping after this {piece}; press Ctrl-C again to end at once");
    };
    match ctrlc::set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(error).context("cannot watch for Ctrl-C"),
    }
}
