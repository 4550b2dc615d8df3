//! Schedules against the rates that `torch.optim.lr_scheduler` gave, recorded by `vectors/schedules.py`.

use serde::Deserialize;
use swath_train::{Plateau, Schedule};

#[derive(Deserialize)]
struct Recorded {
    base: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    schedule: Schedule,
    steps: u64,
    rates: Vec<f64>,
    momenta: Option<Vec<f64>>,
    #[serde(default)]
    scores: Vec<f64>,
    #[serde(default)]
    larger_is_better: bool,
}

#[test]
fn every_schedule_follows_pytorch_at_every_step() {
    let recorded: Recorded = serde_json::from_str(include_str!("vectors/schedules.json")).unwrap();
    assert_eq!(recorded.cases.len(), 13);
    for Case { schedule, steps, rates, momenta, scores, larger_is_better } in recorded.cases {
        schedule.check(steps).unwrap();
        assert_eq!(rates.len() as u64, steps);
        let mut plateau = Plateau::default();
        for (step, wanted) in rates.into_iter().enumerate() {
            let rate = recorded.base * schedule.factor(step as u64, steps) * plateau.factor();
            // PyTorch multiplies from step to step where this computes at once: some ten roundings of 2^-53 a step over at
            // most 300 steps, 3e-13 of the base rate.
            assert!((rate - wanted).abs() <= 3e-13 * recorded.base, "{schedule:?} at {step}: {rate} against {wanted}");
            let momentum = schedule.momentum(step as u64, steps);
            match momenta.as_ref().map(|momenta| momenta[step]) {
                Some(wanted) => assert!((momentum.unwrap() - wanted).abs() <= 3e-13, "{schedule:?} at {step}"),
                None => assert_eq!(momentum, None, "{schedule:?}"),
            }
            if let Some(&score) = scores.get(step) {
                plateau.observe(&schedule, score, larger_is_better);
            }
        }
    }
}

#[test]
fn short_runs_and_late_steps_give_finite_rates() {
    let all = [
        r#"{"kind":"constant"}"#,
        r#"{"kind":"step","every":3}"#,
        r#"{"kind":"polynomial"}"#,
        r#"{"kind":"cosine"}"#,
        r#"{"kind":"one-cycle"}"#,
        r#"{"kind":"one-cycle","pct_start":0.0}"#,
        r#"{"kind":"one-cycle","pct_start":1.0}"#,
        r#"{"kind":"plateau"}"#,
    ];
    for text in all {
        let schedule: Schedule = serde_json::from_str(text).unwrap();
        for total in [1, 2, 3, 4, 10] {
            for step in 0..2 * total {
                let factor = schedule.factor(step, total);
                assert!((0.0..=1.0).contains(&factor), "{text} at {step} of {total}: {factor}");
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let refused = [
        (r#"{"kind":"step","every":0}"#, "every"),
        (r#"{"kind":"step","every":1,"gamma":-0.1}"#, "gamma"),
        (r#"{"kind":"cosine","warmup":10}"#, "warmup"),
        (r#"{"kind":"cosine","floor":1.5}"#, "floor"),
        (r#"{"kind":"one-cycle","pct_start":2.0}"#, "pct_start"),
        (r#"{"kind":"one-cycle","div_factor":0.0}"#, "div_factor"),
        (r#"{"kind":"one-cycle","max_momentum":1.5}"#, "max_momentum"),
        (r#"{"kind":"plateau","factor":-1.0}"#, "factor"),
    ];
    for (text, name) in refused {
        let message = serde_json::from_str::<Schedule>(text).unwrap().check(10).unwrap_err().to_string();
        assert!(message.starts_with(name), "{text}: {message}");
    }
    assert!(serde_json::from_str::<Schedule>(r#"{"kind":"one-cycle","pct-start":0.3}"#).is_err(), "a misspelt setting");
}
