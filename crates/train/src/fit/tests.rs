use super::*;

/// Scores and losses by script; remembers what the loop asked for.
#[derive(Default)]
struct Script {
    scores: Vec<f64>,
    losses: Vec<f32>,
    rates: Vec<f64>,
    validated: Vec<u64>,
    saved: Vec<(u64, Vec<Mark>)>,
    records: Vec<StepRecord>,
    last: Option<Progress>,
}

impl Task for Script {
    type Batch = usize;
    type Error = TrainError;

    fn step(&mut self, batch: usize, at: StepAt) -> Result<Stepped> {
        assert_eq!(batch as u64 + 1, at.step, "batches come in order");
        self.rates.push(at.learning_rate);
        Ok(Stepped { loss: self.losses.get(batch).copied().unwrap_or(1.0), samples: 4 })
    }

    fn validate(&mut self, step: u64) -> Result<Option<f64>> {
        self.validated.push(step);
        Ok(self.scores.get(self.validated.len() - 1).copied())
    }

    fn save(&mut self, progress: &Progress, marks: &[Mark]) -> Result<()> {
        self.saved.push((progress.step, marks.to_vec()));
        self.last = Some(progress.clone());
        Ok(())
    }

    fn record(&mut self, record: &StepRecord) {
        self.records.push(*record);
    }
}

fn run(script: &mut Script, options: &FitOptions) -> Summary {
    fit(script, (0..).map(Ok), options, Progress::default(), &AtomicBool::new(false)).unwrap()
}

fn steps(steps: u64) -> FitOptions {
    FitOptions { steps, schedule: Schedule::Constant, ..FitOptions::default() }
}

#[test]
fn it_validates_and_saves_when_due_and_once_at_the_end() {
    let mut script = Script { scores: vec![0.5, 0.4, 0.6], ..Script::default() };
    let options = FitOptions { validate_every: Some(4), save_every: Some(3), ..steps(10) };
    let summary = run(&mut script, &options);
    assert_eq!(summary.outcome, Outcome::Finished);
    assert_eq!(script.validated, [4, 8, 10]);
    let (both, last) = (vec![Mark::Best, Mark::Last], vec![Mark::Last]);
    assert_eq!(script.saved, [(3, last.clone()), (4, both.clone()), (6, last.clone()), (9, last), (10, both)]);
    assert_eq!(summary.progress.best, Some(Best { score: 0.6, step: 10 }));
    assert_eq!((summary.progress.step, summary.progress.samples), (10, 40));
    assert_eq!(script.records.len(), 10);
    assert!(script.records.iter().all(|r| r.samples_per_s > 0.0 && (0.0..=1.0).contains(&r.wait_share)));
}

#[test]
fn a_run_in_two_parts_decides_as_one_run() {
    let options = FitOptions {
        validate_every: Some(2),
        schedule: Schedule::Plateau { factor: 0.5, patience: 0, threshold: 0.0, cooldown: 0, floor: 0.0 },
        ..steps(12)
    };
    let scores = vec![0.1, 0.3, 0.2, 0.2, 0.5, 0.4];
    let mut whole = Script { scores: scores.clone(), ..Script::default() };
    let straight = run(&mut whole, &options);

    let mut first = Script { scores: scores.clone(), ..Script::default() };
    let until = FitOptions { until: Some(6), ..options.clone() };
    let paused = run(&mut first, &until);
    assert_eq!(paused.outcome, Outcome::Paused);
    let text = serde_json::to_string(first.last.as_ref().unwrap()).unwrap();
    let progress: Progress = serde_json::from_str(&text).unwrap();
    assert_eq!(progress, paused.progress);
    let mut second = Script { scores: scores[3..].to_vec(), ..Script::default() };
    let resumed = fit(&mut second, (6..).map(Ok), &options, progress, &AtomicBool::new(false)).unwrap();

    assert_eq!([first.rates, second.rates].concat(), whole.rates);
    assert!(whole.rates.windows(2).any(|pair| pair[1] < pair[0]), "the plateau lowers the rate");
    let timeless = |progress: Progress| Progress { elapsed_s: 0.0, ..progress };
    assert_eq!(timeless(resumed.progress), timeless(straight.progress));
}

#[test]
fn it_stops_early_after_too_many_validations_without_a_better_score() {
    let mut script = Script { scores: vec![0.5, 0.6, 0.6, 0.55, 0.7], ..Script::default() };
    let options = FitOptions { validate_every: Some(1), patience: Some(2), ..steps(100) };
    let summary = run(&mut script, &options);
    assert_eq!((summary.outcome, summary.progress.step), (Outcome::EarlyStopped, 4));
    assert_eq!(summary.progress.best, Some(Best { score: 0.6, step: 2 }));

    let mut script = Script { scores: vec![0.5, 0.4, 0.3, 0.35, 0.36], ..Script::default() };
    let summary = run(&mut script, &FitOptions { larger_is_better: false, ..options });
    assert_eq!(summary.progress.best, Some(Best { score: 0.3, step: 3 }), "smaller is better");

    let mut script = Script { scores: vec![0.5, 0.55, 0.58, 0.65], ..Script::default() };
    let options = FitOptions { validate_every: Some(1), patience: Some(2), min_delta: 0.1, ..steps(100) };
    let summary = run(&mut script, &options);
    assert_eq!(summary.progress.best, Some(Best { score: 0.5, step: 1 }), "gains of less than a tenth do not count");
    assert_eq!(summary.outcome, Outcome::EarlyStopped);
}

