//! Scores as tables for a terminal.

use super::{Brief, ClassScores, Comparison, Interval, Scores};

fn score(value: Option<f64>) -> String {
    value.map_or("absent".to_owned(), |value| format!("{value:.4}"))
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.4}"))
}

fn between(interval: Interval) -> String {
    interval.map_or_else(String::new, |[low, high]| format!(" [{low:.4}, {high:.4}]"))
}

impl Scores {
    /// A table for a terminal.
    pub(crate) fn table(&self) -> String {
        let width = self.classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0).max(5);
        let mut text = format!(
            "{:width$}  {:>7} {:>16} {:>7} {:>9} {:>7} {:>8} {:>11}\n",
            "class", "IoU", "95 % interval", "F1", "precision", "recall", "boundary", "support"
        );
        for (index, ClassScores { name, metrics: m, boundary_iou }) in self.classes.iter().enumerate() {
            let (iou, f1, precision, recall) = (score(m.iou), score(m.f1), score(m.precision), score(m.recall));
            let interval = self.intervals.classes.get(index).and_then(|class| class.iou);
            let interval = interval.map_or("–".to_owned(), |[low, high]| format!("{low:.4} – {high:.4}"));
            text += &format!(
                "{name:width$}  {iou:>7} {interval:>16} {f1:>7} {precision:>9} {recall:>7} {:>8} {:>11}\n",
                or_dash(*boundary_iou),
                m.support
            );
        }
        let intervals = &self.intervals;
        text += &format!(
            "mean IoU {}{}, overall accuracy {}{}, kappa {}\nboundary IoU {} within {} px, calibration error {}, {} pixels ({} left out)",
            score(self.mean_iou),
            between(intervals.mean_iou),
            score(self.overall_accuracy),
            between(intervals.overall_accuracy),
            or_dash(self.kappa),
            or_dash(self.mean_boundary_iou),
            self.boundary_px,
            or_dash(self.expected_calibration_error),
            self.pixels,
            self.ignored
        );
        text += &self.baselines();
        if !self.absent.is_empty() {
            text += &format!("\nin no mean, being neither true nor predicted: {}", self.absent.join(", "));
        }
        if intervals.blocks < 2 {
            text += "\nno intervals: all judged ground lies in one block; give a smaller --block-px";
        }
        text
    }

    /// A line for each answer without a network.
    fn baselines(&self) -> String {
        let line = |name: &str, brief: &Brief| {
            let (miou, accuracy) = (score(brief.mean_iou), score(brief.overall_accuracy));
            format!("\nbeside it, {name}: mean IoU {miou}, overall accuracy {accuracy}")
        };
        let baselines = &self.baselines;
        let mut text = String::new();
        if let Some(constant) = &baselines.constant {
            text += &line(&constant.name, &constant.brief);
        }
        if let Some(other) = &baselines.other_date {
            text += &line(&other.name, &other.brief);
            if let Some(there) = baselines.network_there.as_ref().filter(|there| there.pixels < self.pixels) {
                let (miou, accuracy) = (score(there.mean_iou), score(there.overall_accuracy));
                text += &format!(" (the network there: {miou}, {accuracy})");
            }
        }
        text + "\n" + &baselines.remark
    }
}

impl Comparison {
    /// One row a network, then the answers without one.
    pub(crate) fn table(&self) -> String {
        let names = self.models.iter().map(|model| model.name.chars().count());
        let width = names.max().unwrap_or(0).max("label of another date".len());
        let mut text = format!(
            "{:width$}  {:>8} {:>16} {:>8} {:>8} {:>8}  {}\n",
            "model", "mean IoU", "95 % interval", "accuracy", "boundary", "ECE", "difference"
        );
        for model in &self.models {
            let scores = &model.scores;
            let interval =
                scores.intervals.mean_iou.map_or("–".to_owned(), |[low, high]| format!("{low:.4} – {high:.4}"));
            let difference = model.difference.map_or("–".to_owned(), |difference| {
                format!("{difference:+.4}{}", between(model.difference_interval))
            });
            text += &format!(
                "{:width$}  {:>8} {interval:>16} {:>8} {:>8} {:>8}  {difference}\n",
                model.name,
                score(scores.mean_iou),
                score(scores.overall_accuracy),
                or_dash(scores.mean_boundary_iou),
                or_dash(scores.expected_calibration_error),
            );
        }
        if let Some(first) = self.models.first() {
            let baselines = &first.scores.baselines;
            for baseline in baselines.constant.iter().chain(&baselines.other_date) {
                let (miou, accuracy) = (score(baseline.brief.mean_iou), score(baseline.brief.overall_accuracy));
                text += &format!(
                    "{:width$}  {miou:>8} {:>16} {accuracy:>8} {:>8} {:>8}  –\n",
                    baseline.name, "–", "–", "–"
                );
            }
            text += &baselines.remark;
        }
        for remark in &self.remarks {
            text += &format!("\n{remark}");
        }
        text
    }
}
