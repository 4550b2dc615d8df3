//! Loss and learning rate over the steps of every run, overlaid.

use super::model::{Run, RunReport, Step};
use super::palette;
use super::svg::{Axis, Chart, escape};

const SIZE: [f64; 2] = [380.0, 250.0];
const MARGIN: [f64; 4] = [38.0, 30.0, 10.0, 36.0];
/// More points than this are averaged: a line has no more pixels to show them.
const POINTS: usize = 600;

/// The section, or nothing when no run recorded a step.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let runs: Vec<(usize, &Run)> = report.runs.iter().enumerate().filter(|(_, run)| !run.steps.is_empty()).collect();
    if runs.is_empty() {
        return None;
    }
    let window = runs.iter().map(|(_, run)| smoothing(run.steps.len())).max().unwrap_or(1);
    let validated = runs.iter().any(|(_, run)| run.validations.iter().any(|validation| validation.loss.is_some()));
    let points = if validated { " Rings: mean loss on held-out data." } else { "" };
    Some(format!(
        r#"{}<div class="pair"><figure>{}<figcaption>Loss of each batch (faint) and its running mean over {window} steps.{points}</figcaption></figure><figure>{}<figcaption>Learning rate of each step.</figcaption></figure></div>{}"#,
        legend(&runs),
        loss(&runs),
        rate(&runs),
        validation_table(&runs)
    ))
}