#[test]
fn a_best_score_at_the_end_is_marked_though_the_step_was_saved_before() {
    let mut script = Script { scores: vec![0.5, 0.6], ..Script::default() };
    run(&mut script, &FitOptions { validate_every: Some(4), save_every: Some(3), ..steps(6) });
    assert_eq!(script.validated, [4, 6]);
    assert_eq!(script.saved.last(), Some(&(6, vec![Mark::Best, Mark::Last])));
}

#[test]
fn a_pause_between_two_validations_is_not_judged() {
    let mut script = Script { scores: vec![0.5, 0.6], ..Script::default() };
    run(&mut script, &FitOptions { validate_every: Some(4), until: Some(6), ..steps(12) });
    assert_eq!(script.validated, [4]);
}

#[test]
fn a_raised_flag_saves_and_stops() {
    let stop = AtomicBool::new(false);
    let batches = (0..).map(|n| {
        stop.store(n == 2, Ordering::Relaxed);
        Ok(n)
    });
    let mut script = Script::default();
    let summary = fit(&mut script, batches, &steps(100), Progress::default(), &stop).unwrap();
    assert_eq!((summary.outcome, summary.progress.step), (Outcome::Stopped, 3));
    assert_eq!(script.saved, [(3, vec![Mark::Last])]);
    assert!(script.validated.is_empty());
}

#[test]
fn batches_and_time_may_end_first() {
    let mut script = Script::default();
    let none = AtomicBool::new(false);
    let summary = fit(&mut script, (0..5).map(Ok), &steps(100), Progress::default(), &none).unwrap();
    assert_eq!((summary.outcome, summary.progress.step), (Outcome::OutOfBatches, 5));
    let progress = Progress { elapsed_s: 60.0, ..Progress::default() };
    let options = FitOptions { time_limit_s: Some(60.0), ..steps(100) };
    let summary = fit(&mut script, (0..).map(Ok), &options, progress, &none).unwrap();
    assert_eq!((summary.outcome, summary.progress.step), (Outcome::OutOfTime, 0));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_before_it_is_saved() {
    let mut script = Script { losses: vec![1.0, f32::NAN], ..Script::default() };
    let options = FitOptions { save_every: Some(1), ..steps(5) };
    let error = fit(&mut script, (0..).map(Ok), &options, Progress::default(), &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { step: 2, .. }), "{error}");
    assert_eq!(script.saved, [(1, vec![Mark::Last])]);
    assert_eq!(script.records.len(), 2, "the curve shows it");
}

#[test]
fn settings_out_of_range_are_refused_before_the_first_batch() {
    for options in [
        FitOptions { learning_rate: 0.0, ..steps(5) },
        FitOptions { learning_rate: f64::NAN, ..steps(5) },
        FitOptions { save_every: Some(0), ..steps(5) },
        FitOptions { schedule: Schedule::Step { every: 0, gamma: 0.1 }, ..steps(5) },
    ] {
        let mut script = Script::default();
        let refused = fit(&mut script, (0..).map(Ok), &options, Progress::default(), &AtomicBool::new(false));
        assert!(matches!(refused, Err(TrainError::Setting { .. })), "{options:?}");
        assert!(script.records.is_empty());
    }
}

/// Looks at the batch after the one in work.
#[derive(Default)]
struct Curious {
    seen: Vec<(usize, Option<usize>)>,
}

impl Task for Curious {
    type Batch = usize;
    type Error = TrainError;

    fn step(&mut self, _batch: usize, _at: StepAt) -> Result<Stepped> {
        Ok(Stepped { loss: 1.0, samples: 1 })
    }

    fn step_ahead(&mut self, batch: usize, at: StepAt, ahead: &mut Ahead<'_, usize, TrainError>) -> Result<Stepped> {
        let next = ahead.batch().copied();
        assert_eq!(ahead.batch().copied(), next, "a second look takes no further batch");
        self.seen.push((batch, next));
        self.step(batch, at)
    }
}

#[test]
fn a_task_may_look_at_the_next_batch_but_none_is_taken_for_nothing() {
    let mut task = Curious::default();
    let mut taken = 0;
    let batches = (0..100).inspect(|_| taken += 1).map(Ok);
    let options = FitOptions { until: Some(3), ..steps(5) };
    let summary = fit(&mut task, batches, &options, Progress::default(), &AtomicBool::new(false)).unwrap();
    assert_eq!(summary.outcome, Outcome::Paused);
    assert_eq!(task.seen, [(0, Some(1)), (1, Some(2)), (2, None)]);
    assert_eq!(taken, 3);

    // A batch that fails is the failure of its own step: the one before is done.
    let mut task = Curious::default();
    let failing = [Ok(0), Err(TrainError::Poisoned)];
    let error = fit(&mut task, failing, &steps(5), Progress::default(), &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, TrainError::Poisoned));
    assert_eq!(task.seen, [(0, None)]);
}
