//! A run that is killed again and again, at any moment, ends in the very weights of a run left in peace.
//!
//! The test starts itself once more as the process to kill: [`the_process_to_kill`] does nothing unless the environment
//! tells it where to train.

// What helps a test may stop at the first surprise, as the test itself may.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ndarray::arr0;
use support::tiny::{BATCH, batch, inputs, network, options};
use swath_autodiff::{Lowering, TrainingOptions, training_graph};
use swath_train::{
    CheckpointStore, FitOptions, Mark, Progress, Result, Schedule, SessionOptions, StepAt, StepInputs, Stepped, Task,
    TrainError, TrainSession, fit,
};

const FOLDER: &str = "SWATH_TEST_KILL_FOLDER";
const STEPS: u64 = 500;
const KILLS: u64 = 20;

struct Training {
    session: TrainSession,
    store: CheckpointStore,
}

impl Task for Training {
    type Batch = u64;
    type Error = TrainError;

    fn step(&mut self, n: u64, at: StepAt) -> Result<Stepped> {
        let ((x, y), momentum) = (batch(n), arr0(at.momentum.unwrap_or(0.9) as f32));
        let tensors = inputs(&x, &y, &momentum);
        let learning_rate = at.learning_rate as f32;
        let loss = self.session.step(&StepInputs { tensors, learning_rate, step: at.step })?.loss;
        Ok(Stepped { loss, samples: BATCH[0] })
    }

    fn validate(&mut self, _step: u64) -> Result<Option<f64>> {
        let w = self.session.state_tensor("head.weight")?;
        Ok(Some(w.values.iter().map(|w| f64::from(*w)).sum()))
    }

    fn save(&mut self, progress: &Progress, marks: &[Mark]) -> Result<()> {
        self.store.save(progress.step, &self.session.state()?, progress, marks)
    }
}

/// Trains in `folder` from wherever its last checkpoint is to the end.
fn train(folder: &Path) -> Vec<(String, Vec<u32>)> {
    // Every kind of state that a graph can have: parameters, two moments, averages, running statistics.
    let options = TrainingOptions { ema_decay: Some(0.99), clip_norm: Some(1.0), ..options(Lowering::Swath) };
    let graph = training_graph(&network(), &options).unwrap();
    let session = TrainSession::new(&graph, &SessionOptions { threads: Some(2), ..SessionOptions::default() }).unwrap();
    let mut training = Training { session, store: CheckpointStore::new(folder) };
    let mut progress = Progress::default();
    if let Some(checkpoint) = training.store.load::<Progress>(Mark::Last).unwrap() {
        training.session.load_state(checkpoint.named()).unwrap();
        progress = checkpoint.state;
    }
    let options = FitOptions {
        steps: STEPS,
        learning_rate: 0.01,
        schedule: Schedule::one_cycle(),
        save_every: Some(3),
        validate_every: Some(50),
        ..FitOptions::default()
    };
    let batches = (progress.step..).map(Ok);
    fit(&mut training, batches, &options, progress, &AtomicBool::new(false)).unwrap();
    let state = training.session.state().unwrap();
    state.iter().map(|s| (s.name.to_owned(), s.values.iter().map(|v| v.to_bits()).collect())).collect()
}

#[test]
fn the_process_to_kill() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        train(Path::new(&folder));
    }
}

#[test]
fn killed_at_random_moments_it_ends_in_the_same_bits() {
    // In memory where the system has such a folder: a killed process leaves the system, and so its files, as they are, and
    // forcing some thousand files to a busy disk takes a minute.
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let killed = root.path().join("killed");
    let store = CheckpointStore::new(&killed);
    let saved = || store.step(Mark::Last).unwrap().unwrap_or(0);
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_process_to_kill"]).env(FOLDER, &killed);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut advanced, mut kills) = (0, 0);
    while kills < KILLS {
        let before = saved();
        assert!(before < STEPS, "the run was over after {kills} kills: too few to mean anything");
        let mut process = start();
        // Wait until it has gone on from the checkpoint (a loaded machine may take its time to start it), then a while
        // that differs from kill to kill, by some hundreds of microseconds as well as by milliseconds.
        while saved() == before && process.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros((kills + 1).wrapping_mul(2_654_435_761) % 8_000));
        process.kill().unwrap();
        process.wait().unwrap();
        kills += 1;
        advanced += u64::from(saved() > before);
    }
    assert_eq!(advanced, KILLS, "each process came further than the one before");
    assert!(start().wait().unwrap().success());
    assert_eq!(saved(), STEPS);

    let peaceful = root.path().join("peaceful");
    let wanted = train(&peaceful);
    let last = store.load::<Progress>(Mark::Last).unwrap().unwrap();
    for (name, bits) in &wanted {
        let tensor = last.tensors.iter().find(|tensor| tensor.name == *name).unwrap();
        assert_eq!(tensor.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), *bits, "{name}");
    }
    let other = CheckpointStore::new(&peaceful).load::<Progress>(Mark::Last).unwrap().unwrap();
    let timeless = |progress: Progress| Progress { elapsed_s: 0.0, ..progress };
    assert_eq!(timeless(last.state), timeless(other.state));
}