/// Names of the runs beside a piece of their line.
pub(super) fn legend(runs: &[(usize, &Run)]) -> String {
    let items: String = runs
        .iter()
        .map(|(index, run)| {
            let (colour, dash) = palette::line(*index);
            format!(
                r#"<li><svg viewBox="0 0 32 8" aria-hidden="true"><path d="M0 4H32" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/></svg>{}</li>"#,
                escape(&run.name)
            )
        })
        .collect();
    format!(r#"<ul class="legend" aria-label="Runs">{items}</ul>"#)
}

fn loss(runs: &[(usize, &Run)]) -> String {
    let mut losses: Vec<f64> = runs.iter().flat_map(|(_, run)| run.steps.iter().map(|step| step.loss)).collect();
    losses.extend(runs.iter().flat_map(|(_, run)| run.validations.iter().filter_map(|validation| validation.loss)));
    losses.retain(|loss| loss.is_finite());
    let (low, high) = losses.iter().fold((0.0f64, 0.0f64), |(low, high), &loss| (low.min(loss), high.max(loss)));
    let mut chart = Chart::new(steps_axis(runs), Axis::round(low, high, 5), SIZE, MARGIN);
    chart.horizontal_grid("loss");
    chart.lower_axis("step");
    for (index, run) in runs {
        let (colour, _) = palette::line(*index);
        let points = thinned(&run.steps, |step| step.loss);
        chart.line(points.into_iter(), &format!(r#"stroke="{colour}" stroke-width="1" opacity=".28""#));
    }
    for (index, run) in runs {
        let (colour, dash) = palette::line(*index);
        let means = running_mean(&run.steps, smoothing(run.steps.len()));
        let points = thinned(&means, |step| step.loss);
        chart.line(points.into_iter(), &format!(r#"stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}""#));
        for validation in &run.validations {
            if let Some(loss) = validation.loss.filter(|loss| loss.is_finite()) {
                let (x, y) = (chart.px(validation.step as f64), chart.py(loss));
                chart.add(&format!(
                    r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.2" fill="white" stroke="{colour}" stroke-width="1.8"/>"#
                ));
            }
        }
    }
    chart.finish("Loss by step", &described(runs, "ends at a mean loss of", |run| last_mean(&run.steps)))
}

fn rate(runs: &[(usize, &Run)]) -> String {
    let peak = |run: &Run| run.steps.iter().map(|step| step.learning_rate).fold(0.0, f64::max);
    let high = runs.iter().map(|(_, run)| peak(run)).fold(0.0, f64::max);
    let mut chart = Chart::new(steps_axis(runs), Axis::round(0.0, high, 4), SIZE, MARGIN);
    chart.horizontal_grid("learning rate");
    chart.lower_axis("step");
    for (index, run) in runs {
        let (colour, dash) = palette::line(*index);
        let points = thinned(&run.steps, |step| step.learning_rate);
        chart.line(points.into_iter(), &format!(r#"stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}""#));
    }
    chart.finish("Learning rate by step", &described(runs, "peaks at", peak))
}

fn steps_axis(runs: &[(usize, &Run)]) -> Axis {
    let last = runs.iter().filter_map(|(_, run)| run.steps.last()).map(|step| step.step).max().unwrap_or(1);
    let mut axis = Axis::exact(0.0, last as f64, 6);
    axis.ticks.retain(|tick| tick.fract() == 0.0);
    axis
}

fn described(runs: &[(usize, &Run)], verb: &str, value: impl Fn(&Run) -> f64) -> String {
    runs.iter().map(|(_, run)| format!("{} {verb} {:.3e}", run.name, value(run))).collect::<Vec<_>>().join("; ")
}

/// Width of the running mean: a twentieth of the run.
fn smoothing(steps: usize) -> usize {
    (steps / 20).clamp(1, 200)
}

/// Every step with its loss replaced by the mean of the last `window` ones.
fn running_mean(steps: &[Step], window: usize) -> Vec<Step> {
    let mean = |end: usize| {
        let part = &steps[end.saturating_sub(window - 1)..=end];
        part.iter().map(|step| step.loss).sum::<f64>() / part.len() as f64
    };
    steps.iter().enumerate().map(|(index, step)| Step { loss: mean(index), ..*step }).collect()
}

fn last_mean(steps: &[Step]) -> f64 {
    running_mean(steps, smoothing(steps.len())).last().map_or(f64::NAN, |step| step.loss)
}

/// At most [`POINTS`] points; each stands for the mean of its neighbours.
fn thinned(steps: &[Step], value: impl Fn(&Step) -> f64) -> Vec<(f64, f64)> {
    let chunk = steps.len().div_ceil(POINTS).max(1);
    let mean = |part: &[Step]| part.iter().map(&value).sum::<f64>() / part.len() as f64;
    steps.chunks(chunk).map(|part| (part[part.len() / 2].step as f64, mean(part))).collect()
}

fn validation_table(runs: &[(usize, &Run)]) -> String {
    let rows: String = runs
        .iter()
        .flat_map(|(_, run)| run.validations.iter().map(move |validation| (run, validation)))
        .map(|(run, validation)| {
            let show = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
            format!(
                r#"<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>"#,
                escape(&run.name),
                validation.step,
                show(validation.loss),
                show(validation.miou)
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        r#"<details><summary>Held-out scores during training</summary><div class="scroll" tabindex="0" role="region" aria-label="Held-out scores during training"><table><thead><tr><th scope="col">run</th><th scope="col">step</th><th scope="col">loss</th><th scope="col">mIoU</th></tr></thead><tbody>{rows}</tbody></table></div></details>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(losses: &[f64]) -> Vec<Step> {
        (1..).zip(losses).map(|(step, &loss)| Step { step, loss, learning_rate: 0.1 }).collect()
    }

    #[test]
    fn the_running_mean_looks_back_only() {
        let means: Vec<f64> = running_mean(&steps(&[4.0, 2.0, 0.0, 2.0]), 2).iter().map(|step| step.loss).collect();
        assert_eq!(means, [4.0, 3.0, 1.0, 1.0]);
    }

    #[test]
    fn long_runs_are_thinned_to_their_means() {
        let points = thinned(&steps(&vec![1.0; 5_000]), |step| step.loss);
        assert!(points.len() <= POINTS && points.iter().all(|point| point.1 == 1.0));
    }

    #[test]
    fn a_loss_that_is_not_a_number_still_draws() {
        let run = Run { name: "x".into(), steps: steps(&[1.0, f64::NAN, 2.0]), ..Run::default() };
        assert!(!loss(&[(0, &run)]).contains("NaN,") && !loss(&[(0, &run)]).contains("LNaN"));
    }
}
