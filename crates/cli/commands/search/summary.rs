//! What is said of a search beside its answer: how far it is, and which part of the question ran where.

use std::{
    io::IsTerminal,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressStyle};
use swath_catalog::source::{Account, Answered};

/// A bar on a terminal: as long as the sources say that there are items, where all of them say it.
#[derive(Default)]
pub(super) struct Progress {
    bar: OnceLock<ProgressBar>,
    done: AtomicU64,
}

impl Progress {
    pub(super) fn begin(&self, accounts: &[Account], max_items: Option<usize>) {
        // Where items go to the terminal themselves, a bar would be among them.
        if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
            return;
        }
        let matched = accounts.iter().map(|account| account.get().matched).sum::<Option<u64>>();
        let most = max_items.and_then(|most| u64::try_from(most).ok());
        let bar = match (matched, most) {
            (Some(matched), most) => ProgressBar::new(most.map_or(matched, |most| matched.min(most))),
            (None, _) => ProgressBar::new_spinner(),
        };
        let template =
            if matched.is_some() { "search {wide_bar} {pos}/{len} items [{eta}]" } else { "search {pos} items" };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let _ = self.bar.set(bar.with_style(style));
    }

    pub(super) fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = self.bar.get() {
            bar.set_position(done);
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

/// One line a source, on standard error.
pub(super) fn tell(answered: &[Answered]) {
    for answered in answered {
        eprintln!("{}", line(answered));
    }
}

fn line(answered: &Answered) -> String {
    let mut parts = Vec::new();
    if let Some(matched) = answered.matched {
        parts.push(format!("{matched} matched there"));
    }
    parts.push(format!("{} looked at here", answered.seen));
    parts.push(format!("{} found", answered.found));
    if answered.requests > 0 {
        parts.push(format!("{} documents or pages read", answered.requests));
    }
    let mut line = format!("{} ({}): {}", answered.source, answered.kind, parts.join(", "));
    for (parts, how) in [
        (answered.there, "answered by the source"),
        (answered.narrowed, "narrowed by the source"),
        (answered.here, "decided here"),
    ] {
        if !parts.is_empty() {
            line.push_str(&format!("; {how}: {parts}"));
        }
    }
    line
}
