//! Ctrl-C: the first one ends training after the step in work, its state saved; the second one ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Ended by Ctrl-C, the state saved.
#[derive(Debug)]
pub(crate) struct Interrupted {
    pub(super) step: u64,
    pub(super) total: u64,
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut command: Vec<String> = std::env::args().skip(1).filter(|word| word != "--overwrite").collect();
        if !command.iter().any(|word| word == "--resume") {
            command.push("--resume".to_owned());
        }
        write!(f, "stopped after {} of {} steps; go on with: swath {}", self.step, self.total, command.join(" "))
    }
}

impl std::error::Error for Interrupted {}

/// Raised by the first Ctrl-C; the second one ends the process at once.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

/// Watches for Ctrl-C from now on; a command that trains twice watches already.
pub(super) fn watch_for_ctrl_c() -> Result<()> {
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("stopping after this step; press Ctrl-C again to end at once");
    };
    match ctrlc::set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(error).context("cannot watch for Ctrl-C"),
    }
}
