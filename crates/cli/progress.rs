//! How far a long command has come: a bar on a terminal, a plain line now and then anywhere else. Goes to standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Lines that are not on a terminal come at most this often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The progress of one stage.
#[derive(Debug)]
pub(crate) struct Progress {
    stage: String,
    total: u64,
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    /// Starts a stage of `total` pieces of work.
    pub(crate) fn new(stage: &str, total: u64, unit: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let template = format!("{{prefix}} {{wide_bar}} {{pos}}/{{len}} {unit} {{msg}} [{{eta}}]");
            let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style).with_prefix(stage.to_owned())
        });
        Self { stage: stage.to_owned(), total, bar, told: Instant::now() }
    }

    /// Says that `done` pieces are done, and how things stand. A plain line is written for the first and the last piece
    /// and every few seconds between.
    pub(crate) fn at(&mut self, done: u64, how: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(how());
            }
            None if done == 1 || done == self.total || self.told.elapsed() >= PLAIN_EVERY => {
                self.told = Instant::now();
                eprintln!("{}", line(&self.stage, done, self.total, &how()));
            }
            None => {}
        }
    }

    /// Ends the stage; the bar stays as it is.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.abandon();
        }
    }
}

/// How a stage stands, for where there is no bar.
fn line(stage: &str, done: u64, total: u64, how: &str) -> String {
    format!("{stage} {done}/{total} {how}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_does_not_end_in_a_space() {
        assert_eq!(line("predict", 1, 3, ""), "predict 1/3");
        assert_eq!(line("train", 1, 3, "loss 0.5"), "train 1/3 loss 0.5");
    }
}
